"""Polls, and what people said in them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from chassis.decisions import Aggregates, Document, PartRef, Parts, Ref
from chassis.mongo import Index
from chassis.pagination import Paging
from services.forum.domain.polls import (
    Ballot,
    Poll,
    PollNotFoundError,
    ResultsShown,
    SeenPoll,
)
from services.forum.domain.references import PostRef
from services.forum.repository.references import ReferenceCollection

_OLDEST = [("time", 1), ("_id", 1)]
INDEXES: Sequence[Index] = (
    Index(
        "ballots",
        [("community_id", 1), ("topic_id", 1), ("options", 1), *_OLDEST],
        "ballot_page",
    ),
)


class PollCollection(ReferenceCollection):
    """Reads of polls, behind the walls of their topics."""

    polls: Aggregates[Poll]

    async def find_polls(
        self,
        community_id: str,
        topic_ids: Iterable[str],
        person_id: str,
        keyring: Collection[str],
        now: datetime,
    ) -> list[SeenPoll]:
        """Those of the topics that the keyring shows, with the person's ballots."""
        posts = [PostRef(one) for one in topic_ids]
        shown = await self.find_visible_posts(community_id, posts, keyring)
        topics = [post.topic_id for post in shown]
        ids = {"$in": [_poll_id(one) for one in topics]}
        rows = self._database.polls.find({"community_id": community_id, "_id": ids})
        polls = [load_poll(row) async for row in rows]
        polls = [poll for poll in polls if poll.visible(community_id, keyring)]
        if not polls:
            return []
        ids = {"$in": [_ballot_id(poll.topic_id, person_id) for poll in polls]}
        own = self._database.ballots.find({"community_id": community_id, "_id": ids})
        ballots = {row["topic_id"]: load_ballot(row) async for row in own}
        return [SeenPoll(poll, ballots.get(poll.topic_id), now) for poll in polls]

    async def find_poll(self, community_id: str, topic_id: str) -> Poll | None:
        """A topic's own, whoever sees it."""
        row = await self._database.polls.find_one(
            {"community_id": community_id, "_id": _poll_id(topic_id)}
        )
        return load_poll(row) if row is not None else None

    async def get_poll(
        self,
        community_id: str,
        topic_id: str,
        person_id: str,
        keyring: Collection[str],
        now: datetime,
    ) -> SeenPoll:
        """Refuses with POLL_NOT_FOUND."""
        found = await self.find_polls(community_id, [topic_id], person_id, keyring, now)
        if not found:
            raise PollNotFoundError(field="topic_id")
        return found[0]

    async def list_ballots(
        self, community_id: str, topic_id: str, option: int, paging: Paging
    ) -> list[Ballot]:
        """What the page needs of those who chose an option, as they did; a place: (time, id)."""
        query: Document = {"community_id": community_id, "topic_id": topic_id, "options": option}
        cursor = self._database.ballots.find({**query, **paging.beyond(_OLDEST)})
        cursor = cursor.sort(paging.sort(_OLDEST)).limit(paging.limit).hint("ballot_page")
        return [load_ballot(row) async for row in cursor]

    @staticmethod
    def poll_ref(community_id: str, topic_id: str) -> Ref[Poll]:
        """Where a topic's poll is."""
        return POLLS.ref(community_id, _poll_id(topic_id))

    @staticmethod
    def ballot_ref(community_id: str, topic_id: str, person_id: str) -> PartRef[Ballot]:
        """Where one's ballot is, for a decision on the poll."""
        return BALLOTS.ref(community_id, _ballot_id(topic_id, person_id))


def _poll_id(topic_id: str) -> str:
    """Ids of aggregates are unique among all kinds of them, and the topic has its own."""
    return f"poll-{topic_id}"


def topic_id_of(poll_id: str) -> str:
    """The topic that a stored poll is in."""
    return poll_id.removeprefix(_poll_id(""))


def _ballot_id(topic_id: str, person_id: str) -> str:
    return f"{topic_id}:{person_id}"


def load_poll(document: Document) -> Poll:
    """Back from dump_poll."""
    return Poll(
        document["topic_id"],
        document["author_id"],
        document["question"],
        tuple(document["options"]),
        document["multiple"],
        document["anonymous"],
        ResultsShown(document["results_shown"]),
        document["create_time"],
        document["close_time"],
        tuple(document["counts"]),
        document["voter_count"],
        document.get("remove_reason", ""),  # formerly none was removed
    )


def dump_poll(poll: Poll) -> Document:
    """As it is stored."""
    return {
        "topic_id": poll.topic_id,
        "author_id": poll.author_id,
        "question": poll.question,
        "options": list(poll.options),
        "multiple": poll.multiple,
        "anonymous": poll.anonymous,
        "results_shown": poll.results_shown.value,
        "create_time": poll.create_time,
        "close_time": poll.close_time,
        "counts": list(poll.counts),
        "voter_count": poll.voter_count,
        "remove_reason": poll.remove_reason,
    }


def load_ballot(document: Document) -> Ballot:
    """Back from dump_ballot."""
    return Ballot(
        document["topic_id"],
        document["person_id"],
        tuple(document["options"]),
        document["time"],
    )


def dump_ballot(ballot: Ballot) -> Document:
    """As it is stored: of an anonymous poll too, so that one can change what one said."""
    return {
        "topic_id": ballot.topic_id,
        "person_id": ballot.person_id,
        "options": list(ballot.options),
        "time": ballot.time,
    }


BALLOTS: Parts[Ballot] = Parts("ballots", load_ballot, dump_ballot)
POLLS: Aggregates[Poll] = Aggregates("poll", "polls", load_poll, dump_poll)

"""Votes, reactions and their counts; read for many posts at once, behind the posts' walls."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from pymongo import InsertOne

from chassis.decisions import Aggregates, Document, PartRef, Parts, Ref, Write
from chassis.moment import Moment
from chassis.mongo import Index
from services.forum.domain.participation import (
    Participation,
    ReactedAtOnceError,
    Reaction,
    ReactionKind,
    Reactions,
    Reactor,
    Vote,
    Voter,
    VoteValue,
    since,
)
from services.forum.domain.references import PostRef
from services.forum.repository.replies import ReplyCollection

INDEXES: Sequence[Index] = (
    # Two votes of one person that are decided at once want the same number.
    Index(
        "votes",
        [("community_id", 1), ("person_id", 1), ("number", -1)],
        "vote_number",
        unique=True,
    ),
    Index("votes", [("community_id", 1), ("person_id", 1), ("time", 1)], "vote_day"),
    # And two reactions.
    Index(
        "reactings",
        [("community_id", 1), ("person_id", 1), ("number", -1)],
        "reacting_number",
        unique=True,
    ),
    Index("reactings", [("time", 1)], "expire", expire_after=2 * 86_400),
)


class ParticipationCollection(ReplyCollection):
    """Reads of what people said without words, and where commands find it."""

    reactions: Aggregates[Reactions]

    async def find_visible_posts(
        self, community_id: str, posts: Iterable[PostRef], keyring: Collection[str]
    ) -> list[PostRef]:
        """Those that there are and that the keyring shows: replies with their topics only."""
        wanted = list(dict.fromkeys(posts))
        wall: Document = {"community_id": community_id, **await self._wall(community_id, keyring)}
        ids = list({post.topic_id for post in wanted})
        query = {**wall, "_id": {"$in": ids}}
        found = self._database.topics.find(query, {"_id": 1}).hint("_id_")
        topics = {row["_id"] async for row in found}
        ids = [post.reply_id for post in wanted if post.reply_id and post.topic_id in topics]
        replies: set[PostRef] = set()
        if ids:
            query = {**wall, "_id": {"$in": ids}}
            rows = self._database.replies.find(query, {"topic_id": 1}).hint("_id_")
            replies = {PostRef(row["topic_id"], row["_id"]) async for row in rows}
        return [
            post
            for post in wanted
            if post.topic_id in topics and (not post.reply_id or post in replies)
        ]

    async def find_participations(
        self, community_id: str, posts: Iterable[PostRef], person_id: str, keyring: Collection[str]
    ) -> list[Participation]:
        """Of those posts that the person sees, in their order."""
        shown = await self.find_visible_posts(community_id, posts, keyring)
        rows = {"_id": {"$in": [_row_id(post.id, person_id) for post in shown]}}
        own = {"community_id": community_id, **rows}
        counted = [_counts_id(post.id) for post in shown]
        ids = {"community_id": community_id, "_id": {"$in": counted}}
        votes, said, counts = await asyncio.gather(
            self._database.votes.find(own).to_list(),
            self._database.reactions.find(own).to_list(),
            self._database.reaction_counts.find(ids).to_list(),
        )
        vote_of = {vote.post.id: vote.value for vote in map(load_vote, votes)}
        kinds_of = {one.post.id: one.kinds for one in map(load_reaction, said)}
        counts_of = {one.post.id: one.counts for one in map(load_reactions, counts)}
        return [
            Participation(
                post,
                counts_of.get(post.id, {}),
                kinds_of.get(post.id, ()),
                vote_of.get(post.id),
            )
            for post in shown
        ]

    async def get_voter(self, community_id: str, person_id: str, now: datetime) -> Voter:
        """How a person has voted within a day."""
        own = {"community_id": community_id, "person_id": person_id}
        lately = self._database.votes.find({**own, "time": {"$gt": since(now)}}).hint("vote_day")
        last, rows = await asyncio.gather(
            self._database.votes.find_one(own, {"number": 1}, sort=[("number", -1)]),
            lately.sort("time", 1).to_list(),
        )
        standing = tuple(vote for vote in map(load_vote, rows) if vote.value is not None)
        return Voter(last["number"] if last else 0, standing)

    async def find_standing_votes(self, community_id: str, post: PostRef, most: int) -> list[Vote]:
        """Of one post, whoever cast them."""
        of_post = {"$gt": _row_id(post.id, ""), "$lt": f"{post.id};"}  # ; is behind :
        query = {"community_id": community_id, "_id": of_post, "value": {"$ne": ""}}
        rows = self._database.votes.find(query).hint("_id_").limit(most)
        return [load_vote(row) async for row in rows]

    async def find_vote_numbers(
        self, community_id: str, person_ids: Iterable[str]
    ) -> dict[str, int]:
        """The last number of each of these people who voted in the community."""
        found = await self._database.votes.aggregate(
            [
                {
                    "$match": {
                        "community_id": community_id,
                        "person_id": {"$in": sorted(set(person_ids))},
                    }
                },
                {"$sort": {"community_id": 1, "person_id": 1, "number": -1}},
                {"$group": {"_id": "$person_id", "number": {"$first": "$number"}}},
            ],
            hint="vote_number",
        )
        return {row["_id"]: row["number"] async for row in found}

    async def get_reactor(self, community_id: str, person_id: str, most: int) -> Reactor:
        """How often a person has reacted, and when it was that so many were still to come."""
        own: Document = {"community_id": community_id, "person_id": person_id}
        shown = {"number": 1, "time": 1}
        last = await self._database.reactings.find_one(own, shown, sort=[("number", -1)])
        if last is None:
            return Reactor()
        nth = {**own, "number": last["number"] - most + 1}
        full = await self._database.reactings.find_one(nth, shown)
        return Reactor(last["number"], full["time"] if full else None)

    @staticmethod
    def new_reacting(community_id: str, person_id: str, number: int, now: Moment) -> Write:
        """To be stored with the reaction, so that the next one knows."""
        document = {
            "_id": now.new_id(),
            "community_id": community_id,
            "person_id": person_id,
            "number": number,
            "time": now.time,
        }
        return Write("reactings", InsertOne(document))

    @staticmethod
    def vote_ref(community_id: str, post: PostRef, person_id: str) -> PartRef[Vote]:
        """Where one's vote for a post is, for a decision on its topic."""
        return VOTES.ref(community_id, _row_id(post.id, person_id))

    @staticmethod
    def reaction_ref(community_id: str, post: PostRef, person_id: str) -> PartRef[Reaction]:
        """Where one's reactions to a post are, for a decision on all reactions to it."""
        return REACTION.ref(community_id, _row_id(post.id, person_id))

    @staticmethod
    def reactions_ref(community_id: str, post: PostRef) -> Ref[Reactions]:
        """Where the counts are."""
        return REACTIONS.ref(community_id, _counts_id(post.id))


def _row_id(post_id: str, person_id: str) -> str:
    return f"{post_id}:{person_id}"


def _counts_id(post_id: str) -> str:
    """Ids of aggregates are unique among all kinds of them, and a topic has its own."""
    return f"reactions-{post_id}"


def _post(document: Document) -> PostRef:
    return PostRef(document["topic_id"], document["reply_id"])


def load_vote(document: Document) -> Vote:
    """Back from dump_vote."""
    return Vote(
        _post(document),
        document["person_id"],
        document["author_id"],
        VoteValue(document["value"]) if document["value"] else None,
        document["time"],
        document["number"],
    )


def dump_vote(vote: Vote) -> Document:
    """As it is stored."""
    return {
        "topic_id": vote.post.topic_id,
        "reply_id": vote.post.reply_id,
        "person_id": vote.person_id,
        "author_id": vote.author_id,
        "value": vote.value.value if vote.value else "",
        "time": vote.time,
        "number": vote.number,
    }


def load_reaction(document: Document) -> Reaction:
    """Back from dump_reaction."""
    kinds = tuple(ReactionKind(kind) for kind in document["kinds"])
    return Reaction(_post(document), document["person_id"], kinds)


def dump_reaction(reaction: Reaction) -> Document:
    """As it is stored."""
    return {
        "topic_id": reaction.post.topic_id,
        "reply_id": reaction.post.reply_id,
        "person_id": reaction.person_id,
        "kinds": [kind.value for kind in reaction.kinds],
    }


def load_reactions(document: Document) -> Reactions:
    """Back from dump_reactions."""
    counts = {ReactionKind(kind): count for kind, count in document["counts"].items()}
    return Reactions(_post(document), counts)


def dump_reactions(reactions: Reactions) -> Document:
    """As it is stored."""
    return {
        "topic_id": reactions.post.topic_id,
        "reply_id": reactions.post.reply_id,
        "counts": {kind.value: count for kind, count in reactions.counts.items()},
    }


VOTES: Parts[Vote] = Parts("votes", load_vote, dump_vote)
REACTION: Parts[Reaction] = Parts("reactions", load_reaction, dump_reaction)
REACTIONS: Aggregates[Reactions] = Aggregates(
    "reactions",
    "reaction_counts",
    load_reactions,
    dump_reactions,
    {"reacting_number": ReactedAtOnceError},
)

"""Of records of one kind, those that somebody may take away: by the walls of when they are read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeAlias

from pymongo.asynchronous.collection import AsyncCollection

from chassis.decisions import Document
from services.forum.domain.announcements.copies import Copy, is_shown
from services.forum.domain.exports import Record, Taker
from services.forum.domain.feed.follows import Follow, FollowKind
from services.forum.domain.held_edits import PlacedEdit
from services.forum.domain.participation import Reaction, Reactions, Vote
from services.forum.domain.references import PostRef
from services.forum.repository.announcements import AnnouncementCollections
from services.forum.repository.announcements.channels import load_channel_follow
from services.forum.repository.announcements.documents import load_correction, load_translation
from services.forum.repository.announcements.receipts import load_receipt
from services.forum.repository.drafts import DraftCollection, load_draft
from services.forum.repository.exports.kinds import Kind
from services.forum.repository.feed import FeedCollection
from services.forum.repository.feed.bookmarks import load_bookmark
from services.forum.repository.moves import MoveCollection
from services.forum.repository.participation import load_reaction, load_reactions, load_vote
from services.forum.repository.polls import PollCollection, load_ballot, topic_id_of
from services.forum.repository.records import load_moderation_entry, load_revision

Shown: TypeAlias = Mapping[str, Record]  # by the ids that a kind is read by


class ShownCollection(
    DraftCollection,
    FeedCollection,
    MoveCollection,
    PollCollection,
    AnnouncementCollections,
):
    """Reads of what a taker sees."""

    async def find_shown(
        self, kind: Kind, ids: Sequence[str], taker: Taker, now: datetime
    ) -> Shown:
        """Those of the ids that the taker may have."""
        finds: Mapping[str, Callable[[Sequence[str], Taker, datetime], Awaitable[Shown]]] = {
            "space": self._shown_spaces,
            "topic": self._shown_topics,
            "reply": self._shown_replies,
            "revision": self._shown_revisions,
            "poll": self._shown_polls,
            "poll_ballot": self._shown_ballots,
            "ballot": self._shown_ballots,
            "reaction_counts": self._shown_reaction_counts,
            "attachment": self._shown_attachments,
            "channel": self._shown_channels,
            "announcement": self._shown_copies,
            "translation": self._shown_translations,
            "correction": self._shown_corrections,
            "receipt": self._shown_receipts,
            "moderation_entry": self._shown_moderation_entries,
            "vote": self._shown_votes,
            "reaction": self._shown_reactions,
            "follow": self._shown_follows,
            "channel_follow": self._shown_channel_follows,
            "bookmark": self._shown_bookmarks,
            "draft": self._shown_drafts,
            "held_edit": self._shown_held_edits,
        }
        return await finds[kind.name](ids, taker, now)

    @staticmethod
    async def _rows(
        collection: AsyncCollection[Document],
        ids: Sequence[str],
        taker: Taker,
        read_keys: Document | None = None,
    ) -> list[Document]:
        query: Document = {"community_id": taker.community_id, "_id": {"$in": list(ids)}}
        if read_keys is not None:
            query["read_keys"] = read_keys
        return await collection.find(query).hint("_id_").to_list()

    # -- posts, and what is beside them

    async def _shown_spaces(self, ids: Sequence[str], taker: Taker, _: datetime) -> Shown:
        return _by_id(await self.find_spaces(taker.community_id, ids, taker.keyring))

    async def _shown_topics(self, ids: Sequence[str], taker: Taker, _: datetime) -> Shown:
        return _by_id(await self.find_topics(taker.community_id, ids, taker.keyring))

    async def _shown_replies(self, ids: Sequence[str], taker: Taker, _: datetime) -> Shown:
        return _by_id(await self.find_replies(taker.community_id, ids, taker.keyring))

    async def _shown_revisions(self, ids: Sequence[str], taker: Taker, _: datetime) -> Shown:
        """Former texts of posts that can be seen."""
        wall = await self._wall(taker.community_id, taker.keyring)
        rows = await self._rows(self._database.revisions, ids, taker, wall["read_keys"])
        revisions = [load_revision(row) for row in rows]
        of = {
            "community_id": taker.community_id,
            "_id": {"$in": list({one.post_id for one in revisions})},
            **wall,
        }
        topics = self._database.topics.find(of, {"_id": 1}).hint("_id_")
        seen = {row["_id"] async for row in topics}
        seen |= {row["_id"] for row in await self._find_replies(of, wall, "_id_")}
        return _by_id([one for one in revisions if one.post_id in seen])

    async def _shown_held_edits(self, ids: Sequence[str], taker: Taker, _: datetime) -> Shown:
        """An edit has the id of its post, whichever that is."""
        found = await self.find_held_edits(taker.community_id, ids, ids, taker.keyring)
        return {edit.post_id: PlacedEdit(edit, post) for edit, post in found}

    async def _shown_polls(self, ids: Sequence[str], taker: Taker, now: datetime) -> Shown:
        found = await self.find_polls(
            taker.community_id,
            map(topic_id_of, ids),
            taker.reader.person_id,
            taker.keyring,
            now,
        )
        return {
            self.poll_ref(taker.community_id, one.poll.topic_id).id: one
            for one in found
            if not one.poll.removed
        }

    async def _shown_ballots(self, ids: Sequence[str], taker: Taker, now: datetime) -> Shown:
        """One's own, and those that their poll shows; what was taken back says nothing."""
        rows = await self._rows(self._database.ballots, ids, taker)
        ballots = {row["_id"]: load_ballot(row) for row in rows if row["options"]}
        topics = {one.topic_id for one in ballots.values()}
        shown = await self.find_telling_polls(topics, taker, now)
        return {id_: one for id_, one in ballots.items() if one.topic_id in shown}

    async def find_telling_polls(
        self, topic_ids: Collection[str], taker: Taker, now: datetime
    ) -> set[str]:
        """In which of the topics the taker may have ballots: their own, or everybody's."""
        found = await self.find_polls(
            taker.community_id, topic_ids, taker.reader.person_id, taker.keyring, now
        )
        polls = [one for one in found if not one.poll.removed]
        return {one.poll.topic_id for one in polls if taker.own or one.shows_ballots}

    async def _shown_reaction_counts(self, ids: Sequence[str], taker: Taker, _: datetime) -> Shown:
        rows = await self._rows(self._database.reaction_counts, ids, taker)
        counted = {row["_id"]: one for row in rows if (one := load_reactions(row)).counts}
        return await self._at_places(counted, taker)

    async def _shown_attachments(self, ids: Sequence[str], taker: Taker, _: datetime) -> Shown:
        """What is in no post yet is its uploader's only."""
        found = await self.find_listed_attachments(
            taker.community_id, ids, taker.person_id if taker.own else "", taker.keyring
        )
        return {one.attachment.id: one for one in found}

    async def _shown_moderation_entries(
        self, ids: Sequence[str], taker: Taker, _: datetime
    ) -> Shown:
        if not taker.moderator:
            return {}
        rows = await self._rows(self._database.moderation_entries, ids, taker)
        entries = [load_moderation_entry(row) for row in rows]
        topics = await self.find_visible_topic_ids(
            taker.community_id, [one.topic_id for one in entries], taker.keyring
        )
        return _by_id([one for one in entries if one.topic_id in topics])

    async def _at_places(
        self, found: Mapping[str, Reaction | Reactions | Vote], taker: Taker
    ) -> Shown:
        """What is said of posts, of those that the taker sees and where they are now."""
        places = await self._places([one.post for one in found.values()], taker)
        return {
            id_: replace(one, post=places[one.post.id])
            for id_, one in found.items()
            if one.post.id in places
        }

    async def _places(self, posts: Sequence[PostRef], taker: Taker) -> dict[str, PostRef]:
        """Where those of the posts are now that the taker sees."""
        found = await self.find_shown_posts(taker.community_id, posts, taker.keyring)
        return {id_: post for id_, (post, _) in found.items()}

    # -- announcements

    async def _shown_channels(self, ids: Sequence[str], taker: Taker, _: datetime) -> Shown:
        return _by_id(await self.find_channels(taker.community_id, ids, taker.keyring))

    async def _shown_copies(
        self, ids: Collection[str], taker: Taker, now: datetime
    ) -> dict[str, Copy]:
        """Announcements in their source's language."""
        reader = taker.reader
        found = await self.find_announcements(reader, ids)
        receipts = {} if reader.manager else await self.find_receipts(reader.person_id, found)
        return {
            one.id: Copy(one, for_manager=reader.manager)
            for one in found
            if reader.manager or is_shown(one, receipts.get(one.id), now)
        }

    async def _shown_translations(self, ids: Sequence[str], taker: Taker, now: datetime) -> Shown:
        rows = await self._rows(self._database.announcement_translations, ids, taker)
        copies = await self._shown_copies({row["announcement_id"] for row in rows}, taker, now)
        return {
            row["_id"]: load_translation(row) for row in rows if row["announcement_id"] in copies
        }

    async def _shown_corrections(self, ids: Sequence[str], taker: Taker, now: datetime) -> Shown:
        """Of what was withdrawn readers are told no former text either."""
        rows = await self._rows(self._database.announcement_corrections, ids, taker)
        copies = await self._shown_copies({row["announcement_id"] for row in rows}, taker, now)
        return {
            row["_id"]: load_correction(row)
            for row in rows
            if (copy := copies.get(row["announcement_id"])) is not None and copy.body is not None
        }

    async def _shown_receipts(self, ids: Sequence[str], taker: Taker, now: datetime) -> Shown:
        rows = await self._rows(self._database.receipts, ids, taker)
        copies = await self._shown_copies({row["announcement_id"] for row in rows}, taker, now)
        return {
            row["_id"]: load_receipt(row, copy.announcement)
            for row in rows
            if (copy := copies.get(row["announcement_id"])) is not None
        }

    # -- for one's own eyes only

    async def _shown_votes(self, ids: Sequence[str], taker: Taker, _: datetime) -> Shown:
        rows = await self._rows(self._database.votes, ids, taker)
        votes = {row["_id"]: load_vote(row) for row in rows if row["value"]}
        return await self._at_places(votes, taker)

    async def _shown_reactions(self, ids: Sequence[str], taker: Taker, _: datetime) -> Shown:
        rows = await self._rows(self._database.reactions, ids, taker)
        reactions = {row["_id"]: load_reaction(row) for row in rows if row["kinds"]}
        return await self._at_places(reactions, taker)

    async def _shown_follows(self, ids: Sequence[str], taker: Taker, _: datetime) -> Shown:
        """What one cannot see any more is left out, as from the list of them."""
        own = await self.find_readers([taker.community_id], taker.person_id)
        wanted = set(ids)
        follows = [
            one for reader in own.values() for one in reader.follows if follow_key(one) in wanted
        ]
        targets = [one.target for one in follows]
        topics = await self.find_visible_topic_ids(
            taker.community_id,
            [one.id for one in targets if one.kind is FollowKind.TOPIC],
            taker.keyring,
        )
        spaces = {"", *await self.walls.opened(taker.community_id, taker.keyring)}
        return {
            follow_key(one): one
            for one in follows
            if one.target.named_space_id in spaces
            and (one.target.kind is not FollowKind.TOPIC or one.target.id in topics)
        }

    async def _shown_channel_follows(self, ids: Sequence[str], taker: Taker, _: datetime) -> Shown:
        rows = await self._rows(self._database.channel_follows, ids, taker)
        channels = await self.find_channels(
            taker.community_id, [row["channel_id"] for row in rows], taker.keyring
        )
        shown = {one.id for one in channels}
        return {
            row["_id"]: load_channel_follow(row)
            for row in rows
            if row["following"] and row["channel_id"] in shown
        }

    async def _shown_bookmarks(self, ids: Sequence[str], taker: Taker, _: datetime) -> Shown:
        rows = await self._rows(self._database.bookmarks, ids, taker)
        bookmarks = [load_bookmark(row) for row in rows if row.get("kept")]
        posts = {one.id: PostRef(one.topic_id, one.reply_id) for one in bookmarks}
        places = await self._places(list(posts.values()), taker)
        return {
            one.id: replace(one, topic_id=places[post.id].topic_id)
            for one in bookmarks
            if (post := posts[one.id]).id in places
        }

    async def _shown_drafts(self, ids: Sequence[str], taker: Taker, _: datetime) -> Shown:
        rows = await self._rows(self._database.drafts, ids, taker)
        drafts = [load_draft(row) for row in rows]
        shown = await self.shown_drafts(drafts, taker.community_id, taker.person_id, taker.keyring)
        return {one.draft.place.id: one for one in shown}


def follow_key(follow: Follow) -> str:
    """What tells a follow from all others of the same person."""
    return f"{follow.target.kind}:{follow.target.space_id}:{follow.target.id}"


def _by_id(records: Sequence[Any]) -> Shown:
    return {record.id: record for record in records}

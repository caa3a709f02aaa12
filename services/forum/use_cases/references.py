"""Whom and what the posts that people write refer to, as far as author and readers may."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from guildhall.forum.v1 import forum_pb2
from services.forum.converters.references import quotes_of
from services.forum.domain.members import Member
from services.forum.domain.posting import mention_limits_of
from services.forum.domain.references import (
    NO_REFERENCES,
    Quote,
    QuoteInvalidError,
    QuoteTooNarrowError,
    References,
    check_mentioned_ids,
    check_quotes,
)
from services.forum.domain.replies import Reply
from services.forum.domain.spaces import Space
from services.forum.domain.topics import OPEN_TO_READERS, Topic
from services.forum.use_cases.base import UseCases

New: TypeAlias = forum_pb2.CreateTopicRequest | forum_pb2.CreateReplyRequest
Edit: TypeAlias = forum_pb2.UpdateTopicRequest | forum_pb2.UpdateReplyRequest


class ReferenceUseCases(UseCases):
    """For all who write posts."""

    async def _new_references(self, member: Member, space: Space, request: New) -> References:
        """Refuses with MENTIONS_TOO_MANY, QUOTE_INVALID, QUOTE_TOO_NARROW, UNAVAILABLE."""
        if not request.mentioned_ids and not request.quotes:
            return NO_REFERENCES
        return References(
            await self._mentioned(member, space, request.mentioned_ids),
            await self._quoted(member, space, quotes_of(request.quotes), ()),
        )

    async def _edited_references(
        self, member: Member, space: Space, request: Edit, before: References
    ) -> References:
        """What was quoted before may stay, whatever became of it. Refuses as _new_references."""
        mentioned, quotes = before.mentioned_ids, before.quotes
        if request.update_mentions:
            mentioned = await self._mentioned(member, space, request.mentioned_ids)
        if request.update_quotes:
            quotes = await self._quoted(member, space, quotes_of(request.quotes), quotes)
        return References(mentioned, quotes)

    async def _mentioned(self, member: Member, space: Space, ids: Sequence[str]) -> tuple[str, ...]:
        """Those who can read the space; whether others are there is not told."""
        if not ids:  # most posts: nothing is asked for them
            return ()
        settings = await self._repository.recall_trust_settings(space.community_id)
        most = mention_limits_of(member, settings.mention_limits).a_post
        mentioned = check_mentioned_ids(ids, member, most)
        if not mentioned:
            return ()
        readers = await self._readers(space, mentioned)
        return tuple(one for one in mentioned if one in readers)

    async def _quoted(
        self, member: Member, space: Space, given: Sequence[Quote], before: Sequence[Quote]
    ) -> tuple[Quote, ...]:
        """The very words of what all readers of the space can read."""
        quotes = check_quotes(given)
        new = [one for one in quotes if one not in before]
        if not new:
            return quotes
        topics = {one.source.topic_id for one in new}
        replies = {one.source.reply_id for one in new if one.source.reply_id}
        sources = await self._sources(space.community_id, topics, replies, member)
        spaces = await self._repository.find_spaces(
            space.community_id, {topic.space_id for topic, _ in sources.values()}, member.keyring
        )
        space_of = {one.id: one for one in spaces}
        for index, quote in enumerate(quotes):
            if quote in before:
                continue
            topic, source = sources.get(quote.source.id, (None, None))
            if topic is None or source is None or topic.id != quote.source.topic_id:
                there = quote.source.reply_id and quote.source.topic_id in sources
                which = "reply_id" if there else "topic_id"
                raise QuoteInvalidError(field=f"quotes.{index}.{which}")
            if not quote.stands_in(source.body.source):
                raise QuoteInvalidError("no such words there", field=f"quotes.{index}.text")
            within = space_of.get(topic.space_id)
            if within is None or not within.open_to_all_of(space):
                raise QuoteTooNarrowError(field=f"quotes.{index}.topic_id")
        return quotes

    async def _sources(
        self, community_id: str, topic_ids: set[str], reply_ids: set[str], member: Member
    ) -> dict[str, tuple[Topic, Topic | Reply]]:
        """What can be quoted of these, by id, each with its topic: what is out."""
        found, replies = await self._repository.find_posts(
            community_id, topic_ids, reply_ids, member.keyring
        )
        topics = {one.id: one for one in found if one.state in OPEN_TO_READERS}
        sources: dict[str, tuple[Topic, Topic | Reply]] = {
            id_: (topic, topic) for id_, topic in topics.items()
        }
        for reply in replies:
            if reply.published and reply.topic_id in topics:
                sources[reply.id] = (topics[reply.topic_id], reply)
        return sources

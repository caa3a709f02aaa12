"""Keep a post, keep it no longer, see what one keeps."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import cast

from chassis.actors import Actor
from chassis.decisions import Decision, Ref, Seen
from chassis.pagination import Paging, encode_page_token
from chassis.placing import placed
from chassis.timestamps import time_of
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1 import feed_pb2 as pb
from services.forum.converters.feed import bookmark_to_proto
from services.forum.converters.fitting import fitting
from services.forum.converters.messages import reply_to_proto, topic_to_proto
from services.forum.domain.feed.bookmarks import (
    Bookmark,
    TooManyBookmarksError,
    check_note,
    check_remind_time,
)
from services.forum.domain.members import Member
from services.forum.domain.topics import Topic
from services.forum.repository.feed import shown_page
from services.forum.use_cases.feed.base import OwnUseCases, keyrings_of


class BookmarkUseCases(OwnUseCases):
    """A bookmark is an aggregate, one a person and post."""

    async def add_bookmark(
        self, actor: Actor, request: pb.AddBookmarkRequest
    ) -> pb.AddBookmarkResponse:
        """Refuses with TOPIC_NOT_FOUND, REPLY_NOT_FOUND, TEXT_INVALID, TOO_MANY_BOOKMARKS."""
        member = Member.of(actor, request.community_id)
        note = check_note(request.note)
        remind_time = (
            time_of(request.remind_time, "remind_time") if request.HasField("remind_time") else None
        )
        repository = self._repository
        topic = await repository.get_topic(request.community_id, request.topic_id, member.keyring)
        reply = None
        if request.reply_id:
            reply = await repository.get_reply(topic, request.reply_id, member.keyring)
        ref = repository.bookmark_ref(
            request.community_id, member.person_id, request.topic_id, request.reply_id
        )

        def decide(
            seen: Seen[Bookmark], number: int | None
        ) -> Decision[Bookmark, pb.AddBookmarkResponse]:
            now, before = seen.now.time, seen.state
            if before is None:
                before = Bookmark(
                    ref.id,
                    request.community_id,
                    member.person_id,
                    request.topic_id,
                    request.reply_id,
                    now,
                    removed=True,
                )
            after = before.keep(note, remind_time, now, number)
            if after != before:
                check_remind_time(remind_time, now)
            event = said.BookmarkAdded(
                person_id=member.person_id,
                topic_id=request.topic_id,
                reply_id=request.reply_id,
            )
            return Decision(after, lambda _: _answer(after), [event] if after != before else [])

        response = await self._placed(actor, request, ref, decide)
        topic = await self.shown_topic(topic, member)
        response.bookmark.topic.CopyFrom(topic_to_proto(topic, topic.version))
        if reply is not None:
            response.bookmark.reply.CopyFrom(reply_to_proto(reply, reply.version))
        return response

    async def _placed(
        self,
        actor: Actor,
        request: pb.AddBookmarkRequest,
        ref: Ref[Bookmark],
        decide: Callable[..., Decision[Bookmark, pb.AddBookmarkResponse]],
    ) -> pb.AddBookmarkResponse:
        """At one of the places that are left: of two who take the same one looks again."""

        async def find() -> int | None:
            free = await self._repository.find_free_bookmark_numbers(
                request.community_id, actor.person_id
            )
            return random.choice(free) if free else None  # noqa: S311 - so that few want the same

        async def keep(number: int | None) -> pb.AddBookmarkResponse:
            return await self._commands.run(actor, request, ref, partial(decide, number=number))

        return await placed(find, keep, TooManyBookmarksError)

    async def remove_bookmark(
        self, actor: Actor, request: pb.RemoveBookmarkRequest
    ) -> pb.RemoveBookmarkResponse:
        """Refuses with TOPIC_NOT_FOUND, REPLY_NOT_FOUND what one neither keeps nor sees."""
        member = Member.of(actor, request.community_id)
        repository = self._repository
        ref = repository.bookmark_ref(
            request.community_id, member.person_id, request.topic_id, request.reply_id
        )
        if not await repository.is_kept(request.community_id, ref.id):
            topic = await repository.get_topic(
                request.community_id, request.topic_id, member.keyring
            )
            if request.reply_id:
                await repository.get_reply(topic, request.reply_id, member.keyring)

        def decide(seen: Seen[Bookmark]) -> Decision[Bookmark, pb.RemoveBookmarkResponse]:
            if seen.state is None or seen.state.removed:
                same = cast("Bookmark", seen.state)  # there is nothing, and nothing is stored
                return Decision(same, lambda _: pb.RemoveBookmarkResponse())
            event = said.BookmarkRemoved(
                person_id=member.person_id,
                topic_id=request.topic_id,
                reply_id=request.reply_id,
            )
            return Decision(seen.state.remove(), lambda _: pb.RemoveBookmarkResponse(), [event])

        return await self._commands.run(actor, request, ref, decide)

    async def list_bookmarks(
        self, actor: Actor, request: pb.ListBookmarksRequest
    ) -> pb.ListBookmarksResponse:
        """What one can see of it, newest first."""
        keyrings = keyrings_of(actor, request.community_ids)
        paging = Paging.of(request, datetime, str)
        repository, due = self._repository, datetime.now(UTC) if request.due else None
        spaces = await repository.walls.opened_anywhere(keyrings)

        async def read(page: Paging) -> Sequence[Bookmark]:
            return await repository.list_bookmarks(keyrings, actor.person_id, page, due)

        async def show(rows: Sequence[Bookmark]) -> Iterable[tuple[Bookmark, Topic, pb.Bookmark]]:
            reply_ids = {row.reply_id for row in rows} - {""}
            places = await repository.find_reply_places(keyrings, reply_ids)
            topics = await repository.find_topics_anywhere(
                keyrings, spaces, {places.get(row.reply_id, row.topic_id) for row in rows}
            )
            replies = await repository.find_replies_anywhere(keyrings, topics, reply_ids)
            found = []
            for row in rows:
                reply = replies.get(row.reply_id)
                topic = topics.get(reply.topic_id if reply else row.topic_id)
                if topic is not None and (reply is not None or not row.reply_id):
                    message = bookmark_to_proto(
                        row,
                        topic_to_proto(topic, topic.version),
                        reply_to_proto(reply, reply.version) if reply else None,
                        encode_page_token(*_place(row)),
                    )
                    found.append((row, topic, message))
            return found

        found = await shown_page(paging, read, show, _place)
        # Twice: a reply beside its topic has a text as long.
        most = fitting([topic for _, topic, _ in found for _ in range(2)], 2 * paging.size)
        shown, token = paging.page(found, lambda last: _place(last[0]), most=max(1, most // 2))
        return pb.ListBookmarksResponse(
            bookmarks=[message for _, _, message in shown], next_page_token=token
        )


def _place(bookmark: Bookmark) -> tuple[datetime, str]:
    return bookmark.create_time, bookmark.id


def _answer(bookmark: Bookmark) -> pb.AddBookmarkResponse:
    return pb.AddBookmarkResponse(bookmark=bookmark_to_proto(bookmark, None, None))

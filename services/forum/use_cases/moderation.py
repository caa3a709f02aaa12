"""What authors and moderators do to posts that are out: close, hide, restore, remove, archive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias, TypeVar, cast

from google.protobuf.message import Message

from chassis.actors import Actor
from chassis.decisions import Seen
from chassis.errors import FieldInvalidError, ReasonRequiredError, check_version
from chassis.texts import check_body, check_reason
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1.forum_pb2 import (
    ArchiveTopicRequest,
    ArchiveTopicResponse,
    CloseTopicRequest,
    CloseTopicResponse,
    HideReplyRequest,
    HideReplyResponse,
    HideTopicRequest,
    HideTopicResponse,
    RemoveReplyRequest,
    RemoveReplyResponse,
    RemoveTopicRequest,
    RemoveTopicResponse,
    ReopenTopicRequest,
    ReopenTopicResponse,
    RestoreReplyRequest,
    RestoreReplyResponse,
    RestoreTopicRequest,
    RestoreTopicResponse,
)
from services.forum.converters import enums
from services.forum.converters.messages import reply_to_proto, topic_to_proto
from services.forum.domain.members import Author, Member
from services.forum.domain.moves import check_original
from services.forum.domain.records import ReasonCode
from services.forum.domain.replies import Reply
from services.forum.domain.spaces import Space
from services.forum.domain.topics import CloseReason, Topic, TopicNotFoundError, TopicStep
from services.forum.use_cases import moderating
from services.forum.use_cases.base import UseCases, visible_reply
from services.forum.use_cases.moderating import Outcome

A = TypeVar("A", bound=Message)
TopicRequest: TypeAlias = (
    ReopenTopicRequest
    | ArchiveTopicRequest
    | HideTopicRequest
    | RestoreTopicRequest
    | RemoveTopicRequest
)
ReplyRequest: TypeAlias = HideReplyRequest | RestoreReplyRequest | RemoveReplyRequest

_MAX_REASON = 1000
_AUTHORS_OWN = ("CloseTopic", "RemoveTopic", "RemoveReply")  # what they need no role for


class ModerationUseCases(UseCases):
    """Whatever one does to another's post leaves an entry in the audit trail."""

    async def close_topic(self, actor: Actor, request: CloseTopicRequest) -> CloseTopicResponse:
        """Author of a question, or MODERATOR. Refuses with TOPIC_STATE_INVALID."""
        member = Member.of(actor, request.community_id)
        own = request.own_close_reason
        why = CloseReason.OTHER
        if request.close_reason or not own:
            why = enums.close_reason(request.close_reason)
        reason = check_optional_reason(request.reason)
        original_id = request.duplicate_of_id
        if original_id and why is not CloseReason.DUPLICATE:
            field = "duplicate_of_id"
            raise FieldInvalidError("only a duplicate has an original", field=field)
        linked = await self._repository.find_visible_topic_ids(
            request.community_id, [original_id] if original_id else [], member.keyring
        )

        def change(_: Seen[Topic], topic: Topic, space: Space) -> Outcome:
            if own:
                space.settings.check_own_close_reason(own)
            if original_id:
                check_original(topic, original_id)
                if original_id not in linked:
                    raise TopicNotFoundError(field="duplicate_of_id")
            closed = topic.close(member, why, reason, own)
            closed = replace(closed, duplicate_of_id=original_id)
            return Outcome(closed, [said.TopicClosed(topic_id=topic.id)], linked=linked)

        code = ReasonCode(why)
        return await self._in_space(
            actor, request, member, CloseTopicResponse, change, reason, code
        )

    async def reopen_topic(self, actor: Actor, request: ReopenTopicRequest) -> ReopenTopicResponse:
        """MODERATOR. Refuses with TOPIC_STATE_INVALID."""
        member = moderator(actor, request.community_id)
        reason = check_optional_reason(request.reason)

        def change(_: Seen[Topic], topic: Topic) -> Outcome:
            reopened = topic.step(TopicStep.REOPEN)
            return Outcome(reopened, [said.TopicReopened(topic_id=topic.id)])

        return await self._on_topic(actor, request, member, ReopenTopicResponse, change, reason)

    async def archive_topic(
        self, actor: Actor, request: ArchiveTopicRequest
    ) -> ArchiveTopicResponse:
        """MODERATOR. Refuses with TOPIC_STATE_INVALID."""
        member = moderator(actor, request.community_id)
        reason = check_optional_reason(request.reason)

        def change(_: Seen[Topic], topic: Topic) -> Outcome:
            archived = topic.step(TopicStep.ARCHIVE)
            return Outcome(archived, [said.TopicArchived(topic_id=topic.id)])

        return await self._on_topic(actor, request, member, ArchiveTopicResponse, change, reason)

    async def hide_topic(self, actor: Actor, request: HideTopicRequest) -> HideTopicResponse:
        """MODERATOR. Refuses with TOPIC_STATE_INVALID, REASON_REQUIRED."""
        member = moderator(actor, request.community_id)
        reason = check_reason(request.reason)

        def change(_: Seen[Topic], topic: Topic) -> Outcome:
            return moderating.hide_topic(topic, reason)

        return await self._on_topic(actor, request, member, HideTopicResponse, change, reason)

    async def restore_topic(
        self, actor: Actor, request: RestoreTopicRequest
    ) -> RestoreTopicResponse:
        """MODERATOR. Refuses with TOPIC_STATE_INVALID."""
        member = moderator(actor, request.community_id)
        reason = check_optional_reason(request.reason)

        def change(_: Seen[Topic], topic: Topic) -> Outcome:
            return moderating.restore_topic(topic)

        return await self._on_topic(actor, request, member, RestoreTopicResponse, change, reason)

    async def remove_topic(self, actor: Actor, request: RemoveTopicRequest) -> RemoveTopicResponse:
        """MODERATOR with a reason, or the author. Refuses with TOPIC_STATE_INVALID."""
        member = Member.of(actor, request.community_id)
        reason = check_optional_reason(request.reason)

        def change(seen: Seen[Topic], topic: Topic) -> Outcome:
            remover = author_without_reason(member, topic.author, reason)
            removed = moderating.remove_topic(topic, reason)
            topic.check_removable(remover, seen.now.time)
            return removed

        return await self._on_topic(actor, request, member, RemoveTopicResponse, change, reason)

    async def hide_reply(self, actor: Actor, request: HideReplyRequest) -> HideReplyResponse:
        """MODERATOR. Refuses with REPLY_STATE_INVALID, REASON_REQUIRED."""
        member = moderator(actor, request.community_id)
        reason = check_reason(request.reason)

        def change(_: Seen[Topic], topic: Topic, reply: Reply) -> Outcome:
            return moderating.hide_reply(topic, reply, reason)

        return await self._on_reply(actor, request, member, HideReplyResponse, change, reason)

    async def restore_reply(
        self, actor: Actor, request: RestoreReplyRequest
    ) -> RestoreReplyResponse:
        """MODERATOR. Refuses with REPLY_STATE_INVALID."""
        member = moderator(actor, request.community_id)
        reason = check_optional_reason(request.reason)

        def change(_: Seen[Topic], topic: Topic, reply: Reply) -> Outcome:
            return moderating.restore_reply(topic, reply)

        return await self._on_reply(actor, request, member, RestoreReplyResponse, change, reason)

    async def remove_reply(self, actor: Actor, request: RemoveReplyRequest) -> RemoveReplyResponse:
        """MODERATOR with a reason, or the author. Refuses with REPLY_STATE_INVALID."""
        member = Member.of(actor, request.community_id)
        reason = check_optional_reason(request.reason)

        def change(seen: Seen[Topic], topic: Topic, reply: Reply) -> Outcome:
            remover = author_without_reason(member, reply.author, reason)
            removed = moderating.remove_reply(topic, reply, reason)
            reply.check_removable(remover, seen.now.time)
            return removed

        return await self._on_reply(actor, request, member, RemoveReplyResponse, change, reason)

    async def _on_topic(
        self,
        actor: Actor,
        request: TopicRequest,
        member: Member,
        kind: Callable[..., A],
        change: Callable[[Seen[Topic], Topic], Outcome],
        reason: str,
    ) -> A:
        """One step of one topic; `kind` is the response's class."""
        code = enums.reason_code(request.reason_code)

        def anywhere(seen: Seen[Topic], topic: Topic, _: Space) -> Outcome:
            return change(seen, topic)

        return await self._in_space(actor, request, member, kind, anywhere, reason, code)

    async def _in_space(
        self,
        actor: Actor,
        request: TopicRequest | CloseTopicRequest,
        member: Member,
        kind: Callable[..., A],
        change: Callable[[Seen[Topic], Topic, Space], Outcome],
        reason: str,
        code: ReasonCode | None,
    ) -> A:
        """As _on_topic, where the space's settings have a say."""
        if (done := await self._commands.replay(actor, request)) is not None:
            return cast(A, done)
        found, space = await self._repository.get_topic_space(
            request.community_id, request.topic_id, member.keyring
        )
        action = type(request).__name__.removesuffix("Request")

        def checked(seen: Seen[Topic], topic: Topic) -> Outcome:
            check_version(topic.version, request.expected_version)
            outcome = change(seen, topic, space)
            if action in _AUTHORS_OWN and member.wrote(topic.author):
                return outcome
            line = moderating.entry(seen.now, topic, action, reason, member.person_id, code=code)
            return replace(outcome, writes=[*outcome.writes, line])

        def answer(outcome: Outcome, version: int) -> A:
            return kind(topic=topic_to_proto(outcome.topic, version))

        return await self._change(actor, request, member, found, checked, answer)

    async def _on_reply(
        self,
        actor: Actor,
        request: ReplyRequest,
        member: Member,
        kind: Callable[..., A],
        change: Callable[[Seen[Topic], Topic, Reply], Outcome],
        reason: str,
    ) -> A:
        """One step of one reply; `kind` is the response's class."""
        code = enums.reason_code(request.reason_code)
        if (done := await self._commands.replay(actor, request)) is not None:
            return cast(A, done)
        found, _ = await self._repository.get_topic_space(
            request.community_id, request.topic_id, member.keyring
        )
        action = type(request).__name__.removesuffix("Request")
        ref = self._repository.reply_ref(request.community_id, request.reply_id)

        def checked(seen: Seen[Topic], topic: Topic) -> Outcome:
            reply = visible_reply(seen.part(ref), topic, member)
            check_version(reply.version, request.expected_version)
            topic.check_not_removed()
            outcome = change(seen, topic, reply)
            if action in _AUTHORS_OWN and member.wrote(reply.author):
                return outcome
            line = moderating.entry(
                seen.now, topic, action, reason, member.person_id, reply.id, code
            )
            return replace(outcome, writes=[*outcome.writes, line])

        def answer(outcome: Outcome, _: int) -> A:
            reply = outcome.changed_reply
            return kind(reply=reply_to_proto(reply, reply.version))

        return await self._change(actor, request, member, found, checked, answer, ref)


def moderator(actor: Actor, community_id: str) -> Member:
    """Refuses with COMMUNITY_NOT_FOUND, ROLE_REQUIRED."""
    member = Member.of(actor, community_id)
    member.require_moderator()
    return member


def check_optional_reason(reason: str) -> str:
    """May be empty. Refuses with TEXT_INVALID."""
    return check_body(reason, "reason", least=0, most=_MAX_REASON)


def author_without_reason(member: Member, author: Author, reason: str) -> Member:
    """Who gives no reason acts as the author, moderator or not. Refuses with REASON_REQUIRED."""
    if reason or not member.moderator:
        return member
    if not member.wrote(author):
        raise ReasonRequiredError(field="reason")
    return replace(member, moderator=False)

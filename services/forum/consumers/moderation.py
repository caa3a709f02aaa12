"""What the forum hears of moderation: posts to be hidden, and decisions on posts that wait.

Harmless twice: a step is only taken from the state, submission and case that the event speaks of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from google.protobuf.empty_pb2 import Empty

from chassis.batch import Conflict
from chassis.decisions import Decision, Seen
from chassis.domain_events import Consequence, DomainEvent, Effect
from chassis.moment import Moment
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.moderation.v1.domain_events_pb2 import (
    CaseDecided,
    CaseMooted,
    CaseOpened,
    PostFlagged,
)
from services.forum.converters.enums import REASON_CODES
from services.forum.domain.automation import TopicCase
from services.forum.domain.held_edits import HeldEdit
from services.forum.domain.records import ReasonCode
from services.forum.domain.replies import Reply, ReplyNotFoundError, ReplyState
from services.forum.domain.topics import Topic, TopicNotFoundError, TopicState
from services.forum.repository import ForumRepository
from services.forum.use_cases import moderating
from services.forum.use_cases.moderating import Outcome

_AWAITS_DECISION = "a rule of the community asks for a review of this post"
_OUT = (TopicState.PUBLISHED, TopicState.CLOSED)
_SHOWN = (*_OUT, TopicState.ARCHIVED, TopicState.HIDDEN)  # is seen, or was
_SHOWN_REPLIES = (ReplyState.PUBLISHED, ReplyState.HIDDEN)
# One that is not known yet is none.
_CODES = {number: code for code, number in REASON_CODES.items()}
_C = TypeVar("_C", CaseOpened, CaseDecided, CaseMooted)


class ForumConsumers:
    """Domain events of moderation."""

    def __init__(self, repository: ForumRepository) -> None:
        self._repository = repository

    async def on_case_opened(self, event: DomainEvent[CaseOpened]) -> Iterable[Consequence]:
        """A rule's case counts, if readers could see the text; not an edit's that is held or an
        automation's, and where members flagged it each flag does. A rule that found something in
        a post that is out already hides it until the decision; what is ARCHIVED stays until that.
        """
        case = event.message
        if case.of_edit or case.of_flag or case.of_escalation:
            return []
        if not case.hide_post:
            return [await self._count(event, case.case_id)]
        return [
            await self._count(event, case.case_id),
            await self._effect(
                event,
                lambda at: _opened(at, case),
                ("HideByRule", _AWAITS_DECISION, event.actor, None),
            ),
        ]

    async def on_post_flagged(self, event: DomainEvent[PostFlagged]) -> Iterable[Consequence]:
        """A member's flag counts, if readers can see the post, or could."""
        return [await self._count(event, event.message.flag_id)]

    async def on_case_decided(self, event: DomainEvent[CaseDecided]) -> Iterable[Consequence]:
        """Publish or reject what was held, post or edit; restore or remove what a case had hidden.

        What stayed out meanwhile (a FLAG rule's case) is hidden when it is rejected; a topic that
        is ARCHIVED, which nothing hides, is removed.
        """
        case = event.message
        action, code = "Approve" if case.approved else "Reject", _CODES.get(case.reason_code)
        return [
            await self._effect(
                event,
                lambda at: _decided(at, case),
                (action, case.reason, case.decider_id, code),
            )
        ]

    async def on_case_mooted(self, event: DomainEvent[CaseMooted]) -> Iterable[Consequence]:
        """Nobody decides on that edit any more: its post has changed or went away."""
        case = event.message
        if not case.of_edit:
            return []
        return [await self._effect(event, lambda at: _mooted(at, case), None)]

    async def _topic_id(
        self, community_id: str, case: CaseOpened | PostFlagged | CaseDecided | CaseMooted
    ) -> str:
        """Where the post is: a reply may have gone to another topic since."""
        if not case.reply_id:
            return case.topic_id
        found = await self._repository.find_topic_id(community_id, case.reply_id)
        return found or case.topic_id

    async def _count(
        self, event: DomainEvent[CaseOpened] | DomainEvent[PostFlagged], id_: str
    ) -> Effect:
        """This case or flag is counted once; no version of the topic tells its readers."""
        case, community_id = event.message, event.community_id
        counted_ref = self._repository.case_ref(community_id, id_)
        reply_ref = self._repository.reply_ref(community_id, case.reply_id)

        def decide(seen: Seen[Topic]) -> Decision[Topic, Empty]:
            topic = seen.state
            if topic is None:
                raise TopicNotFoundError
            number, shown = topic.submission.number, topic.state in _SHOWN
            if case.reply_id:
                reply = seen.part(reply_ref)
                if reply is not None and reply.topic_id != topic.id:
                    raise Conflict  # it goes right now: look for it again
                shown = shown and reply is not None and reply.state in _SHOWN_REPLIES
                number = reply.submission.number if reply else 0
            counted = seen.part(counted_ref) is not None
            if not shown or number != case.submission_number or counted:
                return Decision(topic, lambda _: Empty())
            return Decision(
                replace(topic, case_count=topic.case_count + 1),
                lambda _: Empty(),
                [said.TopicReported(topic_id=topic.id, case_id=case.case_id)],
                [counted_ref.put(TopicCase(id_, topic.id, seen.now.time))],
            )

        parts = (counted_ref, reply_ref) if case.reply_id else (counted_ref,)
        ref = self._repository.topics.ref(community_id, await self._topic_id(community_id, case))
        return Effect(ref.having(*parts), decide)

    async def _effect(
        self,
        event: DomainEvent[_C],
        on_post: Callable[[_At], Outcome],
        entry: tuple[str, str, str, ReasonCode | None] | None,
    ) -> Effect:
        """On the topic, or the reply that the case names; `entry`: action, reason, actor, code."""
        case, community_id = event.message, event.community_id
        reply_ref = self._repository.reply_ref(community_id, case.reply_id)
        topic_id = await self._topic_id(community_id, case)
        edit_ref = self._repository.held_edit_ref(community_id, case.reply_id or topic_id)

        def decide(seen: Seen[Topic]) -> Decision[Topic, Empty]:
            topic = seen.state
            if topic is None:
                raise TopicNotFoundError
            reply = seen.part(reply_ref) if case.reply_id else None
            if case.reply_id and reply is None:
                raise ReplyNotFoundError
            if reply is not None and reply.topic_id != topic.id:
                raise Conflict  # it goes right now: look for it again
            outcome: Outcome = on_post(_At(topic, reply, seen.part(edit_ref), seen.now))
            if outcome.events and entry is not None:
                action, reason, actor, code = entry
                line = moderating.entry(seen.now, topic, action, reason, actor, case.reply_id, code)
                outcome = replace(outcome, writes=[*outcome.writes, line])
            return outcome.decision(seen, lambda _, __: Empty())

        ref = self._repository.topics.ref(community_id, topic_id).having(edit_ref)
        return Effect(ref.having(reply_ref) if case.reply_id else ref, decide)


@dataclass(frozen=True, slots=True)
class _At:
    """The post that a case is about, at the moment of the decision."""

    topic: Topic
    reply: Reply | None  # None: the topic itself
    edit: HeldEdit | None  # the post's last one
    now: Moment

    def edit_of(self, case: CaseDecided | CaseMooted) -> HeldEdit | None:
        """The held edit, if it is still the one that the case is about."""
        same = self.edit and self.edit.submission.number == case.submission_number
        return self.edit if same else None


def _opened(at: _At, case: CaseOpened) -> Outcome:
    topic, reply = at.topic, at.reply
    if (reply or topic).submission.number != case.submission_number:
        return Outcome(topic)
    if reply is not None:
        if not reply.published:
            return Outcome(topic)
        return moderating.hide_reply(topic, reply, _AWAITS_DECISION, case.case_id)
    if topic.state not in _OUT:
        return Outcome(topic)
    return moderating.hide_topic(topic, _AWAITS_DECISION, case.case_id)


def _decided(at: _At, case: CaseDecided) -> Outcome:
    topic, reply = at.topic, at.reply
    if case.of_edit:
        edit = at.edit_of(case)
        return moderating.decide_edit(
            topic, reply or topic, edit, approved=case.approved, reason=case.reason, now=at.now
        )
    if (reply or topic).submission.number != case.submission_number:
        return Outcome(topic)
    if reply is not None:
        return _decided_on_reply(topic, reply, case, at.now.time)
    return _decided_on_topic(topic, case, at.now.time)


def _mooted(at: _At, case: CaseMooted) -> Outcome:
    return moderating.drop_edit(at.topic, at.reply or at.topic, at.edit_of(case), at.now.time)


def _decided_on_topic(topic: Topic, case: CaseDecided, now: datetime) -> Outcome:
    if topic.state is TopicState.PENDING_REVIEW:
        if case.approved:
            return moderating.approve_topic(topic, now)
        return moderating.reject_topic(topic, case.reason)
    if topic.state is TopicState.HIDDEN and topic.case_id == case.case_id:
        if case.approved:
            return moderating.restore_topic(topic)
        return moderating.remove_topic(topic, case.reason)
    if topic.state in _OUT and not case.approved:
        return moderating.hide_topic(topic, case.reason)
    if topic.state is TopicState.ARCHIVED and not case.approved:
        return moderating.remove_topic(topic, case.reason)
    return Outcome(topic)


def _decided_on_reply(topic: Topic, reply: Reply, case: CaseDecided, now: datetime) -> Outcome:
    if topic.state is TopicState.REMOVED:
        return Outcome(topic)
    if reply.state is ReplyState.PENDING_REVIEW:
        if case.approved:
            return moderating.approve_reply(topic, reply, now)
        return moderating.reject_reply(topic, reply, case.reason)
    if reply.state is ReplyState.HIDDEN and reply.case_id == case.case_id:
        if case.approved:
            return moderating.restore_reply(topic, reply)
        return moderating.remove_reply(topic, reply, case.reason)
    if reply.published and not case.approved:
        return moderating.hide_reply(topic, reply, case.reason)
    return Outcome(topic)

"""What the forum hears of moderation: posts to be hidden, and decisions on posts that wait.

Harmless twice: a step is only taken from the state, submission and case that the event speaks of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from google.protobuf.empty_pb2 import Empty

from chassis.batch import Conflict
from chassis.decisions import Decision, Seen
from chassis.domain_events import Consequence, DomainEvent, Effect
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.moderation.v1.domain_events_pb2 import CaseDecided, CaseOpened
from services.forum.domain.automation import TopicCase
from services.forum.domain.replies import Reply, ReplyNotFoundError, ReplyState
from services.forum.domain.topics import Topic, TopicNotFoundError, TopicState
from services.forum.repository import ForumRepository
from services.forum.use_cases import moderating
from services.forum.use_cases.moderating import Outcome

_AWAITS_DECISION = "a rule of the community asks for a review of this post"
_OUT = (TopicState.PUBLISHED, TopicState.CLOSED)
_SHOWN = (*_OUT, TopicState.ARCHIVED, TopicState.HIDDEN)  # is seen, or was
_SHOWN_REPLIES = (ReplyState.PUBLISHED, ReplyState.HIDDEN)


class ForumConsumers:
    """Domain events of moderation."""

    def __init__(self, repository: ForumRepository) -> None:
        self._repository = repository

    async def on_case_opened(self, event: DomainEvent[CaseOpened]) -> Iterable[Consequence]:
        """The case counts, if readers could see the post; not where only an edit is looked at. A
        rule that found something in a post that is out already hides it until the decision.
        """
        case = event.message
        if case.of_edit:
            return []
        if not case.hide_post:
            return [await self._count(event)]
        return [
            await self._count(event),
            await self._effect(
                event,
                lambda topic: _opened_on_topic(topic, case),
                lambda topic, reply, _: _opened_on_reply(topic, reply, case),
                ("HideByRule", _AWAITS_DECISION, event.actor),
            ),
        ]

    async def on_case_decided(self, event: DomainEvent[CaseDecided]) -> Iterable[Consequence]:
        """Publish or reject what was held; restore or remove what the case had hidden.

        What stayed out meanwhile (a FLAG rule's case, or an edit's) is hidden when it is rejected.
        """
        case = event.message
        return [
            await self._effect(
                event,
                lambda topic: _decided_on_topic(topic, case),
                lambda topic, reply, now: _decided_on_reply(topic, reply, case, now),
                ("Approve" if case.approved else "Reject", case.reason, case.decider_id),
            )
        ]

    async def _topic_id(self, community_id: str, case: CaseOpened | CaseDecided) -> str:
        """Where the post is: a reply may have gone to another topic since."""
        if not case.reply_id:
            return case.topic_id
        found = await self._repository.find_topic_id(community_id, case.reply_id)
        return found or case.topic_id

    async def _count(self, event: DomainEvent[CaseOpened]) -> Effect:
        """Counted once; no version of the topic tells its readers."""
        case, community_id = event.message, event.community_id
        case_ref = self._repository.case_ref(community_id, case.case_id)
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
            if not shown or number != case.submission_number or seen.part(case_ref) is not None:
                return Decision(topic, lambda _: Empty())
            return Decision(
                replace(topic, case_count=topic.case_count + 1),
                lambda _: Empty(),
                [said.TopicReported(topic_id=topic.id, case_id=case.case_id)],
                [case_ref.put(TopicCase(case.case_id, topic.id, seen.now.time))],
            )

        parts = (case_ref, reply_ref) if case.reply_id else (case_ref,)
        ref = self._repository.topics.ref(community_id, await self._topic_id(community_id, case))
        return Effect(ref.having(*parts), decide)

    async def _effect(
        self,
        event: DomainEvent[CaseOpened] | DomainEvent[CaseDecided],
        on_topic: Callable[[Topic], Outcome],
        on_reply: Callable[[Topic, Reply, datetime], Outcome],
        entry: tuple[str, str, str],
    ) -> Effect:
        """On the topic, or the reply that the case names; `entry` is action, reason and actor."""
        case, community_id = event.message, event.community_id
        reply_ref = self._repository.reply_ref(community_id, case.reply_id)
        topic_id = await self._topic_id(community_id, case)

        def decide(seen: Seen[Topic]) -> Decision[Topic, Empty]:
            topic = seen.state
            if topic is None:
                raise TopicNotFoundError
            if case.reply_id:
                reply = seen.part(reply_ref)
                if reply is None:
                    raise ReplyNotFoundError
                if reply.topic_id != topic.id:
                    raise Conflict  # it goes right now: look for it again
                outcome = on_reply(topic, reply, seen.now.time)
            else:
                outcome = on_topic(topic)
            if outcome.events:
                action, reason, actor = entry
                line = moderating.entry(seen.now, topic, action, reason, actor, case.reply_id)
                outcome = replace(outcome, writes=[line])
            return outcome.decision(seen, lambda _, __: Empty())

        ref = self._repository.topics.ref(community_id, topic_id)
        return Effect(ref.having(reply_ref) if case.reply_id else ref, decide)


def _opened_on_topic(topic: Topic, case: CaseOpened) -> Outcome:
    if topic.state not in _OUT or topic.submission.number != case.submission_number:
        return Outcome(topic)
    return moderating.hide_topic(topic, _AWAITS_DECISION, case.case_id)


def _opened_on_reply(topic: Topic, reply: Reply, case: CaseOpened) -> Outcome:
    if not reply.published or reply.submission.number != case.submission_number:
        return Outcome(topic)
    return moderating.hide_reply(topic, reply, _AWAITS_DECISION, case.case_id)


def _decided_on_topic(topic: Topic, case: CaseDecided) -> Outcome:
    if topic.submission.number != case.submission_number:
        return Outcome(topic)
    if topic.state is TopicState.PENDING_REVIEW:
        if case.approved:
            return moderating.approve_topic(topic)
        return moderating.reject_topic(topic, case.reason)
    if topic.state is TopicState.HIDDEN and topic.case_id == case.case_id:
        if case.approved:
            return moderating.restore_topic(topic)
        return moderating.remove_topic(topic, case.reason)
    if topic.state in _OUT and not case.approved:
        return moderating.hide_topic(topic, case.reason)
    return Outcome(topic)


def _decided_on_reply(topic: Topic, reply: Reply, case: CaseDecided, now: datetime) -> Outcome:
    if reply.submission.number != case.submission_number or topic.state is TopicState.REMOVED:
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

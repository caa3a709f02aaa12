"""Topics that go out by themselves: schedule, unschedule, and what is due."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from chassis.actors import Actor
from chassis.commands import Commands
from chassis.decisions import Decision, Seen
from chassis.errors import RoleRequiredError, TextInvalidError, check_version
from chassis.timestamps import time_of
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1.forum_pb2 import (
    PublishTopicRequest,
    PublishTopicResponse,
    ScheduleTopicRequest,
    ScheduleTopicResponse,
    UnscheduleTopicRequest,
    UnscheduleTopicResponse,
)
from services.forum.converters.domain_events import topic_submitted
from services.forum.converters.markdown import rendered
from services.forum.converters.members import member_of
from services.forum.converters.messages import topic_to_proto
from services.forum.domain.members import Member
from services.forum.domain.polls import PollClosedError
from services.forum.domain.posting import Poster
from services.forum.domain.screening import ContentBlockedError
from services.forum.domain.space_settings import KindNotAllowedError, PostingNotAllowedError
from services.forum.domain.spaces import Space, SpaceNotFoundError
from services.forum.domain.tags import TagsInvalidError
from services.forum.domain.texts import TopicText
from services.forum.domain.topics import Topic, TopicState
from services.forum.domain.topics.schedules import schedule, unschedule
from services.forum.repository import ForumRepository
from services.forum.use_cases.base import FORUM, UseCases
from services.forum.use_cases.memberships import memberships_of
from services.forum.use_cases.moderating import Outcome, entry
from services.forum.use_cases.topics import check_same_text

if TYPE_CHECKING:
    from guildhall.directory.v1.directory_pb2_grpc import DirectoryServiceAsyncStub
    from guildhall.moderation.v1.moderation_pb2_grpc import ModerationServiceAsyncStub

# What its author would be told if they published it now; later it would be no better.
_GIVE_UP = (
    ContentBlockedError,
    KindNotAllowedError,
    PollClosedError,
    PostingNotAllowedError,
    RoleRequiredError,
    SpaceNotFoundError,
    TagsInvalidError,
    TextInvalidError,  # of what the screen put in place of a word
)


class ScheduleUseCases(UseCases):
    """What authors say of when."""

    async def schedule_topic(
        self, actor: Actor, request: ScheduleTopicRequest
    ) -> ScheduleTopicResponse:
        """Author. Refuses with TOPIC_STATE_INVALID, TAGS_INVALID, KIND_NOT_ALLOWED, POLL_CLOSED."""
        member = Member.of(actor, request.community_id)
        publish_time = time_of(request.publish_time, "publish_time")
        if (done := await self._done(actor, request, ScheduleTopicResponse)) is not None:
            return done
        found, space = await self._repository.get_topic_space(
            request.community_id, request.topic_id, member.keyring
        )

        member.require_author(found.author)
        await self._check_poll(found, publish_time)

        def change(seen: Seen[Topic], topic: Topic) -> Outcome:
            check_version(topic.version, request.expected_version)
            scheduled = schedule(topic, member, publish_time, seen.now.time)
            _check_settings(space, member, topic)
            if scheduled == topic:
                return Outcome(topic)
            return Outcome(scheduled, [said.TopicScheduled(topic_id=topic.id)])

        def answer(outcome: Outcome, version: int) -> ScheduleTopicResponse:
            return ScheduleTopicResponse(topic=topic_to_proto(outcome.topic, version))

        return await self._change(actor, request, member, found, change, answer)

    async def unschedule_topic(
        self, actor: Actor, request: UnscheduleTopicRequest
    ) -> UnscheduleTopicResponse:
        """Author or MODERATOR. Refuses with TOPIC_STATE_INVALID."""
        member = Member.of(actor, request.community_id)
        if (done := await self._done(actor, request, UnscheduleTopicResponse)) is not None:
            return done
        found, _ = await self._repository.get_topic_space(
            request.community_id, request.topic_id, member.keyring
        )

        def change(seen: Seen[Topic], topic: Topic) -> Outcome:
            check_version(topic.version, request.expected_version)
            member.require_author_or_moderator(topic.author)
            draft = unschedule(topic)
            writes = []
            if not member.wrote(topic.author):
                writes = [entry(seen.now, topic, "UnscheduleTopic", "", member.person_id)]
            return Outcome(draft, [said.TopicUnscheduled(topic_id=topic.id)], writes=writes)

        def answer(outcome: Outcome, version: int) -> UnscheduleTopicResponse:
            # Answered to whoever did it: a moderator does not see the draft from now on.
            return UnscheduleTopicResponse(topic=topic_to_proto(outcome.topic, version))

        return await self._change(actor, request, member, found, change, answer)


class DueTopics(UseCases):
    """What a job publishes, as its author would now."""

    def __init__(
        self,
        commands: Commands,
        repository: ForumRepository,
        moderation: ModerationServiceAsyncStub,
        directory: DirectoryServiceAsyncStub,
        *,
        posting_limits: bool = True,
    ) -> None:
        super().__init__(commands, repository, moderation, posting_limits=posting_limits)
        self._directory = directory

    async def publish_topic(self, topic: Topic) -> None:
        """One that is due: out, to review, or back to its author with the reason.

        Refuses with what its author has to wait for: POSTING_TOO_FAST, MENTION_LIMIT_REACHED,
        UNAVAILABLE.
        """
        try:
            await self._publish(topic)
        except _GIVE_UP as refusal:
            await self._give_up(topic, str(refusal))

    async def _publish(self, topic: Topic) -> None:
        member = await self._author(topic)
        space = await self._repository.get_space(topic.community_id, topic.space_id, member.keyring)
        _check_settings(space, member, topic)
        await self._check_poll(topic, datetime.now(UTC))
        text = TopicText(topic.title, topic.body.source, topic.tags)
        screening = await self._screen(topic.community_id, text.parts)
        text = text.screened(screening.texts)
        pace = await self._pace(member, topic.community_id)
        reviewed = await self._reviewed(member, space)
        body = rendered(text.body)

        def decide(seen: Seen[Topic]) -> Decision[Topic, PublishTopicResponse]:
            now = seen.now.time
            due = _still_due(seen.state, topic)
            if due is None:  # changed, published or removed meanwhile
                return Outcome(seen.state or topic).decision(seen, _published)
            check_same_text(due, topic)
            sent = due.submit(
                screening.submission(due.submission.number),
                held=screening.holds(space, reviewed=reviewed),
                now=now,
                review_due_time=space.settings.review_due(due.kind, now),
            ).with_text(text.title, body, text.tags)
            writes = self._posting(
                pace,
                Poster.post_topic,
                due.community_id,
                member.person_id,
                due.id,
                due.references,
                seen.now,
            )
            return Outcome(sent, [topic_submitted(sent)], writes=writes).decision(seen, _published)

        ref = self._repository.topics.ref(topic.community_id, topic.id)
        await self._commands.run(FORUM, _request(topic, "due"), ref, decide)

    async def _author(self, topic: Topic) -> Member:
        """As they are now. Refuses with ROLE_REQUIRED whoever has left."""
        found = await memberships_of(self._directory, topic.community_id, [topic.author.person_id])
        if not found:
            raise RoleRequiredError("its author is no member any more")
        return member_of(found[0])

    async def _give_up(self, topic: Topic, reason: str) -> None:
        def decide(seen: Seen[Topic]) -> Decision[Topic, PublishTopicResponse]:
            due = _still_due(seen.state, topic)
            if due is None:
                return Outcome(seen.state or topic).decision(seen, _published)
            draft = unschedule(due, reason)
            outcome = Outcome(draft, [said.TopicUnscheduled(topic_id=topic.id)])
            return outcome.decision(seen, _published)

        ref = self._repository.topics.ref(topic.community_id, topic.id)
        await self._commands.run(FORUM, _request(topic, "gone"), ref, decide)


def _check_settings(space: Space, member: Member, topic: Topic) -> None:
    space.settings.check_new_topic(member, topic.kind)
    space.settings.tag_rules.check(topic.tags)


def _still_due(state: Topic | None, topic: Topic) -> Topic | None:
    """The topic as it is then, if it is to go out at the time that was looked for."""
    if state is None or state.state is not TopicState.SCHEDULED:
        return None
    same = (state.publish_time, state.space_id) == (topic.publish_time, topic.space_id)
    return state if same else None


def _request(topic: Topic, what: str) -> PublishTopicRequest:
    """The same of the same text at the same time, whichever replica is at it."""
    time = int(topic.publish_time.timestamp() * 1000) if topic.publish_time else 0
    return PublishTopicRequest(
        request_id=f"{what}-{topic.id}-{time}-{topic.submission.number}",
        community_id=topic.community_id,
        topic_id=topic.id,
    )


def _published(outcome: Outcome, version: int) -> PublishTopicResponse:
    return PublishTopicResponse(topic=topic_to_proto(outcome.topic, version))

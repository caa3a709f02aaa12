"""What people do with polls: ask, say, close, remove."""

from __future__ import annotations

from datetime import UTC, datetime

from chassis.actors import Actor
from chassis.decisions import Decision, Seen
from chassis.errors import UnavailableError, VersionStaleError
from chassis.texts import check_reason
from chassis.timestamps import time_of
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1.participation_pb2 import (
    CastBallotRequest,
    CastBallotResponse,
    ClosePollRequest,
    ClosePollResponse,
    CreatePollRequest,
    CreatePollResponse,
    RemovePollRequest,
    RemovePollResponse,
)
from services.forum.converters import enums
from services.forum.converters.polls import poll_to_proto, results_shown
from services.forum.domain.members import Member
from services.forum.domain.participation import check_takes_part
from services.forum.domain.polls import (
    Ballot,
    Poll,
    PollExistsError,
    PollNotAllowedError,
    PollNotFoundError,
    SeenPoll,
    check_close_time,
    check_opens,
    check_poll_options,
    check_question,
)
from services.forum.domain.screening import ContentBlockedError
from services.forum.domain.topics import UNSENT, Topic, TopicStateInvalidError
from services.forum.use_cases.base import UseCases
from services.forum.use_cases.moderating import entry
from services.forum.use_cases.moderation import moderator


class PollUseCases(UseCases):
    """A poll stands beside its topic: who votes in it does not wait for who writes there."""

    async def create_poll(self, actor: Actor, request: CreatePollRequest) -> CreatePollResponse:
        """Author of the topic or MODERATOR. Refuses with POLL_NOT_ALLOWED, POLL_EXISTS,
        CONTENT_BLOCKED, UNAVAILABLE. In a draft its author asks, as often as it takes.
        """
        member = Member.of(actor, request.community_id)
        question, options = check_question(request.question), check_poll_options(request.options)
        shown = results_shown(request.results_shown)
        close_time = check_close_time(
            time_of(request.close_time, "close_time") if request.HasField("close_time") else None,
            datetime.now(UTC),
        )
        if (done := await self._done(actor, request, CreatePollResponse)) is not None:
            return done
        topic, space = await self._repository.get_topic_space(
            request.community_id, request.topic_id, member.keyring
        )
        unsent = topic.state in UNSENT  # then it is reviewed with its topic, where that is
        if unsent:
            member.require_author(topic.author)
            check_opens(close_time, topic.publish_time)
        else:
            member.require_author_or_moderator(topic.author)
            check_takes_part(topic, None)
            if await self._reviewed(member, space):
                raise PollNotAllowedError("your posts here wait for a review, polls do not wait")
        try:
            screening = await self._screen(request.community_id, [question, *options])
            if not screening.screened:  # nobody looks at it later, as at posts
                raise UnavailableError("moderation does not answer", retry_after=2.0)
            screening.check_not_held(space)
        except ContentBlockedError as blocked:  # which names a body, and there is none
            raise ContentBlockedError(str(blocked), field="question") from None
        question, *changed = screening.texts
        question, options = check_question(question), check_poll_options(changed)

        topic_ref = self._repository.topics.ref(request.community_id, topic.id)
        stands_on = (topic_ref,) if unsent else ()

        def decide(seen: Seen[Poll]) -> Decision[Poll, CreatePollResponse]:
            for ref in stands_on:
                same_topic(seen.other(ref), topic)
            if seen.state is not None and (seen.state.removed or not unsent):
                raise PollExistsError(field="topic_id")
            poll = Poll(
                topic_id=topic.id,
                author_id=member.person_id,
                question=question,
                options=options,
                multiple=request.multiple,
                anonymous=request.anonymous,
                results_shown=shown,
                create_time=seen.now.time,
                close_time=close_time,
                counts=(0,) * len(options),
            )
            answer = CreatePollResponse(
                poll=poll_to_proto(SeenPoll(poll, None, seen.now.time), request.community_id)
            )
            return Decision(
                poll, lambda _: answer, [said.PollCreated(topic_id=topic.id)], stands_on=stands_on
            )

        ref = self._repository.poll_ref(request.community_id, topic.id).along(*stands_on)
        return await self._commands.run(actor, request, ref, decide)

    async def cast_ballot(self, actor: Actor, request: CastBallotRequest) -> CastBallotResponse:
        """Refuses with POLL_NOT_FOUND, POLL_CLOSED, FIELD_INVALID, TOPIC_STATE_INVALID."""
        member = Member.of(actor, request.community_id)
        if (done := await self._done(actor, request, CastBallotResponse)) is not None:
            return done
        topic = await self._repository.get_topic(
            request.community_id, request.topic_id, member.keyring
        )
        check_takes_part(topic, None)
        own = self._repository.ballot_ref(request.community_id, topic.id, member.person_id)

        def decide(seen: Seen[Poll]) -> Decision[Poll, CastBallotResponse]:
            now = seen.now.time
            poll = _there(seen.state)
            poll.check_open(now)
            before = seen.part(own)
            ballot = Ballot(topic.id, member.person_id, poll.check_choices(request.choices), now)
            same = ballot.options == (before.options if before is not None else ())
            if not same:
                poll = poll.count(before, ballot)
            answer = CastBallotResponse(
                poll=poll_to_proto(SeenPoll(poll, ballot, now), request.community_id)
            )
            if same:
                return Decision(poll, lambda _: answer)
            event = said.BallotCast(topic_id=topic.id)
            return Decision(poll, lambda _: answer, [event], [own.put(ballot)])

        ref = self._repository.poll_ref(request.community_id, topic.id).having(own)
        return await self._commands.run(actor, request, ref, decide)

    async def close_poll(self, actor: Actor, request: ClosePollRequest) -> ClosePollResponse:
        """Author of the topic or MODERATOR. Refuses with POLL_NOT_FOUND, POLL_CLOSED,
        TOPIC_STATE_INVALID.
        """
        member = Member.of(actor, request.community_id)
        if (done := await self._done(actor, request, ClosePollResponse)) is not None:
            return done
        topic = await self._repository.get_topic(
            request.community_id, request.topic_id, member.keyring
        )
        member.require_author_or_moderator(topic.author)
        if topic.state in UNSENT:
            raise TopicStateInvalidError("a poll in a draft is asked anew, not closed")
        own = self._repository.ballot_ref(request.community_id, topic.id, member.person_id)

        def decide(seen: Seen[Poll]) -> Decision[Poll, ClosePollResponse]:
            now = seen.now.time
            poll = _there(seen.state)
            poll.check_open(now)
            poll = poll.close(now)
            answer = ClosePollResponse(
                poll=poll_to_proto(SeenPoll(poll, seen.part(own), now), request.community_id)
            )
            return Decision(poll, lambda _: answer, [said.PollClosed(topic_id=topic.id)])

        ref = self._repository.poll_ref(request.community_id, topic.id).having(own)
        return await self._commands.run(actor, request, ref, decide)

    async def remove_poll(self, actor: Actor, request: RemovePollRequest) -> RemovePollResponse:
        """MODERATOR. Refuses with POLL_NOT_FOUND, REASON_REQUIRED."""
        member = moderator(actor, request.community_id)
        reason, code = check_reason(request.reason), enums.reason_code(request.reason_code)
        if (done := await self._done(actor, request, RemovePollResponse)) is not None:
            return done
        topic = await self._repository.get_topic(
            request.community_id, request.topic_id, member.keyring
        )
        own = self._repository.ballot_ref(request.community_id, topic.id, member.person_id)

        def decide(seen: Seen[Poll]) -> Decision[Poll, RemovePollResponse]:
            poll = _there(seen.state).remove(reason)
            answer = RemovePollResponse(
                poll=poll_to_proto(
                    SeenPoll(poll, seen.part(own), seen.now.time), request.community_id
                )
            )
            line = entry(seen.now, topic, "RemovePoll", reason, member.person_id, code=code)
            event = said.PollRemoved(topic_id=topic.id)
            return Decision(poll, lambda _: answer, [event], writes=[line])

        ref = self._repository.poll_ref(request.community_id, topic.id).having(own)
        return await self._commands.run(actor, request, ref, decide)


def same_topic(now: Topic | None, before: Topic) -> None:
    """It has not gone out meanwhile, nor will at another time. Refuses with VERSION_STALE."""
    if now is None or (now.state, now.publish_time) != (before.state, before.publish_time):
        raise VersionStaleError("the topic has just changed: read it again")


def _there(poll: Poll | None) -> Poll:
    if poll is None or poll.removed:
        raise PollNotFoundError(field="topic_id")
    return poll

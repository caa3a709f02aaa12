"""Bring questions that nobody replies to before people who could know, and what those say."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from google.protobuf.empty_pb2 import Empty

from chassis.actors import Actor
from chassis.decisions import Decision, Seen
from chassis.errors import DomainError
from chassis.pagination import Paging
from chassis.timestamps import timestamp_of
from guildhall.directory.v1.directory_pb2 import (
    ListCapableMembersRequest,
)
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1 import routing_pb2 as pb
from services.forum.converters.messages import topic_to_proto
from services.forum.domain.members import Member, MemberNotFoundError
from services.forum.domain.routing import (
    ROUTED_AFTER,
    ROUTED_WITHIN,
    Ask,
    AskNotFoundError,
    AskNotPossibleError,
    Capable,
    Expert,
    Round,
    check_invitation,
    next_round,
    places,
    ranked,
    require_inviter,
    waits,
)
from services.forum.domain.spaces import Space
from services.forum.domain.topics import Topic
from services.forum.repository.routing import RoutingWalk
from services.forum.use_cases.base import FORUM
from services.forum.use_cases.feed.base import OwnUseCases, keyrings_of
from services.forum.use_cases.memberships import readers_of

if TYPE_CHECKING:
    pass

_AT_ONCE = 50  # questions of one round
_ANEW = timedelta(hours=1)  # what opened again, or lost its only reply, is found by then
_CANDIDATES = 30  # of whom the directory is asked at once
_MOST_CANDIDATES = 300
_CAPABLE_PAGE, _MOST_CAPABLE = 500, 2_000  # people of capable companies who are looked at
_MOST_LISTED = 100

_log = logging.getLogger(__name__)


class RoutingUseCases(OwnUseCases):
    """An expert is an aggregate, one a person and community."""

    async def route_questions(self, now: datetime) -> int:
        """The job: asks for every question that has come of age; how many asks. May run twice.

        Where the directory does not say who is capable, those who have answered are asked, and the
        next run begins there again.
        """
        repository, oldest = self._repository, (now - ROUTED_WITHIN, "")
        walk = await repository.get_routing_walk()
        if walk is None or now - walk.begin_time >= _ANEW:
            walk = RoutingWalk(oldest, now)
        place = max(walk.place, oldest)
        asked, whole = 0, True
        while topics := await repository.find_unrouted(place, now - ROUTED_AFTER, _AT_ONCE):
            noted = await repository.find_in_rounds(topics)
            for topic in topics:
                if topic.id in noted:
                    continue
                capable = await self._capable(topic) if whole else None
                whole = capable is not None
                asked += await self._route(topic, capable, now)
            place = (topics[-1].create_time, topics[-1].id)
            if whole:
                await repository.keep_routing_walk(replace(walk, place=place))
        return asked + await self._next_rounds(now)

    async def _next_rounds(self, now: datetime) -> int:
        """Of questions whose experts declined or said nothing; how many asks."""
        asked = 0
        while due := await self._repository.find_due_rounds(now, _AT_ONCE):
            for one in due:
                topics = await self._repository.find_topics(one.community_id, [one.topic_id], None)
                if not (topics and waits(topics[0], now)):
                    await self._repository.end_rounds(one.community_id, one.topic_id)
                    continue
                capable = await self._capable(topics[0])
                if capable is None:
                    return asked
                asked += await self._route(topics[0], capable, now, one)
        return asked

    async def _capable(self, topic: Topic) -> list[Capable] | None:
        """People whose companies can do what it is about. None: the directory does not say."""
        request = ListCapableMembersRequest(
            community_id=topic.community_id, capabilities=topic.tags, page_size=_CAPABLE_PAGE
        )
        found: list[Capable] = []
        while topic.tags and len(found) < _MOST_CAPABLE:
            try:
                answer = await self._directory.ListCapableMembers(request)
            except DomainError as refusal:
                _log.warning("nobody says who is capable: %s", refusal)
                return None
            found += [
                Capable(one.person_id, one.shared_capabilities) for one in answer.capable_members
            ]
            request.page_token = answer.next_page_token
            if not request.page_token:
                break
        return found

    async def _route(
        self,
        topic: Topic,
        capable: Sequence[Capable] | None,
        now: datetime,
        due: Round | None = None,
    ) -> int:
        """As many people as there are places for, and when the next ones are asked: the next run
        looks at it again where nobody says who is capable.
        """
        repository, community_id = self._repository, topic.community_id
        before = await repository.find_asked(community_id, topic.id)
        room = places(before.values(), now)
        asked = await self._ask_likely(topic, capable or (), before, room, now) if room else []
        if capable is None:
            return len(asked)
        time = next_round(topic, [*before.values(), *asked], now)
        if time is None:
            await repository.end_rounds(community_id, topic.id)
        else:
            await repository.keep_round(topic, time, due)
        return len(asked)

    async def _ask_likely(
        self,
        topic: Topic,
        capable: Sequence[Capable],
        before: Collection[str],
        most: int,
        now: datetime,
    ) -> list[Ask]:
        repository, community_id = self._repository, topic.community_id
        (space,) = await repository.find_spaces(community_id, [topic.space_id], None)
        if topic.tags:
            spaces = await repository.walls.opened(community_id, None)
            answers = await repository.find_given_answers(community_id, spaces, topic.tags)
        else:
            answers = await repository.find_answers_in(community_id, topic.space_id)
        people = {one.person_id for one in answers} | {one.person_id for one in capable}
        people -= {*before, topic.author.person_id}
        experts = await repository.find_experts(community_id, people)
        likely = [
            one
            for one in ranked(answers, capable, experts, now)
            if one in people and (one not in experts or experts[one].may_be_asked(topic.id, now))
        ][:_MOST_CANDIDATES]
        asked: list[Ask] = []
        while likely and len(asked) < most:
            some, likely = likely[:_CANDIDATES], likely[_CANDIDATES:]
            for person_id in await self._readers(space, some):
                if len(asked) < most and await self._ask(community_id, person_id, topic.id):
                    asked.append(Ask(topic.id, now))
        return asked

    async def _readers(self, space: Space, person_ids: Sequence[str]) -> list[str]:
        """Those of the persons who are members and can read the space, in the same order."""
        if not person_ids:
            return []
        readers = await readers_of(self._directory, space, person_ids)
        return [one for one in person_ids if one in readers]

    async def _ask(self, community_id: str, person_id: str, topic_id: str) -> bool:
        """Whether the person may be asked and was."""
        ref = self._repository.expert_ref(community_id, person_id)
        asked = False

        def decide(seen: Seen[Expert]) -> Decision[Expert, Empty]:
            nonlocal asked
            before = seen.state or Expert(ref.id, community_id, person_id)
            after = before.ask(topic_id, seen.now.time)
            asked = after != before
            event = said.ExpertAsked(person_id=person_id, topic_id=topic_id)
            return Decision(after, lambda _: Empty(), [event] if asked else [])

        request = pb.AskExpertRequest(
            request_id=f"ask-{topic_id}-{person_id}"[:128],
            community_id=community_id,
            person_id=person_id,
            topic_id=topic_id,
        )
        await self._commands.run(FORUM, request, ref, decide)
        return asked

    async def invite_to_answer(
        self, actor: Actor, request: pb.InviteToAnswerRequest
    ) -> pb.InviteToAnswerResponse:
        """Refuses with TOPIC_NOT_FOUND, MEMBER_NOT_FOUND and what the proto says."""
        community_id, person_id = request.community_id, request.person_id
        member = Member.of(actor, community_id)
        done = await self._commands.replay(actor, request)
        if isinstance(done, pb.InviteToAnswerResponse):
            return done
        topic, space = await self._repository.get_topic_space(
            community_id, request.topic_id, member.keyring
        )
        require_inviter(member)
        if not await self._readers(space, [person_id]):
            raise MemberNotFoundError(field="person_id")
        check_invitation(topic, member, person_id)
        ref = self._repository.expert_ref(community_id, person_id)
        own = self._repository.expert_ref(community_id, member.person_id)
        answer = pb.InviteToAnswerResponse(
            community_id=community_id, topic_id=topic.id, person_id=person_id
        )

        def decide(seen: Seen[Expert]) -> Decision[Expert, pb.InviteToAnswerResponse]:
            before = seen.state or Expert(ref.id, community_id, person_id)
            if before.was_asked(topic.id):
                return Decision(before, lambda _: answer)
            inviter = seen.other(own) or Expert(own.id, community_id, member.person_id)
            inviter = inviter.invite(seen.now.time)
            after = before.ask(topic.id, seen.now.time, member.person_id)
            if after == before:
                raise AskNotPossibleError(field="person_id")
            ids = {"person_id": person_id, "topic_id": topic.id, "inviter_id": member.person_id}
            return Decision(
                after,
                lambda _: answer,
                [said.ExpertAsked(**ids)],
                others=[own.put(inviter, [said.InvitedToAnswer(**ids)])],
            )

        return await self._commands.run(actor, request, ref.along(own), decide)

    async def list_asks(self, actor: Actor, request: pb.ListAsksRequest) -> pb.ListAsksResponse:
        """A few at most, so all are read, and the page is cut from them."""
        paging = Paging.of(request, datetime, str)
        repository, person_id = self._repository, actor.person_id
        keyrings = keyrings_of(actor, request.community_ids)
        experts, spaces = await asyncio.gather(
            repository.find_experts_of(keyrings, person_id),
            repository.walls.opened_anywhere(keyrings),
        )
        asks = [ask for expert in experts for ask in expert.asks if not ask.declined]
        asks = sorted(asks, key=lambda ask: (ask.time, ask.topic_id), reverse=True)[:_MOST_LISTED]
        topics = await repository.find_topics_anywhere(
            keyrings, spaces, [ask.topic_id for ask in asks]
        )
        replied = await repository.find_replied(keyrings, person_id, topics)
        open_ = [
            pb.Ask(
                community_id=topics[ask.topic_id].community_id,
                topic_id=ask.topic_id,
                inviter_id=ask.inviter_id,
                ask_time=timestamp_of(ask.time),
                topic=topic_to_proto(topics[ask.topic_id], topics[ask.topic_id].version),
            )
            for ask in asks
            if ask.topic_id in topics
            and topics[ask.topic_id].unanswered
            and ask.topic_id not in replied
            and topics[ask.topic_id].author.person_id != person_id
        ]
        read = _beyond(open_, paging)
        page, token = paging.page(read, _place)
        return pb.ListAsksResponse(asks=page, next_page_token=token)

    async def decline_ask(
        self, actor: Actor, request: pb.DeclineAskRequest
    ) -> pb.DeclineAskResponse:
        """Refuses with ASK_NOT_FOUND."""
        member = Member.of(actor, request.community_id)
        ref = self._repository.expert_ref(request.community_id, member.person_id)

        def decide(seen: Seen[Expert]) -> Decision[Expert, pb.DeclineAskResponse]:
            before = seen.state
            if before is None:
                raise AskNotFoundError(field="topic_id")
            after = before.decline(request.topic_id)
            event = said.AskDeclined(person_id=member.person_id, topic_id=request.topic_id)
            answer = pb.DeclineAskResponse(
                topic_id=request.topic_id, community_id=request.community_id
            )
            if after == before:
                return Decision(before, lambda _: answer)
            due = self._repository.round_due(request.community_id, request.topic_id, seen.now.time)
            return Decision(after, lambda _: answer, [event], writes=[due])

        return await self._commands.run(actor, request, ref, decide)

    async def set_routing_preference(
        self, actor: Actor, request: pb.SetRoutingPreferenceRequest
    ) -> pb.SetRoutingPreferenceResponse:
        """What one wants from now on."""
        member = Member.of(actor, request.community_id)
        ref = self._repository.expert_ref(request.community_id, member.person_id)

        def decide(seen: Seen[Expert]) -> Decision[Expert, pb.SetRoutingPreferenceResponse]:
            before = seen.state or Expert(ref.id, request.community_id, member.person_id)
            after = before.prefer(opted_out=request.opted_out)
            event = said.RoutingPreferenceSet(
                person_id=member.person_id, opted_out=request.opted_out
            )
            answer = pb.SetRoutingPreferenceResponse(
                routing_preference=pb.RoutingPreference(
                    community_id=request.community_id, opted_out=request.opted_out
                )
            )
            return Decision(after, lambda _: answer, [event] if after != before else [])

        return await self._commands.run(actor, request, ref, decide)

    async def get_routing_preference(
        self, actor: Actor, request: pb.GetRoutingPreferenceRequest
    ) -> pb.GetRoutingPreferenceResponse:
        """As it was set."""
        member = Member.of(actor, request.community_id)
        found = await self._repository.find_experts_of([request.community_id], member.person_id)
        preference = pb.RoutingPreference(
            community_id=request.community_id, opted_out=any(one.opted_out for one in found)
        )
        return pb.GetRoutingPreferenceResponse(routing_preference=preference)


def _place(ask: pb.Ask) -> tuple[datetime, str]:
    return ask.ask_time.ToDatetime(UTC), ask.topic_id


def _beyond(asks: Sequence[pb.Ask], paging: Paging) -> list[pb.Ask]:
    """What lies behind the place, in the way to read; asks come last first."""
    if paging.backward:
        asks = list(reversed(asks))
    if paging.place:
        time, topic_id = paging.place
        place = (time, topic_id)
        asks = [
            ask for ask in asks if (_place(ask) > place if paging.backward else _place(ask) < place)
        ]
    return list(asks)[: paging.limit]

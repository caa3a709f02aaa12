"""How spaces do: counted when asked for and remembered for a while, and once for every day."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chassis.actors import MANAGER, Actor
from chassis.commands import Commands
from chassis.decisions import Decision, Seen
from chassis.each import each
from chassis.errors import check_version
from guildhall.directory.v1 import directory_pb2
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1 import vitality_pb2 as pb
from services.forum.converters.messages import space_to_proto
from services.forum.domain.members import Member
from services.forum.domain.spaces import Space, SpaceNotFoundError
from services.forum.domain.vitality import (
    DAY,
    Health,
    Measures,
    SpaceDay,
    counted_day,
    day_of,
    days_to_count,
    measured,
    rated,
)
from services.forum.repository import ForumRepository

if TYPE_CHECKING:
    from guildhall.directory.v1.directory_pb2_grpc import DirectoryServiceAsyncStub

COUNTING = Actor(service="vitality")
_KEPT = timedelta(minutes=10)
_MOST_KEPT = 1000
_AT_ONCE = 4
_AUDIENCE_PAGE = 5000


class VitalityUseCases:
    """What is counted stands in the store, or is counted anew: what is remembered is no truth."""

    def __init__(
        self,
        commands: Commands,
        repository: ForumRepository,
        directory: DirectoryServiceAsyncStub,
    ) -> None:
        self._commands = commands
        self._repository = repository
        self._directory = directory
        self._vendors: dict[str, str] = {}  # by community; they never change
        self._kept: OrderedDict[str, Health] = OrderedDict()  # by space, the oldest first
        self._counting = asyncio.Semaphore(_AT_ONCE)

    async def space_health(self, spaces: Sequence[Space], now: datetime) -> Mapping[str, Health]:
        """Of each of the spaces, at most ten minutes old. Refuses with UNAVAILABLE."""
        healths = await asyncio.gather(*(self._health(space, now) for space in spaces))
        return {space.id: health for space, health in zip(spaces, healths, strict=True)}

    async def _health(self, space: Space, now: datetime) -> Health:
        if (kept := self._kept_since(space, now)) is not None:
            return kept
        async with self._counting:
            if (kept := self._kept_since(space, now)) is not None:  # who was before us counted it
                return kept
            measures = await self._measured(space, now)
            unanswered = await self._repository.count_unanswered(space)
        health = Health(measures, unanswered, now)
        self._kept.pop(space.id, None)
        self._kept[space.id] = health
        if len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return health

    def _kept_since(self, space: Space, now: datetime) -> Health | None:
        kept = self._kept.get(space.id)
        return kept if kept is not None and now - kept.time < _KEPT else None

    async def _measured(self, space: Space, until: datetime) -> Measures:
        vendor = await self._vendor(space.community_id)
        topics, replies = await self._repository.read_facts(space, until)
        return measured(topics, replies, vendor, until)

    async def _vendor(self, community_id: str) -> str:
        if community_id not in self._vendors:
            request = directory_pb2.GetCommunityRequest(community_id=community_id)
            answer = await self._directory.GetCommunity(request)
            self._vendors[community_id] = answer.community.vendor_company_id
        return self._vendors[community_id]

    async def keep_space_open(
        self, actor: Actor, request: pb.KeepSpaceOpenRequest
    ) -> pb.KeepSpaceOpenResponse:
        """MANAGER. Refuses with SPACE_NOT_FOUND, VERSION_STALE."""
        actor.require_role(request.community_id, MANAGER)
        member = Member.of(actor, request.community_id)

        def decide(seen: Seen[Space]) -> Decision[Space, pb.KeepSpaceOpenResponse]:
            if seen.state is None or not seen.state.readable(member.keyring):
                raise SpaceNotFoundError(field="space_id")
            check_version(seen.seq, request.expected_version)
            space = seen.state.keep_open(request.keep_open)
            return Decision(
                space,
                lambda version: pb.KeepSpaceOpenResponse(
                    space=space_to_proto(space, version, keyring=member.keyring)
                ),
                [_changed(space)] if space != seen.state else [],
            )

        ref = self._repository.spaces.ref(request.community_id, request.space_id)
        with self._repository.walls.changing(request.community_id):
            return await self._commands.run(actor, request, ref, decide)

    async def count_days(self, now: datetime) -> None:
        """Count every space's ended days, and let the space take over what the last one says.

        Each space by itself, the days first: killed between, the next round goes on there.
        """
        yesterday = day_of(now) - DAY
        due: list[Space] = []
        async for spaces in self._repository.all_spaces():
            done = await self._repository.find_counted(spaces, yesterday)
            due += [
                space
                for space in spaces
                if space.id not in done and day_of(space.create_time) <= yesterday
            ]
        audiences: dict[tuple[str, frozenset[str]], set[str]] = {}

        async def count(space: Space) -> None:
            audience = (space.community_id, frozenset(space.read_keys))
            if audience not in audiences:  # most spaces of a community are read by the same people
                audiences[audience] = await self._companies(space)
            vendor = await self._vendor(space.community_id)
            await self._count(space, len(audiences[audience] - {vendor, ""}), now)

        await each(due, count, lambda space: f"count of space {space.id}")

    async def _count(self, space: Space, company_count: int, now: datetime) -> None:
        found = await self._repository.latest_days(space.community_id, [space.id])
        day = found.get(space.id)
        for beginning in days_to_count(space, day, now):
            measures = await self._measured(space, beginning + DAY)
            day = counted_day(space, beginning, measures, company_count, day)
            if beginning == day_of(now) - DAY:
                await self._rate(space, day)  # first: a day that is stored is not looked at again
            await self._repository.put_day(day)

    async def _companies(self, space: Space) -> set[str]:
        """Those with members who can read it."""
        request = directory_pb2.ListAudienceRequest(
            community_id=space.community_id,
            clauses=[directory_pb2.AudienceClause(keys=space.read_keys)],
            page_size=_AUDIENCE_PAGE,
        )
        companies: set[str] = set()
        while True:
            answer = await self._directory.ListAudience(request)
            companies.update(one.company_id for one in answer.audience_members)
            if not answer.next_page_token:
                return companies
            request.page_token = answer.next_page_token

    async def _rate(self, space: Space, day: SpaceDay) -> None:
        if rated(space, day) == space:
            return

        def decide(seen: Seen[Space]) -> Decision[Space, pb.SpaceRatingResult]:
            if seen.state is None:
                raise SpaceNotFoundError
            changed = rated(seen.state, day)
            events = [_changed(changed)] if changed != seen.state else []
            return Decision(changed, lambda _: pb.SpaceRatingResult(), events)

        request = pb.SpaceRating(
            request_id=f"rating-{day.id}", community_id=space.community_id, space_id=space.id
        )
        ref = self._repository.spaces.ref(space.community_id, space.id)
        with self._repository.walls.changing(space.community_id):
            await self._commands.run(COUNTING, request, ref, decide)


def _changed(space: Space) -> said.SpaceVitalityChanged:
    return said.SpaceVitalityChanged(space_id=space.id)

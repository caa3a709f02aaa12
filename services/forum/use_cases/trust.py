"""What levels need and allow, who has earned them, and how far everybody is."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from google.protobuf.empty_pb2 import Empty

from chassis.actors import MANAGER, REGULAR, TRUSTED_MEMBER, Actor
from chassis.commands import Commands
from chassis.decisions import Decision, Seen
from chassis.errors import check_version
from chassis.pagination import check_batch
from guildhall.directory.v1.directory_pb2 import TrustLevel
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1 import trust_pb2 as pb
from services.forum.converters.trust import (
    settings_change,
    trust_progress_to_proto,
    trust_settings_to_proto,
)
from services.forum.domain.members import Member
from services.forum.domain.trust import (
    Day,
    Standing,
    TrustSettings,
    facts_for,
    judged,
    next_level,
)
from services.forum.repository import ForumRepository
from services.forum.use_cases.base import FORUM

MOST_AT_ONCE = 20  # people whose progress is asked for
LATELY = timedelta(hours=1)  # a job that looks every few minutes misses nothing for this long


class TrustUseCases:
    """Levels are earned here and held by the directory, which hears of them."""

    def __init__(
        self,
        commands: Commands,
        repository: ForumRepository,
        *,
        inside: bool = False,  # whether hosts of link cards may be of this network
    ) -> None:
        self._commands = commands
        self._repository = repository
        self._inside = inside

    async def get_trust_settings(
        self, actor: Actor, request: pb.GetTrustSettingsRequest
    ) -> pb.GetTrustSettingsResponse:
        """MANAGER."""
        actor.require_role(request.community_id, MANAGER)
        settings = await self._repository.get_trust_settings(request.community_id)
        return pb.GetTrustSettingsResponse(
            trust_settings=trust_settings_to_proto(settings, settings.version)
        )

    async def update_trust_settings(
        self, actor: Actor, request: pb.UpdateTrustSettingsRequest
    ) -> pb.UpdateTrustSettingsResponse:
        """MANAGER. Refuses with FIELD_INVALID."""
        actor.require_role(request.community_id, MANAGER)
        change = settings_change(request, inside=self._inside)

        def decide(
            seen: Seen[TrustSettings],
        ) -> Decision[TrustSettings, pb.UpdateTrustSettingsResponse]:
            check_version(seen.seq, request.expected_version)
            before = seen.state or TrustSettings(request.community_id)
            after = before.changed(change)
            event = said.TrustSettingsUpdated()
            return Decision(
                after,
                lambda version: pb.UpdateTrustSettingsResponse(
                    trust_settings=trust_settings_to_proto(after, version)
                ),
                [event],
            )

        ref = self._repository.trust_settings_ref(request.community_id)
        with self._repository.recent_trust_settings.changing(request.community_id):
            return await self._commands.run(actor, request, ref, decide)

    async def batch_get_trust_progress(
        self, actor: Actor, request: pb.BatchGetTrustProgressRequest
    ) -> pb.BatchGetTrustProgressResponse:
        """One's own, for MODERATOR anybody's who has done anything."""
        member = Member.of(actor, request.community_id)
        ids = check_batch(list(request.person_ids), "person_ids", most=MOST_AT_ONCE)
        if not member.moderator:
            ids = [id_ for id_ in ids if id_ == member.person_id]
        settings = await self._repository.get_trust_settings(request.community_id)
        standings = await self._repository.find_standings(request.community_id, ids)
        now = datetime.now(UTC)
        progress = []
        for person_id, standing in standings.items():
            days = await self._days(standing, settings, now)
            nothing = not days and standing.level_time is None
            if nothing and person_id != member.person_id:
                continue  # whether there is such a member, the directory knows
            level = next_level(standing) or REGULAR
            have = facts_for(level, settings, days, now)
            progress.append(trust_progress_to_proto(standing, have, settings.needs[level]))
        return pb.BatchGetTrustProgressResponse(trust_progress=progress)

    async def _days(
        self, standing: Standing, settings: TrustSettings, now: datetime
    ) -> Sequence[Day]:
        """Those that count towards what may be reached or lost from there."""
        since = settings.since(now) if standing.level >= TRUSTED_MEMBER else None
        return await self._repository.list_standing_days(
            standing.community_id, standing.person_id, since
        )

    async def judge_active(self) -> None:
        """Everybody about whom something was counted lately."""
        now = datetime.now(UTC)
        async for people in self._repository.active_people(now - LATELY, now):
            await self._judge_all(people)

    async def judge_regulars(self) -> None:
        """Everybody who may lose a level by doing nothing."""
        async for people in self._repository.people_at(REGULAR):
            await self._judge_all(people)

    async def _judge_all(self, people: Iterable[tuple[str, str]]) -> None:
        for community_id, person_id in people:
            await self.judge(community_id, person_id)

    async def judge(self, community_id: str, person_id: str) -> None:
        """Say which level a member has reached; nothing where it is the one already said."""
        settings = await self._repository.get_trust_settings(community_id)
        ref = self._repository.standing_ref(community_id, person_id)
        known = (await self._repository.find_standings(community_id, [person_id]))[person_id]
        days = await self._days(known, settings, datetime.now(UTC))
        if judged(known, settings, days, datetime.now(UTC)) == known:
            return

        def decide(seen: Seen[Standing]) -> Decision[Standing, Empty]:
            before = seen.state or Standing(ref.id, community_id, person_id)
            after = judged(before, settings, days, seen.now.time)
            if after == before and seen.state is not None:
                return Decision(before, lambda _: Empty())
            event = said.TrustLevelReached(
                person_id=person_id,
                level=TrustLevel.ValueType(after.level),
                former_level=TrustLevel.ValueType(before.level),
            )
            return Decision(after, lambda _: Empty(), [event])

        request = pb.UpdateTrustSettingsRequest(
            request_id=f"judge-{uuid.uuid4().hex}", community_id=community_id
        )
        await self._commands.run(FORUM, request, ref, decide)

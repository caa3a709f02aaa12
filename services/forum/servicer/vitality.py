"""VitalityService over gRPC: who calls, which use case or query, what comes back."""

from __future__ import annotations

from datetime import UTC, datetime

from chassis.actors import require_person
from chassis.pagination import Paging, check_batch
from chassis.rpc_server import Context
from guildhall.forum.v1 import vitality_pb2 as pb
from guildhall.forum.v1 import vitality_pb2_grpc
from services.forum.converters.vitality import day_to_proto, health_to_proto
from services.forum.repository import ForumRepository
from services.forum.use_cases.moderation import moderator
from services.forum.use_cases.vitality import VitalityUseCases


class VitalityServicer(vitality_pb2_grpc.VitalityServiceServicer):
    """What each RPC means is said in the proto."""

    def __init__(self, use_cases: VitalityUseCases, repository: ForumRepository) -> None:
        self._use_cases = use_cases
        self._repository = repository

    async def BatchGetSpaceHealth(
        self, request: pb.BatchGetSpaceHealthRequest, context: Context
    ) -> pb.BatchGetSpaceHealthResponse:
        member = moderator(require_person(), request.community_id)
        ids = check_batch(list(request.space_ids), "space_ids")
        found = await self._repository.find_spaces(request.community_id, ids, member.keyring)
        healths = await self._use_cases.space_health(found, datetime.now(UTC))
        days = await self._repository.latest_days(request.community_id, list(healths))
        spaces = {
            space.id: health_to_proto(space, healths[space.id], days.get(space.id))
            for space in found
        }
        return pb.BatchGetSpaceHealthResponse(spaces=[spaces[id_] for id_ in ids if id_ in spaces])

    async def ListSpaceDays(
        self, request: pb.ListSpaceDaysRequest, context: Context
    ) -> pb.ListSpaceDaysResponse:
        member = moderator(require_person(), request.community_id)
        paging = Paging.of(request, datetime, str)
        space = await self._repository.get_space(
            request.community_id, request.space_id, member.keyring
        )
        found = await self._repository.list_space_days(space, paging)
        days, token = paging.page(found, lambda last: (last.day, last.id))
        return pb.ListSpaceDaysResponse(
            days=[day_to_proto(day) for day in days], next_page_token=token
        )

    async def KeepSpaceOpen(
        self, request: pb.KeepSpaceOpenRequest, context: Context
    ) -> pb.KeepSpaceOpenResponse:
        return await self._use_cases.keep_space_open(require_person(), request)

"""SeedingService over gRPC: who calls, which use case or query, what comes back."""

from __future__ import annotations

from datetime import UTC, datetime

from chassis.actors import require_person
from chassis.pagination import Paging, check_batch, encode_page_token
from chassis.rpc_server import Context
from chassis.timestamps import timestamp_of
from guildhall.forum.v1 import seeding_pb2 as pb
from guildhall.forum.v1 import seeding_pb2_grpc
from services.forum.converters.seeding import report_to_proto, seeding_to_proto
from services.forum.domain.members import Member
from services.forum.domain.seeding import SeedingNotFoundError
from services.forum.repository import ForumRepository
from services.forum.use_cases.seeding import SeedingUseCases


class SeedingServicer(seeding_pb2_grpc.SeedingServiceServicer):
    """What each RPC means is said in the proto."""

    def __init__(self, use_cases: SeedingUseCases, repository: ForumRepository) -> None:
        self._use_cases = use_cases
        self._repository = repository

    async def CreateSeeding(
        self, request: pb.CreateSeedingRequest, context: Context
    ) -> pb.CreateSeedingResponse:
        return await self._use_cases.create_seeding(require_person(), request)

    async def UpdateSeeding(
        self, request: pb.UpdateSeedingRequest, context: Context
    ) -> pb.UpdateSeedingResponse:
        return await self._use_cases.update_seeding(require_person(), request)

    async def EndSeeding(
        self, request: pb.EndSeedingRequest, context: Context
    ) -> pb.EndSeedingResponse:
        return await self._use_cases.end_seeding(require_person(), request)

    async def AddSeedingItem(
        self, request: pb.AddSeedingItemRequest, context: Context
    ) -> pb.AddSeedingItemResponse:
        return await self._use_cases.add_seeding_item(require_person(), request)

    async def UpdateSeedingItem(
        self, request: pb.UpdateSeedingItemRequest, context: Context
    ) -> pb.UpdateSeedingItemResponse:
        return await self._use_cases.update_seeding_item(require_person(), request)

    async def BatchGetSeedings(
        self, request: pb.BatchGetSeedingsRequest, context: Context
    ) -> pb.BatchGetSeedingsResponse:
        member = Member.of(require_person(), request.community_id)
        ids = check_batch(list(request.seeding_ids), "seeding_ids")
        found = await self._repository.find_seedings(request.community_id, ids, member)
        seedings = {one.id: seeding_to_proto(one, one.version) for one in found}
        return pb.BatchGetSeedingsResponse(
            seedings=[seedings[id_] for id_ in ids if id_ in seedings]
        )

    async def ListSeedings(
        self, request: pb.ListSeedingsRequest, context: Context
    ) -> pb.ListSeedingsResponse:
        member = Member.of(require_person(), request.community_id)
        paging = Paging.of(request, datetime, str)
        found = await self._repository.list_seedings(
            request.community_id, request.space_id, member, paging
        )
        seedings, token = paging.page(found, lambda last: (last.create_time, last.id))
        return pb.ListSeedingsResponse(
            seedings=[seeding_to_proto(one, one.version) for one in seedings],
            next_page_token=token,
        )

    async def ListDueFirstReplies(
        self, request: pb.ListDueFirstRepliesRequest, context: Context
    ) -> pb.ListDueFirstRepliesResponse:
        member = Member.of(require_person(), request.community_id)
        paging = Paging.of(request, datetime, str)
        seeding = await self._repository.get_seeding(
            request.community_id, request.seeding_id, member
        )
        readable = await self._repository.find_spaces(
            seeding.community_id, [seeding.space_id], member.keyring
        )
        before = seeding.due_before(datetime.now(UTC))
        if not readable:
            raise SeedingNotFoundError(field="seeding_id")
        if before is None:
            return pb.ListDueFirstRepliesResponse()
        found = await self._repository.list_unreplied(seeding, before, paging)
        topics, token = paging.page(found, lambda last: (last.create_time, last.id))
        return pb.ListDueFirstRepliesResponse(
            due_first_replies=[
                pb.DueFirstReply(
                    topic_id=one.id,
                    community_id=one.community_id,
                    due_time=timestamp_of(seeding.due_time(one.create_time)),
                    page_token=encode_page_token(one.create_time, one.id),
                )
                for one in topics
            ],
            next_page_token=token,
        )

    async def GetSeedingReport(
        self, request: pb.GetSeedingReportRequest, context: Context
    ) -> pb.GetSeedingReportResponse:
        member = Member.of(require_person(), request.community_id)
        seeding = await self._repository.get_seeding(
            request.community_id, request.seeding_id, member
        )
        report = await self._use_cases.report(seeding, member, datetime.now(UTC))
        return pb.GetSeedingReportResponse(report=report_to_proto(seeding, report))

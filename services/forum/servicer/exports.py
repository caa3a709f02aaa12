"""ExportService over gRPC: who may take what away."""

from __future__ import annotations

from chassis.actors import MANAGER, require_person
from chassis.pagination import Paging
from chassis.rpc_server import Context
from guildhall.forum.v1 import exports_pb2 as pb
from guildhall.forum.v1 import exports_pb2_grpc
from services.forum.converters.exports import record_to_proto
from services.forum.domain.members import Member
from services.forum.repository import ForumRepository
from services.forum.repository.exports import place_of
from services.forum.servicer.reading import fitting


class ExportServicer(exports_pb2_grpc.ExportServiceServicer):
    """What each RPC means is said in the proto."""

    def __init__(self, repository: ForumRepository) -> None:
        self._repository = repository

    async def ListExportRecords(
        self, request: pb.ListExportRecordsRequest, context: Context
    ) -> pb.ListExportRecordsResponse:
        actor, community_id = require_person(), request.community_id
        member = Member.of(actor, community_id)
        if request.person_id != member.person_id:
            actor.require_role(community_id, MANAGER)
        paging = Paging.of(request, int, str, str)
        found = await self._repository.list_export_records(
            community_id, request.person_id, member.keyring, paging
        )
        records, token = paging.page(found, place_of, most=fitting(found, paging.size))
        return pb.ListExportRecordsResponse(
            records=[record_to_proto(record, member.keyring) for record in records],
            next_page_token=token,
        )

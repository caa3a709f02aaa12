"""ExportService over gRPC: who may take what away."""

from __future__ import annotations

from chassis import moment
from chassis.actors import require_person
from chassis.pagination import Paging
from chassis.rpc_server import Context
from guildhall.forum.v1 import exports_pb2 as pb
from guildhall.forum.v1 import exports_pb2_grpc
from services.forum.converters.exports import record_to_proto
from services.forum.domain.exports import Taker
from services.forum.repository import ForumRepository
from services.forum.servicer.reading import fitting


class ExportServicer(exports_pb2_grpc.ExportServiceServicer):
    """What each RPC means is said in the proto."""

    def __init__(self, repository: ForumRepository) -> None:
        self._repository = repository

    async def ListExportRecords(
        self, request: pb.ListExportRecordsRequest, context: Context
    ) -> pb.ListExportRecordsResponse:
        taker = Taker.of(require_person(), request.community_id, request.person_id)
        paging, now = Paging.of(request, int, str, str), moment.now()
        found = await self._repository.list_export_records(taker, paging, now)
        records, token = paging.page(found, lambda one: one.place, most=fitting(found, paging.size))
        return pb.ListExportRecordsResponse(
            records=[record_to_proto(record, taker, now) for record in records],
            next_page_token=token,
        )

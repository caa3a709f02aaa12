"""TrustService over gRPC."""

from __future__ import annotations

from chassis.actors import require_person
from chassis.rpc_server import Context
from guildhall.forum.v1 import trust_pb2 as pb
from guildhall.forum.v1 import trust_pb2_grpc
from services.forum.use_cases.trust import TrustUseCases


class TrustServicer(trust_pb2_grpc.TrustServiceServicer):
    """What each RPC means is said in the proto."""

    def __init__(self, use_cases: TrustUseCases) -> None:
        self._use_cases = use_cases

    async def GetTrustSettings(
        self, request: pb.GetTrustSettingsRequest, context: Context
    ) -> pb.GetTrustSettingsResponse:
        return await self._use_cases.get_trust_settings(require_person(), request)

    async def UpdateTrustSettings(
        self, request: pb.UpdateTrustSettingsRequest, context: Context
    ) -> pb.UpdateTrustSettingsResponse:
        return await self._use_cases.update_trust_settings(require_person(), request)

    async def BatchGetTrustProgress(
        self, request: pb.BatchGetTrustProgressRequest, context: Context
    ) -> pb.BatchGetTrustProgressResponse:
        return await self._use_cases.batch_get_trust_progress(require_person(), request)

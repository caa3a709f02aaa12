"""MailingService over gRPC: who calls, which query, what comes back."""

from __future__ import annotations

from chassis.actors import MANAGER, require_person
from chassis.rpc_server import Context
from guildhall.notifications.v1 import mailings_pb2 as pb
from guildhall.notifications.v1 import mailings_pb2_grpc
from services.notifications.converters import mailing_to_proto
from services.notifications.repository import NotificationsRepository


class MailingServicer(mailings_pb2_grpc.MailingServiceServicer):
    """What each RPC means is said in the proto."""

    def __init__(self, repository: NotificationsRepository) -> None:
        self._repository = repository

    async def GetMailing(
        self, request: pb.GetMailingRequest, context: Context
    ) -> pb.GetMailingResponse:
        require_person().require_role(request.community_id, MANAGER)
        counts = await self._repository.count(request.community_id, request.announcement_id)
        return pb.GetMailingResponse(mailing=mailing_to_proto(request.community_id, counts))

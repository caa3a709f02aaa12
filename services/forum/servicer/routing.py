"""RoutingService over gRPC: what one is asked, and whom one invites."""

from __future__ import annotations

from chassis.actors import require_person
from chassis.rpc_server import Context
from guildhall.forum.v1 import routing_pb2 as pb
from guildhall.forum.v1 import routing_pb2_grpc
from services.forum.use_cases.routing import RoutingUseCases


class RoutingServicer(routing_pb2_grpc.RoutingServiceServicer):
    """What each RPC means is said in the proto."""

    def __init__(self, use_cases: RoutingUseCases) -> None:
        self._use_cases = use_cases

    async def ListAsks(self, request: pb.ListAsksRequest, context: Context) -> pb.ListAsksResponse:
        return await self._use_cases.list_asks(require_person(), request)

    async def InviteToAnswer(
        self, request: pb.InviteToAnswerRequest, context: Context
    ) -> pb.InviteToAnswerResponse:
        return await self._use_cases.invite_to_answer(require_person(), request)

    async def DeclineAsk(
        self, request: pb.DeclineAskRequest, context: Context
    ) -> pb.DeclineAskResponse:
        return await self._use_cases.decline_ask(require_person(), request)

    async def SetRoutingPreference(
        self, request: pb.SetRoutingPreferenceRequest, context: Context
    ) -> pb.SetRoutingPreferenceResponse:
        return await self._use_cases.set_routing_preference(require_person(), request)

    async def GetRoutingPreference(
        self, request: pb.GetRoutingPreferenceRequest, context: Context
    ) -> pb.GetRoutingPreferenceResponse:
        return await self._use_cases.get_routing_preference(require_person(), request)

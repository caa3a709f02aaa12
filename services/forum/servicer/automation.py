"""AutomationService over gRPC: who calls, which use case or query, what comes back."""

from __future__ import annotations

from datetime import UTC, datetime

from chassis.actors import MANAGER, require_person
from chassis.pagination import Paging, encode_page_token
from chassis.rpc_server import Context
from guildhall.forum.v1 import automation_pb2 as pb
from guildhall.forum.v1 import automation_pb2_grpc
from services.forum.converters.automation import automation_to_proto, match_to_proto
from services.forum.domain.automation import run_id
from services.forum.domain.members import Member
from services.forum.repository import ForumRepository
from services.forum.repository.automation import place_of, place_types
from services.forum.use_cases import ForumUseCases


class AutomationServicer(automation_pb2_grpc.AutomationServiceServicer):
    """What each RPC means is said in the proto."""

    def __init__(self, use_cases: ForumUseCases, repository: ForumRepository) -> None:
        self._use_cases = use_cases
        self._repository = repository

    async def CreateAutomation(
        self, request: pb.CreateAutomationRequest, context: Context
    ) -> pb.CreateAutomationResponse:
        return await self._use_cases.create_automation(require_person(), request)

    async def UpdateAutomation(
        self, request: pb.UpdateAutomationRequest, context: Context
    ) -> pb.UpdateAutomationResponse:
        return await self._use_cases.update_automation(require_person(), request)

    async def DeleteAutomation(
        self, request: pb.DeleteAutomationRequest, context: Context
    ) -> pb.DeleteAutomationResponse:
        return await self._use_cases.delete_automation(require_person(), request)

    async def ListAutomations(
        self, request: pb.ListAutomationsRequest, context: Context
    ) -> pb.ListAutomationsResponse:
        require_person().require_role(request.community_id, MANAGER)
        paging = Paging.of(request, datetime, str)
        found = await self._repository.list_automations(request.community_id, paging)
        automations, token = paging.page(found, lambda last: (last.create_time, last.id))
        return pb.ListAutomationsResponse(
            automations=[automation_to_proto(automation) for automation in automations],
            next_page_token=token,
        )

    async def PreviewAutomation(
        self, request: pb.PreviewAutomationRequest, context: Context
    ) -> pb.PreviewAutomationResponse:
        actor, community_id = require_person(), request.community_id
        actor.require_role(community_id, MANAGER)
        automation = (await self._repository.get_automations(community_id)).automation(
            request.automation_id
        )
        paging = Paging.of(request, *place_types(automation))
        now = datetime.now(UTC)
        found = await self._repository.find_matching(
            automation, now, Member.of(actor, community_id).keyring, paging
        )
        topics, token = paging.page(found, lambda last: place_of(automation, last))
        runs = [run_id(automation.id, one.id, automation.occurrence(one, now)) for one in topics]
        done = await self._repository.find_runs(community_id, runs)
        skipped = await self._repository.find_skipped(automation, topics)
        matches = [
            match_to_proto(
                topic,
                encode_page_token(*place_of(automation, topic)),
                done.get(run),
                skipped=topic.id in skipped and run not in done,
            )
            for topic, run in zip(topics, runs, strict=True)
        ]
        return pb.PreviewAutomationResponse(matches=matches, next_page_token=token)

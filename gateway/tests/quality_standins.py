"""Stand-ins for what keeps a community's topics in order: real gRPC, canned rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Any

from grpc import aio

from chassis.errors import NotFoundError
from chassis.pagination import encode_page_token
from gateway.tests.standins import _StandIn, paged, time
from guildhall.forum.v1 import automation_pb2 as pb
from guildhall.forum.v1 import forum_pb2
from guildhall.forum.v1.automation_pb2_grpc import (
    AutomationServiceServicer,
    add_AutomationServiceServicer_to_server,
)


class AutomationNotFoundError(NotFoundError):
    """As the forum's."""


def automation(number: int, **more: Any) -> pb.Automation:
    """Closes what is stale."""
    fields: dict[str, Any] = {
        "id": f"a{number}",
        "community_id": "c1",
        "name": f"Automation {number}",
        "trigger": pb.AUTOMATION_TRIGGER_STALE,
        "threshold": 30,
        "action": pb.AUTOMATION_ACTION_CLOSE,
        "close_reason": forum_pb2.CLOSE_REASON_OTHER,
        "create_time": time(number),
        "version": 2,
        **more,
    }
    return pb.Automation(**fields)


class AutomationStandIn(_StandIn, AutomationServiceServicer):
    """c1 has five automations; the first would act on three topics."""

    def __init__(self) -> None:
        super().__init__()
        self.automations = [automation(number) for number in range(1, 6)]
        self.automations[1] = automation(
            2,
            space_id="sp1",
            action=pb.AUTOMATION_ACTION_TAG,
            close_reason=0,
            tag="old",
            enabled=True,
        )

    async def ListAutomations(self, request: Any, _context: Any) -> Any:
        self.called("ListAutomations", request)
        rows, token = paged(
            request,
            self.automations,
            lambda row: encode_page_token(row.create_time.ToDatetime(UTC), row.id),
        )
        return pb.ListAutomationsResponse(automations=rows, next_page_token=token)

    async def PreviewAutomation(self, request: Any, _context: Any) -> Any:
        self.called("PreviewAutomation", request)
        matches = [
            pb.AutomationMatch(
                topic_id=f"t{number}",
                community_id="c1",
                act_time=time(number) if number == 2 else None,
                page_token=f"token-{number}",
            )
            for number in (1, 2, 3)
        ]
        rows, token = paged(request, matches, lambda row: row.page_token)
        return pb.PreviewAutomationResponse(matches=rows, next_page_token=token)

    async def CreateAutomation(self, request: Any, _context: Any) -> Any:
        self.called("CreateAutomation", request)
        return pb.CreateAutomationResponse(automation=automation(9, name=request.name))

    async def UpdateAutomation(self, request: Any, _context: Any) -> Any:
        self.called("UpdateAutomation", request)
        if request.automation_id == "gone":
            raise AutomationNotFoundError(field="automation_id")
        return pb.UpdateAutomationResponse(automation=automation(1, enabled=request.enabled))

    async def DeleteAutomation(self, request: Any, _context: Any) -> Any:
        self.called("DeleteAutomation", request)
        return pb.DeleteAutomationResponse()


def add_automation(servicer: AutomationStandIn) -> Callable[[aio.Server], None]:
    """For serving."""
    return lambda server: add_AutomationServiceServicer_to_server(servicer, server)

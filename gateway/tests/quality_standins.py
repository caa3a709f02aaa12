"""Stand-ins for what keeps a community's topics in order: real gRPC, canned rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Any

from grpc import aio

from chassis.errors import NotFoundError
from chassis.pagination import encode_page_token
from gateway.tests.standins import _StandIn, paged, space, time
from guildhall.forum.v1 import automation_pb2 as pb
from guildhall.forum.v1 import forum_pb2, seeding_pb2, vitality_pb2
from guildhall.forum.v1.automation_pb2_grpc import (
    AutomationServiceServicer,
    add_AutomationServiceServicer_to_server,
)
from guildhall.forum.v1.seeding_pb2_grpc import (
    SeedingServiceServicer,
    add_SeedingServiceServicer_to_server,
)
from guildhall.forum.v1.vitality_pb2_grpc import (
    VitalityServiceServicer,
    add_VitalityServiceServicer_to_server,
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
        self.automations[2] = automation(
            3, action=pb.AUTOMATION_ACTION_MOVE, close_reason=0, target_space_id="sp1"
        )
        self.automations[3] = automation(
            4, action=pb.AUTOMATION_ACTION_PIN, close_reason=0, pin_days=7
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
                skipped=number == 1,
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


class VitalityStandIn(_StandIn, VitalityServiceServicer):
    """Every space of c1 is warming, and has had three days."""

    async def BatchGetSpaceHealth(self, request: Any, _context: Any) -> Any:
        self.called("BatchGetSpaceHealth", request)
        return vitality_pb2.BatchGetSpaceHealthResponse(
            spaces=[
                vitality_pb2.SpaceHealth(
                    space_id=id_,
                    community_id="c1",
                    post_count=7,
                    answered_share=0.0,
                    compute_time=time(9),
                    latest_day=_day(id_, 3),
                )
                for id_ in request.space_ids
            ]
        )

    async def ListSpaceDays(self, request: Any, _context: Any) -> Any:
        self.called("ListSpaceDays", request)
        rows, token = paged(
            request,
            [_day(request.space_id, number) for number in (3, 2, 1)],
            lambda row: encode_page_token(
                row.day_time.ToDatetime(UTC),
                f"{row.space_id}:{row.day_time.ToDatetime(UTC):%Y-%m-%d}",
            ),
        )
        return vitality_pb2.ListSpaceDaysResponse(days=rows, next_page_token=token)

    async def KeepSpaceOpen(self, request: Any, _context: Any) -> Any:
        self.called("KeepSpaceOpen", request)
        kept = space(request.space_id)
        kept.kept_open = request.keep_open
        return vitality_pb2.KeepSpaceOpenResponse(space=kept)


def _day(space_id: str, number: int) -> vitality_pb2.SpaceDay:
    return vitality_pb2.SpaceDay(
        space_id=space_id,
        community_id="c1",
        day_time=time(number * 24 * 60),
        post_count=number,
        index=0.25 * number,
        vitality=forum_pb2.SPACE_VITALITY_WARMING,
    )


class SeedingStandIn(_StandIn, SeedingServiceServicer):
    """c1 has one seeding, of two items; the first came to topic 1."""

    def __init__(self) -> None:
        super().__init__()
        self.seeding = seeding_pb2.Seeding(
            id="s1",
            community_id="c1",
            space_id="sp1",
            name="First month",
            state=seeding_pb2.SEEDING_STATE_ACTIVE,
            owner_ids=["p1", "p2"],
            first_reply_hours=24,
            items=[
                seeding_pb2.SeedingItem(
                    id=f"s1.{number}",
                    community_id="c1",
                    title=f"Idea {number}",
                    kind=forum_pb2.TOPIC_KIND_QUESTION,
                    owner_id="p2",
                    state=number + 1 if number == 1 else 1,  # type: ignore[arg-type]
                    topic_id="t1" if number == 1 else "",
                )
                for number in (1, 2)
            ],
            create_time=time(0),
            version=3,
        )

    async def BatchGetSeedings(self, request: Any, _context: Any) -> Any:
        self.called("BatchGetSeedings", request)
        found = [self.seeding] if self.seeding.id in request.seeding_ids else []
        return seeding_pb2.BatchGetSeedingsResponse(seedings=found)

    async def ListSeedings(self, request: Any, _context: Any) -> Any:
        self.called("ListSeedings", request)
        return seeding_pb2.ListSeedingsResponse(seedings=[self.seeding])

    async def ListDueFirstReplies(self, request: Any, _context: Any) -> Any:
        self.called("ListDueFirstReplies", request)
        row = seeding_pb2.DueFirstReply(
            topic_id="t2", community_id="c1", due_time=time(7), page_token="token-t2"
        )
        return seeding_pb2.ListDueFirstRepliesResponse(due_first_replies=[row])

    async def GetSeedingReport(self, request: Any, _context: Any) -> Any:
        self.called("GetSeedingReport", request)
        week = seeding_pb2.SeedingWeek(week_time=time(0), seeded_count=2, organic_count=5)
        report = seeding_pb2.SeedingReport(
            seeding_id="s1", community_id="c1", weeks=[week], answer_count=4, end_day=_day("sp1", 3)
        )
        return seeding_pb2.GetSeedingReportResponse(report=report)

    async def CreateSeeding(self, request: Any, _context: Any) -> Any:
        self.called("CreateSeeding", request)
        return seeding_pb2.CreateSeedingResponse(seeding=self.seeding)

    async def UpdateSeeding(self, request: Any, _context: Any) -> Any:
        self.called("UpdateSeeding", request)
        return seeding_pb2.UpdateSeedingResponse(seeding=self.seeding)

    async def EndSeeding(self, request: Any, _context: Any) -> Any:
        self.called("EndSeeding", request)
        return seeding_pb2.EndSeedingResponse(seeding=self.seeding)

    async def AddSeedingItem(self, request: Any, _context: Any) -> Any:
        self.called("AddSeedingItem", request)
        return seeding_pb2.AddSeedingItemResponse(seeding=self.seeding)

    async def UpdateSeedingItem(self, request: Any, _context: Any) -> Any:
        self.called("UpdateSeedingItem", request)
        return seeding_pb2.UpdateSeedingItemResponse(seeding=self.seeding)


def add_seeding(servicer: SeedingStandIn) -> Callable[[aio.Server], None]:
    """For serving."""
    return lambda server: add_SeedingServiceServicer_to_server(servicer, server)


def add_vitality(servicer: VitalityStandIn) -> Callable[[aio.Server], None]:
    """For serving."""
    return lambda server: add_VitalityServiceServicer_to_server(servicer, server)


def add_automation(servicer: AutomationStandIn) -> Callable[[aio.Server], None]:
    """For serving."""
    return lambda server: add_AutomationServiceServicer_to_server(servicer, server)

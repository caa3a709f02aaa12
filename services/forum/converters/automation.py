"""Automations automations as protobuf messages."""

from __future__ import annotations

from datetime import datetime

from chassis.timestamps import timestamp_of
from guildhall.forum.v1 import automation_pb2 as pb
from guildhall.forum.v1 import forum_pb2
from services.forum.converters import enums
from services.forum.domain.automation import Action, Automation, Trigger
from services.forum.domain.topics import Topic

_TRIGGERS = {one: pb.AutomationTrigger.Value(f"AUTOMATION_TRIGGER_{one}") for one in Trigger}
_ACTIONS = {one: pb.AutomationAction.Value(f"AUTOMATION_ACTION_{one}") for one in Action}


def trigger(number: int) -> Trigger:
    """Refuses with FIELD_INVALID."""
    return enums.one_of(_TRIGGERS, number, "trigger")


def action(number: int) -> Action:
    """Refuses with FIELD_INVALID."""
    return enums.one_of(_ACTIONS, number, "action")


def automation_to_proto(automation: Automation) -> pb.Automation:
    """As managers see it."""
    why = automation.close_reason
    return pb.Automation(
        id=automation.id,
        community_id=automation.community_id,
        name=automation.name,
        enabled=automation.enabled,
        space_id=automation.space_id,
        trigger=_TRIGGERS[automation.trigger],
        threshold=automation.threshold,
        without_replies=automation.without_replies,
        action=_ACTIONS[automation.action],
        tag=automation.tag,
        close_reason=enums.CLOSE_REASONS[why] if why else forum_pb2.CLOSE_REASON_UNSPECIFIED,
        reason=automation.reason,
        version=automation.version,
        create_time=timestamp_of(automation.create_time),
        target_space_id=automation.target_space_id,
        pin_days=automation.pin_days,
    )


def match_to_proto(
    topic: Topic, page_token: str, act_time: datetime | None, *, skipped: bool
) -> pb.AutomationMatch:
    """A row of a preview."""
    return pb.AutomationMatch(
        topic_id=topic.id,
        community_id=topic.community_id,
        act_time=timestamp_of(act_time) if act_time else None,
        page_token=page_token,
        skipped=skipped,
    )

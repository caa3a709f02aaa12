"""Automations in GraphQL: their type, their lists, and what managers do with them."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from gateway import batches, quality_lists
from gateway.context import Info
from gateway.cursors import decode_id, encode_id
from gateway.errors import BadUserInputError
from gateway.loaders import Reference, filled
from gateway.schema.fields import fetched, paged
from gateway.schema.forum import Space, Topic
from gateway.schema.forum.inputs.base import Write, optional
from gateway.schema.forum.mutations.base import What
from gateway.schema.quality.scalars import AutomationAction, AutomationTrigger
from gateway.schema.relay import After, Before, Connection, First, Last
from gateway.schema.scalars import CloseReason, DateTime, unset_is_null
from gateway.schema.staff import community_of
from gateway.schema.writes import codes, expected_version, number, version, write
from guildhall.forum.v1 import automation_pb2

_MANAGER = ("COMMUNITY_NOT_FOUND", "ROLE_REQUIRED")
_FIELDS = ("TEXT_INVALID", "FIELD_INVALID", "TAGS_INVALID")


@strawberry.type(description="A topic for which an automation's trigger is true.")
class AutomationMatch:
    """forum.AutomationMatch."""

    act_time: DateTime | None = strawberry.field(
        description="When it was acted on; null where it was not."
    )
    topic: Topic | None = fetched(
        Reference(batches.topics, lambda row: (row.community_id, row.topic_id)), "The topic."
    )
    skipped: bool = strawberry.field(
        description="Of MOVE: it stays where it is, as not all its readers could follow, or the "
        "space would not take it."
    )


@strawberry.type(description="What looks after topics by itself: a trigger and an action.")
class Automation:
    """forum.Automation."""

    name: str = strawberry.field(description="Its name, which its entries among a topic's have.")
    enabled: bool = strawberry.field(description="Whether it acts.")
    trigger: AutomationTrigger = strawberry.field(description="When it acts.")
    threshold: int = strawberry.field(
        description="Hours, days, cases or score, as the trigger says."
    )
    without_replies: bool = strawberry.field(
        description="Of UNANSWERED: any reply of somebody else counts as an answer."
    )
    action: AutomationAction = strawberry.field(description="What it does.")
    create_time: DateTime = strawberry.field(description="When it was made.")
    version: int = strawberry.field(description="For expectedVersion.")

    @strawberry.field(description="The global id, opaque.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(encode_id("Automation", self.community_id, self.id))  # type: ignore[attr-defined]

    @strawberry.field(description="Of TAG: the tag that topics get.")
    def tag(self) -> str | None:
        return unset_is_null(self, "tag")

    @strawberry.field(description="Of CLOSE: why, from the list.")
    def close_reason(self) -> CloseReason | None:
        return unset_is_null(self, "close_reason")

    @strawberry.field(description="Of CLOSE: why, for all readers; of ESCALATE: for moderators.")
    def reason(self) -> str | None:
        return unset_is_null(self, "reason")

    @strawberry.field(description="Of PIN: for how many days.")
    def pin_days(self) -> int | None:
        return unset_is_null(self, "pin_days")

    space: Space | None = fetched(
        Reference(batches.spaces, lambda row: batches.key_of(row, row.space_id)),
        "The space it looks at; null: all spaces.",
    )
    target_space: Space | None = fetched(
        Reference(
            batches.spaces,
            lambda row: batches.key_of(row, row.target_space_id),
        ),
        "Of MOVE: where topics go.",
    )

    matches: Connection[AutomationMatch] | None = paged(
        quality_lists.automation_matches,
        "What it would act on now, enabled or not, and on what of it it has acted already. "
        "For managers. Codes: AUTOMATION_NOT_FOUND, BAD_USER_INPUT, ROLE_REQUIRED.",
    )


@strawberry.type
class AutomationQuery:
    """Root fields of automation."""

    @strawberry.field(
        metadata={"guildhall_cost": 5},
        description="A community's automations, the oldest first. For managers. "
        "Codes: BAD_USER_INPUT, COMMUNITY_NOT_FOUND, ROLE_REQUIRED.",
    )
    async def automations(
        self,
        info: Info,
        community_id: Annotated[strawberry.ID, strawberry.argument(description="Where.")],
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Automation] | None:
        community = community_of(community_id)
        arguments = {"first": first, "after": after, "last": last, "before": before}
        page = await quality_lists.automations(info.context, community, arguments)
        return await filled(info, page)


@strawberry.type
class _AutomationPayload:
    automation: Automation = strawberry.field(description="The automation as it is now.")


@strawberry.input(description="A new automation.")
class CreateAutomationInput(Write):
    """Of createAutomation."""

    community_id: strawberry.ID = strawberry.field(description="Where.")
    name: str = strawberry.field(description="Its name.")
    enabled: bool = strawberry.field(
        default=False, description="Whether it acts at once; its matches tell on what."
    )
    space_id: strawberry.ID | None = optional("In this space only; by default everywhere.")
    trigger: AutomationTrigger = strawberry.field(description="When it acts.")
    threshold: int = strawberry.field(
        description="UNANSWERED: 1 to 8,760 hours. STALE: 1 to 3,650 days. REPORTED: 1 to 100 "
        "flags. SCORE_REACHED: a score of 1 to 1,000,000."
    )
    without_replies: bool = strawberry.field(
        default=False,
        description="With UNANSWERED: any reply of somebody else counts as an answer.",
    )
    action: AutomationAction = strawberry.field(description="What it does.")
    tag: str = strawberry.field(default="", description="With TAG, and only there: the tag.")
    close_reason: CloseReason | None = optional("With CLOSE, and only there: why.")
    reason: str = strawberry.field(default="", description="With CLOSE or ESCALATE: more about it.")
    target_space_id: strawberry.ID | None = optional(
        "With MOVE, and only there: where to. Another space than spaceId, that one can read."
    )
    pin_days: int | None = optional("With PIN, and only there: for how many days, 1 to 365.")


@strawberry.type(description="The new automation.")
class CreateAutomationPayload(_AutomationPayload):
    """Of createAutomation."""


@strawberry.input(
    description="What changes; what is left out stays. Space, trigger and action stay: another "
    "trigger is another automation. Who leaves one with MOVE enabled, or names another target, "
    "must be able to read its spaces."
)
class UpdateAutomationInput(Write):
    """Of updateAutomation."""

    automation_id: strawberry.ID = strawberry.field(description="The automation.")
    name: str | None = optional("Its new name.")
    enabled: bool | None = optional("Whether it acts.")
    threshold: int | None = optional("Its new threshold.")
    without_replies: bool | None = optional(
        "Whether any reply of somebody else counts as an answer."
    )
    tag: str | None = optional("Its new tag.")
    close_reason: CloseReason | None = optional("Its new close reason.")
    reason: str | None = optional("Its new reason.")
    target_space_id: strawberry.ID | None = optional("Where topics go from now on.")
    pin_days: int | None = optional("For how many days topics are pinned from now on.")
    expected_version: int | None = expected_version()


@strawberry.type(description="The changed automation.")
class UpdateAutomationPayload(_AutomationPayload):
    """Of updateAutomation."""


@strawberry.input(description="Which automation to delete.")
class DeleteAutomationInput(Write):
    """Of deleteAutomation."""

    automation_id: strawberry.ID = strawberry.field(description="The automation.")
    expected_version: int | None = expected_version()


@strawberry.type(description="The automation that is no more.")
class DeleteAutomationPayload:
    """Of deleteAutomation."""

    automation_id: strawberry.ID = strawberry.field(description="Its global id.")


@strawberry.type
class AutomationMutation:
    """Automations."""

    @strawberry.mutation(
        description=codes(
            "Add an automation, at most 30 a community. It acts within minutes of being enabled, "
            "once on a topic for each time its trigger comes true. For managers.",
            "SPACE_NOT_FOUND", "TOO_MANY_AUTOMATIONS", *_FIELDS, *_MANAGER,
        )
    )  # fmt: skip
    async def create_automation(
        self, info: Info, input: Annotated[CreateAutomationInput, What]
    ) -> CreateAutomationPayload:
        community = decode_id(input.community_id, "communityId", "Community").id
        request = automation_pb2.CreateAutomationRequest(
            request_id=input.request_id,
            community_id=community,
            name=input.name,
            enabled=input.enabled,
            space_id=_space_within(community, input.space_id, "spaceId") or "",
            trigger=number(input.trigger),
            threshold=input.threshold,
            without_replies=input.without_replies,
            action=number(input.action),
            tag=input.tag,
            close_reason=number(input.close_reason),
            reason=input.reason,
            target_space_id=_space_within(community, input.target_space_id, "targetSpaceId") or "",
            pin_days=input.pin_days or 0,
        )
        return await write(info, info.context.services.automation.CreateAutomation, request)

    @strawberry.mutation(
        description=codes(
            "Change an automation, or switch it off. For managers.", "AUTOMATION_NOT_FOUND",
            "SPACE_NOT_FOUND", *_FIELDS, "VERSION_STALE", *_MANAGER,
        )
    )  # fmt: skip
    async def update_automation(
        self, info: Info, input: Annotated[UpdateAutomationInput, What]
    ) -> UpdateAutomationPayload:
        automation = decode_id(input.automation_id, "automationId", "Automation")
        request = automation_pb2.UpdateAutomationRequest(
            request_id=input.request_id,
            community_id=automation.community_id,
            automation_id=automation.id,
            name=input.name,
            enabled=input.enabled,
            threshold=input.threshold,
            without_replies=input.without_replies,
            tag=input.tag,
            close_reason=number(input.close_reason),
            reason=input.reason,
            expected_version=version(input),
            target_space_id=_space_within(
                automation.community_id, input.target_space_id, "targetSpaceId"
            ),
            pin_days=input.pin_days,
        )
        return await write(info, info.context.services.automation.UpdateAutomation, request)

    @strawberry.mutation(
        description=codes(
            "Delete an automation; what it did stays. For managers.", "AUTOMATION_NOT_FOUND",
            "VERSION_STALE", *_MANAGER,
        )
    )  # fmt: skip
    async def delete_automation(
        self, info: Info, input: Annotated[DeleteAutomationInput, What]
    ) -> DeleteAutomationPayload:
        automation = decode_id(input.automation_id, "automationId", "Automation")
        request = automation_pb2.DeleteAutomationRequest(
            request_id=input.request_id,
            community_id=automation.community_id,
            automation_id=automation.id,
            expected_version=version(input),
        )
        await write(info, info.context.services.automation.DeleteAutomation, request)
        return DeleteAutomationPayload(automation_id=input.automation_id)


def _space_within(community_id: str, id: Any, field: str) -> str | None:
    if id is None:
        return None
    found = decode_id(id, field, "Space")
    if found.community_id != community_id:
        raise BadUserInputError(f"{field} is of another community", field=field)
    return found.id

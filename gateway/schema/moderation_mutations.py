"""What moderators can do, in GraphQL: one mutation an RPC, named alike."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from gateway.context import Info
from gateway.cursors import decode_id
from gateway.schema.forum.inputs.base import reason_code
from gateway.schema.moderation import Case, Rule
from gateway.schema.scalars import ReasonCode
from gateway.schema.staff_scalars import CaseOutcome, PatternKind, RuleKind
from gateway.schema.writes import codes, expected_version, number, request_id, version, write
from guildhall.moderation.v1 import moderation_pb2

_What = strawberry.argument(description="What to do.")
_MODERATOR = ("COMMUNITY_NOT_FOUND", "ROLE_REQUIRED")
_PATTERN = ("PATTERN_INVALID", "TEXT_INVALID", "FIELD_INVALID")


def _optional(description: str) -> Any:
    return strawberry.field(default=None, description=description)


@strawberry.type
class _RulePayload:
    rule: Rule = strawberry.field(description="The rule as it is now.")


@strawberry.input(description="A new rule.")
class CreateRuleInput:
    """Of createRule."""

    request_id: str = request_id()
    community_id: strawberry.ID = strawberry.field(description="Where it applies.")
    kind: RuleKind = strawberry.field(description="What it does.")
    pattern_kind: PatternKind = strawberry.field(description="How its pattern is read.")
    pattern: str = strawberry.field(description="What it matches.")
    replacement: str = strawberry.field(
        default="", description="Of REPLACE: what stands in place of what matches; never empty."
    )
    message: str = strawberry.field(
        default="", description="What the author of a blocked post is told."
    )


@strawberry.type(description="The new rule.")
class CreateRulePayload(_RulePayload):
    """Of createRule."""


@strawberry.input(description="What changes; what is left out stays.")
class UpdateRuleInput:
    """Of updateRule."""

    request_id: str = request_id()
    rule_id: strawberry.ID = strawberry.field(description="The rule.")
    pattern: str | None = _optional("What it matches from now on.")
    replacement: str | None = _optional("Its new replacement.")
    message: str | None = _optional("Its new message.")
    enabled: bool | None = _optional("Whether it applies.")
    expected_version: int | None = expected_version()


@strawberry.type(description="The changed rule.")
class UpdateRulePayload(_RulePayload):
    """Of updateRule."""


@strawberry.input(description="Which rule to delete.")
class DeleteRuleInput:
    """Of deleteRule."""

    request_id: str = request_id()
    rule_id: strawberry.ID = strawberry.field(description="The rule.")
    expected_version: int | None = expected_version()


@strawberry.type(description="The rule that is no more.")
class DeleteRulePayload:
    """Of deleteRule."""

    rule_id: strawberry.ID = strawberry.field(description="Its global id.")


@strawberry.input(description="What is decided about a case.")
class DecideCaseInput:
    """Of decideCase."""

    request_id: str = request_id()
    case_id: strawberry.ID = strawberry.field(description="The case.")
    outcome: CaseOutcome = strawberry.field(description="What is decided.")
    reason: str = strawberry.field(
        default="", description="Why; the author sees it, and REJECT must say."
    )
    reason_code: ReasonCode | None = reason_code()
    expected_version: int | None = expected_version()


@strawberry.type(description="The decided case; its post follows within the second.")
class DecideCasePayload:
    """Of decideCase."""

    case: Case = strawberry.field(description="The case as it is now.")


@strawberry.type
class ModerationMutation:
    """Rules and cases."""

    @strawberry.mutation(
        description=codes(
            "Add a rule; it holds from the next post on. For moderators.", *_PATTERN,
            "TOO_MANY_RULES", *_MODERATOR,
        )
    )  # fmt: skip
    async def create_rule(
        self, info: Info, input: Annotated[CreateRuleInput, _What]
    ) -> CreateRulePayload:
        request = moderation_pb2.CreateRuleRequest(
            request_id=input.request_id,
            community_id=decode_id(input.community_id, "communityId", "Community").id,
            kind=number(input.kind),
            pattern_kind=number(input.pattern_kind),
            pattern=input.pattern,
            replacement=input.replacement,
            message=input.message,
        )
        return await write(info, info.context.services.moderation.CreateRule, request)

    @strawberry.mutation(
        description=codes(
            "Change a rule, or switch it off. For moderators.", "RULE_NOT_FOUND", *_PATTERN,
            "VERSION_STALE", *_MODERATOR,
        )
    )  # fmt: skip
    async def update_rule(
        self, info: Info, input: Annotated[UpdateRuleInput, _What]
    ) -> UpdateRulePayload:
        rule = decode_id(input.rule_id, "ruleId", "Rule")
        request = moderation_pb2.UpdateRuleRequest(
            request_id=input.request_id,
            community_id=rule.community_id,
            rule_id=rule.id,
            pattern=input.pattern,
            replacement=input.replacement,
            message=input.message,
            enabled=input.enabled,
            expected_version=version(input),
        )
        return await write(info, info.context.services.moderation.UpdateRule, request)

    @strawberry.mutation(
        description=codes(
            "Delete a rule. For moderators.", "RULE_NOT_FOUND", "VERSION_STALE", *_MODERATOR
        )
    )
    async def delete_rule(
        self, info: Info, input: Annotated[DeleteRuleInput, _What]
    ) -> DeleteRulePayload:
        rule = decode_id(input.rule_id, "ruleId", "Rule")
        request = moderation_pb2.DeleteRuleRequest(
            request_id=input.request_id,
            community_id=rule.community_id,
            rule_id=rule.id,
            expected_version=version(input),
        )
        await write(info, info.context.services.moderation.DeleteRule, request)
        return DeleteRulePayload(rule_id=input.rule_id)

    @strawberry.mutation(
        description=codes(
            "Approve or reject what waits; nobody decides on their own post. For moderators.",
            "CASE_NOT_FOUND", "CASE_DECIDED", "OWN_POST", "REASON_REQUIRED", "TEXT_INVALID",
            "VERSION_STALE", *_MODERATOR,
        )
    )  # fmt: skip
    async def decide_case(
        self, info: Info, input: Annotated[DecideCaseInput, _What]
    ) -> DecideCasePayload:
        case = decode_id(input.case_id, "caseId", "Case")
        request = moderation_pb2.DecideCaseRequest(
            request_id=input.request_id,
            community_id=case.community_id,
            case_id=case.id,
            outcome=number(input.outcome),
            reason=input.reason,
            reason_code=number(input.reason_code),
            expected_version=version(input),
        )
        return await write(info, info.context.services.moderation.DecideCase, request)

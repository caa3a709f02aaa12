"""What moderators do: write rules, decide cases. Each method is one atomic command."""

from __future__ import annotations

from dataclasses import replace

from chassis.actors import MODERATOR, Actor
from chassis.commands import Commands
from chassis.decisions import Decision, Ref, Seen, Write
from chassis.errors import check_version
from guildhall.moderation.v1 import domain_events_pb2
from guildhall.moderation.v1.moderation_pb2 import (
    CreateRuleRequest,
    CreateRuleResponse,
    DecideCaseRequest,
    DecideCaseResponse,
    DeleteRuleRequest,
    DeleteRuleResponse,
    UpdateRuleRequest,
    UpdateRuleResponse,
)
from services.moderation.converters import (
    approves,
    case_decided,
    case_to_proto,
    reason_code_from_request,
    rule_from_request,
    rule_to_proto,
)
from services.moderation.converters.patterns import check_pattern
from services.moderation.domain import Case, Policy, Rule, existing, policy_id
from services.moderation.repository import ModerationRepository


class ModerationUseCases:
    """Commands of moderators."""

    def __init__(self, commands: Commands, repository: ModerationRepository) -> None:
        self._commands = commands
        self._repository = repository

    async def create_rule(self, actor: Actor, request: CreateRuleRequest) -> CreateRuleResponse:
        """Add a rule; the first one makes the community's policy."""
        community_id = request.community_id
        actor.require_role(community_id, MODERATOR)
        asked = rule_from_request(self._commands.new_id(actor, request), request).checked()
        check_pattern(asked)

        def decide(seen: Seen[Policy]) -> Decision[Policy, CreateRuleResponse]:
            policy, rule = (seen.state or Policy()).add(asked)
            return Decision(
                policy,
                lambda version: CreateRuleResponse(rule=rule_to_proto(community_id, rule, version)),
                [_changed(seen)],
                writes=[self._audit(seen, actor, community_id, "CreateRule", rule)],
            )

        with self._repository.changing_policy(community_id):
            return await self._commands.run(actor, request, self._policy(community_id), decide)

    async def update_rule(self, actor: Actor, request: UpdateRuleRequest) -> UpdateRuleResponse:
        """Change what the request names; what stays the same says nothing."""
        community_id = request.community_id
        actor.require_role(community_id, MODERATOR)

        def decide(seen: Seen[Policy]) -> Decision[Policy, UpdateRuleResponse]:
            policy = seen.state or Policy()
            before = policy.rule(request.rule_id)
            check_version(seen.seq, request.expected_version)
            rule = _with_changes(before, request)
            if rule == before:
                return Decision(policy, lambda version: _updated(community_id, rule, version))
            check_pattern(rule)
            return Decision(
                policy.put(rule),
                lambda version: _updated(community_id, rule, version),
                [_changed(seen)],
                writes=[self._audit(seen, actor, community_id, "UpdateRule", rule)],
            )

        with self._repository.changing_policy(community_id):
            return await self._commands.run(actor, request, self._policy(community_id), decide)

    async def delete_rule(self, actor: Actor, request: DeleteRuleRequest) -> DeleteRuleResponse:
        """Take a rule away; posts it held keep their cases."""
        community_id = request.community_id
        actor.require_role(community_id, MODERATOR)

        def decide(seen: Seen[Policy]) -> Decision[Policy, DeleteRuleResponse]:
            policy = seen.state or Policy()
            rule = policy.rule(request.rule_id)
            check_version(seen.seq, request.expected_version)
            return Decision(
                policy.remove(rule.id),
                lambda version: DeleteRuleResponse(),
                [_changed(seen)],
                writes=[self._audit(seen, actor, community_id, "DeleteRule", rule)],
            )

        with self._repository.changing_policy(community_id):
            return await self._commands.run(actor, request, self._policy(community_id), decide)

    async def decide_case(self, actor: Actor, request: DecideCaseRequest) -> DecideCaseResponse:
        """Approve or reject; the forum hears of it and acts."""
        community_id = request.community_id
        actor.require_role(community_id, MODERATOR)
        approve = approves(request.outcome)
        code = reason_code_from_request(request.reason_code)

        def decide(seen: Seen[Case]) -> Decision[Case, DecideCaseResponse]:
            before = existing(seen.state)
            check_version(seen.seq, request.expected_version)
            case = before.decide(actor.person_id, approve, request.reason, seen.now.time, code)
            record = self._repository.audit(
                seen.now,
                community_id,
                actor.name,
                f"DecideCase {case.state.name}",
                case.id,
                case.reason,
            )
            return Decision(
                case,
                lambda version: DecideCaseResponse(case=case_to_proto(case, version)),
                [case_decided(case)],
                writes=[record, *self._repository.settling(case)],
            )

        target = self._repository.cases.ref(community_id, request.case_id)
        return await self._commands.run(actor, request, target, decide)

    def _policy(self, community_id: str) -> Ref[Policy]:
        return self._repository.policies.ref(community_id, policy_id(community_id))

    def _audit(
        self, seen: Seen[Policy], actor: Actor, community_id: str, action: str, rule: Rule
    ) -> Write:
        detail = f"{rule.kind.name} {rule.pattern_kind.name} {rule.pattern}"
        return self._repository.audit(seen.now, community_id, actor.name, action, rule.id, detail)


def _changed(seen: Seen[Policy]) -> domain_events_pb2.PolicyChanged:
    return domain_events_pb2.PolicyChanged(policy_version=str(seen.seq + 1))


def _updated(community_id: str, rule: Rule, version: int) -> UpdateRuleResponse:
    return UpdateRuleResponse(rule=rule_to_proto(community_id, rule, version))


def _with_changes(rule: Rule, request: UpdateRuleRequest) -> Rule:
    return replace(
        rule,
        pattern=request.pattern if request.HasField("pattern") else rule.pattern,
        replacement=(request.replacement if request.HasField("replacement") else rule.replacement),
        message=request.message if request.HasField("message") else rule.message,
        enabled=request.enabled if request.HasField("enabled") else rule.enabled,
    ).checked()

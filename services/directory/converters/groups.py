"""Groups and who is in them as protobuf messages, and their enums."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TypeVar

from chassis.errors import FieldInvalidError
from guildhall.directory.v1 import groups_pb2 as pb
from services.directory.converters import timestamp
from services.directory.domain.group import (
    NO_RULE,
    Group,
    GroupJoinPolicy,
    GroupMemberVisibility,
    GroupRule,
    GroupState,
    GroupVisibility,
    check_rule,
)
from services.directory.domain.group_member import (
    GroupMember,
    GroupMemberSource,
    GroupMemberState,
    GroupRole,
)

E = TypeVar("E", bound=StrEnum)

_VISIBILITIES = {
    one: pb.GroupVisibility.Value(f"GROUP_VISIBILITY_{one}") for one in GroupVisibility
}
_MEMBER_VISIBILITIES = {
    one: pb.GroupMemberVisibility.Value(f"GROUP_MEMBER_VISIBILITY_{one}")
    for one in GroupMemberVisibility
}
_JOIN_POLICIES = {
    one: pb.GroupJoinPolicy.Value(f"GROUP_JOIN_POLICY_{one}") for one in GroupJoinPolicy
}
_STATES = {one: pb.GroupState.Value(f"GROUP_STATE_{one}") for one in GroupState}
ROLES = {one: pb.GroupRole.Value(f"GROUP_ROLE_{one}") for one in GroupRole}
MEMBER_STATES = {
    one: pb.GroupMemberState.Value(f"GROUP_MEMBER_STATE_{one}") for one in GroupMemberState
}
_SOURCES = {
    one: pb.GroupMemberSource.Value(f"GROUP_MEMBER_SOURCE_{one}") for one in GroupMemberSource
}


def visibility_of(number: int) -> GroupVisibility | None:
    """None where it is unspecified. Refuses with FIELD_INVALID."""
    return _one_of(_VISIBILITIES, number, "visibility")


def member_visibility_of(number: int) -> GroupMemberVisibility | None:
    """None where it is unspecified. Refuses with FIELD_INVALID."""
    return _one_of(_MEMBER_VISIBILITIES, number, "member_visibility")


def join_policy_of(number: int) -> GroupJoinPolicy | None:
    """None where it is unspecified. Refuses with FIELD_INVALID."""
    return _one_of(_JOIN_POLICIES, number, "join_policy")


def group_role_of(number: int) -> GroupRole | None:
    """None where it is unspecified. Refuses with FIELD_INVALID."""
    return _one_of(ROLES, number, "role")


def member_state_of(number: int) -> GroupMemberState | None:
    """None where it is unspecified. Refuses with FIELD_INVALID."""
    return _one_of(MEMBER_STATES, number, "state")


def viewer_states_of(numbers: Iterable[int]) -> frozenset[GroupMemberState]:
    """Refuses with FIELD_INVALID."""
    states = [
        _one_of(MEMBER_STATES, number, f"viewer_states.{i}") for i, number in enumerate(numbers)
    ]
    if None in states:
        field = f"viewer_states.{states.index(None)}"
        raise FieldInvalidError(f"{field} must be a state", field=field)
    return frozenset(state for state in states if state is not None)


def rule_of(rule: pb.GroupRule) -> GroupRule:
    """Refuses with FIELD_INVALID, TEXT_INVALID."""
    return check_rule(
        rule.partner_types, rule.tiers, rule.verticals, rule.territories, rule.email_domains
    )


def group_to_proto(group: Group, version: int, member_count: int) -> pb.Group:
    """As whoever may see it does."""
    rule = None
    if group.rule != NO_RULE:
        rule = pb.GroupRule(
            partner_types=group.rule.partner_types,
            tiers=group.rule.tiers,
            verticals=group.rule.verticals,
            territories=group.rule.territories,
            email_domains=group.rule.email_domains,
        )
    return pb.Group(
        id=group.id,
        community_id=group.community_id,
        name=group.name,
        description=group.description,
        visibility=_VISIBILITIES[group.visibility],
        member_visibility=_MEMBER_VISIBILITIES[group.member_visibility],
        join_policy=_JOIN_POLICIES[group.join_policy],
        rule=rule,
        member_count=member_count,
        state=_STATES[group.state],
        create_time=timestamp(group.create_time),
        version=version,
    )


def group_member_to_proto(member: GroupMember, version: int) -> pb.GroupMember:
    """Ids only."""
    return pb.GroupMember(
        group_id=member.group_id,
        community_id=member.community_id,
        person_id=member.person_id,
        company_id=member.company_id,
        role=ROLES[member.role],
        state=MEMBER_STATES[member.state],
        source=_SOURCES[member.source],
        create_time=timestamp(member.create_time),
        update_time=timestamp(member.update_time),
        expire_time=timestamp(member.expire_time),
        version=version,
    )


def _one_of(values: Mapping[E, int], number: int, field: str) -> E | None:
    if not number:
        return None
    for value, its_number in values.items():
        if its_number == number:
            return value
    raise FieldInvalidError(f"{field} must be one of {', '.join(values)}", field=field)

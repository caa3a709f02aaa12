"""Groups and who is in them as stored documents and back: the field names."""

from __future__ import annotations

from chassis.decisions import Document
from services.directory.domain.enrolment import enrolment_id
from services.directory.domain.fields import fold
from services.directory.domain.group import (
    Group,
    GroupJoinPolicy,
    GroupMemberVisibility,
    GroupRule,
    GroupState,
    GroupVisibility,
)
from services.directory.domain.group_member import (
    GroupMember,
    GroupMemberSource,
    GroupMemberState,
    GroupRole,
)
from services.directory.repository.documents import member_id

_RULE = ("partner_types", "tiers", "verticals", "territories", "email_domains")


def load_group(document: Document) -> Group:
    """From collection groups."""
    return Group(
        document["_id"],
        document["community_id"],
        document["name"],
        document["create_time"],
        document["description"],
        GroupVisibility(document["visibility"]),
        GroupMemberVisibility(document["member_visibility"]),
        GroupJoinPolicy(document["join_policy"]),
        GroupRule(**{name: tuple(document["rule"][name]) for name in _RULE}),
        GroupState(document["state"]),
    )


def dump_group(group: Group) -> Document:
    """For collection groups."""
    return {
        "name": group.name,
        "folded_name": fold(group.name),
        "create_time": group.create_time,
        "description": group.description,
        "visibility": group.visibility.value,
        "member_visibility": group.member_visibility.value,
        "join_policy": group.join_policy.value,
        "rule": {name: list(getattr(group.rule, name)) for name in _RULE},
        "state": group.state.value,
        "read_keys": group.read_keys,
    }


def load_group_member(document: Document) -> GroupMember:
    """From collection group_members."""
    return GroupMember(
        document["group_id"],
        document["community_id"],
        document["person_id"],
        document["company_id"],
        document["member_since"],
        GroupMemberState(document["state"]),
        GroupMemberSource(document["source"]),
        document["create_time"],
        document["update_time"],
        GroupRole(document["role"]),
        document["expire_time"],
    )


def dump_group_member(member: GroupMember) -> Document:
    """For collection group_members, with what joins the member and the enrolment."""
    return {
        "group_id": member.group_id,
        "person_id": member.person_id,
        "company_id": member.company_id,
        "member_since": member.member_since,
        "state": member.state.value,
        "source": member.source.value,
        "create_time": member.create_time,
        "update_time": member.update_time,
        "role": member.role.value,
        "expire_time": member.expire_time,
        "member_id": member_id(member.community_id, member.person_id),
        "enrolment_id": enrolment_id(member.community_id, member.company_id),
    }

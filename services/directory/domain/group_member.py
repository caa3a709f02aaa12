"""A person in a group: what becomes of invitations, requests and memberships, and of whose choice.

What somebody is in a group holds for one membership of the community only: whoever leaves the
community, or comes back on behalf of another company, comes to its groups anew.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from services.directory.domain.group import Group, GroupJoinPolicy
from services.directory.domain.person import Membership, Person
from services.directory.domain.refusals import (
    GroupMemberByRuleError,
    GroupMemberExcludedError,
    GroupMemberNotFoundError,
    GroupMemberSuspendedError,
    GroupNotOpenError,
    MemberNotFoundError,
    TooManyGroupsError,
)

MOST_OF_ONE = 50  # groups that one person is in, or may come to be in, in one community


class GroupRole(StrEnum):
    """What a member may do in a group."""

    MEMBER = "MEMBER"
    MODERATOR = "MODERATOR"
    OWNER = "OWNER"


class GroupMemberState(StrEnum):
    """How a person stands to a group; only ACTIVE gives its key."""

    INVITED = "INVITED"
    REQUESTED = "REQUESTED"
    ACTIVE = "ACTIVE"
    DECLINED = "DECLINED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"
    LEFT = "LEFT"
    REMOVED = "REMOVED"
    SUSPENDED = "SUSPENDED"
    EXCLUDED = "EXCLUDED"


class GroupMemberSource(StrEnum):
    """What brought a person to a group."""

    SELF = "SELF"
    REQUEST = "REQUEST"
    INVITATION = "INVITATION"
    RULE = "RULE"
    MANAGER = "MANAGER"


# What ends with the membership of the community, and how.
_ENDS_AS = {
    GroupMemberState.ACTIVE: GroupMemberState.LEFT,
    GroupMemberState.REQUESTED: GroupMemberState.LEFT,
    GroupMemberState.INVITED: GroupMemberState.EXPIRED,
}
PENDING = frozenset(_ENDS_AS)  # what counts towards MOST_OF_ONE


@dataclass(frozen=True, slots=True)
class GroupMember:
    """One a group and person, kept whatever becomes of it."""

    group_id: str
    community_id: str
    person_id: str
    company_id: str  # with `member_since`, of which membership of the community it holds
    member_since: datetime
    state: GroupMemberState
    source: GroupMemberSource
    create_time: datetime
    update_time: datetime  # since when the state is this
    role: GroupRole = GroupRole.MEMBER
    expire_time: datetime | None = None  # of an invitation

    @property
    def active(self) -> bool:
        """Whether the person is in the group."""
        return self.state is GroupMemberState.ACTIVE

    @property
    def owner(self) -> bool:
        """Whether the group is the person's."""
        return self.active and self.role is GroupRole.OWNER

    @property
    def sees_group(self) -> bool:
        """Whether a group that is hidden is not from this person."""
        return self.state in (GroupMemberState.ACTIVE, GroupMemberState.INVITED)

    def of(self, membership: Membership | None) -> bool:
        """Whether it holds for this membership of the community, which has not ended."""
        return (
            membership is not None
            and membership.end_time is None
            and (membership.company_id, membership.join_time)
            == (self.company_id, self.member_since)
        )

    def as_of(self, membership: Membership | None, at: datetime) -> GroupMember:
        """What has become of it by what the person is in the community, and by time."""
        if self.state in _ENDS_AS and not self.of(membership):
            return self._in(_ENDS_AS[self.state], at)
        invited = self.state is GroupMemberState.INVITED
        if invited and self.expire_time is not None and self.expire_time <= at:
            return self._in(GroupMemberState.EXPIRED, self.expire_time)
        return self

    def leave(self, at: datetime) -> GroupMember:
        """By one's own choice; also what one has asked for.

        Refuses with GROUP_MEMBER_NOT_FOUND, GROUP_MEMBER_BY_RULE, GROUP_MEMBER_SUSPENDED.
        """
        if self.state is GroupMemberState.SUSPENDED:
            raise GroupMemberSuspendedError(field="group_id")
        if self.state not in (GroupMemberState.ACTIVE, GroupMemberState.REQUESTED):
            raise GroupMemberNotFoundError(field="group_id")
        if self.source is GroupMemberSource.RULE:
            raise GroupMemberByRuleError(field="group_id")
        return self._in(GroupMemberState.LEFT, at)

    def _in(self, state: GroupMemberState, at: datetime) -> GroupMember:
        """In another state, with the role that was given but where somebody comes anew."""
        return replace(self, state=state, update_time=at, expire_time=None)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person beside a group: their membership of the community, and how they stand to it."""

    group: Group
    person_id: str
    membership: Membership | None  # ended or not
    before: GroupMember | None  # as of now
    at: datetime

    def comes(self, state: GroupMemberState, source: GroupMemberSource) -> GroupMember:
        """To the group anew, as a member like others. Refuses with MEMBER_NOT_FOUND."""
        if self.membership is None or self.membership.end_time is not None:
            raise MemberNotFoundError(field="person_id")
        return GroupMember(
            self.group.id,
            self.group.community_id,
            self.person_id,
            self.membership.company_id,
            self.membership.join_time,
            state,
            source,
            self.before.create_time if self.before else self.at,
            self.at,
        )

    def join(self) -> GroupMember:
        """By one's own choice. Refuses as `check_welcome` does, and with GROUP_NOT_OPEN."""
        state = self.before.state if self.before else None
        if self.before is not None and state in (
            GroupMemberState.ACTIVE,
            GroupMemberState.REQUESTED,
        ):
            return self.before
        self.check_welcome("group_id")
        if state is GroupMemberState.INVITED:
            return self.comes(GroupMemberState.ACTIVE, GroupMemberSource.INVITATION)
        if self.group.join_policy is GroupJoinPolicy.OPEN:
            return self.comes(GroupMemberState.ACTIVE, GroupMemberSource.SELF)
        if self.group.join_policy is GroupJoinPolicy.REQUEST:
            return self.comes(GroupMemberState.REQUESTED, GroupMemberSource.REQUEST)
        raise GroupNotOpenError(field="group_id")

    def check_room(self, after: GroupMember, *, full: bool) -> None:
        """Refuses with TOO_MANY_GROUPS where the person is in as many and this is one more."""
        if (
            full
            and after.state in PENDING
            and (self.before is None or self.before.state not in PENDING)
        ):
            raise TooManyGroupsError(field="group_id")

    def check_welcome(self, field: str) -> None:
        """Refuses with GROUP_ARCHIVED, GROUP_MEMBER_EXCLUDED, GROUP_MEMBER_SUSPENDED."""
        self.group.open()
        if self.before is not None and self.before.state is GroupMemberState.EXCLUDED:
            raise GroupMemberExcludedError(field=field)
        if self.before is not None and self.before.state is GroupMemberState.SUSPENDED:
            raise GroupMemberSuspendedError(field=field)


def found(group: Group, person: Person, at: datetime) -> GroupMember | None:
    """The first owner of a new group; None where its maker is no member of the community."""
    membership = person.find_membership(group.community_id)
    if membership is None or membership.end_time is not None:
        return None
    first = Candidate(group, person.id, membership, None, at)
    member = first.comes(GroupMemberState.ACTIVE, GroupMemberSource.MANAGER)
    return replace(member, role=GroupRole.OWNER)


def group_member_id(group_id: str, person_id: str) -> str:
    """One a group and person."""
    return f"{group_id}-{person_id}"

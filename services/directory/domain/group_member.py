"""A person in a group: what becomes of invitations, requests and memberships, and of whose choice.

What somebody is in a group holds for one membership of the community only: whoever leaves the
community, or comes back on behalf of another company, comes to its groups anew.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from services.directory.domain.person import Membership
from services.directory.domain.refusals import (
    GroupInvitationNotFoundError,
    GroupMemberByRuleError,
    GroupMemberNotFoundError,
    GroupMemberStateInvalidError,
    GroupMemberSuspendedError,
    GroupRequestNotFoundError,
)

MOST_OF_ONE = 50  # groups that one person is in, or may come to be in, in one community
INVITATION = timedelta(days=30)
LONGEST_INVITATION = timedelta(days=90)


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
_SUSPENDED = GroupMemberState.SUSPENDED
_WITHIN = (GroupMemberState.ACTIVE, _SUSPENDED)


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
    def moderator(self) -> bool:
        """Whether the person is, or would be but for a suspension, one of its moderators."""
        suspended = self.state is GroupMemberState.SUSPENDED
        return self.role is not GroupRole.MEMBER and (self.active or suspended)

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
            return self.into(_ENDS_AS[self.state], at)
        invited = self.state is GroupMemberState.INVITED
        if invited and self.expire_time is not None and self.expire_time <= at:
            return self.into(GroupMemberState.EXPIRED, self.expire_time)
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
        return self.into(GroupMemberState.LEFT, at)

    def decline(self, at: datetime) -> GroupMember:
        """Not wanting in. Refuses with GROUP_INVITATION_NOT_FOUND."""
        return self.invited().into(GroupMemberState.DECLINED, at)

    def reject(self, at: datetime) -> GroupMember:
        """Not let in. Refuses with GROUP_REQUEST_NOT_FOUND."""
        return self.requested().into(GroupMemberState.REJECTED, at)

    def remove(self, at: datetime) -> GroupMember:
        """By who moderates; also an invitation.

        Refuses with GROUP_MEMBER_STATE_INVALID, GROUP_MEMBER_BY_RULE.
        """
        if self.state is not GroupMemberState.INVITED and self.state not in _WITHIN:
            raise GroupMemberStateInvalidError(field="person_id")
        if self.source is GroupMemberSource.RULE:
            raise GroupMemberByRuleError(field="person_id")
        return self.into(GroupMemberState.REMOVED, at)

    def suspend(self, at: datetime) -> GroupMember:
        """In it, but without its key. Refuses with GROUP_MEMBER_STATE_INVALID."""
        if self.state not in _WITHIN:
            raise GroupMemberStateInvalidError(field="state")
        return self if self.state is not GroupMemberState.ACTIVE else self.into(_SUSPENDED, at)

    def with_role(self, role: GroupRole) -> GroupMember:
        """Refuses with GROUP_MEMBER_STATE_INVALID who is not in it."""
        if not self.active and role is not self.role:
            raise GroupMemberStateInvalidError(field="role")
        return replace(self, role=role)

    def invited(self) -> GroupMember:
        """This one, who is invited. Refuses with GROUP_INVITATION_NOT_FOUND."""
        if self.state is not GroupMemberState.INVITED:
            raise GroupInvitationNotFoundError(field="group_id")
        return self

    def requested(self) -> GroupMember:
        """This one, who has asked to come in. Refuses with GROUP_REQUEST_NOT_FOUND."""
        if self.state is not GroupMemberState.REQUESTED:
            raise GroupRequestNotFoundError(field="person_id")
        return self

    def into(self, state: GroupMemberState, at: datetime) -> GroupMember:
        """In another state; the role goes with who goes."""
        role = self.role if state in _WITHIN else GroupRole.MEMBER
        return replace(self, state=state, role=role, update_time=at, expire_time=None)


def group_member_id(group_id: str, person_id: str) -> str:
    """One a group and person."""
    return f"{group_id}-{person_id}"

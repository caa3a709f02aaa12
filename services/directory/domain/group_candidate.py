"""Somebody beside a group: how they come in, and what its moderators make of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from services.directory.domain.group import Facts, Group, GroupJoinPolicy
from services.directory.domain.group_member import (
    PENDING,
    GroupMember,
    GroupMemberSource,
    GroupMemberState,
    GroupRole,
)
from services.directory.domain.person import Membership, Person
from services.directory.domain.refusals import (
    AlreadyGroupMemberError,
    GroupInvitationNotFoundError,
    GroupMemberByRuleError,
    GroupMemberExcludedError,
    GroupMemberNotFoundError,
    GroupMemberStateInvalidError,
    GroupMemberSuspendedError,
    GroupNotOpenError,
    GroupRequestNotFoundError,
    MemberNotFoundError,
    TooManyGroupsError,
)

_ACTIVE = GroupMemberState.ACTIVE
# How those stand whom a rule that matches leaves as they are.
_KEPT = (_ACTIVE, GroupMemberState.SUSPENDED, GroupMemberState.EXCLUDED)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person beside a group: their membership of the community, and how they stand to it."""

    group: Group
    person_id: str
    membership: Membership | None  # ended or not
    before: GroupMember | None  # as of now
    at: datetime
    facts: Facts | None = None  # where it is asked whether the group's rule takes the person in

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
            _ACTIVE,
            GroupMemberState.REQUESTED,
        ):
            return self.before
        self.check_welcome("group_id")
        if state is GroupMemberState.INVITED:
            return self.comes(_ACTIVE, GroupMemberSource.INVITATION)
        if self.group.join_policy is GroupJoinPolicy.OPEN:
            return self.comes(_ACTIVE, GroupMemberSource.SELF)
        if self.group.join_policy is GroupJoinPolicy.REQUEST:
            return self.comes(GroupMemberState.REQUESTED, GroupMemberSource.REQUEST)
        raise GroupNotOpenError(field="group_id")

    def invite(self, until: datetime) -> GroupMember:
        """Asked in; who has asked to come in is in.

        Refuses as `check_welcome` does, and with MEMBER_NOT_FOUND, ALREADY_GROUP_MEMBER.
        """
        self.check_welcome("person_id")
        if self.before is not None and self.before.active:
            raise AlreadyGroupMemberError(field="person_id")
        if self.before is not None and self.before.state is GroupMemberState.REQUESTED:
            return self.comes(_ACTIVE, GroupMemberSource.REQUEST)
        invited = self.comes(GroupMemberState.INVITED, GroupMemberSource.INVITATION)
        return replace(invited, expire_time=until)

    def answer(self, *, accept: bool) -> GroupMember:
        """Of one's invitation. Refuses with GROUP_ARCHIVED, GROUP_INVITATION_NOT_FOUND."""
        if self.before is None:
            raise GroupInvitationNotFoundError(field="group_id")
        if not accept:
            return self.before.decline(self.at)
        self.group.open()
        self.before.invited()
        return self.comes(_ACTIVE, GroupMemberSource.INVITATION)

    def decide(self, *, approve: bool) -> GroupMember:
        """Of somebody's request. Refuses with GROUP_ARCHIVED, GROUP_REQUEST_NOT_FOUND."""
        self.group.open()
        if self.before is None:
            raise GroupRequestNotFoundError(field="person_id")
        if not approve:
            return self.before.reject(self.at)
        self.before.requested()
        return self.comes(_ACTIVE, GroupMemberSource.REQUEST)

    def exclude(self) -> GroupMember:
        """Out of it for good, whoever was never in too. Refuses with MEMBER_NOT_FOUND."""
        excluded = GroupMemberState.EXCLUDED
        if self.before is None:
            return self.comes(excluded, GroupMemberSource.MANAGER)
        return self.before if self.before.state is excluded else self.before.into(excluded, self.at)

    def lift(self) -> GroupMember:
        """A suspension or exclusion: who was suspended is in again, who was excluded may come.

        Where the person has left the community meanwhile, or the rule that took them in does not
        match any more, they have left. Refuses with GROUP_MEMBER_NOT_FOUND,
        GROUP_MEMBER_STATE_INVALID.
        """
        before = self.existing()
        if before.state is _ACTIVE:
            return before
        if before.state is GroupMemberState.EXCLUDED:
            return self._anew_by_rule(before)
        if before.state is not GroupMemberState.SUSPENDED:
            raise GroupMemberStateInvalidError(field="state")
        by_rule = before.source is GroupMemberSource.RULE
        if before.of(self.membership) and (self.matched or not by_rule):
            return before.into(_ACTIVE, self.at)
        return self._anew_by_rule(before)

    def _anew_by_rule(self, before: GroupMember) -> GroupMember:
        if self.matched:
            return self.comes(_ACTIVE, GroupMemberSource.RULE)
        return before.into(GroupMemberState.LEFT, self.at)

    def leave(self) -> GroupMember:
        """By one's own choice; also what one has asked for.

        Refuses with GROUP_MEMBER_NOT_FOUND, GROUP_MEMBER_BY_RULE, GROUP_MEMBER_SUSPENDED.
        """
        after = self.existing("group_id").leave(self.at)
        if self.matched:
            raise GroupMemberByRuleError(field="group_id")
        return after

    def remove(self) -> GroupMember:
        """By who moderates. Refuses as `existing` and GroupMember's `remove` do."""
        after = self.existing().remove(self.at)
        if self.matched:
            raise GroupMemberByRuleError(field="person_id")
        return after

    def existing(self, field: str = "person_id") -> GroupMember:
        """How the person stands to it. Refuses with GROUP_MEMBER_NOT_FOUND."""
        if self.before is None:
            raise GroupMemberNotFoundError(field=field)
        return self.before

    def by_rule(self) -> GroupMember | None:
        """As the group's rule has it: in where it matches, out again where it took somebody in.

        Whoever came otherwise, or is kept out, stays so; in an archived group everybody does.
        """
        before = self.before
        if self.group.archived:
            return before
        if self.matched:
            kept = before is not None and before.state in _KEPT
            return before if kept else self.comes(_ACTIVE, GroupMemberSource.RULE)
        if before is not None and before.active and before.source is GroupMemberSource.RULE:
            return before.into(GroupMemberState.LEFT, self.at)
        return before

    @property
    def matched(self) -> bool:
        """Whether the group's rule takes the person in."""
        here = self.membership is not None and self.membership.end_time is None
        return here and self.facts is not None and self.group.takes(self.facts)

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
    member = first.comes(_ACTIVE, GroupMemberSource.MANAGER)
    return replace(member, role=GroupRole.OWNER)

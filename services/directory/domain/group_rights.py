"""Who may see a group and who is in it, and who may change either."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from chassis.actors import MANAGER, Actor
from chassis.errors import RoleRequiredError
from services.directory.domain.group import (
    Group,
    GroupMemberVisibility,
    group_key,
    groups_of,
)
from services.directory.domain.group_member import GroupMember, GroupMemberState, GroupRole
from services.directory.domain.refusals import GroupNotFoundError, LastOwnerError
from services.directory.domain.rights import keyring_for

_RANKS = {GroupRole.MEMBER: 1, GroupRole.MODERATOR: 2, GroupRole.OWNER: 3}
_MANAGER = 4


@dataclass(frozen=True, slots=True)
class GroupReader:
    """The caller beside the groups of one community, with what they are in them as of now."""

    person_id: str
    keys: frozenset[str] | None  # None: no wall stops a service or OPERATOR
    manages: bool
    own: Mapping[str, GroupMember]

    def sees(self, group: Group) -> bool:
        """Whether the group is there for the caller."""
        return self.keys is None or not self.keys.isdisjoint(group.read_keys)

    def moderates(self, group: Group) -> bool:
        """Whether the caller is among those who let in and remove."""
        return self._rank(group) >= _RANKS[GroupRole.MODERATOR]

    def owns(self, group: Group) -> bool:
        """Whether the caller decides what the group is."""
        return self._rank(group) >= _RANKS[GroupRole.OWNER]

    def sees_state(self, group: Group, state: GroupMemberState) -> bool:
        """Whether the caller may know who stands so to it, beside themselves."""
        if self.moderates(group) or self.keys is None:
            return True
        if state is not GroupMemberState.ACTIVE:
            return False
        if group.member_visibility is GroupMemberVisibility.MEMBERS:
            return self._rank(group) > 0
        return group.member_visibility is GroupMemberVisibility.COMMUNITY

    def visible(self, group: Group | None) -> Group:
        """Refuses with GROUP_NOT_FOUND."""
        if group is None or not self.sees(group):
            raise GroupNotFoundError(field="group_id")
        return group

    def owned(self, group: Group | None) -> Group:
        """Refuses with GROUP_NOT_FOUND, ROLE_REQUIRED."""
        group = self.visible(group)
        if not self.owns(group):
            raise RoleRequiredError("this needs the group's role OWNER, or the role MANAGER")
        return group

    def moderated(self, group: Group | None) -> Group:
        """Refuses with GROUP_NOT_FOUND, ROLE_REQUIRED."""
        group = self.visible(group)
        if not self.moderates(group):
            raise RoleRequiredError("this needs the group's role MODERATOR, or the role MANAGER")
        return group

    def check_above(self, group: Group, member: GroupMember | None) -> None:
        """Moderators do nothing to each other and to owners. Refuses with ROLE_REQUIRED."""
        if member is not None and member.moderator:
            self.owned(group)

    def check_dispensable(
        self, before: GroupMember | None, after: GroupMember, *, last: bool
    ) -> None:
        """Refuses with LAST_OWNER where it leaves none, as far as is known before deciding.

        Two owners who go at once may leave none: MANAGER makes a new one.
        """
        if before is not None and before.owner and not after.owner and last and not self.manages:
            raise LastOwnerError(field="group_id")

    def _rank(self, group: Group) -> int:
        if self.manages:
            return _MANAGER
        own = self.own.get(group.id)
        return _RANKS[own.role] if own is not None and own.active else 0


def group_reader(actor: Actor, community_id: str, own: Iterable[GroupMember]) -> GroupReader:
    """By what the caller is in groups now: the token's keys of groups may be older.

    Refuses outsiders with COMMUNITY_NOT_FOUND.
    """
    by_group = {member.group_id: member for member in own}
    keyring = keyring_for(actor, community_id)
    keys = None
    if keyring is not None:
        of_groups = {group_key(group_id) for group_id in groups_of(keyring)}
        seen = {group_key(member.group_id) for member in by_group.values() if member.sees_group}
        keys = frozenset(keyring) - of_groups | seen
    manages = actor.operator or actor.has_role(community_id, MANAGER)
    return GroupReader(actor.person_id, keys, manages, by_group)

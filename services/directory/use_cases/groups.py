"""What is done to groups. Each method is one atomic command."""

from __future__ import annotations

from chassis.actors import GROUP_MODERATOR, MANAGER, Actor
from chassis.commands import Commands
from chassis.decisions import Decision, Seen
from chassis.errors import RequestIdReusedError, RoleRequiredError, check_version
from chassis.texts import check_body
from guildhall.directory.v1 import domain_events_pb2 as events
from guildhall.directory.v1 import groups_pb2 as pb
from services.directory.converters.groups import (
    group_to_proto,
    join_policy_of,
    member_visibility_of,
    rule_of,
    visibility_of,
)
from services.directory.domain import fields
from services.directory.domain.group import (
    Group,
    GroupJoinPolicy,
    GroupMemberVisibility,
    GroupVisibility,
)
from services.directory.domain.group_candidate import found
from services.directory.domain.refusals import TooManyGroupsError
from services.directory.domain.rights import keyring_for
from services.directory.repository import DirectoryRepository
from services.directory.use_cases.changes import Trail, action_of
from services.directory.use_cases.group_places import Place, changed_member

MOST_GROUPS = 500  # that go on, of one community


class GroupUseCases:
    """Groups: made, changed, archived."""

    def __init__(self, commands: Commands, repository: DirectoryRepository) -> None:
        self._commands = commands
        self._repository = repository

    async def create_group(
        self, actor: Actor, request: pb.CreateGroupRequest
    ) -> pb.CreateGroupResponse:
        """Names are told apart by a unique index; who makes it owns it."""
        community_id = request.community_id
        keyring_for(actor, community_id)
        if not (
            actor.operator
            or actor.has_role(community_id, MANAGER)
            or actor.has_role(community_id, GROUP_MODERATOR)
        ):
            raise RoleRequiredError("this needs the role GROUP_MODERATOR or MANAGER")
        name = fields.check_name(request.name, "name")
        description = _description(request.description)
        visibility = visibility_of(request.visibility) or GroupVisibility.COMMUNITY
        member_visibility = member_visibility_of(request.member_visibility)
        join_policy = join_policy_of(request.join_policy) or GroupJoinPolicy.INVITE_ONLY
        rule = rule_of(request.rule)
        group_id = self._commands.new_id(actor, request)
        await self._repository.get_community(community_id, "", None)
        full = await self._repository.count_groups(community_id, MOST_GROUPS) >= MOST_GROUPS
        place = Place(actor, community_id, group_id, actor.person_id)
        trail = Trail(actor, action_of(request))

        def decide(seen: Seen[Group]) -> Decision[Group, pb.CreateGroupResponse]:
            if seen.state is not None:
                raise RequestIdReusedError(field="request_id")
            group = Group(
                group_id,
                community_id,
                name,
                seen.now.time,
                description,
                visibility,
                member_visibility or GroupMemberVisibility.COMMUNITY,
                join_policy,
                rule,
            ).checked()
            if full:
                raise TooManyGroupsError(field="community_id")
            person = seen.other(place.person)
            owner = found(group, person, seen.now.time) if person else None
            return Decision(
                group,
                lambda version: pb.CreateGroupResponse(
                    group=group_to_proto(group, version, int(owner is not None))
                ),
                [events.GroupCreated(group_id=group_id)],
                writes=[
                    trail.entry(seen.now, community_id, "group", group_id),
                    *([self._repository.group_count(group, 1)] if owner else ()),
                ],
                others=[place.member.put(owner, [changed_member(None, owner)])] if owner else (),
            )

        target = place.group.along(*place.callers)
        return await self._commands.run(actor, request, target, decide)

    async def update_group(
        self, actor: Actor, request: pb.UpdateGroupRequest
    ) -> pb.UpdateGroupResponse:
        """What is not given stays; who is in by another rule follows."""
        given = request.HasField
        name = fields.check_name(request.name, "name") if given("name") else None
        description = _description(request.description) if given("description") else None
        visibility = visibility_of(request.visibility)
        member_visibility = member_visibility_of(request.member_visibility)
        join_policy = join_policy_of(request.join_policy)
        rule = rule_of(request.rule) if given("rule") else None
        members = await self._repository.count_members(request.community_id, request.group_id)
        place = Place.of(actor, request)
        trail = Trail(actor, action_of(request))

        def decide(seen: Seen[Group]) -> Decision[Group, pb.UpdateGroupResponse]:
            before = place.reader(seen).owned(seen.state)
            check_version(seen.seq, request.expected_version)
            group = before.changed(
                name=name,
                description=description,
                visibility=visibility,
                member_visibility=member_visibility,
                join_policy=join_policy,
                rule=rule,
            )
            changed = group != before
            event = events.GroupUpdated(group_id=group.id, rule_changed=group.rule != before.rule)
            entry = trail.entry(seen.now, group.community_id, "group", group.id)
            return Decision(
                group,
                lambda version: pb.UpdateGroupResponse(
                    group=group_to_proto(group, version, members)
                ),
                [event] if changed else [],
                writes=[entry] if changed else [],
            )

        target = place.group.along(*place.callers)
        return await self._commands.run(actor, request, target, decide)

    async def archive_group(
        self, actor: Actor, request: pb.ArchiveGroupRequest
    ) -> pb.ArchiveGroupResponse:
        """Its key is nobody's from now on; who was in it stays written down."""
        members = await self._repository.count_members(request.community_id, request.group_id)
        place = Place.of(actor, request)
        trail = Trail(actor, action_of(request))

        def decide(seen: Seen[Group]) -> Decision[Group, pb.ArchiveGroupResponse]:
            before = place.reader(seen).owned(seen.state)
            check_version(seen.seq, request.expected_version)
            group = before.archive()
            return Decision(
                group,
                lambda version: pb.ArchiveGroupResponse(
                    group=group_to_proto(group, version, members)
                ),
                [events.GroupArchived(group_id=group.id)],
                writes=[trail.entry(seen.now, group.community_id, "group", group.id)],
            )

        target = place.group.along(*place.callers)
        return await self._commands.run(actor, request, target, decide)


def _description(text: str) -> str:
    return check_body(text, "description", least=0, most=fields.MOST_DESCRIPTION)

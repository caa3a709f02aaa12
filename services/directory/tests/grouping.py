"""Groups in the town, and what tests ask of them."""

from __future__ import annotations

from typing import Any

from chassis.actors import Actor
from guildhall.directory.v1 import directory_pb2, groups_pb2
from services.directory.tests.conftest import Town

NOT_FOUND = ("GROUP_NOT_FOUND", "group_id")
HIDDEN = ("COMMUNITY_NOT_FOUND", "community_id")
ROLE = ("ROLE_REQUIRED", "")
ACTIVE, LEFT, REQUESTED = (
    groups_pb2.GROUP_MEMBER_STATE_ACTIVE,
    groups_pb2.GROUP_MEMBER_STATE_LEFT,
    groups_pb2.GROUP_MEMBER_STATE_REQUESTED,
)
SECRET: dict[str, Any] = {"visibility": groups_pb2.GROUP_VISIBILITY_MEMBERS}
OPEN: dict[str, Any] = {"join_policy": groups_pb2.GROUP_JOIN_POLICY_OPEN}
IN: dict[str, Any] = {"community_id": "aurora", "group_id": "group"}


async def make(town: Town, actor: Actor, name: str = "Storage", **fields: Any) -> groups_pb2.Group:
    """A group of aurora; requests may call it "group", or by its name in small letters."""
    made = await town.call(actor, "CreateGroup", community_id="aurora", name=name, **fields)
    town.ids["group"] = town.ids[name.lower()] = made.group.id
    return made.group  # type: ignore[no-any-return]


async def keys(town: Town, name: str, company: str = "Kestrel") -> set[str]:
    """The groups whose keys somebody holds in aurora."""
    actor = await town.world.actor(company, name)
    return {key for key in actor.keys(town.aurora.id) if key.startswith("group:")}


async def names(town: Town, actor: Actor, **fields: Any) -> list[str]:
    listed = await town.call(actor, "ListGroups", community_id="aurora", **fields)
    return [group.name for group in listed.groups]


async def members(town: Town, actor: Actor, **fields: Any) -> list[str]:
    """Who is seen in "group", by person id."""
    listed = await town.call(actor, "ListGroupMembers", **IN, **fields)
    return [member.person_id for member in listed.group_members]


def clause(*held: str) -> directory_pb2.AudienceClause:
    return directory_pb2.AudienceClause(keys=held)


async def make_by_ann(town: Town, **fields: Any) -> groups_pb2.Group:
    """A group that Ann owns, who manages nothing else."""
    await town.call(
        town.max,
        "UpdateMember",
        community_id="aurora",
        person_id="ann",
        roles=[directory_pb2.ROLE_GROUP_MODERATOR],
        update_roles=True,
    )
    town.ann = await town.world.actor("Kestrel", "Ann")
    return await make(town, town.ann, **fields)


async def standing(town: Town, person: str) -> groups_pb2.GroupMember:
    """How somebody stands to "group"."""
    fields = {"community_id": "aurora", "group_ids": ["group"], "person_id": person}
    found = await town.call(town.max, "BatchGetGroupMembers", **fields)
    (member,) = found.group_members
    return member  # type: ignore[no-any-return]

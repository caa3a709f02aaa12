"""GroupService over real gRPC: who sees groups and who is in them, and whose keys that makes."""

from __future__ import annotations

from typing import Any

import pytest

from chassis.testing import person_actor, service_actor, stored
from guildhall.directory.v1 import directory_pb2, groups_pb2
from guildhall.directory.v1 import domain_events_pb2 as events
from services.directory.tests.conftest import GATEWAY, OPERATOR, Town
from services.directory.tests.grouping import (
    ACTIVE,
    HIDDEN,
    IN,
    LEFT,
    NOT_FOUND,
    OPEN,
    REQUESTED,
    ROLE,
    SECRET,
    clause,
    keys,
    make,
    members,
    names,
)


async def test_who_makes_a_group_owns_it_and_holds_its_key(town: Town) -> None:
    fields = {"description": "For arrays.", **OPEN}
    made = await make(town, town.max, **fields)
    assert (made.name, made.description, made.member_count) == ("Storage", "For arrays.", 1)
    assert (made.version, made.state) == (1, groups_pb2.GROUP_STATE_ACTIVE)
    assert made.visibility == groups_pb2.GROUP_VISIBILITY_COMMUNITY
    assert await keys(town, "Max", "Aurora Inc") == {f"group:{made.id}"}
    assert await keys(town, "Ann") == set()
    mine = await town.call(
        town.max, "BatchGetGroupMembers", community_id="aurora", group_ids=["group"]
    )
    (owner,) = mine.group_members
    assert (owner.role, owner.state) == (groups_pb2.GROUP_ROLE_OWNER, ACTIVE)
    assert owner.company_id == town.aurora.vendor_company_id
    created, changed = (await town.said())[-2:]
    assert created == events.GroupCreated(group_id=made.id)
    assert changed == events.GroupMemberChanged(
        group_id=made.id,
        person_id=town.max.person_id,
        state=ACTIVE,
        role=groups_pb2.GROUP_ROLE_OWNER,
    )
    assert (await town.trail(town.aurora.id))[0] == (town.max.person_id, "CreateGroup", made.id, "")
    for actor in (town.ann, town.max, OPERATOR, service_actor("forum")):
        assert (await town.call(actor, "GetGroup", **IN)).group == made


async def test_an_operator_makes_groups_that_nobody_owns(town: Town) -> None:
    made = await make(town, OPERATOR)
    assert made.member_count == 0
    assert await members(town, OPERATOR) == []


async def test_group_moderators_make_groups_and_members_do_not(town: Town) -> None:
    fields = {"community_id": "aurora", "name": "Storage"}
    moderator = person_actor(town.ann.person_id, town.aurora.id, roles=["MODERATOR"])
    for actor in (town.ann, moderator):
        assert await town.refused(actor, "CreateGroup", **fields) == ROLE
    for actor in (town.lea, town.max):
        place = {"community_id": "nobody" if actor is town.max else "aurora"}
        assert await town.refused(actor, "CreateGroup", **{**fields, **place}) == HIDDEN
    for actor in (GATEWAY, service_actor("forum")):
        assert await town.refused(actor, "CreateGroup", **fields) == ROLE
    await town.call(
        town.max,
        "UpdateMember",
        community_id="aurora",
        person_id="ann",
        roles=[directory_pb2.ROLE_GROUP_MODERATOR],
        update_roles=True,
    )
    made = await make(town, await town.world.actor("Kestrel", "Ann"))
    assert await keys(town, "Ann") == {f"group:{made.id}"}


async def test_names_are_one_group_s_until_it_ends(town: Town) -> None:
    await make(town, town.max, "Storage")
    for name in ("Storage", "STÓRAGE"):
        assert await town.refused(town.max, "CreateGroup", community_id="aurora", name=name) == (
            "GROUP_NAME_TAKEN",
            "name",
        )
    await town.call(town.max, "ArchiveGroup", **IN)
    again = await make(town, town.max, "Storage")
    assert again.version == 1


async def test_bad_groups_are_refused(town: Town) -> None:
    rule = groups_pb2.GroupRule(tiers=["gold"])
    by_rule = groups_pb2.GROUP_JOIN_POLICY_RULE
    for fields, refusal in (
        ({"name": ""}, ("TEXT_INVALID", "name")),
        ({"description": "x" * 601}, ("TEXT_INVALID", "description")),
        ({"visibility": 9}, ("FIELD_INVALID", "visibility")),
        ({"member_visibility": 9}, ("FIELD_INVALID", "member_visibility")),
        ({"join_policy": 9}, ("FIELD_INVALID", "join_policy")),
        ({"rule": rule}, ("GROUP_RULE_INVALID", "rule")),
        ({"join_policy": by_rule}, ("GROUP_RULE_INVALID", "rule")),
        (
            {"rule": groups_pb2.GroupRule(email_domains=["no domain"])},
            ("FIELD_INVALID", "rule.email_domains.0"),
        ),
        (
            {"rule": groups_pb2.GroupRule(tiers=[str(n) for n in range(21)])},
            ("FIELD_INVALID", "rule.tiers"),
        ),
        (
            {"rule": groups_pb2.GroupRule(email_domains=[f"{n}.example" for n in range(21)])},
            ("FIELD_INVALID", "rule.email_domains"),
        ),
    ):
        full = {"community_id": "aurora", "name": "Storage", **fields}
        assert await town.refused(town.max, "CreateGroup", **full) == refusal, fields


async def test_the_same_request_makes_one_group(town: Town) -> None:
    fields = {"community_id": "aurora", "name": "Storage", "request_id": "request-once"}
    first = await town.call(town.max, "CreateGroup", **fields)
    before = await stored(town.world.database)
    assert await town.call(town.max, "CreateGroup", **fields) == first
    assert await stored(town.world.database) == before
    other = {**fields, "name": "Networks"}
    assert await town.refused(town.max, "CreateGroup", **other) == (
        "REQUEST_ID_REUSED",
        "request_id",
    )


async def test_owners_and_managers_change_groups(town: Town) -> None:
    made = await make(town, town.max, **OPEN)
    await town.call(town.ann, "JoinGroup", **IN)
    assert await town.refused(town.ann, "UpdateGroup", **IN, name="Mine") == ROLE
    assert await town.refused(town.ann, "ArchiveGroup", **IN) == ROLE
    stale = {**IN, "name": "Stores", "expected_version": 9}
    assert await town.refused(town.max, "UpdateGroup", **stale) == (
        "VERSION_STALE",
        "expected_version",
    )
    rule = groups_pb2.GroupRule(tiers=["gold"], email_domains=["Kestrel.example"])
    changed = await town.call(
        town.max,
        "UpdateGroup",
        **IN,
        name="Stores",
        join_policy=groups_pb2.GROUP_JOIN_POLICY_RULE,
        rule=rule,
        expected_version=made.version,
    )
    assert (changed.group.name, changed.group.version) == ("Stores", 2)
    assert changed.group.rule.email_domains == ["kestrel.example"]
    assert changed.group.member_count == 2
    said = events.GroupUpdated(group_id=made.id, rule_changed=True)
    assert (await town.said())[-1] == said
    assert (await town.call(town.ann, "GetGroup", **IN)).group == changed.group
    same = await town.call(OPERATOR, "UpdateGroup", **IN, name="Stores")
    assert same.group.version == 2
    open_again = await town.call(town.max, "UpdateGroup", **IN, **OPEN)
    assert not open_again.group.HasField("rule")


async def test_an_archived_group_gives_no_key_and_stays_as_it_is(town: Town) -> None:
    made = await make(town, town.max, **OPEN)
    await town.call(town.ann, "JoinGroup", **IN)
    assert await keys(town, "Ann") == {f"group:{made.id}"}
    archived = await town.call(town.max, "ArchiveGroup", **IN, expected_version=1)
    assert (archived.group.state, archived.group.version) == (groups_pb2.GROUP_STATE_ARCHIVED, 2)
    assert (await town.said())[-1] == events.GroupArchived(group_id=made.id)
    assert await keys(town, "Ann") == set()
    over = ("GROUP_ARCHIVED", "group_id")
    for actor, rpc in ((town.max, "UpdateGroup"), (town.max, "ArchiveGroup")):
        assert await town.refused(actor, rpc, **IN) == over
    assert await town.refused(town.ben, "JoinGroup", **IN) == over
    assert await names(town, town.ann) == []
    assert await names(town, town.ann, with_archived=True) == ["Storage"]
    assert set(await members(town, town.ann)) == {town.max.person_id, town.ann.person_id}


async def test_a_hidden_group_is_not_there_for_others(town: Town) -> None:
    made = await make(town, town.max, **SECRET)
    await make(town, town.max, "Networks")
    town.ids["group"] = made.id
    for rpc in ("GetGroup", "JoinGroup", "LeaveGroup", "UpdateGroup", "ArchiveGroup"):
        missing = {**IN, "group_id": "nobody"}
        assert await town.refused(town.ann, rpc, **IN) == NOT_FOUND, rpc
        assert await town.refused(town.ann, rpc, **missing) == NOT_FOUND, rpc
        assert await town.refused(town.lea, rpc, **IN) == HIDDEN, rpc
        assert await town.refused(town.lea, rpc, **{**IN, "community_id": "nobody"}) == HIDDEN, rpc
        foreign = {**IN, "community_id": "borealis"}
        assert await town.refused(town.lea, rpc, **foreign) == NOT_FOUND, rpc
    assert await town.refused(town.ann, "ListGroupMembers", **IN) == NOT_FOUND
    for rpc in ("BatchGetGroups", "BatchGetGroupMembers"):
        fields = {"community_id": "aurora", "group_ids": ["storage", "nobody", "networks"]}
        seen = await town.call(town.ann, rpc, **fields)
        assert [getattr(one, "name", "") for one in getattr(seen, "groups", ())] in (
            [],
            ["Networks"],
        )
        assert await town.refused(town.lea, rpc, **fields) == HIDDEN
    assert await names(town, town.ann) == ["Networks"]
    assert await names(town, town.max) == ["Networks", "Storage"]
    assert await names(town, service_actor("forum")) == ["Networks", "Storage"]
    assert await town.refused(town.lea, "ListGroups", community_id="aurora") == HIDDEN
    forged = person_actor(town.ann.person_id, town.aurora.id, keyring=[f"group:{made.id}"])
    assert await town.refused(forged, "GetGroup", **IN) == NOT_FOUND  # as of now, not of the token


async def test_groups_are_listed_by_name_in_pages(town: Town) -> None:
    for name in ("Delta", "alpha", "Charlie", "Bravo"):
        await make(town, town.max, name, **(SECRET if name == "Bravo" else {}))
    first = await town.call(town.ann, "ListGroups", community_id="aurora", page_size=2)
    assert [group.name for group in first.groups] == ["alpha", "Charlie"]
    rest = {"community_id": "aurora", "page_size": 2}
    second = await town.call(town.ann, "ListGroups", **rest, page_token=first.next_page_token)
    assert ([group.name for group in second.groups], second.next_page_token) == (["Delta"], "")
    last = await town.call(town.max, "ListGroups", **rest, backward=True)
    assert [group.name for group in last.groups] == ["Charlie", "Delta"]
    assert await names(town, town.max, viewer_states=[ACTIVE]) == [
        "alpha",
        "Bravo",
        "Charlie",
        "Delta",
    ]
    assert await names(town, town.ann, viewer_states=[ACTIVE]) == []
    assert await town.refused(town.ann, "ListGroups", community_id="aurora", viewer_states=[0]) == (
        "FIELD_INVALID",
        "viewer_states.0",
    )


# Coming and going


async def test_joining_an_open_group_gives_its_key_and_leaving_takes_it(town: Town) -> None:
    made = await make(town, town.max, **OPEN)
    joined = await town.call(town.ann, "JoinGroup", **IN)
    assert (joined.group_member.state, joined.group_member.version) == (ACTIVE, 1)
    assert joined.group_member.source == groups_pb2.GROUP_MEMBER_SOURCE_SELF
    assert await keys(town, "Ann") == {f"group:{made.id}"}
    again = await town.call(town.ann, "JoinGroup", **IN)
    assert again == joined
    assert (await town.call(town.ann, "GetGroup", **IN)).group.member_count == 2
    assert await names(town, town.ann, viewer_states=[ACTIVE]) == ["Storage"]
    stale = {**IN, "expected_version": 9}
    assert await town.refused(town.ann, "LeaveGroup", **stale) == (
        "VERSION_STALE",
        "expected_version",
    )
    left = await town.call(town.ann, "LeaveGroup", **IN, expected_version=1)
    assert (left.group_member.state, left.group_member.version) == (LEFT, 2)
    assert await keys(town, "Ann") == set()
    assert (await town.call(town.ann, "GetGroup", **IN)).group.member_count == 1
    assert (await town.said())[-1] == events.GroupMemberChanged(
        group_id=made.id,
        person_id=town.ann.person_id,
        state=LEFT,
        former_state=ACTIVE,
        role=groups_pb2.GROUP_ROLE_MEMBER,
    )
    missing = ("GROUP_MEMBER_NOT_FOUND", "group_id")
    for actor in (town.ann, town.ben):
        assert await town.refused(actor, "LeaveGroup", **IN) == missing
    back = await town.call(town.ann, "JoinGroup", **IN)
    assert back.group_member.create_time == joined.group_member.create_time
    assert await keys(town, "Ann") == {f"group:{made.id}"}


async def test_requests_wait_and_can_be_taken_back(town: Town) -> None:
    await make(town, town.max, join_policy=groups_pb2.GROUP_JOIN_POLICY_REQUEST)
    asked = await town.call(town.ann, "JoinGroup", **IN)
    assert asked.group_member.state == REQUESTED
    assert await town.call(town.ann, "JoinGroup", **IN) == asked
    assert await keys(town, "Ann") == set()
    assert await members(town, town.max, state=REQUESTED) == [town.ann.person_id]
    assert await members(town, town.ann, state=REQUESTED) == [town.ann.person_id]
    assert await members(town, town.ben, state=REQUESTED) == []
    assert (await town.call(town.ann, "LeaveGroup", **IN)).group_member.state == LEFT
    assert await members(town, town.max, state=REQUESTED) == []


async def test_other_groups_are_not_joined_by_oneself(town: Town) -> None:
    await make(town, town.max)
    assert await town.refused(town.ann, "JoinGroup", **IN) == ("GROUP_NOT_OPEN", "group_id")
    for actor in (GATEWAY, service_actor("forum")):
        assert await town.refused(actor, "JoinGroup", **IN) == ROLE
    assert await town.refused(OPERATOR, "JoinGroup", **IN) == ("GROUP_NOT_OPEN", "group_id")
    await make(town, town.max, "Networks", **OPEN)
    assert await town.refused(OPERATOR, "JoinGroup", **IN) == ("MEMBER_NOT_FOUND", "person_id")


async def test_the_last_owner_stays_unless_a_manager(town: Town) -> None:
    await town.call(
        town.max,
        "UpdateMember",
        community_id="aurora",
        person_id="ann",
        roles=[directory_pb2.ROLE_GROUP_MODERATOR],
        update_roles=True,
    )
    ann = await town.world.actor("Kestrel", "Ann")
    await make(town, ann)
    assert await town.refused(ann, "LeaveGroup", **IN) == ("LAST_OWNER", "group_id")
    await make(town, town.max, "Networks")
    left = await town.call(town.max, "LeaveGroup", **IN)
    assert left.group_member.state == LEFT


@pytest.mark.parametrize(
    ("visibility", "others", "own"),
    [
        (groups_pb2.GROUP_MEMBER_VISIBILITY_COMMUNITY, True, True),
        (groups_pb2.GROUP_MEMBER_VISIBILITY_MEMBERS, False, True),
        (groups_pb2.GROUP_MEMBER_VISIBILITY_MODERATORS, False, False),
    ],
)
async def test_who_is_in_a_group_is_seen_as_it_says(
    visibility: int, others: bool, own: bool, town: Town
) -> None:
    await make(town, town.max, member_visibility=visibility, **OPEN)
    await town.call(town.ann, "JoinGroup", **IN)
    everyone = [town.max.person_id, town.ann.person_id]
    batch: dict[str, Any] = {"community_id": "aurora", "group_ids": ["group"], "person_id": "max"}
    for actor, sees, alone in (
        (town.max, True, []),
        (OPERATOR, True, []),
        (service_actor("forum"), True, []),
        (town.ann, own, [town.ann.person_id]),
        (town.ben, others, []),
    ):
        assert await members(town, actor) == (everyone if sees else alone)
        seen = await town.call(actor, "BatchGetGroupMembers", **batch)
        assert [one.person_id for one in seen.group_members] == everyone[: int(sees)]
    owners = {"role": groups_pb2.GROUP_ROLE_OWNER}
    assert await members(town, town.max, **owners) == [town.max.person_id]
    assert await members(town, town.max, page_size=1) == [town.max.person_id]
    last = {"page_size": 1, "backward": True}
    assert await members(town, town.max, **last) == [town.ann.person_id]


# Keys follow what people are in the community


async def test_who_leaves_the_community_holds_no_key_and_comes_back_without(town: Town) -> None:
    made = await make(town, town.max, **OPEN)
    await town.call(town.ann, "JoinGroup", **IN)
    place = {"community_id": "aurora", "person_id": "ann"}
    await town.call(town.max, "RemoveMember", **place, reason="spam")
    assert await members(town, town.max) == [town.max.person_id]
    await town.call(town.max, "CreateMember", **place)
    assert await keys(town, "Ann") == set()
    assert await members(town, town.max) == [town.max.person_id]
    audience = {"community_id": "aurora", "clauses": [clause(f"group:{made.id}")]}
    found = await town.call(service_actor("forum"), "ListAudience", **audience)
    assert [one.person_id for one in found.audience_members] == [town.max.person_id]
    again = await town.call(await town.world.actor("Kestrel", "Ann"), "JoinGroup", **IN)
    assert (again.group_member.state, again.group_member.version) == (ACTIVE, 2)
    assert await keys(town, "Ann") == {f"group:{made.id}"}


async def test_a_new_employer_ends_what_one_was_in_groups(town: Town) -> None:
    await town.world.enrol(town.aurora.id, town.lumen.id, auto_join=True)
    await make(town, town.max, **OPEN)
    await town.call(town.ann, "JoinGroup", **IN)
    await town.call(OPERATOR, "MovePerson", person_id="ann", company_id="lumen")
    assert await keys(town, "Ann") == set()
    assert await members(town, town.max) == [town.max.person_id]


async def test_an_enrolment_that_ends_takes_the_keys_of_its_people(town: Town) -> None:
    made = await make(town, town.max, **OPEN)
    await town.call(town.ann, "JoinGroup", **IN)
    await town.world.end_enrolment(town.enrolment)
    assert (await town.world.actor("Kestrel", "Ann")).keys(town.aurora.id) == ()
    assert await members(town, town.max) == [town.max.person_id]
    await town.world.enrol(town.aurora.id, town.kestrel.id)
    assert await keys(town, "Ann") == {f"group:{made.id}"}


async def test_services_learn_the_keys_of_groups(town: Town) -> None:
    made = await make(town, town.max, **OPEN)
    await town.call(town.ann, "JoinGroup", **IN)
    key, forum = f"group:{made.id}", service_actor("forum")
    people = {"community_id": "aurora", "person_ids": ["ann", "ben", "max"]}
    held = await town.call(forum, "BatchGetMemberships", **people)
    holders = {one.person_id for one in held.memberships if key in one.membership.keyring}
    assert holders == {town.ann.person_id, town.max.person_id}
    audience: dict[str, Any] = {"community_id": "aurora", "clauses": [clause(key, "group:other")]}
    found = await town.call(forum, "ListAudience", **audience)
    assert {one.person_id for one in found.audience_members} == holders
    both = {
        **audience,
        "clauses": [clause(key), clause(f"company:{town.kestrel.id}@{town.aurora.id}")],
    }
    found = await town.call(forum, "ListAudience", **both)
    assert [one.person_id for one in found.audience_members] == [town.ann.person_id]
    seen = set()
    token = ""
    while True:
        page = await town.call(forum, "ListAudience", **audience, page_size=1, page_token=token)
        seen |= {one.person_id for one in page.audience_members}
        token = page.next_page_token
        if not token:
            break
    assert seen == holders
    link = directory_pb2.IdentityLink(issuer="https://login.kestrel.example", subject="Ann")
    resolved = await town.call(GATEWAY, "BatchResolveActors", identity_links=[link])
    (membership,) = resolved.identities[0].actor.memberships
    assert key in membership.keyring
    await town.call(town.max, "ArchiveGroup", **IN)
    assert (await town.call(forum, "ListAudience", **audience)).audience_members == []

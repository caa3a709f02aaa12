"""Whom the rules of groups take in and let go: events heard twice, sweeps done twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from chassis.batch import Batch, Conflict
from chassis.commands import Commands
from chassis.testing import stored
from guildhall.directory.v1 import domain_events_pb2 as events
from guildhall.directory.v1 import groups_pb2 as pb
from services.directory.tests.conftest import OPERATOR, Town
from services.directory.tests.grouping import ACTIVE, IN, LEFT, OPEN, keys, make, members, standing
from services.directory.tests.hearing import Ear
from services.directory.use_cases.changes import DIRECTORY
from services.directory.use_cases.group_places import Place
from services.directory.use_cases.group_rules import GroupRuleUseCases, apply_rule

BY_RULE: dict[str, Any] = {"join_policy": pb.GROUP_JOIN_POLICY_RULE}
BEN: dict[str, Any] = {**IN, "person_id": "ben"}
ANN: dict[str, Any] = {**IN, "person_id": "ann"}
_RULE, _SELF = pb.GROUP_MEMBER_SOURCE_RULE, pb.GROUP_MEMBER_SOURCE_SELF


def rule(**lists: Sequence[str]) -> dict[str, Any]:
    """A group that is joined by this rule."""
    return {**BY_RULE, "rule": pb.GroupRule(**lists)}


async def test_a_rule_takes_in_whom_it_matches_and_lets_them_go(town: Town) -> None:
    ear = Ear(town)
    made = await make(town, town.max, **rule(tiers=["GOLD"]))
    assert await keys(town, "Ann") == set()
    await ear.hear()
    assert await keys(town, "Ann") == await keys(town, "Ben") == {f"group:{made.id}"}
    assert (await town.call(town.ann, "GetGroup", **IN)).group.member_count == 3
    member = await standing(town, "ann")
    assert (member.state, member.source, member.company_id) == (ACTIVE, _RULE, town.kestrel.id)
    change = {"community_id": "aurora", "enrolment_id": "enrolment"}
    await town.call(town.max, "UpdateEnrolment", **change, tier="silver")
    await ear.hear()
    assert await keys(town, "Ann") == await keys(town, "Ben") == set()
    assert (await standing(town, "ann")).state == LEFT
    assert (await town.call(town.ann, "GetGroup", **IN)).group.member_count == 1
    await town.call(town.max, "UpdateGroup", **IN, rule=pb.GroupRule(tiers=["silver", "gold"]))
    await ear.hear()
    assert await keys(town, "Ann") == {f"group:{made.id}"}
    await town.call(town.max, "UpdateGroup", **IN, **OPEN)
    await ear.hear()
    assert await members(town, town.max) == [town.max.person_id]
    said = [one for one in await town.said() if isinstance(one, events.GroupMemberChanged)]
    assert len([one for one in said if one.person_id == town.ann.person_id]) == 4


async def test_each_list_of_a_rule_that_is_not_empty_must_match(town: Town) -> None:
    ear = Ear(town)
    await town.call(
        town.max,
        "UpdateEnrolment",
        community_id="aurora",
        enrolment_id="enrolment",
        partner_type="SI",
        verticals=["health", "ports"],
        territories=["DACH"],
        update_verticals=True,
        update_territories=True,
    )
    full: dict[str, Any] = {
        "partner_types": ["si", "reseller"],
        "tiers": ["gold"],
        "verticals": ["ports"],
        "territories": ["dach"],
        "email_domains": ["mail.example"],
    }
    for number, (name, wrong) in enumerate(
        (
            ("", []),
            ("partner_types", ["reseller"]),
            ("tiers", ["silver"]),
            ("verticals", ["retail"]),
            ("territories", ["nordics"]),
            ("email_domains", ["example.mail.example"]),
        )
    ):
        lists = {**full, name: wrong} if name else full
        await make(town, town.max, f"Group{number}", **rule(**lists))
        await ear.hear()
        others = {town.ann.person_id, town.ben.person_id} if number == 0 else set()
        assert set(await members(town, town.max)) == {town.max.person_id, *others}, name


async def test_the_vendor_s_people_match_by_address_alone(town: Town) -> None:
    ear = Ear(town)
    await make(town, OPERATOR, **rule(email_domains=["Mail.example"]))
    await ear.hear()
    everyone = {town.max.person_id, town.ann.person_id, town.ben.person_id}
    assert set(await members(town, town.max)) == everyone
    await town.call(OPERATOR, "UpdatePerson", person_id="ann", email="ann@other.example")
    await ear.hear()
    assert set(await members(town, town.max)) == everyone - {town.ann.person_id}
    await make(town, OPERATOR, "Networks", **rule(tiers=["gold"]))
    await ear.hear()
    assert town.max.person_id not in await members(town, town.max)


async def test_new_members_are_taken_in_and_who_leaves_is_out(town: Town) -> None:
    ear = Ear(town)
    made = await make(town, town.max, **rule(tiers=["gold"]))
    await ear.hear()
    cal = await town.world.sign_in("Kestrel", "Cal")
    await ear.hear()
    assert await keys(town, "Cal") == {f"group:{made.id}"}
    town.ids["cal"] = cal.person_id
    place = {"community_id": "aurora", "person_id": "cal"}
    await town.call(town.max, "RemoveMember", **place, reason="spam")
    await ear.hear()
    assert (await standing(town, "cal")).state == LEFT
    assert (await town.call(town.max, "GetGroup", **IN)).group.member_count == 3
    await town.call(town.max, "CreateMember", **place)
    assert await keys(town, "Cal") == set()
    await ear.hear()
    assert await keys(town, "Cal") == {f"group:{made.id}"}
    await town.call(OPERATOR, "MovePerson", person_id="cal", company_id="lumen")
    await ear.hear()
    assert (await standing(town, "cal")).state == LEFT


async def test_leaving_the_community_ends_what_one_was_in_its_groups(town: Town) -> None:
    ear = Ear(town)
    await make(town, town.max, **OPEN)
    await town.call(town.ann, "JoinGroup", **IN)
    await town.call(town.max, "InviteToGroup", **BEN)
    for person in ("ann", "ben"):
        fields = {"community_id": "aurora", "person_id": person, "reason": "spam"}
        await town.call(town.max, "RemoveMember", **fields)
    await town.call(town.max, "CreateMember", community_id="aurora", person_id="ann")
    again = await town.call(await town.world.actor("Kestrel", "Ann"), "JoinGroup", **IN)
    await ear.hear()
    assert (await standing(town, "ann")) == again.group_member  # of the new membership: untouched
    assert (await standing(town, "ben")).state == pb.GROUP_MEMBER_STATE_EXPIRED
    states = {
        row["person_id"]: row["state"]
        for row in (await stored(town.world.database))["group_members"]
    }
    assert states[town.ben.person_id] == "EXPIRED"
    assert (await town.call(town.max, "GetGroup", **IN)).group.member_count == 2


async def test_who_came_otherwise_or_is_kept_out_is_left_as_they_are(town: Town) -> None:
    ear = Ear(town)
    await make(town, town.max, **OPEN)
    joined = await town.call(town.ann, "JoinGroup", **IN)
    excluded = await town.call(
        town.max,
        "ChangeGroupMember",
        **BEN,
        state=pb.GROUP_MEMBER_STATE_EXCLUDED,
        reason="a competitor",
    )
    await town.call(town.max, "UpdateGroup", **IN, **rule(tiers=["gold"]))
    await ear.hear()
    assert await standing(town, "ann") == joined.group_member
    assert await standing(town, "ben") == excluded.group_member
    assert joined.group_member.source == _SELF
    by_rule = ("GROUP_MEMBER_BY_RULE", "person_id")  # it would take them in again
    assert await town.refused(town.max, "RemoveGroupMember", **ANN, reason="spam") == by_rule
    by_rule = ("GROUP_MEMBER_BY_RULE", "group_id")
    assert await town.refused(town.ann, "LeaveGroup", **IN) == by_rule
    await town.call(town.max, "UpdateGroup", **IN, rule=pb.GroupRule(tiers=["none"]))
    await ear.hear()
    assert await standing(town, "ann") == joined.group_member
    assert (await town.call(town.ann, "LeaveGroup", **IN)).group_member.state == LEFT


async def test_whom_a_rule_takes_in_can_only_be_excluded(town: Town) -> None:
    ear = Ear(town)
    made = await make(town, town.max, **rule(tiers=["gold"]))
    await ear.hear()
    assert await town.refused(town.ann, "LeaveGroup", **IN) == (
        "GROUP_MEMBER_BY_RULE",
        "group_id",
    )
    assert await town.refused(town.max, "RemoveGroupMember", **ANN, reason="spam") == (
        "GROUP_MEMBER_BY_RULE",
        "person_id",
    )
    change: dict[str, Any] = {**ANN, "reason": "a competitor"}
    for state in (pb.GROUP_MEMBER_STATE_SUSPENDED, pb.GROUP_MEMBER_STATE_EXCLUDED):
        await town.call(town.max, "ChangeGroupMember", **change, state=state)
        assert await keys(town, "Ann") == set()
        await town.call(town.max, "UpdateGroup", **IN, rule=pb.GroupRule(tiers=["gold", "x"]))
        await ear.hear()
        await town.call(town.max, "UpdateGroup", **IN, rule=pb.GroupRule(tiers=["gold"]))
        await ear.hear()
        assert (await standing(town, "ann")).state == state
        lifted = await town.call(town.max, "ChangeGroupMember", **ANN, state=ACTIVE)
        assert (lifted.group_member.state, lifted.group_member.source) == (ACTIVE, _RULE)
        assert await keys(town, "Ann") == {f"group:{made.id}"}
    for state in (pb.GROUP_MEMBER_STATE_SUSPENDED, pb.GROUP_MEMBER_STATE_EXCLUDED):
        await town.call(town.max, "ChangeGroupMember", **change, state=state)
        await town.call(town.max, "UpdateGroup", **IN, rule=pb.GroupRule(tiers=["none"]))
        lifted = await town.call(town.max, "ChangeGroupMember", **ANN, state=ACTIVE)
        assert lifted.group_member.state == LEFT
        await town.call(town.max, "UpdateGroup", **IN, rule=pb.GroupRule(tiers=["gold"]))
        await ear.hear()
        assert (await standing(town, "ann")).state == ACTIVE


async def test_an_archived_group_s_rule_is_asked_no_more(town: Town) -> None:
    ear = Ear(town)
    await make(town, town.max, **rule(tiers=["gold"]))
    await ear.hear()
    await town.call(town.max, "UpdateGroup", **IN, rule=pb.GroupRule(tiers=["none"]))
    await town.call(town.max, "ArchiveGroup", **IN)
    await ear.hear()
    assert (await standing(town, "ann")).state == ACTIVE
    assert await keys(town, "Ann") == set()


async def test_rules_pass_over_whoever_cannot_act_until_they_can(town: Town) -> None:
    ear = Ear(town)
    await town.call(OPERATOR, "DeactivatePerson", person_id="ann", reason="away")
    made = await make(town, town.max, **rule(tiers=["gold"]))
    await ear.hear()
    assert town.ann.person_id not in await members(town, town.max)
    await town.call(OPERATOR, "ReactivatePerson", person_id="ann")
    await ear.hear()
    assert await keys(town, "Ann") == {f"group:{made.id}"}


async def test_a_rule_takes_nobody_into_more_groups_than_there_may_be(town: Town) -> None:
    ear = Ear(town)
    row = {"community_id": town.aurora.id, "person_id": town.ben.person_id, "state": "ACTIVE"}
    others = [{"_id": f"other-{n}", "group_id": f"other-{n}", **row} for n in range(50)]
    await town.world.database.group_members.insert_many(others)
    await make(town, town.max, **rule(tiers=["gold"]))
    await ear.hear()
    assert town.ben.person_id not in await members(town, town.max)
    assert town.ann.person_id in await members(town, town.max)


async def test_a_sweep_goes_through_all_pages(town: Town, commands: Commands) -> None:
    ear = Ear(town, GroupRuleUseCases(commands, town.world.repository, page=2))
    people = {town.ann.person_id, town.ben.person_id}
    for number in range(5):
        people.add((await town.world.sign_in("Kestrel", f"Cal{number}")).person_id)
    await make(town, OPERATOR, **rule(tiers=["gold"]))
    await ear.hear()
    assert set(await members(town, town.max)) == people
    await town.call(
        town.max,
        "UpdateEnrolment",
        community_id="aurora",
        enrolment_id="enrolment",
        tier="silver",
    )
    await ear.hear()
    assert await members(town, town.max) == []


async def test_a_rule_stands_on_what_it_looks_at(town: Town) -> None:
    made = await make(town, OPERATOR, **rule(tiers=["gold"]))
    change = {"community_id": "aurora", "enrolment_id": "enrolment"}
    edits: tuple[tuple[str, dict[str, Any]], ...] = (
        ("UpdateGroup", {**IN, "rule": pb.GroupRule(tiers=["none", "gold"])}),
        ("UpdatePerson", {"person_id": "ann", "email": "ann@other.example"}),
        ("UpdateEnrolment", {**change, "partner_type": "SI"}),
    )
    for rpc, fields in edits:
        place = Place(DIRECTORY, town.aurora.id, made.id, town.ann.person_id, town.kestrel.id)
        batch = Batch(town.world.database)
        await batch.load([place.target])
        batch.decide(place.target, apply_rule(place), actor="service:directory", cause="test")
        await town.call(OPERATOR, rpc, **fields)
        before = await stored(town.world.database)
        with pytest.raises(Conflict):
            await batch.commit(asyncio.get_running_loop().time() + 60)
        assert await stored(town.world.database) == before

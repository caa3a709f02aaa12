"""Invitations, requests, roles, suspensions, exclusions and removals over real gRPC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from chassis.pagination import encode_page_token
from chassis.testing import service_actor, stored
from guildhall.directory.v1 import domain_events_pb2 as events
from guildhall.directory.v1 import groups_pb2 as pb
from services.directory.tests.conftest import OPERATOR, Town, stamp
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
    keys,
    make,
    make_by_ann,
    members,
    names,
    standing,
)

INVITED, DECLINED, EXPIRED, REJECTED, REMOVED, SUSPENDED, EXCLUDED = (
    pb.GROUP_MEMBER_STATE_INVITED,
    pb.GROUP_MEMBER_STATE_DECLINED,
    pb.GROUP_MEMBER_STATE_EXPIRED,
    pb.GROUP_MEMBER_STATE_REJECTED,
    pb.GROUP_MEMBER_STATE_REMOVED,
    pb.GROUP_MEMBER_STATE_SUSPENDED,
    pb.GROUP_MEMBER_STATE_EXCLUDED,
)
REQUEST: dict[str, Any] = {"join_policy": pb.GROUP_JOIN_POLICY_REQUEST}
BEN: dict[str, Any] = {**IN, "person_id": "ben"}
ANN: dict[str, Any] = {**IN, "person_id": "ann"}
MODERATOR, OWNER, MEMBER = (
    pb.GROUP_ROLE_MODERATOR,
    pb.GROUP_ROLE_OWNER,
    pb.GROUP_ROLE_MEMBER,
)
SUSPEND: dict[str, Any] = {"state": SUSPENDED, "reason": "spam"}
EXCLUDE: dict[str, Any] = {"state": EXCLUDED, "reason": "spam"}
_MODERATORS: dict[str, dict[str, Any]] = {
    "InviteToGroup": {},
    "DecideGroupRequest": {},
    "ChangeGroupMember": SUSPEND,
    "RemoveGroupMember": {"reason": "spam"},
}


async def test_moderators_rpcs_are_refused_to_members_and_hidden_from_others(town: Town) -> None:
    made = await make(town, town.max, **OPEN)
    await town.call(town.ann, "JoinGroup", **IN)
    for rpc, fields in _MODERATORS.items():
        for person in ("ben", "max", "nobody"):
            request = {**IN, "person_id": person, **fields}
            for actor in (town.ann, town.ben, service_actor("forum")):
                assert await town.refused(actor, rpc, **request) == ROLE, rpc
            assert await town.refused(town.lea, rpc, **request) == HIDDEN, rpc
            elsewhere = {**request, "community_id": "nobody"}
            assert await town.refused(town.lea, rpc, **elsewhere) == HIDDEN, rpc
    await town.call(town.max, "UpdateGroup", **IN, **SECRET)
    for rpc, fields in (*_MODERATORS.items(), ("AnswerGroupInvitation", {})):
        request = fields if rpc == "AnswerGroupInvitation" else {"person_id": "ben", **fields}
        for group_id in (made.id, "nobody"):
            place = {"community_id": "aurora", "group_id": group_id, **request}
            assert await town.refused(town.ben, rpc, **place) == NOT_FOUND, rpc


async def test_who_names_nobody_does_not_mean_themselves(town: Town) -> None:
    await make(town, town.max, **OPEN)
    nobody = {**IN, "person_id": ""}
    missing = ("GROUP_MEMBER_NOT_FOUND", "person_id")
    for rpc, fields, refusal in (
        ("InviteToGroup", {}, ("MEMBER_NOT_FOUND", "person_id")),
        ("DecideGroupRequest", {}, ("GROUP_REQUEST_NOT_FOUND", "person_id")),
        ("ChangeGroupMember", {"role": MODERATOR}, missing),
        ("ChangeGroupMember", SUSPEND, missing),
        ("ChangeGroupMember", EXCLUDE, ("MEMBER_NOT_FOUND", "person_id")),
        ("RemoveGroupMember", {"reason": "spam"}, missing),
    ):
        assert await town.refused(town.max, rpc, **nobody, **fields) == refusal, rpc
    assert await members(town, town.max) == [town.max.person_id]


# Invitations


async def test_who_is_invited_sees_the_group_and_comes_in(town: Town) -> None:
    made = await make(town, town.max, **SECRET)
    invited = await town.call(town.max, "InviteToGroup", **BEN)
    member = invited.group_member
    assert (member.state, member.source) == (INVITED, pb.GROUP_MEMBER_SOURCE_INVITATION)
    days = member.expire_time.ToDatetime(UTC) - member.update_time.ToDatetime(UTC)
    assert days == timedelta(days=30)
    assert (await town.trail(town.aurora.id))[0] == (
        town.max.person_id,
        "InviteToGroup",
        f"{made.id}-{town.ben.person_id}",
        "",
    )
    assert await names(town, town.ben) == ["Storage"]
    assert await names(town, town.ben, viewer_states=[INVITED]) == ["Storage"]
    assert await keys(town, "Ben") == set()
    assert await members(town, town.max, state=INVITED) == [town.ben.person_id]
    accept = {**IN, "accept": True}
    missing = ("GROUP_INVITATION_NOT_FOUND", "group_id")
    assert await town.refused(town.max, "AnswerGroupInvitation", **accept) == missing
    stale = {**accept, "expected_version": 9}
    assert await town.refused(town.ben, "AnswerGroupInvitation", **stale) == (
        "VERSION_STALE",
        "expected_version",
    )
    inside = await town.call(town.ben, "AnswerGroupInvitation", **accept, expected_version=1)
    assert (inside.group_member.state, inside.group_member.version) == (ACTIVE, 2)
    assert not inside.group_member.HasField("expire_time")
    assert await keys(town, "Ben") == {f"group:{made.id}"}
    assert await names(town, town.ben) == ["Storage"]
    assert await town.refused(town.max, "InviteToGroup", **BEN) == (
        "ALREADY_GROUP_MEMBER",
        "person_id",
    )


async def test_an_invitation_is_declined_or_taken_back_and_the_group_is_gone(town: Town) -> None:
    await make(town, town.max, **SECRET)
    await town.call(town.max, "InviteToGroup", **BEN)
    declined = await town.call(town.ben, "AnswerGroupInvitation", **IN)
    assert declined.group_member.state == DECLINED
    assert await town.refused(town.ben, "GetGroup", **IN) == NOT_FOUND
    await town.call(town.max, "InviteToGroup", **BEN)
    assert await names(town, town.ben) == ["Storage"]
    removed = await town.call(town.max, "RemoveGroupMember", **BEN, reason="a mistake")
    assert removed.group_member.state == REMOVED
    assert await names(town, town.ben) == []


async def test_an_invitation_expires_by_itself(town: Town) -> None:
    await make(town, town.max, **SECRET)
    for time in (stamp(seconds=1), stamp(days=-91)):
        assert await town.refused(town.max, "InviteToGroup", **BEN, expire_time=time) == (
            "FIELD_INVALID",
            "expire_time",
        )
    await town.call(town.max, "InviteToGroup", **BEN, expire_time=stamp(days=-1))
    at = datetime.now(UTC) - timedelta(seconds=1)
    await town.world.database.group_members.update_one(
        {"person_id": town.ben.person_id}, {"$set": {"expire_time": at}}
    )
    assert await names(town, town.ben) == []
    assert await town.refused(town.ben, "AnswerGroupInvitation", **IN, accept=True) == NOT_FOUND
    assert await members(town, town.max, state=INVITED) == []
    assert await members(town, town.max, state=EXPIRED) == [town.ben.person_id]
    assert (await standing(town, "ben")).state == EXPIRED
    again = await town.call(town.max, "InviteToGroup", **BEN)
    assert again.group_member.state == INVITED
    assert await names(town, town.ben) == ["Storage"]
    await town.call(town.max, "UpdateGroup", **IN, visibility=pb.GROUP_VISIBILITY_COMMUNITY)
    await town.world.database.group_members.update_one(
        {"person_id": town.ben.person_id}, {"$set": {"expire_time": at}}
    )
    assert await town.refused(town.ben, "AnswerGroupInvitation", **IN, accept=True) == (
        "GROUP_INVITATION_NOT_FOUND",
        "group_id",
    )


async def test_only_members_of_the_community_are_invited(town: Town) -> None:
    await make(town, town.max)
    await town.call(town.max, "InviteToGroup", **ANN)
    missing = ("MEMBER_NOT_FOUND", "person_id")
    for person in ("lea", "nobody"):
        request = {**IN, "person_id": person}
        assert await town.refused(town.max, "InviteToGroup", **request) == missing
        exclude = {**request, "state": EXCLUDED, "reason": "spam"}
        assert await town.refused(town.max, "ChangeGroupMember", **exclude) == missing
    await town.world.end_enrolment(town.enrolment)
    assert await town.refused(town.max, "InviteToGroup", **BEN) == missing
    assert await members(town, town.max, state=INVITED) == []


async def test_joining_accepts_an_invitation_and_inviting_approves_a_request(town: Town) -> None:
    await make(town, town.max)
    await town.call(town.max, "InviteToGroup", **BEN)
    joined = await town.call(town.ben, "JoinGroup", **IN)
    assert joined.group_member.source == pb.GROUP_MEMBER_SOURCE_INVITATION
    await make(town, town.max, "Networks", **REQUEST)
    await town.call(town.ben, "JoinGroup", **IN)
    asked_in = await town.call(town.max, "InviteToGroup", **BEN)
    assert asked_in.group_member.state == ACTIVE
    assert asked_in.group_member.source == pb.GROUP_MEMBER_SOURCE_REQUEST


# Requests


async def test_a_request_is_approved_or_rejected(town: Town) -> None:
    made = await make(town, town.max, **REQUEST)
    missing = ("GROUP_REQUEST_NOT_FOUND", "person_id")
    for person in ("ben", "max", "nobody"):
        request = {**IN, "person_id": person, "approve": True}
        assert await town.refused(town.max, "DecideGroupRequest", **request) == missing
    await town.call(town.ben, "JoinGroup", **IN)
    rejected = await town.call(town.max, "DecideGroupRequest", **BEN, reason="not now")
    assert rejected.group_member.state == REJECTED
    assert (await town.trail(town.aurora.id))[0][1::2] == ("DecideGroupRequest", "not now")
    assert await town.refused(town.max, "DecideGroupRequest", **BEN, approve=True) == missing
    await town.call(town.ben, "JoinGroup", **IN)
    stale = {**BEN, "approve": True, "expected_version": 2}
    assert await town.refused(town.max, "DecideGroupRequest", **stale) == (
        "VERSION_STALE",
        "expected_version",
    )
    approved = await town.call(
        town.max, "DecideGroupRequest", **BEN, approve=True, expected_version=3
    )
    assert approved.group_member.state == ACTIVE
    assert await keys(town, "Ben") == {f"group:{made.id}"}


async def test_invitations_that_are_over_are_listed_since_when(town: Town) -> None:
    """Page by page, where the one that was over first was made last."""
    await make(town, town.max)
    now = datetime.now(UTC)
    for person, seconds in ((BEN, 10), (ANN, 20)):
        made = await town.call(town.max, "InviteToGroup", **person)
        await town.world.database.group_members.update_one(
            {"person_id": made.group_member.person_id},
            {"$set": {"expire_time": now - timedelta(seconds=seconds)}},
        )
    asked: dict[str, Any] = {**IN, "state": EXPIRED, "page_size": 1}
    first = await town.call(town.max, "ListGroupMembers", **asked)
    (one,) = first.group_members
    assert one.person_id == town.ann.person_id
    time = one.update_time.ToDatetime(UTC)
    assert first.next_page_token == encode_page_token(time, one.person_id)
    rest = await town.call(town.max, "ListGroupMembers", **asked, page_token=first.next_page_token)
    assert [member.person_id for member in rest.group_members] == [town.ben.person_id]
    assert rest.next_page_token == ""


async def test_who_leaves_the_community_has_asked_and_was_invited_no_longer(town: Town) -> None:
    await make(town, town.max, **REQUEST)
    await town.call(town.ben, "JoinGroup", **IN)
    await town.call(town.max, "InviteToGroup", **ANN)
    for person in ("ann", "ben"):
        fields = {"community_id": "aurora", "person_id": person, "reason": "spam"}
        await town.call(town.max, "RemoveMember", **fields)
        del fields["reason"]
        await town.call(town.max, "CreateMember", **fields)
    for state in (REQUESTED, INVITED):
        assert await members(town, town.max, state=state) == []
    assert (await standing(town, "ben")).state == LEFT
    assert (await standing(town, "ann")).state == EXPIRED
    assert await town.refused(town.max, "DecideGroupRequest", **BEN, approve=True) == (
        "GROUP_REQUEST_NOT_FOUND",
        "person_id",
    )


# Roles


async def test_owners_give_roles_and_moderators_moderate(town: Town) -> None:
    await make_by_ann(town, **OPEN)
    for name in ("Ben", "Cal", "Dee"):
        if name != "Ben":
            await town.world.sign_in("Kestrel", name)
        actor = await town.world.actor("Kestrel", name)
        town.ids[name.lower()] = actor.person_id
        await town.call(actor, "JoinGroup", **IN)
    cal = await town.world.actor("Kestrel", "Cal")
    given = await town.call(town.ann, "ChangeGroupMember", **BEN, role=MODERATOR)
    assert (given.group_member.role, given.group_member.version) == (MODERATOR, 2)
    assert (await town.said())[-1] == events.GroupMemberChanged(
        group_id=town.ids["group"],
        person_id=town.ben.person_id,
        state=ACTIVE,
        former_state=ACTIVE,
        role=MODERATOR,
    )
    again = await town.call(town.ann, "ChangeGroupMember", **BEN, role=MODERATOR)
    assert again.group_member.version == 2
    dee = {**IN, "person_id": "dee"}
    assert await town.refused(town.ben, "ChangeGroupMember", **dee, role=MODERATOR) == ROLE
    assert await town.refused(cal, "RemoveGroupMember", **dee, reason="spam") == ROLE
    removed = await town.call(town.ben, "RemoveGroupMember", **dee, reason="spam")
    assert removed.group_member.state == REMOVED
    assert (await town.trail(town.aurora.id))[0][1::2] == ("RemoveGroupMember", "spam")
    await town.call(town.ann, "ChangeGroupMember", **IN, person_id="cal", role=MODERATOR)
    for person in ("cal", "ann"):
        above = {**IN, "person_id": person, "reason": "spam"}
        assert await town.refused(town.ben, "RemoveGroupMember", **above) == ROLE
        for state in (SUSPENDED, EXCLUDED):
            change = {**above, "state": state}
            assert await town.refused(town.ben, "ChangeGroupMember", **change) == ROLE
    await town.call(town.ann, "RemoveGroupMember", **IN, person_id="cal", reason="spam")
    back = await town.call(cal, "JoinGroup", **IN)
    assert back.group_member.role == MEMBER


async def test_a_group_keeps_an_owner_unless_a_manager_takes_the_last(town: Town) -> None:
    await make_by_ann(town, **OPEN)
    await town.call(town.ben, "JoinGroup", **IN)
    last = ("LAST_OWNER", "group_id")
    why = {"reason": "over"}
    for fields in ({"role": MEMBER}, {"state": SUSPENDED, **why}, {"state": EXCLUDED, **why}):
        assert await town.refused(town.ann, "ChangeGroupMember", **ANN, **fields) == last
    assert await town.refused(town.ann, "RemoveGroupMember", **ANN, **why) == last
    await town.call(town.ann, "ChangeGroupMember", **BEN, role=OWNER)
    await town.call(town.ann, "ChangeGroupMember", **ANN, role=MEMBER)
    assert await town.refused(town.ann, "UpdateGroup", **IN, name="Mine") == ROLE
    taken = await town.call(town.max, "ChangeGroupMember", **BEN, role=MEMBER)
    assert taken.group_member.role == MEMBER


async def test_who_is_not_in_a_group_gets_no_role(town: Town) -> None:
    await make(town, town.max, **REQUEST)
    missing = ("GROUP_MEMBER_NOT_FOUND", "person_id")
    changes: tuple[dict[str, Any], ...] = ({"role": MODERATOR}, SUSPEND, {})
    for fields in changes:
        assert await town.refused(town.max, "ChangeGroupMember", **BEN, **fields) == missing
    assert await town.refused(town.max, "RemoveGroupMember", **BEN, reason="spam") == missing
    await town.call(town.ben, "JoinGroup", **IN)
    for rpc, fields, field in (
        ("ChangeGroupMember", {"role": MODERATOR}, "role"),
        ("ChangeGroupMember", SUSPEND, "state"),
        ("ChangeGroupMember", {"state": ACTIVE}, "state"),
        ("RemoveGroupMember", {"reason": "spam"}, "person_id"),
    ):
        invalid = ("GROUP_MEMBER_STATE_INVALID", field)
        assert await town.refused(town.max, rpc, **BEN, **fields) == invalid
    for change, refusal in (
        ({"role": 9}, ("FIELD_INVALID", "role")),
        ({"state": 99}, ("FIELD_INVALID", "state")),
        ({"state": LEFT}, ("FIELD_INVALID", "state")),
        ({"state": SUSPENDED}, ("REASON_REQUIRED", "reason")),
        ({"state": EXCLUDED}, ("REASON_REQUIRED", "reason")),
    ):
        assert await town.refused(town.max, "ChangeGroupMember", **BEN, **change) == refusal
    assert await town.refused(town.max, "RemoveGroupMember", **BEN) == (
        "REASON_REQUIRED",
        "reason",
    )


# Suspended and excluded


async def test_a_suspension_takes_the_key_until_it_is_lifted(town: Town) -> None:
    made = await make(town, town.max, **SECRET)
    await town.call(town.max, "InviteToGroup", **BEN)
    await town.call(town.ben, "JoinGroup", **IN)
    await town.call(town.max, "ChangeGroupMember", **BEN, role=MODERATOR)
    why = {"state": SUSPENDED, "reason": "until Monday"}
    suspended = await town.call(town.max, "ChangeGroupMember", **BEN, **why)
    assert suspended.group_member.state == SUSPENDED
    assert await keys(town, "Ben") == set()
    assert (await town.call(town.max, "GetGroup", **IN)).group.member_count == 1
    for rpc in ("GetGroup", "JoinGroup", "LeaveGroup"):
        assert await town.refused(town.ben, rpc, **IN) == NOT_FOUND
    await town.call(town.max, "UpdateGroup", **IN, visibility=pb.GROUP_VISIBILITY_COMMUNITY)
    for rpc in ("JoinGroup", "LeaveGroup"):
        assert await town.refused(town.ben, rpc, **IN) == ("GROUP_MEMBER_SUSPENDED", "group_id")
    assert await town.refused(town.max, "InviteToGroup", **BEN) == (
        "GROUP_MEMBER_SUSPENDED",
        "person_id",
    )
    assert await town.refused(town.ben, "UpdateGroup", **IN) == ROLE
    same = await town.call(town.max, "ChangeGroupMember", **BEN, **why)
    assert same.group_member == suspended.group_member
    lifted = await town.call(town.max, "ChangeGroupMember", **BEN, state=ACTIVE)
    assert (lifted.group_member.state, lifted.group_member.role) == (ACTIVE, MODERATOR)
    assert await keys(town, "Ben") == {f"group:{made.id}"}
    again = await town.call(town.max, "ChangeGroupMember", **BEN, state=ACTIVE)
    assert again.group_member == lifted.group_member


async def test_a_suspension_outlives_the_membership_and_gives_nothing_back(town: Town) -> None:
    await make(town, town.max, **OPEN)
    await town.call(town.ben, "JoinGroup", **IN)
    await town.call(town.max, "ChangeGroupMember", **BEN, state=SUSPENDED, reason="spam")
    place = {"community_id": "aurora", "person_id": "ben"}
    await town.call(town.max, "RemoveMember", **place, reason="spam")
    await town.call(town.max, "CreateMember", **place)
    assert await town.refused(town.ben, "JoinGroup", **IN) == (
        "GROUP_MEMBER_SUSPENDED",
        "group_id",
    )
    lifted = await town.call(town.max, "ChangeGroupMember", **BEN, state=ACTIVE)
    assert lifted.group_member.state == LEFT
    assert await keys(town, "Ben") == set()


async def test_who_is_excluded_stays_out_until_it_is_lifted(town: Town) -> None:
    await make(town, town.max, **OPEN)
    await town.call(town.ann, "JoinGroup", **IN)
    why = {"state": EXCLUDED, "reason": "a competitor"}
    for place in (ANN, BEN):
        excluded = await town.call(town.max, "ChangeGroupMember", **place, **why)
        assert excluded.group_member.state == EXCLUDED
    assert excluded.group_member.source == pb.GROUP_MEMBER_SOURCE_MANAGER
    assert await keys(town, "Ann") == set()
    for actor in (town.ann, town.ben):
        assert await town.refused(actor, "JoinGroup", **IN) == (
            "GROUP_MEMBER_EXCLUDED",
            "group_id",
        )
    before = await stored(town.world.database)
    assert await town.refused(town.max, "InviteToGroup", **ANN) == (
        "GROUP_MEMBER_EXCLUDED",
        "person_id",
    )
    assert await town.refused(town.max, "RemoveGroupMember", **ANN, reason="spam") == (
        "GROUP_MEMBER_STATE_INVALID",
        "person_id",
    )
    assert await stored(town.world.database) == before
    assert set(await members(town, town.max, state=EXCLUDED)) == {
        town.ann.person_id,
        town.ben.person_id,
    }
    lifted = await town.call(town.max, "ChangeGroupMember", **ANN, state=ACTIVE)
    assert lifted.group_member.state == LEFT
    assert (await town.call(town.ann, "JoinGroup", **IN)).group_member.state == ACTIVE


async def test_nothing_changes_in_an_archived_group(town: Town) -> None:
    await make(town, town.max, **REQUEST)
    await town.call(town.ben, "JoinGroup", **IN)
    await town.call(town.max, "InviteToGroup", **ANN)
    await town.call(town.max, "ArchiveGroup", **IN)
    over = ("GROUP_ARCHIVED", "group_id")
    for rpc, fields in _MODERATORS.items():
        assert await town.refused(town.max, rpc, **BEN, **fields) == over, rpc
    assert await town.refused(town.ann, "AnswerGroupInvitation", **IN, accept=True) == over
    declined = await town.call(town.ann, "AnswerGroupInvitation", **IN)
    assert declined.group_member.state == DECLINED


async def test_nobody_is_in_more_groups_than_there_may_be(town: Town) -> None:
    row = {
        "community_id": town.aurora.id,
        "person_id": town.ben.person_id,
        "state": "ACTIVE",
    }
    others = [{"_id": f"other-{n}", "group_id": f"other-{n}", **row} for n in range(49)]
    await town.world.database.group_members.insert_many(others)
    await make(town, town.max, **OPEN)
    await town.world.database.group_members.insert_one({"_id": "x", "group_id": "x", **row})
    full = ("TOO_MANY_GROUPS", "group_id")
    assert await town.refused(town.ben, "JoinGroup", **IN) == full
    assert await town.refused(town.max, "InviteToGroup", **BEN) == full
    await town.world.database.group_members.delete_one({"_id": "x"})
    assert (await town.call(town.max, "InviteToGroup", **BEN)).group_member.state == INVITED
    assert (await town.call(town.ben, "JoinGroup", **IN)).group_member.state == ACTIVE
    assert (await town.call(OPERATOR, "GetGroup", **IN)).group.member_count == 2

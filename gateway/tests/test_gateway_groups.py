"""Groups in GraphQL, beside a stand-in for the directory's."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import Message

from chassis.errors import CommunityNotFoundError, InvalidArgumentError, NotFoundError
from gateway.cursors import decode_id, encode_id
from gateway.tests.conftest import House
from gateway.tests.groups_standin import GroupStandIn
from gateway.tests.standins import time
from guildhall.directory.v1 import groups_pb2 as pb


class GroupRuleInvalidError(InvalidArgumentError):
    """As the directory's."""


class MemberNotFoundError(NotFoundError):
    """As the directory's."""


COMMUNITY = encode_id("Community", "c1", "c1")
GROUP = encode_id("Group", "c1", "g2")
PERSON = encode_id("Person", "platform", "p2")
MEMBER = encode_id("Member", "c1", "p2")
LIST = """query Groups($id: ID!, $states: [GroupMemberState!]) { community(id: $id) {
  groups(first: 3, viewerStates: $states, withArchived: true) {
    edges { node { id name viewerMembership { role state group { name } } } }
    pageInfo { hasNextPage endCursor }
} } }"""


async def test_groups_of_a_community_with_how_one_stands_to_them(
    house: House, groups: GroupStandIn
) -> None:
    answer = await house.ask(LIST, {"id": COMMUNITY, "states": ["ACTIVE", "INVITED"]})
    assert "errors" not in answer
    page = answer["data"]["community"]["groups"]
    nodes = [edge["node"] for edge in page["edges"]]
    assert [node["id"] for node in nodes] == [encode_id("Group", "c1", f"g{n}") for n in (1, 2, 3)]
    assert nodes[0]["viewerMembership"] == {
        "role": "MEMBER", "state": "ACTIVE", "group": {"name": "Group 1"},
    }  # fmt: skip
    assert nodes[1]["viewerMembership"] is None
    assert page["pageInfo"]["hasNextPage"] is True
    asked, own, _ = groups.requests
    assert asked == pb.ListGroupsRequest(
        community_id="c1",
        viewer_states=[pb.GROUP_MEMBER_STATE_ACTIVE, pb.GROUP_MEMBER_STATE_INVITED],
        with_archived=True,
        page_size=3,
    )
    assert own == pb.BatchGetGroupMembersRequest(community_id="c1", group_ids=["g1", "g2", "g3"])
    assert groups.calls == {"ListGroups": 1, "BatchGetGroupMembers": 1, "BatchGetGroups": 1}


WALKED = {
    "groups": (COMMUNITY, "community(id: $id)", "name", [f"Group {n}" for n in range(1, 6)]),
    "members": (GROUP, "group(id: $id)", "member { id }", [f"p{n}" for n in range(1, 6)]),
}


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("name", WALKED)
async def test_pages_go_on_where_they_ended_both_ways(
    house: House, name: str, backward: bool
) -> None:
    id_, where, shown, rows = WALKED[name]
    ask = f"""query Walk($id: ID!, $first: Int, $after: String, $last: Int, $before: String) {{
      found: {where} {{ page: {name}(first: $first, after: $after, last: $last, before: $before) {{
        edges {{ node {{ {shown} }} }}
        pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }} }}"""
    size, cursor, end, more = (
        ("last", "before", "startCursor", "hasPreviousPage")
        if backward
        else ("first", "after", "endCursor", "hasNextPage")
    )
    found: list[Any] = []
    variables: dict[str, Any] = {"id": id_, size: 2}
    while True:
        answer = await house.ask(ask, variables)
        assert "errors" not in answer
        page = answer["data"]["found"]["page"]
        nodes = [edge["node"] for edge in page["edges"]]
        found = [*nodes, *found] if backward else [*found, *nodes]
        if not page["pageInfo"][more]:
            break
        variables[cursor] = page["pageInfo"][end]
    if name == "members":
        found = [decode_id(one["member"]["id"], "id").id for one in found]
    else:
        found = [one["name"] for one in found]
    assert found == rows


ONE = """query Group($id: ID!) { group(id: $id) {
  id name visibility memberVisibility joinPolicy memberCount state createTime version
  rule { partnerTypes tiers verticals territories emailDomains }
  community { slug } viewerMembership { state }
  members(first: 2, state: REQUESTED, role: MODERATOR) { edges { cursor node {
    role state source createTime updateTime expireTime version
    member { displayName } company { name } group { name }
  } } }
} }"""


async def test_a_group_with_its_members(house: House, groups: GroupStandIn) -> None:
    answer = await house.ask(ONE, {"id": GROUP})
    assert "errors" not in answer
    shown = answer["data"]["group"]
    (first, _) = shown.pop("members")["edges"]
    assert shown == {
        "id": GROUP, "name": "Group 2", "visibility": "COMMUNITY", "memberVisibility": "MEMBERS",
        "joinPolicy": "RULE", "memberCount": 2, "state": "ACTIVE",
        "createTime": "2026-01-01T00:02:00.000Z", "version": 2,
        "rule": {
            "partnerTypes": [], "tiers": ["gold"], "verticals": [], "territories": [],
            "emailDomains": [],
        },
        "community": {"slug": "aurora"}, "viewerMembership": None,
    }  # fmt: skip
    assert first["node"] == {
        "role": "MEMBER", "state": "ACTIVE", "source": "SELF",
        "createTime": "2026-01-01T00:01:00.000Z", "updateTime": "2026-01-01T00:01:00.000Z",
        "expireTime": None, "version": 1, "member": {"displayName": "Person p1"},
        "company": {"name": "Company co1"}, "group": {"name": "Group 2"},
    }  # fmt: skip
    (asked,) = [one for one in groups.requests if isinstance(one, pb.ListGroupMembersRequest)]
    assert asked == pb.ListGroupMembersRequest(
        community_id="c1",
        group_id="g2",
        state=pb.GROUP_MEMBER_STATE_REQUESTED,
        role=pb.GROUP_ROLE_MODERATOR,
        page_size=2,
    )


async def test_a_group_that_takes_nobody_by_itself_has_no_rule(house: House) -> None:
    ask = "query($id: ID!) { group(id: $id) { rule { tiers } viewerMembership { state } } }"
    answer = await house.ask(ask, {"id": encode_id("Group", "c1", "g1")})
    assert answer["data"] == {"group": {"rule": None, "viewerMembership": {"state": "ACTIVE"}}}


@pytest.mark.parametrize("hidden", [("c1", "g9"), ("c2", "g1")])
async def test_what_one_cannot_see_is_null_by_any_way(
    house: House, hidden: tuple[str, str]
) -> None:
    id_ = encode_id("Group", *hidden)
    ask = """query($id: ID!, $of: [_Any!]!) { group(id: $id) { id }
      communityNode(id: $id) { id } _entities(representations: $of) { __typename } }"""
    answer = await house.ask(ask, {"id": id_, "of": [{"__typename": "Group", "id": id_}]})
    assert answer["data"] == {"group": None, "communityNode": None, "_entities": [None]}
    assert "errors" not in answer


async def test_a_group_is_a_node_and_an_entity(house: House) -> None:
    ask = """query($id: ID!, $of: [_Any!]!) {
      communityNode(id: $id) { ... on Group { name } }
      _entities(representations: $of) { ... on Group { memberCount } } }"""
    answer = await house.ask(ask, {"id": GROUP, "of": [{"__typename": "Group", "id": GROUP}]})
    assert answer["data"] == {
        "communityNode": {"name": "Group 2"},
        "_entities": [{"memberCount": 2}],
    }


async def test_what_is_no_id_of_a_group(house: House, groups: GroupStandIn) -> None:
    answer = await house.ask("query($id: ID!) { group(id: $id) { id } }", {"id": COMMUNITY})
    extensions = answer["errors"][0]["extensions"]
    assert (extensions["code"], extensions["field"]) == ("BAD_USER_INPUT", "id")
    assert not groups.calls


ALL = {"requestId": "request-1"}
RULE = pb.GroupRule(tiers=["gold"], email_domains=["kestrel.example"])
RULE_GIVEN = {"tiers": ["gold"], "emailDomains": ["kestrel.example"]}
OF_GROUP: dict[str, Any] = {"request_id": "request-1", "community_id": "c1", "group_id": "g2"}
WRITES: dict[str, tuple[dict[str, Any], Message]] = {
    "createGroup": (
        {
            "communityId": COMMUNITY, "name": "Gold", "description": "Gold partners.",
            "visibility": "MEMBERS", "memberVisibility": "MODERATORS", "joinPolicy": "RULE",
            "rule": RULE_GIVEN,
        },
        pb.CreateGroupRequest(
            request_id="request-1", community_id="c1", name="Gold", description="Gold partners.",
            visibility=pb.GROUP_VISIBILITY_MEMBERS,
            member_visibility=pb.GROUP_MEMBER_VISIBILITY_MODERATORS,
            join_policy=pb.GROUP_JOIN_POLICY_RULE, rule=RULE,
        ),
    ),
    "updateGroup": (
        {"groupId": GROUP, "description": "", "rule": RULE_GIVEN, "expectedVersion": 3},
        pb.UpdateGroupRequest(**OF_GROUP, description="", rule=RULE, expected_version=3),
    ),
    "archiveGroup": (
        {"groupId": GROUP, "expectedVersion": 3},
        pb.ArchiveGroupRequest(**OF_GROUP, expected_version=3),
    ),
    "joinGroup": ({"groupId": GROUP}, pb.JoinGroupRequest(**OF_GROUP)),
    "leaveGroup": (
        {"groupId": GROUP, "expectedVersion": 3},
        pb.LeaveGroupRequest(**OF_GROUP, expected_version=3),
    ),
    "inviteToGroup": (
        {"groupId": GROUP, "personId": MEMBER, "expireTime": "2026-01-01T00:07:00Z"},
        pb.InviteToGroupRequest(**OF_GROUP, person_id="p2", expire_time=time(7)),
    ),
    "answerGroupInvitation": (
        {"groupId": GROUP, "accept": True, "expectedVersion": 3},
        pb.AnswerGroupInvitationRequest(**OF_GROUP, accept=True, expected_version=3),
    ),
    "decideGroupRequest": (
        {"groupId": GROUP, "personId": PERSON, "approve": False, "reason": "full"},
        pb.DecideGroupRequestRequest(**OF_GROUP, person_id="p2", approve=False, reason="full"),
    ),
    "changeGroupMember": (
        {
            "groupId": GROUP, "personId": PERSON, "role": "OWNER", "state": "SUSPENDED",
            "reason": "loud", "expectedVersion": 3,
        },
        pb.ChangeGroupMemberRequest(
            **OF_GROUP, person_id="p2", role=pb.GROUP_ROLE_OWNER,
            state=pb.GROUP_MEMBER_STATE_SUSPENDED, reason="loud", expected_version=3,
        ),
    ),
    "removeGroupMember": (
        {"groupId": GROUP, "personId": MEMBER, "reason": "loud", "expectedVersion": 3},
        pb.RemoveGroupMemberRequest(
            **OF_GROUP, person_id="p2", reason="loud", expected_version=3
        ),
    ),
}  # fmt: skip


def _mutation(name: str) -> str:
    of_a_group = name in ("createGroup", "updateGroup", "archiveGroup")
    shown = "group { name }" if of_a_group else "groupMember { state member { displayName } }"
    title = name[0].upper() + name[1:]
    return f"mutation($input: {title}Input!) {{ {name}(input: $input) {{ {shown} }} }}"


@pytest.mark.parametrize("name", WRITES)
async def test_a_write_is_its_rpc(house: House, groups: GroupStandIn, name: str) -> None:
    given, request = WRITES[name]
    answer = await house.ask(_mutation(name), {"input": {**ALL, **given}})
    assert "errors" not in answer
    payload = answer["data"][name]
    if "group" in payload:
        assert payload == {"group": {"name": "Group 1"}}
    else:
        state = "LEFT" if name == "leaveGroup" else "ACTIVE"
        person = "p2" if "personId" in given else "p1"
        member = {"displayName": f"Person {person}"}
        assert payload == {"groupMember": {"state": state, "member": member}}
    assert groups.requests == [request]


async def test_what_one_has_left_and_cannot_see_any_more(house: House) -> None:
    leave = """mutation($input: LeaveGroupInput!) { leaveGroup(input: $input) {
      groupMember { state group { name } } } }"""
    answer = await house.ask(leave, {"input": {**ALL, "groupId": GROUP}})
    assert answer["data"] == {"leaveGroup": {"groupMember": {"state": "LEFT", "group": None}}}
    assert "errors" not in answer


@pytest.mark.parametrize(
    ("name", "refusal", "told"),
    [
        # Whoever is not in the community does not know that the group is there.
        ("joinGroup", CommunityNotFoundError(field="community_id"), ("GROUP_NOT_FOUND", "groupId")),
        (
            "createGroup",
            CommunityNotFoundError(field="community_id"),
            ("COMMUNITY_NOT_FOUND", "communityId"),
        ),
        (
            "createGroup",
            GroupRuleInvalidError(field="rule.email_domains"),
            ("GROUP_RULE_INVALID", "rule.emailDomains"),
        ),
        (
            "inviteToGroup",
            MemberNotFoundError(field="person_id"),
            ("MEMBER_NOT_FOUND", "personId"),
        ),
    ],
)
async def test_a_refusal_is_told_in_the_inputs_words(
    house: House, groups: GroupStandIn, name: str, refusal: Exception, told: tuple[str, str]
) -> None:
    groups.failures[name[0].upper() + name[1:]] = refusal
    answer = await house.ask(_mutation(name), {"input": {**ALL, **WRITES[name][0]}})
    extensions = answer["errors"][0]["extensions"]
    assert (extensions["code"], extensions["field"]) == told


async def test_who_has_joined_is_asked_for_anew(house: House) -> None:
    """What they may read has changed: neither actor nor rows of before are believed."""
    before = house.parts.actors.epoch
    await house.ask(_mutation("joinGroup"), {"input": {**ALL, "groupId": GROUP}})
    assert house.parts.actors.epoch == before + 1


async def test_a_directory_that_is_away_nulls_only_what_is_its_own(
    house: House, groups: GroupStandIn
) -> None:
    groups.failures["BatchGetGroupMembers"] = RuntimeError()
    answer = await house.ask(
        "query($id: ID!) { group(id: $id) { name viewerMembership { state } } }", {"id": GROUP}
    )
    assert answer["data"] == {"group": {"name": "Group 2", "viewerMembership": None}}
    assert answer["errors"][0]["path"] == ["group", "viewerMembership"]

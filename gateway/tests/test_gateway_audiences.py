"""Whom spaces and channels are for: tiers by name, companies and groups by their global ids."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.cursors import encode_id
from gateway.tests.conftest import House
from gateway.tests.groups_standin import GroupStandIn
from gateway.tests.standins import ForumStandIn, space
from guildhall.directory.v1 import groups_pb2
from guildhall.forum.v1 import forum_pb2

COMMUNITY = encode_id("Community", "c1", "c1")
COMPANY = encode_id("Company", "platform", "co1")
SPACE = """query Space($id: ID!) { communityNode(id: $id) { ... on Space {
  audience audienceNames audienceGroups { group { id name } } } } }"""
SPACES: dict[str, tuple[int, list[str]]] = {
    "sp1": (forum_pb2.AUDIENCE_COMMUNITY, []),
    "sp2": (forum_pb2.AUDIENCE_TIER, ["gold"]),
    "sp3": (forum_pb2.AUDIENCE_COMPANIES, ["co1"]),
    "sp4": (forum_pb2.AUDIENCE_GROUPS, ["g1", "g9"]),
}


def group(id: str) -> str:
    return encode_id("Group", "c1", id)


class AudienceStandIn(ForumStandIn):
    """A space for each audience; what is written is as it was asked for."""

    async def BatchGetSpaces(self, request: Any, _context: Any) -> Any:
        self.called("BatchGetSpaces", request)
        rows = [space(key) for key in request.space_ids]
        for row in rows:
            row.audience, names = SPACES[row.id]  # type: ignore[assignment]
            row.audience_names.extend(names)
        return forum_pb2.BatchGetSpacesResponse(spaces=rows)

    async def CreateSpace(self, request: Any, _context: Any) -> Any:
        self.called("CreateSpace", request)
        made = space("sp9")
        made.audience = request.audience
        made.audience_names.extend(request.audience_names)
        return forum_pb2.CreateSpaceResponse(space=made)


@pytest.fixture
def forum() -> ForumStandIn:
    return AudienceStandIn()  # type: ignore[abstract]


@pytest.mark.parametrize(
    ("id", "shown"),
    [
        ("sp1", {"audience": "COMMUNITY", "audienceNames": [], "audienceGroups": []}),
        ("sp2", {"audience": "TIER", "audienceNames": ["gold"], "audienceGroups": []}),
        ("sp3", {"audience": "COMPANIES", "audienceNames": [COMPANY], "audienceGroups": []}),
        (
            "sp4",
            {
                "audience": "GROUPS",
                "audienceNames": [group("g1"), group("g9")],
                # One of them is not for the reader to know of.
                "audienceGroups": [
                    {"group": {"id": group("g1"), "name": "Group 1"}},
                    {"group": None},
                ],
            },
        ),
    ],
)
async def test_a_space_says_whom_it_is_for(
    house: House, groups: GroupStandIn, id: str, shown: dict[str, Any]
) -> None:
    answer = await house.ask(SPACE, {"id": encode_id("Space", "c1", id)})
    assert "errors" not in answer
    assert answer["data"]["communityNode"] == shown
    if shown["audienceGroups"]:
        (asked,) = groups.requests
        assert asked == groups_pb2.BatchGetGroupsRequest(community_id="c1", group_ids=["g1", "g9"])
    else:
        assert not groups.calls


CREATE = """mutation Create($input: CreateSpaceInput!) { createSpace(input: $input) {
  space { audienceNames audienceGroups { group { name } } } } }"""
GIVEN = {"requestId": "request-1", "communityId": COMMUNITY, "slug": "gold", "name": "Gold"}


async def test_a_space_is_made_for_groups(house: House, forum: ForumStandIn) -> None:
    given = {**GIVEN, "audience": "GROUPS", "audienceNames": [group("g2")]}
    answer = await house.ask(CREATE, {"input": given})
    assert "errors" not in answer
    assert answer["data"]["createSpace"]["space"] == {
        "audienceNames": [group("g2")],
        "audienceGroups": [{"group": {"name": "Group 2"}}],
    }
    (asked,) = [one for one in forum.requests if isinstance(one, forum_pb2.CreateSpaceRequest)]
    assert (asked.audience, list(asked.audience_names)) == (forum_pb2.AUDIENCE_GROUPS, ["g2"])


@pytest.mark.parametrize(
    ("audience", "name"), [("GROUPS", COMPANY), ("GROUPS", "gold"), ("COMPANIES", group("g1"))]
)
async def test_what_is_no_id_of_one_is_refused_before_it_is_sent(
    house: House, forum: ForumStandIn, audience: str, name: str
) -> None:
    given = {**GIVEN, "audience": audience, "audienceNames": [name]}
    answer = await house.ask(CREATE, {"input": given})
    extensions = answer["errors"][0]["extensions"]
    assert (extensions["code"], extensions["field"]) == ("BAD_USER_INPUT", "audienceNames")
    assert forum.calls["CreateSpace"] == 0

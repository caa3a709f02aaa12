"""What the demo shows of groups: a rule takes people in, a request waits, outsiders see none."""

from __future__ import annotations

import functools
import operator
from typing import Any

import pytest

from tests.system import (
    BOREALIS_MANAGER,
    BOTH,
    ENGINEER,
    MANAGER,
    SELLER,
    RefusedError,
    System,
    until,
)

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

GROUPS = """query G($slug: String!) { community(slug: $slug) { groups(first: 50) { edges { node {
  id name memberCount viewerMembership { state source } } } } } }"""


async def groups(system: System, email: str, slug: str) -> dict[str, Any]:
    """By name."""
    community = (await (await system.asker(email))(GROUPS, slug=slug))["community"]
    if community is None:
        return {}
    return {edge["node"]["name"]: edge["node"] for edge in community["groups"]["edges"]}


async def test_a_rule_takes_in_an_integrator_s_people(system: System) -> None:
    async def shown(email: str) -> dict[str, Any]:
        found: dict[str, Any] = (await groups(system, email, "aurora"))["Gold integrators"]
        return found

    for email in (ENGINEER, BOTH):
        ask = functools.partial(shown, email)
        group = await until(ask, operator.itemgetter("viewerMembership"))
        assert group["viewerMembership"] == {"state": "ACTIVE", "source": "RULE"}
    owner = await shown(MANAGER)
    assert owner["viewerMembership"] == {"state": "ACTIVE", "source": "MANAGER"}
    assert await groups(system, SELLER, "aurora") == {}
    engineer = await system.asker(ENGINEER)
    with pytest.raises(RefusedError) as refused:
        await engineer.mutate("leaveGroup", "{ groupMember { state } }", groupId=owner["id"])
    assert refused.value.code == "GROUP_MEMBER_BY_RULE"


async def test_requests_are_decided_and_one_waits(system: System) -> None:
    states = {
        email: (await groups(system, email, "borealis"))["Radio planners"]["viewerMembership"]
        for email in (SELLER, BOTH, BOREALIS_MANAGER)
    }
    assert {email: one["state"] for email, one in states.items()} == {
        SELLER: "ACTIVE",
        BOTH: "REQUESTED",
        BOREALIS_MANAGER: "ACTIVE",
    }

"""What the demo shows of expert routing: companies say what they can do, people are asked."""

from __future__ import annotations

from typing import Any

import pytest

from tests.system import BOREALIS_MANAGER, ENGINEER, MANAGER, SELLER, System

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

CAPABILITIES = """query C($slug: String!) { community(slug: $slug) {
  id space(slug: "general") { id }
  enrolments(first: 10) { edges { node { company { name } capabilities } } } } }"""
ASKS = "{ asks(first: 10) { edges { node { topic { id } inviter { displayName } } } } }"


@pytest.mark.parametrize(
    ("manager", "slug", "can"),
    [
        (MANAGER, "aurora", {"Kestrel": ["storage", "maintenance"]}),
        (BOREALIS_MANAGER, "borealis", {"Kestrel": [], "Lumen": ["radio", "certification"]}),
    ],
)
async def test_companies_say_what_they_can_do(
    system: System, manager: str, slug: str, can: dict[str, list[str]]
) -> None:
    shown = (await (await system.asker(manager))(CAPABILITIES, slug=slug))["community"]
    nodes = [edge["node"] for edge in shown["enrolments"]["edges"]]
    said = {one["company"]["name"]: one["capabilities"] for one in nodes}
    assert {name: said[name] for name in can} == can


async def test_who_can_help_is_invited_at_once(system: System) -> None:
    manager, engineer = await system.asker(MANAGER), await system.asker(ENGINEER)
    community = (await manager(CAPABILITIES, slug="aurora"))["community"]
    made = await manager.mutate(
        "createTopic",
        "{ topic { id } }",
        spaceId=community["space"]["id"],
        kind="QUESTION",
        title="Which disks may be mixed in one array?",
        body="Two sizes are in stock.",
        tags=["storage"],
    )
    topic = made["topic"]["id"]
    viewer = (await engineer("{ viewer { person { id } } }"))["viewer"]
    await manager.mutate(
        "inviteToAnswer",
        "{ member { displayName } }",
        topicId=topic,
        personId=viewer["person"]["id"],
    )

    async def asked(email: str) -> dict[str, Any]:
        edges = (await (await system.asker(email))(ASKS))["asks"]["edges"]
        return {edge["node"]["topic"]["id"]: edge["node"]["inviter"] for edge in edges}

    assert (await asked(ENGINEER))[topic] is not None
    assert topic not in await asked(SELLER)
    await engineer.mutate("declineAsk", "{ topicId }", topicId=topic)
    assert topic not in await asked(ENGINEER)

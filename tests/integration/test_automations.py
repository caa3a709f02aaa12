"""Automations on the whole system: made by a manager they act, and members see what they did."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.system import BOTH, ENGINEER, MANAGER, SELLER, Asker, RefusedError, System, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

ROUND = 90  # seconds: automations look at topics once a minute
COMMUNITY = "query C($slug: String!) { community(slug: $slug) { id } }"
TOPIC = "query T($id: ID!) { topic(id: $id) { state tags closeReason stateReason } }"
ENTRIES = """query E($id: ID!) { topic(id: $id) { moderationEntries(first: 10) { edges { node {
  action member { displayName } } } } } }"""
AUTOMATIONS = """query A($id: ID!) { automations(communityId: $id, first: 30) { edges { node {
  id name enabled matches(first: 10) { edges { node { actTime topic { id } } } } } } } }"""


async def automations(asker: Asker, community: str) -> dict[str, Any]:
    """Those of the community, by id, each with whether it has acted, by topic."""
    edges = (await asker(AUTOMATIONS, id=community))["automations"]["edges"]
    return {
        edge["node"]["id"]: {
            match["node"]["topic"]["id"]: match["node"]["actTime"] is not None
            for match in edge["node"]["matches"]["edges"]
        }
        for edge in edges
    }


async def refusal_of(asker: Asker, community: str) -> str:
    """Why somebody is not told of the automations, nor may make one."""
    with pytest.raises(RefusedError) as refused:
        await automations(asker, community)
    with pytest.raises(RefusedError) as also:
        await asker.mutate(
            "createAutomation",
            "{ automation { id } }",
            communityId=community,
            name="Mine",
            trigger="SCORE_REACHED",
            threshold=1,
            action="BUMP",
        )
    assert refused.value.code == also.value.code
    return str(refused.value.code)


async def test_what_is_liked_is_tagged_and_what_is_reported_is_closed(system: System) -> None:
    manager, engineer = await system.asker(MANAGER), await system.asker(ENGINEER)
    both, stranger = await system.asker(BOTH), await system.asker(SELLER)
    community = (await manager(COMMUNITY, slug="aurora"))["community"]["id"]
    word = f"w{uuid.uuid4().hex[:10]}"
    made = await manager.mutate(
        "createSpace", "{ space { id } }", communityId=community, slug=word, name=word
    )
    space = made["space"]["id"]

    async def topic() -> str:
        made = await manager.mutate(
            "createTopic",
            "{ topic { id } }",
            spaceId=space,
            kind="QUESTION",
            title=f"Who knows about {word}?",
            body="What is to be said about it.",
        )
        return str(made["topic"]["id"])

    async def automation(**more: Any) -> str:
        fields = {"communityId": community, "name": f"Of {word}", "spaceId": space, "threshold": 1}
        made = await manager.mutate("createAutomation", "{ automation { id } }", **fields, **more)
        return str(made["automation"]["id"])

    liked, reported, plain = await topic(), await topic(), await topic()
    tags = await automation(trigger="SCORE_REACHED", action="TAG", tag="liked")
    closes = await automation(
        trigger="REPORTED", action="CLOSE", closeReason="OFF_TOPIC", reason="Somebody complained."
    )

    async def matches() -> dict[str, Any]:
        known = await automations(manager, community)
        return {id_: known[id_] for id_ in (tags, closes) if id_ in known}

    assert await matches() == {tags: {}, closes: {}}
    await both.mutate("castVote", "{ topic { score } }", postId=liked, value="UP")
    await both.mutate("flagPost", "{ flag { id } }", postId=reported, reasons=["SPAM"])

    # Neither is enabled: what it would act on is told, and nothing is done.
    found = {tags: {liked: False}, closes: {reported: False}}
    await until(matches, lambda now: now == found)
    before = [await engineer(TOPIC, id=id_) for id_ in (liked, reported, plain)]
    assert {one["topic"]["state"] for one in before} == {"PUBLISHED"}
    for id_ in (tags, closes):
        done = await manager.mutate(
            "updateAutomation", "{ automation { enabled } }", automationId=id_, enabled=True
        )
        assert done == {"automation": {"enabled": True}}

    async def seen() -> list[Any]:
        return [(await engineer(TOPIC, id=id_))["topic"] for id_ in (liked, reported)]

    as_asked = [
        {**before[0]["topic"], "tags": ["liked"]},
        {
            **before[1]["topic"],
            "state": "CLOSED",
            "closeReason": "OFF_TOPIC",
            "stateReason": "Somebody complained.",
        },
    ]
    await until(seen, lambda now: now == as_asked, seconds=ROUND, pause=0.3)
    assert await engineer(TOPIC, id=plain) == before[2]
    # Nothing is left to be done; each topic has a line of what was, by nobody.
    assert await matches() == {tags: {}, closes: {}}
    for id_, action in ((liked, "TagByAutomation"), (reported, "CloseByAutomation")):
        edges = (await manager(ENTRIES, id=id_))["topic"]["moderationEntries"]["edges"]
        assert [edge["node"] for edge in edges] == [{"action": action, "member": None}]

    for asker, code in ((engineer, "ROLE_REQUIRED"), (stranger, "COMMUNITY_NOT_FOUND")):
        assert await refusal_of(asker, community) == code
    assert (await stranger(TOPIC, id=liked))["topic"] is None
    with pytest.raises(RefusedError) as refusal:
        await engineer(ENTRIES, id=liked)
    assert refusal.value.code == "ROLE_REQUIRED"
    for id_ in (tags, closes):
        await manager.mutate("deleteAutomation", "{ automationId }", automationId=id_)
    assert await matches() == {}

"""Seeding on the whole system: a plan for a new space, a post of it, and what came of it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.system import BOTH, ENGINEER, MANAGER, SELLER, Asker, RefusedError, System, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

VIEWER = "{ viewer { person { id displayName } } }"
COMMUNITY = "query C($slug: String!) { community(slug: $slug) { id } }"
SEEDINGS = """query S($id: ID!, $space: ID) {
  seedings(communityId: $id, spaceId: $space, first: 5) {
  edges { node { id name state owners { member { displayName } }
    items { id title kind dueTime state owner { displayName } topic { id } }
    report { answerCount weeks { seededCount organicCount } } } } } }"""
TOPIC = """query T($id: ID!) { topic(id: $id) { seeded
  replies(first: 5) { edges { node { seeded } } } } }"""
HEALTH = """query H($id: ID!, $slug: String!) { community(id: $id) { space(slug: $slug) {
  health { postCount activeCount questionCount seededCount nonVendorShare } } } }"""
NODE = "query N($id: ID!) { communityNode(id: $id) { id } }"


async def test_what_is_seeded_says_so_and_does_not_count(system: System) -> None:
    manager, engineer = await system.asker(MANAGER), await system.asker(ENGINEER)
    member, stranger = await system.asker(BOTH), await system.asker(SELLER)
    community = (await manager(COMMUNITY, slug="aurora"))["community"]["id"]
    person = (await engineer(VIEWER))["viewer"]["person"]
    owner, name = person["id"], person["displayName"]
    word = f"w{uuid.uuid4().hex[:10]}"
    made = await manager.mutate(
        "createSpace", "{ space { id } }", communityId=community, slug=word, name=word
    )
    space = made["space"]["id"]
    about = {"name": f"First posts about {word}", "ownerIds": [owner], "firstReplyHours": 24}
    for asker, code in ((engineer, "ROLE_REQUIRED"), (stranger, "SPACE_NOT_FOUND")):
        with pytest.raises(RefusedError) as refusal:
            await asker.mutate("createSeeding", "{ seeding { id } }", spaceId=space, **about)
        assert refusal.value.code == code
    made = await manager.mutate("createSeeding", "{ seeding { id } }", spaceId=space, **about)
    seeding = made["seeding"]["id"]
    due = (datetime.now(UTC) + timedelta(days=7)).replace(microsecond=0)
    planned: dict[str, Any] = {"title": "What everybody asks first", "kind": "QUESTION"}
    planned["dueTime"] = due.isoformat().replace("+00:00", "Z")
    await manager.mutate(
        "addSeedingItem", "{ seeding { id } }", seedingId=seeding, ownerId=owner, **planned
    )

    async def shown(asker: Asker) -> list[Any]:
        edges = (await asker(SEEDINGS, id=community, space=space))["seedings"]["edges"]
        return [edge["node"] for edge in edges]

    # Its owner finds what is planned for them, and posts it.
    (plan,) = await shown(engineer)
    assert (plan["id"], plan["name"], plan["state"]) == (seeding, about["name"], "ACTIVE")
    assert plan["owners"] == [{"member": {"displayName": name}}]
    (item,) = plan["items"]
    assert datetime.fromisoformat(item["dueTime"]) == due
    assert (item["title"], item["kind"]) == (planned["title"], planned["kind"])
    assert item["owner"] == {"displayName": name}
    assert (item["state"], item["topic"]) == ("PLANNED", None)
    question = {"spaceId": space, "kind": "QUESTION", "body": "It is asked in every course."}
    seeded = (
        await engineer.post(
            "createTopic",
            "{ topic { id seeded } }",
            title=f"How does one begin with {word}?",
            seedingItemId=item["id"],
            **question,
        )
    )["topic"]
    assert seeded["seeded"]
    # Others write there by themselves: a reply to it, and a question.
    await member.post("createReply", "{ reply { id } }", topicId=seeded["id"], body="So do we.")
    own = (
        await member.post(
            "createTopic", "{ topic { id seeded } }", title=f"And how does {word} end?", **question
        )
    )["topic"]
    assert not own["seeded"]

    async def posted() -> Any:
        return (await shown(engineer))[0]

    plan = await until(posted, lambda one: one["report"]["answerCount"])
    assert [(one["state"], one["topic"]) for one in plan["items"]] == [
        ("POSTED", {"id": seeded["id"]})
    ]
    assert plan["report"] == {
        "answerCount": 1,
        "weeks": [{"seededCount": 1, "organicCount": 2}],
    }
    # Every reader is told that it is seeded; who runs the community, that it did not count.
    for asker in (engineer, member, manager):
        topic = (await asker(TOPIC, id=seeded["id"]))["topic"]
        assert topic["seeded"]
        assert [edge["node"]["seeded"] for edge in topic["replies"]["edges"]] == [False]
    health = (await manager(HEALTH, id=community, slug=word))["community"]["space"]["health"]
    assert health == {
        "postCount": 2,
        "activeCount": 1,
        "questionCount": 1,
        "seededCount": 1,
        "nonVendorShare": 1.0,
    }

    # An item is posted once, by its people; who is not of the plan finds none.
    with pytest.raises(RefusedError) as refusal:
        await manager.mutate(
            "createTopic", "{ topic { id } }", title=f"How does one begin again with {word}?",
            seedingItemId=item["id"], **question,
        )  # fmt: skip
    assert refusal.value.code == "SEEDING_ITEM_POSTED"
    assert await shown(member) == []
    with pytest.raises(RefusedError) as refusal:
        await shown(stranger)
    assert refusal.value.code == "COMMUNITY_NOT_FOUND"
    for asker in (member, stranger):
        assert (await asker(NODE, id=seeding))["communityNode"] is None
    assert (await stranger(TOPIC, id=seeded["id"]))["topic"] is None
    with pytest.raises(RefusedError) as refusal:
        await engineer(HEALTH, id=community, slug=word)
    assert refusal.value.code == "ROLE_REQUIRED"

    ended = await manager.mutate("endSeeding", "{ seeding { state } }", seedingId=seeding)
    assert ended == {"seeding": {"state": "ENDED"}}
    assert (await engineer(TOPIC, id=seeded["id"]))["topic"]["seeded"]

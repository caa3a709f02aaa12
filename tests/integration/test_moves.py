"""Topics go elsewhere on the whole system, and search follows; taking part earns trust."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from gateway.cursors import decode_id, encode_id
from tests.system import ENGINEER, MANAGER, Asker, RefusedError, System, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

COMMUNITY = """query C($slug: String!) { community(slug: $slug) { id
  space(slug: "general") { id } } }"""
SEARCH = """query S($q: String!) { search(query: $q, first: 10) { edges { node {
  __typename ... on Reply { topic { id } } ... on Topic { id } } } } }"""
TOPIC = """query T($id: ID!) { topic(id: $id) { id replyCount space { id }
  movedTo { id } linkedTopics(first: 5) { edges { node { id } } }
  replies(first: 10) { edges { node { id } } } } }"""
PROGRESS = """query P($id: ID!) { communityNode(id: $id) { ... on Member {
  trustProgress { level standings { fact count } } } } }"""
OWN = """{ viewer { person { id } memberships { community { slug }
  trustProgress { level standings { fact count } } } } }"""


async def written(asker: Asker, space: str, word: str, replies: int) -> str:
    """A topic and replies with a word that nothing else has."""
    made = await asker.mutate(
        "createTopic",
        "{ topic { id } }",
        spaceId=space,
        kind="DISCUSSION",
        title=f"About {word}",
        body=f"What we know about {word}.",
    )
    topic: str = made["topic"]["id"]
    for number in range(replies):
        text = f"Reply {number} about {word}."
        await asker.mutate("createReply", "{ reply { id } }", topicId=topic, body=text)
    return topic


async def found(asker: Asker, word: str) -> list[str]:
    """The topics of what search finds, sorted."""
    edges = (await asker(SEARCH, q=word))["search"]["edges"]
    nodes = [edge["node"] for edge in edges]
    return sorted(node["topic"]["id"] if "topic" in node else node["id"] for node in nodes)


async def test_search_and_links_follow_what_is_moved_and_merged(system: System) -> None:
    manager, reader = await system.asker(MANAGER), await system.asker(ENGINEER)
    community = (await manager(COMMUNITY, slug="aurora"))["community"]
    word = f"w{uuid.uuid4().hex[:10]}"
    source = await written(manager, community["space"]["id"], word, 2)
    target = await written(manager, community["space"]["id"], word, 1)
    await until(lambda: found(reader, word), lambda ids: len(ids) == 5)
    merged = await manager.mutate(
        "mergeTopics",
        "{ topic { movedTo { id } } targetTopic { replyCount } }",
        topicId=source,
        targetTopicId=target,
    )
    assert merged == {"topic": {"movedTo": {"id": target}}, "targetTopic": {"replyCount": 3}}
    expected = sorted([source, *[target] * 4])
    assert await until(lambda: found(reader, word), lambda ids: ids == expected) == expected
    seen = (await reader(TOPIC, id=target))["topic"]
    assert [edge["node"]["id"] for edge in seen["linkedTopics"]["edges"]] == [source]
    secret = await manager.mutate(
        "createSpace",
        "{ space { id } }",
        communityId=community["id"],
        slug=f"s-{uuid.uuid4().hex[:8]}",
        name="For the vendor",
        audience="VENDOR",
    )
    there = secret["space"]["id"]
    moving: dict[str, Any] = {"topicId": target, "spaceId": there}
    await manager.mutate("moveTopic", "{ topic { space { id } } }", **moving)
    # At once nothing is told to who cannot read it there; the old link shows no way either.
    assert (await reader(TOPIC, id=target))["topic"] is None
    assert (await reader(TOPIC, id=source))["topic"]["movedTo"] is None
    assert await until(lambda: found(reader, word), lambda ids: ids == [source]) == [source]
    assert await until(lambda: found(manager, word), lambda ids: ids == expected) == expected
    assert len((await manager(TOPIC, id=target))["topic"]["replies"]["edges"]) == 3


async def test_taking_part_is_counted_and_told_to_oneself(system: System) -> None:
    manager, engineer = await system.asker(MANAGER), await system.asker(ENGINEER)
    community = (await manager(COMMUNITY, slug="aurora"))["community"]
    topic = await written(manager, community["space"]["id"], f"w{uuid.uuid4().hex[:10]}", 1)
    await engineer.mutate("createReply", "{ reply { id } }", topicId=topic, body="I know this.")
    facts = [{"fact": "TOPICS_REPLIED", "count": 1}, {"fact": "DAYS_VISITED", "count": 1}]
    easy = [
        {"trustLevel": "BASIC", "needs": facts},
        {"trustLevel": "MEMBER", "needs": [{"fact": "POSTS_READ", "count": 1000}]},
    ]
    given = {"communityId": community["id"], "requirements": easy}
    with pytest.raises(RefusedError):
        await engineer.mutate("updateTrustSettings", "{ trustSettings { version } }", **given)
    await manager.mutate("updateTrustSettings", "{ trustSettings { version } }", **given)

    async def counted() -> dict[str, int]:
        mine = (await engineer(OWN))["viewer"]["memberships"]
        (progress,) = [one["trustProgress"] for one in mine if one["community"]["slug"] == "aurora"]
        return {one["fact"]: one["count"] for one in progress["standings"]}

    have = await until(counted, lambda facts_: facts_.get("TOPICS_REPLIED", 0) >= 1)
    assert have["DAYS_VISITED"] == 1
    own, boss = [await member_of(one, community["id"]) for one in (engineer, manager)]
    assert (await manager(PROGRESS, id=own))["communityNode"]["trustProgress"] is not None
    assert (await engineer(PROGRESS, id=own))["communityNode"]["trustProgress"] is not None
    assert (await engineer(PROGRESS, id=boss))["communityNode"]["trustProgress"] is None


async def member_of(asker: Asker, community_id: str) -> str:
    """The global id of who asks, as a member there."""
    person = decode_id((await asker(OWN))["viewer"]["person"]["id"], "id").id
    return encode_id("Member", decode_id(community_id, "id").id, person)

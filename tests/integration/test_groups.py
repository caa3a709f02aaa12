"""Groups on the whole system: made, joined, a space for them, nothing of either for outsiders."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.system import BOTH, ENGINEER, MANAGER, SELLER, Asker, RefusedError, System, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

VIEWER = "{ viewer { person { id } } }"
COMMUNITY = "query C($slug: String!) { community(slug: $slug) { id } }"
MINE = """query G($id: ID!) { community(id: $id) {
  groups(first: 100, viewerStates: [ACTIVE]) { edges { node { id } } } } }"""
GROUP = """query G($id: ID!) { group(id: $id) { name memberCount viewerMembership { state role }
  members(first: 10) { edges { node { role member { id } } } } } communityNode(id: $id) { id } }"""
SPACE = """query S($id: ID!, $slug: String!) { community(id: $id) { space(slug: $slug) {
  id audience audienceGroups { group { id name } }
  topics(first: 5) { edges { node { id } } } } } }"""
FEED = "{ feed(first: 20) { edges { node { reason topic { id } } } } }"
SEARCH = "query S($q: String!) { search(query: $q, first: 5) { totalCount } }"


async def sees_group(asker: Asker, group: str) -> bool:
    """By its id, and as a node: never by one alone."""
    answer = await asker(GROUP, id=group)
    assert (answer["group"] is None) == (answer["communityNode"] is None)
    return answer["group"] is not None


async def space_of(asker: Asker, community: str, slug: str) -> Any:
    found = (await asker(SPACE, id=community, slug=slug))["community"]
    return found and found["space"]


async def in_feed(asker: Asker, topic: str) -> list[str]:
    """The reasons for which a topic is in somebody's feed."""
    edges = (await asker(FEED))["feed"]["edges"]
    nodes = [edge["node"] for edge in edges]
    return [node["reason"] for node in nodes if node["topic"]["id"] == topic]


async def hits(asker: Asker, word: str) -> int:
    count: int = (await asker(SEARCH, q=word))["search"]["totalCount"]
    return count


async def test_a_hidden_group_opens_its_space_to_who_is_in_it(system: System) -> None:
    manager, engineer = await system.asker(MANAGER), await system.asker(ENGINEER)
    outsider, stranger = await system.asker(BOTH), await system.asker(SELLER)
    community = (await manager(COMMUNITY, slug="aurora"))["community"]["id"]
    word, person = f"w{uuid.uuid4().hex[:10]}", (await engineer(VIEWER))["viewer"]["person"]["id"]
    made = await manager.mutate(
        "createGroup",
        "{ group { id } }",
        communityId=community,
        name=f"Circle {word}",
        visibility="MEMBERS",
        joinPolicy="OPEN",
    )
    group = made["group"]["id"]
    await manager.mutate(
        "createSpace",
        "{ space { id } }",
        communityId=community,
        slug=word,
        name=f"Of the circle {word}",
        audience="GROUPS",
        audienceNames=[group],
    )
    space = (await space_of(manager, community, word))["id"]
    topic = (
        await manager.mutate(
            "createTopic",
            "{ topic { id } }",
            spaceId=space,
            kind="DISCUSSION",
            title=f"About {word}",
            body="What only the circle is to know.",
        )
    )["topic"]["id"]
    await until(lambda: hits(manager, word), lambda count: count == 2)  # the topic and its space

    # Nobody but who runs the community knows of either; who does not know of a group cannot join.
    for asker in (engineer, outsider, stranger):
        assert not await sees_group(asker, group)
        assert await space_of(asker, community, word) is None
        assert await hits(asker, word) == 0
        with pytest.raises(RefusedError) as refusal:
            await asker.mutate("joinGroup", "{ groupMember { state } }", groupId=group)
        assert (refusal.value.code, refusal.value.field) == ("GROUP_NOT_FOUND", "groupId")

    # Invited, the engineer sees the group, and what it opens only once they are in.
    await manager.mutate(
        "inviteToGroup", "{ groupMember { state } }", groupId=group, personId=person
    )
    assert (await engineer(GROUP, id=group))["group"]["viewerMembership"]["state"] == "INVITED"
    assert await space_of(engineer, community, word) is None
    joined = await engineer.mutate(
        "joinGroup", "{ groupMember { state source version } }", groupId=group
    )
    assert joined["groupMember"]["state"] == "ACTIVE"
    shown = (await engineer(GROUP, id=group))["group"]
    assert shown["memberCount"] == len(shown["members"]["edges"]) == 2
    mine = (await engineer(MINE, id=community))["community"]["groups"]["edges"]
    assert group in [edge["node"]["id"] for edge in mine]
    seen = await space_of(engineer, community, word)
    assert seen["audienceGroups"] == [{"group": {"id": group, "name": f"Circle {word}"}}]
    assert [edge["node"]["id"] for edge in seen["topics"]["edges"]] == [topic]
    assert await in_feed(engineer, topic) == ["GROUP"]
    assert await hits(engineer, word) == 2
    assert not await sees_group(outsider, group)
    assert await space_of(outsider, community, word) is None

    # Who leaves is out at once, by every way.
    left = await engineer.mutate(
        "leaveGroup",
        "{ groupMember { state group { id } } }",
        groupId=group,
        expectedVersion=joined["groupMember"]["version"],
    )
    assert left == {"groupMember": {"state": "LEFT", "group": None}}
    assert not await sees_group(engineer, group)
    assert await space_of(engineer, community, word) is None
    assert (await engineer("query T($id: ID!) { topic(id: $id) { id } }", id=topic)) == {
        "topic": None
    }
    assert await in_feed(engineer, topic) == []
    assert await hits(engineer, word) == 0


async def test_who_asks_to_come_in_waits_for_its_moderators(system: System) -> None:
    manager, engineer = await system.asker(MANAGER), await system.asker(ENGINEER)
    community = (await manager(COMMUNITY, slug="aurora"))["community"]["id"]
    person = (await engineer(VIEWER))["viewer"]["person"]["id"]
    made = await manager.mutate(
        "createGroup",
        "{ group { id version } }",
        communityId=community,
        name=f"Circle {uuid.uuid4().hex[:10]}",
        joinPolicy="REQUEST",
    )
    group = made["group"]["id"]
    joined = await engineer.mutate("joinGroup", "{ groupMember { state } }", groupId=group)
    assert joined["groupMember"]["state"] == "REQUESTED"
    waiting = """query W($id: ID!) { group(id: $id) {
      members(first: 5, state: REQUESTED) { edges { node { source member { id } } } } } }"""
    asked = (await manager(waiting, id=group))["group"]["members"]["edges"]
    assert [edge["node"]["source"] for edge in asked] == ["REQUEST"]
    with pytest.raises(RefusedError) as refusal:
        await engineer.mutate(
            "decideGroupRequest",
            "{ groupMember { state } }",
            groupId=group,
            personId=person,
            approve=True,
        )
    assert refusal.value.code == "ROLE_REQUIRED"
    decided = await manager.mutate(
        "decideGroupRequest",
        "{ groupMember { state } }",
        groupId=group,
        personId=person,
        approve=True,
    )
    assert decided["groupMember"]["state"] == "ACTIVE"
    assert (await engineer(GROUP, id=group))["group"]["viewerMembership"]["state"] == "ACTIVE"
    archived = await manager.mutate(
        "archiveGroup", "{ group { state memberCount } }", groupId=group
    )
    assert archived["group"]["state"] == "ARCHIVED"

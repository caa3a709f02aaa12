"""On the whole system: what is said about a deal, on the deal's page, for whoever looks at it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.system import ENGINEER, MANAGER, SELLER, Asker, RefusedError, System

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

COMMUNITY = """query C($slug: String!) { community(slug: $slug) {
  id space(slug: "general") { id } } }"""
ABOUT = """query A($community: ID!, $deal: ContextRefInput!, $first: Int!) {
  topics(communityId: $community, context: $deal, first: $first) {
    edges { node { id contextRefs { system type externalId } } } pageInfo { hasNextPage } } }"""
IN_SPACE = """query S($community: ID!, $deal: ContextRefInput!) {
  community(id: $community) { space(slug: "general") {
    topics(context: $deal, first: 5) { edges { node { id } } } } } }"""


async def about(asker: Asker, community: str, deal: Any, first: int = 5) -> tuple[list[str], bool]:
    """What is said about a deal, and whether there is more."""
    found = (await asker(ABOUT, community=community, deal=deal, first=first))["topics"]
    assert all(deal in edge["node"]["contextRefs"] for edge in found["edges"])
    ids = [edge["node"]["id"] for edge in found["edges"]]
    return ids, found["pageInfo"]["hasNextPage"]


async def test_a_deals_page_shows_what_its_reader_may_read(system: System) -> None:
    manager, engineer = await system.asker(MANAGER), await system.asker(ENGINEER)
    stranger = await system.asker(SELLER)
    found = (await manager(COMMUNITY, slug="aurora"))["community"]
    community, general = found["id"], found["space"]["id"]
    deal = {"system": "crm", "type": "deal", "externalId": f"D-{uuid.uuid4()}"}
    course = {**deal, "system": "lms", "type": "course"}
    made = await manager.mutate(
        "createSpace",
        "{ space { id } }",
        communityId=community,
        slug=f"staff-{uuid.uuid4().hex[:10]}",
        name="Of the staff",
        audience="VENDOR",
    )
    staff = made["space"]["id"]

    async def post(asker: Asker, space: str, *refs: Any) -> str:
        topic = await asker.post(
            "createTopic",
            "{ topic { id } }",
            spaceId=space,
            kind="DISCUSSION",
            title="How do we go on with it?",
            body="What is to be said about this one.",
            contextRefs=refs,
        )
        return str(topic["topic"]["id"])

    secret = await post(manager, staff, deal)
    open_one = await post(engineer, general, course, deal)
    await post(engineer, general, course)

    # A page of one would have a next one if the other were counted.
    assert await about(engineer, community, deal, 1) == ([open_one], False)
    assert await about(manager, community, deal, 1) == ([open_one], True)
    assert await about(manager, community, deal) == ([open_one, secret], False)
    shown = await engineer(IN_SPACE, community=community, deal=deal)
    edges = shown["community"]["space"]["topics"]["edges"]
    assert [edge["node"]["id"] for edge in edges] == [open_one]
    with pytest.raises(RefusedError) as refusal:
        await about(stranger, community, deal)
    assert refusal.value.code == "COMMUNITY_NOT_FOUND"
    assert (await stranger(IN_SPACE, community=community, deal=deal))["community"] is None

    # The portal moves it to another deal.
    other = {**deal, "externalId": f"D-{uuid.uuid4()}"}
    await engineer.mutate("updateTopic", "{ __typename }", topicId=open_one, contextRefs=[other])
    assert await about(engineer, community, deal) == ([], False)
    assert await about(engineer, community, other) == ([open_one], False)
    bad = [other, {**other, "system": "The CRM"}]
    with pytest.raises(RefusedError) as refusal:
        await engineer.mutate("updateTopic", "{ __typename }", topicId=open_one, contextRefs=bad)
    assert (refusal.value.code, refusal.value.field) == ("FIELD_INVALID", "contextRefs.1.system")
    assert await about(engineer, community, other) == ([open_one], False)

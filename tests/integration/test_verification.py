"""Verified answers on the whole system: until a date, then looked at again and found later."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.system import BOTH, ENGINEER, MANAGER, SELLER, Asker, RefusedError, System, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

ROUND = 90  # seconds: whose verification is over is looked for once a minute
COMMUNITY = """query C($slug: String!) { community(slug: $slug) {
  id space(slug: "general") { id } } }"""
REPLIES = """query R($id: ID!) { topic(id: $id) { replies(first: 5) { edges { node {
  id verification { verifiedUntilTime expired verifiedFor } } } } } }"""
RECHECKS = """query R($id: ID!, $mine: Boolean!) {
  rechecks(communityId: $id, first: 20, mine: $mine) { edges { node {
    dueTime topic { id } reply { id } } } } }"""
SEARCH = """query S($q: String!) { search(query: $q, first: 10, kinds: [REPLY]) {
  edges { node { ... on Reply { id } } } } }"""


async def rechecks(asker: Asker, community: str, *, mine: bool = True) -> dict[str, str]:
    """When answers became due to be looked at again, by id."""
    edges = (await asker(RECHECKS, id=community, mine=mine))["rechecks"]["edges"]
    nodes = [edge["node"] for edge in edges]
    return {node["reply"]["id"]: node["dueTime"] for node in nodes if node["reply"]}


async def found(asker: Asker, word: str) -> list[str]:
    """Answers with the word, the best first."""
    edges = (await asker(SEARCH, q=word))["search"]["edges"]
    return [edge["node"]["id"] for edge in edges]


async def test_an_answer_that_was_right_until_now_is_looked_at_again(system: System) -> None:
    manager, engineer = await system.asker(MANAGER), await system.asker(ENGINEER)
    both, stranger = await system.asker(BOTH), await system.asker(SELLER)
    aurora = (await manager(COMMUNITY, slug="aurora"))["community"]
    word = f"w{uuid.uuid4().hex[:10]}"
    made = await engineer.post(
        "createTopic",
        "{ topic { id } }",
        spaceId=aurora["space"]["id"],
        kind="QUESTION",
        title="Which of them is the right one?",
        body="There are two in stock.",
    )
    topic = made["topic"]["id"]

    async def answer(asker: Asker, body: str) -> str:
        made = await asker.post("createReply", "{ reply { id } }", topicId=topic, body=body)
        return str(made["reply"]["id"])

    same = f"It is the {word}, as every manual says."
    authors = {await answer(asker, same): asker for asker in (both, engineer)}
    better = await until(lambda: found(engineer, word), lambda ids: set(ids) == set(authors))
    right, other = better
    author, bystander = authors[right], authors[other]

    async def verify(asker: Asker, **how: Any) -> Any:
        chosen = "{ reply { verification { verifiedUntilTime expired verifiedFor } } }"
        made = await asker.mutate("verifyPost", chosen, postId=right, **how)
        return made["reply"]["verification"]

    async def shown(asker: Asker) -> Any:
        """What a reader is told of the answer."""
        edges = (await asker(REPLIES, id=topic))["topic"]["replies"]["edges"]
        return {edge["node"]["id"]: edge["node"]["verification"] for edge in edges}[right]

    # Right for a version, for good: nobody has to look at it again.
    of_version = {"verifiedFor": "Version 3", "verifiedUntilTime": None, "expired": False}
    for asker, code in ((author, "ROLE_REQUIRED"), (stranger, "POST_NOT_FOUND")):
        with pytest.raises(RefusedError) as refusal:
            await verify(asker, verifiedFor="Version 3")
        assert refusal.value.code == code
    assert await verify(manager, verifiedFor="Version 3") == of_version
    assert await shown(bystander) == of_version
    assert right not in await rechecks(author, aurora["id"])

    # Right until a moment that comes at once: it is in the queue of who wrote it when that is over.
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3)
    until_time = end.isoformat().replace("+00:00", "Z")
    verified = await verify(manager, verifiedUntilTime=until_time)
    assert datetime.fromisoformat(verified["verifiedUntilTime"]) == end
    due = await until(
        lambda: rechecks(author, aurora["id"]), lambda queue: right in queue, pause=0.1
    )
    assert datetime.fromisoformat(due[right]) == end <= datetime.now(UTC)
    assert right in await rechecks(manager, aurora["id"], mine=False)
    assert right not in await rechecks(bystander, aurora["id"], mine=False)
    with pytest.raises(RefusedError) as refusal:
        await rechecks(stranger, aurora["id"])
    assert refusal.value.code == "COMMUNITY_NOT_FOUND"

    # Then readers are told, and it is found below others; until it is verified anew.
    expired = await until(
        lambda: shown(bystander), lambda one: one["expired"], seconds=ROUND, pause=0.3
    )
    assert expired == {**verified, "expired": True}
    await until(lambda: found(engineer, word), lambda ids: ids == [other, right])
    assert await found(stranger, word) == []
    assert await verify(manager, verifiedFor="Version 3") == of_version
    assert right not in await rechecks(author, aurora["id"])
    await until(lambda: found(engineer, word), lambda ids: ids == better)

"""Rights move, walls move, posts go out of sight: what could be read a second ago is gone."""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.system import (
    BOTH,
    MANAGER,
    NEWCOMER,
    OPERATOR,
    SELLER,
    Asker,
    System,
    until,
)

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

WITHIN = 1.0  # seconds, as the issue promises; each wait is ten times that so that a miss is told
COMMUNITY = (
    """query C($slug: String!) { community(slug: $slug) { id space(slug: "general") { id } } }"""
)
TOPIC = """query T($id: ID!) { topic(id: $id) { id state author { company { name } } } }"""
SEARCH = "query S($q: String!) { search(query: $q, first: 5) { totalCount edges { cursor } } }"
SUGGEST = "query S($p: String!) { suggest(prefix: $p) { text } }"
VIEWER = "{ viewer { person { id } memberships { community { slug } company { id name } } } }"


async def publish(asker: Asker, space: str, word: str) -> str:
    """A discussion with a word that nothing else has."""
    made = await asker.mutate(
        "createTopic",
        "{ topic { id state } }",
        spaceId=space,
        kind="DISCUSSION",
        title=f"Notes about {word}",
        body=f"What we learned about {word} in the field.",
        tags=[],
    )
    assert made["topic"]["state"] == "PUBLISHED"
    topic_id: str = made["topic"]["id"]
    return topic_id


async def count(asker: Asker, word: str) -> int:
    """How many search tells of, by count or by showing them."""
    found: dict[str, Any] = (await asker(SEARCH, q=word))["search"]
    total: int = found["totalCount"]
    return max(total, len(found["edges"]))


async def seen(asker: Asker, topic: str) -> bool:
    """Whether the topic can be opened."""
    return (await asker(TOPIC, id=topic))["topic"] is not None


def a_word() -> str:
    return f"w{uuid.uuid4().hex[:10]}"


async def is_prompt(story: Callable[[], Awaitable[float]]) -> None:
    """The story says how long it took; on a machine that is busy elsewhere it is told thrice."""
    spent: list[float] = []
    while not spent or min(spent) >= WITHIN:
        assert len(spent) < 3, spent
        spent.append(await story())


async def test_hidden_topic_is_gone_within_a_second(system: System) -> None:
    manager, reader = await system.asker(MANAGER), await system.asker(BOTH)
    space = (await manager(COMMUNITY, slug="aurora"))["community"]["space"]["id"]

    async def story() -> float:
        word = a_word()
        topic = await publish(manager, space, word)
        await until(lambda: count(reader, word), lambda n: n == 1)
        await manager.mutate("hideTopic", "{ topic { id } }", topicId=topic, reason="off topic")
        began = time.monotonic()
        assert not await seen(reader, topic)
        await until(lambda: count(reader, word), lambda n: n == 0)
        spent = time.monotonic() - began
        assert (await reader(SUGGEST, p=f"Notes about {word}"))["suggest"] == []
        await manager.mutate("restoreTopic", "{ topic { id } }", topicId=topic)
        await until(lambda: count(reader, word), lambda n: n == 1)
        return spent

    await is_prompt(story)


async def test_narrower_audience_of_a_space_holds_at_once(system: System) -> None:
    manager, reader = await system.asker(MANAGER), await system.asker(BOTH)
    community = (await manager(COMMUNITY, slug="aurora"))["community"]["id"]

    async def story() -> float:
        made = await manager.mutate(
            "createSpace",
            "{ space { id } }",
            communityId=community,
            slug=f"s-{uuid.uuid4().hex[:8]}",
            name="For now for all",
            description="Until it is not.",
            audience="COMMUNITY",
            mode="AUTO",
        )
        space, word = made["space"]["id"], a_word()
        topic = await publish(manager, space, word)
        await until(lambda: count(reader, word), lambda n: n == 1)
        await manager.mutate("updateSpace", "{ space { id } }", spaceId=space, audience="VENDOR")
        began = time.monotonic()
        assert not await seen(reader, topic)
        await until(lambda: count(reader, word), lambda n: n == 0)
        spent = time.monotonic() - began
        assert await count(manager, word) == 1
        missing = await reader.raw(TOPIC, id=topic[:-4] + "AAAA")
        assert missing.get("data") in (None, {"topic": None})
        return spent

    await is_prompt(story)


async def test_change_of_employer_moves_rights_and_leaves_content(system: System) -> None:
    """Nia leaves Kestrel (aurora) for Lumen (borealis): rights move, what she wrote stays."""
    operator, nia = await system.asker(OPERATOR), await system.asker(NEWCOMER)
    other, seller = await system.asker(BOTH), await system.asker(SELLER)
    viewer = (await nia(VIEWER))["viewer"]
    assert [m["community"]["slug"] for m in viewer["memberships"]] == ["aurora"]
    kestrel = viewer["memberships"][0]["company"]["id"]
    lumen = (await seller(VIEWER))["viewer"]["memberships"][0]["company"]["id"]
    aurora = (await nia(COMMUNITY, slug="aurora"))["community"]
    word = a_word()
    topic = await publish(nia, aurora["space"]["id"], word)
    await until(lambda: count(other, word), lambda n: n == 1)

    async def move(company: str) -> float:
        await operator.mutate(
            "movePerson", "{ person { id } }", personId=viewer["person"]["id"], companyId=company
        )
        return time.monotonic()

    async def slugs() -> list[str]:
        memberships = (await nia(VIEWER))["viewer"]["memberships"]
        return sorted(m["community"]["slug"] for m in memberships)

    async def story() -> float:
        began = await move(lumen)
        try:
            await until(slugs, lambda s: s == ["borealis"])
            spent = time.monotonic() - began
            assert not await seen(nia, topic)
            assert await count(nia, word) == 0
            assert (await nia(COMMUNITY, slug="aurora"))["community"] is None
            stays = (await other(TOPIC, id=topic))["topic"]
            assert stays["author"]["company"]["name"] == "Kestrel"
            assert await count(other, word) == 1
        finally:
            await move(kestrel)
        await until(slugs, lambda s: s == ["aurora"])
        assert await seen(nia, topic)
        return spent

    await is_prompt(story)


async def test_deactivated_person_is_out_with_session_and_token(system: System) -> None:
    operator = await system.asker(OPERATOR)
    browser, token = await system.browser(NEWCOMER), await system.asker(NEWCOMER)
    person = (await token(VIEWER))["viewer"]["person"]["id"]

    async def answers(asker: Asker) -> bool:
        answer = await asker.raw(VIEWER)
        return bool((answer.get("data") or {}).get("viewer"))

    assert await answers(browser)
    await operator.mutate(
        "deactivatePerson", "{ person { id } }", personId=person, reason="left the company"
    )
    try:
        for asker in (browser, token):
            await until(lambda asker=asker: answers(asker), lambda good: not good, seconds=5)  # type: ignore[misc]
    finally:
        await operator.mutate("reactivatePerson", "{ person { id } }", personId=person)
    await until(lambda: answers(token), bool, seconds=5)

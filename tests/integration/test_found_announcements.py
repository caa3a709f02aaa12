"""Announcements in search on the whole system: found by whom they are for, until taken back."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.system import BOREALIS_MANAGER, BOTH, ENGINEER, SELLER, Asker, System, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
COMMUNITY = "query C($slug: String!) { community(slug: $slug) { id } }"
FOUND = """query F($word: String!) {
  search(query: $word, first: 5) { totalCount facets { values { count } }
    edges { titleHighlight node { __typename ... on Announcement { id title } } } }
  suggest(prefix: $word) { kind text } }"""
NOTHING = {"search": {"totalCount": 0, "facets": [], "edges": []}, "suggest": []}
PROMPTLY = 2.0  # seconds


async def test_announcement_is_found_by_its_tier_until_it_is_withdrawn(system: System) -> None:
    """Lumen is GOLD in Borealis, Kestrel is SILVER; the engineer is in Aurora only."""
    manager, gold = await system.asker(BOREALIS_MANAGER), await system.asker(SELLER)
    others = [await system.asker(person) for person in (BOTH, ENGINEER)]
    word = f"quartz{uuid.uuid4().hex[:10]}"
    community = (await manager(COMMUNITY, slug="borealis"))["community"]["id"]
    channel = await manager.mutate(
        "createChannel", "{ channel { id } }", communityId=community, slug=word, name="Terms",
        theme="OTHER",
    )  # fmt: skip
    made = await manager.mutate(
        "createAnnouncement", "{ announcement { id } }", channelId=channel["channel"]["id"],
        title=f"News of {word}", body="Better *terms* for you.", severity="INFO",
        audienceRule={"tiers": ["GOLD"]},
    )  # fmt: skip
    id_ = made["announcement"]["id"]

    async def find(asker: Asker) -> dict[str, Any]:
        found: dict[str, Any] = await asker(FOUND, word=word)
        facets = found["search"]["facets"]
        found["search"]["facets"] = [facet for facet in facets if facet["values"]]
        return found

    # In the first second of a fresh system there is no index yet: search says so.
    await until(lambda: gold.raw(FOUND, word=word), lambda answer: not answer.get("errors"))
    assert await find(gold) == NOTHING
    await manager.mutate("publishAnnouncement", "{ announcement { id } }", announcementId=id_)
    found = await until(lambda: gold(FOUND, word=word), lambda answer: answer["search"]["edges"])
    assert found["search"]["totalCount"] == 1
    assert found["search"]["edges"] == [
        {
            "titleHighlight": f"News of <mark>{word}</mark>",
            "node": {"__typename": "Announcement", "id": id_, "title": f"News of {word}"},
        }
    ]
    assert found["suggest"] == [{"kind": "ANNOUNCEMENT", "text": f"News of {word}"}]
    for other in (*others, manager):
        assert await find(other) == NOTHING

    await manager.mutate(
        "withdrawAnnouncement", "{ announcement { id } }", announcementId=id_, reason="Too early."
    )
    await until(lambda: find(gold), lambda answer: answer == NOTHING, seconds=PROMPTLY)

"""What the figures rest on and no noise touches: equal bytes, and how often others are asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest

from bench.contents import Contents
from bench.floor import Floor
from bench.operations import CATEGORY, LIST, TOPIC, list_variables
from bench.report import read, write
from gateway.cursors import encode_id
from gateway.tests.conftest import House


async def test_floor_answers_the_list_as_the_gateway_does(house: House) -> None:
    parts = house.parts
    floor = Floor(parts.services, parts.verifier, parts.actors, parts.cursor_key)
    body = {"query": LIST, "variables": list_variables(Contents("c1", "sp1", []))}
    headers = {"authorization": f"Bearer {house.issuer.access_token()}"}
    ours = await house.http.post("/graphql", json=body, headers=headers)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=floor)) as http:
        theirs = await http.post("http://floor.test/", json=body, headers=headers)
    assert len(ours.json()["data"]["topics"]["edges"]) == 20
    assert ours.content == theirs.content
    assert house.rpcs() == {"ListTopics": 2, "BatchGetMembers": 2}  # one of each a side


@pytest.mark.parametrize(
    ("document", "variables", "rpcs"),
    [
        (
            CATEGORY,
            {"space": encode_id("Space", "c1", "sp1")},
            {"BatchGetSpaces", "ListTopics", "BatchGetMembers", "BatchGetCompanies"},
        ),
        (
            TOPIC,
            {"id": encode_id("Topic", "c1", "t1")},
            {"GetTopic", "BatchGetSpaces", "ListReplies", "BatchGetMembers", "BatchGetCompanies"},
        ),
    ],
)
async def test_page_asks_each_once(
    house: House, document: str, variables: dict[str, Any], rpcs: set[str]
) -> None:
    answer = await house.ask(document, variables)
    assert "errors" not in answer
    assert set(house.rpcs()) <= rpcs
    # Members and companies of the page's own author come a level before those of its rows.
    assert sum(house.rpcs().values()) <= len(rpcs) + 2


def test_part_measured_again_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    page = tmp_path / "figures.md"
    write("topics", ["first"], 0.0, page)
    write("mixed", ["second", "", "### Third"], 0.0, page)
    before = read(page)
    write("topics", ["fourth"], 0.0, page)
    after = read(page)
    assert list(after) == ["topics", "mixed"]
    assert after["mixed"] == before["mixed"]
    assert after["mixed"].endswith("second\n\n### Third")
    assert after["topics"].endswith("fourth")

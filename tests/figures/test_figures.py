"""What the figures rest on and no noise touches: equal bytes, and how often others are asked."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import httpx2
import orjson
import pytest
import pytest_asyncio

from bench import router
from bench.asking import Line
from bench.contents import Contents
from bench.floor import Floor
from bench.operations import CATEGORY, COMPARED, TOPIC, compared
from bench.rate import at_rate
from bench.report import read, write
from bench.sides import PEERS, peer, why_no_peers
from chassis.testing import Loopback
from gateway.cursors import encode_id
from gateway.tests.conftest import House
from gateway.tests.staff_standins import SearchStandIn, add_search
from guildhall.search.v1 import search_pb2

CONTENTS = Contents("c1", "sp1", ["t1", "t3"])  # the second has an accepted reply
HITS = {  # kind, id, and the topic it is or is in
    "search": [(search_pb2.KIND_TOPIC, "t3", "t3"), (search_pb2.KIND_REPLY, "r4", "t4")],
    "home": [(search_pb2.KIND_TOPIC, "t3", "t3"), (search_pb2.KIND_TOPIC, "t4", "t4")],
}
GONE = (search_pb2.KIND_TOPIC, "t99", "t99")  # found, and not shown by its owner


@pytest_asyncio.fixture
async def search(loopback: Loopback) -> SearchStandIn:
    standin = SearchStandIn()
    await loopback.serve("search", add_search(standin))
    return standin


@pytest_asyncio.fixture
async def floor(house: House) -> AsyncIterator[httpx2.AsyncClient]:
    parts = house.parts
    app = Floor(parts.services, parts.verifier, parts.actors, parts.cursor_key)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app)) as http:
        yield http


@pytest.mark.parametrize("name", COMPARED)
async def test_floor_answers_as_the_gateway_does(
    search: SearchStandIn, house: House, floor: httpx2.AsyncClient, name: str
) -> None:
    search.found = search_pb2.SearchResponse(
        hits=[
            search_pb2.Hit(
                kind=kind,
                community_id="c1",
                id=one,
                topic_id=topic_id,
                score=2.5,
                page_token=f"to-{one}",
            )
            for kind, one, topic_id in [*HITS.get(name, ()), GONE]
        ],
        total=7,
    )
    headers = _headers(house)
    for body in compared(CONTENTS)[name][:2]:
        before = _rpcs(house, search)
        ours = await house.http.post("/graphql", content=body, headers=headers)
        asked = _rpcs(house, search) - before
        theirs = await floor.post("http://floor.test/", content=body, headers=headers)
        assert b'"errors"' not in ours.content
        assert ours.content == theirs.content
        assert _rpcs(house, search) - before == asked + asked
    if name == "list":
        assert len(ours.json()["data"]["topics"]["edges"]) == 20
        assert asked == {"ListTopics": 1, "BatchGetMembers": 1}


def _rpcs(house: House, search: SearchStandIn) -> Counter[str]:
    return Counter(house.rpcs()) + search.calls


def _headers(house: House) -> dict[str, str]:
    token = house.issuer.access_token()
    return {"authorization": f"Bearer {token}", "content-type": "application/json"}


async def test_router_answers_the_list_with_the_same_data(house: House) -> None:
    parts = house.parts
    app = router.application(parts.services, parts.verifier, parts.actors, parts.cursor_key)
    (body,), headers = compared(CONTENTS)["list"], _headers(house)
    ours = await house.http.post("/graphql", content=body, headers=headers)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app)) as http:
        theirs = await http.post("http://router.test/graphql", content=body, headers=headers)
    assert ours.json()["data"] == theirs.json()["data"]
    assert house.rpcs() == {"ListTopics": 2, "BatchGetMembers": 2}  # one of each a side


@pytest.mark.skipif(bool(why_no_peers()), reason=why_no_peers())
@pytest.mark.parametrize("name", PEERS)
async def test_peer_answers_the_list_with_the_same_data(
    house: House, tmp_path: Path, name: str
) -> None:
    (body,), headers = compared(CONTENTS)["list"], _headers(house)
    ours = await house.http.post("/graphql", content=body, headers=headers)
    with peer(tmp_path, name, ours.json()["data"]) as side:
        (theirs,) = await side.answers([body])
    assert ours.json()["data"] == orjson.loads(theirs)["data"]


class _HeldUp:
    """A connection that answers nothing for a while, and then at once."""

    def __init__(self, until: asyncio.Event) -> None:
        self._until = until

    async def ask(self, body: bytes) -> bytes:
        await self._until.wait()
        return body


async def test_waiting_for_a_connection_is_waiting_too() -> None:
    until = asyncio.Event()
    asyncio.get_running_loop().call_later(0.2, until.set)
    line = cast("Line", _HeldUp(until))
    answered = await at_rate([line], itertools.repeat(b""), 500, 0.2, random.Random(5))  # noqa: S311
    assert len(answered.waits) > 50
    # Those that were due last waited little, the first 0.2 s.
    assert sum(answered.waits) / len(answered.waits) > 0.05


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
    write("gateway", ["first"], 0.0, page)
    write("mixed", ["second", "", "### Third"], 0.0, page)
    before = read(page)
    write("gateway", ["fourth"], 0.0, page)
    after = read(page)
    assert list(after) == ["gateway", "mixed"]
    assert after["mixed"] == before["mixed"]
    assert after["mixed"].endswith("second\n\n### Third")
    assert after["gateway"].endswith("fourth")

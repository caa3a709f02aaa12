"""How much at once, and how long an answer: one person takes no other's place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import orjson
import pytest

from gateway.admission import MOST, MOST_OF_ONE
from gateway.endpoint.replies import MAX_RESPONSE
from gateway.rate_limits import Rate
from gateway.tests.conftest import House
from gateway.tests.standins import topic
from guildhall.forum.v1 import forum_pb2

TOPIC = 'query q { topic(id: "VG9waWM6YzE6dDE") { title body } }'


class Held:
    """Answers of the forum that wait until they are let go."""

    def __init__(self, house: House) -> None:
        self._free = asyncio.Event()
        self._begun = asyncio.Condition()
        self.count = 0
        house.parts.services.forum.GetTopic = self._answer  # type: ignore[assignment]

    async def _answer(self, _: Any) -> Any:
        async with self._begun:
            self.count += 1
            self._begun.notify_all()
        await self._free.wait()
        return forum_pb2.GetTopicResponse(topic=topic(1))

    async def under_way(self, count: int) -> None:
        async with self._begun:
            await self._begun.wait_for(lambda: self.count >= count)

    def let_go(self) -> None:
        self._free.set()


def as_person(house: House, number: int) -> str:
    house.directory.known[f"n{number}"] = f"pn{number}"
    return house.issuer.access_token({"sub": f"n{number}"})


def code(response: httpx2.Response) -> str:
    reason: str = orjson.loads(response.content)["errors"][0]["extensions"]["code"]
    return reason


async def test_a_person_has_eight_requests_at_once(house: House) -> None:
    held = Held(house)
    asking = [asyncio.create_task(house.post(TOPIC)) for _ in range(MOST_OF_ONE)]
    await held.under_way(MOST_OF_ONE)
    ninth = await house.post(TOPIC)
    assert (ninth.status_code, code(ninth)) == (429, "TOO_BUSY")
    assert ninth.headers["retry-after"] == "1"
    assert held.count == MOST_OF_ONE
    # Neither somebody else nor nobody is held up by it.
    other = asyncio.create_task(house.post(TOPIC, token=as_person(house, 1)))
    await held.under_way(MOST_OF_ONE + 1)
    assert (await house.post("{ viewer { isOperator } }", token=None)).status_code == 200
    held.let_go()
    for response in await asyncio.gather(other, *asking):
        assert response.json()["data"]["topic"]["title"] == "Topic 1"
    assert (await house.post(TOPIC)).status_code == 200


async def test_a_replica_has_two_hundred_requests_at_once(house: House) -> None:
    held = Held(house)
    tokens = [as_person(house, n) for n in range(MOST // MOST_OF_ONE)]
    asking = [
        asyncio.create_task(house.post(TOPIC, token=token))
        for token in tokens
        for _ in range(MOST_OF_ONE)
    ]
    await held.under_way(MOST)
    for token in ("", None):
        further = await house.post(TOPIC, token=token)
        assert (further.status_code, code(further)) == (503, "TOO_BUSY")
        assert further.headers["retry-after"] == "1"
    held.let_go()
    assert {response.status_code for response in await asyncio.gather(*asking)} == {200}
    assert (await house.post(TOPIC)).status_code == 200


async def test_who_sends_slowly_takes_nobodys_place(house: House) -> None:
    opened, go_on = asyncio.Semaphore(0), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b'{"query":'
        opened.release()
        await go_on.wait()
        yield b'"{ viewer { isOperator } }"}'

    headers = {"content-type": "application/json"}
    asking = [
        asyncio.create_task(house.http.post("/graphql", content=slowly(), headers=headers))
        for _ in range(MOST + 1)
    ]
    for _ in asking:
        await opened.acquire()
    assert (await house.post(TOPIC)).status_code == 200
    go_on.set()
    assert {response.status_code for response in await asyncio.gather(*asking)} == {200}


async def test_points_are_told_and_refused_before_anything_is_asked(house: House) -> None:
    await house.post(TOPIC)  # the others find it parsed
    house.parts.admission.member = Rate(points=60, burst=3)
    headers = [(await house.post(TOPIC)).headers for _ in range(3)]
    assert [one["ratelimit"] for one in headers] == [
        '"member";r=2;t=1',
        '"member";r=1;t=2',
        '"member";r=0;t=3',
    ]
    assert headers[0]["ratelimit-policy"] == '"member";q=60;w=60'
    before = house.rpcs()
    refused = await house.post(TOPIC)
    assert (refused.status_code, code(refused)) == (429, "RATE_LIMITED")
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["ratelimit"] == '"member";r=0;t=3'
    assert refused.headers["ratelimit-policy"] == '"member";q=60;w=60'
    assert refused.json()["errors"][0]["extensions"]["retryAfter"] > 0
    assert house.rpcs() == before
    other = await house.post(TOPIC, token=as_person(house, 1))
    assert other.status_code == 200
    assert other.headers["ratelimit"] == '"member";r=2;t=1'
    nobody = await house.post("{ viewer { isOperator } }", token=None)
    assert (nobody.status_code, "ratelimit" in nobody.headers) == (200, False)


def documents(count: int, rest: str = " }") -> list[str]:
    """So many that nobody has sent, of 21 tokens each: four points."""
    fields = " ".join(f"a{number}: __typename" for number in range(6))
    return [f"query q{number} {{ {fields}{rest}" for number in range(count)]


async def test_an_unseen_document_costs_points_before_it_is_parsed(house: House) -> None:
    parts = house.parts
    admission, operations = parts.admission, parts.operations
    first, second, third, fourth = documents(4)
    admission.member, admission.anonymous = Rate(points=60, burst=10), Rate(points=60, burst=8)
    assert (await house.post(first)).headers["ratelimit"] == '"member";r=6;t=4'
    assert (await house.post(first)).headers["ratelimit"] == '"member";r=6;t=4'  # it costs 0
    assert (await house.post(second)).headers["ratelimit"] == '"member";r=2;t=8'
    refused = await house.post(third)
    assert (refused.status_code, code(refused)) == (429, "RATE_LIMITED")
    assert refused.headers["retry-after"] == "2"
    assert refused.headers["ratelimit"] == '"member";r=2;t=8'
    assert operations.known(third) is None
    # Who is not signed in takes of one bucket, and of no person's.
    assert (await house.post(third, token=None)).status_code == 200
    assert (await house.post(fourth, token=None)).status_code == 200
    for _ in range(2):
        unseen = await house.post("{ __typename }", token=None)
        assert (unseen.status_code, code(unseen)) == (429, "RATE_LIMITED")
        assert unseen.headers["ratelimit-policy"] == '"anonymous";q=60;w=60'
    assert operations.known("{ __typename }") is None
    assert (await house.post(first, token=None)).status_code == 200
    assert (await house.post(first)).headers["ratelimit"] == '"member";r=2;t=8'
    assert house.rpcs() == {}


@pytest.mark.parametrize("token", ["", None])
async def test_a_refused_document_costs_points_each_time(house: House, token: str | None) -> None:
    rate = Rate(points=60, burst=6)
    house.parts.admission.member = house.parts.admission.anonymous = rate
    (wrong,) = documents(1, " nothing }")
    for _ in range(3):  # four points and the least there is
        response = await house.post(wrong, token=token)
        assert (response.status_code, code(response)) == (200, "GRAPHQL_VALIDATION_FAILED")
    response = await house.post(wrong, token=token)
    assert (response.status_code, code(response)) == (429, "RATE_LIMITED")
    assert response.headers["retry-after"] == "1"


async def test_in_a_crowd_what_is_dear_is_refused_and_the_process_stays_ready(house: House) -> None:
    held = Held(house)
    tokens = [as_person(house, n) for n in range(MOST // MOST_OF_ONE)]
    callers = [token for token in tokens for _ in range(MOST_OF_ONE)][: MOST - 10]
    asking = [asyncio.create_task(house.post(TOPIC, token=token)) for token in callers]
    await held.under_way(MOST - 10)
    dear = "query q { communities(first: 20) { edges { node { name } } } }"
    before = house.rpcs()
    refused = await house.post(dear)
    assert (refused.status_code, code(refused)) == (503, "OVERLOADED")
    assert refused.headers["retry-after"] == "1"
    assert house.rpcs() == before
    assert (await house.post("{ viewer { isOperator } }")).status_code == 200
    for path in ("/healthz", "/readyz"):
        assert (await house.http.get(path)).status_code == 200, path
    held.let_go()
    assert {response.status_code for response in await asyncio.gather(*asking)} == {200}
    assert (await house.post(dear)).status_code == 200


@pytest.mark.parametrize(("size", "passes"), [(MAX_RESPONSE - 500, True), (MAX_RESPONSE, False)])
async def test_an_answer_has_at_most_a_mebibyte(house: House, size: int, passes: bool) -> None:
    house.forum.topics[0].body = "x" * size
    house.forum.topics[0].id = "t1"
    answer = await house.ask(TOPIC)
    if passes:
        assert len(answer["data"]["topic"]["body"]) == size
        return
    assert answer["data"] is None
    error = answer["errors"][0]
    assert error["extensions"]["code"] == "LIMIT_EXCEEDED"
    assert error["extensions"]["limit"] == "bytes of the answer"
    assert error["extensions"]["maximum"] == MAX_RESPONSE
    assert error["extensions"]["actual"] > size
    assert answer["extensions"]["cost"]["maximum"] == 1000

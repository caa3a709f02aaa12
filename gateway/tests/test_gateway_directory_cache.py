"""Members and companies are asked for once, and never told to who may not ask."""

from __future__ import annotations

import time
from typing import Any

import pytest

from chassis.errors import UnavailableError
from gateway.cursors import encode_id
from gateway.tests.conftest import House

PAGE = """{ topics(communityId: "%s", first: 2) { edges { node {
    author { member { displayName } company { name } } } } } }"""
RENAME = """mutation($input: UpdateCompanyInput!) {
    updateCompany(input: $input) { company { name } } }"""


def believe(house: House) -> None:
    """As if the bus had been heard long enough, and went on."""
    house.parts.actors._heard = time.monotonic() + 60
    house.parts.actors._believe_from = 0


def asked(house: House) -> tuple[int, int]:
    """How often members and companies were asked for."""
    calls = house.directory.calls
    return calls["BatchGetMembers"], calls["BatchGetCompanies"]


async def page(house: House, token: str | None = "") -> Any:
    return await house.ask(PAGE % encode_id("Community", "platform", "c1"), token=token)


async def test_a_second_page_asks_the_directory_nothing(house: House) -> None:
    believe(house)
    first = await page(house)
    assert asked(house) == (1, 1)
    assert first["data"]["topics"]["edges"][0]["node"]["author"]["member"]["displayName"]
    assert await page(house) == first
    assert asked(house) == (1, 1)


async def test_one_members_page_serves_another_member(house: House) -> None:
    believe(house)
    first = await page(house)
    assert await page(house, house.issuer.access_token({"sub": "s2"})) == first
    assert asked(house) == (1, 1)


@pytest.mark.parametrize("why", ["nothing is heard", "the directory said something", "it is old"])
async def test_what_may_not_be_true_any_more_is_asked_again(house: House, why: str) -> None:
    believe(house)
    first = await page(house)
    if why == "nothing is heard":
        house.parts.actors._heard = 0
    elif why == "the directory said something":
        house.parts.actors.drop()
    else:
        cache = house.parts.directory_cache
        cache._entries = {
            key: (time.monotonic() - 0.001, epoch, row)
            for key, (_, epoch, row) in cache._entries.items()
        }
    assert await page(house) == first
    assert asked(house) == (2, 2)


async def test_an_answer_from_before_a_domain_event_is_not_remembered(house: House) -> None:
    believe(house)
    actors = house.parts.actors
    called = house.directory.called

    def called_and_dropped(name: str, request: Any) -> None:
        called(name, request)
        if name == "BatchGetMembers":
            actors.drop()

    house.directory.called = called_and_dropped  # type: ignore[method-assign]
    await page(house)
    house.directory.called = called  # type: ignore[method-assign]
    await page(house)
    assert asked(house)[0] == 2
    await page(house)
    assert asked(house)[0] == 2


async def test_who_left_the_community_is_answered_by_the_directory_alone(house: House) -> None:
    believe(house)
    await page(house)
    house.directory.left.add("p2")
    await page(house, house.issuer.access_token({"sub": "s2"}))
    assert asked(house) == (2, 2)


async def test_who_writes_reads_what_was_written(house: House) -> None:
    believe(house)
    await page(house)
    company = encode_id("Company", "platform", "co1")
    given = {"requestId": "rename-co1", "companyId": company, "name": "Kestrel"}
    house.directory.failures["UpdateCompany"] = UnavailableError("not now")
    assert (await house.ask(RENAME, {"input": given}))["errors"]
    await page(house)
    assert asked(house) == (1, 1)
    del house.directory.failures["UpdateCompany"]
    assert "errors" not in await house.ask(RENAME, {"input": given})
    before = asked(house)
    await page(house)
    assert asked(house) == (before[0] + 1, before[1] + 1)


async def test_operators_are_always_answered_by_the_directory(house: House) -> None:
    believe(house)
    house.directory.operators.add("p1")
    await page(house)
    await page(house)
    assert asked(house) == (2, 2)
    house.directory.operators.clear()
    house.parts.actors.drop()
    await page(house)
    assert asked(house) == (3, 3)


async def test_what_is_not_there_is_remembered_too(house: House) -> None:
    believe(house)
    for topic in house.forum.topics:
        topic.author.person_id = "gone"
    first = await page(house)
    assert first["data"]["topics"]["edges"][0]["node"]["author"]["member"] is None
    assert await page(house) == first
    assert asked(house) == (1, 1)

"""From the owners' state to what can be found, over real gRPC."""

from __future__ import annotations

import pytest

from chassis.domain_events import Projection
from chassis.errors import UnavailableError
from chassis.pagination import Paging
from chassis.testing import Loopback
from guildhall.directory.v1 import directory_pb2
from guildhall.forum.v1 import forum_pb2
from services.search.domain.questions import (
    IndexLostError,
    IndexMissingError,
    Question,
    parse_terms,
)
from services.search.tests import factories
from services.search.tests.conftest import World
from services.search.use_cases.projecting import Change, membership

WALLS = {"c1": ["community:c1", "space:s1"], "c2": ["community:c2"]}


async def project(world: World, *changes: tuple[Change, str]) -> None:
    await world.projector.project(1, [Projection(change, "c1", id_) for change, id_ in changes])


async def found(world: World, text: str = "") -> list[str]:
    await world.index.refresh()
    terms = parse_terms(text)
    question = Question(text, terms, newest=not terms, paging=Paging(100))
    page = await world.index.search(question, WALLS, {}, "p1")
    return sorted(hit.place.id for hit in page.hits)


async def test_topic_is_found_as_it_is_now(world: World) -> None:
    world.forum.topics["t1"] = factories.topic(title="First words")
    await project(world, (Change.TOPIC, "t1"))
    world.forum.topics["t1"] = factories.topic(title="Second words", version=2)
    await project(world, (Change.TOPIC, "t1"))
    assert await found(world, "first") == []
    assert await found(world, "second") == ["t1"]


async def test_hidden_topic_takes_its_replies_along_and_brings_them_back(world: World) -> None:
    world.forum.topics["t1"] = factories.topic(reply_count=60, version=61)
    for n in range(60):
        world.forum.replies[f"r{n:02}"] = factories.reply(f"r{n:02}", version=n + 2)
    everything = sorted(["t1", *world.forum.replies])
    replies = [(Change.REPLY, id_) for id_ in world.forum.replies]
    await project(world, (Change.TOPIC, "t1"), *replies)
    assert await found(world) == everything
    hidden = factories.topic(reply_count=60, version=62, state=forum_pb2.TOPIC_STATE_HIDDEN)
    world.forum.topics["t1"] = hidden  # the replies' own versions do not change
    await project(world, (Change.THREAD, "t1"))
    assert await found(world) == []
    world.forum.topics["t1"] = factories.topic(reply_count=60, version=63)
    await project(world, (Change.THREAD, "t1"))
    assert await found(world) == everything


async def test_new_topic_is_not_asked_for_replies(world: World) -> None:
    world.forum.topics["t1"] = factories.topic()
    await project(world, (Change.THREAD, "t1"))
    assert world.forum.calls == ["BatchGetTopics"]


async def test_many_changes_are_fetched_in_batches_and_each_once(world: World) -> None:
    for n in range(60):
        world.forum.topics[f"t{n}"] = factories.topic(f"t{n}")
        world.forum.replies[f"r{n}"] = factories.reply(f"r{n}", f"t{n}")
    changes = [(Change.REPLY, f"r{n}") for n in range(60)]
    changes += [(Change.TOPIC, f"t{n}") for n in range(60)]
    await project(world, *changes)
    assert sorted(world.forum.calls) == ["BatchGetReplies"] * 3 + ["BatchGetTopics"] * 3
    assert len(await found(world)) == 100  # a page of the 120


async def test_replies_take_no_text_of_their_topics(world: World) -> None:
    for n in range(2):
        world.forum.topics[f"t{n}"] = factories.topic(f"t{n}", body_html="<p>needle</p>")
        world.forum.replies[f"r{n}"] = factories.reply(f"r{n}", f"t{n}")
    await project(world, (Change.TOPIC, "t0"), (Change.REPLY, "r0"), (Change.REPLY, "r1"))
    assert sorted(world.forum.calls) == [
        "BatchGetReplies",
        "BatchGetTopics",
        "BatchGetTopics without texts",
    ]
    assert await found(world) == ["r0", "r1", "t0"]
    assert await found(world, "needle") == ["t0"]


async def test_reply_carries_its_topics_tags_kind_and_state(world: World) -> None:
    world.forum.topics["t1"] = factories.topic(tags=["sso"], reply_count=1)
    world.forum.replies["r1"] = factories.reply()
    await project(world, (Change.THREAD, "t1"))
    await world.index.refresh()
    page = await world.index.search(Question(newest=True, with_facets=True), WALLS, {}, "p1")
    assert page.facets is not None
    assert page.facets["tag"] == [("sso", 2)]
    assert page.facets["topic_kind"] == [("QUESTION", 2)]
    assert page.facets["topic_state"] == [("PUBLISHED", 2)]


async def test_what_its_owner_does_not_know_cannot_be_found(world: World) -> None:
    world.forum.topics["t1"] = factories.topic(reply_count=1)
    world.forum.replies["r1"] = factories.reply()
    world.forum.spaces["s1"] = factories.space()
    world.directory.members["c1", "p1"] = factories.member()
    world.directory.companies["c1", "co1"] = factories.company()
    changes = [
        (Change.THREAD, "t1"),
        (Change.REPLY, "r1"),
        (Change.SPACE, "s1"),
        (Change.MEMBER, "p1"),
        (Change.COMPANY, "co1"),
    ]
    await project(world, *changes)
    assert await found(world) == ["co1", "p1", "r1", "s1", "t1"]
    keys = {"c1": ["community:c1"]}
    assert await world.repository.spaces.find_readable(keys) == {"c1": ["s1"]}
    for owned in (world.forum.topics, world.forum.replies, world.forum.spaces):
        owned.clear()
    world.directory.members.clear()
    world.directory.companies.clear()
    await project(world, *changes)
    assert await found(world) == []
    assert await world.repository.spaces.find_readable(keys) == {"c1": []}


async def test_end_of_an_enrolment_ends_its_members_whose_version_stays(world: World) -> None:
    for person in ("p1", "p2"):
        world.directory.members["c1", person] = factories.member(person)
    world.directory.members["c1", "p3"] = factories.member("p3", company_id="co2")
    await project(
        world,
        *((Change.MEMBERSHIP, membership(person, "co1")) for person in ("p1", "p2")),
        (Change.MEMBERSHIP, membership("p3", "co2")),
    )
    assert await found(world) == ["p1", "p2", "p3"]
    for company in ("co0", "co1", "co2", "co3", "co4"):
        world.directory.companies["c1", company] = factories.company(company)
    await project(world, (Change.WORKFORCE, "co1"), (Change.COMPANY, "co4"))
    assert await found(world) == ["co1", "co4", "p1", "p2", "p3"]
    del world.directory.companies["c1", "co1"]
    former = directory_pb2.MEMBER_STATE_FORMER
    for person in ("p1", "p2"):
        world.directory.members["c1", person] = factories.member(person, state=former)
    await project(world, (Change.WORKFORCE, "co1"))
    assert await found(world) == ["co4", "p3"]


async def test_late_write_of_what_was_fetched_before_loses(world: World) -> None:
    """As when a replica sleeps between fetching and writing."""
    early = await world.repository.next_tick()
    world.forum.topics["t1"] = factories.topic(state=forum_pb2.TOPIC_STATE_HIDDEN)
    await project(world, (Change.TOPIC, "t1"))
    assert await world.index.put(1, early, [factories.entry(title="secret")]) == 0
    assert await found(world) == []


async def test_owner_that_does_not_answer_is_an_outage(world: World, loopback: Loopback) -> None:
    for server in loopback._servers:
        await server.stop(0)
    with pytest.raises(UnavailableError):
        await project(world, (Change.TOPIC, "t1"))


async def test_lost_live_index_waits_for_its_rebuild(world: World) -> None:
    world.forum.topics["t1"] = factories.topic()
    await world.index.drop(1)
    with pytest.raises(IndexMissingError):
        await project(world, (Change.TOPIC, "t1"))


async def test_index_lost_while_it_was_filled_is_given_up(world: World) -> None:
    world.forum.topics["t1"] = factories.topic()
    await world.projector.prepare(2)
    await world.projector.prepare(2)
    await world.projector.project(2, [Projection(Change.TOPIC, "c1", "t1")])
    await world.index.drop(2)
    with pytest.raises(IndexLostError):
        await world.projector.project(2, [Projection(Change.TOPIC, "c1", "t1")])
    with pytest.raises(IndexLostError):
        await world.projector.prepare(2)


async def test_rebuilt_generation_finds_the_same(world: World) -> None:
    world.forum.topics["t1"] = factories.topic(reply_count=1)
    world.forum.replies["r1"] = factories.reply()
    await project(world, (Change.THREAD, "t1"))
    before = await found(world)
    await world.projector.prepare(2)
    await world.projector.project(2, [Projection(Change.THREAD, "c1", "t1")])
    await world.projector.switch(2)
    await world.projector.drop(1)
    assert await found(world) == before == ["r1", "t1"]
    assert await world.index.live_generation() == 2

"""Search by kind and state of topics: on a real engine, from the events on."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import Message

from chassis.actors import Actor
from chassis.domain_events import DomainEvent, Projection
from chassis.errors import FieldInvalidError
from chassis.testing import person_actor
from guildhall.forum.v1 import domain_events_pb2 as forum
from guildhall.forum.v1 import forum_pb2
from guildhall.search.v1 import search_pb2
from services.search import consumers
from services.search.domain.entries import Entry, Kind, TopicKind, TopicState
from services.search.domain.questions import Filters, Page, Question, parse_terms
from services.search.repository.index import SearchIndex
from services.search.repository.schema import ADDED, index_body, index_name
from services.search.tests import factories
from services.search.tests.conftest import World
from services.search.tests.factories import NOON, entry
from services.search.tests.test_search_servicer import Service, both, service  # noqa: F401

ANY = Filters()
WALLS = {"c1": ["community:c1", "space:s1"]}
PUBLISHED, CLOSED, ARCHIVED = TopicState.PUBLISHED, TopicState.CLOSED, TopicState.ARCHIVED
QUESTION, DISCUSSION, ARTICLE, IDEA = TopicKind
FORUM_STATES = {one: forum_pb2.TopicState.Value(f"TOPIC_STATE_{one}") for one in TopicState}


def post(id: str, kind: TopicKind, state: TopicState, **fields: Any) -> Entry:
    """A topic, or by its id (r…) a reply in such a topic."""
    text = {"kind": Kind.REPLY, "body": "plan"} if id.startswith("r") else {"title": "plan"}
    return entry(id, topic_kind=kind, topic_state=state, **{**text, **fields})


POSTS = (
    post("question", QUESTION, PUBLISHED),
    post("r-question", QUESTION, PUBLISHED),
    post("answered", QUESTION, CLOSED),
    post("r-answered", QUESTION, CLOSED),
    post("article", ARTICLE, ARCHIVED),
    post("idea", IDEA, PUBLISHED),
    post("talk", DISCUSSION, ARCHIVED),
)
MEMBER = entry("member", kind=Kind.MEMBER, name="Plan Person", keys=["community:c1"])
HIDDEN = (
    post("hidden", QUESTION, CLOSED, keys=["space:s9"]),
    post("r-hidden", IDEA, ARCHIVED, keys=["space:s9"]),
    post("elsewhere", QUESTION, CLOSED, community_id="c3"),
)


async def put(index: SearchIndex, *entries: Entry, tick: int = 1) -> None:
    await index.put(1, tick, entries)
    await index.refresh()


async def search(
    index: SearchIndex, filters: Filters = ANY, text: str = "plan", **fields: Any
) -> Page:
    asked = Question(text, parse_terms(text), filters, newest=True, **fields)
    return await index.search(asked, WALLS, {}, "p1")


async def found(index: SearchIndex, text: str = "plan", **filters: Any) -> set[str]:
    page = await search(index, Filters(**filters), text, with_total=True)
    assert page.total == len(page.hits)
    return {hit.place.id for hit in page.hits}


async def test_topics_and_replies_in_them_are_found_by_kind_and_state(index: SearchIndex) -> None:
    await put(index, *POSTS, *HIDDEN, MEMBER)
    everything = {one.place.id for one in (*POSTS, MEMBER)}
    open_or_kept = everything - {"answered", "r-answered", "member"}
    cases: list[tuple[dict[str, Any], set[str]]] = [
        ({}, everything),
        ({"topic_kinds": (IDEA,)}, {"idea"}),
        ({"topic_kinds": (IDEA, ARTICLE)}, {"idea", "article"}),
        (
            {"topic_kinds": (QUESTION,)},
            {"question", "r-question", "answered", "r-answered"},
        ),
        ({"topic_kinds": tuple(TopicKind)}, everything - {"member"}),
        ({"topic_states": (CLOSED,)}, {"answered", "r-answered"}),
        ({"topic_states": (ARCHIVED, PUBLISHED)}, open_or_kept),
        ({"topic_kinds": (ARTICLE, IDEA), "topic_states": (PUBLISHED,)}, {"idea"}),
        ({"topic_kinds": (IDEA,), "topic_states": (CLOSED,)}, set()),
        ({"topic_kinds": (QUESTION,), "kinds": (Kind.REPLY,)}, {"r-question", "r-answered"}),
        ({"topic_kinds": (QUESTION,), "kinds": (Kind.MEMBER,)}, set()),
    ]
    for text in ("plan", ""):
        for filters, expected in cases:
            assert await found(index, text, **filters) == expected, filters


async def test_facets_count_topics_and_replies_inside_the_wall(index: SearchIndex) -> None:
    await put(index, *POSTS, MEMBER)
    whole = await search(index, with_facets=True)
    narrow = await search(index, Filters(topic_states=(CLOSED,)), with_facets=True)
    await put(index, *HIDDEN)
    assert (await search(index, with_facets=True)) == whole
    assert (await search(index, Filters(topic_states=(CLOSED,)), with_facets=True)) == narrow
    assert whole.facets is not None
    assert narrow.facets is not None
    assert dict(whole.facets["topic_kind"]) == {
        "QUESTION": 4,
        "ARTICLE": 1,
        "IDEA": 1,
        "DISCUSSION": 1,
    }
    assert dict(whole.facets["topic_state"]) == {"PUBLISHED": 3, "CLOSED": 2, "ARCHIVED": 2}
    assert narrow.facets["topic_kind"] == [("QUESTION", 2)]
    assert narrow.facets["topic_state"] == [("CLOSED", 2)]


async def test_index_of_an_earlier_release_finds_what_was_written_since(
    index: SearchIndex,
) -> None:
    """What was written before has neither kind nor state: it is found by everything else."""
    earlier = SearchIndex(index._client, alias=f"{index._alias}-earlier", refresh_interval="-1")
    body = index_body(earlier._alias, 1, shards=1, replicas="0-1")
    mapping = body["mappings"]
    body["mappings"] = {
        **mapping,
        "properties": {k: v for k, v in mapping["properties"].items() if k not in ADDED},
    }
    await index._client.indices.create(index=index_name(earlier._alias, 1), body=body)
    earlier._fitted.add(1)  # as the earlier release, which adds no fields
    await earlier.switch(1)
    before = entry("before", title="plan")
    await put(earlier, before)

    async def check(kinds: list[tuple[str, int]], ids: set[str]) -> None:
        page = await search(earlier, with_facets=True)
        assert page.facets is not None
        assert page.facets["topic_kind"] == kinds
        assert await found(earlier, topic_kinds=(QUESTION,)) == ids
        assert await found(earlier, topic_states=(PUBLISHED,)) == ids

    await check([], set())
    earlier._fitted.clear()
    await put(earlier, post("since", QUESTION, PUBLISHED), tick=2)
    await check([("QUESTION", 1)], {"since"})
    assert await found(earlier) == {"before", "since"}
    await put(earlier, post("before", QUESTION, PUBLISHED), tick=3)
    await check([("QUESTION", 2)], {"before", "since"})


# -- from the events on


async def hear(world: World, *messages: Message, generation: int = 1) -> None:
    """Each twice, as the bus may deliver it."""
    for message in messages:
        event: DomainEvent[Any] = DomainEvent("e1", "c1", "topic", "t1", 1, NOON, "p1", message)
        for _ in range(2):
            made = await consumers.FORUM[type(message)](event)
            changes = [one for one in made if isinstance(one, Projection)]
            await world.projector.project(generation, changes)
    await world.index.refresh()


async def by_state(world: World) -> dict[TopicState, set[str]]:
    """What is found by each state that finds anything."""
    every = {one: await found(world.index, "", topic_states=(one,)) for one in TopicState}
    return {state: ids for state, ids in every.items() if ids}


PUBLISH = forum.TopicPublished(topic_id="t1")
REPLY = forum.ReplyPublished(topic_id="t1", reply_id="r1")
CLOSE, REOPEN = forum.TopicClosed(topic_id="t1"), forum.TopicReopened(topic_id="t1")
ARCHIVE = forum.TopicArchived(topic_id="t1")


def now(world: World, state: TopicState, **fields: Any) -> None:
    """The forum has the topic in this state, with a reply."""
    world.forum.topics["t1"] = factories.topic(
        state=FORUM_STATES[state], reply_count=1, version=2, **fields
    )
    world.forum.replies["r1"] = factories.reply()


async def test_closing_reopening_and_archiving_change_the_topic_and_its_replies(
    world: World,
) -> None:
    for message, state in (
        (PUBLISH, PUBLISHED),
        (CLOSE, CLOSED),
        (REOPEN, PUBLISHED),
        (ARCHIVE, ARCHIVED),
    ):
        now(world, state)
        await hear(world, message)
        assert await by_state(world) == {state: {"t1", "r1"}}


@pytest.mark.parametrize("state", TopicState)
async def test_events_out_of_order_tell_of_the_state_of_now(
    world: World, state: TopicState
) -> None:
    now(world, state)
    for messages in ([ARCHIVE, CLOSE, REOPEN, PUBLISH, REPLY], [REPLY, REOPEN, CLOSE, ARCHIVE]):
        await hear(world, *messages)
        assert await by_state(world) == {state: {"t1", "r1"}}


async def test_late_write_of_a_state_before_loses(world: World) -> None:
    early = await world.repository.next_tick()
    now(world, CLOSED)
    await hear(world, CLOSE)
    await world.index.put(1, early, [post("t1", QUESTION, PUBLISHED)])
    await world.index.refresh()
    assert await by_state(world) == {CLOSED: {"t1", "r1"}}


async def test_reply_that_moves_takes_what_its_new_topic_has(world: World) -> None:
    now(world, PUBLISHED)
    await hear(world, PUBLISH, REPLY)
    world.forum.topics["t2"] = factories.topic(
        "t2", kind=forum_pb2.TOPIC_KIND_IDEA, state=forum_pb2.TOPIC_STATE_ARCHIVED, reply_count=1
    )
    world.forum.replies["r1"] = factories.reply(topic_id="t2")
    world.forum.topics["t1"].reply_count = 0
    await hear(world, forum.RepliesMoved(topic_id="t2", from_topic_id="t1", reply_ids=["r1"]))
    assert await by_state(world) == {PUBLISHED: {"t1"}, ARCHIVED: {"t2", "r1"}}
    assert await found(world.index, "", topic_kinds=(IDEA,)) == {"t2", "r1"}


async def test_hidden_topic_is_in_no_state_until_it_is_restored(world: World) -> None:
    now(world, CLOSED)
    await hear(world, CLOSE)
    world.forum.topics["t1"].state = forum_pb2.TOPIC_STATE_HIDDEN
    await hear(world, forum.TopicHidden(topic_id="t1"))
    assert await by_state(world) == {}
    assert (await search(world.index, text="", with_facets=True)).facets == {
        name: [] for name in ("kind", "community", "tag", "topic_kind", "topic_state")
    }
    now(world, PUBLISHED)
    await hear(world, forum.TopicRestored(topic_id="t1"))
    assert await by_state(world) == {PUBLISHED: {"t1", "r1"}}


async def test_rebuilt_generation_has_what_entries_of_before_lack(world: World) -> None:
    await put(world.index, entry("t1", title="Title t1"), entry("r1", kind=Kind.REPLY, body="it"))
    assert await found(world.index, "") == {"t1", "r1"}
    assert await by_state(world) == {}
    now(world, CLOSED, kind=forum_pb2.TOPIC_KIND_ARTICLE)
    await world.projector.prepare(2)
    await hear(world, PUBLISH, REPLY, CLOSE, generation=2)
    await world.projector.switch(2)
    await world.projector.drop(1)
    assert await by_state(world) == {CLOSED: {"t1", "r1"}}
    assert await found(world.index, "", topic_kinds=(ARTICLE,)) == {"t1", "r1"}


# -- over gRPC


def request(**fields: Any) -> search_pb2.SearchRequest:
    given = {"query": "plan", "with_total": True, "with_facets": True}
    return search_pb2.SearchRequest(**{**given, **fields})


async def ids(service: Service, actor: Actor, **fields: Any) -> set[str]:  # noqa: F811
    return {hit.id for hit in (await service.stub(actor).Search(request(**fields))).hits}


async def test_people_search_by_kind_and_state(service: Service) -> None:  # noqa: F811
    await service.put(*POSTS, *HIDDEN, MEMBER)
    kinds = [forum_pb2.TOPIC_KIND_IDEA, forum_pb2.TOPIC_KIND_ARTICLE]
    assert await ids(service, both(), topic_kinds=kinds) == {"idea", "article"}
    states = [forum_pb2.TOPIC_STATE_CLOSED]
    assert await ids(service, both(), topic_states=states) == {"answered", "r-answered"}
    archived = request(
        topic_kinds=kinds,
        topic_states=[forum_pb2.TOPIC_STATE_ARCHIVED, forum_pb2.TOPIC_STATE_CLOSED],
    )
    answer = await service.stub(both()).Search(archived)
    assert ([hit.id for hit in answer.hits], answer.total) == (["article"], 1)
    facets = {one.name: {v.value: v.count for v in one.values} for one in answer.facets}
    assert facets == {
        "kind": {"TOPIC": 1},
        "community": {"c1": 1},
        "tag": {},
        "topic_kind": {"ARTICLE": 1},
        "topic_state": {"ARCHIVED": 1},
    }


async def test_page_goes_on_within_its_kind(service: Service) -> None:  # noqa: F811
    await service.put(*POSTS, MEMBER)
    asked = request(topic_kinds=[forum_pb2.TOPIC_KIND_QUESTION], page_size=3)
    first = await service.stub(both()).Search(asked)
    asked.page_token = first.next_page_token
    rest = await service.stub(both()).Search(asked)
    assert (len(first.hits), len(rest.hits), rest.next_page_token) == (3, 1, "")
    assert {hit.id for hit in [*first.hits, *rest.hits]} == {
        "question",
        "r-question",
        "answered",
        "r-answered",
    }


async def test_outsider_finds_no_kind_and_no_state(service: Service) -> None:  # noqa: F811
    """As where there is nothing; nor does a member in a space that is shut to them."""
    asked = [
        request(community_ids=communities, **{field: [number]})
        for communities in ([], ["c1"])
        for field, numbers in (
            ("topic_kinds", forum_pb2.TopicKind.values()[1:]),
            ("topic_states", FORUM_STATES.values()),
        )
        for number in numbers
    ]
    outsider, member = person_actor("p9", "c9"), both()
    before = [await service.stub(member).Search(one) for one in asked]
    await service.put(*HIDDEN)
    assert [await service.stub(member).Search(one) for one in asked] == before
    await service.put(*POSTS)
    assert [await service.stub(member).Search(one) for one in asked] != before
    for one in asked:
        answer = await service.stub(outsider).Search(one)
        assert not answer.hits
        assert answer.total == 0
        assert not any(facet.values for facet in answer.facets)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"topic_kinds": [forum_pb2.TOPIC_KIND_UNSPECIFIED]}, "topic_kinds"),
        ({"topic_kinds": [99]}, "topic_kinds"),
        ({"topic_states": [99]}, "topic_states"),
        *(
            ({"topic_states": [state]}, "topic_states")
            for state in forum_pb2.TopicState.values()
            if state not in FORUM_STATES.values()
        ),
    ],
)
async def test_states_that_nobody_finds_are_refused(
    service: Service,  # noqa: F811
    fields: dict[str, Any],
    field: str,
) -> None:
    for actor in (both(), person_actor("p9", "c9")):
        with pytest.raises(FieldInvalidError) as refusal:
            await service.stub(actor).Search(request(**fields))
        assert refusal.value.field == field

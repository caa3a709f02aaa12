"""Announcements are found by who may read them: on a real engine, from the events on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.message import Message

from chassis import moment
from chassis.actors import MANAGER, Actor
from chassis.domain_events import DomainEvent, Projection
from chassis.testing import person_actor
from guildhall.forum.v1 import announcements_pb2, forum_pb2
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.search.v1 import search_pb2
from services.search import consumers
from services.search.domain.entries import Entry, Kind, TopicKind, TopicState, Wall
from services.search.domain.questions import (
    Filters,
    Likeness,
    Page,
    Question,
    Walls,
    parse_terms,
)
from services.search.repository.index import SearchIndex
from services.search.repository.schema import ADDED, index_body, index_name
from services.search.tests import factories
from services.search.tests.conftest import World
from services.search.tests.factories import NOON, RULE_KEYS, announced, entry
from services.search.tests.test_search_servicer import Service, service  # noqa: F401

HELD = ["community:c1", "tier:gold@c1", "company:co1@c1", "locale:de@c1"]
READER = {"c1": [*HELD, "channel:n1"]}
KIND = search_pb2.KIND_ANNOUNCEMENT


async def put(index: SearchIndex, *entries: Entry, tick: int = 1) -> None:
    await index.put(1, tick, entries)
    await index.refresh()


async def search(index: SearchIndex, walls: Walls = READER, text: str = "", **fields: Any) -> Page:
    question = Question(
        text,
        parse_terms(text),
        Filters(**fields),
        newest=not text,
        with_facets=True,
        with_highlights=True,
        with_total=True,
    )
    return await index.search(question, walls, {}, "p1")


async def found(
    index: SearchIndex, walls: Walls = READER, text: str = "", **fields: Any
) -> set[str]:
    page = await search(index, walls, text, **fields)
    ids = {hit.place.id for hit in page.hits}
    assert page.total == len(page.hits) == len(ids)
    return ids


@pytest.mark.parametrize("field", RULE_KEYS)
async def test_reader_holds_a_key_of_each_list(index: SearchIndex, field: str) -> None:
    keys: dict[str, Any] = {
        "mine": ["other:1@c1", "tier:gold@c1"],
        "theirs": ["tier:silver@c1", "other:1@c1"],
        "managers": ["managers:c1"],
        "nobody": [],
    }
    await put(index, *(announced(id_, title="plan", **{field: some}) for id_, some in keys.items()))
    assert await found(index) == {"mine"}
    assert await found(index, text="plan") == {"mine"}
    assert await found(index, {"c1": [*READER["c1"], "other:1@c1"]}) == {"mine", "theirs"}


async def test_one_list_does_not_stand_for_another(index: SearchIndex) -> None:
    await put(
        index,
        announced("both", tier_keys=["tier:gold@c1"], company_keys=["company:co1@c1"]),
        announced("tier", tier_keys=["tier:gold@c1"], company_keys=["company:co2@c1"]),
        announced("firm", tier_keys=["tier:silver@c1"], company_keys=["company:co1@c1"]),
    )
    assert await found(index) == {"both"}


async def test_rule_opens_nothing_without_the_channel_nor_elsewhere(index: SearchIndex) -> None:
    await put(
        index,
        announced("a1", title="plan"),
        announced("a2", title="plan", community_id="c2"),
        entry("t1", title="plan", keys=["space:s1"]),
    )
    assert await found(index) == {"a1"}
    assert await found(index, {"c1": HELD}) == set()
    assert await found(index, {"c1": [*HELD, "channel:n2"]}) == set()
    assert await found(index, {"c1": ["channel:n1"]}) == set()  # of no rule a key
    both = {**READER, "c2": ["community:c2", "channel:n1"]}
    assert await found(index, both) == {"a1", "a2"}
    assert await found(index, {"c1": [*READER["c1"], "space:s1"]}) == {"a1", "t1"}


async def test_nothing_is_found_before_all_clocks_show_the_hour(index: SearchIndex) -> None:
    now = moment.now()
    await put(
        index,
        announced("out", title="plan", visible_time=now - timedelta(seconds=1)),
        announced("soon", title="plan", visible_time=now + timedelta(hours=1)),
    )
    assert await found(index, text="plan") == {"out"}
    page = await search(index)
    assert page.facets is not None
    assert page.facets["kind"] == [("ANNOUNCEMENT", 1)]
    suggested = await index.suggest("pla", READER, "p1")
    assert [one.place.id for one in suggested] == ["out"]


async def test_filters_of_topics_leave_announcements_out(index: SearchIndex) -> None:
    topic = entry(
        "t1",
        title="plan",
        tags=("sso",),
        space_id="s1",
        author_id="p1",
        topic_kind=TopicKind.QUESTION,
        topic_state=TopicState.PUBLISHED,
        unanswered=True,
    )
    await put(index, topic, announced("a1", title="plan", author_id="p9"))
    walls = {"c1": [*READER["c1"], "space:s1"]}
    assert await found(index, walls) == {"a1", "t1"}
    narrowing: list[dict[str, Any]] = [
        {"tags": ("sso",)},
        {"space_id": "s1"},
        {"topic_kinds": (TopicKind.QUESTION,)},
        {"topic_states": (TopicState.PUBLISHED,)},
        {"unanswered": True},
        {"kinds": (Kind.TOPIC,)},
        {"author_id": "p1"},
    ]
    for fields in narrowing:
        assert await found(index, walls, **fields) == {"t1"}, fields
    assert await found(index, walls, kinds=(Kind.ANNOUNCEMENT,)) == {"a1"}
    assert await found(index, walls, author_id="p9") == {"a1"}
    assert await found(index, walls, from_time=NOON) == {"a1", "t1"}
    assert await found(index, walls, to_time=NOON) == set()


async def test_what_has_ended_ranks_lower(index: SearchIndex) -> None:
    await put(
        index,
        announced("a-over", title="Plan of margins", outdated=True),
        announced("b-now", title="Plan of margins"),
    )
    page = await search(index, text="plan margins")
    assert [hit.place.id for hit in page.hits] == ["b-now", "a-over"]


async def test_announcements_are_like_no_topic(index: SearchIndex) -> None:
    await put(index, announced("a1", title="Pairing the radio"))
    likeness = Likeness.of("Pairing the radio", "")
    assert await index.find_similar(likeness, READER, "p1") == []


async def test_index_of_an_earlier_release_learns_of_rules(index: SearchIndex) -> None:
    earlier = SearchIndex(index._client, alias=f"{index._alias}-earlier", refresh_interval="-1")
    body = index_body(earlier._alias, 1, shards=1, replicas="0-1")
    mapping = body["mappings"]
    body["mappings"] = {
        **mapping,
        "properties": {k: v for k, v in mapping["properties"].items() if k not in ADDED},
    }
    await index._client.indices.create(index=index_name(earlier._alias, 1), body=body)
    await earlier.switch(1)
    walls = {"c1": [*READER["c1"], "space:s1"]}
    assert await found(earlier, walls) == set()
    await put(
        earlier,
        entry("t1", title="plan"),
        announced("a1", title="plan", tier_keys=["tier:gold@c1"]),
        announced("a2", title="plan", tier_keys=["tier:silver@c1"]),
    )
    assert await found(earlier, walls, "plan") == {"a1", "t1"}


# -- from the events on


async def hear(world: World, *messages: Message) -> None:
    """Each twice, as the bus may deliver it."""
    for message in messages:
        event: DomainEvent[Any] = DomainEvent("e1", "c1", "any", "x", 1, NOON, "p1", message)
        for _ in range(2):
            made = await consumers.FORUM[type(message)](event)
            changes = [one for one in made if isinstance(one, Projection)]
            await world.projector.project(1, changes)
    await world.index.refresh()


async def test_announcement_is_found_by_the_words_of_all_its_languages(world: World) -> None:
    texts = [
        factories.text("New margins", "<p>They are <em>better</em> &amp; paid</p>"),
        factories.text("Neue Margen", "<p>Sie sind <b>besser</b></p>", "de"),
        factories.text("Nouvelles marges", "<p>Meilleures</p>", "fr"),
    ]
    world.announcements.findable["a1"] = factories.announcement(texts=texts)
    await hear(world, said.AnnouncementPublished(announcement_id="a1", channel_id="n1"))
    for words in ("new margins", "better paid", "neue margen", "besser", "nouvelles", "meilleures"):
        assert await found(world.index, text=words) == {"a1"}, words
    (hit,) = (await search(world.index, text="margen")).hits
    assert hit.title_highlight == "New margins"
    assert "Neue <mark>Margen</mark> Sie sind besser" in hit.body_highlight
    (hit,) = (await search(world.index, text="margins")).hits
    assert hit.title_highlight == "New <mark>margins</mark>"
    assert hit.topic_id == ""


async def test_announcement_is_found_as_it_is_now(world: World) -> None:
    published = said.AnnouncementPublished(announcement_id="a1", channel_id="n1")
    findable = world.announcements.findable
    findable["a1"] = factories.announcement(texts=[factories.text("First", "<p>words</p>")])
    await hear(world, published)
    findable["a1"] = factories.announcement(texts=[factories.text("Second", "<p>words</p>")])
    await hear(world, said.AnnouncementCorrected(announcement_id="a1", channel_id="n1"))
    assert await found(world.index, text="first") == set()
    assert await found(world.index, text="second") == {"a1"}
    for event, state in (
        (said.AnnouncementExpired, announcements_pb2.ANNOUNCEMENT_STATE_EXPIRED),
        (said.AnnouncementArchived, announcements_pb2.ANNOUNCEMENT_STATE_ARCHIVED),
    ):
        findable["a1"].state = state
        await hear(world, event(announcement_id="a1", channel_id="n1"))
        assert await found(world.index, text="second") == {"a1"}
    del findable["a1"]
    await hear(world, said.AnnouncementWithdrawn(announcement_id="a1", channel_id="n1"))
    assert await found(world.index) == set()
    await hear(world, published)  # late: it is told as it is now
    assert await found(world.index) == set()


async def test_many_announcements_are_fetched_a_few_at_a_time(world: World) -> None:
    ids = [f"a{n}" for n in range(12)]
    world.announcements.findable |= {id_: factories.announcement(id_) for id_ in ids}
    changes = [Projection("announcement", "c1", id_) for id_ in ids]
    await world.projector.project(1, changes)
    await world.index.refresh()
    assert world.announcements.calls == ["BatchGetFindableAnnouncements"] * 3
    assert await found(world.index) == set(ids)


async def test_late_write_of_what_was_fetched_before_withdrawal_loses(world: World) -> None:
    early = await world.repository.next_tick()
    await hear(world, said.AnnouncementWithdrawn(announcement_id="a1", channel_id="n1"))
    assert await world.index.put(1, early, [announced(title="secret")]) == 0


async def test_channel_keeps_its_wall_and_is_not_found_itself(world: World) -> None:
    channels, heard = world.repository.channels, {"c1": ["tier:gold@c1"]}
    world.announcements.channels["n1"] = factories.channel(
        audience=forum_pb2.AUDIENCE_TIER, audience_names=["gold"]
    )
    await hear(world, said.ChannelCreated(channel_id="n1"))
    assert await channels.find_readable(heard) == {"c1": ["n1"]}
    world.announcements.channels["n1"] = factories.channel(audience=forum_pb2.AUDIENCE_VENDOR)
    await hear(world, said.ChannelUpdated(channel_id="n1"))
    assert await channels.find_readable(heard) == {"c1": []}
    assert await channels.find_readable({"c1": ["vendor:c1"]}) == {"c1": ["n1"]}
    world.announcements.channels.clear()
    await hear(world, said.ChannelUpdated(channel_id="n1"))
    assert await channels.find_readable({"c1": ["vendor:c1"]}) == {"c1": []}
    assert await found(world.index, {"c1": ["vendor:c1", "channel:n1"]}) == set()


# -- as people ask


GOLD = person_actor("gold", keyring=["community:c1", "tier:gold@c1"])
SILVER = person_actor("silver", keyring=["community:c1", "tier:silver@c1"])
SEARCH = search_pb2.SearchRequest(
    query="quartz", with_total=True, with_facets=True, with_highlights=True
)
PREFIX = search_pb2.SuggestRequest(prefix="qua")
NOTHING = search_pb2.SearchResponse()


async def sees(service: Service, actor: Actor) -> bool:  # noqa: F811
    """Whether it is found, counted and suggested; or, of another answer, nothing of it."""
    answer = await service.stub(actor).Search(SEARCH)
    suggested = (await service.stub(actor).Suggest(PREFIX)).suggestions
    if not answer.hits:
        assert not suggested
        empty = [facet.name for facet in answer.facets]
        assert answer == search_pb2.SearchResponse(
            facets=[search_pb2.Facet(name=name) for name in empty]
        )
        return False
    (hit,) = answer.hits
    assert (hit.kind, hit.id, answer.total) == (KIND, "a1", 1)
    assert hit.title_highlight == "<mark>Quartz</mark>"
    facets = {one.name: [(v.value, v.count) for v in one.values] for one in answer.facets}
    assert facets["kind"] == [("ANNOUNCEMENT", 1)]
    assert [(one.kind, one.text) for one in suggested] == [(KIND, "Quartz")]
    return True


async def test_only_whom_it_is_for_is_told_of_it(service: Service) -> None:  # noqa: F811
    await service.put(announced(title="Quartz", tier_keys=["tier:gold@c1"]))
    manager = person_actor("boss", roles=[MANAGER])
    assert await sees(service, GOLD)
    for actor in (SILVER, manager):
        assert not await sees(service, actor)
    outsider = service.stub(person_actor("p9", "c9"))
    for named in ([], ["c1"]):
        asked = search_pb2.SearchRequest(
            query="quartz", with_total=True, community_ids=named, kinds=[KIND]
        )
        assert await outsider.Search(asked) == NOTHING
        typed = search_pb2.SuggestRequest(prefix="qua", community_ids=named)
        assert await outsider.Suggest(typed) == search_pb2.SuggestResponse()


async def test_another_tier_finds_others_at_once(service: Service) -> None:  # noqa: F811
    await service.put(announced(title="Quartz", tier_keys=["tier:gold@c1"]))
    promoted = person_actor("silver", keyring=["community:c1", "tier:gold@c1"])
    assert not await sees(service, SILVER)
    assert await sees(service, promoted)
    assert not await sees(service, SILVER)


async def test_narrowed_channel_shuts_whatever_was_heard(service: Service) -> None:  # noqa: F811
    await service.put(announced(title="Quartz"))
    assert await sees(service, GOLD)
    channel = service.announcements.channels["n1"]  # and the bus is away
    del channel.read_keys[:]
    channel.read_keys.append("vendor:c1")
    assert not await sees(service, GOLD)
    channel.read_keys.append("tier:gold@c1")
    assert await sees(service, GOLD)
    assert not await sees(service, SILVER)
    del service.announcements.channels["n1"]
    assert not await sees(service, GOLD)


async def test_widened_channel_opens_when_it_is_heard(service: Service) -> None:  # noqa: F811
    await service.repository.channels.put(2, [Wall("n1", "c1", ("vendor:c1",))])
    await service.put(announced(title="Quartz"))
    assert not await sees(service, GOLD)
    await service.repository.channels.put(3, [Wall("n1", "c1", ("community:c1",))])
    assert await sees(service, GOLD)


async def test_channels_are_not_asked_about_where_announcements_are_not_looked_for(
    service: Service,  # noqa: F811
) -> None:
    await service.put(announced(title="Quartz"))
    stub = service.stub(GOLD)
    asked = search_pb2.SearchRequest(query="quartz", kinds=[search_pb2.KIND_TOPIC])
    assert not (await stub.Search(asked)).hits
    similar = search_pb2.FindSimilarRequest(community_id="c1", title="Quartz")
    assert not (await stub.FindSimilar(similar)).topic_ids
    assert service.announcements.calls == []
    asked.kinds.append(KIND)
    assert [hit.id for hit in (await stub.Search(asked)).hits] == ["a1"]
    assert service.announcements.calls == ["BatchGetChannels"]

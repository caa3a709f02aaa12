"""What is outdated is found as before, below others: on a real engine, from the events on."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import Message

from chassis.domain_events import DomainEvent, Projection
from chassis.pagination import Paging
from guildhall.forum.v1 import domain_events_pb2 as forum
from guildhall.forum.v1 import forum_pb2
from services.search import consumers
from services.search.domain.entries import Entry, Kind
from services.search.domain.questions import Likeness, Page, Question, parse_terms
from services.search.repository.index import SearchIndex
from services.search.repository.schema import ADDED, index_body, index_name
from services.search.tests import factories
from services.search.tests.conftest import World
from services.search.tests.factories import NOON, entry

WALLS = {"c1": ["community:c1", "space:s1"]}
EXPIRED = forum_pb2.Verification(verified_for="7.2", expired=True)
VERIFIED = forum_pb2.Verification(verified_for="7.3")


async def put(index: SearchIndex, *entries: Entry, tick: int = 1) -> None:
    await index.put(1, tick, entries)
    await index.refresh()


async def search(index: SearchIndex, text: str, **fields: Any) -> Page:
    return await index.search(Question(text, parse_terms(text), **fields), WALLS, {}, "p1")


async def found(index: SearchIndex, text: str, **fields: Any) -> list[str]:
    return [hit.place.id for hit in (await search(index, text, **fields)).hits]


async def similar(index: SearchIndex, title: str) -> list[str]:
    return await index.find_similar(Likeness.of(title, "", size=10), WALLS, "p1")


async def test_outdated_comes_below_its_equals_and_those_a_little_weaker(
    index: SearchIndex,
) -> None:
    def matching(*, outdated: bool) -> tuple[Entry, ...]:
        return (
            entry("a-title", title="Quartz radio", outdated=outdated),
            entry("b-title", title="Quartz radio"),
            entry("c-tag", title="Other", tags=("quartz",)),
            entry("d-body", title="Else", body="of quartz"),
        )

    await put(index, *matching(outdated=False))
    assert await found(index, "quartz") == ["a-title", "b-title", "c-tag", "d-body"]
    await put(index, *matching(outdated=True), tick=2)
    page = await search(index, "quartz", with_total=True, with_highlights=True)
    assert [hit.place.id for hit in page.hits] == ["b-title", "c-tag", "a-title", "d-body"]
    scores = {hit.place.id: hit.score for hit in page.hits}
    assert scores["a-title"] == scores["b-title"] / 2
    assert page.total == 4
    assert page.hits[2].title_highlight == "<mark>Quartz</mark> radio"
    await put(index, *matching(outdated=False), tick=3)
    assert await found(index, "quartz") == ["a-title", "b-title", "c-tag", "d-body"]


async def test_outdated_is_less_similar(index: SearchIndex) -> None:
    titles = {"a": "Pairing the radio", "b": "Pairing the radio", "c": "Pairing a phone"}
    for tick, outdated, expected in (
        (1, False, ["a", "b", "c"]),
        (2, True, ["b", "a", "c"]),
        (3, False, ["a", "b", "c"]),
    ):
        entries = [
            entry(id_, title=title, outdated=outdated and id_ == "a")
            for id_, title in titles.items()
        ]
        await put(index, *entries, tick=tick)
        assert await similar(index, "Radio pairing") == expected


async def test_outdated_is_suggested_last(index: SearchIndex) -> None:
    titles = {"a": "Quartz radio", "b": "Quartz phones", "c": "Quartz"}
    for tick, outdated in enumerate(("", "a", "b", ""), 1):
        entries = [
            entry(id_, title=title, outdated=id_ == outdated) for id_, title in titles.items()
        ]
        await put(index, *entries, tick=tick)
        suggested = [one.text for one in await index.suggest("qua", WALLS, "p1")]
        assert sorted(suggested) == sorted(titles.values())
        if outdated:
            assert suggested[-1] == titles[outdated]


async def test_newest_first_is_newest_first(index: SearchIndex) -> None:
    await put(
        index,
        entry("b", title="Quartz", outdated=True),
        entry("a", title="Quartz", time=NOON.replace(hour=11)),
    )
    assert await found(index, "quartz", newest=True) == ["b", "a"]
    assert await found(index, "", newest=True) == ["b", "a"]


async def test_pages_go_on_among_outdated_ones(index: SearchIndex) -> None:
    entries = [
        entry(f"t{n:02}", title="same words" if n % 2 else "same", outdated=n % 3 == 0)
        for n in range(20)
    ]
    await put(index, *entries)
    whole = await found(index, "same", paging=Paging(50))
    current = [one.place.id for one in entries if not one.outdated]
    outdated = [one.place.id for one in entries if one.outdated]
    assert whole == current + outdated
    for size in (1, 3, 7):
        for backward in (False, True):
            seen: list[str] = []
            paging = Paging(size, backward=backward)
            while True:
                page = await search(index, "same", paging=paging)
                ids = [hit.place.id for hit in page.hits]
                seen = ids + seen if backward else seen + ids
                if not page.more:
                    break
                paging = Paging(size, page.hits[0 if backward else -1].order, backward=backward)
            assert seen == whole


async def test_index_of_an_earlier_release_learns_of_it(index: SearchIndex) -> None:
    earlier = SearchIndex(index._client, alias=f"{index._alias}-earlier", refresh_interval="-1")
    body = index_body(earlier._alias, 1, shards=1, replicas="0-1")
    mapping = body["mappings"]
    body["mappings"] = {
        **mapping,
        "properties": {k: v for k, v in mapping["properties"].items() if k not in ADDED},
    }
    await index._client.indices.create(index=index_name(earlier._alias, 1), body=body)
    await earlier.switch(1)
    assert await found(earlier, "quartz") == []
    await put(earlier, entry("a", title="Quartz", outdated=True), entry("b", title="Quartz"))
    assert await found(earlier, "quartz") == ["b", "a"]


# -- from the events on


async def hear(world: World, message: Message, generation: int = 1) -> None:
    """Twice, as the bus may deliver it."""
    event: DomainEvent[Any] = DomainEvent("e1", "c1", "topic", "t1", 1, NOON, "p1", message)
    for _ in range(2):
        made = await consumers.FORUM[type(message)](event)
        changes = [one for one in made if isinstance(one, Projection)]
        await world.projector.project(generation, changes)
    await world.index.refresh()


def change(world: World, kind: Kind, verification: forum_pb2.Verification | None) -> None:
    if kind is Kind.TOPIC:
        article = forum_pb2.TOPIC_KIND_ARTICLE
        world.forum.topics["t1"] = factories.topic(
            title="Quartz", kind=article, verification=verification
        )
    else:
        world.forum.replies["r1"] = factories.reply(body_html="Quartz", verification=verification)


@pytest.mark.parametrize("kind", [Kind.TOPIC, Kind.REPLY])
async def test_expiry_lowers_and_verification_or_an_edit_raises(world: World, kind: Kind) -> None:
    reply = "r1" if kind is Kind.REPLY else ""
    expired = forum.PostVerificationExpired(topic_id="t1", reply_id=reply)
    verified = forum.PostVerified(topic_id="t1", reply_id=reply)
    edited = (
        forum.ReplyEdited(topic_id="t1", reply_id="r1")
        if reply
        else forum.TopicEdited(topic_id="t1")
    )
    id_, other = ("r1", "r2") if reply else ("t1", "t2")
    world.forum.topics["t1"] = factories.topic(reply_count=2)
    if reply:
        world.forum.replies["r2"] = factories.reply("r2", body_html="Quartz")
        await hear(world, forum.ReplyPublished(topic_id="t1", reply_id="r2"))
    else:
        world.forum.topics["t2"] = factories.topic("t2", title="Quartz")
        await hear(world, forum.TopicPublished(topic_id="t2"))
    for message, verification, expected in (
        (verified, VERIFIED, [id_, other]),
        (expired, EXPIRED, [other, id_]),
        (verified, VERIFIED, [id_, other]),
        (expired, EXPIRED, [other, id_]),
        (edited, None, [id_, other]),
        (expired, EXPIRED, [other, id_]),
    ):
        change(world, kind, verification)
        await hear(world, message)
        assert await found(world.index, "quartz") == expected


async def test_a_review_date_that_passes_lowers_and_a_review_raises(world: World) -> None:
    world.forum.topics["t2"] = factories.topic("t2", title="Quartz")
    await hear(world, forum.TopicPublished(topic_id="t2"))
    over = forum.ArticleReviewExpired(topic_id="t1")
    reviewed = forum.ArticleReviewed(topic_id="t1")
    for message, expected in (
        (reviewed, ["t1", "t2"]),
        (over, ["t2", "t1"]),
        (reviewed, ["t1", "t2"]),
    ):
        world.forum.topics["t1"] = factories.topic(
            title="Quartz", kind=forum_pb2.TOPIC_KIND_ARTICLE, review_expired=message is over
        )
        await hear(world, message)
        assert await found(world.index, "quartz") == expected
        assert await similar(world.index, "Quartz") == expected


async def test_rebuilt_generation_ranks_the_same(world: World) -> None:
    world.forum.topics["t2"] = factories.topic("t2", title="Quartz")
    change(world, Kind.TOPIC, EXPIRED)
    published = [forum.TopicPublished(topic_id=id_) for id_ in ("t1", "t2")]
    expired = forum.PostVerificationExpired(topic_id="t1")
    for message in (*published, expired):
        await hear(world, message)
    before = await search(world.index, "quartz")
    assert [hit.place.id for hit in before.hits] == ["t2", "t1"]
    await world.projector.prepare(2)
    for message in (*published, expired):
        await hear(world, message, generation=2)
    await world.projector.switch(2)
    await world.projector.drop(1)
    assert await search(world.index, "quartz") == before

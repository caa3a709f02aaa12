"""The index on a real engine: versions, walls, order, paging, highlights, generations."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from opensearchpy.exceptions import TransportError

from chassis.pagination import Paging
from services.search.domain.entries import Entry, Kind, Place, Tombstone
from services.search.domain.questions import (
    Filters,
    IndexMissingError,
    Page,
    Question,
    SearchUnavailableError,
    Walls,
    parse_terms,
)
from services.search.domain.synonyms import Synonyms, Thesaurus
from services.search.repository.index import SearchIndex, connect
from services.search.tests.factories import NOON, entry

MINE: Walls = {"c1": ["community:c1", "space:s1"]}


def ask(text: str = "", **fields: Any) -> Question:
    terms = parse_terms(text)
    return Question(text, terms, newest=fields.pop("newest", not terms), **fields)


async def put(index: SearchIndex, *entries: Entry | Tombstone, tick: int = 1) -> int:
    written = await index.put(1, tick, entries)
    await index.refresh()
    return written


async def search(index: SearchIndex, question: Question, walls: Walls = MINE) -> Page:
    return await index.search(question, walls, {}, "p1")


def ids(page: Page) -> list[str]:
    return [found.place.id for found in page.hits]


async def test_later_tick_wins_whatever_the_order(index: SearchIndex) -> None:
    assert await put(index, entry(title="newer text"), tick=5) == 1
    assert await put(index, entry(title="older text"), tick=4) == 0
    assert ids(await search(index, ask("newer"))) == ["t1"]
    assert ids(await search(index, ask("older"))) == []
    assert await put(index, entry(title="newer text"), tick=5) == 1  # the same again is harmless


async def test_tombstone_hides_and_keeps_older_writes_out(index: SearchIndex) -> None:
    await put(index, entry(title="secret plan"), tick=5)
    await put(index, Tombstone(Place(Kind.TOPIC, "c1", "t1")), tick=6)
    await put(index, entry(title="secret plan"), tick=5)
    everything = {"c1": ["community:c1", "space:s1", ""]}
    assert (await search(index, ask("secret", with_total=True), everything)) == Page(facets={})
    assert (await search(index, ask(with_total=True), everything)) == Page(facets={})
    await put(index, entry(title="secret plan"), tick=7)
    assert ids(await search(index, ask("secret"))) == ["t1"]


async def test_purge_deletes_old_tombstones_only(index: SearchIndex) -> None:
    await put(index, Tombstone(Place(Kind.TOPIC, "c1", "t1")), tick=5)
    await put(index, entry("t2", title="stays"), tick=5)
    assert await index.purge(datetime.now(UTC) - timedelta(hours=1)) == 0
    assert await index.purge(datetime.now(UTC) + timedelta(hours=1)) == 1
    await index.refresh()
    assert ids(await search(index, ask("stays"))) == ["t2"]


async def test_keys_count_in_their_community_only(index: SearchIndex) -> None:
    await put(
        index,
        entry("a", title="plan", keys=["k"]),
        entry("b", title="plan", keys=["k"], community_id="c2"),
        entry("c", title="plan", keys=["l"], community_id="c2"),
    )
    assert ids(await search(index, ask("plan"), {"c1": ["k"], "c2": ["l"]})) == ["a", "c"]
    assert ids(await search(index, ask("plan"), {"c2": ["k"]})) == ["b"]


async def test_filters_narrow(index: SearchIndex) -> None:
    later = NOON + timedelta(days=1)
    await put(
        index,
        entry("a", title="plan", tags=("x", "y"), author_id="p1", space_id="s1", unanswered=True),
        entry("b", title="plan", tags=("x",), author_id="p2", space_id="s2", time=later),
        entry("c", kind=Kind.MEMBER, name="Plan Person", keys=["community:c1"]),
    )
    cases: list[tuple[Filters, list[str]]] = [
        (Filters(), ["c", "a", "b"]),
        (Filters(kinds=(Kind.MEMBER,)), ["c"]),
        (Filters(tags=("x",)), ["a", "b"]),
        (Filters(tags=("x", "y")), ["a"]),
        (Filters(author_id="p2"), ["b"]),
        (Filters(space_id="s1"), ["a"]),
        (Filters(unanswered=True), ["a"]),
        (Filters(from_time=later), ["b"]),
        (Filters(to_time=later), ["a", "c"]),
    ]
    for filters, expected in cases:
        assert sorted(ids(await search(index, ask("plan", filters=filters)))) == sorted(expected)


async def test_facets_and_total_count_what_is_visible(index: SearchIndex) -> None:
    await put(
        index,
        entry("a", title="plan", tags=("x", "y")),
        entry("b", title="plan", tags=("x",)),
        entry("c", title="plan", tags=("hidden",), keys=["space:other"]),
        entry("d", kind=Kind.REPLY, body="plan", community_id="c2", keys=["space:s9"]),
    )
    page = await search(index, ask("plan", with_facets=True, with_total=True, paging=Paging(1)))
    assert page.total == 2
    assert page.facets is not None
    assert list(page.facets) == ["kind", "community", "tag", "topic_kind", "topic_state"]
    assert page.facets == {
        "kind": [("TOPIC", 2)],
        "community": [("c1", 2)],
        "tag": [("x", 2), ("y", 1)],
        "topic_kind": [],
        "topic_state": [],
    }
    assert page.more


@pytest.mark.parametrize("newest", [True, False])
async def test_pages_have_no_gaps_and_nothing_twice_among_equals(
    index: SearchIndex, newest: bool
) -> None:
    await put(index, *(entry(f"t{n:02}", title="same words") for n in range(23)))
    seen: list[str] = []
    paging = Paging(10)
    for expected in (10, 10, 3):
        page = await search(index, ask("same words", newest=newest, paging=paging))
        assert len(page.hits) == expected
        seen += ids(page)
        paging = Paging(10, page.hits[-1].order)
        assert page.more == (len(seen) < 23)
    ordered = [f"t{n:02}" for n in range(23)]
    assert seen == (ordered[::-1] if newest else ordered)


@pytest.mark.parametrize("newest", [True, False])
async def test_a_walk_backwards_mirrors_the_one_forwards(index: SearchIndex, newest: bool) -> None:
    # Several times and scores, each of several.
    for n in range(14):
        title = " ".join(["same", *["words"] * (n % 3), *["else"] * (n % 2)])
        await put(index, entry(f"t{n:02}", title=title, time=NOON + timedelta(hours=n // 4)))

    async def walk(size: int, *, backward: bool) -> list[str]:
        found: list[str] = []
        paging = Paging(size, backward=backward)
        while True:
            page = await search(index, ask("same", newest=newest, paging=paging))
            found = ids(page) + found if backward else found + ids(page)
            if not page.more:
                return found
            assert len(page.hits) == size
            paging = replace(paging, place=page.hits[0 if backward else -1].order)

    whole = ids(await search(index, ask("same", newest=newest, paging=Paging(50))))
    assert sorted(whole) == [f"t{n:02}" for n in range(14)]
    for size in (1, 2, 3, 7):
        assert await walk(size, backward=False) == whole
        assert await walk(size, backward=True) == whole


async def test_newest_first(index: SearchIndex) -> None:
    await put(
        index,
        *(entry(f"t{n}", title="plan", time=NOON + timedelta(seconds=n)) for n in (2, 1, 3)),
    )
    assert ids(await search(index, ask("plan", newest=True))) == ["t3", "t2", "t1"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "<img src=x onerror=alert(1)> needle",
            "&lt;img src=x onerror=alert(1)&gt; <mark>needle</mark>",
        ),
        ("<mark>needle</mark>", "&lt;mark&gt;<mark>needle</mark>&lt;/mark&gt;"),
        ("\"needle\" & 'x'", "&quot;<mark>needle</mark>&quot; &amp; &#x27;x&#x27;"),
    ],
)
async def test_highlights_are_safe_html(index: SearchIndex, text: str, expected: str) -> None:
    await put(index, entry(title=text, body=text))
    (found,) = (await search(index, ask("needle", with_highlights=True))).hits
    assert found.title_highlight == expected
    assert found.body_highlight == expected


async def test_highlight_shows_the_beginning_where_nothing_matches(index: SearchIndex) -> None:
    await put(index, entry(title="The <title>", body="a needle"))
    (found,) = (await search(index, ask("needle", with_highlights=True))).hits
    assert found.title_highlight == "The &lt;title&gt;"
    assert found.body_highlight == "a <mark>needle</mark>"
    (plain,) = (await search(index, ask("needle"))).hits
    assert (plain.title_highlight, plain.body_highlight) == ("", "")


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("password reset", "<mark>Resetting</mark> <mark>passwords</mark> of the single sign-on"),
        ('"single sign"', "Resetting passwords of the <mark>single</mark> <mark>sign</mark>-on"),
        ("paswords", "Resetting <mark>passwords</mark> of the single sign-on"),
        ("sso", "Resetting passwords of the <mark>single</mark> <mark>sign</mark>-<mark>on</mark>"),
    ],
)
async def test_what_matches_is_marked(index: SearchIndex, text: str, marked: str) -> None:
    await put(index, entry("a", title="Resetting passwords of the single sign-on"))
    alternatives = {"c1": {0: ["single sign on"]}} if text == "sso" else {}
    question = ask(text, with_highlights=True, forgiving=True)
    (found,) = (await index.search(question, MINE, alternatives, "p1")).hits
    phrase = re.sub("</mark>([ -])<mark>", r"\1", marked)  # engines mark a phrase at once or not
    assert re.sub("</mark>([ -])<mark>", r"\1", found.title_highlight) == phrase
    (plain,) = (await index.search(ask(text, forgiving=True), MINE, alternatives, "p1")).hits
    assert (plain.place, plain.score, plain.order) == (found.place, found.score, found.order)


async def test_words_are_found_in_other_forms_and_with_slips(index: SearchIndex) -> None:
    await put(
        index,
        entry("a", title="Resetting passwords"),
        entry("b", body="Zoë café error-code 0x8007"),
    )
    for text, expected in {
        "password reset": ["a"],
        "pasword": ["a"],
        "zoe cafe": ["b"],
        "error-code": ["b"],
        '"error code"': ["b"],
        '"code error"': [],
        "0x8007": ["b"],
        "0x8006": [],
        "title:password": [],
        "*": ["b", "a"],
    }.items():
        assert ids(await search(index, ask(text, forgiving=True))) == expected, text
    assert ids(await search(index, ask("pasword"))) == []


async def test_synonyms_hold_in_their_community_only(index: SearchIndex) -> None:
    await put(
        index,
        entry("a", title="partner relationship management"),
        entry("b", title="partner relationship management", community_id="c2"),
        entry("c", title="PRM", community_id="c2"),
    )
    walls = {"c1": ["space:s1"], "c2": ["space:s1"]}
    thesaurus = Thesaurus(Synonyms((("PRM", "partner relationship management"),)))

    async def found(text: str) -> Sequence[str]:
        alternatives = {"c1": thesaurus.alternatives(parse_terms(text))}
        return sorted(ids(await index.search(ask(text), walls, alternatives, "p1")))

    assert await found("prm") == ["a", "c"]
    assert await found("partner relationship management") == ["a", "b"]


async def test_suggestions_begin_like_what_was_typed(index: SearchIndex) -> None:
    await put(
        index,
        entry("a", title="Reset password tokens"),
        entry("b", title="Reset passkeys", keys=["space:other"]),
        entry("c", kind=Kind.MEMBER, name="Zoë Resetova", keys=["community:c1"]),
        entry("d", kind=Kind.REPLY, body="Reset in a body"),
    )

    async def texts(prefix: str, walls: Walls = MINE) -> list[str]:
        return sorted(found.text for found in await index.suggest(prefix, walls, "p1"))

    assert await texts("res") == ["Reset password tokens", "Zoë Resetova"]
    assert await texts("reset pass") == ["Reset password tokens"]
    assert await texts("zoe") == ["Zoë Resetova"]
    assert await texts("reset pass", {"c1": ["space:other"]}) == ["Reset passkeys"]
    assert await texts("xyz") == []


async def test_the_longest_query_is_answered(index: SearchIndex) -> None:
    await put(index, entry(title="words"))
    text = " ".join(f"wo{chr(97 + n)}rd" for n in range(24))
    alternatives = {"c1": {n: ["other phrase", "third"] for n in range(20)}}
    for forgiving in (False, True):
        question = ask(text, forgiving=forgiving)
        assert ids(await index.search(question, MINE, alternatives, "p1")) == []


async def test_generation_is_filled_beside_the_live_one_and_switched(index: SearchIndex) -> None:
    await put(index, entry("old", title="plan"))
    await index.prepare(2)
    await index.prepare(2)
    await index.put(2, 9, [entry("new", title="plan")])
    assert ids(await search(index, ask("plan"))) == ["old"]
    assert await index.live_generation() == 1
    await index.switch(2)
    await index.switch(2)
    assert ids(await search(index, ask("plan"))) == ["new"]
    assert await index.live_generation() == 2
    await index.switch(1)
    assert ids(await search(index, ask("plan"))) == ["old"]
    await index.drop(2)
    await index.drop(2)
    assert not await index.exists(2)


async def test_missing_index_is_an_outage_and_is_not_made_by_writing(index: SearchIndex) -> None:
    await index.drop(1)
    with pytest.raises(IndexMissingError):
        await index.put(1, 1, [entry()])
    assert not await index.exists(1)
    with pytest.raises(SearchUnavailableError) as refusal:
        await search(index, ask("plan"))
    assert refusal.value.reason() == "SEARCH_UNAVAILABLE"
    assert await index.live_generation() is None


async def test_mapping_is_strict(index: SearchIndex) -> None:
    with pytest.raises(TransportError, match="strict_dynamic_mapping_exception"):
        await index._client.index(index=index._alias, body={"unknown": 1}, params={"routing": "c1"})


async def test_engine_that_is_away_is_an_outage() -> None:
    away = SearchIndex(connect("http://127.0.0.1:9"))
    try:
        with pytest.raises(SearchUnavailableError):
            await search(away, ask("plan"))
        with pytest.raises(SearchUnavailableError):
            await away.put(1, 1, [entry()])
        with pytest.raises(SearchUnavailableError):
            await away.engine()
    finally:
        await away.close()


@pytest.mark.opensearch
async def test_possessives_are_found_without_their_ending(index: SearchIndex) -> None:
    await put(index, entry(title="Zoë's and the partner's café"))
    for text in ("zoe", "zoe's", "partner", "partner's"):
        assert ids(await search(index, ask(text))) == ["t1"], text


@pytest.mark.opensearch
async def test_titles_count_more_than_bodies_and_all_words_more_than_some(
    index: SearchIndex,
) -> None:
    filler = [entry(f"f{n}", title="Other matters", body="nothing of it") for n in range(20)]
    await put(
        index,
        *filler,
        entry("title", title="Deal registration", body="how it works"),
        entry("body", title="How it works", body="about deal registration in general"),
        entry("tag", title="Something", body="else", tags=("registration",)),
        entry("apart", title="Deal with it", body="and then some registration"),
        entry("slip", title="Deel registration", body="written badly"),
    )
    found = ids(await search(index, ask("deal registration")))
    assert found[0] == "title"
    assert set(found) == {"title", "body", "apart"}
    forgiven = ids(await search(index, ask("deal registration", forgiving=True)))
    assert set(forgiven) == {"title", "body", "apart", "slip"}
    assert forgiven[0] == "title"
    assert ids(await search(index, ask("registration")))[0] in {"title", "slip", "tag"}


@pytest.mark.opensearch
async def test_searches_go_to_the_shards_of_the_communities_asked(index: SearchIndex) -> None:
    many = SearchIndex(index._client, alias=f"{index._alias}-many", shards=8)
    try:
        await many.prepare(1)
        await many.switch(1)
        await many.put(1, 1, [entry(f"t{n}", community_id=f"c{n}") for n in range(8)])
        await many.refresh()
        body = {"query": {"match_all": {}}, "size": 8}
        answer = await index._client.search(index=many._alias, body=body, params={"routing": "c1"})
        assert answer["_shards"]["total"] == 1
        page = await many.search(ask(), {"c1": ["space:s1"], "c5": ["space:s1"]}, {}, "p1")
        assert sorted(ids(page)) == ["t1", "t5"]
    finally:
        await many.drop(1)


@pytest.mark.opensearch
async def test_what_is_written_is_found_within_the_refresh_interval(index: SearchIndex) -> None:
    quick = SearchIndex(index._client, alias=f"{index._alias}-quick", refresh_interval="250ms")
    try:
        await quick.prepare(1)
        await quick.switch(1)
        await quick.put(1, 1, [entry(title="plan")])
        for _ in range(50):
            if (await quick.search(ask("plan"), MINE, {}, "p1")).hits:
                break
            await asyncio.sleep(0.02)
        else:
            pytest.fail("not found within a second")
    finally:
        await quick.drop(1)


@pytest.mark.opensearch
async def test_few_documents_are_found_at_once_many_with_the_next_refresh(
    index: SearchIndex,
) -> None:
    await index.put(1, 1, [entry(title="plan")])
    assert ids(await search(index, ask("plan"))) == ["t1"]
    await asyncio.sleep(0.15)
    await index.put(1, 1, [entry(f"m{n}", title="many") for n in range(21)])
    assert ids(await search(index, ask("many"))) == []
    await index.refresh()
    assert len(ids(await search(index, ask("many", paging=Paging(50))))) == 21

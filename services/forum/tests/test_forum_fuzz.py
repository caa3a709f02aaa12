"""Fuzzing Markdown, tags and slugs, and every RPC with requests of any shape and damaged bytes."""

from __future__ import annotations

import re
import time
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from chassis.tags import tag_of
from chassis.testing import bound
from chassis.testing_fuzz import Damage, fuzzed
from guildhall.forum.v1 import forum_pb2 as pb
from services.forum.converters.markdown import _CLEANER, MAX_DEPTH, render
from services.forum.domain.tags import MAX_TAGS, TagsInvalidError, check_tags
from services.forum.domain.texts import slug_of
from services.forum.tests.conftest import (
    ASKER,
    HELPER,
    MANAGING,
    MODERATING,
    NEWCOMER,
    SEARCH,
    STRANGER,
    World,
)
from services.forum.tests.test_forum_converters import inspect

# -- Markdown

PIECES = st.one_of(
    st.sampled_from(
        (
            *("*", "**", "_", "~~", "`", "```", "~~~", "> ", "- ", "1. ", "# ", "=", "---", "\t"),
            *(
                "\n",
                "\n\n",
                "  \n",
                "    ",
                "|",
                "|-|",
                ":-:",
                "[",
                "]",
                "(",
                ")",
                "![",
                "](",
                "[^1]",
                "[^1]: ",
                "- [ ] ",
                "- [x] ",
                "$",
                "$$",
            ),
            *(
                "<",
                ">",
                "&",
                "&amp;",
                "&#x6a;",
                "&colon;",
                "\\",
                '"',
                "'",
                "\x00",
                "\ufffd",
                "\u202e",
            ),
            *(
                "<script>",
                "</code>",
                "<!--",
                "-->",
                "<![CDATA[",
                "<a href=",
                "<b onclick=x>",
                "<p/>",
            ),
            *(
                "javascript:",
                "JaVaScRiPt&#58;",
                "data:text/html,",
                "vbscript:",
                "//e.example",
                "/x",
            ),
            *(
                "http://e.example/",
                "https://e.example?a=b&c",
                "mailto:a@b.example",
                "www.e.example",
            ),
            *("a@b.example", '"x onmouseover=y"', "[x]: javascript:y", "{.class #id}", "[[wiki]]"),
        )
    ),
    st.text(max_size=4),
)
MARKDOWN = st.lists(PIECES, max_size=40).map("".join)


def holds(source: str) -> None:
    """Only what may come out does, well formed, and cleaning it again changes nothing."""
    html = render(source)
    found = inspect(html)
    assert found.bad == []
    assert found.depth == 0
    assert found.deepest <= MAX_DEPTH + 6  # a table's cells, a link and code stand below it
    assert _CLEANER.clean(html) == html
    assert render(source) == html
    assert not re.search(r"<(?!/?[a-z]|[bh]r)", html)


@given(MARKDOWN)
@example("[x](https://e.example 'a\"b')")
@fuzzed(400)
def test_any_markdown_becomes_allowed_html(source: str) -> None:
    holds(source)


@given(st.binary(max_size=200))
@fuzzed(300)
def test_any_bytes_become_allowed_html(source: bytes) -> None:
    holds(source.decode("utf-8", "replace"))


@given(st.lists(PIECES, min_size=1, max_size=3).map("".join).filter(lambda s: len(s) < 40))
@fuzzed(25)
def test_a_text_twice_as_long_takes_twice_as_long_at_most(piece: str) -> None:
    def took(length: int) -> float:
        source = (piece * length)[:length]
        least = 9.0
        for _ in range(3):
            begun = time.process_time()
            render(source)
            least = min(least, time.process_time() - begun)
        return least

    longer = took(16_000)
    if longer > 0.01:  # below, it is noise
        assert longer <= 3 * took(8_000) + 0.005, piece
    assert longer < bound(0.05)


# -- tags and slugs


@given(
    st.lists(
        st.text(max_size=6) | st.text("ab+#.- Aאع٣3\u0430pß\u0301\uff46", max_size=40),
        max_size=7,
    )
)
@fuzzed(200)
def test_tags_are_refused_or_plain(tags: list[str]) -> None:
    try:
        taken = check_tags(tags)
    except TagsInvalidError:
        return
    assert len(set(taken)) == len(taken) <= MAX_TAGS
    assert all(tag_of(tag) == tag for tag in taken)
    assert check_tags(taken) == taken


@given(st.text())
@fuzzed(200)
def test_any_title_has_a_slug(title: str) -> None:
    slug = slug_of(title)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug)
    assert slug_of(slug) == slug


# -- requests

SERVICE = pb.DESCRIPTOR.services_by_name["ForumService"]
ACTORS = [ASKER, HELPER, MANAGING, MANAGING, MODERATING, NEWCOMER, SEARCH, STRANGER]


async def test_no_request_is_an_internal_error(world: World) -> None:
    """One after the other at one forum, which changes as they do."""
    damage = Damage(world.loopback, "forum", world.database)
    await damage.bombard(SERVICE, lambda: _known(world), ACTORS, 250)
    assert len(damage.answers) > 10
    assert damage.answers[""] > 5


async def _known(world: World) -> dict[str, list[Any]]:
    """Ids of what is there, and good texts."""
    if not await world.database.spaces.find_one({}, {"_id": 1}):
        space = await world.space()
        await world.reply(await world.topic(space))
    names = {"space": "spaces", "topic": "topics", "reply": "replies"}
    ids = {
        f"{name}_id": [row["_id"] async for row in world.database[stored].find({}, {"_id": 1})]
        for name, stored in names.items()
    }
    return {
        **ids,
        **{f"{name}s": values for name, values in ids.items()},
        "topic_ids": ids["topic_id"],
        "space_ids": ids["space_id"],
        "reply_ids": ids["reply_id"],
        "community_id": ["c1"],
        "request_id": [world.request_id()],
        "title": ["A title"],
        "body": ["A body that is long enough"],
        "slug": ["general", "other"],
        "name": ["Room", "\ufdfa" * 80],
        "reason": ["because"],
        "expected_version": [0, 1],
        "page_size": [0, 1, 2],
        "kind": [1, 2],
    }

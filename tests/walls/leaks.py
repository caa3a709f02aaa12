"""Leaks that tests plant: `python -m tests.walls.leaks NAME` runs a service with one of them in it.

The product has no switch for any of this: a part of it is wrapped here before its main begins.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from opensearchpy import AsyncOpenSearch

from chassis import moment
from services.forum.domain.topics import TopicNotFoundError
from services.forum.repository.topics import TopicCollection
from services.forum.servicer.forum import ForumServicer
from services.search.domain.questions import Page
from services.search.repository.index import SearchIndex
from services.search.repository.queries import search_body
from services.search.repository.schema import ALIAS


def _everything(self: SearchIndex, question: Any, walls: Any, alternatives: Any) -> Any:
    """What the engine finds for it with no wall but that of the community."""
    question = replace(question, with_facets=True, with_total=True)
    body = search_body(question, walls, alternatives, moment.now())
    for community in body["query"]["bool"]["filter"][0]["bool"]["should"]:
        del community["bool"]["filter"][1]  # its keys
    asked = {name: body[name] for name in ("query", "aggs", "track_total_hits")}
    client: AsyncOpenSearch = self._client
    return client.search(index=ALIAS, body={**asked, "size": 0})


def count() -> None:
    """The total counts what one cannot read as well."""
    search = SearchIndex.search

    async def leaking(self: SearchIndex, question: Any, walls: Any, *more: Any) -> Page:
        page = await search(self, question, walls, *more)
        found = await _everything(self, question, walls, more[0])
        return replace(page, total=found["hits"]["total"]["value"]) if page.total else page

    SearchIndex.search = leaking  # type: ignore[method-assign, assignment]


def facet() -> None:
    """The facets do, and so name tags that nothing readable has."""
    search = SearchIndex.search

    async def leaking(self: SearchIndex, question: Any, walls: Any, *more: Any) -> Page:
        page = await search(self, question, walls, *more)
        if page.facets is None:
            return page
        found = await _everything(self, question, walls, more[0])
        tags = [(one["key"], one["doc_count"]) for one in found["aggregations"]["tag"]["buckets"]]
        return replace(page, facets={**page.facets, "tag": tags})

    SearchIndex.search = leaking  # type: ignore[method-assign, assignment]


def cached_page() -> None:
    """A page of topics is kept for whoever asks for the same, whatever their keys."""
    listing = ForumServicer.ListTopics
    kept: dict[bytes, Any] = {}

    async def leaking(self: ForumServicer, request: Any, context: Any) -> Any:
        key = request.SerializeToString(deterministic=True)
        if key not in kept:
            kept[key] = await listing(self, request, context)
        return kept[key]

    ForumServicer.ListTopics = leaking  # type: ignore[method-assign]


def error_text() -> None:
    """A refusal has other words where there is something."""
    get = TopicCollection.get_topic

    async def leaking(self: TopicCollection, community: str, topic: str, keyring: Any) -> Any:
        try:
            return await get(self, community, topic, keyring)
        except TopicNotFoundError as error:
            if await self.find_topics(community, [topic], None):
                raise TopicNotFoundError("You cannot see this topic", field=error.field) from None
            raise

    TopicCollection.get_topic = leaking  # type: ignore[method-assign, assignment]


# By name: which service it is in, and how it is put there.
LEAKS: dict[str, tuple[str, Callable[[], None]]] = {
    "count": ("search", count),
    "facet": ("search", facet),
    "cached_page": ("forum", cached_page),
    "error_text": ("forum", error_text),
}

if __name__ == "__main__":
    service, plant = LEAKS[sys.argv[1]]
    plant()
    runpy.run_module(f"services.{service}", run_name="__main__", alter_sys=True)

"""Pages of hits: what search found, shown as far as its owners still show it to the person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, TypeVar

from chassis.errors import UnavailableError
from gateway import batches
from gateway.context import Context
from gateway.errors import camel
from gateway.loaders import FAILURES, Choice, Reference, Tables, fetch_ahead
from gateway.pages import Arguments, Page, name_of, page_of
from guildhall.search.v1 import search_pb2

T = TypeVar("T")


_TYPES = {
    search_pb2.KIND_TOPIC: "Topic",
    search_pb2.KIND_REPLY: "Reply",
    search_pb2.KIND_MEMBER: "Member",
    search_pb2.KIND_COMPANY: "Company",
    search_pb2.KIND_SPACE: "Space",
    search_pb2.KIND_ANNOUNCEMENT: "Announcement",
}


def _type(row: Any) -> str:
    return _TYPES.get(row.kind, "")


_KEY = attrgetter("community_id", "id")
OBJECT = Choice(
    {
        "Topic": Reference(batches.topics, _KEY),
        "Reply": Reference(batches.replies, _KEY),
        "Member": Reference(batches.members, _KEY),
        "Company": Reference(batches.companies, _KEY),
        "Space": Reference(batches.spaces, _KEY),
        "Announcement": Reference(batches.readable_announcements, _KEY),
    },
    _type,
)
# Where a reply was when it was indexed; it may have moved since.
_TOPIC_OF = Reference(batches.topics, attrgetter("community_id", "topic_id"))


class FoundEdge:
    """The source of SearchEdge: a hit, and whether its owner shows it."""

    __slots__ = ("community_id", "hit", "id", "index", "kind", "page", "shown")

    def __init__(self, page: FoundPage, index: int, hit: search_pb2.Hit) -> None:
        self.page = page
        self.index = index
        self.hit = hit
        self.kind = hit.kind
        self.community_id = hit.community_id
        self.id = hit.id
        self.shown = False

    @property
    def score(self) -> float:
        """How well it matches."""
        return self.hit.score

    @property
    def cursor(self) -> str:
        """Signed for this search."""
        return self.page.cursor(self.index)

    @property
    def title_highlight(self) -> str | None:
        """Only with its object: what the owner does not show is not quoted."""
        return self.hit.title_highlight or None if self.shown else None

    @property
    def body_highlight(self) -> str | None:
        """As title_highlight."""
        return self.hit.body_highlight or None if self.shown else None

    def look(self, tables: Tables) -> bool:
        """Whether there is something to show, or its owner could not be asked; kinds that we do not
        know are not shown.
        """
        try:
            self.shown = OBJECT.find(tables, self) is not None
        except FAILURES:
            return True
        return self.shown


@dataclass(frozen=True, slots=True)
class FoundValue:
    """The source of SearchFacetValue; the community id is empty for other facets."""

    value: str
    count: int
    community_id: str = ""


@dataclass(frozen=True, slots=True)
class FoundFacet:
    """The source of SearchFacet."""

    name: str
    values: list[FoundValue]


@dataclass(slots=True)
class FoundPage(Page):
    """The source of SearchConnection."""

    facets: Sequence[FoundFacet] | None = None
    edges: list[FoundEdge] = field(default_factory=list)  # type: ignore[assignment]

    async def look(self, more: Iterable[tuple[Reference, Any]]) -> None:
        """Keep only hits that their owners still show, or could not be asked about.

        One RPC a kind and community, in parallel, and in the same `more`.
        """
        edges = [FoundEdge(self, index, hit) for index, hit in enumerate(self.rows)]
        await fetch_ahead(self.context, [*_objects(self.rows), *more])
        self.edges = [edge for edge in edges if edge.look(self.context.tables)]
        for index, edge in enumerate(self.edges):
            edge.index = index
        self.rows = [edge.hit for edge in self.edges]

    @property
    def start_cursor(self) -> str | None:
        """Backward before all that was looked at, shown or not: the search goes on there."""
        if self.next_page_token and self.window.backward:
            return self.sign(self.next_page_token)
        return self.cursor(0) if self.rows else None

    @property
    def end_cursor(self) -> str | None:
        """As start_cursor, the other way round."""
        if self.next_page_token and not self.window.backward:
            return self.sign(self.next_page_token)
        return self.cursor(len(self.rows) - 1) if self.rows else None

    def cursor(self, index: int) -> str:
        """The hit's own: the row where reading ended may not be shown."""
        return self.sign(self.token(self.rows[index]))


class SearchUnavailableError(UnavailableError):
    """As the search service's own, where that does not answer either."""


@contextmanager
def searching() -> Iterator[None]:
    """Whichever part of the search is away, one asks for the same: to come back later."""
    try:
        yield
    except UnavailableError:
        raise SearchUnavailableError("the search does not answer", retry_after=1.0) from None


async def find(
    context: Context,
    request: search_pb2.SearchRequest,
    arguments: Arguments,
    *,
    with_edges: bool,
    with_topics: bool,
) -> FoundPage:
    """One search, then the owners of what was found: one RPC a kind and community, in parallel.

    `with_topics`: those of replies too, which are asked for with the topics that were found.
    """
    with searching():
        page = await page_of(
            context,
            arguments,
            context.services.search.Search,
            request,
            "hits",
            lambda hit: hit.page_token,
            name=_name(request),
        )
    response = page.response
    found = FoundPage(
        context,
        page.scope,
        page.window,
        page.response,
        page.rows,
        page.token,
        total_count=response.total if request.with_total else None,
    )
    if with_edges and found.rows:
        more = [(_TOPIC_OF, hit) for hit in found.rows] if with_topics else []
        await found.look(more)
    if request.with_facets:
        found.facets = [_facet(facet) for facet in response.facets]
    return found


async def shown(context: Context, rows: Iterable[T]) -> list[T]:
    """Those of the rows whose owners show them to the person now: a title is not told without."""
    rows = list(rows)
    await fetch_ahead(context, _objects(rows))
    return [row for row in rows if _shows(context, row)]


def _objects(rows: Iterable[Any]) -> list[tuple[Reference, Any]]:
    return [(reference, row) for row in rows if (reference := OBJECT.of(row)) is not None]


def _shows(context: Context, row: Any) -> bool:
    try:
        return OBJECT.find(context.tables, row) is not None
    except FAILURES:
        return False


def _name(request: search_pb2.SearchRequest) -> str:
    """The list's name: all that changes which hits there are, and nothing else."""
    plain = search_pb2.SearchRequest()
    plain.CopyFrom(request)
    for name in ("with_facets", "with_highlights", "with_total"):
        plain.ClearField(name)
    return name_of(plain)


def _facet(facet: search_pb2.Facet) -> FoundFacet:
    of_communities = facet.name == "community"
    return FoundFacet(
        camel(facet.name),
        [
            FoundValue(one.value, one.count, one.value if of_communities else "")
            for one in facet.values
        ],
    )

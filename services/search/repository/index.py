"""The index in OpenSearch: generations behind an alias, writes in bulks, reads behind walls."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from opensearchpy import AsyncOpenSearch
from opensearchpy.exceptions import (
    ConnectionError as EngineConnectionError,
)
from opensearchpy.exceptions import (
    NotFoundError,
    TransportError,
)
from opensearchpy.serializer import JSONSerializer
from opentelemetry.trace import SpanKind

from chassis import moment, telemetry
from services.search.domain.entries import Entry, Tombstone
from services.search.domain.questions import (
    Alternatives,
    IndexMissingError,
    Likeness,
    Page,
    Question,
    SearchUnavailableError,
    Suggested,
    Walls,
)
from services.search.repository.documents import (
    Document,
    chunks,
    found_of,
    is_beyond,
    place_of,
)
from services.search.repository.queries import (
    FACETS,
    milliseconds,
    search_body,
    similar_body,
    suggest_body,
    widen,
)
from services.search.repository.schema import (
    ADDED,
    ALIAS,
    generation_of,
    index_body,
    index_name,
    write_alias,
)

READ_TIMEOUT = 1.7  # seconds; a caller waits for two, the engine itself is told 1.5
WRITE_TIMEOUT = 20.0
_FEW, _PAUSE = 20, 2.0
_MISSING = 404  # no error but an answer
_OUTAGES = {429, 500, 502, 503, 504}


@dataclass(frozen=True, slots=True)
class Engine:
    """What answers: OpenSearch, or osmem with its API but without its memory."""

    name: str
    version: str

    @property
    def keeps(self) -> bool:
        """Whether a restart leaves the index there."""
        return self.name != "osmem"

    @property
    def exact_scores(self) -> bool:
        """Whether a score it gave out is found again: osmem rounds it, then compares unrounded."""
        return self.name != "osmem"


class _Serializer(JSONSerializer):
    """JSON a good deal faster."""

    def loads(self, s: Any) -> Any:
        return orjson.loads(s)

    def dumps(self, data: Any) -> Any:
        return data if isinstance(data, (str, bytes)) else orjson.dumps(data)


def connect(url: str, *, read_timeout: float = READ_TIMEOUT) -> AsyncOpenSearch:
    """A client; nothing is asked of the engine yet."""
    serializer = _Serializer()
    return AsyncOpenSearch(
        hosts=[url],
        headers={"accept-encoding": "identity"},  # packing costs more than a few KB on the way
        timeout=read_timeout,
        max_retries=1,
        retry_on_timeout=False,
        serializer=serializer,
        serializers={"application/json": serializer},
    )


class SearchIndex:
    """Entries as documents, written through and read from one alias."""

    def __init__(
        self,
        client: AsyncOpenSearch,
        *,
        alias: str = ALIAS,
        shards: int = 1,
        replicas: str = "0-1",
        refresh_interval: str = "1s",
    ) -> None:
        self._client = client
        self._shown = 0.0  # when a few documents last were
        self._engine: Engine | None = None
        self._fitted: set[int] = set()  # generations that have all fields of this release
        self._alias = alias
        self._shards = shards
        self._replicas = replicas
        self._refresh_interval = refresh_interval

    async def engine(self) -> Engine:
        """Who answers. Raises SearchUnavailableError where nobody does."""
        with _outages():
            info = await self._client.info()
        name = info["version"].get("distribution", "unknown")
        if info.get("cluster_name") == "osmem":
            name = "osmem"
        self._engine = Engine(name, info["version"]["number"])
        return self._engine

    async def _known_engine(self) -> Engine:
        return self._engine or await self.engine()

    async def live_generation(self) -> int | None:
        """The generation that is searched; None where there is none."""
        held = await self._held()
        return max((generation_of(self._alias, name) for name in held), default=None)

    async def _held(self) -> list[str]:
        """The indexes that the alias names."""
        with _outages():
            answer = await self._client.indices.get_alias(name=self._alias, ignore=_MISSING)
        return [] if "error" in answer else list(answer)

    async def prepare(self, generation: int) -> None:
        """Make the index of a new generation; one that is there stays as it is."""
        body = index_body(self._alias, generation, shards=self._shards, replicas=self._replicas)
        with _outages():
            try:
                await self._client.indices.create(
                    index=index_name(self._alias, generation),
                    body=body,
                    request_timeout=WRITE_TIMEOUT,
                )
            except TransportError as error:
                if error.error != "resource_already_exists_exception":
                    raise

    async def switch(self, generation: int) -> None:
        """Refresh this generation, let the alias name it alone, and from now on refresh often."""
        name = index_name(self._alias, generation)
        with _outages():
            await self._client.indices.put_settings(
                index=name, body={"index": {"refresh_interval": self._refresh_interval}}
            )
            await self._client.indices.refresh(index=name, request_timeout=WRITE_TIMEOUT)
            held = await self._held()
            actions: list[Document] = [
                {"remove": {"index": other, "alias": self._alias}}
                for other in held
                if other != name
            ]
            actions.append({"add": {"index": name, "alias": self._alias}})
            await self._client.indices.update_aliases(body={"actions": actions})

    async def exists(self, generation: int) -> bool:
        """Whether this generation's index is there."""
        with _outages():
            return bool(
                await self._client.indices.exists(index=index_name(self._alias, generation))
            )

    async def drop(self, generation: int) -> None:
        """Delete a generation; harmless where it is gone."""
        with _outages():
            await self._client.indices.delete(
                index=index_name(self._alias, generation), ignore=_MISSING
            )

    async def put(self, generation: int, tick: int, entries: Sequence[Entry | Tombstone]) -> int:
        """Write whole documents with the external version `tick`; how many were written.

        Where a document with a later tick is there already, it stays.
        """
        written = 0
        await self._fit(generation)
        for chunk in chunks(write_alias(self._alias, generation), tick, entries):
            params = {"require_alias": "true", "refresh": self._refresh(len(entries))}
            with telemetry.span("index.bulk", kind=SpanKind.CLIENT), _outages():
                answer = await self._client.bulk(
                    body=chunk, params=params, request_timeout=WRITE_TIMEOUT
                )
            written += _check_bulk(answer)
        return written

    async def _fit(self, generation: int) -> None:
        """Add what an index of an earlier release lacks, once: its mapping is strict."""
        if generation in self._fitted:
            return
        with _outages():
            answer = await self._client.indices.put_mapping(
                index=write_alias(self._alias, generation),
                body={"properties": ADDED},
                request_timeout=WRITE_TIMEOUT,
                ignore=_MISSING,
            )
        if answer.get("acknowledged"):
            self._fitted.add(generation)

    def _refresh(self, count: int) -> str:
        """Few documents are shown at once, but not again within two seconds; others wait for the
        interval, so that a stream of replies or an import makes no more segments than it must.
        """
        now = time.monotonic()
        if count > _FEW or now - self._shown < _PAUSE:
            return "false"
        self._shown = now
        return "true"

    async def search(
        self, question: Question, walls: Walls, alternatives: Alternatives, reader: str
    ) -> Page:
        """One page of what these keys open. `reader` is sent to the same copies again and again,
        so that scores do not change between pages.
        """
        body, paging = search_body(question, walls, alternatives, moment.now()), question.paging
        by_score = bool(paging.place) and not question.newest
        rounded = by_score and not (await self._known_engine()).exact_scores
        if rounded:
            widen(body, backward=paging.backward)
        answer = await self._search(body, walls, reader)
        hits = answer["hits"]["hits"]
        if rounded:
            hits = [hit for hit in hits if is_beyond(hit, paging)]
        page, _ = paging.page([found_of(hit) for hit in hits], lambda found: found.order)
        counted = answer.get("aggregations", {})
        return Page(
            tuple(page),
            more=len(hits) > paging.size,
            forgiving=question.forgiving,
            total=answer["hits"]["total"]["value"] if question.with_total else 0,
            facets={
                name: [(bucket["key"], bucket["doc_count"]) for bucket in counted[name]["buckets"]]
                for name in FACETS
                if name in counted
            },
        )

    async def suggest(self, prefix: str, walls: Walls, reader: str) -> list[Suggested]:
        """Titles and names that begin so, best first; some may say the same."""
        answer = await self._search(suggest_body(prefix, walls, moment.now()), walls, reader)
        return [
            Suggested(place_of(hit["fields"]), hit["_source"]["suggest"])
            for hit in answer["hits"]["hits"]
        ]

    async def find_similar(self, likeness: Likeness, walls: Walls, reader: str) -> list[str]:
        """Ids of topics, best first."""
        answer = await self._search(similar_body(likeness, walls, moment.now()), walls, reader)
        return [place_of(hit["fields"]).id for hit in answer["hits"]["hits"]]

    async def purge(self, before: datetime) -> int:
        """Delete tombstones that were written before then; how many."""
        query = {
            "bool": {
                "filter": [
                    {"term": {"deleted": True}},
                    {"range": {"write_time": {"lt": milliseconds(before)}}},
                ]
            }
        }
        with _outages():
            answer = await self._client.delete_by_query(
                index=self._alias,
                body={"query": query},
                params={"conflicts": "proceed"},
                request_timeout=WRITE_TIMEOUT,
                ignore=_MISSING,
            )
        deleted: int = answer.get("deleted", 0)
        return deleted

    async def refresh(self) -> None:
        """Show all that was written; for tests and tools."""
        with _outages():
            await self._client.indices.refresh(
                index=f"{self._alias}-g*", request_timeout=WRITE_TIMEOUT
            )

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.close()

    async def _search(self, body: Document, walls: Walls, reader: str) -> Document:
        params = {
            "routing": ",".join(walls),
            "preference": hashlib.blake2s(reader.encode(), digest_size=8).hexdigest(),
            "allow_partial_search_results": "false",
        }
        with telemetry.span("index.search", kind=SpanKind.CLIENT), _outages():
            try:
                answer: Document = await self._client.search(
                    index=self._alias, body=body, params=params
                )
            except NotFoundError:
                raise SearchUnavailableError("there is no index yet", retry_after=1.0) from None
        if answer.get("timed_out") or answer["_shards"]["failed"]:
            raise SearchUnavailableError("the search took too long", retry_after=1.0)
        return answer


@contextlib.contextmanager
def _outages() -> Iterator[None]:
    """An engine that cannot be reached or cannot cope is an outage; all else is a bug of ours."""
    try:
        yield
    except EngineConnectionError:
        raise SearchUnavailableError("the index cannot be reached", retry_after=1.0) from None
    except TransportError as error:
        if error.status_code in _OUTAGES:
            raise SearchUnavailableError("the index cannot cope", retry_after=1.0) from None
        raise


def _check_bulk(answer: Document) -> int:
    """How many were written. A later version that is there is fine; a missing index an outage."""
    written = 0
    for item in answer["items"]:
        result = item["index"]
        if result["status"] in (200, 201):
            written += 1
        elif result["status"] == 404:
            raise IndexMissingError(retry_after=1.0)
        elif result["status"] in _OUTAGES:
            raise SearchUnavailableError("the index takes no documents now", retry_after=1.0)
        elif result["status"] != 409:
            raise RuntimeError(f"{result['_id']} was refused: {result['error']['type']}")
    return written

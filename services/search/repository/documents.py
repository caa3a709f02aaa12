"""Entries as documents of bulk requests, and hits as what was found; pure."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from chassis.pagination import Paging
from services.search.domain.entries import RULE_FIELDS, Entry, Kind, Place, Tombstone
from services.search.domain.questions import Found
from services.search.repository.queries import MARK, UNMARK, milliseconds

Document = dict[str, Any]

_MOST_DOCUMENTS, _MOST_BYTES = 500, 4 << 20  # of one bulk


def chunks(target: str, tick: int, entries: Sequence[Entry | Tombstone]) -> Iterator[bytes]:
    """Bulk request bodies, none too long: whole documents with an external version."""
    lines: list[bytes] = []
    size = 0
    now = milliseconds(datetime.now(UTC))
    for entry in entries:
        place = entry.place
        action = {
            "_index": target,
            "_id": place.key,
            "routing": place.community_id,
            "version": tick,
            "version_type": "external_gte",
        }
        lines += (orjson.dumps({"index": action}), orjson.dumps(_document(entry, now)))
        size += len(lines[-1])
        if len(lines) >= 2 * _MOST_DOCUMENTS or size >= _MOST_BYTES:
            yield b"\n".join(lines) + b"\n"
            lines, size = [], 0
    if lines:
        yield b"\n".join(lines) + b"\n"


def _document(entry: Entry | Tombstone, now: int) -> Document:
    place = entry.place
    document: Document = {
        "key": place.key,
        "kind": place.kind,
        "community_id": place.community_id,
        "id": place.id,
        "source_version": entry.source_version,
        "write_time": now,
    }
    if isinstance(entry, Tombstone):
        return {**document, "deleted": True}
    document |= {
        "deleted": False,
        "read_keys": list(entry.read_keys),
        "time": milliseconds(entry.time),
        "title": entry.title,
        "name": entry.name,
        "suggest": entry.title or entry.name,
        "body": entry.body,
        "tags": list(entry.tags),
        "author_id": entry.author_id,
        "space_id": entry.space_id,
        "topic_id": entry.topic_id,
        "topic_kind": entry.topic_kind or "",
        "topic_state": entry.topic_state or "",
        "unanswered": entry.unanswered,
    }
    if place.kind is Kind.TOPIC:
        document["tag_words"] = list(entry.tags)
    if entry.rule is not None:
        document |= zip(RULE_FIELDS, map(list, entry.rule.keys), strict=True)
        document["visible_time"] = milliseconds(entry.rule.visible_time)
    if entry.outdated:
        document["outdated"] = True
    return {name: value for name, value in document.items() if value not in ("", [])}


def is_beyond(hit: Document, paging: Paging) -> bool:
    """Whether a hit, of those by relevance, comes behind the place; backward, before it."""
    (score, key), (last_score, last_key) = hit["sort"], paging.place
    here, there = (-score, key), (-last_score, last_key)
    return bool(here < there if paging.backward else here > there)


def place_of(fields: Document) -> Place:
    """Of what hits tell, by columns or by field."""
    return Place(Kind(fields["kind"][0]), fields["community_id"][0], fields["id"][0])


def found_of(hit: Document) -> Found:
    """A hit with its order values."""
    fields, marked = hit["fields"], hit.get("highlight", {})
    return Found(
        place_of(fields),
        topic_id=next(iter(fields.get("topic_id", ())), ""),
        score=hit["sort"][0] if hit["_score"] is None else hit["_score"],
        order=tuple(hit["sort"]),
        title_highlight=_safe(marked.get("title") or marked.get("name")),
        body_highlight=_safe(marked.get("body")),
    )


def _safe(fragments: Sequence[str] | None) -> str:
    """All text escaped, then our marks: no engine is trusted with that."""
    escaped = html.escape(" … ".join(fragments or ()))
    return escaped.replace(MARK, "<mark>").replace(UNMARK, "</mark>")

"""Changes of many documents as one statement, each guarded by the seq it was read with.

A statement a document costs mongod two to three times as much, in a transaction too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import ReplaceOne, UpdateMany, UpdateOne

from chassis.decisions import Document, Operation

_MOST_BYTES = 4 << 20  # a statement takes 16 MB


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one document, should its seq still be this."""

    id: str
    seq: int
    fields: Document
    whole: bool = False  # the document has no other fields then


def as_one(
    where: Document, changes: Sequence[Change], options: CodecOptions[Any]
) -> Iterator[Operation]:
    """An operation for all of them, of the documents that `where` holds for.

    More than one where they are large. A change whose document has moved on matches nothing.
    """
    if len(changes) == 1:
        yield _alone(where, changes[0])
        return
    some: list[Change] = []
    encoded: list[RawBSONDocument] = []
    size = 0
    for change in changes:
        fields = bson.encode(change.fields, codec_options=options)
        size += len(fields)
        if some and size > _MOST_BYTES:
            yield _together(where, some, encoded)
            some, encoded, size = [], [], len(fields)
        some.append(change)
        encoded.append(RawBSONDocument(fields))
    if some:
        yield _together(where, some, encoded)


def _alone(where: Document, change: Change) -> Operation:
    here = {"_id": change.id, **where, "seq": change.seq}
    if change.whole:
        return ReplaceOne(here, change.fields)
    return UpdateOne(here, {"$set": change.fields})


def _together(
    where: Document, changes: Sequence[Change], fields: Sequence[RawBSONDocument]
) -> Operation:
    ids = [change.id for change in changes]
    place = {"$indexOfArray": [{"$literal": ids}, "$_id"]}

    def its(values: Sequence[Any]) -> Document:
        return {"$arrayElemAt": [{"$literal": values}, place]}

    here = {
        "_id": {"$in": ids},
        **where,
        "$expr": {"$eq": ["$seq", its([change.seq for change in changes])]},
    }
    return UpdateMany(here, [{"$replaceWith": _after(changes[0].whole, its(fields))}])


def _after(whole: bool, fields: Document) -> Document:
    return fields if whole else {"$mergeObjects": ["$$ROOT", fields]}

"""Pieces of queries: the wall, dates, joins, pages."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection

from chassis.decisions import Document
from chassis.pagination import Order, Paging

Keyring = Collection[str] | None  # None: a service or OPERATOR reads, whom no wall stops


def walled(keyring: Keyring) -> Document:
    """What the reader holds a key to."""
    return {} if keyring is None else {"read_keys": {"$in": list(keyring)}}


def open_at(at: datetime) -> Document:
    """Dated things that hold at this time."""
    return {
        "start_time": {"$lte": at},
        "$or": [{"end_time": None}, {"end_time": {"$gt": at}}],
    }


def joined(collection: str, field: str, query: Document, name: str) -> Document:
    """Which documents there name this one in their field."""
    return {
        "$lookup": {
            "from": collection,
            "localField": "_id",
            "foreignField": field,
            "pipeline": [{"$match": query}, {"$limit": 1}, {"$project": {"_id": 1}}],
            "as": name,
        }
    }


def with_enrolment(community_id: str) -> Document:
    """A member with the dates of the enrolment it rests on."""
    return {
        "$lookup": {
            "from": "enrolments",
            "localField": "enrolment_id",
            "foreignField": "_id",
            "pipeline": [
                {"$match": {"community_id": community_id}},
                {"$project": {"start_time": 1, "end_time": 1}},
            ],
            "as": "enrolment",
        }
    }


def place_of(order: Order) -> Callable[[Document], tuple[Any, ...]]:
    """A row's sort values."""
    return lambda row: tuple(row[field] for field, _ in order)


async def page_of(
    collection: AsyncCollection[Document], query: Document, order: Order, paging: Paging
) -> tuple[list[Document], str]:
    """A page and the next one's token."""
    cursor = collection.find({**query, **paging.beyond(order)})
    rows = await cursor.sort(paging.sort(order)).limit(paging.limit).to_list()
    return paging.page(rows, place_of(order))

"""Pieces of queries: the wall, dates, keyset pages, joins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chassis.decisions import Document
from chassis.pagination import decode_page_token, encode_page_token

Keyring = Sequence[str] | None  # None: a service or OPERATOR reads, whom no wall stops


@dataclass(frozen=True, slots=True)
class Paging:
    """What a list request asks for."""

    page_size: int
    page_token: str


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


def after_name(token: str) -> Document:
    """What follows the page before, in order of name."""
    if not token:
        return {}
    name, last = decode_page_token(token, str, str)
    return {"$or": [{"folded_name": {"$gt": name}}, {"folded_name": name, "_id": {"$gt": last}}]}


def name_token(rows: Sequence[Document], size: int) -> str:
    """Where this page ended; empty where it was the last."""
    if len(rows) <= size:
        return ""
    return encode_page_token(rows[size - 1]["folded_name"], rows[size - 1]["_id"])


def before(field: str, token: str) -> Document:
    """What follows the page before, newest first."""
    if not token:
        return {}
    time, last = decode_page_token(token, datetime, str)
    return {"$or": [{field: {"$lt": time}}, {field: time, "_id": {"$lt": last}}]}


def time_token(rows: Sequence[Document], size: int, field: str) -> str:
    """Where this page ended; empty where it was the last."""
    if len(rows) <= size:
        return ""
    return encode_page_token(rows[size - 1][field], rows[size - 1]["_id"])

"""The collection of topics: what is stored, and how it is read."""

from __future__ import annotations

from services.forum.repository.topics.documents import (
    MIGRATIONS,
    READ,
    TEXTLESS,
    TOPICS,
    dump_topic,
    load_topic,
)
from services.forum.repository.topics.indexes import INDEXES
from services.forum.repository.topics.reads import TopicCollection, TopicFilter

__all__ = [
    "INDEXES",
    "MIGRATIONS",
    "READ",
    "TEXTLESS",
    "TOPICS",
    "TopicCollection",
    "TopicFilter",
    "dump_topic",
    "load_topic",
]

"""The index: its settings and its strict mapping."""

from __future__ import annotations

from typing import Any

from services.search.domain.entries import RULE_FIELDS

ALIAS = "guildhall"  # what is searched

# A stemmer that osmem does not know is no error there but makes all texts alike; porter2 it knows,
# though it leaves the possessive in what it indexes.
_ANALYSIS = {
    "filter": {"stems": {"type": "stemmer", "language": "porter2"}},
    "analyzer": {
        "prose": {
            "type": "custom",
            "tokenizer": "standard",
            "filter": ["lowercase", "asciifolding", "stems"],
        },
        "words": {
            "type": "custom",
            "tokenizer": "standard",
            "filter": ["lowercase", "asciifolding"],
        },
    },
}
_KEYWORD = {"type": "keyword", "ignore_above": 256}
# A match counts by its field alone. BM25 counts words over the whole index: scores, so the order
# of what one may read, would tell how often others write a word.
_TEXT = {"type": "text", "similarity": "boolean", "norms": False}
# What is shown with marks keeps where its words stand, so that a page of hits needs no analysis.
_SHOWN = {**_TEXT, "index_options": "offsets"}
_TIME = {"type": "date", "format": "epoch_millis"}
# What an index made by an earlier release lacks.
ADDED: dict[str, Any] = {
    "outdated": {"type": "boolean"},
    "topic_kind": _KEYWORD,
    "topic_state": _KEYWORD,
    "visible_time": _TIME,
    **{field: {"type": "keyword"} for field in RULE_FIELDS},
}
_MAPPING = {
    "dynamic": "strict",
    "_routing": {"required": True},
    "properties": {
        "key": {"type": "keyword"},
        "kind": _KEYWORD,
        "community_id": _KEYWORD,
        "id": _KEYWORD,
        "read_keys": {"type": "keyword"},
        "title": {**_SHOWN, "analyzer": "prose"},
        "name": {**_SHOWN, "analyzer": "words"},
        "body": {**_SHOWN, "analyzer": "prose"},
        "tags": _KEYWORD,
        "tag_words": {**_TEXT, "analyzer": "prose"},
        "suggest": {
            **_TEXT,
            "type": "search_as_you_type",
            "analyzer": "words",
            "max_shingle_size": 2,
        },
        "author_id": _KEYWORD,
        "space_id": _KEYWORD,
        "topic_id": _KEYWORD,
        "unanswered": {"type": "boolean"},
        **ADDED,
        "time": _TIME,
        "deleted": {"type": "boolean"},
        "source_version": {"type": "long", "index": False},
        "write_time": _TIME,
    },
}


def index_name(alias: str, generation: int) -> str:
    """The index of one generation."""
    return f"{alias}-g{generation}"


def write_alias(alias: str, generation: int) -> str:
    """What is written through: an index that is gone is missed then, not made without mapping."""
    return f"{alias}-g{generation}-write"


def generation_of(alias: str, index: str) -> int:
    """Back from index_name."""
    return int(index.removeprefix(f"{alias}-g"))


def index_body(alias: str, generation: int, *, shards: int, replicas: str) -> dict[str, Any]:
    """A new index; it is refreshed once, when it is switched to."""
    return {
        "settings": {
            "number_of_shards": shards,
            "auto_expand_replicas": replicas,
            "refresh_interval": "-1",
            # Texts, too: the default reads them by system calls, some eight a text.
            "store.type": "mmapfs",
            "analysis": _ANALYSIS,
        },
        "mappings": _MAPPING,
        "aliases": {write_alias(alias, generation): {}},
    }

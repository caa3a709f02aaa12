"""The indexes of topics: in which orders lists of them are read, narrowed to what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chassis.mongo import Index
from chassis.pagination import Order
from services.forum.domain.topics import TopicKind, TopicOrder

NEWEST = [("activity_time", -1), ("_id", -1)]
ORDERS: Mapping[TopicOrder, Order] = {
    TopicOrder.ACTIVITY: NEWEST,
    TopicOrder.NEWEST: [("create_time", -1), ("_id", -1)],
    TopicOrder.SCORE: [("score", -1), ("_id", -1)],
}
ORDERED = {TopicOrder.NEWEST: "topic_newest_page", TopicOrder.SCORE: "topic_score_page"}
# Kinds of which there are few among questions and discussions: replies to those, which are most,
# change no index by kind.
FEW = frozenset({TopicKind.ARTICLE, TopicKind.IDEA})
LAST_PINNED = [("pin_time", -1), ("_id", -1)]
_BY_KIND = [("community_id", 1), ("read_keys", 1), ("kind", 1)]
_ANSWERED_BY_INDEX = [("state", 1), ("space_id", 1), ("idea_status", 1)]
# The last fields only answer filters from the index itself, without fetching what does not match.
INDEXES: Sequence[Index] = (
    Index(
        "topics",
        [("community_id", 1), ("read_keys", 1), *NEWEST, ("state", 1), ("space_id", 1)],
        "topic_page",
    ),
    Index(
        "topics",
        [("community_id", 1), ("author_id", 1), ("read_keys", 1), *NEWEST],
        "topic_author_page",
        partial={"author_id": {"$exists": True}},
    ),
    Index("topics", [("community_id", 1), ("tag_keys", 1), *NEWEST], "topic_tag_page"),
    Index(
        "topics",
        [("community_id", 1), ("read_keys", 1), *NEWEST],
        "topic_unanswered_page",
        partial={"unanswered": True},
    ),
    Index(
        "topics",
        [("community_id", 1), ("tag_keys", 1), *NEWEST, ("state", 1)],
        "topic_tag_unanswered_page",
        partial={"unanswered": True},
    ),
    *(
        Index("topics", [*_BY_KIND, *ORDERS[order], *_ANSWERED_BY_INDEX], index)
        for order, index in ORDERED.items()
    ),
    Index(
        "topics",
        [*_BY_KIND, *NEWEST, *_ANSWERED_BY_INDEX],
        "topic_kind_page",
        partial={"kind": {"$in": sorted(FEW)}},
    ),
    Index(
        "topics",
        [("community_id", 1), ("context_keys", 1), *NEWEST],
        "topic_context_page",
        partial={"context_keys": {"$exists": True}},
    ),
    Index(
        "topics",
        [("community_id", 1), ("read_keys", 1), *LAST_PINNED, ("pin_end", 1)],
        "topic_pinned_page",
        partial={"pin_time": {"$exists": True}},
    ),
    Index(
        "topics",
        [("publish_time", 1)],
        "topic_due",
        partial={"publish_time": {"$exists": True}},
    ),
)

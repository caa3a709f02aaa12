"""Lists of topics: in which order, and what goes with what."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum

from chassis.errors import FieldInvalidError
from services.forum.domain.kinds import KindAction, TopicKind, allows
from services.forum.domain.topics.topic import Topic


class TopicOrder(StrEnum):
    """What comes first in a list of topics."""

    ACTIVITY = "ACTIVITY"  # the newest reply, else the topic's own creation
    NEWEST = "NEWEST"
    SCORE = "SCORE"

    @property
    def types(self) -> tuple[type, type]:
        """Of the values of a place."""
        return (int if self is TopicOrder.SCORE else datetime), str

    def place(self, topic: Topic) -> tuple[int | datetime, str]:
        """Where a topic stands in the list; the id decides among equals."""
        match self:
            case TopicOrder.ACTIVITY:
                return topic.activity_time, topic.id
            case TopicOrder.NEWEST:
                return topic.create_time, topic.id
            case TopicOrder.SCORE:
                return topic.score, topic.id


def check_list(
    order: TopicOrder,
    kinds: Collection[TopicKind] | None,
    *,
    by_status: bool,
    otherwise_narrowed: bool,
) -> None:
    """Each order has an index by space and kind; lists narrowed otherwise have the first only.

    `by_status`: of ideas with some status; `otherwise_narrowed`: to an author, to a tag, to a
    context or to what is unanswered. Refuses with FIELD_INVALID.
    """
    if order is not TopicOrder.ACTIVITY and otherwise_narrowed:
        raise FieldInvalidError(
            "by author, tag, unanswered or context topics come in the order ACTIVITY only",
            field="order",
        )
    asked = () if kinds is None else kinds
    if by_status and not all(allows(kind, KindAction.UPDATE_IDEA_STATUS) for kind in asked):
        raise FieldInvalidError("only ideas have a status", field="kinds")

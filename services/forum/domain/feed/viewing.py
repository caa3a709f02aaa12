"""How a topic stands to whoever looks at it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from chassis.values import value
from services.forum.domain.feed.follows import FollowLevel, Target, level_of
from services.forum.domain.feed.reads import LAST_ID, Place
from services.forum.domain.topics import Topic


@value
class ViewerState:
    """What a list shows beside a topic."""

    community_id: str
    topic_id: str
    level: FollowLevel
    bookmarked: bool
    unread_count: int
    unopened: bool
    last_read_reply_id: str
    read_time: datetime | None


def viewer_state(
    topic: Topic,
    person_id: str,
    levels: Mapping[Target, FollowLevel],
    place: Place | None,
    unread_count: int,
    *,
    replied: bool,
    bookmarked: bool,
) -> ViewerState:
    """Of a topic, for somebody who has read it up to there; `levels` are all that hold for them."""
    own = topic.author.person_id == person_id
    return ViewerState(
        topic.community_id,
        topic.id,
        level_of(topic, person_id, levels, replied=replied),
        bookmarked,
        unread_count,
        place is None and not own,
        "" if place is None or place.id == LAST_ID else place.id,
        place.time if place else None,
    )

"""What every member of a community can read, or could until it went out of sight."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from services.forum.domain.announcements.announcement import Announcement, AnnouncementState
from services.forum.domain.announcements.channels import Channel
from services.forum.domain.announcements.copies import is_due_everywhere
from services.forum.domain.members import opens
from services.forum.domain.replies import Reply, ReplyState
from services.forum.domain.spaces import Space
from services.forum.domain.topics import OPEN_TO_READERS, Topic, TopicState

_TOPICS_OUT = OPEN_TO_READERS | {TopicState.HIDDEN}
_REPLIES_OUT = frozenset({ReplyState.PUBLISHED, ReplyState.HIDDEN})


class Openness(StrEnum):
    """Of what is behind no other wall than the community's own."""

    IN_SIGHT = "IN_SIGHT"
    GONE = "GONE"
    UPCOMING = "UPCOMING"


def common_keys(community_id: str) -> tuple[str, ...]:
    """What whoever is a member holds, whatever else they hold."""
    return (f"community:{community_id}", "public")


def openness_of_topic(topic: Topic, space: Space) -> Openness | None:
    """By the wall it stands or stood behind; None: it is not for everybody, or was never out."""
    if not space.readable(common_keys(topic.community_id)):
        return None
    if topic.state in OPEN_TO_READERS:
        return Openness.IN_SIGHT
    out = topic.state is TopicState.HIDDEN or topic.removed_state in _TOPICS_OUT
    return Openness.GONE if out else None


def openness_of_reply(reply: Reply, topic: Openness | None) -> Openness | None:
    """Its topic's wall is its own."""
    if topic is None:
        return None
    if reply.state is ReplyState.PUBLISHED:
        return topic
    out = reply.state is ReplyState.HIDDEN or reply.removed_state in _REPLIES_OUT
    return Openness.GONE if out else None


def openness_of_announcement(
    announcement: Announcement, channel: Channel, now: datetime
) -> Openness | None:
    """By its channel and its rule; None: it is not for everybody, or was never out everywhere."""
    keys = common_keys(announcement.community_id)
    clauses = announcement.terms.rule.clauses(channel)
    if not all(opens(clause, keys) for clause in clauses):
        return None
    match announcement.state:
        case AnnouncementState.DRAFT | AnnouncementState.SCHEDULED:
            return None
        case AnnouncementState.WITHDRAWN:
            end = announcement.end_time
            if announcement.withdrawn_before_publication or end is None:
                return None
            return Openness.GONE if is_due_everywhere(announcement, end) else None
    return Openness.IN_SIGHT if is_due_everywhere(announcement, now) else Openness.UPCOMING

"""What somebody may say of an announcement: as of any topic, where it is discussed."""

from __future__ import annotations

from enum import StrEnum

from services.forum.domain.members import Member
from services.forum.domain.spaces import Space
from services.forum.domain.topics import Topic, TopicState


class CommentPolicy(StrEnum):
    """What becomes of comments."""

    ALLOW_ALL = "ALLOW_ALL"
    MODERATED = "MODERATED"
    CLOSED = "CLOSED"


def comment_policy(topic: Topic, space: Space, member: Member) -> CommentPolicy:
    """Of a member who can see the topic of the space."""
    if topic.state is not TopicState.PUBLISHED or not space.settings.may_reply.has(member):
        return CommentPolicy.CLOSED
    return CommentPolicy.MODERATED if space.requires_review else CommentPolicy.ALLOW_ALL

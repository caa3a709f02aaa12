"""What a vendor says of ideas, in GraphQL."""

from __future__ import annotations

from enum import Enum

import strawberry

from guildhall.forum.v1 import forum_pb2


@strawberry.enum(description="What the vendor says of an idea.")
class IdeaStatus(Enum):
    """forum.IdeaStatus."""

    NEW = forum_pb2.IDEA_STATUS_NEW
    UNDER_REVIEW = forum_pb2.IDEA_STATUS_UNDER_REVIEW
    PLANNED = forum_pb2.IDEA_STATUS_PLANNED
    IN_PROGRESS = forum_pb2.IDEA_STATUS_IN_PROGRESS
    DELIVERED = forum_pb2.IDEA_STATUS_DELIVERED
    DECLINED = forum_pb2.IDEA_STATUS_DECLINED

"""Enums of announcements in GraphQL, by protobuf's numbers."""

from __future__ import annotations

from enum import Enum

import strawberry

from guildhall.forum.v1 import announcements_pb2 as pb


@strawberry.enum(description="What a channel's announcements are about.")
class ChannelTheme(Enum):
    """forum.ChannelTheme."""

    PROGRAMME_CHANGE = pb.CHANNEL_THEME_PROGRAMME_CHANGE
    PRODUCT_UPDATE = pb.CHANNEL_THEME_PRODUCT_UPDATE
    OPPORTUNITY = pb.CHANNEL_THEME_OPPORTUNITY
    OTHER = pb.CHANNEL_THEME_OTHER


@strawberry.enum(description="Where an announcement is in its life.")
class AnnouncementState(Enum):
    """forum.AnnouncementState."""

    DRAFT = pb.ANNOUNCEMENT_STATE_DRAFT
    SCHEDULED = pb.ANNOUNCEMENT_STATE_SCHEDULED
    PUBLISHED = pb.ANNOUNCEMENT_STATE_PUBLISHED
    EXPIRED = pb.ANNOUNCEMENT_STATE_EXPIRED
    ARCHIVED = pb.ANNOUNCEMENT_STATE_ARCHIVED
    WITHDRAWN = strawberry.enum_value(
        pb.ANNOUNCEMENT_STATE_WITHDRAWN,
        description="Taken back: those who had received it see its title and the reason.",
    )


@strawberry.enum(description="How much it matters that an announcement is read.")
class AnnouncementSeverity(Enum):
    """forum.AnnouncementSeverity."""

    INFO = pb.ANNOUNCEMENT_SEVERITY_INFO
    IMPORTANT = pb.ANNOUNCEMENT_SEVERITY_IMPORTANT
    MUST_READ = pb.ANNOUNCEMENT_SEVERITY_MUST_READ


@strawberry.enum(description="What becomes of one's comments on an announcement.")
class CommentPolicy(Enum):
    """forum.CommentPolicy."""

    ALLOW_ALL = pb.COMMENT_POLICY_ALLOW_ALL
    MODERATED = strawberry.enum_value(
        pb.COMMENT_POLICY_MODERATED, description="Those of people below REGULAR wait for review."
    )
    CLOSED = strawberry.enum_value(
        pb.COMMENT_POLICY_CLOSED, description="The topic takes no replies, or none of one's own."
    )


@strawberry.enum(description="How far the list of who is told is.")
class AudienceState(Enum):
    """forum.AudienceState."""

    OPEN = strawberry.enum_value(
        pb.AUDIENCE_STATE_OPEN, description="Not published: the rule decides."
    )
    FREEZING = strawberry.enum_value(
        pb.AUDIENCE_STATE_FREEZING, description="Being written down since it was published."
    )
    FROZEN = pb.AUDIENCE_STATE_FROZEN


@strawberry.enum(description="What a person has done about an announcement.")
class ReceiptState(Enum):
    """forum.ReceiptState."""

    DELIVERED = pb.RECEIPT_STATE_DELIVERED
    SEEN = pb.RECEIPT_STATE_SEEN
    ACKNOWLEDGED = pb.RECEIPT_STATE_ACKNOWLEDGED
    OVERDUE = strawberry.enum_value(
        pb.RECEIPT_STATE_OVERDUE,
        description="The deadline has passed without an acknowledgement.",
    )

"""Enums of the quality of communities."""

from __future__ import annotations

from enum import Enum

import strawberry

from guildhall.forum.v1 import automation_pb2, forum_pb2, seeding_pb2


@strawberry.enum(
    description="When an automation acts. Only topics that readers see count, and of REPORTED "
    "those that a case hides."
)
class AutomationTrigger(Enum):
    """forum.AutomationTrigger."""

    UNANSWERED = strawberry.enum_value(
        automation_pb2.AUTOMATION_TRIGGER_UNANSWERED,
        description="A question so many hours old has no accepted reply; once a topic.",
    )
    STALE = strawberry.enum_value(
        automation_pb2.AUTOMATION_TRIGGER_STALE,
        description="An open topic had no reply for so many days; once for each such silence.",
    )
    REPORTED = strawberry.enum_value(
        automation_pb2.AUTOMATION_TRIGGER_REPORTED,
        description="It and its replies were flagged so many times, by rules or members; once for "
        "each so many.",
    )
    SCORE_REACHED = strawberry.enum_value(
        automation_pb2.AUTOMATION_TRIGGER_SCORE_REACHED,
        description="Its score is so much or more; once a topic.",
    )


@strawberry.enum(
    description="What an automation does. A topic whose state does not allow it, that has the tag "
    "already, or is pinned already, is left alone."
)
class AutomationAction(Enum):
    """forum.AutomationAction."""

    CLOSE = strawberry.enum_value(
        automation_pb2.AUTOMATION_ACTION_CLOSE, description="Closes it, with the reason given."
    )
    BUMP = strawberry.enum_value(
        automation_pb2.AUTOMATION_ACTION_BUMP,
        description="Brings it to the top of lists, as a reply would.",
    )
    TAG = strawberry.enum_value(
        automation_pb2.AUTOMATION_ACTION_TAG, description="Gives it one tag more."
    )
    ARCHIVE = strawberry.enum_value(
        automation_pb2.AUTOMATION_ACTION_ARCHIVE, description="Makes it read-only."
    )
    ESCALATE = strawberry.enum_value(
        automation_pb2.AUTOMATION_ACTION_ESCALATE,
        description="Brings it into the queue of moderators, with an entry among the topic's.",
    )
    MOVE = strawberry.enum_value(
        automation_pb2.AUTOMATION_ACTION_MOVE,
        description="Moves it with its replies, once a topic. Only where all its readers can read "
        "it there, and the space takes its kind and tags; by an automation of all spaces only "
        "where the same people read both. Else it is skipped.",
    )
    PIN = strawberry.enum_value(
        automation_pb2.AUTOMATION_ACTION_PIN, description="Pins it for some days, once a topic."
    )


@strawberry.enum(description="Whether a space lives by itself.")
class SpaceVitality(Enum):
    """forum.SpaceVitality."""

    DORMANT = strawberry.enum_value(
        forum_pb2.SPACE_VITALITY_DORMANT, description="An index below 0.3."
    )
    WARMING = strawberry.enum_value(
        forum_pb2.SPACE_VITALITY_WARMING, description="An index of 0.3, not 1 for 28 days yet."
    )
    SELF_SUSTAINING = strawberry.enum_value(
        forum_pb2.SPACE_VITALITY_SELF_SUSTAINING, description="An index of 1 or more for 28 days."
    )


@strawberry.enum(description="Where a seeding is.")
class SeedingState(Enum):
    """forum.SeedingState."""

    ACTIVE = seeding_pb2.SEEDING_STATE_ACTIVE
    ENDED = strawberry.enum_value(
        seeding_pb2.SEEDING_STATE_ENDED, description="A manager has ended it."
    )
    FULFILLED = strawberry.enum_value(
        seeding_pb2.SEEDING_STATE_FULFILLED,
        description="Its space has been at the threshold for 28 days.",
    )


@strawberry.enum(description="What came of a planned post.")
class SeedingItemState(Enum):
    """forum.SeedingItemState."""

    PLANNED = seeding_pb2.SEEDING_ITEM_STATE_PLANNED
    POSTED = seeding_pb2.SEEDING_ITEM_STATE_POSTED
    SKIPPED = seeding_pb2.SEEDING_ITEM_STATE_SKIPPED

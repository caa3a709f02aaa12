"""Enums of search, moderation and operations: as scalars.py, protobuf's values as they are."""

from __future__ import annotations

from enum import Enum

import strawberry

from guildhall.chassis.v1 import operations_pb2
from guildhall.moderation.v1 import moderation_pb2
from guildhall.search.v1 import search_pb2


@strawberry.enum(description="What can be found.")
class SearchKind(Enum):
    """search.Kind."""

    TOPIC = search_pb2.KIND_TOPIC
    REPLY = search_pb2.KIND_REPLY
    MEMBER = search_pb2.KIND_MEMBER
    COMPANY = search_pb2.KIND_COMPANY
    SPACE = search_pb2.KIND_SPACE
    ANNOUNCEMENT = strawberry.enum_value(
        search_pb2.KIND_ANNOUNCEMENT,
        description="Published, for whoever it is for as a reader: managers too find only what is "
        "for them; due at a time of each reader's day, from when all clocks have shown it.",
    )


@strawberry.enum(description="The order of what is found.")
class SearchSort(Enum):
    """search.Sort."""

    RELEVANCE = strawberry.enum_value(
        search_pb2.SORT_RELEVANCE, description="The best first; without words the newest."
    )
    NEWEST = search_pb2.SORT_NEWEST


@strawberry.enum(description="What a rule does with a text it matches. They apply in this order.")
class RuleKind(Enum):
    """moderation.RuleKind."""

    BLOCK = strawberry.enum_value(
        moderation_pb2.RULE_KIND_BLOCK,
        description="The post is refused; the author is told the rule's message.",
    )
    HOLD = strawberry.enum_value(
        moderation_pb2.RULE_KIND_HOLD, description="The post waits for a moderator."
    )
    REPLACE = strawberry.enum_value(
        moderation_pb2.RULE_KIND_REPLACE, description="What matches is replaced."
    )
    FLAG = strawberry.enum_value(
        moderation_pb2.RULE_KIND_FLAG,
        description="The post is published, and a moderator looks at it.",
    )


@strawberry.enum(description="How a rule's pattern is read.")
class PatternKind(Enum):
    """moderation.PatternKind."""

    WORD = strawberry.enum_value(
        moderation_pb2.PATTERN_KIND_WORD,
        description="Whole words, any case; * stands for any run of letters, marks and digits.",
    )
    REGEX = strawberry.enum_value(
        moderation_pb2.PATTERN_KIND_REGEX, description="A regular expression (RE2), any case."
    )


@strawberry.enum(description="Where a case is.")
class CaseState(Enum):
    """moderation.CaseState."""

    OPEN = moderation_pb2.CASE_STATE_OPEN
    APPROVED = moderation_pb2.CASE_STATE_APPROVED
    REJECTED = moderation_pb2.CASE_STATE_REJECTED
    MOOT = strawberry.enum_value(
        moderation_pb2.CASE_STATE_MOOT,
        description="The post was removed or changed before anyone decided.",
    )


@strawberry.enum(description="Why a case was opened.")
class CaseCause(Enum):
    """moderation.CaseCause."""

    RULE = strawberry.enum_value(
        moderation_pb2.CASE_CAUSE_RULE,
        description="A HOLD rule, or a rule that was found to match after publishing.",
    )
    REVIEW = strawberry.enum_value(
        moderation_pb2.CASE_CAUSE_REVIEW,
        description="The space, or the author's trust level, requires review.",
    )
    FLAG_RULE = strawberry.enum_value(
        moderation_pb2.CASE_CAUSE_FLAG_RULE,
        description="A FLAG rule: the post is public meanwhile.",
    )
    EDIT = strawberry.enum_value(
        moderation_pb2.CASE_CAUSE_EDIT,
        description="An edit where new posts of its author would wait for review: the text before "
        "it is public meanwhile, and stays when it is rejected. The post's heldEdit has it.",
    )
    ESCALATED = strawberry.enum_value(
        moderation_pb2.CASE_CAUSE_ESCALATED,
        description="An automation asks to look at the topic: it stays as it is meanwhile, and is "
        "hidden when it is rejected.",
    )
    FLAG = strawberry.enum_value(
        moderation_pb2.CASE_CAUSE_FLAG,
        description="A member's flag: the post is public meanwhile, and hidden when it is "
        "rejected.",
    )


@strawberry.enum(description="Why a member flags a post.")
class FlagReason(Enum):
    """moderation.FlagReason."""

    SPAM = strawberry.enum_value(
        moderation_pb2.FLAG_REASON_SPAM, description="An advertisement, or the same once more."
    )
    ABUSE = strawberry.enum_value(
        moderation_pb2.FLAG_REASON_ABUSE, description="It attacks or harasses somebody."
    )
    INAPPROPRIATE = strawberry.enum_value(
        moderation_pb2.FLAG_REASON_INAPPROPRIATE, description="It offends, or has no place here."
    )
    MISLEADING = strawberry.enum_value(
        moderation_pb2.FLAG_REASON_MISLEADING, description="It deceives, or is wrong on purpose."
    )
    RULE_BREAKING = strawberry.enum_value(
        moderation_pb2.FLAG_REASON_RULE_BREAKING,
        description="It breaks a rule of the community.",
    )


@strawberry.enum(description="What became of a flag; it ends with its case.")
class FlagState(Enum):
    """moderation.FlagState."""

    OPEN = moderation_pb2.FLAG_STATE_OPEN
    AGREED = strawberry.enum_value(
        moderation_pb2.FLAG_STATE_AGREED, description="The post was rejected."
    )
    DISMISSED = strawberry.enum_value(
        moderation_pb2.FLAG_STATE_DISMISSED, description="The post was approved."
    )
    MOOT = strawberry.enum_value(
        moderation_pb2.FLAG_STATE_MOOT,
        description="The post went away before anyone decided.",
    )


@strawberry.enum(description="What a moderator decides.")
class CaseOutcome(Enum):
    """moderation.Outcome."""

    APPROVE = moderation_pb2.OUTCOME_APPROVE
    REJECT = moderation_pb2.OUTCOME_REJECT


@strawberry.enum(description="A part of the platform that operators look after.")
class ServiceName(Enum):
    """The services, as their folders are called."""

    DIRECTORY = "directory"
    FORUM = "forum"
    MODERATION = "moderation"
    SEARCH = "search"
    NOTIFICATIONS = "notifications"


@strawberry.enum(description="How a rebuild goes.")
class RebuildState(Enum):
    """chassis.RebuildState."""

    RUNNING = operations_pb2.REBUILD_STATE_RUNNING
    DONE = operations_pb2.REBUILD_STATE_DONE
    FAILED = operations_pb2.REBUILD_STATE_FAILED

"""Our scalars and enums: protobuf's values go out and come in as they are."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import lru_cache
from typing import Any, NewType, TypeVar, cast

import strawberry
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from strawberry.types.scalar import ScalarDefinition

from chassis.errors import FieldInvalidError
from chassis.locales import check_locale
from guildhall.directory.v1 import directory_pb2
from guildhall.forum.v1 import forum_pb2, moves_pb2

DateTime = NewType("DateTime", Timestamp)
Markdown = NewType("Markdown", str)
Html = NewType("Html", str)
URL = NewType("URL", str)
Locale = NewType("Locale", str)
T = TypeVar("T")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a page has many times: half the work
_MAX_TIME_LENGTH = 40
_MAX_URL_LENGTH = 2048
_URL = re.compile(r"https?://[^\s/?#]+([/?#]\S*)?", re.ASCII)
_PLAIN = {str, int, bool}


def write_time(value: Timestamp | datetime) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    if isinstance(value, Timestamp):
        return write_timestamp(value)
    return f"{value.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def write_timestamp(value: Timestamp) -> str:
    """The same of what services say."""
    return f"{_second(value.seconds)}.{value.nanos // 1_000_000:03d}Z"


@lru_cache(maxsize=16_384)
def _second(seconds: int) -> str:
    """The same pages are shown again and again."""
    return (_NAIVE_EPOCH + timedelta(0, seconds)).isoformat()


def read_time(value: Any) -> Timestamp:
    """RFC 3339 with a zone."""
    if not isinstance(value, str) or len(value) > _MAX_TIME_LENGTH or "T" not in value.upper():
        raise ValueError("must be a date and time as 2026-01-31T12:00:00Z")
    try:
        time = datetime.fromisoformat(value)
        if time.tzinfo is None:
            raise ValueError
        since = time - _EPOCH
    except (ValueError, OverflowError):
        raise ValueError("must be a date and time with a zone, as 2026-01-31T12:00:00Z") from None
    return Timestamp(
        seconds=since.days * 86_400 + since.seconds,
        nanos=since.microseconds // 1000 * 1_000_000,
    )


def _read_text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text")  # noqa: TRY004 - the library expects ValueError
    return value


def _read_url(value: Any) -> str:
    text = _read_text(value)
    if text and not (len(text) <= _MAX_URL_LENGTH and _URL.fullmatch(text)):
        raise ValueError("must be an address as https://example.org/path")
    return text


SCALARS: dict[object, ScalarDefinition] = {
    DateTime: strawberry.scalar(
        name="DateTime",
        description="A moment, RFC 3339 with a zone; answers are in UTC to the millisecond.",
        specified_by_url="https://datatracker.ietf.org/doc/html/rfc3339",
        serialize=write_time,
        parse_value=read_time,
    ),
    Markdown: strawberry.scalar(
        name="Markdown",
        description="CommonMark as somebody wrote it. Not safe to show as HTML.",
        serialize=str,
        parse_value=_read_text,
    ),
    Html: strawberry.scalar(
        name="Html",
        description="HTML that was cleaned and may be shown as it is.",
        serialize=str,
        parse_value=_read_text,
    ),
    URL: strawberry.scalar(
        name="URL",
        description='An absolute address, https or http. In inputs "" stands for none.',
        specified_by_url="https://datatracker.ietf.org/doc/html/rfc3986",
        serialize=str,
        parse_value=_read_url,
    ),
}


def _read_locale(value: Any) -> str:
    text = _read_text(value)
    try:
        return check_locale(text, "it") if text else ""
    except FieldInvalidError:
        raise ValueError("must be a language tag as de or de-AT") from None


SCALARS[Locale] = strawberry.scalar(
    name="Locale",
    description='A language tag: language, script, region. In inputs "" stands for none.',
    specified_by_url="https://www.rfc-editor.org/rfc/rfc5646",
    serialize=str,
    parse_value=_read_locale,
)


def attribute(source: Any, name: str) -> Any:
    """A leaf of what a service said; a message that is not there is null, not an empty one."""
    value = getattr(source, name)
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Message) and isinstance(source, Message) and not source.HasField(name):
        return None
    return value


def unset_is_null(source: Any, name: str) -> T | None:
    """For nullable texts, numbers and enums, where protobuf says "" or 0."""
    return cast("T | None", getattr(source, name) or None)


@strawberry.enum(description="What a member may do in one community. Everyone is MEMBER.")
class Role(Enum):
    """directory.Role."""

    MEMBER = directory_pb2.ROLE_MEMBER
    GROUP_MODERATOR = directory_pb2.ROLE_GROUP_MODERATOR
    MODERATOR = directory_pb2.ROLE_MODERATOR
    MANAGER = directory_pb2.ROLE_MANAGER


@strawberry.enum(description="Changes posting limits and the need for review, never who sees what.")
class TrustLevel(Enum):
    """directory.TrustLevel."""

    NEW = directory_pb2.TRUST_LEVEL_NEW
    BASIC = directory_pb2.TRUST_LEVEL_BASIC
    MEMBER = directory_pb2.TRUST_LEVEL_MEMBER
    REGULAR = directory_pb2.TRUST_LEVEL_REGULAR
    LEADER = directory_pb2.TRUST_LEVEL_LEADER


@strawberry.enum(description="Whether a membership counts.")
class MemberState(Enum):
    """directory.MemberState."""

    ACTIVE = directory_pb2.MEMBER_STATE_ACTIVE
    FORMER = strawberry.enum_value(
        directory_pb2.MEMBER_STATE_FORMER,
        description="Left, removed, moved to another company, or the company's enrolment ended.",
    )


@strawberry.enum(description="Whether a person can act.")
class PersonState(Enum):
    """directory.PersonState."""

    ACTIVE = directory_pb2.PERSON_STATE_ACTIVE
    DEACTIVATED = directory_pb2.PERSON_STATE_DEACTIVATED


@strawberry.enum(description="A partner firm, or a vendor that runs communities.")
class CompanyKind(Enum):
    """directory.CompanyKind."""

    PARTNER = directory_pb2.COMPANY_KIND_PARTNER
    VENDOR = directory_pb2.COMPANY_KIND_VENDOR


@strawberry.enum(description="Whether posts of a space wait for review.")
class SpaceMode(Enum):
    """forum.SpaceMode."""

    AUTO = strawberry.enum_value(
        forum_pb2.SPACE_MODE_AUTO, description="Posts appear at once, unless a rule holds them."
    )
    REQUIRED = strawberry.enum_value(
        forum_pb2.SPACE_MODE_REQUIRED,
        description="Posts of all below the trust level REGULAR wait for review.",
    )


@strawberry.enum(description="Who may read a space.")
class Audience(Enum):
    """forum.Audience."""

    COMMUNITY = strawberry.enum_value(forum_pb2.AUDIENCE_COMMUNITY, description="All members.")
    TIER = strawberry.enum_value(
        forum_pb2.AUDIENCE_TIER,
        description="Members whose company has one of the tiers, and the vendor's people.",
    )
    VENDOR = strawberry.enum_value(forum_pb2.AUDIENCE_VENDOR, description="The vendor's people.")
    COMPANIES = strawberry.enum_value(
        forum_pb2.AUDIENCE_COMPANIES,
        description="The people of the named companies, and the vendor's people.",
    )
    GROUPS = strawberry.enum_value(
        forum_pb2.AUDIENCE_GROUPS,
        description="The members of the named groups, and the moderators.",
    )


@strawberry.enum(description="What a topic is for.")
class TopicKind(Enum):
    """forum.TopicKind."""

    QUESTION = forum_pb2.TOPIC_KIND_QUESTION
    DISCUSSION = forum_pb2.TOPIC_KIND_DISCUSSION
    ARTICLE = strawberry.enum_value(
        forum_pb2.TOPIC_KIND_ARTICLE,
        description="Knowledge that is kept right: it has an owner, numbered editions and a date "
        "by which somebody looks at it again.",
    )
    IDEA = strawberry.enum_value(
        forum_pb2.TOPIC_KIND_IDEA, description="Something to be done: the vendor says what of it."
    )


@strawberry.enum(description="What comes first in a list of topics.")
class TopicOrder(Enum):
    """forum.TopicOrder."""

    ACTIVITY = strawberry.enum_value(
        forum_pb2.TOPIC_ORDER_ACTIVITY, description="The newest reply, else the topic's creation."
    )
    NEWEST = strawberry.enum_value(
        forum_pb2.TOPIC_ORDER_NEWEST, description="The last one written."
    )
    SCORE = strawberry.enum_value(forum_pb2.TOPIC_ORDER_SCORE, description="The most votes.")


@strawberry.enum(description="Where a topic is in its life.")
class TopicState(Enum):
    """forum.TopicState."""

    DRAFT = forum_pb2.TOPIC_STATE_DRAFT
    PENDING_REVIEW = forum_pb2.TOPIC_STATE_PENDING_REVIEW
    PUBLISHED = forum_pb2.TOPIC_STATE_PUBLISHED
    REJECTED = forum_pb2.TOPIC_STATE_REJECTED
    CLOSED = forum_pb2.TOPIC_STATE_CLOSED
    HIDDEN = forum_pb2.TOPIC_STATE_HIDDEN
    REMOVED = forum_pb2.TOPIC_STATE_REMOVED
    ARCHIVED = forum_pb2.TOPIC_STATE_ARCHIVED
    SCHEDULED = strawberry.enum_value(
        forum_pb2.TOPIC_STATE_SCHEDULED,
        description="Goes out at its publishTime; until then for its author and moderators.",
    )


@strawberry.enum(description="Where a reply is in its life.")
class ReplyState(Enum):
    """forum.ReplyState."""

    PENDING_REVIEW = forum_pb2.REPLY_STATE_PENDING_REVIEW
    PUBLISHED = forum_pb2.REPLY_STATE_PUBLISHED
    REJECTED = forum_pb2.REPLY_STATE_REJECTED
    HIDDEN = forum_pb2.REPLY_STATE_HIDDEN
    REMOVED = forum_pb2.REPLY_STATE_REMOVED


@strawberry.enum(description="Where an edit is that had to wait for moderators.")
class HeldEditState(Enum):
    """forum.HeldEditState."""

    PENDING_REVIEW = forum_pb2.HELD_EDIT_STATE_PENDING_REVIEW
    APPROVED = strawberry.enum_value(
        forum_pb2.HELD_EDIT_STATE_APPROVED, description="It became the post's text."
    )
    REJECTED = forum_pb2.HELD_EDIT_STATE_REJECTED
    DROPPED = strawberry.enum_value(
        forum_pb2.HELD_EDIT_STATE_DROPPED,
        description="It was withdrawn, or its post changed or went away before anyone decided.",
    )


@strawberry.enum(description="Why a topic takes no more replies.")
class CloseReason(Enum):
    """forum.CloseReason."""

    DUPLICATE = forum_pb2.CLOSE_REASON_DUPLICATE
    OFF_TOPIC = forum_pb2.CLOSE_REASON_OFF_TOPIC
    NOT_CLEAR = forum_pb2.CLOSE_REASON_NOT_CLEAR
    RESOLVED = forum_pb2.CLOSE_REASON_RESOLVED
    OTHER = forum_pb2.CLOSE_REASON_OTHER
    MERGED = strawberry.enum_value(
        forum_pb2.CLOSE_REASON_MERGED,
        description="Its replies are in another topic: mergeTopics did it, closeTopic cannot.",
    )


@strawberry.enum(
    description="Why something was done to a post, or lifted: to count and to filter by."
)
class ReasonCode(Enum):
    """forum.ReasonCode."""

    SPAM = forum_pb2.REASON_CODE_SPAM
    OFF_TOPIC = forum_pb2.REASON_CODE_OFF_TOPIC
    DUPLICATE = forum_pb2.REASON_CODE_DUPLICATE
    OUTDATED = forum_pb2.REASON_CODE_OUTDATED
    ABUSE = forum_pb2.REASON_CODE_ABUSE
    RULE_BREAKING = forum_pb2.REASON_CODE_RULE_BREAKING
    NOT_CLEAR = forum_pb2.REASON_CODE_NOT_CLEAR
    RESOLVED = forum_pb2.REASON_CODE_RESOLVED
    OTHER = forum_pb2.REASON_CODE_OTHER


@strawberry.enum(description="Why a topic names another.")
class TopicLink(Enum):
    """forum.TopicLink."""

    DUPLICATE = strawberry.enum_value(
        moves_pb2.TOPIC_LINK_DUPLICATE, description="It was closed as its duplicate."
    )
    MERGED = strawberry.enum_value(
        moves_pb2.TOPIC_LINK_MERGED, description="It was merged into it: its replies are there."
    )
    SPLIT = strawberry.enum_value(
        moves_pb2.TOPIC_LINK_SPLIT, description="It was split off it: its replies were there."
    )


@strawberry.enum(description="What an imported post is.")
class ImportedPostKind(Enum):
    """forum.ImportedPostKind."""

    QUESTION = forum_pb2.IMPORTED_POST_KIND_QUESTION
    ANSWER = forum_pb2.IMPORTED_POST_KIND_ANSWER
    DISCUSSION = forum_pb2.IMPORTED_POST_KIND_DISCUSSION
    ARTICLE = forum_pb2.IMPORTED_POST_KIND_ARTICLE
    IDEA = forum_pb2.IMPORTED_POST_KIND_IDEA

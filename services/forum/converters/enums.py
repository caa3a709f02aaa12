"""Enums of the domain as protobuf enums, and back; unspecified and unknown numbers are refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TypeVar

from chassis.errors import FieldInvalidError
from guildhall.forum.v1 import attachments_pb2, forum_pb2, moves_pb2
from services.forum.domain.attachments import AttachmentState
from services.forum.domain.held_edits import HeldEditState
from services.forum.domain.kinds import IdeaStatus, TopicKind
from services.forum.domain.records import ReasonCode
from services.forum.domain.replies import ReplyState
from services.forum.domain.space_settings import AcceptedAnswers, PostingRight
from services.forum.domain.spaces import Audience, SpaceMode, Vitality
from services.forum.domain.topics import CloseReason, Link, TopicOrder, TopicState

E = TypeVar("E", bound=StrEnum)

SPACE_MODES = {one: forum_pb2.SpaceMode.Value(f"SPACE_MODE_{one}") for one in SpaceMode}
VITALITIES = {one: forum_pb2.SpaceVitality.Value(f"SPACE_VITALITY_{one}") for one in Vitality}
AUDIENCES = {one: forum_pb2.Audience.Value(f"AUDIENCE_{one}") for one in Audience}
TOPIC_KINDS = {one: forum_pb2.TopicKind.Value(f"TOPIC_KIND_{one}") for one in TopicKind}
TOPIC_STATES = {one: forum_pb2.TopicState.Value(f"TOPIC_STATE_{one}") for one in TopicState}
TOPIC_ORDERS = {one: forum_pb2.TopicOrder.Value(f"TOPIC_ORDER_{one}") for one in TopicOrder}
REPLY_STATES = {one: forum_pb2.ReplyState.Value(f"REPLY_STATE_{one}") for one in ReplyState}
ATTACHMENT_STATES = {
    one: attachments_pb2.AttachmentState.Value(f"ATTACHMENT_STATE_{one}") for one in AttachmentState
}
HELD_EDIT_STATES = {
    one: forum_pb2.HeldEditState.Value(f"HELD_EDIT_STATE_{one}") for one in HeldEditState
}
CLOSE_REASONS = {one: forum_pb2.CloseReason.Value(f"CLOSE_REASON_{one}") for one in CloseReason}

IDEA_STATUSES = {one: forum_pb2.IdeaStatus.Value(f"IDEA_STATUS_{one}") for one in IdeaStatus}
POSTING_RIGHTS = {one: forum_pb2.PostingRight.Value(f"POSTING_RIGHT_{one}") for one in PostingRight}
ACCEPTED_ANSWERS = {
    one: forum_pb2.AcceptedAnswers.Value(f"ACCEPTED_ANSWERS_{one}") for one in AcceptedAnswers
}
REASON_CODES = {one: forum_pb2.ReasonCode.Value(f"REASON_CODE_{one}") for one in ReasonCode}
LINKS = {one: moves_pb2.TopicLink.Value(f"TOPIC_LINK_{one}") for one in Link}


def vitality_number(vitality: Vitality | None) -> forum_pb2.SpaceVitality.ValueType:
    """Unspecified where there is none."""
    return VITALITIES[vitality] if vitality else forum_pb2.SPACE_VITALITY_UNSPECIFIED


def space_mode(number: int, *, unspecified: SpaceMode) -> SpaceMode:
    """Refuses with FIELD_INVALID."""
    return one_of(SPACE_MODES, number, "mode") if number else unspecified


def audience(number: int) -> Audience:
    """Unspecified is COMMUNITY. Refuses with FIELD_INVALID."""
    return one_of(AUDIENCES, number, "audience") if number else Audience.COMMUNITY


def topic_kind(number: int, field: str = "kind") -> TopicKind:
    """Refuses with FIELD_INVALID."""
    return one_of(TOPIC_KINDS, number, field)


def topic_kinds(numbers: Iterable[int]) -> frozenset[TopicKind] | None:
    """None where none is named. Refuses with FIELD_INVALID."""
    return frozenset(topic_kind(number, "kinds") for number in numbers) or None


def topic_order(number: int) -> TopicOrder:
    """Unspecified is ACTIVITY. Refuses with FIELD_INVALID."""
    return one_of(TOPIC_ORDERS, number, "order") if number else TopicOrder.ACTIVITY


def idea_statuses(numbers: Iterable[int]) -> frozenset[IdeaStatus]:
    """Refuses with FIELD_INVALID."""
    return frozenset(one_of(IDEA_STATUSES, number, "idea_statuses") for number in numbers)


def idea_status(number: int) -> IdeaStatus:
    """Refuses with FIELD_INVALID."""
    return one_of(IDEA_STATUSES, number, "idea_status")


def posting_right(number: int, field: str) -> PostingRight:
    """Refuses with FIELD_INVALID."""
    return one_of(POSTING_RIGHTS, number, field)


def accepted_answers(number: int, field: str) -> AcceptedAnswers:
    """Refuses with FIELD_INVALID."""
    return one_of(ACCEPTED_ANSWERS, number, field)


def close_reason(number: int) -> CloseReason:
    """One that can be given. Refuses with FIELD_INVALID."""
    given = {why: value for why, value in CLOSE_REASONS.items() if why is not CloseReason.MERGED}
    return one_of(given, number, "close_reason")


def reason_code(number: int) -> ReasonCode | None:
    """None where none is given. Refuses with FIELD_INVALID."""
    return one_of(REASON_CODES, number, "reason_code") if number else None


def links(numbers: Iterable[int]) -> frozenset[Link]:
    """All where none is named. Refuses with FIELD_INVALID."""
    return frozenset(one_of(LINKS, number, "links") for number in numbers) or frozenset(Link)


def topic_states(numbers: Iterable[int]) -> frozenset[TopicState] | None:
    """None where none is named. Refuses with FIELD_INVALID."""
    return frozenset(one_of(TOPIC_STATES, number, "states") for number in numbers) or None


def one_of(values: Mapping[E, int], number: int, field: str) -> E:
    """The value with this number. Refuses with FIELD_INVALID."""
    for value, its_number in values.items():
        if its_number == number:
            return value
    raise FieldInvalidError(f"{field} must be one of {', '.join(values)}", field=field)

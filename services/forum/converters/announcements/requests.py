"""What requests about announcements say, checked; unspecified and unknown numbers are refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

from chassis.errors import FieldInvalidError
from chassis.locales import check_locale
from guildhall.directory.v1 import directory_pb2
from guildhall.forum.v1 import announcements_pb2 as pb
from services.forum.domain.announcements.announcement import (
    AnnouncementState,
    AudienceState,
    Severity,
)
from services.forum.domain.announcements.audiences import AudienceRule, check_rule
from services.forum.domain.announcements.channels import ChannelTheme
from services.forum.domain.announcements.discussions import CommentPolicy
from services.forum.domain.announcements.receipts import ReceiptState

E = TypeVar("E", bound=StrEnum)

_MOST_WANTED = 20  # languages that a reader names

THEMES = {one: pb.ChannelTheme.Value(f"CHANNEL_THEME_{one}") for one in ChannelTheme}
STATES = {one: pb.AnnouncementState.Value(f"ANNOUNCEMENT_STATE_{one}") for one in AnnouncementState}
SEVERITIES = {
    one: pb.AnnouncementSeverity.Value(f"ANNOUNCEMENT_SEVERITY_{one}") for one in Severity
}
AUDIENCE_STATES = {one: pb.AudienceState.Value(f"AUDIENCE_STATE_{one}") for one in AudienceState}
COMMENT_POLICIES = {one: pb.CommentPolicy.Value(f"COMMENT_POLICY_{one}") for one in CommentPolicy}
RECEIPT_STATES = {one: pb.ReceiptState.Value(f"RECEIPT_STATE_{one}") for one in ReceiptState}


def theme(number: int) -> ChannelTheme:
    """Refuses with FIELD_INVALID."""
    return _one_of(THEMES, number, "theme")


def severity(number: int) -> Severity:
    """Refuses with FIELD_INVALID."""
    return _one_of(SEVERITIES, number, "severity")


def announcement_states(numbers: Iterable[int]) -> frozenset[AnnouncementState]:
    """PUBLISHED where none is named. Refuses with FIELD_INVALID."""
    states = frozenset(_one_of(STATES, number, "states") for number in numbers)
    return states or frozenset({AnnouncementState.PUBLISHED})


def receipt_states(numbers: Iterable[int]) -> frozenset[ReceiptState] | None:
    """None where none is named. Refuses with FIELD_INVALID."""
    return frozenset(_one_of(RECEIPT_STATES, number, "states") for number in numbers) or None


def audience_rule(rule: pb.AudienceRule) -> AudienceRule:
    """Refuses with FIELD_INVALID."""
    field = "audience_rule.roles"
    roles = []
    for number in rule.roles:
        if not number or number not in directory_pb2.Role.values():
            raise FieldInvalidError(f"{field} must be roles", field=field)
        roles.append(directory_pb2.Role.Name(number).removeprefix("ROLE_"))
    return check_rule(rule.tiers, rule.company_ids, roles, rule.locales, rule.territories)


def locales(tags: Sequence[str]) -> list[str]:
    """The languages a reader wants, the best first. Refuses with FIELD_INVALID."""
    if len(tags) > _MOST_WANTED:
        raise FieldInvalidError(f"locales must be at most {_MOST_WANTED}", field="locales")
    return [check_locale(tag, "locales") for tag in tags]


def _one_of(values: Mapping[E, int], number: int, field: str) -> E:
    for value, its_number in values.items():
        if its_number == number:
            return value
    raise FieldInvalidError(f"{field} must be one of {', '.join(values)}", field=field)

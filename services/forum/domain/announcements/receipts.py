"""Who was told an announcement, has seen it, and has taken it on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from chassis.errors import FailedPreconditionError

MOST_COUNTED = 100  # of what a person has not read


class AcknowledgementNotRequiredError(FailedPreconditionError):
    """This announcement asks for no acknowledgement."""


class ReceiptState(StrEnum):
    """OVERDUE follows from the announcement's deadline and is not stored."""

    DELIVERED = "DELIVERED"
    SEEN = "SEEN"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    OVERDUE = "OVERDUE"


@dataclass(frozen=True, slots=True)
class Receipt:
    """One person's, of one announcement."""

    community_id: str
    announcement_id: str
    person_id: str
    company_id: str
    deliver_time: datetime  # when this person may see it, or first did
    see_time: datetime | None = None
    acknowledge_time: datetime | None = None
    in_audience: bool = True  # on the frozen list; else somebody who came later
    deadline: datetime | None = None  # the announcement's, where it asks for an acknowledgement

    def state(self, now: datetime) -> ReceiptState:
        """As of now."""
        if self.acknowledge_time is not None:
            return ReceiptState.ACKNOWLEDGED
        if self.deadline is not None and self.deadline <= now:
            return ReceiptState.OVERDUE
        return ReceiptState.DELIVERED if self.see_time is None else ReceiptState.SEEN

    @property
    def done(self) -> bool:
        """Nothing is asked of this person any more."""
        return (self.see_time if self.deadline is None else self.acknowledge_time) is not None

    def seen(self, now: datetime) -> Receipt:
        """The first time counts."""
        return self if self.see_time else replace(self, see_time=now)


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """That a person took an announcement on, for a company: kept for proof."""

    announcement_id: str
    person_id: str
    company_id: str
    time: datetime


def receipt_id(announcement_id: str, person_id: str) -> str:
    """One an announcement and person; an acknowledgement's as well."""
    return f"{announcement_id}-{person_id}"


def is_done(state: ReceiptState, deadline: datetime | None) -> bool:
    """As Receipt.done, by the state that is stored."""
    return state is ReceiptState.ACKNOWLEDGED or (state is ReceiptState.SEEN and deadline is None)


def stored_states(
    wanted: Collection[ReceiptState], deadline: datetime | None, now: datetime
) -> set[ReceiptState]:
    """Which stored states say one of these, at this time."""
    overdue = deadline is not None and deadline <= now
    open_states = {ReceiptState.DELIVERED, ReceiptState.SEEN}
    if not overdue:
        return set(wanted) - {ReceiptState.OVERDUE}
    late = open_states if ReceiptState.OVERDUE in wanted else set()
    return (set(wanted) & {ReceiptState.ACKNOWLEDGED}) | late


@dataclass(frozen=True, slots=True)
class Counts:
    """Of people; acknowledged ones have seen it, and overdue ones may have."""

    people: int = 0
    seen: int = 0
    acknowledged: int = 0
    overdue: int = 0


@dataclass(frozen=True, slots=True)
class CompanyReceipts:
    """One company of the frozen list."""

    company_id: str
    deliver_time: datetime
    counts: Counts

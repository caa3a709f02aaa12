"""Seedings: who posts what in a space that nobody writes in yet, and when that has done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chassis.errors import (
    AlreadyExistsError,
    FailedPreconditionError,
    FieldInvalidError,
    InvalidArgumentError,
    NotFoundError,
    ResourceExhaustedError,
)
from chassis.texts import check_line, check_name
from services.forum.domain.kinds import TopicKind
from services.forum.domain.members import Member, opens

MOST_ITEMS = 200
_MOST_OWNERS = 20
_MOST_HOURS = 720
_MAX_NAME = 80
_MAX_TITLE = 150
_MOST_WEEKS = 104
WEEK = timedelta(days=7)


class SeedingNotFoundError(NotFoundError):
    """There is no such seeding, or the caller may not see it."""


class SeedingItemNotFoundError(NotFoundError):
    """There is no such item, or the caller may not post it."""


class SeedingAlreadyActiveError(AlreadyExistsError):
    """The space is being seeded."""

    def __init__(
        self, message: str = "", *, field: str = "space_id", retry_after: float = 0.0
    ) -> None:
        super().__init__(message, field=field, retry_after=retry_after)


class SeedingEndedError(FailedPreconditionError):
    """Nothing is seeded there any more."""


class SeedingItemPostedError(FailedPreconditionError):
    """It was posted, or is to be skipped."""


class SeedingOwnerInvalidError(InvalidArgumentError):
    """An owner must be a member who can read the space."""


class TooManySeedingItemsError(ResourceExhaustedError):
    """A seeding has at most 200 items."""


class SeedingState(StrEnum):
    """Where a seeding is."""

    ACTIVE = "ACTIVE"
    ENDED = "ENDED"
    FULFILLED = "FULFILLED"


class ItemState(StrEnum):
    """What came of a planned post."""

    PLANNED = "PLANNED"
    POSTED = "POSTED"
    SKIPPED = "SKIPPED"


@dataclass(frozen=True, slots=True)
class SeedingItem:
    """A post that somebody is to write."""

    id: str
    title: str
    kind: TopicKind
    owner_id: str
    due_time: datetime | None = None
    state: ItemState = ItemState.PLANNED
    topic_id: str = ""


@dataclass(frozen=True, slots=True)
class Seeding:
    """A plan for one space."""

    id: str
    community_id: str
    space_id: str
    name: str
    owner_ids: tuple[str, ...]
    first_reply_hours: int  # 0: no target
    create_time: datetime
    items: tuple[SeedingItem, ...] = ()
    items_ever: int = 0
    state: SeedingState = SeedingState.ACTIVE
    end_time: datetime | None = None
    version: int = 0

    @property
    def read_keys(self) -> tuple[str, ...]:
        """The vendor's people, and whoever has to do with it."""
        people = (*self.owner_ids, *(item.owner_id for item in self.items))
        keys = (f"person:{person_id}" for person_id in dict.fromkeys(people))
        return (f"vendor:{self.community_id}", *keys)

    @property
    def active(self) -> bool:
        """It goes on."""
        return self.state is SeedingState.ACTIVE

    def check_active(self) -> None:
        """Refuses with SEEDING_ENDED."""
        if not self.active:
            raise SeedingEndedError

    def visible(self, member: Member) -> bool:
        """The wall."""
        return opens(self.read_keys, member.keyring)

    def change(
        self,
        *,
        name: str | None = None,
        owner_ids: tuple[str, ...] | None = None,
        first_reply_hours: int | None = None,
    ) -> Seeding:
        """What is given takes the place of what was. Refuses with SEEDING_ENDED."""
        self.check_active()
        changed = self
        if name is not None:
            changed = replace(changed, name=check_seeding_name(name))
        if owner_ids is not None:
            changed = replace(changed, owner_ids=owner_ids)
        if first_reply_hours is not None:
            changed = replace(changed, first_reply_hours=check_hours(first_reply_hours))
        return changed

    def end(self, state: SeedingState, now: datetime) -> Seeding:
        """Refuses with SEEDING_ENDED."""
        self.check_active()
        return replace(self, state=state, end_time=now)

    def add(self, title: str, kind: TopicKind, owner_id: str, due_time: datetime | None) -> Seeding:
        """One post more. Refuses with SEEDING_ENDED, TOO_MANY_SEEDING_ITEMS."""
        self.check_active()
        if len(self.items) >= MOST_ITEMS:
            raise TooManySeedingItemsError
        number = self.items_ever + 1
        item = SeedingItem(f"{self.id}.{number}", title, kind, owner_id, due_time)
        return replace(self, items=(*self.items, item), items_ever=number)

    def item(self, item_id: str) -> SeedingItem:
        """Refuses with SEEDING_ITEM_NOT_FOUND."""
        for item in self.items:
            if item.id == item_id:
                return item
        raise SeedingItemNotFoundError(field="seeding_item_id")

    def put(self, changed: SeedingItem) -> Seeding:
        """This item in place of the one with its id."""
        items = tuple(changed if item.id == changed.id else item for item in self.items)
        return replace(self, items=items)

    def revise(
        self,
        item_id: str,
        *,
        title: str | None = None,
        owner_id: str = "",
        due_time: datetime | None = None,
        skipped: bool | None = None,
    ) -> Seeding:
        """Refuses with SEEDING_ITEM_NOT_FOUND, SEEDING_ENDED, SEEDING_ITEM_POSTED."""
        item = self.item(item_id)
        self.check_active()
        if item.state is ItemState.POSTED:
            raise SeedingItemPostedError
        if title is not None:
            item = replace(item, title=check_item_title(title))
        if owner_id:
            item = replace(item, owner_id=owner_id)
        if due_time is not None:
            item = replace(item, due_time=due_time)
        if skipped is not None:
            item = replace(item, state=ItemState.SKIPPED if skipped else ItemState.PLANNED)
        return self.put(item)

    def check_poster(self, member: Member) -> None:
        """Its owners, and managers among the vendor's people. Refuses with SEEDING_NOT_FOUND."""
        vendors = self.visible(member) and member.moderator
        if not (vendors or member.person_id in self.owner_ids):
            raise SeedingNotFoundError(field="seeding_id")

    def post(self, item_id: str, member: Member, space_id: str, topic_id: str) -> Seeding:
        """The item becomes this topic.

        Refuses with SEEDING_ITEM_NOT_FOUND, SEEDING_ENDED, SEEDING_ITEM_POSTED.
        """
        item = self.item(item_id)
        vendors = self.visible(member) and member.moderator
        known = vendors or member.person_id in (*self.owner_ids, item.owner_id)
        if not known or space_id != self.space_id:
            raise SeedingItemNotFoundError(field="seeding_item_id")
        self.check_active()
        if item.state is not ItemState.PLANNED:
            raise SeedingItemPostedError
        return self.put(replace(item, state=ItemState.POSTED, topic_id=topic_id))

    def due_before(self, now: datetime) -> datetime | None:
        """Questions asked until then should have a reply; None: there is no target."""
        if not self.first_reply_hours or not self.active:
            return None
        return now - timedelta(hours=self.first_reply_hours)

    def due_time(self, asked: datetime) -> datetime:
        """When the first reply to a question is due."""
        return asked + timedelta(hours=self.first_reply_hours)

    def until(self, now: datetime) -> datetime:
        """What a report is about ends there."""
        last = min(self.end_time or now, now)
        return min(last, self.create_time + _MOST_WEEKS * WEEK)


def seeding_of(item_id: str) -> str:
    """The id of the seeding an item belongs to."""
    return item_id.partition(".")[0]


def check_seeding_name(name: str) -> str:
    """Refuses with TEXT_INVALID."""
    return check_name(name, "name", most=_MAX_NAME)


def check_item_title(title: str) -> str:
    """Refuses with TEXT_INVALID."""
    return check_line(title, "title", most=_MAX_TITLE)


def check_hours(hours: int) -> int:
    """Refuses with FIELD_INVALID."""
    if not 0 <= hours <= _MOST_HOURS:
        raise FieldInvalidError(
            f"first_reply_hours is 0 to {_MOST_HOURS}", field="first_reply_hours"
        )
    return hours


def check_owner_count(owner_ids: Sequence[str]) -> tuple[str, ...]:
    """Each once. Refuses with FIELD_INVALID."""
    owners = tuple(dict.fromkeys(owner_ids))
    if not 1 <= len(owners) <= _MOST_OWNERS:
        raise FieldInvalidError(f"owner_ids must be 1 to {_MOST_OWNERS}", field="owner_ids")
    return owners


@dataclass(frozen=True, slots=True)
class SeedingWeek:
    """Posts of one week of a seeding."""

    time: datetime
    seeded_count: int
    organic_count: int


def weeks_of(
    seeding: Seeding, until: datetime, counts: dict[tuple[int, bool], int]
) -> list[SeedingWeek]:
    """All weeks until then; `counts` has posts by week and whether they were seeded."""
    number = max(1, -((seeding.create_time - until) // WEEK))
    return [
        SeedingWeek(
            seeding.create_time + week * WEEK,
            counts.get((week, True), 0),
            counts.get((week, False), 0),
        )
        for week in range(number)
    ]

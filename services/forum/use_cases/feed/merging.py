"""One order of what many sources have: read each as far as a page needs it, and no further."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from chassis.pagination import Paging
from chassis.values import value
from services.forum.domain.feed.ranking import (
    DOUBLINGS,
    FeedOrder,
    Glimpse,
    Reason,
    Source,
    Wanted,
    activity_of,
    rank,
)
from services.forum.domain.feed.reads import LAST_ID
from services.forum.repository import ForumRepository
from services.forum.repository.feed import FEW_LISTED, Marks, Stretch

_MOMENT = timedelta(milliseconds=1)  # as exact as times are stored
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_CHANGED = 200  # topics of a source with new activity since the feed's first page
_MOST_READ = 400  # of a source at once
_Seen: TypeAlias = tuple[Glimpse, datetime]  # and its activity, as the feed takes it


@value
class Ranked:
    """A topic of the feed and its place in it."""

    rank: int
    topic: Glimpse
    reason: Reason

    @property
    def place(self) -> tuple[int, str]:
        """What tells it from every other."""
        return self.rank, self.topic.id


@dataclass(slots=True)
class _Stream:
    """A source and how far it was read."""

    source: Source
    at: tuple[datetime, str]
    size: int
    ended: bool = False


class Merging:
    """One page: used once. `as_of` is when the feed's first page was asked for."""

    def __init__(
        self,
        repository: ForumRepository,
        communities: Collection[str],
        person_id: str,
        wanted: Wanted,
        order: FeedOrder,
        paging: Paging,
        as_of: datetime,
    ) -> None:
        self._repository = repository
        self._communities = communities
        self._person_id = person_id
        self._wanted = wanted
        self._order = order
        self._paging = paging
        self._as_of = as_of
        self._boost = 1 if order is FeedOrder.RANKED else 0  # what unread topics gain
        self._read_until = wanted.read_until(as_of)
        self._place: tuple[int, str] | None = paging.place[:2] or None
        self._found: dict[str, Ranked] = {}
        self._looked_at: set[str] = set()
        # The person's, of all that was looked at; None where the order asks for none.
        self.marks: Marks | None = Marks() if self._boost else None

    async def page(self) -> list[Ranked]:
        """What the page needs, in the way to read."""
        streams = [
            _Stream(source, self._start(source), self._size(source))
            for source in self._wanted.sources(self._order)
        ]
        # What is near often fills a page by itself: nothing else can rank before it then.
        near = [one for one in streams if one.source.doublings and not self._back] or streams
        far = [one for one in streams if one not in near]
        reads = [self._find_changed()] if self._place else []
        rows = await self._read_all(near, reads)
        if far and not self._may_fill(rows, far):
            rows |= await self._read_all(far)
            far = []
        await self._take(rows)
        if far and self._sure(streams) is None:
            await self._take(await self._read_all(far))
        while (sure := self._sure(streams)) is None:
            going = [stream for stream in streams if not stream.ended]
            best = self._best(going)
            best.size = min(best.size * 3, _MOST_READ)
            await self._take(await self._read(best))
        return sure

    async def _read_all(
        self, streams: Sequence[_Stream], reads: Sequence[Awaitable[dict[str, _Seen]]] = ()
    ) -> dict[str, _Seen]:
        found = await asyncio.gather(*reads, *map(self._read, streams))
        return {id_: row for rows in found for id_, row in rows.items()}

    def _may_fill(self, rows: Mapping[str, _Seen], far: Sequence[_Stream]) -> bool:
        """Whether as much as a page of these can rank before all that is far: at their best, as it
        is not known yet why they are in the feed.
        """
        most = max(DOUBLINGS.values()) + self._boost
        bound, _ = self._bound(self._best(far))
        before = sum(1 for _, activity in rows.values() if rank(activity, most) >= bound)
        return before >= self._paging.size

    def _best(self, going: Sequence[_Stream]) -> _Stream:
        """Where the best of what is not read yet may be."""
        return (min if self._back else max)(going, key=self._bound)

    def _sure(self, streams: Sequence[_Stream]) -> list[Ranked] | None:
        """The page, if nothing that is not read yet can belong into it.

        And one more, whichever: it only tells that there are more.
        """
        ready = sorted(self._found.values(), key=lambda one: one.place, reverse=not self._back)
        ready = ready[: self._paging.limit]
        going = [stream for stream in streams if not stream.ended]
        if not going:
            return ready
        if len(ready) < self._paging.limit:
            return None
        bound, last = self._bound(self._best(going)), ready[self._paging.size - 1].place
        return ready if (last <= bound if self._back else last >= bound) else None

    @property
    def _back(self) -> bool:
        return self._paging.backward

    def _size(self, source: Source) -> int:
        """How much to read at first: what a page needs, of few listed topics all."""
        # One more, as it may begin with the last row of the page before.
        size = self._paging.limit + bool(self._place)
        return max(size, len(source.ids) + 1) if len(source.ids) <= FEW_LISTED else size

    def _start(self, source: Source) -> tuple[datetime, str]:
        """Where a source can first have something for this page."""
        if self._back:
            if self._place is None:
                return _BEGINNING, ""
            doublings = source.doublings + self._boost
            return activity_of(self._place[0], doublings), ""
        if self._place is None:
            return self._as_of, ""
        return min(self._as_of, activity_of(self._place[0], source.doublings)), ""

    def _bound(self, stream: _Stream) -> tuple[int, str]:
        """The best place that something unread of the stream can have."""
        time, id_ = stream.at
        read = self._read_until is not None and time <= self._read_until
        boost = 0 if self._back or read else self._boost
        return rank(time, stream.source.doublings + boost), id_ or LAST_ID  # nothing is read yet

    async def _read(self, stream: _Stream) -> dict[str, _Seen]:
        until = self._as_of if self._back else None
        stretch = Stretch(stream.at, forward_in_time=self._back, until=until)
        rows = await self._repository.find_glimpses(
            self._communities, stream.source, stretch, stream.size
        )
        stream.ended = len(rows) < stream.size
        if rows:
            stream.at = rows[-1].activity_time, rows[-1].id
        return {row.id: (row, row.activity_time) for row in rows}

    async def _find_changed(self) -> dict[str, _Seen]:
        """What has had new activity since the first page stays where it was then."""
        stretch = Stretch((self._as_of + _MOMENT, ""), forward_in_time=True)
        found = await asyncio.gather(
            *(
                self._repository.find_glimpses(
                    self._communities, source, stretch, _MOST_CHANGED, whole=True
                )
                for source in self._wanted.sources(FeedOrder.LATEST)
            )
        )
        rows = {row.id: row for some in found for row in some if row.create_time <= self._as_of}
        activities = await asyncio.gather(*map(self._find_former_activity, rows.values()))
        return {row.id: (row, at) for row, at in zip(rows.values(), activities, strict=True)}

    async def _find_former_activity(self, row: Glimpse) -> datetime:
        activity = row.activity_at(self._as_of)
        if activity is None:
            activity = await self._repository.find_activity(row, self._as_of)
        return activity

    async def _take(self, rows: Mapping[str, _Seen]) -> None:
        """With reason and rank, what is in the feed and beyond the page's beginning."""
        new = {id_: row for id_, row in rows.items() if id_ not in self._looked_at}
        self._looked_at.update(new)
        reasons = {
            id_: reason
            for id_, (topic, _) in new.items()
            if (reason := self._wanted.reason(topic)) is not None
        }
        if self.marks is not None and reasons:
            marks = await self._repository.find_marks(self._communities, self._person_id, reasons)
            self.marks.add(marks)
        for id_, reason in reasons.items():
            topic, activity = new[id_]
            doublings = 0
            if self.marks is not None:
                mark = self.marks.read.get(id_)
                unread = self._wanted.unread_at(topic, mark, self._as_of)
                doublings = DOUBLINGS[reason] + unread
            one = Ranked(rank(activity, doublings), topic, reason)
            if self._beyond(one):
                self._found[id_] = one

    def _beyond(self, one: Ranked) -> bool:
        if self._place is None:
            return True
        return one.place > self._place if self._back else one.place < self._place

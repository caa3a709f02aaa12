"""Who may go on: a place among those under way, points, and in a crowd only what is cheap."""

from __future__ import annotations

from collections import Counter

from chassis import telemetry
from chassis.errors import TooBusyError, UnavailableError
from gateway.portals.portal import Portal
from gateway.rate_limits import Rate, RateLimits, Spender, Standing

MOST = 200  # under way in this process
MOST_OF_ONE = 8  # of one person
CROWDED = 0.5  # of all places, from where on what is dear is refused
CHEAPEST = 10  # what costs no more is never refused for the crowd
# What one person may take of a portal's points where only the page's origin says that it is hers,
# which a script may say too: a tenth, or as much as somebody needs where that is less.
_SHARE, _ENOUGH = 10, 600
_ALL = ""


class NoPlaceError(UnavailableError):
    """Every place is taken."""

    @classmethod
    def reason(cls) -> str:
        """To clients as for one person's places: come back in a moment."""
        return TooBusyError.reason()


class OverloadedError(UnavailableError):
    """So many are under way that only cheaper operations are begun."""


class _Place:
    """A place for as long as it is entered; every request takes two."""

    __slots__ = ("_person_id", "_under_way")

    def __init__(self, under_way: Counter[str], person_id: str) -> None:
        self._under_way = under_way
        self._person_id = person_id

    def __enter__(self) -> None:
        taken = self._under_way[self._person_id]
        if self._person_id == _ALL:
            if taken >= MOST:
                raise NoPlaceError("too many requests at once", retry_after=1)
        elif taken >= MOST_OF_ONE:
            raise TooBusyError("too many requests of one person at once", retry_after=1)
        self._under_way[self._person_id] = taken + 1

    def __exit__(self, *_: object) -> None:
        self._under_way[self._person_id] -= 1
        if not self._under_way[self._person_id]:
            del self._under_way[self._person_id]


class Admission:
    """The places of this process, and the points of all."""

    def __init__(
        self, rates: RateLimits, member: Rate | None = None, anonymous: Rate | None = None
    ) -> None:
        self._rates = rates
        self.member = member  # of every person; None: as many as they like
        self.anonymous = anonymous  # of all together who are not signed in; likewise
        self._under_way: Counter[str] = Counter()

    def place(self, person_id: str = _ALL) -> _Place:
        """One of all places, or of a person's own; refuses with TOO_BUSY when it is entered."""
        return _Place(self._under_way, person_id)

    def admit(
        self,
        cost: int,
        most_cost: int,
        person_id: str,
        portal: Portal | None,
        *,
        by_client: bool = False,
    ) -> list[Standing]:
        """Take the operation's points of whoever asks, by whichever portal; none is given back.

        Nobody takes a portal's: who is not signed in may say to be anywhere.
        Refuses with OVERLOADED, RATE_LIMITED; then nothing was taken.
        """
        self._check_crowd(cost, most_cost)
        if not person_id:
            return []
        spenders = []
        if self.member is not None:
            spenders.append(Spender("member", person_id, self.member))
        if portal is not None:
            points = portal.points_per_minute
            if not by_client:
                share = Rate.a_minute(max(points // _SHARE, min(points, _ENOUGH)))
                spenders.append(Spender("share", f"{portal.id}/{person_id}", share))
            spenders.append(Spender("portal", portal.id, Rate.a_minute(points)))
        return self._rates.spend(spenders, cost)

    def admit_document(self, points: int, most_cost: int, person_id: str) -> None:
        """Take what it costs to parse a document, or to refuse it, before that is done.

        Refuses with OVERLOADED, RATE_LIMITED; then nothing was taken.
        """
        self._check_crowd(points, most_cost)
        kind = "member" if person_id else "anonymous"
        rate = self.member if person_id else self.anonymous
        if rate is not None:
            self._rates.spend([Spender(kind, person_id, rate)], points)

    def _check_crowd(self, cost: int, most_cost: int) -> None:
        if cost > (most := self.most_cost(most_cost)):
            telemetry.SHED.inc()
            raise OverloadedError(
                f"too many requests at once for one that costs {cost}; up to {most} are begun",
                retry_after=1,
            )

    def most_cost(self, most: int) -> int:
        """What an operation may cost now: all, and in a crowd ever less, the dearest first."""
        crowd = self._under_way[_ALL] / MOST
        if crowd <= CROWDED:
            return most
        left = (1 - crowd) / (1 - CROWDED)
        return max(round(most * left**2), CHEAPEST)

"""Points that people and portals may spend: a bucket each in every replica, which tell each other.

A bucket is kept as the moment at which it will be full again (GCRA). Every replica lets through at
the full rate and every 200 ms says over core NATS what it let through; the others take that from
their own buckets, so that together they let through little more than one would. While nothing is
heard, each lets through its share of what it last knew there to be.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import uuid4

from chassis import telemetry
from chassis.errors import ResourceExhaustedError
from chassis.values import value

SUBJECT = "gateway.points"
EVERY = 0.2  # seconds between two words to the others
SILENCE = 2.0  # seconds without a word, our own included, until we count on our share alone
_FORGOTTEN = 10.0  # seconds after its last word a replica counts no more
_MOST_BUCKETS = 100_000
_MOST_KEYS = 1_000  # a message

_log = logging.getLogger(__name__)


class RateLimitedError(ResourceExhaustedError):
    """More points than may be spent now; nothing was done."""

    standings: Sequence[Standing] = ()  # of all who were to pay


class Word(Protocol):
    """A core message."""

    data: bytes


class Gossip(Protocol):
    """What is needed of the bus."""

    async def until_connected(self) -> None:
        """Wait for the first connection."""

    async def nudge(self, subject: str, data: bytes = b"") -> None:
        """Send a core message."""

    def subscribed(
        self, subject: str, heard: Callable[[Word], Awaitable[None]]
    ) -> contextlib.AbstractAsyncContextManager[None]:
        """Hear core messages."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many points a minute, and so many at once."""

    points: int
    burst: int

    @classmethod
    def a_minute(cls, points: int) -> Rate:
        """With what twelve seconds give at once."""
        return cls(points, max(points // 5, 1))

    @property
    def a_second(self) -> float:
        """Points."""
        return self.points / 60


@value
class Spender:
    """Whose points: `kind` is the policy's name in the headers."""

    kind: str
    id: str
    rate: Rate

    @property
    def key(self) -> str:
        """Of the bucket."""
        return f"{self.kind}:{self.id}"


@value
class Standing:
    """What is left to a spender."""

    spender: Spender
    remaining: int
    reset: int  # seconds until all of the burst is there again

    def header(self) -> str:
        """A member of the RateLimit header."""
        return f'"{self.spender.kind}";r={self.remaining};t={self.reset}'

    def policy(self) -> str:
        """A member of the RateLimit-Policy header."""
        return f'"{self.spender.kind}";q={self.spender.rate.points};w=60'


class RateLimits:
    """The buckets of this process."""

    def __init__(self, bus: Gossip, *, now: Callable[[], float] = time.monotonic) -> None:
        self._bus = bus
        self._now = now
        self._name = uuid4().hex
        self._full_at: OrderedDict[str, float] = OrderedDict()
        # Since our last word: seconds that the full rate takes for it, and for the whole burst.
        self._spent: dict[str, tuple[float, float]] = {}
        self._heard: dict[str, float] = {}  # replica -> when; our own words come back too

    def spend(self, spenders: Sequence[Spender], points: int) -> list[Standing]:
        """Take the points from all of them, or from none. Refuses with RATE_LIMITED.

        What costs more than a whole burst is let through where the bucket is full.
        """
        now, share = self._now(), self._share()
        waits = [self._wait(spender, points, now, share) for spender in spenders]
        if (wait := max(waits, default=0.0)) > 0:
            spender = spenders[waits.index(wait)]
            telemetry.RATE_LIMITED.labels(spender.kind).inc()
            error = RateLimitedError(
                f"{points} points are more than the {spender.kind} has left of "
                f"{spender.rate.points} a minute",
                retry_after=wait,
            )
            error.standings = [
                self._standing(one, self._full_at.get(one.key, now), now, share) for one in spenders
            ]
            raise error
        for spender in spenders:
            a_second, key = spender.rate.a_second, spender.key
            self._take(key, points / (a_second * share), now)
            said, _ = self._spent.get(key, (0.0, 0.0))
            self._spent[key] = (said + points / a_second, spender.rate.burst / a_second)
        return [self._standing(one, self._full_at[one.key], now, share) for one in spenders]

    def _wait(self, spender: Spender, points: int, now: float, share: float) -> float:
        """Seconds until so many points are there."""
        a_second = spender.rate.a_second * share
        owing = max(self._full_at.get(spender.key, now) - now, 0.0)
        room = max(spender.rate.burst - points, 0) / a_second
        return max(owing - room, 0.0)

    def _take(self, key: str, seconds: float, now: float) -> None:
        self._full_at[key] = max(self._full_at.get(key, now), now) + seconds
        self._full_at.move_to_end(key)
        while len(self._full_at) > _MOST_BUCKETS:
            self._full_at.popitem(last=False)

    @staticmethod
    def _standing(spender: Spender, full_at: float, now: float, share: float) -> Standing:
        owing = max(full_at - now, 0.0)
        left = spender.rate.burst - owing * spender.rate.a_second * share
        return Standing(spender, max(int(left), 0), -int(-owing // 1))

    def _share(self) -> float:
        """1 while the others are heard; else one of those that there were."""
        now = self._now()
        if not self._heard or self._hears(now):
            return 1.0
        return 1 / len(self._heard)

    # -- the others

    async def run(self) -> None:
        """Tell and hear until cancelled."""
        await self._bus.until_connected()
        async with self._bus.subscribed(SUBJECT, self._hear):
            while True:
                await self._tell()
                await asyncio.sleep(EVERY * random.uniform(0.9, 1.1))  # noqa: S311 - not at once

    async def _tell(self) -> None:
        spent, self._spent = self._spent, {}
        keys = list(spent)
        for start in range(0, len(keys) or 1, _MOST_KEYS):
            some = {key: spent[key] for key in keys[start : start + _MOST_KEYS]}
            word = json.dumps({"replica": self._name, "spent": some})
            await self._bus.nudge(SUBJECT, word.encode())

    async def _hear(self, message: Word) -> None:
        try:
            word = json.loads(message.data)
            replica = str(word["replica"])
            spent = {str(key): (float(a), float(b)) for key, (a, b) in word["spent"].items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            _log.warning("a word about points that is none")
            return
        now = self._now()
        self._heard[replica] = now
        if self._hears(now):
            self._heard = {one: at for one, at in self._heard.items() if now - at <= _FORGOTTEN}
        if replica != self._name:
            for key, (seconds, burst) in spent.items():
                self._take(key, seconds, now)
                # A burst in debt at most: what all let through at once is not held against anyone
                # for long.
                self._full_at[key] = min(self._full_at[key], now + 2 * burst)

    def _hears(self, now: float) -> bool:
        return now - self._heard.get(self._name, float("-inf")) <= SILENCE


def headers(standings: Iterable[Standing]) -> list[tuple[bytes, bytes]]:
    """RateLimit and RateLimit-Policy, as the IETF's draft 11 of these header fields has them."""
    standings = list(standings)
    if not standings:
        return []
    return [
        (b"ratelimit", ", ".join(one.header() for one in standings).encode()),
        (b"ratelimit-policy", ", ".join(one.policy() for one in standings).encode()),
    ]

"""Points: what one may spend, alone and from several replicas that tell each other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import pytest

from chassis.messaging import Bus
from gateway import rate_limits
from gateway.rate_limits import Rate, RateLimitedError, RateLimits, Spender, Word, headers
from tests.system import until

RATE = Rate(points=600, burst=100)  # ten a second
EDDA = Spender("member", "edda", RATE)
PORTAL = Spender("portal", "partners", Rate(points=1200, burst=150))


@dataclass
class Clock:
    """Stands still until it is moved."""

    at: float = 1000.0

    def __call__(self) -> float:
        return self.at


@dataclass
class Said:
    """A core message."""

    data: bytes


@dataclass
class Air:
    """A bus that gives every word to everybody who listens, unless it is cut."""

    heard: list[Callable[[Word], Awaitable[None]]] = field(default_factory=list)
    cut: bool = False

    async def until_connected(self) -> None:
        """It is."""

    async def nudge(self, subject: str, data: bytes = b"") -> None:
        """Say."""
        assert subject == rate_limits.SUBJECT
        if not self.cut:
            for one in self.heard:
                await one(Said(data))

    @asynccontextmanager
    async def subscribed(
        self, _: str, heard: Callable[[Word], Awaitable[None]]
    ) -> AsyncIterator[None]:
        """Hear."""
        self.heard.append(heard)
        yield


def spent(limits: RateLimits, spender: Spender = EDDA, *, each: int = 10) -> int:
    """How many points are let through until they are refused."""
    total = 0
    while True:
        try:
            limits.spend([spender], each)
        except RateLimitedError:
            return total
        total += each


def test_burst_then_the_rate() -> None:
    clock = Clock()
    limits = RateLimits(Air(), now=clock)
    assert spent(limits) == 100
    with pytest.raises(RateLimitedError) as refusal:
        limits.spend([EDDA], 30)
    assert refusal.value.retry_after == pytest.approx(3.0)
    clock.at += 2.9
    with pytest.raises(RateLimitedError):
        limits.spend([EDDA], 30)
    clock.at += 0.1
    (standing,) = limits.spend([EDDA], 30)
    assert (standing.remaining, standing.reset) == (0, 10)
    clock.at += 60
    assert spent(limits) == 100  # no more than a burst is ever saved


def test_what_costs_more_than_a_burst_waits_for_a_full_bucket() -> None:
    clock = Clock()
    limits = RateLimits(Air(), now=clock)
    (standing,) = limits.spend([EDDA], 130)
    assert standing.remaining == 0
    with pytest.raises(RateLimitedError) as refusal:
        limits.spend([EDDA], 130)
    assert refusal.value.retry_after == pytest.approx(13.0)


def test_all_spenders_or_none() -> None:
    limits = RateLimits(Air(), now=Clock())
    assert spent(limits) == 100
    for _ in range(3):
        with pytest.raises(RateLimitedError, match="the member has left"):
            limits.spend([EDDA, PORTAL], 10)
    assert spent(limits, PORTAL) == 150  # nothing was taken from it


def test_a_refusal_tells_how_all_spenders_stand_and_takes_nothing() -> None:
    clock = Clock()
    limits = RateLimits(Air(), now=clock)
    limits.spend([EDDA], 95)
    stand = [
        (b"ratelimit", b'"member";r=5;t=10, "portal";r=150;t=0'),
        (b"ratelimit-policy", b'"member";q=600;w=60, "portal";q=1200;w=60'),
    ]
    for _ in range(2):
        with pytest.raises(RateLimitedError) as refusal:
            limits.spend([EDDA, PORTAL], 10)
        assert headers(refusal.value.standings) == stand
    assert set(limits._full_at) == {EDDA.key}  # who is refused makes no bucket
    clock.at += 0.5
    assert headers(limits.spend([EDDA, PORTAL], 10))[0] == (
        b"ratelimit",
        b'"member";r=0;t=10, "portal";r=140;t=1',
    )


def test_headers_are_structured_fields() -> None:
    limits = RateLimits(Air(), now=Clock())
    assert headers([]) == []
    assert headers(limits.spend([EDDA, PORTAL], 15)) == [
        (b"ratelimit", b'"member";r=85;t=2, "portal";r=135;t=1'),
        (b"ratelimit-policy", b'"member";q=600;w=60, "portal";q=1200;w=60'),
    ]


async def test_replicas_let_through_little_more_than_one() -> None:
    """A flood on three at once, a word every 200 ms: 5 % more in the trial before the code."""
    clock, air = Clock(), Air()
    replicas = [RateLimits(air, now=clock) for _ in range(3)]
    for one in replicas:
        air.heard.append(one._hear)
    total, seconds = 0, 30
    for _ in range(seconds * 5):
        total += sum(spent(one, each=1) for one in replicas)
        for one in replicas:
            await one._tell()
        clock.at += rate_limits.EVERY
    # The burst goes through in each at once, before a word; then the rate, and the debt is paid.
    fair = RATE.burst + RATE.a_second * seconds
    assert fair <= total <= 1.25 * fair


async def test_whoever_was_elsewhere_before_brings_what_was_spent_there() -> None:
    clock, air = Clock(), Air()
    here, there = RateLimits(air, now=clock), RateLimits(air, now=clock)
    air.heard += [here._hear, there._hear]
    assert spent(here) == 100
    await here._tell()
    assert spent(there) == 0


async def test_without_a_word_each_has_its_share() -> None:
    clock, air = Clock(), Air()
    replicas = [RateLimits(air, now=clock) for _ in range(2)]
    air.heard += [one._hear for one in replicas]
    for one in replicas:
        await one._tell()
    air.cut = True
    clock.at += rate_limits.SILENCE + 60
    assert [spent(one) for one in replicas] == [100, 100]  # bursts are small
    clock.at += 10
    assert [spent(one) for one in replicas] == [50, 50]  # of a hundred in ten seconds
    air.cut = False
    for one in replicas:
        await one._tell()
    clock.at += 60
    assert spent(replicas[0]) == 100


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"[]", b"{}", b'{"replica": "x", "spent": {"member:edda": ["a", 1]}}']
)
async def test_a_word_that_is_none_changes_nothing(data: bytes) -> None:
    limits = RateLimits(Air(), now=Clock())
    await limits._hear(Said(data))
    assert spent(limits) == 100


async def test_over_real_nats(nats_url: str) -> None:
    async with AsyncExitStack() as stack:
        replicas = []
        for name in ("one", "two"):
            bus = Bus(nats_url, name=name)
            bus.start()
            stack.push_async_callback(bus.close)
            limits = RateLimits(bus)
            task = asyncio.create_task(limits.run())
            stack.push_async_callback(asyncio.wait, [task])
            stack.callback(task.cancel)
            replicas.append(limits)
        here, there = replicas

        async def known() -> list[int]:
            return [len(one._heard) for one in replicas]

        await until(known, lambda each: each == [2, 2])
        slow = Spender("member", "slow", Rate(points=60, burst=1000))
        here.spend([slow], 500)

        async def left() -> int:
            return there.spend([slow], 0)[0].remaining

        assert await until(left, lambda points: points < 900) >= 500


def test_words_hold_no_more_than_ids() -> None:
    """What goes over the bus: the key of the bucket and numbers."""
    limits = RateLimits(Air(), now=Clock())
    limits.spend([EDDA], 10)
    assert json.loads(json.dumps(limits._spent)) == {"member:edda": [1.0, 10.0]}

"""How long the list of topics takes at 70 % of the most requests a second that were found.

Requests come when they come, not when the last one was answered: each is counted from when it was
due, so that waiting for a connection is waiting, too.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.asking import BadAnswerError, Line, repeat
from bench.contents import MANAGER, READER, Contents
from bench.measuring import Spent
from bench.operations import compared
from bench.running import Running

PEOPLE = (READER, "both@kestrel.example", MANAGER)
LINES = 8  # of each: what the gateway takes of one person at once
ROUNDS = 3
SHARE = 0.7
_TRIED = 1_000  # requests of a round that looks for the most
_SECONDS = 12.0  # of a round at a rate


@dataclass(slots=True)
class Answered:
    """What came of requests at a rate."""

    waits: list[float] = field(default_factory=list)  # seconds from due to answered
    errors: list[str] = field(default_factory=list)

    def quantile(self, share: float) -> float:
        """Seconds in which this share was answered."""
        return sorted(self.waits)[int(share * (len(self.waits) - 1))]


@dataclass(frozen=True, slots=True)
class Found:
    """The figures of one run."""

    most: list[float]  # requests a second, round by round
    rate: float
    rounds: list[Answered]
    spent: Spent  # at the rate
    busy: float  # of all processors, at the rate


async def measure(running: Running, contents: Contents, rounds: int = ROUNDS) -> Found:
    """The most first, with all connections always busy; then the rate."""
    (body,) = compared(contents)["list"]
    lines = [line for person in PEOPLE for line in running.lines(person, LINES)]
    await repeat(lines, itertools.repeat(body), _TRIED)  # warm
    most = []
    for _ in range(rounds):
        began = time.monotonic()
        await repeat(lines, itertools.repeat(body), _TRIED)
        most.append(_TRIED / (time.monotonic() - began))
    rate = SHARE * statistics.median(most)
    answered, spent = [], Spent()
    for seed in range(rounds):
        before = running.watched.cpu()
        answered.append(await at_rate(lines, body, rate, _SECONDS, random.Random(seed)))
        spent.add(before, running.watched.cpu(), len(answered[-1].waits))
    for line in lines:
        line.close()
    return Found(most, rate, answered, spent, spent.total / 1000 * rate)


async def at_rate(
    lines: Sequence[Line], body: bytes, rate: float, seconds: float, random_: random.Random
) -> Answered:
    """Requests at random moments, so many a second; how long each took from when it was due."""
    free: asyncio.Queue[Line] = asyncio.Queue()
    for line in lines:
        free.put_nowait(line)
    answered = Answered()

    async def ask(due: float) -> None:
        line = await free.get()
        try:
            await line.ask(body)
            answered.waits.append(time.monotonic() - due)
        except BadAnswerError as error:
            answered.errors.append(f"{error!r:.300}")
        free.put_nowait(line)

    begun = due = time.monotonic()
    async with asyncio.TaskGroup() as under_way:
        while (due := due + random_.expovariate(rate)) < begun + seconds:
            if (early := due - time.monotonic()) > 0:
                await asyncio.sleep(early)
            under_way.create_task(ask(due))
    return answered


def report(found: Found) -> list[str]:
    """The section's lines."""
    gateway = found.spent.of("gateway")
    behind = found.spent.total - gateway
    p50, p99 = (
        statistics.median(one.quantile(share) for one in found.rounds) for share in (0.5, 0.99)
    )
    worst = max(max(one.waits) for one in found.rounds)
    errors = [error for one in found.rounds for error in one.errors]
    asked = sum(len(one.waits) for one in found.rounds) + len(errors)
    return [
        f"The list of 20 topics, {LINES * len(PEOPLE)} connections of {len(PEOPLE)} people, one "
        "gateway and one of each service; who asks runs on the same processors. The most is what "
        f"all connections get that never wait, the median of {len(found.most)} rounds of {_TRIED} "
        f"requests. Then {len(found.rounds)} rounds of {_SECONDS:g} s of requests at random "
        f"moments (Poisson), {100 * SHARE:g} % as many: each is counted from when it was due. "
        f"**Errors: {len(errors)}.**",
        *(f"- {error}" for error in errors[:3]),
        "",
        "| | |",
        "| --- | --- |",
        f"| the most found | {statistics.median(found.most):.0f} a second |",
        f"| asked | {found.rate:.0f} a second, {asked:,} in all |",
        f"| **p50** | **{1000 * p50:.1f} ms** |",
        f"| **p99** | **{1000 * p99:.1f} ms** |",
        f"| the longest | {1000 * worst:.0f} ms |",
        f"| CPU a request, gateway | {gateway:.2f} ms |",
        f"| CPU a request, services and engines | {behind:.2f} ms |",
        f"| processors busy with it, who asks left out | {found.busy:.2f} |",
    ]

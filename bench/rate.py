"""How long each operation takes at 70 % of the most requests a second that were found.

Requests come when they come, not when the last one was answered: each is counted from when it was
due, so that waiting for a connection is waiting, too.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bench.asking import BadAnswerError, Line, repeat
from bench.contents import MANAGER, READER, Contents
from bench.measuring import Spent
from bench.operations import COMPARED, compared
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
    """The figures of one operation."""

    most: list[float]  # requests a second, round by round
    rate: float
    rounds: list[Answered]
    spent: Spent  # at the rate

    def quantile(self, share: float) -> float:
        """Milliseconds in which this share was answered; the median of the rounds."""
        return 1000 * statistics.median(one.quantile(share) for one in self.rounds)

    @property
    def errors(self) -> list[str]:
        """Of all rounds."""
        return [error for one in self.rounds for error in one.errors]

    def column(self) -> list[str]:
        """As ROWS."""
        gateway = self.spent.of("gateway")
        return [
            f"{statistics.median(self.most):.0f}",
            f"{self.rate:.0f}",
            f"**{self.quantile(0.5):.1f}**",
            f"**{self.quantile(0.99):.1f}**",
            f"{1000 * max(max(one.waits) for one in self.rounds):.0f}",
            f"{gateway:.2f}",
            f"{self.spent.total - gateway:.2f}",
            f"{self.spent.total / 1000 * self.rate:.2f}",
        ]


ROWS = (
    "the most found, a second",
    "asked, a second",
    "**p50, ms**",
    "**p99, ms**",
    "the longest, ms",
    "ms of CPU a request, gateway",
    "ms of CPU a request, services and engines",
    "processors busy with it, who asks left out",
)


async def measure(running: Running, contents: Contents, rounds: int = ROUNDS) -> dict[str, Found]:
    """Of each operation the most first, with all connections always busy; then the rate."""
    lines = [line for person in PEOPLE for line in running.lines(person, LINES)]
    found = {}
    for name, bodies in compared(contents).items():
        found[name] = await _measure(running, lines, itertools.cycle(bodies), rounds)
    for line in lines:
        line.close()
    return found


async def _measure(
    running: Running, lines: list[Line], bodies: Iterator[bytes], rounds: int
) -> Found:
    await repeat(lines, bodies, _TRIED)  # warm
    most = []
    for _ in range(rounds):
        began = time.monotonic()
        await repeat(lines, bodies, _TRIED)
        most.append(_TRIED / (time.monotonic() - began))
    rate = SHARE * statistics.median(most)
    answered, spent = [], Spent()
    for seed in range(rounds):
        before = running.watched.cpu()
        answered.append(await at_rate(lines, bodies, rate, _SECONDS, random.Random(seed)))
        spent.add(before, running.watched.cpu(), len(answered[-1].waits))
    return Found(most, rate, answered, spent)


async def at_rate(
    lines: Sequence[Line],
    bodies: Iterator[bytes],
    rate: float,
    seconds: float,
    random_: random.Random,
) -> Answered:
    """Requests at random moments, so many a second; how long each took from when it was due."""
    free: asyncio.Queue[Line] = asyncio.Queue()
    for line in lines:
        free.put_nowait(line)
    answered = Answered()

    async def ask(due: float) -> None:
        line = await free.get()
        try:
            await line.ask(next(bodies))
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


def report(found: dict[str, Found]) -> list[str]:
    """The section's lines."""
    errors = [error for one in found.values() for error in one.errors]
    asked = sum(len(part.waits) for one in found.values() for part in one.rounds) + len(errors)
    columns = [one.column() for one in found.values()]
    return [
        f"{LINES * len(PEOPLE)} connections of {len(PEOPLE)} people, one gateway and one of each "
        "service; who asks runs on the same processors. The most is what all connections get that "
        f"never wait, the median of rounds of {_TRIED} requests. Then rounds of {_SECONDS:g} s of "
        f"requests at random moments (Poisson), {100 * SHARE:g} % as many: each is counted from "
        f"when it was due. {asked:,} in all; **errors: {len(errors)}.**",
        *(f"- {error}" for error in errors[:3]),
        "",
        f"| | {' | '.join(COMPARED[name] for name in found)} |",
        f"| --- |{' --- |' * len(found)}",
        *(
            f"| {row} | {' | '.join(column[number] for column in columns)} |"
            for number, row in enumerate(ROWS)
        ),
    ]

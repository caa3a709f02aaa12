"""Minutes of mixed load over the four operations: no error, and memory that stays flat.

What is to stay flat is memory of the programs' own: pages of files that they map are the kernel's
cache, which grows with what was read and is taken back when somebody needs it. Both are told.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.asking import BadAnswerError, Line
from bench.contents import MANAGER, Contents
from bench.operations import NAMES, bodies
from bench.running import Running

LINES = 6
MIX = {"category": 3, "topic": 4, "search": 2, "feed": 1, "reply": 1}
WARM = 0.2  # of the time, until memory is expected to be flat: 2 minutes of 10
EVERY = 2.0  # seconds between looks at memory
WINDOW = 0.05  # of the time, over which memory is taken
MOST_GROWTH = 0.05


@dataclass
class Found:
    """What was done, and the memory of each program over time."""

    seconds: float
    posts: int
    done: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    own: list[tuple[float, dict[str, int]]] = field(default_factory=list)
    resident: list[tuple[float, dict[str, int]]] = field(default_factory=list)

    def line(self, program: str) -> str:
        """A row of the table."""
        cells = [program]
        for looks in (self.own, self.resident):
            first, last = (
                self._around(looks, moment, program)
                for moment in (WARM * self.seconds, self.seconds)
            )
            mark = "**" if looks is self.own else ""
            growth = f"{mark}{100 * (last / first - 1):+.1f} %{mark}"
            cells += [f"{first:.0f}", f"{last:.0f}", growth]
        return f"| {' | '.join(cells)} |"

    def _around(
        self, looks: list[tuple[float, dict[str, int]]], moment: float, program: str
    ) -> float:
        """Megabytes at a time, as the median of a window before it."""
        return statistics.median(
            one[program] / 1e6
            for at, one in looks
            if moment - WINDOW * self.seconds - EVERY <= at <= moment + EVERY
        )


async def measure(running: Running, contents: Contents, posts: int, seconds: float) -> Found:
    """All lines busy all the time."""
    found = Found(seconds, posts)
    lines = running.lines(MANAGER, LINES)
    began = time.monotonic()
    looking = asyncio.create_task(_look(running, found, began))
    await asyncio.gather(
        *(_keep_asking(line, contents, found, number, began) for number, line in enumerate(lines))
    )
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    for line in lines:
        line.close()
    await running.at_rest()
    return found


async def _keep_asking(
    line: Line, contents: Contents, found: Found, number: int, began: float
) -> None:
    asked = {name: bodies(name, contents, 1000 + number) for name in NAMES}
    for name in _mixed(number):
        if time.monotonic() - began >= found.seconds:
            return
        try:
            await line.ask(next(asked[name]))
            found.done[name] += 1
        except (BadAnswerError, OSError, asyncio.IncompleteReadError) as error:
            found.errors.append(f"{name}: {error!r:.300}")
            line.close()


def _mixed(seed: int) -> Iterator[str]:
    random_ = random.Random(seed)
    names = list(itertools.chain.from_iterable([name] * share for name, share in MIX.items()))
    while True:
        yield random_.choice(names)


async def _look(running: Running, found: Found, began: float) -> None:
    while True:
        for looks, look in (
            (found.own, running.watched.own_memory),
            (found.resident, running.watched.memory),
        ):
            memory = await asyncio.to_thread(look)
            looks.append((time.monotonic() - began, {**memory, "all": sum(memory.values())}))
        await asyncio.sleep(EVERY)


def report(found: Found) -> list[str]:
    """The section's lines."""
    done = ", ".join(f"{found.done[name]:,} x {title}" for name, title in NAMES.items())
    warm = WARM * found.seconds
    return [
        f"{found.seconds / 60:g} minutes at {found.posts:,} posts, {LINES} connections that never "
        f"wait: {done}; {sum(found.done.values()) / found.seconds:.0f} a second. "
        f"**Errors: {len(found.errors)}.**",
        *(f"- {error}" for error in found.errors[:5]),
        "",
        f"Own memory is what is not pages of files; goal: within {100 * MOST_GROWTH:g} %. Warm is "
        f"after {warm / 60:g} minutes. OpenSearch touches its whole heap when it starts "
        "(`-XX:+AlwaysPreTouch`), which it would else do little by little up to the same bound.",
        "",
        "| MB | own, warm | own, at the end | **growth** | resident, warm | at the end | growth |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *(found.line(program) for program in found.own[0][1]),
    ]

"""The whole system: CPU of all processes and engines an operation, with few and with many posts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.asking import repeat
from bench.contents import MANAGER, Contents
from bench.measuring import Spent, ratio
from bench.operations import NAMES, bodies
from bench.running import Running

ROUNDS = 5
OPERATIONS = {  # a round and size
    "category": 80,
    "topic": 80,
    "search": 80,
    "feed": 80,
    "reply": 240,
    "crowd": 640,
    "unread": 80,
}
LINES, CROWD = 4, 64
ALL = {
    **{name: title for name, title in NAMES.items() if name != "reply"},
    "crowd": f"reply, {CROWD} writers at once",
    "reply": NAMES["reply"],  # when the JVM has compiled how replies are indexed
    "unread": "feed page, more than 100 unread replies in each topic",
}
# Asked before it is measured. The JVM compiles for as long, beside all others: of a million posts
# the first thousand searches take 13 ms of OpenSearch's each, the sixteenth 3.1, the 24th 2.8.
WARM = {"search": 24_000, "crowd": 4_000}
AT_REST = 5.0  # seconds the background is looked at
MOST_GROWTH = 1.3
_MOST_SETTLING = 30  # seconds


@dataclass
class Found:
    """Of one size."""

    posts: int
    spent: dict[str, Spent] = field(default_factory=lambda: {name: Spent() for name in ALL})
    background: dict[str, float] = field(default_factory=dict)  # CPU seconds a second, at rest
    at_rest: dict[str, int] = field(default_factory=dict)  # bytes
    after: dict[str, int] = field(default_factory=dict)


async def measure(
    systems: list[tuple[int, Running, Contents]], rounds: int = ROUNDS
) -> list[Found]:
    """The sizes in turn, within each operation."""
    found = [Found(posts) for posts, _, _ in systems]
    for one, (_, running, _) in zip(found, systems, strict=True):
        one.at_rest = running.watched.memory()
        one.background = await idle(running)
    for name in ALL:
        for number in range(rounds + 1):
            for one, (_, running, contents) in zip(found, systems, strict=True):
                spent = Spent() if number == 0 else one.spent[name]  # the first only warms up
                await _round(name, running, contents, number, one, spent)
            if number == 0:
                await asyncio.gather(
                    *(
                        _settled(running, one)
                        for one, (_, running, _) in zip(found, systems, strict=True)
                    )
                )
        totals = ", ".join(f"{one.spent[name].total:.1f}" for one in found)
        print(f"  {ALL[name]}: {totals} ms", flush=True)
    for one, (_, running, _) in zip(found, systems, strict=True):
        one.after = running.watched.memory()
    return found


async def _round(
    name: str, running: Running, contents: Contents, number: int, found: Found, spent: Spent
) -> None:
    times = OPERATIONS[name] if number else WARM.get(name, OPERATIONS[name])
    spent.add(*await took(name, running, contents, number, times, found.background), times)


async def _settled(running: Running, found: Found) -> None:
    """Until nothing goes on but what always does: compilers go on for a while."""
    usual = sum(found.background.values())
    for _ in range(_MOST_SETTLING):
        if sum((await idle(running, 1.0)).values()) <= 1.5 * usual + 0.03:
            return


async def idle(running: Running, seconds: float = AT_REST) -> dict[str, float]:
    """CPU seconds a second that each program takes when nobody asks for anything."""
    before = running.watched.cpu()
    await asyncio.sleep(seconds)
    return {name: (cpu - before[name]) / seconds for name, cpu in running.watched.cpu().items()}


async def took(
    name: str,
    running: Running,
    contents: Contents,
    number: int,
    times: int,
    background: Mapping[str, float],
) -> tuple[dict[str, float], dict[str, float]]:
    """CPU seconds of each program before and after so many operations, and what follows from them.

    What the system does anyway in that time is no part of it: it is in the seconds before.
    """
    lines = running.crowd(CROWD) if name == "crowd" else running.lines(MANAGER, LINES)
    before, began = running.watched.cpu(), time.monotonic()
    await repeat(lines, bodies("feed" if name == "unread" else name, contents, number), times)
    if name in ("reply", "crowd"):
        await running.at_rest()  # what follows from a reply is part of its price
    after, seconds = running.watched.cpu(), time.monotonic() - began
    for line in lines:
        line.close()
    return {part: cpu + seconds * background[part] for part, cpu in before.items()}, after


def report(found: list[Found]) -> list[str]:
    """The section's lines."""
    small, *_, large = found
    names = list(small.spent["reply"].names)
    lines = [
        f"{len(small.spent['reply'].rounds)} rounds, {LINES} connections, sizes in turn; CPU of "
        "all processes and engines, less what the system at rest uses in the same time. A reply "
        "counts until its domain events are heard, it is indexed, and nothing more is said.",
        "",
        f"| ms of CPU an operation | {small.posts:,} posts | {large.posts:,} posts | **growth** "
        "| goal |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, title in ALL.items():
        few, many = small.spent[name], large.spent[name]
        growth = ratio(many.totals, few.totals)
        lines.append(
            f"| {title} | {few.total:.1f} | {many.total:.1f} | **{growth:.2f}** "
            f"| <= {MOST_GROWTH:g} |"
        )
    lines += ["", "By process (medians; few / many posts):", ""]
    lines += [f"| | {' | '.join(ALL.values())} |", f"| --- |{' --- |' * len(ALL)}"]
    for part in names:
        cells = " | ".join(
            f"{small.spent[name].of(part):.1f} / {large.spent[name].of(part):.1f}" for name in ALL
        )
        lines.append(f"| {part} | {cells} |")
    lines += ["", "Memory (resident, MB) and CPU at rest; few / many posts:", ""]
    lines += ["| | at rest | after | CPU at rest, ms a second |", "| --- | --- | --- | --- |"]
    for part in [*names, "all"]:
        cells = " | ".join(
            f"{_of(part, few):.0f} / {_of(part, many):.0f}"
            for few, many in (
                (_megabytes(small.at_rest), _megabytes(large.at_rest)),
                (_megabytes(small.after), _megabytes(large.after)),
                (_milli(small.background), _milli(large.background)),
            )
        )
        lines.append(f"| {part} | {cells} |")
    return lines


def _of(part: str, values: dict[str, float]) -> float:
    return sum(values.values()) if part == "all" else values[part]


def _megabytes(memory: dict[str, int]) -> dict[str, float]:
    return {name: bytes_ / 1e6 for name, bytes_ in memory.items()}


def _milli(background: dict[str, float]) -> dict[str, float]:
    return {name: 1000 * cpu for name, cpu in background.items()}

"""Posts imported into a new system, from the first RPC until search has the last of them."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field

from bench.contents import THREAD, Filling
from bench.measuring import Spent
from bench.running import Running

WARM = 200 * THREAD  # posts before it is measured: the JVM compiles for as long
ROUNDS, ROUND = 4, 450 * THREAD  # with those, 22,000 posts


@dataclass
class Found:
    """What came of it, round by round."""

    spent: Spent = field(default_factory=Spent)  # a post
    imported: list[float] = field(default_factory=list)  # posts a second until the last RPC
    indexed: list[float] = field(default_factory=list)  # until all of them are indexed


async def measure(running: Running) -> Found:
    """Round by round into the same system, which grows."""
    filling, found = Filling(running), Found()
    manager, contents = await filling.manager(), await filling.contents()
    await filling.imported(contents, WARM, manager)
    await running.at_rest()
    for number in range(1, ROUNDS + 1):
        before, began = running.watched.cpu(), time.monotonic()
        await filling.imported(contents, WARM + number * ROUND, manager)
        stored = time.monotonic()
        indexed = await running.at_rest()
        found.spent.add(before, running.watched.cpu(), ROUND)
        found.imported.append(ROUND / (stored - began))
        found.indexed.append(ROUND / (max(indexed, stored) - began))
    await filling.close()
    return found


def report(found: Found) -> list[str]:
    """The section's lines."""
    stored, indexed = map(statistics.median, (found.imported, found.indexed))
    return [
        f"ImportPosts of whole threads into a new system, {ROUNDS} rounds of {ROUND:,} posts after "
        f"{WARM:,} that warm up; medians. A round ends when its domain events are heard, its posts "
        "are indexed and nothing more is said; what the system does at rest is counted with it.",
        "",
        "| | |",
        "| --- | --- |",
        f"| stored | {stored:.0f} posts a second |",
        f"| **indexed** | **{indexed:.0f} posts a second** |",
        f"| CPU a post, all processes and engines | {found.spent.total:.2f} ms |",
        *(f"| {name} | {found.spent.of(name):.2f} ms |" for name in found.spent.names),
    ]

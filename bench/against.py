"""What a change is worth: the whole system of this checkout and of another one, asked in turn.

    OTHER=/path/of/another/checkout make bench ONLY=against

The other one, with `make setup` done there, is asked by this file as well, through its own `bench`:

    python -P bench/against.py FOLDER    # operations on standard input, what they took on output
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeAlias

import uvloop

from bench.contents import FEW, Filling
from bench.measuring import Spent, ratio
from bench.running import Running
from bench.whole import ALL, OPERATIONS, WARM, idle, took

ROUNDS = 8
_CHECKOUT = Path(__file__).parents[1]
# Replies first: the feed is then of somebody who has written, and has something unread.
_ORDER = ("crowd", "reply", "category", "topic", "feed", "search")
_Took: TypeAlias = list[dict[str, float]]  # CPU seconds by program, before and after


class _Side:
    """A system that another process runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def says(self) -> _Took:
        """The next answer; what the other process tells of its progress is passed on."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("["):
                found: _Took = json.loads(line)
                return found
            print(f"  {line.rstrip()}", flush=True)
        raise RuntimeError("a side has ended")

    def ask(self, operation: str, times: int) -> _Took:
        """What so many of them take."""
        assert self._process.stdin is not None
        print(operation, times, file=self._process.stdin, flush=True)
        return self.says()


@contextmanager
def _side(checkout: Path) -> Iterator[_Side]:
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [checkout / ".venv/bin/python", "-P", "-u", __file__, folder],
            cwd=checkout,
            env={**os.environ, "PYTHONPATH": f"{checkout}:{checkout / 'protos/gen'}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield _Side(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()


def measure(other: Path) -> dict[str, tuple[Spent, Spent]]:
    """Of the other checkout and of this one, by operation."""
    found = {name: (Spent(), Spent()) for name in _ORDER}
    with ExitStack() as stack:
        sides = [stack.enter_context(_side(one)) for one in (other.resolve(), _CHECKOUT)]
        for side in sides:
            side.says()
        for name, spent in found.items():
            times = OPERATIONS[name]
            for side in sides:
                side.ask(name, WARM.get(name, times))
            for number in range(ROUNDS):
                for which in (0, 1) if number % 2 else (1, 0):
                    began, ended = sides[which].ask(name, times)
                    spent[which].add(began, ended, times)
            before, after = spent
            print(f"  {ALL[name]}: {before.total:.1f}, {after.total:.1f} ms", flush=True)
    return found


def report(other: Path, found: dict[str, tuple[Spent, Spent]]) -> list[str]:
    """The section's lines."""
    commit = subprocess.run(
        ["git", "-C", other, "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    lines = [
        f"{ROUNDS} rounds, the systems in turn within each, {FEW:,} posts in both; CPU of all "
        f"processes and engines, as in the whole system. Before: commit {commit}.",
        "",
        "| ms of CPU an operation | before | after | **after : before** |",
        "| --- | --- | --- | --- |",
    ]
    for name, (before, after) in found.items():
        lines.append(
            f"| {ALL[name]} | {before.total:.1f} | {after.total:.1f} "
            f"| **{ratio(after.totals, before.totals):.2f}** |"
        )
    lines += ["", "By process (medians; before / after):", ""]
    lines += [f"| | {' | '.join(ALL[name] for name in found)} |"]
    lines += [f"| --- |{' --- |' * len(found)}"]
    for part in next(iter(found.values()))[0].names:
        cells = " | ".join(
            f"{before.of(part):.1f} / {after.of(part):.1f}" for before, after in found.values()
        )
        lines.append(f"| {part} | {cells} |")
    return lines


async def _serve(running: Running) -> None:
    contents = await Filling(running).fill(FEW)
    await running.at_rest()
    background = await idle(running)
    print("[]", flush=True)
    loop, number = asyncio.get_running_loop(), 0
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        name, times = line.split()
        number += 1
        spent = await took(name, running, contents, number, int(times), background)
        print(json.dumps(spent), flush=True)


def main() -> None:
    """One side, until standard input ends."""
    running = Running(Path(sys.argv[1]))
    running.start()
    try:
        uvloop.run(_serve(running))
    finally:
        running.stop()


if __name__ == "__main__":
    main()

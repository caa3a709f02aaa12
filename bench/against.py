"""What a change is worth: the whole system of this checkout and of another one, asked in turn.

    OTHER=/path/of/another/checkout make bench ONLY=against

The other one, with `make setup` done there, is asked by this file as well:

    python -P bench/against.py FOLDER    # operations on standard input, what they took on output
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import uvloop

from bench.asking import repeat
from bench.contents import MANAGER, Contents, Filling
from bench.measuring import Spent, ratio
from bench.operations import NAMES, bodies
from bench.running import Running

ROUNDS = 8
POSTS = 11_000
_CHECKOUT = Path(__file__).parents[1]
_WRITERS = 64
# Replies first: the feed is then of somebody who has written, and has something unread.
OPERATIONS = {"reply": 60, "crowd": 640, "category": 80, "topic": 80, "feed": 80, "search": 80}
TITLES = {**NAMES, "crowd": f"reply, {_WRITERS} writers at once"}
WARM = {"search": 4000}


class _Side:
    """A system that another process runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def says(self) -> dict[str, float]:
        """The next answer; what the other process tells of its progress is passed on."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                found: dict[str, float] = json.loads(line)
                return found
            print(f"  {line.rstrip()}", flush=True)
        raise RuntimeError("a side has ended")

    def ask(self, operation: str, times: int) -> dict[str, float]:
        """CPU seconds by program, less what the system at rest takes in that time."""
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
    found = {name: (Spent(), Spent()) for name in OPERATIONS}
    with ExitStack() as stack:
        sides = [stack.enter_context(_side(one)) for one in (other.resolve(), _CHECKOUT)]
        for side in sides:
            side.says()
        for name, times in OPERATIONS.items():
            for side in sides:
                side.ask(name, WARM.get(name, times))
            for number in range(ROUNDS):
                order = (0, 1) if number % 2 else (1, 0)
                for which in order:
                    took = sides[which].ask(name, times)
                    found[name][which].add(dict.fromkeys(took, 0.0), took, times)
            before, after = found[name]
            print(f"  {TITLES[name]}: {before.total:.1f}, {after.total:.1f} ms", flush=True)
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
        f"{ROUNDS} rounds, the systems in turn within each, {POSTS:,} posts in both; CPU of all "
        f"processes and engines, as in the whole system. Before: commit {commit}.",
        "",
        "| ms of CPU an operation | before | after | **after : before** |",
        "| --- | --- | --- | --- |",
    ]
    for name, (before, after) in found.items():
        lines.append(
            f"| {TITLES[name]} | {before.total:.1f} | {after.total:.1f} "
            f"| **{ratio(after.totals, before.totals):.2f}** |"
        )
    lines += ["", "By process (medians; before / after):", ""]
    lines += [f"| | {' | '.join(TITLES[name] for name in found)} |"]
    lines += [f"| --- |{' --- |' * len(found)}"]
    for part in next(iter(found.values()))[0].names:
        cells = " | ".join(
            f"{before.of(part):.1f} / {after.of(part):.1f}" for before, after in found.values()
        )
        lines.append(f"| {part} | {cells} |")
    return lines


async def _serve(running: Running) -> None:
    contents = await Filling(running).fill(POSTS)
    await running.at_rest()
    before, began = running.watched.cpu(), time.monotonic()
    await asyncio.sleep(5.0)
    seconds = time.monotonic() - began
    idle = {name: (cpu - before[name]) / seconds for name, cpu in running.watched.cpu().items()}
    print("{}", flush=True)
    loop, number = asyncio.get_running_loop(), 0
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        name, times = line.split()
        number += 1
        took = await _asked(running, contents, name, int(times), number, idle)
        print(json.dumps(took), flush=True)


async def _asked(
    running: Running,
    contents: Contents,
    name: str,
    times: int,
    number: int,
    idle: dict[str, float],
) -> dict[str, float]:
    crowd = name == "crowd"
    lines = running.crowd(_WRITERS) if crowd else running.lines(MANAGER, 4)
    before, began = running.watched.cpu(), time.monotonic()
    await repeat(lines, bodies("reply" if crowd else name, contents, number), times)
    if name in ("reply", "crowd"):
        await running.at_rest()  # what follows from a reply is part of its price
    after, seconds = running.watched.cpu(), time.monotonic() - began
    for one in lines:
        one.close()
    return {part: cpu - before[part] - seconds * idle[part] for part, cpu in after.items()}


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

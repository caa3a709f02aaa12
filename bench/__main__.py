"""`python -m bench [PART ...]`: measures, and writes docs/figures.md. Parts: see bench/README.md.

POSTS (220000) is the greater size, MINUTES (10) the mixed load's time, READERS (2000) how many read
a must-read, OTHER the checkout that `against` is measured against, BENCH_DATA (.data) where filled
systems are kept between runs; filling the greater one takes some minutes, once.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import uvloop

from bench import (
    against,
    backlog,
    commands,
    events,
    feed,
    gateway,
    imports,
    mixed,
    profiles,
    rate,
    receipts,
    subscriptions,
    whole,
)
from bench.contents import FEW, Contents, Filling
from bench.engines import own_mongod, own_nats
from bench.report import TITLES, write
from bench.running import Running
from devstack.parts import CHECKOUT
from devstack.processes import ProcessError

_OF_SYSTEMS = ("gateway", "rate", "subscriptions", "whole", "profiles", "receipts", "mixed")


class Bench:
    """One run; systems are started when the first part needs them."""

    def __init__(self, parts: list[str]) -> None:
        self._parts = parts
        self._many = int(os.environ.get("POSTS") or 220_000)
        self._seconds = 60 * float(os.environ.get("MINUTES") or 10)
        self._readers = int(os.environ.get("READERS") or 2_000)
        self._data = Path(os.environ.get("BENCH_DATA") or CHECKOUT / ".data")
        other = os.environ.get("OTHER")
        self._other = Path(other) if other else None
        self._systems: dict[int, Running] = {}

    def run(self) -> None:
        """All parts that were asked for."""
        if "commands" in self._parts:
            with (
                self._part("commands") as lines,
                self._folder() as folder,
                own_mongod(folder) as mongod,
            ):
                lines += commands.report(uvloop.run(commands.measure(mongod)))
        if "events" in self._parts:
            with (
                self._part("events") as lines,
                self._folder() as folder,
                own_mongod(folder) as mongod,
                own_nats(folder) as nats,
            ):
                lines += events.report(uvloop.run(events.measure(mongod, nats)))
        if "backlog" in self._parts:
            with (
                self._part("backlog") as lines,
                self._folder() as folder,
                own_nats(folder) as nats,
            ):
                lines += backlog.report(uvloop.run(backlog.measure(nats)))
        if "feed" in self._parts:
            with (
                self._part("feed") as lines,
                self._folder() as folder,
                own_mongod(folder) as mongod,
            ):
                lines += feed.report(uvloop.run(feed.measure(mongod)))
        if "import" in self._parts:
            with (
                self._part("import") as lines,
                self._folder() as folder,
                self._new(folder) as running,
            ):
                lines += imports.report(uvloop.run(imports.measure(running)))
        if "against" in self._parts and self._other is None:
            print("against: OTHER names no other checkout")
        elif "against" in self._parts and self._other is not None:
            with self._part("against") as lines:
                lines += against.report(self._other, against.measure(self._other))
        whole_parts: list[str] = [part for part in _OF_SYSTEMS if part in self._parts]
        if not whole_parts:
            return
        try:
            if {"gateway", "rate", "subscriptions", "whole", "receipts"} & set(whole_parts):
                self._start(FEW)
            if {"whole", "profiles", "mixed"} & set(whole_parts):
                self._start(self._many)
            uvloop.run(self._measure(whole_parts))
        finally:
            for running in self._systems.values():
                running.stop()

    async def _measure(self, parts: list[str]) -> None:
        filled: dict[int, Contents] = {}
        for posts, running in self._systems.items():
            print(f"filling with {posts:,} posts", flush=True)
            filled[posts] = await Filling(running).fill(posts)
        few, many = self._systems.get(FEW), self._systems.get(self._many)
        for part in parts:
            with self._part(part) as lines:
                if part == "gateway" and few:
                    lines += gateway.report(await gateway.measure(few, filled[FEW]))
                elif part == "rate" and few:
                    lines += rate.report(await rate.measure(few, filled[FEW]))
                elif part == "subscriptions" and few:
                    found_waiting = await subscriptions.measure(few, filled[FEW])
                    lines += subscriptions.report(found_waiting)
                elif part == "whole" and few and many:
                    systems = [(FEW, few, filled[FEW]), (self._many, many, filled[self._many])]
                    lines += whole.report(await whole.measure(systems))
                elif part == "profiles" and many:
                    lines += profiles.report(await profiles.measure(many, filled[self._many]))
                elif part == "receipts" and few:
                    lines += receipts.report(
                        await receipts.measure(few, filled[FEW], self._readers)
                    )
                elif many:
                    contents = filled[self._many]
                    found = await mixed.measure(many, contents, self._many, self._seconds)
                    lines += mixed.report(found)

    def _start(self, posts: int) -> None:
        print(f"starting the system of {posts:,} posts", flush=True)
        self._systems[posts] = Running(self._data / f"bench-{posts}")
        self._systems[posts].start()

    @contextlib.contextmanager
    def _new(self, folder: Path) -> Iterator[Running]:
        """A system with nothing in it."""
        running = Running(folder)
        running.start()
        try:
            yield running
        finally:
            running.stop()

    @contextlib.contextmanager
    def _part(self, name: str) -> Iterator[list[str]]:
        """What the part says goes to the page when it is done."""
        load, began = os.getloadavg()[0], time.monotonic()
        print(f"{TITLES[name]}:", flush=True)
        lines: list[str] = []
        yield lines
        write(name, lines, load)
        print("\n".join(lines), f"\n({time.monotonic() - began:.0f} s)\n", flush=True)

    @contextlib.contextmanager
    def _folder(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)


def main() -> int:
    """2 where a part is not known."""
    parts = sys.argv[1:] or list(TITLES)
    if unknown := set(parts) - set(TITLES):
        print(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(TITLES)}")
        return 2
    try:
        Bench(parts).run()
    except ProcessError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

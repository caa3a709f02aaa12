"""Runs a part as `python -m` would, and samples where its CPU goes while it is asked to.

    python -m bench.profiled FILE MODULE [ARGUMENT ...]

SIGUSR1 starts sampling, SIGUSR2 ends it and writes FILE; `sampling` and `sampled` do both from
outside. A sample is taken every 2 ms of CPU time, so waiting costs nothing and says nothing; time
in C counts for the line of Python that called it.
"""

from __future__ import annotations

import asyncio
import json
import os
import runpy
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from types import FrameType

INTERVAL = 0.002
_LOOP = "python/asyncio/runners.py"  # whose frame stands for all that the event loop does in C
Samples = dict[str, list[tuple[str, int]]]


class Sampler:
    """Counts, for each sample, the function under way and the packages it runs for."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._functions: Counter[str] = Counter()
        self._packages: Counter[str] = Counter()
        self._below: Counter[str] = Counter()
        self._callers: Counter[str] = Counter()
        signal.signal(signal.SIGPROF, self._sample)
        signal.signal(signal.SIGUSR1, self._start)
        signal.signal(signal.SIGUSR2, self._stop)

    def _start(self, _number: int, _frame: FrameType | None) -> None:
        for counter in (self._functions, self._packages, self._below, self._callers):
            counter.clear()
        signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        said = {
            "functions": self._functions.most_common(40),
            "packages": self._packages.most_common(),
            "below": self._below.most_common(60),
            "callers": self._callers.most_common(),
        }
        beside = self._file.with_suffix(".new")
        beside.write_text(json.dumps(said))
        beside.replace(self._file)

    def _sample(self, _number: int, frame: FrameType | None) -> None:
        if frame is None:
            return
        self._functions[_name(frame)] += 1
        self._packages[_package(frame)] += 1
        self._callers[_caller(frame)] += 1
        seen = set()
        while frame is not None:
            seen.add(_name(frame))
            frame = frame.f_back
        self._below.update(seen)


def _name(frame: FrameType) -> str:
    return f"{_place(frame)}:{frame.f_code.co_qualname}"


def _caller(frame: FrameType) -> str:
    """The file that the standard library works for; its own where it works for none."""
    outer: FrameType | None = frame
    while outer is not None:
        place = _place(outer)
        if not place.startswith(("python/", "<frozen", "<string")):
            return place
        outer = outer.f_back if _place(outer) != _LOOP else None
    return _LOOP


def _package(frame: FrameType) -> str:
    return _place(frame).partition("/")[0]


def _place(frame: FrameType) -> str:
    """The file below the library's, the standard library's or our own root."""
    path = frame.f_code.co_filename
    for root in ("/site-packages/", "/lib/python3.11/", f"{os.getcwd()}/"):
        if root in path:
            place = path.rpartition(root)[2]
            return place if root != "/lib/python3.11/" else f"python/{place}"
    return path


def sampling(pid: int, file: Path) -> None:
    """Begin to sample a program."""
    file.unlink(missing_ok=True)
    os.kill(pid, signal.SIGUSR1)


async def sampled(pid: int, file: Path) -> Samples:
    """End it; what was seen."""
    os.kill(pid, signal.SIGUSR2)
    return await asyncio.to_thread(_read, file)


def _read(file: Path) -> Samples:
    while not file.exists():  # the program writes it
        time.sleep(0.02)
    seen: Samples = json.loads(file.read_text())
    return seen


def main() -> None:
    """Become the part."""
    file, module = Path(sys.argv[1]), sys.argv[2]
    sampler = Sampler(file)
    sys.argv = [module, *sys.argv[3:]]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    del sampler


if __name__ == "__main__":
    main()

"""What processes use: CPU seconds with all their children, and resident memory."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_SCHEDULED = 2  # Linux: of a process's clocks the one of the time it ran, on all its threads


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its descendants, ended ones included."""
    return sum(_own_cpu(one) for one in _family(pid))


def resident(pid: int) -> int:
    """Bytes in memory of a process and its descendants."""
    return sum(int(_read(one, "statm").split()[1]) * _PAGE for one in _family(pid))


def own(pid: int) -> int:
    """The same without what are pages of files, which the kernel takes back when it needs them."""
    return sum(_anonymous(one) for one in _family(pid))


def _anonymous(pid: int) -> int:
    (line,) = (one for one in _read(pid, "status").splitlines() if one.startswith("RssAnon:"))
    return int(line.split()[1]) * 1024


def _own_cpu(pid: int) -> float:
    # The process's own clock is exact, where stat counts in ticks of 10 ms; what its children
    # took that ended only stat knows: after the name, which may hold anything, fields 16 and 17.
    ended = _read(pid, "stat").rpartition(")")[2].split()[13:15]
    return time.clock_gettime(~pid << 3 | _SCHEDULED) + sum(map(int, ended)) / _TICKS


def _family(pid: int) -> list[int]:
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


def _read(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text()


@dataclass(frozen=True)
class Programs:
    """Running programs by name."""

    pids: Mapping[str, int]

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far, by program."""
        return {name: cpu_seconds(pid) for name, pid in self.pids.items()}

    def memory(self) -> dict[str, int]:
        """Bytes resident, by program."""
        return {name: resident(pid) for name, pid in self.pids.items()}

    def own_memory(self) -> dict[str, int]:
        """Those that are not pages of files."""
        return {name: own(pid) for name, pid in self.pids.items()}


@dataclass
class Spent:
    """Milliseconds of CPU an operation in each round, by program."""

    rounds: list[dict[str, float]] = field(default_factory=list)

    def add(self, before: Mapping[str, float], after: Mapping[str, float], operations: int) -> None:
        """One round more."""
        self.rounds.append(
            {name: 1000 * (after[name] - before[name]) / operations for name in before}
        )

    def of(self, name: str) -> float:
        """The median of the rounds."""
        return statistics.median(one[name] for one in self.rounds)

    @property
    def names(self) -> Iterable[str]:
        """The programs."""
        return self.rounds[0]

    @property
    def totals(self) -> list[float]:
        """All programs together, round by round."""
        return [sum(one.values()) for one in self.rounds]

    @property
    def total(self) -> float:
        """The median of the totals."""
        return statistics.median(self.totals)


def ratio(ours: Sequence[float], floors: Sequence[float]) -> float:
    """The median of the rounds' own ratios: what slows a round slows both."""
    return statistics.median(a / b for a, b in zip(ours, floors, strict=True))

"""The committed page of figures: a section a part, each with when, where and how."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from chassis.testing import slowness
from devstack.parts import CHECKOUT

PAGE = CHECKOUT / "docs" / "figures.md"
_HEAD = """\
# Figures

Written by `make bench`; a part alone by `make bench ONLY=gateway`. Ratios are of sides that ran in
turn on the same machine, so that a slow minute hits both; CPU is that of the named processes with
their children, from `/proc`, and does not count who asks. What each section says was measured when
and where its first line says. Machines that others share are slower by the minute, so that line
tells how many times longer than usual a plain loop took then (200,000 steps of Python in 5 ms);
goals in milliseconds are of the usual.
"""
TITLES = {
    "gateway": "The gateway beside others",
    "rate": "At 70 % of the most",
    "subscriptions": "Subscriptions that wait",
    "commands": "Commands that share a transaction",
    "events": "From commit to effect",
    "backlog": "A backlog on the bus",
    "whole": "The whole system",
    "against": "This commit against another",
    "feed": "A feed over communities",
    "receipts": "Receipts of a must-read",
    "import": "Imports",
    "mixed": "Mixed load",
    "profiles": "Where the CPU goes",
}


def circumstances(part: str, began: float) -> str:
    """When, at which commit, on what, by which command; `began` is the load average then."""
    commit = _git("rev-parse", "--short", "HEAD")
    changed = " with uncommitted changes" if _git("status", "--porcelain", "--", ":!docs") else ""
    now = datetime.now(UTC)
    return (
        f"*{now:%Y-%m-%d %H:%M} UTC, commit {commit}{changed}; {_processor()}, "
        f"{os.cpu_count()} cores, {_memory():.0f} GB, Python {platform.python_version()}, a plain "
        f"loop {slowness():.1f} times as long as usual; load average {began:.1f} before, "
        f"{os.getloadavg()[0]:.1f} after; `make bench ONLY={part}`*"
    )


def write(part: str, lines: list[str], began: float, page: Path = PAGE) -> None:
    """Put a section in the place of its predecessor."""
    sections = read(page)
    sections[part] = "\n".join([circumstances(part, began), "", *lines])
    text = [_HEAD]
    for name, title in TITLES.items():
        if name in sections:
            text.append(f"## {title}\n\n{sections[name]}\n")
    page.write_text("\n".join(text))


def read(page: Path) -> dict[str, str]:
    """The sections that are there."""
    if not page.exists():
        return {}
    names = {title: name for name, title in TITLES.items()}
    sections = {}
    for section in page.read_text().split("\n## ")[1:]:
        title, _, body = section.partition("\n")
        if title in names:
            sections[names[title]] = body.strip("\n")
    return sections


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9

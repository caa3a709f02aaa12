"""Chaos, `make chaos`: the real chassis must come out clean, each mutant must not.

make chaos [COMMANDS=20000] [SEED=7] [QUIET=60] [ONLY=real] [KEEP=1]
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from tests.chaos import trial
from tests.chaos.figures import Figures
from tests.chaos.mutants import MUTANTS
from tests.chaos.trial import Plan, Report

COMMANDS = int(os.environ.get("COMMANDS") or 2000)
MUTANT_COMMANDS = int(os.environ.get("MUTANT_COMMANDS") or 600)
QUIET = float(os.environ.get("QUIET") or 60)
SEED = os.environ.get("SEED") or str(secrets.randbelow(1_000_000))
ONLY = os.environ.get("ONLY") or ""
KEEP = bool(os.environ.get("KEEP"))


def plans() -> list[Plan]:
    """The real one as it is shipped; the others without the nightly net below the gate.

    Reconciling would mend within a day what the mutants lose; so the real chassis must be clean
    without it too.
    """
    small = partial(
        Plan, commands=MUTANT_COMMANDS, per_fault=40, quiet=QUIET, seed=SEED, reconciling=False
    )
    return [
        Plan("real", COMMANDS, per_fault=80, quiet=QUIET, seed=SEED),
        small("real, never reconciling"),
        *(small(name, mutant=name) for name in MUTANTS),
    ]


def say(name: str, text: str) -> None:
    """Progress, for whoever waits."""
    print(f"{time.strftime('%H:%M:%S')} {name}: {text}", flush=True)


def as_expected(plan: Plan, figures: Figures) -> bool:
    """The real one is clean and complete; a mutant shows in the figure that is about it."""
    if plan.mutant:
        return bool(getattr(figures, MUTANTS[plan.mutant].shown_by))
    return figures.clean and figures.acknowledged == plan.commands


async def attempt(plan: Plan, folder: Path) -> bool:
    """One trial, told; says whether it came out as it should."""
    say(plan.name, f"{plan.commands} commands")
    report: Report = await trial.run(plan, folder, partial(say, plan.name))
    good = as_expected(plan, report.figures)
    verdict = "caught" if plan.mutant else "clean"
    say(
        plan.name,
        f"{verdict if good else 'NOT ' + verdict}: {report.figures};"
        f" {report.attempts} attempts, slowest answer {report.slowest:.1f} s, kills {report.kills},"
        f" ended by themselves {report.ended_by_themselves},"
        f" quiet {report.quiet_after:.1f} s after the last, {report.seconds:.0f} s in all",
    )
    if not good or plan.mutant:
        for line in report.figures.notes[: None if not good else 2]:
            say(plan.name, line)
    return good


async def main() -> int:
    """All trials, one after the other; 0 where each came out as it should."""
    print(f"SEED={SEED}", flush=True)
    failed = False
    for plan in plans():
        if ONLY and plan.name != ONLY:
            continue
        folder = Path(tempfile.mkdtemp(prefix="guildhall-chaos-"))
        good = False
        try:
            good = await attempt(plan, folder)
        finally:
            failed |= not good
            if good and not KEEP:
                shutil.rmtree(folder, ignore_errors=True)
            else:
                say(plan.name, f"stores and logs are kept in {folder}")
    print(f"SEED={SEED}: {'FAILED' if failed else 'as it should be'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

"""Chaos, `make chaos`: the real chassis must come out clean, each mutant must not.

make chaos [COMMANDS=20000] [SEED=7] [QUIET=120] [ONLY=real] [KEEP=1] [SIDE_BY_SIDE=1]
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from tests.chaos import trial
from tests.chaos.figures import Figures
from tests.chaos.mutants import MUTANTS
from tests.chaos.trial import Plan, Report

COMMANDS = int(os.environ.get("COMMANDS") or 2000)
MUTANT_COMMANDS = int(os.environ.get("MUTANT_COMMANDS") or 300)
QUIET = float(os.environ.get("QUIET") or 120)
SEED = os.environ.get("SEED") or str(secrets.randbelow(1_000_000))
ONLY = os.environ.get("ONLY") or ""
KEEP = bool(os.environ.get("KEEP"))
SIDE_BY_SIDE = int(os.environ.get("SIDE_BY_SIDE") or 2)  # trials; they mostly wait
MUTANT_TRIALS = (
    4  # a mutant may be lucky once; the real chassis has one trial, whatever comes of it
)


def plans() -> list[Plan]:
    """The real one as it is shipped; the others without the nightly net below the gate.

    Reconciling would mend within a day what the mutants lose; so the real chassis must be clean
    without it too.
    """
    small = partial(
        Plan,
        commands=MUTANT_COMMANDS,
        per_fault=25,
        quiet=QUIET,
        seed=SEED,
        reconciling=False,
        asking=0.02,
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
    if figures.acknowledged != plan.commands:
        return False
    return bool(getattr(figures, MUTANTS[plan.mutant].shown_by)) if plan.mutant else figures.clean


async def attempt(plan: Plan) -> bool:
    """One trial, told; says whether it came out as it should."""
    say(plan.name, f"{plan.commands} commands")
    folder = Path(tempfile.mkdtemp(prefix="guildhall-chaos-"))
    good = False
    try:
        report = await trial.run(plan, folder, partial(say, plan.name))
        good = as_expected(plan, report.figures)
        tell(plan, report, good)
    except Exception as error:  # the other trials go on
        say(plan.name, f"NOT carried out: {type(error).__name__}: {error}")
    finally:
        if good and not KEEP:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            say(plan.name, f"stores and logs are kept in {folder}")
    return good


def tell(plan: Plan, report: Report, good: bool) -> None:
    """The figures, and examples of what is wrong."""
    verdict = "caught" if plan.mutant else "clean"
    say(
        plan.name,
        f"{verdict if good else 'NOT ' + verdict}: {report.figures};"
        f" {report.attempts} attempts, refusals {report.refusals},"
        f" slowest answer {report.slowest:.1f} s, kills {report.kills},"
        f" ended by themselves {report.ended_by_themselves},"
        f" quiet {report.quiet_after:.1f} s after the last, {report.seconds:.0f} s in all",
    )
    if not good or plan.mutant:
        for line in report.figures.notes[: None if not good else 2]:
            say(plan.name, line)


async def settle(plan: Plan, room: asyncio.Semaphore) -> bool:
    """A trial, for a mutant with further seeds until it is caught."""
    async with room:
        for number in range(MUTANT_TRIALS if plan.mutant else 1):
            seed = f"{plan.seed}.{number}" if number else plan.seed
            if await attempt(replace(plan, seed=seed)):
                return True
    return False


async def main() -> int:
    """All trials; 0 where each came out as it should."""
    print(f"SEED={SEED}", flush=True)
    room = asyncio.Semaphore(SIDE_BY_SIDE)
    chosen = [plan for plan in plans() if ONLY in ("", plan.name)]
    results = await asyncio.gather(*(settle(plan, room) for plan in chosen))
    good = bool(results) and all(results)
    print(f"SEED={SEED}: {'as it should be' if good else 'FAILED'}", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

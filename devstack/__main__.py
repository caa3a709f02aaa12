"""`python -m devstack`: starts everything on this machine, and stops it on Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType

from devstack.console import Console
from devstack.parts import DEFAULT_PORT, OFFSETS
from devstack.processes import ProcessError
from devstack.stack import Stack
from devstack.welcome import welcome

NO_ENGINE_GRACE = 3.0  # services that wait for an engine that is gone have nothing to finish
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Interrupted(BaseException):
    """Somebody wants it to stop."""


def main() -> int:
    """0 when it was told to stop, 1 when it had to."""
    console = Console()
    for number in SIGNALS:
        signal.signal(number, _interrupt)
    try:
        stack = Stack(
            _base_port(),
            Path(os.environ.get("GUILDHALL_DATA") or ".data"),
            console,
            os.environ.get("GUILDHALL_SEARCH_ENGINE") or "auto",
        )
        try:
            stack.start()
            if stack.search is not None:
                console.say(welcome(stack.place, stack.search.name, stack.search.note))
            console.say(f"{stack.watch()}; everything is stopped", "bold red")
            stack.stop(NO_ENGINE_GRACE)
            return 1
        finally:
            stack.stop()
    except _Interrupted:
        console.say("Guildhall is stopped.")
        return 0
    except (ProcessError, OSError) as error:
        console.say(str(error), "bold red")
        return 1


def _base_port() -> int:
    given = os.environ.get("GUILDHALL_PORT") or str(DEFAULT_PORT)
    last = 65535 - max(OFFSETS)
    if not given.isdecimal() or not 1024 <= int(given) <= last:
        raise ProcessError(f"GUILDHALL_PORT is {given!r}: set it to a number from 1024 to {last}")
    return int(given)


def _interrupt(number: int, frame: FrameType | None) -> None:
    for other in SIGNALS:  # a second Ctrl-C must not cut the stopping short
        signal.signal(other, lambda number, frame: None)
    raise _Interrupted


if __name__ == "__main__":
    sys.exit(main())

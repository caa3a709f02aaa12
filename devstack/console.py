"""What the supervisor shows: lines, and on a terminal a spinner for whatever takes longer."""

from __future__ import annotations

import time

from rich.console import Console as RichConsole
from rich.markup import escape
from rich.status import Status

QUIET = 2.0  # seconds a person waits without wondering
REMIND = 10.0  # seconds between plain reminders where there is no terminal


class Console:
    """Progress of one thing at a time."""

    def __init__(self, rich: RichConsole | None = None) -> None:
        self._rich = rich or RichConsole(highlight=False, soft_wrap=True)
        self._status: Status | None = None
        self._since = self._told = time.monotonic()
        self._what = ""

    def say(self, line: str, style: str = "") -> None:
        """One line that stays."""
        self._rich.print(escape(line), style=style or None)

    def done(self, what: str, seconds: float) -> None:
        """Something came up."""
        self._rich.print(f"  [green]✓[/] {escape(what)} [dim]{seconds:.1f} s[/]")

    def waiting(self, what: str) -> None:
        """What is being waited for; call it often."""
        now = time.monotonic()
        if what != self._what:
            self._what, self._since, self._told = what, now, now
        text = f"  {what} ({now - self._since:.0f} s)"
        if self._rich.is_terminal:
            if self._status is None:
                self._status = self._rich.status(escape(text))
                self._status.start()
            self._status.update(escape(text))
        elif now - self._told >= (QUIET if self._told == self._since else REMIND):
            self._told = now
            self._rich.print(escape(text))

    def rest(self) -> None:
        """Nothing is waited for any more."""
        if self._status is not None:
            self._status.stop()
            self._status = None
        self._what = ""


class Silence(Console):
    """For tests: shows nothing, remembers what was said."""

    def __init__(self) -> None:
        super().__init__(RichConsole(quiet=True))
        self.lines: list[str] = []

    def say(self, line: str, style: str = "") -> None:
        """Remember it."""
        self.lines.append(line)

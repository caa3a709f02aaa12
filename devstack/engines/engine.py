"""One engine: a program that is installed when needed, and may be replaced by an address."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from devstack.processes import Process, ProcessError
from devstack.programs import Program

MISSING_LIBRARY = re.compile(r"error while loading shared libraries: (\S+?):")
CURES = {
    "libcurl.so.4": "apt install libcurl4",
    "libssl.so.3": "take a system with OpenSSL 3, as Debian 12 or Ubuntu 22.04",
    "libcrypto.so.3": "take a system with OpenSSL 3, as Debian 12 or Ubuntu 22.04",
    "libssl.so.1.1": "take a system with OpenSSL 1.1",
    "liblzma.so.5": "apt install liblzma5",
}


@dataclass(slots=True)
class Engine(Program):
    """A program of others that the services store in, speak by, or search with."""

    variable: str = ""  # the environment variable that replaces it
    hints: Sequence[tuple[str, str]] = ()  # what its log says -> what a person should do
    installer: Process | None = None
    installed: Callable[[], bool] = field(default=lambda: True)
    note: str = ""  # why it is this one and not another

    def install(self) -> None:
        """Fetch it where it is not here yet; may take minutes, may run in any thread."""
        if self.installer is not None and not self.installed():
            self.installer.start()
            self.installer.wait()
            self.end_install()

    def end_install(self) -> None:
        """The installer ended: was it right?"""
        if self.installer is not None and self.installer.started:
            code, said = self.installer.exit_code, self.installer.last_words(1)
            self.installer.stop()
            if code != 0:
                raise ProcessError(f"{self.name} could not be installed: {said}")

    def start(self) -> None:
        """Install it where needed and start it, in the calling thread's name."""
        self.install()
        Program.start(self)

    def stop(self) -> None:
        """End it and what installs it; harmless when it does not run."""
        if self.installer is not None:
            self.installer.stop()
        Program.stop(self)

    def explain_death(self) -> str:
        """Why it ended, as one line that says what to do."""
        output = self.process.output() if self.process else ""
        instead = f", or set {self.variable} to one that runs" if self.variable else ""
        if missing := MISSING_LIBRARY.search(output):
            cure = CURES.get(missing[1], "install the package that has it")
            return f"{self.name} needs the system library {missing[1]}: {cure}{instead}"
        if self.process and self.process.exit_code == -signal.SIGILL:
            return f"{self.name} needs a newer processor than this (with AVX){instead}"
        for sign, cure in self.hints:
            if sign in output:
                return f"{self.name}: {cure}"
        return Program.explain_death(self)

    def explain_silence(self, patience: float) -> str:
        """That it does not answer, as one line that says what to look at."""
        if self.process is None:
            return f"{self.name}: nothing answers at the address in {self.variable}"
        return Program.explain_silence(self, patience)


def log_of(data: Path, log: Path | None, name: str) -> Path:
    """Where an engine's output goes when nobody says: beside its data."""
    return log or data / f"{name}.log"

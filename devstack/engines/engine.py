"""One engine: a process of ours, or the address of one that runs elsewhere."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from devstack.processes import Process, ProcessError, require_free_port, wait_until

MISSING_LIBRARY = re.compile(r"error while loading shared libraries: (\S+?):")
PACKAGES = {
    "libcurl.so.4": "apt install libcurl4",
    "libssl.so.3": "a system with OpenSSL 3, as Debian 12 or Ubuntu 22.04",
    "libcrypto.so.3": "a system with OpenSSL 3, as Debian 12 or Ubuntu 22.04",
    "libssl.so.1.1": "a system with OpenSSL 1.1",
    "liblzma.so.5": "apt install liblzma5",
}


@dataclass(slots=True)
class Engine:
    """Start, wait until it answers, stop; `url` is what the services are told."""

    name: str
    url: str
    answers: Callable[[], bool]
    process: Process | None = None
    ports: Sequence[int] = ()
    variable: str = ""  # the environment variable that replaces it
    patience: float = 60.0
    hints: Sequence[tuple[str, str]] = ()  # what its log says -> what a person should do
    installer: Process | None = None
    note: str = ""  # why it is this one and not another
    installed: Callable[[], bool] = field(default=lambda: True)

    def install(self) -> None:
        """Fetch it where it is not here yet; may take minutes, may run in any thread."""
        if self.installer is None or self.installed():
            return
        self.installer.start()
        code = self.installer.wait()
        said = self.installer.last_words(1)
        self.installer.stop()
        if code != 0:
            raise ProcessError(f"{self.name} could not be installed: {said}")

    def start(self) -> None:
        """Start it, in the calling thread's name: it ends when that thread does."""
        if self.process is None:
            return
        self.install()
        for port in self.ports:
            require_free_port(port, self.name)
        self.process.start()

    def wait_ready(self, timeout: float | None = None) -> None:
        """Until it answers; may run in any thread."""
        if not wait_until(self._answers_or_dead, timeout or self.patience):
            raise ProcessError(self._silence())
        if self.process is not None and self.process.exit_code is not None:
            raise ProcessError(self.explain_death())

    def stop(self) -> None:
        """End it and what installs it; harmless when it does not run."""
        for process in (self.installer, self.process):
            if process is not None:
                process.stop()

    @property
    def alive(self) -> bool:
        """False only for a process of ours that ended by itself."""
        return self.process is None or self.process.exit_code is None

    def explain_death(self) -> str:
        """Why it ended, as one line that says what to do."""
        if self.process is None:
            return f"{self.name} runs elsewhere"
        output = self.process.output()
        replace = f", or set {self.variable} to one that runs" if self.variable else ""
        if missing := MISSING_LIBRARY.search(output):
            library = missing[1]
            cure = PACKAGES.get(library, "install the package that has it")
            return f"{self.name} needs the system library {library}: {cure}{replace}"
        if self.process.exit_code == -signal.SIGILL:
            return f"{self.name} cannot run on this processor (no AVX?){replace or ''}"
        for sign, cure in self.hints:
            if sign in output:
                return f"{self.name}: {cure}"
        return (
            f"{self.name} ended with exit code {self.process.exit_code}:"
            f" {self.process.last_words()} (log: {self.process.log})"
        )

    def _answers_or_dead(self) -> bool:
        return not self.alive or self.answers()

    def _silence(self) -> str:
        if self.process is None:
            return f"{self.name}: nothing answers at the address in {self.variable}"
        return (
            f"{self.name} did not answer within {self.patience:.0f} s:"
            f" {self.process.last_words()} (log: {self.process.log})"
        )


def answers_http(url: str) -> bool:
    """Whether a GET is answered with 200; never by way of a proxy."""
    try:
        with httpx2.Client(trust_env=False, timeout=2) as client:
            return client.get(url).status_code == httpx2.codes.OK
    except httpx2.HTTPError:
        return False


def log_of(data: Path, log: Path | None, name: str) -> Path:
    """Where an engine's output goes when nobody says: beside its data."""
    return log or data / f"{name}.log"

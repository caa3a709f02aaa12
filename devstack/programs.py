"""A program that answers at an address: started, waited for, watched, stopped."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx2

from devstack.processes import Process, ProcessError, require_free_port, wait_until


@dataclass(slots=True)
class Program:
    """Start, wait until it answers, stop; `url` is what others are told."""

    name: str
    url: str
    answers: Callable[[], bool]
    process: Process | None = None  # None: it runs elsewhere
    ports: Sequence[int] = ()
    patience: float = 180.0  # what ended is noticed at once; a busy machine may take minutes

    def start(self) -> None:
        """Start it, in the calling thread's name: it ends when that thread does."""
        if self.process is not None:
            for port in self.ports:
                require_free_port(port, self.name)
            self.process.start()

    def wait_ready(self, timeout: float | None = None) -> None:
        """Until it answers; may run in any thread."""
        patience = timeout or self.patience
        if not wait_until(self.ready, patience):
            raise ProcessError(self.explain_silence(patience))

    def ready(self) -> bool:
        """Whether it answers; one that ended by itself is refused, saying why."""
        if not self.alive:
            raise ProcessError(self.explain_death())
        return self.answers()

    def stop(self) -> None:
        """End it; harmless when it does not run."""
        if self.process is not None:
            self.process.stop()

    @property
    def alive(self) -> bool:
        """False only for a process of ours that ended by itself."""
        return self.process is None or self.process.exit_code is None

    def explain_death(self) -> str:
        """Why it ended, as one line that says where to look."""
        if self.process is None:
            return f"{self.name} runs elsewhere"
        code, log = self.process.exit_code or 0, self.process.log
        if code < 0:
            return f"{self.name} was ended by {signal.Signals(-code).name} (log: {log})"
        said = self.process.last_words()
        return f"{self.name} ended with exit code {code}: {said} (log: {log})"

    def explain_silence(self, patience: float) -> str:
        """That it does not answer, as one line that says where to look."""
        said = self.process.last_words() if self.process else ""
        log = f" (log: {self.process.log})" if self.process else ""
        return f"{self.name} did not answer within {patience:.0f} s: {said}{log}"


def answers_http(url: str) -> bool:
    """Whether a GET is answered with 200; never by way of a proxy."""
    try:
        with httpx2.Client(trust_env=False, timeout=2) as client:
            return client.get(url).status_code == httpx2.codes.OK
    except httpx2.HTTPError:
        return False


def answers_tcp(port: int) -> bool:
    """Whether something listens on this machine."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2):
            return True
    except OSError:
        return False

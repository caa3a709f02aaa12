"""A program of the devstack as a process: on a leash, with a log, stopped gracefully."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

LOG_LIMIT = 10 * 1024 * 1024
GRACE = 15.0
LEASH = Path(__file__).with_name("leash.py")


class ProcessError(Exception):
    """Why something does not run, as one line that says what to do."""


@dataclass(slots=True)
class Process:
    """One program. On Linux it ends with the thread that starts it: use one that lives on."""

    name: str
    command: Sequence[str]
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    own_namespace: bool = False
    grace: float = GRACE
    _running: subprocess.Popen[bytes] | None = None
    _log_start: int = 0
    _asked_at: float | None = None

    def start(self) -> None:
        """Run it in a process group of its own, so that the terminal's Ctrl-C does not reach it."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.replace(self.log.with_suffix(self.log.suffix + ".1"))
        namespace = "own-namespace" if self.own_namespace else "same-namespace"
        leash = [sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), namespace]
        with self.log.open("ab") as log:
            self._log_start, self._asked_at = log.tell(), None
            self._running = subprocess.Popen(
                [*leash, *self.command],
                env={**os.environ, **self.env},
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
            )

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._running.pid if self._running and self.exit_code is None else None

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs. Negative: the signal that ended it."""
        return self._running.poll() if self._running else None

    @property
    def started(self) -> bool:
        """Whether it was started and not stopped since."""
        return self._running is not None

    def ask_to_stop(self) -> None:
        """Send SIGTERM, once; several can then end side by side."""
        if self._asked_at is None:
            self._asked_at = time.monotonic()
            self._signal(signal.SIGTERM)

    @property
    def time_left(self) -> float:
        """Seconds until it may be killed, counted from when it was asked to stop."""
        return max(0.0, self.grace - (time.monotonic() - (self._asked_at or 0.0)))

    def stop(self) -> None:
        """End it and all of its group; its children get no chance to outlive it."""
        if self._running is None:
            return
        self.ask_to_stop()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._running.wait(self.time_left)
        self._signal(signal.SIGKILL)
        self._running.wait()
        self._running = None

    def wait(self) -> int:
        """Until it ends by itself; its exit code."""
        return self._running.wait() if self._running else 0

    def output(self) -> str:
        """What this run of it has said so far."""
        try:
            with self.log.open("rb") as log:
                log.seek(self._log_start)
                return log.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def last_words(self, lines: int = 2) -> str:
        """The end of its log on one line, for a message to a person."""
        said = [line.strip() for line in self.output().splitlines() if line.strip()]
        return " | ".join(_message(line)[:200] for line in said[-lines:]) or "it said nothing"

    def _signal(self, number: signal.Signals) -> None:
        if self._running is not None:
            # PermissionError is what macOS says of a group that is dead.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._running.pid, number)


def _message(line: str) -> str:
    """What a line of a JSON log says; mongod and our services write such."""
    try:
        entry = json.loads(line)
        return str(entry.get("message") or entry["msg"])
    except (ValueError, AttributeError, KeyError):
        return line


def require_free_port(port: int, name: str) -> None:
    """Refuse a port somebody listens on, naming who where the system tells."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ProcessError(
                f"{name}: port {port} is in use{_holder(port)}: stop that program, or choose"
                " other ports with GUILDHALL_PORT"
            ) from error


def free_port() -> int:
    """A port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(condition: Callable[[], bool], timeout: float, interval: float = 0.05) -> bool:
    """Ask again and again until it is so, or time is up; says which."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(interval)
    return True


def _holder(port: int) -> str:
    # Only root sees other people's connections on some systems; the port number must do then.
    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            local = connection.laddr
            listens = connection.status == psutil.CONN_LISTEN and local and local.port == port
            if listens and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return ""

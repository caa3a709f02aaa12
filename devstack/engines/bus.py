"""nats-server from its wheel or the PATH, with JetStream on disk."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

from devstack.engines.engine import Engine, log_of
from devstack.processes import Process, ProcessError, free_port
from devstack.programs import answers_http

CONFIG = """\
listen: "127.0.0.1:{port}"
http: "127.0.0.1:{monitor}"
max_payload: 1MB
jetstream {{
  store_dir: {store}
  sync_interval: always
}}
"""
# Percent of what is live that may be garbage: half of Go's own, so that less of it is held. Never a
# limit of memory (GOMEMLIMIT): a stream of 150,000 messages lives beyond any small one, and then Go
# does nothing but collect: 1.5 processors for 100 messages a second.
GARBAGE = "50"
HINTS = (
    ("address already in use", "its port is in use: choose other ports with GUILDHALL_PORT"),
    ("no space left on device", "the disk is full: make room and start again"),
)


def nats(data: Path, port: int, log: Path | None = None, monitor_port: int | None = None) -> Engine:
    """A nats-server with its streams in that folder; `/healthz` and `/jsz` on the monitor port."""
    data.mkdir(parents=True, exist_ok=True)
    monitor = monitor_port or free_port()
    config = data / "nats.conf"
    config.write_text(CONFIG.format(port=port, monitor=monitor, store=_quoted(data / "jetstream")))
    return Engine(
        name="nats-server",
        url=f"nats://127.0.0.1:{port}",
        answers=lambda: answers_http(f"http://127.0.0.1:{monitor}/healthz"),
        process=Process(
            "nats-server",
            [_program(), "--config", str(config)],
            log_of(data, log, "nats"),
            env={"GOGC": os.environ.get("GOGC", GARBAGE)},
        ),
        ports=(port, monitor),
        variable="NATS_URL",
        hints=HINTS,
    )


def given(url: str) -> Engine:
    """One that runs elsewhere."""
    return Engine("nats-server", url, lambda: _greets(url), variable="NATS_URL", patience=15)


def _program() -> str:
    beside_python = Path(sys.executable).with_name("nats-server")  # where its wheel puts it
    found = shutil.which("nats-server") or (str(beside_python) if beside_python.exists() else None)
    if found is None:
        raise ProcessError("nats-server is not installed: run `make setup`, or set NATS_URL to one")
    return found


def _quoted(path: Path) -> str:
    return '"' + str(path.resolve()).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _greets(urls: str) -> bool:
    """Whether a server of the list sends its INFO line, which comes before any authentication."""
    for url in urls.split(","):
        address = urlsplit(url if "//" in url else f"//{url}")
        try:
            with socket.create_connection((address.hostname, address.port or 4222), 2) as link:
                if link.recv(4) == b"INFO":
                    return True
        except OSError:
            continue
    return False

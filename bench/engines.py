"""Engines that a section starts for itself."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from devstack.engines import Engine, mongod, nats
from devstack.parts import MONGOD, NATS, free_base_port


@contextlib.contextmanager
def own_mongod(folder: Path) -> Iterator[Engine]:
    """A fresh mongod, ended afterwards."""
    with _running(mongod(folder / "mongod", free_base_port() + MONGOD)) as engine:
        yield engine


@contextlib.contextmanager
def own_nats(folder: Path) -> Iterator[Engine]:
    """A fresh nats-server, ended afterwards."""
    with _running(nats(folder / "nats", free_base_port() + NATS)) as engine:
        yield engine


@contextlib.contextmanager
def _running(engine: Engine) -> Iterator[Engine]:
    engine.start()
    try:
        engine.wait_ready()
        yield engine
    finally:
        engine.stop()

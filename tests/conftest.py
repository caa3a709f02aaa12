"""The whole system as processes, started as `make run` does, once a session."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from chassis.testing import free_port
from devstack.parts import Place, free_base_port
from devstack.stack import Stack
from tests.system import System
from tests.world import World, settle


@pytest.fixture(scope="session")
def running_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Everything, on free ports, with an OTLP collector beside it."""
    folder = tmp_path_factory.mktemp("system")
    spans_file = folder / "spans.ndjson"
    collector_port = free_port()
    place = Place(free_base_port(), (folder / "data").resolve())
    with spans_file.open("w") as sink:
        collector = subprocess.Popen(
            [sys.executable, "-m", "oteltap", "--port", str(collector_port)], stdout=sink
        )
        before = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
        os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{collector_port}"
        kind = os.environ.get("GUILDHALL_SEARCH_ENGINE") or "auto"
        stack = Stack(place.base_port, place.data, search_kind=kind)
        try:
            stack.start()
            yield System(place, spans_file)
        finally:
            stack.stop()
            collector.terminate()
            collector.wait(10)
            if before is None:
                del os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"]
            else:
                os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = before


@pytest_asyncio.fixture
async def system(running_system: System) -> AsyncIterator[System]:
    """The running system; connections of the test are closed after it."""
    yield running_system
    await running_system.close_clients()


@pytest.fixture(scope="session")
def world(running_system: System) -> World:
    """For bad input of every kind: made once, and nothing changes it."""

    async def make() -> World:
        try:
            return await settle(running_system)
        finally:
            await running_system.close_clients()

    return asyncio.run(make())

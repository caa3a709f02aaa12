"""How tests share workers, and tidiness: those that share a costly engine stay together."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest

# Trials ask more than people do; points have tests of their own.
os.environ.setdefault("GATEWAY_MEMBER_POINTS", "0")
os.environ.setdefault("GATEWAY_ANONYMOUS_POINTS", "0")

_LONG = 60.0  # seconds
# The longest first: what begins last must be short, or one worker waits for the other.
_TOGETHER = (
    "tests/walls/test_walls_worlds.py",  # needs no stack
    "tests/walls",
    "tests/attacks",
    "tests/faults",
    "services/search",
    "tests/integration",
    "devstack/tests",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Rooms in that order, then everything else as it was found."""
    items.sort(key=lambda item: _rank(item.nodeid))


def _rank(nodeid: str) -> int:
    places = [place for place, room in enumerate(_TOGETHER) if nodeid.startswith(room)]
    return places[0] if places else len(_TOGETHER)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """One stack and one search engine a run, whatever the number of workers."""
    from xdist.scheduler import LoadScopeScheduling  # here: parts are tested without it too

    class ByEngine(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            return next((folder for folder in _TOGETHER if path.startswith(folder)), path)

    return ByEngine(config, log)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Tells at once what took long: a run that is cut off has said where its time went."""
    if report.duration > _LONG and "PYTEST_XDIST_WORKER" not in os.environ and sys.__stderr__:
        told = f"\n{report.nodeid}: {report.when} took {report.duration:.0f} s\n"
        sys.__stderr__.write(told)
        sys.__stderr__.flush()


@pytest.fixture(scope="module", autouse=True)
def tidy() -> Iterator[None]:
    """What a module leaves open fails there, not whatever test the collector happens to run in."""
    yield
    gc.collect()

"""What is fuzzed: every test with @given in a part's fuzz module that needs no fixture."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

PARTS = ("chassis", "devstack", "gateway", "services")
MODULES = (
    "chassis.tests.test_chassis_fuzz",
    "devstack.tests.test_importer_fuzz",
    "gateway.tests.test_gateway_fuzz",
    "services.directory.tests.test_directory_fuzz",
    "services.forum.tests.test_forum_fuzz",
    "services.moderation.tests.test_moderation_fuzz",
    "services.search.tests.test_search_fuzz",
)


def names(module: str) -> list[str]:
    """Of the tests in it that one process can repeat without end; timing ones cannot."""
    found = vars(importlib.import_module(module))
    return sorted(name for name, test in found.items() if _is_target(name, test))


def _is_target(name: str, test: Any) -> bool:
    if not name.startswith("test_") or not hasattr(test, "hypothesis") or "twice_as_long" in name:
        return False
    inner: Callable[..., Any] = test.hypothesis.inner_test
    return not inspect.iscoroutinefunction(inner) and not inspect.signature(test).parameters


def file_of(module: str) -> str:
    """Its path, as pytest takes it."""
    return module.replace(".", "/") + ".py"

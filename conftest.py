"""How tests share workers: those that share a costly engine stay together, others go by file."""

from __future__ import annotations

from pathlib import Path

import pytest

_TOGETHER = ("tests/integration", "services/search")


@pytest.hookimpl(tryfirst=True)  # the groups must be known when xdist looks
def pytest_collection_modifyitems(items: list[pytest.Item], config: pytest.Config) -> None:
    """One stack and one search engine a run, whatever the number of workers."""
    for item in items:
        path = Path(item.path).relative_to(config.rootpath).as_posix()
        group = next((folder for folder in _TOGETHER if path.startswith(folder)), path)
        item.add_marker(pytest.mark.xdist_group(group))

"""The limit of open files, in processes of their own."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (256, int(sys.argv[1])))
from gateway.subscriptions.open_files import most_connections
print(most_connections(), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("hard", "connections", "files"),
    [(8_000, 6_000, 6_400), (1_024, 624, 1_024), (300, 0, 300)],
)
def test_files_are_raised_as_far_as_the_machine_lets_us(
    hard: int, connections: int, files: int
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(hard)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(connections), str(files), str(hard)]
    assert ("are too few" in done.stderr) == (connections < 6_000)

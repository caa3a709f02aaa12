"""How many connections a process can hold: each is an open file, and a shell gives few of them."""

from __future__ import annotations

import logging
import resource

# Of a process, those that have not said whose they are included: what memory allows. One with one
# subscription costs some 50 KiB (`make bench ONLY=subscriptions`), so these some 300 MB.
MOST_CONNECTIONS = 6_000
_OTHERS = 400  # open files beside them: requests under way, channels, engines
_log = logging.getLogger(__name__)


def most_connections() -> int:
    """So many, or as many as the process may have open files for."""
    wanted = MOST_CONNECTIONS + _OTHERS
    files = raised(wanted)
    if files < wanted:
        _log.warning("%d open files are too few for %d connections", files, MOST_CONNECTIONS)
    return min(MOST_CONNECTIONS, max(files - _OTHERS, 0))


def raised(wanted: int) -> int:
    """How many files the process may have open, raised as far as it may raise that itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    files = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return files

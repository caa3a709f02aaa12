"""What search does by itself: it rebuilds an index that is not there and clears old tombstones."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from chassis.errors import UnavailableError
from chassis.rebuild import Rebuild, RebuildRunningError
from services.search.domain.questions import SearchUnavailableError
from services.search.repository.index import SearchIndex
from services.search.use_cases.projecting import Projector

TOMBSTONES_KEPT = timedelta(hours=24)  # far longer than any write can be late

_AWAY = "away"  # an engine that does not answer, said once

_log = logging.getLogger(__name__)


class SearchJobs:
    """Each may run again at any time."""

    def __init__(self, index: SearchIndex, projector: Projector, rebuild: Rebuild) -> None:
        self._index = index
        self._projector = projector
        self._rebuild = rebuild
        self._engine = ""

    async def ensure_index(self) -> None:
        """Rebuild where nothing is searched: at the first start, and whenever an engine that keeps
        nothing was restarted. Says once which engine answers.
        """
        try:
            engine = await self._index.engine()
            live = await self._index.live_generation()
        except SearchUnavailableError as error:
            if self._engine != _AWAY:
                self._engine = _AWAY
                _log.warning("%s", error)
            return
        if self._engine != engine.name:
            self._engine = engine.name
            _log.info("search engine %s %s, keeps=%s", engine.name, engine.version, engine.keeps)
        if live is None:
            try:
                await self._rebuild.request()
            except RebuildRunningError:
                return
            _log.info("there is no index: it is made from the logs")

    async def purge_tombstones(self) -> None:
        """Delete what was withdrawn a day ago."""
        try:
            deleted = await self._index.purge(datetime.now(UTC) - TOMBSTONES_KEPT)
        except SearchUnavailableError:
            return
        if deleted:
            _log.info("%d tombstones purged", deleted)

    async def refresh_workforces(self) -> None:
        """Take out who is a member or partner no longer because a date has come."""
        try:
            await self._projector.refresh_workforces()
        except UnavailableError as error:
            _log.warning("%s", error)

"""Questions that nobody replies to, brought before people who could know."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from services.forum.use_cases.routing import RoutingUseCases

_log = logging.getLogger(__name__)


class RoutingJobs:
    """May run again at any time."""

    def __init__(self, routing: RoutingUseCases) -> None:
        self._routing = routing

    async def route_questions(self) -> None:
        """Bring questions without a reply before people who could know."""
        if asked := await self._routing.route_questions(datetime.now(UTC)):
            _log.info("%d people asked about questions without a reply", asked)

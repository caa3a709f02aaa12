"""What this process knows of portals: all of them, as of a second ago; and texts of documents.

Every request asks for its portal, so the table is read again and again beside the requests, and
none waits for it. While MongoDB is away it is believed for some minutes: it holds no rights.
"""

from __future__ import annotations

import asyncio
import logging
import time

from chassis.errors import UnavailableError
from gateway.latest_used import LatestUsed
from gateway.portals.portal import Client, Portal
from gateway.portals.repository import PortalRepository

REFRESH = 1.0  # seconds between two readings
BELIEVED = 300.0  # seconds that a reading is believed at most
_MOST_TEXTS, _MOST_CHARACTERS = 1 << 14, 1 << 22  # of documents
_Key = tuple[str, int, str]  # portal, its version, document
_log = logging.getLogger(__name__)


class KnownPortals:
    """Portals by client and by origin. One per process."""

    def __init__(self, repository: PortalRepository) -> None:
        self._repository = repository
        self._by_client: dict[Client, Portal] = {}
        self._by_origin: dict[str, Portal] = {}
        self._read_at = float("-inf")
        self._texts: LatestUsed[_Key, str] = LatestUsed(
            _MOST_TEXTS, _MOST_CHARACTERS, lambda _, text: len(text)
        )

    async def run(self) -> None:
        """Read again and again until cancelled."""
        while True:
            try:
                await self.refresh()
            except UnavailableError as outage:
                _log.warning("portals: %s", outage)
            await asyncio.sleep(REFRESH)

    async def refresh(self) -> None:
        """As of now. Refuses with UNAVAILABLE, and what was known stays."""
        asked_at = time.monotonic()
        portals = await self._repository.all_portals()
        if asked_at < self._read_at:
            return  # a later reading was faster
        self._by_client = {client: portal for portal in portals for client in portal.clients}
        self._by_origin = {origin: portal for portal in portals for origin in portal.origins}
        self._read_at = asked_at

    def of_client(self, issuer: str, client_id: str) -> Portal | None:
        """The portal that asks with tokens of this client. Refuses with UNAVAILABLE."""
        self._check_age()
        return self._by_client.get(Client(issuer, client_id)) if client_id else None

    def of_origin(self, origin: str) -> Portal | None:
        """The portal whose pages have this origin. Refuses with UNAVAILABLE."""
        self._check_age()
        return self._by_origin.get(origin)

    def _check_age(self) -> None:
        if time.monotonic() - self._read_at > BELIEVED:
            raise UnavailableError("portals cannot be read right now", retry_after=1)

    async def document(self, portal: Portal, document_id: str) -> str | None:
        """The text of a registered document; None where it is none. Refuses with UNAVAILABLE.

        Whatever is registered or removed makes a new version of the portal, so that what is
        remembered of this one is true for as long as the version is the latest.
        """
        key = (portal.id, portal.version, document_id)
        text = self._texts.get(key)
        if text is not None:
            return text
        document = await self._repository.find_document(portal, document_id)
        if document is None:
            return None
        self._texts.put(key, document.text)
        return document.text

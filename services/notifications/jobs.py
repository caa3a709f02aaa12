"""What notifications does by itself, again and again; each may run again at any time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from services.notifications.use_cases.delivering import DeliveringUseCases
from services.notifications.use_cases.listing import ListingUseCases
from services.notifications.use_cases.sending import SendingUseCases


class NotificationsJobs:
    """One job is one use case."""

    def __init__(
        self, listing: ListingUseCases, sending: SendingUseCases, *, connections: int
    ) -> None:
        self._listing = listing
        self._sending = sending
        self._connections = connections

    async def list_mailings(self) -> None:
        """Write down whom to write to."""
        while await self._listing.list_mailings(_now()):
            pass

    async def send_mails(self) -> None:
        """Over as many connections as may be, until nothing is due."""
        ended = await asyncio.gather(
            *(self._send() for _ in range(self._connections)), return_exceptions=True
        )
        for error in ended:
            if error is not None:
                raise error

    async def _send(self) -> None:
        while await self._sending.send_due(_now()):
            pass

    async def measure_mails(self) -> None:
        """Tell how many wait, and how long."""
        await self._sending.measure(_now())


class WebhookJobs:
    """Likewise, of webhooks."""

    def __init__(self, delivering: DeliveringUseCases) -> None:
        self._delivering = delivering

    async def send_deliveries(self) -> None:
        """Until nothing is due."""
        await self._delivering.send_due()

    async def measure_deliveries(self) -> None:
        """Tell how many wait, and how long."""
        await self._delivering.measure(_now())


def _now() -> datetime:
    return datetime.now(UTC)

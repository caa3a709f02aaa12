"""Batches of one durable, which replicas share.

One at a time: fetched ahead, batches of two replicas interleave, and each waits for what the other
holds (20,000 commands of `make chaos` came to a crawl).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Sequence
from datetime import datetime

from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from chassis.domain_events import Subscription
from chassis.messaging import OUTAGES, Bus, durable_name, stream_name

BATCH = 100
FETCH_TIMEOUT = 5.0  # never more: a fetch under way while NATS restarts gets nothing

_log = logging.getLogger(__name__)


class Fetching:
    """What is delivered to this process; whatever it does not deal with is given back."""

    def __init__(
        self,
        bus: Bus,
        service: str,
        subscription: Subscription,
        *,
        ack_wait: float,
        timeout: float,
    ) -> None:
        self._name = durable_name(service, subscription.producer)
        self._service = service
        self._subscription = subscription
        self._bus = bus
        self._ack_wait = ack_wait
        self._timeout = min(timeout, FETCH_TIMEOUT)
        self._pull: JetStreamContext.PullSubscription | None = None

    async def batch(self, *, one: bool = False) -> Sequence[Msg]:
        """The next batch, or one alone; empty where none came. Errors of the bus are waited out."""
        if not self._bus.connected:
            await asyncio.sleep(0.1)
            return ()
        messages = await self._fetch(1 if one else BATCH)
        if not messages:
            await self._look_after_durable()
        return messages

    async def _fetch(self, most: int) -> Sequence[Msg]:
        try:
            if self._pull is None:
                self._pull = await self._bind()
            return await self._pull.fetch(most, timeout=self._timeout)
        except TimeoutError:
            pass
        except OUTAGES as error:
            _log.warning("%s: fetch: %s", self._name, type(error).__name__)
            await asyncio.sleep(0.3)
        return ()

    async def _bind(self, start_time: datetime | None = None) -> JetStreamContext.PullSubscription:
        return await self._bus.ensure_consumer(
            self._service,
            self._subscription.producer,
            self._subscription.aggregate_types,
            ack_wait=self._ack_wait,
            start_time=start_time,
        )

    async def _look_after_durable(self) -> None:
        """An empty fetch may mean that the stream was wiped and the durable with it."""
        try:
            await self._bus.js.consumer_info(stream_name(self._subscription.producer), self._name)
        except NotFoundError:
            _log.error("%s is gone: making it anew", self._name)
            await self._unbind()
        except OUTAGES:
            pass

    async def _unbind(self) -> None:
        old, self._pull = self._pull, None
        with contextlib.suppress(*OUTAGES):
            if old is not None:
                await old.unsubscribe()

    async def begin_again(self, start_time: datetime) -> None:
        """The durable is made anew and delivers from a time on."""
        await self._unbind()
        self._pull = await self._bind(start_time)

    async def leave(self) -> None:
        """Give back what was delivered and not looked at: others need not wait for it."""
        if self._pull is not None and self._bus.connected:
            with contextlib.suppress(*OUTAGES):
                await give_back(await self._pull.fetch(BATCH, timeout=0.05), 0)
            with contextlib.suppress(*OUTAGES):
                await self._pull.unsubscribe()


async def give_back(messages: Iterable[Msg], delay: float) -> None:
    """Those that were not dealt with come again after so many seconds, here or elsewhere."""
    for message in messages:
        if not message.is_acked:
            await nak(message, delay)


async def nak(message: Msg, delay: float) -> None:
    """It comes again after so many seconds."""
    with contextlib.suppress(*OUTAGES):
        await message.nak(delay=delay)

"""What a client holds open: whose it is, asked again and again, and the subscriptions in it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import IntEnum
from typing import TYPE_CHECKING

from chassis import rpc_client, telemetry
from chassis.actors import current_actor
from chassis.ending import end
from chassis.errors import DomainError, PeerFailedError, UnavailableError
from chassis.rpc_status import reason_of
from gateway.actors import Key
from gateway.context import Caller
from gateway.endpoint.visitors import Visitor
from gateway.subscriptions.credentials import Credential
from gateway.subscriptions.subscriber import ConnectionEndedError

if TYPE_CHECKING:
    from gateway.subscriptions.subscriber import Subscriber
    from gateway.subscriptions.subscriptions import Subscriptions

# Seconds between two questions who somebody is, and without an answer until nobody is believed
# any more. With what an answer itself may be old (an actor one second, a session two) a revocation
# takes no more than five.
CHECK_EVERY, UNCONFIRMED = 2.0, 2.9
CHECK_TIMEOUT = 1.0
RETRY = 0.25


class Close(IntEnum):
    """Why a socket ends; its reason has the name, and so has the comment that ends a stream."""

    NORMAL = 1000
    GOING_AWAY = 1001  # this process ends: connect again
    BAD_MESSAGE = 4400
    UNAUTHENTICATED = 4401  # subscribe before connection_init was answered
    FORBIDDEN = 4403  # the credential is none, or is none any more
    INIT_TIMEOUT = 4408
    SUBSCRIBER_EXISTS = 4409
    SLOW_READER = 4414  # connect again, and resume
    TOO_MANY = 4429  # messages, connections, or connection_inits
    UNCONFIRMED = 4503  # the directory does not say who somebody is: connect again


class Connection(ABC):
    """A socket or a stream of one person."""

    def __init__(
        self,
        shared: Subscriptions,
        credential: Credential,
        caller: Caller,
        visitor: Visitor,
    ) -> None:
        self.shared = shared
        self.visitor = visitor
        self.person_id = caller.actor.person_id
        self.credential = credential
        self._caller = caller
        self._confirmed = time.monotonic()
        self.checking = False
        self._under_way: dict[asyncio.Task[None], Subscriber] = {}
        self.ended = False
        self._closing: asyncio.Task[None] | None = None

    async def caller(self) -> Caller:
        """Whose it is, as of now; the walls of what is subscribed to are asked if rights changed.

        Raises ConnectionEndedError where it is nobody's any more; refuses with UNAVAILABLE.
        """
        # The gateway asks for itself, and not within what is left of an earlier event's time.
        current_actor.set(None)
        rpc_client.deadline.set(None)
        asked = time.monotonic()
        try:
            caller = await self.credential.caller(self.shared.parts)
        except (UnavailableError, PeerFailedError):
            raise
        except DomainError as error:
            self.end(Close.FORBIDDEN, reason_of(error))
            raise ConnectionEndedError from None
        if caller.actor.person_id != self.person_id:
            self.end(Close.FORBIDDEN, "UNAUTHENTICATED")
            raise ConnectionEndedError
        self._confirm(caller, asked)
        return caller

    def confirm(self, callers: Mapping[Key, Caller], asked: float) -> bool:
        """Whether it still is this person's, by what the directory was asked then."""
        identity = self.credential.identity(self.shared.parts)
        caller = callers.get(identity.key) if identity is not None else None
        if caller is None or caller.actor.person_id != self.person_id:
            return False
        self._confirm(caller, asked)
        return True

    def _confirm(self, caller: Caller, asked: float) -> None:
        self._confirmed = asked
        if caller.actor != self._caller.actor:
            self._caller = caller
            for subscriber in tuple(self._under_way.values()):
                subscriber.doubt()

    def admit(self, cost: int) -> None:
        """Take an answer's points, as a request's. Refuses with RATE_LIMITED, OVERLOADED."""
        most, visitor = self.shared.parts.operations.limits.cost, self.visitor
        self.shared.parts.admission.admit(
            cost, most, self.person_id, visitor.portal, by_client=visitor.by_client
        )

    async def check(self) -> None:
        """Ask until somebody answers; it ends where nobody has said for too long whose it is."""
        if self.checking:
            return
        self.checking = True
        try:
            while not (await self._checked() or self.ended):
                self.end_unconfirmed()
                await asyncio.sleep(RETRY)
        finally:
            self.checking = False

    @property
    def left(self) -> float:
        """Seconds until nobody is believed any more."""
        return self._confirmed + UNCONFIRMED - time.monotonic()

    def end_unconfirmed(self) -> None:
        """Where nobody has said for too long whose it is."""
        if self.left <= 0:
            self.end(Close.UNCONFIRMED, "UNAVAILABLE")

    async def _checked(self) -> bool:
        with contextlib.suppress(ConnectionEndedError, DomainError, TimeoutError):
            async with asyncio.timeout(min(CHECK_TIMEOUT, max(self.left, 0))):
                await self.caller()
            return True
        return False

    def begin(self, subscriber: Subscriber, last_event_id: str) -> asyncio.Task[None]:
        """A subscription in a task of its own, which ends with the connection at the latest.

        Refuses with TOO_BUSY.
        """
        self.shared.begin(self.person_id)
        task = asyncio.create_task(subscriber.run(last_event_id))
        self._under_way[task] = subscriber
        telemetry.SUBSCRIPTIONS.inc()
        task.add_done_callback(self._over)
        return task

    def _over(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        telemetry.SUBSCRIPTIONS.dec()
        self.shared.over(self.person_id)

    def cut(self) -> None:
        """Its reader is slower than what is to be told."""
        self.end(Close.SLOW_READER, "SLOW_READER")

    def end(self, code: Close, reason: str) -> None:
        """End it with all its subscriptions; does not wait."""
        if not self.ended:
            self.ended = True
            telemetry.CONNECTIONS_ENDED.labels(code.name.lower()).inc()
            for task in self._under_way:
                task.cancel()
            self._closing = self.shared.spawn(self._close(code, reason))

    async def finish(self) -> None:
        """End what is under way; if it is we who end it, the client was told when this returns."""
        self.ended = True
        await end(list(self._under_way))
        await asyncio.gather(*filter(None, (self._closing,)), return_exceptions=True)

    @abstractmethod
    async def _close(self, code: Close, reason: str) -> None:
        """Tell the client, as its protocol does."""

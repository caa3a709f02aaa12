"""The subscriptions of one process: what they share, how many there may be, who is asked again."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager

from chassis.ending import end
from chassis.errors import DomainError, TooBusyError
from chassis.messaging import Bus
from gateway.actors import Key
from gateway.context import Caller
from gateway.endpoint.visitors import Parts
from gateway.subscriptions.connection import (
    CHECK_EVERY,
    CHECK_TIMEOUT,
    RETRY,
    Close,
    Connection,
)
from gateway.subscriptions.event_ids import EventIds
from gateway.subscriptions.feeds import Feeds
from gateway.subscriptions.followers import Followers
from gateway.subscriptions.open_files import MOST_CONNECTIONS
from gateway.subscriptions.protocol import BoundedSocket

MOST = 10_000  # subscriptions of this process
MOST_OF_ONE = 20  # of one person
MOST_CONNECTIONS_OF_ONE = 20
# With connections to this process: the directory is asked for all of them every two seconds, and
# must have answered in less than one, or they are closed. Memory would allow more of them.
MOST_PEOPLE = 2_000
_TURNS = 32  # that are read or executed at once
_AT_ONCE = 100  # connections that are checked in one turn of the event loop


class Subscriptions:
    """What all connections of this process share."""

    init_timeout = 5.0  # seconds a socket has to say whose it is
    unread_seconds = BoundedSocket.unread_seconds
    most_people = MOST_PEOPLE

    def __init__(self, parts: Parts, bus: Bus, *, most_connections: int = MOST_CONNECTIONS) -> None:
        self.parts = parts
        self.feeds = Feeds(bus)
        self.followers = Followers(self.feeds["forum"], parts.services.feed)
        self.event_ids = EventIds(parts.cursor_key.derived("event ids"))
        self.turns = asyncio.Semaphore(_TURNS)
        self.closing = False
        self._most_connections = most_connections
        self._connections: set[Connection] = set()
        self._places = 0  # taken by connections
        self._of_one: Counter[str] = Counter()  # connections by person
        self._subscriptions: Counter[str] = Counter()  # by person
        self._under_way = 0  # of all persons
        self._left = asyncio.Event()  # all connections have
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Hear, and ask whose connections are, until cancelled; then nothing is left."""
        hearing = [
            asyncio.create_task(self.feeds.run()),
            asyncio.create_task(self.followers.run()),
        ]
        try:
            while True:
                await asyncio.sleep(CHECK_EVERY)
                self.spawn(self._check())
        finally:
            await end([*hearing, *self._tasks])

    async def _check(self) -> None:
        """All in one round, by few questions; who is left out of the answers asks alone.

        While nobody answers it is asked again, and those end of whom nobody has said it for long.
        """
        waiting = checked = [one for one in self._connections if not one.checking]
        for one in checked:
            one.checking = True
        try:
            while waiting:
                asked, callers = time.monotonic(), dict[Key, Caller]()
                answered = await self._ask(waiting, callers)
                waiting = await _unconfirmed(waiting, callers, asked)
                if answered:
                    break
                for one in waiting:
                    one.end_unconfirmed()
                waiting = [one for one in waiting if not one.ended]
                await asyncio.sleep(RETRY)
        finally:
            for one in checked:
                one.checking = False
        for one in waiting:
            self.spawn(one.check())

    async def _ask(self, waiting: Sequence[Connection], callers: dict[Key, Caller]) -> bool:
        """Whether all was answered in time; what was is in `callers`."""
        credentials = [one.credential for one in waiting]
        patience = min(CHECK_TIMEOUT, *(one.left for one in waiting))
        with contextlib.suppress(DomainError, TimeoutError):
            async with asyncio.timeout(max(patience, 0)):
                await self.parts.sessions.ask_ahead(one.secret for one in credentials if one.secret)
                identities = [one.identity(self.parts) for one in credentials]
                await self.parts.actors.ask_all(filter(None, identities), callers)
            return True
        return False

    def spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Do it beside everything else; it is ended with the process."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """End all connections, so that clients go to another process."""
        self.closing = True
        for connection in tuple(self._connections):
            connection.end(Close.GOING_AWAY, "GOING_AWAY")
        if self._connections:
            self._left.clear()
            await self._left.wait()

    @contextmanager
    def place(self) -> Iterator[bool]:
        """A connection's place, before it is known whose it is; False: there is none."""
        free = self._places < self._most_connections and not self.closing
        self._places += free
        try:
            yield free
        finally:
            self._places -= free

    @contextmanager
    def opened(self, connection: Connection) -> Iterator[None]:
        """A connection of a person. Refuses with TOO_BUSY."""
        person_id = connection.person_id
        if self._of_one[person_id] >= MOST_CONNECTIONS_OF_ONE:
            raise TooBusyError(
                f"connections exceed the limit of {MOST_CONNECTIONS_OF_ONE}", retry_after=1
            )
        if person_id not in self._of_one and len(self._of_one) >= self.most_people:
            raise TooBusyError("too many people are connected", retry_after=1)
        self._connections.add(connection)
        self._of_one[person_id] += 1
        try:
            yield
        finally:
            self._connections.discard(connection)
            if not self._connections:
                self._left.set()
            _one_less(self._of_one, person_id)

    def begin(self, person_id: str) -> None:
        """One subscription more. Refuses with TOO_BUSY."""
        if self._subscriptions[person_id] >= MOST_OF_ONE:
            raise TooBusyError(f"subscriptions exceed the limit of {MOST_OF_ONE}", retry_after=1)
        if self._under_way >= MOST:
            raise TooBusyError("too many subscriptions at once", retry_after=1)
        self._subscriptions[person_id] += 1
        self._under_way += 1

    def over(self, person_id: str) -> None:
        """One subscription less."""
        _one_less(self._subscriptions, person_id)
        self._under_way -= 1


async def _unconfirmed(
    connections: Sequence[Connection], callers: Mapping[Key, Caller], asked: float
) -> list[Connection]:
    """Those of which these do not say whose they are; the others know it now."""
    found = []
    for start in range(0, len(connections), _AT_ONCE):
        some = connections[start : start + _AT_ONCE]
        found += [one for one in some if not one.ended and not one.confirm(callers, asked)]
        await asyncio.sleep(0)
    return found


def _one_less(counts: Counter[str], key: str) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]

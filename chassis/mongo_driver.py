"""What we change of MongoDB's driver, which waits in more tasks than it needs. Imported for that.

Each is a function that the driver calls by a name of its own; where that name is gone, importing
this fails.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from pymongo import _csot
from pymongo.asynchronous import pool, topology
from pymongo.errors import ProtocolError, _OperationCancelled
from pymongo.message import _UNPACK_REPLY

if TYPE_CHECKING:
    from pymongo.asynchronous.pool import AsyncConnection
    from pymongo.network_layer import PyMongoProtocol

_LOOK_EVERY = 0.5  # seconds, as the driver does


async def _wait(condition: Any, timeout: float | None) -> bool:
    """As the driver's own, which on Python 3.11 waits in a task beside the caller's.

    A caller that is cancelled while that task takes the lock back leaves without it: the lock is
    then released by who does not hold it, or held by nobody for ever, and with it every operation
    of the client.
    """
    try:
        async with asyncio.timeout(timeout):
            return bool(await condition.wait())
    except TimeoutError:
        return False


async def _send(protocol: PyMongoProtocol, message: bytes) -> None:
    """As the driver's own, which bounds by a task what waits for nothing."""
    await protocol.write(message)


async def _receive(connection: AsyncConnection, request_id: int | None, most: int) -> Any:
    """As the driver's own, which reads in one task, looks in another whether the driver gives the
    connection up, and waits for either.
    """
    with _Watch(connection) as watch:
        try:
            async with asyncio.timeout(_time_left(connection)) as watch.limit:
                data, kind = await connection.conn.get_conn.read(request_id, most)
        except TimeoutError:
            if connection.cancel_context.cancelled:
                raise _OperationCancelled("operation cancelled") from None
            raise TimeoutError("timed out") from None
    unpack = _UNPACK_REPLY.get(kind)
    if unpack is None:
        raise ProtocolError(f"an answer of the kind {kind!r}")
    return unpack(data)


def _time_left(connection: AsyncConnection) -> float | None:
    """Seconds for the answer; None: no bound."""
    if _csot.get_timeout():
        return max(_csot.get_deadline() - time.monotonic(), 0)
    return connection.conn.gettimeout or None


class _Watch:
    """Ends the wait for an answer on a connection that the driver gives up."""

    __slots__ = ("_connection", "_timer", "limit")

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self.limit: asyncio.Timeout | None = None

    def __enter__(self) -> _Watch:
        self._timer = asyncio.get_running_loop().call_later(_LOOK_EVERY, self._look)
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        if not self._connection.cancel_context.cancelled:
            self._timer = loop.call_later(_LOOK_EVERY, self._look)
        elif self.limit is not None:
            self.limit.reschedule(loop.time())


def _replace(module: Any, name: str, function: Any) -> None:
    if not hasattr(module, name):
        raise ImportError(f"PyMongo has no {module.__name__}.{name} now: is ours still needed?")
    setattr(module, name, function)


_replace(pool, "_async_cond_wait", _wait)  # both modules have their own name for it
_replace(topology, "_async_cond_wait", _wait)
_replace(pool, "async_sendall", _send)
_replace(pool, "async_receive_message", _receive)

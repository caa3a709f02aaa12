"""WebSocket on one connection: uvicorn's, with an end to whoever takes nothing, and fewer words."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.wsproto_impl import WSProtocol
from wsproto.events import CloseConnection
from wsproto.utilities import LocalProtocolError

from gateway.subscriptions.connection import Close

_log = logging.getLogger(__name__)
_log.setLevel(logging.WARNING)  # uvicorn tells every connection's address


class BoundedSocket(WSProtocol):
    """Nothing waits in here without end: neither for a reader nor for the end of a message."""

    # For a client to take what it was sent: what waits behind it was read by rights of that time.
    unread_seconds = 3.0
    closed_seconds = 5.0  # for it to answer a close

    _unread: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.logger = _log
        self.close_timeout = self.closed_seconds

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is left to be late."""
        self._stop_unread()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not take what it was sent, so it is not listened to either.

        Else its pings would have their answers wait in here.
        """
        super().pause_writing()
        self.transport.pause_reading()
        if self._unread is None:
            self._unread = self.loop.call_later(self.unread_seconds, self._too_slow)

    def resume_writing(self) -> None:
        """It does."""
        super().resume_writing()
        self._stop_unread()
        if not self.read_paused:
            self.transport.resume_reading()

    async def receive(self) -> Any:
        """As uvicorn's; it is not read on while the client takes nothing."""
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            if self.writable.is_set():
                self.transport.resume_reading()
        return message

    async def send(self, message: Any) -> None:
        """As uvicorn's; a close does not wait for the reader, but stands behind what waits."""
        if message["type"] == "websocket.close" and self.handshake_complete:
            self._end(message.get("code", 1000), message.get("reason") or "")
        elif self.close_sent:
            raise ClientDisconnected
        else:
            await super().send(message)

    def _too_slow(self) -> None:
        self._unread = None
        self._end(Close.SLOW_READER, Close.SLOW_READER.name)

    def _end(self, code: int, reason: str) -> None:
        if self.close_sent or self.disconnected or self.transport.is_closing():
            return
        self.close_sent = True
        self.stop_keepalive()
        with contextlib.suppress(LocalProtocolError):  # it has just closed
            self.transport.write(self.conn.send(CloseConnection(code=code, reason=reason)))
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.resume_reading()  # for its answer
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.abort)

    def _stop_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

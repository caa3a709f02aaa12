"""HTTP/1 on one connection: uvicorn's, with an end to whatever a client never finishes."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

MAX_HEAD = 32_768  # bytes while a head is not complete; the application's own limits are narrower
MAX_LEFT_OVER = 1 << 20  # bytes of a request that was answered before its end
WHOLE = "guildhall.whole"  # in a request's scope: all of it has come
GONE = "guildhall.gone"  # likewise: what is called where its client does not wait for the answer
_BLANK_LINES = b"\r\n"
_VERSIONS = ("1.0", "1.1")


class BoundedProtocol(HttpToolsProtocol):
    """Refuses what proxies read otherwise than we do; closes what is slow or never ends."""

    request_seconds = 8.0  # from a request's first byte to its last; a body of /graphql has less
    upload_seconds = 60.0  # the same for a file, which has up to 10 MB
    answer_seconds = 20.0  # for a client to take what it was answered

    _timer: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _begun = False  # a message, which has not ended
    _headed = False  # its head has
    _size = 0  # of what must not grow for ever: a head, or what comes behind an answer
    _piece = 0  # bytes under way; what began within them is not counted from its first byte

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first request's time begins here."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(self.request_seconds, self._late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is left to be late, and nobody to be answered."""
        self._stop_timer()
        self._stop_unread()
        cycle: RequestResponseCycle | None = self.cycle
        super().connection_lost(exc)
        if cycle is not None and not cycle.response_complete and GONE in cycle.scope:
            cast("dict[str, Any]", cycle.scope)[GONE]()

    def data_received(self, data: bytes) -> None:
        """Blank lines between requests are allowed, and are no sign of life."""
        if not self._begun:
            data = data.lstrip(_BLANK_LINES)
            if not data:
                return
        self._piece = len(data)
        super().data_received(data)
        if not self._begun or self.transport.is_closing():
            return
        if self._timer is None:
            self._timer = self.loop.call_later(self.request_seconds, self._late)
        if not self._headed:
            self._size += self._piece
            if self._size > MAX_HEAD:
                self._refuse(431)
        elif self.cycle.response_complete:
            self._size += self._piece
            if self._size > MAX_LEFT_OVER:
                self._close()

    def on_message_begin(self) -> None:
        """The parser's first byte of a request."""
        super().on_message_begin()
        self._begun, self._headed, self._size = True, False, -self._piece

    def on_header(self, name: bytes, value: bytes) -> None:
        """What comes behind a body is no header: a proxy may have looked at those alone."""
        if not self._headed:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Refuses what makes a request mean one thing here and another to a proxy before us."""
        self._headed, self._size = True, -self._piece
        version = self.parser.get_http_version()
        if version not in _VERSIONS:
            raise httptools.HttpParserError("version")
        hosts = [value for name, value in self.headers if name == b"host"]
        if len(hosts) > 1 or (not hosts and version == "1.1"):
            raise httptools.HttpParserError("host")
        for name, value in self.headers:
            if name == b"transfer-encoding" and value.strip().lower() != b"chunked":
                raise httptools.HttpParserError("transfer-encoding")
        puts = self.parser.get_method() == b"PUT" and self.url.startswith(b"/uploads/")
        if puts and self._timer is not None:
            self._stop_timer()
            self._timer = self.loop.call_later(self.upload_seconds, self._late)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The parser's last byte of it."""
        self._begun = False
        cast("dict[str, Any]", self.scope)[WHOLE] = True
        self._stop_timer()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Uvicorn closes where the connection is not kept; the client gets some time to read."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._abort_later()

    def timeout_keep_alive_handler(self) -> None:
        """No further request came."""
        super().timeout_keep_alive_handler()
        self._abort_later()

    def send_400_response(self, msg: str) -> None:
        """What the parser, or we, cannot take."""
        super().send_400_response(msg)
        self._abort_later()

    def pause_writing(self) -> None:
        """The client does not take its answer, for now."""
        super().pause_writing()
        self._abort_later()

    def resume_writing(self) -> None:
        """It does."""
        super().resume_writing()
        if not self.transport.is_closing():
            self._stop_unread()

    def _should_upgrade(self) -> bool:
        """To WebSocket by GET only, and not beside a request that is still being answered."""
        cycle: RequestResponseCycle | None = self.cycle
        idle = cycle is None or cycle.response_complete
        return idle and self.parser.get_method() == b"GET" and super()._should_upgrade()

    def _unsupported_upgrade_warning(self) -> None:
        """The answer is in HTTP/1.1; what is sent behind it is in no protocol of ours."""
        if self.cycle.response_complete:
            self._close()
        else:
            self.cycle.keep_alive = False

    def _late(self) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete and not self._headed:
            # An earlier request is still being answered.
            self._timer = self.loop.call_later(self.request_seconds, self._late)
        elif self._headed or not self._begun:
            self._close()
        else:
            self._refuse(408)

    def _refuse(self, status: int) -> None:
        self.transport.write(
            STATUS_LINE[status] + b"content-length: 0\r\nconnection: close\r\n\r\n"
        )
        self._close()

    def _close(self) -> None:
        self.transport.close()
        self._abort_later()

    def _abort_later(self) -> None:
        """A client that takes nothing holds its answer here no longer."""
        if self._unread is None:
            self._unread = self.loop.call_later(self.answer_seconds, self.transport.abort)

    def _stop_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

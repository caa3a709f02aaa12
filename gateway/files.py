"""The folder of attached files, where there is one: put and read by what a signed address allows.

Nobody is asked who they are: the forum has decided that, a moment ago, when it gave the address.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from chassis.errors import UnauthenticatedError
from chassis.file_passes import GET, INCOMING, KEPT, PUT, Action, FilePass, FilePassVerifier, place

AT_ONCE = 20  # uploads under way
_BUFFER = 1 << 20  # bytes that are written at a time
# Portals show images and put files from pages of their own; the address is all that counts.
_ANYWHERE = {"access-control-allow-origin": "*", "cross-origin-resource-policy": "cross-origin"}
_PREFLIGHT = {
    **_ANYWHERE,
    "access-control-allow-methods": "PUT",
    "access-control-allow-headers": "content-type",
    "access-control-max-age": "600",
}
# Whatever a file holds, nothing in it runs, loads or is framed.
_FILE = {
    **_ANYWHERE,
    "content-security-policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "cache-control": "private, max-age=60",
    "referrer-policy": "no-referrer",
}


class Files:
    """`/uploads/<pass>` and `/files/<pass>`."""

    def __init__(self, folder: Path, verifier: FilePassVerifier) -> None:
        self._folder = folder
        self._verifier = verifier
        self._free = AT_ONCE

    @property
    def routes(self) -> Sequence[Route]:
        """For the application."""
        return (
            Route("/uploads/{token}", self._preflight, methods=["OPTIONS"]),
            Route("/uploads/{token}", self._put, methods=["PUT"]),
            Route("/files/{token}", self._get, methods=["GET"]),
        )

    async def _preflight(self, _: Request) -> Response:
        return Response(status_code=204, headers=_PREFLIGHT)

    async def _get(self, request: Request) -> Response:
        allowed = self._allowed(request, GET)
        if allowed is None:
            return _said(403)
        path = place(self._folder, KEPT, allowed.key)
        if not await asyncio.to_thread(path.is_file):
            return _said(404)
        return FileResponse(
            path,
            headers=_FILE,
            media_type=allowed.type,
            filename=allowed.name,
            content_disposition_type="inline" if allowed.inline else "attachment",
        )

    async def _put(self, request: Request) -> Response:
        allowed = self._allowed(request, PUT)
        if allowed is None:
            return _said(403)
        length = request.headers.get("content-length")
        if length is not None and length != str(allowed.size):
            return _said(413 if length.isdecimal() and int(length) > allowed.size else 400)
        if not self._free:
            return _said(503)
        self._free -= 1
        try:
            return _said(await self._store(request, allowed))
        except OSError:
            return _said(507)
        finally:
            self._free += 1

    async def _store(self, request: Request, allowed: FilePass) -> int:
        """Under another name until it is whole; the status of what came of it."""
        path = place(self._folder, INCOMING, allowed.key)
        part = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
        try:
            with await asyncio.to_thread(part.open, "xb") as file:
                status = await _receive(request, allowed, file)
            if status == 204:
                await asyncio.to_thread(part.replace, path)
            return status
        finally:
            await asyncio.to_thread(part.unlink, missing_ok=True)

    def _allowed(self, request: Request, action: Action) -> FilePass | None:
        try:
            return self._verifier.verify(request.path_params["token"], action)
        except UnauthenticatedError:
            return None


async def _receive(request: Request, allowed: FilePass, file: IO[bytes]) -> int:
    """Exactly the bytes that are allowed, or the status of a refusal."""
    digest, size, waiting = hashlib.sha256(), 0, bytearray()
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > allowed.size:
                return 413
            waiting += chunk
            if len(waiting) >= _BUFFER:
                await asyncio.to_thread(_write, file, digest, bytes(waiting))
                waiting.clear()
    except ClientDisconnect:
        return 400
    await asyncio.to_thread(_write, file, digest, bytes(waiting))
    whole = size == allowed.size and allowed.sha256 in ("", digest.hexdigest())
    return 204 if whole else 400


def _write(file: IO[bytes], digest: hashlib._Hash, data: bytes) -> None:
    digest.update(data)
    file.write(data)


_SAID = {
    400: "this is not the file that was announced",
    403: "this address is not good, or not any more",
    404: "there is no such file",
    413: "this is more than was announced",
    503: "too many files are being put: try again in a moment",
    507: "the store is full or away",
}


def _said(status: int) -> Response:
    headers = {**_ANYWHERE, "cache-control": "no-store"}
    if status == 204:
        return Response(status_code=204, headers=headers)
    return PlainTextResponse(_SAID[status], status, headers)

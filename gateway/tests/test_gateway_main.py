"""The gateway as a process: it starts, answers, drains on SIGTERM and ends with 0."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import sys
from pathlib import Path

import httpx2

from chassis.testing import Loopback, free_port
from gateway.settings import GatewaySettings
from gateway.tests.directory_standin import DirectoryStandIn, add_directory
from gateway.tests.standins import ForumStandIn, add_forum

ROOT = Path(__file__).parent.parent.parent


async def test_process_answers_and_drains_on_sigterm(
    loopback: Loopback, mongo_uri: str, nats_url: str, tmp_path: Path
) -> None:
    directory, forum = DirectoryStandIn(), ForumStandIn()  # type: ignore[abstract]
    addresses = {
        "directory": await loopback.serve("directory", add_directory(directory)),
        "forum": await loopback.serve("forum", add_forum(forum)),
    }
    key_file, cursor_key, issuers = tmp_path / "key.pem", tmp_path / "cursor", tmp_path / "issuers"
    key_file.write_bytes(loopback.key("gateway").as_pem(private=True))
    cursor_key.write_bytes(secrets.token_bytes(32))
    issuers.write_text(json.dumps([]))
    port, metrics_port = free_port(), free_port()
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}:{ROOT / 'protos' / 'gen'}",
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "GATEWAY_METRICS_LISTEN": f"127.0.0.1:{metrics_port}",
        "GATEWAY_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "GATEWAY_MONGO_URI": mongo_uri,
        "GATEWAY_DATABASE_NAME": f"test_{secrets.token_hex(8)}",
        "GATEWAY_NATS_URL": nats_url,
        "GATEWAY_SIGNING_KEY_FILE": str(key_file),
        "GATEWAY_CURSOR_KEY_FILE": str(cursor_key),
        "GATEWAY_ISSUERS_FILE": str(issuers),
        "GATEWAY_DIRECTORY_ADDRESS": addresses["directory"],
        "GATEWAY_FORUM_ADDRESS": addresses["forum"],
        "GATEWAY_MODERATION_ADDRESS": "127.0.0.1:1",
        "GATEWAY_SEARCH_ADDRESS": "127.0.0.1:1",
        "GATEWAY_NOTIFICATIONS_ADDRESS": "127.0.0.1:1",
        "GATEWAY_SUGGESTIONS": "true",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", cwd=ROOT, env=environment, stderr=asyncio.subprocess.PIPE
    )
    url = f"http://127.0.0.1:{port}"
    async with httpx2.AsyncClient(trust_env=False, base_url=url, timeout=10) as http:
        try:
            await _until_ready(http)
            asking = {"query": "{ viewer { isOperator } }"}
            response = await http.post("/graphql", json=asking)
            assert response.json()["data"] == {"viewer": None}
            metrics = await http.get(f"http://127.0.0.1:{metrics_port}/metrics")
            assert 'guildhall_http_seconds_count{route="/graphql",status="200"} 1.0' in metrics.text
            assert (await http.get("/metrics")).status_code == 404
            response = await http.post("/graphql", json={"query": "{ viewre { isOperator } }"})
            assert "Did you mean 'viewer'" in response.json()["errors"][0]["message"]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            head = "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            body = b'{"query":"{ viewer { isOperator } }"}'
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:1])
            await writer.drain()
            await asyncio.sleep(0.3)
            process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.5)
            assert process.returncode is None  # a request is under way
            writer.write(body[1:])
            answer = await asyncio.wait_for(reader.read(), 10)
            assert answer.startswith(b"HTTP/1.1 200")
            assert answer.endswith(b'{"cost":{"requested":1,"maximum":1000}}}')
            assert await asyncio.wait_for(process.wait(), 15) == 0
            writer.close()
        finally:
            if process.returncode is None:
                process.kill()
            assert process.stderr is not None
            log = (await process.stderr.read()).decode()
    assert "Traceback" not in log


async def _until_ready(http: httpx2.AsyncClient) -> None:
    for _ in range(150):
        try:
            if (await http.get("/readyz")).status_code == 200:
                return
        except httpx2.TransportError:
            pass
        await asyncio.sleep(0.1)
    raise AssertionError("the gateway did not become ready")


def test_every_setting_has_the_prefix() -> None:
    assert GatewaySettings.model_config.get("env_prefix") == "GATEWAY_"


def test_nothing_is_suggested_unless_it_is_set() -> None:
    assert GatewaySettings.model_fields["suggestions"].default is False

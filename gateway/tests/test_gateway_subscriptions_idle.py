"""What subscriptions cost that only wait."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from gateway.cursors import encode_id
from gateway.tests.conftest import House
from gateway.tests.subscribing import replica

ROOT = Path(__file__).parents[2]
SUBSCRIPTIONS = int(os.environ.get("GUILDHALL_SUBSCRIPTIONS", "1000"))
PER_SOCKET = int(os.environ.get("GUILDHALL_PER_SOCKET", "20"))  # 1: the dearest way
KIND = os.environ.get("GUILDHALL_CONNECTIONS", "socket")  # or stream, which has one
MOST = (200 << 20) // 5_000  # bytes of each: 5,000 are to cost less than 200 MB
OF_SOCKET = 64 << 10  # bytes more where everybody has but one


@pytest.mark.timeout(300)
async def test_subscriptions_that_wait_cost_little_memory(house: House, nats_url: str) -> None:
    """20 on each person's socket; the services' stand-ins are measured with it.

    GUILDHALL_SUBSCRIPTIONS=5000 GUILDHALL_IDLE_SECONDS=10 pytest -s tells what they cost; the bench
    measures them in a system (`make bench ONLY=subscriptions`).
    """
    sockets = SUBSCRIPTIONS // PER_SOCKET
    tokens = [house.issuer.access_token({"sub": f"idle{number}"}) for number in range(sockets)]
    async with replica(house, nats_url) as told:
        gc.collect()
        process = psutil.Process()
        before = process.memory_info().rss
        clients = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "gateway.tests.idle_clients",
            KIND,
            str(told.port),
            str(PER_SOCKET),
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'protos/gen'}"},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert clients.stdin is not None
        assert clients.stdout is not None
        try:
            topics = " ".join(encode_id("Topic", "c1", row.id) for row in house.forum.topics)
            clients.stdin.write("\n".join([topics, *tokens, "", ""]).encode())
            assert await clients.stdout.readline() == b"ready\n"
            assert told.subscriptions._under_way == SUBSCRIPTIONS
            gc.collect()
            grown = process.memory_info().rss - before
            spent, began = process.cpu_times(), time.monotonic()
            await asyncio.sleep(float(os.environ.get("GUILDHALL_IDLE_SECONDS", "0")))
            now, seconds = process.cpu_times(), time.monotonic() - began
            cpu = now.user + now.system - spent.user - spent.system
            sys.stdout.write(
                f"{SUBSCRIPTIONS} subscriptions on {sockets} sockets: {grown / 2**20:.0f} MiB, "
                f"{grown / SUBSCRIPTIONS / 1024:.1f} KiB each; CPU {cpu / seconds:.0%} of a core\n"
            )
            clients.stdin.close()
            assert await clients.stdout.read() == b"{}"  # nobody was disconnected
            assert grown < MOST * SUBSCRIPTIONS + (OF_SOCKET * sockets if PER_SOCKET == 1 else 0)
        finally:
            clients.stdin.close()
            await clients.wait()

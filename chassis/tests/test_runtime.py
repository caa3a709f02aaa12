"""A service's life, as a process: it serves, drains on SIGTERM, and says why it cannot start."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from joserfc.jwk import OKPKey

from chassis.testing import free_port

# A service of nothing but a health check and an outbox.
PROGRAM = """
from chassis import runtime
from chassis.settings import ServiceSettings
from pydantic_settings import SettingsConfigDict

class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="NOTHING_", extra="ignore")

class Repository:
    indexes = ()
    migrations = ()

async def main():
    async with runtime.start("nothing", Settings(), Repository) as process:
        await process.run()

runtime.launch(main)
"""


@pytest.fixture
def environment(tmp_path: Path, mongo_uri: str) -> dict[str, str]:
    key = OKPKey.generate_key("Ed25519")
    (tmp_path / "key.pem").write_bytes(key.as_pem(private=True))
    (tmp_path / "trusted.json").write_text(json.dumps({"nothing": key.as_dict(private=False)}))
    return {
        **os.environ,
        "PYTHONPATH": ".:protos/gen",
        "NOTHING_LISTEN": f"127.0.0.1:{free_port()}",
        "NOTHING_MONGO_URI": mongo_uri,
        "NOTHING_NATS_URL": f"nats://127.0.0.1:{free_port()}",  # nobody there
        "NOTHING_SIGNING_KEY_FILE": str(tmp_path / "key.pem"),
        "NOTHING_TRUSTED_KEYS_FILE": str(tmp_path / "trusted.json"),
    }


def start(environment: dict[str, str], program: str = PROGRAM) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def test_serves_without_the_bus_and_drains_on_sigterm(environment: dict[str, str]) -> None:
    process = start(environment)
    async with grpc.aio.insecure_channel(environment["NOTHING_LISTEN"]) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        async with asyncio.timeout(60):
            while True:
                try:
                    answer = await stub.Check(
                        health_pb2.HealthCheckRequest(), timeout=5, wait_for_ready=True
                    )
                except grpc.aio.AioRpcError:
                    assert process.poll() is None
                    continue
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    break
    process.send_signal(signal.SIGTERM)
    _, errors = await asyncio.to_thread(process.communicate, None, 30)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors


async def test_port_in_use_is_one_line_and_exit_code_1(environment: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        environment["NOTHING_LISTEN"] = f"127.0.0.1:{taken.getsockname()[1]}"
        process = start(environment)
        _, errors = await asyncio.to_thread(process.communicate, None, 60)
    assert process.returncode == 1
    last = [line for line in errors.splitlines() if not line.startswith(("{", "E", "I"))]
    assert last == [f"cannot listen on {environment['NOTHING_LISTEN']}: is it in use?"]


# Its first preparation is overtaken by another replica; how often it was begun is its last word.
OVERTAKEN = """
import asyncio
from chassis import runtime
from chassis.mongo import Migration
from chassis.settings import ServiceSettings
from pydantic_settings import SettingsConfigDict

class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="NOTHING_", extra="ignore")

begun = 0

async def migrate(database):
    global begun
    begun += 1
    if begun == 1:
        await database.leases.update_one(
            {"_id": "prepare"}, {"$set": {"owner": "another"}, "$inc": {"n": 1}}
        )
        await asyncio.Event().wait()

class Repository:
    indexes = ()
    migrations = (Migration("0001", migrate),)

async def main():
    async with runtime.start("overtaken", Settings(), Repository) as process:
        done = await process.database.schema_migrations.find().to_list()
        await process.database.client.drop_database("overtaken")
        print(begun, [row["_id"] for row in done])

runtime.launch(main)
"""


async def test_too_slow_to_keep_the_lease_prepares_again(environment: dict[str, str]) -> None:
    environment["NOTHING_LEASE_OBSERVATION"] = "0.5"
    process = start(environment, OVERTAKEN)
    said, errors = await asyncio.to_thread(process.communicate, None, 60)
    assert (process.returncode, said) == (0, "2 ['0001']\n"), errors

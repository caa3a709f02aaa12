"""The supervisor, with real engines and providers, and stand-ins for services and gateway."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import pytest
from joserfc.jwk import OKPKey

from devstack.console import Silence
from devstack.environment import EngineUrls, gateway_environment, service_environment
from devstack.keys import write_keys
from devstack.openid.people import find_person
from devstack.parts import CHECKOUT, OFFSETS, SERVICES, Place, free_base_port
from devstack.processes import ProcessError, wait_until
from devstack.stack import Stack
from devstack.token import access_token
from devstack.welcome import welcome

ENGINES = EngineUrls("mongodb://m", "nats://n", "http://s")
SERVICE = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
import grpc
from grpc_health.v1 import health, health_pb2_grpc
name = sys.argv[0].rsplit("/", 1)[-1].removesuffix(".py")
if name in os.environ.get("STAND_IN_BROKEN", ""):
    sys.exit("stand-in: out of order")
server = grpc.server(ThreadPoolExecutor(2))
health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
server.add_insecure_port(os.environ[name.upper() + "_LISTEN"])
server.start()
server.wait_for_termination()
"""
GATEWAY = """
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
class Ready(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
host, port = os.environ["GATEWAY_LISTEN"].split(":")
HTTPServer((host, int(port)), Ready).serve_forever()
"""


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    (folder / "services").mkdir(parents=True)
    (folder / "services" / "__init__.py").touch()  # else the real package would win
    for service in SERVICES:
        (folder / "services" / f"{service.name}.py").write_text(SERVICE)
    (folder / "gateway.py").write_text(GATEWAY)
    return folder


@pytest.fixture
def stack(tmp_path: Path, code: Path) -> Iterator[Stack]:
    stack = Stack(free_base_port(), tmp_path / "data", Silence(), "osmem", demo=False, code=code)
    yield stack
    stack.stop()


def test_everything_is_told_where_everything_is(tmp_path: Path) -> None:
    place = Place(9000, tmp_path)
    told = {one.name: service_environment(place, one, ENGINES) for one in SERVICES}
    forum = told["forum"]
    assert forum["FORUM_LISTEN"] == "127.0.0.1:9006"
    assert forum["FORUM_METRICS_LISTEN"] == "127.0.0.1:9016"
    assert forum["FORUM_MONGO_URI"] == "mongodb://m"
    assert forum["FORUM_NATS_URL"] == "nats://n"
    assert forum["FORUM_MODERATION_ADDRESS"] == "127.0.0.1:9007"
    assert forum["FORUM_SIGNING_KEY_FILE"] == str(tmp_path / "keys" / "forum.pem")
    assert forum["FORUM_TRUSTED_KEYS_FILE"] == str(tmp_path / "keys" / "trusted.json")
    assert told["search"]["SEARCH_OPENSEARCH_URL"] == "http://s"
    notifications = told["notifications"]
    assert notifications["NOTIFICATIONS_SMTP_URL"] == "smtp://127.0.0.1:9010"
    assert notifications["NOTIFICATIONS_ADDRESS_KEY_FILE"] == str(tmp_path / "keys/addresses.key")
    assert notifications["NOTIFICATIONS_WEBHOOK_KEY_FILE"] == str(tmp_path / "keys/webhooks.key")
    assert notifications["NOTIFICATIONS_WEBHOOKS_INSIDE"] == "true"
    operator = find_person("operator@guildhall.example")
    assert operator is not None
    assert told["directory"]["DIRECTORY_BOOTSTRAP_OPERATOR"] == (
        f"http://127.0.0.1:9001/guildhall {operator.subject}"
    )
    gateway = gateway_environment(place, ENGINES)
    assert gateway["GATEWAY_PUBLIC_URL"] == "http://127.0.0.1:9000"
    assert gateway["GATEWAY_SEARCH_ADDRESS"] == "127.0.0.1:9008"


def test_traces_go_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317")
    told = gateway_environment(Place(9000, tmp_path), ENGINES)
    assert told["GATEWAY_OTLP_ENDPOINT"] == "http://127.0.0.1:4317"


def test_no_port_is_given_twice() -> None:
    assert len(set(OFFSETS)) == len(OFFSETS)


def test_keys_are_made_once_and_for_their_owner_only(tmp_path: Path) -> None:
    place = Place(9000, tmp_path)
    write_keys(place)
    first = {path.name: path.read_bytes() for path in place.keys.iterdir()}
    write_keys(place)
    assert {path.name: path.read_bytes() for path in place.keys.iterdir()} == first
    assert {stat.S_IMODE(path.stat().st_mode) for path in place.keys.iterdir()} == {0o600}

    trusted = json.loads(first["trusted.json"])
    assert set(trusted) == {"gateway", *(service.name for service in SERVICES)}
    own = OKPKey.import_key(first["forum.pem"])
    public = own.as_dict(private=False)
    assert trusted["forum"] == {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": public["x"],
        "kid": own.thumbprint(),
    }
    issuers = json.loads(place.issuers_file.read_text())
    assert [issuer["key"] for issuer in issuers][:2] == ["kestrel", "lumen"]
    assert issuers[0]["issuer"] == "http://127.0.0.1:9001/kestrel"
    assert issuers[0]["audience"] == "http://127.0.0.1:9000"
    assert len({issuer["client_secret"] for issuer in issuers}) == 5


def test_welcome_says_how_to_sign_in(tmp_path: Path) -> None:
    said = welcome(Place(9000, tmp_path), "osmem", "no Java")
    for part in ("http://127.0.0.1:9000/graphql", "/signin", "make token PERSON=", "(no Java)"):
        assert part in said


def test_the_stack_starts_restarts_what_dies_and_leaves_nothing(stack: Stack) -> None:
    others = children()  # of this session's fixtures
    stack.start()
    mine = [process for process in children() if process not in others]
    by_name = {_module(process): process for process in mine}
    assert httpx2.get(f"{stack.place.url(0)}/readyz", trust_env=False).status_code == 200
    assert access_token("both@kestrel.example", stack.place.url(1)).count(".") == 2

    with pytest.raises(ProcessError, match="runs already with its data in"):
        Stack(free_base_port(), stack.place.data, Silence(), "osmem").start()

    ends: list[str] = []
    watching = threading.Thread(target=lambda: ends.append(stack.watch()))
    watching.start()
    forum = by_name["services.forum"]
    forum.kill()
    assert wait_until(lambda: "services.forum" in _modules_beside([*mine, *others]), 20)
    assert wait_until(lambda: "forum runs again" in said(stack), 20)
    by_name["nats-server"].kill()
    watching.join(20)
    assert ends[0].startswith("nats-server was ended by SIGKILL (log: ")
    stack.stop()
    assert children() == others


def test_a_service_that_cannot_start_stops_all_and_says_why(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = children()
    monkeypatch.setenv("STAND_IN_BROKEN", "moderation")
    with pytest.raises(ProcessError, match=r"moderation ended .* stand-in: out of order") as said:
        stack.start()
    assert "moderation.log" in str(said.value)
    assert children() == others


def test_the_command_ends_well_when_told_to_stop(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "GUILDHALL_DATA": str(tmp_path),
        "GUILDHALL_PORT": str(free_base_port()),
        "GUILDHALL_SEARCH_ENGINE": "osmem",
    }
    command = [sys.executable, "-u", "-m", "devstack"]
    with subprocess.Popen(
        command, env=environment, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        assert "✓" in running.stdout.readline()
        children = psutil.Process(running.pid).children(recursive=True)
        running.send_signal(signal.SIGTERM)
        said = running.stdout.read()
        assert running.wait(30) == 0
    assert "Guildhall is stopped." in said
    assert children
    assert not [process for process in children if process.is_running()]


def test_a_port_that_is_no_number_is_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "devstack"],
        env={**os.environ, "GUILDHALL_PORT": "eighty"},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stdout == "GUILDHALL_PORT is 'eighty': set it to a number from 1024 to 65516\n"
    assert done.stderr == ""


def said(stack: Stack) -> list[str]:
    console = stack.console
    assert isinstance(console, Silence)
    return console.lines


def children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def _modules_beside(old: list[psutil.Process]) -> list[str]:
    return [_module(process) for process in children() if process not in old]


def _module(process: psutil.Process) -> str:
    try:
        words = process.cmdline()
    except psutil.Error:
        return ""
    return words[words.index("-m") + 1] if "-m" in words else process.name()

"""Fixtures of the devstack's tests: the OpenID providers as a process, and a browser."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import httpx2
import pytest

from devstack.parts import CHECKOUT
from devstack.processes import Process, free_port, wait_until
from devstack.tests.openid_browser import GATEWAY, Browser, Providers


@pytest.fixture(scope="session")
def providers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Providers]:
    data, port = tmp_path_factory.mktemp("openid"), free_port()
    environment = {
        "OPENID_LISTEN": f"127.0.0.1:{port}",
        "OPENID_DATA": str(data),
        "OPENID_GATEWAY_URL": GATEWAY,
        "OPENID_AUDIENCE": GATEWAY,
    }
    command = [sys.executable, "-m", "devstack.openid"]
    process = Process("openid", command, data / "log", environment, CHECKOUT)
    process.start()
    url = f"http://127.0.0.1:{port}"
    assert wait_until(lambda: _answers(f"{url}/healthz"), 20), process.last_words(20)
    yield Providers(url, data, environment)
    process.stop()


def _answers(url: str) -> bool:
    try:
        return httpx2.get(url, trust_env=False).status_code == 200
    except httpx2.TransportError:
        return False


@pytest.fixture
def browser(providers: Providers) -> Iterator[Browser]:
    browser = Browser(f"{providers.url}/kestrel")
    yield browser
    browser.http.close()

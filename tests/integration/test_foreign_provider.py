"""The gateway signs people in at a certified OpenID provider that we did not write."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2
import pytest

from chassis.testing import free_port
from devstack.environment import EngineUrls, gateway_environment
from devstack.parts import CHECKOUT, MONGOD, NATS, SEARCH_ENGINE
from tests.system import OPERATOR, Asker, Form, System, until

PROVIDER = CHECKOUT / "tests/oidc_provider"
SECRET = "a-secret-of-this-test-only"

pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not (PROVIDER / "node_modules/oidc-provider").exists() or not shutil.which("node"),
        reason="needs node and `npm ci` in tests/oidc_provider",
    ),
]
VIEWER = "{ viewer { person { displayName email } } }"


@dataclass
class Foreign:
    """A provider, and a second gateway of the running system that trusts it too."""

    issuer: str
    gateway: str
    audience: str


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert process.poll() is None, f"it ended with exit code {process.returncode}"
        try:
            if httpx2.get(url, timeout=2).status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"{url} does not answer")


@pytest.fixture(scope="module")
def foreign(running_system: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Foreign]:
    folder = tmp_path_factory.mktemp("foreign")
    provider_port, gateway_port = free_port(), free_port()
    here = Foreign(
        f"http://127.0.0.1:{provider_port}", f"http://127.0.0.1:{gateway_port}", "https://guildhall"
    )
    entry = {
        "key": "foreign",
        "name": "Foreign Works",
        "issuer": here.issuer,
        "client_id": "guildhall-gateway",
        "client_secret": SECRET,
        "audience": here.audience,
    }
    place = running_system.place
    issuers = json.loads(place.issuers_file.read_text())
    (folder / "issuers.json").write_text(json.dumps([*issuers, entry]))
    engines = EngineUrls(
        f"mongodb://127.0.0.1:{place.port(MONGOD)}/?replicaSet=rs0",
        f"nats://127.0.0.1:{place.port(NATS)}",
        f"http://127.0.0.1:{place.port(SEARCH_ENGINE)}",
    )
    environment = {
        **os.environ,
        **gateway_environment(place, engines),
        "GATEWAY_LISTEN": f"127.0.0.1:{gateway_port}",
        "GATEWAY_PUBLIC_URL": here.gateway,
        "GATEWAY_METRICS_LISTEN": "",
        "GATEWAY_ISSUERS_FILE": str(folder / "issuers.json"),
    }
    callback = f"{here.gateway}/signin/foreign/callback"
    arguments = [str(provider_port), callback, here.audience, SECRET]
    log = (folder / "log").open("wb")
    processes = [
        subprocess.Popen(
            ["node", "provider.mjs", *arguments], cwd=PROVIDER, stdout=log, stderr=log
        ),
        subprocess.Popen(
            [sys.executable, "-m", "gateway"], cwd=CHECKOUT, env=environment, stdout=log, stderr=log
        ),
    ]
    try:
        _wait(f"{here.issuer}/.well-known/openid-configuration", processes[0])
        _wait(f"{here.gateway}/readyz", processes[1])
        yield here
    finally:
        for process in processes:
            process.terminate()
            process.wait(30)
        log.close()


@pytest.fixture
async def company(system: System, foreign: Foreign) -> str:
    """The company that owns the foreign issuer."""
    operator = await system.asker(OPERATOR)
    made = await operator.mutate(
        "createCompany",
        "{ company { id } }",
        requestId="foreign-works-company",
        kind="PARTNER",
        name=f"Foreign Works {foreign.issuer.rpartition(':')[2]}",
        description="Signs in at a provider that we did not write.",
        issuer=foreign.issuer,
    )
    company_id: str = made["company"]["id"]
    return company_id


async def _pass_interactions(browser: httpx2.AsyncClient, page: httpx2.Response, login: str) -> str:
    """Fill in the provider's login and consent pages; gives the address it sends us to."""
    for _ in range(6):
        while page.has_redirect_location:
            target = urljoin(str(page.url), page.headers["Location"])
            if "code=" in target:
                return target
            page = await browser.get(target)
        form = Form(page)
        if "login" in form.fields:
            form.fields.update(login=login, password="any")
        page = await browser.post(form.action, data=form.fields)
    raise AssertionError(page.text[:500])


async def test_browser_signs_in_and_out(foreign: Foreign, company: str) -> None:
    login = f"person-{uuid.uuid4().hex[:8]}"
    async with httpx2.AsyncClient(timeout=20) as browser:
        page = await browser.get(f"{foreign.gateway}/signin/foreign")
        callback = await _pass_interactions(browser, page, login)
        done = await browser.get(callback)
        assert done.status_code in (302, 303), done.text[:500]
        browser.headers.update({"X-Requested-With": "guildhall", "Origin": foreign.gateway})

        async def viewer() -> dict[str, object]:
            answer = await browser.post(f"{foreign.gateway}/graphql", json={"query": VIEWER})
            data: dict[str, object] = answer.json()["data"]
            return data

        assert await viewer() == {
            "viewer": {
                "person": {"displayName": f"Foreign {login}", "email": f"{login}@foreign.example"}
            }
        }
        again = await browser.get(callback)
        assert again.status_code >= 400, "a callback works once"
        await browser.post(f"{foreign.gateway}/signout")
        await until(viewer, lambda data: data == {"viewer": None}, seconds=5)


async def test_its_access_token_is_believed_here_and_not_elsewhere(
    system: System, foreign: Foreign, company: str
) -> None:
    login = f"person-{uuid.uuid4().hex[:8]}"
    verifier = "v" * 43
    async with httpx2.AsyncClient(timeout=20) as browser:
        digest = hashlib.sha256(verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        page = await browser.get(
            f"{foreign.issuer}/auth",
            params={
                "client_id": "guildhall-cli",
                "response_type": "code",
                "redirect_uri": "http://127.0.0.1/callback",
                "scope": "openid email profile",
                "code_challenge": challenge,
                "code_challenge_method": "S256",
                "state": "s",
                "resource": foreign.audience,
            },
        )
        target = await _pass_interactions(browser, page, login)
        code = parse_qs(urlsplit(target).query)["code"][0]
        answer = await browser.post(
            f"{foreign.issuer}/token",
            data={
                "grant_type": "authorization_code",
                "client_id": "guildhall-cli",
                "redirect_uri": "http://127.0.0.1/callback",
                "code": code,
                "code_verifier": verifier,
                "resource": foreign.audience,
            },
        )
        token = answer.json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        here = await browser.post(
            f"{foreign.gateway}/graphql", json={"query": VIEWER}, headers=headers
        )
        assert here.json()["data"]["viewer"]["person"]["displayName"] == f"Foreign {login}"
        # The system's first gateway does not know this issuer.
        elsewhere = Asker(httpx2.AsyncClient(base_url=system.url, headers=headers))
        refused = await elsewhere.http.post("/graphql", json={"query": VIEWER})
        await elsewhere.http.aclose()
        assert refused.status_code == 401
        tampered = token[:-6] + ("AAAAAA" if not token.endswith("AAAAAA") else "BBBBBB")
        refused = await browser.post(
            f"{foreign.gateway}/graphql",
            json={"query": VIEWER},
            headers={"Authorization": f"Bearer {tampered}"},
        )
        assert refused.status_code == 401

"""Tokens and what stands behind them: keys, state, secrets, and the command that gets one."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from devstack.openid.keys import STAYS_PUBLISHED, SigningKeys
from devstack.openid.store import CODE_LIFE, Session, Store
from devstack.parts import CHECKOUT
from devstack.processes import free_port
from devstack.tests.openid_browser import CALLBACK, ENGINEER, Providers, encoded, unsigned
from devstack.token import TokenRefusedError, access_token, tokens


def test_a_code_lasts_a_minute(tmp_path: Path) -> None:
    now = [1_000_000.0]
    store = Store(tmp_path / "state.sqlite", lambda: now[0])
    session = Session("sid", "subject", 1_000_000)
    store.insert_grant("code", "client", session, {"redirect_uri": CALLBACK}, "openid")
    now[0] += CODE_LIFE - 1
    assert store.find_code("code", "client") is not None
    assert store.find_code("code", "another client") is None
    now[0] += 1
    assert store.find_code("code", "client") is None
    store.close()


def test_tamperedunsigned_and_confused_tokens_do_not_verify(providers: Providers) -> None:
    token = access_token(ENGINEER, providers.url)
    header, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    forged = {**claims, "email": "operator@guildhall.example"}
    confusion = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(b"x" * 32))
    bad = [
        ".".join([header, encoded(forged), signature]),
        unsigned(claims),
        confusion,
    ]
    for one in bad:
        with pytest.raises((JoseError, ValueError)):
            jwt.decode(one, providers.keys(), algorithms=["RS256"])
        headers = {"Authorization": f"Bearer {one}"}
        address = f"{providers.url}/kestrel/userinfo"
        assert httpx2.get(address, headers=headers, trust_env=False).status_code == 401
    with pytest.raises((JoseError, ValueError)):
        jwt.decode(token, providers.keys("lumen"), algorithms=["RS256"])


def test_rotation_by_command_keeps_old_tokens_good(providers: Providers) -> None:
    before = access_token("manager@aurora.example", providers.url)
    rotate = [sys.executable, "-m", "devstack.openid", "rotate", "aurora"]
    environment = {**os.environ, **providers.environment}
    done = subprocess.run(
        rotate, env=environment, cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    after = access_token("manager@aurora.example", providers.url)
    keys = providers.keys("aurora")
    kids = [jwt.decode(one, keys, algorithms=["RS256"]).header["kid"] for one in (before, after)]
    assert kids == ["aurora-0001", "aurora-0002"]
    assert done.stdout.strip() == "aurora-0002"
    assert all("d" not in key.as_dict() for key in keys.keys)


def test_secrets_are_for_their_owner_only(providers: Providers) -> None:
    access_token(ENGINEER, providers.url)
    secret = [*providers.data.glob("*/keys/*"), *providers.data.glob("*/*.secret")]
    secret += providers.data.glob("*/state.sqlite")
    assert len(secret) > 10
    assert {path.stat().st_mode & 0o777 for path in secret} == {0o600}


def test_tokens_are_for_demo_people_of_a_running_provider(providers: Providers) -> None:
    assert tokens("NEWCOMER@kestrel.example", providers.url)["token_type"] == "Bearer"
    with pytest.raises(TokenRefusedError, match=r"nobody@x is not one of the demo's people"):
        access_token("nobody@x", providers.url)
    with pytest.raises(TokenRefusedError, match="start everything with `make run`"):
        access_token(ENGINEER, f"http://127.0.0.1:{free_port()}")


def test_the_command_prints_only_the_token(providers: Providers) -> None:
    port = str(int(providers.url.rpartition(":")[2]) - 1)
    command = [sys.executable, "-m", "devstack.token"]
    environment = {**os.environ, "GUILDHALL_PORT": port}
    good = subprocess.run(
        [*command, ENGINEER], env=environment, cwd=CHECKOUT, capture_output=True, text=True
    )
    assert (good.returncode, good.stderr, good.stdout.count(".")) == (0, "", 2)
    bad = subprocess.run(
        [*command, "nobody"], env=environment, cwd=CHECKOUT, capture_output=True, text=True
    )
    assert (bad.returncode, bad.stdout, bad.stderr.count("\n")) == (1, "", 1)


def test_a_key_stays_published_for_an_hour_after_its_successor_came(tmp_path: Path) -> None:
    now = [1_000_000.0]
    keys = SigningKeys(tmp_path, "kestrel", lambda: now[0])
    assert keys.rotate() == "kestrel-0001"
    now[0] += 100_000
    assert keys.rotate() == "kestrel-0002"
    now[0] += STAYS_PUBLISHED - 1
    assert [key.kid for key in keys.published().keys] == ["kestrel-0001", "kestrel-0002"]
    assert [key.kid for key in keys.signing().keys] == ["kestrel-0002"]
    now[0] += 1
    assert [key.kid for key in keys.published().keys] == ["kestrel-0002"]
    assert len(keys.every().keys) == 2

"""The gateway answers as the specification of GraphQL over HTTP asks, by an audit of others."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess

import pytest

from devstack.parts import CHECKOUT, OPENID
from devstack.token import access_token
from tests.system import ENGINEER, System

AUDIT = CHECKOUT / "tests/graphql_http"
AUDITS = 61

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(
        not (AUDIT / "node_modules/graphql-http").exists() or not shutil.which("node"),
        reason="needs node and `npm ci` in tests/graphql_http",
    ),
]


async def test_every_audit_passes(system: System) -> None:
    token = await asyncio.to_thread(access_token, ENGINEER, system.place.url(OPENID))
    done = await asyncio.to_thread(
        subprocess.run,
        ["node", "audit.mjs", f"{system.url}/graphql", token],
        cwd=AUDIT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one for one in results if one["status"] != "ok"] == []
    assert len({one["id"] for one in results}) == AUDITS

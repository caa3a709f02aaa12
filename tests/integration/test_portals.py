"""A vendor's portal at the running system: made, given documents, held to them, checked."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from devstack.openid.clients import CLI
from devstack.parts import CHECKOUT, MONGOD, OPENID
from tests.system import ENGINEER, MANAGER, OPERATOR, SELLER, Asker, System, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

SCHEMA = CHECKOUT / "gateway/schema.graphql"
VIEWER = "query Me { viewer { isOperator } }\n"
COMMUNITY = 'query Aurora { community(slug: "aurora") { name } }\n'


async def aurora(asker: Asker) -> str:
    found: str = (await asker('{ community(slug: "aurora") { id } }'))["community"]["id"]
    return found


def check(system: System, schema: Path) -> subprocess.CompletedProcess[str]:
    uri = f"mongodb://{system.place.address(MONGOD)}/?replicaSet=rs0"
    return subprocess.run(
        [sys.executable, "-m", "gateway.portals", str(schema)],
        cwd=CHECKOUT,
        env={**os.environ, **system.environment(), "GATEWAY_MONGO_URI": uri},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def ask(asker: Asker, origin: str, **asked: Any) -> tuple[int, dict[str, Any]]:
    """From a page of this origin."""
    response = await asker.http.post("/graphql", json=asked, headers={"Origin": origin})
    return response.status_code, response.json()


async def test_a_portal_from_its_making_to_a_breaking_schema(
    system: System, tmp_path: Path
) -> None:
    operator, manager = await system.asker(OPERATOR), await system.asker(MANAGER)
    engineer = await system.asker(ENGINEER)
    origin = f"https://{uuid.uuid4().hex}.aurora.example"
    made = await operator.mutate(
        "createPortal",
        "{ portal { id version } }",
        communityId=await aurora(manager),
        name="Aurora's portal",
        origins=[origin],
    )
    portal = made["portal"]["id"]

    # Its documents are registered from files; what is wrong is told by its file's name.
    files = {"me.graphql": VIEWER, "aurora.graphql": COMMUNITY, "bad.graphql": "{ viewre }"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    good = [str(tmp_path / name) for name in ("me.graphql", "aurora.graphql")]
    program = ("devstack.documents", "--person", MANAGER, portal)
    refused = system.run(*program, *good, str(tmp_path / "bad.graphql"))
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"DOCUMENT_REFUSED: {tmp_path / 'bad.graphql'}: Cannot query")
    done = [system.run(*program, *good) for _ in range(2)]
    assert [one.returncode for one in done] == [0, 0], done[0].stderr
    assert done[0].stdout == done[1].stdout
    (me, first), (look, second) = [line.split() for line in done[0].stdout.splitlines()]
    assert (first, second) == ("Me", "Aurora")
    stranger = system.run("devstack.documents", "--person", SELLER, portal, *good)
    assert (stranger.returncode, stranger.stderr[:16]) == (1, "PORTAL_NOT_FOUND")

    # Held to them, within moments in every replica; a preflight tells its pages that they may ask.
    await manager.mutate(
        "updatePortal", "{ portal { id } }", portalId=portal, documentsMode="TRUSTED"
    )

    async def held() -> Any:
        status, answer = await ask(engineer, origin, query=VIEWER)
        return status == 403 and answer["errors"][0]["extensions"]["code"]

    assert await until(held, bool) == "DOCUMENT_NOT_TRUSTED"
    status, answer = await ask(engineer, origin, documentId=look)
    assert (status, answer["data"]) == (200, {"community": {"name": "Aurora Partners"}})
    by_get = await engineer.http.get(
        "/graphql", params={"documentId": me}, headers={"Origin": origin}
    )
    assert by_get.json()["data"] == {"viewer": {"isOperator": False}}
    assert by_get.headers["access-control-allow-origin"] == origin
    asking = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    preflight = await engineer.http.options("/graphql", headers=asking)
    assert preflight.headers["access-control-allow-credentials"] == "true"
    evil = await engineer.http.options(
        "/graphql", headers={**asking, "Origin": "https://evil.test"}
    )
    assert not [name for name in evil.headers if name.startswith("access-control")]

    # A new schema is checked against them before it is deployed.
    fine = check(system, SCHEMA)
    assert fine.returncode == 0, fine.stdout + fine.stderr
    changed = tmp_path / "new.graphql"
    changed.write_text(SCHEMA.read_text().replace("  isOperator: Boolean!\n", "  runs: Boolean!\n"))
    broken = check(system, changed)
    assert broken.returncode == 1
    assert f"Aurora's portal ({portal}): Me {me}: Cannot query field 'isOperator'" in broken.stdout
    assert look not in broken.stdout
    await operator.mutate("updatePortal", "{ portal { id } }", portalId=portal, origins=[])


async def test_the_client_of_a_token_tells_the_portal(system: System) -> None:
    operator, manager = await system.asker(OPERATOR), await system.asker(MANAGER)
    engineer, seller = await system.asker(ENGINEER), await system.asker(SELLER)
    client = {"issuer": f"{system.place.url(OPENID)}/kestrel", "clientId": CLI}
    made = await operator.mutate(
        "createPortal",
        "{ portal { id } }",
        communityId=await aurora(manager),
        name="Kestrel's command line",
        clients=[client],
    )
    portal = made["portal"]["id"]
    try:
        registered = await manager.mutate(
            "registerDocuments", "{ documents { documentId } }", portalId=portal, documents=[VIEWER]
        )
        (document,) = registered["documents"]

        async def executed() -> Any:
            return (await engineer.http.post("/graphql", json=document)).json().get("data")

        assert await until(executed, bool) == {"viewer": {"isOperator": False}}
        other = await seller.http.post("/graphql", json=document)
        assert other.json()["errors"][0]["extensions"]["code"] == "DOCUMENT_NOT_FOUND"
    finally:
        await operator.mutate("updatePortal", "{ portal { id } }", portalId=portal, clients=[])

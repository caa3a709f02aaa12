"""Our subgraph among others: composed, joined and served by routers that we did not write."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from chassis.testing import free_port
from devstack.parts import CHECKOUT, OPENID
from devstack.token import access_token
from gateway.cursors import decode_id, encode_id
from tests.system import BOREALIS_MANAGER, ENGINEER, System
from tests.world import World

HERE = CHECKOUT / "tests/federation"
SUITE = HERE / "node_modules/@apollo/federation-subgraph-compatibility-tests/dist"
COSMO = HERE / "cosmo/node_modules/wgc"

pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not (SUITE.exists() and COSMO.exists() and shutil.which("node")),
        reason="needs node and `npm ci` in tests/federation and tests/federation/cosmo",
    ),
]

# Nothing of a test is told to anybody's vendor.
SILENT = {"COSMO_TELEMETRY_DISABLED": "true", "DO_NOT_TRACK": "1", "APOLLO_TELEMETRY_DISABLED": "1"}
SDL = "{ _service { sdl } }"
JOIN = """query Join($topic: ID!) {
  viewer { person { displayName } }
  topic(id: $topic) { title deals { title company { name } } }
  deals { nodes { title company { name deals { title } }
    topic { __typename title author { member { displayName } } deals { title } } }
    pageInfo { hasNextPage } }
}"""


@contextmanager
def program(*arguments: str, **environment: str) -> Iterator[str]:
    """One that prints its address once it listens."""
    with subprocess.Popen(
        ["node", *arguments],
        cwd=HERE,
        env={**os.environ, **SILENT, **environment},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            said = (line.strip() for line in process.stdout)
            address = next((line for line in said if line.startswith("http")), "")
            assert address, f"{arguments[0]} ended before it listened"
            yield address.rstrip("/")
        finally:
            process.kill()


@contextmanager
def server(log: Path, port: int, *arguments: str, **environment: str) -> Iterator[str]:
    """One that is told its port; it answers when we go on."""
    url = f"http://127.0.0.1:{port}"
    with (
        log.open("w") as sink,
        subprocess.Popen(
            arguments,
            cwd=HERE,
            env={**os.environ, **SILENT, **environment},
            stdout=sink,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            end = time.monotonic() + 60
            while not _answers(f"{url}/graphql"):
                assert process.poll() is None, log.read_text()[-2000:]
                assert time.monotonic() < end, log.read_text()[-2000:]
                time.sleep(0.1)
            yield url
        finally:
            process.kill()


def _answers(url: str) -> bool:
    try:
        return httpx2.post(url, json={"query": "{ __typename }"}, timeout=5).status_code == 200
    except httpx2.TransportError:
        return False


def sdl_of(url: str, token: str) -> str:
    """As a router asks for it."""
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx2.post(url, json={"query": SDL}, headers=headers).json()
    sdl: str = answer["data"]["_service"]["sdl"]
    return sdl


def _deals(world: World) -> list[dict[str, str | None]]:
    """One about a topic and a company, one about a topic that never was."""
    topic, company = world.aurora["Topic"], world.aurora["Company"]
    found = decode_id(topic, "id")
    never = encode_id("Topic", found.community_id, f"{found.id[:-4]}zzzz")
    return [
        {"id": "d1", "title": "Together", "topic": topic, "company": company},
        {"id": "d2", "title": "Nowhere", "topic": never, "company": None},
    ]


@pytest.fixture(scope="module")
def deals(world: World) -> Iterator[str]:
    with program("deals.mjs", json.dumps(_deals(world))) as url:
        yield url


@pytest.fixture(scope="module")
def composed(
    running_system: System, deals: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """The folder with both subgraphs' SDL, and what Apollo's and Hive's composition made of it."""
    folder = tmp_path_factory.mktemp("composed")
    urls = {"guildhall": f"{running_system.url}/graphql", "deals": deals}
    token = access_token(ENGINEER, running_system.place.url(OPENID))
    for name, url in urls.items():
        (folder / f"{name}.graphql").write_text(sdl_of(url, token))
    ran = subprocess.run(
        ["node", "compose.mjs", *(f"{n}={u}={folder / f'{n}.graphql'}" for n, u in urls.items())],
        cwd=HERE,
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    subgraphs = "\n".join(
        f"  - name: {name}\n    routing_url: {url}\n    schema:\n      file: ./{name}.graphql"
        for name, url in urls.items()
    )
    (folder / "graph.yaml").write_text(f"version: 1\nsubgraphs:\n{subgraphs}\n")
    return folder, json.loads(ran.stdout)


@pytest.mark.parametrize("by", ["apollo", "hive"])
def test_composes(composed: tuple[Path, dict[str, Any]], by: str) -> None:
    made = composed[1][by]
    assert made["errors"] == []
    for name in ("Topic", "Company"):
        type_ = made["supergraph"].partition(f"\ntype {name}")[2].partition("{")[0]
        assert type_.count("@join__type(graph: ") == 2, name
        assert type_.count('key: "id"') == 2, name


def test_composes_with_cosmo(composed: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = composed
    ran = subprocess.run(
        [
            *("node", str(COSMO / "dist/src/index.js"), "router", "compose"),
            *("-i", str(folder / "graph.yaml"), "-o", str(folder / "router.json")),
        ],
        cwd=HERE / "cosmo",
        env={**os.environ, **SILENT},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    made = json.loads((folder / "router.json").read_text())
    assert sorted(one["name"] for one in made["subgraphs"]) == ["deals", "guildhall"]
    keys = {
        (key["typeName"], source["id"])
        for source in made["engineConfig"]["datasourceConfigurations"]
        for key in source["keys"]
        if key["selectionSet"] == "id"
    }
    assert sum(name == "Topic" for name, _ in keys) == 2


@pytest.fixture(scope="module", params=["apollo", "hive"])
def router(
    request: pytest.FixtureRequest,
    running_system: System,
    deals: str,
    composed: tuple[Path, dict[str, Any]],
) -> Iterator[str]:
    """A router of somebody else before our gateway and the deals."""
    if request.param == "apollo":
        ours = f"guildhall={running_system.url}/graphql"
        token = access_token(ENGINEER, running_system.place.url(OPENID))
        with program("router.mjs", ours, f"deals={deals}", AUTHORIZATION=f"Bearer {token}") as url:
            yield url
        return
    folder, made = composed
    (folder / "supergraph.graphql").write_text(made["hive"]["supergraph"])
    with program("hive.mjs", str(folder / "supergraph.graphql")) as url:
        yield url


async def asked(
    router: str, system: System, world: World, email: str | None, text: str, **variables: str
) -> dict[str, Any]:
    """What a router answers somebody; its errors are its own."""
    asker = await world.asker(system, email)
    told = asker.http.headers.get("Authorization")
    async with httpx2.AsyncClient(timeout=20) as http:
        response = await http.post(
            f"{router}/graphql",
            json={"query": text, "variables": variables},
            headers={"Authorization": told} if told else {},
        )
    answer: dict[str, Any] = response.json()
    return answer


async def test_entities_are_joined_both_ways(router: str, system: System, world: World) -> None:
    topic = world.aurora["Topic"]
    direct = await (await world.asker(system, ENGINEER))(
        "query ($topic: ID!) { topic(id: $topic) { title author { member { displayName } } } }",
        topic=topic,
    )
    answer = await asked(router, system, world, ENGINEER, JOIN, topic=topic)
    together = [{"title": "Together"}]
    nodes = answer["data"]["deals"]["nodes"]
    assert nodes[0]["topic"] == {"__typename": "Topic", **direct["topic"], "deals": together}
    assert nodes[0]["company"]["name"]
    assert nodes[0]["company"]["deals"] == together
    assert nodes[1] == {"title": "Nowhere", "company": None, "topic": None}
    assert answer["data"]["topic"] == {
        "title": direct["topic"]["title"],
        "deals": [{**together[0], "company": {"name": nodes[0]["company"]["name"]}}],
    }
    assert answer["data"]["viewer"]["person"]["displayName"]
    assert answer["data"]["deals"]["pageInfo"] == {"hasNextPage": False}


async def test_walls_hold_behind_a_router(router: str, system: System, world: World) -> None:
    """What an outsider may not see is as what never was; nobody sees nothing and is told so.

    For what is null Hive's gateway has errors of its own.
    """
    query = "{ deals { nodes { topic { title } } } }"
    answer = await asked(router, system, world, BOREALIS_MANAGER, query)
    assert answer["data"]["deals"]["nodes"] == [{"topic": None}, {"topic": None}]
    hidden, never = (
        [
            {**error, "path": [step for step in error["path"] if step != place]}
            for error in answer.get("errors", ())
            if place in error["path"]
        ]
        for place in (0, 1)
    )
    assert hidden == never
    answer = await asked(router, system, world, None, query)
    assert answer["data"]["deals"]["nodes"] == [{"topic": None}, {"topic": None}]
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"UNAUTHENTICATED"}


def test_apollos_compatibility_suite_passes(tmp_path: Path) -> None:
    ports = {name: free_port() for name in ("products", "users", "inventory")}
    with ExitStack() as running:
        paths = f"{CHECKOUT}:{CHECKOUT / 'protos/gen'}"
        urls = {
            "products": running.enter_context(
                server(
                    tmp_path / "products.log",
                    ports["products"],
                    *(sys.executable, "-m", "tests.federation.products", str(ports["products"])),
                    PYTHONPATH=paths,
                )
            )
        }
        for name in ("users", "inventory"):
            urls[name] = running.enter_context(
                server(
                    tmp_path / f"{name}.log",
                    ports[name],
                    *("node", str(SUITE / f"subgraphs/{name}/index.js")),
                    **{f"{name.upper()}_PORT": str(ports[name])},
                )
            )
        router = running.enter_context(
            program("router.mjs", *(f"{name}={url}/" for name, url in urls.items()))
        )
        ran = subprocess.run(
            [
                *("node", "node_modules/jest/bin/jest.js", "--ci", "--json"),
                *("--config", "jest.config.cjs", "--runInBand"),
            ],
            cwd=HERE,
            env={**os.environ, "PRODUCTS_URL": f"{urls['products']}/", "ROUTER_URL": f"{router}/"},
            check=False,
            capture_output=True,
            text=True,
            timeout=200,
        )
    told = json.loads(ran.stdout)
    failed = {
        one["fullName"]: one["failureMessages"]
        for file in told["testResults"]
        for one in file["assertionResults"]
        if one["status"] != "passed"
    }
    assert failed == {}, ran.stderr[-2000:]
    assert (told["numTotalTestSuites"] >= 12, told["numPassedTests"]) == (True, 23)

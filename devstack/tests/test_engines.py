"""The engines as a person meets them: they start, keep their data, and say what is wrong."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import psutil
import pytest
from pymongo import MongoClient

from devstack.engines import Engine, ProcessError, mongod, nats, opensearch, search_engine
from devstack.engines import database as database_engine
from devstack.processes import Process, free_port, wait_until

CHECKOUT = Path(__file__).parents[2]


def run(engine: Engine) -> Engine:
    engine.start()
    engine.wait_ready()
    return engine


def test_mongod_keeps_its_data_over_a_restart_and_a_change_of_port(tmp_path: Path) -> None:
    for _ in range(2):
        engine = run(mongod(tmp_path, free_port()))
        client: MongoClient[dict[str, Any]] = MongoClient(engine.url)
        with client:
            with client.start_session() as session, session.start_transaction():
                client.shop.notes.insert_one({"text": "kept"}, session=session)
            count = client.shop.notes.count_documents({})
        engine.stop()
    assert count == 2


def test_mongod_refuses_its_data_folder_when_another_holds_it(tmp_path: Path) -> None:
    first = run(mongod(tmp_path, free_port()))
    second = mongod(tmp_path, free_port(), log=tmp_path / "second.log")
    second.start()
    with pytest.raises(ProcessError, match="data folder is in use by another mongod"):
        second.wait_ready()
    second.stop()
    first.stop()


def test_nats_keeps_a_stream_over_a_restart(tmp_path: Path) -> None:
    for sequence in (1, 2):
        engine = run(nats(tmp_path, free_port()))
        stream = json.dumps({"name": "KEPT", "subjects": ["kept.>"]})
        ask_nats(engine.url, "$JS.API.STREAM.CREATE.KEPT", stream)
        answer = ask_nats(engine.url, "kept.one", "x")
        engine.stop()
        assert json.loads(answer)["seq"] == sequence


def ask_nats(url: str, subject: str, body: str) -> str:
    """One request in NATS' own plain words: the devstack needs no client for it."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), 5) as link:
        link.sendall(
            b"CONNECT {}\r\nSUB answer 1\r\n"
            + f"PUB {subject} answer {len(body)}\r\n{body}\r\n".encode()
        )
        lines = link.makefile("r", encoding="utf-8")
        facts = json.loads(lines.readline().removeprefix("INFO "))
        assert facts["max_payload"] == 1024 * 1024
        next(line for line in lines if line.startswith("MSG answer"))
        return lines.readline()


def test_osmem_answers(tmp_path: Path) -> None:
    engine = run(search_engine(tmp_path, free_port(), "osmem"))
    assert httpx2.get(engine.url, trust_env=False).json()["version"]["number"]
    engine.stop()


@pytest.mark.opensearch
@pytest.mark.timeout(300)
@pytest.mark.skipif(bool(opensearch.obstacle()), reason="needs a JDK >= 21 and Maven")
def test_opensearch_keeps_an_index_over_a_restart(tmp_path: Path) -> None:
    for expected in (201, 200):
        engine = run(search_engine(tmp_path, free_port(), "opensearch"))
        answer = httpx2.put(f"{engine.url}/kept/_doc/1", json={"a": 1}, trust_env=False, timeout=30)
        engine.stop()
        assert answer.status_code == expected


def test_search_engine_says_which_kind_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(ProcessError, match="set it to opensearch or osmem"):
        search_engine(tmp_path, free_port(), "solr")


def test_a_jdk_that_is_too_old_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").touch(0o755)
    (tmp_path / "release").write_text('JAVA_VERSION="17.0.2"\n')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("OPENSEARCH_JAVA_HOME", raising=False)
    with pytest.raises(ProcessError, match=r"needs a JDK 21 or newer \(the newest found is 17 in"):
        search_engine(tmp_path, free_port(), "opensearch")
    assert search_engine(tmp_path / "data", free_port(), "auto").name == "osmem"


@pytest.mark.parametrize("kind", ["mongod", "nats", "osmem"])
def test_a_port_in_use_is_one_line_that_names_the_port(tmp_path: Path, kind: str) -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        port = squatter.getsockname()[1]
        engine = {
            "mongod": lambda: mongod(tmp_path, port),
            "nats": lambda: nats(tmp_path, port),
            "osmem": lambda: search_engine(tmp_path, port, "osmem"),
        }[kind]()
        with pytest.raises(ProcessError, match=rf"port {port} is in use.*GUILDHALL_PORT") as said:
            engine.start()
    assert "\n" not in str(said.value)


def test_a_missing_system_library_is_one_line_that_names_the_package(tmp_path: Path) -> None:
    complaint = "mongod: error while loading shared libraries: libcurl.so.4: cannot open it"
    dying = ["sh", "-c", f"echo '{complaint}'; exit 127"]
    engine = mongod(tmp_path, free_port())
    engine.process = Process("mongod", dying, tmp_path / "log")
    engine.start()
    with pytest.raises(ProcessError) as said:
        engine.wait_ready()
    assert str(said.value) == (
        "mongod needs the system library libcurl.so.4: apt install libcurl4,"
        " or set MONGO_URI to one that runs"
    )
    engine.stop()


def test_an_engine_that_dies_shows_its_last_words(tmp_path: Path) -> None:
    engine = search_engine(tmp_path, free_port(), "osmem")
    engine.process = Process("osmem", ["sh", "-c", "echo out of luck; exit 3"], tmp_path / "log")
    engine.start()
    with pytest.raises(ProcessError, match=r"osmem ended with exit code 3: out of luck \(log: "):
        engine.wait_ready()
    assert not engine.alive
    engine.stop()


def test_a_given_address_where_nothing_answers_is_named() -> None:
    engine = database_engine.given(f"mongodb://127.0.0.1:{free_port()}/?directConnection=true")
    with pytest.raises(ProcessError, match="nothing answers at the address in MONGO_URI"):
        engine.wait_ready(timeout=0.1)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends orphans")
def test_no_engine_outlives_a_parent_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from devstack.engines import nats\n"
        "engine = nats(Path(sys.argv[1]), int(sys.argv[2])); engine.start(); engine.wait_ready()\n"
        "print(engine.process.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(tmp_path), str(free_port())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=CHECKOUT) as parent:
        assert parent.stdout is not None
        engine = psutil.Process(int(parent.stdout.readline()))
        assert engine.is_running()
        parent.kill()
    assert wait_until(lambda: _gone(engine), timeout=10)


def _gone(process: psutil.Process) -> bool:
    # A zombie that nobody collects, as in a container without an init, has ended as well.
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE

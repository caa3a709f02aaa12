"""The search engine: OpenSearch where Java and Maven are, else osmem, which keeps nothing."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from devstack.engines import opensearch
from devstack.engines.engine import Engine, log_of
from devstack.processes import Process, ProcessError
from devstack.programs import answers_http

KINDS = ("auto", "opensearch", "osmem")


def search_engine(data: Path, port: int, kind: str = "auto", log: Path | None = None) -> Engine:
    """OpenSearch or osmem; `auto` takes OpenSearch where it can run, and `note` says why not."""
    if kind not in KINDS:
        raise ProcessError(f"GUILDHALL_SEARCH_ENGINE is {kind!r}: set it to opensearch or osmem")
    obstacle = opensearch.obstacle()
    if kind == "osmem" or (kind == "auto" and obstacle):
        return _osmem(data, port, log, note=f"in memory: {obstacle}" if obstacle else "in memory")
    if obstacle:
        raise ProcessError(f"OpenSearch cannot run: {obstacle}; or GUILDHALL_SEARCH_ENGINE=osmem")
    return opensearch.engine(data, port, log_of(data, log, "opensearch"))


def given(url: str) -> Engine:
    """One that runs elsewhere."""
    return Engine(
        "search engine", url, lambda: answers_http(url), variable="OPENSEARCH_URL", patience=15
    )


def _osmem(data: Path, port: int, log: Path | None, note: str) -> Engine:
    wheel = importlib.util.find_spec("osmem_server")
    if wheel is None or wheel.origin is None:
        raise ProcessError("osmem is not installed: run `make setup`, or set OPENSEARCH_URL to one")
    program = Path(wheel.origin).parent / "bin" / "osmem-server"
    command = [str(program), "-addr", f"127.0.0.1:{port}", "-no-stdin-watch"]
    url = f"http://127.0.0.1:{port}"
    return Engine(
        name="osmem",
        url=url,
        answers=lambda: answers_http(url),
        process=Process("osmem", command, log_of(data, log, "osmem")),
        ports=(port,),
        variable="OPENSEARCH_URL",
        note=note,
    )

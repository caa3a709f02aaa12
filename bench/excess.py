"""Where the CPU goes that the gateway takes and its floor does not: both sampled at one list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bench.profiled import Samples, sampled, sampling
from bench.sides import Side

REQUESTS = 2_500  # a side
# By the file at work, or the one that the standard library works for.
PARTS = {
    "event loop, sockets and gRPC in C": ("python/",),
    "HTTP: uvicorn, `protocol.py`": ("uvicorn/", "gateway/protocol"),
    "RPCs: grpcio, protobuf, `chassis/rpc_client.py`": ("grpc/", "google/", "chassis/rpc_"),
    "who asks: tokens, actors": ("joserfc/", "gateway/auth", "gateway/actors", "gateway/issuers",
                                 "gateway/portals", "chassis/tokens"),
    "request and answer: `app.py`, `endpoint`": ("gateway/app", "gateway/endpoint", "gateway/web",
                                                 "starlette/", "gateway/errors"),
    "limits: places, points": ("gateway/admission", "gateway/rate_limits", "nats/"),
    "spans and metrics": ("opentelemetry/", "prometheus_client/", "chassis/telemetry"),
    "operation: cache, price, root fields": ("gateway/execution/", "gateway/limits", "graphql/",
                                             "strawberry/", "gateway/schema/forum/queries"),
    "what to fetch, tables, pages": ("gateway/loaders", "gateway/batches", "gateway/pages",
                                     "gateway/lists", "gateway/context", "chassis/pagination"),
    "the answer's objects": ("<operation>", "gateway/schema/", "gateway/cursors", "bench/floor"),
}  # fmt: skip
_REST = "all else"


async def sample(side: Side, program: str, bodies: Sequence[bytes]) -> Samples:
    """What a program is seen doing while it is asked."""
    pid = side.programs.pids[program]
    sampling(pid, side.samples)
    await side.ask(bodies, REQUESTS)
    return await sampled(pid, side.samples)


def report(ours: Samples, floors: Samples, took: float, floor_took: float) -> list[str]:
    """Lines; the milliseconds that both take a request are divided as the samples are."""
    gateway, floor = _parts(ours, took), _parts(floors, floor_took)
    lines = [
        f"Where they spend it, sampled every 2 ms of CPU during {REQUESTS:,} lists a side:",
        "",
        "| ms a request | gateway | floor | **more** |",
        "| --- | --- | --- | --- |",
    ]
    for name in (*PARTS, _REST):
        more = gateway[name] - floor[name]
        lines.append(f"| {name} | {gateway[name]:.2f} | {floor[name]:.2f} | **{more:+.2f}** |")
    return lines


def _parts(samples: Samples, took: float) -> dict[str, float]:
    """Milliseconds by part."""
    counted: Counter[str] = Counter()
    for place, count in samples["callers"]:
        counted[_part(place)] += count
    every = counted.total()
    return {name: counted[name] * took / every for name in (*PARTS, _REST)}


def _part(place: str) -> str:
    return next((name for name, files in PARTS.items() if place.startswith(files)), _REST)

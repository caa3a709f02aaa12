"""The stage: engines and parts as processes, each of which can be killed and comes back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from joserfc.jwk import OKPKey

from devstack.engines import Engine
from devstack.processes import Process, free_port
from tests.chaos.counters import CONSUMER, PRODUCER
from tests.chaos.engines import Engines

ROOT = Path(__file__).parents[2]
REPLICAS = 2
WATCH = 0.2  # seconds between looks for parts that ended by themselves


class Stage:
    """The engines, two replicas of each part; all in one folder."""

    def __init__(
        self,
        folder: Path,
        engines: Engines,
        *,
        mutant: str = "",
        reconciling: bool = True,
        asking: float = 0.005,
    ) -> None:
        self.folder = folder
        self.keys = folder / "keys"
        self.engines = engines
        self.addresses = [f"127.0.0.1:{free_port()}" for _ in range(REPLICAS)]
        self.kills: Counter[str] = Counter()
        self.ended_by_themselves: Counter[str] = Counter()
        self._environment = {
            "PYTHONPATH": ".:protos/gen",
            "CHAOS_MONGO_URI": engines.mongo_uri,
            "CHAOS_NATS_URL": engines.nats_url,
            "CHAOS_STREAM_REPLICAS": str(engines.stream_replicas),
            "CHAOS_STREAM_MAX_BYTES": str(128 << 20),
            "CHAOS_TRUSTED_KEYS_FILE": str(self.keys / "trusted.json"),
            "CHAOS_LEASE_OBSERVATION": "1.0",
            "CHAOS_MUTANT": mutant,
            "CHAOS_RECONCILING": str(reconciling),
            "CHAOS_ASKING": str(asking),
        }
        self._parts = dict(self._replicas())
        self._since: dict[str, float] = {}
        self._away: set[str] = set()
        self._watching: asyncio.Task[None] | None = None

    def _replicas(self) -> Iterator[tuple[str, Process]]:
        for part in (PRODUCER, CONSUMER):
            for number in range(REPLICAS):
                name = f"{part}{number + 1}"
                own = {
                    "CHAOS_LISTEN": self.addresses[number] if part == PRODUCER else "127.0.0.1:0",
                    "CHAOS_PRODUCER_ADDRESS": self.addresses[number],
                    "CHAOS_SIGNING_KEY_FILE": str(self.keys / f"{part}.pem"),
                }
                yield (
                    name,
                    Process(
                        name,
                        [sys.executable, "-m", f"tests.chaos.{part}"],
                        self.folder / "logs" / f"{name}.log",
                        env={**self._environment, **own},
                        cwd=ROOT,
                    ),
                )

    async def start(self) -> None:
        """All of it; engines first."""
        self._write_keys()
        await self.engines.start()
        for name in self._parts:
            self._start_part(name)
        self._watching = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """All of it, parts first."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        for process in self._parts.values():
            if process.started:
                process.ask_to_stop()
        for process in self._parts.values():
            await asyncio.to_thread(process.stop)
        await self.engines.stop()

    async def kill_part(self, part: str, away: float) -> None:
        """The replica that has run longest; it comes back after so many seconds."""
        name = min(self._since, key=lambda name: (not name.startswith(part), self._since[name]))
        self._away.add(name)
        _kill(self._parts[name])
        self.kills[part] += 1
        await asyncio.sleep(away)
        self._start_part(name)

    async def kill_mongod(self, away: float) -> None:
        """With everything it was doing."""
        (engine,) = self.engines.databases
        self.kill(engine)
        await asyncio.sleep(away)
        await self.revive(engine)

    async def kill_nats(self, away: float, *, wipe: bool = False) -> None:
        """With everything it was doing; `wipe`: and its store is gone when it comes back."""
        (engine,) = self.engines.buses
        self.kill(engine)
        self.kills["wiped"] += wipe
        if wipe:
            shutil.rmtree(self.folder / "nats" / "jetstream")
        await asyncio.sleep(away)
        await self.revive(engine)

    def kill(self, engine: Engine) -> None:
        """With -9; it stays away."""
        if engine.process is None:
            raise AssertionError("the trial's engines are its own")
        _kill(engine.process)
        self.kills[engine.name] += 1

    async def revive(self, *engines: Engine) -> None:
        """Those that were killed, all started before any is waited for."""
        for engine in engines:
            engine.start()
        for engine in engines:
            await asyncio.to_thread(engine.wait_ready)

    def _start_part(self, name: str) -> None:
        self._parts[name].start()
        self._since[name] = time.monotonic()
        self._away.discard(name)

    async def _watch(self) -> None:
        """One that ends by itself, as when its store dies while it starts, is started again."""
        while True:
            await asyncio.sleep(WATCH)
            for name, process in self._parts.items():
                if name not in self._away and process.exit_code is not None:
                    self.ended_by_themselves[name] += 1
                    process.stop()
                    self._start_part(name)

    def _write_keys(self) -> None:
        self.keys.mkdir(parents=True, mode=0o700)
        trusted = {}
        for part in ("gateway", PRODUCER, CONSUMER):
            key = OKPKey.generate_key("Ed25519")
            (self.keys / f"{part}.pem").write_bytes(key.as_pem(private=True))
            trusted[part] = key.as_dict(private=False)
        (self.keys / "trusted.json").write_text(json.dumps(trusted))


def _kill(process: Process) -> None:
    """SIGKILL, and nothing else first."""
    if (pid := process.pid) is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        process.wait()
    process.stop()

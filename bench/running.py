"""A whole system under measurement: its programs by name, its people, its bus at rest."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from joserfc import jwt

from bench.asking import Line
from bench.measuring import Programs
from bench.profiled import Samples, sampled, sampling
from chassis.rpc_client import Channels
from chassis.tokens import TokenSigner
from devstack.console import Silence
from devstack.openid.keys import ALGORITHM, SigningKeys
from devstack.parts import (
    GATEWAY,
    GATEWAY_METRICS,
    NATS_MONITOR,
    OPENID,
    SERVICES,
    free_base_port,
)
from devstack.programs import Program
from devstack.stack import Stack
from devstack.token import access_token

STILL = 0.7  # seconds without a new event until nothing more is coming
# Few people ask for many: their points are counted as everybody's, and do not run out.
PLENTY = {"GATEWAY_MEMBER_POINTS": "1000000000", "FORUM_POSTING_LIMITS": "off"}
CROWD = "kestrel"  # whose people write the front page


class Running(Stack):
    """A stack whose parts can be asked to sample themselves."""

    def __init__(self, data: Path) -> None:
        kind = os.environ.get("GUILDHALL_SEARCH_ENGINE") or "auto"
        # Issuers and people's identities hold the port, so a folder keeps the one it had.
        data.mkdir(parents=True, exist_ok=True)
        kept = data / "port"
        base = int(kept.read_text()) if kept.exists() else free_base_port()
        kept.write_text(str(base))
        # A heap that is touched little by little looks as if it grew.
        os.environ.setdefault("OPENSEARCH_JAVA_OPTS", "-XX:+AlwaysPreTouch")
        super().__init__(base, data, Silence(), search_kind=kind)

    def _python(self, name: str, port: int, module: str, environment: dict[str, str]) -> Program:
        program = super()._python(name, port, module, {**environment, **PLENTY})
        if program.process is not None and name != "openid":
            file = str(self.samples(name))
            command = [sys.executable, "-m", "bench.profiled", file, module]
            program.process = replace(program.process, command=command)
        return program

    def samples(self, name: str) -> Path:
        """Where a program says what it was seen doing."""
        return self.place.data / f"samples-{name}.json"

    @property
    def watched(self) -> Programs:
        """All that serves requests, engines included; not the OpenID providers."""
        return Programs(
            {
                one.name: one.process.pid
                for one in self.programs
                if one.process and one.process.pid and one.name != "openid"
            }
        )

    def sample(self, *names: str) -> None:
        """Begin to sample these."""
        for name in names:
            sampling(self.watched.pids[name], self.samples(name))

    async def sampled(self, name: str) -> Samples:
        """End it; what was seen."""
        return await sampled(self.watched.pids[name], self.samples(name))

    def lines(self, email: str, count: int) -> list[Line]:
        """Connections to the gateway as one of the demo's people."""
        token = access_token(email, self.place.url(OPENID))
        return [Line(self.place.port(GATEWAY), token) for _ in range(count)]

    def tokens(self, count: int) -> list[str]:
        """Of so many people of the crowd; signed here, as no provider knows them."""
        keys = SigningKeys(self.place.data / "openid" / CROWD / "keys", CROWD)
        trusted = json.loads(self.place.issuers_file.read_text())
        issuer = next(one for one in trusted if one["key"] == CROWD)
        now, signing = int(time.time()), keys.signing().keys[0]
        header = {"alg": ALGORITHM, "typ": "at+jwt", "kid": signing.kid}
        claims = {"iss": issuer["issuer"], "aud": issuer["audience"], "iat": now, "exp": now + 3600}
        return [
            jwt.encode(header, {**claims, "sub": f"bench-{number}"}, signing)
            for number in range(count)
        ]

    def unnamed(self, count: int) -> list[Line]:
        """Connections to the gateway, as whom is not said yet."""
        return [Line(self.place.port(GATEWAY)) for _ in range(count)]

    def crowd(self, count: int) -> list[Line]:
        """Connections as people who wrote the front page, two each."""
        tokens = self.tokens((count + 1) // 2)
        return [Line(self.place.port(GATEWAY), tokens[number // 2]) for number in range(count)]

    def channels(self) -> Channels:
        """RPCs as the gateway makes them."""
        signer = TokenSigner.from_file("gateway", self.place.keys / "gateway.pem")
        addresses = {one.name: self.place.address(one.port) for one in SERVICES}
        return Channels(signer, addresses.__getitem__, for_people=True, call_timeout=30)

    def rpcs(self) -> dict[str, int]:
        """How many RPCs each service has answered, health checks left out."""
        return {one.name: _rpcs(self.place.url(one.metrics_port)) for one in SERVICES}

    async def at_rest(self) -> float:
        """Until all that was said is heard, and nothing more is said; since when that is so."""
        last, since = -1, time.monotonic()
        while True:
            said, unheard = await asyncio.to_thread(self._bus)
            if unheard or said != last:
                last, since = said, time.monotonic()
            elif time.monotonic() - since > STILL:
                return since
            await asyncio.sleep(0.1)

    def _bus(self) -> tuple[int, int]:
        url = f"{self.place.url(NATS_MONITOR)}/jsz?consumers=true"
        said = unheard = 0
        for account in _json(url)["account_details"]:
            for stream in account.get("stream_detail", ()):
                said += stream["state"]["last_seq"]
                for one in stream.get("consumer_detail") or ():
                    unheard += one["num_pending"] + one["num_ack_pending"]
        return said, unheard

    @property
    def gateway_metrics(self) -> str:
        """Where the gateway tells its metrics."""
        return self.place.url(GATEWAY_METRICS)


def _json(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own stack's
        return json.load(answer)


def _rpcs(url: str) -> int:
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:  # noqa: S310
        text = answer.read().decode()
    return int(
        sum(
            float(line.rpartition(" ")[2])
            for line in text.splitlines()
            if line.startswith("guildhall_rpc_seconds_count")
        )
    )


def difference(before: Mapping[str, int], after: Mapping[str, int]) -> int:
    """What came to it between."""
    return sum(after.values()) - sum(before.values())

"""Serves an application that the gateway is measured beside, told and served as the gateway is.

python -m bench.beside floor|router [memory]    # the gateway's environment, and BESIDE_LISTEN
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import uvicorn
import uvloop

from bench.floor import Floor
from bench.remembering import RememberingServices
from bench.router import application
from chassis.messaging import Bus
from chassis.rpc_client import Channels
from chassis.tokens import TokenSigner
from gateway.actors import Actors
from gateway.auth import TokenVerifier
from gateway.context import Services
from gateway.cursors import CursorKey
from gateway.issuers import Issuers, read_issuers
from gateway.settings import GatewaySettings

APPLICATIONS: dict[str, Any] = {"floor": Floor, "router": application}


async def main() -> None:
    """Serve until SIGTERM."""
    name, settings = sys.argv[1], GatewaySettings()
    host, _, port = os.environ["BESIDE_LISTEN"].rpartition(":")
    async with AsyncExitStack() as stack:
        signer = TokenSigner.from_file("gateway", settings.signing_key_file)
        channels = Channels(signer, settings.address, for_people=True, retries=True)
        stack.push_async_callback(channels.close)
        http = await stack.enter_async_context(httpx2.AsyncClient(timeout=3.0, trust_env=False))
        bus = Bus(settings.nats_url, name=name)
        stack.push_async_callback(bus.close)
        memory = sys.argv[2:] == ["memory"]
        services = RememberingServices(channels) if memory else Services(channels)
        actors = Actors(services.directory, bus)
        verifier = TokenVerifier(Issuers(read_issuers(settings.issuers_file), http))
        key = CursorKey.from_file(settings.cursor_key_file)
        bus.start()
        listening = asyncio.create_task(actors.run())
        stack.callback(listening.cancel)
        config = uvicorn.Config(
            APPLICATIONS[name](services, verifier, actors, key),
            host=host,
            port=int(port),
            http="httptools",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
        )
        gc.collect()
        gc.freeze()
        await uvicorn.Server(config).serve()


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))

"""The gateway with the services' answers in memory: each request is made of them once.

    python -m bench.remembering        # the gateway's environment

All else is the gateway's own: how HTTP is spoken, tokens, limits, execution, telemetry.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any, cast

import uvloop

from chassis.rpc_client import Channels
from gateway import __main__ as gateway
from gateway.context import Services


class _Remembering:
    """A stub that asks the same once."""

    def __init__(self, stub: Any) -> None:
        self._stub = stub

    def __getattr__(self, name: str) -> Callable[[Any], Awaitable[Any]]:
        method, answers = getattr(self._stub, name), cast("dict[bytes, Any]", {})

        async def remembered(request: Any) -> Any:
            key = request.SerializeToString(deterministic=True)
            if key not in answers:
                answers[key] = await method(request)
            return answers[key]

        setattr(self, name, remembered)
        return remembered


class RememberingServices(Services):
    """The stubs that a list needs."""

    def __init__(self, channels: Channels) -> None:
        super().__init__(channels)
        self.directory = cast("Any", _Remembering(self.directory))
        self.forum = cast("Any", _Remembering(self.forum))


if __name__ == "__main__":
    gateway.Services = RememberingServices  # type: ignore[attr-defined]
    sys.exit(uvloop.run(gateway.main()))

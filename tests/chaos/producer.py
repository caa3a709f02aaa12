"""The producing part: `python -m tests.chaos.producer`, a service like any other."""

from __future__ import annotations

from functools import partial
from typing import Any

from grpc import aio

from chassis import runtime
from chassis.actors import require_person
from chassis.commands import Commands
from guildhall.forum.v1 import forum_pb2, forum_pb2_grpc
from tests.chaos import mutants
from tests.chaos.counters import COMMUNITY, PRODUCER, ProducerRepository, counters, strike
from tests.chaos.settings import ChaosSettings


class Servicer(forum_pb2_grpc.ForumServiceServicer):
    """One RPC of the forum's, as the trial needs no proto of its own."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def CloseTopic(
        self,
        request: forum_pb2.CloseTopicRequest,
        context: aio.ServicerContext[Any, Any],
    ) -> forum_pb2.CloseTopicResponse:
        actor = require_person()
        target = counters.ref(COMMUNITY, request.topic_id)
        return await self._commands.run(actor, request, target, partial(strike, request))


async def main() -> None:
    """Serve until told to stop, or killed."""
    settings = ChaosSettings()
    mutants.put_in(settings)
    async with runtime.start(PRODUCER, settings, ProducerRepository) as process:
        servicer = Servicer(process.commands)  # type: ignore[abstract]  # the others are not called
        forum_pb2_grpc.add_ForumServiceServicer_to_server(servicer, process.server)
        await process.run()


if __name__ == "__main__":
    runtime.launch(main)

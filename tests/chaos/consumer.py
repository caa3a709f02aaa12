"""The consuming part: `python -m tests.chaos.consumer`, a service like any other."""

from __future__ import annotations

from functools import partial

from chassis import runtime
from chassis.domain_events import Subscription
from guildhall.forum.v1 import domain_events_pb2 as said
from tests.chaos import mutants
from tests.chaos.counters import CONSUMER, PRODUCER, ConsumerRepository, hear
from tests.chaos.settings import ChaosSettings


async def main() -> None:
    """Hear until told to stop, or killed."""
    settings = ChaosSettings()
    mutants.put_in(settings)
    async with runtime.start(CONSUMER, settings, ConsumerRepository) as process:
        process.subscribe(
            Subscription(PRODUCER, {said.TopicEdited: partial(hear, asking=settings.asking)})
        )
        await process.run()


if __name__ == "__main__":
    runtime.launch(main)

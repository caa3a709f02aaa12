"""The consuming part: `python -m tests.faults.consumer`, a service like any other."""

from __future__ import annotations

from chassis import runtime
from chassis.domain_events import Subscription
from guildhall.forum.v1 import domain_events_pb2 as said
from tests.faults import mutants
from tests.faults.counters import CONSUMER, PRODUCER, ConsumerRepository, hear
from tests.faults.settings import FaultsSettings


async def main() -> None:
    """Hear until told to stop, or killed."""
    settings = FaultsSettings()
    mutants.put_in(settings)
    async with runtime.start(CONSUMER, settings, ConsumerRepository) as process:
        process.subscribe(Subscription(PRODUCER, {said.TopicEdited: hear}))
        await process.run()


if __name__ == "__main__":
    runtime.launch(main)

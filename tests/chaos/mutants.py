"""Mutants: the chassis with one guard taken out, in the trial's own processes only.

A trial that finds nothing in them would find nothing in the product either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from nats.aio.msg import Msg

from chassis import commands, runtime
from chassis.batch import Batch
from chassis.consumers import Consumer, hearing, inbox, recovery
from chassis.decisions import Operation
from tests.chaos.settings import ChaosSettings

if TYPE_CHECKING:
    from chassis.consumers.hearing import Arrival


def no_inbox_gate() -> None:
    """Whatever arrives is applied, in the order of its arrival, and no inbox row is kept."""

    async def let_pass(
        _: object, chain: list[Arrival], before: object, plan: Any, replay: bool
    ) -> None:
        plan.steps.extend(
            hearing._Step(arrival.event, arrival.stream_seq, arrival) for arrival in chain
        )

    _replace(hearing.Hearing, "_gate", let_pass)
    _replace(inbox.Inbox, "advance", lambda *_: None)


def no_idempotency_row() -> None:
    """Commands are stored without the row that knows them again."""

    class Forgetful(Batch):
        def guard(self, collection: str, operation: Operation) -> None:
            if collection != commands.COLLECTION:
                super().guard(collection, operation)

    _replace(commands, "Batch", Forgetful)


class _AckFirst(Consumer):
    """Acknowledges what it has fetched, then applies it."""

    async def _take(self, messages: Sequence[Msg]) -> None:
        for message in messages:
            await message.ack()
        await super()._take(messages)


@dataclass(frozen=True, slots=True)
class Mutant:
    """What is put into the parts, and the figure that must show it."""

    shown_by: str
    put_in: Callable[[], None] = lambda: None
    consumer: type[Consumer] = Consumer


MUTANTS = {
    "no inbox gate": Mutant("twice", no_inbox_gate),
    "no idempotency row": Mutant("twice", no_idempotency_row),
    "ack before commit": Mutant("lost", consumer=_AckFirst),
}


def put_in(settings: ChaosSettings) -> None:
    """Make this process what the trial wants: before it starts."""
    mutant = MUTANTS.get(settings.mutant, Mutant(""))
    mutant.put_in()
    _replace(runtime, "Consumer", partial(mutant.consumer, ack_wait=settings.ack_wait))
    if not settings.reconciling:
        _replace(recovery, "reconcile", _find_nothing)


async def _find_nothing(*_: object) -> int:
    return 0


def _replace(owner: object, name: str, value: object) -> None:
    if not hasattr(owner, name):
        raise AttributeError(f"{owner} has no {name}: the mutant must follow the chassis")
    setattr(owner, name, value)

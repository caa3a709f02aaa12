"""Sequences of mutations over the live gateway: what every machine of them does and looks for.

SEQUENCES says how many of each there are, SEQUENCES_SEED which; one that fails is shrunk and
printed as code.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.integration.inputs import SCHEMA, codes
from tests.integration.test_bad_input import GENERAL
from tests.system import BOTH, ENGINEER, MANAGER, SELLER, Asker, RefusedError, System

SEQUENCES = int(os.environ.get("SEQUENCES") or 12)
SEED = int(os.environ.get("SEQUENCES_SEED") or time.time_ns() % 1_000_000_007)
STEPS = 30
MUTATIONS: Any = SCHEMA.mutation_type.fields  # type: ignore[union-attr]
PEOPLE = {"manager": MANAGER, "engineer": ENGINEER, "both": BOTH, "seller": SELLER}


@dataclass
class Stage:
    """The people and where they are, for all sequences."""

    runner: asyncio.Runner
    people: dict[str, Asker]
    place: str  # a global id
    seen: Counter[str] = field(default_factory=Counter)

    def wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        """For it, here."""
        return self.runner.run(work)


@contextlib.contextmanager
def staged(system: System, find_place: Callable[[Asker], Awaitable[str]]) -> Iterator[Stage]:
    """Everybody at the system's gateway, and the place as the manager finds or makes it."""
    with asyncio.Runner() as runner:

        async def begin() -> Stage:
            people = {name: await system.asker(email) for name, email in PEOPLE.items()}
            return Stage(runner, people, await find_place(people["manager"]))

        yield runner.run(begin())
        runner.run(system.close_clients())


class Machine(RuleBasedStateMachine):
    """One thing after another, and everything that can be done to it.

    What is drawn depends on no answer: how fast somebody posts is a matter of the clock.
    """

    stage: ClassVar[Stage]
    begins: ClassVar[str]  # the mutation that makes the thing

    def __init__(self) -> None:
        super().__init__()
        self.before: dict[str, Any] = {}
        self.last: tuple[str, str, str, dict[str, Any], Any] | None = None

    def check(self, *, changed: bool) -> None:
        """All that must hold."""
        raise NotImplementedError

    @rule()
    def repeat(self) -> None:
        """The same request once more: the first answer, and nothing changes."""
        if self.last is None:
            return
        step, who, selection, input_, first = self.last
        again = self.send(step, who, selection, **input_)
        assert again == first
        self.check(changed=False)

    def mutate(self, step: str, who: str, selection: str, **input_: Any) -> Any:
        """The payload, or None where it is refused; then all that must hold is looked at."""
        if "requestId" in MUTATIONS[step].args["input"].type.of_type.fields:
            input_["requestId"] = f"sequence-{uuid.uuid4()}"
        payload = self.send(step, who, selection, **input_)
        self.stage.seen[f"{step} {'done' if payload else 'refused'}"] += 1
        if step != self.begins:
            if payload is not None:
                self.last = (step, who, selection, input_, payload)
            self.check(changed=payload is not None)
        return payload

    def send(self, step: str, who: str, selection: str, **input_: Any) -> Any:
        """The payload, or None where it is refused with a code that its description lists."""
        asker = self.stage.people[who]
        try:
            return self.stage.wait(asker.mutate(step, selection, **input_))
        except RefusedError as error:
            refusal = error
        documented = codes(MUTATIONS[step].description) | GENERAL
        assert refusal.code in documented, f"{step}: {refusal}"
        return None


def run(machine: type[Machine], stage: Stage, least: int) -> None:
    """All sequences; at least so many different steps must have been done in them."""
    machine.stage = stage
    print(f"SEQUENCES_SEED={SEED}")
    run_state_machine_as_test(
        seed(SEED)(machine),
        settings=settings(
            max_examples=SEQUENCES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(dict(stage.seen))
    done = {name.partition(" ")[0] for name in stage.seen if name.endswith("done")}
    assert len(done) >= least, stage.seen

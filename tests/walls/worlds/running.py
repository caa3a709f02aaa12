"""A world from its opening to its end, looked at on the way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

from tests.walls.worlds.building import Builder
from tests.walls.worlds.house import House
from tests.walls.worlds.looking import look_around
from tests.walls.worlds.moving import Mover
from tests.walls.worlds.plans import REVOCATIONS, Plan
from tests.walls.worlds.telling import LeakError


@dataclass
class Told:
    """What the worlds so far have been."""

    worlds: int = 0
    moves: int = 0
    revocations: int = 0
    looks: int = 0

    def __str__(self) -> str:
        return (
            f"{self.worlds} worlds, {self.moves} moves of which {self.revocations} take something "
            f"away, everybody looked at everything {self.looks} times"
        )


Around = Callable[[Builder, Random], Awaitable[None]]


async def run(
    house: House,
    plan: Plan,
    told: Told,
    *,
    every_move: bool,
    look: Around = look_around,
) -> None:
    """Raises LeakError where the house shows more, or less, than the model."""
    mover = Mover(house)
    try:
        await _run(mover, plan, told, every_move, look)
    except LeakError:
        raise
    except Exception as error:
        error.add_note("\n".join(["in a world where", *mover.model.story]))
        raise


async def _run(mover: Mover, plan: Plan, told: Told, every_move: bool, look: Around) -> None:
    random = plan.random()
    await mover.open(plan)
    told.worlds += 1
    looked = False
    for move in plan.moves:
        done = await mover.move(move)
        told.moves += done
        told.revocations += done and move.kind in REVOCATIONS
        looked = every_move and done
        if looked:
            await look(mover, random)
            told.looks += 1
    if not looked:
        await look(mover, random)
        told.looks += 1

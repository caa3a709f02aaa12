"""`python -m bench.alarm`: fails where the gateway takes more than twice what its floor does.

For CI: a ratio of CPU from rounds in turn, which other work on the machine moves little. The goals
are less (see `gateway.GOALS`); what is over one of them is printed and fails nothing.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import uvloop

from bench.contents import Filling
from bench.gateway import GOALS, REQUESTS
from bench.measuring import ratio
from bench.operations import COMPARED, compared
from bench.running import Running
from bench.sides import FLOOR, PLAIN, beside

ALARM = 2.0
_POSTS = 1_100  # imported, beside the twenty topics that are asked for
_ROUNDS = 5


def main() -> int:
    """1 where any operation's ratio is over ALARM."""
    with tempfile.TemporaryDirectory() as folder:
        running = Running(Path(folder))
        running.start()
        try:
            found = uvloop.run(_measure(running))
        finally:
            running.stop()
    for name, times in found.items():
        told = "ALARM" if times > ALARM else "over its goal" if times > GOALS[name] else "well"
        print(f"{COMPARED[name]}: {times:.2f} times its floor, {told}")
    return int(any(times > ALARM for times in found.values()))


async def _measure(running: Running) -> dict[str, float]:
    """By operation, the gateway's CPU to its floor's, which makes the same RPCs."""
    contents = await Filling(running).fill(_POSTS)
    asked = compared(contents)
    with ExitStack() as stack:
        ours, floor = (stack.enter_context(beside(running, name)) for name in (PLAIN, FLOOR))
        for operation, bodies in asked.items():
            same = await ours.answers(bodies) == await floor.answers(bodies)
            assert same, f"{operation}: they do not answer the same"
        for operation, bodies in asked.items():  # warm
            for side in (ours, floor):
                await side.ask(bodies, REQUESTS[operation])
        for _ in range(_ROUNDS):
            for operation, bodies in asked.items():
                for side in (ours, floor):
                    await side.round(operation, bodies, REQUESTS[operation])
        return {name: ratio(ours.spent[name].totals, floor.spent[name].totals) for name in asked}


if __name__ == "__main__":
    sys.exit(main())

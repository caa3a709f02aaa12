"""Members and companies that pages show again and again: asked once, remembered while that is safe.

All members of a community see the same of both (`directory.proto` promises it), so one answer does
for all of them. What is remembered is forgotten with the actors: at every domain event of the
directory, and as soon as this process no longer hears its own heartbeat.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from chassis import telemetry
from chassis.actors import Actor
from gateway.actors import Actors

if TYPE_CHECKING:
    from gateway.context import Context

R = TypeVar("R")
# Seconds a row is remembered at most, from when it was asked for: with the second of an actor it
# stays within the bound of a revocation (docs/adr/0027).
LIFETIME = 3.0
_MOST = 20_000
_HIT = telemetry.DIRECTORY_ROWS.labels("hit")
_MISS = telemetry.DIRECTORY_ROWS.labels("miss")
Ask: TypeAlias = "Callable[[Context, str, list[str]], Awaitable[Mapping[str, R]]]"
_Entry: TypeAlias = tuple[float, int, Any]  # until (monotonic), epoch, row; None: there is none


class DirectoryCache:
    """The rows this process remembers, by the question that found them."""

    def __init__(self, actors: Actors, lifetime: float = LIFETIME) -> None:
        self._actors = actors
        self._lifetime = lifetime
        self._entries: dict[tuple[Ask[Any], str, str], _Entry] = {}

    def drop(self) -> None:
        """The directory has just been written to: who wrote reads what is there now."""
        self._actors.drop()

    async def find(
        self, ask: Ask[R], context: Context, community_id: str, ids: list[str]
    ) -> Mapping[str, R]:
        """As `ask`, which is called for what is not remembered, and always for outsiders."""
        if not (self._lifetime and _alike(context.actor, community_id) and self._actors.trusted):
            return await ask(context, community_id, ids)
        now, epoch, entries = time.monotonic(), self._actors.epoch, self._entries
        found: dict[str, R] = {}
        missing: list[str] = []
        for row_id in ids:
            entry = entries.get((ask, community_id, row_id))
            if entry is None or entry[0] < now or entry[1] != epoch:
                missing.append(row_id)
            elif entry[2] is not None:
                found[row_id] = entry[2]
        _HIT.inc(len(ids) - len(missing))
        if not missing:
            return found
        _MISS.inc(len(missing))
        asked = await ask(context, community_id, missing)
        if len(entries) + len(missing) > _MOST:
            entries.clear()
        for row_id in missing:
            entries[ask, community_id, row_id] = (now + self._lifetime, epoch, asked.get(row_id))
        return {**found, **asked}


def _alike(actor: Actor, community_id: str) -> bool:
    """Whether somebody is answered as all members are; operators see more, outsiders nothing."""
    held = actor.memberships.get(community_id)
    return held is not None and f"community:{community_id}" in held.keyring and not actor.operator

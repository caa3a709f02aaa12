"""What the directory makes of its own domain events, as the bus would bring them, each twice."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from google.protobuf.message import Message

from chassis.batch import Batch
from chassis.decisions import Write
from chassis.domain_events import DomainEvent, Effect
from chassis.testing import stored
from services.directory.consumers.groups import GroupConsumers
from services.directory.jobs import DirectoryJobs
from services.directory.tests.conftest import Town
from services.directory.use_cases.group_rules import GroupRuleUseCases


class Ear:
    """Hears what the directory says, from where it stopped; each event twice."""

    def __init__(self, town: Town, sweeping: GroupRuleUseCases | None = None) -> None:
        self._town = town
        self._sweep = DirectoryJobs(town.world.use_cases).sweep_groups
        if sweeping is not None:
            self._sweep = sweeping.sweep_groups
        self._consumers = GroupConsumers(town.world.repository)
        self._handlers = self._consumers.of_directory().handlers
        self._heard = 0

    async def hear(self) -> None:
        """All that was said, as the bus would bring it, and what follows from that."""
        database = self._town.world.database
        rows = await database.outbox.find().sort("_id").to_list()
        new, self._heard = rows[self._heard :], len(rows)
        for row in new:
            kind = next((k for k in self._handlers if k.DESCRIPTOR.full_name == row["type"]), None)
            if kind is not None:
                await self._apply(row, kind.FromString(row["data"]))
        await self._sweep()
        before = await stored(database)
        await self._sweep()
        assert await stored(database) == before
        assert before["group_sweeps"] == []

    async def _apply(self, row: dict[str, Any], message: Message) -> None:
        database = self._town.world.database
        event: DomainEvent[Any] = DomainEvent(
            row["_id"],
            row["community_id"],
            row["agg_type"],
            row["agg"],
            row["seq"],
            datetime.now(UTC),
            row["actor"],
            message,
        )
        for time in range(2):
            before = await stored(database)
            consequences = list(await self._handlers[type(message)](event))
            batch = Batch(database)
            await batch.load(one.ref for one in consequences if isinstance(one, Effect))
            for one in consequences:
                if isinstance(one, Effect):
                    batch.decide(one.ref, one.decide, actor="service:directory", cause="test")
                else:
                    assert isinstance(one, Write)
                    batch.write(one)
            await batch.commit(asyncio.get_running_loop().time() + 60)
            if time:
                assert await stored(database) == before

"""Rebuilds: equal to one from scratch, whatever is written, killed or failing meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pymongo import UpdateOne

from chassis import outbox
from chassis.domain_events import Consequence, DomainEvent, Projection, Subscription
from chassis.errors import FailedPreconditionError, UnavailableError
from chassis.generations import DONE, FAILED, RUNNING, Generation, Generations
from chassis.leases import Leases
from chassis.rebuild import Rebuild, RebuildRunningError
from chassis.testing_events import Stage, eventually
from guildhall.forum.v1 import domain_events_pb2 as said


class FaultyError(FailedPreconditionError):
    """What cannot be projected."""


@dataclass
class Shelf:
    """A target in the store: how far each topic is, never overwritten by something older."""

    stage: Stage
    pace: float = 0.0
    fails: Exception | None = None
    fails_in: int = 0  # this generation only; 0: in all
    readable: int = 1
    calls: list[str] = field(default_factory=list)
    projected: int = 0

    def rows(self, generation: int) -> Any:
        return self.stage.ours[f"shelf_{generation}"]

    async def prepare(self, generation: int) -> None:
        self.calls.append(f"prepare {generation}")

    async def project(self, generation: int, projections: Sequence[Projection]) -> None:
        if self.fails is not None and self.fails_in in (0, generation):
            raise self.fails
        self.projected += len(projections)
        operations = []
        for projection in projections:
            query = {"agg": projection.id}
            last = await self.stage.theirs[outbox.COLLECTION].find_one(query, sort=[("seq", -1)])
            assert last is not None
            await asyncio.sleep(self.pace)  # so that others may be faster
            change = {"$max": {"seq": last["seq"]}}
            operations.append(UpdateOne({"_id": projection.id}, change, upsert=True))
        await self.rows(generation).bulk_write(operations)

    async def switch(self, generation: int) -> None:
        self.calls.append(f"switch {generation}")
        self.readable = generation

    async def drop(self, generation: int) -> None:
        self.calls.append(f"drop {generation}")
        await self.rows(generation).drop()

    async def content(self, generation: int) -> dict[str, int]:
        return {row["_id"]: row["seq"] async for row in self.rows(generation).find()}


async def project_topic(event: DomainEvent[Any]) -> Iterable[Consequence]:
    return [Projection("topic", event.community_id, event.aggregate_id)]


def subscription(stage: Stage, shelf: Shelf) -> Subscription:
    return stage.subscription(handler=project_topic, project=shelf.project)


def rebuild(stage: Stage, shelf: Shelf, **options: Any) -> Rebuild:
    return Rebuild(
        stage.ours,
        shelf,
        [subscription(stage, shelf)],
        event_log=lambda _: stage.log,
        leases=Leases(stage.ours, observation=0.4),
        poll=0.1,
        **options,
    )


async def truth(stage: Stage) -> dict[str, int]:
    """What a rebuild from scratch makes of the log."""
    found: dict[str, int] = {}
    async for row in stage.theirs[outbox.COLLECTION].find():
        found[row["agg"]] = max(found.get(row["agg"], 0), row["seq"])
    return found


async def pointer(stage: Stage) -> Generation:
    return await Generations(stage.ours).get()


async def state(stage: Stage) -> str:
    return (await pointer(stage)).state


async def test_rebuild_makes_a_new_generation_and_switches(stage: Stage) -> None:
    for number in range(40):
        await stage.say(f"t{number}", *[said.TopicEdited()] * 3)
    shelf = Shelf(stage)
    running = rebuild(stage, shelf)
    stage.beside(running.run())
    begun = await running.request()
    assert (begun.current, begun.building, begun.state) == (1, 2, RUNNING)
    await eventually(lambda: state(stage), DONE)
    seen = await pointer(stage)
    assert (seen.current, seen.building, seen.events, seen.error) == (2, 0, 120, "")
    assert await shelf.content(2) == await truth(stage)
    assert (shelf.calls, shelf.readable) == (["prepare 2", "switch 2"], 2)
    assert shelf.projected == 40  # each once


async def test_rebuild_under_writes_equals_one_from_scratch(stage: Stage) -> None:
    bus = await stage.bus()
    stage.relay(bus)
    shelf = Shelf(stage, pace=0.001)
    consumer = stage.consumer(bus, subscription(stage, shelf))
    stage.beside(consumer.run())
    running = rebuild(stage, shelf)
    stage.beside(running.run())

    async def talk(topic: str) -> None:
        for _ in range(20):
            await stage.say(topic)
            await asyncio.sleep(0.02)

    topics = [f"t{number}" for number in range(20)]
    for topic in topics:
        await stage.say(topic, *[said.TopicEdited()] * 10)
    talking = asyncio.gather(*map(talk, topics))
    for generation in (2, 3):
        await running.request()
        await eventually(lambda: state(stage), DONE)
        assert (await pointer(stage)).current == generation
    await talking
    wanted = await truth(stage)
    assert set(wanted.values()) == {30}
    await eventually(lambda: shelf.content(3), wanted)


async def test_rebuild_that_is_killed_goes_on_elsewhere(stage: Stage) -> None:
    for number in range(30):
        await stage.say(f"t{number}", *[said.TopicEdited()] * 2)
    slow = Shelf(stage, pace=0.05)
    first = rebuild(stage, slow)
    task = stage.beside(first.run())
    await first.request()

    async def half() -> bool:
        return len(await slow.content(2)) > 5

    await eventually(half)
    lease = await stage.ours.leases.find_one({"_id": "rebuild"}) or {}
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await stage.ours.leases.replace_one({"_id": "rebuild"}, lease)  # kill -9 releases nothing
    assert await state(stage) == RUNNING
    heir = Shelf(stage)
    stage.beside(rebuild(stage, heir).run())
    await eventually(lambda: state(stage), DONE)
    assert await heir.content(2) == await truth(stage)
    assert heir.projected < 30  # what was done stays done


async def test_only_one_rebuild_at_a_time(stage: Stage) -> None:
    await stage.say("t1")
    shelf = Shelf(stage, pace=0.2)
    replicas = [rebuild(stage, shelf) for _ in range(3)]
    results = await asyncio.gather(
        *(replica.request() for replica in replicas), return_exceptions=True
    )
    assert sum(isinstance(result, RebuildRunningError) for result in results) == 2
    for replica in replicas:
        stage.beside(replica.run())
    await eventually(lambda: state(stage), DONE)
    assert shelf.calls == ["prepare 2", "switch 2"]


async def test_a_request_sent_again_and_again_begins_one_rebuild(stage: Stage) -> None:
    await stage.say("t1")
    shelf = Shelf(stage)
    replicas = [rebuild(stage, shelf) for _ in range(3)]
    begun = await asyncio.gather(*(replica.request("rebuild-1") for replica in replicas))
    assert {one.building for one in begun} == {2}
    stage.beside(replicas[0].run())
    await eventually(lambda: state(stage), DONE)
    assert (await replicas[1].request("rebuild-1")).state == DONE
    assert (await pointer(stage)).current == 2
    assert (await replicas[1].request("rebuild-2")).building == 3


async def test_failed_rebuild_leaves_readers_where_they_are(stage: Stage) -> None:
    await stage.say("t1")
    shelf = Shelf(stage, fails=FaultyError())
    running = rebuild(stage, shelf, keep=timedelta(0))
    stage.beside(running.run())
    await running.request()
    await eventually(lambda: state(stage), FAILED)
    seen = await pointer(stage)
    assert (seen.current, seen.building, seen.error) == (1, 0, "FAULTY")
    assert shelf.readable == 1

    async def dropped() -> bool:
        return "drop 2" in shelf.calls

    await eventually(dropped)
    shelf.fails = None
    begun = await running.request()
    assert begun.building > 1
    await eventually(lambda: state(stage), DONE)


async def test_outage_is_waited_out(stage: Stage) -> None:
    await stage.say("t1")
    shelf = Shelf(stage, fails=UnavailableError())
    running = rebuild(stage, shelf)
    stage.beside(running.run())
    await running.request()
    await asyncio.sleep(0.5)
    assert await state(stage) == RUNNING
    shelf.fails = None
    await eventually(lambda: state(stage), DONE)


async def test_new_generation_that_fails_does_not_stop_the_live_one(stage: Stage) -> None:
    bus = await stage.bus()
    stage.relay(bus)
    shelf = Shelf(stage, fails=FaultyError(), fails_in=2)
    consumer = stage.consumer(bus, subscription(stage, shelf))
    stage.beside(consumer.run())
    await Generations(stage.ours).begin()
    await stage.say("t1")
    await eventually(lambda: state(stage), FAILED)
    await eventually(lambda: shelf.content(1), {"t1": 1})
    assert (await pointer(stage)).current == 1


async def test_old_generation_is_kept_a_while_and_dropped(stage: Stage) -> None:
    await stage.say("t1")
    shelf = Shelf(stage)
    patient = rebuild(stage, shelf)
    task = stage.beside(patient.run())
    await patient.request()
    await eventually(lambda: state(stage), DONE)
    await asyncio.sleep(0.3)
    assert "drop 1" not in shelf.calls
    task.cancel()
    stage.beside(rebuild(stage, shelf, keep=timedelta(0)).run())

    async def retired() -> bool:
        return (await pointer(stage)).retired == ()

    await eventually(retired)
    assert "drop 1" in shelf.calls
    assert (await shelf.content(2)) == {"t1": 1}


async def test_unreadable_events_are_left_out(stage: Stage) -> None:
    await stage.say("bad")
    await stage.say("good")
    await stage.theirs[outbox.COLLECTION].update_one({"agg": "bad"}, {"$set": {"data": b"\xff"}})
    shelf = Shelf(stage)
    running = rebuild(stage, shelf)
    stage.beside(running.run())
    await running.request()
    await eventually(lambda: state(stage), DONE)
    assert await shelf.content(2) == {"good": 1}

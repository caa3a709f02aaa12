"""The actor cache: forgets on every event of the directory, believes only a bus it hears."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from chassis.errors import PeerFailedError, UnauthenticatedError, UnavailableError
from chassis.messaging import Bus
from chassis.testing import free_port
from devstack.engines import nats as nats_engine
from gateway.actors import LIFETIME, Actors, Key
from gateway.auth import Identity
from gateway.context import Caller
from gateway.tests.conftest import BusStandIn
from gateway.tests.directory_standin import DirectoryStandIn
from guildhall.directory.v1 import directory_pb2

EDDA = Identity("https://id.kestrel.test", "s1", "e@kestrel.example", "Edda")


class Direct:
    """The stand-in directory without a wire."""

    def __init__(self) -> None:
        self.servicer = DirectoryStandIn()  # type: ignore[abstract]
        self.expire_in: float | None = None
        self.slow = 0.0

    async def ResolveActor(self, request: Any) -> Any:
        response = await self.servicer.ResolveActor(request, None)
        if self.expire_in is not None:
            response.actor.expire_time.FromNanoseconds(int((time.time() + self.expire_in) * 1e9))
        await asyncio.sleep(self.slow)
        return response

    async def BatchResolveActors(self, request: Any) -> Any:
        response = await self.servicer.BatchResolveActors(request, None)
        await asyncio.sleep(self.slow)
        return response

    async def SignIn(self, request: Any) -> Any:
        return await self.servicer.SignIn(request, None)

    @property
    def asked(self) -> int:
        return self.servicer.calls["ResolveActor"]


def believing(directory: Direct) -> Actors:
    """A cache whose bus has been heard long enough."""
    actors = Actors(directory, BusStandIn())  # type: ignore[arg-type]
    actors._heard = time.monotonic()
    actors._believe_from = 0
    return actors


async def test_actor_is_remembered_while_believed() -> None:
    directory = Direct()
    actors = believing(directory)
    first = await actors.caller(EDDA)
    assert await actors.caller(EDDA) is first
    assert directory.asked == 1
    assert first.actor.person_id == "p1"
    assert first.actor.has_role("c1", "MODERATOR")


async def test_every_directory_event_forgets_everyone() -> None:
    directory = Direct()
    actors = believing(directory)
    await actors.caller(EDDA)
    actors.drop()
    await actors.caller(EDDA)
    assert directory.asked == 2


async def test_an_answer_from_before_the_event_is_not_remembered() -> None:
    directory = Direct()
    directory.slow = 0.05
    actors = believing(directory)
    asking = asyncio.create_task(actors.caller(EDDA))
    await asyncio.sleep(0.01)
    actors.drop()
    late = asyncio.create_task(actors.caller(EDDA))
    await asyncio.gather(asking, late)
    assert directory.asked == 2
    await actors.caller(EDDA)
    assert directory.asked == 2


async def test_many_at_once_ask_once() -> None:
    directory = Direct()
    directory.slow = 0.02
    actors = believing(directory)
    await asyncio.gather(*(actors.caller(EDDA) for _ in range(50)))
    assert directory.asked == 1


def crowd(count: int) -> list[Identity]:
    return [Identity(EDDA.issuer, f"c{n}", "", f"Member {n}") for n in range(count)]


async def test_many_people_at_once_are_one_question() -> None:
    directory = Direct()
    people = crowd(130)
    directory.servicer.known |= {who.subject: f"p{who.subject}" for who in people}
    actors = believing(directory)
    callers = await asyncio.gather(*(actors.caller(who) for who in people * 2))
    assert [caller.actor.person_id for caller in callers] == [f"p{w.subject}" for w in people] * 2
    assert directory.servicer.calls == {"BatchResolveActors": 2}  # of a hundred at most
    assert await actors.caller(people[0]) is callers[0]
    assert directory.servicer.calls == {"BatchResolveActors": 2}


async def test_all_are_asked_for_in_few_questions_whatever_is_remembered() -> None:
    directory = Direct()
    people, nobody = crowd(130), Identity(EDDA.issuer, "nobody")
    directory.servicer.known |= {who.subject: f"p{who.subject}" for who in people}
    actors = believing(directory)
    found: dict[Key, Caller] = {}
    for questions in (2, 4):
        found.clear()
        await actors.ask_all([*people, *people, nobody], found)
        assert {key: one.actor.person_id for key, one in found.items()} == {
            who.key: f"p{who.subject}" for who in people
        }
        assert directory.servicer.calls == {"BatchResolveActors": questions}
    for who in people:  # who asks alone finds it remembered
        assert await actors.caller(who) is found[who.key]
    assert directory.servicer.calls == {"BatchResolveActors": 4}


async def test_what_all_are_told_is_remembered_only_while_it_may_be() -> None:
    """It is what the directory says now: who has asked may use it, whoever believes nothing."""
    directory = Direct()
    directory.servicer.known |= {"c0": "p0", "c1": "p1"}
    both = crowd(2)
    found: dict[Key, Caller] = {}
    actors = believing(directory)
    actors._heard = 0.0  # our own heartbeat is not heard
    await actors.ask_all(both, found)
    assert len(found) == 2
    await actors.caller(both[0])
    assert directory.asked == 1
    directory.slow = 0.05
    actors = believing(directory)
    asking = asyncio.create_task(actors.ask_all(both, found))
    await asyncio.sleep(0.01)
    actors.drop()
    await asking
    await actors.caller(both[0])
    assert directory.asked == 2


async def test_who_is_left_out_is_asked_for_alone() -> None:
    """Nobody yet, and refused: each as if nobody else had asked."""
    directory = Direct()
    actors = believing(directory)
    callers = await asyncio.gather(actors.caller(EDDA), *map(actors.caller, crowd(2)))
    assert [caller.actor.person_id for caller in callers] == ["p1", "p-c0", "p-c1"]
    assert directory.servicer.calls == {"BatchResolveActors": 1, "ResolveActor": 2, "SignIn": 2}
    actors.drop()
    gone = Identity(EDDA.issuer, "gone", "", "Gone")
    answers = await asyncio.gather(
        actors.caller(EDDA), actors.caller(gone, provision=False), return_exceptions=True
    )
    assert isinstance(answers[0], Caller)
    assert isinstance(answers[1], UnauthenticatedError)


async def test_a_batch_that_fails_is_asked_one_by_one_and_who_is_away_is_not() -> None:
    directory = Direct()
    both = (EDDA, Identity(EDDA.issuer, "s2", "", ""))
    actors = believing(directory)
    directory.servicer.failures["BatchResolveActors"] = PeerFailedError("one is too much")
    callers = await asyncio.gather(*map(actors.caller, both))
    assert [caller.actor.person_id for caller in callers] == ["p1", "p2"]
    assert directory.asked == 2
    actors.drop()
    directory.servicer.failures["BatchResolveActors"] = UnavailableError("away")
    answers = await asyncio.gather(*map(actors.caller, both), return_exceptions=True)
    assert [type(answer) for answer in answers] == [UnavailableError] * 2
    assert directory.asked == 2


async def test_who_goes_away_leaves_the_others_their_answer() -> None:
    directory = Direct()
    directory.slow = 0.02
    actors = believing(directory)
    first = asyncio.create_task(actors.caller(EDDA))
    second = asyncio.create_task(actors.caller(Identity(EDDA.issuer, "s2", "", "")))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).actor.person_id == "p2"


async def test_entries_end_with_the_actors_dates_and_after_a_second() -> None:
    directory = Direct()
    directory.expire_in = 0.1
    actors = believing(directory)
    await actors.caller(EDDA)
    await asyncio.sleep(0.12)
    await actors.caller(EDDA)
    assert directory.asked == 2
    directory.expire_in = -5
    actors.drop()
    await actors.caller(EDDA)
    await actors.caller(EDDA)
    assert directory.asked == 4
    directory.expire_in = 86_400
    actors.drop()
    await actors.caller(EDDA)
    entry = next(iter(actors._entries.values()))
    assert entry.until - time.monotonic() <= LIFETIME


async def test_without_a_heartbeat_nothing_is_believed() -> None:
    directory = Direct()
    actors = Actors(directory, BusStandIn())  # type: ignore[arg-type]
    for _ in range(3):
        await actors.caller(EDDA)
    assert directory.asked == 3


async def test_a_directory_that_is_away_refuses_and_is_asked_again() -> None:
    directory = Direct()
    actors = believing(directory)
    directory.servicer.failures["ResolveActor"] = UnavailableError("away")
    with pytest.raises(UnavailableError):
        await actors.caller(EDDA)
    directory.servicer.failures.clear()
    assert (await actors.caller(EDDA)).actor.person_id == "p1"


class _Nats:
    """A nats-server of this test, which can be stopped, hung and started again."""

    def __init__(self, folder: Path) -> None:
        self.engine: Any = nats_engine(folder, free_port())

    def start(self) -> None:
        self.engine.start()
        self.engine.wait_ready()

    @property
    def pid(self) -> int:
        return int(self.engine.process.pid)


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[_Nats]:
    running = _Nats(tmp_path)
    running.start()
    yield running
    await asyncio.to_thread(running.engine.stop)


async def until(condition: Callable[[], bool], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.02)


async def test_over_real_nats_events_forget_at_once_and_silence_fails_closed(
    server: _Nats,
) -> None:
    directory = Direct()
    bus, other = Bus(server.engine.url, name="gateway"), Bus(server.engine.url, name="directory")
    actors = Actors(directory, bus)  # type: ignore[arg-type]
    bus.start()
    other.start()
    listening = asyncio.create_task(actors.run())
    try:
        await other.until_connected()
        await other.ensure_stream("directory")
        await until(lambda: actors.trusted)
        await actors.caller(EDDA)
        await actors.caller(EDDA)
        assert directory.asked == 1
        data = directory_pb2.Actor().SerializeToString()
        await other.js.publish("evt.directory.platform.person.p1.PersonMoved", data)
        await until(lambda: not actors._entries)
        await actors.caller(EDDA)
        assert directory.asked == 2

        os.kill(server.pid, signal.SIGSTOP)
        try:
            await until(lambda: not actors.trusted, 3)
        finally:
            os.kill(server.pid, signal.SIGCONT)
        await actors.caller(EDDA)
        assert directory.asked == 3
        await until(lambda: actors.trusted)

        await asyncio.to_thread(server.engine.stop)
        await until(lambda: not actors.trusted, 3)
        for _ in range(2):
            await actors.caller(EDDA)
        assert directory.asked == 5
        server.start()
        await until(lambda: bus.connected)
        assert not actors.trusted
        await until(lambda: actors.trusted)
        await other.js.publish("evt.directory.c1.enrolment.e1.EnrolmentUpdated", data)
        await asyncio.sleep(0.2)
        await actors.caller(EDDA)
        assert directory.asked == 6
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await bus.close()
        await other.close()

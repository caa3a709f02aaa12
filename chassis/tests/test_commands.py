"""Commands: atomic, idempotent, in shared transactions that one culprit does not spoil."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from pymongo import InsertOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import OperationFailure

from chassis import commands as commands_module
from chassis.actors import Actor
from chassis.batch import Batch
from chassis.commands import Commands
from chassis.decisions import Aggregates, Decision, Document, Parts, Ref, Seen, Write
from chassis.errors import (
    AlreadyExistsError,
    FailedPreconditionError,
    OutcomeUnknownError,
    RequestIdInvalidError,
    RequestIdReusedError,
    TooBusyError,
    UnavailableError,
)
from chassis.mongo import Database, Index, ensure_indexes
from chassis.testing import outbox, person_actor, stored
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1 import forum_pb2 as forum


class BoxLockedError(FailedPreconditionError):
    """The box is locked."""


class BoxNameTakenError(AlreadyExistsError):
    """Another box has this name."""


@dataclass(frozen=True, slots=True)
class Box:
    """A thing to count in."""

    name: str
    count: int = 0
    locked: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """A part of a box."""

    text: str


boxes = Aggregates[Box](
    "box",
    "boxes",
    lambda d: Box(d["name"], d["count"], d["locked"]),
    lambda b: {"name": b.name, "count": b.count, "locked": b.locked},
    unique={"name": BoxNameTakenError},
)
items = Parts[Item]("items", lambda d: Item(d["text"]), lambda i: {"text": i.text})

ACTOR = person_actor()


@pytest.fixture(autouse=True)
async def _indexes(database: Database) -> None:
    index = Index("boxes", [("community_id", 1), ("name", 1)], "name", unique=True)
    await ensure_indexes(database, [index])
    for collection in ("items", "notes"):
        await database.create_collection(collection)


def put(
    text: str, request_id: str, box: str = "b1", reply: str = ""
) -> tuple[
    forum.CreateReplyRequest,
    Ref[Box],
    Callable[[Seen[Box]], Decision[Box, forum.CreateReplyResponse]],
]:
    """A command that counts and adds a part; refuses when locked."""
    request = forum.CreateReplyRequest(
        request_id=request_id, community_id="c1", topic_id=box, body=text
    )
    item = items.ref("c1", reply or request_id)

    def decide(seen: Seen[Box]) -> Decision[Box, forum.CreateReplyResponse]:
        state = seen.state or Box(box)
        if state.locked:
            raise BoxLockedError
        return Decision(
            replace(state, count=state.count + 1),
            lambda seq: forum.CreateReplyResponse(
                reply=forum.Reply(id=request_id, body=text, version=seq)
            ),
            [said.ReplyPublished(reply_id=request_id, topic_id=box)],
            parts=[item.put(Item(text))],
            writes=[
                Write("notes", InsertOne(_note(request_id))),
            ],
        )

    return request, boxes.ref("c1", box).having(item), decide


def _note(id_: str) -> Document:
    return {"_id": id_, "community_id": "c1"}


async def test_run_stores_state_part_record_and_event_together(
    commands: Commands, database: Database
) -> None:
    answer = await commands.run(ACTOR, *put("hello", "request-1"))
    assert answer.reply.version == 1
    everything = await stored(database)
    assert everything["boxes"] == [
        {"_id": "b1", "community_id": "c1", "name": "b1", "count": 1, "locked": False, "seq": 1}
    ]
    assert everything["items"] == [
        {"_id": "request-1", "community_id": "c1", "text": "hello", "seq": 1}
    ]
    assert [row["_id"] for row in everything["notes"]] == ["request-1"]
    assert [row["_id"] for row in everything["commands"]] == ["c1:p1:request-1"]
    assert await outbox(database) == [said.ReplyPublished(reply_id="request-1", topic_id="b1")]


async def test_same_request_gives_first_answer_and_changes_nothing(
    commands: Commands, database: Database
) -> None:
    first = await commands.run(ACTOR, *put("hello", "request-1"))
    before = await stored(database)
    assert await commands.run(ACTOR, *put("hello", "request-1")) == first
    twins = await asyncio.gather(*(commands.run(ACTOR, *put("hello", "request-1")) for _ in "abc"))
    assert twins == [first] * 3
    assert await stored(database) == before
    assert await commands.replay(ACTOR, put("hello", "request-1")[0]) == first


async def test_same_request_id_with_another_body_is_refused(
    commands: Commands, database: Database
) -> None:
    await commands.run(ACTOR, *put("hello", "request-1"))
    before = await stored(database)
    with pytest.raises(RequestIdReusedError):
        await commands.run(ACTOR, *put("other", "request-1"))
    with pytest.raises(RequestIdReusedError):
        await commands.replay(ACTOR, put("other", "request-1")[0])
    assert await stored(database) == before


async def test_same_request_id_of_another_person_is_another_command(
    commands: Commands, database: Database
) -> None:
    await commands.run(ACTOR, *put("hello", "request-1", reply="i1"))
    other = put("hello", "request-1", box="b2", reply="i2")
    decide = other[2]

    def without_note(seen: Seen[Box]) -> Decision[Box, forum.CreateReplyResponse]:
        return replace(decide(seen), writes=[])

    answer = await commands.run(person_actor("p2"), other[0], other[1], without_note)
    assert answer.reply.version == 1
    assert len(await outbox(database)) == 2


@pytest.mark.parametrize("request_id", ["", "short", "x" * 129, "with blank", "ümlaut-request"])
async def test_bad_request_id_is_refused(
    commands: Commands, database: Database, request_id: str
) -> None:
    before = await stored(database)
    with pytest.raises(RequestIdInvalidError) as refusal:
        await commands.run(ACTOR, *put("hello", request_id))
    assert refusal.value.field == "request_id"
    assert await stored(database) == before


async def test_refusal_in_a_batch_touches_no_neighbour(
    commands: Commands, database: Database
) -> None:
    def lock(seen: Seen[Box]) -> Decision[Box, forum.CloseTopicResponse]:
        assert seen.state is not None
        return Decision(
            replace(seen.state, locked=True),
            lambda seq: forum.CloseTopicResponse(),
            [said.TopicClosed(topic_id="b1")],
        )

    request = forum.CloseTopicRequest(request_id="lock-the-box", community_id="c1")
    results = await asyncio.gather(
        commands.run(ACTOR, *put("1", "request-1")),
        commands.run(ACTOR, request, boxes.ref("c1", "b1"), lock),
        commands.run(ACTOR, *put("2", "request-2")),
        commands.run(ACTOR, *put("3", "request-3", box="b2")),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [
        forum.CreateReplyResponse,
        forum.CloseTopicResponse,
        BoxLockedError,
        forum.CreateReplyResponse,
    ]
    everything = await stored(database)
    assert [row["_id"] for row in everything["items"]] == ["request-1", "request-3"]
    assert "c1:p1:request-2" not in {row["_id"] for row in everything["commands"]}


async def test_one_hot_aggregate_from_three_replicas_counts_exactly(database: Database) -> None:
    replicas = [Commands(database) for _ in range(3)]
    await asyncio.gather(
        *(
            replica.run(ACTOR, *put("x", f"request-{r}-{n}"))
            for r, replica in enumerate(replicas)
            for n in range(60)
        )
    )
    everything = await stored(database)
    assert everything["boxes"][0]["count"] == 180
    assert sorted(row["seq"] for row in everything["outbox"]) == list(range(1, 181))
    assert len({row["_id"] for row in everything["items"]}) == 180
    for replica in replicas:
        await replica.close()


@asynccontextmanager
async def held(database: Database, box: str) -> AsyncIterator[None]:
    """Another client's open transaction has changed this box, and ends in nothing."""
    async with database.client.start_session() as session:
        await session.start_transaction()
        await database.boxes.update_one({"_id": box}, {"$set": {"locked": True}}, session=session)
        yield
        await session.abort_transaction()


async def contention(commands: Commands) -> None:
    """Until an aggregate has left its lane."""
    while not commands._contended:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.001)


async def test_held_aggregate_holds_no_neighbour_in_its_lane(database: Database) -> None:
    running = Commands(database, lanes=1)
    await running.run(ACTOR, *put("1", "request-1"))
    async with held(database, "b1"):
        calls = [
            asyncio.create_task(running.run(ACTOR, *put("x", f"request-held-{n}")))
            for n in range(9)
        ]
        for n in range(20):
            await running.run(ACTOR, *put("x", f"request-b2-{n}", box="b2"))
        assert not any(call.done() for call in calls)
    versions = sorted(answer.reply.version for answer in await asyncio.gather(*calls))
    assert versions == list(range(2, 11))
    await running.close()


async def test_command_on_a_held_aggregate_is_refused_when_its_time_is_over(
    commands: Commands, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await commands.run(ACTOR, *put("1", "request-1"))
    before = await stored(database)
    monkeypatch.setattr(commands_module, "BUDGET", 0.3)
    async with held(database, "b1"):
        with pytest.raises(TooBusyError) as refusal:
            await commands.run(ACTOR, *put("2", "request-2"))
        assert refusal.value.retry_after == 1.0
    assert await stored(database) == before
    monkeypatch.undo()
    assert (await commands.run(ACTOR, *put("2", "request-2"))).reply.version == 2


async def test_culprit_among_contenders_fails_alone(commands: Commands, database: Database) -> None:
    def rename(seen: Seen[Box]) -> Decision[Box, forum.CloseTopicResponse]:
        assert seen.state is not None
        return Decision(
            replace(seen.state, name="b2"),
            lambda seq: forum.CloseTopicResponse(),
            [said.TopicClosed(topic_id="b1")],
        )

    await commands.run(ACTOR, *put("1", "request-1"))
    await commands.run(ACTOR, *put("1", "request-2", box="b2"))
    request = forum.CloseTopicRequest(request_id="take-its-name", community_id="c1")
    async with held(database, "b1"):
        calls = [
            asyncio.create_task(call)
            for call in (
                commands.run(ACTOR, *put("x", "request-3")),
                commands.run(ACTOR, request, boxes.ref("c1", "b1"), rename),
                commands.run(ACTOR, *put("x", "request-4")),
            )
        ]
        await contention(commands)
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(result) for result in results] == [
        forum.CreateReplyResponse,
        BoxNameTakenError,
        forum.CreateReplyResponse,
    ]
    everything = await stored(database)
    assert [(box["name"], box["count"]) for box in everything["boxes"]] == [("b1", 3), ("b2", 1)]
    assert "c1:p1:take-its-name" not in {row["_id"] for row in everything["commands"]}


async def test_neighbours_out_of_time_cancelled_or_twice_spoil_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = Commands(database, lanes=1)
    monkeypatch.setattr(commands_module, "BUDGET", 0.0)
    late = asyncio.create_task(running.run(ACTOR, *put("late", "request-late")))
    await asyncio.sleep(0)
    monkeypatch.undo()
    gone = asyncio.create_task(running.run(ACTOR, *put("gone", "request-gone")))
    await asyncio.sleep(0)
    gone.cancel()
    first, again, other, refused = await asyncio.gather(
        running.run(ACTOR, *put("same", "request-same")),
        running.run(ACTOR, *put("same", "request-same")),
        running.run(ACTOR, *put("other", "request-other")),
        running.run(ACTOR, *put("another", "request-same")),
        return_exceptions=True,
    )
    assert isinstance(first, forum.CreateReplyResponse)
    assert isinstance(other, forum.CreateReplyResponse)
    assert first == again
    assert isinstance(refused, RequestIdReusedError)
    with pytest.raises(TooBusyError):
        await late
    await running.close()
    everything = await stored(database)
    # The one whose caller went away was asked for, so it is done; asking again tells so.
    assert [item["_id"] for item in everything["items"]] == [
        "request-gone",
        "request-other",
        "request-same",
    ]
    assert everything["boxes"][0]["count"] == 3
    assert len(everything["commands"]) == len(everything["outbox"]) == 3


async def test_caller_learns_when_its_time_is_over_that_nobody_knows(
    commands: Commands, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its neighbours may have longer, and it is stored with them all the same."""
    go_on, commit = asyncio.Event(), Batch.commit

    async def slow(batch: Batch, deadline: float) -> None:
        await go_on.wait()
        await commit(batch, deadline)

    monkeypatch.setattr(Batch, "commit", slow)
    monkeypatch.setattr(commands_module, "BUDGET", 0.2)
    monkeypatch.setattr(commands_module, "_GRACE", 0.1)
    with pytest.raises(OutcomeUnknownError) as refusal:
        await commands.run(ACTOR, *put("1", "request-1"))
    assert refusal.value.retry_after == 1.0
    assert not (await stored(database)).get("commands")
    monkeypatch.undo()
    again = asyncio.create_task(commands.run(ACTOR, *put("1", "request-1")))
    await asyncio.sleep(0)
    go_on.set()
    assert (await again).reply.version == 1
    assert (await stored(database))["boxes"][0]["count"] == 1


async def test_close_waits_for_those_that_contend(database: Database) -> None:
    running = Commands(database, lanes=1)
    await running.run(ACTOR, *put("1", "request-1"))
    async with held(database, "b1"):
        calls = [
            asyncio.create_task(running.run(ACTOR, *put("x", f"request-held-{n}")))
            for n in range(5)
        ]
        await contention(running)
        closing = asyncio.create_task(running.close())
        await asyncio.sleep(0)
        with pytest.raises(UnavailableError):
            await running.run(ACTOR, *put("x", "request-late"))
        assert not closing.done()
    await closing
    assert len(await asyncio.gather(*calls)) == 5
    assert (await stored(database))["boxes"][0]["count"] == 6


async def test_unique_index_is_told_as_its_refusal(commands: Commands, database: Database) -> None:
    await commands.run(ACTOR, *put("1", "request-1"))
    before = await stored(database)

    def named_alike(seen: Seen[Box]) -> Decision[Box, forum.CreateSpaceResponse]:
        return Decision(
            Box("b1"),
            lambda seq: forum.CreateSpaceResponse(),
            [said.SpaceCreated(space_id="b9")],
        )

    request = forum.CreateSpaceRequest(request_id="request-9", community_id="c1")
    with pytest.raises(BoxNameTakenError):
        await commands.run(ACTOR, request, boxes.ref("c1", "b9"), named_alike)
    assert await stored(database) == before


async def test_bug_in_one_decision_fails_alone(commands: Commands, database: Database) -> None:
    def broken(seen: Seen[Box]) -> Decision[Box, forum.CloseTopicResponse]:
        raise ZeroDivisionError

    request = forum.CloseTopicRequest(request_id="broken-one", community_id="c1")
    results = await asyncio.gather(
        commands.run(ACTOR, *put("1", "request-1")),
        commands.run(ACTOR, request, boxes.ref("c1", "b1"), broken),
        commands.run(ACTOR, *put("2", "request-2")),
        return_exceptions=True,
    )
    assert isinstance(results[1], ZeroDivisionError)
    assert (await stored(database))["boxes"][0]["count"] == 2


async def test_caller_that_goes_away_changes_nothing(
    commands: Commands, database: Database
) -> None:
    call = asyncio.create_task(commands.run(ACTOR, *put("1", "request-1")))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    answer = await commands.run(ACTOR, *put("1", "request-1"))
    assert answer.reply.version == 1
    assert len(await outbox(database)) == 1


async def test_close_finishes_what_waits_and_refuses_more(database: Database) -> None:
    running = Commands(database)
    calls = [asyncio.create_task(running.run(ACTOR, *put("x", f"request-{n}"))) for n in range(20)]
    await asyncio.sleep(0)
    await running.close()
    assert len(await asyncio.gather(*calls)) == 20
    with pytest.raises(UnavailableError):
        await running.run(ACTOR, *put("x", "request-late"))
    assert (await stored(database))["boxes"][0]["count"] == 20


def test_new_id_follows_from_who_asks_what() -> None:
    request = put("1", "request-1")[0]
    same = Commands.new_id(ACTOR, request)
    assert same == Commands.new_id(ACTOR, request)
    assert same != Commands.new_id(Actor(person_id="p2"), request)
    assert same != Commands.new_id(ACTOR, put("1", "request-2")[0])


def pour(
    request_id: str, out_of: str, into: str, *, item: str = "", silent: bool = False
) -> tuple[
    forum.CreateReplyRequest,
    Ref[Box],
    Callable[[Seen[Box]], Decision[Box, forum.CreateReplyResponse]],
]:
    """A command that takes one out of a box and puts it into another, which may be new."""
    request = forum.CreateReplyRequest(
        request_id=request_id, community_id="c1", topic_id=out_of, body=into
    )
    other = boxes.ref("c1", into).having(*([items.ref("c1", item)] if item else []))

    def decide(seen: Seen[Box]) -> Decision[Box, forum.CreateReplyResponse]:
        source, target = seen.state, seen.other(other) or Box(into)
        if source is None or not source.count:
            raise BoxLockedError
        parts = []
        if item:
            held = seen.part(items.ref("c1", item))
            assert held is not None
            parts = [items.ref("c1", item).put(replace(held, text=into))]
        heard = [] if silent else [said.TopicReopened(topic_id=into)]
        return Decision(
            replace(source, count=source.count - 1),
            lambda seq: forum.CreateReplyResponse(reply=forum.Reply(version=seq)),
            [said.TopicClosed(topic_id=out_of)],
            parts=parts,
            others=[other.put(replace(target, count=target.count + 1), heard)],
        )

    return request, boxes.ref("c1", out_of).along(other), decide


async def test_one_command_changes_two_aggregates(commands: Commands, database: Database) -> None:
    await commands.run(ACTOR, *put("hello", "request-1"))
    answer = await commands.run(ACTOR, *pour("request-2", "b1", "b2", item="request-1"))
    assert answer.reply.version == 2
    everything = await stored(database)
    assert [(b["_id"], b["count"], b["seq"]) for b in everything["boxes"]] == [
        ("b1", 0, 2),
        ("b2", 1, 1),
    ]
    assert [item["text"] for item in everything["items"]] == ["b2"]
    rows = [(row["agg"], row["seq"], row["type"].split(".")[-1]) for row in everything["outbox"]]
    assert rows[1:] == [("b1", 2, "TopicClosed"), ("b2", 1, "TopicReopened")]
    assert await commands.run(ACTOR, *pour("request-2", "b1", "b2", item="request-1")) == answer
    with pytest.raises(BoxLockedError):
        await commands.run(ACTOR, *pour("request-3", "b1", "b2"))
    with pytest.raises(AssertionError):
        await commands.run(ACTOR, *pour("request-4", "b2", "b1", silent=True))
    assert await stored(database) == everything


def lock(
    request_id: str, box: str, unless: str
) -> tuple[
    forum.CreateReplyRequest,
    Ref[Box],
    Callable[[Seen[Box]], Decision[Box, forum.CreateReplyResponse]],
]:
    """A command that locks a box, unless another is locked, which stays as it is."""
    request = forum.CreateReplyRequest(request_id=request_id, community_id="c1", topic_id=box)
    other = boxes.ref("c1", unless)

    def decide(seen: Seen[Box]) -> Decision[Box, forum.CreateReplyResponse]:
        there = seen.other(other)
        if there is not None and there.locked:
            raise BoxLockedError
        return Decision(
            replace(seen.state or Box(box), locked=True),
            lambda seq: forum.CreateReplyResponse(reply=forum.Reply(version=seq)),
            [said.TopicClosed(topic_id=box)],
            stands_on=[other],
        )

    return request, boxes.ref("c1", box).along(other), decide


@pytest.mark.parametrize("replicas", [1, 2])
async def test_what_a_decision_stands_on_is_the_same_when_it_is_stored(
    database: Database, replicas: int
) -> None:
    """Each of two stands on what the other changes: one of them has to see the other's."""
    several = [Commands(database) for _ in range(replicas)]
    rounds = range(20)
    for number in rounds:
        for side in "ab":
            await several[0].run(ACTOR, *put("x", f"filling-{side}{number}", box=f"{side}{number}"))
    done = await asyncio.gather(
        *(
            several[at % replicas].run(
                ACTOR, *lock(f"locking-{box}{number}", f"{box}{number}", f"{other}{number}")
            )
            for number in rounds
            for at, (box, other) in enumerate((("a", "b"), ("b", "a")))
        ),
        return_exceptions=True,
    )
    await asyncio.gather(*(one.close() for one in several))
    assert [type(one) for one in done].count(BoxLockedError) == len(rounds)
    everything = await stored(database)
    locked = [box for box in everything["boxes"] if box["locked"]]
    assert {box["_id"][1:] for box in locked} == {str(number) for number in rounds}
    assert len(locked) == len(rounds)
    assert {box["seq"] for box in locked} == {2}
    assert {box["seq"] for box in everything["boxes"] if not box["locked"]} == {1}


async def test_what_is_stood_on_cannot_change_before_the_commit(
    commands: Commands, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for box in ("b1", "b2"):
        await commands.run(ACTOR, *put("x", f"filling-{box}", box=box))
    store, tried = Batch._store, 0

    async def then_another(batch: Batch, session: AsyncClientSession) -> None:
        nonlocal tried
        await store(batch, session)
        with pytest.raises(OperationFailure):
            async with held(database, "b2"):
                raise AssertionError("nobody guards it")
        tried += 1

    monkeypatch.setattr(Batch, "_store", then_another)
    await commands.run(ACTOR, *lock("locking-b1", "b1", "b2"))
    assert tried == 1
    assert [box["locked"] for box in (await stored(database))["boxes"]] == [True, False]


async def test_nothing_stands_on_what_is_not_there(commands: Commands, database: Database) -> None:
    await commands.run(ACTOR, *put("x", "filling-b1"))
    before = await stored(database)
    with pytest.raises(AssertionError):
        await commands.run(ACTOR, *lock("locking-b1", "b1", "b2"))
    assert await stored(database) == before


async def test_commands_across_two_aggregates_lose_nothing(database: Database) -> None:
    """Two replicas pour both ways while others put: nothing is counted twice or lost."""
    here, there = Commands(database), Commands(database, lanes=2)
    for number in range(8):
        await here.run(ACTOR, *put("x", f"filling-{number}", box=f"b{1 + number % 2}"))
    await asyncio.gather(
        *(here.run(ACTOR, *pour(f"forward-{n}", "b1", "b2")) for n in range(4)),
        *(there.run(ACTOR, *pour(f"backward-{n}", "b2", "b1")) for n in range(4)),
        *(there.run(ACTOR, *put("y", f"addition-{n}", box="b1")) for n in range(4)),
    )
    await asyncio.gather(here.close(), there.close())
    everything = await stored(database)
    assert sum(box["count"] for box in everything["boxes"]) == 12
    for box in everything["boxes"]:
        seqs = sorted(row["seq"] for row in everything["outbox"] if row["agg"] == box["_id"])
        assert seqs == list(range(1, box["seq"] + 1))

"""EventLogService: complete, walled to services, in pages that miss nothing."""

from __future__ import annotations

import pytest

from chassis import outbox
from chassis.errors import FieldInvalidError, PageTokenInvalidError, RoleRequiredError
from chassis.testing import Loopback, person_actor
from chassis.testing_events import Stage
from guildhall.chassis.v1 import event_log_pb2 as log
from guildhall.chassis.v1 import event_log_pb2_grpc
from guildhall.forum.v1 import domain_events_pb2 as said


async def all_events(stage: Stage, page_size: int) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    for partition in range(outbox.PARTITIONS):
        token = ""
        while True:
            page = await stage.log.ReadEvents(
                log.ReadEventsRequest(partition=partition, page_size=page_size, page_token=token)
            )
            assert len(page.events) <= page_size
            found += [(event.aggregate_id, event.seq) for event in page.events]
            token = page.next_page_token
            if not token:
                break
    return found


async def test_read_aggregate_gives_a_range_by_seq(stage: Stage) -> None:
    await stage.say("t1", said.TopicEdited(topic_id="t1"), said.TopicClosed(), said.TopicHidden())
    request = log.ReadAggregateRequest(aggregate_id="t1", from_seq=1, to_seq=2)
    events = (await stage.log.ReadAggregate(request)).events
    assert [event.seq for event in events] == [1, 2]
    assert events[0].type == "guildhall.forum.v1.TopicEdited"
    assert events[0].data == b"\n\x02t1"
    assert events[0].schema_version == 1
    assert (events[0].community_id, events[0].aggregate_type) == ("c1", "topic")
    assert (events[0].actor, events[0].HasField("time")) == ("p1", True)


async def test_read_events_gives_every_event_once(stage: Stage) -> None:
    for number in range(12):
        await stage.say(f"t{number}", *[said.TopicEdited()] * 5)
    wanted = sorted((f"t{number}", seq) for number in range(12) for seq in range(1, 6))
    for size in (1, 3, 500):
        assert sorted(await all_events(stage, size)) == wanted


async def test_walk_meets_all_that_was_there_though_clocks_differ(stage: Stage) -> None:
    """A replica with a slow clock stores ids that sort before those already read."""
    await stage.say("t1", *[said.TopicEdited()] * 4)
    partition = outbox.partition_of("t1")
    first = await stage.log.ReadEvents(log.ReadEventsRequest(partition=partition, page_size=2))
    rows = await stage.theirs[outbox.COLLECTION].find().to_list()
    late = {**rows[0], "_id": "0" * 32, "seq": 99}
    await stage.theirs[outbox.COLLECTION].insert_one(late)
    rest = await stage.log.ReadEvents(
        log.ReadEventsRequest(partition=partition, page_token=first.next_page_token)
    )
    assert [event.seq for event in (*first.events, *rest.events)] == [1, 2, 3, 4]


async def test_pages_are_cut_by_size(stage: Stage) -> None:
    large = said.TopicEdited(topic_id="x" * 150_000)
    await stage.say("t1", *[large] * 20)
    request = log.ReadAggregateRequest(aggregate_id="t1", from_seq=1, to_seq=20)
    assert 7 <= len((await stage.log.ReadAggregate(request)).events) < 20
    assert len(await all_events(stage, 500)) == 20


async def test_aggregate_types_narrow_events_and_heads(stage: Stage) -> None:
    await stage.say("t1", *[said.TopicEdited()] * 2)
    partition = outbox.partition_of("t1")
    for kinds, count in ((["space"], 0), (["topic", "space"], 2), ([], 2)):
        read = log.ReadEventsRequest(partition=partition, aggregate_types=kinds)
        assert len((await stage.log.ReadEvents(read)).events) == count
        heads = log.ReadHeadsRequest(partition=partition, aggregate_types=kinds)
        assert (await stage.log.ReadHeads(heads)).sum_of_seqs == count


async def test_heads_count_and_list_aggregates(stage: Stage) -> None:
    for number in range(30):
        await stage.say(f"t{number}", *[said.TopicEdited()] * (number + 1))
    count = total = 0
    listed: dict[str, int] = {}
    for partition in range(outbox.PARTITIONS):
        heads = await stage.log.ReadHeads(log.ReadHeadsRequest(partition=partition))
        count, total = count + heads.aggregates, total + heads.sum_of_seqs
        token = ""
        while True:
            page = await stage.log.ListHeads(
                log.ListHeadsRequest(partition=partition, page_size=2, page_token=token)
            )
            listed |= {head.aggregate_id: head.seq for head in page.heads}
            token = page.next_page_token
            if not token:
                break
    assert (count, total) == (30, sum(range(1, 31)))
    assert listed == {f"t{number}": number + 1 for number in range(30)}


async def test_bad_requests_are_refused(stage: Stage) -> None:
    with pytest.raises(FieldInvalidError):
        await stage.log.ReadEvents(log.ReadEventsRequest(partition=16))
    with pytest.raises(FieldInvalidError):
        await stage.log.ReadHeads(log.ReadHeadsRequest(partition=-1))
    with pytest.raises(FieldInvalidError):
        await stage.log.ListHeads(log.ListHeadsRequest(page_size=-1))
    with pytest.raises(PageTokenInvalidError):
        await stage.log.ReadEvents(log.ReadEventsRequest(page_token="nonsense"))
    with pytest.raises(FieldInvalidError):
        await stage.log.ReadAggregate(log.ReadAggregateRequest(aggregate_id="t1", to_seq=3))


@pytest.mark.parametrize("rpc", ["ReadAggregate", "ReadEvents", "ReadHeads", "ListHeads"])
async def test_people_may_not_read_the_log(stage: Stage, loopback: Loopback, rpc: str) -> None:
    await stage.say("t1")
    actor = person_actor(operator=True)
    stub = loopback.client(event_log_pb2_grpc.EventLogServiceStub, stage.says, actor)
    with pytest.raises(RoleRequiredError):
        await getattr(stub, rpc)(getattr(log, f"{rpc}Request")())

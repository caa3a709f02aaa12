"""The job: what waits for the scanner is scanned, what no post has is deleted, each once."""

from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis.file_passes import INCOMING, place
from guildhall.forum.v1 import attachments_pb2 as pb
from guildhall.forum.v1 import drafts_pb2
from guildhall.forum.v1.drafts_pb2_grpc import DraftServiceStub
from services.forum.repository.scanner import Scanner
from services.forum.tests.conftest import ASKER, HELPER, MODERATING, World
from services.forum.tests.files_made import complete, image, kept, put, ready, seen, upload
from services.forum.tests.test_forum_servicer import refused
from services.forum.use_cases.attachment_reviews import AttachmentReviews

DAY = timedelta(days=1)


def reviews(world: World) -> AttachmentReviews:
    return AttachmentReviews(world.commands, world.repository, world.files)


def later(time: timedelta) -> datetime:
    return datetime.now(UTC) + time


def there(world: World, attachment_id: str) -> bool:
    return bool(kept(world, attachment_id))


async def states(world: World) -> dict[str, str]:
    return {row["_id"]: row["state"] for row in (await world.stored()).get("attachments", [])}


async def notes(world: World) -> list[str]:
    return [row["_id"] for row in (await world.stored()).get("attachment_reviews", [])]


@pytest.mark.parametrize("at_once", [1, 2])
async def test_what_no_post_took_is_deleted_after_a_day(world: World, at_once: int) -> None:
    done, waiting = await ready(world), (await upload(world, image())).attachment
    await reviews(world).review_attachments(later(DAY - timedelta(minutes=5)))
    assert there(world, done.id)
    await asyncio.gather(*(reviews(world).review_attachments(later(DAY)) for _ in range(at_once)))
    await reviews(world).review_attachments(later(DAY))
    assert await states(world) == {done.id: "REMOVED", waiting.id: "REMOVED"}
    assert not there(world, done.id)
    assert not place(world.folder, INCOMING, waiting.id).exists()
    assert (await world.said()).count("AttachmentRemoved") == 2
    assert await notes(world) == []
    assert await seen(world, ASKER, done.id, waiting.id) == {}
    stored = (await world.stored())["attachments"]
    assert {row["name"] for row in stored} == {""}
    space = await world.space()
    taking = world.topic(space, attachment_ids=[done.id])
    await refused(world, taking, "ATTACHMENT_NOT_FOUND", "attachment_ids")


@pytest.mark.parametrize("ending", ["deleted", "expired", "without it"])
async def test_what_a_draft_has_is_kept_as_long_as_the_draft(world: World, ending: str) -> None:
    space = await world.space()
    done, others = await ready(world), await ready(world, actor=HELPER)
    infected, waiting = await ready(world), (await upload(world, image())).attachment
    place: dict[str, Any] = {
        **world.ids(),
        "draft_kind": drafts_pb2.DRAFT_KIND_TOPIC,
        "space_id": space.id,
    }
    stub = world.of(ASKER, DraftServiceStub)
    ids = [done.id, infected.id]
    await stub.SaveDraft(drafts_pb2.SaveDraftRequest(**place, attachment_ids=ids))
    change = {"$set": {"state": "INFECTED"}}
    await world.database.attachments.update_one({"_id": infected.id}, change)
    # A draft keeps nobody else's file, nor what was never put.
    more = {"$push": {"attachments": {"$each": [{"id": others.id}, {"id": waiting.id}]}}}
    await world.database.drafts.update_one({}, more)
    for days in (1, 2, 90):
        await reviews(world).review_attachments(later(days * DAY))
    assert there(world, done.id)
    assert await states(world) == {
        done.id: "READY",
        others.id: "REMOVED",
        infected.id: "REMOVED",
        waiting.id: "REMOVED",
    }
    place["request_id"] = world.request_id()
    if ending == "deleted":
        await stub.DeleteDraft(drafts_pb2.DeleteDraftRequest(**place))
    elif ending == "expired":
        await world.database.drafts.delete_many({})
    else:
        await stub.SaveDraft(drafts_pb2.SaveDraftRequest(**place))
    await reviews(world).review_attachments(later(90 * DAY))
    assert there(world, done.id)  # it is looked after once a day
    await reviews(world).review_attachments(later(91 * DAY))
    assert not there(world, done.id)
    assert (await states(world))[done.id] == "REMOVED"
    assert await notes(world) == []


async def test_what_a_draft_kept_can_be_posted(world: World) -> None:
    space = await world.space()
    done = await ready(world)
    fields: dict[str, Any] = {"draft_kind": drafts_pb2.DRAFT_KIND_TOPIC, "space_id": space.id}
    request = drafts_pb2.SaveDraftRequest(**world.ids(), **fields, attachment_ids=[done.id])
    await world.of(ASKER, DraftServiceStub).SaveDraft(request)
    await reviews(world).review_attachments(later(30 * DAY))
    topic = await world.topic(space, attachment_ids=[done.id])
    assert [one.id for one in topic.attachments] == [done.id]
    await reviews(world).review_attachments(later(60 * DAY))
    assert await states(world) == {done.id: "ATTACHED"}


async def test_what_a_post_took_stays(world: World) -> None:
    done = await ready(world)
    topic = await world.topic(await world.space(), attachment_ids=[done.id])
    put(world, done.id, b"once more")  # by an address that was still good
    for days in (1, 8, 30, 400):
        await reviews(world).review_attachments(later(days * DAY))
    assert there(world, done.id)
    assert not place(world.folder, INCOMING, done.id).exists()
    assert await states(world) == {done.id: "ATTACHED"}
    assert (await world.see(ASKER, topic)).attachments


async def test_of_a_removed_post_it_is_deleted_after_thirty_days(world: World) -> None:
    done = await ready(world)
    topic = await world.topic(await world.space(), attachment_ids=[done.id])
    await world.act("RemoveTopic", MODERATING, topic, reason="no")
    for days in (8, 9, 37):
        await reviews(world).review_attachments(later(days * DAY))
        assert there(world, done.id)
    await reviews(world).review_attachments(later(39 * DAY))
    assert not there(world, done.id)
    assert await states(world) == {done.id: "REMOVED"}
    assert await notes(world) == []


async def test_what_an_edit_dropped_is_deleted_and_what_was_hidden_is_not(world: World) -> None:
    space = await world.space()
    dropped, hidden = await ready(world), await ready(world)
    topic = await world.topic(space, attachment_ids=[dropped.id])
    await world.act("UpdateTopic", ASKER, topic, update_attachments=True)
    other = await world.topic(space, attachment_ids=[hidden.id])
    await world.act("HideTopic", MODERATING, other, reason="no")
    for days in (8, 39):
        await reviews(world).review_attachments(later(days * DAY))
    assert await states(world) == {dropped.id: "REMOVED", hidden.id: "ATTACHED"}


async def test_of_a_reply_it_goes_with_its_topic(world: World) -> None:
    topic = await world.topic(await world.space())
    done = await ready(world)
    from guildhall.forum.v1 import forum_pb2

    request = forum_pb2.CreateReplyRequest(
        **world.ids(), topic_id=topic.id, body="See here.", attachment_ids=[done.id]
    )
    await world.of(ASKER).CreateReply(request)
    find = world.repository.find_listing_states
    assert await find("c1", done.id) == ["PUBLISHED"]
    await world.act("RemoveTopic", MODERATING, topic, reason="no")
    assert await find("c1", done.id) == ["REMOVED"]
    assert await find("c2", done.id) == []


async def test_what_waits_for_the_scanner_is_scanned_when_it_is_back(world: World) -> None:
    """A stand-in speaks clamd's words here; test_forum_attachments_scanner asks a real one."""
    verdicts = {b"good": b"stream: OK\0", b"evil": b"stream: Evil FOUND\0"}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent = await reader.readexactly(len(b"zINSTREAM\0") + 4 + len(b"good") + 4)
        writer.write(next(word for text, word in verdicts.items() if text in sent))
        writer.close()
        await writer.wait_closed()

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    object.__setattr__(world.files, "scanner", Scanner(f"127.0.0.1:{port}"))
    good = await complete(world, await upload(world, b"good", "a.txt"))
    evil = await complete(world, await upload(world, b"evil", "b.txt"))
    assert good.state == evil.state == pb.ATTACHMENT_STATE_SCANNING
    taking = world.topic(await world.space(), attachment_ids=[good.id])
    await refused(world, taking, "ATTACHMENT_STATE_INVALID")
    assert not (await seen(world, ASKER, good.id))[good.id].url

    await reviews(world).review_attachments(later(timedelta(minutes=1)))
    assert set((await states(world)).values()) == {"SCANNING"}
    server = await asyncio.start_server(answer, "127.0.0.1", port)
    async with server:
        for minutes in (2, 3):
            await reviews(world).review_attachments(later(timedelta(minutes=minutes)))
    assert await states(world) == {good.id: "READY", evil.id: "INFECTED"}
    assert there(world, good.id)
    assert not there(world, evil.id)
    assert (await world.said())[-2:] in (
        ["AttachmentScanned", "AttachmentInfected"],
        ["AttachmentInfected", "AttachmentScanned"],
    )
    await world.topic(await world.space("other"), attachment_ids=[good.id])


async def test_one_that_fails_holds_up_no_other(world: World) -> None:
    ids = [(await ready(world)).id for _ in range(3)]
    (first, *_) = await world.repository.find_due_reviews(later(DAY), 3)
    await world.database.attachments.update_one(
        {"_id": first.attachment_id}, {"$unset": {"state": ""}}
    )
    for _ in range(2):
        with pytest.raises(KeyError):
            await reviews(world).review_attachments(later(DAY))
    assert [id_ for id_ in ids if there(world, id_)] == [first.attachment_id]
    assert await notes(world) == [first.attachment_id]


async def test_a_file_whose_deletion_was_cut_off_is_deleted_by_the_next_run(world: World) -> None:
    done = await ready(world)
    (path,) = kept(world, done.id)
    aside = path.rename(world.folder / "aside")
    path.mkdir()  # nothing can delete it like a file
    with pytest.raises(OSError, match="directory"):
        await reviews(world).review_attachments(later(DAY))
    assert await states(world) == {done.id: "REMOVED"}
    assert await notes(world) == [done.id]
    path.rmdir()
    aside.rename(path)
    await reviews(world).review_attachments(later(DAY))
    assert not there(world, done.id)
    assert await notes(world) == []
    assert (await world.said()).count("AttachmentRemoved") == 1

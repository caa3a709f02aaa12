"""AttachmentService over gRPC: put, looked into, taken by posts, read behind their wall."""

from __future__ import annotations

import asyncio
import hashlib
import time
from datetime import timedelta
from typing import Any

import pytest

from chassis.errors import DomainError
from chassis.file_passes import INCOMING, FilePassVerifier, place
from chassis.rpc_status import reason_of
from guildhall.forum.v1 import attachments_pb2 as pb
from guildhall.forum.v1 import forum_pb2
from services.forum.tests.conftest import (
    ASKER,
    HELPER,
    MANAGING,
    MODERATING,
    NEWCOMER,
    SEARCH,
    STRANGER,
    World,
)
from services.forum.tests.files_made import (
    PDF,
    SVG,
    complete,
    filing,
    image,
    kept,
    put,
    ready,
    seen,
    upload,
    zip_bomb,
)
from services.forum.tests.test_forum_servicer import refused

TIERED: dict[str, Any] = {"audience": forum_pb2.AUDIENCE_TIER, "audience_names": ["gold"]}


def verifier(world: World) -> FilePassVerifier:
    return FilePassVerifier("forum", world.loopback.key("forum"))


def passed(world: World, url: str, action: Any) -> Any:
    head, _, token = url.rpartition("/")
    assert head == f"http://gateway.test/{'uploads' if action == 'put' else 'files'}"
    return verifier(world).verify(token, action)


def incoming(world: World, attachment_id: str) -> bool:
    return place(world.folder, INCOMING, attachment_id).exists()


# -- CreateUpload


async def test_create_upload_gives_an_address_for_this_file_only(world: World) -> None:
    digest = hashlib.sha256(b"text").hexdigest()
    request = pb.CreateUploadRequest(
        **world.ids(), name="my  notes.md", size=4, type="text/markdown", sha256=digest.upper()
    )
    made = await filing(world).CreateUpload(request)
    assert (made.attachment.name, made.attachment.type, made.attachment.size) == (
        *("my notes.md", "text/plain", 4),
    )
    assert made.attachment.state == pb.ATTACHMENT_STATE_UPLOADING
    allowed = passed(world, made.url, "put")
    assert (allowed.key, allowed.size, allowed.sha256) == (made.attachment.id, 4, digest)
    created = made.attachment.create_time.ToDatetime()
    assert made.expire_time.ToDatetime() - created == timedelta(minutes=10)
    assert await world.said() == ["UploadCreated"]
    assert await filing(world).CreateUpload(request) == made
    assert await world.said() == ["UploadCreated"]


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"name": "a.svg", "type": "image/svg+xml"}, "TYPE_NOT_ALLOWED", "name"),
        ({"name": "a.exe"}, "TYPE_NOT_ALLOWED", "name"),
        ({"type": "application/pdf"}, "TYPE_MISMATCH", "type"),
        ({"name": "../a.png"}, "TEXT_INVALID", "name"),
        ({"size": 0}, "FILE_TOO_LARGE", "size"),
        ({"size": (10 << 20) + 1}, "FILE_TOO_LARGE", "size"),
        ({"sha256": "abc"}, "CHECKSUM_INVALID", "sha256"),
        ({"request_id": "x"}, "REQUEST_ID_INVALID", "request_id"),
    ],
)
async def test_create_upload_refuses(
    world: World, fields: dict[str, Any], reason: str, field: str
) -> None:
    request = pb.CreateUploadRequest(**{**world.ids(), "name": "a.png", "size": 3, **fields})
    await refused(world, filing(world).CreateUpload(request), reason, field)


async def test_outsiders_and_services_put_nothing(world: World) -> None:
    request = pb.CreateUploadRequest(**world.ids(), name="a.png", size=3)
    await refused(
        world, filing(world, STRANGER).CreateUpload(request), "COMMUNITY_NOT_FOUND", "community_id"
    )
    await refused(world, filing(world, SEARCH).CreateUpload(request), "ROLE_REQUIRED")


async def test_a_newcomer_puts_ten_megabytes_a_day(world: World) -> None:
    def request(size: int) -> pb.CreateUploadRequest:
        return pb.CreateUploadRequest(**world.ids(), name="a.txt", size=size)

    await filing(world, NEWCOMER).CreateUpload(request(6 << 20))
    too_much = filing(world, NEWCOMER).CreateUpload(request(5 << 20))
    await refused(world, too_much, "UPLOAD_LIMIT_REACHED", "size")
    await filing(world, NEWCOMER).CreateUpload(request(4 << 20))
    await filing(world, ASKER).CreateUpload(request(5 << 20))  # each has their own


async def test_uploads_asked_for_at_once_are_all_counted(world: World) -> None:
    """Seven of 2 MB: a newcomer has room for five, whoever is first."""
    requests = [
        pb.CreateUploadRequest(**world.ids(), name=f"{number}.txt", size=2 << 20)
        for number in range(7)
    ]
    stub = filing(world, NEWCOMER)
    answers = await asyncio.gather(*map(stub.CreateUpload, requests), return_exceptions=True)
    refusals = [answer for answer in answers if isinstance(answer, DomainError)]
    assert [reason_of(refusal) for refusal in refusals] == ["UPLOAD_LIMIT_REACHED"] * 2
    stored = (await world.stored())["attachments"]
    assert sorted(row["number"] for row in stored) == [1, 2, 3, 4, 5]


# -- CompleteUpload


async def test_complete_upload_keeps_what_was_looked_into(world: World) -> None:
    made = await upload(world, image("JPEG", comment=b"home"), "photo.jpg")
    done = await complete(world, made)
    assert (done.state, done.width, done.height, done.version) == (
        *(pb.ATTACHMENT_STATE_READY, 8, 4, 2),
    )
    (path,) = kept(world, done.id)
    assert b"home" not in path.read_bytes()
    assert done.size == path.stat().st_size
    assert not incoming(world, done.id)
    assert await world.said() == ["UploadCreated", "UploadCompleted"]
    again = await complete(world, made)  # by another request
    assert again == done
    assert await world.said() == ["UploadCreated", "UploadCompleted"]


@pytest.mark.parametrize(
    ("name", "data", "fields", "reason"),
    [
        ("a.png", PDF, {}, "TYPE_MISMATCH"),
        ("a.png", SVG, {}, "TYPE_MISMATCH"),
        ("a.zip", zip_bomb(), {}, "FILE_UNSAFE"),
        ("a.png", image(), {"size": 5}, "SIZE_MISMATCH"),
        ("a.png", image(), {"size": 5000}, "SIZE_MISMATCH"),
        ("a.png", image(), {"sha256": "ab" * 32}, "CHECKSUM_MISMATCH"),
    ],
)
async def test_what_is_refused_is_deleted_and_may_be_put_again(
    world: World, name: str, data: bytes, fields: dict[str, Any], reason: str
) -> None:
    made = await upload(world, data, name, **fields)
    await refused(world, complete(world, made), reason, "attachment_id")
    assert not incoming(world, made.attachment.id)
    assert not kept(world, made.attachment.id)
    await refused(world, complete(world, made), "UPLOAD_MISSING", "attachment_id")
    if not fields and name == "a.png":
        put(world, made.attachment.id, image() + bytes(len(data)))
        await refused(world, complete(world, made), "SIZE_MISMATCH", "attachment_id")


async def test_a_second_put_of_the_good_file_is_taken(world: World) -> None:
    good = image()
    made = await upload(world, bytes(len(good)), size=len(good))
    await refused(world, complete(world, made), "TYPE_MISMATCH", "attachment_id")
    put(world, made.attachment.id, good)
    assert (await complete(world, made)).state == pb.ATTACHMENT_STATE_READY


async def test_only_who_asked_completes(world: World) -> None:
    made = await upload(world, image())
    for other in (HELPER, MODERATING, MANAGING):
        await refused(world, complete(world, made, other), "ATTACHMENT_NOT_FOUND", "attachment_id")
    await refused(world, complete(world, made, STRANGER), "COMMUNITY_NOT_FOUND", "community_id")
    nothing = pb.CompleteUploadRequest(**world.ids(), attachment_id="0" * 32)
    await refused(
        world, filing(world).CompleteUpload(nothing), "ATTACHMENT_NOT_FOUND", "attachment_id"
    )


async def test_complete_twice_at_once_is_done_once(world: World) -> None:
    made = await upload(world, image())
    one, other = await asyncio.gather(complete(world, made), complete(world, made))
    assert one == other
    assert one.state == pb.ATTACHMENT_STATE_READY
    assert await world.said() == ["UploadCreated", "UploadCompleted"]


async def test_what_is_put_later_changes_nothing_that_was_kept(world: World) -> None:
    done = await ready(world)
    (path,) = kept(world, done.id)
    before = path.read_bytes()
    put(world, done.id, b"<script>")  # its address is still good for some minutes
    topic = await world.topic(await world.space(), attachment_ids=[done.id])
    assert [one.id for one in topic.attachments] == [done.id]
    assert kept(world, done.id) == [path]
    assert path.read_bytes() == before


# -- posts


async def test_a_topic_has_its_attachments_in_order(world: World) -> None:
    space = await world.space()
    one, two = await ready(world), await ready(world, b"log", "a.log")
    topic = await world.topic(space, attachment_ids=[two.id, one.id])
    assert [(a.id, a.name, a.type, a.size, a.width) for a in topic.attachments] == [
        (two.id, "a.log", "text/plain", 3, 0),
        (one.id, "picture.png", "image/png", one.size, 8),
    ]
    assert (await world.see(HELPER, topic)).attachments == topic.attachments
    assert sorted((await world.said())[-3:]) == [
        *("AttachmentAttached", "AttachmentAttached", "TopicPublished"),
    ]


async def test_a_reply_has_its_attachments(world: World) -> None:
    topic = await world.topic(await world.space())
    one = await ready(world, actor=HELPER)
    request = forum_pb2.CreateReplyRequest(
        **world.ids(), topic_id=topic.id, body="As shown here.", attachment_ids=[one.id]
    )
    made = (await world.of(HELPER).CreateReply(request)).reply
    assert [a.id for a in made.attachments] == [one.id]
    listed = await world.replies(ASKER, topic)
    assert [a.id for a in listed[0].attachments] == [one.id]
    assert set(await seen(world, ASKER, one.id)) == {one.id}


@pytest.mark.parametrize("kind", ["topic", "reply"])
async def test_posts_refuse_what_is_not_theirs_to_take(world: World, kind: str) -> None:
    space = await world.space()
    topic = await world.topic(space)
    mine, theirs, taken = await ready(world), await ready(world, actor=HELPER), await ready(world)
    waiting = (await upload(world, image())).attachment
    await world.topic(space, attachment_ids=[taken.id])

    def post(*ids: str) -> Any:
        if kind == "topic":
            return world.topic(space, attachment_ids=ids)
        request = forum_pb2.CreateReplyRequest(
            **world.ids(), topic_id=topic.id, body="See this", attachment_ids=ids
        )
        return world.of(ASKER).CreateReply(request)

    at = "attachment_ids"
    await refused(world, post(mine.id, theirs.id), "ATTACHMENT_NOT_FOUND", at)
    await refused(world, post(mine.id, "0" * 32), "ATTACHMENT_NOT_FOUND", at)
    await refused(world, post(mine.id, taken.id), "ATTACHMENT_STATE_INVALID")
    await refused(world, post(mine.id, waiting.id), "ATTACHMENT_STATE_INVALID")
    await refused(world, post(mine.id, mine.id), "ATTACHMENTS_TOO_MANY", at)
    await refused(world, post(*map(str, range(11))), "ATTACHMENTS_TOO_MANY", at)
    await post(mine.id)


async def test_of_two_posts_at_once_one_takes_it(world: World) -> None:
    space, one = await world.space(), await ready(world)
    answers = await asyncio.gather(
        *(world.topic(space, attachment_ids=[one.id]) for _ in range(4)), return_exceptions=True
    )
    refusals = [answer for answer in answers if isinstance(answer, DomainError)]
    assert [reason_of(refusal) for refusal in refusals] == ["ATTACHMENT_STATE_INVALID"] * 3
    assert len((await world.stored())["topics"]) == 1
    assert (await world.said()).count("AttachmentAttached") == 1


async def test_an_edit_keeps_adds_and_drops(world: World) -> None:
    space = await world.space()
    one, two = await ready(world), await ready(world)
    topic = await world.topic(space, attachment_ids=[one.id])
    kept = (await world.act("UpdateTopic", ASKER, topic, body="Another text of it")).topic
    assert [a.id for a in kept.attachments] == [one.id]
    more = (
        await world.act(
            "UpdateTopic", ASKER, topic, update_attachments=True, attachment_ids=[two.id, one.id]
        )
    ).topic
    assert [a.id for a in more.attachments] == [two.id, one.id]
    assert more.version == kept.version + 1
    less = (
        await world.act(
            "UpdateTopic", ASKER, topic, update_attachments=True, attachment_ids=[two.id]
        )
    ).topic
    assert [a.id for a in less.attachments] == [two.id]
    assert set(await seen(world, ASKER, one.id, two.id)) == {two.id}  # dropped: nobody's to read
    same = await world.act(
        "UpdateTopic", ASKER, topic, update_attachments=True, attachment_ids=[two.id]
    )
    assert same.topic == less
    back = world.act("UpdateTopic", ASKER, topic, update_attachments=True, attachment_ids=[one.id])
    await refused(world, back, "ATTACHMENT_STATE_INVALID")


async def test_an_edit_of_a_reply_keeps_adds_and_drops(world: World) -> None:
    topic = await world.topic(await world.space())
    one, two = await ready(world, actor=HELPER), await ready(world, actor=HELPER)
    request = forum_pb2.CreateReplyRequest(
        **world.ids(), topic_id=topic.id, body="As shown here.", attachment_ids=[one.id]
    )
    reply = (await world.of(HELPER).CreateReply(request)).reply
    kept = (await world.act("UpdateReply", HELPER, reply, body="As seen here.")).reply
    assert [a.id for a in kept.attachments] == [one.id]
    changed = await world.act(
        "UpdateReply",
        HELPER,
        reply,
        body="As seen here.",
        update_attachments=True,
        attachment_ids=[two.id],
    )
    assert [a.id for a in changed.reply.attachments] == [two.id]
    assert set(await seen(world, HELPER, one.id, two.id)) == {two.id}


# -- BatchGetAttachments


async def test_an_address_is_good_for_a_minute_and_says_how_to_show_it(world: World) -> None:
    picture, log = await ready(world), await ready(world, b"log", "a.log")
    await world.topic(await world.space(), attachment_ids=[picture.id, log.id])
    found = await seen(world, HELPER, picture.id, log.id)
    shown = passed(world, found[picture.id].url, "get")
    assert [path.name for path in kept(world, picture.id)] == [shown.key]
    assert (shown.name, shown.type, shown.inline) == ("picture.png", "image/png", True)
    loaded = passed(world, found[log.id].url, "get")
    assert (loaded.type, loaded.inline, loaded.size) == ("text/plain", False, 3)
    left = found[log.id].url_expire_time.seconds - time.time()
    assert 50 < left <= 60
    assert found[log.id].state == pb.ATTACHMENT_STATE_ATTACHED


async def test_what_is_in_no_post_is_its_uploaders(world: World) -> None:
    done = await ready(world)
    waiting = (await upload(world, image())).attachment
    own = await seen(world, ASKER, done.id, waiting.id, "0" * 32)
    assert set(own) == {done.id, waiting.id}
    assert own[done.id].url
    assert not own[waiting.id].url
    for other in (HELPER, MODERATING, MANAGING):
        assert await seen(world, other, done.id, waiting.id) == {}


async def test_an_attachment_is_behind_its_posts_wall_as_it_is_now(world: World) -> None:
    space = await world.space()
    one, two = await ready(world), await ready(world, actor=HELPER)
    topic = await world.topic(space, attachment_ids=[one.id])
    request = forum_pb2.CreateReplyRequest(
        **world.ids(), topic_id=topic.id, body="See here.", attachment_ids=[two.id]
    )
    reply = (await world.of(HELPER).CreateReply(request)).reply
    both = {one.id, two.id}
    assert set(await seen(world, NEWCOMER, *both)) == both

    await world.act("HideReply", MODERATING, reply, reason="no")
    assert set(await seen(world, NEWCOMER, *both)) == {one.id}
    assert set(await seen(world, HELPER, *both)) == both  # its author
    await world.act("RestoreReply", MODERATING, reply)
    assert set(await seen(world, NEWCOMER, *both)) == both

    await world.act("HideTopic", MODERATING, topic, reason="no")
    assert await seen(world, NEWCOMER, *both) == {}
    assert set(await seen(world, ASKER, *both)) == both  # the topic's author sees what is in it
    await world.act("RestoreTopic", MODERATING, topic)

    narrower = forum_pb2.UpdateSpaceRequest(
        **world.ids(), space_id=space.id, name=space.name, **TIERED
    )
    await world.of(MANAGING).UpdateSpace(narrower)
    assert await seen(world, NEWCOMER, *both) == {}
    assert await seen(world, ASKER, *both) == {}  # even what one put oneself


async def test_a_removed_post_closes_at_once(world: World) -> None:
    one = await ready(world)
    topic = await world.topic(await world.space(), attachment_ids=[one.id])
    await world.act("RemoveTopic", MODERATING, topic, reason="no")
    assert await seen(world, ASKER, one.id) == {}
    assert await seen(world, HELPER, one.id) == {}
    assert set(await seen(world, MODERATING, one.id)) == {one.id}


async def test_a_drafts_attachment_is_its_authors(world: World) -> None:
    one = await ready(world)
    topic = await world.topic(await world.space(), draft=True, attachment_ids=[one.id])
    assert set(await seen(world, ASKER, one.id)) == {one.id}
    assert await seen(world, HELPER, one.id) == await seen(world, MODERATING, one.id) == {}
    await world.act("PublishTopic", ASKER, topic)
    assert set(await seen(world, HELPER, one.id)) == {one.id}


async def test_outsiders_read_nothing(world: World) -> None:
    one = await ready(world)
    await world.topic(await world.space(), attachment_ids=[one.id])
    request = pb.BatchGetAttachmentsRequest(community_id="c1", attachment_ids=[one.id])
    stub = filing(world, STRANGER)
    await refused(world, stub.BatchGetAttachments(request), "COMMUNITY_NOT_FOUND", "community_id")
    elsewhere = pb.BatchGetAttachmentsRequest(community_id="c2", attachment_ids=[one.id])
    assert list((await stub.BatchGetAttachments(elsewhere)).attachments) == []
    await refused(world, filing(world, SEARCH).BatchGetAttachments(request), "ROLE_REQUIRED")

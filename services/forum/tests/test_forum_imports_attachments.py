"""Files of imported posts: put as any, taken by the posts that are new, and read as these are."""

from __future__ import annotations

from typing import Any

import pytest

from guildhall.forum.v1 import attachments_pb2
from guildhall.forum.v1 import forum_pb2 as pb
from services.forum.domain.imports import imported_id
from services.forum.tests.conftest import ASKER, HELPER, MANAGING, STRANGER, World
from services.forum.tests.files_made import ready, seen, upload
from services.forum.tests.test_forum_servicer import refused
from services.forum.tests.test_forum_use_cases import answer_to, bring, post

ATTACHED = attachments_pb2.ATTACHMENT_STATE_ATTACHED


def call(world: World, space: pb.Space, *posts: pb.ImportedPost) -> Any:
    request = pb.ImportPostsRequest(**world.ids(), space_id=space.id, source="se", posts=posts)
    return world.of(MANAGING).ImportPosts(request)


def having(post_: pb.ImportedPost, *ids: str) -> pb.ImportedPost:
    post_.attachment_ids.extend(ids)
    return post_


async def test_imported_posts_have_their_files(world: World) -> None:
    space = await world.space()
    one, two, three = [await ready(world, actor=MANAGING) for _ in range(3)]
    question = having(post("QUESTION", "q"), one.id, two.id)
    answers = [having(answer_to("q", "a1"), three.id), answer_to("q", "a2")]
    assert await bring(world, space, question, *answers) == (3, 0)
    topic = await world.see(HELPER, pb.Topic(id=imported_id(space.id, "se", "q")))
    assert [(file.id, file.state) for file in topic.attachments] == [
        (one.id, ATTACHED),
        (two.id, ATTACHED),
    ]
    replies = {reply.id: reply for reply in await world.replies(HELPER, topic)}
    first, second = [imported_id(space.id, "se", id_) for id_ in ("a1", "a2")]
    assert [file.id for file in replies[first].attachments] == [three.id]
    assert not replies[second].attachments
    # They are read as their posts are.
    assert set(await seen(world, ASKER, one.id, two.id, three.id)) == {one.id, two.id, three.id}
    said = await world.said()
    assert said.count("AttachmentAttached") == 3
    # What is there stays as it is, whatever files it comes with.
    before = await world.stored()
    assert await bring(world, space, question, *answers) == (0, 3)
    four = await ready(world, actor=MANAGING)
    assert await bring(world, space, having(post("QUESTION", "q"), four.id)) == (0, 1)
    assert (await seen(world, MANAGING, four.id))[four.id].state != ATTACHED
    after = await world.stored()
    assert {name: after[name] for name in ("topics", "replies")} == {
        name: before[name] for name in ("topics", "replies")
    }
    assert await world.said() == [*said, "UploadCreated", "UploadCompleted"]


async def test_files_that_no_post_may_take_refuse_the_call(world: World) -> None:
    space = await world.space()
    mine, of_another = await ready(world, actor=MANAGING), await ready(world, actor=ASKER)
    taken, put = await ready(world, actor=MANAGING), await upload(world, b"x", "a.txt", MANAGING)
    assert await bring(world, space, having(post("QUESTION", "t"), taken.id)) == (1, 0)
    good = having(post("QUESTION", "q"), mine.id)
    for ids, reason in (
        ([of_another.id], "ATTACHMENT_NOT_FOUND"),
        (["nothing"], "ATTACHMENT_NOT_FOUND"),
        ([taken.id], "ATTACHMENT_STATE_INVALID"),
        ([put.attachment.id], "ATTACHMENT_STATE_INVALID"),
        ([f"f{n}" for n in range(11)], "ATTACHMENTS_TOO_MANY"),
        (["a", "a"], "ATTACHMENTS_TOO_MANY"),
        ([mine.id], "FIELD_INVALID"),
    ):
        posts = good, having(answer_to("q", "a"), *ids)
        await refused(world, call(world, space, *posts), reason, "posts.1.attachment_ids")
    assert await bring(world, space, good) == (1, 0)


@pytest.mark.parametrize("actor", [ASKER, STRANGER])
async def test_outsiders_bring_no_files_in(world: World, actor: Any) -> None:
    space = await world.space()
    mine = await ready(world, actor=ASKER)
    request = pb.ImportPostsRequest(
        **world.ids(),
        space_id=space.id,
        source="se",
        posts=[having(post("QUESTION", "q"), mine.id)],
    )
    reason = "ROLE_REQUIRED" if actor is ASKER else "COMMUNITY_NOT_FOUND"
    field = "" if actor is ASKER else "community_id"
    await refused(world, world.of(actor).ImportPosts(request), reason, field)

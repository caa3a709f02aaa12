"""Posts in the name of a company: who is told the person, over real gRPC."""

from __future__ import annotations

from typing import Any

import pytest

from chassis.actors import Actor
from chassis.testing import person_actor
from guildhall.forum.v1 import forum_pb2 as pb
from services.forum.tests.conftest import (
    ASKER,
    HELPER,
    MODERATING,
    NEWCOMER,
    SEARCH,
    World,
)
from services.forum.tests.test_forum_curation_servicer import wide
from services.forum.tests.test_forum_servicer import refused

COLLEAGUE = person_actor("colleague")  # of co1, as ASKER
OUTSIDE = pb.Author(company_id="co1", community_id="c1", as_company=True)
INSIDE = pb.Author(person_id="asker", company_id="co1", community_id="c1", as_company=True)
C1: dict[str, Any] = {"community_id": "c1"}


async def reply_as_company(world: World, topic: pb.Topic) -> pb.Reply:
    request = pb.CreateReplyRequest(
        **world.ids(), topic_id=topic.id, body="As we at co1 see it.", as_company=True
    )
    made: pb.Reply = (await world.of(ASKER).CreateReply(request)).reply
    return made


@pytest.mark.parametrize(
    ("actor", "told"),
    [
        (ASKER, INSIDE),
        (COLLEAGUE, INSIDE),
        (MODERATING, INSIDE),
        (HELPER, OUTSIDE),
        (SEARCH, INSIDE),
    ],
)
async def test_who_is_told_the_person(world: World, actor: Actor, told: pb.Author) -> None:
    topic = await world.topic(await wide(world), kind=pb.TOPIC_KIND_ARTICLE, as_company=True)
    reply = await reply_as_company(world, topic)
    stub = world.of(actor)
    found = await stub.BatchGetTopics(pb.BatchGetTopicsRequest(**C1, topic_ids=[topic.id]))
    replies = await stub.BatchGetReplies(pb.BatchGetRepliesRequest(**C1, reply_ids=[reply.id]))
    listed = await stub.ListReplies(pb.ListRepliesRequest(**C1, topic_id=topic.id))
    seen = [found.topics[0]]
    if actor is not SEARCH:
        seen.append(await world.see(actor, topic))
        seen += (await stub.ListTopics(pb.ListTopicsRequest(**C1))).topics
    for one in seen:
        assert (one.author, one.last_reply_author) == (told, told)
        assert one.owner_id == told.person_id
    for one in (replies.replies[0], listed.replies[0]):
        assert one.author == told


async def test_nothing_else_tells_the_person(world: World) -> None:
    topic = await world.topic(await world.space(), as_company=True, title="Spoken as co1")
    plain = await world.topic(await world.space("other"))
    reply = await reply_as_company(world, topic)
    await world.act("UpdateTopic", ASKER, topic, title="Spoken better")
    await world.act("UpdateReply", ASKER, reply, body="As all of us see it.")
    assert await world.topics(HELPER, author_id="asker") == [plain.id]
    mine = await world.topics(ASKER, author_id="asker")
    assert sorted(mine) == sorted([topic.id, plain.id])
    assert await world.topics(MODERATING, author_id="asker") == mine
    for reply_id in ("", reply.id):
        for actor, told in ((HELPER, ""), (COLLEAGUE, "asker"), (ASKER, "asker")):
            request = pb.ListRevisionsRequest(**C1, topic_id=topic.id, reply_id=reply_id)
            revision = (await world.of(actor).ListRevisions(request)).revisions[0]
            assert (revision.editor_id, revision.author_id) == (told, told)
            assert (revision.community_id, revision.by_moderator) == ("c1", False)
    await world.act("UpdateTopic", MODERATING, topic, title="Spoken rightly")
    await world.act("UpdateTopic", ASKER, topic, title="Spoken at last")
    request = pb.ListRevisionsRequest(**C1, topic_id=topic.id)
    for actor, editors in ((HELPER, [""]), (ASKER, ["asker", "moderator", "asker"])):
        revisions = (await world.of(actor).ListRevisions(request)).revisions
        assert [one.editor_id for one in revisions] == editors
        assert [one.by_moderator for one in revisions] == [who == "moderator" for who in editors]
    document = await world.database.topics.find_one({"_id": topic.id})
    assert document is not None
    assert not [key for key in document["feed_keys"] if "asker" in key]
    assert [key for key in document["feed_keys"] if "co1" in key]
    # What is answered to a write names the person to nobody who might not know.
    closed = await world.act("HideReply", MODERATING, reply, reason="wrong")
    assert closed.reply.author == OUTSIDE


async def test_the_author_stays_the_author(world: World) -> None:
    topic = await world.topic(await world.space(), as_company=True)
    assert topic.author == OUTSIDE
    await world.act("UpdateTopic", ASKER, topic, title="Mine")
    edit = world.act("UpdateTopic", COLLEAGUE, topic, title="Ours")
    await refused(world, edit, "ROLE_REQUIRED")
    draft = await world.topic(await world.space("other"), as_company=True, draft=True)
    out = (await world.act("PublishTopic", ASKER, draft)).topic
    assert out.author == OUTSIDE


async def test_newcomers_and_who_acts_for_none_speak_for_themselves(world: World) -> None:
    space = await world.space()
    topic = await world.topic(space)
    alone = person_actor("alone", company_id="")
    for actor in (NEWCOMER, alone):
        await refused(
            world,
            world.topic(space, actor, as_company=True),
            "AS_COMPANY_NOT_ALLOWED",
            "as_company",
        )
        request = pb.CreateReplyRequest(
            **world.ids(), topic_id=topic.id, body="As nobody.", as_company=True
        )
        call = world.of(actor).CreateReply(request)
        await refused(world, call, "AS_COMPANY_NOT_ALLOWED", "as_company")

"""Taking everything away: whole, in order, both ways, and nothing that one could not read."""

from __future__ import annotations

from typing import Any

import pytest

from chassis import moment
from chassis.errors import CommunityNotFoundError, PageTokenInvalidError, RoleRequiredError
from chassis.pagination import Paging, encode_page_token
from guildhall.forum.v1 import exports_pb2, forum_pb2
from guildhall.forum.v1.exports_pb2_grpc import ExportServiceStub
from services.forum.domain.exports import Taker
from services.forum.domain.replies import Reply
from services.forum.tests.conftest import (
    ASKER,
    HELPER,
    MANAGING,
    MODERATING,
    STRANGER,
    World,
)


class Exports:
    """Lists of one caller."""

    def __init__(self, world: World, actor: Any, person_id: str = "", **more: Any) -> None:
        self._stub: Any = world.loopback.client(ExportServiceStub, "forum", actor)
        self._fields = {"community_id": "c1", "person_id": person_id, **more}

    async def page(self, **more: Any) -> exports_pb2.ListExportRecordsResponse:
        request = exports_pb2.ListExportRecordsRequest(**{**self._fields, **more})
        answer: exports_pb2.ListExportRecordsResponse = await self._stub.ListExportRecords(request)
        return answer

    async def all(self, size: int = 3, *, backward: bool = False) -> list[tuple[str, str]]:
        """Kind and id of every record."""
        found: list[tuple[str, str]] = []
        token = ""
        while True:
            page = await self.page(page_size=size, page_token=token, backward=backward)
            rows = [_key(record) for record in page.records]
            found = [*rows, *found] if backward else [*found, *rows]
            token = page.next_page_token
            if not token:
                return found


def _key(record: exports_pb2.ExportRecord) -> tuple[str, str]:
    kind = record.WhichOneof("record") or ""
    return kind, getattr(getattr(record, kind), "id", record.page_token)


async def filled(world: World) -> dict[str, Any]:
    """Two spaces, one of them the vendor's; posts of people and of a persona; edits."""
    general = await world.space()
    staff = await world.space("staff", audience=forum_pb2.AUDIENCE_VENDOR)
    topic = await world.topic(general)
    reply = await world.reply(topic)
    own = await world.reply(topic, ASKER, "I did.")
    await world.act("UpdateReply", HELPER, reply, body="Turn it off, wait, on.")
    await world.act("UpdateTopic", ASKER, topic, title="Frobnicator again?")
    secret = await world.topic(staff, MANAGING, kind=forum_pb2.TOPIC_KIND_DISCUSSION)
    hidden = await world.topic(general, HELPER)
    await world.act("HideTopic", MODERATING, hidden, reason="why not")
    imported = forum_pb2.ImportedPost(
        external_id="1", kind=forum_pb2.IMPORTED_POST_KIND_QUESTION, title="Old?", body="Old"
    )
    imported.create_time.FromJsonString("2014-01-10T20:26:05Z")
    await world.of(MANAGING).ImportPosts(
        forum_pb2.ImportPostsRequest(
            **world.ids(), space_id=general.id, source="se", posts=[imported]
        )
    )
    return {
        "general": general, "staff": staff, "topic": topic, "reply": reply, "own": own,
        "secret": secret, "hidden": hidden,
    }  # fmt: skip


async def test_a_manager_takes_all_of_it(world: World) -> None:
    made = await filled(world)
    found = await Exports(world, MANAGING).all()
    kinds = [kind for kind, _ in found]
    assert kinds == [
        *["space"] * 2, *["topic"] * 4, *["reply"] * 2, *["revision"] * 2, "moderation_entry",
    ]  # fmt: skip
    assert len(set(found)) == len(found)
    expected = {("space", made[name].id) for name in ("general", "staff")}
    expected |= {("topic", made[name].id) for name in ("topic", "secret", "hidden")}
    expected |= {("reply", made[name].id) for name in ("reply", "own")}
    assert expected <= set(found)


@pytest.mark.parametrize("size", [1, 2, 4, 100])
async def test_pages_of_any_size_are_the_same_both_ways(world: World, size: int) -> None:
    await filled(world)
    whole = await Exports(world, MANAGING).all(100)
    assert await Exports(world, MANAGING).all(size) == whole
    assert await Exports(world, MANAGING).all(size, backward=True) == whole


async def test_what_is_written_meanwhile_moves_nothing(world: World) -> None:
    made = await filled(world)
    exports = Exports(world, MANAGING)
    page = await exports.page(page_size=5)
    begun = [_key(record) for record in page.records]
    before = await exports.all()
    await world.reply(made["topic"], body="One more.")
    await world.act("UpdateTopic", MODERATING, made["topic"], title="Frobnicators")
    rest: list[tuple[str, str]] = []
    while page.next_page_token:
        page = await exports.page(page_size=5, page_token=page.next_page_token)
        rest += [_key(record) for record in page.records]
    assert len(set(begun + rest)) == len(begun + rest)
    assert set(before) <= set(begun + rest)


async def test_one_takes_ones_own(world: World) -> None:
    made = await filled(world)
    found = await Exports(world, ASKER, "asker").all()
    assert [kind for kind, _ in found] == ["topic", "reply", "revision"]
    assert found[:2] == [("topic", made["topic"].id), ("reply", made["own"].id)]
    page = await Exports(world, ASKER, "asker").page()
    topic, _, revision = page.records
    assert topic.topic.title == "Frobnicator again?"
    assert topic.topic.body
    assert topic.topic.body_html == ""
    assert revision.revision.title == "Frobnicator?"
    assert (revision.revision.post_id, revision.revision.author_id) == (made["topic"].id, "asker")


async def test_what_was_hidden_is_its_authors_still(world: World) -> None:
    made = await filled(world)
    found = await Exports(world, HELPER, "helper").all()
    assert ("topic", made["hidden"].id) in found
    assert tuple({kind for kind, _ in found} - {"topic", "reply"}) == ("revision",)


async def test_what_was_removed_is_the_managers(world: World) -> None:
    made = await filled(world)
    await world.act("RemoveTopic", MODERATING, made["hidden"], reason="spam")
    assert ("topic", made["hidden"].id) not in await Exports(world, HELPER, "helper").all()
    assert ("topic", made["hidden"].id) in await Exports(world, MANAGING, "helper").all()


async def test_a_manager_takes_one_persons(world: World) -> None:
    await filled(world)
    own = await Exports(world, HELPER, "helper").all()
    assert await Exports(world, MANAGING, "helper").all() == own
    assert await Exports(world, MANAGING, "nobody").all() == []


@pytest.mark.parametrize("person_id", ["", "asker", "nobody"])
@pytest.mark.parametrize("actor", [HELPER, MODERATING], ids=["member", "moderator"])
async def test_nobody_else_takes_anything(world: World, actor: Any, person_id: str) -> None:
    await filled(world)
    with pytest.raises(RoleRequiredError):
        await Exports(world, actor, person_id).page()


@pytest.mark.parametrize("person_id", ["", "stranger", "asker"])
async def test_an_outsider_finds_no_community(world: World, person_id: str) -> None:
    await filled(world)
    with pytest.raises(CommunityNotFoundError):
        await Exports(world, STRANGER, person_id).page()


async def test_a_manager_of_another_community_finds_nothing_here(world: World) -> None:
    await filled(world)
    with pytest.raises(CommunityNotFoundError):
        await Exports(world, STRANGER, "asker", community_id="c1").page()
    assert await Exports(world, STRANGER, "stranger", community_id="c2").all() == []


async def test_a_wall_that_moved_keeps_former_texts_behind_it(world: World) -> None:
    made = await filled(world)
    request = forum_pb2.UpdateSpaceRequest(
        **world.ids(), space_id=made["general"].id, audience=forum_pb2.AUDIENCE_VENDOR
    )
    await world.of(MANAGING).UpdateSpace(request)
    assert await Exports(world, ASKER, "asker").all() == []


@pytest.mark.parametrize(
    "token",
    [
        "x",
        encode_page_token(1, "a"),
        encode_page_token("1", "a", "b"),
        encode_page_token(1, 2, "b"),
    ],
)
async def test_a_token_that_is_none_is_refused(world: World, token: str) -> None:
    with pytest.raises(PageTokenInvalidError):
        await Exports(world, MANAGING).page(page_token=token)


@pytest.mark.parametrize("number", [-5, 22, 99])
async def test_a_token_of_no_kind_ends_the_list(world: World, number: int) -> None:
    await filled(world)
    page = await Exports(world, MANAGING).page(
        page_token=encode_page_token(number, "", ""), page_size=100
    )
    assert len(page.records) == (11 if number < 0 else 0)


async def test_pages_are_read_from_the_index_alone(world: World) -> None:
    """However far in: no page walks what came before it."""
    made = await filled(world)
    for number in range(30):
        await world.reply(made["topic"], body=f"Reply {number}")
    taker = Taker.of(MANAGING, "c1", "")
    records = await world.repository.list_export_records(taker, Paging(100), moment.now())
    late = [one.place for one in records if isinstance(one.record, Reply)][-3]
    await world.database.command("profile", 2)
    try:
        await world.repository.list_export_records(taker, Paging(2, late), moment.now())
    finally:
        await world.database.command("profile", 0)
    reads = world.database["system.profile"].find({"ns": {"$regex": "replies$"}, "op": "query"})
    examined = [read["keysExamined"] async for read in reads]
    assert examined
    assert max(examined) <= 5

"""Queries on the real engine: walls, order, pages, index use."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from chassis.errors import FieldInvalidError
from chassis.mongo import Database
from chassis.pagination import Paging
from chassis.testing import mirrored, prepare
from services.forum.domain.context_refs import ContextRef
from services.forum.domain.members import Author
from services.forum.domain.records import ModerationEntry, Revision
from services.forum.domain.replies import Reply, ReplyNotFoundError, ReplyState
from services.forum.domain.spaces import Audience, Space, SpaceMode, SpaceNotFoundError
from services.forum.domain.texts import Text
from services.forum.domain.topics import (
    CloseReason,
    IdeaStatus,
    LatestReply,
    Topic,
    TopicKind,
    TopicNotFoundError,
    TopicOrder,
    TopicState,
)
from services.forum.repository import ForumRepository, TopicFilter
from services.forum.repository.documents import text_document
from services.forum.repository.records import load_revision
from services.forum.repository.replies import REPLIES
from services.forum.repository.spaces import SPACES
from services.forum.repository.topics import TOPICS

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANNA = ("community:c1", "company:co1@c1", "person:anna")
BERT = ("community:c1", "company:co2@c1", "person:bert")
MODERATOR = ("community:c1", "person:mod", "moderators:c1")
OUTSIDER = ("community:c2", "person:out", "moderators:c2")
TEXT = Text("source", "<p>html</p>", 1)
DEAL = ContextRef("crm", "deal", "D-1")
COURSE = ContextRef("lms", "course", "7")


def space(id: str, audience: Audience = Audience.COMMUNITY, *names: str) -> Space:
    return Space(id, "c1", f"slug-{id}", f"Name {id}", "", SpaceMode.AUTO, audience, names, NOW, 1)


def topic(id: str, minutes: int = 0, **more: Any) -> Topic:
    time = NOW + timedelta(minutes=minutes)
    fields: dict[str, Any] = {
        "id": id,
        "community_id": "c1",
        "space_id": "s1",
        "kind": TopicKind.QUESTION,
        "state": TopicState.PUBLISHED,
        "title": "Title",
        "body": TEXT,
        "tags": (),
        "author": Author("anna", "co1"),
        "create_time": time,
        "activity_time": time,
        "version": 1,
    }
    return Topic(**(fields | more))


def reply(id: str, minutes: int = 0, **more: Any) -> Reply:
    time = NOW + timedelta(minutes=minutes)
    fields: dict[str, Any] = {
        "id": id,
        "community_id": "c1",
        "topic_id": "t1",
        "space_id": "s1",
        "state": ReplyState.PUBLISHED,
        "body": TEXT,
        "author": Author("bert", "co2"),
        "create_time": time,
        "version": 1,
    }
    return Reply(**(fields | more))


class Filled:
    """A database that gets objects as commands would store them."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.repository = ForumRepository(database)

    async def put(self, *objects: Space | Topic | Reply) -> None:
        rows: dict[str, list[dict[str, Any]]] = {"spaces": [], "topics": [], "replies": []}
        for one in objects:
            key = {"_id": one.id, "community_id": one.community_id, "seq": one.version}
            if isinstance(one, Space):
                rows["spaces"].append(SPACES.dump(one) | key)
            elif isinstance(one, Topic):
                rows["topics"].append(TOPICS.dump(one) | key)
            else:
                rows["replies"].append(REPLIES.dump(one) | key)
        for collection, documents in rows.items():
            if documents:
                await self.database[collection].insert_many(documents)

    async def listed(self, keyring: tuple[str, ...], limit: int = 99, **wanted: Any) -> list[str]:
        paging = Paging(limit)
        found = await self.repository.list_topics("c1", keyring, TopicFilter(**wanted), paging)
        return [one.id for one in found[:limit]]


@pytest_asyncio.fixture
async def filled(database: Database) -> Filled:
    await prepare(database, ForumRepository)
    return Filled(database)


async def test_objects_come_back_as_they_were(filled: Filled) -> None:
    full = topic(
        "t1",
        state=TopicState.CLOSED,
        close_reason=CloseReason.RESOLVED,
        edit_time=NOW,
        latest=(LatestReply("r1", Author("bert", "co2"), NOW),),
        newest_time=NOW,
        reply_count=1,
        tags=("a", "b"),
        context_refs=(DEAL, COURSE),
        awaited_reply_id="r9",
        case_id="case",
        state_reason="why",
    )
    one = reply("r1", edit_time=NOW, accepted=True)
    where = space("s1", Audience.TIER, "gold")
    await filled.put(where, full, one)
    assert await filled.repository.get_topic("c1", "t1", None) == full
    assert await filled.repository.get_reply(full, "r1", None) == one
    assert await filled.repository.get_space("c1", "s1", None) == where


async def test_wall_of_a_space_holds_for_all_in_it(filled: Filled) -> None:
    await filled.put(space("s1", Audience.COMPANIES, "co1"), topic("t1"), reply("r1"))
    repository = filled.repository
    assert (await repository.get_topic("c1", "t1", ANNA)).id == "t1"
    assert [one.id for one in await repository.find_replies("c1", ["r1"], ANNA)] == ["r1"]
    assert await filled.listed(ANNA) == ["t1"]
    for keyring in (BERT, MODERATOR, OUTSIDER, ()):
        with pytest.raises(TopicNotFoundError):
            await repository.get_topic("c1", "t1", keyring)
        with pytest.raises(SpaceNotFoundError):
            await repository.get_space("c1", "s1", keyring)
        with pytest.raises(SpaceNotFoundError):
            await filled.listed(keyring, space_id="s1")
        assert await repository.find_topics("c1", ["t1"], keyring) == []
        assert await repository.find_replies("c1", ["r1"], keyring) == []
        assert await repository.find_spaces("c1", ["s1"], keyring) == []
        assert await filled.listed(keyring) == []
        assert await repository.list_spaces("c1", keyring or ("x",), Paging(9)) == []
    with pytest.raises(TopicNotFoundError):
        await repository.get_topic("c2", "t1", None)


async def test_moved_wall_holds_at_once(filled: Filled) -> None:
    await filled.put(space("s1"), topic("t1"))
    assert await filled.listed(BERT) == ["t1"]
    narrow = SPACES.dump(space("s1", Audience.VENDOR))
    await filled.database.spaces.update_one({"_id": "s1"}, {"$set": narrow})
    filled.repository.walls.forget("c1")  # as the replica that moved it does
    assert await filled.listed(BERT) == []
    with pytest.raises(TopicNotFoundError):
        await filled.repository.get_topic("c1", "t1", BERT)


STATES = {
    "DRAFT": {"anna"},
    "PENDING_REVIEW": {"anna", "mod"},
    "REJECTED": {"anna", "mod"},
    "HIDDEN": {"anna", "mod"},
    "REMOVED": {"mod"},
    "PUBLISHED": {"anna", "bert", "mod"},
    "CLOSED": {"anna", "bert", "mod"},
    "ARCHIVED": {"anna", "bert", "mod"},
}
READERS = {"anna": ANNA, "bert": BERT, "mod": MODERATOR, "out": OUTSIDER}


async def test_who_sees_a_topic_in_which_state(filled: Filled) -> None:
    await filled.put(space("s1"), *(topic(state, state=TopicState(state)) for state in STATES))
    for state, readers in STATES.items():
        wanted = frozenset({TopicState(state)})
        listed = {name: await filled.listed(keys, states=wanted) for name, keys in READERS.items()}
        assert listed == {name: [state] if name in readers else [] for name in READERS}
        for name, keys in READERS.items():
            found = await filled.repository.find_topics("c1", [state], keys)
            assert bool(found) is (name in readers)


async def test_withheld_topics_of_an_unreadable_space_stay_unseen(filled: Filled) -> None:
    await filled.put(space("s1", Audience.VENDOR), topic("t1", state=TopicState.HIDDEN))
    hidden = frozenset({TopicState.HIDDEN})
    for keys in (ANNA, MODERATOR):
        assert await filled.listed(keys, states=hidden) == []
        assert await filled.repository.find_topics("c1", ["t1"], keys) == []
    assert await filled.listed((*MODERATOR, "vendor:c1"), states=hidden) == ["t1"]


async def test_default_list_adds_ones_own_pending(filled: Filled) -> None:
    await filled.put(
        space("s1"),
        topic("t1", 1),
        topic("t2", 2, state=TopicState.PENDING_REVIEW),
        topic("t3", 3, state=TopicState.PENDING_REVIEW, author=Author("bert", "co2")),
        topic("t4", 4, state=TopicState.CLOSED),
        topic("t5", 5, state=TopicState.ARCHIVED),
        topic("t6", 6, state=TopicState.REJECTED),
        topic("t7", 7, state=TopicState.DRAFT),
    )
    assert await filled.listed(ANNA) == ["t5", "t4", "t2", "t1"]
    assert await filled.listed(BERT) == ["t5", "t4", "t3", "t1"]
    assert await filled.listed(MODERATOR) == ["t5", "t4", "t1"]
    assert await filled.listed(ANNA, author_id="anna") == ["t5", "t4", "t2", "t1"]
    assert await filled.listed(BERT, author_id="anna") == ["t5", "t4", "t1"]


async def test_filters(filled: Filled) -> None:
    await filled.put(
        space("s1"),
        space("s2"),
        space("s3", Audience.VENDOR),
        topic("t1", 1, tags=("a", "b")),
        topic("t2", 2, tags=("a",), space_id="s2", kind=TopicKind.DISCUSSION),
        topic("t3", 3, tags=("a",), space_id="s3"),
        topic("t4", 4, tags=("b",), accepted_reply_id="r", author=Author("bert", "co2")),
        topic("t5", 5, state=TopicState.CLOSED),
        topic("t6", 6, tags=("a",), state=TopicState.PENDING_REVIEW),
    )
    assert await filled.listed(ANNA) == ["t6", "t5", "t4", "t2", "t1"]
    assert await filled.listed(ANNA, space_id="s2") == ["t2"]
    assert await filled.listed(ANNA, tag="a") == ["t6", "t2", "t1"]
    assert await filled.listed(BERT, tag="a") == ["t2", "t1"]
    assert await filled.listed(BERT, tag="b", author_id="bert") == ["t4"]
    assert await filled.listed(ANNA, tag="a", space_id="s1") == ["t6", "t1"]
    assert await filled.listed(ANNA, unanswered=True) == ["t1"]
    assert await filled.listed(ANNA, unanswered=True, tag="a") == ["t1"]
    assert await filled.listed((*ANNA, "vendor:c1"), unanswered=True) == ["t3", "t1"]
    assert await filled.listed(ANNA, states=frozenset({TopicState.CLOSED})) == ["t5"]
    assert await filled.listed(ANNA, unanswered=True, states=frozenset({TopicState.CLOSED})) == []
    assert await filled.listed(ANNA, tag="none") == []


async def test_pages_are_whole_and_without_repetition(filled: Filled) -> None:
    # Many with the same time: the id decides.
    topics = [topic(f"t{n:02}", n // 10) for n in range(45)]
    await filled.put(space("s1"), *topics)
    pages: list[list[str]] = []
    paging = Paging(6)  # one more is read
    while page := await filled.repository.list_topics("c1", BERT, TopicFilter(), paging):
        pages.append([one.id for one in page])
        paging = Paging(6, (page[-1].activity_time, page[-1].id))
    assert sum(pages, []) == [f"t{n:02}" for n in reversed(range(45))]  # noqa: RUF017
    assert [len(page) for page in pages] == [7, 7, 7, 7, 7, 7, 3]


async def test_more_spaces_than_one_query_may_ask_for(filled: Filled) -> None:
    spaces = [space(f"s{n:03}") for n in range(250)]
    topics = [topic(f"t{n:03}", n, space_id=f"s{n:03}") for n in range(250)]
    await filled.put(*spaces, *topics)
    assert await filled.listed(BERT, 5) == ["t249", "t248", "t247", "t246", "t245"]
    place = (NOW + timedelta(minutes=62), "t062")
    for backward, ids in ((False, ["t061", "t060", "t059"]), (True, ["t063", "t064", "t065"])):
        paging = Paging(2, place, backward)
        found = await filled.repository.list_topics("c1", BERT, TopicFilter(), paging)
        assert [one.id for one in found] == ids
    keyring = (*(f"company:x{n}@c1" for n in range(300)), "community:c1")
    assert len(await filled.repository.list_spaces("c1", keyring, Paging(300))) == 250


async def test_replies_are_listed_oldest_first_behind_their_own_wall(filled: Filled) -> None:
    one = topic("t1")
    await filled.put(
        space("s1"),
        one,
        reply("r2", 1),
        reply("r1", 1),
        reply("r3", 2, state=ReplyState.PENDING_REVIEW),
        reply("r4", 3, state=ReplyState.HIDDEN, author=Author("anna", "co1")),
        reply("r5", 4, state=ReplyState.REMOVED),
        reply("r6", 5),
        reply("x1", 0, topic_id="t2"),
    )

    async def listed(
        keys: tuple[str, ...] | None, limit: int = 9, place: tuple[Any, ...] = ()
    ) -> list[str]:
        found = await filled.repository.list_replies(one, keys, Paging(limit, place))
        return [r.id for r in found[:limit]]

    assert await listed(BERT) == ["r1", "r2", "r3", "r6"]
    assert await listed(ANNA) == ["r1", "r2", "r4", "r6"]
    assert await listed(MODERATOR) == ["r1", "r2", "r3", "r4", "r5", "r6"]
    assert await listed(None) == ["r1", "r2", "r3", "r4", "r5", "r6"]
    assert await listed(BERT, 2) == ["r1", "r2"]
    assert await listed(BERT, place=(NOW + timedelta(minutes=1), "r1")) == ["r2", "r3", "r6"]
    with pytest.raises(ReplyNotFoundError):
        await filled.repository.get_reply(one, "r3", ANNA)
    with pytest.raises(ReplyNotFoundError):
        await filled.repository.get_reply(one, "x1", None)
    hidden = topic("t2", state=TopicState.HIDDEN)
    await filled.put(hidden)
    assert [r.id for r in await filled.repository.find_replies("c1", ["x1", "r1"], BERT)] == ["r1"]


async def test_reply_out_of_sight_with_its_topic(filled: Filled) -> None:
    await filled.put(space("s1"), topic("t1", state=TopicState.HIDDEN), reply("r1"))
    assert await filled.repository.find_replies("c1", ["r1"], BERT) == []
    assert len(await filled.repository.find_replies("c1", ["r1"], ANNA)) == 1


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ({}, "read_keys: 1, activity_time: -1, _id: -1, state: 1"),
        ({"space_id": "s1"}, "read_keys: 1, activity_time: -1, _id: -1, state: 1"),
        ({"author_id": "anna"}, "author_id: 1, read_keys: 1, activity_time: -1"),
        ({"tag": "a"}, "tag_keys: 1, activity_time: -1"),
        ({"unanswered": True}, "read_keys: 1, activity_time: -1, _id: -1 }"),
        ({"unanswered": True, "tag": "a"}, "tag_keys: 1, activity_time: -1, _id: -1, state: 1"),
        ({"context": DEAL}, "context_keys: 1, activity_time: -1"),
        ({"context": DEAL, "space_id": "s1"}, "context_keys: 1, activity_time: -1"),
        (
            {"context": DEAL, "tag": "a", "author_id": "anna", "unanswered": True},
            "context_keys: 1, activity_time: -1",
        ),
    ],
)
async def test_lists_read_no_more_than_they_give(
    filled: Filled, wanted: dict[str, Any], index: str
) -> None:
    spaces = [space(f"s{n}") for n in range(100)]
    same: dict[str, Any] = {"tags": ("a",), "context_refs": (COURSE, DEAL)}
    hidden = [topic(f"h{n:03}", n, space_id="secret", **same) for n in range(300)]
    shown = [topic(f"t{n:03}", n, **same) for n in range(300)]
    await filled.put(*spaces, *hidden, *shown)
    for backward, ids in (
        (False, ["t099", "t098", "t097"]),
        (True, ["t101", "t102", "t103"]),
    ):
        await filled.database.command("profile", 2)
        paging = Paging(2, (NOW + timedelta(minutes=100), "t100"), backward)
        found = await filled.repository.list_topics("c1", BERT, TopicFilter(**wanted), paging)
        assert [one.id for one in found] == ids
        await filled.database.command("profile", 0)
        rows = await filled.database["system.profile"].find({"command.find": "topics"}).to_list()
        await filled.database["system.profile"].drop()
        (row,) = rows
        assert index in row["planSummary"]
        assert "hasSortStage" not in row
        assert row["docsExamined"] <= 6
        assert row["keysExamined"] <= 120


async def test_lists_by_context(filled: Filled) -> None:
    likewise = [
        ContextRef("crm", "deal", "D-10"),
        ContextRef("crm", "deal", "d-1"),
        ContextRef("crm", "claim", "D-1"),
        ContextRef("erp", "deal", "D-1"),
    ]
    await filled.put(
        space("s1"),
        space("s2", Audience.VENDOR),
        topic("t1", 1, context_refs=(DEAL,)),
        topic("t2", 2, context_refs=(COURSE, DEAL), tags=("a",), author=Author("bert", "co2")),
        topic("t3", 3, context_refs=(COURSE,)),
        topic("t4", 4),
        topic("t5", 5, context_refs=tuple(likewise)),
        topic("p1", 6, context_refs=(DEAL,), state=TopicState.PENDING_REVIEW),
        topic("d1", 7, context_refs=(DEAL,), state=TopicState.DRAFT),
        topic("h1", 8, context_refs=(DEAL,), state=TopicState.HIDDEN),
        topic("x1", 9, context_refs=(DEAL,), space_id="s2"),
        topic("c1", 10, context_refs=(DEAL,), state=TopicState.CLOSED, kind=TopicKind.IDEA),
        topic("b1", 11, context_refs=(DEAL,), author=Author("bert", "co2", as_company=True)),
    )
    of_deal: dict[str, Any] = {"context": DEAL}
    assert await filled.listed(BERT, **of_deal) == ["b1", "c1", "t2", "t1"]
    assert await filled.listed(ANNA, **of_deal) == ["b1", "c1", "p1", "t2", "t1"]
    assert await filled.listed((*BERT, "vendor:c1"), **of_deal) == ["b1", "c1", "x1", "t2", "t1"]
    for one in likewise:
        assert await filled.listed(BERT, context=one) == ["t5"]
    assert await filled.listed(BERT, context=replace(DEAL, external_id="D")) == []
    for keyring in (OUTSIDER, ()):
        assert await filled.listed(keyring, **of_deal) == []
    with pytest.raises(SpaceNotFoundError):
        await filled.listed(BERT, **of_deal, space_id="s2")
    # Narrowed further, as lists are without it.
    assert await filled.listed(BERT, **of_deal, space_id="s1", tag="a") == ["t2"]
    assert await filled.listed(BERT, **of_deal, author_id="bert") == ["b1", "t2"]
    assert await filled.listed(ANNA, **of_deal, author_id="bert") == ["t2"]
    assert await filled.listed(BERT, **of_deal, unanswered=True) == ["b1", "t2", "t1"]
    assert await filled.listed(BERT, **of_deal, kinds=frozenset({TopicKind.IDEA})) == ["c1"]
    hidden = frozenset({TopicState.HIDDEN, TopicState.DRAFT})
    assert await filled.listed(ANNA, **of_deal, states=hidden) == ["h1", "d1"]
    assert await filled.listed(BERT, **of_deal, states=hidden) == []
    for order in (TopicOrder.NEWEST, TopicOrder.SCORE):
        with pytest.raises(FieldInvalidError):
            await filled.listed(BERT, **of_deal, order=order)


async def test_topics_without_context_take_no_place_in_its_index(filled: Filled) -> None:
    await filled.put(space("s1"), topic("t1"))
    row = await filled.database.topics.find_one({"_id": "t1"})
    assert row is not None
    assert {"context_refs", "context_keys"}.isdisjoint(row)  # as those that were stored before
    assert (await filled.repository.get_topic("c1", "t1", BERT)).context_refs == ()


IDEA, ARTICLE, QUESTION = TopicKind.IDEA, TopicKind.ARTICLE, TopicKind.QUESTION
SCORE, ONES = TopicOrder.SCORE, "read_keys: 1, kind: 1, "


@pytest.mark.parametrize(
    ("wanted", "order", "index"),
    [
        ({"kinds": {IDEA}}, TopicOrder.ACTIVITY, f"{ONES}activity_time: -1"),
        ({"kinds": {IDEA, ARTICLE}}, TopicOrder.ACTIVITY, f"{ONES}activity_time: -1"),
        ({"idea_statuses": {IdeaStatus.NEW}}, TopicOrder.ACTIVITY, f"{ONES}activity_time: -1"),
        ({"kinds": {QUESTION}}, TopicOrder.ACTIVITY, "read_keys: 1, activity_time: -1"),
        ({"kinds": {QUESTION, IDEA}}, TopicOrder.ACTIVITY, "read_keys: 1, activity_time: -1"),
        ({"kinds": {IDEA}, "tag": "a"}, TopicOrder.ACTIVITY, "tag_keys: 1, activity_time: -1"),
        ({"kinds": {IDEA}}, TopicOrder.NEWEST, f"{ONES}create_time: -1"),
        ({"kinds": {QUESTION}}, TopicOrder.NEWEST, f"{ONES}create_time: -1"),
        ({}, TopicOrder.NEWEST, f"{ONES}create_time: -1"),
        ({"kinds": {IDEA}}, SCORE, f"{ONES}score: -1"),
        ({"idea_statuses": {IdeaStatus.NEW}, "space_id": "s1"}, SCORE, f"{ONES}score: -1"),
        ({}, SCORE, f"{ONES}score: -1"),
    ],
)
async def test_lists_by_kind_and_order_read_little_more_than_they_give(
    filled: Filled, wanted: dict[str, Any], order: TopicOrder, index: str
) -> None:
    """Whatever stands between: what is hidden, and ideas of another status, from the index."""
    spaces = [space(f"s{n}") for n in range(5)]
    secret = [idea(f"h{n:03}", n, space_id="secret") for n in range(100)]
    asked = wanted.get("kinds", {IDEA})
    kinds = [kind for kind in TopicKind if kind in asked]
    shown = [idea(f"t{n:03}", n, kind=kinds[n % len(kinds)]) for n in range(200)]
    delivered = [idea(f"d{n:03}", n, idea_status=IdeaStatus.DELIVERED) for n in range(99, 101)]
    narrowed: dict[str, Any] = {
        name: frozenset(v) if type(v) is set else v for name, v in wanted.items()
    }
    others = delivered if "idea_statuses" in wanted else []
    await filled.put(*spaces, *secret, *shown, *others)
    for backward, ids in ((False, ["t099", "t098", "t097"]), (True, ["t101", "t102", "t103"])):
        await filled.database.command("profile", 2)
        place = order.place(shown[100])
        paging = Paging(2, place, backward)
        found = await filled.repository.list_topics(
            "c1", BERT, TopicFilter(**narrowed, order=order), paging
        )
        assert [one.id for one in found] == ids
        await filled.database.command("profile", 0)
        rows = await filled.database["system.profile"].find({"command.find": "topics"}).to_list()
        await filled.database["system.profile"].drop()
        (row,) = rows
        assert index in row["planSummary"]
        assert "hasSortStage" not in row
        assert row["docsExamined"] <= 12  # of every branch that was begun
        assert row["keysExamined"] <= 40


def idea(id: str, minutes: int = 0, **more: Any) -> Topic:
    """Voted for as often as it is late."""
    return topic(id, minutes, **{"kind": IDEA, "score": minutes, "tags": ("a",), **more})


async def test_lists_in_every_order(filled: Filled) -> None:
    await filled.put(
        space("s1"),
        space("s2", Audience.VENDOR),
        idea("i1", 1, score=5, idea_status=IdeaStatus.PLANNED),
        idea("i2", 2, score=-1, activity_time=NOW + timedelta(minutes=90)),
        idea("i3", 3, score=5, idea_status=IdeaStatus.PLANNED),
        topic("a1", 4, kind=ARTICLE),
        topic("q1", 5, score=7),
        idea("i4", 6, score=9, state=TopicState.PENDING_REVIEW),
        idea("x1", 7, score=99, space_id="s2", idea_status=IdeaStatus.PLANNED),
        idea("x2", 8, score=99, state=TopicState.HIDDEN, author=Author("bert", "co2")),
    )
    ideas: dict[str, Any] = {"kinds": frozenset({IDEA})}
    planned: dict[str, Any] = {"idea_statuses": frozenset({IdeaStatus.PLANNED})}
    assert await filled.listed(BERT, **ideas) == ["i2", "i3", "i1"]
    assert await filled.listed(ANNA, **ideas) == ["i2", "i4", "i3", "i1"]
    assert await filled.listed(BERT, order=TopicOrder.NEWEST) == ["q1", "a1", "i3", "i2", "i1"]
    assert await filled.listed(BERT, **ideas, order=SCORE) == ["i3", "i1", "i2"]
    assert await filled.listed(BERT, order=SCORE) == ["q1", "i3", "i1", "a1", "i2"]
    assert await filled.listed(ANNA, order=SCORE) == ["i4", "q1", "i3", "i1", "a1", "i2"]
    assert await filled.listed(BERT, kinds=frozenset({ARTICLE, QUESTION})) == ["q1", "a1"]
    for order in TopicOrder:
        assert await filled.listed(BERT, **planned, order=order) == ["i3", "i1"]
        assert await filled.listed(OUTSIDER, **planned, order=order) == []
    assert await filled.listed((*BERT, "vendor:c1"), **planned, order=SCORE) == ["x1", "i3", "i1"]
    with pytest.raises(SpaceNotFoundError):
        await filled.listed(BERT, **ideas, order=SCORE, space_id="s2")
    hidden = frozenset({TopicState.HIDDEN})
    assert await filled.listed(MODERATOR, states=hidden, order=SCORE) == ["x2"]
    assert await filled.listed(BERT, states=hidden, order=SCORE) == ["x2"]
    assert await filled.listed(ANNA, states=hidden, order=SCORE) == []


async def test_more_spaces_and_kinds_than_one_query_may_ask_for(filled: Filled) -> None:
    spaces = [space(f"s{n:03}") for n in range(100)]
    topics = [
        topic(f"t{n:03}", n, space_id=f"s{n % 100:03}", kind=list(TopicKind)[n % 4], score=n % 3)
        for n in range(200)
    ]
    await filled.put(*spaces, *topics)
    for order in (TopicOrder.NEWEST, SCORE):
        expected = sorted(topics, key=order.place, reverse=True)
        assert await filled.listed(BERT, 250, order=order) == [one.id for one in expected]


async def test_spaces_by_name(filled: Filled) -> None:
    named = [("s1", "beta"), ("s2", "Alpha"), ("s3", "gamma"), ("s4", "Beta")]
    for id_, name in named:
        one = Space(id_, "c1", name + id_, name, "", SpaceMode.AUTO, Audience.COMMUNITY, (), NOW, 1)
        await filled.put(one)
    await filled.put(space("s5", Audience.VENDOR))
    listed = await filled.repository.list_spaces("c1", BERT, Paging(9))
    assert [one.id for one in listed] == ["s2", "s1", "s4", "s3"]
    rest = await filled.repository.list_spaces("c1", BERT, Paging(9, ("beta", "s1")))
    assert [one.id for one in rest] == ["s4", "s3"]
    mirror = await mirrored(spaces_in_pages(filled.repository), str, str)
    assert [one.id for one in mirror] == ["s2", "s1", "s4", "s3"]


def spaces_in_pages(repository: ForumRepository) -> Any:
    async def listing(paging: Paging) -> tuple[list[Space], str]:
        found = await repository.list_spaces("c1", BERT, paging)
        return paging.page(found, lambda last: (last.name_order, last.id))

    return listing


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"tag": "a"},
        {"author_id": "anna"},
        {"unanswered": True},
        {"context": DEAL},
        {"context": DEAL, "kinds": frozenset({QUESTION})},
        {"kinds": frozenset({QUESTION})},
        {"order": TopicOrder.NEWEST},
        {"order": SCORE, "kinds": frozenset({QUESTION, IDEA})},
    ],
)
async def test_topics_backwards_mirror_topics_forwards(
    filled: Filled, wanted: dict[str, Any]
) -> None:
    # Behind several keys, many with the same time: branches are merged, and the id decides.
    spaces = [space(f"s{n}") for n in range(4)]
    same: dict[str, Any] = {"tags": ("a",), "context_refs": (DEAL,)}
    topics = [
        topic(f"t{n:02}", n // 5, space_id=f"s{n % 4}", score=n // 5, **same) for n in range(23)
    ]
    await filled.put(*spaces, space("s9", Audience.VENDOR), *topics)
    await filled.put(topic("x", 2, space_id="s9", **same))

    async def listing(paging: Paging) -> tuple[list[Topic], str]:
        found = await filled.repository.list_topics("c1", BERT, TopicFilter(**wanted), paging)
        return paging.page(found, order.place)

    order = wanted.get("order", TopicOrder.ACTIVITY)
    found = await mirrored(listing, *order.types)
    assert [one.id for one in found] == [f"t{n:02}" for n in reversed(range(23))]


async def test_parts_of_topics_backwards_mirror_them_forwards(filled: Filled) -> None:
    one = topic("t1")
    ids = [f"r{n:02}" for n in range(17)]
    await filled.put(space("s1"), one, *(reply(id_, n // 4) for n, id_ in enumerate(ids)))
    rows = [
        {
            "_id": id_,
            "community_id": "c1",
            "topic_id": "t1",
            "post_id": "t1",
            "reply_id": "",
            "action": "HideTopic",
            "reason": "",
            "actor": "mod",
            "title": "Title",
            "body": text_document(TEXT),
            "tags": [],
            "editor_id": "anna",
            "read_keys": ["space:s1"],
            "time": NOW + timedelta(minutes=n // 4),
            "replace_time": NOW + timedelta(minutes=n // 4),
        }
        for n, id_ in enumerate(ids)
    ]
    await filled.database["revisions"].insert_many(rows)
    await filled.database["moderation_entries"].insert_many(rows)
    repository = filled.repository

    async def replies(paging: Paging) -> tuple[list[Reply], str]:
        found = await repository.list_replies(one, BERT, paging)
        return paging.page(found, lambda last: (last.create_time, last.id))

    async def revisions(paging: Paging) -> tuple[list[Revision], str]:
        found = await repository.list_revisions(one, one, BERT, paging)
        return paging.page(found, lambda last: (last.replace_time, last.id))

    async def entries(paging: Paging) -> tuple[list[ModerationEntry], str]:
        found = await repository.list_moderation_entries(one, paging)
        return paging.page(found, lambda last: (last.time, last.id))

    assert [row.id for row in await mirrored(replies, datetime, str)] == ids
    assert [row.id for row in await mirrored(revisions, datetime, str)] == ids[::-1]
    assert [row.id for row in await mirrored(entries, datetime, str)] == ids[::-1]


@pytest.mark.parametrize(
    ("editor", "keys", "by_moderator"),
    [
        ("mod", ["person:anna", "moderators:c1"], True),
        ("anna", ["person:anna", "moderators:c1"], False),  # before it was out
        ("anna", ["space:s1"], False),
        ("owner", ["space:s1"], False),
    ],
)
def test_who_replaced_a_text_before_that_was_remembered(
    editor: str, keys: list[str], by_moderator: bool
) -> None:
    row = {
        "_id": "r1",
        "community_id": "c1",
        "post_id": "t1",
        "title": "",
        "body": "",
        "tags": [],
        "editor_id": editor,
        "replace_time": NOW,
        "read_keys": keys,
        "author_id": "anna",
    }
    assert load_revision(row).by_moderator is by_moderator
    assert load_revision({**row, "by_moderator": not by_moderator}).by_moderator is not by_moderator

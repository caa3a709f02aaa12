"""Where automations look, on the real engine: walls, order, pages, and no more than they must."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chassis.mongo import Database
from chassis.pagination import Paging
from chassis.testing import mirrored, prepare
from services.forum.domain.automation import Action, Automation, Automations, Trigger
from services.forum.domain.spaces import Audience
from services.forum.domain.topics import Topic, TopicState
from services.forum.repository import ForumRepository
from services.forum.repository.automation import AUTOMATIONS, Walk, place_of, place_types
from services.forum.repository.spaces import SPACES
from services.forum.repository.topics import TOPICS
from services.forum.tests.test_forum_automation_domain import automation, moving, pinning
from services.forum.tests.test_forum_repository import ANNA, MODERATOR, NOW, OUTSIDER, space, topic

TRIGGERS = [
    automation(threshold=1),
    automation(threshold=1, without_replies=True),
    automation(trigger=Trigger.STALE, threshold=1),
    automation(trigger=Trigger.REPORTED, threshold=2, action=Action.ESCALATE),
    automation(trigger=Trigger.SCORE_REACHED, threshold=2),
]
ONCE = [moving(threshold=1, target_space_id="s1"), pinning(threshold=1)]
LATER = NOW + timedelta(days=2)


def name(one: Automation) -> str:
    return f"{one.trigger} without replies" if one.without_replies else one.trigger


async def fill(database: Database) -> ForumRepository:
    """Forty topics, each a minute younger; the last ten of them in a space for the vendor."""
    await prepare(database, ForumRepository)
    spaces = [space("s1"), space("s2", Audience.VENDOR)]
    await database.spaces.insert_many(
        {"_id": one.id, "community_id": "c1", "seq": 1, **SPACES.dump(one)} for one in spaces
    )
    topics = [
        topic(
            f"t{number:02}",
            number,
            space_id="s2" if number >= 30 else "s1",
            score=number // 4,
            case_count=number // 4,
            reply_count=number % 2,
        )
        for number in range(40)
    ]
    topics += [
        topic("foreign", community_id="c2", score=9, case_count=9),
        topic("closed", state=TopicState.CLOSED),
        topic("hidden", state=TopicState.HIDDEN, case_count=9, score=9),
        topic("draft", state=TopicState.DRAFT, case_count=9, score=9),
    ]
    await database.topics.insert_many(
        {"_id": one.id, "community_id": one.community_id, "seq": 1, **TOPICS.dump(one)}
        for one in topics
    )
    return ForumRepository(database)


@pytest.mark.parametrize("one", TRIGGERS, ids=name)
async def test_what_matches_is_found_in_its_order_behind_the_wall(
    database: Database, one: Automation
) -> None:
    repository = await fill(database)
    stored = [TOPICS.load(row) async for row in database.topics.find({"community_id": "c1"})]
    expected = sorted(
        (each for each in stored if one.occurrence(each, LATER)),
        key=lambda each: place_of(one, each),
    )
    assert 10 < len(expected) < 44

    async def listed(
        paging: Paging, keyring: tuple[str, ...] | None = None
    ) -> tuple[list[Topic], str]:
        found = await repository.find_matching(one, LATER, keyring, paging)
        return paging.page(found, lambda last: place_of(one, last))

    assert await mirrored(listed, *place_types(one)) == expected
    # A reader finds what the wall lets through.
    of_moderators = [each for each in expected if each.space_id == "s1"]
    assert (await listed(Paging(100), MODERATOR))[0] == of_moderators
    of_members = [each for each in of_moderators if each.state is not TopicState.HIDDEN]
    assert (await listed(Paging(100), ANNA))[0] == of_members
    assert (await listed(Paging(100), OUTSIDER))[0] == []


@pytest.mark.parametrize("one", TRIGGERS, ids=name)
async def test_only_one_space(database: Database, one: Automation) -> None:
    repository = await fill(database)
    narrowed = replace(one, space_id="s2")
    found = await repository.find_matching(narrowed, LATER, None, Paging(100))
    assert {each.space_id for each in found} == {"s2"}
    assert await repository.find_matching(narrowed, LATER, ANNA, Paging(100)) == []


async def test_what_is_there_or_pinned_is_not_looked_at(database: Database) -> None:
    repository = await fill(database)
    move, pins = ONCE
    found = await repository.find_matching(move, LATER, None, Paging(100))
    assert {each.space_id for each in found} == {"s2"}
    ends = {"t00": LATER + timedelta(days=1), "t01": LATER, "t02": None}
    for id_, end in ends.items():
        pinned = TOPICS.dump(replace(topic(id_), pin_time=NOW, pin_expire_time=end))
        times = {key: value for key, value in pinned.items() if key.startswith("pin_")}
        await database.topics.update_one({"_id": id_}, {"$set": times})
    stored = [TOPICS.load(row) async for row in database.topics.find({"community_id": "c1"})]
    expected = sorted(each.id for each in stored if pins.occurrence(each, LATER))
    assert "t01" in expected
    assert not {"t00", "t02"} & set(expected)
    found = await repository.find_matching(pins, LATER, None, Paging(100))
    assert sorted(each.id for each in found) == expected


async def test_what_a_move_leaves_is_found(database: Database) -> None:
    repository = await fill(database)
    topics = [topic("t1"), topic("t2", space_id="s2")]
    assert await repository.find_skipped(pinning(), topics) == set()
    for one, skipped in (
        (moving(target_space_id="s1"), {"t2"}),  # in all spaces: others read it
        (moving(target_space_id="s1", space_id="s2"), set()),
        (moving(target_space_id="s2"), {"t1"}),
        (moving(target_space_id="gone"), {"t1", "t2"}),
    ):
        assert await repository.find_skipped(one, topics) == skipped


INDEXES = {
    Trigger.UNANSWERED: "read_keys: 1, create_time: 1, _id: 1, unreplied: 1 }",
    Trigger.STALE: "read_keys: 1, activity_time: -1, _id: -1, state: 1",
    Trigger.REPORTED: "read_keys: 1, case_count: 1, _id: 1",
    Trigger.SCORE_REACHED: "read_keys: 1, score: 1, _id: 1",
}


@pytest.mark.parametrize("one", TRIGGERS, ids=name)
async def test_a_page_reads_no_more_than_it_shows(database: Database, one: Automation) -> None:
    repository = await fill(database)
    young = [topic(f"young{number}", 10_000 + number) for number in range(400)]
    await database.topics.insert_many(
        {"_id": each.id, "community_id": "c1", "seq": 1, **TOPICS.dump(each)} for each in young
    )
    await database.command("profile", 2)
    found = await repository.find_matching(one, LATER, None, Paging(5))
    await database.command("profile", 0)
    assert len(found) == 6
    (row,) = await database["system.profile"].find({"command.find": "topics"}).to_list()
    assert INDEXES[one.trigger] in row["planSummary"]
    assert "hasSortStage" not in row
    assert row["docsExamined"] <= 8
    assert row["keysExamined"] <= 30


async def test_a_walk_is_kept(database: Database) -> None:
    repository = await fill(database)
    one = automation()
    assert await repository.get_walk(one) is None
    places: list[tuple[Any, ...]] = [(NOW, "t1"), ()]
    for place in places:
        walk = Walk(3, place, NOW)
        await repository.put_walk(one, walk)
        assert await repository.get_walk(one) == walk


async def test_automations_are_stored_whole(database: Database) -> None:
    await prepare(database, ForumRepository)
    repository = ForumRepository(database)
    assert await repository.get_automations("c1") == Automations()
    many = Automations((*TRIGGERS, *ONCE))
    document: dict[str, Any] = {**AUTOMATIONS.dump(many), "community_id": "c1", "seq": 1}
    ref = repository.automations_ref("c1")
    await database.automations.insert_one({"_id": ref.id, **document})
    assert await repository.get_automations("c1") == many
    assert [one async for one in repository.automations()] == [many]
    for row in document["automations"]:  # as before there were moves and pins
        del row["target_space_id"], row["pin_days"]
    await database.automations.replace_one({"_id": ref.id}, {"_id": ref.id, **document})
    assert await repository.get_automations("c1") == Automations(
        tuple(replace(one, target_space_id="", pin_days=0) for one in many.all)
    )

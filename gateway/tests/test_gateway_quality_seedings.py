"""Seedings over real gRPC: plans, what came of them, writes, and posts through them."""

from __future__ import annotations

from typing import Any

from chassis.errors import NotFoundError
from gateway.cursors import encode_id
from gateway.tests.conftest import House
from gateway.tests.quality_standins import SeedingStandIn
from gateway.tests.test_gateway_quality import C1, SPACE, mutate
from guildhall.forum.v1 import forum_pb2
from guildhall.forum.v1 import seeding_pb2 as pb

S1 = encode_id("Seeding", "c1", "s1")
LIST = """query Seedings($c: ID!, $s: ID) { seedings(communityId: $c, spaceId: $s, first: 5) {
  edges { node { id name state firstReplyHours endTime version space { name }
    owners { member { displayName } }
    items { id title kind state dueTime owner { displayName } topic { title } } } } } }"""
ONE = """query Seeding($id: ID!) { communityNode(id: $id) { ... on Seeding { name
  dueFirstReplies(first: 5) { edges { node { dueTime topic { title } } } }
  report { answerCount weeks { seededCount organicCount }
    startDay { index } endDay { index } } } } }
"""


class SeedingNotFoundError(NotFoundError):
    """As the forum's."""


async def test_seedings_are_listed_with_their_items(seeding: SeedingStandIn, house: House) -> None:
    answer = await house.ask(LIST, {"c": C1, "s": SPACE})
    assert "errors" not in answer
    (edge,) = answer["data"]["seedings"]["edges"]
    assert edge["node"] == {
        "id": S1,
        "name": "First month",
        "state": "ACTIVE",
        "firstReplyHours": 24,
        "endTime": None,
        "version": 3,
        "space": {"name": "General"},
        "owners": [
            {"member": {"displayName": "Person p1"}},
            {"member": {"displayName": "Person p2"}},
        ],
        "items": [
            {
                "id": encode_id("Item", "c1", "s1.1"),
                "title": "Idea 1",
                "kind": "QUESTION",
                "state": "POSTED",
                "dueTime": None,
                "owner": {"displayName": "Person p2"},
                "topic": {"title": "Topic 1"},
            },
            {
                "id": encode_id("Item", "c1", "s1.2"),
                "title": "Idea 2",
                "kind": "QUESTION",
                "state": "PLANNED",
                "dueTime": None,
                "owner": {"displayName": "Person p2"},
                "topic": None,
            },
        ],
    }
    assert seeding.requests == [
        pb.ListSeedingsRequest(community_id="c1", space_id="sp1", page_size=5)
    ]
    assert house.rpcs() == {"BatchGetSpaces": 1, "BatchGetMembers": 1, "BatchGetTopics": 1}
    elsewhere = {"c": C1, "s": encode_id("Space", "c2", "sp1")}
    answer = await house.ask(LIST, elsewhere)
    assert answer["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "field": "spaceId"}


async def test_what_a_seeding_did(seeding: SeedingStandIn, house: House) -> None:
    answer = await house.ask(ONE, {"id": S1})
    assert "errors" not in answer
    assert answer["data"]["communityNode"] == {
        "name": "First month",
        "dueFirstReplies": {
            "edges": [
                {"node": {"dueTime": "2026-01-01T00:07:00.000Z", "topic": {"title": "Topic 2"}}}
            ]
        },
        "report": {
            "answerCount": 4,
            "weeks": [{"seededCount": 2, "organicCount": 5}],
            "startDay": None,
            "endDay": {"index": 0.75},
        },
    }
    assert seeding.calls == {
        "BatchGetSeedings": 1,
        "ListDueFirstReplies": 1,
        "GetSeedingReport": 1,
    }
    answer = await house.ask(ONE, {"id": encode_id("Seeding", "c1", "none")})
    assert answer["data"] == {"communityNode": None}
    assert "errors" not in answer


async def test_writes_say_what_was_given(seeding: SeedingStandIn, house: House) -> None:
    member = encode_id("Member", "c1", "p2")
    person = encode_id("Person", "platform", "p3")
    item = encode_id("Item", "c1", "s1.2")
    writes: list[tuple[str, dict[str, Any]]] = [
        ("createSeeding", {"spaceId": SPACE, "name": "Plan", "ownerIds": [member, person]}),
        ("updateSeeding", {"seedingId": S1, "firstReplyHours": 0, "expectedVersion": 3}),
        ("endSeeding", {"seedingId": S1}),
        (
            "addSeedingItem",
            {"seedingId": S1, "title": "Idea", "kind": "DISCUSSION", "ownerId": member},
        ),
        ("updateSeedingItem", {"seedingItemId": item, "skipped": True}),
    ]
    for name, given in writes:
        answer = await mutate(house, name, given, "seeding { id }")
        assert answer["data"] == {name: {"seeding": {"id": S1}}}
    ids: dict[str, Any] = {"request_id": "request-1", "community_id": "c1"}
    assert seeding.requests == [
        pb.CreateSeedingRequest(**ids, space_id="sp1", name="Plan", owner_ids=["p2", "p3"]),
        pb.UpdateSeedingRequest(**ids, seeding_id="s1", first_reply_hours=0, expected_version=3),
        pb.EndSeedingRequest(**ids, seeding_id="s1"),
        pb.AddSeedingItemRequest(
            **ids,
            seeding_id="s1",
            title="Idea",
            kind=forum_pb2.TOPIC_KIND_DISCUSSION,
            owner_id="p2",
        ),
        pb.UpdateSeedingItemRequest(**ids, seeding_item_id="s1.2", skipped=True),
    ]
    seeding.failures["EndSeeding"] = SeedingNotFoundError(field="seeding_id")
    answer = await mutate(house, "endSeeding", {"seedingId": S1}, "seeding { id }")
    assert answer["errors"][0]["extensions"] == {
        "code": "SEEDING_NOT_FOUND",
        "field": "seedingId",
    }


async def test_a_post_through_a_seeding_says_so(house: House) -> None:
    given = {
        "spaceId": SPACE,
        "kind": "QUESTION",
        "title": "Seeded?",
        "body": "What is to be known?",
        "seedingItemId": encode_id("Item", "c1", "s1.2"),
    }
    answer = await mutate(house, "createTopic", given, "topic { seeded }")
    assert answer["data"] == {"createTopic": {"topic": {"seeded": False}}}  # as the stand-in's are
    (request,) = [
        one for one in house.forum.requests if isinstance(one, forum_pb2.CreateTopicRequest)
    ]
    assert request.seeding_item_id == "s1.2"
    foreign = {**given, "seedingItemId": encode_id("Item", "c2", "s1.2")}
    answer = await mutate(house, "createTopic", foreign, "topic { seeded }")
    assert answer["errors"][0]["extensions"] == {
        "code": "BAD_USER_INPUT",
        "field": "seedingItemId",
    }

"""Moving, merging, splitting and linked topics in GraphQL, beside a stand-in."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.cursors import encode_id, encode_reply_id
from gateway.tests.conftest import House
from gateway.tests.moves_standin import MoveStandIn
from gateway.tests.standins import ForumStandIn
from guildhall.forum.v1 import forum_pb2
from guildhall.forum.v1 import moves_pb2 as pb

TOPIC, TARGET = encode_id("Topic", "c1", "t3"), encode_id("Topic", "c1", "t4")
WRITE: dict[str, Any] = {"requestId": "request-1", "topicId": TOPIC}

MOVE = """mutation($input: MoveTopicInput!) { moveTopic(input: $input) {
  topic { id space { id } } } }"""
MERGE = """mutation($input: MergeTopicsInput!) { mergeTopics(input: $input) {
  topic { state closeReason movedTo { id title } } targetTopic { id } } }"""
SPLIT = """mutation($input: SplitTopicInput!) { splitTopic(input: $input) {
  topic { id } newTopic { id splitFrom { id } } } }"""
CLOSE = """mutation($input: CloseTopicInput!) { closeTopic(input: $input) { topic { id } } }"""
LINKED = """query($id: ID!, $after: String, $links: [TopicLink!]) { topic(id: $id) {
  linkedTopics(first: 2, after: $after, links: $links) {
    edges { cursor node { id duplicateOf { id } } } pageInfo { hasNextPage endCursor } } } }"""


async def test_move_topic(house: House, moves: MoveStandIn) -> None:
    space = encode_id("Space", "c1", "sp2")
    given = {
        **WRITE,
        "spaceId": space,
        "reason": "quiet",
        "evenIfAuthorCannotRead": True,
        "evenIfOthersCouldRead": True,
    }
    answer = await house.ask(MOVE, {"input": {**given, "expectedVersion": 4}})
    assert answer["data"] == {"moveTopic": {"topic": {"id": TOPIC, "space": {"id": space}}}}
    assert moves.requests == [
        pb.MoveTopicRequest(
            request_id="request-1",
            community_id="c1",
            topic_id="t3",
            space_id="sp2",
            reason="quiet",
            even_if_author_cannot_read=True,
            even_if_others_could_read=True,
            expected_version=4,
        )
    ]


async def test_merge_topics(house: House, moves: MoveStandIn) -> None:
    answer = await house.ask(
        MERGE, {"input": {**WRITE, "targetTopicId": TARGET, "evenIfOthersCouldRead": True}}
    )
    closed = {"id": TARGET, "title": "Topic 4"}
    assert answer["data"]["mergeTopics"] == {
        "topic": {"state": "CLOSED", "closeReason": "MERGED", "movedTo": closed},
        "targetTopic": {"id": TARGET},
    }
    assert moves.requests == [
        pb.MergeTopicsRequest(
            request_id="request-1",
            community_id="c1",
            topic_id="t3",
            target_topic_id="t4",
            even_if_others_could_read=True,
        )
    ]


async def test_split_topic(house: House, moves: MoveStandIn) -> None:
    replies = [encode_reply_id("c1", "t3", id_) for id_ in ("r1", "r2")]
    given = {**WRITE, "replyIds": replies, "title": "New", "body": "Another matter.", "tags": ["a"]}
    answer = await house.ask(
        SPLIT, {"input": {**given, "kind": "QUESTION", "evenIfOthersCouldRead": True}}
    )
    new = {"id": encode_id("Topic", "c1", "t9"), "splitFrom": {"id": TOPIC}}
    assert answer["data"]["splitTopic"] == {"topic": {"id": TOPIC}, "newTopic": new}
    assert moves.requests == [
        pb.SplitTopicRequest(
            request_id="request-1",
            community_id="c1",
            topic_id="t3",
            reply_ids=["r1", "r2"],
            title="New",
            body="Another matter.",
            tags=["a"],
            kind=forum_pb2.TOPIC_KIND_QUESTION,
            even_if_others_could_read=True,
        )
    ]


@pytest.mark.parametrize(
    ("document", "more", "field"),
    [
        (MOVE, {"spaceId": TARGET}, "spaceId"),
        (MERGE, {"targetTopicId": encode_id("Space", "c1", "sp1")}, "targetTopicId"),
        (SPLIT, {"replyIds": [TARGET]}, "replyIds"),
        (CLOSE, {"closeReason": "DUPLICATE", "duplicateOfId": "none"}, "duplicateOfId"),
    ],
)
async def test_what_is_no_such_id_is_refused(
    house: House, moves: MoveStandIn, document: str, more: dict[str, Any], field: str
) -> None:
    text = {"title": "New", "body": "Another matter."} if document is SPLIT else {}
    answer = await house.ask(document, {"input": {**WRITE, **text, **more}})
    (error,) = answer["errors"]
    assert (error["extensions"]["code"], error["extensions"]["field"]) == ("BAD_USER_INPUT", field)
    assert moves.requests == []


async def test_linked_topics_are_paged(
    house: House, forum: ForumStandIn, moves: MoveStandIn
) -> None:
    first = await house.ask(LINKED, {"id": TOPIC, "links": ["DUPLICATE", "MERGED"]})
    page = first["data"]["topic"]["linkedTopics"]
    assert [edge["node"]["id"] for edge in page["edges"]] == [
        encode_id("Topic", "c1", id_) for id_ in ("t7", "t6")
    ]
    assert all(edge["node"]["duplicateOf"] == {"id": TOPIC} for edge in page["edges"])
    assert page["pageInfo"]["hasNextPage"]
    assert forum.calls["BatchGetTopics"] == 1
    after = {"id": TOPIC, "links": ["DUPLICATE", "MERGED"], "after": page["pageInfo"]["endCursor"]}
    rest = (await house.ask(LINKED, after))["data"]["topic"]["linkedTopics"]
    assert [edge["node"]["id"] for edge in rest["edges"]] == [encode_id("Topic", "c1", "t5")]
    request: Any = moves.requests[0]
    assert list(request.links) == [pb.TOPIC_LINK_DUPLICATE, pb.TOPIC_LINK_MERGED]

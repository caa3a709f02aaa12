"""Threads, votes, reactions, quotes, mentions and polls in GraphQL, beside stand-ins."""

from __future__ import annotations

from gateway.cursors import encode_id, encode_reply_id
from gateway.tests.conftest import House
from gateway.tests.standins import ForumStandIn

TOPIC = encode_id("Topic", "c1", "t3")
REPLY = encode_reply_id("c1", "t3", "r3")

THREADS = """query Threads($id: ID!) { topic(id: $id) { threads(first: 5) { edges { node {
  id childCount parent { id } children(first: 5) { edges { node { id } } }
} } } } }"""


async def test_threads_and_their_children(house: House, forum: ForumStandIn) -> None:
    answer = await house.ask(THREADS, {"id": TOPIC})
    assert "errors" not in answer
    edges = answer["data"]["topic"]["threads"]["edges"]
    assert [len(edge["node"]["children"]["edges"]) for edge in edges] == [3, 3, 3]
    assert edges[0]["node"]["parent"] is None
    asked = [one for one in forum.requests if type(one).__name__ == "ListRepliesRequest"]
    assert [(one.threads, one.parent_reply_id) for one in asked] == [  # type: ignore[attr-defined]
        (True, ""),
        (False, "r1"),
        (False, "r2"),
        (False, "r3"),
    ]


async def test_parent_of_another_topic_is_no_parent(house: House, forum: ForumStandIn) -> None:
    create = "mutation($input: CreateReplyInput!) { createReply(input: $input) { reply { id } } }"
    other = encode_reply_id("c1", "t4", "r4")
    given = {"requestId": "request-1", "topicId": TOPIC, "body": "Yes.", "parentReplyId": other}
    answer = await house.ask(create, {"input": given})
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["extensions"]["field"] == "parentReplyId"
    assert forum.calls["CreateReply"] == 0

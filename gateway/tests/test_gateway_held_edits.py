"""Edits that wait for moderators in GraphQL, beside stand-ins."""

from __future__ import annotations

from gateway.cursors import encode_id
from gateway.tests.conftest import House
from gateway.tests.standins import ForumStandIn

EDIT = """heldEdit {
  state title body bodyHtml tags reason decideTime attachments { id } editor { displayName }
}"""
LIST = f"""query List($community: ID!) {{ topics(communityId: $community, first: 20) {{
  edges {{ node {{ {EDIT} acceptedReply {{ heldEdit {{ title body }} }} }} }} }} }}"""
UPDATE = """mutation($input: UpdateTopicInput!) { updateTopic(input: $input) {
  topic { title } heldEdit { state title revisionDiff { laterEdition addedTags } } } }"""


async def test_held_edits_of_a_page_are_one_rpc_a_level(house: House, forum: ForumStandIn) -> None:
    answer = await house.ask(LIST, {"community": encode_id("Community", "c1", "c1")})
    assert "errors" not in answer
    nodes = [edge["node"] for edge in answer["data"]["topics"]["edges"]]
    assert nodes[0]["heldEdit"] == {
        "state": "PENDING_REVIEW",
        "title": "Another title",
        "body": "Another *text*",
        "bodyHtml": "<p>Another <em>text</em></p>",
        "tags": [],
        "reason": None,
        "decideTime": None,
        "attachments": [],
        "editor": {"displayName": "Person p3"},
    }
    accepted = next(node["acceptedReply"] for node in nodes if node["acceptedReply"])
    assert accepted["heldEdit"] == {"title": None, "body": "Another *text*"}
    assert forum.calls["BatchGetHeldEdits"] == 2


async def test_a_post_without_has_none(house: House) -> None:
    text = "query($id: ID!) { topic(id: $id) { title heldEdit { body } } }"
    answer = await house.ask(text, {"id": encode_id("Topic", "c1", "t4")})
    assert answer["data"]["topic"]["heldEdit"] is None


async def test_who_edits_is_told_what_waits_and_what_it_would_change(
    house: House, forum: ForumStandIn
) -> None:
    given = {"requestId": "request-1", "topicId": encode_id("Topic", "c1", "t3")}
    answer = await house.ask(UPDATE, {"input": {**given, "body": "Another *text*"}})
    assert "errors" not in answer
    assert answer["data"]["updateTopic"]["heldEdit"] == {
        "state": "PENDING_REVIEW",
        "title": "Another title",
        "revisionDiff": {"laterEdition": 2, "addedTags": ["new"]},
    }
    (asked,) = [one for one in forum.requests if type(one).__name__ == "GetRevisionDiffRequest"]
    assert (asked.topic_id, asked.of_held_edit) == ("t3", True)  # type: ignore[attr-defined]
    given["requestId"] = "request-2"
    answer = await house.ask(UPDATE, {"input": {**given, "title": "Frobnicator"}})
    assert answer["data"]["updateTopic"]["heldEdit"] is None

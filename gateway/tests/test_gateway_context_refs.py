"""What topics are about in the programme, in GraphQL, beside a stand-in."""

from __future__ import annotations

from typing import Any

import pytest

from chassis.errors import FieldInvalidError
from gateway.cursors import encode_id
from gateway.tests.conftest import House
from gateway.tests.standins import ForumStandIn
from guildhall.forum.v1 import forum_pb2 as pb

C1 = encode_id("Community", "platform", "c1")
DEAL = {"system": "crm", "type": "deal", "externalId": "D-1"}
COURSE = {"system": "lms", "type": "course", "externalId": "Kurs 7/a"}
OF_DEAL = pb.ContextRef(system="crm", type="deal", external_id="D-1")
OF_COURSE = pb.ContextRef(system="lms", type="course", external_id="Kurs 7/a")
REFS = "contextRefs { system type externalId }"
TOPICS = f"""query($c: ID!, $of: ContextRefInput) {{
  topics(communityId: $c, first: 3, context: $of) {{ edges {{ node {{ {REFS} }} }} }} }}"""
OF_SPACE = f"""query($c: ID!, $of: ContextRefInput) {{ community(id: $c) {{ space(slug: "s") {{
  topics(first: 3, context: $of) {{ edges {{ node {{ {REFS} }} }} }} }} }} }}"""
CREATE = f"mutation($i: CreateTopicInput!) {{ createTopic(input: $i) {{ topic {{ {REFS} }} }} }}"
UPDATE = f"""mutation($i: UpdateTopicInput!) {{ updateTopic(input: $i) {{
  topic {{ {REFS} }} heldEdit {{ {REFS} }} }} }}"""
NEW: dict[str, Any] = {
    "requestId": "request-1",
    "spaceId": encode_id("Space", "c1", "sp1"),
    "kind": "QUESTION",
    "title": "A title",
    "body": "A body",
}
EDIT: dict[str, Any] = {"requestId": "request-1", "topicId": encode_id("Topic", "c1", "t3")}


@pytest.mark.parametrize("text", [TOPICS, OF_SPACE])
async def test_topics_about_an_object(house: House, forum: ForumStandIn, text: str) -> None:
    forum.topics[0].context_refs.extend([OF_COURSE, OF_DEAL])
    answer = await house.ask(text, {"c": C1, "of": DEAL})
    assert "errors" not in answer
    data = answer["data"]
    topics = data["topics"] if "topics" in data else data["community"]["space"]["topics"]
    found = [edge["node"]["contextRefs"] for edge in topics["edges"]]
    assert found == [[COURSE, DEAL], [], []]
    sent: Any = forum.requests[-1]
    assert sent.context == OF_DEAL


@pytest.mark.parametrize("text", [TOPICS, OF_SPACE])
async def test_topics_about_whatever(house: House, forum: ForumStandIn, text: str) -> None:
    for variables in ({"c": C1}, {"c": C1, "of": None}):
        assert "errors" not in await house.ask(text, variables)
        sent: Any = forum.requests[-1]
        assert not sent.HasField("context")


@pytest.mark.parametrize("refs", [[COURSE, DEAL], [], None])
async def test_a_topic_is_about_what_its_author_says(
    house: House, forum: ForumStandIn, refs: list[Any] | None
) -> None:
    sent: Any
    expected = [OF_COURSE, OF_DEAL] if refs else []
    assert "errors" not in await house.ask(CREATE, {"i": {**NEW, "contextRefs": refs}})
    sent = forum.requests[-1]
    assert list(sent.context_refs) == expected
    assert "errors" not in await house.ask(UPDATE, {"i": {**EDIT, "contextRefs": refs}})
    sent = forum.requests[-1]
    assert (list(sent.context_refs), sent.update_context_refs) == (expected, refs is not None)


async def test_what_waits_says_what_it_is_about(house: House, forum: ForumStandIn) -> None:
    answer = await house.ask(UPDATE, {"i": {**EDIT, "body": "Another *text*"}})
    assert answer["data"]["updateTopic"]["heldEdit"] == {"contextRefs": [DEAL]}
    assert not forum.requests[-1].update_context_refs  # type: ignore[attr-defined]


async def test_a_refusal_names_the_field_as_the_schema_does(
    house: House, forum: ForumStandIn
) -> None:
    field = "context_refs.1.external_id"
    refusal = FieldInvalidError(f"{field} must be shorter", field=field)
    forum.failures["UpdateTopic"] = refusal
    answer = await house.ask(UPDATE, {"i": {**EDIT, "contextRefs": [DEAL, COURSE]}})
    (error,) = answer["errors"]
    assert error["extensions"] == {"code": "FIELD_INVALID", "field": "contextRefs.1.externalId"}
    assert error["message"] == "contextRefs.1.externalId must be shorter"

"""Wrong arguments: each refusal names the field, as the schema spells it, and asks no service."""

from __future__ import annotations

from typing import Any

import pytest

from chassis.errors import CommunityNotFoundError, TextInvalidError
from gateway.cursors import encode_id, encode_reply_id
from gateway.execution.operations import Operations
from gateway.schema import schema
from gateway.tests.conftest import House
from gateway.tests.standins import ForumStandIn, TopicNotFoundError

C1, S1, T1 = "c1", encode_id("Space", "c1", "s1"), encode_id("Topic", "c1", "t1")
ASK = "mutation m($input: CreateTopicInput!) { createTopic(input: $input) { __typename } }"
IMPORT = "mutation m($input: ImportPostsInput!) { importPosts(input: $input) { created } }"
ARCHIVE = "mutation m($input: ArchiveTopicInput!) { archiveTopic(input: $input) { __typename } }"
HIDE = "mutation m($input: HideReplyInput!) { hideReply(input: $input) { __typename } }"
GOOD = {"requestId": "request-1", "spaceId": S1, "kind": "QUESTION", "title": "T", "body": "B"}
POST = {
    "externalId": "1",
    "kind": "QUESTION",
    "body": "B",
    "score": 1,
    "createTime": "2026-01-01T00:00:00Z",
    "persona": {"externalId": "p", "displayName": "P"},
}


@pytest.mark.parametrize(
    ("text", "variables", "fields"),
    [
        (ASK, {}, ["input"]),
        (ASK, {"input": None}, ["input"]),
        (ASK, {"input": {**GOOD, "title": 12, "kind": "NOBODY"}}, ["kind", "title"]),
        (ASK, {"input": {**GOOD, "tags": ["a", None]}}, ["tags.1"]),
        (
            ASK,
            {"input": {"kind": 1, "nobody": 1, "title": "T", "body": "B"}},
            ["requestId", "spaceId", "kind", "nobody"],
        ),
        (
            IMPORT,
            {
                "input": {
                    "requestId": "request-1",
                    "spaceId": S1,
                    "source": "s",
                    "posts": [POST, {**POST, "score": "1", "persona": {"externalId": "p"}}],
                }
            },
            ["posts.1.score", "posts.1.persona.displayName"],
        ),
        ("query q($n: Int!) { communities(first: $n) { totalCount } }", {"n": "1"}, ["first"]),
        ("query q($n: Int!) { communities(first: $n) { totalCount } }", {}, ["first"]),
        (
            "mutation m($t: String!, $tag: String!) { createTopic(input: {requestId: "
            f'"request-1", spaceId: "{S1}", kind: QUESTION, title: $t, body: "B", '
            "tags: [$tag]}) { __typename } }",
            {"t": 1, "tag": 2},
            ["title", "tags.0"],
        ),
    ],
)
async def test_a_wrong_variable_is_named_by_its_field(
    house: House, text: str, variables: dict[str, Any], fields: list[str]
) -> None:
    answer = await house.ask(text, variables)
    assert [error["extensions"] for error in answer["errors"]] == [
        {"code": "BAD_USER_INPUT", "field": field} for field in fields
    ]
    assert "data" not in answer
    assert house.forum.requests == []


async def test_many_wrong_variables_are_named_up_to_the_last(house: House) -> None:
    answer = await house.ask(ASK, {"input": {**GOOD, "tags": list(range(20))}})
    named = [error["extensions"].get("field") for error in answer["errors"]]
    assert named == [*(f"tags.{n}" for n in range(10)), None]


@pytest.mark.parametrize("expected", [0, -1])
async def test_a_version_is_never_below_one(
    house: House, forum: ForumStandIn, expected: int
) -> None:
    input_ = {"requestId": "request-1", "topicId": T1, "expectedVersion": expected}
    answer = await house.ask(ARCHIVE, {"input": input_})
    extensions = {"code": "BAD_USER_INPUT", "field": "expectedVersion"}
    assert answer["errors"][0]["extensions"] == extensions
    assert forum.requests == []


@pytest.mark.parametrize(
    "refusal",
    [CommunityNotFoundError(field="community_id"), TopicNotFoundError(field="topic_id")],
)
async def test_what_a_global_id_names_besides_is_not_told_apart(
    house: House, forum: ForumStandIn, refusal: Exception
) -> None:
    forum.failures["HideReply"] = refusal
    input_ = {
        "requestId": "request-1",
        "replyId": encode_reply_id("c9", "t9", "r9"),
        "reason": "off topic",
    }
    error = (await house.ask(HIDE, {"input": input_}))["errors"][0]
    assert error["message"] == "Reply not found"
    assert error["extensions"] == {"code": "REPLY_NOT_FOUND", "field": "replyId"}


async def test_an_imported_author_is_named_as_the_schema_does(
    house: House, forum: ForumStandIn
) -> None:
    forum.failures["ImportPosts"] = TextInvalidError(field="posts.0.persona_display_name")
    input_ = {"requestId": "request-1", "spaceId": S1, "source": "s", "posts": [POST]}
    answer = await house.ask(IMPORT, {"input": input_})
    extensions = {"code": "TEXT_INVALID", "field": "posts.0.persona.displayName"}
    assert answer["errors"][0]["extensions"] == extensions


async def test_a_sentence_names_the_field_as_the_schema_does(
    house: House, forum: ForumStandIn
) -> None:
    forum.failures["ImportPosts"] = TextInvalidError(
        "posts.0.external_id must have 1 to 100 characters, not 0", field="posts.0.external_id"
    )
    input_ = {"requestId": "request-1", "spaceId": S1, "source": "s", "posts": [POST]}
    error = (await house.ask(IMPORT, {"input": input_}))["errors"][0]
    assert error["message"] == "posts.0.externalId must have 1 to 100 characters, not 0"


@pytest.mark.parametrize(
    ("rpc", "id"),
    [
        ("BatchGetTopics", encode_id("Topic", "c9", "t1")),
        ("BatchGetReplies", encode_reply_id("c9", "t1", "r1")),
        ("BatchGetSpaces", encode_id("Space", "c9", "s1")),
    ],
)
async def test_a_node_of_a_foreign_community_is_null(
    house: House, forum: ForumStandIn, rpc: str, id: str
) -> None:
    forum.failures[rpc] = CommunityNotFoundError(field="community_id")
    answer = await house.ask("query q($id: ID!) { communityNode(id: $id) { id } }", {"id": id})
    assert answer["data"] == {"communityNode": None}
    assert "errors" not in answer


@pytest.mark.parametrize("suggestions", [False, True])
@pytest.mark.parametrize(
    ("text", "variables", "said", "suggested"),
    [
        (
            "{ viewer { isOperatr } }",
            {},
            "Cannot query field 'isOperatr' on type 'Viewer'.",
            " Did you mean 'isOperator'?",
        ),
        (
            "{ topic(id: 1) { ... on Topik { title } } }",
            {},
            "Unknown type 'Topik'.",
            " Did you mean 'Topic'?",
        ),
        (
            "{ viewer @skip(if: true, iff: true) { isOperator } }",
            {},
            "Unknown argument 'iff' on directive '@skip'.",
            " Did you mean 'if'?",
        ),
        (
            f'mutation {{ hideReply(input: {{requestId: "request-1", replyId: "{T1}", '
            'reason: "m4rk3r", reasn: "m4rk3r"}) { __typename } }',
            {},
            "Expected value of type 'HideReplyInput' not to include unknown field 'reasn'.",
            " Did you mean 'reason'?",
        ),
        (
            ASK,
            {"input": {**GOOD, "kind": "QUESTIN"}},
            "Variable '$input' has invalid value at .kind: "
            "The value does not exist in 'TopicKind' enum.",
            " Did you mean the enum value 'QUESTION'?",
        ),
        (
            ASK,
            {"input": {**GOOD, "titel": "m4rk3r", "body": "m4rk3r"}},
            "Variable '$input' has invalid value: "
            "Expected value of type 'CreateTopicInput' not to include unknown field 'titel'.",
            " Did you mean 'title'?",
        ),
        (
            ASK,
            {"input": {**GOOD, "kind": ["m4rk3r"]}},
            "Variable '$input' has invalid value at .kind: "
            "Enum 'TopicKind' cannot represent non-string value.",
            "",
        ),
    ],
)
async def test_names_are_suggested_only_where_that_is_turned_on(
    house: House,
    text: str,
    variables: dict[str, Any],
    said: str,
    suggested: str,
    *,
    suggestions: bool,
) -> None:
    """No value that was sent is shown either way."""
    if suggestions:
        object.__setattr__(house.parts, "operations", Operations(schema, suggestions=True))
    response = await house.post(text, variables)
    (error,) = response.json()["errors"]
    assert error["message"] == said + (suggested if suggestions else "")
    assert "m4rk3r" not in response.text
    assert house.forum.requests == []

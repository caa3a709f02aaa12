"""The schema over real gRPC: what is answered, by how many RPCs, and what when one fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chassis.errors import FieldInvalidError, UnavailableError
from gateway.cursors import encode_id, encode_reply_id
from gateway.schema import schema
from gateway.tests.conftest import House

COMMUNITY = encode_id("Community", "c1", "c1")
SPACE = encode_id("Space", "c1", "sp1")

LIST = """query List($community: ID!, $first: Int!, $after: String) {
  topics(communityId: $community, first: $first, after: $after) {
    edges { cursor node {
      id title state kind tags createTime editTime closeReason replyCount
      author { member { displayName } company { name } persona { displayName } }
      space { slug } community { slug }
      acceptedReply { body author { persona { displayName } } }
    } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount
  }
}"""


def test_printed_schema_is_current() -> None:
    printed = Path(__file__).parent.parent.joinpath("schema.graphql").read_text()
    assert printed == schema.as_str() + "\n", "run: python -m gateway.schema"


async def test_list_of_topics_costs_one_rpc_per_service_and_kind(house: House) -> None:
    answer = await house.ask(LIST, {"community": COMMUNITY, "first": 20})
    assert "errors" not in answer
    page = answer["data"]["topics"]
    assert len(page["edges"]) == 20
    assert page["edges"][0]["node"] == {
        "id": encode_id("Topic", "c1", "t45"),
        "title": "Topic 45",
        "state": "PUBLISHED",
        "kind": "QUESTION",
        "tags": ["a", "b"],
        "createTime": "2026-01-01T00:45:00.000Z",
        "editTime": None,
        "closeReason": None,
        "replyCount": 45,
        "author": {
            "member": {"displayName": "Person p4"},
            "company": {"name": "Company co2"},
            "persona": None,
        },
        "space": {"slug": "general"},
        "community": {"slug": "aurora"},
        "acceptedReply": {"body": "answer", "author": {"persona": {"displayName": "Ann Other"}}},
    }
    assert page["edges"][1]["node"]["acceptedReply"] is None
    assert page["totalCount"] is None
    assert house.rpcs() == {
        "ListTopics": 1,
        "BatchGetMembers": 1,
        "BatchGetCompanies": 1,
        "BatchGetSpaces": 1,
        "BatchGetCommunities": 1,
        "BatchGetReplies": 1,
    }
    assert answer["extensions"] == {"cost": {"requested": 205, "maximum": 1000}}


async def test_calls_carry_the_person_and_lookups_the_gateway(house: House) -> None:
    await house.ask(LIST, {"community": COMMUNITY, "first": 1})
    assert [actor.name for actor in house.directory.actors if actor] == [
        "service:gateway",
        *["p1"] * (len(house.directory.actors) - 1),
    ]
    actor = house.forum.actors[0]
    assert actor is not None
    assert actor.keys("c1") == ("community:c1", "company:co1@c1", "person:p1")


async def test_every_cursor_continues_where_it_stands(house: House) -> None:
    first = await house.ask(LIST, {"community": COMMUNITY, "first": 20})
    edges = first["data"]["topics"]["edges"]
    for index in (0, 7, 19):
        after = edges[index]["cursor"]
        answer = await house.ask(LIST, {"community": COMMUNITY, "first": 2, "after": after})
        titles = [edge["node"]["title"] for edge in answer["data"]["topics"]["edges"]]
        assert titles == [f"Topic {44 - index}", f"Topic {43 - index}"]
        assert answer["data"]["topics"]["pageInfo"]["hasPreviousPage"] is True
    info = first["data"]["topics"]["pageInfo"]
    assert info["startCursor"] == edges[0]["cursor"]
    assert info["endCursor"] == edges[19]["cursor"]
    assert info["hasNextPage"] is True
    seen = []
    after = None
    while True:
        page = (await house.ask(LIST, {"community": COMMUNITY, "first": 20, "after": after}))[
            "data"
        ]["topics"]
        seen += [edge["node"]["title"] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert seen == [f"Topic {number}" for number in range(45, 0, -1)]


async def test_cursor_of_another_list_person_or_hand_is_refused(house: House) -> None:
    page = await house.ask(LIST, {"community": COMMUNITY, "first": 1})
    cursor = page["data"]["topics"]["edges"][0]["cursor"]
    elsewhere = LIST.replace("first: $first,", "first: $first, unanswered: true,")
    other = house.issuer.access_token({"sub": "s2"})
    for query, after, token in (
        (elsewhere, cursor, ""),
        (LIST, cursor, other),
        (LIST, cursor[:-2] + "AA", ""),
        (LIST, "x" * 5000, ""),
        (LIST, "", ""),
        (LIST, "ünï", ""),
    ):
        variables = {"community": COMMUNITY, "first": 1, "after": after}
        answer = await house.ask(query, variables, token=token)
        assert answer["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "field": "after"}


@pytest.mark.parametrize("first", [0, -1, 101])
async def test_page_size_out_of_range_is_refused_by_name(house: House, first: int) -> None:
    answer = await house.ask(
        "query q($c: ID!, $n: Int!) { topics(communityId: $c, first: $n) { totalCount } }",
        {"c": COMMUNITY, "n": first},
    )
    assert answer["errors"][0]["message"] == f"first must be 1 to 100, it is {first}"
    assert answer["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "field": "first"}


async def test_a_service_that_is_down_nulls_its_own_fields_only(house: House) -> None:
    house.directory.failures["BatchGetCompanies"] = UnavailableError("down")
    house.directory.failures["BatchGetMembers"] = RuntimeError("a bug with secret-marker")
    answer = await house.ask(LIST, {"community": COMMUNITY, "first": 2})
    node = answer["data"]["topics"]["edges"][0]["node"]
    assert node["title"] == "Topic 45"
    assert node["author"] == {"member": None, "company": None, "persona": None}
    codes = {error["extensions"]["code"] for error in answer["errors"]}
    assert codes == {"UNAVAILABLE", "INTERNAL"}
    assert answer["errors"][0]["path"][:4] == ["topics", "edges", 0, "node"]
    assert "secret-marker" not in str(answer)


@pytest.mark.parametrize(
    ("rpc", "page"),
    [("ListTopics", f'topics(communityId: "{COMMUNITY}", '), ("ListCommunities", "communities(")],
)
async def test_a_page_whose_service_is_away_nulls_no_other_page(
    house: House, rpc: str, page: str
) -> None:
    for stand_in in (house.forum, house.directory):
        stand_in.failures[rpc] = UnavailableError("down")
    text = f"query q {{ viewer {{ isOperator }} page: {page}first: 1) {{ edges {{ cursor }} }} }}"
    answer = await house.ask(text)
    assert answer["data"] == {"viewer": {"isOperator": False}, "page": None}
    assert answer["errors"] == [
        {"message": "down", "path": ["page"], "extensions": {"code": "UNAVAILABLE"}}
    ]


async def test_a_whole_service_that_is_away_nulls_its_own_fields(house: House) -> None:
    await house.loopback._servers[1].stop(0)
    query = """{ viewer { isOperator }
      community(slug: "aurora") { name spaces(first: 3) { totalCount } } }"""
    answer = await house.ask(query)
    assert answer["data"] == {
        "viewer": {"isOperator": False},
        "community": {"name": "Aurora", "spaces": None},
    }
    assert answer["errors"][0]["extensions"]["code"] == "UNAVAILABLE"


async def test_nested_lists_are_fetched_level_by_level(house: House) -> None:
    query = """query q($c: ID!) { topics(communityId: $c, first: 5) { edges { node {
      replies(first: 3) { edges { cursor node {
        body topic { title } author { persona { displayName } } } } }
    } } } }"""
    answer = await house.ask(query, {"c": COMMUNITY})
    assert "errors" not in answer
    assert house.rpcs() == {"ListTopics": 1, "ListReplies": 5, "BatchGetTopics": 1}
    replies = answer["data"]["topics"]["edges"][0]["node"]["replies"]["edges"]
    assert [edge["node"]["topic"]["title"] for edge in replies] == ["Topic 45"] * 3


async def test_more_rpcs_than_the_budget_null_the_rest(house: House) -> None:
    query = """query q($c: ID!) { topics(communityId: $c, first: 40) { edges { node {
      title replies(first: 1) { edges { node { body } } } } } } }"""
    answer = await house.ask(query, {"c": COMMUNITY})
    assert house.rpcs()["ListReplies"] == 29
    codes = [error["extensions"]["code"] for error in answer["errors"]]
    assert codes == ["RPC_BUDGET_EXCEEDED"] * 11
    told = [error["extensions"] for error in answer["errors"]]
    assert {(one["limit"], one["maximum"]) for one in told} == {("calls of services", 30)}
    assert sorted(one["actual"] for one in told) == list(range(31, 42))
    assert answer["data"]["topics"]["edges"][39]["node"]["title"] == "Topic 6"


async def test_fragments_aliases_and_directives_select_what_is_fetched(house: House) -> None:
    query = """query q($c: ID!, $yes: Boolean!, $no: Boolean!) {
      topics(communityId: $c, first: 2) { edges { node {
        ...T ... @include(if: $no) { space { name } } } } }
    }
    fragment T on Topic { who: author { ...A } place: space @skip(if: $yes) { name }
      ... on CommunityNode { id } ... on Topic { last: acceptedReply { id } } }
    fragment A on Author { member { displayName } }"""
    answer = await house.ask(query, {"c": COMMUNITY, "yes": True, "no": False})
    assert "errors" not in answer
    assert answer["data"]["topics"]["edges"][0]["node"]["who"] == {
        "member": {"displayName": "Person p4"}
    }
    assert house.rpcs() == {"ListTopics": 1, "BatchGetMembers": 1, "BatchGetReplies": 1}


async def test_texts_are_fetched_only_where_they_are_asked_for(house: House) -> None:
    query = """query q($c: ID!, $after: String, $yes: Boolean = true) {
      topics(communityId: $c, first: 2, after: $after) { edges { node {
        title @include(if: $yes) acceptedReply { id %s } } } pageInfo { endCursor } }
      others: topics(communityId: $c, first: 2) { edges { node { ...T } } } }
    fragment T on Topic { %s author { persona { displayName } } }"""
    answer = await house.ask(query % ("", "slug"), {"c": COMMUNITY})
    assert "errors" not in answer
    asked = house.forum.requests
    assert {type(one).__name__ for one in asked} == {"ListTopicsRequest", "BatchGetRepliesRequest"}
    assert all(one.without_texts for one in asked)  # type: ignore[attr-defined]
    cursor = answer["data"]["topics"]["pageInfo"]["endCursor"]
    for shown, text in (("bodyHtml", "<p>text</p>"), ("words: body @include(if: $yes)", "text")):
        asked.clear()
        # A cursor of the list without texts goes on in the one with them.
        variables = {"c": COMMUNITY, "after": cursor}
        answer = await house.ask(query % (shown, shown), variables)
        assert "errors" not in answer
        assert not any(one.without_texts for one in asked)  # type: ignore[attr-defined]
        node = answer["data"]["others"]["edges"][0]["node"]
        assert node[shown.partition(":")[0]] == text
        nodes = [edge["node"]["acceptedReply"] for edge in answer["data"]["topics"]["edges"]]
        found = {one[shown.partition(":")[0]] for one in nodes if one is not None}
        assert found == {text.replace("text", "answer")}


async def test_viewer_is_null_for_nobody_and_all_else_is_refused(house: House) -> None:
    answer = await house.ask("{ viewer { isOperator } }", token=None)
    assert answer["data"] == {"viewer": None}
    answer = await house.ask(
        f'{{ topic(id: "{encode_id("Topic", "c1", "t1")}") {{ title }} }}', token=None
    )
    assert answer["data"] == {"topic": None}
    assert answer["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}
    assert house.rpcs() == {}


async def test_viewer_tells_person_and_memberships(house: House) -> None:
    answer = await house.ask(
        "{ viewer { isOperator person { id displayName email } memberships { roles trustLevel "
        "community { slug vendor { name } } company { name } } } }"
    )
    assert answer["data"]["viewer"] == {
        "isOperator": False,
        "person": {
            "id": encode_id("Person", "platform", "p1"),
            "displayName": "Edda Engineer",
            "email": "engineer@kestrel.example",
        },
        "memberships": [
            {
                "roles": ["MEMBER", "MODERATOR"],
                "trustLevel": "BASIC",
                "community": {"slug": "aurora", "vendor": {"name": "Company co9"}},
                "company": {"name": "Company co1"},
            }
        ],
    }


@pytest.mark.parametrize(
    ("id", "typename"),
    [
        (encode_id("Topic", "c1", "t3"), "Topic"),
        (encode_id("Space", "c1", "sp1"), "Space"),
        (encode_id("Member", "c1", "p2"), "Member"),
        (encode_id("Company", "platform", "co1"), "Company"),
        (encode_id("Person", "platform", "p1"), "Person"),
        (COMMUNITY, "Community"),
        (encode_reply_id("c1", "t3", "r3"), "Reply"),
    ],
)
async def test_community_node_finds_every_kind_again(house: House, id: str, typename: str) -> None:
    query = """query q($id: ID!) { communityNode(id: $id) { __typename id
      ... on Topic { author { member { displayName } } } ... on Member { company { name } } } }"""
    answer = await house.ask(query, {"id": id})
    assert "errors" not in answer
    assert answer["data"]["communityNode"]["__typename"] == typename
    assert answer["data"]["communityNode"]["id"] == id


async def test_what_is_not_there_is_null_and_what_is_no_id_is_refused(house: House) -> None:
    query = "query q($id: ID!) { topic(id: $id) { title } }"
    for missing in (encode_id("Topic", "c1", "t999"), encode_id("Topic", "c9", "t1")):
        answer = await house.ask(query, {"id": missing})
        assert answer["data"] == {"topic": None}
        assert "errors" not in answer
    for bad in ("", "x", SPACE, encode_id("Topic", "c1", "a b"), SPACE + "=", "é", "A" * 9999):
        answer = await house.ask(query, {"id": bad})
        assert answer["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "field": "id"}


async def test_mutation_hands_the_request_on_and_the_response_back(house: House) -> None:
    answer = await house.ask(
        """mutation m($input: CreateTopicInput!) { createTopic(input: $input) {
          topic { title author { company { name } } } } }""",
        {
            "input": {
                "requestId": "request-1",
                "spaceId": SPACE,
                "kind": "QUESTION",
                "title": "How?",
                "body": "So **many** ways",
                "tags": ["x"],
            }
        },
    )
    assert answer["data"] == {
        "createTopic": {"topic": {"title": "How?", "author": {"company": {"name": "Company co2"}}}}
    }
    request: Any = house.forum.requests[0]
    assert request.request_id == "request-1"
    assert request.community_id == "c1"
    assert request.space_id == "sp1"
    assert request.kind == 1
    assert request.body == "So **many** ways"
    assert list(request.tags) == ["x"]


async def test_refusal_of_a_service_keeps_its_reason_field_and_retry(house: House) -> None:
    class PostingTooFastError(UnavailableError):
        status = "RESOURCE_EXHAUSTED"

    house.forum.failures["HideReply"] = PostingTooFastError(
        "slow down", field="reply_id", retry_after=2
    )
    answer = await house.ask(
        "mutation m($input: HideReplyInput!) { hideReply(input: $input) { reply { id } } }",
        {
            "input": {
                "requestId": "request-1",
                "replyId": encode_reply_id("c1", "t1", "r1"),
                "reason": "spam",
            }
        },
    )
    assert answer["errors"] == [
        {
            "message": "slow down",
            "path": ["hideReply"],
            "extensions": {"code": "POSTING_TOO_FAST", "field": "replyId", "retryAfter": 2.0},
        }
    ]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("MOVE needs target_space_id", "MOVE needs targetSpaceId"),
        ("target_space_id must be another space", "targetSpaceId must be another space"),
        ("it is no former_target_space_id", "it is no former_target_space_id"),
    ],
)
async def test_a_refusal_names_its_field_as_clients_do(house: House, said: str, told: str) -> None:
    house.forum.failures["HideReply"] = FieldInvalidError(said, field="target_space_id")
    answer = await house.ask(
        "mutation m($input: HideReplyInput!) { hideReply(input: $input) { reply { id } } }",
        {
            "input": {
                "requestId": "request-1",
                "replyId": encode_reply_id("c1", "t1", "r1"),
                "reason": "spam",
            }
        },
    )
    assert answer["errors"][0]["message"] == told
    assert answer["errors"][0]["extensions"]["field"] == "targetSpaceId"


async def test_import_posts_hands_a_hundred_posts_on(house: House) -> None:
    posts = [
        {
            "externalId": str(number),
            "kind": "QUESTION",
            "title": f"Question {number}",
            "body": "text " * 20,
            "tags": ["a"],
            "score": -1,
            "createTime": "2014-05-13T23:58:30.457Z",
            "acceptedAnswerExternalId": "7",
            "persona": {"externalId": "5", "displayName": "Ann"},
        }
        for number in range(100)
    ]
    answer = await house.ask(
        """mutation ImportPosts($input: ImportPostsInput!) {
          importPosts(input: $input) { created alreadyThere } }""",
        {"input": {"requestId": "import-1", "spaceId": SPACE, "source": "se", "posts": posts}},
    )
    assert answer["data"] == {"importPosts": {"created": 100, "alreadyThere": 0}}
    request: Any = house.forum.requests[0]
    assert request.posts[99].external_id == "99"
    assert request.posts[0].create_time.ToMilliseconds() == 1400025510457
    assert request.posts[0].persona_display_name == "Ann"
    assert request.posts[0].accepted_answer_external_id == "7"
    assert not request.posts[0].HasField("edit_time")


async def test_import_posts_hands_on_files(house: House) -> None:
    file = encode_id("Attachment", "c1", "f1")
    question = {
        "externalId": "q",
        "kind": "QUESTION",
        "title": "Why?",
        "body": "Look at it.",
        "score": 0,
        "createTime": "2014-05-13T23:58:30.457Z",
        "persona": {"externalId": "5", "displayName": "Ann"},
        "attachmentIds": [file],
    }
    given = {"requestId": "import-1", "spaceId": SPACE, "source": "se", "posts": [question]}
    mutation = """mutation ImportPosts($input: ImportPostsInput!) {
      importPosts(input: $input) { created } }"""
    await house.ask(mutation, {"input": given})
    (post,) = house.forum.requests[0].posts  # type: ignore[attr-defined]
    assert list(post.attachment_ids) == ["f1"]
    given["posts"] = [question, {**question, "externalId": "r", "attachmentIds": [file, SPACE]}]
    answer = await house.ask(mutation, {"input": given})
    assert answer["errors"][0]["extensions"] == {
        "code": "BAD_USER_INPUT",
        "field": "posts.1.attachmentIds.1",
    }


async def test_import_posts_hands_on_what_an_answer_replies_to(house: House) -> None:
    answer = {
        "externalId": "a2",
        "kind": "ANSWER",
        "questionExternalId": "q",
        "parentAnswerExternalId": "a1",
        "body": "Thanks",
        "score": 0,
        "createTime": "2014-05-13T23:58:30.457Z",
        "persona": {"externalId": "5", "displayName": "Ann"},
    }
    await house.ask(
        """mutation ImportPosts($input: ImportPostsInput!) {
          importPosts(input: $input) { created } }""",
        {"input": {"requestId": "import-1", "spaceId": SPACE, "source": "se", "posts": [answer]}},
    )
    (post,) = house.forum.requests[0].posts  # type: ignore[attr-defined]
    assert (post.question_external_id, post.parent_answer_external_id) == ("q", "a1")

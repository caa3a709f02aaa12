"""Search over real gRPC: what is asked of whom, and that owners have the last word."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

from chassis.errors import FieldInvalidError, RoleRequiredError, UnavailableError
from chassis.testing import Loopback
from gateway.cursors import encode_id, encode_reply_id
from gateway.tests.announcements_standin import AnnouncementStandIn
from gateway.tests.conftest import House
from gateway.tests.staff_standins import (
    SearchStandIn,
    SearchUnavailableError,
    StaffDirectory,
    WalledForum,
    add_search,
)
from guildhall.forum.v1 import announcements_pb2, forum_pb2
from guildhall.search.v1 import search_pb2

C1, C2 = encode_id("Community", "c1", "c1"), encode_id("Community", "c2", "c2")
TOPIC, REPLY = search_pb2.KIND_TOPIC, search_pb2.KIND_REPLY
ANNOUNCEMENT = search_pb2.KIND_ANNOUNCEMENT
MEMBER, COMPANY, SPACE = search_pb2.KIND_MEMBER, search_pb2.KIND_COMPANY, search_pb2.KIND_SPACE

SEARCH = """query Search($query: String, $first: Int!, $after: String, $communities: [ID!]) {
  search(query: $query, first: $first, after: $after, communityIds: $communities) {
    totalCount
    facets { name values { value label count } }
    pageInfo { hasNextPage endCursor }
    edges { cursor score titleHighlight bodyHighlight node { __typename
      ... on CommunityNode { id }
      ... on Topic { title author { member { displayName } } }
      ... on Reply { body topic { title } }
      ... on Member { displayName }
      ... on Company { name }
      ... on Space { slug } } }
  }
}"""


def hit(kind: int, id: str, community: str = "c1") -> search_pb2.Hit:
    return search_pb2.Hit(
        kind=search_pb2.Kind.ValueType(kind),
        community_id=community,
        id=id,
        score=2.5,
        title_highlight=f"<mark>{id}</mark>",
        page_token=f"token-{community}-{id}",
    )


@pytest.fixture
def directory() -> StaffDirectory:
    return StaffDirectory()  # type: ignore[abstract]


@pytest.fixture
def forum() -> WalledForum:
    return WalledForum()  # type: ignore[abstract]


@pytest_asyncio.fixture
async def search(loopback: Loopback) -> SearchStandIn:
    standin = SearchStandIn()
    await loopback.serve("search", add_search(standin))
    return standin


def found(search: SearchStandIn, *hits: search_pb2.Hit, **more: Any) -> None:
    search.found = search_pb2.SearchResponse(hits=hits, **more)


async def test_search_asks_each_owner_once_a_kind_and_community(
    search: SearchStandIn, house: House
) -> None:
    found(
        search,
        hit(TOPIC, "t3"),
        hit(TOPIC, "t4"),
        hit(TOPIC, "t5", "c2"),
        hit(REPLY, "r3"),
        hit(MEMBER, "p2"),
        hit(MEMBER, "p3"),
        hit(COMPANY, "co2"),
        hit(SPACE, "sp1"),
        total=8,
        facets=[
            search_pb2.Facet(
                name="community",
                values=[
                    search_pb2.FacetValue(value="c1", count=7),
                    search_pb2.FacetValue(value="c2", count=1),
                ],
            ),
            search_pb2.Facet(name="kind", values=[search_pb2.FacetValue(value="TOPIC", count=3)]),
        ],
    )
    query = """query q { search(query: "x", first: 10) { edges { node { __typename
      ... on Topic { title } ... on Reply { body } ... on Member { displayName } } } } }"""
    answer = await house.ask(query)
    assert "errors" not in answer
    assert house.rpcs() == {
        "BatchGetPosts": 1,
        "BatchGetTopics": 1,  # of the community with no reply among the hits
        "BatchGetMembers": 1,
        "BatchGetCompanies": 1,
        "BatchGetSpaces": 1,
    }
    assert search.calls == {"Search": 1}
    answer = await house.ask(SEARCH, {"query": "x", "first": 10})
    assert "errors" not in answer
    page = answer["data"]["search"]
    assert page["totalCount"] == 8
    assert page["facets"] == [
        {
            "name": "community",
            "values": [
                {"value": C1, "label": "Aurora", "count": 7},
                {"value": C2, "label": None, "count": 1},
            ],
        },
        {"name": "kind", "values": [{"value": "TOPIC", "label": None, "count": 3}]},
    ]
    assert [edge["node"] for edge in page["edges"]] == [
        {
            "__typename": "Topic",
            "id": encode_id("Topic", "c1", "t3"),
            "title": "Topic 3",
            "author": {"member": {"displayName": "Person p4"}},
        },
        {
            "__typename": "Topic",
            "id": encode_id("Topic", "c1", "t4"),
            "title": "Topic 4",
            "author": {"member": {"displayName": "Person p5"}},
        },
        {
            "__typename": "Topic",
            "id": encode_id("Topic", "c1", "t5"),
            "title": "Topic 5",
            "author": {"member": {"displayName": "Person p6"}},
        },
        {
            "__typename": "Reply",
            "id": encode_reply_id("c1", "t3", "r3"),
            "body": "answer",
            "topic": {"title": "Topic 3"},
        },
        {
            "__typename": "Member",
            "id": encode_id("Member", "c1", "p2"),
            "displayName": "Person p2",
        },
        {
            "__typename": "Member",
            "id": encode_id("Member", "c1", "p3"),
            "displayName": "Person p3",
        },
        {
            "__typename": "Company",
            "id": encode_id("Company", "platform", "co2"),
            "name": "Company co2",
        },
        {"__typename": "Space", "id": encode_id("Space", "c1", "sp1"), "slug": "general"},
    ]
    assert page["edges"][0]["titleHighlight"] == "<mark>t3</mark>"
    assert page["edges"][0]["bodyHighlight"] is None
    assert page["edges"][0]["score"] == 2.5


async def test_topics_of_replies_come_with_the_topics_that_were_found(
    search: SearchStandIn, house: House
) -> None:
    reply = hit(REPLY, "r3")
    reply.topic_id = "t3"
    found(search, hit(TOPIC, "t4"), reply, total=2)
    query = """query q($with: Boolean!) { search(query: "x", first: 10) { edges { node {
      ... on Topic { title } ... on Reply { topic @include(if: $with) { id title } } } } } }"""
    answer = await house.ask(query, {"with": True})
    assert "errors" not in answer
    nodes = [edge["node"] for edge in answer["data"]["search"]["edges"]]
    assert nodes[1]["topic"]["id"] == encode_id("Topic", "c1", "t3")
    assert house.rpcs() == {"BatchGetPosts": 1}
    house.forum.requests.clear()
    await house.ask(query, {"with": False})
    (asked,) = [one for one in house.forum.requests if hasattr(one, "topic_ids")]
    assert list(asked.topic_ids) == ["t4"]


async def test_only_what_is_selected_is_asked_for(search: SearchStandIn, house: House) -> None:
    found(search, hit(TOPIC, "t3"), total=1)
    for selection, wanted in (
        ("edges { cursor }", ()),
        ("totalCount", ("with_total",)),
        ("...F", ("with_facets",)),
        ("facets @skip(if: true) { name } pageInfo { hasNextPage }", ()),
        ("edges { ... { titleHighlight } }", ("with_highlights",)),
        ("edges { bodyHighlight } totalCount", ("with_highlights", "with_total")),
    ):
        query = f"query q {{ search(first: 3) {{ {selection} }} }}"
        if "...F" in selection:
            query += " fragment F on SearchConnection { facets { name } }"
        answer = await house.ask(query)
        assert "errors" not in answer
        expected = search_pb2.SearchRequest(sort=search_pb2.SORT_RELEVANCE, page_size=3)
        for name in wanted:
            setattr(expected, name, True)
        assert search.requests.pop() == expected
    house.forum.calls.clear()
    await house.ask("query q { search(first: 3) { totalCount } }")
    assert house.rpcs() == {}


async def test_facets_of_topics_are_named_as_the_filters_are_spelled(
    search: SearchStandIn, house: House
) -> None:
    kinds = [search_pb2.FacetValue(value="IDEA", count=2)]
    states = [search_pb2.FacetValue(value="CLOSED", count=1)]
    facets = {"topic_kind": kinds, "topic_state": states}
    found(search, facets=[search_pb2.Facet(name=n, values=v) for n, v in facets.items()])
    query = "query q { search(first: 3) { facets { name values { value label count } } } }"
    answer = await house.ask(query)
    assert answer["data"]["search"]["facets"] == [
        {"name": "topicKind", "values": [{"value": "IDEA", "label": None, "count": 2}]},
        {"name": "topicState", "values": [{"value": "CLOSED", "label": None, "count": 1}]},
    ]


async def test_a_state_that_nobody_finds_is_refused_by_its_argument(
    search: SearchStandIn, house: House
) -> None:
    refusal = FieldInvalidError("topic_states is none of the known ones", field="topic_states")
    search.failures["Search"] = refusal
    query = "query q { search(first: 3, topicStates: [HIDDEN]) { totalCount } }"
    answer = await house.ask(query)
    assert answer["data"] == {"search": None}
    extensions = {"code": "FIELD_INVALID", "field": "topicStates"}
    assert answer["errors"][0]["extensions"] == extensions
    request: Any = search.requests[-1]
    assert request.topic_states == [forum_pb2.TOPIC_STATE_HIDDEN]


async def test_a_cursor_is_of_one_kind_and_state(search: SearchStandIn, house: House) -> None:
    found(search, hit(TOPIC, "t3"), next_page_token="token-c1-t3")
    query = """query q($after: String, $kinds: [TopicKind!], $states: [TopicState!]) {
      search(first: 1, after: $after, topicKinds: $kinds, topicStates: $states) {
        pageInfo { endCursor } } }"""
    narrow = {"kinds": ["IDEA"], "states": ["CLOSED"]}
    page = (await house.ask(query, narrow))["data"]["search"]
    after = page["pageInfo"]["endCursor"]
    assert "errors" not in await house.ask(query, {**narrow, "after": after})
    for other in ({"kinds": ["ARTICLE"]}, {"states": ["ARCHIVED"]}, {"kinds": None}):
        answer = await house.ask(query, {**narrow, **other, "after": after})
        assert answer["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "field": "after"}


async def test_arguments_are_handed_on(search: SearchStandIn, house: House) -> None:
    query = """query q($space: ID, $author: ID, $communities: [ID!]) { search(query: "a b",
      first: 7, communityIds: $communities, kinds: [TOPIC, SPACE], tags: ["x"], spaceId: $space,
      authorId: $author, fromTime: "2026-01-01T00:00:00Z", toTime: "2026-01-01T00:00:02Z",
      unanswered: true, topicKinds: [IDEA, QUESTION], topicStates: [CLOSED], sort: NEWEST) {
      pageInfo { hasNextPage } } }"""
    given = {
        "space": encode_id("Space", "c1", "sp1"),
        "author": encode_id("Person", "platform", "p2"),
    }
    assert "errors" not in await house.ask(query, given)
    expected = search_pb2.SearchRequest(
        query="a b",
        community_ids=["c1"],
        kinds=[search_pb2.KIND_TOPIC, search_pb2.KIND_SPACE],
        tags=["x"],
        space_id="sp1",
        author_id="p2",
        unanswered=True,
        topic_kinds=[forum_pb2.TOPIC_KIND_IDEA, forum_pb2.TOPIC_KIND_QUESTION],
        topic_states=[forum_pb2.TOPIC_STATE_CLOSED],
        sort=search_pb2.SORT_NEWEST,
        page_size=7,
    )
    expected.from_time.FromJsonString("2026-01-01T00:00:00Z")
    expected.to_time.FromJsonString("2026-01-01T00:00:02Z")
    assert search.requests == [expected]
    member = {"author": encode_id("Member", "c2", "p2")}
    assert "errors" not in await house.ask(query, member)
    request: Any = search.requests[-1]
    assert (list(request.community_ids), request.author_id) == (["c2"], "p2")
    for field, variables in (
        ("spaceId", {**given, "author": member["author"]}),
        ("authorId", {**member, "communities": [C1]}),
        ("communityIds.0", {"communities": [given["space"]]}),
        ("authorId", {"author": C1}),
    ):
        answer = await house.ask(query, variables)
        assert answer["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "field": field}
        assert answer["data"] == {"search": None}
    assert len(search.requests) == 2


async def test_what_its_owner_does_not_show_is_dropped_with_its_highlight(
    search: SearchStandIn, house: House, forum: WalledForum
) -> None:
    forum.hidden = {"t4", "r9", "sp2"}
    found(
        search,
        hit(TOPIC, "t3"),
        hit(TOPIC, "t4"),
        hit(TOPIC, "t999"),
        hit(REPLY, "r9"),
        hit(SPACE, "sp2"),
        hit(MEMBER, "gone"),
        hit(COMPANY, "elsewhere"),
        hit(0, "of a kind we do not know"),
        next_page_token="further",
    )
    answer = await house.ask(SEARCH, {"first": 8})
    assert "errors" not in answer
    page = answer["data"]["search"]
    assert [edge["node"]["title"] for edge in page["edges"]] == ["Topic 3"]
    assert "t4" not in str(answer)
    # Also where nobody asks for the objects themselves.
    query = "query q { search(first: 8) { edges { titleHighlight } } }"
    answer = await house.ask(query)
    assert answer["data"]["search"]["edges"] == [{"titleHighlight": "<mark>t3</mark>"}]


async def test_announcements_are_shown_as_to_a_reader_and_what_was_taken_back_is_not(
    search: SearchStandIn, house: House, announcements: AnnouncementStandIn
) -> None:
    announcements.walled, announcements.withdrawn = {"a2"}, {"a3"}
    found(search, *(hit(ANNOUNCEMENT, f"a{number}") for number in (1, 2, 3, 9)))
    search.suggested = [
        search_pb2.Suggestion(text=id_, kind=ANNOUNCEMENT, community_id="c1", id=id_)
        for id_ in ("a1", "a2", "a3")
    ]
    query = """query q { search(first: 8, kinds: [ANNOUNCEMENT]) { edges { titleHighlight node {
      __typename ... on Announcement { id title } } } }
      suggest(prefix: "a") { text kind node { __typename ... on Announcement { title } } } }"""
    answer = await house.ask(query)
    assert "errors" not in answer
    node = {"__typename": "Announcement", "id": encode_id("Announcement", "c1", "a1")}
    assert answer["data"] == {
        "search": {
            "edges": [
                {"titleHighlight": "<mark>a1</mark>", "node": {**node, "title": "News 1 <b>&"}}
            ]
        },
        "suggest": [
            {
                "text": "a1",
                "kind": "ANNOUNCEMENT",
                "node": {"__typename": "Announcement", "title": "News 1 <b>&"},
            }
        ],
    }
    asked = [
        one
        for one in announcements.requests
        if isinstance(one, announcements_pb2.BatchGetAnnouncementsRequest)
    ]
    assert asked
    assert all(one.as_reader for one in asked)
    (request,) = [one for one in search.requests if isinstance(one, search_pb2.SearchRequest)]
    assert request.kinds == [ANNOUNCEMENT]


async def test_a_page_of_which_nothing_is_shown_goes_on(
    search: SearchStandIn, house: House, forum: WalledForum
) -> None:
    forum.hidden = {"t3"}
    found(search, hit(TOPIC, "t3"), next_page_token="further")
    page = (await house.ask(SEARCH, {"first": 1}))["data"]["search"]
    assert page["edges"] == []
    assert page["pageInfo"]["hasNextPage"] is True
    await house.ask(SEARCH, {"first": 1, "after": page["pageInfo"]["endCursor"]})
    request: Any = search.requests[-1]
    assert request.page_token == "further"


async def test_cursors_are_of_one_search_whatever_is_selected(
    search: SearchStandIn, house: House
) -> None:
    found(search, hit(TOPIC, "t3"), hit(TOPIC, "t4"), next_page_token="token-c1-t4")
    page = (await house.ask(SEARCH, {"query": "x", "first": 2}))["data"]["search"]
    assert page["edges"][1]["cursor"] == page["pageInfo"]["endCursor"]
    query = 'query q($after: String) { search(query: "x", first: 5, after: $after) { totalCount } }'
    after = page["edges"][0]["cursor"]
    assert "errors" not in await house.ask(query, {"after": after})
    request: Any = search.requests[-1]
    assert (request.page_token, request.page_size) == ("token-c1-t3", 5)
    other = query.replace('"x"', '"y"')
    answer = await house.ask(other, {"after": after})
    assert answer["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "field": "after"}


async def test_an_owner_who_does_not_answer_nulls_its_own_nodes(
    search: SearchStandIn, house: House
) -> None:
    found(search, hit(TOPIC, "t3"), hit(MEMBER, "p2"))
    house.directory.failures["BatchGetMembers"] = UnavailableError("down")
    query = "query q { search(first: 2) { edges { titleHighlight node { __typename } } } }"
    answer = await house.ask(query)
    assert answer["data"]["search"]["edges"] == [
        {"titleHighlight": "<mark>t3</mark>", "node": {"__typename": "Topic"}},
        {"titleHighlight": None, "node": None},
    ]
    [error] = answer["errors"]
    assert error["extensions"] == {"code": "UNAVAILABLE"}
    assert error["path"] == ["search", "edges", 1, "node"]


async def test_search_that_is_away_nulls_itself(search: SearchStandIn, house: House) -> None:
    search.failures["Search"] = SearchUnavailableError("no index")
    answer = await house.ask(
        "query q { search(first: 1) { totalCount } viewer { isOperator } }",
    )
    assert answer["data"] == {"search": None, "viewer": {"isOperator": False}}
    assert answer["errors"][0]["extensions"] == {"code": "SEARCH_UNAVAILABLE"}
    answer = await house.ask("query q { search(first: 1) { totalCount } }", token=None)
    assert answer["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}


@pytest.mark.parametrize(
    ("rpc", "field"),
    [
        ("Search", "search(first: 1) { totalCount }"),
        ("Suggest", 'suggest(prefix: "a") { text }'),
        ("FindSimilar", 'similarTopics(communityId: "%s", title: "a") { title }'),
    ],
)
async def test_a_search_service_that_is_away_is_the_same_outage(
    search: SearchStandIn, house: House, rpc: str, field: str
) -> None:
    search.failures[rpc] = UnavailableError("the store cannot be reached")
    field = field.replace("%s", C1)
    answer = await house.ask(f"query q {{ {field} viewer {{ isOperator }} }}")
    assert answer["data"]["viewer"] == {"isOperator": False}
    [error] = answer["errors"]
    assert error["extensions"] == {"code": "SEARCH_UNAVAILABLE", "retryAfter": 1.0}


async def test_a_total_costs_once_a_page(search: SearchStandIn, house: House) -> None:
    for size in (1, 50):
        plain = f"query q {{ search(first: {size}) {{ edges {{ cursor }} }} }}"
        counted = plain.replace("edges", "totalCount edges")
        costs = [
            (await house.ask(query))["extensions"]["cost"]["requested"]
            for query in (plain, counted)
        ]
        assert costs[1] == costs[0] + 5


async def test_facets_cost_once_a_page(search: SearchStandIn, house: House) -> None:
    plain = "query q { search(first: 50) { edges { node { ... on Topic { title } } } } }"
    facets = plain.replace("edges", "facets { name values { value count } } edges")
    costs = [
        (await house.ask(query))["extensions"]["cost"]["requested"] for query in (plain, facets)
    ]
    assert costs == [10 + 50, 10 + 50 + 110]


async def test_suggest_gives_texts_only_of_what_its_owner_shows_now(
    search: SearchStandIn, house: House, forum: WalledForum
) -> None:
    """The index may not have heard: what was hidden a second ago has no title any more."""
    forum.hidden = {"t4"}
    search.suggested = [
        search_pb2.Suggestion(text="Topic 3", kind=TOPIC, community_id="c1", id="t3"),
        search_pb2.Suggestion(text="Topic 4", kind=TOPIC, community_id="c1", id="t4"),
    ]
    query = 'query q($c: [ID!]) { suggest(prefix: "To", communityIds: $c) { text kind %s } }'
    answer = await house.ask(query % "", {"c": [C1]})
    assert answer["data"]["suggest"] == [{"text": "Topic 3", "kind": "TOPIC"}]
    assert search.requests == [search_pb2.SuggestRequest(prefix="To", community_ids=["c1"])]
    assert house.rpcs() == {"BatchGetTopics": 1}
    more = "community { slug } node { ... on Topic { title } }"
    answer = await house.ask(query % more)
    assert answer["data"]["suggest"] == [
        {
            "text": "Topic 3",
            "kind": "TOPIC",
            "community": {"slug": "aurora"},
            "node": {"title": "Topic 3"},
        },
    ]
    assert house.rpcs() == {"BatchGetTopics": 2, "BatchGetCommunities": 1}


async def test_without_the_owner_nothing_is_suggested(
    search: SearchStandIn, house: House, forum: WalledForum
) -> None:
    forum.failures["BatchGetTopics"] = UnavailableError("the store cannot be reached")
    search.suggested = [
        search_pb2.Suggestion(text="Topic 3", kind=TOPIC, community_id="c1", id="t3"),
    ]
    answer = await house.ask('query q { suggest(prefix: "To") { text } }')
    assert answer["data"]["suggest"] == []


async def test_similar_topics_are_those_that_the_forum_shows_now(
    search: SearchStandIn, house: House, forum: WalledForum
) -> None:
    forum.hidden = {"t4"}
    search.similar = ["t7", "t4", "t3"]
    query = """query q($c: ID!, $t: [String!]) {
      similarTopics(communityId: $c, title: "Radio", body: "It *blinks*", tags: $t) {
        title author { member { displayName } } } }"""
    answer = await house.ask(query, {"c": C1, "t": ["pairing"]})
    assert [one["title"] for one in answer["data"]["similarTopics"]] == ["Topic 7", "Topic 3"]
    assert search.requests == [
        search_pb2.FindSimilarRequest(
            community_id="c1", title="Radio", body="It *blinks*", tags=["pairing"]
        )
    ]
    assert house.rpcs() == {"BatchGetTopics": 1, "BatchGetMembers": 1}


async def test_related_topics_are_like_the_topic_but_not_it(
    search: SearchStandIn, house: House, forum: WalledForum
) -> None:
    search.similar = ["t7"]
    query = "query q($id: ID!) { relatedTopics(topicId: $id) { title } }"
    answer = await house.ask(query, {"id": encode_id("Topic", "c1", "t3")})
    assert answer["data"] == {"relatedTopics": [{"title": "Topic 7"}]}
    (request,) = search.requests
    assert isinstance(request, search_pb2.FindSimilarRequest)
    assert (request.title, request.except_topic_id) == ("Topic 3", "t3")


async def test_nothing_is_related_to_what_is_not_there(
    search: SearchStandIn, house: House, forum: WalledForum
) -> None:
    query = "query q($id: ID!) { relatedTopics(topicId: $id) { title } }"
    answer = await house.ask(query, {"id": encode_id("Topic", "c1", "t999")})
    assert answer["data"] == {"relatedTopics": None}
    assert search.requests == []


async def test_synonyms_are_read_and_replaced(search: SearchStandIn, house: House) -> None:
    query = "query q($id: ID!) { synonyms(communityId: $id) { version sets { phrases } } }"
    answer = await house.ask(query, {"id": C1})
    synonyms = {"version": 3, "sets": [{"phrases": ["mttr", "time to repair"]}]}
    assert answer["data"] == {"synonyms": synonyms}
    below = 'query q { community(slug: "aurora") { synonyms { version sets { phrases } } } }'
    assert (await house.ask(below))["data"] == {"community": {"synonyms": synonyms}}
    mutation = """mutation m($input: UpdateSynonymsInput!) { updateSynonyms(input: $input) {
      synonyms { version sets { phrases } } } }"""
    given = {
        "requestId": "request-1",
        "communityId": C1,
        "sets": [{"phrases": ["a", "b"]}],
        "expectedVersion": 3,
    }
    answer = await house.ask(mutation, {"input": given})
    assert answer["data"]["updateSynonyms"]["synonyms"] == {
        "version": 4,
        "sets": [{"phrases": ["a", "b"]}],
    }
    assert search.requests[-1] == search_pb2.UpdateSynonymsRequest(
        request_id="request-1",
        community_id="c1",
        sets=[search_pb2.SynonymSet(phrases=["a", "b"])],
        expected_version=3,
    )
    search.failures["UpdateSynonyms"] = RoleRequiredError("this needs the role MANAGER")
    answer = await house.ask(mutation, {"input": given})
    assert answer["errors"][0]["extensions"] == {"code": "ROLE_REQUIRED"}

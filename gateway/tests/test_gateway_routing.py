"""Questions that one is asked, in GraphQL, beside a stand-in for the forum."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.cursors import encode_id
from gateway.tests.conftest import House
from gateway.tests.routing_standin import RoutingStandIn
from guildhall.forum.v1 import routing_pb2

COMMUNITY = encode_id("Community", "platform", "c1")
TOPIC = encode_id("Topic", "c1", "t3")
ASKS = """query Asks($first: Int, $after: String, $last: Int, $before: String, $c: [ID!]) {
  asks(first: $first, after: $after, last: $last, before: $before, communityIds: $c) {
    edges { cursor node { askTime topic { title author { member { displayName } } }
      inviter { displayName } community { slug } } }
    pageInfo { hasNextPage startCursor endCursor } } }"""
DECLINE = "mutation($i: DeclineAskInput!) { declineAsk(input: $i) { topicId } }"
INVITE = """mutation($i: InviteToAnswerInput!) {
  inviteToAnswer(input: $i) { topicId member { id } } }"""
SET = """mutation($i: SetRoutingPreferenceInput!) {
  setRoutingPreference(input: $i) { routingPreference { optedOut community { slug } } } }"""
GET = "query($c: ID!) { routingPreference(communityId: $c) { optedOut } }"


async def test_asks_show_their_questions(house: House, routing: RoutingStandIn) -> None:
    answer = await house.ask(ASKS, {"first": 5, "c": [COMMUNITY]})
    edges = answer["data"]["asks"]["edges"]
    assert [edge["node"]["topic"]["title"] for edge in edges] == ["Topic 5", "Topic 4", "Topic 3"]
    assert edges[0]["node"]["community"] == {"slug": "aurora"}
    assert edges[0]["node"]["inviter"]["displayName"]
    assert [edge["node"]["inviter"] for edge in edges[1:]] == [None, None]
    request: Any = routing.requests[0]
    assert list(request.community_ids) == ["c1"]
    assert house.rpcs() == {"BatchGetMembers": 1, "BatchGetCommunities": 1}


async def test_asks_go_on_both_ways(house: House) -> None:
    whole = (await house.ask(ASKS, {"first": 5}))["data"]["asks"]["edges"]
    for way, place, end in (("first", "after", "endCursor"), ("last", "before", "startCursor")):
        found: list[Any] = []
        cursor = None
        for _ in whole:
            page = (await house.ask(ASKS, {way: 1, place: cursor}))["data"]["asks"]
            found = [*found, *page["edges"]] if way == "first" else [*page["edges"], *found]
            cursor = page["pageInfo"][end]
        assert [one["node"] for one in found] == [one["node"] for one in whole]


async def test_one_declines(house: House, routing: RoutingStandIn) -> None:
    answer = await house.ask(DECLINE, {"i": {"requestId": "request-1", "topicId": TOPIC}})
    assert answer["data"] == {"declineAsk": {"topicId": TOPIC}}
    request: Any = routing.requests[0]
    assert (request.request_id, request.community_id, request.topic_id) == ("request-1", "c1", "t3")


async def test_what_one_is_not_asked_names_the_id_that_was_given(house: House) -> None:
    other = encode_id("Topic", "c1", "t4")
    answer = await house.ask(DECLINE, {"i": {"requestId": "request-1", "topicId": other}})
    assert answer["errors"][0]["extensions"] == {"code": "ASK_NOT_FOUND", "field": "topicId"}


@pytest.mark.parametrize(
    "person_id", [encode_id("Person", "platform", "p2"), encode_id("Member", "c1", "p2")]
)
async def test_one_invites(house: House, routing: RoutingStandIn, person_id: str) -> None:
    given = {"requestId": "request-1", "topicId": TOPIC, "personId": person_id}
    answer = await house.ask(INVITE, {"i": given})
    member = {"id": encode_id("Member", "c1", "p2")}
    assert answer["data"] == {"inviteToAnswer": {"topicId": TOPIC, "member": member}}
    assert routing.requests == [
        routing_pb2.InviteToAnswerRequest(
            request_id="request-1", community_id="c1", topic_id="t3", person_id="p2"
        )
    ]


async def test_whoever_cannot_be_asked_is_not_invited(house: House) -> None:
    person_id = encode_id("Person", "platform", "p9")
    given = {"requestId": "request-1", "topicId": TOPIC, "personId": person_id}
    answer = await house.ask(INVITE, {"i": given})
    assert answer["errors"][0]["extensions"] == {"code": "ASK_NOT_POSSIBLE", "field": "personId"}


async def test_one_opts_out(house: House, routing: RoutingStandIn) -> None:
    assert (await house.ask(GET, {"c": COMMUNITY}))["data"]["routingPreference"] == {
        "optedOut": False
    }
    given = {"requestId": "request-1", "communityId": COMMUNITY, "optedOut": True}
    answer = await house.ask(SET, {"i": given})
    assert answer["data"]["setRoutingPreference"]["routingPreference"] == {
        "optedOut": True,
        "community": {"slug": "aurora"},
    }
    assert (await house.ask(GET, {"c": COMMUNITY}))["data"]["routingPreference"] == {
        "optedOut": True
    }


async def test_nobody_is_asked_nothing(house: House, routing: RoutingStandIn) -> None:
    answer = await house.ask(ASKS, {"first": 1}, token=None)
    assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert routing.requests == []

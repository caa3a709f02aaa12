"""What keeps knowledge right, in GraphQL, beside a stand-in."""

from __future__ import annotations

from typing import Any

import pytest

from chassis.errors import InvalidArgumentError
from gateway.cursors import encode_id
from gateway.tests.conftest import House
from gateway.tests.curation_standin import CurationStandIn
from gateway.tests.test_gateway_quality import mutate
from guildhall.forum.v1 import curation_pb2, forum_pb2

T3 = encode_id("Topic", "c1", "t3")
MEMBER = encode_id("Member", "c1", "p2")
PERSON = encode_id("Person", "platform", "p2")
FIELDS = "topic { id owner { displayName } }"


class OwnerInvalidError(InvalidArgumentError):
    """As the forum's."""


@pytest.mark.parametrize("owner", [MEMBER, PERSON])
async def test_an_article_gets_an_owner(
    curation: CurationStandIn, house: House, owner: str
) -> None:
    given = {"topicId": T3, "ownerId": owner, "expectedVersion": 3}
    answer = await mutate(house, "setArticleOwner", given, FIELDS)
    assert answer["data"]["setArticleOwner"] == {
        "topic": {"id": T3, "owner": {"displayName": "Person p2"}}
    }
    assert curation.requests == [
        curation_pb2.SetArticleOwnerRequest(
            request_id="request-1",
            community_id="c1",
            topic_id="t3",
            owner_id="p2",
            expected_version=3,
        )
    ]


async def test_who_cannot_be_the_owner_is_refused(curation: CurationStandIn, house: House) -> None:
    curation.failures["SetArticleOwner"] = OwnerInvalidError(field="owner_id")
    given: dict[str, Any] = {"topicId": T3, "ownerId": MEMBER}
    answer = await mutate(house, "setArticleOwner", given, FIELDS)
    assert answer["errors"][0]["extensions"] == {"code": "OWNER_INVALID", "field": "ownerId"}
    for wrong in ("nobody", T3, encode_id("Company", "platform", "co1")):
        answer = await mutate(house, "setArticleOwner", {**given, "ownerId": wrong}, FIELDS)
        assert answer["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "field": "ownerId"}
    assert len(curation.requests) == 1


LIST = """query List($c: ID!, $s: ID, $a: String) {
  ownerlessArticles(communityId: $c, spaceId: $s, first: 2, after: $a) {
    edges { cursor node { topic { id owner { displayName state } } } }
    pageInfo { hasNextPage endCursor } } }"""


async def test_ownerless_articles_are_listed(curation: CurationStandIn, house: House) -> None:
    asked: dict[str, Any] = {"c": encode_id("Community", "c1", "c1")}
    answer = await house.ask(LIST, asked)
    page = answer["data"]["ownerlessArticles"]
    ids = [edge["node"]["topic"]["id"] for edge in page["edges"]]
    assert ids == [encode_id("Topic", "c1", "t1"), encode_id("Topic", "c1", "t2")]
    assert page["pageInfo"]["hasNextPage"]
    asked["a"] = page["pageInfo"]["endCursor"]
    await house.ask(LIST, asked)
    asked = {"c": asked["c"], "s": encode_id("Space", "c1", "s1")}
    await house.ask(LIST, asked)
    assert curation.requests == [
        curation_pb2.ListOwnerlessArticlesRequest(community_id="c1", page_size=2),
        curation_pb2.ListOwnerlessArticlesRequest(
            community_id="c1", page_size=2, page_token="token-2"
        ),
        curation_pb2.ListOwnerlessArticlesRequest(community_id="c1", page_size=2, space_id="s1"),
    ]
    asked["s"] = encode_id("Space", "c2", "s1")
    answer = await house.ask(LIST, asked)
    assert answer["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "field": "spaceId"}
    assert len(curation.requests) == 3


@pytest.mark.parametrize(("said", "verifier"), [("R4", {"displayName": "Person p2"}), ("", None)])
async def test_who_verified_a_text_is_told_as_the_forum_tells(
    house: House, curation: CurationStandIn, said: str, verifier: dict[str, str] | None
) -> None:
    given = {"postId": T3, "verifiedFor": said, "verifiedUntilTime": "2030-01-01T00:00:00Z"}
    fields = "topic { verification { verifier { displayName } } }"
    answer = await mutate(house, "verifyPost", given, fields)
    assert answer["data"]["verifyPost"] == {"topic": {"verification": {"verifier": verifier}}}
    assert len(curation.requests) == 1


async def test_moderators_ask_for_their_own_rechecks(
    house: House, curation: CurationStandIn
) -> None:
    community = encode_id("Community", "c1", "c1")
    for argument in ("", ", mine: true"):
        asked = f'rechecks(communityId: "{community}", first: 2{argument})'
        answer = await house.ask(f"query q {{ {asked} {{ edges {{ cursor }} }} }}", {})
        assert answer["data"] == {"rechecks": {"edges": []}}
    assert curation.requests == [
        curation_pb2.ListRechecksRequest(community_id="c1", page_size=2),
        curation_pb2.ListRechecksRequest(community_id="c1", page_size=2, mine=True),
    ]


@pytest.mark.parametrize("coded", [True, False])
async def test_moderators_say_why_of_a_list(
    curation: CurationStandIn, house: House, coded: bool
) -> None:
    why = {"reason": "It is over.", "reasonCode": "OUTDATED"} if coded else {}
    answer = await mutate(house, "unpinTopic", {"topicId": T3, **why}, "topic { id }")
    assert answer["data"]["unpinTopic"] == {"topic": {"id": T3}}
    (request,) = curation.requests
    code = forum_pb2.REASON_CODE_OUTDATED if coded else forum_pb2.REASON_CODE_UNSPECIFIED
    assert isinstance(request, curation_pb2.UnpinTopicRequest)
    assert (request.reason, request.reason_code) == ("It is over." if coded else "", code)

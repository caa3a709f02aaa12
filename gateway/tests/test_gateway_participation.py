"""Threads, votes, reactions, quotes, mentions and polls in GraphQL, beside stand-ins."""

from __future__ import annotations

import pytest

from chassis.errors import InvalidArgumentError, UnavailableError
from gateway.cursors import encode_id, encode_reply_id
from gateway.tests.conftest import House
from gateway.tests.participation_standin import ParticipationStandIn
from gateway.tests.standins import ForumStandIn
from guildhall.forum.v1 import forum_pb2, participation_pb2


class QuoteInvalidError(InvalidArgumentError):
    """As the forum's."""


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


SAID = """reactions { kind count } viewerReactions viewerVote"""
LIST = f"""query List($community: ID!) {{ topics(communityId: $community, first: 20) {{
  edges {{ node {{ {SAID} acceptedReply {{ {SAID} }} }} }} }} }}"""


async def test_what_is_said_of_a_page_is_one_rpc_a_level(
    house: House, participation: ParticipationStandIn
) -> None:
    answer = await house.ask(LIST, {"community": encode_id("Community", "c1", "c1")})
    assert "errors" not in answer
    nodes = [edge["node"] for edge in answer["data"]["topics"]["edges"]]
    thanked = {"reactions": [{"kind": "THANKS", "count": 7}], "viewerReactions": ["THANKS"]}
    assert nodes[0] == {
        **thanked,
        "viewerVote": "UP",
        "acceptedReply": {**thanked, "viewerVote": None},
    }
    assert participation.calls == {"BatchGetParticipations": 2}  # topics, then replies


async def test_what_cannot_be_seen_any_more_has_no_reactions(house: House) -> None:
    ask = f"query Topic($id: ID!) {{ topic(id: $id) {{ title {SAID} }} }}"
    answer = await house.ask(ask, {"id": encode_id("Topic", "c1", "t4")})
    assert "errors" not in answer
    assert answer["data"]["topic"] == {
        "title": "Topic 4",
        "reactions": None,
        "viewerReactions": None,
        "viewerVote": None,
    }


@pytest.mark.parametrize("post", [TOPIC, REPLY])
async def test_vote_for_a_topic_or_reply(
    house: House, participation: ParticipationStandIn, post: str
) -> None:
    cast = """mutation Vote($input: CastVoteInput!) { castVote(input: $input) {
      topic { id score viewerVote } reply { id score } } }"""
    given = {"requestId": "request-1", "postId": post, "value": "UP"}
    answer = await house.ask(cast, {"input": given})
    assert "errors" not in answer
    shown = answer["data"]["castVote"]
    assert shown["topic"] == {"id": TOPIC, "score": 0, "viewerVote": "UP"}
    assert shown["reply"] == (None if post == TOPIC else {"id": REPLY, "score": 0})
    (request, *_) = participation.requests
    assert request == participation_pb2.CastVoteRequest(
        request_id="request-1",
        community_id="c1",
        topic_id="t3",
        reply_id="" if post == TOPIC else "r3",
        value=participation_pb2.VOTE_VALUE_UP,
    )


async def test_reaction_to_what_is_no_post(
    house: House, participation: ParticipationStandIn
) -> None:
    add = "mutation($input: AddReactionInput!) { addReaction(input: $input) { topic { id } } }"
    given = {"requestId": "request-1", "postId": encode_id("Space", "c1", "sp1"), "kind": "AGREE"}
    answer = await house.ask(add, {"input": given})
    (error,) = answer["errors"]
    assert (error["extensions"]["code"], error["extensions"]["field"]) == (
        "BAD_USER_INPUT",
        "postId",
    )
    assert not participation.calls


async def test_all_answers_of_a_question(house: House, forum: ForumStandIn) -> None:
    (row,) = [topic for topic in forum.topics if topic.id == "t3"]
    row.accepted_reply_ids.extend(["r3", "r7"])
    ask = "query($id: ID!) { topic(id: $id) { acceptedReplies { reply { id } } } }"
    answer = await house.ask(ask, {"id": TOPIC})
    assert answer["data"]["topic"]["acceptedReplies"] == [
        {"reply": {"id": REPLY}},
        {"reply": {"id": encode_reply_id("c1", "t7", "r7")}},  # the stand-in's topic of r7
    ]
    assert forum.calls["BatchGetReplies"] == 1


async def test_quotes_and_mentions_of_a_page(
    house: House, forum: ForumStandIn, participation: ParticipationStandIn
) -> None:
    for row in forum.topics[:3]:
        row.quotes_posts = True
        row.mentioned_ids.extend(["p2", "p3"])
    ask = """query($community: ID!) { topics(communityId: $community, first: 5) { edges { node {
      mentions { member { displayName } }
      quoted { quotes { text author { persona { displayName } } topic { id } reply { id } } }
    } } } }"""
    answer = await house.ask(ask, {"community": encode_id("Community", "c1", "c1")})
    assert "errors" not in answer
    nodes = [edge["node"] for edge in answer["data"]["topics"]["edges"]]
    assert nodes[0] == {
        "mentions": [
            {"member": {"displayName": "Person p2"}},
            {"member": {"displayName": "Person p3"}},
        ],
        "quoted": {
            "quotes": [
                {
                    "text": "so it is",
                    "author": {"persona": {"displayName": "Ann Other"}},
                    "topic": {"id": encode_id("Topic", "c1", "t9")},
                    "reply": {"id": encode_reply_id("c1", "t9", "r9")},
                }
            ]
        },
    }
    assert nodes[3] == {"mentions": [], "quoted": None}
    (request,) = participation.requests
    assert [post.topic_id for post in request.posts] == ["t45", "t44", "t43"]  # type: ignore[attr-defined]


CARDS = "linkCards { url title description siteName }"


async def test_link_cards_of_a_page_in_one_call(
    house: House, participation: ParticipationStandIn
) -> None:
    ask = f"""query($community: ID!) {{ topics(communityId: $community, first: 3) {{
      edges {{ node {{ {CARDS} }} }} }} }}"""
    answer = await house.ask(ask, {"community": encode_id("Community", "c1", "c1")})
    assert "errors" not in answer
    first, *others = [edge["node"] for edge in answer["data"]["topics"]["edges"]]
    url = "https://docs.example.com"
    assert first == {
        "linkCards": [
            {"url": f"{url}/a", "title": "A", "description": None, "siteName": "Docs"},
            {"url": f"{url}/b", "title": "B", "description": "Of B", "siteName": None},
        ]
    }
    assert others == [{"linkCards": []}] * 2
    (request,) = participation.requests
    assert [post.topic_id for post in request.posts] == ["t45", "t44", "t43"]  # type: ignore[attr-defined]


async def test_link_cards_of_a_reply_and_none_that_were_not_asked_for(
    house: House, participation: ParticipationStandIn
) -> None:
    ask = "query($id: ID!) { reply: communityNode(id: $id) { ... on Reply { id %s } } }"
    answer = await house.ask(ask % CARDS, {"id": REPLY})
    assert [one["title"] for one in answer["data"]["reply"]["linkCards"]] == ["A", "B"]
    (request,) = participation.requests
    assert list(request.posts) == [participation_pb2.PostRef(topic_id="t3", reply_id="r3")]  # type: ignore[attr-defined]
    await house.ask(ask % "", {"id": REPLY})
    assert participation.calls["BatchGetLinkCards"] == 1


async def test_cards_that_cannot_be_asked_for_are_null_alone(
    house: House, participation: ParticipationStandIn
) -> None:
    participation.failures["BatchGetLinkCards"] = UnavailableError()
    answer = await house.ask(
        f"query($id: ID!) {{ topic(id: $id) {{ title {CARDS} }} }}", {"id": TOPIC}
    )
    topic = answer["data"]["topic"]
    assert topic["title"]
    assert topic["linkCards"] is None
    (error,) = answer["errors"]
    assert error["path"] == ["topic", "linkCards"]


async def test_what_a_reply_refers_to_is_sent(house: House, forum: ForumStandIn) -> None:
    create = "mutation($input: CreateReplyInput!) { createReply(input: $input) { reply { id } } }"
    given = {
        "requestId": "request-1",
        "topicId": TOPIC,
        "body": "Yes.",
        "mentionedIds": [encode_id("Member", "c1", "p2"), encode_id("Person", "platform", "p3")],
        "quotes": [{"postId": REPLY, "text": "so it is"}, {"postId": TOPIC, "text": "or not"}],
    }
    forum.failures["CreateReply"] = QuoteInvalidError(field="quotes.1.topic_id")
    answer = await house.ask(create, {"input": given})
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "QUOTE_INVALID"
    assert error["extensions"]["field"] == "quotes.1.postId"
    (request,) = [one for one in forum.requests if type(one).__name__ == "CreateReplyRequest"]
    assert request == forum_pb2.CreateReplyRequest(
        request_id="request-1",
        community_id="c1",
        topic_id="t3",
        body="Yes.",
        mentioned_ids=["p2", "p3"],
        quotes=[
            forum_pb2.Quote(topic_id="t3", reply_id="r3", text="so it is"),
            forum_pb2.Quote(topic_id="t3", text="or not"),
        ],
    )


POLL = "question options { text count } viewerOptions voterCount resultsShown closeTime closed"


async def test_polls_of_a_page(house: House, participation: ParticipationStandIn) -> None:
    ask = f"""query($community: ID!) {{ topics(communityId: $community, first: 20) {{
      edges {{ node {{ poll {{ {POLL} }} }} }} }} }}"""
    answer = await house.ask(ask, {"community": encode_id("Community", "c1", "c1")})
    assert "errors" not in answer
    nodes = [edge["node"]["poll"] for edge in answer["data"]["topics"]["edges"]]
    assert nodes[0] == {
        "question": "Shall we?",
        "options": [{"text": "Yes", "count": None}, {"text": "No", "count": None}],
        "viewerOptions": [1],
        "voterCount": None,
        "resultsShown": "AFTER_VOTE",
        "closeTime": None,
        "closed": False,
    }
    assert nodes[2:] == [None] * 18
    assert participation.calls == {"BatchGetPolls": 1}


async def test_remove_a_poll(house: House, participation: ParticipationStandIn) -> None:
    remove = """mutation($input: RemovePollInput!) { removePoll(input: $input) {
      poll { removed removeReason closed } } }"""
    given = {"requestId": "request-1", "topicId": TOPIC, "reason": "rude", "reasonCode": "ABUSE"}
    answer = await house.ask(remove, {"input": given})
    assert "errors" not in answer
    poll = answer["data"]["removePoll"]["poll"]
    assert poll == {"removed": True, "removeReason": "rude", "closed": True}
    (request,) = participation.requests
    assert request == participation_pb2.RemovePollRequest(
        request_id="request-1",
        community_id="c1",
        topic_id="t3",
        reason="rude",
        reason_code=forum_pb2.REASON_CODE_ABUSE,
    )


async def test_cast_a_ballot(house: House, participation: ParticipationStandIn) -> None:
    cast = f"""mutation($input: CastBallotInput!) {{ castBallot(input: $input) {{
      poll {{ {POLL} }} }} }}"""
    given = {"requestId": "request-1", "topicId": TOPIC, "choices": [1]}
    answer = await house.ask(cast, {"input": given})
    assert "errors" not in answer
    poll = answer["data"]["castBallot"]["poll"]
    assert (poll["options"][1], poll["voterCount"]) == ({"text": "No", "count": 3}, 3)
    (request,) = participation.requests
    assert request == participation_pb2.CastBallotRequest(
        request_id="request-1", community_id="c1", topic_id="t3", choices=[1]
    )

"""The feed, follows, bookmarks and viewer states over real gRPC: rows, calls, writes, refusals."""

from __future__ import annotations

from typing import Any

import pytest

from chassis.errors import UnavailableError
from gateway.cursors import encode_id, encode_reply_id
from gateway.tests.conftest import House
from gateway.tests.feed_standin import FeedStandIn, TooManyBookmarksError
from guildhall.forum.v1 import feed_pb2 as pb

C1, SPACE = encode_id("Community", "c1", "c1"), encode_id("Space", "c1", "sp1")
TOPIC, REPLY = encode_id("Topic", "c1", "t2"), encode_reply_id("c1", "t2", "r1")
FEED = """query Feed($first: Int, $after: String, $last: Int, $before: String,
    $order: FeedOrder! = RANKED, $communities: [ID!]) {
  feed(first: $first, after: $after, last: $last, before: $before, order: $order,
      communityIds: $communities) {
    edges { cursor node { reason topic { title } } }
    pageInfo { hasNextPage hasPreviousPage endCursor startCursor } } }"""
FULL = """{ feed(first: 3, order: LATEST) { edges { node { reason community { name }
  newestReply { body } topic { title space { name } author { member { id } company { name } }
    viewerState { level unreadCount unopened bookmarked readTime lastReadReply { body } } }
  } } } }"""
OWN = """query Own($first: Int, $after: String, $last: Int, $before: String) { viewer {
  follows(first: $first, after: $after, last: $last, before: $before) {
    edges { node { kind level tag space { name } topic { title } member { id }
      company { name } setTime } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }
  bookmarks(first: 2, due: true) {
    edges { node { note remindTime topic { title } reply { body } } } }
} }"""

MENTIONS = """query Mentions($first: Int, $after: String, $last: Int, $before: String,
    $communities: [ID!]) { viewer {
  mentions(first: $first, after: $after, last: $last, before: $before,
      communityIds: $communities) {
    edges { cursor node { createTime topic { title } reply { body } community { name }
      author { asCompany member { id } company { id } } } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }"""


async def test_the_feed_is_one_call(feed: FeedStandIn, house: House) -> None:
    answer = await house.ask(FEED, {"first": 2, "order": "LATEST", "communities": [C1]})
    assert "errors" not in answer
    page = answer["data"]["feed"]
    assert [edge["node"] for edge in page["edges"]] == [
        {"reason": "FOLLOWED_SPACE", "topic": {"title": f"Topic {number}"}} for number in (1, 2)
    ]
    assert feed.requests == [
        pb.ListFeedRequest(
            community_ids=["c1"], order=pb.FEED_ORDER_LATEST, page_size=2, without_texts=True
        )
    ]
    assert house.rpcs() == {}


async def test_of_newest_replies_only_what_is_asked_for_is_read(
    feed: FeedStandIn, house: House
) -> None:
    query = "query q { feed(first: 3) { edges { node { newestReply { %s } } } } }"
    for fields, briefly in (("id createTime", True), ("id score", False), ("body", False)):
        feed.requests.clear()
        assert "errors" not in await house.ask(query % fields)
        (request,) = feed.requests
        assert isinstance(request, pb.ListFeedRequest)
        assert (request.with_newest_replies, request.newest_replies_briefly) == (True, briefly)


@pytest.mark.parametrize("backward", [False, True])
async def test_every_item_is_seen_once(house: House, backward: bool) -> None:
    seen: list[str] = []
    cursor = None
    while True:
        arguments = {"last": 2, "before": cursor} if backward else {"first": 2, "after": cursor}
        page = (await house.ask(FEED, arguments))["data"]["feed"]
        titles = [edge["node"]["topic"]["title"] for edge in page["edges"]]
        seen = [*titles, *seen] if backward else [*seen, *titles]
        info = page["pageInfo"]
        if not info["hasPreviousPage" if backward else "hasNextPage"]:
            break
        cursor = info["startCursor" if backward else "endCursor"]
    assert seen == [f"Topic {number}" for number in range(1, 6)]


async def test_a_cursor_is_of_one_order(house: House) -> None:
    page = (await house.ask(FEED, {"first": 2}))["data"]["feed"]
    cursor = page["pageInfo"]["endCursor"]
    answer = await house.ask(FEED, {"first": 2, "after": cursor, "order": "LATEST"})
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    answer = await house.ask(FEED, {"first": 2, "communities": [SPACE]})
    assert answer["errors"][0]["extensions"]["field"] == "communityIds.0"


async def test_what_comes_with_the_feed_is_not_fetched_again(
    feed: FeedStandIn, house: House
) -> None:
    answer = await house.ask(FULL)
    assert "errors" not in answer
    first, second, _ = [edge["node"] for edge in answer["data"]["feed"]["edges"]]
    assert first["topic"]["space"] == {"name": "General"}
    assert first["newestReply"]["body"] == "answer"
    assert first["topic"]["viewerState"] == {
        "level": "TRACKING",
        "unreadCount": 7,
        "unopened": True,
        "bookmarked": False,
        "readTime": None,
        "lastReadReply": None,
    }
    assert second["newestReply"] is None
    assert second["topic"]["viewerState"]["lastReadReply"] == {"body": "answer"}
    assert feed.requests == [
        pb.ListFeedRequest(
            order=pb.FEED_ORDER_LATEST,
            page_size=3,
            with_newest_replies=True,
            with_viewer_states=True,
            with_spaces=True,
        )
    ]
    assert house.rpcs() == {
        "BatchGetCommunities": 1,
        "BatchGetMembers": 1,
        "BatchGetCompanies": 1,
        "BatchGetReplies": 1,
    }


async def test_viewer_states_of_a_list_are_one_call(feed: FeedStandIn, house: House) -> None:
    query = """query($c: ID!) { topics(communityId: $c, first: 20) {
      edges { node { title viewerState { unreadCount } } } } }"""
    answer = await house.ask(query, {"c": C1})
    found = [edge["node"]["viewerState"] for edge in answer["data"]["topics"]["edges"]]
    assert found[:2] == [{"unreadCount": 7}, {"unreadCount": 0}]
    assert feed.calls == {"BatchGetViewerStates": 1}
    feed.failures["BatchGetViewerStates"] = UnavailableError()
    answer = await house.ask(query, {"c": C1})
    assert answer["data"]["topics"]["edges"][0]["node"]["viewerState"] is None
    assert answer["errors"][0]["extensions"]["code"] == "UNAVAILABLE"


async def test_what_is_ones_own(feed: FeedStandIn, house: House) -> None:
    answer = await house.ask(OWN, {"first": 5})
    assert "errors" not in answer
    viewer = answer["data"]["viewer"]
    follows = [edge["node"] for edge in viewer["follows"]["edges"]]
    assert [one["kind"] for one in follows] == ["SPACE", "TOPIC", "TAG", "PERSON", "COMPANY"]
    assert [follows[0]["space"], follows[1]["topic"], follows[2]["tag"]] == [
        {"name": "General"},
        {"title": "Topic 1"},
        "k8s",
    ]
    assert follows[3]["member"] == {"id": encode_id("Member", "c1", "p2")}
    assert follows[4]["company"] is not None
    assert (follows[0]["topic"], follows[0]["tag"], follows[0]["member"]) == (None, None, None)
    assert [edge["node"] for edge in viewer["bookmarks"]["edges"]] == [
        {
            "note": "note 1",
            "remindTime": None,
            "topic": {"title": "Topic 1"},
            "reply": {"body": "answer"},
        },
        {"note": "note 2", "remindTime": None, "topic": {"title": "Topic 2"}, "reply": None},
    ]
    assert pb.ListBookmarksRequest(page_size=2, due=True) in feed.requests
    page = (await house.ask(OWN, {"last": 2}))["data"]["viewer"]["follows"]
    assert [edge["node"]["kind"] for edge in page["edges"]] == ["PERSON", "COMPANY"]


async def test_mentions_are_fetched_with_their_posts(feed: FeedStandIn, house: House) -> None:
    answer = await house.ask(MENTIONS, {"first": 5, "communities": [C1]})
    assert "errors" not in answer
    found = [edge["node"] for edge in answer["data"]["viewer"]["mentions"]["edges"]]
    titles = [one["topic"] and one["topic"]["title"] for one in found]
    assert titles == ["Topic 1", "Topic 2", "Topic 3", "Topic 4", None]  # the last is not there
    assert [one["reply"] for one in found[:2]] == [{"body": "answer"}, None]
    company = {"id": encode_id("Company", "platform", "co2")}
    member = {"id": encode_id("Member", "c1", "p2")}
    assert [one["author"] for one in found[:2]] == [
        {"asCompany": True, "member": None, "company": company},
        {"asCompany": False, "member": member, "company": company},
    ]
    assert feed.requests == [pb.ListMentionsRequest(community_ids=["c1"], page_size=5)]
    assert house.rpcs() == {
        "BatchGetPosts": 1,
        "BatchGetCommunities": 1,
        "BatchGetMembers": 1,
        "BatchGetCompanies": 1,
    }


@pytest.mark.parametrize("backward", [False, True])
async def test_every_mention_is_seen_once(house: House, backward: bool) -> None:
    seen: list[str] = []
    cursor = None
    while True:
        arguments = {"last": 2, "before": cursor} if backward else {"first": 2, "after": cursor}
        page = (await house.ask(MENTIONS, arguments))["data"]["viewer"]["mentions"]
        times = [edge["node"]["createTime"] for edge in page["edges"]]
        seen = [*times, *seen] if backward else [*seen, *times]
        info = page["pageInfo"]
        if not info["hasPreviousPage" if backward else "hasNextPage"]:
            break
        cursor = info["startCursor" if backward else "endCursor"]
    assert len(seen) == 5
    assert seen == sorted(seen)


async def test_mentions_are_of_communities_and_cursors_of_their_list(
    feed: FeedStandIn, house: House
) -> None:
    page = (await house.ask(MENTIONS, {"first": 2}))["data"]["viewer"]["mentions"]
    cursor = page["pageInfo"]["endCursor"]
    asked = len(feed.requests)
    for arguments, field in (
        ({"first": 2, "after": cursor, "communities": [C1]}, "after"),
        ({"first": 2, "communities": [C1, SPACE]}, "communityIds.1"),
    ):
        answer = await house.ask(MENTIONS, arguments)
        extensions = answer["errors"][0]["extensions"]
        assert (extensions["code"], extensions["field"]) == ("BAD_USER_INPUT", field)
    assert len(feed.requests) == asked


async def test_mutations_hand_the_request_on(feed: FeedStandIn, house: House) -> None:
    common: dict[str, Any] = {"request_id": "request-1", "community_id": "c1"}
    member, company = encode_id("Member", "c1", "p2"), encode_id("Company", "platform", "co2")
    tracking = pb.FOLLOW_LEVEL_TRACKING
    cases: list[tuple[str, str, dict[str, Any], Any]] = [
        (
            "setFollow",
            "follow { kind level space { name } }",
            {"communityId": C1, "targetId": target, "level": "TRACKING"},
            pb.SetFollowRequest(**common, kind=kind, target_id=id_, level=tracking),
        )
        for target, kind, id_ in (
            (SPACE, pb.FOLLOW_KIND_SPACE, "sp1"),
            (TOPIC, pb.FOLLOW_KIND_TOPIC, "t2"),
            (member, pb.FOLLOW_KIND_PERSON, "p2"),
            (company, pb.FOLLOW_KIND_COMPANY, "co2"),
        )
    ]
    cases += [
        (
            "setTagFollow",
            "follow { tag level }",
            {"communityId": C1, "tag": "k8s", "spaceId": SPACE},
            pb.SetTagFollowRequest(**common, tag="k8s", space_id="sp1"),
        ),
        (
            "addBookmark",
            "bookmark { note topic { title } }",
            {"postId": REPLY, "note": "mine"},
            pb.AddBookmarkRequest(**common, topic_id="t2", reply_id="r1", note="mine"),
        ),
        (
            "removeBookmark",
            "postId",
            {"postId": TOPIC},
            pb.RemoveBookmarkRequest(**common, topic_id="t2"),
        ),
        (
            "markTopicRead",
            "topic { title viewerState { unreadCount } }",
            {"topicId": TOPIC, "replyId": REPLY},
            pb.MarkTopicReadRequest(**common, topic_id="t2", reply_id="r1"),
        ),
        (
            "markAllRead",
            "readTime",
            {"communityId": C1, "spaceId": SPACE},
            pb.MarkAllReadRequest(**common, space_id="sp1"),
        ),
    ]
    for name, fields, given, request in cases:
        kind = f"{name[0].upper()}{name[1:]}Input"
        query = f"mutation($input: {kind}!) {{ {name}(input: $input) {{ {fields} }} }}"
        answer = await house.ask(query, {"input": {"requestId": "request-1", **given}})
        assert "errors" not in answer, (name, answer)
        assert request in feed.requests, name


async def test_what_fits_together_is_asked_before_the_forum_is(
    feed: FeedStandIn, house: House
) -> None:
    elsewhere = encode_id("Space", "c2", "sp1")
    other = encode_reply_id("c1", "t3", "r1")
    for name, given, field in (
        ("setFollow", {"communityId": C1, "targetId": C1}, "targetId"),
        ("setTagFollow", {"communityId": C1, "tag": "a", "spaceId": elsewhere}, "spaceId"),
        ("addBookmark", {"postId": SPACE}, "postId"),
        ("markTopicRead", {"topicId": TOPIC, "replyId": other}, "replyId"),
        ("markAllRead", {"communityId": C1, "spaceId": elsewhere}, "spaceId"),
    ):
        kind = f"{name[0].upper()}{name[1:]}Input"
        query = f"mutation($input: {kind}!) {{ {name}(input: $input) {{ __typename }} }}"
        answer = await house.ask(query, {"input": {"requestId": "request-1", **given}})
        extensions = answer["errors"][0]["extensions"]
        assert (extensions["code"], extensions["field"]) == ("BAD_USER_INPUT", field), name
    assert feed.requests == []
    feed.failures["AddBookmark"] = TooManyBookmarksError()
    query = "mutation($input: AddBookmarkInput!) { addBookmark(input: $input) { __typename } }"
    answer = await house.ask(query, {"input": {"requestId": "request-1", "postId": TOPIC}})
    assert answer["errors"][0]["extensions"]["code"] == "TOO_MANY_BOOKMARKS"


@pytest.mark.parametrize(
    ("name", "request_type"),
    [("mustReads", pb.ListMustReadsRequest), ("banners", pb.ListBannersRequest)],
)
async def test_must_reads_and_banners_stand_above_the_feed(
    feed: FeedStandIn, house: House, name: str, request_type: Any
) -> None:
    query = f"query($c: [ID!]) {{ {name}(communityIds: $c) {{ id title }} }}"
    answer = await house.ask(query, {"c": [C1]})
    (found,) = answer["data"][name]  # what its owner shows no more is left out
    assert found["id"] == encode_id("Announcement", "c1", "a1")
    assert feed.requests == [request_type(community_ids=["c1"])]
    answer = await house.ask(query, {"c": ["x"]})
    assert answer["errors"][0]["extensions"]["field"] == "communityIds.0"

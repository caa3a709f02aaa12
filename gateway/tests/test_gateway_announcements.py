"""Channels and announcements in GraphQL, beside a stand-in."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

from chassis.errors import RoleRequiredError, UnavailableError
from chassis.testing import Loopback
from gateway.cursors import decode_id, encode_id
from gateway.tests.announcements_standin import (
    AnnouncementStandIn,
    MailingStandIn,
    add_mailings,
)
from gateway.tests.conftest import House
from gateway.tests.directory_standin import DirectoryStandIn
from guildhall.directory.v1 import directory_pb2
from guildhall.forum.v1 import announcements_pb2 as pb
from guildhall.notifications.v1 import mailings_pb2

COMMUNITY = encode_id("Community", "c1", "c1")
CHANNEL, ANNOUNCEMENT = encode_id("Channel", "c1", "ch1"), encode_id("Announcement", "c1", "a1")
COMPANY = encode_id("Company", "platform", "co1")
WRITE: dict[str, Any] = {"requestId": "request-1", "announcementId": ANNOUNCEMENT}

MAILING = """query($id: ID!) { announcement(id: $id) { title mailing {
  mails { queued sent failed bounced dropped } reminders { queued sent } } } }"""
WHOLE = """query($id: ID!, $company: ID!, $locales: [Locale!]) {
 announcement(id: $id, locales: $locales) { commentPolicy discussion { id title }
  id title bodyHtml locale locales state severity wallClock publishTime deadline version
  channel { id name } author { id } community { id }
  audienceState audienceRule { tiers companyIds roles locales territories }
  receipt { state seeTime inAudience person { displayName } company { id } }
  corrections(first: 5) { edges { node { fields formerTitle formerBody editor { id } } } }
  receiptSummary { people companies seen acknowledged overdue audienceState }
  companyReceipts(first: 5) { edges { node { people company { id } } } }
  receipts(first: 5, companyId: $company, states: [OVERDUE]) {
    edges { node { memberId person { id } } } }
} }"""
LIST = """query($community: ID!, $after: String) {
  announcements(communityId: $community, first: 2, after: $after, states: [PUBLISHED, EXPIRED],
    severity: MUST_READ, followed: true, openMustReads: true, locales: ["de-at"]) {
    edges { node { id channel { id } } } pageInfo { hasNextPage endCursor } } }"""


@pytest_asyncio.fixture
async def mailings(loopback: Loopback) -> MailingStandIn:
    """Beside the forum."""
    served = MailingStandIn()
    await loopback.serve("notifications", add_mailings(served))
    return served


async def test_managers_see_how_mails_go(mailings: MailingStandIn, house: House) -> None:
    answer = await house.ask(MAILING, {"id": ANNOUNCEMENT})
    assert "errors" not in answer
    assert answer["data"]["announcement"]["mailing"] == {
        "mails": {"queued": 5, "sent": 4, "failed": 3, "bounced": 2, "dropped": 1},
        "reminders": {"queued": 0, "sent": 0},
    }
    assert mailings.requests == [
        mailings_pb2.GetMailingRequest(community_id="c1", announcement_id="a1")
    ]


@pytest.mark.parametrize(
    ("failure", "code"),
    [(RoleRequiredError(), "ROLE_REQUIRED"), (UnavailableError(), "UNAVAILABLE")],
)
async def test_without_mailings_the_announcement_is_there(
    mailings: MailingStandIn, house: House, failure: Exception, code: str
) -> None:
    mailings.failure = failure
    answer = await house.ask(MAILING, {"id": ANNOUNCEMENT})
    assert answer["data"]["announcement"]["title"]
    assert answer["data"]["announcement"]["mailing"] is None
    assert [error["extensions"]["code"] for error in answer["errors"]] == [code]


async def test_announcement_with_all_that_is_beside_it(
    house: House, announcements: AnnouncementStandIn
) -> None:
    answer = await house.ask(WHOLE, {"id": ANNOUNCEMENT, "company": COMPANY, "locales": ["DE-at"]})
    assert "errors" not in answer
    one = answer["data"]["announcement"]
    assert (one["id"], one["locale"], one["locales"]) == (ANNOUNCEMENT, "de-AT", ["en", "de"])
    assert one["channel"] == {"id": CHANNEL, "name": "News & <more>"}
    assert one["discussion"] == {"id": encode_id("Topic", "c1", "t3"), "title": "Topic 3"}
    assert one["commentPolicy"] == "MODERATED"
    assert one["author"] == {"id": encode_id("Member", "c1", "p2")}
    assert one["audienceRule"] == {
        "tiers": ["gold"],
        "companyIds": [COMPANY],
        "roles": ["MANAGER"],
        "locales": ["de"],
        "territories": ["UK & Ireland"],
    }
    assert (one["wallClock"], one["audienceState"]) == (None, "FROZEN")
    assert one["receipt"]["state"] == "SEEN"
    assert one["receipt"]["company"] == {"id": COMPANY}
    (correction,) = one["corrections"]["edges"]
    assert correction["node"]["fields"] == ["title"]
    assert (correction["node"]["formerTitle"], correction["node"]["formerBody"]) == ("Old", None)
    assert one["receiptSummary"] == {
        "people": 9,
        "companies": 2,
        "seen": 4,
        "acknowledged": 3,
        "overdue": 6,
        "audienceState": "FROZEN",
    }
    assert one["companyReceipts"]["edges"] == [{"node": {"people": 4, "company": {"id": COMPANY}}}]
    (told,) = one["receipts"]["edges"]
    member = encode_id("Member", "c1", "p2")
    assert told["node"] == {"memberId": member, "person": {"id": member}}
    asked = next(r for r in announcements.requests if isinstance(r, pb.ListReceiptsRequest))
    assert (asked.company_id, list(asked.states)) == ("co1", [pb.RECEIPT_STATE_OVERDUE])


async def test_announcements_are_filtered_and_paged(
    house: House, announcements: AnnouncementStandIn
) -> None:
    first = (await house.ask(LIST, {"community": COMMUNITY}))["data"]["announcements"]
    assert [decode_id(edge["node"]["id"], "id").id for edge in first["edges"]] == ["a5", "a4"]
    after = first["pageInfo"]["endCursor"]
    second = (await house.ask(LIST, {"community": COMMUNITY, "after": after}))["data"]
    edges = second["announcements"]["edges"]
    assert [decode_id(edge["node"]["id"], "id").id for edge in edges] == ["a3", "a2"]
    request = next(
        one for one in announcements.requests if isinstance(one, pb.ListAnnouncementsRequest)
    )
    assert (request.followed, request.open_must_reads, list(request.locales)) == (
        True,
        True,
        ["de-AT"],
    )
    assert list(request.states) == [
        pb.ANNOUNCEMENT_STATE_PUBLISHED,
        pb.ANNOUNCEMENT_STATE_EXPIRED,
    ]


async def test_channels_and_announcements_are_nodes_and_of_their_community(house: House) -> None:
    query = """query($ids: [ID!]!, $community: ID!) {
      communityNodes(ids: $ids) { id ... on Channel { followed } ... on Announcement { title } }
      community(id: $community) { channel(slug: "news") { id }
        missing: channel(slug: "nothing") { id }
        channels(first: 1, followed: true) { edges { node { announcements(first: 1) {
          edges { node { id } } } } } } }
      viewer { unreadAnnouncements { unreadCount openMustReadCount } } }"""
    answer = await house.ask(query, {"ids": [CHANNEL, ANNOUNCEMENT], "community": COMMUNITY})
    assert "errors" not in answer
    data = answer["data"]
    assert data["communityNodes"] == [
        {"id": CHANNEL, "followed": True},
        {"id": ANNOUNCEMENT, "title": "News 1 <b>&"},
    ]
    assert (data["community"]["channel"], data["community"]["missing"]) == ({"id": CHANNEL}, None)
    (channel,) = data["community"]["channels"]["edges"]
    (newest,) = channel["node"]["announcements"]["edges"]
    assert newest["node"]["id"] == encode_id("Announcement", "c1", "a5")
    assert data["viewer"]["unreadAnnouncements"] == {"unreadCount": 4, "openMustReadCount": 1}


async def test_announcements_of_all_one_s_communities_and_followed_channels_are_the_viewer_s(
    house: House, announcements: AnnouncementStandIn
) -> None:
    query = """query($some: [ID!], $first: Int, $after: String, $last: Int, $before: String) {
      viewer {
        announcements(first: $first, after: $after, last: $last, before: $before,
          communityIds: $some, followed: true, unread: true, severity: IMPORTANT) {
          edges { node { id channel { name } } }
          pageInfo { endCursor startCursor hasNextPage hasPreviousPage } }
        followedChannels(first: 1, communityIds: $some) { edges { node { id followed } } } } }"""
    answer = await house.ask(query, {"some": [COMMUNITY], "first": 5})
    assert "errors" not in answer
    viewer = answer["data"]["viewer"]
    ids = [encode_id("Announcement", "c1", f"a{number}") for number in (5, 4, 3, 2, 1)]
    assert [edge["node"]["id"] for edge in viewer["announcements"]["edges"]] == ids
    (followed,) = viewer["followedChannels"]["edges"]
    assert followed["node"] == {"id": CHANNEL, "followed": True}
    asked = {type(one): one for one in announcements.requests}
    listed, channels = (
        asked[pb.ListViewerAnnouncementsRequest],
        asked[pb.ListFollowedChannelsRequest],
    )
    assert listed == pb.ListViewerAnnouncementsRequest(
        community_ids=["c1"],
        severity=pb.ANNOUNCEMENT_SEVERITY_IMPORTANT,
        followed=True,
        unread=True,
        page_size=5,
    )
    assert channels == pb.ListFollowedChannelsRequest(community_ids=["c1"], page_size=1)
    assert house.rpcs().keys() <= {"BatchGetChannels"}
    for backward in (False, True):
        seen: list[str] = []
        cursor = None
        while True:
            window = {"last": 2, "before": cursor} if backward else {"first": 2, "after": cursor}
            found = (await house.ask(query, window))["data"]["viewer"]["announcements"]
            page = [edge["node"]["id"] for edge in found["edges"]]
            seen = [*page, *seen] if backward else [*seen, *page]
            info = found["pageInfo"]
            if not info["hasPreviousPage" if backward else "hasNextPage"]:
                break
            cursor = info["startCursor" if backward else "endCursor"]
        assert seen == ids
    answer = await house.ask(query, {"some": [CHANNEL], "first": 5})
    assert answer["errors"][0]["extensions"]["field"] == "communityIds.0"


async def test_preview_tells_members_and_companies(
    house: House, announcements: AnnouncementStandIn
) -> None:
    query = """query($channel: ID!, $rule: AudienceRuleInput) {
      audiencePreview(channelId: $channel, audienceRule: $rule) {
        count companyCount companyShares { people company { id } } memberIds } }"""
    rule = {"tiers": ["gold"], "companyIds": [COMPANY], "roles": ["MANAGER"], "locales": ["de"]}
    rule["territories"] = ["UK & Ireland"]
    answer = await house.ask(query, {"channel": CHANNEL, "rule": rule})
    assert answer["data"]["audiencePreview"] == {
        "count": 3,
        "companyCount": 2,
        "companyShares": [{"people": 2, "company": {"id": COMPANY}}],
        "memberIds": [encode_id("Member", "c1", id_) for id_ in ("p1", "p2")],
    }
    (request,) = announcements.requests
    assert isinstance(request, pb.PreviewAudienceRequest)
    assert request.audience_rule == pb.AudienceRule(
        tiers=["gold"],
        company_ids=["co1"],
        roles=[directory_pb2.ROLE_MANAGER],
        locales=["de"],
        territories=["UK & Ireland"],
    )


@pytest.mark.parametrize(
    ("name", "more", "expected"),
    [
        (
            "createAnnouncement",
            {
                "channelId": CHANNEL,
                "title": "News",
                "body": "Text",
                "severity": "MUST_READ",
                "requiresAcknowledgement": True,
                "deadline": "2027-01-01T00:00:00Z",
                "sourceLocale": "de",
                "audienceRule": {"locales": ["de"], "territories": ["DACH"]},
            },
            {
                "severity": 3,
                "requires_acknowledgement": True,
                "source_locale": "de",
                "audience_rule": pb.AudienceRule(locales=["de"], territories=["DACH"]),
            },
        ),
        ("updateAnnouncement", {"title": "New", "note": "A slip.", "expectedVersion": 3}, {}),
        (
            "updateAnnouncement",
            {"discussionTopicId": encode_id("Topic", "c1", "t3")},
            {"discussion_topic_id": "t3"},
        ),
        ("updateAnnouncement", {"channelId": CHANNEL}, {"channel_id": "ch1"}),
        ("updateAnnouncement", {}, {"channel_id": ""}),
        ("updateAnnouncement", {"endDiscussion": True}, {"discussion_topic_id": ""}),
        ("updateAnnouncement", {"neverExpires": True}, {"never_expires": True}),
        ("scheduleAnnouncement", {"wallClock": "2027-03-28T02:30"}, {}),
        ("publishAnnouncement", {"expectedVersion": 3}, {"expected_version": 3}),
        ("withdrawAnnouncement", {"reason": "wrong"}, {"reason": "wrong"}),
        ("archiveAnnouncement", {}, {}),
        ("putTranslation", {"locale": "de", "title": "Neues", "body": "Text"}, {"locale": "de"}),
        ("deleteTranslation", {"locale": "de"}, {"locale": "de"}),
    ],
)
async def test_writes_say_to_the_forum_what_was_given(
    house: House,
    announcements: AnnouncementStandIn,
    name: str,
    more: dict[str, Any],
    expected: dict[str, Any],
) -> None:
    title = name[0].upper() + name[1:]
    mutation = f"""mutation($input: {title}Input!) {{
      {name}(input: $input) {{ announcement {{ id version }} }} }}"""
    given = {**WRITE, **more}
    if name == "createAnnouncement":
        del given["announcementId"]
    answer = await house.ask(mutation, {"input": given})
    assert answer["data"][name]["announcement"] == {"id": ANNOUNCEMENT, "version": 3}
    (request,) = announcements.requests
    assert type(request).__name__ == f"{title}Request"
    for field, value in {"request_id": "request-1", "community_id": "c1", **expected}.items():
        assert getattr(request, field) == value


async def test_delete_answers_with_what_is_gone(
    house: House, announcements: AnnouncementStandIn
) -> None:
    mutation = """mutation($input: DeleteAnnouncementInput!) {
      deleteAnnouncement(input: $input) { announcementId } }"""
    answer = await house.ask(mutation, {"input": {**WRITE, "expectedVersion": 3}})
    assert answer["data"] == {"deleteAnnouncement": {"announcementId": ANNOUNCEMENT}}
    assert announcements.requests == [
        pb.DeleteAnnouncementRequest(
            request_id="request-1", community_id="c1", announcement_id="a1", expected_version=3
        )
    ]


async def test_draft_goes_to_no_channel_of_another_community(
    house: House, announcements: AnnouncementStandIn
) -> None:
    mutation = """mutation($input: UpdateAnnouncementInput!) {
      updateAnnouncement(input: $input) { announcement { id } } }"""
    given = {**WRITE, "channelId": encode_id("Channel", "c2", "ch1")}
    (error,) = (await house.ask(mutation, {"input": given}))["errors"]
    assert (error["extensions"]["code"], error["extensions"]["field"]) == (
        "BAD_USER_INPUT",
        "channelId",
    )
    assert announcements.requests == []


async def test_seen_is_of_one_community(house: House, announcements: AnnouncementStandIn) -> None:
    mutation = """mutation($input: MarkAnnouncementsSeenInput!) {
      markAnnouncementsSeen(input: $input) { receipts { state person { id } } } }"""
    answer = await house.ask(mutation, {"input": {"announcementIds": [ANNOUNCEMENT]}})
    (receipt,) = answer["data"]["markAnnouncementsSeen"]["receipts"]
    assert receipt == {"state": "SEEN", "person": {"id": encode_id("Member", "c1", "p1")}}
    foreign = encode_id("Announcement", "c2", "a1")
    for ids in ([], [ANNOUNCEMENT, foreign]):
        (error,) = (await house.ask(mutation, {"input": {"announcementIds": ids}}))["errors"]
        assert error["extensions"]["field"] == "announcementIds"
    assert len(announcements.requests) == 1


async def test_following_and_acknowledging(
    house: House, announcements: AnnouncementStandIn
) -> None:
    follow = """mutation($input: FollowChannelInput!) {
      followChannel(input: $input) { channel { followed } } }"""
    given = {"requestId": "request-1", "channelId": CHANNEL}
    answer = await house.ask(follow, {"input": given})
    assert answer["data"]["followChannel"]["channel"] == {"followed": True}
    acknowledge = """mutation($input: AcknowledgeAnnouncementInput!) {
      acknowledgeAnnouncement(input: $input) { receipt { state } } }"""
    answer = await house.ask(acknowledge, {"input": WRITE})
    assert answer["data"]["acknowledgeAnnouncement"]["receipt"] == {"state": "SEEN"}


async def test_person_says_time_zone_and_language(
    house: House, directory: DirectoryStandIn
) -> None:
    mutation = """mutation($input: UpdatePersonInput!) {
      updatePerson(input: $input) { person { timeZone locale } } }"""
    person = encode_id("Person", "platform", "p1")
    given = {"requestId": "request-1", "personId": person, "timeZone": "Europe/Vienna"}
    refused = await house.ask(mutation, {"input": {**given, "locale": "german"}})
    (error,) = refused["errors"]
    assert (error["extensions"]["code"], error["extensions"]["field"]) == (
        "BAD_USER_INPUT",
        "locale",
    )
    assert directory.calls["UpdatePerson"] == 0

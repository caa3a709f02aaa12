"""Trust in GraphQL, beside a stand-in."""

from __future__ import annotations

from typing import Any

from gateway.cursors import encode_id
from gateway.tests.conftest import House
from gateway.tests.trust_standin import TrustStandIn
from guildhall.directory.v1 import directory_pb2
from guildhall.forum.v1 import trust_pb2 as pb

COMMUNITY = encode_id("Community", "c1", "c1")

PROGRESS = """query($ids: [ID!]!) { communityNodes(ids: $ids) { ... on Member { id
  trustLevelFixed trustProgress { level nextLevel levelTime standings { fact count needed } } } } }
"""
SETTINGS = """query($id: ID!) { trustSettings(communityId: $id) {
  version requirements { trustLevel needs { fact count } } } }"""
LIMITS = """mutation($input: UpdateTrustSettingsInput!) { updateTrustSettings(input: $input) {
  trustSettings { windowDays graceDays keepFactor reviewBelow linkCardHosts
  voteFactors { trustLevel factor }
  mentionLimits { trustLevel peoplePerPost peoplePerDay }
  reactionLimits { trustLevel reactionsPerDay } postingLimits {
    trustLevel secondsBetweenTopics secondsBetweenReplies topicsPerDay repliesPerDay } } } }"""
HOSTS = """mutation($input: UpdateTrustSettingsInput!) { updateTrustSettings(input: $input) {
  trustSettings { linkCardHosts windowDays } } }"""
UPDATE = """mutation($input: UpdateTrustSettingsInput!) { updateTrustSettings(input: $input) {
  trustSettings { version requirements { trustLevel needs { fact count } } } } }"""


async def test_progress_is_ones_own_in_one_call(house: House, trust: TrustStandIn) -> None:
    ids = [encode_id("Member", "c1", person) for person in ("p1", "p2", "p3")]
    answer = await house.ask(PROGRESS, {"ids": ids})
    own, *others = answer["data"]["communityNodes"]
    assert own == {
        "id": ids[0],
        "trustLevelFixed": False,
        "trustProgress": {
            "level": "REGULAR",
            "nextLevel": None,
            "levelTime": "2026-01-01T00:00:00.000Z",
            "standings": [{"fact": "LIKERS", "count": 2, "needed": 5}],
        },
    }
    assert [other["trustProgress"] for other in others] == [None, None]
    assert trust.requests == [
        pb.BatchGetTrustProgressRequest(community_id="c1", person_ids=["p1", "p2", "p3"])
    ]


async def test_settings_are_read_and_changed(house: House, trust: TrustStandIn) -> None:
    answer = await house.ask(SETTINGS, {"id": COMMUNITY})
    basic = {"trustLevel": "BASIC", "needs": [{"fact": "TOPICS_ENTERED", "count": 5}]}
    assert answer["data"]["trustSettings"] == {"version": 1, "requirements": [basic]}
    member = {"trustLevel": "MEMBER", "needs": [{"fact": "LIKERS", "count": 2}]}
    given = {"requestId": "request-1", "communityId": COMMUNITY, "requirements": [member]}
    changed = await house.ask(UPDATE, {"input": {**given, "expectedVersion": 1}})
    told = changed["data"]["updateTrustSettings"]["trustSettings"]
    assert told == {"version": 1, "requirements": [member]}
    assert trust.requests[-1] == pb.UpdateTrustSettingsRequest(
        request_id="request-1",
        community_id="c1",
        requirements=[
            pb.TrustRequirement(
                trust_level=directory_pb2.TRUST_LEVEL_MEMBER,
                needs=[pb.TrustNeed(fact=pb.TRUST_FACT_LIKERS, count=2)],
            )
        ],
        expected_version=1,
    )


async def test_limits_are_changed_alone(house: House, trust: TrustStandIn) -> None:
    change = {
        "windowDays": 60,
        "graceDays": 0,
        "keepFactor": 0.75,
        "reviewBelow": "NEW",
        "linkCardHosts": ["docs.example.com", "*.example.org"],
        "voteFactors": [{"trustLevel": "LEADER", "factor": 4.0}],
        "mentionLimits": [{"trustLevel": "BASIC", "peoplePerPost": 3, "peoplePerDay": 9}],
        "reactionLimits": [{"trustLevel": "MEMBER", "reactionsPerDay": 80}],
        "postingLimits": [
            {
                "trustLevel": "NEW",
                "secondsBetweenTopics": 60.5,
                "secondsBetweenReplies": 10.0,
                "topicsPerDay": 2,
                "repliesPerDay": 0,
            }
        ],
    }
    given = {"requestId": "request-1", "communityId": COMMUNITY, **change}
    answer = await house.ask(LIMITS, {"input": given})
    assert answer["data"]["updateTrustSettings"]["trustSettings"] == change
    assert trust.requests[-1] == pb.UpdateTrustSettingsRequest(
        request_id="request-1",
        community_id="c1",
        window_days=60,
        grace_days=0,
        keep_factor=0.75,
        review_below=directory_pb2.TRUST_LEVEL_NEW,
        update_link_card_hosts=True,
        link_card_hosts=["docs.example.com", "*.example.org"],
        posting_limits=[
            pb.PostingLimits(
                trust_level=directory_pb2.TRUST_LEVEL_NEW,
                seconds_between_topics=60.5,
                seconds_between_replies=10,
                topics_per_day=2,
            )
        ],
        vote_factors=[pb.VoteFactor(trust_level=directory_pb2.TRUST_LEVEL_LEADER, factor=4)],
        mention_limits=[
            pb.MentionLimits(
                trust_level=directory_pb2.TRUST_LEVEL_BASIC, people_per_post=3, people_per_day=9
            )
        ],
        reaction_limits=[
            pb.ReactionLimit(trust_level=directory_pb2.TRUST_LEVEL_MEMBER, reactions_per_day=80)
        ],
    )


async def test_hosts_of_link_cards_are_taken_away_or_left(
    house: House, trust: TrustStandIn
) -> None:
    for given, update in (([], True), (None, False)):
        change: dict[str, Any] = {
            "requestId": "request-1",
            "communityId": COMMUNITY,
            "linkCardHosts": given,
        }
        answer = await house.ask(HOSTS, {"input": {**change, "windowDays": 60}})
        told = answer["data"]["updateTrustSettings"]["trustSettings"]
        assert told == {"linkCardHosts": [], "windowDays": 60}
        assert trust.requests[-1] == pb.UpdateTrustSettingsRequest(
            request_id="request-1",
            community_id="c1",
            window_days=60,
            update_link_card_hosts=update,
        )

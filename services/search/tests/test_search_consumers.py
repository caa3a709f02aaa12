"""Every domain event that search hears, delivered twice."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import Message

from chassis.domain_events import DomainEvent, Projection
from guildhall.directory.v1 import domain_events_pb2 as directory
from guildhall.forum.v1 import domain_events_pb2 as forum
from services.search import consumers
from services.search.domain.questions import Question
from services.search.tests import factories
from services.search.tests.conftest import World
from services.search.tests.factories import NOON

THREAD = Projection("thread", "c1", "t1")
TOPIC = Projection("topic", "c1", "t1")
REPLY = Projection("reply", "c1", "r1")
SPACE = Projection("space", "c1", "s1")

HEARD: list[tuple[Message, list[Projection]]] = [
    (forum.SpaceCreated(space_id="s1"), [SPACE]),
    (forum.SpaceUpdated(space_id="s1"), [SPACE]),
    (forum.TopicHeld(topic_id="t1"), [THREAD]),
    (forum.TopicPublished(topic_id="t1"), [THREAD]),
    (forum.TopicPublished(topic_id="t1", submission=forum.Submission(imported=True)), [TOPIC]),
    (forum.TopicRejected(topic_id="t1"), [THREAD]),
    (forum.TopicEdited(topic_id="t1"), [THREAD]),
    (forum.TopicTagged(topic_id="t1"), [THREAD]),
    (forum.TopicBumped(topic_id="t1"), [TOPIC]),
    (forum.TopicClosed(topic_id="t1"), [THREAD]),
    (forum.TopicReopened(topic_id="t1"), [THREAD]),
    (forum.TopicHidden(topic_id="t1"), [THREAD]),
    (forum.TopicRestored(topic_id="t1"), [THREAD]),
    (forum.TopicRemoved(topic_id="t1"), [THREAD]),
    (forum.TopicArchived(topic_id="t1"), [THREAD]),
    (forum.ReplyPublished(reply_id="r1", topic_id="t1"), [REPLY]),
    (forum.ReplyEdited(reply_id="r1", topic_id="t1"), [REPLY]),
    (forum.ReplyHidden(reply_id="r1", topic_id="t1"), [REPLY, TOPIC]),
    (forum.ReplyRestored(reply_id="r1", topic_id="t1"), [REPLY, TOPIC]),
    (forum.ReplyRemoved(reply_id="r1", topic_id="t1"), [REPLY, TOPIC]),
    (forum.ReplyAccepted(reply_id="r1", topic_id="t1"), [TOPIC]),
    (forum.ReplyUnaccepted(reply_id="r1", topic_id="t1"), [TOPIC]),
    (forum.PostVerified(topic_id="t1"), [TOPIC]),
    (forum.PostVerified(topic_id="t1", reply_id="r1"), [REPLY]),
    (forum.PostVerificationExpired(topic_id="t1"), [TOPIC]),
    (forum.PostVerificationExpired(topic_id="t1", reply_id="r1"), [REPLY]),
    (forum.ArticleReviewed(topic_id="t1"), [TOPIC]),
    (forum.ArticleReviewExpired(topic_id="t1"), [TOPIC]),
    (forum.ChannelCreated(channel_id="n1"), [Projection("channel", "c1", "n1")]),
    (forum.ChannelUpdated(channel_id="n1"), [Projection("channel", "c1", "n1")]),
    *(
        (kind(announcement_id="a1", channel_id="n1"), [Projection("announcement", "c1", "a1")])
        for kind in (
            forum.AnnouncementPublished,
            forum.AnnouncementCorrected,
            forum.AnnouncementWithdrawn,
            forum.AnnouncementExpired,
            forum.AnnouncementArchived,
        )
    ),
    (
        directory.MemberJoined(person_id="p1", community_id="c1", company_id="co1"),
        [Projection("membership", "c1", "p1@co1")],
    ),
    (
        directory.MemberUpdated(person_id="p1", community_id="c1"),
        [Projection("member", "c1", "p1")],
    ),
    (directory.MemberLeft(person_id="p1", community_id="c1"), [Projection("member", "c1", "p1")]),
    *(
        (
            kind(person_id="p1", community_ids=["c1", "c2"]),
            [Projection("member", "c1", "p1"), Projection("member", "c2", "p1")],
        )
        for kind in (
            directory.PersonUpdated,
            directory.PersonDeactivated,
            directory.PersonReactivated,
        )
    ),
    *(
        (kind(topic_id="t1"), [Projection("topic", "c1", "t1")])
        for kind in (forum.TopicMoved, forum.TopicMerged, forum.TopicSplit, forum.RepliesLeft)
    ),
    (
        forum.RepliesMoved(topic_id="t1", from_topic_id="t0", reply_ids=["r1"]),
        [Projection("topic", "c1", "t1"), Projection("reply", "c1", "r1")],
    ),
    (
        directory.CompanyUpdated(company_id="co1", community_ids=["c1", "c2"]),
        [Projection("company", "c1", "co1"), Projection("company", "c2", "co1")],
    ),
    (
        directory.CommunityCreated(community_id="c1", vendor_company_id="co9"),
        [Projection("company", "c1", "co9")],
    ),
    (
        directory.CompanyEnrolled(community_id="c1", company_id="co1"),
        [Projection("workforce", "c1", "co1")],
    ),
    (
        directory.EnrolmentUpdated(community_id="c1", company_id="co1"),
        [Projection("workforce", "c1", "co1")],
    ),
]
HANDLERS = {**consumers.FORUM, **consumers.DIRECTORY}


def event(message: Message) -> DomainEvent[Any]:
    community = "c1" if message.DESCRIPTOR.full_name.startswith("guildhall.forum") else "platform"
    return DomainEvent("e1", community, "topic", "t1", 1, NOON, "p1", message)


def test_every_handler_is_tried() -> None:
    assert {type(message) for message, _ in HEARD} == HANDLERS.keys()


@pytest.mark.parametrize(("message", "expected"), HEARD, ids=lambda value: type(value).__name__)
async def test_event_is_projected_twice_as_once(
    world: World, message: Message, expected: list[Projection]
) -> None:
    world.forum.spaces["s1"] = factories.space()
    world.forum.topics["t1"] = factories.topic(reply_count=1)
    world.forum.replies["r1"] = factories.reply()
    world.announcements.channels["n1"] = factories.channel()
    world.announcements.findable["a1"] = factories.announcement()
    for community in ("c1", "c2"):
        world.directory.members[community, "p1"] = factories.member("p1", community)
        for company in ("co1", "co9"):
            world.directory.companies[community, company] = factories.company(company)
    seen = []
    for _ in range(2):
        made = await HANDLERS[type(message)](event(message))
        projections = [one for one in made if isinstance(one, Projection)]
        assert projections == expected
        await world.projector.project(1, projections)
        await world.index.refresh()
        walls = {c: [f"community:{c}", "space:s1", "channel:n1"] for c in ("c1", "c2")}
        question = Question(newest=True, with_total=True)
        page = await world.index.search(question, walls, {}, "p1")
        opened = await world.repository.channels.find_readable({"c1": ["community:c1"]})
        seen.append([*(hit.place.key for hit in page.hits), *opened["c1"]])
    assert seen[0] == seen[1]
    assert seen[0]

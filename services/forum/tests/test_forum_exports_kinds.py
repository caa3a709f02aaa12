"""Taking away one of every kind: what a manager, a member and an outsider get of each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from chassis import moment
from chassis.actors import Actor
from chassis.errors import CommunityNotFoundError, RoleRequiredError
from chassis.testing import person_actor
from chassis.timestamps import timestamp_of
from guildhall.forum.v1 import (
    announcements_pb2,
    drafts_pb2,
    exports_pb2,
    feed_pb2,
    forum_pb2,
    participation_pb2,
)
from guildhall.forum.v1.announcements_pb2_grpc import AnnouncementServiceStub
from guildhall.forum.v1.drafts_pb2_grpc import DraftServiceStub
from guildhall.forum.v1.exports_pb2_grpc import ExportServiceStub
from guildhall.forum.v1.feed_pb2_grpc import FeedServiceStub
from guildhall.forum.v1.participation_pb2_grpc import ParticipationServiceStub
from guildhall.moderation.v1 import moderation_pb2
from guildhall.moderation.v1.domain_events_pb2 import CaseDecided
from services.forum.repository.exports import kinds
from services.forum.tests.conftest import (
    ASKER,
    HELPER,
    MANAGING,
    MODERATING,
    STRANGER,
    World,
)
from services.forum.tests.files_made import ready
from services.forum.tests.test_forum_consumers import hear, on

WORKMATE = person_actor("workmate", company_id="co2")
OWN = {"vote", "reaction", "follow", "channel_follow", "bookmark", "draft"}


async def records(
    world: World, actor: Actor, person_id: str = "", *, size: int = 100, backward: bool = False
) -> list[Any]:
    """All of an export, page by page."""
    found: list[Any] = []
    token = ""
    stub = world.of(actor, ExportServiceStub)
    while True:
        page = await stub.ListExportRecords(
            exports_pb2.ListExportRecordsRequest(
                community_id="c1", person_id=person_id, page_size=size, page_token=token,
                backward=backward,
            )
        )  # fmt: skip
        rows = list(page.records)
        found = [*rows, *found] if backward else [*found, *rows]
        token = page.next_page_token
        if not token:
            return found


def kind_of(record: Any) -> str:
    name: str = record.WhichOneof("record")
    return name


def of_kind(found: list[Any], kind: str) -> list[Any]:
    return [getattr(record, kind) for record in found if kind_of(record) == kind]


@dataclass
class Told:
    """A community with one of every kind, told by its actors."""

    world: World
    general: Any
    topic: Any
    secret: Any
    channel: Any
    announcement: Any

    @classmethod
    async def of(cls, world: World) -> Told:
        general = await world.space()
        staff = await world.space("staff", audience=forum_pb2.AUDIENCE_VENDOR)
        attached = await ready(world)
        topic = await world.topic(general, attachment_ids=[attached.id])
        await ready(world, name="later.png")
        reply = await world.reply(topic)
        await world.act("UpdateReply", HELPER, reply, body="Turn it off, wait, on.")
        secret = await world.topic(staff, MANAGING, kind=forum_pb2.TOPIC_KIND_DISCUSSION)
        world.screen.verdict = moderation_pb2.VERDICT_HOLD
        await world.act("UpdateReply", HELPER, reply, body="Cheap frobnicators!")
        world.screen.verdict = moderation_pb2.VERDICT_ALLOW
        hidden = await world.topic(general, HELPER, title="Cheap frobnicators!")
        await world.act("HideTopic", MODERATING, hidden, reason="an advertisement")
        channel, announcement = await announced(world)
        self = cls(world, general, topic, secret, channel, announcement)
        await self.polled()
        await self.taken_part(reply)
        return self

    async def polled(self) -> None:
        """An open one, one that is anonymous, and one among the vendor's people."""
        stub = self.world.of(ASKER, ParticipationServiceStub)
        self.anonymous = await self.world.topic(self.general, title="Who pays?")
        asked: dict[str, Any] = {"question": "Shall we?", "options": ["Yes", "No"]}
        for topic, anonymous in ((self.topic, False), (self.anonymous, True)):
            await stub.CreatePoll(
                participation_pb2.CreatePollRequest(
                    **self.world.ids(), topic_id=topic.id, anonymous=anonymous, **asked
                )
            )
        await self.world.of(MANAGING, ParticipationServiceStub).CreatePoll(
            participation_pb2.CreatePollRequest(
                **self.world.ids(), topic_id=self.secret.id, **asked
            )
        )
        for actor in (HELPER, WORKMATE, ASKER):
            for topic in (self.topic, self.anonymous):
                await self.choose(actor, topic, 0)
        await self.choose(WORKMATE, self.topic)  # taken back
        await self.choose(MANAGING, self.secret, 1)

    async def choose(self, actor: Actor, topic: Any, *choices: int) -> None:
        await self.world.of(actor, ParticipationServiceStub).CastBallot(
            participation_pb2.CastBallotRequest(
                **self.world.ids(), topic_id=topic.id, choices=choices
            )
        )

    async def taken_part(self, reply: Any) -> None:
        """What the helper and the asker say and keep for themselves."""
        world, topic = self.world, self.topic
        stub = world.of(HELPER, ParticipationServiceStub)
        for post in (topic, self.anonymous):
            await stub.CastVote(
                participation_pb2.CastVoteRequest(
                    **world.ids(), topic_id=post.id, value=participation_pb2.VOTE_VALUE_UP
                )
            )
        await stub.RetractVote(
            participation_pb2.RetractVoteRequest(**world.ids(), topic_id=self.anonymous.id)
        )
        await stub.AddReaction(
            participation_pb2.AddReactionRequest(
                **world.ids(), topic_id=topic.id, kind=participation_pb2.REACTION_KIND_THANKS
            )
        )
        await world.of(ASKER, ParticipationServiceStub).AddReaction(
            participation_pb2.AddReactionRequest(
                **world.ids(), topic_id=topic.id, reply_id=reply.id,
                kind=participation_pb2.REACTION_KIND_HELPFUL,
            )
        )  # fmt: skip
        own = world.of(HELPER, FeedServiceStub)
        await own.SetFollow(
            feed_pb2.SetFollowRequest(
                **world.ids(), kind=feed_pb2.FOLLOW_KIND_TOPIC, target_id=topic.id,
                level=feed_pb2.FOLLOW_LEVEL_WATCHING,
            )
        )  # fmt: skip
        await own.SetTagFollow(
            feed_pb2.SetTagFollowRequest(
                **world.ids(), tag="radio", level=feed_pb2.FOLLOW_LEVEL_TRACKING
            )
        )
        for post, note in ((topic, "for Monday"), (self.anonymous, "")):
            await own.AddBookmark(
                feed_pb2.AddBookmarkRequest(**world.ids(), topic_id=post.id, note=note)
            )
        await own.RemoveBookmark(
            feed_pb2.RemoveBookmarkRequest(**world.ids(), topic_id=self.anonymous.id)
        )
        await world.of(HELPER, DraftServiceStub).SaveDraft(
            drafts_pb2.SaveDraftRequest(
                **world.ids(), draft_kind=drafts_pb2.DRAFT_KIND_REPLY, topic_id=topic.id,
                body="I think",
            )
        )  # fmt: skip
        announcing = world.of(HELPER, AnnouncementServiceStub)
        await announcing.FollowChannel(
            announcements_pb2.FollowChannelRequest(**world.ids(), channel_id=self.channel.id)
        )
        await announcing.AcknowledgeAnnouncement(
            announcements_pb2.AcknowledgeAnnouncementRequest(
                **world.ids(), announcement_id=self.announcement.id
            )
        )
        await world.of(ASKER, AnnouncementServiceStub).MarkAnnouncementsSeen(
            announcements_pb2.MarkAnnouncementsSeenRequest(
                community_id="c1", announcement_ids=[self.announcement.id]
            )
        )


async def announced(world: World) -> tuple[Any, Any]:
    """A channel, a draft in it, and a must-read that was translated and corrected."""
    world.members.audience = [("asker", "co1"), ("helper", "co2")]
    stub = world.of(MANAGING, AnnouncementServiceStub)
    request = announcements_pb2.CreateChannelRequest(
        **world.ids(), slug="news", name="News",
        theme=announcements_pb2.CHANNEL_THEME_PROGRAMME_CHANGE,
    )  # fmt: skip
    channel = (await stub.CreateChannel(request)).channel
    text: dict[str, Any] = {
        "channel_id": channel.id,
        "title": "New margins",
        "body": "They are *better*.",
    }
    await stub.CreateAnnouncement(
        announcements_pb2.CreateAnnouncementRequest(**world.ids(), **text)
    )
    must_read = announcements_pb2.CreateAnnouncementRequest(
        **world.ids(),
        **text,
        requires_acknowledgement=True,
        severity=announcements_pb2.ANNOUNCEMENT_SEVERITY_MUST_READ,
        deadline=timestamp_of(moment.now() + timedelta(days=10)),
        audience_rule=announcements_pb2.AudienceRule(company_ids=["co1", "co2"]),
    )
    announcement = (await stub.CreateAnnouncement(must_read)).announcement
    on = {"announcement_id": announcement.id}
    await stub.PublishAnnouncement(
        announcements_pb2.PublishAnnouncementRequest(**world.ids(), **on)
    )
    await stub.PutTranslation(
        announcements_pb2.PutTranslationRequest(
            **world.ids(), **on, locale="de", title="Neue Margen", body="Sie sind besser."
        )
    )
    await stub.UpdateAnnouncement(
        announcements_pb2.UpdateAnnouncementRequest(**world.ids(), **on, title="Better margins")
    )
    return channel, announcement


async def test_a_manager_takes_every_kind_but_what_is_for_ones_own_eyes(world: World) -> None:
    told = await Told.of(world)
    found = await records(world, MANAGING)
    every = {field.name for field in exports_pb2.ExportRecord.DESCRIPTOR.oneofs[0].fields}
    assert set(map(kind_of, found)) == every - OWN
    assert Counter(map(kind_of, found)) == {
        "space": 2, "topic": 4, "reply": 1, "revision": 1, "poll": 3, "ballot": 3,
        "reaction_counts": 2, "attachment": 1, "channel": 1, "announcement": 2, "translation": 1,
        "correction": 2, "receipt": 2, "moderation_entry": 1, "held_edit": 1,
    }  # fmt: skip
    ballots = {(one.topic_id, one.person_id) for one in of_kind(found, "ballot")}
    assert ballots == {
        (told.topic.id, "asker"), (told.topic.id, "helper"), (told.secret.id, "manager"),
    }  # fmt: skip
    polls = {one.topic_id: one for one in of_kind(found, "poll")}
    assert [one.count for one in polls[told.anonymous.id].options] == [3, 0]
    assert list(polls[told.secret.id].viewer_options) == []
    (attachment,) = of_kind(found, "attachment")
    assert (attachment.name, attachment.uploader_id) == ("picture.png", "asker")
    assert [post.topic_id for post in attachment.posts] == [told.topic.id]
    must_read = next(one for one in of_kind(found, "announcement") if one.deadline.seconds)
    assert (must_read.title, must_read.locale, must_read.body_html) == ("Better margins", "en", "")
    assert list(must_read.audience_rule.company_ids) == ["co1", "co2"]
    (translation,) = of_kind(found, "translation")
    assert (translation.announcement_id, translation.locale) == (must_read.id, "de")
    former = {one.former_title for one in of_kind(found, "correction")}
    assert former == {"", "New margins"}
    receipts = {one.person_id: one.state for one in of_kind(found, "receipt")}
    assert receipts == {
        "asker": announcements_pb2.RECEIPT_STATE_SEEN,
        "helper": announcements_pb2.RECEIPT_STATE_ACKNOWLEDGED,
    }
    (entry,) = of_kind(found, "moderation_entry")
    assert (entry.action, entry.reason, entry.actor) == (
        "HideTopic", "an advertisement", "moderator",
    )  # fmt: skip


async def test_a_member_takes_what_is_for_their_own_eyes_as_well(world: World) -> None:
    told = await Told.of(world)
    found = await records(world, HELPER, "helper")
    assert Counter(map(kind_of, found)) == {
        "topic": 1, "reply": 1, "revision": 1, "ballot": 2, "receipt": 1, "vote": 1,
        "reaction": 1, "follow": 2, "channel_follow": 1, "bookmark": 1, "draft": 1, "held_edit": 1,
    }  # fmt: skip
    assert {one.topic_id for one in of_kind(found, "ballot")} == {told.topic.id, told.anonymous.id}
    assert {one.person_id for one in of_kind(found, "ballot")} == {"helper"}
    (vote,) = of_kind(found, "vote")
    assert (vote.post.topic_id, vote.value) == (told.topic.id, participation_pb2.VOTE_VALUE_UP)
    (reaction,) = of_kind(found, "reaction")
    assert list(reaction.kinds) == [participation_pb2.REACTION_KIND_THANKS]
    tag, topic = sorted(of_kind(found, "follow"), key=lambda one: one.topic_id)
    assert (tag.tag, topic.topic_id) == ("radio", told.topic.id)
    (kept,) = of_kind(found, "bookmark")
    assert (kept.topic_id, kept.note, kept.HasField("topic")) == (
        told.topic.id, "for Monday", False,
    )  # fmt: skip
    assert [one.body for one in of_kind(found, "draft")] == ["I think"]
    assert [one.channel_id for one in of_kind(found, "channel_follow")] == [told.channel.id]
    assert [one.person_id for one in of_kind(found, "receipt")] == ["helper"]
    own = await records(world, ASKER, "asker")
    assert {one.name for one in of_kind(own, "attachment")} == {"picture.png", "later.png"}
    assert {one.topic_id for one in of_kind(own, "poll")} == {told.topic.id, told.anonymous.id}


async def test_a_removed_poll_is_in_nobodys_export(world: World) -> None:
    told = await Told.of(world)
    await world.of(MODERATING, ParticipationServiceStub).RemovePoll(
        participation_pb2.RemovePollRequest(**world.ids(), topic_id=told.topic.id, reason="rude")
    )
    for actor, whose in ((MANAGING, ""), (HELPER, "helper"), (ASKER, "asker")):
        found = await records(world, actor, whose)
        of_polls = [*of_kind(found, "poll"), *of_kind(found, "ballot")]
        assert told.topic.id not in {one.topic_id for one in of_polls}
        assert told.anonymous.id in {one.topic_id for one in of_polls}


async def test_a_manager_takes_of_a_person_what_managers_see(world: World) -> None:
    told = await Told.of(world)
    found = await records(world, MANAGING, "helper")
    assert Counter(map(kind_of, found)) == {
        "topic": 1, "reply": 1, "revision": 1, "ballot": 1, "receipt": 1, "held_edit": 1,
    }  # fmt: skip
    assert [one.topic_id for one in of_kind(found, "ballot")] == [told.topic.id]
    own = of_kind(await records(world, MANAGING, "asker"), "attachment")
    assert [one.name for one in own] == ["picture.png"]  # the other is in no post yet


@pytest.mark.parametrize("decided", [None, False, True], ids=["waits", "rejected", "approved"])
async def test_a_held_edit_is_its_editors_and_the_managers(
    world: World, decided: bool | None
) -> None:
    told = await Told.of(world)
    (reply,) = await world.replies(HELPER, told.topic)
    if decided is not None:
        (row,) = (await world.stored())["held_edits"]
        number = row["submission"]["number"]
        case = on(reply, submission_number=number, approved=decided, decider_id="moderator")
        await hear(world, CaseDecided(**case, of_edit=True))
    for actor, person_id in ((HELPER, "helper"), (MANAGING, "helper"), (MANAGING, "")):
        (edit,) = of_kind(await records(world, actor, person_id), "held_edit")
        assert (edit.held_edit.reply_id, edit.held_edit.body, edit.editor_id) == (
            reply.id, "Cheap frobnicators!", "helper",
        )  # fmt: skip
        assert edit.held_edit.body_html == ""
        assert bool(edit.held_edit.decide_time.seconds) is (decided is not None)
    for actor, person_id in ((ASKER, "asker"), (WORKMATE, "workmate"), (MANAGING, "asker")):
        assert of_kind(await records(world, actor, person_id), "held_edit") == []
    await world.act("RemoveReply", MODERATING, reply, reason="spam")
    assert of_kind(await records(world, HELPER, "helper"), "held_edit") == []


async def test_quotes_are_taken_as_their_sources_show_them(world: World) -> None:
    general = await world.space()
    staff = await world.space("staff", audience=forum_pb2.AUDIENCE_VENDOR)
    topic = await world.topic(general)
    secret = await world.topic(staff, MANAGING, kind=forum_pb2.TOPIC_KIND_DISCUSSION)
    quotes = [forum_pb2.Quote(topic_id=topic.id, text="How do I")]
    quoting = await world.topic(general, HELPER, quotes=quotes)
    reply = await world.reply(topic, HELPER, quotes=quotes)
    inside = await world.reply(secret, MANAGING, quotes=quotes)
    await world.reply(topic, MODERATING, "without any")

    async def quoted(actor: Actor, person_id: str) -> dict[str, list[tuple[str, str, str]]]:
        return {
            getattr(one, kind_of(one)).id: [
                (quote.source.topic_id, quote.text, quote.author.person_id) for quote in one.quotes
            ]
            for one in await records(world, actor, person_id)
            if one.quotes
        }

    words = [(topic.id, "How do I", "asker")]
    assert await quoted(HELPER, "helper") == {quoting.id: words, reply.id: words}
    assert await quoted(MANAGING, "") == {quoting.id: words, reply.id: words, inside.id: words}
    world.screen.verdict = moderation_pb2.VERDICT_HOLD
    await world.act("UpdateReply", HELPER, reply, body="Well.", update_quotes=True, quotes=quotes)
    world.screen.verdict = moderation_pb2.VERDICT_ALLOW
    found = await records(world, HELPER, "helper")
    (edit,) = [one for one in found if kind_of(one) == "held_edit"]
    assert [one.text for one in edit.quotes] == ["How do I"]
    await world.act("UpdateTopic", ASKER, topic, body="Never mind.")  # the words are gone
    assert await quoted(HELPER, "helper") == await quoted(MANAGING, "") == {}


async def test_those_who_announce_and_moderate_take_that_while_they_may(world: World) -> None:
    await Told.of(world)
    found = Counter(map(kind_of, await records(world, MANAGING, "manager")))
    assert (found["announcement"], found["correction"], found["ballot"]) == (2, 2, 1)
    assert kind_of((await records(world, MODERATING, "moderator"))[0]) == "moderation_entry"
    former = person_actor("moderator")
    assert await records(world, former, "moderator") == []
    resigned = await records(world, person_actor("manager"), "manager")
    (seen,) = of_kind(resigned, "announcement")  # what was published is theirs to read
    assert (seen.title, seen.HasField("audience_rule")) == ("Better margins", False)
    assert of_kind(resigned, "topic") == of_kind(resigned, "ballot") == []  # the vendor's only


@pytest.mark.parametrize("size", [1, 3, 7])
@pytest.mark.parametrize(
    ("actor", "person_id"), [(MANAGING, ""), (HELPER, "helper")], ids=["manager", "member"]
)
async def test_pages_of_every_kind_go_on_both_ways(
    world: World, size: int, actor: Actor, person_id: str
) -> None:
    await Told.of(world)
    whole = await records(world, actor, person_id)
    assert len({record.page_token for record in whole}) == len(whole)
    assert await records(world, actor, person_id, size=size) == whole
    assert await records(world, actor, person_id, size=size, backward=True) == whole


async def test_an_export_goes_on_though_people_go_on(world: World) -> None:
    told = await Told.of(world)
    stub = world.of(MANAGING, ExportServiceStub)
    whole = await records(world, MANAGING)
    begun: list[Any] = []
    token = ""
    for number in range(len(whole)):
        page = await stub.ListExportRecords(
            exports_pb2.ListExportRecordsRequest(community_id="c1", page_size=2, page_token=token)
        )
        begun += page.records
        token = page.next_page_token
        if not token:
            break
        await world.reply(told.topic, body=f"Meanwhile {number}")
        await told.choose(WORKMATE, told.topic, number % 2)
    places = [record.page_token for record in begun]
    assert len(set(places)) == len(places)
    assert {record.page_token for record in whole} <= set(places)


async def test_walls_that_moved_hold_at_once(world: World) -> None:
    told = await Told.of(world)
    await world.of(MANAGING).UpdateSpace(
        forum_pb2.UpdateSpaceRequest(
            **world.ids(), space_id=told.general.id, audience=forum_pb2.AUDIENCE_VENDOR
        )
    )
    await world.of(MANAGING, AnnouncementServiceStub).UpdateChannel(
        announcements_pb2.UpdateChannelRequest(
            **world.ids(), channel_id=told.channel.id, audience=forum_pb2.AUDIENCE_VENDOR
        )
    )
    found = await records(world, HELPER, "helper")
    assert [kind_of(one) for one in found] == ["follow", "draft"]  # a tag's, and one's own words
    assert len(await records(world, MANAGING)) == 27


async def test_ballots_of_a_poll_that_tells_nobody_are_passed_over(world: World) -> None:
    told = await Told.of(world)
    people = [person_actor(f"p{number}") for number in range(9)]
    for person in people:
        await told.choose(person, told.anonymous, 1)
    await told.choose(ASKER, told.topic)  # says nothing, and hides nobody's behind it
    for backward in (False, True):
        found = await records(world, MANAGING, size=1, backward=backward)
        assert {one.topic_id for one in of_kind(found, "ballot")} == {
            told.topic.id, told.secret.id,
        }  # fmt: skip
        assert [one.person_id for one in of_kind(found, "ballot")].count("helper") == 1
        assert len(of_kind(found, "ballot")) == 2


async def test_a_moved_reply_is_kept_where_it_is(world: World) -> None:
    told = await Told.of(world)
    (reply,) = await world.replies(HELPER, told.topic)
    await world.of(ASKER, FeedServiceStub).AddBookmark(
        feed_pb2.AddBookmarkRequest(**world.ids(), topic_id=told.topic.id, reply_id=reply.id)
    )
    await world.database.replies.update_one(
        {"_id": reply.id}, {"$set": {"topic_id": told.anonymous.id}}
    )
    found = await records(world, ASKER, "asker")
    (kept,) = of_kind(found, "bookmark")
    (reaction,) = of_kind(found, "reaction")
    assert {kept.topic_id, reaction.post.topic_id} == {told.anonymous.id}


@pytest.mark.parametrize("person_id", ["", "helper", "stranger"])
async def test_outsiders_find_no_community(world: World, person_id: str) -> None:
    await Told.of(world)
    with pytest.raises(CommunityNotFoundError):
        await records(world, STRANGER, person_id)


@pytest.mark.parametrize("actor", [HELPER, MODERATING], ids=["member", "moderator"])
async def test_what_is_not_ones_own_needs_a_manager(world: World, actor: Actor) -> None:
    await Told.of(world)
    for person_id in ("", "asker"):
        with pytest.raises(RoleRequiredError):
            await records(world, actor, person_id)


def test_every_kind_has_an_order_of_its_own() -> None:
    assert len({kind.name for kind in kinds.KINDS}) == len(kinds.KINDS)
    assert {index.name for index in kinds.INDEXES} == {
        kind.index for kind in kinds.KINDS if kind is not kinds.FOLLOWS
    }

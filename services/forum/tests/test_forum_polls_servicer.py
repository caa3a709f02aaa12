"""Polls over real gRPC: one ballot a person, results when they are shown, behind the wall."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis.actors import Actor
from chassis.domain_events import DomainEvent
from chassis.errors import (
    CommunityNotFoundError,
    FieldInvalidError,
    RoleRequiredError,
    TextInvalidError,
    VersionStaleError,
)
from chassis.testing import outbox, person_actor, service_actor
from chassis.timestamps import timestamp_of
from guildhall.directory.v1.directory_pb2_grpc import DirectoryServiceStub
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1 import forum_pb2
from guildhall.forum.v1 import participation_pb2 as pb
from guildhall.moderation.v1 import moderation_pb2
from guildhall.moderation.v1.domain_events_pb2 import CaseDecided
from guildhall.moderation.v1.moderation_pb2_grpc import ModerationServiceStub
from services.forum.consumers import ForumConsumers
from services.forum.domain.polls import Ballot, Poll, ResultsShown
from services.forum.tests.conftest import (
    ASKER,
    HELPER,
    MANAGING,
    MODERATING,
    NEWCOMER,
    REGULAR_PERSON,
    SEARCH,
    STRANGER,
    World,
)
from services.forum.tests.test_forum_servicer import refused
from services.forum.use_cases.schedules import DueTopics

READER = person_actor("reader")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def ask(world: World, topic: Any, actor: Actor = ASKER, **more: Any) -> pb.Poll:
    fields = {"question": "Shall we?", "options": ["Yes", "No", "Later"], **more}
    request = pb.CreatePollRequest(**world.ids(), topic_id=topic.id, **fields)
    made: pb.Poll = (await world.taking_part(actor).CreatePoll(request)).poll
    return made


async def choose(world: World, actor: Actor, topic: Any, *options: int) -> pb.Poll:
    request = pb.CastBallotRequest(**world.ids(), topic_id=topic.id, choices=options)
    seen: pb.Poll = (await world.taking_part(actor).CastBallot(request)).poll
    return seen


async def close(world: World, topic: Any, actor: Actor = ASKER) -> pb.Poll:
    request = pb.ClosePollRequest(**world.ids(), topic_id=topic.id)
    closed: pb.Poll = (await world.taking_part(actor).ClosePoll(request)).poll
    return closed


async def remove(world: World, topic: Any, actor: Actor = MODERATING, why: str = "rude") -> pb.Poll:
    request = pb.RemovePollRequest(**world.ids(), topic_id=topic.id, reason=why)
    removed: pb.Poll = (await world.taking_part(actor).RemovePoll(request)).poll
    return removed


async def polls(world: World, actor: Actor, *topics: Any) -> list[pb.Poll]:
    request = pb.BatchGetPollsRequest(community_id="c1", topic_ids=[one.id for one in topics])
    return list((await world.taking_part(actor).BatchGetPolls(request)).polls)


async def voters(world: World, actor: Actor, topic: Any, option: int, **more: Any) -> list[str]:
    request = pb.ListBallotsRequest(community_id="c1", topic_id=topic.id, option=option, **more)
    answer = await world.taking_part(actor).ListBallots(request)
    return [one.person_id for one in answer.ballots]


def counts(poll: pb.Poll) -> list[int | None]:
    return [one.count if one.HasField("count") else None for one in poll.options]


async def test_ballots_count_once_and_change_until_it_is_closed(world: World) -> None:
    topic = await world.topic(await world.space())
    made = await ask(world, topic)
    assert (made.question, counts(made), made.voter_count) == ("Shall we?", [0, 0, 0], 0)
    await choose(world, HELPER, topic, 0)
    await choose(world, READER, topic, 0)
    poll = await choose(world, HELPER, topic, 2)
    assert (counts(poll), poll.voter_count, list(poll.viewer_options)) == ([1, 0, 1], 2, [2])
    again = await choose(world, HELPER, topic, 2)
    assert again == poll
    assert await voters(world, ASKER, topic, 2) == ["helper"]
    poll = await choose(world, HELPER, topic)
    assert (counts(poll), poll.voter_count, list(poll.viewer_options)) == ([1, 0, 0], 1, [])
    assert await voters(world, ASKER, topic, 2) == []
    closed = await close(world, topic)
    assert closed.closed
    await refused(world, choose(world, HELPER, topic, 1), "POLL_CLOSED")
    await refused(world, close(world, topic), "POLL_CLOSED")
    events = [one for one in await outbox(world.database) if "TopicPublished" not in str(type(one))]
    assert events[1:] == [
        said.PollCreated(topic_id=topic.id),
        *[said.BallotCast(topic_id=topic.id)] * 4,
        said.PollClosed(topic_id=topic.id),
    ]
    assert (await world.see(ASKER, topic)).version == topic.version


async def test_several_options_where_it_takes_them(world: World) -> None:
    space = await world.space()
    one, many = await world.topic(space), await world.topic(space)
    await ask(world, one)
    await ask(world, many, multiple=True)
    call = choose(world, HELPER, one, 0, 1)
    await refused(world, call, FieldInvalidError, "choices")
    assert counts(await choose(world, HELPER, many, 2, 0, 2)) == [1, 0, 1]
    for wrong in (3, -1):
        call = choose(world, HELPER, many, wrong)
        await refused(world, call, FieldInvalidError, "choices")


async def test_create_poll_refuses(world: World) -> None:
    space = await world.space()
    topic = await world.topic(space)
    await refused(world, ask(world, topic, HELPER), RoleRequiredError)
    await refused(world, ask(world, topic, SEARCH), RoleRequiredError)
    for change, reason, field in (
        ({"question": " "}, TextInvalidError, "question"),
        ({"question": "x" * 301}, TextInvalidError, "question"),
        ({"options": ["Yes"]}, FieldInvalidError, "options"),
        ({"options": [str(n) for n in range(21)]}, FieldInvalidError, "options"),
        ({"options": ["Yes", " yes "]}, FieldInvalidError, "options"),
        ({"options": ["Yes", ""]}, TextInvalidError, "options"),
        ({"results_shown": 9}, FieldInvalidError, "results_shown"),
        ({"close_time": datetime.now(UTC) - timedelta(1)}, FieldInvalidError, "close_time"),
        ({"close_time": datetime.now(UTC) + timedelta(400)}, FieldInvalidError, "close_time"),
    ):
        await refused(world, ask(world, topic, **change), reason, field)
    world.screen.verdict = moderation_pb2.VERDICT_HOLD
    await refused(world, ask(world, topic), "CONTENT_BLOCKED", "question")
    world.screen.verdict = moderation_pb2.VERDICT_ALLOW
    await refused(world, choose(world, HELPER, topic, 0), "POLL_NOT_FOUND", "topic_id")
    await ask(world, topic, MODERATING)
    await refused(world, ask(world, topic), "POLL_EXISTS", "topic_id")
    await refused(world, close(world, topic, HELPER), RoleRequiredError)
    await world.act("ArchiveTopic", MODERATING, topic)
    await refused(world, choose(world, HELPER, topic, 0), "TOPIC_STATE_INVALID")


async def test_polls_do_not_wait_for_a_review(world: World) -> None:
    general = await world.space()
    careful = await world.space("careful", mode=forum_pb2.SPACE_MODE_REQUIRED)
    for space, author, allowed in (
        (general, NEWCOMER, False),
        (general, ASKER, True),
        (careful, ASKER, False),
        (careful, REGULAR_PERSON, True),
    ):
        topic = await world.topic(space, author)
        if topic.state == forum_pb2.TOPIC_STATE_PENDING_REVIEW:
            await world.hear(await approved(world, topic))
        if allowed:
            assert (await ask(world, topic, author)).question == "Shall we?"
            continue
        asked = len(world.screen.asked)
        await refused(world, ask(world, topic, author), "POLL_NOT_ALLOWED")
        assert len(world.screen.asked) == asked
        assert (await ask(world, topic, MODERATING)).question == "Shall we?"


async def approved(world: World, topic: Any) -> list[Any]:
    case = CaseDecided(case_id="case", topic_id=topic.id, submission_number=1, approved=True)
    event = DomainEvent("e1", "c1", "case", "case", 2, NOW, "service:moderation", case)
    return list(await ForumConsumers(world.repository).on_case_decided(event))


async def test_no_polls_while_moderation_is_away(world: World) -> None:
    topic = await world.topic(await world.space())
    world.screen.delay = 5.0
    await refused(world, ask(world, topic), "UNAVAILABLE")
    await refused(world, ask(world, topic, MODERATING), "UNAVAILABLE")
    world.screen.delay = 0.0
    assert (await ask(world, topic)).question == "Shall we?"


async def test_a_removed_poll_is_out_of_sight(world: World) -> None:
    topic = await world.topic(await world.space(), HELPER)
    await ask(world, topic, HELPER)
    await choose(world, READER, topic, 1)
    for actor in (HELPER, READER, SEARCH):
        await refused(world, remove(world, topic, actor), RoleRequiredError)
    hidden = (CommunityNotFoundError, "community_id")
    await refused(world, remove(world, topic, STRANGER), *hidden)
    await refused(world, remove(world, topic, why=" "), "REASON_REQUIRED", "reason")
    other = forum_pb2.Topic(id="nobody")
    await refused(world, remove(world, other), "TOPIC_NOT_FOUND", "topic_id")
    removed = await remove(world, topic)
    assert (removed.removed, removed.remove_reason, removed.closed) == (True, "rude", True)
    assert (await outbox(world.database))[-1] == said.PollRemoved(topic_id=topic.id)
    for actor in (READER, ASKER):
        assert await polls(world, actor, topic) == []
        gone = ("POLL_NOT_FOUND", "topic_id")
        await refused(world, voters(world, actor, topic, 1), *gone)
        await refused(world, choose(world, actor, topic, 1), *gone)
    for actor in (HELPER, MODERATING, MANAGING):
        (seen,) = await polls(world, actor, topic)
        assert (seen.question, seen.remove_reason) == ("Shall we?", "rude")
    for call in (
        choose(world, MODERATING, topic, 1),
        close(world, topic, HELPER),
        remove(world, topic),
    ):
        await refused(world, call, "POLL_NOT_FOUND", "topic_id")
    await refused(world, ask(world, topic, HELPER), "POLL_EXISTS", "topic_id")
    request = forum_pb2.ListModerationEntriesRequest(community_id="c1", topic_id=topic.id)
    (entry,) = (await world.of(MODERATING).ListModerationEntries(request)).moderation_entries
    assert (entry.action, entry.reason, entry.actor) == ("RemovePoll", "rude", "moderator")


async def test_a_poll_is_removed_once_however_often_it_is_asked(world: World) -> None:
    topic = await world.topic(await world.space())
    await ask(world, topic)
    request = pb.RemovePollRequest(**world.ids(), topic_id=topic.id, reason="rude")
    first = await world.taking_part(MODERATING).RemovePoll(request)
    before = await world.stored()
    assert await world.taking_part(MODERATING).RemovePoll(request) == first
    assert await world.stored() == before


async def test_a_poll_stored_before_any_could_be_removed_is_loaded(world: World) -> None:
    topic = await world.topic(await world.space())
    await ask(world, topic)
    await world.database.polls.update_one({}, {"$unset": {"remove_reason": ""}})
    (poll,) = await polls(world, READER, topic)
    assert (poll.removed, poll.question) == (False, "Shall we?")


async def schedule(world: World, topic: Any, time: datetime) -> Any:
    return await world.act("ScheduleTopic", ASKER, topic, publish_time=timestamp_of(time))


async def test_a_poll_goes_out_with_its_draft(world: World) -> None:
    draft = await world.topic(await world.space(), draft=True)
    await ask(world, draft, question="Shall we not?")
    await refused(world, choose(world, ASKER, draft, 0), "TOPIC_STATE_INVALID")
    await refused(world, close(world, draft), "TOPIC_STATE_INVALID")
    gone = ("TOPIC_NOT_FOUND", "topic_id")
    for actor in (HELPER, MODERATING):
        assert await polls(world, actor, draft) == []
        await refused(world, ask(world, draft, actor), *gone)
    await ask(world, draft)  # in place of the other
    await world.act("PublishTopic", ASKER, draft)
    (poll,) = await polls(world, HELPER, draft)
    assert (poll.question, counts(poll)) == ("Shall we?", [0, 0, 0])
    await choose(world, HELPER, draft, 1)
    await refused(world, ask(world, draft), "POLL_EXISTS", "topic_id")


async def test_a_newcomers_poll_is_reviewed_with_its_topic(world: World) -> None:
    draft = await world.topic(await world.space(), NEWCOMER, draft=True)
    world.screen.verdict = moderation_pb2.VERDICT_HOLD
    await refused(world, ask(world, draft, NEWCOMER), "CONTENT_BLOCKED", "question")
    world.screen.verdict = moderation_pb2.VERDICT_ALLOW
    await ask(world, draft, NEWCOMER)
    await world.act("PublishTopic", NEWCOMER, draft)
    await refused(world, ask(world, draft, NEWCOMER), "TOPIC_STATE_INVALID")
    assert await polls(world, HELPER, draft) == []
    assert len(await polls(world, MODERATING, draft)) == 1
    await world.hear(await approved(world, draft))
    assert len(await polls(world, HELPER, draft)) == 1


async def test_a_poll_closes_after_its_topic_goes_out(world: World) -> None:
    space, now = await world.space(), datetime.now(UTC)
    soon, later = now + timedelta(hours=1), now + timedelta(hours=2)
    draft = await world.topic(space, draft=True)
    await ask(world, draft, close_time=soon)
    await refused(world, schedule(world, draft, later), "POLL_CLOSED")
    await refused(world, schedule(world, draft, soon), "POLL_CLOSED")
    await ask(world, draft)
    await schedule(world, draft, later)
    call = ask(world, draft, close_time=later)
    await refused(world, call, FieldInvalidError, "close_time")
    await ask(world, draft, close_time=later + timedelta(hours=1))
    over = {"$set": {"close_time": now - timedelta(hours=1)}}
    await world.database.polls.update_many({}, over)  # the time has come meanwhile
    other = await world.topic(space, draft=True)
    await ask(world, other, close_time=soon)
    await world.database.polls.update_many({}, over)
    await refused(world, world.act("PublishTopic", ASKER, other), "POLL_CLOSED")
    await remove_from_sight(world, other)
    await world.act("PublishTopic", ASKER, other)


async def remove_from_sight(world: World, topic: Any) -> None:
    """As if a moderator had removed it while the topic was out, before it was a draft again."""
    await world.database.polls.update_one(
        {"topic_id": topic.id}, {"$set": {"remove_reason": "rude"}}
    )


async def test_a_topic_whose_poll_is_over_does_not_go_out_by_itself(world: World) -> None:
    draft = await world.topic(await world.space(), draft=True)
    await schedule(world, draft, datetime.now(UTC) + timedelta(hours=1))
    await ask(world, draft)
    past = datetime.now(UTC) - timedelta(hours=1)
    await world.database.polls.update_many({}, {"$set": {"close_time": past}})
    world.members.actors = [ASKER]
    scheduled = await world.repository.get_topic("c1", draft.id, keyring_of(ASKER))
    await due(world).publish_topic(scheduled)
    back = await world.see(ASKER, draft)
    assert back.state == forum_pb2.TOPIC_STATE_DRAFT
    assert "poll would be closed" in back.state_reason
    assert await world.topics(HELPER) == []


async def test_a_poll_meets_the_publication_of_its_draft(world: World) -> None:
    draft = await world.topic(await world.space(), NEWCOMER, draft=True)

    async def published() -> None:
        await world.act("PublishTopic", NEWCOMER, draft)

    world.screen.meanwhile = published
    with pytest.raises(VersionStaleError):
        await ask(world, draft, NEWCOMER)
    assert await polls(world, MODERATING, draft) == []


def keyring_of(actor: Actor) -> tuple[str, ...]:
    return actor.member_of("c1").keyring


def due(world: World) -> DueTopics:
    moderation = world.loopback.client(ModerationServiceStub, "moderation", service_actor("forum"))
    directory = world.loopback.client(DirectoryServiceStub, "directory", service_actor("forum"))
    return DueTopics(world.commands, world.repository, moderation, directory, posting_limits=False)


@pytest.mark.parametrize("shown", ["ALWAYS", "AFTER_VOTE", "AFTER_CLOSE"])
async def test_results_are_seen_when_they_are_shown(world: World, shown: str) -> None:
    topic = await world.topic(await world.space())
    await ask(world, topic, results_shown=pb.ResultsShown.Value(f"RESULTS_SHOWN_{shown}"))
    mine = await choose(world, HELPER, topic, 1)
    early = shown == "ALWAYS"
    assert counts(mine) == ([0, 1, 0] if shown != "AFTER_CLOSE" else [None] * 3)
    for actor in (READER, ASKER, MODERATING, MANAGING):  # who asked is not told before others
        (poll,) = await polls(world, actor, topic)
        assert counts(poll) == ([0, 1, 0] if early else [None] * 3)
        assert poll.HasField("voter_count") == early
        if early:
            assert await voters(world, actor, topic, 1) == ["helper"]
        else:
            await refused(world, voters(world, actor, topic, 1), "POLL_RESULTS_HIDDEN")
    back = await choose(world, HELPER, topic)
    assert counts(back) == ([0, 0, 0] if early else [None] * 3)
    await choose(world, HELPER, topic, 2)
    closed = await close(world, topic)
    assert counts(closed) == [0, 0, 1]
    (poll,) = await polls(world, READER, topic)
    assert (counts(poll), poll.voter_count) == ([0, 0, 1], 1)
    assert await voters(world, READER, topic, 2) == ["helper"]


async def test_nobody_sees_who_chose_what_in_an_anonymous_poll(world: World) -> None:
    topic = await world.topic(await world.space())
    await ask(world, topic, anonymous=True)
    await choose(world, HELPER, topic, 1)
    await close(world, topic)
    for actor in (HELPER, ASKER, MODERATING, MANAGING):
        await refused(world, voters(world, actor, topic, 1), "POLL_RESULTS_HIDDEN")
    (poll,) = await polls(world, READER, topic)
    assert counts(poll) == [0, 1, 0]
    assert "helper" not in str(poll)


async def test_polls_are_behind_the_wall_of_their_topic(world: World) -> None:
    vendor = await world.space("vendor", audience=forum_pb2.AUDIENCE_VENDOR)
    secret, hidden = await world.topic(vendor, MANAGING), await world.topic(await world.space())
    await ask(world, secret, MANAGING)
    await ask(world, hidden)
    await world.act("HideTopic", MODERATING, hidden, reason="rude")
    assert await polls(world, HELPER, secret, hidden, forum_pb2.Topic(id="nobody")) == []
    for topic in (secret, hidden, forum_pb2.Topic(id="nobody")):
        gone = ("TOPIC_NOT_FOUND", "topic_id")
        await refused(world, choose(world, HELPER, topic, 0), *gone)
        await refused(world, ask(world, topic, HELPER), *gone)
        await refused(world, close(world, topic, HELPER), *gone)
        await refused(world, voters(world, HELPER, topic, 0), "POLL_NOT_FOUND", "topic_id")
    assert len(await polls(world, MANAGING, secret)) == 1
    await refused(world, polls(world, STRANGER, secret), CommunityNotFoundError, "community_id")
    await refused(world, polls(world, SEARCH, secret), RoleRequiredError)


async def test_ballots_at_once_are_all_counted_once(world: World) -> None:
    topic = await world.topic(await world.space())
    await ask(world, topic)
    people = [person_actor(f"voter{n}") for n in range(8)]
    await asyncio.gather(
        *(choose(world, who, topic, n % 2) for n, who in enumerate(people) for _ in range(2))
    )
    (poll,) = await polls(world, READER, topic)
    assert (counts(poll), poll.voter_count) == ([4, 4, 0], 8)
    request = pb.ListBallotsRequest(community_id="c1", topic_id=topic.id, option=1, page_size=3)
    first = await world.taking_part(READER).ListBallots(request)
    request.page_token = first.next_page_token
    rest = await world.taking_part(READER).ListBallots(request)
    found = [one.person_id for one in (*first.ballots, *rest.ballots)]
    assert sorted(found) == ["voter1", "voter3", "voter5", "voter7"]
    assert rest.next_page_token == ""


def test_a_poll_closes_at_its_time() -> None:
    poll = Poll("t", "a", "Q", ("A", "B"), False, False, ResultsShown.AFTER_VOTE, NOW, NOW, (0, 0))
    before = NOW - timedelta(milliseconds=1)
    assert (poll.closed(before), poll.closed(NOW)) == (False, True)
    voted, back = Ballot("t", "me", (1,), before), Ballot("t", "me", (), before)
    assert [poll.shows_results(one, before) for one in (None, back, voted)] == [False, False, True]
    assert poll.shows_results(None, NOW)

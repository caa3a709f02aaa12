"""What becomes of flags when their post is edited or goes away, each event heard twice."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import Message

from chassis.mongo import Database
from chassis.pagination import Paging
from chassis.testing import outbox, person_actor
from guildhall.forum.v1 import domain_events_pb2 as forum_events
from guildhall.forum.v1 import forum_pb2
from guildhall.moderation.v1 import moderation_pb2 as pb
from guildhall.moderation.v1.domain_events_pb2 import CaseMooted, CaseOpened, CaseRenewed
from services.moderation.domain import Case, CaseCause, CaseState, FlagState, case_id
from services.moderation.repository import ModerationRepository
from services.moderation.tests.conftest import (
    MODERATOR_OF_C1,
    ForumStandIn,
    request_id,
    rule_request,
)
from services.moderation.use_cases import ModerationUseCases
from services.moderation.use_cases.flags import FlagUseCases


def submission(number: int = 1, *rule_ids: str, **fields: bool) -> forum_events.Submission:
    values = {"screened": True} | fields
    return forum_events.Submission(number=number, rule_ids=rule_ids, **values)  # type: ignore[arg-type]


def published(number: int = 1, *rule_ids: str, **fields: bool) -> forum_events.TopicPublished:
    values = submission(number, *rule_ids, **fields)
    return forum_events.TopicPublished(topic_id="t1", author_id="p1", submission=values)


def edited(number: int, *rule_ids: str) -> forum_events.TopicEdited:
    return forum_events.TopicEdited(topic_id="t1", submission=submission(number, *rule_ids))


@pytest.fixture
def forum() -> ForumStandIn:
    """A topic that members see."""
    topic = forum_pb2.Topic(
        id="t1",
        community_id="c1",
        space_id="open",
        state=forum_pb2.TOPIC_STATE_PUBLISHED,
        author=forum_pb2.Author(person_id="p1"),
        submission_number=1,
    )
    space = forum_pb2.Space(id="open", community_id="c1", read_keys=["community:c1"])
    return ForumStandIn(spaces={"open": space}, topics={"t1": topic})  # type: ignore[abstract]


@pytest.fixture
def flag(flags: FlagUseCases) -> Any:
    """Somebody flags the topic."""

    async def apply(person_id: str = "alpha") -> None:
        request = pb.FlagPostRequest(
            request_id=request_id(),
            community_id="c1",
            topic_id="t1",
            reasons=[pb.FLAG_REASON_SPAM],
        )
        await flags.flag_post(person_actor(person_id), request)

    return apply


async def cases_of(repository: ModerationRepository) -> list[Case]:
    """Those that were flagged first."""
    found = await repository.find_cases_of("c1", "t1", "")
    return sorted(found, key=lambda case: (-case.flag_count, case.submission_number))


async def states(repository: ModerationRepository, case: Case) -> list[FlagState]:
    flags, _ = await repository.list_flags("c1", case.id, Paging(100))
    assert {one.settle_time for one in flags} == {case.decide_time}
    return [one.state for one in flags]


async def test_an_edit_takes_no_flag_away(
    database: Database, repository: ModerationRepository, heard_twice: Any, flag: Any
) -> None:
    await flag()
    for number in (2, 3):
        await heard_twice(edited(number))
    (case,) = await cases_of(repository)
    assert (case.state, case.cause, case.submission_number) == (CaseState.OPEN, CaseCause.FLAG, 3)
    assert await states(repository, case) == [FlagState.OPEN]
    renewed = [CaseRenewed(case_id=case.id, submission_number=number) for number in (2, 3)]
    assert (await outbox(database))[2:] == renewed
    entries = database["audit_entries"].find({}, {"action": 1}).sort("_id", 1)
    actions = [entry["action"] async for entry in entries]
    assert actions == ["FlagPost", "RenewCase", "RenewCase"]


async def test_what_rules_found_in_a_former_text_is_moot_and_the_flags_are_not(
    database: Database, repository: ModerationRepository, heard_twice: Any, flag: Any
) -> None:
    await heard_twice(published(1, "r1"))
    await flag()
    await heard_twice(edited(2, "r2"))
    flagged, found = await cases_of(repository)
    assert (flagged.cause, flagged.rule_ids, flagged.state) == (CaseCause.FLAG, (), CaseState.OPEN)
    assert (flagged.submission_number, flagged.flag_count) == (2, 1)
    assert (found.id, found.rule_ids) == (case_id("t1", "", 2), ("r2",))
    await heard_twice(edited(3))
    flagged, found = await cases_of(repository)
    assert (flagged.state, flagged.submission_number) == (CaseState.OPEN, 3)
    assert found.state is CaseState.MOOT


async def test_a_flag_keeps_no_rule_from_hiding_what_it_finds_later(
    database: Database,
    repository: ModerationRepository,
    use_cases: ModerationUseCases,
    heard_twice: Any,
    flag: Any,
    forum: ForumStandIn,
) -> None:
    await use_cases.create_rule(MODERATOR_OF_C1, rule_request("bad", "HOLD"))
    forum.topics["t1"].body = "bad"
    await flag()
    await heard_twice(published(screened=False))
    flagged, found = await cases_of(repository)
    assert (flagged.cause, flagged.hide_post) == (CaseCause.FLAG, False)
    assert (found.cause, found.hide_post) == (CaseCause.RULE, True)
    last = (await outbox(database))[-1]
    assert isinstance(last, CaseOpened)
    assert (last.case_id, last.hide_post) == (found.id, True)


@pytest.mark.parametrize(
    "message",
    [
        forum_events.TopicRemoved(topic_id="t1"),
        forum_events.TopicRejected(topic_id="t1"),
    ],
    ids=["removed", "rejected"],
)
async def test_flags_of_what_went_away_are_moot(
    database: Database,
    repository: ModerationRepository,
    heard_twice: Any,
    flag: Any,
    message: Message,
) -> None:
    for person_id in ("alpha", "beta"):
        await flag(person_id)
    await heard_twice(message)
    case = (await cases_of(repository))[0]
    assert case.state is CaseState.MOOT
    assert await states(repository, case) == [FlagState.MOOT] * 2
    moot = CaseMooted(case_id=case.id, topic_id="t1", submission_number=case.submission_number)
    assert moot in await outbox(database)
    await flag()  # it is back: nobody has decided, so nobody waits
    anew = (await cases_of(repository))[1]
    assert (anew.state, anew.flag_count) == (CaseState.OPEN, 1)


@pytest.mark.parametrize("approved", [True, False])
async def test_flags_wait_for_what_becomes_of_a_text_that_is_held(
    repository: ModerationRepository, heard_twice: Any, flag: Any, approved: bool
) -> None:
    await flag()
    await heard_twice(forum_events.TopicHeld(topic_id="t1", submission=submission(2)))
    flagged, waiting = await cases_of(repository)
    assert (flagged.state, flagged.submission_number) == (CaseState.OPEN, 1)
    assert (waiting.state, waiting.cause) == (CaseState.OPEN, CaseCause.REVIEW)
    decided = published(2, "r1") if approved else forum_events.TopicRejected(topic_id="t1")
    await heard_twice(decided)
    flagged, _ = await cases_of(repository)
    if approved:
        assert (flagged.state, flagged.submission_number) == (CaseState.OPEN, 2)
    else:
        assert await states(repository, flagged) == [FlagState.MOOT]


async def test_flags_follow_a_reply_into_another_topic(
    repository: ModerationRepository,
    heard_twice: Any,
    flags: FlagUseCases,
    forum: ForumStandIn,
) -> None:
    forum.replies["a1"] = forum_pb2.Reply(
        id="a1",
        topic_id="t1",
        community_id="c1",
        space_id="open",
        state=forum_pb2.REPLY_STATE_PUBLISHED,
        submission_number=1,
    )
    request = pb.FlagPostRequest(
        request_id=request_id(),
        community_id="c1",
        topic_id="t1",
        reply_id="a1",
        reasons=[pb.FLAG_REASON_ABUSE],
    )
    await flags.flag_post(person_actor("alpha"), request)
    await heard_twice(
        forum_events.RepliesMoved(topic_id="t2", from_topic_id="t1", reply_ids=["a1"])
    )
    (case,) = await repository.find_cases_of("c1", "t2", "a1")
    assert (case.topic_id, case.flag_count, case.state) == ("t2", 1, CaseState.OPEN)
    assert await states(repository, case) == [FlagState.OPEN]

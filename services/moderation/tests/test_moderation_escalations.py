"""What automations of the forum ask moderators to look at: rules by plain calls, events twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chassis.errors import DomainError
from chassis.mongo import Database
from chassis.testing import outbox, person_actor, stored
from guildhall.forum.v1 import domain_events_pb2 as forum_events
from guildhall.forum.v1 import forum_pb2
from guildhall.moderation.v1 import domain_events_pb2 as own_events
from guildhall.moderation.v1 import moderation_pb2 as pb
from services.moderation.consumers import ModerationConsumers
from services.moderation.domain import (
    Case,
    CaseCause,
    CaseState,
    Escalation,
    FlaggedPost,
    FlagReason,
    case_for_escalation,
    case_id,
    joined_case,
)
from services.moderation.repository import ModerationRepository
from services.moderation.tests.conftest import (
    MODERATOR_OF_C1,
    MODERATOR_OF_C2,
    TIME,
    CallAs,
    ForumStandIn,
    Hear,
    request_id,
    said,
)
from services.moderation.use_cases.flags import FlagUseCases

POST = FlaggedPost("c1", "t1", "", "p1", 1)


def escalation(run_id: str = "run1") -> Escalation:
    return Escalation(run_id, "automation1", "Wake up", "Quiet", TIME)


def a_case(**fields: Any) -> Case:
    return replace(case_for_escalation("c1", "t1", "p1", 1, escalation()), **fields)


def escalated(run_id: str = "run1", **fields: Any) -> forum_events.TopicEscalated:
    given: dict[str, Any] = {
        "topic_id": "t1",
        "automation_id": "automation1",
        "run_id": run_id,
        "automation_name": "Wake up",
        "reason": "Quiet",
        "author_id": "p1",
        "submission_number": 1,
    }
    return forum_events.TopicEscalated(**{**given, **fields})


# -- rules


def test_an_escalated_post_is_public_and_its_case_is_one_a_run() -> None:
    case = a_case()
    assert (case.cause, case.hide_post, case.keeps_from_view) == (
        CaseCause.ESCALATED,
        False,
        False,
    )
    assert case.id == case_for_escalation("c1", "t1", "", 2, escalation()).id
    assert case.id != case_for_escalation("c1", "t1", "p1", 1, escalation("run2")).id
    assert case.id != case_id("t1", "", 1)


def test_a_run_asks_once_and_the_last_thirty_are_kept() -> None:
    case = a_case()
    assert case.escalate(escalation(), 2) == case
    for number in range(2, 40):
        case = case.escalate(escalation(f"run{number}"), 1)
    assert [one.run_id for one in case.escalations] == [f"run{n}" for n in range(10, 40)]


@pytest.mark.parametrize(("flags", "cause"), [(0, CaseCause.ESCALATED), (1, CaseCause.FLAG)])
def test_an_edit_is_no_answer_to_an_automation(flags: int, cause: CaseCause) -> None:
    case = a_case(cause=CaseCause.FLAG_RULE, rule_ids=("r1",), flag_count=flags)
    renewed = case.renew(2)
    assert case.outlasts_edits
    assert (renewed.cause, renewed.rule_ids, renewed.submission_number) == (cause, (), 2)
    assert renewed.escalations == case.escalations
    assert a_case(cause=CaseCause.RULE, escalations=()).outlasts_edits is False


def test_a_flag_renews_the_case_it_joins_as_flagged() -> None:
    flagged = a_case().flag(replace(POST, submission_number=2), [FlagReason.SPAM])
    assert (flagged.cause, flagged.flag_count, flagged.submission_number) == (CaseCause.FLAG, 1, 2)


@pytest.mark.parametrize(
    ("fields", "joins"),
    [
        ({}, True),
        ({"cause": CaseCause.FLAG, "escalations": (), "flag_count": 1}, True),
        ({"cause": CaseCause.RULE, "escalations": (), "hide_post": True}, True),
        ({"cause": CaseCause.REVIEW, "escalations": (), "submission_number": 2}, False),
        ({"cause": CaseCause.EDIT, "escalations": ()}, False),
        ({"state": CaseState.APPROVED}, False),
        ({"state": CaseState.MOOT}, False),
    ],
)
def test_which_case_is_joined(fields: dict[str, Any], joins: bool) -> None:
    case = a_case(**fields)
    assert joined_case([case], 1) == (case if joins else None)


# -- consumers


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


async def cases_of(repository: ModerationRepository) -> list[Case]:
    return await repository.find_cases_of("c1", "t1", "")


async def test_an_escalation_opens_a_case(
    database: Database, repository: ModerationRepository, heard_twice: Any
) -> None:
    await heard_twice(escalated())
    assert await cases_of(repository) == [a_case()]
    assert await outbox(database) == [
        own_events.CaseOpened(
            case_id=a_case().id, topic_id="t1", submission_number=1, of_escalation=True
        )
    ]
    entry = await database["audit_entries"].find_one({}, {"_id": 0, "time": 0})
    assert entry == {
        "community_id": "c1",
        "actor": "service:moderation",
        "action": "OpenCase",
        "subject_id": a_case().id,
        "detail": "ESCALATED",
    }


async def test_a_further_run_joins_it(
    database: Database, repository: ModerationRepository, heard_twice: Any
) -> None:
    await heard_twice(escalated())
    await heard_twice(escalated("run2", automation_id="automation2", reason=""))
    (case,) = await cases_of(repository)
    assert [(one.run_id, one.reason) for one in case.escalations] == [
        ("run1", "Quiet"),
        ("run2", ""),
    ]
    assert (await outbox(database))[1:] == [
        own_events.CaseEscalated(case_id=case.id, automation_id="automation2")
    ]
    actions = [row["action"] async for row in database["audit_entries"].find().sort("_id", 1)]
    assert actions == ["OpenCase", "EscalateCase"]
    before = await stored(database)
    await heard_twice(escalated())  # of the first run, once more
    assert await stored(database) == before


async def test_of_one_batch_the_second_joins_the_first(
    database: Database,
    repository: ModerationRepository,
    consumers: ModerationConsumers,
    hear: Hear,
) -> None:
    """All handlers of a batch run before their effects are stored."""

    async def both() -> Any:
        first = await consumers.on_topic_escalated(said(escalated()))
        second = await consumers.on_topic_escalated(said(escalated("run2"), seq=2))
        return [*first, *second]

    await hear(both())
    (case,) = await cases_of(repository)
    assert [one.run_id for one in case.escalations] == ["run1", "run2"]


async def test_it_joins_what_rules_and_members_opened(
    repository: ModerationRepository, flags: FlagUseCases, heard_twice: Any
) -> None:
    submission = forum_events.Submission(number=1, screened=True, rule_ids=["r1"])
    published = forum_events.TopicPublished(topic_id="t1", author_id="p1", submission=submission)
    await heard_twice(published)
    await heard_twice(escalated())
    flag = pb.FlagPostRequest(
        request_id=request_id(), community_id="c1", topic_id="t1", reasons=[pb.FLAG_REASON_SPAM]
    )
    await flags.flag_post(person_actor("alpha"), flag)
    (case,) = await cases_of(repository)
    assert (case.cause, case.flag_count, len(case.escalations)) == (CaseCause.FLAG_RULE, 1, 1)


async def test_an_edit_leaves_it_and_a_rule_opens_a_case_beside_it(
    database: Database, repository: ModerationRepository, heard_twice: Any
) -> None:
    await heard_twice(escalated())
    for number, rules in ((2, []), (3, ["r1"])):
        submission = forum_events.Submission(number=number, screened=True, rule_ids=rules)
        await heard_twice(forum_events.TopicEdited(topic_id="t1", submission=submission))
    asked, found = sorted(await cases_of(repository), key=lambda case: not case.escalations)
    assert (asked.state, asked.cause) == (CaseState.OPEN, CaseCause.ESCALATED)
    assert asked.submission_number == 3
    assert (found.id, found.cause) == (case_id("t1", "", 3), CaseCause.FLAG_RULE)
    renewed = own_events.CaseRenewed(case_id=asked.id, submission_number=2)
    assert renewed in await outbox(database)


async def test_what_went_away_needs_no_look(
    repository: ModerationRepository, heard_twice: Any
) -> None:
    await heard_twice(escalated())
    await heard_twice(forum_events.TopicRemoved(topic_id="t1"))
    (case,) = await cases_of(repository)
    assert case.state is CaseState.MOOT
    await heard_twice(escalated())
    assert await cases_of(repository) == [case]


async def test_what_was_said_before_cases_were_made_of_it_opens_none(
    repository: ModerationRepository, heard_twice: Any
) -> None:
    old = forum_events.TopicEscalated(topic_id="t1", automation_id="automation1")
    await heard_twice(old)
    assert await cases_of(repository) == []


# -- the queue


async def test_moderators_dismiss_it_and_the_next_run_asks_anew(
    database: Database, repository: ModerationRepository, heard_twice: Any, call_as: CallAs
) -> None:
    await heard_twice(escalated())
    stub = call_as(MODERATOR_OF_C1)
    (found,) = (await stub.ListCases(pb.ListCasesRequest(community_id="c1"))).cases
    assert found.cause == pb.CASE_CAUSE_ESCALATED
    (asked,) = found.escalations
    assert (asked.automation_id, asked.automation_name, asked.reason) == (
        "automation1",
        "Wake up",
        "Quiet",
    )
    assert asked.time.ToDatetime(TIME.tzinfo) == TIME
    decide = pb.DecideCaseRequest(
        request_id=request_id(), community_id="c1", case_id=found.id, outcome=pb.OUTCOME_APPROVE
    )
    await stub.DecideCase(decide)
    (decided,) = [one for one in await outbox(database) if isinstance(one, own_events.CaseDecided)]
    assert (decided.approved, decided.topic_id) == (True, "t1")
    await heard_twice(escalated())  # of the run that was answered
    assert not (await stub.ListCases(pb.ListCasesRequest(community_id="c1"))).cases
    await heard_twice(escalated("run2"))
    (anew,) = (await stub.ListCases(pb.ListCasesRequest(community_id="c1"))).cases
    assert anew.id != found.id


async def test_outsiders_find_no_community_and_members_need_the_role(
    database: Database, heard_twice: Any, call_as: CallAs
) -> None:
    await heard_twice(escalated())
    before = await stored(database)
    for actor in (MODERATOR_OF_C2, person_actor("p2", "c1")):
        with pytest.raises(DomainError):
            await call_as(actor).GetCase(pb.GetCaseRequest(community_id="c1", case_id=a_case().id))
    assert await stored(database) == before

"""ModerationService over real gRPC."""

from __future__ import annotations

import pytest
from google.protobuf.message import Message

from chassis.actors import Actor
from chassis.errors import (
    CommunityNotFoundError,
    DomainError,
    FieldInvalidError,
    PageTokenInvalidError,
    RoleRequiredError,
    TextInvalidError,
)
from chassis.mongo import Database
from chassis.rpc_status import reason_of
from chassis.testing import service_actor, stored
from guildhall.forum.v1 import domain_events_pb2 as forum_events
from guildhall.moderation.v1 import moderation_pb2
from services.moderation.consumers import ModerationConsumers
from services.moderation.tests.conftest import (
    MEMBER_OF_C1,
    MODERATOR_OF_C1,
    MODERATOR_OF_C2,
    CallAs,
    Hear,
    request_id,
    rule_request,
    said,
)

FORUM = service_actor("forum")


async def held(consumers: ModerationConsumers, hear: Hear, *topic_ids: str) -> None:
    for topic_id in topic_ids:
        submission = forum_events.Submission(screened=True, number=1)
        message = forum_events.TopicHeld(topic_id=topic_id, submission=submission)
        await hear(consumers.on_topic_held(said(message)))


async def test_rules_are_written_listed_and_screen(call_as: CallAs) -> None:
    stub = call_as(MODERATOR_OF_C1)
    flag = (await stub.CreateRule(rule_request("odd", "FLAG"))).rule
    block = (await stub.CreateRule(rule_request("bad", "BLOCK", message="Be kind."))).rule
    replace = (await stub.CreateRule(rule_request("darn", "REPLACE"))).rule
    first = await stub.ListRules(moderation_pb2.ListRulesRequest(community_id="c1", page_size=2))
    rest = await stub.ListRules(
        moderation_pb2.ListRulesRequest(
            community_id="c1", page_size=2, page_token=first.next_page_token
        )
    )
    listed = [*first.rules, *rest.rules]
    assert [rule.id for rule in listed] == [block.id, replace.id, flag.id]
    assert [rule.version for rule in listed] == [3, 3, 3]
    assert rest.next_page_token == ""
    before = await stub.ListRules(
        moderation_pb2.ListRulesRequest(
            community_id="c1", page_size=1, page_token=listed[2].page_token, backward=True
        )
    )
    assert ([rule.id for rule in before.rules], before.next_page_token) == (
        [replace.id],
        listed[1].page_token,
    )

    screen = call_as(FORUM).Screen
    assert await screen(
        moderation_pb2.ScreenRequest(community_id="c1", texts=["Odd", "a darn thing"]), timeout=0.3
    ) == moderation_pb2.ScreenResponse(
        verdict=moderation_pb2.VERDICT_FLAG,
        texts=["Odd", "a *** thing"],
        rule_ids=[flag.id],
        policy_version="3",
    )
    assert await screen(
        moderation_pb2.ScreenRequest(community_id="c1", texts=["Odd", "BAD"])
    ) == moderation_pb2.ScreenResponse(
        verdict=moderation_pb2.VERDICT_BLOCK,
        texts=["Odd", "BAD"],
        rule_ids=[block.id],
        message="Be kind.",
        policy_version="3",
    )
    off = await stub.UpdateRule(
        moderation_pb2.UpdateRuleRequest(
            request_id=request_id(), community_id="c1", rule_id=block.id, enabled=False
        )
    )
    assert off.rule.enabled is False
    await stub.DeleteRule(
        moderation_pb2.DeleteRuleRequest(
            request_id=request_id(), community_id="c1", rule_id=flag.id
        )
    )
    assert await screen(
        moderation_pb2.ScreenRequest(community_id="c1", texts=["Odd", "BAD"])
    ) == moderation_pb2.ScreenResponse(
        verdict=moderation_pb2.VERDICT_ALLOW, texts=["Odd", "BAD"], policy_version="5"
    )


async def test_only_services_screen(call_as: CallAs) -> None:
    request = moderation_pb2.ScreenRequest(community_id="c1", texts=["a"])
    for actor in (MODERATOR_OF_C1, MEMBER_OF_C1):
        with pytest.raises(RoleRequiredError):
            await call_as(actor).Screen(request)


@pytest.mark.parametrize(
    ("community_id", "texts", "refusal", "field"),
    [
        ("c1", ["a" * 32_769], TextInvalidError, "texts.0"),
        ("c1", ["a"] * 33, FieldInvalidError, "texts"),
        ("", ["a"], CommunityNotFoundError, "community_id"),
    ],
)
async def test_screen_refuses(
    call_as: CallAs, community_id: str, texts: list[str], refusal: type[DomainError], field: str
) -> None:
    with pytest.raises(refusal) as caught:
        await call_as(FORUM).Screen(
            moderation_pb2.ScreenRequest(community_id=community_id, texts=texts)
        )
    assert caught.value.field == field


async def test_cases_are_listed_read_and_decided(
    call_as: CallAs, consumers: ModerationConsumers, hear: Hear
) -> None:
    await held(consumers, hear, "t1", "t2", "t3")
    stub = call_as(MODERATOR_OF_C1)
    first = await stub.ListCases(moderation_pb2.ListCasesRequest(community_id="c1", page_size=2))
    rest = await stub.ListCases(
        moderation_pb2.ListCasesRequest(
            community_id="c1", page_size=2, page_token=first.next_page_token
        )
    )
    cases = {case.topic_id: case for case in [*first.cases, *rest.cases]}
    assert sorted(cases) == ["t1", "t2", "t3"]
    assert (len(first.cases), len(rest.cases), rest.next_page_token) == (2, 1, "")
    case = cases["t2"]
    assert await stub.GetCase(
        moderation_pb2.GetCaseRequest(community_id="c1", case_id=case.id)
    ) == moderation_pb2.GetCaseResponse(case=case)
    ids = [cases["t1"].id, "none", case.id, case.id]
    batch = moderation_pb2.BatchGetCasesRequest(community_id="c1", case_ids=ids)
    found = (await stub.BatchGetCases(batch)).cases
    assert {one.id: one for one in found} == {one.id: one for one in (cases["t1"], case)}
    assert len(found) == 2
    decided = await stub.DecideCase(
        moderation_pb2.DecideCaseRequest(
            request_id=request_id(),
            community_id="c1",
            case_id=case.id,
            outcome=moderation_pb2.OUTCOME_APPROVE,
        )
    )
    assert decided.case.state == moderation_pb2.CASE_STATE_APPROVED
    approved = await stub.ListCases(
        moderation_pb2.ListCasesRequest(community_id="c1", state=moderation_pb2.CASE_STATE_APPROVED)
    )
    assert list(approved.cases) == [decided.case]
    waiting = await stub.ListCases(moderation_pb2.ListCasesRequest(community_id="c1"))
    assert {case.topic_id for case in waiting.cases} == {"t1", "t3"}


READS = [
    ("ListRules", moderation_pb2.ListRulesRequest(community_id="c1")),
    ("ListCases", moderation_pb2.ListCasesRequest(community_id="c1")),
    ("GetCase", moderation_pb2.GetCaseRequest(community_id="c1", case_id="k1")),
    ("BatchGetCases", moderation_pb2.BatchGetCasesRequest(community_id="c1", case_ids=["k1"])),
]
WRITES = [
    ("CreateRule", rule_request()),
    (
        "UpdateRule",
        moderation_pb2.UpdateRuleRequest(
            request_id=request_id(), community_id="c1", rule_id="r1", enabled=False
        ),
    ),
    (
        "DeleteRule",
        moderation_pb2.DeleteRuleRequest(request_id=request_id(), community_id="c1", rule_id="r1"),
    ),
    (
        "DecideCase",
        moderation_pb2.DecideCaseRequest(
            request_id=request_id(),
            community_id="c1",
            case_id="k1",
            outcome=moderation_pb2.OUTCOME_APPROVE,
        ),
    ),
]


@pytest.mark.parametrize(
    ("actor", "reason"),
    [
        (MODERATOR_OF_C2, "COMMUNITY_NOT_FOUND"),
        (MEMBER_OF_C1, "ROLE_REQUIRED"),
        (FORUM, "ROLE_REQUIRED"),
    ],
)
@pytest.mark.parametrize(("method", "request_"), READS + WRITES)
async def test_whoever_is_no_moderator_there_learns_nothing(
    call_as: CallAs,
    database: Database,
    actor: Actor,
    reason: str,
    method: str,
    request_: Message,
) -> None:
    before = await stored(database)
    with pytest.raises(DomainError) as caught:
        await getattr(call_as(actor), method)(request_)
    assert reason_of(caught.value) == reason
    assert await stored(database) == before


async def test_anothers_case_answers_as_none(
    call_as: CallAs, consumers: ModerationConsumers, hear: Hear
) -> None:
    await held(consumers, hear, "t1")
    listed = await call_as(MODERATOR_OF_C1).ListCases(
        moderation_pb2.ListCasesRequest(community_id="c1")
    )
    outsider = call_as(MODERATOR_OF_C2)
    refusals = []
    for case_id in (listed.cases[0].id, "none"):
        with pytest.raises(DomainError) as caught:
            await outsider.GetCase(
                moderation_pb2.GetCaseRequest(community_id="c2", case_id=case_id)
            )
        refusals.append((reason_of(caught.value), str(caught.value), caught.value.field))
    assert refusals == [("CASE_NOT_FOUND", "Case not found", "case_id")] * 2
    other = await outsider.ListCases(moderation_pb2.ListCasesRequest(community_id="c2"))
    assert other == moderation_pb2.ListCasesResponse()
    batch = moderation_pb2.BatchGetCasesRequest(
        community_id="c2", case_ids=[listed.cases[0].id, "none"]
    )
    assert await outsider.BatchGetCases(batch) == moderation_pb2.BatchGetCasesResponse()


@pytest.mark.parametrize(
    ("method", "request_", "refusal", "field"),
    [
        (
            "ListCases",
            moderation_pb2.ListCasesRequest(community_id="c1", state=9),  # type: ignore[arg-type]
            FieldInvalidError,
            "state",
        ),
        (
            "ListCases",
            moderation_pb2.ListCasesRequest(community_id="c1", page_size=-1),
            FieldInvalidError,
            "page_size",
        ),
        (
            "ListCases",
            moderation_pb2.ListCasesRequest(community_id="c1", page_token="x"),
            PageTokenInvalidError,
            "page_token",
        ),
        (
            "ListRules",
            moderation_pb2.ListRulesRequest(community_id="c1", page_token="x"),
            PageTokenInvalidError,
            "page_token",
        ),
    ],
)
async def test_lists_refuse_what_they_cannot_read(
    call_as: CallAs, method: str, request_: Message, refusal: type[DomainError], field: str
) -> None:
    with pytest.raises(refusal) as caught:
        await getattr(call_as(MODERATOR_OF_C1), method)(request_)
    assert caught.value.field == field

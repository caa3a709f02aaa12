"""Rules and decisions as commands, and screening, on a real MongoDB."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from chassis.actors import Actor
from chassis.decisions import Document
from chassis.errors import (
    CommunityNotFoundError,
    DomainError,
    FieldInvalidError,
    ReasonRequiredError,
    RequestIdInvalidError,
    RequestIdReusedError,
    RoleRequiredError,
    TextInvalidError,
    VersionStaleError,
)
from chassis.mongo import Database
from chassis.testing import outbox, person_actor, stored
from guildhall.forum.v1 import forum_pb2
from guildhall.moderation.v1 import domain_events_pb2, moderation_pb2
from services.moderation.domain import (
    Case,
    CaseCause,
    CaseDecidedError,
    CaseNotFoundError,
    OwnPostError,
    PatternInvalidError,
    RuleNotFoundError,
    Screening,
    ScreeningTooSlowError,
    TooManyRulesError,
    Verdict,
)
from services.moderation.repository import ModerationRepository
from services.moderation.tests.conftest import (
    MEMBER_OF_C1,
    MODERATOR_OF_C1,
    MODERATOR_OF_C2,
    TIME,
    request_id,
    rule_request,
)
from services.moderation.use_cases import ModerationUseCases
from services.moderation.use_cases.screening import Screener


async def audit(database: Database) -> list[Document]:
    rows = database["audit_entries"].find({}, {"_id": 0, "time": 0}).sort("_id", 1)
    return await rows.to_list()


async def put_case(database: Database, repository: ModerationRepository, **fields: object) -> Case:
    values = {"id": "k1", "community_id": "c1", "cause": CaseCause.RULE, "topic_id": "t1"}
    values |= {"reply_id": "a1", "author_id": "p1", "submission_number": 2, "open_time": TIME}
    case = Case(**(values | fields))  # type: ignore[arg-type]
    document = repository.cases.dump(case) | {"_id": case.id, "community_id": case.community_id}
    await database["cases"].insert_one(document | {"seq": 1})
    return case


def decide_request(outcome: str = "APPROVE", **fields: Any) -> moderation_pb2.DecideCaseRequest:
    values: dict[str, Any] = {"request_id": request_id(), "community_id": "c1", "case_id": "k1"}
    values |= fields
    return moderation_pb2.DecideCaseRequest(
        outcome=moderation_pb2.Outcome.Value(f"OUTCOME_{outcome}"), **values
    )


def update_request(rule_id: str, **fields: object) -> moderation_pb2.UpdateRuleRequest:
    values = {"request_id": request_id(), "community_id": "c1", "rule_id": rule_id} | fields
    return moderation_pb2.UpdateRuleRequest(**values)  # type: ignore[arg-type]


def delete_request(rule_id: str, **fields: Any) -> moderation_pb2.DeleteRuleRequest:
    values: dict[str, Any] = {"request_id": request_id(), "community_id": "c1"}
    values |= {"rule_id": rule_id, **fields}
    return moderation_pb2.DeleteRuleRequest(**values)


async def test_create_rule_stores_says_and_records_it(
    database: Database, repository: ModerationRepository, use_cases: ModerationUseCases
) -> None:
    request = rule_request("  Bad  word ", "BLOCK", message="Be kind.")
    first = await use_cases.create_rule(MODERATOR_OF_C1, request)
    assert first.rule == moderation_pb2.Rule(
        id=first.rule.id,
        community_id="c1",
        kind=moderation_pb2.RULE_KIND_BLOCK,
        pattern_kind=moderation_pb2.PATTERN_KIND_WORD,
        pattern="Bad word",
        message="Be kind.",
        enabled=True,
        version=1,
    )
    assert await use_cases.create_rule(MODERATOR_OF_C1, request) == first  # replayed
    second = await use_cases.create_rule(MODERATOR_OF_C1, rule_request("x", "REPLACE"))
    assert second.rule.version == 2
    policy, version = await repository.find_policy("c1")
    assert [rule.pattern for rule in policy.rules] == ["Bad word", "x"]
    assert version == 2
    assert await outbox(database) == [
        domain_events_pb2.PolicyChanged(policy_version="1"),
        domain_events_pb2.PolicyChanged(policy_version="2"),
    ]
    common = {"community_id": "c1", "actor": "mod", "action": "CreateRule"}
    assert await audit(database) == [
        common | {"subject_id": first.rule.id, "detail": "BLOCK WORD Bad word"},
        common | {"subject_id": second.rule.id, "detail": "REPLACE WORD x"},
    ]


async def test_a_manager_is_a_moderator_too(
    repository: ModerationRepository, use_cases: ModerationUseCases
) -> None:
    manager = person_actor("boss", "c1", roles=["MANAGER"])
    response = await use_cases.create_rule(manager, rule_request())
    assert response.rule.version == 1


@pytest.mark.parametrize(
    ("actor", "request_", "refusal", "field"),
    [
        (MODERATOR_OF_C2, rule_request(), CommunityNotFoundError, "community_id"),
        (MEMBER_OF_C1, rule_request(), RoleRequiredError, ""),
        (MODERATOR_OF_C1, rule_request(request_id="short"), RequestIdInvalidError, "request_id"),
        (MODERATOR_OF_C1, rule_request(kind="UNSPECIFIED"), FieldInvalidError, "kind"),
        (
            MODERATOR_OF_C1,
            rule_request(pattern_kind="UNSPECIFIED"),
            FieldInvalidError,
            "pattern_kind",
        ),
        (MODERATOR_OF_C1, rule_request(""), TextInvalidError, "pattern"),
        (MODERATOR_OF_C1, rule_request("a" * 513), TextInvalidError, "pattern"),
        (MODERATOR_OF_C1, rule_request("a\x07"), TextInvalidError, "pattern"),
        (MODERATOR_OF_C1, rule_request("*"), PatternInvalidError, "pattern"),
        (MODERATOR_OF_C1, rule_request("(", "HOLD", "REGEX"), PatternInvalidError, "pattern"),
        (MODERATOR_OF_C1, rule_request("a*", "HOLD", "REGEX"), PatternInvalidError, "pattern"),
        (MODERATOR_OF_C1, rule_request(message="x" * 501), TextInvalidError, "message"),
        (
            MODERATOR_OF_C1,
            rule_request(kind="REPLACE", replacement=""),
            TextInvalidError,
            "replacement",
        ),
        (
            MODERATOR_OF_C1,
            rule_request(kind="REPLACE", replacement="bad"),
            FieldInvalidError,
            "replacement",
        ),
        (MODERATOR_OF_C1, rule_request(replacement="x"), FieldInvalidError, "replacement"),
    ],
)
async def test_create_rule_refuses_and_stores_nothing(
    database: Database,
    use_cases: ModerationUseCases,
    actor: Actor,
    request_: moderation_pb2.CreateRuleRequest,
    refusal: type[DomainError],
    field: str,
) -> None:
    before = await stored(database)
    with pytest.raises(refusal) as caught:
        await use_cases.create_rule(actor, request_)
    assert caught.value.field == field
    assert await stored(database) == before


async def test_a_request_id_used_for_another_rule_is_refused(
    database: Database, use_cases: ModerationUseCases
) -> None:
    await use_cases.create_rule(MODERATOR_OF_C1, rule_request("a", request_id="the-same-id"))
    before = await stored(database)
    with pytest.raises(RequestIdReusedError):
        await use_cases.create_rule(MODERATOR_OF_C1, rule_request("b", request_id="the-same-id"))
    assert await stored(database) == before


async def test_20_concurrent_creations_never_exceed_200_rules(
    database: Database, repository: ModerationRepository, use_cases: ModerationUseCases
) -> None:
    for start in range(0, 190, 10):
        await asyncio.gather(
            *(
                use_cases.create_rule(MODERATOR_OF_C1, rule_request(f"w{n}"))
                for n in range(start, start + 10)
            )
        )
    answers = await asyncio.gather(
        *(use_cases.create_rule(MODERATOR_OF_C1, rule_request(f"x{n}")) for n in range(20)),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers].count(TooManyRulesError) == 10
    policy, version = await repository.find_policy("c1")
    assert (len(policy.rules), version, len(await outbox(database))) == (200, 200, 200)
    assert len({rule.number for rule in policy.rules}) == 200
    assert len(await audit(database)) == 200


async def test_update_rule_changes_what_is_named(
    database: Database, use_cases: ModerationUseCases
) -> None:
    rule = (await use_cases.create_rule(MODERATOR_OF_C1, rule_request(message="no"))).rule
    request = update_request(rule.id, pattern="worse", expected_version=1)
    changed = await use_cases.update_rule(MODERATOR_OF_C1, request)
    assert await use_cases.update_rule(MODERATOR_OF_C1, request) == changed
    rule.pattern, rule.version = "worse", 2
    assert changed.rule == rule
    off = await use_cases.update_rule(MODERATOR_OF_C1, update_request(rule.id, enabled=False))
    rule.enabled, rule.version = False, 3
    assert off.rule == rule
    same = await use_cases.update_rule(MODERATOR_OF_C1, update_request(rule.id, enabled=False))
    assert same.rule == rule
    assert [event.policy_version for event in await outbox(database)] == ["1", "2", "3"]  # type: ignore[attr-defined]
    assert [entry["action"] for entry in await audit(database)] == [
        "CreateRule",
        "UpdateRule",
        "UpdateRule",
    ]


@pytest.mark.parametrize(
    ("actor", "fields", "refusal", "field"),
    [
        (MODERATOR_OF_C2, {}, CommunityNotFoundError, "community_id"),
        (MEMBER_OF_C1, {}, RoleRequiredError, ""),
        (MODERATOR_OF_C1, {"rule_id": "none"}, RuleNotFoundError, "rule_id"),
        (MODERATOR_OF_C1, {"expected_version": 2}, VersionStaleError, "expected_version"),
        (MODERATOR_OF_C1, {"pattern": ""}, TextInvalidError, "pattern"),
        (MODERATOR_OF_C1, {"pattern": "**"}, PatternInvalidError, "pattern"),
        (MODERATOR_OF_C1, {"message": "a\x00"}, TextInvalidError, "message"),
        (MODERATOR_OF_C1, {"replacement": "x"}, FieldInvalidError, "replacement"),
    ],
)
async def test_update_rule_refuses_and_stores_nothing(
    database: Database,
    use_cases: ModerationUseCases,
    actor: Actor,
    fields: dict[str, object],
    refusal: type[DomainError],
    field: str,
) -> None:
    rule = (await use_cases.create_rule(MODERATOR_OF_C1, rule_request())).rule
    before = await stored(database)
    with pytest.raises(refusal) as caught:
        await use_cases.update_rule(actor, update_request(**({"rule_id": rule.id} | fields)))  # type: ignore[arg-type]
    assert caught.value.field == field
    assert await stored(database) == before


async def test_delete_rule_takes_it_away(
    database: Database, repository: ModerationRepository, use_cases: ModerationUseCases
) -> None:
    rule = (await use_cases.create_rule(MODERATOR_OF_C1, rule_request())).rule
    before = await stored(database)
    with pytest.raises(VersionStaleError):
        await use_cases.delete_rule(
            MODERATOR_OF_C1, delete_request(rule.id, expected_version=rule.version + 1)
        )
    assert await stored(database) == before
    request = delete_request(rule.id, expected_version=rule.version)
    for _ in range(2):
        response = await use_cases.delete_rule(MODERATOR_OF_C1, request)
        assert response == moderation_pb2.DeleteRuleResponse()
    policy, version = await repository.find_policy("c1")
    assert (policy.rules, version) == ((), 2)
    before = await stored(database)
    for actor, refused, refusal in (
        (MODERATOR_OF_C1, delete_request(rule.id), RuleNotFoundError),
        (MODERATOR_OF_C2, delete_request(rule.id, community_id="c2"), RuleNotFoundError),
        (MODERATOR_OF_C2, delete_request(rule.id), CommunityNotFoundError),
        (MEMBER_OF_C1, delete_request(rule.id), RoleRequiredError),
    ):
        with pytest.raises(refusal):
            await use_cases.delete_rule(actor, refused)
    assert await stored(database) == before


async def test_decide_case_stores_says_and_records_it(
    database: Database, repository: ModerationRepository, use_cases: ModerationUseCases
) -> None:
    await put_case(database, repository)
    code = forum_pb2.REASON_CODE_OFF_TOPIC
    request = decide_request("REJECT", reason="Off topic.", reason_code=code)
    decided = await use_cases.decide_case(MODERATOR_OF_C1, request)
    assert await use_cases.decide_case(MODERATOR_OF_C1, request) == decided
    case = decided.case
    assert (case.state, case.decider_id, case.reason, case.reason_code, case.version) == (
        moderation_pb2.CASE_STATE_REJECTED,
        "mod",
        "Off topic.",
        code,
        2,
    )
    (row,) = (await stored(database))["cases"]
    assert row["reason_code"] == "OFF_TOPIC"
    assert await outbox(database) == [
        domain_events_pb2.CaseDecided(
            case_id="k1",
            topic_id="t1",
            reply_id="a1",
            approved=False,
            reason="Off topic.",
            reason_code=code,
            decider_id="mod",
            submission_number=2,
        )
    ]
    assert await audit(database) == [
        {
            "community_id": "c1",
            "actor": "mod",
            "action": "DecideCase REJECTED",
            "subject_id": "k1",
            "detail": "Off topic.",
        }
    ]
    before = await stored(database)
    with pytest.raises(CaseDecidedError):
        await use_cases.decide_case(MODERATOR_OF_C1, decide_request())
    assert await stored(database) == before


async def test_of_20_decisions_at_once_one_counts(
    database: Database, repository: ModerationRepository, use_cases: ModerationUseCases
) -> None:
    await put_case(database, repository)
    moderators = [person_actor(f"mod{n}", "c1", roles=["MODERATOR"]) for n in range(20)]
    answers = await asyncio.gather(
        *(use_cases.decide_case(moderator, decide_request()) for moderator in moderators),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers].count(CaseDecidedError) == 19
    assert len(await outbox(database)) == 1


@pytest.mark.parametrize(
    ("actor", "request_", "refusal", "field"),
    [
        (MODERATOR_OF_C2, decide_request(), CommunityNotFoundError, "community_id"),
        (MODERATOR_OF_C2, decide_request(community_id="c2"), CaseNotFoundError, "case_id"),
        (MODERATOR_OF_C1, decide_request(case_id="none"), CaseNotFoundError, "case_id"),
        (MODERATOR_OF_C1, decide_request(case_id=""), CaseNotFoundError, "case_id"),
        (MEMBER_OF_C1, decide_request(), RoleRequiredError, ""),
        (MODERATOR_OF_C1, decide_request("UNSPECIFIED"), FieldInvalidError, "outcome"),
        (MODERATOR_OF_C1, decide_request("REJECT"), ReasonRequiredError, "reason"),
        (MODERATOR_OF_C1, decide_request(reason="x" * 1001), TextInvalidError, "reason"),
        (MODERATOR_OF_C1, decide_request(reason="a\x00"), TextInvalidError, "reason"),
        (MODERATOR_OF_C1, decide_request(reason_code=99), FieldInvalidError, "reason_code"),
        (person_actor("p1", "c1", roles=["MODERATOR"]), decide_request(), OwnPostError, ""),
        (
            MODERATOR_OF_C1,
            decide_request(expected_version=99),
            VersionStaleError,
            "expected_version",
        ),
    ],
)
async def test_decide_case_refuses_and_stores_nothing(
    database: Database,
    repository: ModerationRepository,
    use_cases: ModerationUseCases,
    actor: Actor,
    request_: moderation_pb2.DecideCaseRequest,
    refusal: type[DomainError],
    field: str,
) -> None:
    await put_case(database, repository)
    before = await stored(database)
    with pytest.raises(refusal) as caught:
        await use_cases.decide_case(actor, request_)
    assert caught.value.field == field
    assert await stored(database) == before


async def test_screen_allows_all_where_there_are_no_rules(screener: Screener) -> None:
    assert await screener.screen("c1", ["a"]) == Screening(Verdict.ALLOW, ("a",))


async def test_a_policy_change_holds_at_once_in_all_replicas(
    use_cases: ModerationUseCases, repository: ModerationRepository
) -> None:
    replicas = [Screener(repository), Screener(repository)]
    rule = (await use_cases.create_rule(MODERATOR_OF_C1, rule_request("bad", "BLOCK"))).rule
    for replica in replicas:
        blocked = await replica.screen("c1", ["a bad one"])
        assert (blocked.verdict, blocked.rule_ids, blocked.policy_version) == (
            Verdict.BLOCK,
            (rule.id,),
            1,
        )
        assert (await replica.screen("c2", ["a bad one"])).verdict is Verdict.ALLOW
    await use_cases.update_rule(MODERATOR_OF_C1, update_request(rule.id, pattern="worse"))
    for replica in replicas:
        allowed = await replica.screen("c1", ["a bad one"])
        assert (allowed.verdict, allowed.policy_version) == (Verdict.ALLOW, 2)
    await use_cases.delete_rule(MODERATOR_OF_C1, delete_request(rule.id))
    assert (await replicas[0].screen("c1", ["worse"])).policy_version == 3


async def test_ready_rules_are_kept_within_bounds(
    use_cases: ModerationUseCases, repository: ModerationRepository
) -> None:
    screener = Screener(repository, most_rules=2)
    for community_id in ("c1", "c2", "c3"):
        moderator = person_actor("m", community_id, roles=["MODERATOR"])
        await use_cases.create_rule(moderator, rule_request(community_id=community_id))
        assert (await screener.screen(community_id, ["bad"])).verdict is Verdict.HOLD
    assert list(screener._ready) == ["c2", "c3"]
    await asyncio.gather(*(screener.screen("c1", ["bad"]) for _ in range(20)))
    assert list(screener._ready) == ["c3", "c1"]
    assert not screener._preparing


async def create_dear_rules(use_cases: ModerationUseCases) -> None:
    """Some 0.2 s each for a text of 32 KiB: as dear as a pattern can be."""
    for number in range(5):
        pattern = f"(?:[a-b]{{1,9{number}}}){{1,9}}z"
        await use_cases.create_rule(MODERATOR_OF_C1, rule_request(pattern, "BLOCK", "REGEX"))


async def test_rules_that_take_too_long_are_given_up(
    use_cases: ModerationUseCases, screener: Screener
) -> None:
    await create_dear_rules(use_cases)
    began = time.monotonic()
    await screener.screen("c1", ["ab" * 16_384], budget=60)
    whole = time.monotonic() - began
    began = time.monotonic()
    with pytest.raises(ScreeningTooSlowError):
        await screener.screen("c1", ["ab" * 16_384], budget=whole / 20)
    assert time.monotonic() - began < whole / 2
    assert (await screener.screen("c1", ["ab"])).verdict is Verdict.ALLOW


async def test_long_screens_do_not_stall_the_loop(
    use_cases: ModerationUseCases, screener: Screener
) -> None:
    await create_dear_rules(use_cases)
    longest = 0.0
    screening = asyncio.create_task(screener.screen("c1", ["ab" * 16_384], budget=30))
    began = time.monotonic()
    while not screening.done():
        before = time.monotonic()
        await asyncio.sleep(0.001)
        longest = max(longest, time.monotonic() - before)
    assert screening.result().verdict is Verdict.ALLOW
    assert longest < (time.monotonic() - began) / 3


async def test_screen_refuses_too_much_and_no_community(screener: Screener) -> None:
    with pytest.raises(TextInvalidError) as caught:
        await screener.screen("c1", ["a" * 32_769])
    assert caught.value.field == "texts.0"
    with pytest.raises(CommunityNotFoundError):
        await screener.screen("", ["a"])

"""Moderation's collections on a real MongoDB."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from pymongo import ReadPreference

from chassis.commands import Commands
from chassis.mongo import Database
from chassis.pagination import Paging
from chassis.testing import mirrored
from guildhall.moderation.v1 import moderation_pb2
from services.moderation.domain import (
    Case,
    CaseCause,
    CaseNotFoundError,
    CaseState,
    Flag,
    Flagger,
    FlagReason,
    FlagState,
    PatternKind,
    Policy,
    ReasonCode,
    Rule,
    RuleKind,
    Verdict,
    policy_id,
)
from services.moderation.repository import FLAGS, LIFETIME, ModerationRepository
from services.moderation.tests.conftest import (
    MODERATOR_OF_C1,
    TIME,
    request_id,
    rule_request,
)
from services.moderation.use_cases import ModerationUseCases
from services.moderation.use_cases.screening import Screener

CASE = Case("k1", "c1", CaseCause.RULE, "t1", "", "p1", 1, TIME, ("r1", "r2"), True)


async def insert(database: Database, repository: ModerationRepository, *cases: Case) -> None:
    for case in cases:
        document = repository.cases.dump(case)
        document |= {"_id": case.id, "community_id": case.community_id, "seq": 1}
        await database["cases"].insert_one(document)


async def listed(repository: ModerationRepository, state: CaseState) -> list[str]:
    cases = await mirrored(lambda paging: repository.list_cases("c1", state, paging), datetime, str)
    return [case.id for case, _ in cases]


async def test_cases_come_back_as_they_were_stored(
    database: Database, repository: ModerationRepository
) -> None:
    decided = replace(CASE, id="k2").decide("mod", True, "fine", TIME, ReasonCode.RESOLVED)
    await insert(database, repository, CASE, decided)
    assert await repository.get_case("c1", "k1") == (CASE, 1)
    assert await repository.get_case("c1", "k2") == (decided, 1)
    flagged = replace(CASE, id="k3", flag_count=2, flag_reasons={FlagReason.SPAM: 2})
    await insert(database, repository, flagged)
    assert await repository.get_case("c1", "k3") == (flagged, 1)
    # Those of before members could flag.
    await database["cases"].update_one({"_id": "k3"}, {"$unset": {"flag_count": 1}})
    await database["cases"].update_one({"_id": "k3"}, {"$unset": {"flag_reasons": 1}})
    assert await repository.get_case("c1", "k3") == (replace(CASE, id="k3"), 1)


async def test_policies_come_back_as_they_were_stored(
    database: Database, repository: ModerationRepository
) -> None:
    policy = Policy()
    for kind in RuleKind:
        rule = Rule(kind.name, 0, kind, PatternKind.REGEX, "a|b", "***", "no", False)
        policy, _ = policy.add(rule)
    document = repository.policies.dump(policy)
    document |= {"_id": policy_id("c1"), "community_id": "c1", "seq": 4}
    await database["policies"].insert_one(document)
    assert await repository.find_policy("c1") == (policy, 4)
    assert await repository.find_policy_version("c1") == 4
    assert await repository.find_policy("c2") == (Policy(), 0)
    assert await repository.find_policy_version("c2") == 0


async def test_a_rule_holds_at_once_here_and_within_a_second_elsewhere(
    database: Database, commands: Commands
) -> None:
    here, elsewhere = ModerationRepository(database), ModerationRepository(database)
    screeners = [Screener(here), Screener(elsewhere)]
    verdicts = [await one.screen("c1", ["bad"]) for one in screeners]
    assert [one.verdict for one in verdicts] == [Verdict.ALLOW, Verdict.ALLOW]
    use_cases = ModerationUseCases(commands, here)
    made = await use_cases.create_rule(MODERATOR_OF_C1, rule_request())
    assert (await screeners[0].screen("c1", ["bad"])).verdict is Verdict.HOLD
    told = time.monotonic()
    while (await screeners[1].screen("c1", ["bad"])).verdict is not Verdict.HOLD:
        assert time.monotonic() < told + LIFETIME + 1
        await asyncio.sleep(0.05)
    gone = moderation_pb2.DeleteRuleRequest(
        request_id=request_id(), community_id="c1", rule_id=made.rule.id
    )
    await use_cases.delete_rule(MODERATOR_OF_C1, gone)
    assert (await screeners[0].screen("c1", ["bad"])).verdict is Verdict.ALLOW


async def test_what_is_screened_in_a_second_asks_the_store_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = ModerationRepository(database)
    screener, asked = Screener(repository), 0
    find = repository._versions_of

    async def counting(communities: Sequence[str]) -> dict[str, int]:
        nonlocal asked
        asked += 1
        return await find(communities)

    monkeypatch.setattr(repository._versions, "_read", counting)
    monkeypatch.setattr(repository._versions, "_lifetime", 60)
    for _ in range(3):
        await screener.screen("c1", ["good"])
    assert asked == 1


async def test_the_version_is_read_from_the_index_alone(
    database: Database, repository: ModerationRepository
) -> None:
    await database["policies"].insert_one(
        {"_id": policy_id("c1"), "community_id": "c1", "seq": 1, "rules": [], "rules_ever": 0}
    )
    plan = (
        await database["policies"]
        .with_options(read_preference=ReadPreference.PRIMARY)
        .find({"community_id": "c1", "_id": policy_id("c1")}, {"_id": 0, "seq": 1}, hint="version")
        .explain()
    )
    assert plan["executionStats"]["totalDocsExamined"] == 0
    assert plan["executionStats"]["totalKeysExamined"] == 1


async def test_open_cases_are_paged_oldest_first(
    database: Database, repository: ModerationRepository
) -> None:
    cases = [
        replace(CASE, id=f"k{n}", open_time=TIME + timedelta(seconds=n // 2)) for n in range(5)
    ]
    decided = replace(CASE, id="done").decide("mod", True, "", TIME)
    await insert(
        database, repository, *reversed(cases), decided, replace(CASE, id="x", community_id="c2")
    )
    assert await listed(repository, CaseState.OPEN) == ["k0", "k1", "k2", "k3", "k4"]


async def test_decided_cases_are_paged_newest_first(
    database: Database, repository: ModerationRepository
) -> None:
    cases = [
        replace(CASE, id=f"k{n}").decide("mod", n != 3, "no", TIME + timedelta(seconds=n // 2))
        for n in range(5)
    ]
    await insert(database, repository, *cases, replace(CASE, id="z"))
    assert await listed(repository, CaseState.APPROVED) == ["k4", "k2", "k1", "k0"]
    assert await listed(repository, CaseState.REJECTED) == ["k3"]


async def test_cases_of_a_post_or_of_a_topic_with_its_replies(
    database: Database, repository: ModerationRepository
) -> None:
    topic, reply = CASE, replace(CASE, id="k2", reply_id="a1")
    later = replace(CASE, id="k0", submission_number=2).moot(TIME)
    await insert(
        database,
        repository,
        later,
        topic,
        reply,
        replace(CASE, id="k3", topic_id="t2"),
        replace(CASE, id="k4", community_id="c2"),
    )
    assert await repository.find_cases_of("c1", "t1", "") == [topic, later]
    assert await repository.find_cases_of("c1", "t1", "a1") == [reply]
    assert await repository.find_cases_of("c1", "t1", None) == [topic, later, reply]


async def test_another_communitys_case_is_no_case(
    database: Database, repository: ModerationRepository
) -> None:
    await insert(database, repository, CASE)
    refusals = []
    for community_id, case_id in (("c2", "k1"), ("c1", "none")):
        with pytest.raises(CaseNotFoundError) as caught:
            await repository.get_case(community_id, case_id)
        refusals.append((str(caught.value), caught.value.field))
    assert refusals == [("Case not found", "case_id")] * 2


async def test_rules_are_paged_in_the_order_they_apply(
    database: Database, repository: ModerationRepository
) -> None:
    policy = Policy()
    for name in ("FLAG", "HOLD", "BLOCK", "HOLD", "REPLACE"):
        rule = Rule(f"{name}{policy.rules_ever}", 0, RuleKind[name], PatternKind.WORD, "a")
        policy, _ = policy.add(rule)
    document = repository.policies.dump(policy)
    document |= {"_id": policy_id("c1"), "community_id": "c1", "seq": 5}
    await database["policies"].insert_one(document)

    async def rules(paging: Paging) -> tuple[list[Rule], str]:
        page, version, token = await repository.list_rules("c1", paging)
        assert version == 5
        return page, token

    assert [rule.id for rule in await mirrored(rules, int, int)] == [
        "BLOCK2",
        "HOLD1",
        "HOLD3",
        "REPLACE4",
        "FLAG0",
    ]


async def flagged(database: Database, *flags: Flag) -> None:
    for flag in flags:
        document = FLAGS.dump(flag) | {"_id": flag.id, "community_id": flag.community_id}
        await database["flags"].insert_one(document | {"seq": 1})


async def test_flags_are_read_by_case_by_person_and_by_post(
    database: Database, repository: ModerationRepository
) -> None:
    why = (FlagReason.SPAM, FlagReason.ABUSE)
    flags = [
        Flag(f"f{n}", "c1", "k1", f"t{n}", "p1", why, "x", TIME + timedelta(seconds=n // 2), n)
        for n in range(5)
    ]
    flags[1] = replace(flags[1], state=FlagState.AGREED, settle_time=TIME)
    others = [
        replace(flags[0], id="f5", community_id="c2"),
        replace(flags[0], id="f6", person_id="p2", case_id="k2"),
        replace(flags[0], id="f7", number=5, case_id="k2"),
    ]
    await flagged(database, *reversed(flags), *others)
    read = await mirrored(lambda paging: repository.list_flags("c1", "k1", paging), datetime, str)
    assert read == flags
    times = tuple(flag.create_time for flag in (others[2], *reversed(flags)))
    assert await repository.get_flagger("c1", "p1", "t0") == Flagger(5, times, others[2])
    assert await repository.get_flagger("c1", "p3", "t0") == Flagger()
    open_ = await repository.find_open_flags("c1", "p1", ["t1", "t2", "t9"])
    assert open_ == [flags[2]]

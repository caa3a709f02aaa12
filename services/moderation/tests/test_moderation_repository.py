"""Moderation's collections on a real MongoDB."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from pymongo import ReadPreference

from chassis.mongo import Database
from chassis.pagination import Paging
from chassis.testing import mirrored
from services.moderation.domain import (
    Case,
    CaseCause,
    CaseNotFoundError,
    CaseState,
    PatternKind,
    Policy,
    Rule,
    RuleKind,
    policy_id,
)
from services.moderation.repository import ModerationRepository
from services.moderation.tests.conftest import TIME

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
    decided = replace(CASE, id="k2").decide("mod", True, "fine", TIME)
    await insert(database, repository, CASE, decided)
    assert await repository.get_case("c1", "k1") == (CASE, 1)
    assert await repository.get_case("c1", "k2") == (decided, 1)


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

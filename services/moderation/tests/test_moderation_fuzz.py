"""Fuzzing texts and patterns, and every RPC with requests of any shape and damaged bytes."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from chassis.actors import MANAGER
from chassis.mongo import Database
from chassis.testing import Loopback, person_actor, service_actor
from chassis.testing_fuzz import Damage, fuzzed
from guildhall.forum.v1 import domain_events_pb2 as forum_events
from guildhall.moderation.v1 import moderation_pb2 as pb
from services.moderation.consumers import ModerationConsumers
from services.moderation.converters.patterns import matcher_of
from services.moderation.domain import PatternInvalidError, PatternKind, fold
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

LETTERS = st.characters(exclude_categories=["Cs"]) | st.sampled_from(
    "ab*_ \n\x00\x01\x02\x03\u0301\u200b\u202e\ufb03\u00df\u0130\u1100\u1161\U0001f600"
)
TEXTS = st.text(LETTERS, max_size=40)
SIGNS = st.sampled_from(
    [*"ab.*+?|()[]{}^$\\1,-:", "(?i)", "\\p{L}", "{1000}", "\\x{10FFFF}", "\\C"]
)
PATTERNS = TEXTS | st.lists(SIGNS, max_size=12).map("".join)


@given(PATTERNS, st.sampled_from(PatternKind), TEXTS)
@example("(a{1000}){1000}", PatternKind.REGEX, "a")
@example("\\C", PatternKind.REGEX, "\u00df")
@fuzzed(400)
def test_a_pattern_is_refused_or_finds_whole_letters(
    pattern: str, kind: PatternKind, text: str
) -> None:
    try:
        matcher = matcher_of(kind, pattern)
    except PatternInvalidError:
        return
    folded = fold(text)
    spans = matcher.spans(folded)
    assert bool(spans) <= matcher.found_in(folded)
    for start, end in spans:
        assert 0 <= start < end <= len(text)
    assert matcher.spans(fold(text)) == spans


@given(TEXTS)
@fuzzed(300)
def test_folding_again_changes_nothing_and_every_letter_has_its_place(text: str) -> None:
    folded = fold(text)
    assert fold(folded.plain).plain == folded.plain
    if folded.clusters is not None:
        assert "".join(written for written, _ in folded.clusters) == text
    for form, place in (
        (folded.marked_bytes, folded.written_at_marked),
        (folded.plain_bytes, folded.written_at_plain),
        (folded.written_bytes, folded.written_at_bytes),
    ):
        places = [place((at, at + 1)) for at in range(len(form))]
        assert places == sorted(places)
        assert all(0 <= start < end <= len(text) for start, end in places)


SERVICE = pb.DESCRIPTOR.services_by_name["ModerationService"]
ACTORS = [
    MODERATOR_OF_C1,
    MODERATOR_OF_C1,
    person_actor("boss", "c1", roles=[MANAGER]),
    MEMBER_OF_C1,
    MODERATOR_OF_C2,
    service_actor("forum"),
    service_actor("forum"),
    service_actor("search"),
]


async def test_no_request_is_an_internal_error(
    call_as: CallAs,
    consumers: ModerationConsumers,
    hear: Hear,
    loopback: Loopback,
    database: Database,
) -> None:
    """One after the other at one service, which changes as they do."""
    await call_as(MODERATOR_OF_C1).CreateRule(rule_request("bad", "REPLACE"))
    held = forum_events.TopicHeld(
        topic_id="t1", submission=forum_events.Submission(screened=True, number=1)
    )
    await hear(consumers.on_topic_held(said(held)))
    damage = Damage(loopback, "moderation", database)
    await damage.bombard(SERVICE, lambda: _known(database), ACTORS, 200)
    assert len(damage.answers) > 8
    assert damage.answers[""] > 5


async def _known(database: Database) -> dict[str, list[Any]]:
    """Ids of what is there, and good texts."""
    policies = [row async for row in database.policies.find()]
    rules = [rule["id"] for policy in policies for rule in policy.get("rules", ())]
    cases = [row["_id"] async for row in database.cases.find({}, {"_id": 1})]
    return {
        "rule_id": rules or ["none"],
        "case_id": cases or ["none"],
        "community_id": ["c1"],
        "request_id": [request_id()],
        "pattern": ["word", "a+b", "*", "(a|b)*c", "x" * 300],
        "replacement": ["***", "good"],
        "texts": ["bad words", "\ufdfa" * 80, "a" * 33_000],
        "reason": ["because"],
        "kind": [1, 2, 3, 4],
        "pattern_kind": [1, 2],
        "expected_version": [0, 1],
        "page_size": [0, 1, 2],
        "page_token": ["WzE4NDQ2NzQ0MDczNzA5NTUxNjE1LDFd"],  # more than a store's number
    }

"""Forum domain events, each heard twice, with a real MongoDB and a small forum over gRPC."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from google.protobuf.message import Message

from chassis.consumers.hearing import Arrival, Hearing, Result
from chassis.consumers.inbox import INDEXES as INBOX_INDEXES
from chassis.consumers.inbox import Inbox
from chassis.domain_events import Effect
from chassis.errors import UnavailableError
from chassis.mongo import Database, ensure_indexes
from chassis.pagination import Paging
from chassis.testing import Loopback, outbox, stored
from guildhall.chassis.v1.event_log_pb2 import StoredEvent
from guildhall.forum.v1 import domain_events_pb2 as forum_events
from guildhall.forum.v1 import forum_pb2
from guildhall.moderation.v1 import domain_events_pb2, moderation_pb2
from services.moderation.consumers import ModerationConsumers
from services.moderation.domain import Case, CaseCause, CaseState, case_id
from services.moderation.repository import ModerationRepository
from services.moderation.tests.conftest import (
    MODERATOR_OF_C1,
    TIME,
    ForumStandIn,
    Hear,
    request_id,
    rule_request,
    said,
)
from services.moderation.use_cases import ModerationUseCases


def submission(number: int = 1, *rule_ids: str, **fields: bool) -> forum_events.Submission:
    values = {"screened": True} | fields
    return forum_events.Submission(number=number, rule_ids=rule_ids, **values)  # type: ignore[arg-type]


def topic(body: str = "", title: str = "A title", **fields: Any) -> forum_pb2.Topic:
    author = forum_pb2.Author(person_id="p1", company_id="co1")
    return forum_pb2.Topic(
        id="t1", community_id="c1", title=title, body=body, author=author, **fields
    )


def reply(body: str) -> forum_pb2.Reply:
    author = forum_pb2.Author(person_id="p2", company_id="co1")
    return forum_pb2.Reply(id="a1", topic_id="t1", community_id="c1", body=body, author=author)


async def all_cases(repository: ModerationRepository) -> list[Case]:
    cases = []
    for state in CaseState:
        page, _ = await repository.list_cases("c1", state, Paging(100))
        cases += [case for case, _ in page]
    return sorted(cases, key=lambda case: (case.submission_number, case.reply_id))


def opened(case: Case) -> domain_events_pb2.CaseOpened:
    return domain_events_pb2.CaseOpened(
        case_id=case.id,
        topic_id=case.topic_id,
        reply_id=case.reply_id,
        hide_post=case.hide_post,
        of_edit=case.cause is CaseCause.EDIT,
        submission_number=case.submission_number,
    )


def mooted(case: Case) -> domain_events_pb2.CaseMooted:
    return domain_events_pb2.CaseMooted(
        case_id=case.id,
        topic_id=case.topic_id,
        reply_id=case.reply_id,
        submission_number=case.submission_number,
        of_edit=case.cause is CaseCause.EDIT,
    )


@pytest.mark.parametrize(("rule_ids", "cause"), [(["r1"], CaseCause.RULE), ([], CaseCause.REVIEW)])
async def test_a_held_topic_waits_for_a_decision(
    database: Database,
    repository: ModerationRepository,
    heard_twice: Any,
    rule_ids: list[str],
    cause: CaseCause,
) -> None:
    await heard_twice(
        forum_events.TopicHeld(topic_id="t1", space_id="s1", submission=submission(1, *rule_ids))
    )
    case = Case(case_id("t1", "", 1), "c1", cause, "t1", "", "p1", 1, TIME, tuple(rule_ids))
    assert await all_cases(repository) == [case]
    assert await outbox(database) == [opened(case)]
    entry = await database["audit_entries"].find_one({}, {"_id": 0, "time": 0})
    assert entry == {
        "community_id": "c1",
        "actor": "service:moderation",
        "action": "OpenCase",
        "subject_id": case.id,
        "detail": cause.name,
    }


async def test_a_held_reply_waits_for_a_decision(
    database: Database, repository: ModerationRepository, heard_twice: Any
) -> None:
    await heard_twice(
        forum_events.ReplyHeld(reply_id="a1", topic_id="t1", submission=submission(3)), actor="p2"
    )
    case = Case(case_id("t1", "a1", 3), "c1", CaseCause.REVIEW, "t1", "a1", "p2", 3, TIME)
    assert await all_cases(repository) == [case]
    assert await outbox(database) == [opened(case)]


async def test_published_and_screened_without_a_match_is_nothing(
    database: Database, heard_twice: Any, forum: ForumStandIn
) -> None:
    before = await stored(database)
    await heard_twice(
        forum_events.TopicPublished(topic_id="t1", author_id="p1", submission=submission())
    )
    await heard_twice(
        forum_events.ReplyPublished(
            topic_id="t1", reply_id="a1", author_id="p1", submission=submission()
        )
    )
    await heard_twice(forum_events.TopicEdited(topic_id="t1", submission=submission(2)))
    await heard_twice(
        forum_events.ReplyEdited(topic_id="t1", reply_id="a1", submission=submission(2))
    )
    assert await stored(database) == before
    assert forum.calls == 0


async def test_imported_posts_are_never_screened(
    database: Database, heard_twice: Any, forum: ForumStandIn, use_cases: ModerationUseCases
) -> None:
    await use_cases.create_rule(MODERATOR_OF_C1, rule_request("bad", "BLOCK"))
    forum.topics["t1"] = topic("bad")
    before = await stored(database)
    await heard_twice(
        forum_events.TopicPublished(
            topic_id="t1", submission=submission(screened=False, imported=True)
        )
    )
    assert await stored(database) == before
    assert forum.calls == 0


async def test_published_with_a_flag_is_looked_at_while_public(
    database: Database, repository: ModerationRepository, heard_twice: Any
) -> None:
    await heard_twice(
        forum_events.ReplyPublished(
            topic_id="t1", reply_id="a1", author_id="p2", submission=submission(1, "r1")
        )
    )
    case = Case(
        case_id("t1", "a1", 1), "c1", CaseCause.FLAG_RULE, "t1", "a1", "p2", 1, TIME, ("r1",)
    )
    assert await all_cases(repository) == [case]
    assert await outbox(database) == [opened(case)]


async def test_an_edit_with_a_flag_asks_the_forum_who_wrote_it(
    repository: ModerationRepository, heard_twice: Any, forum: ForumStandIn
) -> None:
    forum.topics["t1"] = topic("odd")
    await heard_twice(
        forum_events.TopicEdited(topic_id="t1", submission=submission(2, "r1")), actor="mod"
    )
    assert await all_cases(repository) == [
        Case(case_id("t1", "", 2), "c1", CaseCause.FLAG_RULE, "t1", "", "p1", 2, TIME, ("r1",))
    ]


async def test_a_held_edit_waits_beside_the_text_that_readers_see(
    database: Database, repository: ModerationRepository, heard_twice: Any
) -> None:
    post = {"topic_id": "t1", "reply_id": "a1"}
    published = submission(1, "r1")
    await heard_twice(
        forum_events.ReplyPublished(**post, author_id="p2", submission=published), actor="p2"
    )
    for number in (2, 3):  # of two edits the last waits
        edited = submission(number, "r1")
        await heard_twice(forum_events.EditHeld(**post, submission=edited), actor="p2")
    flagged, former, case = await all_cases(repository)
    assert (flagged.state, flagged.cause) == (CaseState.OPEN, CaseCause.FLAG_RULE)
    assert (former.state, former.cause) == (CaseState.MOOT, CaseCause.EDIT)
    id_ = case_id("t1", "a1", 3)
    assert case == Case(id_, "c1", CaseCause.EDIT, "t1", "a1", "p2", 3, TIME, ("r1",))
    assert not case.keeps_from_view
    assert (await outbox(database))[1:] == [
        opened(replace(former, state=CaseState.OPEN)),
        mooted(former),
        opened(case),
    ]


async def test_an_edit_that_became_the_text_moots_what_was_found_in_the_former(
    repository: ModerationRepository, use_cases: ModerationUseCases, heard_twice: Any
) -> None:
    published = submission(1, "r1")
    await heard_twice(
        forum_events.TopicPublished(topic_id="t1", author_id="p1", submission=published)
    )
    edited = submission(2, "r1")
    await heard_twice(forum_events.EditHeld(topic_id="t1", submission=edited))
    await use_cases.decide_case(
        MODERATOR_OF_C1,
        moderation_pb2.DecideCaseRequest(
            request_id=request_id(),
            community_id="c1",
            case_id=case_id("t1", "", 2),
            outcome=moderation_pb2.OUTCOME_APPROVE,
        ),
    )
    await heard_twice(forum_events.TopicEdited(topic_id="t1", submission=edited))
    assert [(case.submission_number, case.state) for case in await all_cases(repository)] == [
        (1, CaseState.MOOT),
        (2, CaseState.APPROVED),
    ]


async def test_a_dropped_edit_moots_its_case_only(
    database: Database, repository: ModerationRepository, heard_twice: Any
) -> None:
    published = submission(1, "r1")
    await heard_twice(
        forum_events.TopicPublished(topic_id="t1", author_id="p1", submission=published)
    )
    await heard_twice(forum_events.EditHeld(topic_id="t1", submission=submission(2)))
    await heard_twice(forum_events.EditDropped(topic_id="t1", submission_number=2))
    flagged, dropped = await all_cases(repository)
    assert (flagged.state, dropped.state) == (CaseState.OPEN, CaseState.MOOT)
    assert (await outbox(database))[-1] == mooted(dropped)


@pytest.mark.parametrize(
    ("kind", "cause", "hide"),
    [
        ("BLOCK", CaseCause.RULE, True),
        ("HOLD", CaseCause.RULE, True),
        ("FLAG", CaseCause.FLAG_RULE, False),
        ("REPLACE", CaseCause.FLAG_RULE, False),
    ],
)
@pytest.mark.parametrize("where", ["title", "body", "tags"])
async def test_what_was_not_screened_in_time_is_screened_now(
    database: Database,
    repository: ModerationRepository,
    use_cases: ModerationUseCases,
    heard_twice: Any,
    forum: ForumStandIn,
    kind: str,
    cause: CaseCause,
    hide: bool,
    where: str,
) -> None:
    rule = (await use_cases.create_rule(MODERATOR_OF_C1, rule_request("bad", kind))).rule
    forum.topics["t1"] = topic(**{where: ["bad"] if where == "tags" else "so bad"})  # type: ignore[arg-type]
    await heard_twice(
        forum_events.TopicPublished(
            topic_id="t1", author_id="p1", submission=submission(screened=False)
        )
    )
    case = Case(
        case_id("t1", "", 1), "c1", cause, "t1", "", "p1", 1, TIME, (rule.id,), hide_post=hide
    )
    assert await all_cases(repository) == [case]
    assert (await outbox(database))[1:] == [opened(case)]


async def test_replies_not_screened_in_time_are_screened_now(
    database: Database,
    repository: ModerationRepository,
    use_cases: ModerationUseCases,
    heard_twice: Any,
    forum: ForumStandIn,
) -> None:
    await use_cases.create_rule(MODERATOR_OF_C1, rule_request("bad", "HOLD"))
    forum.replies["a1"] = reply("fine")
    published = forum_events.ReplyPublished(
        topic_id="t1", reply_id="a1", author_id="p2", submission=submission(screened=False)
    )
    await heard_twice(published)
    assert await all_cases(repository) == []
    forum.replies["a1"] = reply("bad")
    await heard_twice(
        forum_events.ReplyEdited(
            topic_id="t1", reply_id="a1", submission=submission(2, screened=False)
        ),
        actor="mod",
    )
    (case,) = await all_cases(repository)
    assert (case.author_id, case.cause, case.hide_post) == ("p2", CaseCause.RULE, True)


async def test_a_post_that_is_gone_needs_no_case(database: Database, heard_twice: Any) -> None:
    before = await stored(database)
    for message in (
        forum_events.TopicPublished(
            topic_id="t1", author_id="p1", submission=submission(screened=False)
        ),
        forum_events.ReplyEdited(
            topic_id="t1", reply_id="a1", submission=submission(2, screened=False)
        ),
    ):
        await heard_twice(message)
    assert await stored(database) == before


async def test_a_post_of_another_community_is_not_read(
    database: Database, heard_twice: Any, forum: ForumStandIn
) -> None:
    forum.topics["t1"] = topic("bad")
    before = await stored(database)
    message = forum_events.TopicPublished(
        topic_id="t1", author_id="p1", submission=submission(screened=False)
    )
    await heard_twice(message, community_id="c2")
    assert await stored(database) == before


async def test_an_approved_post_is_not_hidden_again(
    repository: ModerationRepository,
    use_cases: ModerationUseCases,
    heard_twice: Any,
    forum: ForumStandIn,
) -> None:
    await use_cases.create_rule(MODERATOR_OF_C1, rule_request("bad", "HOLD"))
    forum.topics["t1"] = topic("bad")
    unscreened = submission(screened=False)
    await heard_twice(forum_events.TopicHeld(topic_id="t1", submission=unscreened))
    await use_cases.decide_case(
        MODERATOR_OF_C1,
        moderation_pb2.DecideCaseRequest(
            request_id=request_id(),
            community_id="c1",
            case_id=case_id("t1", "", 1),
            outcome=moderation_pb2.OUTCOME_APPROVE,
        ),
    )
    await heard_twice(
        forum_events.TopicPublished(topic_id="t1", author_id="p1", submission=unscreened)
    )
    assert [case.state for case in await all_cases(repository)] == [CaseState.APPROVED]


async def test_an_edit_moots_the_flags_of_the_former_text(
    database: Database, repository: ModerationRepository, heard_twice: Any
) -> None:
    await heard_twice(
        forum_events.TopicPublished(topic_id="t1", author_id="p1", submission=submission(1, "r1"))
    )
    await heard_twice(forum_events.TopicEdited(topic_id="t1", submission=submission(2)))
    (case,) = await all_cases(repository)
    assert (case.state, case.decider_id) == (CaseState.MOOT, "")
    assert (await outbox(database))[1:] == [mooted(case)]


async def test_an_edit_before_it_could_be_hidden_is_judged_anew(
    repository: ModerationRepository,
    use_cases: ModerationUseCases,
    heard_twice: Any,
    forum: ForumStandIn,
) -> None:
    await use_cases.create_rule(MODERATOR_OF_C1, rule_request("bad", "HOLD"))
    forum.replies["a1"] = reply("bad")
    await heard_twice(
        forum_events.ReplyPublished(
            topic_id="t1", reply_id="a1", author_id="p2", submission=submission(screened=False)
        )
    )
    await heard_twice(
        forum_events.ReplyEdited(topic_id="t1", reply_id="a1", submission=submission(2))
    )
    assert [case.state for case in await all_cases(repository)] == [CaseState.MOOT]


async def test_an_edit_of_what_waits_waits_as_the_authors_own(
    repository: ModerationRepository, heard_twice: Any, forum: ForumStandIn
) -> None:
    await heard_twice(forum_events.TopicHeld(topic_id="t1", submission=submission(1, "r1")))
    edited = submission(2, screened=False)
    await heard_twice(forum_events.TopicEdited(topic_id="t1", submission=edited), actor="mod")
    await heard_twice(forum_events.TopicHeld(topic_id="t1", submission=edited), actor="mod")
    former, now = await all_cases(repository)
    assert former.state is CaseState.MOOT
    assert now == Case(case_id("t1", "", 2), "c1", CaseCause.REVIEW, "t1", "", "p1", 2, TIME)
    assert forum.calls == 0


async def test_what_is_restored_to_review_is_held_anew(
    repository: ModerationRepository, heard_twice: Any
) -> None:
    held = forum_events.ReplyHeld(topic_id="t1", reply_id="a1", submission=submission(1))
    await heard_twice(held)
    await heard_twice(forum_events.ReplyRemoved(topic_id="t1", reply_id="a1"), actor="mod")
    held.submission.number = 2
    await heard_twice(held, actor="mod")
    former, now = await all_cases(repository)
    assert (former.state, former.author_id) == (CaseState.MOOT, "p1")
    assert now == Case(case_id("t1", "a1", 2), "c1", CaseCause.REVIEW, "t1", "a1", "p1", 2, TIME)


async def test_events_heard_in_one_batch_see_each_others_cases(
    database: Database,
    repository: ModerationRepository,
    consumers: ModerationConsumers,
    hear: Hear,
) -> None:
    handlers = consumers.of_forum().handlers
    messages: list[Message] = [
        forum_events.TopicHeld(topic_id="t1", submission=submission(1, "r1")),
        forum_events.TopicEdited(topic_id="t1", submission=submission(2)),
        forum_events.TopicHeld(topic_id="t1", submission=submission(2)),
        forum_events.ReplyHeld(topic_id="t1", reply_id="a1", submission=submission(1)),
        forum_events.ReplyRemoved(topic_id="t1", reply_id="a1"),
        forum_events.ReplyHeld(topic_id="t1", reply_id="a2", submission=submission(1)),
        forum_events.TopicRemoved(topic_id="t1"),
    ]

    async def all_of_them(last: int) -> list[Effect]:
        effects: list[Effect] = []
        for seq, message in enumerate(messages[:last], 1):
            event = said(message, seq=seq)
            effects.extend(await handlers[type(message)](event))  # type: ignore[arg-type]
        return effects

    await hear(all_of_them(6))
    states = {
        (case.reply_id, case.submission_number): case.state.name
        for case in await all_cases(repository)
    }
    assert states == {("", 1): "MOOT", ("", 2): "OPEN", ("a1", 1): "MOOT", ("a2", 1): "OPEN"}
    before = await stored(database)
    await hear(all_of_them(6))
    assert await stored(database) == before
    await hear(all_of_them(7))
    assert {case.state for case in await all_cases(repository)} == {CaseState.MOOT}


async def test_the_chassis_gate_stores_a_batch_once(
    database: Database, repository: ModerationRepository, consumers: ModerationConsumers
) -> None:
    await ensure_indexes(database, INBOX_INDEXES)
    inbox = Inbox(database, "moderation")
    no_healer: Any = None  # nothing is missing
    gate = Hearing(
        database, "moderation", consumers.of_forum(), inbox, no_healer, consumer="moderation"
    )
    messages: list[Message] = [
        forum_events.ReplyHeld(topic_id="t1", reply_id="a1", submission=submission(1)),
        forum_events.TopicClosed(topic_id="t1"),
        forum_events.ReplyHeld(topic_id="t1", reply_id="a2", submission=submission(1)),
        forum_events.ReplyRemoved(topic_id="t1", reply_id="a1"),
    ]
    arrivals = [
        Arrival(
            StoredEvent(
                id=f"e{seq}",
                type=message.DESCRIPTOR.full_name,
                schema_version=1,
                community_id="c1",
                aggregate_type="topic",
                aggregate_id="t1",
                seq=seq,
                data=message.SerializeToString(),
                actor="p1",
            )
        )
        for seq, message in enumerate(messages, 1)
    ]
    outcomes = await gate.hear(arrivals)
    assert [outcome.result for outcome in outcomes] == [Result.APPLIED] * 4
    states = {case.reply_id: case.state.name for case in await all_cases(repository)}
    assert states == {"a1": "MOOT", "a2": "OPEN"}
    before = await stored(database)
    outcomes = await gate.hear(arrivals)
    assert [outcome.result for outcome in outcomes] == [Result.DUPLICATE] * 4
    assert await stored(database) == before


async def test_a_batch_that_was_never_stored_leaves_nothing_to_moot(
    database: Database, consumers: ModerationConsumers, hear: Hear
) -> None:
    await consumers.on_topic_held(
        said(forum_events.TopicHeld(topic_id="t1", submission=submission(1)))
    )
    before = await stored(database)
    await hear(consumers.on_topic_removed(said(forum_events.TopicRemoved(topic_id="t1"))))
    assert await stored(database) == before


@pytest.mark.parametrize(
    ("message", "open_after"),
    [
        (forum_events.TopicRemoved(topic_id="t1"), []),
        (forum_events.TopicRejected(topic_id="t1"), ["a1", "a2"]),
        (forum_events.ReplyRemoved(topic_id="t1", reply_id="a1"), ["", "a2"]),
        (forum_events.ReplyRejected(topic_id="t1", reply_id="a2"), ["", "a1"]),
        (forum_events.TopicRemoved(topic_id="t2"), ["", "a1", "a2"]),
    ],
)
async def test_what_went_away_needs_no_decision(
    database: Database,
    repository: ModerationRepository,
    heard_twice: Any,
    message: Message,
    open_after: list[str],
) -> None:
    await heard_twice(forum_events.TopicHeld(topic_id="t1", submission=submission()))
    for reply_id in ("a1", "a2"):
        await heard_twice(
            forum_events.ReplyHeld(topic_id="t1", reply_id=reply_id, submission=submission())
        )
    await heard_twice(message)
    cases = await all_cases(repository)
    assert [case.reply_id for case in cases if case.state is CaseState.OPEN] == open_after
    moot = [case for case in cases if case.state is CaseState.MOOT]
    mooted = sorted(event.case_id for event in (await outbox(database))[3:])  # type: ignore[attr-defined]
    assert mooted == sorted(case.id for case in moot)


async def test_what_was_decided_stays_decided(
    repository: ModerationRepository, use_cases: ModerationUseCases, heard_twice: Any
) -> None:
    await heard_twice(forum_events.TopicHeld(topic_id="t1", submission=submission()))
    await use_cases.decide_case(
        MODERATOR_OF_C1,
        moderation_pb2.DecideCaseRequest(
            request_id=request_id(),
            community_id="c1",
            case_id=case_id("t1", "", 1),
            outcome=moderation_pb2.OUTCOME_REJECT,
            reason="spam",
        ),
    )
    await heard_twice(forum_events.TopicRejected(topic_id="t1"))
    await heard_twice(forum_events.TopicRemoved(topic_id="t1"))
    assert [case.state for case in await all_cases(repository)] == [CaseState.REJECTED]


async def test_a_forum_that_does_not_answer_is_asked_again_later(
    database: Database, loopback: Loopback, consumers: ModerationConsumers
) -> None:
    before = await stored(database)
    for server in loopback._servers:
        await server.stop(0)
    with pytest.raises(UnavailableError):
        await consumers.on_topic_published(
            said(
                forum_events.TopicPublished(
                    topic_id="t1", author_id="p1", submission=submission(screened=False)
                )
            )
        )
    assert await stored(database) == before


async def test_cases_follow_a_reply_into_another_topic(
    repository: ModerationRepository, heard_twice: Any, database: Database
) -> None:
    held = {"reply_id": "a1", "topic_id": "t1"}
    await heard_twice(forum_events.ReplyHeld(**held, submission=submission()))
    moved: dict[str, Any] = {"topic_id": "t2", "from_topic_id": "t1", "reply_ids": ["a1", "a2"]}
    await heard_twice(forum_events.RepliesMoved(**moved))
    (case,) = await all_cases(repository)
    assert (case.topic_id, case.state) == ("t2", CaseState.OPEN)
    assert domain_events_pb2.CaseMoved(case_id=case.id, topic_id="t2") in await outbox(database)
    # The topic it was in goes away, and takes nothing with it; the one it is in does.
    await heard_twice(forum_events.TopicRemoved(topic_id="t1"))
    assert await all_cases(repository) == [case]
    await heard_twice(forum_events.TopicRemoved(topic_id="t2"))
    (case,) = await all_cases(repository)
    assert case.state is CaseState.MOOT


async def test_moving_to_another_space_leaves_cases_as_they_are(
    repository: ModerationRepository, heard_twice: Any
) -> None:
    await heard_twice(forum_events.ReplyHeld(reply_id="a1", topic_id="t1", submission=submission()))
    before = await all_cases(repository)
    moved: dict[str, Any] = {"topic_id": "t1", "from_topic_id": "t1", "reply_ids": ["a1"]}
    await heard_twice(forum_events.RepliesMoved(**moved))
    assert await all_cases(repository) == before

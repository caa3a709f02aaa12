"""Members flag posts and moderators see it, over real gRPC, with a small forum beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from chassis.actors import BASIC, MODERATOR, NEW, Actor
from chassis.commands import Commands
from chassis.errors import DomainError
from chassis.mongo import Database
from chassis.rpc_status import reason_of
from chassis.testing import Loopback, outbox, person_actor, service_actor, stored
from guildhall.forum.v1 import domain_events_pb2 as forum_events
from guildhall.forum.v1 import forum_pb2
from guildhall.moderation.v1 import moderation_pb2 as pb
from guildhall.moderation.v1.domain_events_pb2 import CaseDecided, CaseOpened, PostFlagged
from services.moderation.consumers import ModerationConsumers
from services.moderation.domain import FLAGS_A_DAY
from services.moderation.repository import ModerationRepository
from services.moderation.tests.conftest import (
    MODERATOR_OF_C1,
    MODERATOR_OF_C2,
    CallAs,
    ForumStandIn,
    Hear,
    request_id,
    said,
)
from services.moderation.use_cases.flags import FlagUseCases

if TYPE_CHECKING:
    from guildhall.forum.v1.forum_pb2_grpc import ForumServiceAsyncStub

ALPHA = person_actor("alpha", "c1", keyring=["community:c1"])
BETA = person_actor("beta", "c1", keyring=["community:c1"])
KNOWING = person_actor("knowing", "c1", keyring=["community:c1", "need:n1"])
AUTHOR = person_actor("p1", "c1", roles=[MODERATOR], keyring=["community:c1"])
ANYWHERE = person_actor("away", "c2", keyring=["community:c2", "community:c1", "need:n1"])
SPAM, ABUSE = pb.FLAG_REASON_SPAM, pb.FLAG_REASON_ABUSE
MISLEADING = pb.FLAG_REASON_MISLEADING


def topic(id: str = "t1", **fields: Any) -> forum_pb2.Topic:
    values: dict[str, Any] = {"space_id": "open", "community_id": "c1", "submission_number": 1}
    values |= {"state": forum_pb2.TOPIC_STATE_PUBLISHED, **fields}
    return forum_pb2.Topic(id=id, author=forum_pb2.Author(person_id="p1"), **values)


def reply(id: str = "a1", **fields: Any) -> forum_pb2.Reply:
    values: dict[str, Any] = {"space_id": "open", "community_id": "c1", "submission_number": 2}
    values |= {"topic_id": "t1", "state": forum_pb2.REPLY_STATE_PUBLISHED, **fields}
    return forum_pb2.Reply(id=id, author=forum_pb2.Author(person_id="p2"), **values)


@pytest.fixture
def forum() -> ForumStandIn:
    """A topic and its reply that members see, and a topic that few may know of."""
    return ForumStandIn(  # type: ignore[abstract] # it need not answer the rest
        spaces={
            "open": forum_pb2.Space(id="open", community_id="c1", read_keys=["community:c1"]),
            "need": forum_pb2.Space(id="need", community_id="c1", read_keys=["need:n1"]),
        },
        topics={"t1": topic(), "known": topic("known", space_id="need")},
        replies={"a1": reply()},
    )


def flag_request(
    topic_id: str = "t1", *reasons: pb.FlagReason.ValueType, **fields: Any
) -> pb.FlagPostRequest:
    values: dict[str, Any] = {"request_id": request_id(), "community_id": "c1"} | fields
    return pb.FlagPostRequest(topic_id=topic_id, reasons=reasons or [SPAM], **values)


async def only_case(call_as: CallAs, state: str = "OPEN") -> pb.Case:
    request = pb.ListCasesRequest(
        community_id="c1", state=pb.CaseState.Value(f"CASE_STATE_{state}")
    )
    (case,) = (await call_as(MODERATOR_OF_C1).ListCases(request)).cases
    return case


async def flags_of(call_as: CallAs, case: pb.Case) -> list[pb.Flag]:
    request = pb.ListFlagsRequest(community_id="c1", case_id=case.id)
    return list((await call_as(MODERATOR_OF_C1).ListFlags(request)).flags)


async def decide(call_as: CallAs, case: pb.Case, outcome: str = "APPROVE") -> pb.Case:
    request = pb.DecideCaseRequest(
        request_id=request_id(),
        community_id="c1",
        case_id=case.id,
        outcome=pb.Outcome.Value(f"OUTCOME_{outcome}"),
        reason="so",
    )
    return (await call_as(MODERATOR_OF_C1).DecideCase(request)).case


async def refused(database: Database, call: Awaitable[Any], reason: str, field: str = "") -> float:
    """Nothing was stored or said; when to come back."""
    before = await stored(database)
    with pytest.raises(DomainError) as caught:
        await call
    assert (reason_of(caught.value), caught.value.field) == (reason, field)
    assert await stored(database) == before
    return caught.value.retry_after


async def test_a_flag_opens_a_case_that_tells_moderators_who_and_why(
    call_as: CallAs, database: Database
) -> None:
    request = flag_request("t1", MISLEADING, SPAM, SPAM, reply_id="a1", text="Look at the price ")
    answer = await call_as(ALPHA).FlagPost(request)
    assert answer.flag == pb.Flag(
        id=answer.flag.id,
        community_id="c1",
        post_id="a1",
        person_id="alpha",
        reasons=[SPAM, MISLEADING],
        text="Look at the price",
        state=pb.FLAG_STATE_OPEN,
        create_time=answer.flag.create_time,
    )
    assert await call_as(ALPHA).FlagPost(request) == answer  # repeated
    case = await only_case(call_as)
    assert (case.cause, case.topic_id, case.reply_id) == (pb.CASE_CAUSE_FLAG, "t1", "a1")
    assert (case.author_id, case.submission_number, case.flag_count) == ("p2", 2, 1)
    assert list(case.flag_reasons) == [
        pb.FlagReasonCount(reason=SPAM, count=1),
        pb.FlagReasonCount(reason=MISLEADING, count=1),
    ]
    told = pb.Flag()
    told.CopyFrom(answer.flag)
    told.case_id = case.id
    assert await flags_of(call_as, case) == [told]
    place: dict[str, Any] = {
        "case_id": case.id,
        "topic_id": "t1",
        "reply_id": "a1",
        "submission_number": 2,
    }
    assert await outbox(database) == [
        CaseOpened(**place, of_flag=True),
        PostFlagged(**place, flag_id=answer.flag.id),  # neither who nor why
    ]
    entry = await database["audit_entries"].find_one({}, {"_id": 0, "time": 0})
    assert entry == {
        "community_id": "c1",
        "actor": "alpha",
        "action": "FlagPost",
        "subject_id": case.id,
        "detail": "SPAM MISLEADING",
    }


async def test_many_flags_are_one_case_read_in_pages(call_as: CallAs) -> None:
    people = [person_actor(f"m{number}", "c1", keyring=["community:c1"]) for number in range(5)]
    calls = [
        call_as(one).FlagPost(flag_request("t1", *([SPAM, ABUSE][: 1 + number % 2])))
        for number, one in enumerate(people)
    ]
    answers = await asyncio.gather(*calls)
    case = await only_case(call_as)
    assert case.flag_count == 5
    assert [(one.reason, one.count) for one in case.flag_reasons] == [(SPAM, 5), (ABUSE, 2)]
    listed: list[pb.Flag] = []
    token = ""
    for size in (2, 2, 1):
        request = pb.ListFlagsRequest(
            community_id="c1", case_id=case.id, page_size=2, page_token=token
        )
        page = await call_as(MODERATOR_OF_C1).ListFlags(request)
        assert len(page.flags) == size
        listed += page.flags
        token = page.next_page_token
    assert token == ""
    assert {one.id for one in listed} == {one.flag.id for one in answers}
    last = pb.ListFlagsRequest(community_id="c1", case_id=case.id, page_size=2, backward=True)
    assert list((await call_as(MODERATOR_OF_C1).ListFlags(last)).flags) == listed[-2:]


async def test_two_replicas_that_are_told_at_once_make_one_case(
    call_as: CallAs,
    database: Database,
    repository: ModerationRepository,
    forum_stub: ForumServiceAsyncStub,
) -> None:
    commands = [Commands(database) for _ in range(2)]
    replicas = [FlagUseCases(one, repository, forum_stub) for one in commands]
    people = [person_actor(f"m{number}", "c1", keyring=["community:c1"]) for number in range(8)]
    await asyncio.gather(
        *(replicas[number % 2].flag_post(one, flag_request()) for number, one in enumerate(people))
    )
    # One person in two places: one flag.
    answers = await asyncio.gather(
        *(replica.flag_post(ALPHA, flag_request()) for replica in replicas),
        return_exceptions=True,
    )
    for one in commands:
        await one.close()
    assert sorted(type(answer).__name__ for answer in answers) == [
        "FlagPostResponse",
        "PostFlaggedError",
    ]
    case = await only_case(call_as)
    assert case.flag_count == len(await flags_of(call_as, case)) == 9


async def test_a_flag_joins_the_case_of_a_rule(
    call_as: CallAs, database: Database, consumers: ModerationConsumers, hear: Hear
) -> None:
    submission = forum_events.Submission(screened=True, number=1, rule_ids=["r1"])
    message = forum_events.TopicPublished(topic_id="t1", author_id="p1", submission=submission)
    await hear(consumers.on_topic_published(said(message)))
    await call_as(ALPHA).FlagPost(flag_request())
    case = await only_case(call_as)
    assert (case.cause, list(case.rule_ids)) == (pb.CASE_CAUSE_FLAG_RULE, ["r1"])
    assert case.flag_count == 1
    assert [type(one) for one in await outbox(database)] == [CaseOpened, PostFlagged]


@pytest.mark.parametrize(
    ("outcome", "state"),
    [("APPROVE", pb.FLAG_STATE_DISMISSED), ("REJECT", pb.FLAG_STATE_AGREED)],
)
async def test_flags_are_settled_with_their_case_and_rest_for_a_day(
    call_as: CallAs, database: Database, outcome: str, state: pb.FlagState.ValueType
) -> None:
    for actor in (ALPHA, BETA):
        await call_as(actor).FlagPost(flag_request())
    await call_as(KNOWING).FlagPost(flag_request("known"))  # another case
    listed = await call_as(MODERATOR_OF_C1).ListCases(pb.ListCasesRequest(community_id="c1"))
    case = await decide(call_as, next(one for one in listed.cases if one.topic_id == "t1"), outcome)
    settled = await flags_of(call_as, case)
    assert [one.state for one in settled] == [state, state]
    assert all(one.settle_time == case.decide_time for one in settled)
    other = await only_case(call_as)
    assert [one.state for one in await flags_of(call_as, other)] == [pb.FLAG_STATE_OPEN]
    assert isinstance((await outbox(database))[-1], CaseDecided)

    again = call_as(ALPHA).FlagPost(flag_request())
    wait = await refused(database, again, "POST_FLAGGED_LATELY")
    assert 86_000 < wait <= 86_400
    # Who has not flagged it yet may at once, and who has, a day later: a new case.
    await call_as(KNOWING).FlagPost(flag_request())
    earlier = datetime.now(UTC) - timedelta(hours=25)
    await database["flags"].update_many({}, {"$set": {"settle_time": earlier}})
    await call_as(ALPHA).FlagPost(flag_request())
    listed = await call_as(MODERATOR_OF_C1).ListCases(pb.ListCasesRequest(community_id="c1"))
    (anew,) = [one for one in listed.cases if one.topic_id == "t1"]
    assert anew.id != case.id
    assert {one.person_id for one in await flags_of(call_as, anew)} == {"alpha", "knowing"}


async def test_one_open_flag_a_member_and_post(call_as: CallAs, database: Database) -> None:
    await call_as(ALPHA).FlagPost(flag_request())
    await refused(database, call_as(ALPHA).FlagPost(flag_request("t1", ABUSE)), "POST_FLAGGED")
    await call_as(ALPHA).FlagPost(flag_request(reply_id="a1"))  # another post


async def test_a_newcomer_flags_few_posts_a_day(
    call_as: CallAs, database: Database, forum: ForumStandIn
) -> None:
    new = person_actor("new", "c1", keyring=["community:c1"], trust_level=NEW)
    forum.topics |= {f"t{number}": topic(f"t{number}") for number in range(2, 8)}
    for number in range(1, 6):
        await call_as(new).FlagPost(flag_request(f"t{number}"))
    over = call_as(new).FlagPost(flag_request("t6"))
    assert await refused(database, over, "FLAG_LIMIT_REACHED") > 86_000


async def test_so_many_a_day_in_a_community(
    call_as: CallAs, database: Database, forum: ForumStandIn
) -> None:
    most = FLAGS_A_DAY[BASIC]
    forum.topics |= {f"t{number}": topic(f"t{number}") for number in range(2, most + 4)}
    calls = [call_as(ALPHA).FlagPost(flag_request(f"t{number}")) for number in range(1, 5)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    made = sum(not isinstance(one, Exception) for one in answers)
    assert made >= 1  # others may have been FLAGGED_AT_ONCE, and count for nothing
    assert await database["flags"].count_documents({}) == made
    for number in range(5, 5 + most - made):
        await call_as(ALPHA).FlagPost(flag_request(f"t{number}"))
    over = call_as(ALPHA).FlagPost(flag_request(f"t{most + 3}"))
    assert await refused(database, over, "FLAG_LIMIT_REACHED") > 86_000
    await call_as(BETA).FlagPost(flag_request())
    earlier = datetime.now(UTC) - timedelta(hours=25)
    await database["flags"].update_one({"number": 1}, {"$set": {"create_time": earlier}})
    await call_as(ALPHA).FlagPost(flag_request(f"t{most + 3}"))


UNSEEN = [
    topic("hidden", state=forum_pb2.TOPIC_STATE_HIDDEN),
    topic("waits", state=forum_pb2.TOPIC_STATE_PENDING_REVIEW),
    topic("draft", state=forum_pb2.TOPIC_STATE_DRAFT),
    topic("removed", state=forum_pb2.TOPIC_STATE_REMOVED),
    topic("other", community_id="c2"),
    topic("nowhere", space_id="gone"),
]


@pytest.mark.parametrize("topic_id", ["none", "known", *(one.id for one in UNSEEN)])
async def test_what_one_cannot_see_is_not_there(
    call_as: CallAs, database: Database, forum: ForumStandIn, topic_id: str
) -> None:
    forum.topics |= {one.id: one for one in UNSEEN}
    forum.replies["a2"] = reply("a2", topic_id=topic_id, space_id="need")
    asked = []
    for actor in (ALPHA, MODERATOR_OF_C1):
        for fields in ({}, {"reply_id": "a2"}, {"reply_id": "none"}):
            before = forum.calls
            call = call_as(actor).FlagPost(flag_request(topic_id, **fields))
            await refused(database, call, "TOPIC_NOT_FOUND", "topic_id")
            asked.append(forum.calls - before)
    assert asked == [3] * 6  # whatever there is, as much is asked


async def test_a_reply_is_seen_in_its_topic_and_space(
    call_as: CallAs, database: Database, forum: ForumStandIn
) -> None:
    forum.replies |= {
        "hidden": reply("hidden", state=forum_pb2.REPLY_STATE_HIDDEN),
        "waits": reply("waits", state=forum_pb2.REPLY_STATE_PENDING_REVIEW),
        "elsewhere": reply("elsewhere", topic_id="known", space_id="need"),
        "arriving": reply("arriving", space_id="need"),
    }
    for reply_id in ("none", *(key for key in forum.replies if key != "a1")):
        call = call_as(ALPHA).FlagPost(flag_request(reply_id=reply_id))
        await refused(database, call, "REPLY_NOT_FOUND", "reply_id")
    await call_as(KNOWING).FlagPost(flag_request(reply_id="arriving"))


@pytest.mark.parametrize(
    "state",
    [
        forum_pb2.TOPIC_STATE_PUBLISHED,
        forum_pb2.TOPIC_STATE_CLOSED,
        forum_pb2.TOPIC_STATE_ARCHIVED,
    ],
)
async def test_whoever_may_know_flags(
    call_as: CallAs, forum: ForumStandIn, state: forum_pb2.TopicState.ValueType
) -> None:
    forum.topics["known"].state = state
    await call_as(KNOWING).FlagPost(flag_request("known"))
    assert (await only_case(call_as)).topic_id == "known"


@pytest.mark.parametrize(
    ("actor", "request_", "reason", "field"),
    [
        (ANYWHERE, flag_request(), "COMMUNITY_NOT_FOUND", "community_id"),
        (service_actor("forum"), flag_request(), "ROLE_REQUIRED", ""),
        (AUTHOR, flag_request(), "OWN_POST", ""),
        (ALPHA, flag_request(text="x" * 1001), "TEXT_INVALID", "text"),
        (ALPHA, flag_request(text="\x07"), "TEXT_INVALID", "text"),
        (ALPHA, flag_request("t1", pb.FLAG_REASON_UNSPECIFIED), "FIELD_INVALID", "reasons"),
        (
            ALPHA,
            pb.FlagPostRequest(request_id="no-reasons", community_id="c1", topic_id="t1"),
            "FIELD_INVALID",
            "reasons",
        ),
        (ALPHA, flag_request(request_id="short"), "REQUEST_ID_INVALID", "request_id"),
        (ALPHA, flag_request(""), "TOPIC_NOT_FOUND", "topic_id"),
    ],
)
async def test_flag_post_refuses(
    call_as: CallAs,
    database: Database,
    actor: Actor,
    request_: pb.FlagPostRequest,
    reason: str,
    field: str,
) -> None:
    await refused(database, call_as(actor).FlagPost(request_), reason, field)


async def test_a_request_id_used_for_another_flag_is_refused(
    call_as: CallAs, database: Database
) -> None:
    await call_as(ALPHA).FlagPost(flag_request(request_id="the-same-id"))
    again = call_as(ALPHA).FlagPost(flag_request(request_id="the-same-id", text="x"))
    await refused(database, again, "REQUEST_ID_REUSED", "request_id")


async def test_nothing_is_flagged_while_the_forum_is_away(
    flags: FlagUseCases, database: Database, loopback: Loopback
) -> None:
    for server in loopback._servers:
        await server.stop(0)
    await refused(database, flags.flag_post(ALPHA, flag_request()), "UNAVAILABLE")


async def test_who_flagged_is_told_to_moderators_but_never_to_the_author(
    call_as: CallAs, database: Database
) -> None:
    await call_as(ALPHA).FlagPost(flag_request())
    case = await only_case(call_as)
    for actor, community_id, case_id, reason, field in (
        (AUTHOR, "c1", case.id, "OWN_POST", ""),
        (ALPHA, "c1", case.id, "ROLE_REQUIRED", ""),
        (service_actor("forum"), "c1", case.id, "ROLE_REQUIRED", ""),
        (MODERATOR_OF_C2, "c1", case.id, "COMMUNITY_NOT_FOUND", "community_id"),
        (MODERATOR_OF_C2, "c2", case.id, "CASE_NOT_FOUND", "case_id"),
        (MODERATOR_OF_C1, "c1", "none", "CASE_NOT_FOUND", "case_id"),
    ):
        request = pb.ListFlagsRequest(community_id=community_id, case_id=case_id)
        await refused(database, call_as(actor).ListFlags(request), reason, field)


async def test_ones_own_open_flags_are_told_to_oneself(call_as: CallAs, database: Database) -> None:
    for fields in ({}, {"reply_id": "a1"}):
        await call_as(ALPHA).FlagPost(flag_request(**fields))
    listed = await call_as(MODERATOR_OF_C1).ListCases(pb.ListCasesRequest(community_id="c1"))
    request = pb.BatchGetOpenFlagsRequest(community_id="c1", post_ids=["t1", "a1", "t1", "none"])
    own = (await call_as(ALPHA).BatchGetOpenFlags(request)).flags
    assert {(one.post_id, one.person_id, one.case_id) for one in own} == {
        ("t1", "alpha", ""),
        ("a1", "alpha", ""),
    }
    for other in (BETA, AUTHOR, MODERATOR_OF_C1):
        assert not (await call_as(other).BatchGetOpenFlags(request)).flags
    await decide(call_as, next(one for one in listed.cases if not one.reply_id))
    own = (await call_as(ALPHA).BatchGetOpenFlags(request)).flags
    assert [one.post_id for one in own] == ["a1"]
    await refused(
        database,
        call_as(MODERATOR_OF_C2).BatchGetOpenFlags(request),
        "COMMUNITY_NOT_FOUND",
        "community_id",
    )
    many = pb.BatchGetOpenFlagsRequest(community_id="c1", post_ids=map(str, range(101)))
    await refused(database, call_as(ALPHA).BatchGetOpenFlags(many), "FIELD_INVALID", "post_ids")

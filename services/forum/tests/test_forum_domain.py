"""Rules by plain calls: both state machines whole, limits, texts, keys, counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from chassis.actors import BASIC, LEADER, NEW, REGULAR, TRUSTED_MEMBER
from chassis.errors import (
    FieldInvalidError,
    RoleRequiredError,
    TextInvalidError,
    UnavailableError,
)
from services.forum.domain.context_refs import ContextRef, check_context_refs
from services.forum.domain.imports import imported_id
from services.forum.domain.members import Author, Member, Persona
from services.forum.domain.posting import (
    MENTION_LIMITS,
    MOST_A_DAY,
    POSTING_LIMITS,
    Limit,
    Limits,
    MentionLimitReachedError,
    Poster,
    PostingTooFastError,
    check_limit,
    limits_of,
    mention_limits_of,
)
from services.forum.domain.replies import (
    Reply,
    ReplyState,
    ReplyStateInvalidError,
    ReplyStep,
)
from services.forum.domain.screening import (
    ContentBlockedError,
    Screening,
    Verdict,
    needs_review,
)
from services.forum.domain.spaces import Audience, Space, SpaceMode, check_audience, shown_names
from services.forum.domain.tags import TagsInvalidError, check_tags
from services.forum.domain.texts import (
    Submission,
    Text,
    TopicText,
    check_reply_body,
    check_title,
    check_topic_body,
    slug_of,
)
from services.forum.domain.topics import (
    CloseReason,
    NothingAcceptedError,
    Topic,
    TopicKind,
    TopicState,
    TopicStateInvalidError,
    TopicStep,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANNA = Member("anna", "co1", BASIC, moderator=False, keyring=("community:c1", "person:anna"))
BERT = Member("bert", "co2", BASIC, moderator=False, keyring=("community:c1", "person:bert"))
MODERATOR = Member(
    "mod", "co3", BASIC, moderator=True, keyring=("community:c1", "person:mod", "moderators:c1")
)
TEXT = Text("**x**", "<p><strong>x</strong></p>", 1)
TOPIC = Topic(
    "t1",
    "c1",
    "s1",
    TopicKind.QUESTION,
    TopicState.PUBLISHED,
    "Title",
    TEXT,
    ("a",),
    ANNA.author,
    NOW,
    NOW,
)
REPLY = Reply("r1", "c1", "t1", "s1", ReplyState.PUBLISHED, TEXT, BERT.author, NOW)
SPACE = Space("s1", "c1", "general", "General", "", SpaceMode.AUTO, Audience.COMMUNITY, (), NOW)

ALLOWED_TOPIC_STEPS = {
    ("DRAFT", "schedule"): "SCHEDULED",
    ("SCHEDULED", "schedule"): "SCHEDULED",
    ("SCHEDULED", "unschedule"): "DRAFT",
    ("SCHEDULED", "publish"): "PUBLISHED",
    ("SCHEDULED", "hold"): "PENDING_REVIEW",
    ("SCHEDULED", "remove"): "REMOVED",
    ("REMOVED", "restore"): "HIDDEN",  # what it was nobody remembered
    ("DRAFT", "publish"): "PUBLISHED",
    ("DRAFT", "hold"): "PENDING_REVIEW",
    ("PENDING_REVIEW", "approve"): "PUBLISHED",
    ("PENDING_REVIEW", "reject"): "REJECTED",
    ("PUBLISHED", "close"): "CLOSED",
    ("CLOSED", "reopen"): "PUBLISHED",
    ("PUBLISHED", "hide"): "HIDDEN",
    ("CLOSED", "hide"): "HIDDEN",
    ("HIDDEN", "restore"): "PUBLISHED",
    ("PUBLISHED", "archive"): "ARCHIVED",
    ("DRAFT", "remove"): "REMOVED",
    ("PENDING_REVIEW", "remove"): "REMOVED",
    ("PUBLISHED", "remove"): "REMOVED",
    ("REJECTED", "remove"): "REMOVED",
    ("CLOSED", "remove"): "REMOVED",
    ("HIDDEN", "remove"): "REMOVED",
    ("ARCHIVED", "remove"): "REMOVED",
}
ALLOWED_REPLY_STEPS = {
    ("PENDING_REVIEW", "approve"): "PUBLISHED",
    ("PENDING_REVIEW", "reject"): "REJECTED",
    ("PUBLISHED", "hide"): "HIDDEN",
    ("HIDDEN", "restore"): "PUBLISHED",
    ("REMOVED", "restore"): "HIDDEN",  # what it was nobody remembered
    ("PENDING_REVIEW", "remove"): "REMOVED",
    ("PUBLISHED", "remove"): "REMOVED",
    ("REJECTED", "remove"): "REMOVED",
    ("HIDDEN", "remove"): "REMOVED",
}


@pytest.mark.parametrize(("state", "step"), ALLOWED_TOPIC_STEPS)
def test_topic_step_is_allowed(state: str, step: str) -> None:
    topic = replace(TOPIC, state=TopicState(state), case_id="old", state_reason="old")
    after = topic.step(TopicStep(step), "why")
    removed = TopicState(state) if step == "remove" else None
    assert after.removed_state is removed
    if state != "REMOVED":
        assert (after.case_id, after.state_reason) == ("", "why")
    assert after == replace(
        topic,
        state=TopicState(ALLOWED_TOPIC_STEPS[state, step]),
        removed_state=removed,
        case_id=after.case_id,
        state_reason=after.state_reason,
    )


@pytest.mark.parametrize(
    ("state", "step"),
    [
        (state.value, step.value)
        for state, step in product(TopicState, TopicStep)
        if (state.value, step.value) not in ALLOWED_TOPIC_STEPS
    ],
)
def test_topic_step_is_refused(state: str, step: str) -> None:
    with pytest.raises(TopicStateInvalidError, match=f"a topic that is {state} cannot {step}"):
        replace(TOPIC, state=TopicState(state)).step(TopicStep(step))


@pytest.mark.parametrize(("state", "step"), ALLOWED_REPLY_STEPS)
def test_reply_step_is_allowed(state: str, step: str) -> None:
    after = replace(REPLY, state=ReplyState(state)).step(ReplyStep(step), "why")
    assert after == replace(
        REPLY,
        state=ReplyState(ALLOWED_REPLY_STEPS[state, step]),
        state_reason="" if state == "REMOVED" else "why",
        removed_state=ReplyState(state) if step == "remove" else None,
    )


@pytest.mark.parametrize("state", ["PENDING_REVIEW", "PUBLISHED", "REJECTED", "HIDDEN"])
def test_removed_reply_is_restored_to_what_it_was(state: str) -> None:
    before = replace(REPLY, state=ReplyState(state), score=3, accepted=False)
    removed = before.step(ReplyStep.REMOVE, "wrong")
    restored = removed.step(ReplyStep.RESTORE)
    number = 2 if state == "PENDING_REVIEW" else 1  # held anew: its former case is moot
    assert restored == replace(before, submission=replace(before.submission, number=number))


def test_removed_topic_that_waited_is_held_anew() -> None:
    before = replace(TOPIC, state=TopicState.PENDING_REVIEW)
    restored = before.step(TopicStep.REMOVE, "wrong").step(TopicStep.RESTORE)
    assert restored == replace(before, submission=replace(before.submission, number=2))


def test_hidden_topic_that_was_closed_is_closed_again() -> None:
    closed = replace(
        TOPIC,
        state=TopicState.CLOSED,
        close_reason=CloseReason.DUPLICATE,
        own_close_reason="Seen before",
        duplicate_of_id="t2",
    )
    hidden = closed.step(TopicStep.HIDE, "rude", "case")
    assert (hidden.state, hidden.close_reason) == (TopicState.HIDDEN, CloseReason.DUPLICATE)
    assert hidden.step(TopicStep.RESTORE) == closed
    removed = hidden.step(TopicStep.REMOVE, "wrong")
    assert removed.step(TopicStep.RESTORE).step(TopicStep.RESTORE) == closed
    assert closed.step(TopicStep.REOPEN).close_reason is None


@pytest.mark.parametrize(
    ("state", "step"),
    [
        (state.value, step.value)
        for state, step in product(ReplyState, ReplyStep)
        if (state.value, step.value) not in ALLOWED_REPLY_STEPS
    ],
)
def test_reply_step_is_refused(state: str, step: str) -> None:
    with pytest.raises(ReplyStateInvalidError, match=f"a reply that is {state} cannot {step}"):
        replace(REPLY, state=ReplyState(state)).step(ReplyStep(step))


@pytest.mark.parametrize(
    ("state", "keys"),
    [
        ("DRAFT", ("person:anna",)),
        ("PENDING_REVIEW", ("person:anna", "moderators:c1")),
        ("REJECTED", ("person:anna", "moderators:c1")),
        ("HIDDEN", ("person:anna", "moderators:c1")),
        ("REMOVED", ("moderators:c1",)),
        ("PUBLISHED", ("space:s1",)),
        ("CLOSED", ("space:s1",)),
        ("ARCHIVED", ("space:s1",)),
    ],
)
def test_topic_keys_follow_its_state(state: str, keys: tuple[str, ...]) -> None:
    assert replace(TOPIC, state=TopicState(state)).read_keys == keys


@pytest.mark.parametrize("state", TopicState)
def test_a_removed_draft_is_its_authors_alone(state: TopicState) -> None:
    if state is TopicState.REMOVED:
        return
    removed = replace(TOPIC, state=state).step(TopicStep.REMOVE)
    own = state is TopicState.DRAFT
    assert removed.read_keys == (("person:anna",) if own else ("moderators:c1",))


def test_withheld_post_of_a_persona_is_for_moderators_only() -> None:
    author = Author(persona=Persona("dump", "7", "Jo"))
    assert replace(TOPIC, state=TopicState.HIDDEN, author=author).read_keys == ("moderators:c1",)
    assert replace(REPLY, state=ReplyState.HIDDEN, author=author).read_keys == ("moderators:c1",)
    assert not Member("", "", NEW, moderator=False, keyring=()).wrote(author)


def test_hidden_topic_is_visible_to_author_and_moderators_only() -> None:
    hidden = replace(TOPIC, state=TopicState.HIDDEN)
    assert [hidden.visible(who.keyring) for who in (ANNA, BERT, MODERATOR)] == [True, False, True]


@pytest.mark.parametrize(
    ("audience", "names", "keys"),
    [
        ("COMMUNITY", (), ("community:c1",)),
        ("VENDOR", (), ("vendor:c1",)),
        ("TIER", ("gold", "silver"), ("tier:gold@c1", "tier:silver@c1", "vendor:c1")),
        ("COMPANIES", ("co1",), ("company:co1@c1", "vendor:c1")),
        ("GROUPS", ("g1", "g2"), ("group:g1", "group:g2", "moderators:c1")),
    ],
)
def test_space_keys_follow_its_audience(
    audience: str, names: tuple[str, ...], keys: tuple[str, ...]
) -> None:
    space = replace(SPACE, audience=Audience(audience), audience_names=names)
    assert space.read_keys == keys


@pytest.mark.parametrize(
    ("audience", "names"),
    [
        (Audience.TIER, []),
        (Audience.COMPANIES, []),
        (Audience.GROUPS, []),
        (Audience.COMMUNITY, ["gold"]),
        (Audience.VENDOR, ["gold"]),
        (Audience.TIER, ["gold@c2"]),
        (Audience.TIER, ["x:y"]),
        (Audience.TIER, [" gold"]),
        (Audience.TIER, [""]),
        (Audience.COMPANIES, ["c" * 65]),
        (Audience.COMPANIES, [f"co{n}" for n in range(101)]),
    ],
)
def test_audience_is_refused(audience: Audience, names: list[str]) -> None:
    with pytest.raises(FieldInvalidError) as refused:
        check_audience(audience, names)
    assert refused.value.field == "audience_names"


def test_of_groups_a_reader_is_shown_their_own() -> None:
    space = replace(SPACE, audience=Audience.GROUPS, audience_names=("g1", "g2"))
    assert shown_names(space, ("community:c1", "group:g2", "group:g9")) == ("g2",)
    assert shown_names(space, ("moderators:c1", "role:MANAGER@c2")) == ()
    assert shown_names(space, ("moderators:c1", "role:MANAGER@c1")) == ("g1", "g2")
    tiered = replace(SPACE, audience=Audience.TIER, audience_names=("gold", "silver"))
    assert shown_names(tiered, ("tier:gold@c1",)) == ("gold", "silver")


def test_author_closes_a_question_but_not_a_discussion() -> None:
    closed = TOPIC.close(ANNA, CloseReason.RESOLVED, "found it")
    assert (closed.state, closed.close_reason, closed.state_reason) == (
        TopicState.CLOSED,
        CloseReason.RESOLVED,
        "found it",
    )
    assert closed.step(TopicStep.REOPEN).close_reason is None
    with pytest.raises(RoleRequiredError):
        replace(TOPIC, kind=TopicKind.DISCUSSION).close(ANNA, CloseReason.OTHER, "")
    with pytest.raises(RoleRequiredError):
        TOPIC.close(BERT, CloseReason.OTHER, "")


@pytest.mark.parametrize(
    ("member", "topic", "refusal"),
    [
        (ANNA, TOPIC, None),
        (ANNA, replace(TOPIC, reply_count=1), TopicStateInvalidError),
        (
            ANNA,
            replace(TOPIC, create_time=NOW - timedelta(hours=1, seconds=1)),
            TopicStateInvalidError,
        ),
        (
            ANNA,
            replace(TOPIC, state=TopicState.DRAFT, create_time=NOW - timedelta(days=9)),
            None,
        ),
        (BERT, TOPIC, RoleRequiredError),
        (MODERATOR, replace(TOPIC, reply_count=9, create_time=NOW - timedelta(days=9)), None),
    ],
)
def test_who_may_remove_a_topic(
    member: Member, topic: Topic, refusal: type[Exception] | None
) -> None:
    if refusal is None:
        topic.check_removable(member, NOW)
    else:
        with pytest.raises(refusal):
            topic.check_removable(member, NOW)


def test_author_may_remove_a_reply_for_an_hour() -> None:
    REPLY.check_removable(BERT, NOW + timedelta(hours=1))
    with pytest.raises(ReplyStateInvalidError):
        REPLY.check_removable(BERT, NOW + timedelta(hours=1, seconds=1))
    with pytest.raises(RoleRequiredError):
        REPLY.check_removable(ANNA, NOW)


@pytest.mark.parametrize("state", ["REJECTED", "HIDDEN", "REMOVED", "ARCHIVED"])
def test_topic_out_of_sight_or_archived_is_not_edited(state: str) -> None:
    with pytest.raises(TopicStateInvalidError):
        replace(TOPIC, state=TopicState(state)).check_editable(MODERATOR)


@pytest.mark.parametrize("state", sorted(set(TopicState) - {TopicState.PUBLISHED}))
def test_only_a_published_topic_takes_replies(state: str) -> None:
    TOPIC.check_open_to_replies()
    with pytest.raises(TopicStateInvalidError):
        replace(TOPIC, state=TopicState(state)).check_open_to_replies()


@pytest.mark.parametrize(
    "author", [TOPIC.author, Author(persona=Persona("old", "7", "Ada"))], ids=["person", "persona"]
)
def test_what_its_author_adds_is_no_reply_to_a_question(author: Author) -> None:
    question = replace(TOPIC, kind=TopicKind.QUESTION, author=author)
    own, others = replace(REPLY, id="r1", author=author), replace(REPLY, id="r2")
    assert question.unreplied
    added = question.gain(own)
    assert (added.reply_count, added.unreplied) == (1, True)
    assert not added.gain(others).unreplied
    assert added.gain(others).lose(others).unreplied
    assert question.gain(others).gain(own).lose(own).lose(others) == replace(
        question, newest_time=REPLY.create_time
    )
    assert not replace(added, accepted_reply_id="r1").unreplied
    assert not replace(added, state=TopicState.CLOSED).unreplied


def test_of_nobody_knows_whom_no_reply_is_their_own() -> None:
    nobody = Author(persona=Persona("old", "", ""))
    question = replace(TOPIC, kind=TopicKind.QUESTION, author=nobody)
    assert not question.gain(replace(REPLY, author=nobody)).unreplied


def test_counts_follow_the_replies_that_can_be_read() -> None:
    replies = [
        replace(REPLY, id=f"r{n}", create_time=NOW + timedelta(minutes=n)) for n in range(1, 8)
    ]
    topic = TOPIC
    for reply in (replies[1], replies[0], *replies[2:]):
        topic = topic.gain(reply)
    assert (topic.reply_count, topic.activity_time) == (7, NOW + timedelta(minutes=7))
    assert [one.id for one in topic.latest] == ["r3", "r4", "r5", "r6", "r7"]
    topic = topic.lose(replies[6])
    assert (topic.reply_count, topic.activity_time) == (6, NOW + timedelta(minutes=6))
    topic = topic.lose(replies[0])
    assert (topic.reply_count, topic.activity_time) == (5, NOW + timedelta(minutes=6))
    for reply in replies[1:6]:
        topic = topic.lose(reply)
    # What comes next stands behind all that could ever be read.
    assert topic == replace(TOPIC, newest_time=NOW + timedelta(minutes=7))


def test_accepting_and_taking_back() -> None:
    topic, reply = TOPIC.accept(REPLY)
    assert (topic.accepted_reply_id, reply.accepted, topic.unanswered) == ("r1", True, False)
    assert topic.unaccept(reply) == (TOPIC, REPLY)
    with pytest.raises(NothingAcceptedError):
        TOPIC.unaccept(REPLY)
    with pytest.raises(ReplyStateInvalidError):
        TOPIC.accept(replace(REPLY, state=ReplyState.HIDDEN))


@pytest.mark.parametrize(
    ("level", "topic_wait", "reply_wait", "topics_a_day", "replies_a_day"),
    [(1, 120, 30, 3, 10), (2, 15, 5, 20, None), (3, 15, 5, 20, None), (4, 7.5, 2.5, 40, None)],
)
def test_posting_limits(
    level: int,
    topic_wait: float,
    reply_wait: float,
    topics_a_day: int,
    replies_a_day: int | None,
) -> None:
    limits = POSTING_LIMITS[level]
    poster = Poster().post_topic(limits, NOW)
    with pytest.raises(PostingTooFastError) as refused:
        poster.post_topic(limits, NOW + timedelta(seconds=1))
    assert refused.value.retry_after == topic_wait - 1
    poster = poster.post_reply(limits, NOW)  # the one does not slow the other
    with pytest.raises(PostingTooFastError) as refused:
        poster.post_reply(limits, NOW + timedelta(seconds=1))
    assert refused.value.retry_after == reply_wait - 1
    for n in range(1, topics_a_day):
        poster = poster.post_topic(limits, NOW + timedelta(seconds=topic_wait * n))
    late = NOW + timedelta(hours=2)
    with pytest.raises(PostingTooFastError, match=f"{topics_a_day} topics in 24 hours") as refused:
        poster.post_topic(limits, late)
    assert refused.value.retry_after == timedelta(hours=22).total_seconds()
    poster = poster.post_topic(limits, NOW + timedelta(hours=24))
    assert poster.number == topics_a_day + 2
    if replies_a_day is not None:
        for n in range(1, replies_a_day):
            poster = poster.post_reply(limits, NOW + timedelta(seconds=reply_wait * n))
        with pytest.raises(PostingTooFastError, match="10 replies in 24 hours"):
            poster.post_reply(limits, late)


def test_so_many_people_are_mentioned_a_day() -> None:
    poster = Poster().mention(2, 5, NOW).mention(2, 5, NOW + timedelta(hours=1))
    assert poster.mention(0, 1, NOW + timedelta(hours=2)) == poster
    later = NOW + timedelta(hours=2)
    match = "5 people mentioned in 24 hours, and this mentions 2 more"
    with pytest.raises(MentionLimitReachedError, match=match) as refused:
        poster.mention(2, 5, later)
    assert refused.value.retry_after == timedelta(hours=22).total_seconds()
    with pytest.raises(MentionLimitReachedError) as refused:
        poster.mention(4, 5, later)
    assert refused.value.retry_after == timedelta(hours=23).total_seconds()
    with pytest.raises(MentionLimitReachedError) as refused:
        Poster().mention(6, 5, later)  # never, unless the limit changes
    assert refused.value.retry_after == timedelta(hours=24).total_seconds()
    assert len(poster.mention(1, 5, later).mention_times) == 5
    assert len(poster.mention(2, 5, NOW + timedelta(hours=24)).mention_times) == 4


def test_a_moderator_mentions_as_a_leader() -> None:
    new = replace(ANNA, trust_level=NEW)
    assert mention_limits_of(new, MENTION_LIMITS).a_post == 2
    assert mention_limits_of(replace(new, moderator=True), MENTION_LIMITS).a_post == 10


def test_limits_are_of_the_level() -> None:
    for level, held in ((LEADER, LEADER), (9, LEADER), (REGULAR, REGULAR), (0, NEW)):
        member = replace(ANNA, trust_level=level)
        assert limits_of(member, POSTING_LIMITS) == POSTING_LIMITS[held]


def test_as_many_posts_are_remembered_as_may_be_asked_for() -> None:
    limit = check_limit(0, MOST_A_DAY, "limits", "topics")
    poster, any_number = Poster(), Limits(Limit(0, None), Limit(0, None))
    for n in range(MOST_A_DAY + 9):
        poster = poster.post_topic(any_number, NOW + timedelta(seconds=n))
    with pytest.raises(PostingTooFastError):
        poster.post_topic(Limits(limit, limit), NOW + timedelta(hours=1))


@pytest.mark.parametrize(
    ("seconds", "a_day", "field"),
    [
        (-0.1, 0, "limits.seconds_between_topics"),
        (86_401, 0, "limits.seconds_between_topics"),
        (float("nan"), 0, "limits.seconds_between_topics"),
        (0, -1, "limits.topics_per_day"),
        (0, 101, "limits.topics_per_day"),
    ],
)
def test_bad_limits_are_refused(seconds: float, a_day: int, field: str) -> None:
    with pytest.raises(FieldInvalidError) as refusal:
        check_limit(seconds, a_day, "limits", "topics")
    assert refusal.value.field == field
    assert check_limit(86_400, 0, "limits", "topics") == Limit(86_400, None)


@pytest.mark.parametrize(
    ("review_below", "required", "level", "moderator", "reviewed"),
    [
        (BASIC, False, NEW, False, True),
        (BASIC, False, 0, False, True),  # who has no level yet
        (BASIC, False, NEW, True, False),
        (BASIC, False, BASIC, False, False),
        (NEW, False, NEW, False, False),
        (NEW, False, 0, False, False),
        (NEW, True, TRUSTED_MEMBER, False, True),
        (NEW, True, REGULAR, False, False),
        (NEW, True, BASIC, True, False),
        (TRUSTED_MEMBER, False, BASIC, False, True),
        (TRUSTED_MEMBER, False, TRUSTED_MEMBER, False, False),
        (TRUSTED_MEMBER, True, TRUSTED_MEMBER, False, True),
        (LEADER, True, REGULAR, False, True),
        (LEADER, False, LEADER, False, False),
        (LEADER, False, LEADER + 1, False, False),  # a level of a later version
    ],
)
def test_whose_posts_are_reviewed(
    review_below: int, required: bool, level: int, moderator: bool, reviewed: bool
) -> None:
    space = replace(SPACE, mode=SpaceMode.REQUIRED if required else SpaceMode.AUTO)
    member = replace(ANNA, trust_level=level, moderator=moderator)
    assert needs_review(member, space, review_below) is reviewed


@pytest.mark.parametrize(
    ("verdict", "screened", "required", "level", "moderator", "held"),
    [
        (Verdict.ALLOW, True, False, BASIC, False, False),
        (Verdict.FLAG, True, False, BASIC, False, False),
        (Verdict.HOLD, True, False, LEADER, True, True),
        (Verdict.ALLOW, True, False, NEW, False, True),
        (Verdict.ALLOW, True, False, NEW, True, False),
        (Verdict.ALLOW, True, True, BASIC, False, True),
        (Verdict.ALLOW, True, True, BASIC, True, False),
        (Verdict.ALLOW, True, True, REGULAR, False, False),
        (Verdict.ALLOW, False, True, REGULAR, False, True),
        (Verdict.ALLOW, False, True, BASIC, True, True),
        (Verdict.ALLOW, False, False, BASIC, False, False),
    ],
)
def test_what_is_held(
    verdict: Verdict, screened: bool, required: bool, level: int, moderator: bool, held: bool
) -> None:
    space = replace(SPACE, mode=SpaceMode.REQUIRED if required else SpaceMode.AUTO)
    member = replace(ANNA, trust_level=level, moderator=moderator)
    reviewed = needs_review(member, space, BASIC)
    assert Screening(verdict, (), screened=screened).holds(space, reviewed=reviewed) is held


def test_edit_that_would_be_held_is_refused() -> None:
    with pytest.raises(ContentBlockedError):
        Screening(Verdict.HOLD, ()).check_not_held(SPACE)
    with pytest.raises(UnavailableError):
        Screening.missing(["x"]).check_not_held(replace(SPACE, mode=SpaceMode.REQUIRED))
    Screening.missing(["x"]).check_not_held(SPACE)


def test_blocked_text_is_refused_with_the_rules_words() -> None:
    with pytest.raises(ContentBlockedError, match="no prices") as refused:
        Screening(Verdict.BLOCK, (), message="no prices").check_not_blocked()
    assert refused.value.field == "body"


@pytest.mark.parametrize(
    ("tags", "kept"),
    [
        (["C++", "c#", " .NET ", "node.js"], ("c++", "c#", ".net", "node.js")),
        (["a", "A", "b"], ("a", "b")),
        ([], ()),
        (["Café", "CAFE\u0301"], ("café",)),
        (
            [
                "\uff23\uff2c\uff2f\uff35\uff24",
                "ⓒloud",
                "\U0001d402\U0001d425\U0001d428\U0001d42e\U0001d41d",
            ],
            ("cloud",),
        ),
        (["STRASSE", "straße"], ("strasse",)),
        (
            [
                "\u03a3\u039f\u03a6\u039f\u03a3",
                "\u03c3\u03bf\u03c6\u03bf\u03c2",
                "\u03c3\u03bf\u03c6\u03bf\u03c3",
            ],
            ("\u03c3\u03bf\u03c6\u03bf\u03c3",),
        ),
        (
            [
                "\u041e\u0431\u043b\u0430\u043a\u043e",
                "\u043e\u0431\u043b\u0430\u043a\u043e",
                "\u0442\u0435\u0441\u0442",
            ],
            ("\u043e\u0431\u043b\u0430\u043a\u043e", "\u0442\u0435\u0441\u0442"),
        ),
        (
            ["クラウド", "\uff78\uff97\uff73\uff84\uff9e"],
            ("クラウド",),
        ),
        (
            ["עברית", "ענן-2"],
            ("עברית", "ענן-2"),
        ),
        (
            ["سحابة", "٢٠٢٦", "2026"],
            ("سحابة", "2026"),
        ),
        (
            ["می\u200cخواهم"],  # noqa: RUF001
            ("می\u200cخواهم",),  # noqa: RUF001
        ),
        (
            ["हिन्दी", "c++20"],
            ("हिन्दी", "c++20"),
        ),
    ],
)
def test_tags_are_small_and_once(tags: list[str], kept: tuple[str, ...]) -> None:
    assert check_tags(tags) == kept


@pytest.mark.parametrize(
    "tags",
    [
        list("abcdef"),
        *(["two words"], [""], ["x" * 36], ["é" * 36], ["a/b"], ["a_b"], ["\N{ROCKET}"]),
        ["cl\u043eud"],  # a Cyrillic o
        ["\u0441\u043e\u0440"],  # Cyrillic through and through, and looks like cop
        ["\u0440\u0430\u0443\u0440\u0430\u04cf"],
        ["\u03bf\u03bd\u03bf"],  # Greek
        ["\N{LATIN SMALL LETTER ALPHA}pi"],  # a Latin alpha, of phonetics
        ["a\u0337pi"],  # a stroke through the letter
        ["cloud\u200b"],
        ["cl\u200doud"],
        ["\u202eduolc"],
        ["cloud\u2067"],
        ["\u3164"],
        ["ענן2cloud"],  # two ways to write in one tag  # noqa: RUF001
        ["1ענן"],  # shown as the next one, where text goes from left to right  # noqa: RUF001
        ["ענן-"],
        ["#ענן"],
        ["\u13df\u13de\u13be\u13cc\u13a0"],  # Cherokee
    ],
)
def test_tags_are_refused(tags: list[str]) -> None:
    with pytest.raises(TagsInvalidError) as refused:
        check_tags(tags, "posts.3.tags")
    assert refused.value.field == "posts.3.tags"


DEAL = ContextRef("crm", "deal", "D-1")


@pytest.mark.parametrize(
    "ref",
    [
        DEAL,
        ContextRef("x" * 40, "co-sell-2", "x"),
        ContextRef("lms", "course", "Kurs 7 / Größe: \u00a7 3"),
        ContextRef("lms", "course", "7" * 128),
        ContextRef("lms", "course", "\u30af\u30e9\u30a6\u30c9"),
    ],
)
def test_context_refs_are_names_of_other_systems(ref: ContextRef) -> None:
    assert check_context_refs([ref]) == (ref,)


def test_context_refs_are_compared_as_they_are() -> None:
    alike = [replace(DEAL, external_id=id_) for id_ in ("D-1", "d-1", "D-01", "D -1", "\uff24-1")]
    assert check_context_refs(alike) == tuple(alike)
    assert check_context_refs([]) == ()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("system", ["", "c", "CRM", "c r m", "crm-", "-crm", "crm_", "größe", "x" * 41]),
        ("type", ["", "d", "Deal", "deal/claim", "deal\n", "x" * 41]),
        (
            "external_id",
            [
                *("", " ", " D-1", "D-1 ", "D\n1", "D\t1", "D\x001", "x" * 129),
                *("D\u200b1", "D\u202e1", "D\u00a01", "D\ue0001"),
            ],
        ),
    ],
)
def test_context_refs_are_refused_by_field(name: str, values: list[str]) -> None:
    for bad in values:
        with pytest.raises(FieldInvalidError) as refused:
            check_context_refs([DEAL, replace(DEAL, **{name: bad})])
        assert refused.value.field == f"context_refs.1.{name}"


def test_context_refs_are_five_and_each_once() -> None:
    many = [replace(DEAL, external_id=f"D-{n}") for n in range(6)]
    assert check_context_refs(many[:5]) == tuple(many[:5])
    with pytest.raises(FieldInvalidError, match="at most 5") as refused:
        check_context_refs(many)
    assert refused.value.field == "context_refs"
    with pytest.raises(FieldInvalidError, match="already") as refused:
        check_context_refs([*many[:3], DEAL])
    assert refused.value.field == "context_refs.3"


def test_texts_are_bounded() -> None:
    assert check_title("x" * 150) == "x" * 150
    assert check_topic_body("x" * 8) == "x" * 8
    assert check_reply_body("x" * 32767) == "x" * 32767
    for check, bad in (
        (check_title, "x" * 151),
        (check_title, "  "),
        (check_topic_body, "x" * 7),
        (check_topic_body, "x" * 32768),
        (check_reply_body, "x"),
    ):
        with pytest.raises(TextInvalidError):
            check(bad)


def test_screened_text_drops_what_is_no_tag_any_more() -> None:
    text = TopicText("Cheap beer", "Where is cheap beer?", ("beer", "cheap"))
    parts = [part.replace("cheap", "***") for part in text.parts]
    assert text.screened(parts) == TopicText("Cheap beer", "Where is *** beer?", ("beer",))
    long = TopicText("x" * 255, "short", ())  # imported: other limits
    assert long.screened(long.parts) == long


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Größe & Maß: how to?", "groe-ma-how-to"),
        ("日本語", "topic"),
        ("  --A--B--  ", "a-b"),
        ("x" * 100, "x" * 80),
    ],
)
def test_slug_of_title(title: str, slug: str) -> None:
    assert slug_of(title) == slug


def test_imported_ids_follow_from_their_origin() -> None:
    ids = {imported_id(*origin) for origin in product(("s1", "s2"), ("se", "x"), ("1", "2"))}
    assert len(ids) == 8
    assert imported_id("s1", "se", "1") in ids


def test_submission_numbers_count_texts() -> None:
    edited = TOPIC.edit(("New", TEXT, ()), Submission(2), NOW)
    assert (edited.submission.number, edited.edit_time) == (2, NOW)
    draft = replace(TOPIC, state=TopicState.DRAFT)
    assert draft.edit(("New", TEXT, ()), Submission(2), NOW).edit_time is None

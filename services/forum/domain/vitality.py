"""How spaces do: what is counted of 28 days, the index, and what becomes of a space by it.

The formula and its reasons are in vitality.proto.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median

from services.forum.domain.spaces import Space, Vitality

DAY = timedelta(days=1)
WINDOW = 28 * DAY
FOLDED_AFTER = 28  # days
SUSTAINED_AFTER = 28  # days
_ANSWERED_WITHIN = timedelta(hours=24)
_REFERENCE_COMPANIES = 100
_LEAST_SCALE = 0.05
_POSTS, _ACTIVE, _ANSWERED, _NON_VENDOR = 300, 100, 0.8, 0.5
_DORMANT_BELOW, _SUSTAINED_FROM = 0.3, 1.0


@dataclass(frozen=True, slots=True)
class TopicFact:
    """A topic that readers see, as far as it counts."""

    id: str
    question: bool
    person_id: str  # empty: imported
    company_id: str
    time: datetime
    seeded: bool = False


@dataclass(frozen=True, slots=True)
class ReplyFact:
    """What one person replied in one topic within the window."""

    topic_id: str
    person_id: str  # empty: imported
    company_id: str
    first_time: datetime
    count: int
    seeded: bool = False


@dataclass(frozen=True, slots=True)
class Measures:
    """What is counted of 28 days."""

    post_count: int
    active_count: int
    question_count: int
    seeded_count: int
    answered_share: float | None
    non_vendor_share: float | None
    first_reply: timedelta | None  # half of the replied questions had a reply by then


@dataclass(frozen=True, slots=True)
class Health:
    """How a space does at a moment."""

    measures: Measures
    unanswered_count: int
    time: datetime


@dataclass(frozen=True, slots=True)
class SpaceDay:
    """How a space did in the 28 days until the end of a day."""

    community_id: str
    space_id: str
    day: datetime  # its beginning, in UTC
    measures: Measures
    company_count: int
    index: float | None
    vitality: Vitality | None
    threshold_days: int
    dormant_days: int

    @property
    def id(self) -> str:
        """One a space and day."""
        return day_id(self.space_id, self.day)


def day_id(space_id: str, day: datetime) -> str:
    """The same, however often it is counted."""
    return f"{space_id}:{day:%Y-%m-%d}"


def day_of(time: datetime) -> datetime:
    """The beginning of its day, in UTC."""
    return time.replace(hour=0, minute=0, second=0, microsecond=0)


def measured(
    topics: Iterable[TopicFact],
    replies: Iterable[ReplyFact],
    vendor_company_id: str,
    now: datetime,
) -> Measures:
    """Of all topics and replies of the window. Imported and seeded ones do not count."""
    topics, replies = list(topics), list(replies)
    seeded = sum(one.seeded for one in topics) + sum(one.count for one in replies if one.seeded)
    own = [one for one in topics if one.person_id and not one.seeded]
    theirs = [one for one in replies if one.person_id and not one.seeded]
    companies = [(one.company_id, 1) for one in own]
    companies += [(one.company_id, one.count) for one in theirs]
    posts = sum(count for _, count in companies)
    partners = sum(count for company, count in companies if company != vendor_company_id)
    waits = _waits(own, theirs)
    due = [
        wait
        for question, wait in waits.items()
        if (wait is not None and wait <= _ANSWERED_WITHIN)
        or now - question.time >= _ANSWERED_WITHIN
    ]
    in_time = sum(wait is not None and wait <= _ANSWERED_WITHIN for wait in due)
    replied = [wait.total_seconds() for wait in waits.values() if wait is not None]
    return Measures(
        post_count=posts,
        active_count=len({one.person_id for one in own} | {one.person_id for one in theirs}),
        question_count=len(waits),
        seeded_count=seeded,
        answered_share=in_time / len(due) if due else None,
        non_vendor_share=partners / posts if posts else None,
        first_reply=timedelta(seconds=median(replied)) if replied else None,
    )


def _waits(
    topics: Iterable[TopicFact], replies: Iterable[ReplyFact]
) -> Mapping[TopicFact, timedelta | None]:
    """How long each question waited for a reply by another; None: it still does."""
    questions = {one.id: one for one in topics if one.question}
    first: dict[str, datetime] = {}
    for reply in replies:
        question = questions.get(reply.topic_id)
        if question is not None and reply.person_id != question.person_id:
            time = first.get(question.id, reply.first_time)
            first[question.id] = min(time, reply.first_time)
    return {
        one: first[one.id] - one.time if one.id in first else None for one in questions.values()
    }


def scale_of(company_count: int) -> float:
    """How much of the reference's activity a space for so many companies needs."""
    return min(1.0, max(_LEAST_SCALE, company_count / _REFERENCE_COMPANIES))


def index_of(measures: Measures, company_count: int) -> float | None:
    """The cold-start index; None: only the vendor reads."""
    if not company_count:
        return None
    if not measures.post_count:
        return 0.0
    scale = scale_of(company_count)
    terms = [measures.post_count / (_POSTS * scale), measures.active_count / (_ACTIVE * scale)]
    if measures.answered_share is not None:
        terms.append(measures.answered_share / _ANSWERED)
    if measures.non_vendor_share is not None:
        terms.append(measures.non_vendor_share / _NON_VENDOR)
    return min(terms)


def counted_day(
    space: Space, day: datetime, measures: Measures, company_count: int, before: SpaceDay | None
) -> SpaceDay:
    """The day after `before`, if that is the one; else its runs of days begin anew."""
    index = index_of(measures, company_count)
    follows = before is not None and before.day == day - DAY
    threshold_days = dormant_days = 0
    vitality = None
    if index is not None:
        if index >= _SUSTAINED_FROM:
            threshold_days = 1 + (before.threshold_days if before and follows else 0)
        if index < _DORMANT_BELOW:
            vitality = Vitality.DORMANT
            dormant_days = 1 + (before.dormant_days if before and follows else 0)
        elif threshold_days >= SUSTAINED_AFTER:
            vitality = Vitality.SELF_SUSTAINING
        else:
            vitality = Vitality.WARMING
    return SpaceDay(
        space.community_id,
        space.id,
        day,
        measures,
        company_count,
        index,
        vitality,
        threshold_days,
        dormant_days,
    )


def rated(space: Space, day: SpaceDay) -> Space:
    """The space as its latest day says."""
    dormant = day.dormant_days >= FOLDED_AFTER
    if space.vitality is day.vitality:
        return replace(space, dormant=dormant)
    time = day.day if day.vitality else None
    return replace(space, vitality=day.vitality, vitality_time=time, dormant=dormant)


def days_to_count(space: Space, latest: SpaceDay | None, now: datetime) -> list[datetime]:
    """The ended days that were not counted yet, the oldest first; at most 28."""
    last = day_of(now) - DAY
    first = max(day_of(space.create_time), last - 27 * DAY)
    if latest is not None:
        first = max(first, latest.day + DAY)
    return [first + number * DAY for number in range((last - first).days + 1)]

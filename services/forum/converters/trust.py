"""Trust as protobuf messages, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from chassis.errors import FieldInvalidError
from chassis.timestamps import timestamp_of
from guildhall.directory.v1.directory_pb2 import TrustLevel
from guildhall.forum.v1 import trust_pb2
from services.forum.converters.enums import one_of
from services.forum.domain.link_cards import check_hosts
from services.forum.domain.posting import Limits
from services.forum.domain.trust import (
    EARNED,
    LEVELS,
    Counts,
    Fact,
    Standing,
    TrustSettings,
    TrustSettingsChange,
    check_all_mention_limits,
    check_grace,
    check_keep_factor,
    check_needs,
    check_posting_limits,
    check_reaction_limits,
    check_review_below,
    check_vote_factors,
    check_window,
    next_level,
)

FACTS = {one: trust_pb2.TrustFact.Value(f"TRUST_FACT_{one}") for one in Fact}


_CHANGES = (
    "requirements",
    "window_days",
    "grace_days",
    "keep_factor",
    "posting_limits",
    "vote_factors",
    "mention_limits",
    "reaction_limits",
    "review_below",
    "update_link_card_hosts",
)


def settings_change(
    request: trust_pb2.UpdateTrustSettingsRequest, *, inside: bool = False
) -> TrustSettingsChange:
    """One thing at least; `inside` as in check_hosts. Refuses with FIELD_INVALID."""
    given = {one.name for one, _ in request.ListFields()}
    if given.isdisjoint(_CHANGES):
        raise FieldInvalidError(f"one of {', '.join(_CHANGES)} must be given", field=_CHANGES[0])
    return TrustSettingsChange(
        _needs_of(request.requirements),
        check_window(request.window_days) if "window_days" in given else None,
        check_grace(request.grace_days) if "grace_days" in given else None,
        check_keep_factor(request.keep_factor) if "keep_factor" in given else None,
        check_posting_limits(
            [
                (
                    one.trust_level,
                    (one.seconds_between_topics, one.topics_per_day),
                    (one.seconds_between_replies, one.replies_per_day),
                )
                for one in request.posting_limits
            ]
        ),
        check_vote_factors([(one.trust_level, one.factor) for one in request.vote_factors]),
        check_all_mention_limits(
            [
                (one.trust_level, one.people_per_post, one.people_per_day)
                for one in request.mention_limits
            ]
        ),
        check_reaction_limits(
            [(one.trust_level, one.reactions_per_day) for one in request.reaction_limits]
        ),
        check_review_below(request.review_below) if "review_below" in given else None,
        check_hosts(request.link_card_hosts, inside=inside)
        if request.update_link_card_hosts
        else None,
    )


def _needs_of(requirements: Iterable[trust_pb2.TrustRequirement]) -> Mapping[int, Counts]:
    return check_needs(
        [
            (
                one.trust_level,
                [
                    (
                        one_of(FACTS, need.fact, f"requirements.{index}.needs.{place}.fact"),
                        need.count,
                    )
                    for place, need in enumerate(one.needs)
                ],
            )
            for index, one in enumerate(requirements)
        ]
    )


def trust_settings_to_proto(settings: TrustSettings, version: int) -> trust_pb2.TrustSettings:
    """At this version; every level with all that it needs and allows."""
    return trust_pb2.TrustSettings(
        community_id=settings.community_id,
        requirements=[
            trust_pb2.TrustRequirement(
                trust_level=TrustLevel.ValueType(level),
                needs=[
                    trust_pb2.TrustNeed(fact=FACTS[fact], count=count)
                    for fact, count in settings.needs[level].items()
                ],
            )
            for level in EARNED
        ],
        version=version,
        window_days=settings.window.days,
        grace_days=settings.grace.days,
        keep_factor=settings.keep_factor,
        posting_limits=[
            _limits_to_proto(level, settings.posting_limits[level]) for level in LEVELS
        ],
        vote_factors=[
            trust_pb2.VoteFactor(
                trust_level=TrustLevel.ValueType(level), factor=settings.vote_factors[level]
            )
            for level in LEVELS
        ],
        mention_limits=[
            trust_pb2.MentionLimits(
                trust_level=TrustLevel.ValueType(level),
                people_per_post=settings.mention_limits[level].a_post,
                people_per_day=settings.mention_limits[level].a_day,
            )
            for level in LEVELS
        ],
        reaction_limits=[
            trust_pb2.ReactionLimit(
                trust_level=TrustLevel.ValueType(level),
                reactions_per_day=settings.reaction_limits[level],
            )
            for level in LEVELS
        ],
        review_below=TrustLevel.ValueType(settings.review_below),
        link_card_hosts=settings.link_card_hosts,
    )


def _limits_to_proto(level: int, limits: Limits) -> trust_pb2.PostingLimits:
    return trust_pb2.PostingLimits(
        trust_level=TrustLevel.ValueType(level),
        seconds_between_topics=limits.topics.seconds,
        topics_per_day=limits.topics.a_day or 0,
        seconds_between_replies=limits.replies.seconds,
        replies_per_day=limits.replies.a_day or 0,
    )


def trust_progress_to_proto(
    standing: Standing, have: Counts, needs: Counts
) -> trust_pb2.TrustProgress:
    """How far one is from what is needed."""
    return trust_pb2.TrustProgress(
        community_id=standing.community_id,
        person_id=standing.person_id,
        level=TrustLevel.ValueType(standing.level),
        next_level=TrustLevel.ValueType(next_level(standing)),
        standings=[
            trust_pb2.TrustStanding(fact=FACTS[fact], count=max(have[fact], 0), needed=count)
            for fact, count in needs.items()
        ],
        level_time=timestamp_of(standing.level_time) if standing.level_time else None,
    )

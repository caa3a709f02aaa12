"""Inputs and payloads of trust."""

from __future__ import annotations

import strawberry

from gateway.schema.scalars import TrustLevel
from gateway.schema.trust import TrustFact, TrustSettings
from gateway.schema.writes import expected_version, request_id


@strawberry.input(description="How much of something a level needs.")
class TrustNeedInput:
    """forum.TrustNeed."""

    fact: TrustFact = strawberry.field(description="Of what.")
    count: int = strawberry.field(description="How much; of POSTS_REMOVED at most so many.")


@strawberry.input(description="What a level needs from now on, in place of what it needed.")
class TrustRequirementInput:
    """forum.TrustRequirement."""

    trust_level: TrustLevel = strawberry.field(description="BASIC, MEMBER or REGULAR.")
    needs: list[TrustNeedInput] = strawberry.field(description="All of these; none: nothing.")


@strawberry.input(description="How fast members of a level may post from now on.")
class PostingLimitsInput:
    """forum.PostingLimits."""

    trust_level: TrustLevel = strawberry.field(description="Which.")
    seconds_between_topics: float = strawberry.field(description="0 to 86,400.")
    seconds_between_replies: float = strawberry.field(description="0 to 86,400.")
    topics_per_day: int = strawberry.field(description="In 24 hours, 100 at most; 0: any number.")
    replies_per_day: int = strawberry.field(description="In 24 hours, 100 at most; 0: any number.")


@strawberry.input(description="How many votes a level has from now on.")
class VoteFactorInput:
    """forum.VoteFactor."""

    trust_level: TrustLevel = strawberry.field(description="Which.")
    factor: float = strawberry.field(
        description="0.5 to 10 times 20 up and 10 down a day, 6 and 3 for what one author wrote."
    )


@strawberry.input(description="How many people members of a level may mention from now on.")
class MentionLimitsInput:
    """forum.MentionLimits."""

    trust_level: TrustLevel = strawberry.field(description="Which.")
    people_per_post: int = strawberry.field(description="0 to 10.")
    people_per_day: int = strawberry.field(
        description="In 24 hours, by edits too: from peoplePerPost to 200."
    )


@strawberry.input(description="How many reactions members of a level may add from now on.")
class ReactionLimitInput:
    """forum.ReactionLimit."""

    trust_level: TrustLevel = strawberry.field(description="Which.")
    reactions_per_day: int = strawberry.field(
        description="In 24 hours, those taken back too: 1 to 1,000."
    )


@strawberry.input(description="What changes, one thing at least; all else stays.")
class UpdateTrustSettingsInput:
    """Of updateTrustSettings."""

    request_id: str = request_id()
    community_id: strawberry.ID = strawberry.field(description="Where.")
    requirements: list[TrustRequirementInput] | None = strawberry.field(
        default=None, description="Of levels that need something else, each once."
    )
    window_days: int | None = strawberry.field(
        default=None, description="What REGULAR looks back on: 1 to 365."
    )
    grace_days: int | None = strawberry.field(
        default=None, description="For which REGULAR is kept whatever happens: 0 to 365."
    )
    keep_factor: float | None = strawberry.field(
        default=None, description="Of what REGULAR needs, to keep it: 0 to 1."
    )
    posting_limits: list[PostingLimitsInput] | None = strawberry.field(
        default=None, description="Of levels that may post otherwise, each once."
    )
    vote_factors: list[VoteFactorInput] | None = strawberry.field(
        default=None, description="Of levels that have other numbers of votes, each once."
    )
    mention_limits: list[MentionLimitsInput] | None = strawberry.field(
        default=None, description="Of levels that may mention more or fewer people, each once."
    )
    reaction_limits: list[ReactionLimitInput] | None = strawberry.field(
        default=None, description="Of levels that may react more or less often, each once."
    )
    review_below: TrustLevel | None = strawberry.field(
        default=None,
        description="Posts of levels below it wait for moderators; NEW: nobody's do for their "
        "level.",
    )
    link_card_hosts: list[str] | None = strawberry.field(
        default=None,
        description="The whole list, at most 50; empty: none. Names in lower-case ASCII, as "
        "docs.example.com or *.example.com; no numbers.",
    )
    expected_version: int | None = expected_version()


@strawberry.type(description="What levels need and allow now.")
class UpdateTrustSettingsPayload:
    """Of updateTrustSettings."""

    trust_settings: TrustSettings = strawberry.field(description="Of all levels.")

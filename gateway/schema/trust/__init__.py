"""Trust levels in GraphQL: what they need and allow, and how far members are."""

from __future__ import annotations

from enum import Enum

import strawberry

from gateway.schema.scalars import DateTime, TrustLevel, unset_is_null
from guildhall.forum.v1 import trust_pb2


@strawberry.enum(description="What is counted of a member towards trust levels.")
class TrustFact(Enum):
    """forum.TrustFact."""

    TOPICS_ENTERED = strawberry.enum_value(
        trust_pb2.TRUST_FACT_TOPICS_ENTERED, description="Topics opened, each once."
    )
    POSTS_READ = trust_pb2.TRUST_FACT_POSTS_READ
    MINUTES_READ = strawberry.enum_value(
        trust_pb2.TRUST_FACT_MINUTES_READ,
        description="Between topics read further, pauses of more than five minutes left out.",
    )
    DAYS_VISITED = trust_pb2.TRUST_FACT_DAYS_VISITED
    TOPICS_REPLIED = strawberry.enum_value(
        trust_pb2.TRUST_FACT_TOPICS_REPLIED, description="Topics with a reply of the member."
    )
    LIKES_GIVEN = strawberry.enum_value(
        trust_pb2.TRUST_FACT_LIKES_GIVEN, description="Votes for posts, and reactions."
    )
    LIKES_RECEIVED = trust_pb2.TRUST_FACT_LIKES_RECEIVED
    LIKERS = strawberry.enum_value(
        trust_pb2.TRUST_FACT_LIKERS, description="Different people who gave likes."
    )
    POSTS_REMOVED = strawberry.enum_value(
        trust_pb2.TRUST_FACT_POSTS_REMOVED,
        description="By somebody else, or hidden by a moderator's decision, while they are; at "
        "most so many.",
    )


@strawberry.type(description="How much of something a level needs.")
class TrustNeed:
    """forum.TrustNeed."""

    fact: TrustFact = strawberry.field(description="Of what.")
    count: int = strawberry.field(description="How much; of POSTS_REMOVED at most so many.")


@strawberry.type(
    description="What a level needs: BASIC and MEMBER ever, REGULAR within windowDays."
)
class TrustRequirement:
    """forum.TrustRequirement."""

    trust_level: TrustLevel = strawberry.field(description="Which.")
    needs: list[TrustNeed] = strawberry.field(description="All of these.")


@strawberry.type(description="How fast members of a level may post; moderators are exempt.")
class PostingLimits:
    """forum.PostingLimits."""

    trust_level: TrustLevel = strawberry.field(description="Which.")
    seconds_between_topics: float = strawberry.field(description="Between two of one's topics.")
    seconds_between_replies: float = strawberry.field(description="Between two of one's replies.")
    topics_per_day: int = strawberry.field(description="In 24 hours; 0: any number.")
    replies_per_day: int = strawberry.field(description="In 24 hours; 0: any number.")


@strawberry.type(description="How many votes a level has.")
class VoteFactor:
    """forum.VoteFactor."""

    trust_level: TrustLevel = strawberry.field(description="Which.")
    factor: float = strawberry.field(
        description="So many times 20 up and 10 down a day, 6 and 3 for what one author wrote."
    )


@strawberry.type(
    description="How many people members of a level may mention; a moderator is bound as a LEADER, "
    "and not by the day."
)
class MentionLimits:
    """forum.MentionLimits."""

    trust_level: TrustLevel = strawberry.field(description="Which.")
    people_per_post: int = strawberry.field(description="In one post.")
    people_per_day: int = strawberry.field(description="Mentioned anew in 24 hours, by edits too.")


@strawberry.type(description="How many reactions members of a level may add.")
class ReactionLimit:
    """forum.ReactionLimit."""

    trust_level: TrustLevel = strawberry.field(description="Which.")
    reactions_per_day: int = strawberry.field(
        description="In 24 hours; one that is taken back counts as well."
    )


@strawberry.type(
    description="What trust levels need in a community, what they allow, and what else holds in "
    "all of its forum."
)
class TrustSettings:
    """forum.TrustSettings."""

    requirements: list[TrustRequirement] = strawberry.field(
        description="Of the levels that are earned; LEADER is given by hand."
    )
    window_days: int = strawberry.field(description="What REGULAR looks back on.")
    grace_days: int = strawberry.field(description="For which REGULAR is kept whatever happens.")
    keep_factor: float = strawberry.field(description="Of what REGULAR needs, to keep it.")
    posting_limits: list[PostingLimits] = strawberry.field(description="Of every level.")
    vote_factors: list[VoteFactor] = strawberry.field(description="Of every level.")
    mention_limits: list[MentionLimits] = strawberry.field(description="Of every level.")
    reaction_limits: list[ReactionLimit] = strawberry.field(description="Of every level.")
    review_below: TrustLevel = strawberry.field(
        description="Posts of levels below it wait for moderators, in every space; NEW: nobody's "
        "do for their level. A space in REQUIRED mode holds those below REGULAR all the same."
    )
    link_card_hosts: list[str] = strawberry.field(
        description="The hosts whose pages are fetched for linkCards of posts: a name, as "
        "docs.example.com, or *.example.com for all below. None: nothing is fetched or shown."
    )
    version: int = strawberry.field(description="For expectedVersion; 0: never changed.")


@strawberry.type(description="How much of something a member has.")
class TrustStanding:
    """forum.TrustStanding."""

    fact: TrustFact = strawberry.field(description="Of what.")
    count: int = strawberry.field(description="How much there is.")
    needed: int = strawberry.field(description="How much is needed; POSTS_REMOVED: at most.")


@strawberry.type(description="How far a member is from the next trust level.")
class TrustProgress:
    """forum.TrustProgress."""

    level: TrustLevel = strawberry.field(
        description="The level that was earned; the member's own may have been given by hand."
    )
    standings: list[TrustStanding] = strawberry.field(
        description="What the next level needs; of REGULAR, what keeps it."
    )
    level_time: DateTime | None = strawberry.field(
        description="When it was earned; null where none was."
    )

    @strawberry.field(description="The level to be earned next; null where there is none.")
    def next_level(self) -> TrustLevel | None:
        return unset_is_null(self, "next_level")

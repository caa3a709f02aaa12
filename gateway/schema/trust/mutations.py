"""What managers can do about trust, in GraphQL."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway.context import Info
from gateway.cursors import decode_id
from gateway.schema.trust import inputs as t
from gateway.schema.writes import codes, number, version, write
from guildhall.forum.v1 import trust_pb2

_What = strawberry.argument(description="What to do.")


@strawberry.type
class TrustMutation:
    """Trust."""

    @strawberry.mutation(
        description=codes(
            "Change what trust levels need or allow, or the rest. It holds for the next post, vote "
            "and reaction; nobody loses a level at once. For managers.",
            "FIELD_INVALID", "VERSION_STALE", "ROLE_REQUIRED", "COMMUNITY_NOT_FOUND",
        )
    )  # fmt: skip
    async def update_trust_settings(
        self, info: Info, input: Annotated[t.UpdateTrustSettingsInput, _What]
    ) -> t.UpdateTrustSettingsPayload:
        request = trust_pb2.UpdateTrustSettingsRequest(
            request_id=input.request_id,
            community_id=decode_id(input.community_id, "communityId", "Community").id,
            requirements=[
                trust_pb2.TrustRequirement(
                    trust_level=one.trust_level.value,
                    needs=[
                        trust_pb2.TrustNeed(fact=need.fact.value, count=need.count)
                        for need in one.needs
                    ],
                )
                for one in input.requirements or ()
            ],
            window_days=input.window_days,
            grace_days=input.grace_days,
            keep_factor=input.keep_factor,
            posting_limits=[
                trust_pb2.PostingLimits(
                    trust_level=one.trust_level.value,
                    seconds_between_topics=one.seconds_between_topics,
                    seconds_between_replies=one.seconds_between_replies,
                    topics_per_day=one.topics_per_day,
                    replies_per_day=one.replies_per_day,
                )
                for one in input.posting_limits or ()
            ],
            vote_factors=[
                trust_pb2.VoteFactor(trust_level=one.trust_level.value, factor=one.factor)
                for one in input.vote_factors or ()
            ],
            mention_limits=[
                trust_pb2.MentionLimits(
                    trust_level=one.trust_level.value,
                    people_per_post=one.people_per_post,
                    people_per_day=one.people_per_day,
                )
                for one in input.mention_limits or ()
            ],
            reaction_limits=[
                trust_pb2.ReactionLimit(
                    trust_level=one.trust_level.value, reactions_per_day=one.reactions_per_day
                )
                for one in input.reaction_limits or ()
            ],
            review_below=number(input.review_below),
            update_link_card_hosts=input.link_card_hosts is not None,
            link_card_hosts=input.link_card_hosts or (),
            expected_version=version(input),
        )
        return await write(info, info.context.services.trust.UpdateTrustSettings, request)

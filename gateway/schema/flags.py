"""What members flag and moderators see of it, in GraphQL."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway.context import Info
from gateway.cursors import decode_id, encode_id
from gateway.errors import POST_NOT_FOUND
from gateway.schema.directory import Member
from gateway.schema.fields import PERSON, fetched
from gateway.schema.forum.mutations.base import What, of_post
from gateway.schema.scalars import DateTime, unset_is_null
from gateway.schema.staff_scalars import FlagReason, FlagState
from gateway.schema.writes import codes, number, request_id, write
from guildhall.moderation.v1 import moderation_pb2


@strawberry.type(description="How many flags give a reason; one may give several.")
class FlagReasonCount:
    """moderation.FlagReasonCount."""

    reason: FlagReason = strawberry.field(description="Which reason.")
    count: int = strawberry.field(description="How many flags.")


@strawberry.type(description="A member's complaint about a post.")
class Flag:
    """moderation.Flag."""

    reasons: list[FlagReason] = strawberry.field(description="Why.")
    state: FlagState = strawberry.field(description="What became of it.")
    create_time: DateTime = strawberry.field(description="When it was made.")
    settle_time: DateTime | None = strawberry.field(
        description="When its case was decided, or moot; null while it is open."
    )

    @strawberry.field(description="The global id, opaque.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(encode_id("Flag", self.community_id, self.id))  # type: ignore[attr-defined]

    @strawberry.field(description="What the member says to it.")
    def text(self) -> str | None:
        return unset_is_null(self, "text")

    member: Member | None = fetched(PERSON, "Who made it; who wrote the post is never told.")


@strawberry.input(description="A post, and what is wrong with it.")
class FlagPostInput:
    """Of flagPost."""

    request_id: str = request_id()
    post_id: strawberry.ID = strawberry.field(description="The topic or reply.")
    reasons: list[FlagReason] = strawberry.field(description="Why; one at least.")
    text: str = strawberry.field(
        default="", description="What moderators should know, at most 1,000 characters."
    )


@strawberry.type(description="The flag that moderators see.")
class FlagPostPayload:
    """Of flagPost."""

    flag: Flag = strawberry.field(description="The flag.")


@strawberry.type
class FlagMutation:
    """Flags."""

    @strawberry.mutation(
        description=codes(
            "Complain about what another wrote: moderators look at it, and the post stays as it is "
            "until they decide. One open flag a post, none within 24 hours of a decision on it, "
            "20 in 24 hours a community.", POST_NOT_FOUND, "OWN_POST", "POST_FLAGGED",
            "POST_FLAGGED_LATELY", "FLAG_LIMIT_REACHED", "FLAGGED_AT_ONCE", "TEXT_INVALID",
            "FIELD_INVALID",
        )
    )  # fmt: skip
    async def flag_post(self, info: Info, input: Annotated[FlagPostInput, What]) -> FlagPostPayload:
        topic_id, reply_id = of_post(input.post_id, "postId")
        request = moderation_pb2.FlagPostRequest(
            request_id=input.request_id,
            community_id=decode_id(input.post_id, "postId").community_id,
            topic_id=topic_id,
            reply_id=reply_id,
            reasons=map(number, input.reasons),
            text=input.text,
        )
        return await write(info, info.context.services.moderation.FlagPost, request)

"""Inputs and payloads of what people do with others' posts."""

from __future__ import annotations

import strawberry

from gateway.schema.forum import Reply, Topic
from gateway.schema.participation import ReactionKind, VoteValue
from gateway.schema.writes import request_id


@strawberry.input
class PostWrite:
    """A write to a post."""

    request_id: str = request_id()
    post_id: strawberry.ID = strawberry.field(description="The topic or reply.")


@strawberry.type
class PostPayload:
    """The post."""

    topic: Topic = strawberry.field(description="The topic as it is now.")
    reply: Reply | None = strawberry.field(
        description="The reply as it is now; null where the topic itself was meant."
    )


@strawberry.input(description="A vote.")
class CastVoteInput(PostWrite):
    """Of castVote."""

    value: VoteValue = strawberry.field(description="For or against it.")


@strawberry.type(description="What was voted for, with its new score.")
class CastVotePayload(PostPayload):
    """Of castVote."""


@strawberry.input(description="Which vote is taken back.")
class RetractVoteInput(PostWrite):
    """Of retractVote."""


@strawberry.type(description="The post as if one had not voted.")
class RetractVotePayload(PostPayload):
    """Of retractVote."""


@strawberry.input(description="A reaction.")
class AddReactionInput(PostWrite):
    """Of addReaction."""

    kind: ReactionKind = strawberry.field(description="What one says.")


@strawberry.type(description="What one reacted to.")
class AddReactionPayload(PostPayload):
    """Of addReaction."""


@strawberry.input(description="Which reaction is taken back.")
class RemoveReactionInput(PostWrite):
    """Of removeReaction."""

    kind: ReactionKind = strawberry.field(description="What one does not say any more.")


@strawberry.type(description="The post without the reaction.")
class RemoveReactionPayload(PostPayload):
    """Of removeReaction."""

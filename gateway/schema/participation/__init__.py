"""What people say of posts without words, in GraphQL: votes and reactions."""

from __future__ import annotations

from enum import Enum
from typing import Any

import strawberry

from gateway import batches
from gateway.loaders import Key, Reference
from gateway.schema.fields import fetched
from guildhall.forum.v1 import participation_pb2


@strawberry.enum(description="For or against.")
class VoteValue(Enum):
    """forum.VoteValue."""

    UP = strawberry.enum_value(participation_pb2.VOTE_VALUE_UP, description="For it.")
    DOWN = strawberry.enum_value(
        participation_pb2.VOTE_VALUE_DOWN, description="Against it, where the space allows that."
    )


@strawberry.enum(description="What one may say of a post by a click.")
class ReactionKind(Enum):
    """forum.ReactionKind."""

    THANKS = strawberry.enum_value(
        participation_pb2.REACTION_KIND_THANKS, description="One is thankful for it."
    )
    HELPFUL = strawberry.enum_value(
        participation_pb2.REACTION_KIND_HELPFUL, description="It helped."
    )
    AGREE = strawberry.enum_value(
        participation_pb2.REACTION_KIND_AGREE, description="One thinks so too."
    )
    INSIGHTFUL = strawberry.enum_value(
        participation_pb2.REACTION_KIND_INSIGHTFUL, description="One has learned from it."
    )
    CELEBRATE = strawberry.enum_value(
        participation_pb2.REACTION_KIND_CELEBRATE, description="Well done."
    )


@strawberry.type(description="How many reacted to a post in one way.")
class ReactionCount:
    """forum.ReactionCount."""

    kind: ReactionKind = strawberry.field(description="Which way.")
    count: int = strawberry.field(description="How many people.")


def _post(row: Any) -> Key:
    """Of a topic or reply."""
    topic_id = getattr(row, "topic_id", "")
    key = batches.post_key(topic_id, row.id) if topic_id else batches.post_key(row.id)
    return row.community_id, key


@strawberry.type
class Post:
    """What topics and replies have in common: others take part in them."""

    reactions: list[ReactionCount] | None = fetched(
        Reference(batches.participations, _post, lambda found: found.reactions),
        "How people reacted to it; kinds that nobody chose are left out.",
    )
    viewer_reactions: list[ReactionKind] | None = fetched(
        Reference(batches.participations, _post, lambda found: found.viewer_reactions),
        "How one reacted oneself.",
    )
    viewer_vote: VoteValue | None = fetched(
        Reference(batches.participations, _post, lambda found: found.viewer_vote or None),
        "How one voted oneself; null where one did not.",
    )

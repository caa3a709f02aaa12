"""Votes, reactions and posts as protobuf messages, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from chassis.errors import FieldInvalidError
from guildhall.forum.v1 import participation_pb2 as pb
from services.forum.converters.enums import one_of
from services.forum.domain.link_cards import CardsOfPost
from services.forum.domain.participation import Participation, ReactionKind, VoteValue
from services.forum.domain.references import PostRef

MAX_POSTS = 100
VOTE_VALUES = {one: pb.VoteValue.Value(f"VOTE_VALUE_{one}") for one in VoteValue}
REACTION_KINDS = {one: pb.ReactionKind.Value(f"REACTION_KIND_{one}") for one in ReactionKind}


def vote_value(number: int) -> VoteValue:
    """Refuses with FIELD_INVALID."""
    return one_of(VOTE_VALUES, number, "value")


def reaction_kind(number: int) -> ReactionKind:
    """Refuses with FIELD_INVALID."""
    return one_of(REACTION_KINDS, number, "kind")


def post_refs(messages: Iterable[pb.PostRef]) -> list[PostRef]:
    """Refuses with FIELD_INVALID what are too many."""
    posts = [PostRef(one.topic_id, one.reply_id) for one in messages]
    if len(posts) > MAX_POSTS:
        raise FieldInvalidError(f"posts must be at most {MAX_POSTS}", field="posts")
    return posts


def post_ref_to_proto(post: PostRef) -> pb.PostRef:
    """Which post."""
    return pb.PostRef(topic_id=post.topic_id, reply_id=post.reply_id)


def reaction_counts_to_proto(counts: Mapping[ReactionKind, int]) -> list[pb.ReactionCount]:
    """Those there are, by kind."""
    return [
        pb.ReactionCount(kind=REACTION_KINDS[kind], count=counts[kind])
        for kind in ReactionKind
        if kind in counts
    ]


def participation_to_proto(one: Participation) -> pb.Participation:
    """As its viewer sees it."""
    return pb.Participation(
        post=post_ref_to_proto(one.post),
        reactions=reaction_counts_to_proto(one.reactions),
        viewer_reactions=[REACTION_KINDS[kind] for kind in one.viewer_reactions],
        viewer_vote=VOTE_VALUES[one.viewer_vote] if one.viewer_vote else pb.VOTE_VALUE_UNSPECIFIED,
    )


def link_cards_to_proto(of: CardsOfPost) -> pb.LinkCardsOfPost:
    """In the order of the post's links."""
    return pb.LinkCardsOfPost(
        post=post_ref_to_proto(of.post),
        link_cards=[
            pb.LinkCard(
                url=one.url,
                title=one.text.title,
                description=one.text.description,
                site_name=one.text.site_name,
            )
            for one in of.cards
        ],
    )

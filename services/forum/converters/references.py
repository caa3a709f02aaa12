"""Quotes as protobuf messages, and back."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from guildhall.forum.v1 import forum_pb2
from guildhall.forum.v1 import participation_pb2 as pb
from services.forum.converters.messages import author_to_proto
from services.forum.converters.participation import post_ref_to_proto
from services.forum.domain.references import PostRef, Quote, QuotesOfPost, ShownQuote


def quotes_of(messages: Iterable[forum_pb2.Quote]) -> list[Quote]:
    """As they are given."""
    return [Quote(PostRef(one.topic_id, one.reply_id), one.text) for one in messages]


def quotes_to_proto(
    found: QuotesOfPost, community_id: str, keyring: Collection[str]
) -> pb.QuotesOfPost:
    """As a reader with this keyring sees them."""
    return pb.QuotesOfPost(
        post=post_ref_to_proto(found.post),
        quotes=[quote_to_proto(one, community_id, keyring) for one in found.quotes],
    )


def quote_to_proto(quote: ShownQuote, community_id: str, keyring: Collection[str]) -> pb.ShownQuote:
    """Likewise."""
    author = quote.author
    return pb.ShownQuote(
        source=post_ref_to_proto(quote.quote.source),
        text=quote.quote.text,
        author=author_to_proto(author, community_id, known=author.known_to(community_id, keyring)),
    )

"""What people say of posts without words, in GraphQL: votes and reactions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from gateway import batches
from gateway.loaders import Embedded, Key, Reference
from gateway.schema.directory import Member
from gateway.schema.fields import fetched
from gateway.schema.forum.authors import Author
from gateway.schema.scalars import URL, unset_is_null
from guildhall.forum.v1 import forum_pb2, participation_pb2

if TYPE_CHECKING:
    from gateway.schema.forum import HeldEdit, Removal, Reply, Topic


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


@dataclass(frozen=True, slots=True)
class MentionRow:
    """The source of Mention."""

    community_id: str
    person_id: str


def mentions_of(row: Any) -> list[MentionRow]:
    """Of a post, or of what is to be one."""
    return [MentionRow(row.community_id, one) for one in row.mentioned_ids]


@strawberry.type(description="Somebody whom a post speaks to.")
class Mention:
    """An id among mentioned_ids of forum.Topic and forum.Reply."""

    member: Member | None = fetched(
        Reference(batches.members, lambda row: (row.community_id, row.person_id)),
        "The member, who may have left since.",
    )


class QuoteRow:
    """The source of Quote: forum.ShownQuote, in a community."""

    __slots__ = ("_quote", "community_id")

    def __init__(self, community_id: str, quote: participation_pb2.ShownQuote) -> None:
        self.community_id = community_id
        self._quote = quote

    @property
    def text(self) -> str:
        """As it stands at the source."""
        return self._quote.text

    @property
    def source(self) -> participation_pb2.PostRef:
        """What it is from."""
        return self._quote.source

    @property
    def author(self) -> forum_pb2.Author:
        """Of the source."""
        return self._quote.author


def _quotes(row: batches.QuotedRow) -> list[QuoteRow]:
    return [QuoteRow(row.community_id, one) for one in row.found.quotes]


@strawberry.type(description="Words of another post.")
class Quote:
    """forum.ShownQuote."""

    text: str = strawberry.field(description="The words, as they stand there now.")

    author: Author | None = strawberry.field(description="Who wrote them.")

    topic: Annotated[Topic, strawberry.lazy("gateway.schema.forum")] | None = fetched(
        Reference(batches.topics, lambda row: (row.community_id, row.source.topic_id)),
        "The topic they are from.",
    )

    reply: Annotated[Reply, strawberry.lazy("gateway.schema.forum")] | None = fetched(
        Reference(
            batches.replies,
            lambda row: (row.community_id, row.source.reply_id) if row.source.reply_id else None,
        ),
        "The reply they are from; null where they are the topic's own.",
    )


@strawberry.type(description="What a post quotes, as far as one can read it at its source.")
class Quoted:
    """forum.QuotesOfPost."""

    quotes: list[Quote] = fetched(Embedded(_quotes), "In the order of the author.")


@strawberry.type(description="What a page says of itself that a post links to, as plain text.")
class LinkCard:
    """forum.LinkCard."""

    url: URL = strawberry.field(description="The page, as the post has its address.")
    title: str = strawberry.field(description="At most 200 characters.")

    @strawberry.field(description="At most 300 characters; null where the page has none.")
    def description(self) -> str | None:
        return unset_is_null(self, "description")

    @strawberry.field(description="What the page belongs to; null where it does not say so.")
    def site_name(self) -> str | None:
        return unset_is_null(self, "site_name")


def _quoting(row: Any) -> Key | None:
    return _post(row) if row.quotes_posts else None


_TOPICS_OUT = (
    forum_pb2.TOPIC_STATE_REJECTED,
    forum_pb2.TOPIC_STATE_HIDDEN,
    forum_pb2.TOPIC_STATE_REMOVED,
)
_REPLIES_OUT = (
    forum_pb2.REPLY_STATE_REJECTED,
    forum_pb2.REPLY_STATE_HIDDEN,
    forum_pb2.REPLY_STATE_REMOVED,
)


def _out_of_sight(row: Any) -> Key | None:
    if getattr(row, "topic_id", ""):
        return _post(row) if row.state in _REPLIES_OUT and not row.withheld else None
    return _post(row) if row.state in _TOPICS_OUT else None


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
    mentions: list[Mention] = fetched(Embedded(mentions_of), "Whom it speaks to.")
    quoted: Quoted | None = fetched(
        Reference(batches.quotes, _quoting),
        "What it quotes; null where it quotes nothing. What is hidden, behind a wall or written "
        "there no longer is left out.",
    )
    link_cards: list[LinkCard] | None = fetched(
        Reference(batches.link_cards, _post, lambda found: found.link_cards),
        "Cards of the pages it links to, at most 3, whose hosts the community's managers listed "
        "(linkCardHosts). A page is fetched when its card is first asked for: it is there a "
        "little later. There are no images.",
    )
    held_edit: Annotated[HeldEdit, strawberry.lazy("gateway.schema.forum")] | None = fetched(
        Reference(batches.held_edits, _post),
        "Its last edit that had to wait for moderators, and what became of it; null where none "
        "had to. For who edited, its author and moderators.",
    )
    removal: Annotated[Removal, strawberry.lazy("gateway.schema.forum")] | None = fetched(
        Reference(batches.removals, _out_of_sight),
        "Why others hid, rejected or removed it; null while it is not. For its author and "
        "moderators.",
    )
    viewer_vote: VoteValue | None = fetched(
        Reference(batches.participations, _post, lambda found: found.viewer_vote or None),
        "How one voted oneself; null where one did not.",
    )
    viewer_has_flagged: bool | None = fetched(
        Reference(batches.flagged, lambda row: (row.community_id, row.id)),
        "Whether one has flagged it, and nobody has decided yet.",
    )

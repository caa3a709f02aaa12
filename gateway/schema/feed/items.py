"""What one follows, keeps and finds in the feed, and where one is mentioned, in GraphQL."""

from __future__ import annotations

import strawberry

from gateway import batches
from gateway.loaders import Embedded, Reference
from gateway.schema.directory import Community, Company, Member
from gateway.schema.feed import FeedReason, FollowKind, FollowLevel
from gateway.schema.fields import COMMUNITY, fetched
from gateway.schema.forum import Author, Reply, Space, Topic
from gateway.schema.scalars import DateTime, unset_is_null


def _set(name: str) -> Embedded:
    """A message of the row; None where it is not set."""
    return Embedded(lambda row: getattr(row, name) if row.HasField(name) else None)


@strawberry.type(description="Something one follows, and how much one wants to hear of it.")
class Follow:
    """forum.Follow."""

    kind: FollowKind = strawberry.field(description="What it is.")

    @strawberry.field(description="How much one wants to hear; null: what holds by default.")
    def level(self) -> FollowLevel | None:
        return unset_is_null(self, "level")

    set_time: DateTime | None = strawberry.field(
        description="When one chose the level; null: one did not."
    )

    @strawberry.field(description="Of tags: which.")
    def tag(self) -> str | None:
        return unset_is_null(self, "tag")

    space: Space | None = fetched(
        _set("space"), "Of spaces: which; of tags: where, null in the whole community."
    )
    topic: Topic | None = fetched(_set("topic"), "Of topics: which.")

    member: Member | None = fetched(
        Reference(
            batches.members,
            lambda row: batches.key_of(row, row.person_id),
        ),
        "Of people: who.",
    )
    company: Company | None = fetched(
        Reference(
            batches.companies,
            lambda row: batches.key_of(row, row.company_id),
        ),
        "Of companies: which.",
    )
    community: Community | None = fetched(COMMUNITY, "The community where one follows it.")


@strawberry.type(description="A post that one keeps, for one's own eyes.")
class Bookmark:
    """forum.Bookmark."""

    note: str = strawberry.field(description="What one wrote beside it; may be empty.")
    remind_time: DateTime | None = strawberry.field(
        description="When one wants to be reminded; null: not."
    )
    create_time: DateTime = strawberry.field(description="Since when one keeps it.")

    topic: Topic | None = fetched(_set("topic"), "The topic, or that of the reply.")
    reply: Reply | None = fetched(_set("reply"), "The reply; null where it is the topic itself.")
    community: Community | None = fetched(COMMUNITY, "The community it is in.")


@strawberry.type(description="A post that mentions the one who asks.")
class ViewerMention:
    """forum.Mention."""

    create_time: DateTime = strawberry.field(
        description="When the post came out, or the edit that mentions one."
    )

    topic: Topic | None = fetched(
        Reference(batches.topics, lambda row: (row.community_id, row.topic_id)),
        "The topic, or that of the reply, where it is now.",
    )
    reply: Reply | None = fetched(
        Reference(
            batches.replies,
            lambda row: batches.key_of(row, row.reply_id),
        ),
        "The reply; null where it is the topic itself.",
    )
    author: Author | None = strawberry.field(
        description="Who wrote the post; only the company, whoever asks, where it was written as a "
        "company."
    )
    community: Community | None = fetched(COMMUNITY, "The community it is in.")


@strawberry.type(description="Something in the feed.")
class FeedItem:
    """forum.FeedItem."""

    reason: FeedReason = strawberry.field(description="Why it is there.")

    topic: Topic | None = fetched(_set("topic"), "The topic.")
    newest_reply: Reply | None = fetched(
        _set("newest_reply"), "Its last published reply; null where it has none."
    )
    community: Community | None = fetched(COMMUNITY, "The community it is in.")

"""Topics in GraphQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from gateway import batches, lists
from gateway.context import Info
from gateway.cursors import encode_id
from gateway.loaders import Embedded, Listing, Reference, fetched_by, read
from gateway.schema.attachments import Attachment
from gateway.schema.directory import Community, Member
from gateway.schema.feed import ViewerState
from gateway.schema.fields import COMMUNITY, fetched, paged
from gateway.schema.forum.authors import Author
from gateway.schema.forum.context_refs import ContextRef
from gateway.schema.forum.ideas import IdeaStatus
from gateway.schema.forum.records import ModerationEntry, Revision, Verification
from gateway.schema.forum.spaces import Space
from gateway.schema.participation import Post
from gateway.schema.participation.polls import Poll
from gateway.schema.relay import After, Before, CommunityNode, Connection, First, Last
from gateway.schema.scalars import (
    CloseReason,
    DateTime,
    Html,
    Markdown,
    TopicKind,
    TopicLink,
    TopicState,
    unset_is_null,
)
from guildhall.forum.v1 import forum_pb2

if TYPE_CHECKING:
    from gateway.schema.forum.replies import Reply


@dataclass(frozen=True, slots=True)
class AcceptedRow:
    """The source of AcceptedReply."""

    community_id: str
    reply_id: str


def _accepted(row: Any) -> list[AcceptedRow]:
    return [AcceptedRow(row.community_id, one) for one in row.accepted_reply_ids]


@strawberry.type(description="One answer of a question.")
class AcceptedReply:
    """An id among forum.Topic.accepted_reply_ids."""

    reply: Annotated[Reply, strawberry.lazy("gateway.schema.forum")] | None = fetched(
        Reference(batches.replies, lambda row: batches.key_of(row, row.reply_id)), "The reply."
    )


@strawberry.type(description="A question, an article, an idea, or the beginning of a discussion.")
class Topic(Post, CommunityNode):
    """forum.Topic."""

    message = forum_pb2.Topic

    kind: TopicKind = strawberry.field(description="What it is for.")
    state: TopicState = strawberry.field(description="Where it is in its life.")
    title: str = strawberry.field(description="Its title, plain text.")
    slug: str = strawberry.field(description="Its title for addresses; not unique.")
    body: Markdown = strawberry.field(description="Its text as written.")
    body_html: Html = strawberry.field(description="Its text to be shown.")
    tags: list[str] = strawberry.field(description="Its tags.")
    score: int = strawberry.field(description="Its score.")
    reply_count: int = strawberry.field(description="How many published replies it has.")
    create_time: DateTime = strawberry.field(description="When it was written.")
    edit_time: DateTime | None = strawberry.field(description="When it was last edited.")
    activity_time: DateTime = strawberry.field(description="Its last reply, else its creation.")
    attachments: list[Attachment] = strawberry.field(
        description="Its files, in its author's order."
    )
    context_refs: list[ContextRef] = strawberry.field(
        description="The objects of other systems that it is about, in its author's order."
    )
    seeded: bool = strawberry.field(
        description="Whether it was posted through a seeding: to be shown as seeded by the vendor."
    )
    version: int = strawberry.field(description="For expectedVersion; published replies count too.")

    edition: int = strawberry.field(
        description="The number of its text: 1, one more with every edit since it was submitted."
    )
    idea_status_time: DateTime | None = strawberry.field(
        description="When the vendor last said something of the idea."
    )
    review_time: DateTime | None = strawberry.field(
        description="When somebody last looked whether the article is right."
    )
    review_due_time: DateTime | None = strawberry.field(
        description="When the article is looked at again; null where nobody has said so."
    )
    review_expired: bool = strawberry.field(
        description="Whether that is over and nobody has looked: it ranks lower in searches."
    )

    verification: Verification | None = strawberry.field(
        description="What is known of the article's text; an edit takes it back."
    )
    edited_by_moderator: bool = strawberry.field(
        description="Whether a moderator edited it after its author last did."
    )
    publish_time: DateTime | None = strawberry.field(
        description="When it goes out by itself; null where it is not scheduled."
    )
    pin_time: DateTime | None = strawberry.field(
        description="When it was pinned; null where it is not."
    )
    pin_expire_time: DateTime | None = strawberry.field(
        description="Until when its pin counts; null: for good, or not pinned."
    )

    @strawberry.field(description="The global id, opaque.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(encode_id("Topic", self.community_id, self.id))  # type: ignore[attr-defined]

    @strawberry.field(description="Why it takes no more replies; null while it does.")
    def close_reason(self) -> CloseReason | None:
        return unset_is_null(self, "close_reason")

    @strawberry.field(description="What was said when it was closed, hidden, rejected or removed.")
    def state_reason(self) -> str | None:
        return unset_is_null(self, "state_reason")

    @strawberry.field(description="The space's own reason why it takes no more replies.")
    def own_close_reason(self) -> str | None:
        return unset_is_null(self, "own_close_reason")

    @strawberry.field(description="What the vendor says of the idea; null where it is none.")
    def idea_status(self) -> IdeaStatus | None:
        return unset_is_null(self, "idea_status")

    @strawberry.field(description="More about the idea's status.")
    def idea_note(self) -> str | None:
        return unset_is_null(self, "idea_note")

    owner: Member | None = fetched(
        Reference(batches.members, lambda row: batches.key_of(row, row.owner_id)),
        "Who keeps the article right; null where it is none.",
    )

    viewer_state: ViewerState | None = fetched(
        Reference(batches.viewer_states, lambda row: (row.community_id, row.id)),
        "How it stands to the one who asks: followed, kept, unread.",
    )

    author: Author | None = strawberry.field(description="Who wrote it.")

    last_reply_author: Author | None = strawberry.field(
        description="Who wrote the last published reply; null where there is none."
    )

    space: Space | None = fetched(
        Reference(batches.spaces, lambda row: batches.key_of(row, row.space_id)),
        "The space it is in.",
    )

    community: Community | None = fetched(
        COMMUNITY,
        "The community it belongs to.",
    )

    accepted_reply: Annotated[Reply, strawberry.lazy("gateway.schema.forum")] | None = fetched(
        Reference(batches.replies, lambda row: batches.key_of(row, row.accepted_reply_id)),
        "The reply that answers the question; null where none was accepted.",
    )

    duplicate_of: Annotated[Topic, strawberry.lazy("gateway.schema.forum")] | None = fetched(
        Reference(batches.topics, lambda row: batches.key_of(row, row.duplicate_of_id)),
        "The original that it was closed for; null where there is none that one can read.",
    )

    moved_to: Annotated[Topic, strawberry.lazy("gateway.schema.forum")] | None = fetched(
        Reference(batches.topics, lambda row: batches.key_of(row, row.moved_to_id)),
        "The topic it was merged into, which has its replies; null likewise.",
    )

    split_from: Annotated[Topic, strawberry.lazy("gateway.schema.forum")] | None = fetched(
        Reference(batches.topics, lambda row: batches.key_of(row, row.split_from_id)),
        "The topic its first replies were written to; null likewise.",
    )

    @strawberry.field(
        metadata=fetched_by(Listing(lists.linked_topics), guildhall_cost=5),
        description="Topics that name this one: its duplicates, those merged into it and those "
        "split off it; newest activity first. One call a topic. Codes: BAD_USER_INPUT.",
    )
    def linked_topics(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        links: Annotated[
            list[TopicLink] | None,
            strawberry.argument(description="For these reasons only; by default for any."),
        ] = None,
    ) -> Connection[Annotated[Topic, strawberry.lazy("gateway.schema.forum")]] | None:
        return read(info, self)

    poll: Poll | None = fetched(
        Reference(batches.polls, lambda row: batches.key_of(row, row.id)),
        "What is asked in it; null where nothing is.",
    )

    accepted_replies: list[AcceptedReply] = fetched(
        Embedded(_accepted),
        "All replies that answer the question, as they were accepted; one at most, unless the "
        "space takes several.",
    )

    replies: Connection[Annotated[Reply, strawberry.lazy("gateway.schema.forum")]] | None = paged(
        lists.replies,
        "Its replies, oldest first. One call a topic: within a page of topics ask for "
        "few topics, or get RPC_BUDGET_EXCEEDED. Codes: BAD_USER_INPUT.",
    )

    threads: Connection[Annotated[Reply, strawberry.lazy("gateway.schema.forum")]] | None = paged(
        lists.threads,
        "Its replies that have no parent, oldest first; what replies to them is in their children. "
        "One that was hidden or removed is withheld while it has children. One call a topic. "
        "Codes: BAD_USER_INPUT.",
    )

    revisions: Connection[Revision] | None = paged(
        lists.topic_revisions, "Its former texts, newest first. Codes: BAD_USER_INPUT."
    )

    moderation_entries: Connection[ModerationEntry] | None = paged(
        lists.moderation_entries,
        "What was done to it and its replies, newest first. For moderators. "
        "Codes: BAD_USER_INPUT, ROLE_REQUIRED.",
    )

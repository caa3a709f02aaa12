"""Spaces, topics and replies in GraphQL."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from gateway import batches, lists
from gateway.cursors import encode_id, encode_reply_id
from gateway.loaders import Embedded, Key, Reference
from gateway.schema.directory import Community, Company, Member
from gateway.schema.fields import COMMUNITY, fetched, paged
from gateway.schema.relay import CommunityNode, Connection
from gateway.schema.scalars import (
    Audience,
    CloseReason,
    DateTime,
    Html,
    Markdown,
    ReplyState,
    SpaceMode,
    TopicKind,
    TopicState,
    unset_is_null,
)
from guildhall.forum.v1 import forum_pb2


@strawberry.type(description="An author of another system, known only from an import.")
class Persona:
    """forum.Persona."""

    source: str = strawberry.field(description="The other system.")
    external_id: str = strawberry.field(description="The author's id there.")
    display_name: str = strawberry.field(description="The author's name there.")


class AuthorRow:
    """An author in a community: the source of Author. A page has many."""

    __slots__ = ("_author", "community_id")

    def __init__(self, community_id: str, author: forum_pb2.Author) -> None:
        self.community_id = community_id
        self._author = author

    @property
    def person_id(self) -> str:
        """Empty where it was imported."""
        return self._author.person_id

    @property
    def company_id(self) -> str:
        """Empty likewise."""
        return self._author.company_id

    @property
    def persona(self) -> forum_pb2.Persona | None:
        """Where it was imported."""
        return self._author.persona if self._author.HasField("persona") else None


def author_of(row: Any) -> AuthorRow | None:
    """Of a topic or reply."""
    return AuthorRow(row.community_id, row.author) if row.HasField("author") else None


def _last_reply_author(row: Any) -> AuthorRow | None:
    if not row.HasField("last_reply_author"):
        return None
    return AuthorRow(row.community_id, row.last_reply_author)


def _key(row: Any, id: str) -> Key | None:
    return (row.community_id, id) if id else None


@strawberry.type(description="Who wrote something: a member for a company, or a persona.")
class Author:
    """forum.Author."""

    persona: Persona | None = strawberry.field(
        description="The imported author; null where a member wrote it."
    )

    member: Member | None = fetched(
        Reference(batches.members, lambda row: _key(row, row.person_id)),
        "The member, who may have left since; null where it was imported.",
    )

    company: Company | None = fetched(
        Reference(batches.companies, lambda row: _key(row, row.company_id)),
        "The company it was written for, whoever the member acts for now.",
    )


@strawberry.type(description="A place for topics, with its own readers.")
class Space(CommunityNode):
    """forum.Space."""

    message = forum_pb2.Space

    slug: str = strawberry.field(description="Its name in addresses, unique in the community.")
    name: str = strawberry.field(description="Its name.")
    description: str = strawberry.field(description="About it, in plain text.")
    mode: SpaceMode = strawberry.field(description="Whether posts wait for review.")
    audience: Audience = strawberry.field(description="Who may read it.")
    create_time: DateTime = strawberry.field(description="When it was made.")
    version: int = strawberry.field(description="For expectedVersion.")

    @strawberry.field(description="The global id, opaque.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(encode_id("Space", self.community_id, self.id))  # type: ignore[attr-defined]

    @strawberry.field(description="Names of tiers, or ids of companies, as the audience says.")
    def audience_names(self) -> list[str]:
        return audience_names(self.audience, self.audience_names)  # type: ignore[arg-type]

    community: Community | None = fetched(
        COMMUNITY,
        "The community it belongs to.",
    )

    topics: Connection[Annotated[Topic, strawberry.lazy("gateway.schema.forum")]] | None = paged(
        lists.space_topics,
        "Its topics, newest activity first. One call a space. Codes: BAD_USER_INPUT.",
    )


def audience_names(audience: int, names: list[str]) -> list[str]:
    """As clients see them: companies by global id."""
    if audience == forum_pb2.AUDIENCE_COMPANIES:
        return [encode_id("Company", "platform", name) for name in names]
    return list(names)


@strawberry.type(description="A former text of a topic or reply.")
class Revision:
    """forum.Revision."""

    title: str = strawberry.field(description="The former title, of topics.")
    body: Markdown = strawberry.field(description="The former text.")
    tags: list[str] = strawberry.field(description="The former tags, of topics.")
    replace_time: DateTime = strawberry.field(description="When it was replaced.")


@strawberry.type(description="What somebody did to a topic or one of its replies, and why.")
class ModerationEntry:
    """forum.ModerationEntry."""

    action: str = strawberry.field(description="What was done, as the mutation is called.")
    reason: str = strawberry.field(description="Why; may be empty.")
    actor: str = strawberry.field(description="Who: a person's id, or service:<name>.")
    time: DateTime = strawberry.field(description="When.")

    @strawberry.field(description="Whether it was done to a reply rather than to the topic.")
    def on_reply(self) -> bool:
        return bool(self.reply_id)  # type: ignore[attr-defined]


@strawberry.type(description="A question, or the beginning of a discussion.")
class Topic(CommunityNode):
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
    version: int = strawberry.field(description="For expectedVersion; published replies count too.")

    @strawberry.field(description="The global id, opaque.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(encode_id("Topic", self.community_id, self.id))  # type: ignore[attr-defined]

    @strawberry.field(description="Why it takes no more replies; null while it does.")
    def close_reason(self) -> CloseReason | None:
        return unset_is_null(self, "close_reason")

    @strawberry.field(description="What was said when it was closed, hidden, rejected or removed.")
    def state_reason(self) -> str | None:
        return unset_is_null(self, "state_reason")

    author: Author | None = fetched(Embedded(author_of), "Who wrote it.")

    last_reply_author: Author | None = fetched(
        Embedded(_last_reply_author),
        "Who wrote the last published reply; null where there is none.",
    )

    space: Space | None = fetched(
        Reference(batches.spaces, lambda row: _key(row, row.space_id)), "The space it is in."
    )

    community: Community | None = fetched(
        COMMUNITY,
        "The community it belongs to.",
    )

    accepted_reply: Annotated[Reply, strawberry.lazy("gateway.schema.forum")] | None = fetched(
        Reference(batches.replies, lambda row: _key(row, row.accepted_reply_id)),
        "The reply that answers the question; null where none was accepted.",
    )

    replies: Connection[Annotated[Reply, strawberry.lazy("gateway.schema.forum")]] | None = paged(
        lists.replies,
        "Its replies, oldest first. One call a topic: within a page of topics ask for "
        "few topics, or get RPC_BUDGET_EXCEEDED. Codes: BAD_USER_INPUT.",
    )

    revisions: Connection[Revision] | None = paged(
        lists.topic_revisions, "Its former texts, newest first. Codes: BAD_USER_INPUT."
    )

    moderation_entries: Connection[ModerationEntry] | None = paged(
        lists.moderation_entries,
        "What was done to it and its replies, newest first. For moderators. "
        "Codes: BAD_USER_INPUT, ROLE_REQUIRED.",
    )


@strawberry.type(description="A reply to a topic.")
class Reply(CommunityNode):
    """forum.Reply."""

    message = forum_pb2.Reply

    state: ReplyState = strawberry.field(description="Where it is in its life.")
    body: Markdown = strawberry.field(description="Its text as written.")
    body_html: Html = strawberry.field(description="Its text to be shown.")
    score: int = strawberry.field(description="Its score.")
    accepted: bool = strawberry.field(description="Whether it is the answer of its question.")
    create_time: DateTime = strawberry.field(description="When it was written.")
    edit_time: DateTime | None = strawberry.field(description="When it was last edited.")
    version: int = strawberry.field(description="For expectedVersion.")

    @strawberry.field(description="The global id, opaque.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(encode_reply_id(self.community_id, self.topic_id, self.id))  # type: ignore[attr-defined]

    @strawberry.field(description="What was said when it was hidden, rejected or removed.")
    def state_reason(self) -> str | None:
        return unset_is_null(self, "state_reason")

    author: Author | None = fetched(Embedded(author_of), "Who wrote it.")

    topic: Topic | None = fetched(
        Reference(batches.topics, lambda row: _key(row, row.topic_id)), "The topic it replies to."
    )

    revisions: Connection[Revision] | None = paged(
        lists.reply_revisions, "Its former texts, newest first. Codes: BAD_USER_INPUT."
    )

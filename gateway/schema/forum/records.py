"""What is kept beside topics and replies, in GraphQL."""

from __future__ import annotations

import strawberry

from gateway.schema.scalars import DateTime, Markdown, unset_is_null


@strawberry.type(description="A former text of a topic or reply.")
class Revision:
    """forum.Revision."""

    title: str = strawberry.field(description="The former title, of topics.")
    body: Markdown = strawberry.field(description="The former text.")
    tags: list[str] = strawberry.field(description="The former tags, of topics.")
    replace_time: DateTime = strawberry.field(description="When it was replaced.")

    @strawberry.field(description="The number of this text; null where it was not counted yet.")
    def edition(self) -> int | None:
        return unset_is_null(self, "edition")


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


@strawberry.type(description="Until when, and for what, a text is known to be right.")
class Verification:
    """forum.Verification."""

    verify_time: DateTime = strawberry.field(description="When somebody said so.")
    verified_until_time: DateTime | None = strawberry.field(
        description="Until when; null: for good."
    )
    expired: bool = strawberry.field(description="Whether its time is over.")

    @strawberry.field(description="A version of a product, or what else it holds for.")
    def verified_for(self) -> str | None:
        return unset_is_null(self, "verified_for")

"""What is kept beside topics and replies, in GraphQL."""

from __future__ import annotations

import strawberry

from gateway import batches
from gateway.loaders import Reference
from gateway.schema.attachments import Attachment
from gateway.schema.directory import Member
from gateway.schema.fields import fetched, person_key
from gateway.schema.forum.context_refs import ContextRef
from gateway.schema.forum.diffs import RevisionDiff
from gateway.schema.scalars import (
    DateTime,
    HeldEditState,
    Html,
    Markdown,
    ReasonCode,
    unset_is_null,
)


@strawberry.type(description="A former text of a topic or reply.")
class Revision:
    """forum.Revision."""

    title: str = strawberry.field(description="The former title, of topics.")
    body: Markdown = strawberry.field(description="The former text.")
    tags: list[str] = strawberry.field(description="The former tags, of topics.")
    replace_time: DateTime = strawberry.field(description="When it was replaced.")
    by_moderator: bool = strawberry.field(
        description="Whether a moderator replaced it, in another's post."
    )

    @strawberry.field(description="The number of this text; null where it was not counted yet.")
    def edition(self) -> int | None:
        return unset_is_null(self, "edition")

    editor: Member | None = fetched(
        Reference(batches.members, lambda row: person_key(row, row.editor_id)),
        "Who replaced it, and may have left since; null where one may not know who wrote the post "
        "for the company.",
    )


@strawberry.type(
    description="An edit that waits for moderators while readers see the text before it, or what "
    "became of it. The next one that has to wait takes its place; to save the text as readers see "
    "it withdraws it."
)
class HeldEdit:
    """forum.HeldEdit."""

    state: HeldEditState = strawberry.field(description="Where it is.")
    body: Markdown = strawberry.field(description="Its text.")
    body_html: Html = strawberry.field(description="Its text to be shown.")
    tags: list[str] = strawberry.field(description="Its tags, of topics.")
    attachments: list[Attachment] = strawberry.field(description="The files it leaves the post.")
    context_refs: list[ContextRef] = strawberry.field(description="What it is about, of topics.")
    create_time: DateTime = strawberry.field(description="When it was saved.")
    decide_time: DateTime | None = strawberry.field(
        description="When it stopped waiting; null: it waits."
    )

    @strawberry.field(description="Its title, of topics.")
    def title(self) -> str | None:
        return unset_is_null(self, "title")

    @strawberry.field(description="Why it was rejected.")
    def reason(self) -> str | None:
        return unset_is_null(self, "reason")

    editor: Member | None = fetched(
        Reference(batches.members, lambda row: person_key(row, row.editor_id)),
        "Who saved it, and may have left since.",
    )

    revision_diff: RevisionDiff | None = fetched(
        Reference(
            batches.held_edit_diffs,
            lambda row: (row.community_id, batches.post_key(row.topic_id, row.reply_id)),
        ),
        "What it would change of the text that readers see now. One call each: within a page of "
        "posts ask for few, or get RPC_BUDGET_EXCEEDED.",
    )


@strawberry.type(
    description="Why others hid, rejected or removed a post. Who did it is told in "
    "moderationEntries, to moderators."
)
class Removal:
    """forum.Removal."""

    time: DateTime = strawberry.field(description="When.")

    @strawberry.field(description="Why, of a list; null where none was given.")
    def reason_code(self) -> ReasonCode | None:
        return unset_is_null(self, "reason_code")

    @strawberry.field(
        description="Why, in words; null where a moderator removed it, which only moderators read."
    )
    def reason(self) -> str | None:
        return unset_is_null(self, "reason")


@strawberry.type(description="What somebody did to a topic or one of its replies, and why.")
class ModerationEntry:
    """forum.ModerationEntry."""

    action: str = strawberry.field(description="What was done, as the mutation is called.")
    reason: str = strawberry.field(description="Why; may be empty.")
    actor: str = strawberry.field(
        description="Who: a person's id, or service:<name>.",
        deprecation_reason="2026-11-27: use member",
    )
    time: DateTime = strawberry.field(description="When.")

    @strawberry.field(
        description="Why, of a list; of a closed topic its closeReason. Null where none was given."
    )
    def reason_code(self) -> ReasonCode | None:
        return unset_is_null(self, "reason_code")

    member: Member | None = fetched(
        Reference(batches.members, lambda row: person_key(row, row.actor)),
        "Who did it, and may have left since; null where a rule or an automation did.",
    )

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
    verifier: Member | None = fetched(
        Reference(batches.members, lambda row: batches.key_of(row, row.verifier_id)),
        "Who said so; null where one is told only the company that wrote it.",
    )

    @strawberry.field(description="A version of a product, or what else it holds for.")
    def verified_for(self) -> str | None:
        return unset_is_null(self, "verified_for")

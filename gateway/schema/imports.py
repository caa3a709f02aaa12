"""Bringing another system's posts in, in GraphQL."""

from __future__ import annotations

from typing import Annotated

import strawberry

from chassis.errors import DomainError
from gateway.context import Info
from gateway.cursors import decode_id
from gateway.schema.forum.mutations.base import ATTACHING, attachment_ids
from gateway.schema.scalars import DateTime, ImportedPostKind, Markdown
from gateway.schema.writes import codes, request_id, write
from guildhall.forum.v1 import forum_pb2


@strawberry.input(description="An author of the other system.")
class PersonaInput:
    """Of importPosts."""

    external_id: str = strawberry.field(description="The author's id there.")
    display_name: str = strawberry.field(description="The author's name there.")


@strawberry.input(description="A topic or answer of the other system.")
class ImportedPostInput:
    """Of importPosts."""

    external_id: str = strawberry.field(description="The post's id there.")
    kind: ImportedPostKind = strawberry.field(description="What it is.")
    question_external_id: str | None = strawberry.field(
        default=None, description="Of answers: the id there of the topic, whatever its kind."
    )
    parent_answer_external_id: str | None = strawberry.field(
        default=None,
        description="Of answers: the id there of the answer of the same topic that it replies to, "
        "which replies to none itself.",
    )
    title: str | None = strawberry.field(default=None, description="Of all but answers: the title.")
    body: Markdown = strawberry.field(description="The text.")
    tags: list[str] | None = strawberry.field(
        default=None, description="Of all but answers: the tags."
    )
    score: int = strawberry.field(description="The score there.")
    create_time: DateTime = strawberry.field(description="When it was written.")
    edit_time: DateTime | None = strawberry.field(
        default=None, description="When it was last edited."
    )
    close_time: DateTime | None = strawberry.field(
        default=None, description="Of what is closed, but answers: when."
    )
    accepted_answer_external_id: str | None = strawberry.field(
        default=None, description="Of questions: the accepted answer's id there."
    )
    persona: PersonaInput = strawberry.field(description="Who wrote it.")
    attachment_ids: list[strawberry.ID] | None = strawberry.field(
        default=None,
        description="Its files, in this order, 10 at most: one's own that no post has yet. What is "
        "there already takes none.",
    )


@strawberry.input(description="Posts of one other system, at most 100.")
class ImportPostsInput:
    """Of importPosts."""

    request_id: str = request_id()
    space_id: strawberry.ID = strawberry.field(description="The space they go to.")
    source: str = strawberry.field(description="The other system's name, the same in every call.")
    posts: list[ImportedPostInput] = strawberry.field(
        description="The posts; an answer comes after what it replies to, or in the same call."
    )


@strawberry.type(description="What became of the posts.")
class ImportPostsPayload:
    """Of importPosts."""

    created: int = strawberry.field(description="How many are new.")
    already_there: int = strawberry.field(description="How many were left as they are.")


def _post(index: int, post: ImportedPostInput) -> forum_pb2.ImportedPost:
    return forum_pb2.ImportedPost(
        external_id=post.external_id,
        kind=post.kind.value,
        question_external_id=post.question_external_id or "",
        title=post.title or "",
        body=post.body,
        tags=post.tags,
        score=post.score,
        create_time=post.create_time,
        edit_time=post.edit_time,
        close_time=post.close_time,
        persona_external_id=post.persona.external_id,
        persona_display_name=post.persona.display_name,
        accepted_answer_external_id=post.accepted_answer_external_id or "",
        parent_answer_external_id=post.parent_answer_external_id or "",
        attachment_ids=attachment_ids(post.attachment_ids, f"posts.{index}.attachmentIds"),
    )


@strawberry.type
class ImportMutation:
    """Imports."""

    @strawberry.mutation(
        description=codes(
            "Bring posts of another system in, with dates, scores, accepted answers and their "
            "authors as personas. What is there already is left as it is. One bad post refuses "
            "the call; the field names it, as posts.12.body. For managers.",
            "SPACE_NOT_FOUND", "QUESTION_NOT_FOUND", "PARENT_INVALID", "KIND_NOT_ALLOWED",
            "TEXT_INVALID", "TAGS_INVALID", "FIELD_INVALID", "ROLE_REQUIRED", *ATTACHING,
        )
    )  # fmt: skip
    async def import_posts(
        self,
        info: Info,
        input: Annotated[ImportPostsInput, strawberry.argument(description="What to bring in.")],
    ) -> ImportPostsPayload:
        space = decode_id(input.space_id, "spaceId", "Space")
        request = forum_pb2.ImportPostsRequest(
            request_id=input.request_id,
            community_id=space.community_id,
            space_id=space.id,
            source=input.source,
            posts=[_post(index, post) for index, post in enumerate(input.posts)],
        )
        try:
            return await write(info, info.context.services.forum.ImportPosts, request)
        except DomainError as error:
            error.field = error.field.replace(".persona_", ".persona.")
            raise

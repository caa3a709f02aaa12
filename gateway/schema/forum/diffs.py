"""What an edit changed, in GraphQL."""

from __future__ import annotations

from enum import Enum

import strawberry

from guildhall.forum.v1 import forum_pb2


@strawberry.enum(description="Whose text a segment is.")
class DiffKind(Enum):
    """forum.DiffKind."""

    UNCHANGED = strawberry.enum_value(forum_pb2.DIFF_KIND_UNCHANGED, description="Of both texts.")
    REMOVED = strawberry.enum_value(
        forum_pb2.DIFF_KIND_REMOVED, description="Of the former text only."
    )
    ADDED = strawberry.enum_value(forum_pb2.DIFF_KIND_ADDED, description="Of the later text only.")


@strawberry.type(description="A stretch of text as it was written: no HTML.")
class DiffSegment:
    """forum.DiffSegment."""

    kind: DiffKind = strawberry.field(description="Whose it is.")
    text: str = strawberry.field(description="The text.")


@strawberry.type(
    description="Two texts of one post, word by word. Segments one after the other are the former "
    "text, but for those ADDED, and the later one, but for those REMOVED."
)
class RevisionDiff:
    """forum.RevisionDiff."""

    edition: int = strawberry.field(description="The number of the former text.")
    later_edition: int = strawberry.field(
        description="The number of the later one: the next that one can read."
    )
    title_segments: list[DiffSegment] = strawberry.field(description="The titles, of topics.")
    body_segments: list[DiffSegment] = strawberry.field(description="The texts.")
    removed_tags: list[str] = strawberry.field(description="Tags of the former only.")
    added_tags: list[str] = strawberry.field(description="Tags of the later only.")

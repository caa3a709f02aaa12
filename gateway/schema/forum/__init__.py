"""Spaces, topics and replies in GraphQL."""

from __future__ import annotations

from gateway.schema.forum.authors import Author, AuthorRow, Persona, author_of
from gateway.schema.forum.records import ModerationEntry, Revision
from gateway.schema.forum.replies import Reply
from gateway.schema.forum.spaces import Space
from gateway.schema.forum.topics import Topic

__all__ = [
    "Author",
    "AuthorRow",
    "ModerationEntry",
    "Persona",
    "Reply",
    "Revision",
    "Space",
    "Topic",
    "author_of",
]

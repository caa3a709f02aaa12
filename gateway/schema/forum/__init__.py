"""Spaces, topics and replies in GraphQL."""

from __future__ import annotations

from gateway.schema.forum.authors import Author, Persona
from gateway.schema.forum.records import HeldEdit, ModerationEntry, Removal, Revision
from gateway.schema.forum.replies import Reply
from gateway.schema.forum.spaces import Space
from gateway.schema.forum.topics import Topic

__all__ = [
    "Author",
    "HeldEdit",
    "ModerationEntry",
    "Persona",
    "Removal",
    "Reply",
    "Revision",
    "Space",
    "Topic",
]

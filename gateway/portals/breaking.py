"""Which registered documents a schema would break: those that are no longer valid in it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from graphql import GraphQLSchema, GraphQLSyntaxError, parse

from gateway.limits import Limits
from gateway.portals.portal import Document
from gateway.validation import invalid


@dataclass(frozen=True, slots=True)
class BrokenDocument:
    """A document and what is wrong with it."""

    document: Document
    problems: tuple[str, ...]


def problems(schema: GraphQLSchema, text: str) -> tuple[str, ...]:
    """Why a document cannot be executed in this schema; none where it can."""
    try:
        document = parse(text, max_lexical_tokens=Limits().tokens)
    except GraphQLSyntaxError as broken:
        return (broken.message,)
    return tuple(error.message for error in invalid(schema, document, Limits()))


async def broken(schema: GraphQLSchema, documents: Iterable[Document]) -> list[BrokenDocument]:
    """Those of the documents that the schema breaks."""
    found = []
    for document in documents:
        if wrong := problems(schema, document.text):
            found.append(BrokenDocument(document, wrong))
        await asyncio.sleep(0)  # others are served between two of them
    return found

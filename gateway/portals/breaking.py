"""Which registered documents a schema would break: what is no longer valid in it, or too dear."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from graphql import GraphQLSchema, GraphQLSyntaxError, parse

from gateway.limits import Limits, Measure
from gateway.portals.portal import Document, Portal
from gateway.rate_limits import Rate
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
    limits = Limits()
    measure = Measure(schema, document, limits)
    if wrong := measure.errors() or invalid(schema, document, limits):
        return tuple(error.message for error in wrong)
    price = measure.price({})
    too_much = [] if measure.paging_variables else measure.price_errors(price)
    return tuple(error.message for error in too_much)


def dearer(schema: GraphQLSchema, portal: Portal, document: Document) -> tuple[str, ...]:
    """Which limits of its portal a document that can be executed was within, and is no more."""
    cost = Measure(schema, parse(document.text), Limits()).price({}).cost
    at_once = Rate.a_minute(portal.points_per_minute).burst
    return tuple(
        f"cost {cost}, which was {document.cost}, exceeds the {most} {what}"
        for most, what in (
            (Limits().cost, "of an operation"),
            (at_once, "points that the portal has at once"),
        )
        if document.cost <= most < cost
    )


async def broken(schema: GraphQLSchema, documents: Iterable[Document]) -> list[BrokenDocument]:
    """Those of the documents that the schema breaks."""
    found = []
    for document in documents:
        if wrong := problems(schema, document.text):
            found.append(BrokenDocument(document, wrong))
        await asyncio.sleep(0)  # others are served between two of them
    return found

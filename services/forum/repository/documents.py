"""Values that several collections store, as documents; pages over many keys, rows made by many."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError

from chassis.decisions import Document
from chassis.pagination import Order, Paging
from services.forum.domain.attachments import Attached
from services.forum.domain.context_refs import ContextRef
from services.forum.domain.members import Author, Persona
from services.forum.domain.places import free_places
from services.forum.domain.references import NO_REFERENCES, PostRef, Quote, References
from services.forum.domain.texts import NO_TEXT, Submission, Text
from services.forum.domain.verification import Verification

T = TypeVar("T")
# The planner merges at most 200 branches of one index; beyond, it would walk and sort.
KEYS_PER_QUERY = 190
_DUPLICATE_KEY = 11000


def with_seldom(made: T, seldom: Mapping[str, Callable[[Any], Any]], document: Document) -> T:
    """With what few documents have: fields by name, and how each comes back.

    To look for two dozen of them one by one is half of what loading a topic takes.
    """
    if seldom.keys().isdisjoint(document):
        return made
    found = {name: load(document[name]) for name, load in seldom.items() if name in document}
    return replace(made, **found)  # type: ignore[type-var]


def same(value: Any) -> Any:
    """As it is stored."""
    return value


def author_document(author: Author) -> Document:
    """A person with a company, or a persona."""
    if author.persona is None:
        document: Document = {"person_id": author.person_id, "company_id": author.company_id}
        return {**document, "as_company": True} if author.as_company else document
    persona = author.persona
    return {
        "source": persona.source,
        "external_id": persona.external_id,
        "display_name": persona.display_name,
    }


def author(document: Document) -> Author:
    """Back from author_document."""
    if "source" in document:
        return Author(
            persona=Persona(document["source"], document["external_id"], document["display_name"])
        )
    return Author(
        document["person_id"],
        document["company_id"],
        as_company=document.get("as_company", False),
    )


def text_document(text: Text) -> Document:
    """Source and HTML side by side."""
    return {"source": text.source, "html": text.html, "renderer": text.renderer}


def text(document: Document) -> Text:
    """Back from text_document."""
    return Text(document["source"], document["html"], document["renderer"])


def body(post: Document) -> Text:
    """A post's text; NO_TEXT where the post was read without."""
    return text(post["body"]) if "body" in post else NO_TEXT


def submission_document(submission: Submission) -> Document:
    """How a text came through the screen."""
    return {
        "number": submission.number,
        "screened": submission.screened,
        "policy_version": submission.policy_version,
        "rule_ids": list(submission.rule_ids),
        "imported": submission.imported,
    }


def submission(document: Document) -> Submission:
    """Back from submission_document."""
    return Submission(
        document["number"],
        document["screened"],
        document["policy_version"],
        tuple(document["rule_ids"]),
        document["imported"],
    )


def attached_documents(attachments: Sequence[Attached]) -> list[Document]:
    """The attachments of a post, in its order."""
    return [
        {
            "id": one.id,
            "name": one.name,
            "type": one.type,
            "size": one.size,
            "width": one.width,
            "height": one.height,
        }
        for one in attachments
    ]


def attached(documents: Sequence[Document]) -> tuple[Attached, ...]:
    """Back from attached_documents."""
    return tuple(
        Attached(one["id"], one["name"], one["type"], one["size"], one["width"], one["height"])
        for one in documents
    )


def context_ref_documents(refs: Sequence[ContextRef]) -> list[Document]:
    """The context refs of a topic, in its order."""
    return [
        {"system": one.system, "type": one.type, "external_id": one.external_id} for one in refs
    ]


def context_refs(documents: Sequence[Document]) -> tuple[ContextRef, ...]:
    """Back from context_ref_documents."""
    return tuple(ContextRef(one["system"], one["type"], one["external_id"]) for one in documents)


def references_document(references: References) -> Document:
    """What there is of them, to be merged into the post's document."""
    document: Document = {}
    if references.mentioned_ids:
        document["mentioned_ids"] = list(references.mentioned_ids)
    if references.quotes:
        document["quotes"] = [
            {"topic_id": one.source.topic_id, "reply_id": one.source.reply_id, "text": one.text}
            for one in references.quotes
        ]
    return document


def references(document: Document) -> References:
    """Of a post's document."""
    quotes = document.get("quotes", ())
    if not quotes and "mentioned_ids" not in document:
        return NO_REFERENCES
    return References(
        tuple(document.get("mentioned_ids", ())),
        tuple(Quote(PostRef(one["topic_id"], one["reply_id"]), one["text"]) for one in quotes),
    )


def as_read(row: Document) -> Document:
    """An aggregate's row while it is as it was read: for migrations, as a command that comes
    between stores what they add itself.
    """
    return {name: row[name] for name in ("_id", "community_id", "seq")}


async def read_free(
    collection: AsyncCollection[Document], query: Document, field: str, index: str, most: int
) -> list[int]:
    """Places left beside those in this field of what the query finds; empty: none is."""
    rows = collection.find(query, {field: 1}).hint(index).limit(most)
    return free_places([row.get(field) for row in await rows.to_list()], most)


async def read_page(
    collection: AsyncCollection[Document],
    query: Mapping[str, Any],
    keys: tuple[str, Sequence[str]],
    order: Order,
    paging: Paging,
    index: str,
    shown: Document | None = None,
    ways: int = 1,
) -> list[Document]:
    """What the page needs, in the way to read, from behind the wall: `keys` is field and keys.

    Many keys are asked for in parts, each in the order of the index, and merged. The index is
    named: the planner's guess may walk what others see. `ways`: how many values of another field
    of the index, before the order, `query` asks for.
    """
    field, wanted = keys
    query = {**query, **paging.beyond(order)}
    sort = paging.sort(order)
    found: dict[str, Document] = {}
    most = KEYS_PER_QUERY // ways
    for start in range(0, len(wanted), most):
        part = list(wanted[start : start + most])
        cursor = collection.find({**query, field: {"$in": part}}, shown)
        # All at once: the store's own first batch has 101.
        cursor = cursor.sort(sort).limit(paging.limit).batch_size(paging.limit).hint(index)
        found.update({document["_id"]: document for document in await cursor.to_list()})
    rows = sorted(
        found.values(), key=lambda row: [row[name] for name, _ in sort], reverse=sort[0][1] < 0
    )
    return rows[: paging.limit]


def verification_document(one: Verification | None) -> Document:
    """As fields of a post; nothing where there is none."""
    if one is None:
        return {}
    return {
        "verification": {
            "verified_for": one.verified_for,
            "until": one.until,
            "verifier_id": one.verifier_id,
            "time": one.time,
            "expired": one.expired,
        },
        # What the job looks for: gone as soon as it was said.
        **({"verified_until": one.until} if one.until and not one.expired else {}),
    }


def verification(document: Document) -> Verification:
    """Back from the field of verification_document; most posts have none."""
    return Verification(
        document["verified_for"],
        document["until"],
        document["verifier_id"],
        document["time"],
        document["expired"],
    )


async def write_upserts(
    collection: AsyncCollection[Document], operations: Sequence[UpdateOne], *, ordered: bool
) -> None:
    """Operations that may be done twice. Where somebody else inserts the same at this moment, they
    are: it is there then, and only updated.
    """
    try:
        await collection.bulk_write(operations, ordered=ordered)
    except BulkWriteError as error:
        if any(fault["code"] != _DUPLICATE_KEY for fault in error.details["writeErrors"]):
            raise
        await collection.bulk_write(operations, ordered=ordered)

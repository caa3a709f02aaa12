"""The collection of drafts, written past the commands: their writer alone hears of them, ADR 20."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pymongo import DeleteOne, ReturnDocument
from pymongo.errors import DuplicateKeyError

from chassis.decisions import Document, Write
from chassis.errors import VersionStaleError
from chassis.mongo import Index
from chassis.pagination import Paging
from services.forum.domain.attachments import Attachment
from services.forum.domain.drafts import (
    MOST_DRAFTS,
    Draft,
    DraftKind,
    DraftPlace,
    DraftPoll,
    ShownDraft,
)
from services.forum.domain.kinds import TopicKind
from services.forum.domain.polls import ResultsShown
from services.forum.domain.references import Quote, ShownQuote
from services.forum.domain.topics import UNSENT
from services.forum.repository.attachments import AttachmentCollection
from services.forum.repository.documents import (
    context_ref_documents,
    context_refs,
    read_free,
    references,
    references_document,
)
from services.forum.repository.references import ReferenceCollection

_KEPT = 180 * 86400
_LAST_SAVED = [("save_time", -1), ("_id", -1)]
INDEXES: Sequence[Index] = (
    Index("drafts", [("community_id", 1), ("person_id", 1), *_LAST_SAVED], "draft_page"),
    Index("drafts", [("save_time", 1)], "expire", expire_after=_KEPT),
    # Two that one person begins at once may want the same place.
    Index(
        "drafts",
        [("community_id", 1), ("person_id", 1), ("number", 1)],
        "draft_number",
        unique=True,
        partial={"number": {"$gte": 0}},
    ),
    Index(
        "topics",
        [("community_id", 1), ("author_id", 1), ("draft_number", 1)],
        "topic_draft_number",
        unique=True,
        partial={"draft_number": {"$gte": 0}},
    ),
    Index(
        "drafts",
        [("community_id", 1), ("attachments.id", 1)],
        "draft_attachment",
        partial={"attachments.id": {"$exists": True}},
    ),
)


class DraftCollection(ReferenceCollection, AttachmentCollection):
    """Reads and writes; every one names the person whose drafts they are."""

    async def save_draft(
        self, draft: Draft, expected_version: int, number: int | None
    ) -> Draft | None:
        """In place of what is there: one operation on one document, so that of two savers one is
        last. What is not there takes the place `number`; None where it has none, or that is taken.

        Refuses with VERSION_STALE.
        """
        query = _of(draft.place)
        if expected_version:
            query["version"] = expected_version
        change = {
            "$set": {
                "kind": draft.place.kind.value,
                "space_id": draft.place.space_id,
                "topic_id": draft.place.topic_id,
                "reply_id": draft.place.reply_id,
                "topic_kind": draft.topic_kind.value if draft.topic_kind else "",
                "title": draft.title,
                "body": draft.body,
                "tags": list(draft.tags),
                "save_time": draft.save_time,
                "attachments": [{"id": one} for one in draft.attachment_ids],
                "mentioned_ids": [],
                "quotes": [],
                "as_company": draft.as_company,
                "poll": _poll_document(draft.poll),
                "context_refs": context_ref_documents(draft.context_refs),
                **references_document(draft.references),
            },
            "$inc": {"version": 1},
        }
        if number is not None:
            change["$setOnInsert"] = {"number": number}
        try:
            row = await self._database.drafts.find_one_and_update(
                query,
                change,
                upsert=number is not None and not expected_version,
                return_document=ReturnDocument.AFTER,
            )
        except DuplicateKeyError:  # of the place, or both were the first in this one
            return None
        if row is None and expected_version:
            raise VersionStaleError(
                "it was saved elsewhere: read it again", field="expected_version"
            )
        return load_draft(row) if row else None

    async def shown_drafts(
        self,
        drafts: Sequence[Draft],
        community_id: str,
        person_id: str,
        keyring: Collection[str],
    ) -> list[ShownDraft]:
        """One's own drafts in a community, with what one may see now of what they have."""
        ids = list({id_ for draft in drafts for id_ in draft.attachment_ids})
        quotes = {quote for draft in drafts for quote in draft.references.quotes}
        attachments: dict[str, Attachment] = {}
        if ids:
            found = await self.find_attachments(community_id, ids, person_id, keyring)
            attachments = {one.id: one for one in found}
        quoted: dict[Quote, ShownQuote] = {}
        if quotes:
            quoted = await self.find_shown_quotes(community_id, quotes, keyring)
        return [
            ShownDraft(
                draft,
                tuple(attachments[one] for one in draft.attachment_ids if one in attachments),
                tuple(quoted[one] for one in draft.references.quotes if one in quoted),
            )
            for draft in drafts
        ]

    async def drafted(self, attachment: Attachment) -> bool:
        """Whether a draft of its uploader has it."""
        query = {
            "community_id": attachment.community_id,
            "attachments.id": attachment.id,
            "person_id": attachment.uploader_id,
        }
        found = await self._database.drafts.find_one(query, {"_id": 1}, hint="draft_attachment")
        return found is not None

    async def delete_draft(self, place: DraftPlace) -> bool:
        """Whether there was one."""
        return bool((await self._database.drafts.delete_one(_of(place))).deleted_count)

    @staticmethod
    def no_draft(place: DraftPlace) -> Write:
        """To be stored with what it was for."""
        return Write("drafts", DeleteOne(_of(place)))

    async def find_draft(self, place: DraftPlace) -> Draft | None:
        """One's own."""
        row = await self._database.drafts.find_one(_of(place))
        return load_draft(row) if row else None

    async def find_free_draft_numbers(self, community_id: str, person_id: str) -> list[int]:
        """Where one person can have one more; empty: nowhere."""
        query = {"community_id": community_id, "person_id": person_id}
        return await read_free(self._database.drafts, query, "number", "draft_page", MOST_DRAFTS)

    async def find_free_topic_numbers(self, community_id: str, person_id: str) -> list[int]:
        """Where one person can have one more topic that waits to be sent; empty: nowhere."""
        query: Document = {
            "community_id": community_id,
            "author_id": person_id,
            "read_keys": f"person:{person_id}",
            "state": {"$in": sorted(UNSENT)},
        }
        return await read_free(
            self._database.topics, query, "draft_number", "topic_author_page", MOST_DRAFTS
        )

    async def list_drafts(self, community_id: str, person_id: str, paging: Paging) -> list[Draft]:
        """What the page needs, last saved first; a place is (save_time, id)."""
        query: Document = {"community_id": community_id, "person_id": person_id}
        cursor = self._database.drafts.find({**query, **paging.beyond(_LAST_SAVED)})
        cursor = cursor.sort(paging.sort(_LAST_SAVED)).limit(paging.limit).hint("draft_page")
        return [load_draft(row) async for row in cursor]


def _of(place: DraftPlace) -> Document:
    return {
        "_id": place.id,
        "community_id": place.community_id,
        "person_id": place.person_id,
    }


def load_draft(row: Document) -> Draft:
    """As it was last saved."""
    return Draft(
        DraftPlace(
            row["community_id"],
            row["person_id"],
            DraftKind(row["kind"]),
            row["space_id"],
            row["topic_id"],
            row["reply_id"],
        ),
        TopicKind(row["topic_kind"]) if row["topic_kind"] else None,
        row["title"],
        row["body"],
        tuple(row["tags"]),
        row["save_time"],
        tuple(one["id"] for one in row.get("attachments", ())),
        references(row),
        row.get("as_company", False),
        _poll(row.get("poll")),
        context_refs(row.get("context_refs", ())),
        row["version"],
    )


def _poll_document(poll: DraftPoll | None) -> Document | None:
    if poll is None:
        return None
    return {
        "question": poll.question,
        "options": list(poll.options),
        "multiple": poll.multiple,
        "anonymous": poll.anonymous,
        "results_shown": poll.results_shown.value if poll.results_shown else "",
        "close_time": poll.close_time,
    }


def _poll(row: Document | None) -> DraftPoll | None:
    if row is None:
        return None
    return DraftPoll(
        row["question"],
        tuple(row["options"]),
        row["multiple"],
        row["anonymous"],
        ResultsShown(row["results_shown"]) if row["results_shown"] else None,
        row["close_time"],
    )

"""The collection of drafts, written past the commands: their writer alone hears of them, ADR 20."""

from __future__ import annotations

from collections.abc import Sequence

from pymongo import DeleteOne, ReturnDocument
from pymongo.errors import DuplicateKeyError

from chassis.decisions import Document, Write
from chassis.errors import VersionStaleError
from chassis.mongo import Database, Index
from chassis.pagination import Paging
from services.forum.domain.drafts import Draft, DraftKind, DraftPlace
from services.forum.domain.kinds import TopicKind

_KEPT = 180 * 86400
_LAST_SAVED = [("save_time", -1), ("_id", -1)]
INDEXES: Sequence[Index] = (
    Index("drafts", [("community_id", 1), ("person_id", 1), *_LAST_SAVED], "draft_page"),
    Index("drafts", [("save_time", 1)], "expire", expire_after=_KEPT),
)


class DraftCollection:
    """Reads and writes; every one names the person whose drafts they are."""

    _database: Database

    async def save_draft(self, draft: Draft, expected_version: int) -> Draft:
        """In place of what is there: one operation on one document, so that of two savers one is
        last. Refuses with VERSION_STALE.
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
            },
            "$inc": {"version": 1},
        }
        for _ in range(2):
            try:
                row = await self._database.drafts.find_one_and_update(
                    query,
                    change,
                    upsert=not expected_version,
                    return_document=ReturnDocument.AFTER,
                )
            except DuplicateKeyError:  # both were the first: now there is one to change
                continue
            if row is None:
                break
            return _draft(row)
        raise VersionStaleError("it was saved elsewhere: read it again", field="expected_version")

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
        return _draft(row) if row else None

    async def count_drafts(self, community_id: str, person_id: str, most: int) -> int:
        """Of one person, at most so many."""
        query = {"community_id": community_id, "person_id": person_id}
        return await self._database.drafts.count_documents(query, limit=most, hint="draft_page")

    async def list_drafts(self, community_id: str, person_id: str, paging: Paging) -> list[Draft]:
        """What the page needs, last saved first; a place is (save_time, id)."""
        query: Document = {"community_id": community_id, "person_id": person_id}
        cursor = self._database.drafts.find({**query, **paging.beyond(_LAST_SAVED)})
        cursor = cursor.sort(paging.sort(_LAST_SAVED)).limit(paging.limit).hint("draft_page")
        return [_draft(row) async for row in cursor]


def _of(place: DraftPlace) -> Document:
    return {
        "_id": place.id,
        "community_id": place.community_id,
        "person_id": place.person_id,
    }


def _draft(row: Document) -> Draft:
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
        row["version"],
    )

"""Topics and replies that somebody is to look at again, and whose verification runs out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from chassis.decisions import Document
from chassis.mongo import Index
from chassis.pagination import Paging
from services.forum.domain.members import Member
from services.forum.domain.verification import Recheck
from services.forum.repository.topics import TopicCollection

_LONGEST_DUE = [("recheck_time", 1), ("_id", 1)]
_COLLECTIONS = ("topics", "replies")
INDEXES: Sequence[Index] = (
    Index(
        "topics",
        # What is not said yet comes first; stored before anybody said it, it has no such field.
        [("review_expired", 1), ("review_due_time", 1)],
        "topics_review_due",
        partial={"review_due_time": {"$exists": True}},
    ),
    *(
        index
        for name in _COLLECTIONS
        for index in (
            Index(
                name,
                [("community_id", 1), *_LONGEST_DUE],
                f"{name}_recheck_page",
                partial={"recheck_time": {"$exists": True}},
            ),
            Index(
                name,
                [("verified_until", 1)],
                f"{name}_verified_until",
                partial={"verified_until": {"$exists": True}},
            ),
        )
    ),
)


class RecheckCollection(TopicCollection):
    """Reads over both collections."""

    async def list_rechecks(
        self, community_id: str, member: Member, now: datetime, paging: Paging
    ) -> list[Recheck]:
        """What the page needs, longest due first; a place is (due_time, id).

        Moderators: all that they can read; others: the articles they own.
        """
        wall = await self._wall(community_id, member.keyring)
        query: Document = {"community_id": community_id, **wall}
        names: Sequence[str] = _COLLECTIONS
        if not member.moderator:
            query["owner_id"] = member.person_id
            names = ("topics",)
        beyond = paging.beyond(_LONGEST_DUE)
        due = (
            {"$and": [{"recheck_time": {"$lte": now}}, beyond]}
            if beyond
            else {"recheck_time": {"$lte": now}}
        )
        found: list[Recheck] = []
        for name in names:
            cursor = self._database[name].find({**query, **due}, {"recheck_time": 1, "topic_id": 1})
            cursor = cursor.sort(paging.sort(_LONGEST_DUE)).limit(paging.limit)
            found += [
                _recheck(community_id, row) async for row in cursor.hint(f"{name}_recheck_page")
            ]
        found.sort(key=lambda one: (one.due_time, one.post_id), reverse=paging.backward)
        return found[: paging.limit]

    async def find_expired(self, now: datetime, most: int) -> list[Recheck]:
        """Of all communities, those whose verification is over and nobody has said so."""
        found: list[Recheck] = []
        for name in _COLLECTIONS:
            query = {"verified_until": {"$lte": now}}
            fields = {"community_id": 1, "verified_until": 1, "topic_id": 1}
            cursor = self._database[name].find(query, fields).sort("verified_until", 1).limit(most)
            async for row in cursor.hint(f"{name}_verified_until"):
                row["recheck_time"] = row["verified_until"]
                found.append(_recheck(row["community_id"], row))
        return found

    async def find_expired_reviews(self, now: datetime, most: int) -> list[Recheck]:
        """Of all communities, articles whose review date is over and nobody has said so."""
        query = {"review_expired": None, "review_due_time": {"$lte": now}}
        cursor = self._database.topics.find(query, {"community_id": 1, "review_due_time": 1})
        cursor = cursor.sort("review_due_time", 1).limit(most).hint("topics_review_due")
        return [
            Recheck(row["community_id"], row["_id"], "", row["review_due_time"])
            async for row in cursor
        ]


def _recheck(community_id: str, row: Document) -> Recheck:
    if "topic_id" in row:
        return Recheck(community_id, row["topic_id"], row["_id"], row["recheck_time"])
    return Recheck(community_id, row["_id"], "", row["recheck_time"])

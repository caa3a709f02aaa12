"""Topics and replies that somebody is to look at again, and whose verification runs out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from chassis.decisions import Document
from chassis.mongo import Index
from chassis.pagination import Paging
from services.forum.domain.members import Member
from services.forum.domain.verification import Recheck
from services.forum.repository.topics import TopicCollection

_LONGEST_DUE = [("recheck_time", 1), ("_id", 1)]
# By the field of who keeps it right.
_COLLECTIONS: Mapping[str, str] = {"topics": "owner_id", "replies": "author.person_id"}
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
        for name, whose in _COLLECTIONS.items()
        for index in (
            Index(
                name,
                [("community_id", 1), (whose, 1), *_LONGEST_DUE],
                f"{name}_recheck_own",
                partial={"recheck_time": {"$exists": True}},
            ),
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
        self, community_id: str, member: Member, now: datetime, paging: Paging, *, mine: bool
    ) -> list[Recheck]:
        """What the page needs, longest due first; a place is (due_time, id).

        Moderators: all that they can read; others, and who wants it: the articles they own and the
        answers they wrote.
        """
        wall = await self._wall(community_id, member.keyring)
        own = mine or not member.moderator
        found: list[Recheck] = []
        for name, whose in _COLLECTIONS.items():
            query: Document = {"community_id": community_id, **wall}
            if own:
                query[whose] = member.person_id
            index = f"{name}_recheck_own" if own else f"{name}_recheck_page"
            found += await self._due(name, query, wall, now, paging, index)
        found.sort(key=lambda one: (one.due_time, one.post_id), reverse=paging.backward)
        return found[: paging.limit]

    async def _due(
        self,
        name: str,
        query: Document,
        wall: Document,
        now: datetime,
        paging: Paging,
        index: str,
    ) -> list[Recheck]:
        """Of one collection; a reply is behind its topic's wall as well."""
        community_id = query["community_id"]
        found: list[Recheck] = []
        while len(found) < paging.limit:
            due: list[Document] = [{"recheck_time": {"$lte": now}}]
            if beyond := paging.beyond(_LONGEST_DUE):
                due.append(beyond)
            cursor = self._database[name].find(
                {**query, "$and": due}, {"recheck_time": 1, "topic_id": 1}
            )
            cursor = cursor.sort(paging.sort(_LONGEST_DUE)).limit(paging.limit).hint(index)
            rows = [_recheck(community_id, row) async for row in cursor]
            shown = {one.topic_id for one in rows}
            if name == "replies" and rows:
                topics = {"community_id": community_id, "_id": {"$in": list(shown)}, **wall}
                cursor = self._database.topics.find(topics, {"_id": 1}).hint("_id_")
                shown = {row["_id"] async for row in cursor}
            found += [one for one in rows if one.topic_id in shown]
            if len(rows) < paging.limit:
                break
            paging = replace(paging, place=(rows[-1].due_time, rows[-1].post_id))
        return found

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

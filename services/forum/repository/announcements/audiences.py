"""The frozen list: who is told, written page by page, and the companies they belong to."""

from __future__ import annotations

from collections.abc import Sequence

from pymongo import UpdateOne

from chassis.decisions import Document
from chassis.mongo import Index
from chassis.pagination import Paging
from services.forum.domain.announcements.announcement import Announcement
from services.forum.domain.announcements.audiences import AudienceMember
from services.forum.domain.announcements.receipts import receipt_id
from services.forum.domain.announcements.schedules import Schedule
from services.forum.repository.announcements.announcements import AnnouncementCollection
from services.forum.repository.announcements.receipts import new_receipt
from services.forum.repository.documents import write_upserts

_BY_COMPANY = [("company_id", 1)]
INDEXES: Sequence[Index] = (
    Index(
        "audience_companies",
        [("community_id", 1), ("announcement_id", 1), *_BY_COMPANY],
        "audience_company_page",
        unique=True,
    ),
)


class AudienceCollection(AnnouncementCollection):
    """Writes of the list, each harmless when repeated; and its companies by page."""

    async def freeze_progress(self, announcement: Announcement) -> str | None:
        """Where the list goes on in the directory; None: it begins, empty: all are on it."""
        query = {"community_id": announcement.community_id, "_id": announcement.id}
        row = await self._database.audience_freezes.find_one(query)
        return row["page_token"] if row else None

    async def freeze(
        self,
        announcement: Announcement,
        schedule: Schedule,
        people: Sequence[AudienceMember],
        page_token: str,
    ) -> None:
        """A page of people more, and where the next one begins."""
        community_id = announcement.community_id
        operations = []
        for person in people:
            receipt = new_receipt(
                announcement,
                person.person_id,
                person.company_id,
                schedule.visible_time(person.time_zone),
                listed=True,
            )
            # Who has seen it before has a receipt; that of somebody who came later, so far.
            listed = {key: receipt.pop(key) for key in ("company_id", "in_audience")}
            place = {
                "_id": receipt_id(announcement.id, person.person_id),
                "community_id": community_id,
            }
            change = {"$set": listed, "$setOnInsert": receipt}
            operations.append(UpdateOne(place, change, upsert=True))
        if operations:
            await write_upserts(self._database.receipts, operations, ordered=False)
        progress = UpdateOne(
            {"_id": announcement.id, "community_id": community_id},
            {"$set": {"page_token": page_token}},
            upsert=True,
        )
        await write_upserts(self._database.audience_freezes, [progress], ordered=True)

    async def freeze_companies(self, announcement: Announcement) -> tuple[int, int]:
        """The companies of all that are on the list; how many people, and how many companies."""
        place = {"community_id": announcement.community_id, "announcement_id": announcement.id}
        cursor = await self._database.receipts.aggregate(
            [
                {"$match": {**place, "in_audience": True}},
                {"$group": {"_id": "$company_id", "people": {"$sum": 1}}},
            ],
            hint="receipt_page",
        )
        companies = {row["_id"]: row["people"] async for row in cursor}
        operations = [
            UpdateOne(
                {**place, "company_id": company_id}, {"$set": {"people": people}}, upsert=True
            )
            for company_id, people in companies.items()
        ]
        if operations:
            await write_upserts(self._database.audience_companies, operations, ordered=False)
        return sum(companies.values()), len(companies)

    async def count_companies(self, announcement: Announcement) -> int:
        """On the frozen list, once it is whole."""
        place = {"community_id": announcement.community_id, "announcement_id": announcement.id}
        return int(await self._database.audience_companies.count_documents(place))

    async def list_audience_companies(
        self, announcement: Announcement, paging: Paging
    ) -> list[str]:
        """What the page needs, by id; a place is (company_id,)."""
        query: Document = {
            "community_id": announcement.community_id,
            "announcement_id": announcement.id,
            **paging.beyond(_BY_COMPANY),
        }
        cursor = self._database.audience_companies.find(query)
        cursor = cursor.sort(paging.sort(_BY_COMPANY)).limit(paging.limit)
        return [row["company_id"] async for row in cursor]

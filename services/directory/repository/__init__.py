"""The directory's collections, indexes and queries. Only this room knows how things are stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pymongo import InsertOne, ReplaceOne

from chassis.decisions import PLATFORM, Aggregates, Document, Write
from chassis.errors import CommunityNotFoundError
from chassis.mongo import Database, Index, Migration
from chassis.pagination import Paging
from services.directory.domain.audit import AuditEntry
from services.directory.domain.community import Community
from services.directory.domain.company import Company
from services.directory.domain.enrolment import Enrolment, enrolment_id
from services.directory.domain.member import (
    Member,
)
from services.directory.domain.person import Person
from services.directory.domain.refusals import (
    CommunitySlugTakenError,
    CompanyNameTakenError,
    CompanyNotFoundError,
    IdentityTakenError,
    IssuerTakenError,
    MemberNotFoundError,
)
from services.directory.repository import documents
from services.directory.repository.indexes import (
    BY_NAME,
    BY_UNIQUE_NAME,
    INDEXES,
    LAST_BEGUN,
    NEWEST,
)
from services.directory.repository.persons import PersonQueries
from services.directory.repository.queries import (
    Keyring,
    joined,
    open_at,
    page_of,
    place_of,
    walled,
    with_enrolment,
)
from services.directory.repository.sweeps import SweepQueries

__all__ = ["DirectoryRepository", "Keyring"]


class DirectoryRepository(PersonQueries, SweepQueries):
    """Reads give (object, version); a list gives a page of them and the next page's token."""

    indexes: Sequence[Index] = INDEXES
    migrations: Sequence[Migration] = ()

    persons = Aggregates(
        "person",
        "persons",
        documents.load_person,
        documents.dump_person,
        {"identity": IdentityTakenError},
    )
    companies = Aggregates(
        "company",
        "companies",
        documents.load_company,
        documents.dump_company,
        {"company_name": CompanyNameTakenError, "issuer": IssuerTakenError},
    )
    communities = Aggregates(
        "community",
        "communities",
        documents.load_community,
        documents.dump_community,
        {"slug": CommunitySlugTakenError},
    )
    enrolments = Aggregates(
        "enrolment", "enrolments", documents.load_enrolment, documents.dump_enrolment
    )

    def __init__(self, database: Database) -> None:
        self._persons = database["persons"]
        self._companies = database["companies"]
        self._communities = database["communities"]
        self._enrolments = database["enrolments"]
        self._members = database["members"]
        self._groups = database["groups"]
        self._group_members = database["group_members"]
        self._group_counts = database["group_counts"]
        self._group_sweeps = database["group_sweeps"]
        self._audit_entries = database["audit_entries"]

    # What a decision stores besides its aggregate

    @staticmethod
    def member_writes(person: Person, version: int) -> list[Write]:
        """The members whose look changed with this version of the person."""
        writes = []
        for membership in person.memberships:
            if membership.version == version:
                member = documents.dump_member(person, membership)
                key = {"_id": member["_id"], "community_id": membership.community_id}
                writes.append(Write("members", ReplaceOne(key, member, upsert=True)))
        return writes

    @staticmethod
    def new_audit_entry(entry: AuditEntry) -> Write:
        """An entry of the audit trail."""
        return Write("audit_entries", InsertOne(documents.dump_audit_entry(entry)))

    # Companies

    async def find_company(self, company_id: str) -> Company | None:
        """By id, whatever the community."""
        found = await self._companies.find_one({"_id": company_id, "community_id": PLATFORM})
        return documents.load_company(found) if found else None

    async def find_company_of(self, issuer: str) -> Company | None:
        """Who owns an issuer."""
        found = await self._companies.find_one({"community_id": PLATFORM, "issuer": issuer})
        return documents.load_company(found) if found else None

    async def get_company(
        self, community_id: str, company_id: str, keyring: Keyring
    ) -> tuple[Company, int]:
        """Refuses with COMPANY_NOT_FOUND."""
        found = await self.list_companies_by_id(community_id, [company_id], keyring)
        if not found:
            raise CompanyNotFoundError(field="company_id")
        return found[0]

    async def list_companies_by_id(
        self, community_id: str, company_ids: Sequence[str], keyring: Keyring
    ) -> list[tuple[Company, int]]:
        """Those that are the community's vendor or are or were enrolled in it: one query."""
        wall = {"community_id": community_id, **walled(keyring)}
        vendor = {"_id": community_id, "community_id": PLATFORM, **walled(keyring)}
        cursor = await self._companies.aggregate(
            [
                {"$match": {"community_id": PLATFORM, "_id": {"$in": list(company_ids)}}},
                joined("enrolments", "company_id", wall, "enrolled"),
                joined("communities", "vendor_company_id", vendor, "vendor_of"),
                {"$match": {"$or": [{"enrolled": {"$ne": []}}, {"vendor_of": {"$ne": []}}]}},
            ]
        )
        return [(documents.load_company(row), row["seq"]) async for row in cursor]

    async def list_companies(
        self, community_id: str, paging: Paging, keyring: Keyring, at: datetime
    ) -> tuple[list[tuple[Company, int]], str]:
        """The vendor and those enrolled now, by name. Refuses with COMMUNITY_NOT_FOUND."""
        community, _ = await self.get_community(community_id, "", keyring)
        enrolled = self._enrolments.find(
            {"community_id": community_id, **open_at(at), **walled(keyring)}, {"company_id": 1}
        )
        ids = [community.vendor_company_id, *[row["company_id"] async for row in enrolled]]
        return await self._page_of_companies({"_id": {"$in": ids}}, paging)

    async def list_all_companies(self, paging: Paging) -> tuple[list[tuple[Company, int]], str]:
        """Every company, by name."""
        return await self._page_of_companies({}, paging)

    async def _page_of_companies(
        self, query: Document, paging: Paging
    ) -> tuple[list[tuple[Company, int]], str]:
        query = {"community_id": PLATFORM, **query}
        page, token = await page_of(self._companies, query, BY_UNIQUE_NAME, paging)
        return [(documents.load_company(row), row["seq"]) for row in page], token

    async def list_community_ids_of(self, company_id: str) -> list[str]:
        """Where a company is or was enrolled, or is the vendor."""
        enrolled = await self._enrolments.find(
            {"company_id": company_id}, {"community_id": 1}
        ).to_list()
        owned = await self._communities.find(
            {"community_id": PLATFORM, "vendor_company_id": company_id}, {"_id": 1}
        ).to_list()
        return sorted({row["community_id"] for row in enrolled} | {row["_id"] for row in owned})

    # Communities

    async def get_community(
        self, community_id: str, slug: str, keyring: Keyring
    ) -> tuple[Community, int]:
        """By id, or by slug where that is empty. Refuses with COMMUNITY_NOT_FOUND."""
        place = {"_id": community_id} if community_id else {"slug": slug}
        found = await self._communities.find_one(
            {"community_id": PLATFORM, **place, **walled(keyring)}
        )
        if found is None:
            by_slug = slug and not community_id
            raise CommunityNotFoundError(field="slug" if by_slug else "community_id")
        return documents.load_community(found), found["seq"]

    async def list_communities_by_id(
        self, community_ids: Sequence[str], keyring: Keyring
    ) -> list[tuple[Community, int]]:
        """Those that are visible: one query."""
        query = {"community_id": PLATFORM, "_id": {"$in": list(community_ids)}}
        rows = self._communities.find({**query, **walled(keyring)})
        return [(documents.load_community(row), row["seq"]) async for row in rows]

    async def list_communities(
        self, paging: Paging, keyring: Keyring
    ) -> tuple[list[tuple[Community, int]], str]:
        """Those that are visible, by name."""
        query = {"community_id": PLATFORM, **walled(keyring)}
        page, token = await page_of(self._communities, query, BY_NAME, paging)
        return [(documents.load_community(row), row["seq"]) for row in page], token

    # Enrolments

    async def find_enrolment(self, community_id: str, company_id: str) -> Enrolment | None:
        """Of this company in this community, ended or not."""
        place = enrolment_id(community_id, company_id)
        return (await self.get_enrolments({place: community_id})).get(place)

    async def list_auto_joins(self, company_id: str, at: datetime) -> list[str]:
        """The communities that people of this company join by themselves now."""
        rows = self._enrolments.find(
            {"company_id": company_id, "auto_join": True, **open_at(at)}, {"community_id": 1}
        )
        return sorted([row["community_id"] async for row in rows])

    async def list_enrolments(
        self, community_id: str, paging: Paging
    ) -> tuple[list[tuple[Enrolment, int]], str]:
        """Newest first."""
        query = {"community_id": community_id}
        page, token = await page_of(self._enrolments, query, LAST_BEGUN, paging)
        return [(documents.load_enrolment(row), row["seq"]) for row in page], token

    # Members

    async def get_member(
        self, community_id: str, person_id: str, keyring: Keyring, at: datetime
    ) -> Member:
        """Refuses with MEMBER_NOT_FOUND."""
        found = await self.list_members_by_id(community_id, [person_id], keyring, at)
        if not found:
            raise MemberNotFoundError(field="person_id")
        return found[0]

    async def list_members_by_id(
        self, community_id: str, person_ids: Sequence[str], keyring: Keyring, at: datetime
    ) -> list[Member]:
        """Members and former ones: one query."""
        ids = [documents.member_id(community_id, person_id) for person_id in person_ids]
        cursor = await self._members.aggregate(
            [
                {
                    "$match": {
                        "community_id": community_id,
                        "_id": {"$in": ids},
                        **walled(keyring),
                    }
                },
                with_enrolment(community_id),
            ]
        )
        return [documents.load_member(row, at) async for row in cursor]

    async def list_members(
        self,
        community_id: str,
        paging: Paging,
        keyring: Keyring,
        at: datetime,
        *,
        company_id: str = "",
        role: str = "",
    ) -> tuple[list[Member], str]:
        """Those who are members now, by name: one query that reads along an index."""
        query: dict[str, Any] = {
            "community_id": community_id,
            "state": "ACTIVE",
            **({"company_id": company_id} if company_id else {}),
            **({"roles": role} if role else {}),
            **walled(keyring),
            **paging.beyond(BY_NAME),
        }
        cursor = await self._members.aggregate(
            [
                {"$match": query},
                {"$sort": dict(paging.sort(BY_NAME))},
                with_enrolment(community_id),
                {"$match": {"$or": [{"vendor": True}, {"enrolment": {"$elemMatch": open_at(at)}}]}},
                {"$limit": paging.limit},
            ]
        )
        page, token = paging.page(await cursor.to_list(), place_of(BY_NAME))
        return [documents.load_member(row, at) for row in page], token

    async def has_other_manager(self, community_id: str, person_id: str) -> bool:
        """Whether somebody else manages the community; managers need no enrolment."""
        query = {"community_id": community_id, "state": "ACTIVE", "roles": "MANAGER"}
        other = await self._members.find_one({**query, "person_id": {"$ne": person_id}}, {"_id": 1})
        return other is not None

    # Audit trail

    async def list_audit_entries(
        self, community_id: str, paging: Paging
    ) -> tuple[list[AuditEntry], str]:
        """Newest first, of one community or of the platform."""
        query = {"community_id": community_id}
        page, token = await page_of(self._audit_entries, query, NEWEST, paging)
        return [documents.load_audit_entry(row) for row in page], token

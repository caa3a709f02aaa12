"""Persons, who they are as actors, and who of a community an audience is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from pymongo.asynchronous.collection import AsyncCollection

from chassis.decisions import PLATFORM, Document
from chassis.pagination import Paging
from services.directory.domain.enrolment import Capable, Enrolment, shared
from services.directory.domain.group import groups_of
from services.directory.domain.group_member import GroupMember
from services.directory.domain.member import (
    ActorMembership,
    Placed,
    ResolvedActor,
    needed_enrolments,
    resolve,
)
from services.directory.domain.person import IdentityLink, Person
from services.directory.domain.refusals import PersonNotFoundError
from services.directory.repository import documents
from services.directory.repository.groups import GroupQueries
from services.directory.repository.indexes import BY_COMPANY, BY_PERSON
from services.directory.repository.queries import open_at, page_of


class PersonQueries(GroupQueries):
    """Reads of persons, with the enrolments and groups that their rights rest on."""

    _persons: AsyncCollection[Document]
    _members: AsyncCollection[Document]
    _enrolments: AsyncCollection[Document]

    async def get_person(self, person_id: str) -> tuple[Person, int]:
        """Refuses with PERSON_NOT_FOUND."""
        found = await self._persons.find_one({"_id": person_id, "community_id": PLATFORM})
        if found is None:
            raise PersonNotFoundError(field="person_id")
        return documents.load_person(found), found["seq"]

    async def list_persons_by_id(self, person_ids: Sequence[str]) -> list[tuple[Person, int]]:
        """Those that there are: one query."""
        wanted = {"_id": {"$in": list(person_ids)}, "community_id": PLATFORM}
        return [
            (documents.load_person(row), row["seq"]) async for row in self._persons.find(wanted)
        ]

    async def find_person(self, person_id: str) -> Person | None:
        """By id."""
        found = await self._persons.find_one({"_id": person_id, "community_id": PLATFORM})
        return documents.load_person(found) if found else None

    async def find_person_of(self, link: IdentityLink) -> tuple[Person, int] | None:
        """By identity: one look into the unique index."""
        found = await self._persons.find_one(
            {
                "community_id": PLATFORM,
                "identity_links": {"$elemMatch": {"issuer": link.issuer, "subject": link.subject}},
                "identity_links.issuer": {"$exists": True},  # as the partial index is defined
            }
        )
        return (documents.load_person(found), found["seq"]) if found else None

    async def resolve_actor(self, link: IdentityLink, at: datetime) -> tuple[ResolvedActor, int]:
        """Three queries, two of them at once. Refuses with PERSON_NOT_FOUND, PERSON_DEACTIVATED."""
        found = await self.find_person_of(link)
        if found is None:
            raise PersonNotFoundError(field="subject")
        return await self._resolve(*found, at)

    async def resolve_actors(
        self, links: Sequence[IdentityLink], at: datetime
    ) -> dict[IdentityLink, tuple[ResolvedActor, int]]:
        """Those who are somebody and active, in the order asked for: three queries."""
        found = {
            link: (person, version)
            for person, version in await self._list_persons_of(links)
            for link in person.identity_links
            if person.active
        }
        asked = {link: found[link] for link in links if link in found}
        resolved = await self._resolve_all([person for person, _ in asked.values()], at)
        return {link: (resolved[person.id], version) for link, (person, version) in asked.items()}

    async def _list_persons_of(self, links: Sequence[IdentityLink]) -> list[tuple[Person, int]]:
        if not links:
            return []
        by_issuer: dict[str, list[str]] = {}
        for link in links:
            by_issuer.setdefault(link.issuer, []).append(link.subject)
        query = {
            "community_id": PLATFORM,
            "identity_links.issuer": {"$exists": True},  # as the partial index is defined
            "$or": [
                {"identity_links": {"$elemMatch": {"issuer": issuer, "subject": {"$in": subjects}}}}
                for issuer, subjects in by_issuer.items()
            ],
        }
        return [(documents.load_person(row), row["seq"]) async for row in self._persons.find(query)]

    async def resolve_person(self, person_id: str, at: datetime) -> tuple[ResolvedActor, int]:
        """As resolve_actor, of whom there need be no token."""
        return await self._resolve(*await self.get_person(person_id), at)

    async def _resolve(
        self, person: Person, version: int, at: datetime
    ) -> tuple[ResolvedActor, int]:
        return (await self._resolve_all([person], at))[person.id], version

    async def _resolve_all(
        self, people: Sequence[Person], at: datetime, communities: Iterable[str] | None = None
    ) -> dict[str, ResolvedActor]:
        """By person id, with all their communities or those named: two queries at once."""
        needed: dict[str, str] = {}
        current: set[str] = set()
        for person in people:
            needed |= needed_enrolments(person)
            current |= {m.community_id for m in person.memberships if m.end_time is None}
        if communities is not None:
            current &= set(communities)
            needed = {id_: of for id_, of in needed.items() if of in current}
        enrolments, seats = await asyncio.gather(
            self.get_enrolments(needed),
            self.list_seats(current, [person.id for person in people]),
        )
        of_person: dict[str, list[GroupMember]] = {}
        for seat in seats:
            of_person.setdefault(seat.person_id, []).append(seat)
        return {
            person.id: resolve(person, enrolments, at, of_person.get(person.id, ()))
            for person in people
        }

    async def find_memberships(
        self, community_id: str, person_ids: Sequence[str], at: datetime
    ) -> dict[str, ActorMembership]:
        """Those of the people who are in the community now, by person id: three queries."""
        people = [p for p, _ in await self.list_persons_by_id(person_ids) if p.active]
        return await self._memberships_of(people, community_id, at)

    async def find_emails(
        self, community_id: str, person_ids: Sequence[str], at: datetime
    ) -> dict[str, str]:
        """By person id, of those who are in the community now and have an address."""
        found = await self.list_persons_by_id(person_ids)
        people = [person for person, _ in found if person.active and person.email]
        members = await self._memberships_of(people, community_id, at)
        return {person.id: person.email for person in people if person.id in members}

    async def _memberships_of(
        self, people: Sequence[Person], community_id: str, at: datetime
    ) -> dict[str, ActorMembership]:
        resolved = await self._resolve_all(people, at, [community_id])
        return {
            person_id: membership
            for person_id, actor in resolved.items()
            for membership in actor.memberships
            if membership.community_id == community_id
        }

    async def get_enrolments(self, communities: Mapping[str, str]) -> dict[str, Enrolment]:
        """By id, of those that there are; asked for with their communities."""
        if not communities:
            return {}
        cursor = self._enrolments.find(
            {
                "community_id": {"$in": list(set(communities.values()))},
                "_id": {"$in": list(communities)},
            }
        )
        return {row["_id"]: documents.load_enrolment(row) async for row in cursor}

    async def list_audience(
        self,
        community_id: str,
        clauses: Sequence[frozenset[str]],
        paging: Paging,
        at: datetime,
    ) -> tuple[list[Placed], str]:
        """Who of a page of members holds a key of every clause now.

        Two queries, and two more where a key is a group's.
        """
        query = {"community_id": community_id, "state": "ACTIVE"}
        page, token = await page_of(self._members, query, BY_PERSON, paging)
        enrolments = await self.get_enrolments(
            {row["enrolment_id"]: community_id for row in page if not row["vendor"]}
        )
        seats: Mapping[str, Sequence[GroupMember]] = {}
        if page and (asked := groups_of(frozenset().union(*clauses))):
            first, last = page[0]["person_id"], page[-1]["person_id"]
            seats = await self.list_seats_in(community_id, asked, first, last)
        placed = []
        for row in page:
            enrolment, taken = enrolments.get(row["enrolment_id"]), seats.get(row["person_id"], ())
            if not (row["vendor"] or (enrolment is not None and enrolment.open(at))):
                continue
            member = documents.load_placed(row, enrolment, taken)
            if member.holds_each(clauses):
                placed.append(member)
        return placed, token

    async def list_person_ids(
        self, community_id: str, after: str, most: int, *, company_id: str = ""
    ) -> list[str]:
        """A page of the members of a community, by id; of a company also of the former ones."""
        query: Document = {"community_id": community_id, "person_id": {"$gt": after}}
        query["state"] = {"$in": ["ACTIVE", "FORMER"]} if company_id else "ACTIVE"
        if company_id:
            query["company_id"] = company_id
        rows = self._members.find(query, {"person_id": 1}).sort(BY_PERSON).limit(most)
        return [row["person_id"] async for row in rows]

    async def list_capable_members(
        self, community_id: str, capabilities: Sequence[str], paging: Paging, at: datetime
    ) -> tuple[list[Capable], str]:
        """Members through enrolled companies that have one of them: two reads along indexes."""
        query = {"community_id": community_id, "capabilities": {"$in": list(capabilities)}}
        found = self._enrolments.find(
            {**query, **open_at(at)}, {"company_id": 1, "capabilities": 1}
        ).hint("capable")
        companies = {
            row["company_id"]: shared(row["capabilities"], capabilities) async for row in found
        }
        if not companies:
            return [], ""
        members: Document = {
            "community_id": community_id,
            "state": "ACTIVE",
            "$and": [{"company_id": {"$in": sorted(companies)}}],  # beside where the page begins
        }
        page, token = await page_of(self._members, members, BY_COMPANY, paging)
        return [
            Capable(row["person_id"], row["company_id"], companies[row["company_id"]])
            for row in page
        ], token

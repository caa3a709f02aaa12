"""Queries on a real MongoDB: walls, dates, pages, and that each is as few and quick as promised."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from chassis.errors import CommunityNotFoundError
from chassis.mongo import Database
from chassis.pagination import Paging
from chassis.testing import mirrored, walked
from guildhall.directory.v1 import directory_pb2 as pb
from services.directory.domain.person import IdentityLink
from services.directory.domain.refusals import (
    CompanyNotFoundError,
    MemberNotFoundError,
    PersonNotFoundError,
)
from services.directory.repository import DirectoryRepository
from services.directory.tests.conftest import World, issuer_of, stamp

FIRST = Paging(100)


def now() -> datetime:
    return datetime.now(UTC)


def keys(community_id: str) -> list[str]:
    return [f"community:{community_id}"]


class Counter:
    """A database whose queries are counted; the rest of it is the real one."""

    def __init__(self, database: Database) -> None:
        self.queries: list[str] = []
        self._database = database

    def __getitem__(self, name: str) -> _Counted:
        return _Counted(self._database[name], name, self.queries)


class _Counted:
    def __init__(self, collection: Any, name: str, queries: list[str]) -> None:
        self._collection, self._name, self._queries = collection, name, queries

    def __getattr__(self, method: str) -> Any:
        self._queries.append(self._name)
        return getattr(self._collection, method)


async def stages(database: Database, command: dict[str, Any]) -> set[str]:
    """The kinds of stages in the winning plan."""
    explained = await database.command("explain", command, verbosity="queryPlanner")
    found: set[str] = set()

    def walk(node: Any, inside: bool) -> None:
        if isinstance(node, dict):
            if inside and "stage" in node:
                found.add(node["stage"])
            for key, value in node.items():
                walk(value, inside or key == "winningPlan")
        elif isinstance(node, list):
            for value in node:
                walk(value, inside)

    walk(explained, False)
    return found


async def names_of_all_pages(
    world: World, community_id: str, size: int, **filters: str
) -> list[str]:
    members = await walked(
        lambda paging: world.repository.list_members(
            community_id, paging, keys(community_id), now(), **filters
        ),
        (str, str),
        size,
    )
    return [member.display_name for member in members]


async def test_resolving_an_actor_takes_three_queries_by_index(world: World) -> None:
    aurora, borealis = await world.community("aurora"), await world.community("borealis")
    kestrel = await world.company("Kestrel")
    for community in (aurora, borealis):
        await world.enrol(community.id, kestrel.id, auto_join=True)
    await world.person(kestrel, "Ann")
    link = IdentityLink(issuer_of("Kestrel"), "Ann")
    counter = Counter(world.database)
    counting = DirectoryRepository(counter)  # type: ignore[arg-type]
    actor, version = await counting.resolve_actor(link, now())
    assert {m.community_id for m in actor.memberships} == {aurora.id, borealis.id}
    assert version == 3  # created, joined, joined
    assert counter.queries == ["persons", "enrolments", "group_members"]
    plan = await stages(
        world.database,
        {
            "find": "persons",
            "filter": {
                "community_id": "platform",
                "identity_links": {"$elemMatch": {"issuer": link.issuer, "subject": "Ann"}},
                "identity_links.issuer": {"$exists": True},
            },
        },
    )
    assert "IXSCAN" in plan
    assert "COLLSCAN" not in plan


async def test_resolving_many_actors_takes_three_queries_by_index(world: World) -> None:
    aurora = await world.community("aurora")
    kestrel, lumen = await world.company("Kestrel"), await world.company("Lumen")
    await world.enrol(aurora.id, kestrel.id, auto_join=True)
    links = []
    for company, name in ((kestrel, "Ann"), (lumen, "Bob"), (kestrel, "Cid")):
        await world.person(company, name)
        links.append(IdentityLink(company.issuer, name))
    at = now()
    one_by_one = {link: await world.repository.resolve_actor(link, at) for link in links}
    crossed = [IdentityLink(lumen.issuer, "Ann"), IdentityLink("", "")]
    counter = Counter(world.database)
    counting = DirectoryRepository(counter)  # type: ignore[arg-type]
    assert await counting.resolve_actors([*crossed, *links], at) == one_by_one
    assert counter.queries == ["persons", "enrolments", "group_members"]
    assert await counting.resolve_actors([], at) == {}
    plan = await stages(
        world.database,
        {
            "find": "persons",
            "filter": {
                "community_id": "platform",
                "identity_links.issuer": {"$exists": True},
                "$or": [
                    {"identity_links": {"$elemMatch": {"issuer": i, "subject": {"$in": ["Ann"]}}}}
                    for i in (kestrel.issuer, lumen.issuer)
                ],
            },
        },
    )
    assert "IXSCAN" in plan
    assert "COLLSCAN" not in plan


async def test_identity_must_match_in_both_halves(world: World) -> None:
    kestrel, lumen = await world.company("Kestrel"), await world.company("Lumen")
    person_id = await world.person(kestrel, "Ann")
    await world.stub().LinkIdentity(
        pb.LinkIdentityRequest(
            request_id=world.request_id(),
            person_id=person_id,
            identity_link=pb.IdentityLink(issuer=lumen.issuer, subject="L-1"),
        )
    )
    for issuer, subject in ((kestrel.issuer, "L-1"), (lumen.issuer, "Ann"), ("", "")):
        with pytest.raises(PersonNotFoundError):
            await world.repository.resolve_actor(IdentityLink(issuer, subject), now())


async def test_companies_and_members_by_id_take_one_query_each(world: World) -> None:
    aurora = await world.community("aurora")
    kestrel, lumen = await world.company("Kestrel"), await world.company("Lumen")
    ended = await world.enrol(aurora.id, kestrel.id, auto_join=True)
    ann = await world.person(kestrel, "Ann")
    await world.end_enrolment(ended)
    counter = Counter(world.database)
    counting = DirectoryRepository(counter)  # type: ignore[arg-type]
    ids = [aurora.vendor_company_id, kestrel.id, lumen.id, "none"]
    found = await counting.list_companies_by_id(aurora.id, ids, keys(aurora.id))
    assert {company.id for company, _ in found} == {aurora.vendor_company_id, kestrel.id}
    assert counter.queries == ["companies"]
    members = await counting.list_members_by_id(aurora.id, [ann, "x"], keys(aurora.id), now())
    assert [(m.person_id, m.state.value) for m in members] == [(ann, "FORMER")]
    assert members[0].end_time is not None
    assert counter.queries == ["companies", "members"]


async def test_without_a_key_nothing_is_found(world: World) -> None:
    aurora = await world.community("aurora")
    kestrel = await world.company("Kestrel")
    await world.enrol(aurora.id, kestrel.id, auto_join=True)
    ann = await world.person(kestrel, "Ann")
    repository, foreign = world.repository, keys("elsewhere")
    assert await repository.list_companies_by_id(aurora.id, [kestrel.id], foreign) == []
    assert await repository.list_members_by_id(aurora.id, [ann], foreign, now()) == []
    assert await repository.list_members(aurora.id, FIRST, foreign, now()) == ([], "")
    assert await repository.list_communities_by_id([aurora.id], foreign) == []
    assert await repository.list_communities(FIRST, foreign) == ([], "")
    assert await repository.list_communities(FIRST, []) == ([], "")
    with pytest.raises(CompanyNotFoundError):
        await repository.get_company(aurora.id, kestrel.id, foreign)
    with pytest.raises(MemberNotFoundError):
        await repository.get_member(aurora.id, ann, foreign, now())
    for place in ((aurora.id, ""), ("", "aurora"), ("", "")):
        with pytest.raises(CommunityNotFoundError):
            await repository.get_community(*place, foreign)
    with pytest.raises(CommunityNotFoundError):
        await repository.list_companies(aurora.id, FIRST, foreign, now())


async def test_members_are_listed_by_name_page_by_page(world: World) -> None:
    aurora = await world.community("aurora")
    kestrel, lumen = await world.company("Kestrel"), await world.company("Lumen")
    await world.enrol(aurora.id, kestrel.id, auto_join=True)
    lumens = await world.enrol(aurora.id, lumen.id, auto_join=True)
    for name in ("bob", "Ann", "Émile", "Zoe", "Eva"):
        await world.person(kestrel, name)
    for name in ("Ann", "Max"):
        await world.person(lumen, name)
    everyone = ["Ann", "Ann", "bob", "Émile", "Eva", "Max", "Zoe"]
    for size in (1, 2, 3, 7, 100):
        assert await names_of_all_pages(world, aurora.id, size) == everyone
    assert await names_of_all_pages(world, aurora.id, 2, company_id=lumen.id) == ["Ann", "Max"]
    assert await names_of_all_pages(world, aurora.id, 2, role="MEMBER") == everyone
    assert await names_of_all_pages(world, aurora.id, 2, role="MANAGER") == []
    await world.end_enrolment(lumens)
    for size in (1, 2, 100):
        assert await names_of_all_pages(world, aurora.id, size) == [
            "Ann", "bob", "Émile", "Eva", "Zoe",
        ]  # fmt: skip
    assert await names_of_all_pages(world, aurora.id, 2, company_id=lumen.id) == []


async def test_listing_members_reads_along_an_index(world: World) -> None:
    aurora = await world.community("aurora")
    base = {"community_id": aurora.id, "state": "ACTIVE", "read_keys": {"$in": keys(aurora.id)}}
    for narrowed in ({}, {"company_id": "x"}, {"roles": "MANAGER"}):
        for step in (1, -1):
            sort = {"folded_name": step, "_id": step}
            plan = await stages(
                world.database, {"find": "members", "filter": {**base, **narrowed}, "sort": sort}
            )
            assert "IXSCAN" in plan
            assert "SORT" not in plan


async def test_capable_members_are_read_along_indexes(world: World) -> None:
    """However many others there are, and wherever the page begins."""
    aurora = await world.community("aurora")
    for name, capabilities in (("Able", ["sap", "radio"]), ("Other", ["ports"]), ("Fit", ["sap"])):
        company = await world.company(name)
        await world.enrol(aurora.id, company.id, auto_join=True, capabilities=capabilities)
        for number in range(4):
            await world.person(company, f"{name}{number}")
    asked = (aurora.id, ["radio", "sap"])
    whole, token = await world.repository.list_capable_members(*asked, FIRST, now())
    assert (len(whole), token) == (8, "")
    assert sorted(m.shared_capabilities for m in whole) == [1] * 4 + [2] * 4
    place = (whole[4].company_id, whole[4].person_id)
    await world.database.command("profile", 2)
    try:
        page, _ = await world.repository.list_capable_members(*asked, Paging(2, place), now())
    finally:
        await world.database.command("profile", 0)
    assert page == whole[5:7]
    reads = world.database["system.profile"].find({"op": "query"}).sort("ts")
    enrolments, members = [(r["docsExamined"], r["planSummary"]) async for r in reads]
    assert enrolments == (2, "IXSCAN { community_id: 1, capabilities: 1 }")
    assert members[0] == 4  # the row where it begins, the page, and whether there are more
    assert members[1] == "IXSCAN { community_id: 1, state: 1, company_id: 1, person_id: 1 }"
    found = await walked(
        lambda paging: world.repository.list_capable_members(*asked, paging, now()), (str, str), 3
    )
    assert found == whole


async def test_companies_are_listed_while_enrolled(world: World) -> None:
    aurora = await world.community("aurora")
    kestrel, lumen = await world.company("Kestrel"), await world.company("lumen")
    await world.company("Outside")
    await world.enrol(aurora.id, lumen.id)
    ended = await world.enrol(aurora.id, kestrel.id)

    async def listed() -> list[str]:
        companies = await mirrored(
            lambda paging: world.repository.list_companies(
                aurora.id, paging, keys(aurora.id), now()
            ),
            str,
        )
        return [company.name for company, _ in companies]

    assert await listed() == ["Aurora Inc", "Kestrel", "lumen"]
    await world.end_enrolment(ended)
    assert await listed() == ["Aurora Inc", "lumen"]
    every = await mirrored(world.repository.list_all_companies, str)
    assert [company.name for company, _ in every] == ["Aurora Inc", "Kestrel", "lumen", "Outside"]


async def test_pages_backwards_mirror_pages_forwards(world: World) -> None:
    aurora = await world.community("aurora")
    for name in ("beta", "alpha", "gamma"):
        await world.community(name)
    kestrel = await world.company("Kestrel")
    await world.enrol(aurora.id, kestrel.id, auto_join=True)
    for n in range(8):
        await world.person(kestrel, f"p{n}")
    members = world.database["members"]
    ids = [row["_id"] async for row in members.find({}, {"_id": 1}).sort("_id", 1)]
    for name, some in (("ann", ids[:3]), ("ben", ids[3:7]), ("carl", ids[7:])):
        await members.update_many({"_id": {"$in": some}}, {"$set": {"folded_name": name}})
    listed = await mirrored(
        lambda paging: world.repository.list_members(aurora.id, paging, keys(aurora.id), now()),
        str,
        str,
    )
    assert [f"{member.person_id}:{aurora.id}" for member in listed] == ids
    listed_communities = await mirrored(
        lambda paging: world.repository.list_communities(paging, None), str, str
    )
    assert [community.slug for community, _ in listed_communities] == [
        "alpha",
        "aurora",
        "beta",
        "gamma",
    ]


async def test_enrolments_and_audit_entries_are_listed_newest_first(world: World) -> None:
    aurora = await world.community("aurora")
    made = []
    for i in range(5):
        company = await world.company(f"Company {i}")
        response = await world.stub().CreateEnrolment(
            pb.CreateEnrolmentRequest(
                request_id=world.request_id(),
                community_id=aurora.id,
                company_id=company.id,
                start_time=stamp(days=10 - i // 2),
            )
        )
        made.append(response.enrolment.id)
    enrolments = await mirrored(
        lambda paging: world.repository.list_enrolments(aurora.id, paging), datetime, str
    )
    listed = [enrolment.id for enrolment, _ in enrolments]
    assert (set(listed), len(listed), listed[0]) == (set(made), 5, made[4])
    entries = await mirrored(
        lambda paging: world.repository.list_audit_entries(aurora.id, paging), datetime, str
    )
    assert [entry.action for entry in entries] == ["CreateEnrolment"] * 5 + ["CreateCommunity"]
    assert [entry.target_id for entry in entries] == [*reversed(made), aurora.id]
    assert [entry.time for entry in entries] == sorted((e.time for e in entries), reverse=True)


async def test_any_number_of_persons_may_have_no_identity(world: World) -> None:
    kestrel = await world.company("Kestrel")
    for name in ("Ann", "Bob"):
        await world.stub().CreatePerson(
            pb.CreatePersonRequest(
                request_id=world.request_id(), display_name=name, company_id=kestrel.id
            )
        )
    assert await world.database["persons"].count_documents({"identity_links": []}) == 2


async def test_every_document_says_its_community(world: World) -> None:
    aurora = await world.community("aurora")
    kestrel = await world.company("Kestrel")
    await world.enrol(aurora.id, kestrel.id, auto_join=True)
    await world.person(kestrel, "Ann")
    for name in await world.database.list_collection_names():
        assert await world.database[name].count_documents({"community_id": None}) == 0, name
    for index in DirectoryRepository.indexes:
        assert index.keys[0][0] == "community_id" or index.name == "of_company"

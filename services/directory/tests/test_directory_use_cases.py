"""Commands on a real MongoDB: what they store and say, once, whoever comes at the same time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from chassis.errors import FieldInvalidError, RequestIdReusedError, TextInvalidError
from chassis.testing import outbox, stored
from guildhall.directory.v1 import directory_pb2 as pb
from guildhall.directory.v1 import domain_events_pb2 as events
from services.directory.domain.person import IdentityLink, provisioned_id
from services.directory.domain.refusals import (
    CompanyNameTakenError,
    IdentityTakenError,
    IdentityUnlinkedError,
    IssuerUnknownError,
    PersonDeactivatedError,
)
from services.directory.tests.conftest import GATEWAY, OPERATOR, World, issuer_of, stamp


def now() -> datetime:
    return datetime.now(UTC)


async def sign_in(world: World, subject: str, request_id: str = "") -> pb.Actor:
    request = pb.SignInRequest(
        request_id=request_id or world.request_id(),
        issuer=issuer_of("Kestrel"),
        subject=subject,
        display_name=subject,
    )
    return (await world.use_cases.persons.sign_in(GATEWAY, request)).actor


async def test_concurrent_first_sign_ins_give_one_person(world: World) -> None:
    aurora = await world.community("aurora")
    kestrel = await world.company("Kestrel")
    await world.enrol(aurora.id, kestrel.id, auto_join=True)
    before = await outbox(world.database)
    actors = await asyncio.gather(*(sign_in(world, "Ann") for _ in range(20)))
    person_id = provisioned_id(IdentityLink(kestrel.issuer, "Ann"))
    assert {actor.person_id for actor in actors} == {person_id}
    assert {actor.memberships[0].community_id for actor in actors} == {aurora.id}
    said = [event for event in await outbox(world.database) if event not in before]
    assert said == [
        events.PersonCreated(person_id=person_id),
        events.MemberJoined(person_id=person_id, community_id=aurora.id, company_id=kestrel.id),
    ]
    assert await world.database["persons"].count_documents({}) == 1
    assert await world.database["members"].count_documents({}) == 1
    entries = await world.database["audit_entries"].find({"action": "SignIn"}).to_list()
    assert sorted((e["community_id"], e["actor"], e["target_id"]) for e in entries) == sorted(
        [("platform", "service:gateway", person_id), (aurora.id, "service:gateway", person_id)]
    )


async def test_later_sign_in_changes_nothing(world: World) -> None:
    await world.company("Kestrel")
    first = await sign_in(world, "Ann", "request-one")
    before = await stored(world.database)
    assert await sign_in(world, "Ann", "request-one") == first
    assert await sign_in(world, "Ann", "request-two") == first
    assert await stored(world.database) == before
    with pytest.raises(RequestIdReusedError):
        await sign_in(world, "Bob", "request-one")
    assert await stored(world.database) == before


async def test_repeated_sign_in_gives_the_keys_of_now(world: World) -> None:
    aurora = await world.community("aurora")
    kestrel = await world.company("Kestrel")
    enrolment = await world.enrol(aurora.id, kestrel.id, auto_join=True)
    assert len((await sign_in(world, "Ann", "request-one")).memberships) == 1
    await world.end_enrolment(enrolment)
    assert len((await sign_in(world, "Ann", "request-one")).memberships) == 0


async def test_sign_in_never_links_by_email(world: World) -> None:
    kestrel, lumen = await world.company("Kestrel"), await world.company("Lumen")
    request = pb.SignInRequest(subject="Ann", email="ann@kestrel.example", display_name="Ann")
    ids = set()
    for company in (kestrel, lumen):
        request.request_id, request.issuer = world.request_id(), company.issuer
        response = await world.use_cases.persons.sign_in(GATEWAY, request)
        ids.add(response.actor.person_id)
    assert len(ids) == 2


async def test_sign_in_finds_whom_the_identity_was_linked_to(world: World) -> None:
    kestrel, lumen = await world.company("Kestrel"), await world.company("Lumen")
    person_id = await world.person(lumen, "Lea")
    link = IdentityLink(kestrel.issuer, "Ann")

    async def link_it() -> object:
        request = pb.LinkIdentityRequest(
            request_id=world.request_id(),
            person_id=person_id,
            identity_link=pb.IdentityLink(issuer=link.issuer, subject=link.subject),
        )
        return await world.use_cases.persons.link_identity(OPERATOR, request)

    linked, signed_in = await asyncio.gather(
        link_it(), sign_in(world, "Ann"), return_exceptions=True
    )
    assert isinstance(signed_in, pb.Actor)
    if isinstance(linked, IdentityTakenError):
        assert signed_in.person_id == provisioned_id(link)
    else:
        assert signed_in.person_id == person_id
    owners = {"identity_links": {"$elemMatch": {"issuer": link.issuer, "subject": "Ann"}}}
    assert await world.database["persons"].count_documents(owners) == 1


async def test_unlinked_identity_provisions_nobody_again(world: World) -> None:
    kestrel = await world.company("Kestrel")
    actor = await sign_in(world, "Ann")
    await world.use_cases.persons.unlink_identity(
        OPERATOR,
        pb.UnlinkIdentityRequest(
            request_id=world.request_id(),
            person_id=actor.person_id,
            identity_link=pb.IdentityLink(issuer=kestrel.issuer, subject="Ann"),
        ),
    )
    before = await stored(world.database)
    with pytest.raises(IdentityUnlinkedError):
        await sign_in(world, "Ann")
    assert await stored(world.database) == before


async def test_sign_in_is_refused_to_unknown_issuers_and_the_deactivated(world: World) -> None:
    await world.company("Lumen")
    before = await stored(world.database)
    with pytest.raises(IssuerUnknownError):
        await sign_in(world, "Ann")
    with pytest.raises(TextInvalidError):
        await sign_in(world, "")
    assert await stored(world.database) == before
    await world.company("Kestrel")
    actor = await sign_in(world, "Ann")
    await world.use_cases.persons.deactivate_person(
        OPERATOR,
        pb.DeactivatePersonRequest(
            request_id=world.request_id(), person_id=actor.person_id, reason="left"
        ),
    )
    before = await stored(world.database)
    with pytest.raises(PersonDeactivatedError):
        await sign_in(world, "Ann")
    assert await stored(world.database) == before


async def test_provisioning_joins_only_what_is_open_and_joins_by_itself(world: World) -> None:
    kestrel = await world.company("Kestrel")
    wanted = await world.community("aurora")
    await world.enrol(wanted.id, kestrel.id, auto_join=True)
    ended = await world.community("borealis")
    await world.end_enrolment(await world.enrol(ended.id, kestrel.id, auto_join=True))
    manual = await world.community("cumulus")
    await world.enrol(manual.id, kestrel.id)
    later = await world.community("dawn")
    await world.stub().CreateEnrolment(
        pb.CreateEnrolmentRequest(
            request_id=world.request_id(),
            community_id=later.id,
            company_id=kestrel.id,
            auto_join=True,
            start_time=stamp(days=-1),
        )
    )
    actor = await sign_in(world, "Ann")
    assert [m.community_id for m in actor.memberships] == [wanted.id]
    (membership,) = actor.memberships
    assert (list(membership.roles), membership.trust_level) == (
        [pb.ROLE_MEMBER],
        pb.TRUST_LEVEL_BASIC,
    )


async def test_people_of_a_vendor_join_nothing_by_themselves(world: World) -> None:
    await world.community("aurora")
    actor = await world.sign_in("Aurora Inc", "Max")
    assert len(actor.memberships) == 0


async def test_move_is_one_command_that_moves_rights(world: World) -> None:
    aurora, borealis = await world.community("aurora"), await world.community("borealis")
    kestrel, lumen = await world.company("Kestrel"), await world.company("Lumen")
    await world.enrol(aurora.id, kestrel.id, auto_join=True)
    await world.enrol(borealis.id, lumen.id, auto_join=True, tier="silver")
    person_id = await world.person(kestrel, "Ann")
    before = await world.database["outbox"].count_documents({})
    request = pb.MovePersonRequest(
        request_id=world.request_id(), person_id=person_id, company_id=lumen.id, expected_version=2
    )
    first = await world.use_cases.persons.move_person(OPERATOR, request)
    assert await world.use_cases.persons.move_person(OPERATOR, request) == first
    said = [
        event
        for event in await outbox(world.database)
        if getattr(event, "person_id", "") == person_id
    ]
    assert said[2:] == [
        events.PersonMoved(person_id=person_id, from_company_id=kestrel.id, to_company_id=lumen.id),
        events.MemberLeft(person_id=person_id, community_id=aurora.id, company_id=kestrel.id),
        events.MemberJoined(person_id=person_id, community_id=borealis.id, company_id=lumen.id),
    ]
    assert await world.database["outbox"].count_documents({}) == before + 3
    actor = await world.resolve("Kestrel", "Ann")
    assert [list(m.keyring) for m in actor.memberships] == [
        [
            f"community:{borealis.id}",
            f"company:{lumen.id}@{borealis.id}",
            f"tier:silver@{borealis.id}",
            f"person:{person_id}",
        ]
    ]
    assert actor.version == first.person.version == 5


async def test_deactivation_takes_all_keys_and_return_gives_them_back(world: World) -> None:
    aurora = await world.community("aurora")
    kestrel = await world.company("Kestrel")
    await world.enrol(aurora.id, kestrel.id, auto_join=True)
    before = await sign_in(world, "Ann")
    persons = world.use_cases.persons
    await persons.deactivate_person(
        OPERATOR,
        pb.DeactivatePersonRequest(
            request_id=world.request_id(), person_id=before.person_id, reason="on leave"
        ),
    )
    member = await world.repository.get_member(aurora.id, before.person_id, None, now())
    assert member.state.value == "FORMER"
    await persons.reactivate_person(
        OPERATOR,
        pb.ReactivatePersonRequest(request_id=world.request_id(), person_id=before.person_id),
    )
    after = await world.resolve("Kestrel", "Ann")
    assert after.memberships == before.memberships
    assert after.version == before.version + 2
    reasons = await world.database["audit_entries"].distinct("reason")
    assert reasons == ["", "on leave"]


async def test_enrolment_that_ends_takes_keys_and_members_within_the_call(world: World) -> None:
    aurora = await world.community("aurora")
    kestrel = await world.company("Kestrel")
    enrolment = await world.enrol(aurora.id, kestrel.id, auto_join=True)
    person_id = (await sign_in(world, "Ann")).person_id
    await world.end_enrolment(enrolment)
    assert len((await world.resolve("Kestrel", "Ann")).memberships) == 0
    again = await world.use_cases.communities.create_enrolment(
        OPERATOR,
        pb.CreateEnrolmentRequest(
            request_id=world.request_id(),
            community_id=aurora.id,
            company_id=kestrel.id,
            end_time=stamp(hours=-1),
        ),
    )
    assert again.enrolment.id == enrolment.id
    actor = await world.resolve("Kestrel", "Ann")
    assert [m.community_id for m in actor.memberships] == [aurora.id]
    assert actor.expire_time == again.enrolment.end_time
    member = await world.repository.get_member(aurora.id, person_id, None, now())
    assert member.state.value == "ACTIVE"


async def test_expire_time_is_the_next_start_as_well(world: World) -> None:
    aurora = await world.community("aurora")
    kestrel = await world.company("Kestrel")
    await world.end_enrolment(await world.enrol(aurora.id, kestrel.id, auto_join=True))
    start = stamp(hours=-2)
    await world.enrol(aurora.id, kestrel.id, auto_join=True)
    actor = await sign_in(world, "Ann")
    assert not actor.HasField("expire_time")
    borealis = await world.community("borealis")
    enrolment = await world.enrol(borealis.id, kestrel.id)
    await world.member(borealis.id, actor.person_id)
    await world.end_enrolment(enrolment)
    reopened = await world.use_cases.communities.create_enrolment(
        OPERATOR,
        pb.CreateEnrolmentRequest(
            request_id=world.request_id(),
            community_id=borealis.id,
            company_id=kestrel.id,
            start_time=start,
        ),
    )
    later = await world.resolve("Kestrel", "Ann")
    assert [m.community_id for m in later.memberships] == [aurora.id]
    assert later.expire_time == reopened.enrolment.start_time


async def test_same_name_at_the_same_time_is_one_company(world: World) -> None:
    async def create(name: str) -> object:
        request = pb.CreateCompanyRequest(
            request_id=world.request_id(), kind=pb.COMPANY_KIND_PARTNER, name=name
        )
        return await world.use_cases.companies.create_company(OPERATOR, request)

    made = await asyncio.gather(
        *(create(name) for name in ("Kestrel", "KESTREL", "kestrél") * 3), return_exceptions=True
    )
    refused = [answer for answer in made if isinstance(answer, CompanyNameTakenError)]
    assert (len(made), len(refused)) == (9, 8)
    assert {refusal.field for refusal in refused} == {"name"}
    assert await world.database["companies"].count_documents({}) == 1
    assert len(await outbox(world.database)) == 1
    assert await world.database["audit_entries"].count_documents({}) == 1


async def test_members_show_the_person_they_are_of(world: World) -> None:
    aurora, borealis = await world.community("aurora"), await world.community("borealis")
    kestrel = await world.company("Kestrel")
    for community in (aurora, borealis):
        await world.enrol(community.id, kestrel.id, auto_join=True)
    person_id = (await sign_in(world, "Ann")).person_id
    removal = pb.RemoveMemberRequest(
        request_id=world.request_id(),
        community_id=borealis.id,
        person_id=person_id,
        reason="gone quiet",
    )
    await world.use_cases.members.remove_member(OPERATOR, removal)
    untouched = await world.repository.get_member(aurora.id, person_id, None, now())
    assert untouched.version == 3  # as at the sign-in: other communities' affairs do not show
    await world.use_cases.persons.update_person(
        OPERATOR,
        pb.UpdatePersonRequest(
            request_id=world.request_id(), person_id=person_id, display_name="Anna"
        ),
    )
    for community, state in ((aurora, "ACTIVE"), (borealis, "FORMER")):
        member = await world.repository.get_member(community.id, person_id, None, now())
        assert (member.display_name, member.state.value, member.version) == ("Anna", state, 5)
    said = [e for e in await outbox(world.database) if isinstance(e, events.PersonUpdated)]
    assert [sorted(e.community_ids) for e in said] == [sorted([aurora.id, borealis.id])]


async def test_bootstrap_makes_one_operator_however_often_it_runs(world: World) -> None:
    bootstrap = world.use_cases.persons.bootstrap_operator
    identity = "https://login.guildhall.example op-1"
    await bootstrap("")
    assert await outbox(world.database) == []
    await asyncio.gather(*(bootstrap(identity) for _ in range(5)))
    before = await stored(world.database)
    await bootstrap(identity)
    assert await stored(world.database) == before
    (event,) = await outbox(world.database)
    assert isinstance(event, events.PersonCreated)
    actor = (
        await world.gateway.ResolveActor(
            pb.ResolveActorRequest(issuer="https://login.guildhall.example", subject="op-1")
        )
    ).actor
    assert (actor.person_id, actor.operator, len(actor.memberships)) == (event.person_id, True, 0)


async def test_bootstrap_promotes_who_is_there_already(world: World) -> None:
    kestrel = await world.company("Kestrel")
    actor = await sign_in(world, "Ann")
    await world.use_cases.persons.bootstrap_operator(f"{kestrel.issuer} Ann")
    promoted = await world.resolve("Kestrel", "Ann")
    assert (promoted.person_id, promoted.operator) == (actor.person_id, True)


@pytest.mark.parametrize("identity", ["x", "https://login.guildhall.example", "ftp://x op"])
async def test_bootstrap_refuses_what_is_no_identity(world: World, identity: str) -> None:
    with pytest.raises((FieldInvalidError, TextInvalidError)):
        await world.use_cases.persons.bootstrap_operator(identity)
    assert await outbox(world.database) == []

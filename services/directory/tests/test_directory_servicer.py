"""Every RPC over real gRPC with real actor tokens: what it gives, to whom, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.actors import Actor
from chassis.keys import territory_key
from chassis.testing import person_actor, service_actor
from guildhall.directory.v1 import directory_pb2 as pb
from guildhall.directory.v1 import domain_events_pb2 as events
from services.directory.tests.conftest import GATEWAY, OPERATOR, Town, issuer_of, stamp


def link(issuer: str = "https://login.other.example", subject: str = "x-1") -> pb.IdentityLink:
    return pb.IdentityLink(issuer=issuer, subject=subject)


STALE = ("VERSION_STALE", "expected_version")

# Who may call what

_OPERATORS: dict[str, dict[str, Any]] = {
    "CreatePerson": {"display_name": "New", "company_id": "kestrel"},
    "LinkIdentity": {"person_id": "ann", "identity_link": link()},
    "UnlinkIdentity": {"person_id": "ann", "identity_link": link(issuer_of("Kestrel"), "Ann")},
    "MovePerson": {"person_id": "ann", "company_id": "lumen"},
    "DeactivatePerson": {"person_id": "ann", "reason": "left"},
    "ReactivatePerson": {"person_id": "ann"},
    "CreateCompany": {"kind": pb.COMPANY_KIND_PARTNER, "name": "New"},
    "UpdateCompany": {"company_id": "kestrel", "name": "New"},
    "ListAllCompanies": {},
    "CreateCommunity": {"slug": "new", "name": "New", "vendor_company_id": "vendor"},
    "ListAuditEntries": {},
}
_MANAGERS: dict[str, dict[str, Any]] = {
    "UpdateCommunity": {"community_id": "aurora", "name": "New"},
    "CreateEnrolment": {"community_id": "aurora", "company_id": "lumen"},
    "UpdateEnrolment": {"community_id": "aurora", "enrolment_id": "enrolment", "tier": "x"},
    "ListEnrolments": {"community_id": "aurora"},
    "CreateMember": {"community_id": "aurora", "person_id": "ben"},
    "UpdateMember": {"community_id": "aurora", "person_id": "ben", "trust_level": 3},
    "RemoveMember": {"community_id": "aurora", "person_id": "ben", "reason": "spam"},
    "ListAuditEntries": {"community_id": "aurora"},
}
_MEMBERS: dict[str, dict[str, Any]] = {
    "GetCompany": {"community_id": "aurora", "company_id": "kestrel"},
    "BatchGetCompanies": {"community_id": "aurora", "company_ids": ["kestrel"]},
    "ListCompanies": {"community_id": "aurora"},
    "GetMember": {"community_id": "aurora", "person_id": "ann"},
    "BatchGetMembers": {"community_id": "aurora", "person_ids": ["ann"]},
    "ListMembers": {"community_id": "aurora"},
}


# Refusals leave all as it is, so one town serves for all RPCs.


async def test_operators_rpcs_are_refused_to_everyone_else(town: Town) -> None:
    for rpc, fields in _OPERATORS.items():
        for actor in (town.ann, town.max, town.lea, GATEWAY, service_actor("forum")):
            assert await town.refused(actor, rpc, **fields) == ("ROLE_REQUIRED", ""), rpc


async def test_managers_rpcs_are_refused_to_members_and_hidden_from_others(town: Town) -> None:
    hidden = ("COMMUNITY_NOT_FOUND", "community_id")
    moderator = person_actor("m", town.aurora.id, roles=["MODERATOR"])
    for rpc, fields in _MANAGERS.items():
        for actor in (town.ann, moderator, service_actor("forum")):
            assert await town.refused(actor, rpc, **fields) == ("ROLE_REQUIRED", ""), rpc
        missing, foreign = ({**fields, "community_id": c} for c in ("nobody", "borealis"))
        assert await town.refused(town.lea, rpc, **fields) == hidden, rpc
        assert await town.refused(town.lea, rpc, **missing) == hidden, rpc
        assert await town.refused(town.max, rpc, **foreign) == hidden, rpc


async def test_members_rpcs_are_hidden_from_outsiders_and_open_to_services(town: Town) -> None:
    hidden = ("COMMUNITY_NOT_FOUND", "community_id")
    for rpc, fields in _MEMBERS.items():
        assert await town.refused(town.lea, rpc, **fields) == hidden, rpc
        missing = {**fields, "community_id": "nobody"}
        assert await town.refused(town.lea, rpc, **missing) == hidden, rpc
        readers = (town.ann, town.max, service_actor("search"))
        seen = [await town.call(actor, rpc, **fields) for actor in readers]
        assert seen[0] == seen[1] == seen[2], rpc
        for_operator = await town.call(OPERATOR, rpc, **fields)
        assert for_operator.ByteSize() >= seen[0].ByteSize() > 0, rpc


async def test_only_the_gateway_asks_who_somebody_is(town: Town) -> None:
    identity = {"issuer": issuer_of("Kestrel"), "subject": "Ann"}
    for rpc in ("ResolveActor", "SignIn"):
        for actor in (town.ann, OPERATOR, service_actor("forum")):
            assert await town.refused(actor, rpc, **identity) == ("ROLE_REQUIRED", ""), rpc


# Actors


async def test_resolve_actor_gives_memberships_and_keys(town: Town) -> None:
    identity = {"issuer": issuer_of("Kestrel"), "subject": "Ann"}
    response = await town.call(GATEWAY, "ResolveActor", **identity)
    keyring = [
        f"community:{town.aurora.id}",
        f"company:{town.kestrel.id}@{town.aurora.id}",
        f"tier:gold@{town.aurora.id}",
        f"person:{town.ann.person_id}",
    ]
    assert response.actor == pb.Actor(
        person_id=town.ann.person_id,
        display_name="Ann",
        memberships=[
            pb.Membership(
                community_id=town.aurora.id,
                company_id=town.kestrel.id,
                roles=[pb.ROLE_MEMBER],
                trust_level=pb.TRUST_LEVEL_BASIC,
                keyring=keyring,
            )
        ],
        version=2,
    )
    assert town.max.keys(town.aurora.id) == (
        f"community:{town.aurora.id}",
        f"company:{town.aurora.vendor_company_id}@{town.aurora.id}",
        f"vendor:{town.aurora.id}",
        f"person:{town.max.person_id}",
        f"moderators:{town.aurora.id}",
        f"role:MANAGER@{town.aurora.id}",
    )


async def test_resolve_person_is_resolve_actor_without_a_token(town: Town) -> None:
    resolved = await town.call(GATEWAY, "ResolvePerson", person_id="ann")
    assert resolved.actor == await town.world.resolve("Kestrel", "Ann")
    nobody = await town.refused(GATEWAY, "ResolvePerson", person_id="nobody")
    assert nobody == ("PERSON_NOT_FOUND", "person_id")
    for actor in (town.ann, OPERATOR, service_actor("forum")):
        assert await town.refused(actor, "ResolvePerson", person_id="ann") == ("ROLE_REQUIRED", "")
    await town.call(OPERATOR, "DeactivatePerson", person_id="ann", reason="left")
    gone = await town.refused(GATEWAY, "ResolvePerson", person_id="ann")
    assert gone == ("PERSON_DEACTIVATED", "")


async def test_batch_resolve_actors_is_resolve_actor_without_those_who_are_nobody(
    town: Town,
) -> None:
    kestrel = issuer_of("Kestrel")
    ann, nobody = (pb.IdentityLink(issuer=kestrel, subject=name) for name in ("Ann", "nobody"))
    max_ = pb.IdentityLink(issuer=issuer_of("Aurora Inc"), subject="Max")
    links = [nobody, max_, ann, ann]
    response = await town.call(GATEWAY, "BatchResolveActors", identity_links=links)
    assert [row.identity_link for row in response.identities] == [max_, ann]
    assert response.identities[1].actor == await town.world.resolve("Kestrel", "Ann")
    await town.call(OPERATOR, "DeactivatePerson", person_id="ann", reason="left")
    response = await town.call(GATEWAY, "BatchResolveActors", identity_links=links)
    assert [row.identity_link for row in response.identities] == [max_]
    for actor in (town.max, OPERATOR, service_actor("forum")):
        refusal = await town.refused(actor, "BatchResolveActors", identity_links=links)
        assert refusal == ("ROLE_REQUIRED", "")
    refusal = await town.refused(GATEWAY, "BatchResolveActors", identity_links=[ann] * 101)
    assert refusal == ("FIELD_INVALID", "identity_links")


async def test_resolve_actor_refuses_the_unknown_and_the_deactivated(town: Town) -> None:
    kestrel = issuer_of("Kestrel")
    for issuer, subject in ((kestrel, "ann"), (kestrel + "/", "Ann"), ("", ""), ("x" * 999, "\0")):
        identity = {"issuer": issuer, "subject": subject}
        assert await town.refused(GATEWAY, "ResolveActor", **identity) == (
            "PERSON_NOT_FOUND",
            "subject",
        )
    await town.call(OPERATOR, "DeactivatePerson", person_id="ann", reason="left")
    identity = {"issuer": kestrel, "subject": "Ann"}
    assert await town.refused(GATEWAY, "ResolveActor", **identity) == ("PERSON_DEACTIVATED", "")


async def test_sign_in_takes_odd_claims(town: Town) -> None:
    response = await town.call(
        GATEWAY,
        "SignIn",
        issuer=issuer_of("Kestrel"),
        subject="odd",
        display_name="\x00\u202e",
        email="not an address",
    )
    person_id = response.actor.person_id
    assert response.actor.display_name == "New member"
    person = (await town.call(OPERATOR, "GetPerson", person_id=person_id)).person
    assert (person.email, person.affiliations[0].company_id) == ("", town.kestrel.id)


async def test_sign_in_refuses_unknown_issuers_and_bad_requests(town: Town) -> None:
    good = {"issuer": issuer_of("Kestrel"), "subject": "New"}
    for bad, refusal in (
        ({"issuer": "https://evil.example"}, ("ISSUER_UNKNOWN", "issuer")),
        ({"issuer": ""}, ("ISSUER_UNKNOWN", "issuer")),
        ({"subject": ""}, ("TEXT_INVALID", "subject")),
        ({"subject": "x" * 256}, ("TEXT_INVALID", "subject")),
        ({"request_id": ""}, ("REQUEST_ID_INVALID", "request_id")),
    ):
        assert await town.refused(GATEWAY, "SignIn", **{**good, **bad}) == refusal


# Persons


async def test_person_is_seen_by_itself_and_operator_only(town: Town) -> None:
    own = (await town.call(town.ann, "GetPerson", person_id="ann")).person
    assert own == (await town.call(OPERATOR, "GetPerson", person_id="ann")).person
    assert (own.display_name, own.email) == ("Ann", "ann@mail.example")
    assert own.identity_links == [link(issuer_of("Kestrel"), "Ann")]
    refusal = ("PERSON_NOT_FOUND", "person_id")
    for actor in (town.ben, town.max, town.lea):
        assert await town.refused(actor, "GetPerson", person_id="ann") == refusal
        assert await town.refused(actor, "GetPerson", person_id="nobody") == refusal
    assert await town.refused(OPERATOR, "GetPerson", person_id="nobody") == refusal
    assert await town.refused(GATEWAY, "GetPerson", person_id="ann") == ("ROLE_REQUIRED", "")


async def test_batch_of_persons_is_oneself_and_for_operators_all(town: Town) -> None:
    ids = ["ben", "ann", "nobody", "ann"]
    own = (await town.call(town.ann, "GetPerson", person_id="ann")).person
    assert list((await town.call(town.ann, "BatchGetPersons", person_ids=ids)).persons) == [own]
    for actor in (town.max, town.lea):
        assert not (await town.call(actor, "BatchGetPersons", person_ids=ids)).persons
    found = (await town.call(OPERATOR, "BatchGetPersons", person_ids=ids)).persons
    assert sorted(person.display_name for person in found) == ["Ann", "Ben"]
    many = {"person_ids": ["x"] * 101}
    refusal = ("FIELD_INVALID", "person_ids")
    assert await town.refused(town.ann, "BatchGetPersons", **many) == refusal
    assert await town.refused(GATEWAY, "BatchGetPersons", person_ids=ids) == ("ROLE_REQUIRED", "")


async def test_create_person_by_hand(town: Town) -> None:
    fields = {
        "display_name": " Kim  Lee ",
        "email": "kim@kestrel.example",
        "company_id": "kestrel",
        "identity_links": [link()],
        "request_id": "request-kim",
    }
    person = (await town.call(OPERATOR, "CreatePerson", **fields)).person
    assert (await town.call(OPERATOR, "CreatePerson", **fields)).person == person
    assert (person.display_name, person.email) == ("Kim Lee", "kim@kestrel.example")
    assert (person.state, person.version) == (pb.PERSON_STATE_ACTIVE, 1)
    assert [a.company_id for a in person.affiliations] == [town.kestrel.id]
    assert events.PersonCreated(person_id=person.id) in await town.said()
    assert (await town.trail(""))[0] == ("operator", "CreatePerson", person.id, "")
    for bad, refusal in (
        ({"display_name": ""}, ("TEXT_INVALID", "display_name")),
        ({"display_name": "x" * 81}, ("TEXT_INVALID", "display_name")),
        ({"display_name": "a\x07"}, ("TEXT_INVALID", "display_name")),
        ({"email": "x"}, ("FIELD_INVALID", "email")),
        ({"company_id": ""}, ("COMPANY_NOT_FOUND", "company_id")),
        ({"company_id": "nobody"}, ("COMPANY_NOT_FOUND", "company_id")),
        ({}, ("IDENTITY_TAKEN", "identity_links.0")),
        ({"identity_links": [link("x")]}, ("FIELD_INVALID", "identity_links.0.issuer")),
        ({"identity_links": [link(subject="")]}, ("TEXT_INVALID", "identity_links.0.subject")),
        ({"identity_links": [link(subject="y")] * 2}, ("IDENTITY_TAKEN", "identity_link")),
        ({"request_id": "short"}, ("REQUEST_ID_INVALID", "request_id")),
        (
            {"display_name": "Other", "request_id": "request-kim"},
            ("REQUEST_ID_REUSED", "request_id"),
        ),
    ):
        wrong = {**fields, "request_id": town.world.request_id(), **bad}
        assert await town.refused(OPERATOR, "CreatePerson", **wrong) == refusal


async def test_update_person(town: Town) -> None:
    renamed = await town.call(town.ann, "UpdatePerson", person_id="ann", display_name="Anna")
    assert (renamed.person.display_name, renamed.person.version) == ("Anna", 3)
    member = await town.call(town.ben, "GetMember", community_id="aurora", person_id="ann")
    assert member.member.display_name == "Anna"
    said = events.PersonUpdated(person_id=town.ann.person_id, community_ids=[town.aurora.id])
    assert said in await town.said()
    again = await town.call(town.ann, "UpdatePerson", person_id="ann", display_name="Anna")
    assert again == renamed  # nothing changed
    await town.call(OPERATOR, "UpdatePerson", person_id="ann", email="")
    for actor, fields, refusal in (
        (town.ann, {"email": "x@y.example"}, ("ROLE_REQUIRED", "email")),
        (town.ben, {"display_name": "B"}, ("PERSON_NOT_FOUND", "person_id")),
        (town.max, {"display_name": "B"}, ("PERSON_NOT_FOUND", "person_id")),
        (OPERATOR, {"email": "x"}, ("FIELD_INVALID", "email")),
        (OPERATOR, {"display_name": " "}, ("TEXT_INVALID", "display_name")),
        (OPERATOR, {"display_name": "B", "expected_version": 1}, STALE),
        (OPERATOR, {"person_id": "nobody"}, ("PERSON_NOT_FOUND", "person_id")),
    ):
        assert (
            await town.refused(actor, "UpdatePerson", **{"person_id": "ann", **fields}) == refusal
        )


async def test_identities_are_linked_and_unlinked(town: Town) -> None:
    linked = await town.call(OPERATOR, "LinkIdentity", person_id="ann", identity_link=link())
    assert len(linked.person.identity_links) == 2
    other = await town.call(GATEWAY, "ResolveActor", issuer=link().issuer, subject="x-1")
    assert other.actor.person_id == town.ann.person_id
    taken = ("IDENTITY_TAKEN", "identity_link")
    for person in ("ann", "ben"):
        fields = {"person_id": person, "identity_link": link()}
        assert await town.refused(OPERATOR, "LinkIdentity", **fields) == taken
    for wrong, refusal in (
        (("nobody", link(subject="z")), ("PERSON_NOT_FOUND", "person_id")),
        (("ann", pb.IdentityLink()), ("TEXT_INVALID", "identity_link.issuer")),
        (("ann", link("http://x.example")), ("FIELD_INVALID", "identity_link.issuer")),
        (("ann", link(subject=" ")), ("TEXT_INVALID", "identity_link.subject")),
    ):
        fields = {"person_id": wrong[0], "identity_link": wrong[1]}
        assert await town.refused(OPERATOR, "LinkIdentity", **fields) == refusal
    stale = {"person_id": "ann", "expected_version": linked.person.version - 1}
    for rpc in ("LinkIdentity", "UnlinkIdentity"):
        assert await town.refused(OPERATOR, rpc, **stale, identity_link=link()) == STALE
    seen = {"person_id": "ann", "expected_version": linked.person.version}
    unlinked = await town.call(OPERATOR, "UnlinkIdentity", **seen, identity_link=link())
    assert unlinked.person.identity_links == [link(issuer_of("Kestrel"), "Ann")]
    changed = events.IdentityLinksChanged(person_id=town.ann.person_id)
    assert (await town.said()).count(changed) == 2
    for person, refusal in (
        ("ann", ("IDENTITY_NOT_FOUND", "identity_link")),
        ("nobody", ("PERSON_NOT_FOUND", "person_id")),
    ):
        fields = {"person_id": person, "identity_link": link()}
        assert await town.refused(OPERATOR, "UnlinkIdentity", **fields) == refusal
    await town.call(OPERATOR, "LinkIdentity", person_id="ben", identity_link=link())


async def test_move_person(town: Town) -> None:
    moved = await town.call(OPERATOR, "MovePerson", person_id="ann", company_id="lumen")
    assert [a.company_id for a in moved.person.affiliations] == [town.kestrel.id, town.lumen.id]
    assert moved.person.affiliations[0].HasField("end_time")
    actor = await town.world.actor("Kestrel", "Ann")
    assert set(actor.memberships) == {town.borealis.id}
    for community, state in (
        ("aurora", pb.MEMBER_STATE_FORMER),
        ("borealis", pb.MEMBER_STATE_ACTIVE),
    ):
        place = {"community_id": community, "person_id": "ann"}
        member = (await town.call(OPERATOR, "GetMember", **place)).member
        assert member.state == state
    assert ("operator", "MovePerson", town.ann.person_id, "") in await town.trail(town.aurora.id)
    assert ("operator", "MovePerson", town.ann.person_id, "") in await town.trail("")
    for fields, refusal in (
        ({"company_id": "lumen"}, ("ALREADY_AFFILIATED", "company_id")),
        ({"company_id": "nobody"}, ("COMPANY_NOT_FOUND", "company_id")),
        ({"company_id": ""}, ("COMPANY_NOT_FOUND", "company_id")),
        ({"company_id": "kestrel", "expected_version": 1}, STALE),
        ({"company_id": "kestrel", "person_id": "nobody"}, ("PERSON_NOT_FOUND", "person_id")),
    ):
        assert (
            await town.refused(OPERATOR, "MovePerson", **{"person_id": "ann", **fields}) == refusal
        )
    back = await town.call(OPERATOR, "MovePerson", person_id="ann", company_id="kestrel")
    assert back.person.version == moved.person.version + 3
    assert set((await town.world.actor("Kestrel", "Ann")).memberships) == {town.aurora.id}


async def test_deactivate_and_reactivate_person(town: Town) -> None:
    for fields, refusal in (
        ({"person_id": "ann", "reason": " "}, ("REASON_REQUIRED", "reason")),
        ({"person_id": "ann", "reason": "x" * 1001}, ("TEXT_INVALID", "reason")),
        ({"person_id": "nobody", "reason": "x"}, ("PERSON_NOT_FOUND", "person_id")),
        ({"person_id": "ann", "reason": "x", "expected_version": 99}, STALE),
    ):
        assert await town.refused(OPERATOR, "DeactivatePerson", **fields) == refusal
    gone = await town.call(OPERATOR, "DeactivatePerson", person_id="ann", reason="left us")
    assert gone.person.state == pb.PERSON_STATE_DEACTIVATED
    ids: dict[str, Any] = {"person_id": town.ann.person_id, "community_ids": [town.aurora.id]}
    assert events.PersonDeactivated(**ids) in await town.said()
    assert (await town.trail(""))[0] == (
        "operator",
        "DeactivatePerson",
        town.ann.person_id,
        "left us",
    )
    listed = await town.call(town.max, "ListMembers", community_id="aurora")
    assert [m.display_name for m in listed.members] == ["Ben", "Max"]
    again = {"person_id": "ann", "reason": "x"}
    assert await town.refused(OPERATOR, "DeactivatePerson", **again) == (
        "PERSON_DEACTIVATED",
        "person_id",
    )
    move = {"person_id": "ann", "company_id": "lumen"}
    assert (await town.refused(OPERATOR, "MovePerson", **move))[0] == "PERSON_DEACTIVATED"
    again = {"person_id": "ann", "expected_version": gone.person.version - 1}
    assert await town.refused(OPERATOR, "ReactivatePerson", **again) == STALE
    again["expected_version"] = gone.person.version
    back = await town.call(OPERATOR, "ReactivatePerson", **again)
    assert back.person.state == pb.PERSON_STATE_ACTIVE
    assert events.PersonReactivated(**ids) in await town.said()
    for person, refusal in (
        ("ann", ("PERSON_ACTIVE", "person_id")),
        ("nobody", ("PERSON_NOT_FOUND", "person_id")),
    ):
        assert await town.refused(OPERATOR, "ReactivatePerson", person_id=person) == refusal
    assert await town.world.actor("Kestrel", "Ann") == town.ann


# Companies


async def test_create_company(town: Town) -> None:
    fields = {
        "kind": pb.COMPANY_KIND_PARTNER,
        "name": "Heron",
        "description": "Fishers.\r\nQuick.",
        "website": "https://heron.example",
        "issuer": "http://127.0.0.1:9000/heron",
        "request_id": "request-heron",
    }
    company = (await town.call(OPERATOR, "CreateCompany", **fields)).company
    assert (await town.call(OPERATOR, "CreateCompany", **fields)).company == company
    assert (company.description, company.issuer) == ("Fishers.\nQuick.", fields["issuer"])
    assert (await town.said()).count(events.CompanyCreated(company_id=company.id)) == 1
    for bad, refusal in (
        ({"kind": 0}, ("FIELD_INVALID", "kind")),
        ({"kind": 7}, ("FIELD_INVALID", "kind")),
        ({"name": ""}, ("TEXT_INVALID", "name")),
        ({"name": "x" * 81}, ("TEXT_INVALID", "name")),
        ({"name": "HERON"}, ("COMPANY_NAME_TAKEN", "name")),
        ({"name": "Egret"}, ("ISSUER_TAKEN", "issuer")),
        ({"name": "Egret", "description": "x" * 601}, ("TEXT_INVALID", "description")),
        ({"name": "Egret", "website": "http://x.example"}, ("FIELD_INVALID", "website")),
        ({"name": "Egret", "issuer": "http://x.example"}, ("FIELD_INVALID", "issuer")),
        ({"name": "Egret", "request_id": "request-heron"}, ("REQUEST_ID_REUSED", "request_id")),
    ):
        wrong = {**fields, "request_id": town.world.request_id(), **bad}
        assert await town.refused(OPERATOR, "CreateCompany", **wrong) == refusal
    for name in ("Egret", "Ibis"):  # any number may have no issuer
        await town.call(OPERATOR, "CreateCompany", kind=1, name=name)


async def test_update_company(town: Town) -> None:
    changed = await town.call(
        OPERATOR, "UpdateCompany", company_id="kestrel", name="Kestrel AG", issuer=""
    )
    company = changed.company
    assert (company.name, company.issuer, company.version) == ("Kestrel AG", "", 2)
    event = events.CompanyUpdated(company_id=town.kestrel.id, community_ids=[town.aurora.id])
    assert event in await town.said()
    vendor = await town.call(OPERATOR, "UpdateCompany", company_id="vendor", description="We.")
    event = events.CompanyUpdated(company_id=vendor.company.id, community_ids=[town.aurora.id])
    assert event in await town.said()
    same = await town.call(OPERATOR, "UpdateCompany", company_id="kestrel", name="Kestrel AG")
    assert same.company == company
    for bad, refusal in (
        ({"company_id": "nobody"}, ("COMPANY_NOT_FOUND", "company_id")),
        ({"name": "lumen"}, ("COMPANY_NAME_TAKEN", "name")),
        ({"issuer": issuer_of("Lumen")}, ("ISSUER_TAKEN", "issuer")),
        ({"name": "\t"}, ("TEXT_INVALID", "name")),
        ({"website": "x"}, ("FIELD_INVALID", "website")),
        ({"name": "K", "expected_version": 1}, STALE),
    ):
        wrong = {"company_id": "kestrel", **bad}
        assert await town.refused(OPERATOR, "UpdateCompany", **wrong) == refusal


async def test_company_is_seen_where_it_is_or_was(town: Town) -> None:
    for actor, issuer in ((town.ann, ""), (OPERATOR, issuer_of("Kestrel"))):
        fields = {"community_id": "aurora", "company_id": "kestrel"}
        company = (await town.call(actor, "GetCompany", **fields)).company
        assert (company.name, company.issuer) == ("Kestrel", issuer)
    vendor = await town.call(town.ann, "GetCompany", community_id="aurora", company_id="vendor")
    assert vendor.company.kind == pb.COMPANY_KIND_VENDOR
    hidden = ("COMPANY_NOT_FOUND", "company_id")
    for company_id in ("lumen", "nobody", ""):
        fields = {"community_id": "aurora", "company_id": company_id}
        for actor in (town.ann, OPERATOR):
            assert await town.refused(actor, "GetCompany", **fields) == hidden
    await town.world.end_enrolment(town.enrolment)
    fields = {"community_id": "aurora", "company_id": "kestrel"}
    assert (await town.call(town.max, "GetCompany", **fields)).company.name == "Kestrel"


async def test_batch_of_companies_leaves_out_what_is_not_there(town: Town) -> None:
    ids = ["kestrel", "lumen", "vendor", "nobody", "kestrel"]
    found = await town.call(town.ann, "BatchGetCompanies", community_id="aurora", company_ids=ids)
    assert sorted(company.name for company in found.companies) == ["Aurora Inc", "Kestrel"]
    assert {company.issuer for company in found.companies} == {""}
    many = {"community_id": "aurora", "company_ids": ["x"] * 101}
    refusal = ("FIELD_INVALID", "company_ids")
    assert await town.refused(town.ann, "BatchGetCompanies", **many) == refusal


async def test_list_companies(town: Town) -> None:
    page = await town.call(town.ann, "ListCompanies", community_id="aurora", page_size=1)
    assert [company.name for company in page.companies] == ["Aurora Inc"]
    page = await town.call(
        town.ann, "ListCompanies", community_id="aurora", page_token=page.next_page_token
    )
    assert ([c.name for c in page.companies], page.next_page_token) == (["Kestrel"], "")
    bad = {"community_id": "aurora", "page_token": "x"}
    assert await town.refused(town.ann, "ListCompanies", **bad) == (
        "PAGE_TOKEN_INVALID",
        "page_token",
    )
    missing = {"community_id": "nobody"}
    assert (await town.refused(OPERATOR, "ListCompanies", **missing))[0] == "COMMUNITY_NOT_FOUND"


async def test_list_all_companies(town: Town) -> None:
    page = await town.call(OPERATOR, "ListAllCompanies")
    names = ["Aurora Inc", "Borealis Inc", "Kestrel", "Lumen"]
    assert [company.name for company in page.companies] == names
    assert page.companies[2].issuer == issuer_of("Kestrel")


# Communities


async def test_create_community(town: Town) -> None:
    fields = {
        "slug": "cumulus",
        "name": "Cumulus",
        "vendor_company_id": "vendor",
        "request_id": "request-cumulus",
    }
    community = (await town.call(OPERATOR, "CreateCommunity", **fields)).community
    assert (await town.call(OPERATOR, "CreateCommunity", **fields)).community == community
    vendor_id = town.aurora.vendor_company_id
    event = events.CommunityCreated(community_id=community.id, vendor_company_id=vendor_id)
    assert (await town.said()).count(event) == 1
    entry = ("operator", "CreateCommunity", community.id, "")
    assert await town.trail(community.id) == [entry]
    assert (await town.trail(""))[0] == entry
    for bad, refusal in (
        ({"slug": "aurora"}, ("COMMUNITY_SLUG_TAKEN", "slug")),
        ({"slug": "A b"}, ("FIELD_INVALID", "slug")),
        ({"slug": "new", "name": ""}, ("TEXT_INVALID", "name")),
        ({"slug": "new", "description": "x" * 601}, ("TEXT_INVALID", "description")),
        ({"slug": "new", "vendor_company_id": "kestrel"}, ("NOT_A_VENDOR", "vendor_company_id")),
        ({"slug": "new", "vendor_company_id": ""}, ("COMPANY_NOT_FOUND", "vendor_company_id")),
    ):
        wrong = {**fields, "request_id": town.world.request_id(), **bad}
        assert await town.refused(OPERATOR, "CreateCommunity", **wrong) == refusal


async def test_update_community(town: Town) -> None:
    fields = {"community_id": "aurora", "name": "Aurora+", "description": "All."}
    changed = (await town.call(town.max, "UpdateCommunity", **fields)).community
    assert (changed.name, changed.slug, changed.version) == ("Aurora+", "aurora", 2)
    assert events.CommunityUpdated(community_id=town.aurora.id) in await town.said()
    assert (await town.call(OPERATOR, "UpdateCommunity", **fields)).community == changed
    for actor, bad, refusal in (
        (OPERATOR, {"community_id": "nobody"}, ("COMMUNITY_NOT_FOUND", "community_id")),
        (town.max, {"name": ""}, ("TEXT_INVALID", "name")),
        (town.max, {"description": "\x00"}, ("TEXT_INVALID", "description")),
        (town.max, {"expected_version": 1}, STALE),
    ):
        assert await town.refused(actor, "UpdateCommunity", **{**fields, **bad}) == refusal


async def test_community_is_seen_by_its_members(town: Town) -> None:
    for actor in (town.ann, OPERATOR, service_actor("forum")):
        for place in ({"community_id": "aurora"}, {"slug": "aurora"}):
            if "slug" in place:
                request = pb.GetCommunityRequest(slug="aurora")
                found = await town.world.stub(actor).GetCommunity(request)
            else:
                found = await town.call(actor, "GetCommunity", **place)
            assert found.community == town.aurora
    for actor, community in ((town.lea, "aurora"), (town.lea, "nobody"), (OPERATOR, "nobody")):
        assert await town.refused(actor, "GetCommunity", community_id=community) == (
            "COMMUNITY_NOT_FOUND",
            "community_id",
        )
    for slug, field in (("cumulus", "slug"), ("", "community_id")):
        assert await town.refused(town.lea, "GetCommunity", slug=slug) == (
            "COMMUNITY_NOT_FOUND",
            field,
        )


async def test_batch_and_list_of_communities_hold_what_is_visible(town: Town) -> None:
    ids = ["aurora", "borealis", "nobody"]
    for actor, names in (
        (town.ann, ["Aurora"]),
        (town.lea, ["Borealis"]),
        (OPERATOR, ["Aurora", "Borealis"]),
        (service_actor("search"), ["Aurora", "Borealis"]),
        (Actor(person_id="stranger"), []),
    ):
        batch = await town.call(actor, "BatchGetCommunities", community_ids=ids)
        assert sorted(community.name for community in batch.communities) == names
        listed = await town.call(actor, "ListCommunities")
        assert [community.name for community in listed.communities] == names
    many = {"community_ids": ["x"] * 101}
    refusal = ("FIELD_INVALID", "community_ids")
    assert await town.refused(town.ann, "BatchGetCommunities", **many) == refusal
    page = await town.call(OPERATOR, "ListCommunities", page_size=1)
    page = await town.call(OPERATOR, "ListCommunities", page_token=page.next_page_token)
    assert ([c.name for c in page.communities], page.next_page_token) == (["Borealis"], "")


# Enrolments


async def test_create_enrolment(town: Town) -> None:
    fields = {
        "community_id": "aurora",
        "company_id": "lumen",
        "partner_type": "reseller",
        "tier": "silver",
        "verticals": ["health", "health", "retail"],
        "territories": ["DE"],
        "auto_join": True,
        "request_id": "request-enrol",
    }
    enrolment = (await town.call(town.max, "CreateEnrolment", **fields)).enrolment
    assert (await town.call(town.max, "CreateEnrolment", **fields)).enrolment == enrolment
    assert (list(enrolment.verticals), enrolment.version) == (["health", "retail"], 1)
    assert not enrolment.HasField("end_time")
    ids = {"community_id": town.aurora.id, "company_id": town.lumen.id}
    event = events.CompanyEnrolled(enrolment_id=enrolment.id, **ids)
    assert (await town.said()).count(event) == 1
    entry = (town.max.person_id, "CreateEnrolment", enrolment.id, "")
    assert (await town.trail(town.aurora.id))[0] == entry
    taken = ("ALREADY_ENROLLED", "company_id")
    for bad, refusal in (
        ({}, taken),
        ({"company_id": "vendor"}, taken),
        ({"company_id": "nobody"}, ("COMPANY_NOT_FOUND", "company_id")),
        ({"tier": "x" * 41}, ("TEXT_INVALID", "tier")),
        ({"partner_type": "\x1b"}, ("TEXT_INVALID", "partner_type")),
        ({"verticals": ["x"] * 21}, ("FIELD_INVALID", "verticals")),
        ({"territories": ["x", ""]}, ("TEXT_INVALID", "territories.1")),
        ({"start_time": Timestamp(seconds=1 << 60)}, ("FIELD_INVALID", "start_time")),
        ({"end_time": Timestamp(nanos=-5)}, ("FIELD_INVALID", "end_time")),
    ):
        wrong = {**fields, "request_id": town.world.request_id(), **bad}
        assert await town.refused(town.max, "CreateEnrolment", **wrong) == refusal
    late = {"community_id": "borealis", "company_id": "kestrel", "end_time": stamp(days=1)}
    assert await town.refused(OPERATOR, "CreateEnrolment", **late) == ("FIELD_INVALID", "end_time")
    for community in ("nobody", ""):
        missing = {"community_id": community, "company_id": "kestrel"}
        assert await town.refused(OPERATOR, "CreateEnrolment", **missing) == (
            "COMMUNITY_NOT_FOUND",
            "community_id",
        )


async def test_update_enrolment(town: Town) -> None:
    fields = {"community_id": "aurora", "enrolment_id": "enrolment"}
    changed = await town.call(
        town.max,
        "UpdateEnrolment",
        **fields,
        tier="platinum",
        verticals=["health"],
        update_verticals=True,
        territories=["ignored"],
        auto_join=False,
    )
    enrolment = changed.enrolment
    assert (enrolment.tier, list(enrolment.verticals), list(enrolment.territories)) == (
        "platinum",
        ["health"],
        [],
    )
    ids = {"community_id": town.aurora.id, "company_id": town.kestrel.id}
    assert events.EnrolmentUpdated(enrolment_id=enrolment.id, **ids) in await town.said()
    assert f"tier:platinum@{town.aurora.id}" in (
        (await town.world.actor("Kestrel", "Ann")).keys(town.aurora.id)
    )
    same = await town.call(town.max, "UpdateEnrolment", **fields, tier="platinum")
    assert same.enrolment == enrolment
    for bad, refusal in (
        ({"enrolment_id": "nobody"}, ("ENROLMENT_NOT_FOUND", "enrolment_id")),
        ({"tier": "x" * 41}, ("TEXT_INVALID", "tier")),
        ({"territories": ["x"] * 21, "update_territories": True}, ("FIELD_INVALID", "territories")),
        ({"end_time": stamp(days=2)}, ("FIELD_INVALID", "end_time")),
        ({"end_time": Timestamp(seconds=-(1 << 50))}, ("FIELD_INVALID", "end_time")),
        ({"tier": "a", "expected_version": 9}, STALE),
    ):
        assert await town.refused(town.max, "UpdateEnrolment", **{**fields, **bad}) == refusal
    foreign = {"community_id": "borealis", "enrolment_id": "enrolment"}
    assert (await town.refused(OPERATOR, "UpdateEnrolment", **foreign))[0] == "ENROLMENT_NOT_FOUND"
    await town.call(town.max, "UpdateEnrolment", **fields, end_time=stamp(seconds=1))
    assert (await town.world.actor("Kestrel", "Ann")).memberships == {}
    listed = await town.call(town.max, "ListMembers", community_id="aurora")
    assert [member.display_name for member in listed.members] == ["Max"]


async def test_what_a_company_can_do_is_spelled_as_tags_are(town: Town) -> None:
    fields = {"community_id": "aurora", "enrolment_id": "enrolment"}
    said = len(await town.said())
    given = {"capabilities": [" SAP", "sap", "C++", "H\u00e9"], "update_capabilities": True}
    changed = (await town.call(town.max, "UpdateEnrolment", **fields, **given)).enrolment
    assert list(changed.capabilities) == ["sap", "c++", "h\u00e9"]
    assert changed.version == town.enrolment.version + 1
    assert list(changed.verticals) == list(town.enrolment.verticals)
    ids = {"community_id": town.aurora.id, "company_id": town.kestrel.id}
    assert (await town.said())[said:] == [events.EnrolmentUpdated(enrolment_id=changed.id, **ids)]
    for same in (given, {"capabilities": ["radio"]}):
        again = await town.call(town.max, "UpdateEnrolment", **fields, **same)
        assert again.enrolment == changed
    listed = await town.call(town.max, "ListEnrolments", community_id="aurora")
    assert list(listed.enrolments) == [changed]
    for capabilities, field in (
        (["two words"], "capabilities.0"),
        (["sap", ""], "capabilities.1"),
        (["x" * 36], "capabilities.0"),
        (["\u0441\u0430\u0440"], "capabilities.0"),  # looks like "cap"
        ([f"c{n}" for n in range(21)], "capabilities"),
    ):
        bad = {"capabilities": capabilities, "update_capabilities": True}
        refused = await town.refused(town.max, "UpdateEnrolment", **fields, **bad)
        assert refused == ("CAPABILITIES_INVALID", field)
        new = {"community_id": "aurora", "company_id": "lumen", "capabilities": capabilities}
        refused = await town.refused(town.max, "CreateEnrolment", **new)
        assert refused == ("CAPABILITIES_INVALID", field)
    stale = {**given, "capabilities": [], "expected_version": 9}
    assert await town.refused(town.max, "UpdateEnrolment", **fields, **stale) == STALE
    empty = {"update_capabilities": True}
    emptied = await town.call(town.max, "UpdateEnrolment", **fields, **empty)
    assert list(emptied.enrolment.capabilities) == []
    most = {"company_id": "lumen", "capabilities": [f"c{n}" for n in range(20)]}
    made = await town.call(town.max, "CreateEnrolment", community_id="aurora", **most)
    assert list(made.enrolment.capabilities) == most["capabilities"]


async def test_capable_members_are_those_of_companies_that_can_do_it(town: Town) -> None:
    forum = service_actor("forum")

    async def capable(*capabilities: str, community: str = "aurora") -> dict[str, int]:
        asked = {"community_id": community, "capabilities": list(capabilities)}
        whole = await town.call(forum, "ListCapableMembers", **asked, page_size=500)
        found, token = [], ""
        for _ in whole.capable_members:
            page = await town.call(
                forum, "ListCapableMembers", **asked, page_size=1, page_token=token
            )
            found += page.capable_members
            token = page.next_page_token
        assert (found, token) == (list(whole.capable_members), "")
        assert {m.company_id for m in found} <= {town.kestrel.id, town.lumen.id}
        return {m.person_id: m.shared_capabilities for m in found}

    async def can(community: str, enrolment: str, *capabilities: str) -> None:
        fields = {"community_id": community, "enrolment_id": enrolment}
        given = {"capabilities": list(capabilities), "update_capabilities": True}
        await town.call(OPERATOR, "UpdateEnrolment", **fields, **given)

    ann, ben, lea = town.ann.person_id, town.ben.person_id, town.lea.person_id
    assert await capable("sap") == {}
    await can("aurora", "enrolment", "sap", "radio")
    assert await capable("sap") == {ann: 1, ben: 1}
    assert await capable("SAP", "radio", "c++") == {ann: 2, ben: 2}
    assert await capable("c++") == {}
    assert await capable("sap", community="borealis") == {}
    other = {"community_id": "aurora", "company_id": "lumen", "capabilities": ["c++", "sap"]}
    await town.call(OPERATOR, "CreateEnrolment", **other)
    assert await capable("radio", "sap") == {ann: 2, ben: 2}
    await town.call(OPERATOR, "CreateMember", community_id="aurora", person_id=lea)
    assert await capable("radio", "sap") == {ann: 2, ben: 2, lea: 1}
    gone = {"person_id": "ann", "reason": "left"}
    await town.call(OPERATOR, "RemoveMember", community_id="aurora", **gone)
    assert await capable("sap") == {ben: 1, lea: 1}
    await town.call(OPERATOR, "DeactivatePerson", person_id="ben", reason="left")
    assert await capable("sap") == {lea: 1}
    await town.call(OPERATOR, "ReactivatePerson", person_id="ben")
    await town.world.end_enrolment(town.enrolment)
    assert await capable("sap") == {lea: 1}


async def test_capable_members_are_told_to_services_only(town: Town) -> None:
    asked = {"community_id": "aurora", "capabilities": ["sap"]}
    for actor in (town.ann, town.max, town.lea, OPERATOR):
        refused = await town.refused(actor, "ListCapableMembers", **asked)
        assert refused == ("ROLE_REQUIRED", "")
    forum = service_actor("forum")
    for bad, field in (
        ([], "capabilities"),
        (["two words"], "capabilities.0"),
        ([f"c{n}" for n in range(21)], "capabilities"),
    ):
        refused = await town.refused(forum, "ListCapableMembers", **{**asked, "capabilities": bad})
        assert refused == ("CAPABILITIES_INVALID", field)
    refused = await town.refused(forum, "ListCapableMembers", **asked, page_token="x")
    assert refused == ("PAGE_TOKEN_INVALID", "page_token")


async def test_list_enrolments(town: Town) -> None:
    listed = await town.call(town.max, "ListEnrolments", community_id="aurora")
    assert [e.company_id for e in listed.enrolments] == [town.kestrel.id]
    assert listed.enrolments[0] == town.enrolment


# Members


async def test_create_member(town: Town) -> None:
    await town.call(OPERATOR, "MovePerson", person_id="lea", company_id="kestrel")
    removal = {"community_id": "aurora", "person_id": "lea", "reason": "not yet"}
    await town.call(town.max, "RemoveMember", **removal)
    fields = {
        "community_id": "aurora",
        "person_id": "lea",
        "roles": [pb.ROLE_MODERATOR],
        "trust_level": pb.TRUST_LEVEL_REGULAR,
        "request_id": "request-member",
    }
    member = (await town.call(town.max, "CreateMember", **fields)).member
    assert (await town.call(town.max, "CreateMember", **fields)).member == member
    assert (list(member.roles), member.trust_level, member.state) == (
        [pb.ROLE_MEMBER, pb.ROLE_MODERATOR],
        pb.TRUST_LEVEL_REGULAR,
        pb.MEMBER_STATE_ACTIVE,
    )
    seen = await town.call(town.ann, "GetMember", community_id="aurora", person_id="lea")
    assert seen.member == member
    ids = {"person_id": town.lea.person_id, "community_id": town.aurora.id}
    said = [
        e for e in await town.said() if e == events.MemberJoined(company_id=town.kestrel.id, **ids)
    ]
    assert len(said) == 2  # with the move and now
    lea = await town.world.actor("Lumen", "Lea")
    assert f"moderators:{town.aurora.id}" in lea.keys(town.aurora.id)
    assert (await town.trail(town.aurora.id))[0][:2] == (town.max.person_id, "CreateMember")
    assert "CreateMember" not in [action for _, action, *_ in await town.trail("")]
    for bad, refusal in (
        ({}, ("ALREADY_MEMBER", "person_id")),
        ({"roles": [0]}, ("FIELD_INVALID", "roles.0")),
        ({"roles": [1, 99]}, ("FIELD_INVALID", "roles.1")),
        ({"trust_level": 99}, ("FIELD_INVALID", "trust_level")),
    ):
        wrong = {**fields, "request_id": town.world.request_id(), **bad}
        assert await town.refused(town.max, "CreateMember", **wrong) == refusal


async def test_create_member_hides_people_of_companies_from_elsewhere(town: Town) -> None:
    for person, told_operator in (("lea", "COMPANY_NOT_ENROLLED"), ("nobody", "PERSON_NOT_FOUND")):
        fields = {"community_id": "aurora", "person_id": person}
        for actor, reason in ((town.max, "PERSON_NOT_FOUND"), (OPERATOR, told_operator)):
            assert await town.refused(actor, "CreateMember", **fields) == (reason, "person_id")
    missing = {"community_id": "nobody", "person_id": "lea"}
    assert (await town.refused(OPERATOR, "CreateMember", **missing))[0] == "COMMUNITY_NOT_FOUND"


async def test_manager_must_be_of_the_vendor(town: Town) -> None:
    refusal = ("ROLE_NOT_GRANTABLE", "roles")
    await town.call(town.max, "RemoveMember", community_id="aurora", person_id="ben", reason="x")
    fields = {"community_id": "aurora", "roles": [pb.ROLE_MANAGER]}
    for actor in (town.max, OPERATOR):
        assert await town.refused(actor, "CreateMember", person_id="ben", **fields) == refusal
        wrong = {**fields, "person_id": "ann", "update_roles": True}
        assert await town.refused(actor, "UpdateMember", **wrong) == refusal


async def test_update_member(town: Town) -> None:
    fields = {"community_id": "aurora", "person_id": "ann", "expected_version": 2}
    changed = await town.call(
        town.max, "UpdateMember", **fields, roles=[pb.ROLE_GROUP_MODERATOR], update_roles=True
    )
    assert list(changed.member.roles) == [pb.ROLE_MEMBER, pb.ROLE_GROUP_MODERATOR]
    assert (changed.member.version, changed.member.trust_level) == (3, pb.TRUST_LEVEL_BASIC)
    event = events.MemberUpdated(person_id=town.ann.person_id, community_id=town.aurora.id)
    assert event in await town.said()
    fields["expected_version"] = 3
    trusted = await town.call(town.max, "UpdateMember", **fields, trust_level=5)
    assert list(trusted.member.roles) == list(changed.member.roles)
    assert trusted.member.trust_level == pb.TRUST_LEVEL_LEADER
    fields["expected_version"] = 0
    assert (await town.call(town.max, "UpdateMember", **fields)).member == trusted.member
    for bad, refusal in (
        ({"person_id": "lea"}, ("MEMBER_NOT_FOUND", "person_id")),
        ({"person_id": "nobody"}, ("MEMBER_NOT_FOUND", "person_id")),
        ({"expected_version": 2, "trust_level": 1}, STALE),
        ({"trust_level": -1}, ("FIELD_INVALID", "trust_level")),
        ({"roles": [7], "update_roles": True}, ("FIELD_INVALID", "roles.0")),
    ):
        assert await town.refused(town.max, "UpdateMember", **{**fields, **bad}) == refusal
    await town.call(town.max, "RemoveMember", community_id="aurora", person_id="ann", reason="x")
    assert await town.refused(town.max, "UpdateMember", **fields, trust_level=1) == (
        "MEMBER_FORMER",
        "person_id",
    )


async def test_remove_member(town: Town) -> None:
    fields = {"community_id": "aurora", "person_id": "ben"}
    for bad, refusal in (
        ({}, ("REASON_REQUIRED", "reason")),
        ({"reason": "x", "person_id": "lea"}, ("MEMBER_NOT_FOUND", "person_id")),
        ({"reason": "x", "person_id": "nobody"}, ("MEMBER_NOT_FOUND", "person_id")),
        ({"reason": "x", "expected_version": 99}, STALE),
    ):
        assert await town.refused(town.max, "RemoveMember", **{**fields, **bad}) == refusal
    removed = (await town.call(town.max, "RemoveMember", **fields, reason="spam")).member
    assert removed.state == pb.MEMBER_STATE_FORMER
    assert removed.HasField("end_time")
    ids = {"person_id": town.ben.person_id, "community_id": town.aurora.id}
    assert events.MemberLeft(company_id=town.kestrel.id, **ids) in await town.said()
    entry = (town.max.person_id, "RemoveMember", town.ben.person_id, "spam")
    assert (await town.trail(town.aurora.id))[0] == entry
    assert (await town.world.actor("Kestrel", "Ben")).memberships == {}
    again = {**fields, "reason": "spam"}
    assert (await town.refused(town.max, "RemoveMember", **again))[0] == "MEMBER_FORMER"


async def test_member_may_leave(town: Town) -> None:
    fields = {"community_id": "aurora", "person_id": "ann", "request_id": "request-leave"}
    left = await town.call(town.ann, "RemoveMember", **fields)
    assert left.member.state == pb.MEMBER_STATE_FORMER
    assert await town.call(town.ann, "RemoveMember", **fields) == left
    hidden = ("COMMUNITY_NOT_FOUND", "community_id")
    for community in ("aurora", "borealis", "nobody"):
        again = {"community_id": community, "person_id": "ann"}
        assert await town.refused(town.ann, "RemoveMember", **again) == hidden


async def test_last_manager_goes_only_by_operator(town: Town) -> None:
    refusal = ("LAST_MANAGER", "person_id")
    fields = {"community_id": "aurora", "person_id": "max"}
    assert await town.refused(town.max, "RemoveMember", **fields) == refusal
    assert await town.refused(town.max, "UpdateMember", **fields, update_roles=True) == refusal
    mia = (await town.world.sign_in("Aurora Inc", "Mia")).person_id
    made = {"community_id": "aurora", "person_id": mia, "roles": [pb.ROLE_MANAGER]}
    await town.call(town.max, "CreateMember", **made)
    await town.call(town.max, "UpdateMember", **fields, update_roles=True)
    mia_actor = await town.world.actor("Aurora Inc", "Mia")
    last = {"community_id": "aurora", "person_id": mia}
    assert await town.refused(mia_actor, "RemoveMember", **last) == refusal
    await town.call(OPERATOR, "RemoveMember", **last, reason="left the company")


async def test_get_member(town: Town) -> None:
    fields = {"community_id": "aurora", "person_id": "ben"}
    member = (await town.call(town.ann, "GetMember", **fields)).member
    assert (member.display_name, member.company_id) == ("Ben", town.kestrel.id)
    refusal = ("MEMBER_NOT_FOUND", "person_id")
    for actor in (town.ann, OPERATOR):
        for person in ("lea", "nobody", ""):
            fields = {"community_id": "aurora", "person_id": person}
            assert await town.refused(actor, "GetMember", **fields) == refusal


async def test_batch_of_members_holds_former_ones(town: Town) -> None:
    await town.call(town.max, "RemoveMember", community_id="aurora", person_id="ben", reason="x")
    ids = ["ann", "ben", "lea", "nobody", "ann"]
    found = await town.call(town.ann, "BatchGetMembers", community_id="aurora", person_ids=ids)
    assert {m.person_id: m.state for m in found.members} == {
        town.ann.person_id: pb.MEMBER_STATE_ACTIVE,
        town.ben.person_id: pb.MEMBER_STATE_FORMER,
    }
    many = {"community_id": "aurora", "person_ids": ["x"] * 101}
    refusal = ("FIELD_INVALID", "person_ids")
    assert await town.refused(town.ann, "BatchGetMembers", **many) == refusal


async def test_all_members_are_answered_alike(town: Town) -> None:
    """The gateway remembers one answer for all of them."""
    people = {"community_id": "aurora", "person_ids": ["ann", "ben", "max", "lea", "nobody"]}
    companies = {"community_id": "aurora", "company_ids": ["kestrel", "lumen", "vendor", "x"]}
    for rpc, fields in (("BatchGetMembers", people), ("BatchGetCompanies", companies)):
        actors = (town.ann, town.ben, town.max)
        first, *others = [await town.call(actor, rpc, **fields) for actor in actors]
        assert first.ByteSize()
        assert others == [first, first]


async def test_batch_of_memberships_tells_services_what_members_hold(town: Town) -> None:
    forum = service_actor("forum")
    ids = ["ann", "max", "lea", "nobody", "ann"]
    asked = {"community_id": "aurora", "person_ids": ids}
    found = await town.call(forum, "BatchGetMemberships", **asked)
    held = {one.person_id: tuple(one.membership.keyring) for one in found.memberships}
    assert held == {
        actor.person_id: actor.memberships[town.aurora.id].keyring for actor in (town.ann, town.max)
    }
    await town.world.end_enrolment(town.enrolment)
    await town.call(OPERATOR, "DeactivatePerson", person_id="max", reason="left")
    assert not (await town.call(forum, "BatchGetMemberships", **asked)).memberships
    for actor in (town.ann, town.max, OPERATOR):
        refused = await town.refused(actor, "BatchGetMemberships", **asked)
        assert refused == ("ROLE_REQUIRED", "")
    many = {"community_id": "aurora", "person_ids": ["x"] * 101}
    refusal = ("FIELD_INVALID", "person_ids")
    assert await town.refused(forum, "BatchGetMemberships", **many) == refusal


async def test_addresses_are_told_to_notifications_alone(town: Town) -> None:
    notifications = service_actor("notifications")
    asked = {"community_id": "aurora", "person_ids": ["ann", "max", "lea", "nobody", "ann"]}
    await town.call(OPERATOR, "UpdatePerson", person_id="max", email="")
    await town.call(OPERATOR, "UpdatePerson", person_id="ann", email="ann@kestrel.example")

    async def told() -> dict[str, str]:
        found = await town.call(notifications, "BatchGetAddresses", **asked)
        return {one.person_id: one.email for one in found.addresses}

    assert await told() == {town.ann.person_id: "ann@kestrel.example"}
    others = [service_actor(name) for name in ("gateway", "forum", "moderation", "search")]
    for actor in (town.ann, town.max, OPERATOR, *others):
        refused = await town.refused(actor, "BatchGetAddresses", **asked)
        assert refused == ("ROLE_REQUIRED", "")
    many = {"community_id": "aurora", "person_ids": ["x"] * 101}
    refusal = ("FIELD_INVALID", "person_ids")
    assert await town.refused(notifications, "BatchGetAddresses", **many) == refusal
    await town.world.end_enrolment(town.enrolment)
    assert await told() == {}  # nobody of a company that has left


async def test_list_members(town: Town) -> None:
    async def names(**fields: Any) -> list[str]:
        page = await town.call(town.ann, "ListMembers", community_id="aurora", **fields)
        return [member.display_name for member in page.members]

    assert await names() == ["Ann", "Ben", "Max"]
    assert await names(company_id="kestrel") == ["Ann", "Ben"]
    assert await names(company_id="lumen") == []
    assert await names(role=pb.ROLE_MANAGER) == ["Max"]
    assert await names(page_size=2) == ["Ann", "Ben"]
    for bad, refusal in (
        ({"role": 99}, ("FIELD_INVALID", "role")),
        ({"page_size": -1}, ("FIELD_INVALID", "page_size")),
        ({"page_token": "x"}, ("PAGE_TOKEN_INVALID", "page_token")),
    ):
        assert await town.refused(town.ann, "ListMembers", community_id="aurora", **bad) == refusal


# Audit trail


@pytest.mark.parametrize("token", ["x", "!!", "WzFd", "bnVsbA", "W10"])
@pytest.mark.parametrize(
    "rpc",
    [
        "ListMembers",
        "ListCompanies",
        "ListAllCompanies",
        "ListCommunities",
        "ListEnrolments",
        "ListAuditEntries",
    ],
)
async def test_foreign_page_tokens_are_refused(town: Town, rpc: str, token: str) -> None:
    nowhere = rpc in ("ListAllCompanies", "ListCommunities")
    place = {} if nowhere else {"community_id": "aurora"}
    refusal = await town.refused(OPERATOR, rpc, **place, page_token=token, backward=True)
    assert refusal == ("PAGE_TOKEN_INVALID", "page_token")
    refusal = await town.refused(OPERATOR, rpc, **place, page_size=-1)
    assert refusal == ("FIELD_INVALID", "page_size")


async def test_person_says_where_and_in_which_language(town: Town) -> None:
    told = {"person_id": "ann", "time_zone": "Europe/Vienna", "locale": "DE-at"}
    person = (await town.call(town.ann, "UpdatePerson", **told)).person
    assert (person.time_zone, person.locale) == ("Europe/Vienna", "de-AT")
    keys = (await town.world.actor("Kestrel", "Ann")).keys(town.aurora.id)
    assert f"locale:de@{town.aurora.id}" in keys
    for wrong in ({"time_zone": "Vienna"}, {"locale": "german, please"}, {"locale": "x-y"}):
        (field,) = wrong
        refused = await town.refused(town.ann, "UpdatePerson", person_id="ann", **wrong)
        assert refused == ("FIELD_INVALID", field)
    again = await town.call(town.ann, "UpdatePerson", person_id="ann", time_zone="", locale="")
    assert (again.person.time_zone, again.person.locale) == ("", "")


async def test_audience_is_who_holds_a_key_of_every_clause(town: Town) -> None:
    await town.call(town.ann, "UpdatePerson", person_id="ann", time_zone="Asia/Tokyo", locale="de")
    aurora = town.aurora.id
    everyone, company = f"community:{aurora}", f"company:{town.kestrel.id}@{aurora}"
    manager, german = f"role:MANAGER@{aurora}", f"locale:de@{aurora}"
    forum = service_actor("forum")

    async def people(*clauses: list[str]) -> set[tuple[str, str]]:
        asked = {"community_id": "aurora", "clauses": [pb.AudienceClause(keys=c) for c in clauses]}
        found: list[pb.AudienceMember] = []
        token = ""
        while True:
            page = await town.call(forum, "ListAudience", **asked, page_size=1, page_token=token)
            found += page.audience_members
            if not (token := page.next_page_token):
                break
        assert [m.person_id for m in found] == sorted(m.person_id for m in found)
        whole = await town.call(forum, "ListAudience", **asked)
        assert list(whole.audience_members) == found
        return {(m.person_id, m.time_zone) for m in found}

    ann, ben, max_ = (town.ann.person_id, "Asia/Tokyo"), (town.ben.person_id, ""), town.max
    assert await people([everyone]) == {ann, ben, (max_.person_id, "")}
    assert await people([everyone], [company]) == {ann, ben}
    assert await people([f"tier:gold@{aurora}", manager]) == {ann, ben, (max_.person_id, "")}
    assert await people([everyone], [manager]) == {(max_.person_id, "")}
    assert await people([company], [german]) == {ann}
    assert await people([company], [manager]) == set()
    await town.world.end_enrolment(town.enrolment)
    assert await people([everyone]) == {(max_.person_id, "")}
    clause = [pb.AudienceClause(keys=[everyone])]
    for actor in (town.max, OPERATOR, town.lea):
        refused = await town.refused(actor, "ListAudience", community_id="aurora", clauses=clause)
        assert refused == ("ROLE_REQUIRED", "")
    for bad, field in (
        ([], "clauses"),
        (clause * 11, "clauses"),
        ([pb.AudienceClause()], "clauses.0.keys"),
        ([*clause, pb.AudienceClause(keys=["k"] * 501)], "clauses.1.keys"),
    ):
        refused = await town.refused(forum, "ListAudience", community_id="aurora", clauses=bad)
        assert refused == ("FIELD_INVALID", field)


async def test_audience_by_territory_is_of_the_companies_whose_enrolment_has_it(
    town: Town,
) -> None:
    aurora, forum = town.aurora.id, service_actor("forum")
    keys = [territory_key(name, aurora) for name in ("UK & Ireland", "DACH")]

    async def people(*keys: str) -> list[str]:
        clause = pb.AudienceClause(keys=keys)
        asked = {"community_id": "aurora", "clauses": [clause]}
        found = await town.call(forum, "ListAudience", **asked)
        return [one.person_id for one in found.audience_members]

    async def work_in(*names: str) -> None:
        changed = {"territories": list(names), "update_territories": True}
        place = {"community_id": "aurora", "enrolment_id": "enrolment"}
        await town.call(town.max, "UpdateEnrolment", **place, **changed)

    assert await people(*keys) == []
    await work_in(" UK &  Ireland", "DACH")
    everybody = sorted([town.ann.person_id, town.ben.person_id])  # without the vendor's
    for key in keys:
        assert await people(key) == everybody
    ann = await town.world.actor("Kestrel", "Ann")
    assert ann.keys(aurora) == (
        f"community:{aurora}",
        f"company:{town.kestrel.id}@{aurora}",
        f"tier:gold@{aurora}",
        *keys,
        f"person:{town.ann.person_id}",
    )
    assert await people(territory_key("DACH", town.borealis.id)) == []
    await work_in("DACH")
    assert (await people(keys[0]), await people(keys[1])) == ([], everybody)
    await town.world.end_enrolment(town.enrolment)
    assert await people(*keys) == []


async def test_list_audit_entries(town: Town) -> None:
    own = await town.call(town.max, "ListAuditEntries", community_id="aurora")
    assert [(e.action, e.target_type) for e in own.audit_entries] == [
        ("CreateMember", "member"),
        ("SignIn", "member"),
        ("SignIn", "member"),
        ("CreateEnrolment", "enrolment"),
        ("CreateCommunity", "community"),
    ]
    assert {entry.community_id for entry in own.audit_entries} == {town.aurora.id}
    page = await town.call(town.max, "ListAuditEntries", community_id="aurora", page_size=4)
    rest = await town.call(
        town.max, "ListAuditEntries", community_id="aurora", page_token=page.next_page_token
    )
    assert list(page.audit_entries) + list(rest.audit_entries) == list(own.audit_entries)

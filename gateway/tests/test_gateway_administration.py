"""Administration over real gRPC: every write is handed on exactly, every list is shown."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import Message

from chassis.errors import CommunityNotFoundError, RoleRequiredError, VersionStaleError
from gateway.cursors import encode_id
from gateway.tests.conftest import House
from gateway.tests.directory_standin import PersonNotFoundError
from gateway.tests.staff_standins import MemberNotFoundError, StaffDirectory
from gateway.tests.standins import time
from guildhall.directory.v1 import directory_pb2 as pb

C1 = encode_id("Community", "c1", "c1")
CO1 = encode_id("Company", "platform", "co1")
CO1_IN_C1 = encode_id("Company", "c1", "co1")
P2 = encode_id("Person", "platform", "p2")
M2 = encode_id("Member", "c1", "p2")
E1 = encode_id("Enrolment", "c1", "e1")
LINK = {"issuer": "https://id.kestrel.test", "subject": "s9"}
LINKED = pb.IdentityLink(issuer="https://id.kestrel.test", subject="s9")

# mutation: input without requestId, the RPC's request without request_id, selection, answer
WRITES: dict[str, tuple[dict[str, Any], Message, str, Any]] = {
    "createCompany": (
        {
            "kind": "VENDOR",
            "name": "Aurora",
            "description": "d",
            "website": "https://w.test",
            "issuer": "i",
        },
        pb.CreateCompanyRequest(
            kind=pb.COMPANY_KIND_VENDOR,
            name="Aurora",
            description="d",
            website="https://w.test",
            issuer="i",
        ),
        "company { id name issuer }",
        {
            "company": {
                "id": encode_id("Company", "platform", "co7"),
                "name": "Aurora",
                "issuer": None,
            }
        },
    ),
    "updateCompany": (
        {"companyId": CO1_IN_C1, "website": "", "expectedVersion": 3},
        pb.UpdateCompanyRequest(company_id="co1", website="", expected_version=3),
        "company { id }",
        {"company": {"id": CO1}},
    ),
    "createCommunity": (
        {"slug": "aurora", "name": "Aurora", "vendorCompanyId": CO1},
        pb.CreateCommunityRequest(slug="aurora", name="Aurora", vendor_company_id="co1"),
        "community { id }",
        {"community": {"id": encode_id("Community", "c7", "c7")}},
    ),
    "updateCommunity": (
        {"communityId": C1, "name": "Aurora Partners"},
        pb.UpdateCommunityRequest(community_id="c1", name="Aurora Partners"),
        "community { id name }",
        {"community": {"id": C1, "name": "Aurora Partners"}},
    ),
    "createEnrolment": (
        {
            "communityId": C1,
            "companyId": CO1,
            "partnerType": "SI",
            "tier": "GOLD",
            "verticals": ["ports"],
            "capabilities": ["SAP"],
            "autoJoin": True,
            "startTime": "2026-01-01T00:00:00Z",
            "endTime": "2026-01-01T01:00:00Z",
        },
        pb.CreateEnrolmentRequest(
            community_id="c1",
            company_id="co1",
            partner_type="SI",
            tier="GOLD",
            verticals=["ports"],
            capabilities=["SAP"],
            auto_join=True,
            start_time=time(0),
            end_time=time(60),
        ),
        "enrolment { id company { name } community { slug } }",
        {
            "enrolment": {
                "id": encode_id("Enrolment", "c1", "e7"),
                "company": {"name": "Company co1"},
                "community": {"slug": "aurora"},
            }
        },
    ),
    "updateEnrolment": (
        {
            "enrolmentId": E1,
            "tier": "SILVER",
            "verticals": [],
            "capabilities": ["c++"],
            "autoJoin": False,
        },
        pb.UpdateEnrolmentRequest(
            community_id="c1",
            enrolment_id="e1",
            tier="SILVER",
            update_verticals=True,
            capabilities=["c++"],
            update_capabilities=True,
            auto_join=False,
        ),
        "enrolment { id }",
        {"enrolment": {"id": E1}},
    ),
    "createPerson": (
        {"displayName": "Ann", "email": "a@b.example", "companyId": CO1, "identityLinks": [LINK]},
        pb.CreatePersonRequest(
            display_name="Ann", email="a@b.example", company_id="co1", identity_links=[LINKED]
        ),
        "person { id identityLinks { issuer subject } affiliations { companyId endTime } }",
        {
            "person": {
                "id": encode_id("Person", "platform", "p7"),
                "identityLinks": [{"issuer": "https://id.kestrel.test", "subject": "s1"}],
                "affiliations": [{"companyId": CO1, "endTime": None}],
            }
        },
    ),
    "updatePerson": (
        {"personId": M2, "displayName": "Ann"},
        pb.UpdatePersonRequest(person_id="p2", display_name="Ann"),
        "person { id }",
        {"person": {"id": P2}},
    ),
    "linkIdentity": (
        {"personId": P2, "identityLink": LINK},
        pb.LinkIdentityRequest(person_id="p2", identity_link=LINKED),
        "person { id }",
        {"person": {"id": P2}},
    ),
    "unlinkIdentity": (
        {"personId": P2, "identityLink": LINK},
        pb.UnlinkIdentityRequest(person_id="p2", identity_link=LINKED),
        "person { id }",
        {"person": {"id": P2}},
    ),
    "movePerson": (
        {"personId": P2, "companyId": CO1, "expectedVersion": 2},
        pb.MovePersonRequest(person_id="p2", company_id="co1", expected_version=2),
        "person { id }",
        {"person": {"id": P2}},
    ),
    "deactivatePerson": (
        {"personId": P2, "reason": "left"},
        pb.DeactivatePersonRequest(person_id="p2", reason="left"),
        "person { id }",
        {"person": {"id": P2}},
    ),
    "reactivatePerson": (
        {"personId": P2},
        pb.ReactivatePersonRequest(person_id="p2"),
        "person { id }",
        {"person": {"id": P2}},
    ),
    "createMember": (
        {
            "communityId": C1,
            "personId": P2,
            "roles": ["MODERATOR", "MANAGER"],
            "trustLevel": "REGULAR",
        },
        pb.CreateMemberRequest(
            community_id="c1",
            person_id="p2",
            roles=[pb.ROLE_MODERATOR, pb.ROLE_MANAGER],
            trust_level=pb.TRUST_LEVEL_REGULAR,
        ),
        "member { id company { name } }",
        {"member": {"id": M2, "company": {"name": "Company co1"}}},
    ),
    "updateMember": (
        {"memberId": M2, "roles": []},
        pb.UpdateMemberRequest(community_id="c1", person_id="p2", update_roles=True),
        "member { id }",
        {"member": {"id": M2}},
    ),
    "removeMember": (
        {"memberId": M2, "reason": "left"},
        pb.RemoveMemberRequest(community_id="c1", person_id="p2", reason="left"),
        "member { id }",
        {"member": {"id": M2}},
    ),
}


@pytest.fixture
def directory() -> StaffDirectory:
    return StaffDirectory()  # type: ignore[abstract]


async def write(house: House, name: str, given: dict[str, Any], selection: str) -> dict[str, Any]:
    kind = f"{name[0].upper()}{name[1:]}Input"
    text = f"mutation m($input: {kind}!) {{ {name}(input: $input) {{ {selection} }} }}"
    return await house.ask(text, {"input": {"requestId": "request-1", **given}})


@pytest.mark.parametrize("name", WRITES)
async def test_write_is_handed_on_and_its_answer_back(house: House, name: str) -> None:
    given, expected, selection, answered = WRITES[name]
    answer = await write(house, name, given, selection)
    assert "errors" not in answer
    assert answer["data"] == {name: answered}
    rpc = f"{name[0].upper()}{name[1:]}"
    expected.request_id = "request-1"  # type: ignore[attr-defined]
    requests = [r for r in house.directory.requests if type(r).__name__ == f"{rpc}Request"]
    assert requests == [expected]
    writer = house.directory.actors[house.directory.requests.index(requests[0])]
    assert writer is not None
    assert writer.person_id == "p1"


@pytest.mark.parametrize("name", WRITES)
async def test_refused_write_tells_why_and_names_the_field(house: House, name: str) -> None:
    given, _, selection, _ = WRITES[name]
    rpc = f"{name[0].upper()}{name[1:]}"
    house.directory.failures[rpc] = RoleRequiredError("this needs the role OPERATOR")
    answer = await write(house, name, given, selection)
    assert answer["data"] is None
    assert answer["errors"] == [
        {
            "message": "this needs the role OPERATOR",
            "path": [name],
            "extensions": {"code": "ROLE_REQUIRED"},
        }
    ]
    house.directory.failures[rpc] = VersionStaleError("stale", field="expected_version")
    answer = await write(house, name, given, selection)
    extensions = {"code": "VERSION_STALE", "field": "expectedVersion"}
    assert answer["errors"][0]["extensions"] == extensions


@pytest.mark.parametrize(
    "website",
    [
        "w",
        " https://w.test",
        "ftp://w.test",
        "//w.test",
        "https://",
        "https:///x",
        "https://w.test/a b",
        "javascript:1",
        f"https://w.test/{'x' * 2048}",
    ],
)
async def test_what_is_no_address_is_refused_before_any_call(house: House, website: str) -> None:
    given = {"companyId": CO1, "website": website}
    answer = await write(house, "updateCompany", given, "company { id }")
    assert answer["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT", "field": "website"}
    assert house.rpcs() == {}


@pytest.mark.parametrize("name", WRITES)
async def test_ids_of_other_kinds_are_refused_before_any_call(house: House, name: str) -> None:
    given, _, selection, _ = WRITES[name]
    for field in (name for name in given if name.endswith("Id")):
        for wrong in ("", "co1", encode_id("Topic", "c1", "t1")):
            answer = await write(house, name, {**given, field: wrong}, selection)
            extensions = {"code": "BAD_USER_INPUT", "field": field}
            assert answer["errors"][0]["extensions"] == extensions
    assert house.rpcs() == {}


async def test_what_the_service_says_of_the_person_is_said_of_the_member(house: House) -> None:
    for name in ("updateMember", "removeMember"):
        rpc = f"{name[0].upper()}{name[1:]}"
        house.directory.failures[rpc] = MemberNotFoundError(field="person_id")
        answer = await write(house, name, {"memberId": M2}, "member { id }")
        extensions = {"code": "MEMBER_NOT_FOUND", "field": "memberId"}
        assert answer["errors"][0]["extensions"] == extensions


async def test_operators_list_every_company(house: House) -> None:
    query = "query q { companies(first: 5) { edges { node { id name issuer } } } }"
    answer = await house.ask(query)
    assert answer["data"]["companies"]["edges"] == [
        {"node": {"id": CO1, "name": "Company co1", "issuer": "https://id.kestrel.test"}},
        {
            "node": {
                "id": encode_id("Company", "platform", "co2"),
                "name": "Company co2",
                "issuer": None,
            }
        },
    ]
    house.directory.failures["ListAllCompanies"] = RoleRequiredError("OPERATOR")
    answer = await house.ask(query)
    assert answer["data"] == {"companies": None}
    assert answer["errors"][0]["extensions"] == {"code": "ROLE_REQUIRED"}


async def test_enrolments_show_their_companies_by_one_rpc(house: House) -> None:
    fields = """edges { node { id partnerType tier verticals territories capabilities autoJoin
      startTime endTime version company { name } } }"""
    query = f"query q($c: ID!) {{ enrolments(communityId: $c, first: 5) {{ {fields} }} }}"
    answer = await house.ask(query, {"c": C1})
    assert "errors" not in answer
    first, second = [edge["node"] for edge in answer["data"]["enrolments"]["edges"]]
    assert first == {
        "id": E1,
        "partnerType": "SI",
        "tier": "GOLD",
        "verticals": ["ports"],
        "territories": [],
        "capabilities": ["sap", "c++"],
        "autoJoin": True,
        "startTime": "2026-01-01T00:00:00.000Z",
        "endTime": None,
        "version": 4,
        "company": {"name": "Company co1"},
    }
    assert second["company"] is None
    assert house.rpcs() == {"ListEnrolments": 1, "BatchGetCompanies": 1}
    below = f'query q {{ community(slug: "aurora") {{ enrolments(first: 5) {{ {fields} }} }} }}'
    answer = await house.ask(below)
    assert [edge["node"] for edge in answer["data"]["community"]["enrolments"]["edges"]] == [
        first,
        second,
    ]


async def test_audit_entries_are_a_communitys_or_the_platforms(house: House) -> None:
    query = """query q($c: ID) { auditEntries(communityId: $c, first: 5) { edges { node {
      time actor action targetType targetId reason member { displayName } } } } }"""
    answer = await house.ask(query, {"c": C1})
    assert "errors" not in answer
    assert [edge["node"] for edge in answer["data"]["auditEntries"]["edges"]] == [
        {
            "time": "2026-01-01T00:01:00.000Z",
            "actor": "p2",
            "action": "RemoveMember",
            "targetType": "person",
            "targetId": "p3",
            "reason": "left",
            "member": {"displayName": "Person p2"},
        },
        {
            "time": "2026-01-01T00:00:00.000Z",
            "actor": "service:gateway",
            "action": "SignIn",
            "targetType": "person",
            "targetId": "p3",
            "reason": None,
            "member": None,
        },
    ]
    answer = await house.ask(query)
    assert [edge["node"]["member"] for edge in answer["data"]["auditEntries"]["edges"]] == [
        None,
        None,
    ]
    asked = [r for r in house.directory.requests if isinstance(r, pb.ListAuditEntriesRequest)]
    assert [request.community_id for request in asked] == ["c1", ""]
    below = """query q { community(slug: "aurora") {
      auditEntries(first: 1) { edges { node { action } } } } }"""
    answer = await house.ask(below)
    assert len(answer["data"]["community"]["auditEntries"]["edges"]) == 2


async def test_lists_of_a_foreign_community_are_answered_as_of_none(house: House) -> None:
    foreign = encode_id("Community", "c9", "c9")
    for rpc, field in (("ListEnrolments", "enrolments"), ("ListAuditEntries", "auditEntries")):
        house.directory.failures[rpc] = CommunityNotFoundError(field="community_id")
        answer = await house.ask(
            f"query q($c: ID!) {{ {field}(communityId: $c, first: 1) {{ totalCount }} }}",
            {"c": foreign},
        )
        assert answer["data"] == {field: None}
        extensions = {"code": "COMMUNITY_NOT_FOUND", "field": "communityId"}
        assert answer["errors"][0]["extensions"] == extensions


async def test_person_is_found_by_either_id_or_null(house: House) -> None:
    query = "query q($id: ID!) { person(id: $id) { id email } }"
    for either in (P2, M2):
        answer = await house.ask(query, {"id": either})
        assert answer["data"]["person"] == {"id": P2, "email": "engineer@kestrel.example"}
    house.directory.failures["GetPerson"] = PersonNotFoundError(field="person_id")
    answer = await house.ask(query, {"id": P2})
    assert answer["data"] == {"person": None}
    assert "errors" not in answer

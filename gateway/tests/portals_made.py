"""Portals as their owners make them: through the schema, by people with and without roles."""

from __future__ import annotations

import uuid
from typing import Any

from gateway.cursors import encode_id
from gateway.portals.repository import PortalRepository
from gateway.tests.conftest import ISSUER, House
from guildhall.directory.v1 import directory_pb2 as pb

C1 = encode_id("Community", "c1", "c1")
ORIGIN, CLIENT = "https://portal.aurora.test", "aurora-portal"
PORTAL = """id name clients { issuer clientId } origins documentsMode introspection pointsPerMinute
  documentCount version"""
DOCUMENT = "query Me { viewer { isOperator } }"

# Who is there: s1 is a moderator of c1, of no more; s2 operates; s3 manages c1; s4 manages c2.
OPERATOR, MANAGER, OTHER_MANAGER = "s2", "s3", "s4"


async def people(house: House) -> None:
    """Make them known to the directory, and room for portals, which few tests need."""
    await house.parts.sessions.prepare(PortalRepository.indexes)
    directory = house.directory
    directory.known |= {"s2": "p2", "s3": "p3", "s4": "p4"}
    directory.operators.add("p2")
    usual = directory.actor
    places = {"p2": "", "p3": "c1", "p4": "c2"}

    def actor(person_id: str) -> pb.Actor:
        if person_id not in places:
            return usual(person_id)
        community_id = places[person_id]
        managing = pb.Membership(
            community_id=community_id,
            company_id="co9",
            roles=[pb.ROLE_MEMBER, pb.ROLE_MANAGER],
            keyring=[f"community:{community_id}", f"vendor:{community_id}"],
        )
        return pb.Actor(
            person_id=person_id,
            display_name=f"Person {person_id}",
            operator=person_id in directory.operators,
            memberships=[managing] if community_id else [],
        )

    directory.actor = actor  # type: ignore[method-assign]


async def mutate(
    house: House, who: str, field: str, selection: str, **input_: Any
) -> dict[str, Any]:
    """The whole answer to one mutation, with a request id of its own unless one is given."""
    name = field[0].upper() + field[1:]
    input_.setdefault("requestId", f"test-{uuid.uuid4()}")
    query = f"mutation m($input: {name}Input!) {{ {field}(input: $input) {selection} }}"
    return await house.ask(query, {"input": input_}, token=token(house, who))


async def make_portal(house: House, **changes: Any) -> dict[str, Any]:
    """A portal of c1, known by a client and an origin."""
    clients = [{"issuer": ISSUER.issuer, "clientId": CLIENT}]
    given = {"name": "Aurora portal", "clients": clients, "origins": [ORIGIN], **changes}
    answer = await mutate(
        house, OPERATOR, "createPortal", f"{{ portal {{ {PORTAL} }} }}", communityId=C1, **given
    )
    assert "errors" not in answer, answer
    portal: dict[str, Any] = answer["data"]["createPortal"]["portal"]
    return portal


async def register(house: House, portal: dict[str, Any], *texts: str) -> list[str]:
    """The ids of documents that are registered now."""
    answer = await mutate(
        house,
        MANAGER,
        "registerDocuments",
        "{ documents { documentId } }",
        portalId=portal["id"],
        documents=list(texts),
    )
    assert "errors" not in answer, answer
    return [row["documentId"] for row in answer["data"]["registerDocuments"]["documents"]]


def token(house: House, who: str, client: str | None = None) -> str:
    """An access token of a person, given to a client."""
    return house.issuer.access_token({"sub": who, "client_id": client})

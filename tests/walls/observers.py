"""Who looks at the walls from outside, and the people who make what is behind them.

Beside the demo's people there are some of our own: the directory knows them by an identity that an
operator linked, and their access tokens are signed with their provider's key.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwt

from chassis.actors import Actor
from devstack.openid.keys import ALGORITHM, SigningKeys
from devstack.parts import GATEWAY, OPENID, Place
from gateway.cursors import decode_id, encode_id
from tests.system import BOREALIS_MANAGER, ENGINEER, MANAGER, OPERATOR, SELLER, Asker, System
from tests.world import identity

NOBODY = ""
ISSUER = "kestrel"  # of our own people
OTHER, LEAVER, SUSPENDED = "other", "leaver", "suspended"
INSIDER, AUTHOR, AUTHOR_2 = "insider", "author", "author-2"
# Each sees another part of the world from outside.
OUTSIDERS: dict[str, str] = {
    NOBODY: "nobody",
    SELLER: "a member of the other vendor's community",
    BOREALIS_MANAGER: "who manages the other vendor's community",
    ENGINEER: "a member of the same community, of the author's company",
    OTHER: "a member of the same community, of another company and tier",
    LEAVER: "who was a member, and of what is hidden too",
    SUSPENDED: "who was deactivated",
}
_TOKEN_LIFE = 3600


@dataclass
class Troupe:
    """Our own people: subjects at their provider, ids in the directory."""

    place: Place
    company: str = ""  # the global id of the insider's, which nobody else works for
    ids: dict[str, str] = field(default_factory=dict)  # global ids of persons
    run: str = field(default_factory=lambda: uuid.uuid4().hex[:8])

    def subject(self, name: str) -> str:
        """What the provider calls one of them."""
        return f"walls-{self.run}-{name}"

    def identity(self, name: str) -> tuple[str, str]:
        """Issuer and subject of anybody."""
        if "@" in name:
            return identity(self.place, name)
        return f"{self.place.url(OPENID)}/{ISSUER}", self.subject(name)

    def token(self, name: str) -> str:
        """An access token of one of ours, as the provider would sign it."""
        issuer, subject = self.identity(name)
        now = int(time.time())
        keys = SigningKeys(self.place.data / "openid" / ISSUER / "keys", ISSUER).signing()
        key = keys.keys[0]
        claims = {
            "iss": issuer, "aud": self.place.url(GATEWAY), "sub": subject, "client_id": "walls",
            "iat": now, "exp": now + _TOKEN_LIFE, "jti": uuid.uuid4().hex,
        }  # fmt: skip
        header = {"alg": ALGORITHM, "typ": "at+jwt", "kid": key.kid}
        return jwt.encode(header, claims, key, algorithms=[ALGORITHM])

    async def asker(self, system: System, name: str) -> Asker:
        """Anybody at the gateway."""
        if not name or "@" in name:
            return await system.asker(name or None)
        asker = await system.asker(None)
        asker.http.headers["Authorization"] = f"Bearer {self.token(name)}"
        return asker


async def gather(system: System, community: str) -> Troupe:
    """Bring our people into the community, and those out of it again who have left."""
    troupe = Troupe(system.place)
    operator, manager = await system.asker(OPERATOR), await system.asker(MANAGER)
    engineer = await system.asker(ENGINEER)
    kestrel = (await engineer("{ viewer { memberships { company { id } } } }"))["viewer"]
    partner = kestrel["memberships"][0]["company"]["id"]
    companies = {}
    for name, tier in ((OTHER, "SILVER"), (INSIDER, "PLATINUM")):
        companies[name] = await new_company(operator, f"Walls {name} {troupe.run}")
        await enrol(operator, community, companies[name], tier)
    troupe.company = companies[INSIDER]
    for name in (OTHER, LEAVER, SUSPENDED, INSIDER, AUTHOR, AUTHOR_2):
        link = dict(zip(("issuer", "subject"), troupe.identity(name), strict=True))
        made = await operator.mutate(
            "createPerson",
            "{ person { id } }",
            displayName=f"Walls {name}",
            companyId=companies.get(name, partner),
            identityLinks=[link],
        )
        troupe.ids[name] = made["person"]["id"]
        await join(manager, community, troupe.ids[name])
    await leave(operator, community, troupe.ids[LEAVER])
    await operator.mutate(
        "deactivatePerson",
        "{ __typename }",
        personId=troupe.ids[SUSPENDED],
        reason="a test of the walls",
    )
    return troupe


async def new_company(operator: Asker, name: str, **more: Any) -> str:
    """A partner."""
    made = await operator.mutate(
        "createCompany", "{ company { id } }", kind="PARTNER", name=name, **more
    )
    company: str = made["company"]["id"]
    return company


async def enrol(operator: Asker, community: str, company: str, tier: str) -> str:
    """Let a company take part; its enrolment."""
    made = await operator.mutate(
        "createEnrolment",
        "{ enrolment { id } }",
        communityId=community,
        companyId=company,
        tier=tier,
    )
    enrolment: str = made["enrolment"]["id"]
    return enrolment


async def join(manager: Asker, community: str, person: str, **more: Any) -> str:
    """Make somebody a member."""
    made = await manager.mutate(
        "createMember", "{ member { id } }", communityId=community, personId=person, **more
    )
    member: str = made["member"]["id"]
    return member


async def leave(operator: Asker, community: str, person: str) -> None:
    """End a membership; the person and the community by their global ids."""
    member = encode_id("Member", decode_id(community, "id").id, decode_id(person, "id").id)
    await operator.mutate("removeMember", "{ __typename }", memberId=member, reason="left")


def without_memberships(person: str) -> Actor:
    """What a token says of somebody who holds no key; the person by global id."""
    return Actor(person_id=decode_id(person, "id").id)

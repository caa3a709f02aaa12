"""A person of our own, at a gateway by token or by session."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass

from joserfc import jwt

from chassis.mongo import connect
from chassis.mongo import database as open_database
from devstack.openid.keys import ALGORITHM, SigningKeys
from devstack.parts import GATEWAY, MONGOD, OPENID, Place
from gateway.auth import Identity
from gateway.cursors import decode_id
from gateway.sessions import Sessions
from tests.system import Asker, System

ISSUER = "kestrel"


def bare(id_: str) -> str:
    """What the services call it."""
    return decode_id(id_, "id").id


@dataclass
class Someone:
    """A person of ours: known to the directory by an identity, with a provider's signed token."""

    system: System
    id: str
    subject: str

    @property
    def place(self) -> Place:
        """The stack's."""
        return self.system.place

    @property
    def issuer(self) -> str:
        """One of the stack's."""
        return f"{self.place.url(OPENID)}/{ISSUER}"

    def token(self) -> str:
        """As the provider would sign it."""
        now = int(time.time())
        keys = SigningKeys(self.place.data / "openid" / ISSUER / "keys", ISSUER).signing()
        claims = {
            "iss": self.issuer, "aud": self.place.url(GATEWAY), "sub": self.subject,
            "client_id": "walls", "iat": now, "exp": now + 3600, "jti": uuid.uuid4().hex,
        }  # fmt: skip
        header = {"alg": ALGORITHM, "typ": "at+jwt", "kid": keys.keys[0].kid}
        return jwt.encode(header, claims, keys.keys[0], algorithms=[ALGORITHM])

    def asker(self, url: str) -> Asker:
        """By bearer token, at this gateway."""
        headers = {"Authorization": f"Bearer {self.token()}"}
        return self.system.client(url, headers)

    async def browser(self, url: str, origin: str) -> Asker:
        """By a session in the store that all gateways share, as a sign-in leaves it."""
        client = connect(f"mongodb://{self.place.address(MONGOD)}/?directConnection=true", app="t")
        try:
            sessions = Sessions(open_database(client, "gateway"))
            secret = await sessions.create(bare(self.id), Identity(self.issuer, self.subject))
        finally:
            await client.close()
        headers = {"Cookie": f"session={secret}", "X-Requested-With": "guildhall", "Origin": origin}
        return self.system.client(url, headers)

"""What an outsider is answered, as bytes, and whether two answers are the same.

Only what the caller sent itself and the trace's id may differ.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from grpc import StatusCode, aio

from chassis.actors import Actor
from chassis.rpc_server import ACTOR_TOKEN
from chassis.tokens import TokenSigner
from devstack.parts import SERVICES, Place
from gateway.actors import to_actor
from guildhall.directory.v1 import directory_pb2
from tests.system import BOREALIS_MANAGER, ENGINEER, MANAGER, SELLER, System, until
from tests.walls.loot import Loot
from tests.walls.observers import (
    AUTHOR,
    INSIDER,
    LEAVER,
    NOBODY,
    OTHER,
    SUSPENDED,
    Troupe,
    without_memberships,
)

PEOPLE = (SELLER, BOREALIS_MANAGER, ENGINEER, OTHER, LEAVER, MANAGER, AUTHOR, INSIDER)
SERVICE = "service:moderation"  # at a service that need not answer it
_TRACE = re.compile(rb'"traceId":"[0-9a-f]{32}"')
_RANKED = re.compile(rb'"(cursor|startCursor|endCursor)":"[^"]*"')  # as _timeless has it
_SIGNED = re.compile(rb'"(url|urlExpireTime)":"[^"]*"')  # good for a minute from now
_VERSION = re.compile(rb'"version":[0-9]+')
_COUNTED = re.compile(rb'"computeTime":"[^"]*"')  # when something was counted tells nothing
PATIENCE = 60.0  # seconds for what says at once what it is asked, on a machine of one's own
_TOO_BUSY = (b"UNAVAILABLE", b"OPERATION_TIMEOUT", b"OUTCOME_UNKNOWN", b"TOO_BUSY", b"TOO_MANY")
_PASSING = {"x-trace-id", "date", "content-length"}


@dataclass(frozen=True)
class Call:
    """One question; `sent` is what may come back because the caller said it."""

    name: str
    request: Any  # Message, or the body of POST /graphql
    method: MethodDescriptor | None = None
    sent: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pair:
    """Two questions that must be answered alike: about what is hidden, and about what never was.

    Asked by the members of the community it starts from; one of a kind by everybody.
    """

    why: str
    hidden: Call
    missing: Call
    home: int = 0
    by_all: bool = False
    field: str = ""


@dataclass
class Finding:
    """A difference, told so that one can ask again."""

    who: str
    why: str
    answers: tuple[bytes, bytes]

    def __str__(self) -> str:
        one, other = self.answers
        at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
        start = max(0, at - 60)
        return (
            f"{self.who or 'nobody'}: {self.why}:\n  {one[start : at + 140]!r}"
            f"\n  {other[start : at + 140]!r}"
        )


@dataclass
class Services:
    """The services' own doors, with tokens that only the gateway can sign."""

    place: Place
    signer: TokenSigner
    other_signer: TokenSigner
    channels: dict[str, aio.Channel]
    actors: dict[str, Actor] = field(default_factory=dict)

    @classmethod
    async def of(
        cls,
        place: Place,
        troupe: Troupe,
        instead: Mapping[str, str],
        *,
        people: Sequence[str] = PEOPLE,
    ) -> Services:
        """To the stack's services, or to others in their place."""
        self = cls(
            place,
            TokenSigner.from_file("gateway", place.keys / "gateway.pem"),
            TokenSigner.from_file("moderation", place.keys / "moderation.pem"),
            {
                one.name: aio.insecure_channel(
                    instead.get(one.name, place.address(one.port)),
                    [("grpc.enable_http_proxy", 0)],
                )
                for one in SERVICES
            },
        )
        await self.resolve(troupe, people)
        return self

    async def resolve(self, troupe: Troupe, people: Sequence[str]) -> None:
        """Everybody's actor as of now, as the gateway would get it."""
        method = directory_pb2.DESCRIPTOR.services_by_name["DirectoryService"].methods_by_name[
            "ResolveActor"
        ]
        for who in people:
            issuer, subject = troupe.identity(who)
            request = directory_pb2.ResolveActorRequest(issuer=issuer, subject=subject)
            call = self.channels["directory"].unary_unary(
                f"/{method.containing_service.full_name}/{method.name}",
                request_serializer=directory_pb2.ResolveActorRequest.SerializeToString,
                response_deserializer=directory_pb2.ResolveActorResponse.FromString,
            )
            metadata = ((ACTOR_TOKEN, self.signer.token("directory")),)
            self.actors[who] = to_actor((await call(request, metadata=metadata, timeout=9)).actor)
        if SUSPENDED in troupe.ids:
            self.actors[SUSPENDED] = without_memberships(troupe.ids[SUSPENDED])

    async def answer(self, who: str, service: str, call: Call) -> bytes:
        """Status, message, refusal and response in one; a part that is too busy is asked again."""
        return await until(lambda: self._answer(who, service, call), bool, seconds=PATIENCE)

    async def _answer(self, who: str, service: str, call: Call) -> bytes:
        assert call.method is not None
        ask: Any = self.channels[service].unary_unary(
            f"/{call.method.containing_service.full_name}/{call.method.name}",
            request_serializer=lambda request: request.SerializeToString(),
        )
        metadata = []
        if who == SERVICE:
            metadata.append((ACTOR_TOKEN, self.other_signer.token(service)))
        elif who != NOBODY:
            metadata.append((ACTOR_TOKEN, self.signer.token(service, self.actors[who])))
        try:
            response: bytes = await ask(call.request, metadata=metadata, timeout=20)
            return b"OK " + cleaned(_timeless(call.method, response), call.sent)
        except aio.AioRpcError as error:
            if error.code() in (StatusCode.DEADLINE_EXCEEDED, StatusCode.UNAVAILABLE):
                return b""
            trailing = sorted(
                (key, value if isinstance(value, bytes) else value.encode())
                for key, value in error.trailing_metadata() or ()
            )
            said = [error.code().name.encode(), (error.details() or "").encode()]
            said += [part for key, value in trailing for part in (key.encode(), value)]
            return cleaned(b"|".join(said), call.sent)

    async def close(self) -> None:
        """Every channel."""
        for channel in self.channels.values():
            await channel.close()


@dataclass
class Gateway:
    """The front door."""

    system: System
    troupe: Troupe
    clients: dict[str, httpx2.AsyncClient] = field(default_factory=dict)
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def answer(self, who: str, call: Call) -> bytes:
        """Status, headers and body in one."""
        async with self.opening:  # several ask at once
            if who not in self.clients:
                self.clients[who] = await self._client(who)
        client = self.clients[who]

        async def ask() -> httpx2.Response:
            return await client.post("/graphql", json=call.request)

        response = await until(ask, _in_earnest, seconds=PATIENCE)
        assert response.status_code < 500, response.text[:300]
        headers = sorted(
            f"{name}: {value}"
            for name, value in response.headers.items()
            if name.lower() not in _PASSING
        )
        body = _COUNTED.sub(b"", _TRACE.sub(b'"traceId":""', response.content))
        if call.name == "feed":
            body = _RANKED.sub(b"", body)
        if call.name == "viewer":  # one's own: who left a community knows that they did
            body = _VERSION.sub(b"", body)
        if b"ttachment" in body:
            body = _SIGNED.sub(b"", body)
        head = f"{response.status_code} {'; '.join(headers)} ".encode()
        return head + cleaned(body, call.sent)

    async def _client(self, who: str) -> httpx2.AsyncClient:
        asker = await self.troupe.asker(self.system, who)
        # The gateway hangs up after five idle seconds, as a client of httpx does by default: of two
        # that do so at once one sends into a line that is closed.
        return httpx2.AsyncClient(
            base_url=self.system.url,
            headers=asker.http.headers,
            timeout=30,
            limits=httpx2.Limits(keepalive_expiry=1),
        )

    async def close(self) -> None:
        """Every connection."""
        for client in self.clients.values():
            await client.aclose()


def _in_earnest(response: httpx2.Response) -> bool:
    """No part was too busy to say what it would."""
    return not any(code in response.content for code in _TOO_BUSY)


def _timeless(method: MethodDescriptor, response: bytes) -> bytes:
    """Without the moment at which something was counted or ranked."""
    if method.name not in ("BatchGetSpaceHealth", "ListFeed"):
        return response
    message: Any = GetMessageClass(method.output_type)()
    message.ParseFromString(response)
    if method.name == "ListFeed":  # a place in a ranking holds the moment of the first page
        message.next_page_token = "more" if message.next_page_token else ""
        for item in message.items:
            item.ClearField("page_token")
    else:
        for space in message.spaces:
            space.ClearField("compute_time")
    return bytes(message.SerializeToString())


def cleaned(answer: bytes, sent: Sequence[str]) -> bytes:
    """Without what the caller sent."""
    for text in sorted(sent, key=len, reverse=True):
        if text:
            answer = answer.replace(text.encode(), b"<sent>")
    return answer


def told(answer: bytes, loot: Loot) -> str:
    """A secret that an answer tells; "" where it keeps them all."""
    return next((secret for secret in loot.secrets if secret.encode() in answer), "")

"""Bad input to any RPC, past the gateway: a typed refusal that names the field; nothing happens.

What is asked is made from the protos: a new RPC is here by itself.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc import StatusCode, aio

from chassis import rpc_status
from chassis.actors import Actor
from chassis.rpc_server import ACTOR_TOKEN
from chassis.tokens import TokenSigner
from devstack.parts import SERVICES, Place
from gateway.actors import to_actor
from guildhall.directory.v1 import directory_pb2
from tests.integration.rpc_inputs import OFFERED, BadRequest, Requests, is_write, methods
from tests.integration.test_bad_input import MUTATIONS, by_several, strangers
from tests.system import (
    BOREALIS_MANAGER,
    ENGINEER,
    MANAGER,
    OPERATOR,
    SELLER,
    System,
)
from tests.world import World, identity

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

PEOPLE = (MANAGER, OPERATOR, ENGINEER, SELLER, BOREALIS_MANAGER)
GATEWAY, NOTIFICATIONS, SEARCH = "gateway", "notifications", "search"  # call for themselves
GARBAGE = (b"\xff\xff\xff", b"\x0a\x7fcut off")
# An identity provider's claims are only shown: what cannot be is left out, never refused.
CLAIMS = {"SignIn": {"email", "display_name"}}
_LIMIT = re.compile(r" to (\d+) characters, not ")
RPCS = [(service, method) for service in OFFERED for method in methods(service)]


@dataclass(frozen=True)
class Answer:
    """Of one call; a refusal has a reason."""

    status: StatusCode
    reason: str = ""
    field: str = ""
    message: Message | None = None
    details: str = ""


@dataclass
class Line:
    """Calls services as anybody, as only the holder of these parts' keys could."""

    place: Place
    signers: dict[str, TokenSigner]
    channels: dict[str, aio.Channel]
    actors: dict[str, Actor] = field(default_factory=dict)

    async def call(
        self, service: str, method: MethodDescriptor, request: Message | bytes, who: str | None
    ) -> Answer:
        """Never a failure."""
        call = self.channels[service].unary_unary(
            f"/{method.containing_service.full_name}/{method.name}",
            request_serializer=_bytes,
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
        metadata = []
        if who is not None:
            signer = self.signers.get(who, self.signers[GATEWAY])
            metadata.append((ACTOR_TOKEN, signer.token(service, self.actors.get(who))))
        try:
            return Answer(StatusCode.OK, message=await call(request, metadata=metadata, timeout=9))
        except aio.AioRpcError as error:
            trailing: dict[str, Any] = dict(error.trailing_metadata() or ())
            refusal = rpc_status.unpack(error.code(), trailing.get(rpc_status.DETAILS))
            if refusal is None:
                return Answer(error.code(), details=error.details() or "")
            return Answer(
                error.code(), rpc_status.reason_of(refusal), refusal.field, details=str(refusal)
            )


def _bytes(request: Any) -> bytes:
    return request if isinstance(request, bytes) else request.SerializeToString()


@pytest.fixture
async def line(system: System) -> AsyncIterator[Line]:
    place = system.place
    line = Line(
        place,
        {
            name: TokenSigner.from_file(name, place.keys / f"{name}.pem")
            for name in (GATEWAY, NOTIFICATIONS, SEARCH)
        },
        {one.name: aio.insecure_channel(place.address(one.port)) for one in SERVICES},
    )
    service = directory_pb2.DESCRIPTOR.services_by_name["DirectoryService"]
    for email in PEOPLE:
        issuer, subject = identity(place, email)
        request = directory_pb2.ResolveActorRequest(issuer=issuer, subject=subject)
        answer = await line.call(
            "directory", service.methods_by_name["ResolveActor"], request, GATEWAY
        )
        assert isinstance(answer.message, directory_pb2.ResolveActorResponse)
        line.actors[email] = to_actor(answer.message.actor)
    yield line
    for channel in line.channels.values():
        await channel.close()


async def champion(line: Line, service: str, method: MethodDescriptor, requests: Requests) -> str:
    """Somebody who may: whose good request only lacks its id, or is answered."""
    owner = method.containing_service.name
    if owner in ("OperationsService", "EventLogService"):
        return OPERATOR if owner == "OperationsService" else GATEWAY
    answers = {}
    for who in (MANAGER, OPERATOR, GATEWAY, NOTIFICATIONS, SEARCH):
        request: Any = requests.legal()
        if is_write(method):
            request.request_id = ""
        answers[who] = answer = await line.call(service, method, request, who)
        if answer.reason == "REQUEST_ID_INVALID" or answer.status is StatusCode.OK:
            return who
    raise AssertionError(f"nobody may: {answers}")


def wrong(method: MethodDescriptor, bad: BadRequest, answer: Answer) -> str:
    """What is wrong with the answer to a bad request; "" where nothing is."""
    if answer.status is StatusCode.OK:
        harmless = not is_write(method) or bad.field in CLAIMS.get(method.name, ())
        return "" if harmless else "not refused"
    if not answer.reason or answer.status in (StatusCode.INTERNAL, StatusCode.UNKNOWN):
        return "no typed refusal"
    if answer.status is StatusCode.PERMISSION_DENIED:  # there it takes another role
        named = True
    elif answer.status is StatusCode.NOT_FOUND:  # several fields say together what is looked for
        named = answer.field.partition(".")[0] in method.input_type.fields_by_name
    else:
        named = f"{answer.field}.".startswith(f"{bad.field}.")
    return "" if named else f"does not name {bad.field}"


@pytest.mark.parametrize(
    ("service", "method"), RPCS, ids=[f"{service}-{method.name}" for service, method in RPCS]
)
async def test_bad_input_to_an_rpc_is_refused_and_changes_nothing(
    service: str, method: MethodDescriptor, line: Line, world: World
) -> None:
    requests = Requests(world, method)
    if method.name == "GetDraft":  # another test may have deleted it
        saving = method.containing_service.methods_by_name["SaveDraft"]
        draft: Any = requests.of(saving).legal()
        draft.request_id = f"draft-{uuid.uuid4()}"
        await line.call(service, saving, draft, MANAGER)
    before = world.snapshot()
    found: list[str] = []
    for data in GARBAGE if method.input_type.fields else ():
        answer = await line.call(service, method, data, OPERATOR)
        assert answer.reason == "REQUEST_UNREADABLE"
    for who in (None, *uninvited(method)):
        answer = await line.call(service, method, requests.legal(), who)
        if answer.status is StatusCode.OK or not answer.reason:
            found.append(f"{who} was answered {answer}")
    if method.input_type.fields:
        who = await champion(line, service, method, requests)

        async def ask(bad: BadRequest) -> Answer:
            answer = await line.call(service, method, bad.request, who)
            if problem := wrong(method, bad, answer):
                found.append(f"{bad.why} by {who}: {problem}: {str(answer)[:300]}")
            return answer

        bad = list(requests.bad())
        answers = await by_several(bad, ask)
        limits = [_LIMIT.search(answer.details) for answer in answers]
        longer = [
            requests.just_too_long(b, int(m[1])) for b, m in zip(bad, limits, strict=True) if m
        ]
        await by_several(longer, ask)
        if who is MANAGER:
            for place, hidden, nobodys in requests.hidden():
                pair = [await line.call(service, method, one, who) for one in (hidden, nobodys)]
                if pair[0] != pair[1] or (is_write(method) and not pair[0].reason):
                    found.append(f"{place} tells who has it: {pair}")
    assert found == []
    assert world.snapshot() == before


def uninvited(method: MethodDescriptor) -> list[str]:
    """Who may not: as for the mutation named alike; what is for services is for no person."""
    owner = method.containing_service.name
    if owner == "EventLogService":
        return list(PEOPLE)
    if owner == "OperationsService":
        return [one for one in PEOPLE if one is not OPERATOR]
    name = method.name[0].lower() + method.name[1:]
    if name not in MUTATIONS:
        return list(PEOPLE) if is_write(method) else []
    return [one for one in strangers(name, MUTATIONS[name].description or "") if one]

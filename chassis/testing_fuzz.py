"""Fuzzing: how much is tried, bytes with small damage, and requests made from the protos."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from google.protobuf.descriptor import (
    Descriptor,
    FieldDescriptor,
    MethodDescriptor,
    ServiceDescriptor,
)
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc import StatusCode, aio
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from chassis import rpc_status
from chassis.actors import Actor
from chassis.mongo import Database
from chassis.rpc_server import ACTOR_TOKEN
from chassis.testing import Loopback
from chassis.tokens import TokenSigner

T = TypeVar("T")

EXAMPLES = "FUZZ_EXAMPLES"  # in the environment: so many of each, and others in every run
_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]

_SMALLER = (Phase.shrink, Phase.explain)


def fuzzed(examples: int, *, shrink: bool = True) -> Callable[[T], T]:
    """For a test with @given: so many examples, always the same ones.

    With FUZZ_EXAMPLES that many, drawn anew; a failure prints the seed and the example's blob.
    What takes long, or leaves something behind in a store, is not made smaller by trying again.
    """
    wanted = os.environ.get(EXAMPLES)
    return settings(
        max_examples=int(wanted) if wanted else examples,
        derandomize=not wanted,
        database=None,
        deadline=None,
        print_blob=True,
        suppress_health_check=_SLOW,
        phases=[phase for phase in Phase if shrink or phase not in _SMALLER],
    )


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """The same with a few bits flipped, bytes put in, taken out or doubled, or cut off."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        match draw(st.integers(0, 4)):
            case 0 if data:
                data[at] ^= 1 << draw(st.integers(0, 7))
            case 1:
                data[at:at] = draw(st.binary(min_size=1, max_size=4))
            case 2:
                del data[at : at + draw(st.integers(1, 8))]
            case 3:
                data[at:at] = data[at : at + 16]
            case _:
                del data[at:]
    return bytes(data)


# What a text field may be sent: what is forbidden, what grows when it is folded, what engines read.
TEXTS = st.one_of(
    st.sampled_from(
        (
            *("", " ", "x", "a b", "a\x00b", "\u202e", "\ufdfa" * 80, "\u0390" * 80, "\u0130" * 40),
            *("$where", "{}", '{"$gt": ""}', "../..", "*", '"', "\\", "%00", "x" * 70_000),
        )
    ),
    st.text(max_size=40),
)
_INTEGERS = st.sampled_from([0, 1, -1, 2, 99, 100, 101, (1 << 31) - 1, -(1 << 31)])
_LONGS = _INTEGERS | st.sampled_from([(1 << 63) - 1, -(1 << 63)])
_UNSIGNED = st.sampled_from([0, 1, 99, (1 << 32) - 1])
_FLOATS = st.floats()
_NUMBERS: Mapping[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_INT32: _INTEGERS,
    FieldDescriptor.TYPE_INT64: _LONGS,
    FieldDescriptor.TYPE_UINT32: _UNSIGNED,
    FieldDescriptor.TYPE_UINT64: _UNSIGNED,
    FieldDescriptor.TYPE_DOUBLE: _FLOATS,
    FieldDescriptor.TYPE_FLOAT: st.floats(width=32),
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=20),
}
# No moment at all, the ends of time, just beyond them, and one of today.
_SECONDS = st.sampled_from(
    [0, 1_772_366_400, -62_135_596_800, 253_402_300_799, 1 << 40, -(1 << 40)]
)
_NANOS = st.sampled_from([0, 1, -1, 999_999_999, 1_000_000_000, -(1 << 31)])


@dataclass(frozen=True)
class Requests:
    """Makes requests of any RPC; `known` has values for fields by name, so that some hit."""

    known: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def of(self, method: MethodDescriptor) -> st.SearchStrategy[Message]:
        """Any request."""
        return self.message(method.input_type, 3)

    def message(self, kind: Descriptor, depth: int) -> st.SearchStrategy[Message]:
        """Any message of this kind, nested so deep at most."""
        if kind.full_name == "google.protobuf.Timestamp":
            return st.builds(GetMessageClass(kind), seconds=_SECONDS, nanos=_NANOS)
        return _filled(self, kind, depth)

    def value(self, one: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
        """What one field, or one item of a repeated one, may be."""
        if one.message_type is not None:
            return self.message(one.message_type, depth - 1)
        if one.enum_type is not None:
            numbers = [value.number for value in one.enum_type.values]
            return st.sampled_from([*numbers, *numbers, 99, -1])
        plain = _NUMBERS.get(one.type, TEXTS)
        if known := self.known.get(one.name):
            return st.sampled_from([*known, *known]) | plain
        return plain


@st.composite
def _filled(draw: st.DrawFn, requests: Requests, kind: Descriptor, depth: int) -> Message:
    message: Any = GetMessageClass(kind)()
    for one in kind.fields:
        if depth == 0 or (one.name not in requests.known and not draw(st.integers(0, 7))):
            continue  # left out
        values = requests.value(one, depth)
        if one.is_repeated:
            getattr(message, one.name).extend(draw(st.lists(values, max_size=3)))
        elif one.message_type is not None:
            getattr(message, one.name).CopyFrom(draw(values))
        else:
            setattr(message, one.name, draw(values))
    return message  # type: ignore[no-any-return]


def wire(message: Message) -> st.SearchStrategy[bytes]:
    """A request on the wire: whole, with fields nobody knows, nested without end, or damaged."""
    whole = message.SerializeToString()
    unknown = b"\xfa\xff\x01\x03abc"
    group = b"\x0b" * 200 + b"\x0c" * 200
    endless = whole + b"\x0a\xff\xff\xff\xff\x07"
    return st.one_of(
        st.just(whole),
        st.just(whole),
        st.sampled_from([whole + unknown, whole + group, endless, whole * 2]),
        damaged(whole),
        damaged(whole),
    )


@dataclass
class Damage:
    """Sends bytes to a real server as any actor, and judges the answers."""

    loopback: Loopback
    part: str
    database: Database
    _channel: aio.Channel | None = None

    async def bombard(
        self,
        data: st.DataObject,
        service: ServiceDescriptor,
        requests: Requests,
        actors: Sequence[Actor],
        times: int = 10,
    ) -> None:
        """So many requests of any of its RPCs, by any of these."""
        try:
            for _ in range(times):
                method = data.draw(st.sampled_from([*service.methods]))
                sent = data.draw(requests.of(method).flatmap(wire))
                await self.send(method, sent, data.draw(st.sampled_from(list(actors))))
        finally:
            if self._channel is not None:
                await self._channel.close()

    async def send(self, method: MethodDescriptor, data: bytes, actor: Actor) -> str:
        """ "" for an answer, else the reason of a refusal; AssertionError for anything else.

        A refusal has left no command and no domain event.
        """
        if self._channel is None:
            self._channel = aio.insecure_channel(self.loopback.addresses[self.part])
        call: Any = self._channel.unary_unary(
            f"/{method.containing_service.full_name}/{method.name}",
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
        speaker = actor.service or "gateway"
        signer = TokenSigner(speaker, self.loopback.key(speaker))
        token = signer.token(self.part, None if actor.service else actor)
        before = await self._written()
        try:
            await call(data, metadata=[(ACTOR_TOKEN, token)], timeout=20)
        except aio.AioRpcError as error:
            trailing: dict[str, Any] = dict(error.trailing_metadata() or ())
            refusal = rpc_status.unpack(error.code(), trailing.get(rpc_status.DETAILS))
            if refusal is None or error.code() in (StatusCode.INTERNAL, StatusCode.UNKNOWN):
                said = f"{method.name}: {error.code().name} {error.details()}"
                raise AssertionError(f"{said} for {data[:2000]!r}") from None
            if await self._written() != before:
                raise AssertionError(f"{method.name}: refused, yet written") from None
            return rpc_status.reason_of(refusal)
        return ""

    async def _written(self) -> tuple[int, int]:
        commands = await self.database["commands"].count_documents({})
        return commands, await self.database["outbox"].count_documents({})

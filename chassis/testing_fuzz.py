"""Fuzzing: how much is tried, bytes with small damage, and requests made from the protos."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
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
SEEDED = "FUZZ_SEED"  # the same: what requests are drawn by
SEED = int(os.environ.get(SEEDED) or 7)
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


# -- requests: drawn by a seed and not by hypothesis, as they depend on what the store holds by then

# What is forbidden, what grows when it is folded, what engines might read.
TEXTS = (
    *(
        "",
        " ",
        "x",
        "a b",
        "a\x00b",
        "\u202e",
        "\ufdfa" * 80,
        "\u0390" * 80,
        "\u0130" * 40,
        "x" * 70_000,
    ),
    *(
        "$where",
        "{}",
        '{"$gt": ""}',
        "../..",
        "*",
        '"',
        "\\",
        "%00",
        "https://e.example",
        "a@b.example",
    ),
)
_LONGS = (0, 1, -1, 2, 99, 100, 101, (1 << 31) - 1, -(1 << 31))
_NUMBERS: Mapping[int, Sequence[Any]] = {
    FieldDescriptor.TYPE_INT32: _LONGS,
    FieldDescriptor.TYPE_INT64: (*_LONGS, (1 << 63) - 1, -(1 << 63)),
    FieldDescriptor.TYPE_UINT32: (0, 1, 99, (1 << 32) - 1),
    FieldDescriptor.TYPE_UINT64: (0, 1, 99, (1 << 64) - 1),
    FieldDescriptor.TYPE_DOUBLE: (0.0, -1.5, math.inf, math.nan),
    FieldDescriptor.TYPE_FLOAT: (0.0, -1.5, math.inf, math.nan),
    FieldDescriptor.TYPE_BOOL: (False, True),
    FieldDescriptor.TYPE_BYTES: (b"", b"\x00\xff"),
}
# No moment at all, one of this year, the ends of time, beyond them.
_SECONDS = (0, 1_772_366_400, -62_135_596_800, 253_402_300_799, 1 << 40, -(1 << 40))
_NANOS = (0, 0, 0, 1, -1, 999_999_999, 1_000_000_000, -(1 << 31))


@dataclass(frozen=True)
class Requests:
    """Makes requests of any RPC; `known` has good values for fields by name, so that some hit."""

    random: Random
    known: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def of(self, method: MethodDescriptor) -> Message:
        """Any request: half of them with known values wherever there are any."""
        return self._message(method.input_type, 3, wild=self.random.random() < 0.5)

    def _message(self, kind: Descriptor, depth: int, *, wild: bool) -> Message:
        message: Any = GetMessageClass(kind)()
        if kind.full_name == "google.protobuf.Timestamp":
            message.seconds = self.random.choice(_SECONDS)
            message.nanos = self.random.choice(_NANOS)
            return message  # type: ignore[no-any-return]
        for one in kind.fields:
            if depth == 0 or self.random.random() < (0.1 if one.name in self.known else 0.5):
                continue  # left out
            value = partial(self._value, one, depth, wild=wild)
            if one.is_repeated:
                count = self.random.choice((0, 1, 2, 5))
                getattr(message, one.name).extend(value() for _ in range(count))
            elif one.message_type is not None:
                getattr(message, one.name).CopyFrom(value())
            else:
                setattr(message, one.name, value())
        return message  # type: ignore[no-any-return]

    def _value(self, one: FieldDescriptor, depth: int, *, wild: bool) -> Any:
        if one.message_type is not None:
            return self._message(one.message_type, depth - 1, wild=wild)
        if one.name in self.known and not (wild and self.random.random() < 0.3):
            return self.random.choice(self.known[one.name])
        if one.enum_type is not None:
            numbers = [value.number for value in one.enum_type.values]
            return self.random.choice([*numbers, *numbers, 99, -1])
        if one.type in _NUMBERS:
            return self.random.choice(_NUMBERS[one.type])
        return self.random.choice(TEXTS) if wild else "Grace"

    def wire(self, message: Message) -> bytes:
        """On the wire: whole, with fields nobody knows, nested without end, or damaged."""
        whole = message.SerializeToString()
        odd = (
            whole + b"\xfa\xff\x01\x03abc",
            whole + b"\x0b" * 200 + b"\x0c" * 200,
            whole + b"\x0a\xff\xff\xff\xff\x07",
            whole * 2,
            whole[: self.random.randint(0, len(whole))],
            self.random.randbytes(20),
        )
        how = self.random.random()
        if how < 0.7:
            return whole
        if how < 0.8:
            return self.random.choice(odd)
        data = bytearray(whole or b"\x00")
        for _ in range(self.random.randint(1, 3)):
            data[self.random.randrange(len(data))] ^= 1 << self.random.randrange(8)
        return bytes(data)


@dataclass
class Damage:
    """Sends requests to a real server, and judges the answers."""

    loopback: Loopback
    part: str
    database: Database
    random: Random = field(default_factory=lambda: Random(SEED))  # noqa: S311 - not for secrets
    answers: Counter[str] = field(default_factory=Counter)  # "" stands for no refusal
    _channel: aio.Channel | None = None

    async def bombard(
        self,
        service: ServiceDescriptor,
        known: Callable[[], Awaitable[Mapping[str, Sequence[Any]]]],
        actors: Sequence[Actor],
        times: int,
    ) -> None:
        """So many requests of any of its RPCs, by any of these; FUZZ_EXAMPLES says how many.

        What is known is looked up anew now and then, as the requests change it.
        """
        self._channel = aio.insecure_channel(self.loopback.addresses[self.part])
        print(f"{SEEDED}={SEED}")  # noqa: T201 - shown where it fails
        try:
            for number in range(int(os.environ.get(EXAMPLES) or times)):
                if number % 10 == 0:
                    requests = Requests(self.random, await known())
                method = self.random.choice(list(service.methods))
                actor = self.random.choice(actors)
                sent = requests.wire(requests.of(method))
                self.answers[await self._send(self._channel, method, sent, actor)] += 1
        finally:
            await self._channel.close()

    async def _send(
        self, channel: aio.Channel, method: MethodDescriptor, data: bytes, actor: Actor
    ) -> str:
        """ "" for an answer, else the reason of a refusal; AssertionError for anything else.

        A refusal has left no command and no domain event.
        """
        call: Any = channel.unary_unary(
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

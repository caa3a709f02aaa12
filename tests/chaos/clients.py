"""Sixteen clients: each asks until it is answered, repeating its request id, and asks again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from chassis.actors import Actor, current_actor
from chassis.errors import DomainError
from chassis.rpc_client import Channels
from chassis.rpc_status import reason_of
from chassis.tokens import TokenSigner
from guildhall.forum.v1.forum_pb2 import CloseTopicRequest
from guildhall.forum.v1.forum_pb2_grpc import ForumServiceStub
from tests.chaos.counters import COMMUNITY, PRODUCER

if TYPE_CHECKING:
    from guildhall.forum.v1.forum_pb2_grpc import ForumServiceAsyncStub

CLIENTS = 16
AT_BOTH = 0.1  # the share of requests that are made at both replicas at once
AGAIN = 0.1  # the share of answered requests that are made again
TIMEOUT = 2.0


@dataclass(frozen=True, slots=True)
class Order:
    """One command to be given."""

    request_id: str
    counter: str


@dataclass(frozen=True, slots=True)
class Asked:
    """One question and what came of it."""

    at: float  # monotonic
    seconds: float
    refusal: str  # its reason; empty: it was answered

    @property
    def until(self) -> float:
        """When the answer, or the refusal, was there."""
        return self.at + self.seconds


def orders(number: int, random: Random, *, name: str = "") -> list[Order]:
    """Half of them on a few hot counters, the others on counters that see one or two."""
    hot = max(5, number // 400)
    return [
        Order(
            f"{name}request-{place:08d}",
            f"{name}hot{random.randrange(hot)}"
            if random.random() < 0.5
            else f"{name}cold{random.randrange(number)}",
        )
        for place in range(number)
    ]


@dataclass
class Clients:
    """What they were told; `acknowledged` maps an answered request to the version it was given."""

    addresses: Sequence[str]
    key: Path
    random: Random
    timeout: float = TIMEOUT
    acknowledged: dict[str, int] = field(default_factory=dict)
    contradicted: list[str] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    slowest: float = 0.0  # seconds from an order to its answer, repetitions included
    issued: int = 0
    _queue: asyncio.Queue[Order] = field(default_factory=asyncio.Queue)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _channels: list[Channels] = field(default_factory=list)
    _stubs: list[ForumServiceAsyncStub] = field(default_factory=list)

    def start(self) -> None:
        """Begin to wait for orders."""
        signer = TokenSigner.from_file("gateway", self.key)
        for address in self.addresses:
            channels = Channels(signer, lambda _, address=address: address, for_people=True)  # type: ignore[misc]
            self._channels.append(channels)
            self._stubs.append(channels.client(ForumServiceStub, PRODUCER))
        self._tasks = [asyncio.create_task(self._work(number)) for number in range(CLIENTS)]

    def issue(self, some: Iterable[Order]) -> None:
        """Give these to whoever is free."""
        for order in some:
            self.issued += 1
            self._queue.put_nowait(order)

    async def close(self) -> None:
        """Stop asking."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for channels in self._channels:
            await channels.close()

    async def _work(self, number: int) -> None:
        current_actor.set(Actor(person_id=f"p{number}"))
        while True:
            order = await self._queue.get()
            began = time.monotonic()
            await self._until_answered(order)
            self.slowest = max(self.slowest, time.monotonic() - began)
            if self.random.random() < AGAIN:
                await self._until_answered(order)

    async def _until_answered(self, order: Order) -> None:
        while True:
            both = self.random.random() < AT_BOTH
            stubs = self._stubs if both else [self.random.choice(self._stubs)]
            answers = await asyncio.gather(*(self._ask(stub, order) for stub in stubs))
            given = [answer for answer in answers if answer is not None]
            for version in given:
                if self.acknowledged.setdefault(order.request_id, version) != version:
                    self.contradicted.append(order.request_id)
            if given:
                return
            await asyncio.sleep(self.random.uniform(0.02, 0.2))

    async def _ask(self, stub: ForumServiceAsyncStub, order: Order) -> int | None:
        """The version; None where nobody knows what became of it."""
        request = CloseTopicRequest(
            request_id=order.request_id, community_id=COMMUNITY, topic_id=order.counter
        )
        began, refusal = time.monotonic(), "given up"
        try:
            response = await stub.CloseTopic(request, timeout=self.timeout)
            refusal = ""
        except DomainError as error:
            refusal = reason_of(error)
            return None
        finally:
            self.asked.append(Asked(began, time.monotonic() - began, refusal))
        return response.topic.version

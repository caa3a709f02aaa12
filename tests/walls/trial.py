"""The trial itself: read, hide, read again, ask about what is hidden; through any door."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from google.protobuf.descriptor import MethodDescriptor

from tests.integration.rpc_inputs import OFFERED, methods
from tests.system import BOREALIS_MANAGER, ENGINEER, MANAGER, SELLER, System
from tests.walls import graphql_documents, graphql_probes
from tests.walls.burying import bury
from tests.walls.loot import Loot
from tests.walls.observers import OTHER, OUTSIDERS, Troupe, gather
from tests.walls.oracle import SERVICE, Call, Finding, Gateway, Pair, Services, told
from tests.walls.rpc_probes import Probes, elsewhere
from tests.world import World, quiet

T = TypeVar("T")
AT_ONCE = 6  # the gateway takes eight of one person
WHOLE = os.environ.get("GUILDHALL_WALLS", "") == "whole"  # every way to everything, not one
# Who is at home in aurora and in borealis.
RESIDENTS = ((ENGINEER, OTHER), (SELLER, BOREALIS_MANAGER))
# Who may ask about whatever is hidden, and why; the owner answers for it.
EXEMPT: dict[tuple[str, str, str], str] = {
    ("CreateEnrolment", "company_id", BOREALIS_MANAGER): (
        "directory: an operator tells a manager the id of a company that is to take part;"
        " whoever has it may enrol the company (protos: MANAGER of it or OPERATOR)"
    ),
    ("createEnrolment", "companyId", BOREALIS_MANAGER): "directory: as CreateEnrolment",
}
# Who cannot read a post is not mentioned, and nothing is said of it: the post is there in both
# cases, and the second of a pair would be another body under the first's request id.
# test_forum_references_servicer.py asks.
SILENT = ("mentioned_ids", "mentionedIds")
# Services read these for everyone; each tests the walls for its own readers.
READ_BY_SERVICES = {
    "ReadAggregate", "ReadEvents", "ReadHeads", "ListHeads", "Screen", "GetCompany",
    "BatchGetCompanies", "ListCompanies", "GetCommunity", "BatchGetCommunities",
    "ListCommunities", "GetMember", "BatchGetMembers", "BatchGetMemberships", "ListMembers",
    "BatchGetSpaces", "BatchGetChannels", "ListAudience", "ListCapableMembers", "ListReceipts",
    "BatchGetTopics", "BatchGetReplies", "BatchGetPosts", "ListReplies", "GetGroup",
    "BatchGetGroups", "ListGroups", "ListGroupMembers", "BatchGetGroupMembers",
}  # fmt: skip


class Door(Protocol):
    """What answers."""

    async def answer(self, who: str, call: Call) -> bytes:
        """As bytes."""


@dataclass
class OfService:
    """One service's door."""

    services: Services
    name: str

    async def answer(self, who: str, call: Call) -> bytes:
        """Whatever it says."""
        return await self.services.answer(who, self.name, call)


@dataclass
class Stage:
    """A world with its outsiders, before anything is hidden."""

    system: System
    world: World
    troupe: Troupe
    loot: Loot = field(default_factory=Loot)
    before: dict[tuple[str, str, str], bytes] = field(default_factory=dict)

    @property
    def worlds(self) -> list[World]:
        """As the members of either community see it."""
        return [self.world, elsewhere(self.world)]

    def rpc_readings(self, service: str) -> Iterator[tuple[str, Call]]:
        """Who reads what of one service."""
        for method in methods(service):
            for number, call in enumerate(Probes(self.worlds, Loot(), method).readings()):
                for who in OUTSIDERS if number < 2 else (r for home in RESIDENTS for r in home):
                    yield who, call

    def graphql_readings(self) -> Iterator[tuple[str, Call]]:
        """Who reads what at the gateway."""
        for home, world in enumerate(self.worlds):
            calls = list(graphql_documents.readings(world, whole=WHOLE))
            for who in OUTSIDERS:
                resident = who in RESIDENTS[home]
                for number, call in enumerate(calls):
                    if resident or number % 12 == 0:
                        yield who, call

    async def remember(self, services: Services, gateway: Gateway) -> None:
        """What everybody is answered now."""
        for service in OFFERED:
            door = OfService(services, service)
            self.before |= await self.read(door, self.rpc_readings(service))
        self.before |= await self.read(gateway, self.graphql_readings())

    async def read(
        self, door: Door, readings: Iterable[tuple[str, Call]], *, first: str = ""
    ) -> dict[tuple[str, str, str], bytes]:
        """Every answer. `first`, an insider, asks all of it before: what is kept is kept now."""
        asked = list(readings)
        if first:
            await several(asked, lambda one: door.answer(first, one[1]))
        answers = await several(asked, lambda one: door.answer(*one))
        return {
            (who, call.name, str(call.request)): answer
            for (who, call), answer in zip(asked, answers, strict=True)
        }

    async def differences(
        self, door: Door, readings: Iterable[tuple[str, Call]], *, first: str = MANAGER
    ) -> list[Finding]:
        """What is read otherwise than before anything was hidden."""
        found = []
        for key, answer in (await self.read(door, readings, first=first)).items():
            who, name, asked = key
            if answer != self.before[key]:
                found.append(Finding(who, f"reads {name} {asked}", (self.before[key], answer)))
            if secret := told(answer, self.loot):
                found.append(Finding(who, f"is told {secret} by {name} {asked}", (answer, b"")))
        return found

    def rpc_pairs(self, method: MethodDescriptor) -> Iterator[tuple[str, Pair]]:
        """Who asks what of one RPC."""
        for pair in Probes(self.worlds, self.loot, method).pairs():
            if pair.field.endswith(SILENT):
                continue
            everybody = (*OUTSIDERS, SERVICE) if pair.by_all else RESIDENTS[pair.home]
            for who in everybody:
                if who == SERVICE and method.name in READ_BY_SERVICES:
                    continue
                if (method.name, pair.field, who) not in EXEMPT:
                    yield who, pair

    def graphql_pairs(self) -> Iterator[tuple[str, Pair]]:
        """Who asks what at the gateway."""
        for pair in graphql_probes.pairs(self.worlds, self.loot, whole=WHOLE):
            if pair.field.endswith(SILENT):
                continue
            for who in OUTSIDERS if pair.by_all else RESIDENTS[pair.home]:
                if (pair.hidden.name, pair.field, who) not in EXEMPT:
                    yield who, pair

    async def told_apart(self, door: Door, pairs: Iterable[tuple[str, Pair]]) -> list[Finding]:
        """Pairs that are answered otherwise."""
        found: list[Finding] = []

        async def ask(one: tuple[str, Pair]) -> None:
            who, pair = one
            hidden = await door.answer(who, pair.hidden)
            missing = await door.answer(who, pair.missing)
            if hidden != missing:
                found.append(Finding(who, pair.why, (hidden, missing)))
            elif secret := told(hidden, self.loot):
                found.append(Finding(who, f"is told {secret}: {pair.why}", (hidden, b"")))

        await several(list(pairs), ask)
        return found


async def several(asked: Sequence[Any], ask: Callable[[Any], Awaitable[T]]) -> list[T]:
    """A few at a time, in order."""
    answers: list[T] = []
    for start in range(0, len(asked), AT_ONCE):
        answers += await asyncio.gather(*map(ask, asked[start : start + AT_ONCE]))
    return answers


async def _keep_levels(system: System, world: World) -> None:
    """Nobody rises meanwhile: a job judges every five minutes what people have done."""
    never = [
        {"trustLevel": level, "needs": [{"fact": "DAYS_VISITED", "count": 1_000_000}]}
        for level in ("BASIC", "MEMBER", "REGULAR")
    ]
    for who, ids in ((MANAGER, world.aurora), (BOREALIS_MANAGER, world.borealis)):
        asker = await system.asker(who)
        given = {"communityId": ids["Community"], "requirements": never}
        await asker.mutate("updateTrustSettings", "{ trustSettings { version } }", **given)


async def set_up(system: System, world: World) -> Stage:
    """Read everything, then hide."""
    await _keep_levels(system, world)
    troupe = await gather(system, world.aurora["Community"])
    await quiet(system.place)
    stage = Stage(system, world, troupe)
    services, gateway = await Services.of(system.place, troupe, {}), Gateway(system, troupe)
    try:
        await stage.remember(services, gateway)
    finally:
        await services.close()
        await gateway.close()
    stage.loot = await bury(system, world, troupe)
    return stage

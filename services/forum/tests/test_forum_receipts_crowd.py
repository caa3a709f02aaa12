"""Thousands of readers at once over real gRPC, through two replicas: each receipt exactly once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC
from typing import Any

from google.protobuf.message import Message

from chassis.actors import Actor, current_actor
from chassis.commands import Commands
from chassis.errors import DomainError
from chassis.rpc_client import Channels
from chassis.testing import service_actor
from chassis.tokens import TokenSigner
from guildhall.directory.v1.directory_pb2_grpc import DirectoryServiceStub
from guildhall.forum.v1 import announcements_pb2 as pb
from guildhall.forum.v1.announcements_pb2_grpc import (
    AnnouncementServiceStub,
    add_AnnouncementServiceServicer_to_server,
)
from services.forum.repository import ForumRepository
from services.forum.servicer.announcements import AnnouncementServicer
from services.forum.tests.announcing import OUTSIDER, Town, partner
from services.forum.use_cases.announcements import AnnouncementUseCases

READERS, LATE, AWAY = 1_900, 100, 300  # on the list, come later, on the list and never come
COMPANIES, CLIENTS = 37, 16
_UNDER_WAY = 6  # calls of one client: an actor token is believed for three seconds only
_PATIENCE = 30.0  # seconds a call may take


def member(number: int) -> Actor:
    return partner(f"m{number:04}", f"co{number % COMPANIES:02}")


async def serve_another(town: Town, commands: Commands) -> str:
    """A second replica on the same store, with a memory and lanes of its own."""
    loopback, repository = town.world.loopback, ForumRepository(town.world.database)
    asked = loopback.client(DirectoryServiceStub, "directory", service_actor("forum"))
    use_cases = AnnouncementUseCases(commands, repository, town.world.use_cases._moderation, asked)
    servicer = AnnouncementServicer(use_cases, repository)
    return await loopback.serve(
        "forum", lambda server: add_AnnouncementServiceServicer_to_server(servicer, server)
    )


async def test_two_thousand_readers_at_once_are_a_receipt_each(town: Town) -> None:
    listed = [member(number) for number in range(READERS + AWAY)]
    town.directory.people.clear()
    town.directory.add(*listed)
    town.directory.page = 1_000
    one = await town.must_read(await town.channel())
    late = [member(READERS + AWAY + number) for number in range(LATE)]
    newcomers = {actor.person_id for actor in late}
    readers = [*listed[:READERS], *late]
    commands = Commands(town.world.database)
    addresses = [town.world.loopback.addresses["forum"], await serve_another(town, commands)]
    signer = TokenSigner("gateway", town.world.loopback.key("gateway"))
    clients = [
        Channels(signer, lambda _, to=to: to, for_people=True, call_timeout=_PATIENCE)  # type: ignore[misc]
        for to in addresses * (CLIENTS // 2)
    ]
    stubs: list[Any] = [client.client(AnnouncementServiceStub, "forum") for client in clients]
    gates = [asyncio.Semaphore(_UNDER_WAY) for _ in clients]

    async def call(number: int, actor: Actor, rpc: str, request: Message) -> list[Any]:
        """By one of the clients; every fifth through both replicas at once."""
        current_actor.set(actor)

        async def through(client: int) -> Any:
            async with gates[client]:
                return await getattr(stubs[client], rpc)(request)

        turns = [number, number + 1] if number % 5 == 0 else [number]
        return await asyncio.gather(*(through(turn % CLIENTS) for turn in turns))

    async def see(number: int, actor: Actor) -> list[pb.Receipt]:
        request = pb.MarkAnnouncementsSeenRequest(community_id="c1", announcement_ids=[one.id])
        answers = await call(number, actor, "MarkAnnouncementsSeen", request)
        return [receipt for answer in answers for receipt in answer.receipts]

    async def refused(number: int) -> str:
        try:
            await see(number, OUTSIDER)
        except DomainError as refusal:
            return refusal.reason()
        return ""

    async def acknowledge(number: int, actor: Actor) -> None:
        request = pb.AcknowledgeAnnouncementRequest(
            request_id="acknowledge-1", community_id="c1", announcement_id=one.id
        )
        first, *others = await call(number, actor, "AcknowledgeAnnouncement", request)
        assert all(answer == first for answer in others)

    try:
        seen, outside = await asyncio.gather(
            asyncio.gather(*(see(number, actor) for number, actor in enumerate(readers))),
            asyncio.gather(*map(refused, range(100))),
        )
        assert set(outside) == {"COMMUNITY_NOT_FOUND"}
        for actor, receipts in zip(readers, seen, strict=True):
            assert all(receipt == receipts[0] for receipt in receipts)
            assert receipts[0].person_id == actor.person_id
            assert receipts[0].company_id == actor.memberships["c1"].company_id
            assert receipts[0].in_audience == (actor.person_id not in newcomers)
        rows = await town.world.database.receipts.find({"announcement_id": one.id}).to_list()
        assert len(rows) == READERS + AWAY + LATE
        assert {row["person_id"]: row["see_time"] for row in rows if row["see_time"]} == {
            receipts[0].person_id: receipts[0].see_time.ToDatetime(UTC) for receipts in seen
        }

        acknowledging = readers[::3]
        await asyncio.gather(*(acknowledge(*one) for one in enumerate(acknowledging)))
        events = (await town.world.said()).count("AnnouncementAcknowledged")
        assert events == len(acknowledging)
        assert await town.world.database.acknowledgements.count_documents({}) == events
    finally:
        for client in clients:
            await client.close()
        await commands.close()

    got = await town.act("GetReceiptSummary", one)
    told = [actor for actor in acknowledging if actor.person_id not in newcomers]
    assert (got.people, got.companies, got.seen, got.acknowledged) == (
        len(listed),
        COMPANIES,
        READERS,
        len(told),
    )
    answer = await town.act("ListCompanyReceipts", one, page_size=100)
    people, seers, takers = map(by_company, (listed, listed[:READERS], told))
    assert [
        (row.company_id, row.people, row.seen, row.acknowledged) for row in answer.company_receipts
    ] == [(one, people[one], seers[one], takers[one]) for one in sorted(people)]


def by_company(actors: Sequence[Actor]) -> Counter[str]:
    return Counter(actor.memberships["c1"].company_id for actor in actors)

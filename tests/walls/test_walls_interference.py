"""Nobody outside learns anything: hidden or not there at all, the answer is the same, byte by byte.

What is asked is made from the protos and the SDL: a new RPC or field is here by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
import pytest
import pytest_asyncio

from chassis.testing import free_port
from devstack.environment import EngineUrls, service_environment
from devstack.parts import CHECKOUT, MONGOD, NATS, SEARCH_ENGINE, SERVICES
from devstack.processes import wait_until
from tests.integration.rpc_inputs import OFFERED, is_id, methods
from tests.system import MANAGER, SELLER, System
from tests.walls.burying import unbury
from tests.walls.graphql_documents import QUERIES, Fields, documents
from tests.walls.graphql_probes import pairs
from tests.walls.leaks import LEAKS
from tests.walls.loot import Loot
from tests.walls.observers import OUTSIDERS
from tests.walls.oracle import Call, Finding, Gateway, Services
from tests.walls.rpc_probes import Probes
from tests.walls.trial import OfService, Stage, set_up
from tests.world import World, quiet

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

RPCS = [(service, method) for service in OFFERED for method in methods(service)]
MOST_TOLD = 12  # findings; the first tell enough


@pytest.fixture(scope="module")
def stage(running_system: System, world: World) -> Iterator[Stage]:
    async def make() -> Stage:
        try:
            return await set_up(running_system, world)
        finally:
            await running_system.close_clients()

    made = asyncio.run(make())
    yield made
    unbury(running_system, made.loot)


@pytest_asyncio.fixture
async def services(stage: Stage) -> AsyncIterator[Services]:
    opened = await Services.of(stage.system.place, stage.troupe, {})
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def gateway(system: System, stage: Stage) -> AsyncIterator[Gateway]:
    opened = Gateway(system, stage.troupe)
    yield opened
    await opened.close()


def none(found: list[Finding]) -> None:
    """Fails with the first of them."""
    told = "\n".join(map(str, found[:MOST_TOLD]))
    assert not found, f"{len(found)} ways through the walls:\n{told}"


async def test_services_say_the_same_as_before_anything_was_hidden(
    stage: Stage, services: Services
) -> None:
    for service in OFFERED:
        door = OfService(services, service)
        none(await stage.differences(door, stage.rpc_readings(service)))


async def test_the_gateway_says_the_same_as_before_anything_was_hidden(
    stage: Stage, gateway: Gateway
) -> None:
    found = await stage.differences(gateway, stage.graphql_readings())
    none(found)


async def test_no_rpc_tells_hidden_from_missing(stage: Stage, services: Services) -> None:
    before = stage.world.snapshot()
    for service, method in RPCS:
        door = OfService(services, service)
        none(await stage.told_apart(door, stage.rpc_pairs(method)))
    await quiet(stage.system.place)
    assert stage.world.snapshot() == before


async def test_no_field_tells_hidden_from_missing(stage: Stage, gateway: Gateway) -> None:
    # Other tests of this system may have left sessions: who asks first would end them, and be told.
    leave = Call("signOutEverywhere", {"query": "mutation { signOutEverywhere { revoked } }"})
    for who in OUTSIDERS:
        await gateway.answer(who, leave)
    await quiet(stage.system.place)
    before = stage.world.snapshot()
    none(await stage.told_apart(gateway, stage.graphql_pairs()))
    await quiet(stage.system.place)
    assert stage.world.snapshot() == before


# Nobody else has anything to do with it: test_forum_announcements_servicer.py asks for another's.
OF_ONESELF = {"RevokeFeedAddress.address_id"}


def test_every_rpc_is_asked_about_everything_it_could_name(stage: Stage) -> None:
    """No RPC is left out, and no field that could name something hidden."""
    forgotten = []
    for _, method in RPCS:
        probes = Probes(stage.worlds, stage.loot, method)
        asked = len(list(probes.pairs())) + len(list(probes.readings()))
        named = {field.name for field in method.input_type.fields if is_id(field)}
        if not asked and method.input_type.fields:
            forgotten.append(method.full_name)
        left = {f"{method.name}.{name}" for name in named - probes.hid}
        forgotten += sorted(left - OF_ONESELF)
    assert forgotten == []


def test_every_field_of_every_type_is_asked_for(stage: Stage) -> None:
    fields, read = Fields(), set(documents(whole=False))
    texts = {text for _, text in read}
    texts |= {pair.hidden.request["query"] for pair in pairs(stage.worlds, stage.loot, whole=False)}
    for text in texts:
        fields.note(text)
    assert {root for root, _ in read} >= QUERIES.keys() - {"communityNode"}
    assert sorted(Fields.all() - fields.seen) == []


async def test_insiders_do_tell_them_apart(stage: Stage, services: Services) -> None:
    """The questions are good ones: whoever holds the keys is answered otherwise."""
    blind = []
    for service, method in RPCS:
        if method.name not in _READS:
            continue
        door = OfService(services, service)
        asked = [(MANAGER, pair) for who, pair in stage.rpc_pairs(method) if who == SELLER]
        if not await stage.told_apart(door, asked[:60]):
            blind.append(method.name)
    assert blind == []


_READS = {
    method.name
    for _, method in RPCS
    if method.name.startswith(("Get", "BatchGet", "List", "Search"))
    and any(is_id(field) for field in method.input_type.fields)
    # one's own; for services
    and method.name
    not in (
        "GetPerson", "BatchGetPersons", "ListFollows", "ListBookmarks", "ListMentions",
        "ListMustReads", "ListBanners", "ListViewerAnnouncements", "ListFollowedChannels",
        "ListAsks", "ListHeads", "GetRebuild",
        "BatchGetMemberships", "ListAudience", "ListCapableMembers", "BatchGetFeedItems",
        "BatchGetTopicFeedKeys", "BatchGetOpenFlags", "BatchGetAnnouncementCopies",
        "BatchGetFindableAnnouncements", "BatchGetAddresses", "BatchGetOpenness",
        "BatchGetLinkCards",  # of a post without cards as of none: nothing
        "GetMailing",  # of what is missing as of what was never mailed: nothing
    )
}  # fmt: skip


def test_logs_say_nothing_of_what_was_hidden(stage: Stage) -> None:
    for log in sorted((stage.system.place.data / "logs").glob("*.log")):
        if log.stem in ("mongod", "search-engine", "nats"):
            continue
        assert _secret(log.read_text(errors="replace"), stage.loot) == "", log.name


def _secret(text: str, loot: Loot) -> str:
    return next((line for line in text.splitlines() if loot.canary in line), "")


# -- the same trial finds what we put there


@contextlib.contextmanager
def leaking(system: System, leak: str, folder: Path) -> Iterator[str]:
    """A second replica of a service, with that leak in it; its address."""
    place = system.place
    service = next(one for one in SERVICES if one.name == LEAKS[leak][0])
    engines = EngineUrls(
        os.environ.get("MONGO_URI") or f"mongodb://{place.address(MONGOD)}/?replicaSet=rs0",
        os.environ.get("NATS_URL") or f"nats://{place.address(NATS)}",
        os.environ.get("OPENSEARCH_URL") or place.url(SEARCH_ENGINE),
    )
    address = f"127.0.0.1:{free_port()}"
    environment = {
        **os.environ,
        **service_environment(place, service, engines),
        f"{service.prefix}LISTEN": address,
        f"{service.prefix}METRICS_LISTEN": "",
    }
    command = [sys.executable, "-m", "tests.walls.leaks", leak]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=CHECKOUT, env=environment, stdout=log, stderr=subprocess.STDOUT
        )

    def listens() -> bool:
        assert process.poll() is None, (folder / "log").read_text()[-1000:]
        channel = grpc.insecure_channel(address, [("grpc.enable_http_proxy", 0)])
        with channel, contextlib.suppress(grpc.FutureTimeoutError):
            grpc.channel_ready_future(channel).result(timeout=2)
            return True
        return False

    try:
        assert wait_until(listens, 60), (folder / "log").read_text()[-1000:]
        yield address
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.parametrize("leak", LEAKS)
async def test_planted_leak_is_found(leak: str, stage: Stage, tmp_path: Path) -> None:
    service = LEAKS[leak][0]
    with leaking(stage.system, leak, tmp_path) as address:
        services = await Services.of(stage.system.place, stage.troupe, {service: address})
        try:
            door = OfService(services, service)
            found = await stage.differences(door, stage.rpc_readings(service))
            for method in methods(service):
                found = found or await stage.told_apart(door, stage.rpc_pairs(method))
        finally:
            await services.close()
    assert found, f"the leak {leak!r} was not found"

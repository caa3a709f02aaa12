"""Nobody outside learns anything: hidden or not there at all, the answer is the same, byte by byte.

What is asked is made from the protos and the SDL: a new RPC or field is here by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.integration.rpc_inputs import OFFERED, is_id, methods
from tests.system import MANAGER, System
from tests.walls.graphql_probes import Fields, pairs, readings
from tests.walls.loot import Loot, unbury
from tests.walls.oracle import Finding, Gateway, Services
from tests.walls.rpc_probes import Probes
from tests.walls.trial import OfService, Stage, set_up
from tests.world import World, quiet

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

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


@pytest.fixture
def gateway(system: System, stage: Stage) -> Gateway:
    return Gateway(system, stage.troupe)


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
    before = stage.world.snapshot()
    none(await stage.told_apart(gateway, stage.graphql_pairs()))
    await quiet(stage.system.place)
    assert stage.world.snapshot() == before


def test_every_rpc_is_asked_about_everything_it_could_name(stage: Stage) -> None:
    """No RPC is left out, and no field that could name something hidden."""
    forgotten = []
    for _, method in RPCS:
        probes = Probes(stage.worlds, stage.loot, method)
        asked = len(list(probes.pairs())) + len(list(probes.readings()))
        named = {field.name for field in method.input_type.fields if is_id(field)}
        if not asked and method.input_type.fields:
            forgotten.append(method.full_name)
        forgotten += [f"{method.full_name}.{name}" for name in sorted(named - probes.hid)]
    assert forgotten == []


def test_every_field_of_every_type_is_asked_for(stage: Stage) -> None:
    fields = Fields()
    for world in stage.worlds:
        for call in readings(world, 1):
            fields.note(call.request["query"])
    for pair in pairs(stage.worlds, stage.loot):
        fields.note(pair.hidden.request["query"])
    assert sorted(Fields.all() - fields.seen) == []


async def test_insiders_do_tell_them_apart(stage: Stage, services: Services) -> None:
    """The questions are good ones: whoever holds the keys is answered otherwise."""
    blind = []
    for service, method in RPCS:
        if method.name not in _READS:
            continue
        door = OfService(services, service)
        asked = [(MANAGER, pair) for _, pair in stage.rpc_pairs(method) if pair.by_all]
        if not await stage.told_apart(door, asked[:40]):
            blind.append(method.name)
    assert blind == []


_READS = {
    method.name
    for _, method in RPCS
    if method.name.startswith(("Get", "BatchGet", "List", "Search"))
    and any(is_id(field) for field in method.input_type.fields)
    and method.name not in ("GetPerson", "ListHeads", "GetRebuild")  # one's own; for services
}


def test_logs_say_nothing_of_what_was_hidden(stage: Stage) -> None:
    for log in sorted((stage.system.place.data / "logs").glob("*.log")):
        if log.stem in ("mongod", "search-engine", "nats"):
            continue
        assert _secret(log.read_text(errors="replace"), stage.loot) == "", log.name


def _secret(text: str, loot: Loot) -> str:
    return next((line for line in text.splitlines() if loot.canary in line), "")


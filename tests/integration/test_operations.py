"""What an operator relies on: health, metrics by known names, logs that name nobody."""

from __future__ import annotations

import re

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from chassis import telemetry
from devstack.openid.people import PEOPLE
from devstack.parts import GATEWAY_METRICS, SERVICES
from tests.system import ENGINEER, MANAGER, System

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

PARTS = ("directory", "forum", "moderation", "search", "notifications", "gateway")


async def test_health_and_readiness_are_told(system: System) -> None:
    async with httpx2.AsyncClient(base_url=system.url) as client:
        assert (await client.get("/healthz")).status_code == 200
        ready = await client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {"mongo": True, "directory": True}


async def test_metrics_come_from_the_list_of_names(system: System) -> None:
    known = {
        metric._name
        for metric in vars(telemetry).values()
        if hasattr(metric, "_name") and metric.__class__.__module__.startswith("prometheus_client")
    }
    ports = [service.metrics_port for service in SERVICES] + [GATEWAY_METRICS]
    async with httpx2.AsyncClient() as client:
        for port in ports:
            text = (await client.get(f"{system.place.url(port)}/metrics")).text
            names = {family.name for family in text_string_to_metric_families(text)}
            ours = {n.removesuffix("_created") for n in names if n.startswith("guildhall_")}
            assert ours
            assert ours <= known


async def test_logs_are_json_with_traces_and_name_nobody(system: System) -> None:
    """After people have posted, been refused and searched, no log names them or what they wrote."""
    engineer, manager = await system.asker(ENGINEER), await system.asker(MANAGER)
    secret = "quixotic lighthouse"
    await manager.raw(
        "query S($q: String!) { search(query: $q, first: 1) { edges { cursor } } }", q=secret
    )
    await engineer.raw(
        "mutation C($input: CreateReplyInput!) { createReply(input: $input) { reply { id } } }",
        input={"requestId": f"logs-{secret}"[:4] + "0000", "topicId": "bm90", "body": secret},
    )
    everybody = [word for person in PEOPLE for word in (person.email, person.name, person.subject)]
    for part in PARTS:
        text = system.place.log(part).read_text()
        lines = [line for line in text.splitlines() if line.startswith("{")]
        assert lines, f"{part} logs nothing"
        others = [
            line
            for line in text.splitlines()
            if line and not line.startswith("{") and not re.match(r"[IEW]\d{4} ", line)
        ]
        assert others == [], f"{part} logs what is not JSON"
        for word in (*everybody, secret, "pricelist"):
            assert word not in text, f"{part} logs {word}"

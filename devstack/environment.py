"""What each process is told, by environment variables."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from devstack.openid.people import find_person
from devstack.parts import (
    CHECKOUT,
    GATEWAY,
    GATEWAY_METRICS,
    MAIL,
    NATS_MONITOR,
    OPENID,
    SERVICES,
    Place,
    Service,
)

FIRST_OPERATOR = "operator@guildhall.example"
SENDER = "Guildhall <no-reply@guildhall.example>"


@dataclass(frozen=True, slots=True)
class EngineUrls:
    """Where the engines answer."""

    mongo: str
    nats: str
    search: str


def python_environment(code: Path) -> dict[str, str]:
    """How every Python process of the checkout finds our packages and shows its output."""
    return {
        "PYTHONPATH": os.pathsep.join(map(str, [code, CHECKOUT, CHECKOUT / "protos" / "gen"])),
        "PYTHONUNBUFFERED": "1",
    }


def service_environment(place: Place, service: Service, engines: EngineUrls) -> dict[str, str]:
    """For `python -m services.<name>`."""
    told = {
        **_common(place, service.name, engines),
        "LISTEN": place.address(service.port),
        "METRICS_LISTEN": place.address(service.metrics_port),
        "TRUSTED_KEYS_FILE": str(place.keys / "trusted.json"),
    }
    if service.name == "forum":
        told["FILES"] = "disk"
        told["SCAN"] = "optional"  # a laptop has no clamd
        told["FILES_FOLDER"] = str(place.data / "files")
        told["FILES_URL"] = place.url(GATEWAY)
        told["LINK_CARDS_INSIDE"] = "true"
    if service.name == "search":
        told["OPENSEARCH_URL"] = engines.search
    if service.name == "notifications":
        told["SMTP_URL"] = f"smtp://{place.address(MAIL)}"
        told["FROM_ADDRESS"] = SENDER
        told["ANNOUNCEMENT_URL"] = _announcement_url(place)
        told["ADDRESS_KEY_FILE"] = str(place.keys / "addresses.key")
        told["WEBHOOK_KEY_FILE"] = str(place.keys / "webhooks.key")
        told["WEBHOOKS_INSIDE"] = "true"  # a portal's developer receives on this machine
    if service.name == "directory":
        told["BOOTSTRAP_OPERATOR"] = _first_operator(place)
    return _prefixed(place, service.prefix, told)


def gateway_environment(place: Place, engines: EngineUrls) -> dict[str, str]:
    """For `python -m gateway`."""
    told = {
        **_common(place, "gateway", engines),
        "LISTEN": place.address(GATEWAY),
        "METRICS_LISTEN": place.address(GATEWAY_METRICS),
        "PUBLIC_URL": place.url(GATEWAY),
        "ANNOUNCEMENT_URL": _announcement_url(place),
        "CURSOR_KEY_FILE": str(place.keys / "cursor.key"),
        "ISSUERS_FILE": str(place.issuers_file),
        "TRUSTED_KEYS_FILE": str(place.keys / "trusted.json"),
        "FILES_FOLDER": str(place.data / "files"),
    }
    return _prefixed(place, "GATEWAY_", told)


def openid_environment(place: Place) -> dict[str, str]:
    """For `python -m devstack.openid`."""
    told = {
        "LISTEN": place.address(OPENID),
        "DATA": str(place.data / "openid"),
        "GATEWAY_URL": place.url(GATEWAY),
        "AUDIENCE": place.url(GATEWAY),
    }
    return _prefixed(place, "OPENID_", told)


def mail_environment(place: Place) -> dict[str, str]:
    """For `python -m devstack.mail`."""
    return _prefixed(place, "MAIL_", {"PORT": str(place.port(MAIL)), "FOLDER": str(place.mail)})


def demo_environment(place: Place) -> dict[str, str]:
    """For `python -m devstack.demo`, and for whatever else speaks to the running stack."""
    return {
        **python_environment(place.code),
        "GUILDHALL_URL": place.url(GATEWAY),
        "GUILDHALL_PORT": str(place.base_port),
        "GUILDHALL_DATA": str(place.data),
    }


def _common(place: Place, name: str, engines: EngineUrls) -> dict[str, str]:
    return {
        "MONGO_URI": engines.mongo,
        "NATS_URL": engines.nats,
        "NATS_MONITOR_URL": "" if os.environ.get("NATS_URL") else place.url(NATS_MONITOR),
        "SIGNING_KEY_FILE": str(place.keys / f"{name}.pem"),
        "OTLP_ENDPOINT": os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", ""),
        **{f"{other.name.upper()}_ADDRESS": place.address(other.port) for other in SERVICES},
    }


def _announcement_url(place: Place) -> str:
    return f"{place.url(GATEWAY)}/announcements/{{id}}"


def _first_operator(place: Place) -> str:
    operator = find_person(FIRST_OPERATOR)
    if operator is None:
        raise LookupError(FIRST_OPERATOR)
    return f"{place.url(OPENID)}/{operator.company} {operator.subject}"


def _prefixed(place: Place, prefix: str, told: dict[str, str]) -> dict[str, str]:
    return {
        **python_environment(place.code),
        **{f"{prefix}{name}": value for name, value in told.items()},
    }

"""The gateway in the test's process: real MongoDB, real gRPC to stand-ins, signed tokens."""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import Key, RSAKey

from chassis.commands import Commands
from chassis.file_passes import FilePassVerifier
from chassis.messaging import Bus
from chassis.mongo import Database
from chassis.rpc_client import Channels
from chassis.testing import *  # noqa: F403
from chassis.testing import Loopback
from chassis.tokens import TokenSigner
from gateway.actors import Actors
from gateway.admission import Admission
from gateway.app import Gateway
from gateway.auth import TokenVerifier
from gateway.context import Services
from gateway.cursors import CursorKey
from gateway.directory_cache import DirectoryCache
from gateway.endpoint import Parts
from gateway.execution.operations import Operations
from gateway.files import Files
from gateway.issuers import Issuer, Issuers
from gateway.logins import Logins
from gateway.portals.known import KnownPortals
from gateway.portals.repository import PortalRepository
from gateway.portals.use_cases import PortalUseCases
from gateway.rate_limits import RateLimits
from gateway.schema import schema
from gateway.sessions import Sessions
from gateway.signin import SignIn
from gateway.subscriptions.subscriptions import Subscriptions
from gateway.tests.announcements_standin import AnnouncementStandIn, add_announcements
from gateway.tests.attachments_standin import AttachmentStandIn, add_attachments
from gateway.tests.curation_standin import CurationStandIn, add_curation
from gateway.tests.directory_standin import DirectoryStandIn, add_directory
from gateway.tests.drafts_standin import DraftStandIn, add_drafts
from gateway.tests.executing import COMPILE_AT
from gateway.tests.exports_standin import ExportStandIn, add_exports
from gateway.tests.feed_standin import FeedStandIn, add_feed
from gateway.tests.groups_standin import GroupStandIn, add_groups
from gateway.tests.moves_standin import MoveStandIn, add_moves
from gateway.tests.participation_standin import ParticipationStandIn, add_participation
from gateway.tests.quality_standins import (
    AutomationStandIn,
    SeedingStandIn,
    VitalityStandIn,
    add_automation,
    add_seeding,
    add_vitality,
)
from gateway.tests.routing_standin import RoutingStandIn, add_routing
from gateway.tests.standins import ForumStandIn, add_forum
from gateway.tests.trust_standin import TrustStandIn, add_trust
from gateway.web import Site

ISSUER = Issuer(
    key="kestrel",
    name="Kestrel",
    issuer="https://id.kestrel.test",
    client_id="guildhall-gateway",
    client_secret="secret",
    audience="https://guildhall.test",
)
OTHER = Issuer("lumen", "Lumen", "https://id.lumen.test", "guildhall", "s", ISSUER.audience)


@dataclass
class IssuerStandIn:
    """Providers of the tests: discovery and keys over httpx2's transport, tokens signed at will."""

    keys: dict[str, list[Key]] = field(default_factory=dict)
    fetches: Counter[str] = field(default_factory=Counter)
    answers: dict[str, Callable[[httpx2.Request], httpx2.Response]] = field(default_factory=dict)

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        url = str(request.url)
        self.fetches[url] += 1
        if url in self.answers:
            return self.answers[url](request)
        issuer, _, path = url.partition(".test")
        issuer += ".test"
        if path == "/.well-known/openid-configuration":
            return httpx2.Response(200, json=metadata(issuer))
        if path == "/jwks.json":
            rows = [key.as_dict(private=False) for key in self.keys[issuer]]
            return httpx2.Response(200, json={"keys": rows})
        return httpx2.Response(404)

    def access_token(
        self, claims: dict[str, Any] | None = None, header: dict[str, Any] | None = None
    ) -> str:
        key = self.keys[ISSUER.issuer][0]
        full_header = {"alg": "RS256", "typ": "at+jwt", "kid": key.kid, **(header or {})}
        return jwt.encode(full_header, access_claims(**(claims or {})), key)


def metadata(issuer: str) -> dict[str, Any]:
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "jwks_uri": f"{issuer}/jwks.json",
        "authorization_response_iss_parameter_supported": True,
    }


def access_claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    claims = {
        "iss": ISSUER.issuer,
        "aud": ISSUER.audience,
        "sub": "s1",
        "iat": now,
        "exp": now + 300,
        "name": "Edda Engineer",
        "email": "engineer@kestrel.example",
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}


_RSA = {
    issuer.issuer: RSAKey.generate_key(2048, {"kid": f"{issuer.key}-1", "use": "sig"})
    for issuer in (ISSUER, OTHER)
}


@pytest.fixture(scope="session", autouse=True)
def _as_in_the_process() -> Iterator[None]:
    """The gateway freezes what it has loaded, so that collections stay short."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def issuer() -> IssuerStandIn:
    return IssuerStandIn({name: [key] for name, key in _RSA.items()})


@pytest_asyncio.fixture
async def issuers(issuer: IssuerStandIn) -> AsyncIterator[Issuers]:
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(issuer.handle)) as http:
        yield Issuers([ISSUER, OTHER], http)


class BusStandIn:
    """A bus that is connected and silent; heartbeats come back at once unless it is cut."""

    def __init__(self) -> None:
        self.listeners: dict[str, Callable[[], None]] = {}
        self.cut = False

    async def until_connected(self) -> None:
        return

    async def nudge(self, subject: str) -> None:
        if not self.cut and subject in self.listeners:
            self.listeners[subject]()

    async def on_nudge(self, subject: str, wake: Callable[[], None]) -> None:
        self.listeners[subject] = wake


@dataclass
class House:
    """A whole gateway with its neighbours."""

    gateway: Gateway
    parts: Parts
    directory: DirectoryStandIn
    forum: ForumStandIn
    issuer: IssuerStandIn
    loopback: Loopback
    http: httpx2.AsyncClient

    async def ask(
        self,
        query: str,
        variables: dict[str, Any] | None = None,
        *,
        token: str | None = "",
        **headers: str,
    ) -> dict[str, Any]:
        """One operation as Edda, or with the given token, or as nobody."""
        response = await self.post(query, variables, token=token, **headers)
        answer: dict[str, Any] = orjson.loads(response.content)
        return answer

    async def post(
        self,
        query: str,
        variables: dict[str, Any] | None = None,
        *,
        token: str | None = "",
        **headers: str,
    ) -> httpx2.Response:
        if token is not None:
            headers["authorization"] = f"Bearer {token or self.issuer.access_token()}"
        body = {"query": query, "variables": variables}
        return await self.http.post("/graphql", json=body, headers=headers)

    def rpcs(self) -> dict[str, int]:
        """How often each RPC was called, those about the actor left out."""
        calls = self.directory.calls + self.forum.calls
        about_the_actor = ("ResolveActor", "BatchResolveActors", "SignIn")
        return {name: count for name, count in calls.items() if name not in about_the_actor}


@pytest.fixture
def directory() -> DirectoryStandIn:
    return DirectoryStandIn()  # type: ignore[abstract]


@pytest.fixture
def groups() -> GroupStandIn:
    return GroupStandIn()


@pytest.fixture
def forum() -> ForumStandIn:
    return ForumStandIn()  # type: ignore[abstract]


@pytest.fixture
def announcements() -> AnnouncementStandIn:
    return AnnouncementStandIn()  # type: ignore[abstract]


@pytest.fixture
def exports() -> ExportStandIn:
    return ExportStandIn()


@pytest.fixture
def attachments() -> AttachmentStandIn:
    return AttachmentStandIn()


@pytest.fixture
def participation() -> ParticipationStandIn:
    return ParticipationStandIn()  # type: ignore[abstract]


@pytest.fixture
def routing() -> RoutingStandIn:
    return RoutingStandIn()


@pytest.fixture
def feed() -> FeedStandIn:
    return FeedStandIn()


@pytest.fixture
def curation() -> CurationStandIn:
    return CurationStandIn()  # type: ignore[abstract]


@pytest.fixture
def drafts() -> DraftStandIn:
    return DraftStandIn()  # type: ignore[abstract]


@pytest.fixture
def moves() -> MoveStandIn:
    return MoveStandIn()


@pytest.fixture
def automation() -> AutomationStandIn:
    return AutomationStandIn()


@pytest.fixture
def vitality() -> VitalityStandIn:
    return VitalityStandIn()


@pytest.fixture
def trust() -> TrustStandIn:
    return TrustStandIn()


@pytest.fixture
def seeding() -> SeedingStandIn:
    return SeedingStandIn()


@pytest_asyncio.fixture
async def house(
    database: Database,
    commands: Commands,
    loopback: Loopback,
    issuer: IssuerStandIn,
    issuers: Issuers,
    directory: DirectoryStandIn,
    groups: GroupStandIn,
    forum: ForumStandIn,
    announcements: AnnouncementStandIn,
    exports: ExportStandIn,
    attachments: AttachmentStandIn,
    participation: ParticipationStandIn,
    feed: FeedStandIn,
    moves: MoveStandIn,
    curation: CurationStandIn,
    drafts: DraftStandIn,
    routing: RoutingStandIn,
    trust: TrustStandIn,
    automation: AutomationStandIn,
    vitality: VitalityStandIn,
    tmp_path: Path,
    seeding: SeedingStandIn,
) -> AsyncIterator[House]:
    await loopback.serve("directory", add_directory(directory, add_groups(groups)))
    others = (
        add_announcements(announcements),
        add_exports(exports),
        add_attachments(attachments),
        add_participation(participation),
        add_feed(feed),
        add_moves(moves),
        add_curation(curation),
        add_drafts(drafts),
        add_routing(routing),
        add_trust(trust),
        add_automation(automation),
        add_vitality(vitality),
        add_seeding(seeding),
    )
    await loopback.serve("forum", add_forum(forum, *others))
    for absent in ("moderation", "search", "notifications"):  # where no other fixture serves them
        loopback.addresses.setdefault(absent, "127.0.0.1:1")
    channels = Channels(
        TokenSigner("gateway", loopback.key("gateway")),
        loopback.addresses.__getitem__,
        for_people=True,
        retries=True,
    )
    sessions = Sessions(database)
    await sessions.prepare()
    services = Services(channels)
    site = Site("http://127.0.0.1:8080")
    verifier = TokenVerifier(issuers)
    actors = Actors(services.directory, BusStandIn())
    operations = Operations(schema, compile_at=COMPILE_AT)
    repository = PortalRepository(database)
    known_portals = KnownPortals(repository)
    await known_portals.refresh()
    silent = Bus("nats://127.0.0.1:1", name="test")  # never begun
    parts = Parts(
        site=site,
        services=services,
        operations=operations,
        verifier=verifier,
        actors=actors,
        directory_cache=DirectoryCache(actors),
        sessions=sessions,
        cursor_key=CursorKey(b"k" * 32),
        known_portals=known_portals,
        portals=PortalUseCases(commands, repository, known_portals, operations),
        admission=Admission(RateLimits(silent)),
        announcement_url="https://portal.example/a/{id}",
    )
    logins = Logins(parts.cursor_key.derived("logins"))
    signin = SignIn(site, issuers, verifier, actors, sessions, logins)
    subscriptions = Subscriptions(parts, silent)
    files = Files(tmp_path, FilePassVerifier("forum", loopback.key("forum")))
    gateway = Gateway(parts, signin, channels.channel("directory"), subscriptions, files)
    transport = httpx2.ASGITransport(app=gateway)
    async with httpx2.AsyncClient(transport=transport, base_url=site.public_url) as http:
        yield House(gateway, parts, directory, forum, issuer, loopback, http)
    await channels.close()

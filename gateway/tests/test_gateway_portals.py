"""Portals: who makes and changes them, what they are known by; nobody else learns of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
import pytest_asyncio

from chassis.commands import Commands
from chassis.errors import FieldInvalidError, UnavailableError
from chassis.testing import outbox, stored
from gateway.cursors import encode_id
from gateway.portals import known as known_module
from gateway.portals.known import KnownPortals
from gateway.portals.portal import Client, check_clients, check_origins
from gateway.portals.repository import PortalRepository
from gateway.rate_limits import Rate
from gateway.tests.conftest import ISSUER, OTHER, House
from gateway.tests.portals_made import (
    C1,
    CLIENT,
    DOCUMENT,
    MANAGER,
    OPERATOR,
    ORIGIN,
    OTHER_MANAGER,
    PORTAL,
    make_portal,
    mutate,
    people,
    register,
    token,
)
from gateway.tests.test_gateway_actors import until
from gateway.tests.test_gateway_rate_limits import Clock
from guildhall.gateway.v1 import domain_events_pb2 as events

NODE = "query n($id: ID!) { communityNode(id: $id) { id ... on Portal { name version } } }"
LIST = f"""query l($id: ID!, $n: Int!, $after: String) {{ community(id: $id) {{
  portals(first: $n, after: $after) {{ edges {{ cursor node {{ {PORTAL} community {{ slug }} }} }}
    pageInfo {{ hasNextPage endCursor }} totalCount }} }} }}"""


@pytest_asyncio.fixture
async def home(house: House) -> AsyncIterator[House]:
    await people(house)
    yield house


async def everything(house: House) -> dict[str, list[dict[str, Any]]]:
    return await stored(house.parts.sessions._database)


def refusal(answer: dict[str, Any]) -> tuple[str, str | None]:
    extensions = answer["errors"][0]["extensions"]
    return extensions["code"], extensions.get("field")


async def test_operators_make_portals_and_say_so_once(home: House) -> None:
    portal = await make_portal(home)
    assert portal == {
        "id": portal["id"],
        "name": "Aurora portal",
        "clients": [{"issuer": ISSUER.issuer, "clientId": CLIENT}],
        "origins": [ORIGIN],
        "documentsMode": "OPEN",
        "introspection": True,
        "pointsPerMinute": 60_000,
        "documentCount": 0,
        "version": 1,
    }
    (said,) = await outbox(home.parts.sessions._database)
    assert isinstance(said, events.PortalCreated)
    (row,) = (await everything(home))["outbox"]
    assert row["actor"] == "p2"
    again = {"requestId": "test-again", "communityId": C1, "name": "Another"}
    first = await mutate(home, OPERATOR, "createPortal", "{ portal { id } }", **again)
    before = await everything(home)
    assert await mutate(home, OPERATOR, "createPortal", "{ portal { id } }", **again) == first
    answer = await mutate(
        home, OPERATOR, "createPortal", "{ portal { id } }", **again | {"name": "Third"}
    )
    assert refusal(answer) == ("REQUEST_ID_REUSED", "requestId")
    assert await everything(home) == before


async def test_only_operators_make_portals_and_only_in_communities_that_are(home: House) -> None:
    before = await everything(home)
    for who in (MANAGER, OTHER_MANAGER, "s1"):
        answer = await mutate(
            home, who, "createPortal", "{ portal { id } }", communityId=C1, name="A"
        )
        assert refusal(answer) == ("ROLE_REQUIRED", None), who
    nowhere = encode_id("Community", "c7", "c7")
    answer = await mutate(
        home, OPERATOR, "createPortal", "{ portal { id } }", communityId=nowhere, name="A"
    )
    assert refusal(answer) == ("COMMUNITY_NOT_FOUND", "communityId")
    answer = await home.ask(
        "mutation m($input: CreatePortalInput!) { createPortal(input: $input) { portal { id } } }",
        {"input": {"requestId": "test-nobody", "communityId": C1, "name": "A"}},
        token=None,
    )
    assert refusal(answer) == ("UNAUTHENTICATED", None)
    assert await everything(home) == before


async def test_managers_change_what_is_theirs_and_operators_the_rest(home: House) -> None:
    portal = await make_portal(home)
    selection = f"{{ portal {{ {PORTAL} }} }}"
    theirs = {"name": "Aurora", "documentsMode": "TRUSTED", "introspection": False}
    answer = await mutate(
        home, MANAGER, "updatePortal", selection, portalId=portal["id"], expectedVersion=1, **theirs
    )
    changed = {**portal, **theirs, "version": 2}
    assert answer["data"]["updatePortal"]["portal"] == changed
    before = await everything(home)
    for field, value in (
        ("clients", []),
        ("origins", ["https://evil.test"]),
        ("pointsPerMinute", 1_000_000),
    ):
        answer = await mutate(
            home, MANAGER, "updatePortal", selection, portalId=portal["id"], **{field: value}
        )
        assert refusal(answer) == ("ROLE_REQUIRED", field)
    same = await mutate(home, MANAGER, "updatePortal", selection, portalId=portal["id"], **theirs)
    assert same["data"]["updatePortal"]["portal"] == changed
    after = await everything(home)
    assert {**after, "commands": 0} == {**before, "commands": 0}
    others = {
        "clients": [{"issuer": OTHER.issuer, "clientId": "b"}],
        "origins": ["https://a.test", "http://localhost:3000"],
        "pointsPerMinute": 5,
    }
    answer = await mutate(
        home, OPERATOR, "updatePortal", selection, portalId=portal["id"], **others
    )
    assert answer["data"]["updatePortal"]["portal"] == {**changed, **others, "version": 3}


async def test_an_older_version_is_refused(home: House) -> None:
    portal = await make_portal(home)
    await register(home, portal, DOCUMENT)
    before = await everything(home)
    for field, input_ in (
        ("updatePortal", {"name": "B"}),
        ("registerDocuments", {"documents": ["{ __typename }"]}),
        ("removeDocuments", {"documentIds": ["sha256:" + "0" * 64]}),
    ):
        answer = await mutate(
            home,
            MANAGER,
            field,
            "{ portal { id } }",
            portalId=portal["id"],
            expectedVersion=1,
            **input_,
        )
        assert refusal(answer) == ("VERSION_STALE", "expectedVersion"), field
    assert await everything(home) == before


async def test_a_client_and_an_origin_are_of_one_portal(home: House) -> None:
    await make_portal(home)
    for field, value, code in (
        ("clients", [{"issuer": ISSUER.issuer, "clientId": CLIENT}], "PORTAL_CLIENT_TAKEN"),
        ("origins", ["https://b.test", ORIGIN], "PORTAL_ORIGIN_TAKEN"),
    ):
        before = await everything(home)
        answer = await mutate(
            home,
            OPERATOR,
            "createPortal",
            "{ portal { id } }",
            communityId=C1,
            name="B",
            **{field: value},
        )
        assert refusal(answer)[0] == code
        assert await everything(home) == before
    # the same id at another issuer is another client; portals without either do not meet
    clients = [{"issuer": OTHER.issuer, "clientId": CLIENT}]
    await make_portal(home, name="B", clients=clients, origins=[])
    for name in ("C", "D"):
        await make_portal(home, name=name, clients=[], origins=[])


BAD_ORIGINS = [
    "", "*", "null", "https://", "portal.test", "//portal.test", "ftp://portal.test",
    "https://portal.test/", "https://portal.test/a", "https://portal.test?a", "https://portal.test#a",
    "https://*.portal.test", "https://Portal.test", "HTTPS://portal.test", "https://portal.test:443",
    "https://portal.test:", "https://portal.test:x", "https://portal.test:99999",
    "https://a@portal.test",
    "https://portal.test:8443:1", "http://portal.test", "http://localhost:80",
    "https://portal.test ",
    "https://portal..test", "https://-portal.test", "https://p\u00f6rtal.test", "https://[::1",
    "https://127.1", "https://[0::1]", "https://portal.test\n", "https://" + "a" * 300,
    "https://a,b",
    "https://portal.test.", "https://portal.test:08443",
]  # fmt: skip
GOOD_ORIGINS = [
    "https://portal.test", "https://portal.test:8443", "https://a-b.c_d.portal.test",
    "https://xn--prtal-jua.test", "https://192.0.2.1", "https://[2001:db8::1]:8443",
    "http://localhost:3000", "http://127.0.0.1", "http://[::1]:3000",
]  # fmt: skip


@pytest.mark.parametrize("origin", BAD_ORIGINS)
def test_what_no_browser_sends_as_an_origin_is_refused(origin: str) -> None:
    with pytest.raises(FieldInvalidError) as refused:
        check_origins(["https://a.test", origin])
    assert refused.value.field == "origins"


@pytest.mark.parametrize("origin", GOOD_ORIGINS)
def test_origins_are_kept_as_they_are(origin: str) -> None:
    assert check_origins([origin]) == (origin,)


def test_clients_and_origins_are_few_and_each_once() -> None:
    for origins in (["https://a.test"] * 2, [f"https://a{n}.test" for n in range(21)]):
        with pytest.raises(FieldInvalidError):
            check_origins(origins)
    for clients in (
        [Client("i", "a")] * 2,
        [Client("i", f"a{n}") for n in range(21)],
        [Client("", "a")],
        [Client("i", "")],
        [Client("i j", "a")],
        [Client("i", "a" * 201)],
    ):
        with pytest.raises(FieldInvalidError):
            check_clients(clients)


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("name", "", "TEXT_INVALID"),
        ("name", "a" * 81, "TEXT_INVALID"),
        ("name", "a\x00b", "TEXT_INVALID"),
        ("origins", ["*"], "FIELD_INVALID"),
        ("clients", [{"issuer": "", "clientId": "a"}], "FIELD_INVALID"),
        ("pointsPerMinute", 0, "FIELD_INVALID"),
        ("pointsPerMinute", 1_000_001, "FIELD_INVALID"),
    ],
)
async def test_bad_fields_are_refused_by_name(
    home: House, field: str, value: Any, code: str
) -> None:
    portal = await make_portal(home)
    before = await everything(home)
    named = "clients.0.issuer" if field == "clients" else field
    given = {"communityId": C1, "name": "B", field: value}
    answer = await mutate(home, OPERATOR, "createPortal", "{ portal { id } }", **given)
    assert refusal(answer) == (code, named)
    given = {"portalId": portal["id"], field: value}
    answer = await mutate(home, OPERATOR, "updatePortal", "{ portal { id } }", **given)
    assert refusal(answer) == (code, named)
    assert await everything(home) == before


async def test_a_portal_of_another_vendor_is_not_there(home: House) -> None:
    """For another community's manager, and for a mere member: as one that never was."""
    portal = await make_portal(home)
    (document,) = await register(home, portal, DOCUMENT)
    never = encode_id("Portal", "c1", "never")
    before = await everything(home)
    for who in (OTHER_MANAGER, "s1"):
        asks: list[Any] = []
        for portal_id in (portal["id"], never):
            answers = [await home.ask(NODE, {"id": portal_id}, token=token(home, who))]
            for field, input_ in (
                ("updatePortal", {"name": "Stolen"}),
                ("updatePortal", {"origins": ["https://evil.test"]}),
                ("registerDocuments", {"documents": [DOCUMENT]}),
                ("registerDocuments", {"documents": ["{"]}),
                ("removeDocuments", {"documentIds": [document]}),
            ):
                answer = await mutate(
                    home, who, field, "{ portal { id name } }", portalId=portal_id, **input_
                )
                assert refusal(answer) == ("PORTAL_NOT_FOUND", "portalId")
                answers.append(answer)
            asks.append(answers)
        assert asks[0] == asks[1]
        assert asks[0][0]["data"] == {"communityNode": None}
    assert await everything(home) == before
    nobody = await home.ask(NODE, {"id": portal["id"]}, token=None)
    assert refusal(nobody) == ("UNAUTHENTICATED", None)
    other = encode_id("Portal", "c2", portal["id"])
    answer = await home.ask(NODE, {"id": other}, token=token(home, OTHER_MANAGER))
    assert answer["data"] == {"communityNode": None}


async def test_owners_find_portals_by_id_and_in_their_community(home: House) -> None:
    made = await make_portal(home)
    for name in ("beta", "Alpha"):
        await make_portal(home, name=name, clients=[], origins=[])
    for who in (MANAGER, OPERATOR):
        answer = await home.ask(NODE, {"id": made["id"]}, token=token(home, who))
        expected = {"id": made["id"], "name": "Aurora portal", "version": 1}
        assert answer["data"]["communityNode"] == expected
        names: list[str] = []
        after = None
        while True:
            variables = {"id": C1, "n": 2, "after": after}
            page = (await home.ask(LIST, variables, token=token(home, who)))["data"]["community"]
            names += [edge["node"]["name"] for edge in page["portals"]["edges"]]
            assert page["portals"]["edges"][0]["node"]["community"] == {"slug": "aurora"}
            if not page["portals"]["pageInfo"]["hasNextPage"]:
                break
            after = page["portals"]["pageInfo"]["endCursor"]
        assert names == ["Alpha", "Aurora portal", "beta"]
    answer = await home.ask(LIST, {"id": C1, "n": 2, "after": None})
    assert refusal(answer) == ("ROLE_REQUIRED", None)
    assert answer["data"]["community"] == {"portals": None}
    stranger = {"id": C1, "n": 2, "after": None}
    answer = await home.ask(LIST, stranger, token=token(home, OTHER_MANAGER))
    assert refusal(answer) == ("COMMUNITY_NOT_FOUND", "communityId")


def known_there(replica: KnownPortals, origin: str) -> bool:
    return replica._read_at > 0 and replica.of_origin(origin) is not None


async def test_other_replicas_hear_of_a_change_within_moments(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_module, "REFRESH", 0.02)
    replica = KnownPortals(PortalRepository(home.parts.sessions._database))
    running = asyncio.create_task(replica.run())
    try:
        portal = await make_portal(home)
        for changes, origin in (({}, ORIGIN), ({"origins": ["https://b.test"]}, "https://b.test")):
            if changes:
                await mutate(
                    home,
                    OPERATOR,
                    "updatePortal",
                    "{ portal { id } }",
                    portalId=portal["id"],
                    **changes,
                )
            await until(partial(known_there, replica, origin))
        assert replica.of_origin(ORIGIN) is None
        found = replica.of_client(ISSUER.issuer, CLIENT)
        assert found is not None
        assert found.name == "Aurora portal"
        assert replica.of_client(OTHER.issuer, CLIENT) is None
        assert replica.of_client(ISSUER.issuer, "") is None
    finally:
        running.cancel()


async def test_what_is_known_is_believed_for_minutes_while_the_store_is_away(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_portal(home)
    known = home.parts.known_portals

    async def away() -> Any:
        raise UnavailableError("portals cannot be read right now")

    monkeypatch.setattr(known._repository, "all_portals", away)
    with pytest.raises(UnavailableError):
        await known.refresh()
    assert known.of_origin(ORIGIN) is not None
    known._read_at -= known_module.BELIEVED + 1
    with pytest.raises(UnavailableError):
        known.of_origin(ORIGIN)
    with pytest.raises(UnavailableError):
        known.of_client(ISSUER.issuer, CLIENT)
    response = await home.post("{ viewer { isOperator } }")
    assert response.status_code == 503
    assert refusal(response.json()) == ("UNAVAILABLE", None)
    nobody = await home.post("{ viewer { isOperator } }", token=None)
    assert nobody.json()["data"] == {"viewer": None}


async def test_two_replicas_that_change_one_portal_both_succeed(
    home: House, commands: Commands
) -> None:
    portal = await make_portal(home)
    database = home.parts.sessions._database
    others = [Commands(database) for _ in range(2)]
    use_cases = home.parts.portals
    try:
        answers: list[asyncio.Task[dict[str, Any]]] = []
        for running in (commands, *others):
            use_cases._commands = running
            answers.append(
                asyncio.create_task(
                    mutate(
                        home,
                        MANAGER,
                        "updatePortal",
                        "{ portal { version } }",
                        portalId=portal["id"],
                        name=f"Name {len(answers)}",
                    )
                )
            )
            await asyncio.sleep(0)
        done = await asyncio.gather(*answers)
    finally:
        use_cases._commands = commands
        for running in others:
            await running.close()
    versions = {answer["data"]["updatePortal"]["portal"]["version"] for answer in done}
    assert versions == {2, 3, 4}


async def test_a_portals_points_are_its_own(home: House) -> None:
    """Whoever is signed in by it shares them; nobody else has less, a refusal takes of nobody."""
    await home.post(DOCUMENT)  # the others find it parsed
    await make_portal(home, pointsPerMinute=10)  # two at once, one in six seconds
    origin, client = "https://rich.test", {"issuer": ISSUER.issuer, "clientId": "rich"}
    await make_portal(home, name="Rich", clients=[client], origins=[origin], pointsPerMinute=480)
    by_poor, by_rich = token(home, "s1", CLIENT), token(home, "s1", "rich")
    admission, clock = home.parts.admission, Clock()
    admission.member, admission._rates._now = Rate(points=60, burst=30), clock

    async def asked(by: str | None, origin: str = "") -> tuple[int, str, str]:
        response = await home.post(DOCUMENT, token=by, origin=origin)
        told = [response.headers.get(name, "") for name in ("ratelimit", "ratelimit-policy")]
        return response.status_code, told[0], told[1]

    both = '"member";q=60;w=60, "portal";q=10;w=60'
    assert await asked(by_poor) == (200, '"member";r=29;t=1, "portal";r=1;t=6', both)
    assert await asked(by_poor) == (200, '"member";r=28;t=2, "portal";r=0;t=12', both)
    rpcs = home.rpcs()
    for _ in range(2):
        refused = await home.post(DOCUMENT, token=by_poor)
        assert (refused.status_code, refusal(refused.json())[0]) == (429, "RATE_LIMITED")
        assert "the portal has left of 10 a minute" in refused.json()["errors"][0]["message"]
        assert refused.headers["retry-after"] == "6"
        assert refused.headers["ratelimit"] == '"member";r=28;t=2, "portal";r=0;t=12'
        assert refused.headers["ratelimit-policy"] == both
    # Another person by it as well, and its page, which can read why.
    assert (await asked(token(home, MANAGER, CLIENT)))[:2] == (
        429,
        '"member";r=30;t=0, "portal";r=0;t=12',
    )
    assert (await asked(token(home, MANAGER), ORIGIN))[:2] == (
        429,
        '"member";r=30;t=0, "share";r=2;t=0, "portal";r=0;t=12',
    )
    page = await home.post(DOCUMENT, token=token(home, MANAGER), origin=ORIGIN)
    assert "ratelimit" in page.headers["access-control-expose-headers"]
    # Nobody has none of its points, and takes none.
    assert await asked(None, ORIGIN) == (200, "", "")
    assert home.rpcs() == rpcs
    # Another portal, and the same person by none: not held up.
    rich = '"member";q=60;w=60, "portal";q=480;w=60'
    assert await asked(by_rich) == (200, '"member";r=27;t=3, "portal";r=95;t=1', rich)
    for _ in range(100):
        assert await asked(None, origin) == (200, "", "")
    assert await asked("") == (200, '"member";r=26;t=4', '"member";q=60;w=60')
    assert await asked(None) == (200, "", "")
    clock.at += 6
    assert (await asked(by_poor))[:2] == (200, '"member";r=29;t=1, "portal";r=0;t=12')


async def test_an_origin_gives_one_person_a_share_of_a_portals_points(home: House) -> None:
    """A script can say that it is the portal's page: with a token it uses up no one else's."""
    await home.post(DOCUMENT)
    await make_portal(home, pointsPerMinute=6_000)
    home.parts.admission._rates._now = Clock()
    person, other = token(home, "s1"), token(home, MANAGER)
    passed = 0
    while (response := await home.post(DOCUMENT, token=person, origin=ORIGIN)).is_success:
        passed += 1
        assert passed <= 120
    assert passed >= 119  # of a fifth of 600; the last is a matter of rounding
    assert (response.status_code, refusal(response.json())[0]) == (429, "RATE_LIMITED")
    assert response.headers["ratelimit-policy"] == '"share";q=600;w=60, "portal";q=6000;w=60'
    response = await home.post(DOCUMENT, token=other, origin=ORIGIN)
    assert response.status_code == 200
    # By the portal's client she has what the portal has.
    response = await home.post(DOCUMENT, token=token(home, "s1", CLIENT), origin=ORIGIN)
    assert response.status_code == 200
    assert response.headers["ratelimit-policy"] == '"portal";q=6000;w=60'

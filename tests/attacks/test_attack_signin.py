"""Attackers of identity at the running system; some own an issuer, some have taken a service."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2
import pymongo
import pytest
from grpc import StatusCode, aio
from joserfc.jwk import OKPKey, RSAKey

from chassis.actors import Actor, Membership
from chassis.rpc_server import ACTOR_TOKEN
from chassis.testing_tokens import hmac_signed, signed, unsigned
from chassis.tokens import TokenSigner
from devstack.openid.people import PASSWORD, find_person
from devstack.parts import GATEWAY, MONGOD, OPENID, SERVICES, Place
from devstack.token import tokens
from tests.integration.rpc_inputs import OFFERED, methods
from tests.system import BOTH, ENGINEER, MANAGER, OPERATOR, SELLER, Asker, Form, System, until
from tests.world import World

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

VIEWER = """{ viewer { isOperator person { id email displayName }
    memberships { community { slug } company { name } roles } } }"""


# --- over HTTP: whoever owns an issuer ------------------------------------------------------------


@dataclass
class Owner:
    """Holds an issuer's real key: can say anything in its name."""

    place: Place
    company: str = "kestrel"

    @property
    def issuer(self) -> str:
        return f"{self.place.url(OPENID)}/{self.company}"

    def key(self) -> RSAKey:
        path = sorted((self.place.data / "openid" / self.company / "keys").glob("*.pem"))[-1]
        number = path.stem.partition("-")[0]
        return RSAKey.import_key(path.read_bytes(), {"kid": f"{self.company}-{number}"})

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        good = {
            "iss": self.issuer,
            "aud": self.place.url(GATEWAY),
            "sub": "",
            "iat": now,
            "exp": now + 300,
        }
        return {**good, **changes}

    def header(self, **changes: Any) -> dict[str, Any]:
        return {"alg": "RS256", "typ": "at+jwt", "kid": self.key().kid, **changes}

    def says(self, header: dict[str, Any] | None = None, **claims: Any) -> str:
        return signed(self.header(**(header or {})), self.claims(**claims), self.key(), "RS256")


async def with_token(system: System, token: str) -> Asker:
    asker = await system.asker(None)
    asker.http.headers["Authorization"] = f"Bearer {token}"
    return asker


def subject(email: str) -> str:
    person = find_person(email)
    assert person is not None
    return person.subject


async def person_of(asker: Asker) -> str:
    person: str = (await asker(VIEWER))["viewer"]["person"]["id"]
    return person


async def test_an_owner_of_one_issuer_is_nobody_of_another(system: System) -> None:
    """Kestrel's administrator says: this is Aurora's manager, and Guildhall's operator."""
    mana, opal = await system.asker(MANAGER), await system.asker(OPERATOR)
    theirs, owner, made = {await person_of(mana), await person_of(opal)}, Owner(system.place), set()
    for email in (MANAGER, OPERATOR):
        claims: dict[str, Any] = {"email": email, "email_verified": True, "name": "Zoe Zero"}
        for sub in (subject(email), subject(email).upper()):
            asker = await with_token(system, owner.says(sub=sub, **claims))
            viewer = (await asker(VIEWER))["viewer"]
            made.add(viewer["person"]["id"])
            assert not viewer["isOperator"]
            for membership in viewer["memberships"]:
                assert membership["company"]["name"] == "Kestrel"
                assert membership["roles"] == ["MEMBER"]
    assert len(made) == 4
    assert not made & theirs
    assert {await person_of(mana), await person_of(opal)} == theirs


async def test_an_owner_of_one_issuer_does_not_speak_for_another(system: System) -> None:
    owner = Owner(system.place)
    for email in (MANAGER, OPERATOR):
        victim = find_person(email)
        assert victim is not None
        other = Owner(system.place, victim.company)
        for header in ({}, {"kid": other.key().kid}):
            forged = owner.says(header, iss=other.issuer, sub=victim.subject, email=email)
            asker = await with_token(system, forged)
            response = await asker.http.post("/graphql", json={"query": VIEWER})
            assert response.status_code == 401


async def test_who_came_by_a_token_goes_by_a_word_of_the_operator(system: System) -> None:
    """Provisioned by a token that is good for minutes; deactivated, it is good for nothing."""
    operator = await system.asker(OPERATOR)
    asker = await with_token(
        system, Owner(system.place).says(sub=uuid.uuid4().hex, name="Zoe Zero")
    )

    async def answers() -> bool:
        return bool(((await asker.raw(VIEWER)).get("data") or {}).get("viewer"))

    person = await person_of(asker)
    await operator.mutate(
        "deactivatePerson", "{ person { id } }", personId=person, reason="an attacker's"
    )
    await until(answers, lambda good: not good, seconds=5)


HostileToken = Callable[[Owner], str]
HOSTILE: dict[str, HostileToken] = {
    "none": lambda o: unsigned(o.header(alg="none"), o.claims(sub=subject(ENGINEER))),
    "HS256 with the public key": lambda o: hmac_signed(
        o.header(alg="HS256"), o.claims(sub=subject(ENGINEER)), o.key().as_pem(private=False)
    ),
    "another key": lambda o: signed(
        o.header(), o.claims(sub=subject(ENGINEER)), RSAKey.generate_key(2048), "RS256"
    ),
    "another issuer's key": lambda o: signed(
        o.header(), o.claims(sub=subject(ENGINEER)), Owner(o.place, "lumen").key(), "RS256"
    ),
    "the gateway's own key": lambda o: signed(
        o.header(alg="Ed25519"),
        o.claims(sub=subject(ENGINEER)),
        OKPKey.import_key((o.place.keys / "gateway.pem").read_bytes()),
        "Ed25519",
    ),
    "an actor token": lambda o: TokenSigner.from_file(
        "gateway", o.place.keys / "gateway.pem"
    ).token("gateway", Actor(person_id="p1", operator=True)),
    "an id token": lambda o: str(tokens(ENGINEER, o.place.url(OPENID))["id_token"]),
    "a refresh token": lambda o: str(tokens(ENGINEER, o.place.url(OPENID))["refresh_token"]),
    "expired": lambda o: o.says(sub=subject(ENGINEER), exp=int(time.time()) - 31),
    "of another audience": lambda o: o.says(sub=subject(ENGINEER), aud="http://127.0.0.1:9"),
    "jku": lambda o: o.says({"jku": "http://127.0.0.1:9/"}, sub=subject(ENGINEER)),
}


async def test_forged_tokens_are_nobody(system: System) -> None:
    owner = Owner(system.place)
    good = await with_token(system, owner.says(sub=subject(ENGINEER)))
    assert (await good(VIEWER))["viewer"]["person"]["displayName"] == "Edda Engineer"
    for name, make in HOSTILE.items():
        asker = await with_token(system, await asyncio.to_thread(make, owner))
        response = await asker.http.post("/graphql", json={"query": VIEWER})
        assert response.status_code == 401, name
        error = response.json()["errors"][0]
        assert error["extensions"] == {"code": "UNAUTHENTICATED"}, name


# --- the code flow, with everything an attacker can mix up ----------------------------------------


class Victim:
    """A browser that signs in at the real provider, and shows what came back before it goes on."""

    def __init__(self, system: System) -> None:
        self.http = httpx2.AsyncClient(base_url=system.url, timeout=20)

    async def come_back(self, email: str, company: str = "") -> dict[str, str]:
        """What the provider told the browser to bring to the gateway."""
        key = company or email.partition("@")[2].partition(".")[0]
        begun = await self.http.get(f"/signin/{key}")
        page = await self.http.get(begun.headers["location"])
        if page.status_code == 200:
            form = Form(page)
            filled = {**form.fields, "email": email, "password": PASSWORD}
            page = await self.http.post(form.action, data=filled)
        location = urljoin(str(page.url), page.headers["location"])
        self.callback = location.partition("?")[0]
        return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}

    async def bring(self, answer: dict[str, str], company: str = "kestrel") -> httpx2.Response:
        return await self.http.get(f"/signin/{company}/callback", params=answer)

    async def signed_in(self) -> str:
        """Who the gateway takes this browser for."""
        headers = {"X-Requested-With": "guildhall", "Origin": str(self.http.base_url).rstrip("/")}
        answer = await self.http.post("/graphql", json={"query": VIEWER}, headers=headers)
        viewer = (answer.json().get("data") or {}).get("viewer")
        return viewer["person"]["displayName"] if viewer else ""


@pytest.fixture
async def browsers(system: System) -> AsyncIterator[Callable[[], Victim]]:
    made: list[Victim] = []

    def browser() -> Victim:
        made.append(Victim(system))
        return made[-1]

    yield browser
    for one in made:
        await one.http.aclose()


def rows(place: Place) -> Counter[str]:
    """What the gateway has stored."""
    address = f"mongodb://{place.address(MONGOD)}/?directConnection=true"
    with pymongo.MongoClient[dict[str, Any]](address) as client:
        database = client["gateway"]
        names = database.list_collection_names()
        return Counter({name: database[name].count_documents({}) for name in names})


async def test_a_code_counts_where_and_when_it_belongs(
    system: System, browsers: Callable[[], Victim]
) -> None:
    victim, attacker = browsers(), browsers()
    before = await asyncio.to_thread(rows, system.place)
    answer = await victim.come_back(ENGINEER)
    assert set(answer) == {"code", "state", "iss"}
    lumen = Owner(system.place, "lumen").issuer
    await attacker.http.get("/signin/kestrel")  # has a login under way as well
    for who, told, company in (
        (attacker, answer, "kestrel"),  # in another browser
        (browsers(), answer, "kestrel"),
        (victim, answer, "lumen"),  # at another connection
        (victim, {**answer, "iss": lumen}, "lumen"),
        (victim, {**answer, "state": answer["state"][:-1]}, "kestrel"),
        (victim, {"code": answer["code"], "iss": answer["iss"]}, "kestrel"),
    ):
        assert (await who.bring(told, company)).status_code == 400
        assert await who.signed_in() == ""
    assert await asyncio.to_thread(rows, system.place) == before
    held = victim.http.cookies["login"]
    assert held is not None
    done = await victim.bring(answer)
    assert (done.status_code, done.headers["location"]) == (303, "/graphql")
    assert await victim.signed_in() == "Edda Engineer"
    thief = browsers()  # has all of it, too late
    thief.http.cookies.set("login", held)
    assert (await thief.bring(answer)).status_code == 400
    assert await thief.signed_in() == ""
    after = await asyncio.to_thread(rows, system.place)
    assert after["sessions"] == before["sessions"] + 1


async def test_a_mixed_up_answer_ends_the_login(
    system: System, browsers: Callable[[], Victim]
) -> None:
    before = await asyncio.to_thread(rows, system.place)
    lumen = Owner(system.place, "lumen").issuer
    for change in ({"iss": lumen}, {"iss": ""}, {"iss": None}, {"error": "access_denied"}):
        victim = browsers()
        answer = await victim.come_back(ENGINEER)
        told = {name: value for name, value in {**answer, **change}.items() if value is not None}
        assert (await victim.bring(told)).status_code == 400
        assert (await victim.bring(answer)).status_code == 400
        assert await victim.signed_in() == ""
    assert await asyncio.to_thread(rows, system.place) == before


async def test_a_code_put_into_another_login_is_not_taken(
    system: System, browsers: Callable[[], Victim]
) -> None:
    """An attacker has a victim's code, or wants a victim to have hers: PKCE knows better."""
    before = await asyncio.to_thread(rows, system.place)
    victim, attacker = browsers(), browsers()
    hers, his = await attacker.come_back(BOTH), await victim.come_back(ENGINEER)
    assert (await attacker.bring({**hers, "code": his["code"]})).status_code == 400
    assert await attacker.signed_in() == ""
    again = await browsers().come_back(BOTH)
    assert (await victim.bring({**his, "code": again["code"]})).status_code == 400
    assert await victim.signed_in() == ""
    assert await asyncio.to_thread(rows, system.place) == before


async def test_asking_to_sign_in_again_and_again_stores_nothing(
    system: System, browsers: Callable[[], Victim]
) -> None:
    before = await asyncio.to_thread(rows, system.place)
    flood = browsers()
    for _ in range(20):
        paths = [f"/signin/{key}?return_to=/graphql" for key in ("kestrel", "lumen") * 10]
        answers = await asyncio.gather(*(flood.http.get(path) for path in paths))
        assert {answer.status_code for answer in answers} == {303}
    assert await asyncio.to_thread(rows, system.place) == before


async def test_sign_out_everywhere_holds_within_five_seconds(system: System) -> None:
    sessions = [await system.browser(SELLER) for _ in range(2)]

    async def alive() -> list[bool]:
        answers = [await asker.raw(VIEWER) for asker in sessions]
        return [bool((answer.get("data") or {}).get("viewer")) for answer in answers]

    assert await alive() == [True, True]
    done = await sessions[0]("mutation { signOutEverywhere { revoked } }")
    assert done["signOutEverywhere"]["revoked"] >= 2
    assert await until(alive, lambda now: not any(now), seconds=5) == [False, False]


# --- over gRPC: whoever is inside the network, or has taken over a service ------------------------


class Inside:
    """Reaches every service's port; holds the keys of some."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._channels = {
            one.name: aio.insecure_channel(place.address(one.port)) for one in SERVICES
        }
        self._signers: dict[tuple[str, str], TokenSigner] = {}

    def signer(self, part: str, speaks_as: str = "") -> TokenSigner:
        """With a part's key; under another name, if one is given."""
        pair = part, speaks_as or part
        if pair not in self._signers:
            path = self._place.keys / f"{part}.pem"
            self._signers[pair] = TokenSigner.from_file(pair[1], path)
        return self._signers[pair]

    async def call(self, service: str, path: str, metadata: list[tuple[str, str]]) -> str:
        call: Any = self._channels[service].unary_unary(path)
        try:
            await call(b"", metadata=metadata, timeout=10)
        except aio.AioRpcError as error:
            return f"{error.code().name}: {error.details()}"
        return StatusCode.OK.name

    async def close(self) -> None:
        for channel in self._channels.values():
            await channel.close()


def forgeries(inside: Inside, service: str, user_token: str) -> dict[str, list[tuple[str, str]]]:
    """Everything that is no actor token for this service."""
    others = [one.name for one in SERVICES if one.name != service]
    manager = Membership("co1", frozenset({"MEMBER", "MANAGER"}), 5, ("community:c1",))
    boss = Actor(person_id="p1", operator=True, memberships={"c1": manager})
    gateway, other = inside.signer("gateway"), others[0]
    made = {
        "nothing": "",
        "a user's access token": user_token,
        "a person's token for another service": gateway.token(other, boss),
        "the gateway's token for another service": gateway.token(other),
        "a person's token for the gateway": gateway.token("gateway", boss),
        "a service that speaks for a person": inside.signer(other).token(service, boss),
        "a service that speaks as the gateway": inside.signer(other, "gateway").token(service),
        "a service that speaks as the gateway, for a person": inside.signer(other, "gateway").token(
            service, boss
        ),
        "the service's own key, for a person": inside.signer(service).token(service, boss),
        "an unknown service": inside.signer(other, "billing").token(service),
        "another service's token for a third": inside.signer(others[1]).token(other),
    }
    good = gateway.token(service)
    return {
        **{name: [(ACTOR_TOKEN, token)] for name, token in made.items()},
        "names only": [("person-id", "p1"), ("roles", "OPERATOR"), ("x-service", "gateway")],
        "a good token twice": [(ACTOR_TOKEN, good), (ACTOR_TOKEN, good)],
        "a bad token before a good one": [(ACTOR_TOKEN, "x"), (ACTOR_TOKEN, good)],
        "a good token under another key": [("authorization", f"Bearer {good}")],
    }


async def test_every_rpc_refuses_every_forged_identity(system: System, world: World) -> None:
    """Of every service, as the protos list them; nothing is stored or said."""
    user_token = str(
        (await asyncio.to_thread(tokens, ENGINEER, system.place.url(OPENID)))["access_token"]
    )
    before = await asyncio.to_thread(world.snapshot)
    inside, odd, asked = Inside(system.place), {}, 0
    try:
        for service in OFFERED:
            for method in methods(service):
                path = f"/{method.containing_service.full_name}/{method.name}"
                # anew for every RPC, so that none is refused for its age
                for name, metadata in forgeries(inside, service, user_token).items():
                    said = await inside.call(service, path, metadata)
                    asked += 1
                    if said != "UNAUTHENTICATED: Unauthenticated":
                        odd[f"{path}: {name}"] = said
            good = [(ACTOR_TOKEN, inside.signer("gateway").token(service))]
            said = await inside.call(service, path, good)  # who is known gets further
            assert not said.startswith("UNAUTHENTICATED")
    finally:
        await inside.close()
    assert odd == {}
    assert asked > 500
    assert await asyncio.to_thread(world.snapshot) == before

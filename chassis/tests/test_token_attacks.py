"""Actor tokens of attackers inside the network: each is a good one with one thing wrong."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import grpc
import pytest
from joserfc import jwe
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey

from chassis.actors import Actor, Membership, require_actor
from chassis.errors import UnauthenticatedError
from chassis.rpc_server import ACTOR_TOKEN
from chassis.testing import Loopback, bound
from chassis.testing_tokens import Part, hmac_signed, signed, unsigned
from chassis.tokens import LEEWAY, LIFETIME, TokenSigner, TokenVerifier
from guildhall.forum.v1 import forum_pb2 as pb
from guildhall.forum.v1 import forum_pb2_grpc as pb_grpc

GATEWAY, FORUM, SEARCH, OUTSIDER = (OKPKey.generate_key("Ed25519") for _ in range(4))
TRUSTED = {"gateway": GATEWAY, "forum": FORUM, "search": SEARCH}
RSA, CURVE = RSAKey.generate_key(2048), ECKey.generate_key("P-256")
ENVELOPE = OctKey.generate_key(256)
PUBLIC = dict(GATEWAY.as_dict(private=False))


def header(**changes: Any) -> dict[str, Any]:
    good = {"alg": "Ed25519", "typ": "actor+jwt", "kid": GATEWAY.thumbprint()}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def claims(**changes: Any) -> dict[str, Any]:
    """Changes of times are in seconds from now."""
    now = int(time.time())
    for name in ("iat", "exp"):
        if type(changes.get(name)) is int and abs(changes[name]) < 1e8:
            changes[name] += now
    good = {
        "iss": "gateway", "aud": "forum", "iat": now, "exp": now + LIFETIME, "sub": "p1",
        "op": False, "mem": {"c1": ["co1", ["MEMBER"], 3, ["k1"]]},
    }  # fmt: skip
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def token(
    head: dict[str, Any] | None = None,
    *,
    key: Key = GATEWAY,
    algorithm: str = "Ed25519",
    **changes: Any,
) -> str:
    """Truly signed, by the gateway unless told; None takes away."""
    return signed(header(**(head or {})), claims(**changes), key, algorithm)


def raw(head: Part, said: Part) -> str:
    return signed(head, said, GATEWAY, "Ed25519")


def of(part: OKPKey, **changes: Any) -> str:
    """Signed by another part, which does not hide it."""
    return token({"kid": part.thumbprint()}, key=part, **changes)


def replaced(old: str, new: str) -> str:
    text = json.dumps(claims())
    assert old in text
    return raw(header(), text.replace(old, new, 1).encode())


Make = Callable[[], str]
ALGORITHMS: dict[str, Make] = {
    "none": lambda: unsigned(header(alg="none"), claims()),
    "None": lambda: unsigned(header(alg="None"), claims()),
    "nOnE": lambda: unsigned(header(alg="nOnE"), claims(), "AAAA"),
    "none and an old signature": lambda: unsigned(
        header(alg="none"), claims(), token().split(".")[2]
    ),
    "none, truly signed": lambda: token({"alg": "none"}),
    "no alg": lambda: token({"alg": None}),
    "alg list": lambda: token({"alg": ["Ed25519"]}),
    "EdDSA": lambda: token({"alg": "EdDSA"}, algorithm="EdDSA"),
    "HS256 with the public PEM": lambda: hmac_signed(
        header(alg="HS256"), claims(), GATEWAY.as_pem(private=False)
    ),
    "HS256 with the public DER": lambda: hmac_signed(
        header(alg="HS256"), claims(), GATEWAY.as_der(private=False)
    ),
    "HS256 with the public JWK": lambda: hmac_signed(
        header(alg="HS256"), claims(), json.dumps(PUBLIC).encode()
    ),
    "HS256 with the public point": lambda: hmac_signed(
        header(alg="HS256"), claims(), str(PUBLIC["x"]).encode()
    ),
    "HS256 with an empty key": lambda: hmac_signed(header(alg="HS256"), claims(), b""),
    "HS256 said, Ed25519 done": lambda: token({"alg": "HS256"}),
    "RS256": lambda: token({"alg": "RS256"}, key=RSA, algorithm="RS256"),
    "RS256 done, Ed25519 said": lambda: token(key=RSA, algorithm="RS256"),
    "PS256": lambda: token({"alg": "PS256"}, key=RSA, algorithm="PS256"),
    "ES256": lambda: token({"alg": "ES256"}, key=CURVE, algorithm="ES256"),
    "encrypted": lambda: jwe.encrypt_compact(
        {"alg": "dir", "enc": "A128CBC-HS256"}, json.dumps(claims()), ENVELOPE
    ),
}
SIGNATURES: dict[str, Make] = {
    "no signature": lambda: token().rpartition(".")[0] + ".",
    "two parts": lambda: token().rpartition(".")[0],
    "four parts": lambda: token() + ".x",
    "truncated": lambda: token()[:-4],
    "of zeros": lambda: unsigned(header(), claims(), b"\0" * 64),
    "of another token": lambda: unsigned(header(), claims(sub="p2"), token().split(".")[2]),
    "claims of another token": lambda: ".".join(
        [token().split(".")[0], token(sub="p2").split(".")[1], token().split(".")[2]]
    ),
    "of a stranger": lambda: of(OUTSIDER),
    "of a stranger under the gateway's kid": lambda: token(key=OUTSIDER),
    "of another part under the gateway's kid": lambda: token(key=SEARCH),
}
HEADERS: dict[str, Make] = {
    "kid missing": lambda: token({"kid": None}),
    "kid path": lambda: token({"kid": "../../gateway"}),
    "kid name": lambda: token({"kid": "gateway"}),
    "kid SQL": lambda: token({"kid": "' OR 1=1 --"}),
    "kid object": lambda: token({"kid": {"$ne": ""}}),
    "kid list": lambda: token({"kid": [GATEWAY.thumbprint()]}),
    "kid number": lambda: token({"kid": 0}),
    "kid of another part": lambda: token({"kid": SEARCH.thumbprint()}),
    "kid huge": lambda: token({"kid": "k" * 9_000}),
    "jwk": lambda: token({"jwk": PUBLIC}),
    "jwk of a stranger": lambda: token(
        {"jwk": OUTSIDER.as_dict(private=False), "kid": OUTSIDER.thumbprint()}, key=OUTSIDER
    ),
    "jku": lambda: token({"jku": "https://evil.test/keys"}),
    "x5u": lambda: token({"x5u": "https://evil.test/cert"}),
    "x5c": lambda: token({"x5c": ["MIIB"]}),
    "crit": lambda: token({"crit": ["guildhall"], "guildhall": 1}),
    "crit empty": lambda: token({"crit": []}),
    "b64 false": lambda: token({"b64": False, "crit": ["b64"]}),
    "cty": lambda: token({"cty": "JWT"}),
    "typ JWT": lambda: token({"typ": "JWT"}),
    "typ of users' tokens": lambda: token({"typ": "at+jwt"}),
    "typ in capitals": lambda: token({"typ": "ACTOR+JWT"}),
    "typ missing": lambda: token({"typ": None}),
    "typ list": lambda: token({"typ": ["actor+jwt"]}),
    "not JSON": lambda: raw(b"{'alg':'Ed25519'}", claims()),
    "a list": lambda: raw(b"[]", claims()),
    "null": lambda: raw(b"null", claims()),
    "deep": lambda: raw(b"[" * 5_000, claims()),
}
TIMES: dict[str, Make] = {
    "expired an hour ago": lambda: token(iat=-3660, exp=-3600),
    "issued in an hour": lambda: token(iat=3600, exp=3660),
    "lives too long": lambda: token(exp=LIFETIME + 1),
    "lives a day, issued long ago": lambda: token(iat=-86_400),
    "exp 10^18": lambda: token(exp=10**18),
    "exp and iat 10^18": lambda: token(iat=10**18, exp=10**18 + 60),
    "no exp": lambda: token(exp=None),
    "no iat": lambda: token(iat=None),
    "exp text": lambda: token(exp=str(int(time.time()) + 60)),
    "exp true": lambda: token(exp=True),
    "exp with a fraction": lambda: token(exp=time.time() + LIFETIME / 2),
    "exp NaN": lambda: token(exp=float("nan")),
    "exp infinite": lambda: token(exp=float("inf")),
    "exp of 5,000 digits": lambda: replaced(f'"exp": {claims()["exp"]}', f'"exp": {"9" * 5_000}'),
    "iat false": lambda: token(iat=False),
    "iat -10^18": lambda: token(iat=-(10**18)),
}
CLAIMS: dict[str, Make] = {
    "aud of another service": lambda: token(aud="directory"),
    "aud list": lambda: token(aud=["forum"]),
    "aud list of all": lambda: token(aud=["forum", "directory", "search"]),
    "aud object": lambda: token(aud={"forum": 1}),
    "aud in capitals": lambda: token(aud="FORUM"),
    "aud longer": lambda: token(aud="forum.evil"),
    "aud empty": lambda: token(aud=""),
    "aud missing": lambda: token(aud=None),
    "iss is another part": lambda: token(iss="search"),
    "iss is a stranger": lambda: token(iss="evil"),
    "iss list": lambda: token(iss=["gateway"]),
    "iss missing": lambda: token(iss=None),
    "sub missing": lambda: token(sub=None),
    "sub empty": lambda: token(sub=""),
    "sub list": lambda: token(sub=["p1"]),
    "sub number": lambda: token(sub=1),
    "the gateway speaks for a service": lambda: token(sub="service:search"),
    "the gateway speaks for nobody's service": lambda: token(sub="service:"),
    "the gateway in capitals": lambda: token(sub="SERVICE:gateway"),
    "a service speaks for a person": lambda: of(SEARCH, iss="search"),
    "a service speaks for a person as the gateway": lambda: of(SEARCH),
    "a service speaks for another": lambda: of(SEARCH, iss="search", sub="service:gateway"),
    "a service speaks for the one it asks": lambda: of(SEARCH, iss="search", sub="service:forum"),
    "a service names another's token its own": lambda: of(SEARCH, sub="service:search"),
    "an unknown service": lambda: of(OUTSIDER, iss="billing", sub="service:billing"),
    "an unknown service named as a known one": lambda: of(
        OUTSIDER, iss="search", sub="service:search"
    ),
    "mem missing": lambda: token(mem=None),
    "mem list": lambda: token(mem=[]),
    "mem text": lambda: token(mem="c1"),
    "mem shallow": lambda: token(mem={"c1": ["co1"]}),
    "mem with too much": lambda: token(mem={"c1": ["co1", [], 1, [], "x"]}),
    "trust is infinite": lambda: replaced("3, [", "Infinity, ["),
    "trust is text": lambda: token(mem={"c1": ["co1", [], "5", []]}),
    "keys are one text": lambda: token(mem={"c1": ["co1", [], 1, "k1"]}),
    "roles are one text": lambda: token(mem={"c1": ["co1", "MANAGER", 1, []]}),
    "company is an object": lambda: token(mem={"c1": [{"$ne": 1}, [], 1, []]}),
    "op missing": lambda: token(op=None),
    "a list": lambda: raw(header(), b"[]"),
    "null": lambda: raw(header(), b"null"),
    "not JSON": lambda: raw(header(), b"sub=p1"),
    "not UTF-8": lambda: raw(header(), b'{"iss":"\xff"}'),
    "deep": lambda: raw(header(), b"[" * 5_000),
}
SHAPES: dict[str, Make] = {
    "empty": lambda: "",
    "white space": lambda: " ",
    "not a token": lambda: "abc",
    "dots": lambda: "..",
    "not ASCII": lambda: token() + "ä",
    "NUL": lambda: token() + "\x00",
    "space before": lambda: " " + token(),
    "newline after": lambda: token() + "\n",
    "with a scheme": lambda: "Bearer " + token(),
    "twice": lambda: f"{token()},{token()}",
    "huge": lambda: "a" * 20_000 + ".b.c",
    "huge, truly signed": lambda: token(mem={"c1": ["co1", [], 3, ["k" * 16_000]]}),
    "1 MB": lambda: token(x="x" * 1_000_000),
}
ALL = {"alg": ALGORITHMS, "signature": SIGNATURES, "header": HEADERS, "time": TIMES,
       "claims": CLAIMS, "shape": SHAPES}  # fmt: skip
ATTACKS = {f"{part}: {name}": make for part, makes in ALL.items() for name, make in makes.items()}


def verifier() -> TokenVerifier:
    return TokenVerifier("forum", TRUSTED)


def test_the_list_starts_from_a_good_token() -> None:
    """So that what is wrong with an attack is what its name says."""
    believed = verifier().actor(token())
    assert believed.person_id == "p1"
    assert believed.memberships == {"c1": Membership("co1", frozenset({"MEMBER"}), 3, ("k1",))}
    assert verifier().actor(token(mem={"c1": ["co1", [], 3, ["k" * 11_000]]})).person_id == "p1"
    assert verifier().actor(of(SEARCH, iss="search", sub="service:search")).service == "search"
    assert not believed.operator
    assert verifier().actor(token(op=True)).operator
    assert not verifier().actor(token(op="true")).operator


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_is_refused_without_a_reason(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    attacked, bad, spent = verifier(), ATTACKS[name](), []
    for _ in range(3):
        begun = time.process_time()
        with pytest.raises(UnauthenticatedError) as refusal:
            attacked.actor(bad)
        spent.append(time.process_time() - begun)
    assert str(refusal.value) == "Unauthenticated"
    assert not attacked._memo
    assert min(spent) < bound(0.1)
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("iat", "exp", "believed"),
    [
        (LEEWAY, LIFETIME, True),  # the signer's clock is ahead by the leeway
        (LEEWAY + 1, LIFETIME, False),
        (-LIFETIME, 0, True),  # and behind by it
        (-LIFETIME - LEEWAY, -LEEWAY, False),
    ],
)
def test_clocks_may_differ_by_a_second(
    monkeypatch: pytest.MonkeyPatch, iat: int, exp: int, believed: bool
) -> None:
    now = float(int(time.time()))
    monkeypatch.setattr(time, "time", lambda: now)
    told = token(iat=iat, exp=exp)
    if believed:
        assert verifier().actor(told).person_id == "p1"
    else:
        with pytest.raises(UnauthenticatedError):
            verifier().actor(told)


def test_a_token_is_remembered_for_its_audience_only() -> None:
    """What one verifier of a process has believed tells the next nothing."""
    told = TokenSigner("gateway", GATEWAY).token("forum", Actor(person_id="p1"))
    assert verifier().actor(told).person_id == "p1"
    for audience in ("directory", "search", "gateway", ""):
        with pytest.raises(UnauthenticatedError):
            TokenVerifier(audience, TRUSTED).actor(told)


def test_two_actors_never_share_a_token() -> None:
    """Also where the second has the first one's place in memory."""
    signer = TokenSigner("gateway", GATEWAY)
    for number in range(200):
        actor = Actor(person_id=f"p{number}")
        assert verifier().actor(signer.token("forum", actor)).person_id == f"p{number}"
        del actor


class Servicer(pb_grpc.ForumServiceServicer):
    """Says who was believed to call, and in what."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    async def GetTopic(self, request: pb.GetTopicRequest, context: Any) -> pb.GetTopicResponse:
        return pb.GetTopicResponse(topic=pb.Topic(id=self._called()))

    async def CreateTopic(
        self, request: pb.CreateTopicRequest, context: Any
    ) -> pb.CreateTopicResponse:
        return pb.CreateTopicResponse(topic=pb.Topic(id=self._called()))

    def _called(self) -> str:
        self.calls.append(require_actor().name)
        return self.calls[-1]


Metadata = Sequence[tuple[str, str | bytes]]


class Line:
    """A client inside the network, without any interceptor of ours."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = pb_grpc.ForumServiceStub(channel)

    async def call(self, metadata: Metadata, method: str = "GetTopic") -> str:
        """Who the service takes it for, or the refusal's status and words."""
        request = getattr(pb, f"{method}Request")()
        try:
            answer: Any = await getattr(self._stub, method)(request, metadata=metadata, timeout=10)
        except grpc.aio.AioRpcError as error:
            return f"{error.code().name}: {error.details()}"
        return str(answer.topic.id)


@pytest.fixture
async def servicer(loopback: Loopback) -> Servicer:
    servicer = Servicer()  # type: ignore[abstract]
    loopback.keys.update(TRUSTED)
    await loopback.serve("forum", lambda s: pb_grpc.add_ForumServiceServicer_to_server(servicer, s))
    return servicer


REFUSED = "UNAUTHENTICATED: Unauthenticated"
FORGED: dict[str, Callable[[], Metadata]] = {
    "nothing": tuple,
    "an empty token": lambda: [(ACTOR_TOKEN, "")],
    "names instead of a token": lambda: [
        ("actor", "p1"), ("person-id", "p1"), ("x-user", "p1"), ("service", "gateway"),
        ("community-id", "c1"), ("roles", "OPERATOR"), ("authorization", "service:gateway"),
    ],
    "the token under another key": lambda: [("authorization", f"Bearer {token()}")],
    "the token as bytes": lambda: [(f"{ACTOR_TOKEN}-bin", token().encode())],
    "the token twice": lambda: [(ACTOR_TOKEN, told := token()), (ACTOR_TOKEN, told)],
    "a good token, then a bad one": lambda: [(ACTOR_TOKEN, token()), (ACTOR_TOKEN, "x")],
    "a bad token, then a good one": lambda: [(ACTOR_TOKEN, "x"), (ACTOR_TOKEN, token())],
    "one's own token, then a person's": lambda: [
        (ACTOR_TOKEN, of(SEARCH, iss="search", sub="service:search")), (ACTOR_TOKEN, token()),
    ],
    "an empty token, then a good one": lambda: [(ACTOR_TOKEN, ""), (ACTOR_TOKEN, token())],
    "two tokens in one value": lambda: [(ACTOR_TOKEN, f"{token()}, {token()}")],
    "a token of another audience, and who it is": lambda: [
        (ACTOR_TOKEN, token(aud="directory")), ("person-id", "p1"), ("audience", "forum"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
async def test_forged_metadata_calls_nothing(
    loopback: Loopback, servicer: Servicer, name: str
) -> None:
    async with grpc.aio.insecure_channel(loopback.addresses["forum"]) as channel:
        for method in ("GetTopic", "CreateTopic"):
            assert await Line(channel).call(FORGED[name](), method) == REFUSED
    assert servicer.calls == []


async def test_what_stands_beside_a_good_token_changes_nothing(
    loopback: Loopback, servicer: Servicer
) -> None:
    beside: Metadata = [
        ("person-id", "p2"), ("actor", "service:gateway"), (f"{ACTOR_TOKEN}-bin", b"\x00\xff"),
        ("grpc-trace-bin", b"\xff" * 100), ("traceparent", "00-junk"),
        ("traceparent", "\x7e" * 500), ("junk-bin", bytes(range(256))), ("community-id", "c2"),
    ]  # fmt: skip
    async with grpc.aio.insecure_channel(loopback.addresses["forum"]) as channel:
        line = Line(channel)
        assert await line.call([*beside, (ACTOR_TOKEN, token())]) == "p1"
        assert await line.call([(ACTOR_TOKEN, token()), *beside]) == "p1"
        assert await line.call(beside) == REFUSED


async def test_every_attack_is_refused_over_grpc_and_the_next_call_works(
    loopback: Loopback, servicer: Servicer
) -> None:
    odd = {}
    async with grpc.aio.insecure_channel(loopback.addresses["forum"]) as channel:
        line = Line(channel)
        for name, make in ATTACKS.items():
            bad = make()
            if not (bad.isascii() and bad.isprintable()) or bad != bad.strip():
                continue  # metadata cannot carry it
            said = await line.call([(ACTOR_TOKEN, bad)])
            too_much = len(bad) > 20_000 and said.startswith("RESOURCE_EXHAUSTED")
            if said != REFUSED and not too_much:
                odd[name] = said
        assert odd == {}
        assert servicer.calls == []
        assert await line.call([(ACTOR_TOKEN, token())]) == "p1"
        assert await line.call([(ACTOR_TOKEN, token(sub="p2"))], "CreateTopic") == "p2"


async def test_a_token_seen_at_one_service_opens_no_other(
    loopback: Loopback, servicer: Servicer
) -> None:
    """The forum was taken over: all it has seen, and its own key, shown to the directory."""
    other = Servicer()  # type: ignore[abstract]
    await loopback.serve(
        "directory", lambda s: pb_grpc.add_ForumServiceServicer_to_server(other, s)
    )
    signer = TokenSigner("gateway", GATEWAY)
    actor = Actor(person_id="p1")
    async with grpc.aio.insecure_channel(loopback.addresses["directory"]) as channel:
        line = Line(channel)
        for stolen in (
            signer.token("forum", actor),
            signer.token("forum"),
            TokenSigner("search", SEARCH).token("forum"),
            of(FORUM, iss="forum", aud="directory"),
            of(FORUM, aud="directory"),
            of(FORUM, iss="forum", aud="directory", sub="service:gateway"),
        ):
            assert await line.call([(ACTOR_TOKEN, stolen)]) == REFUSED
        assert other.calls == []
        own = TokenSigner("forum", FORUM).token("directory")
        assert await line.call([(ACTOR_TOKEN, own)]) == "service:forum"

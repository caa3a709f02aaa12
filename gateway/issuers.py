"""The issuers we trust, and their published keys: fetched by discovery, bounded in every way."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import orjson
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, Key, OKPKey, RSAKey

from chassis.errors import UnavailableError

FRESH = 600.0  # seconds until keys are fetched again
STALE = 3600.0  # seconds keys are used while the issuer does not answer
COOL_DOWN = 30.0  # seconds between fetches for unknown key ids
RETRY = 2.0  # the same where nothing is known of the issuer
TIMEOUT = 3.0
MAX_ANSWER = 65_536
MAX_KEYS = 20
_MIN_RSA_BITS = 2048
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
# What a resolver takes for a number: 169.254.169.254, 2852039166, 0xa9fea9fe, 127.1
_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9a-fA-F]*)\.?")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Issuer:
    """One company's OpenID provider, as the operator registered us there."""

    key: str  # in our addresses
    name: str  # for people
    issuer: str  # compared byte for byte
    client_id: str
    client_secret: str
    audience: str  # of its access tokens for us


@dataclass(frozen=True, slots=True)
class Provider:
    """What an issuer says of itself."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    says_issuer: bool  # RFC 9207: the callback carries iss
    basic_auth: bool  # the client's secret goes into the Authorization header


class IssuerUnusableError(Exception):
    """An issuer's answer that we do not accept; says why, for the log."""


@dataclass(slots=True)
class _Known:
    provider: Provider | None = None
    keys: dict[str, Key] = field(default_factory=dict)
    fetched: float = float("-inf")  # monotonic, the last success
    tried: float = float("-inf")  # monotonic, the last attempt
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


def read_issuers(path: Path) -> list[Issuer]:
    """The trusted issuers of a file; keys and issuers must be unique."""
    issuers = [Issuer(**row) for row in orjson.loads(path.read_bytes())]
    for name in ("key", "issuer"):
        if len({getattr(issuer, name) for issuer in issuers}) != len(issuers):
            raise ValueError(f"{path}: every {name} may stand there once")
    for issuer in issuers:
        if not _safe_url(issuer.issuer, issuer.issuer):
            raise ValueError(f"{path}: {issuer.issuer} must be https, or http on loopback")
    return issuers


class Issuers:
    """Providers and keys of the trusted issuers, fetched when needed."""

    def __init__(self, issuers: list[Issuer], http: httpx2.AsyncClient) -> None:
        self.all = issuers
        self._by_issuer = {issuer.issuer: issuer for issuer in issuers}
        self._by_key = {issuer.key: issuer for issuer in issuers}
        self._known = {issuer.issuer: _Known() for issuer in issuers}
        self._http = http

    def by_issuer(self, issuer: str) -> Issuer | None:
        """The trusted issuer of exactly this name."""
        return self._by_issuer.get(issuer)

    def by_key(self, key: str) -> Issuer | None:
        """The trusted issuer of this key."""
        return self._by_key.get(key)

    async def provider(self, issuer: Issuer) -> Provider:
        """Its endpoints. Refuses with UNAVAILABLE."""
        known = await self._fresh(issuer)
        if known.provider is None:
            raise UnavailableError(f"{issuer.name} does not answer", retry_after=5)
        return known.provider

    async def key(self, issuer: Issuer, kid: str) -> Key | None:
        """The published key of that id; an unknown one is looked for anew, but rarely.

        Refuses with UNAVAILABLE where the issuer has not answered for long.
        """
        known = await self._fresh(issuer)
        if kid not in known.keys:
            await _under_way(known)
        if kid not in known.keys and time.monotonic() - known.tried >= COOL_DOWN:
            await self._fetch(issuer, known, known.tried)
        if not known.keys:
            raise UnavailableError(f"{issuer.name} does not answer", retry_after=5)
        return known.keys.get(kid)

    async def _fresh(self, issuer: Issuer) -> _Known:
        known = self._known[issuer.issuer]
        now = time.monotonic()
        patience = RETRY if known.provider is None else COOL_DOWN
        if now - known.fetched >= FRESH and now - known.tried >= patience:
            await self._fetch(issuer, known, known.tried)
        elif known.provider is None:
            await _under_way(known)
        if time.monotonic() - known.fetched >= STALE:
            known.provider, known.keys = None, {}
        return known

    async def _fetch(self, issuer: Issuer, known: _Known, seen: float) -> None:
        """Fetch once, whoever waits; `seen` is the attempt the caller knows of."""
        async with known.lock:
            if known.tried != seen:
                return
            known.tried = time.monotonic()
            try:
                async with asyncio.timeout(TIMEOUT):
                    provider = _provider(issuer, await self.get_json(_discovery_url(issuer)))
                    keys = _keys(await self.get_json(provider.jwks_uri))
            except (IssuerUnusableError, httpx2.HTTPError, TimeoutError) as error:
                why = str(error) if isinstance(error, IssuerUnusableError) else ""
                _log.warning("issuer %s: %s %s", issuer.key, type(error).__name__, why)
            else:
                known.provider, known.keys = provider, keys
                known.fetched = time.monotonic()

    async def get_json(self, url: str) -> dict[str, Any]:
        """A JSON object from an issuer: no redirects, at most 64 KiB."""
        return await self._json(self._http.build_request("GET", url))

    async def post_form(
        self, url: str, form: dict[str, str], auth: tuple[str, str] | None
    ) -> dict[str, Any]:
        """The issuer's answer to a form, which may be a refusal of its own."""
        request = self._http.build_request("POST", url, data=form)
        if auth is not None:
            basic = httpx2.BasicAuth(*auth)
            request = next(basic.auth_flow(request))
        async with asyncio.timeout(TIMEOUT):
            return await self._json(request, statuses=(200, 400, 401))

    async def _json(
        self, request: httpx2.Request, statuses: tuple[int, ...] = (200,)
    ) -> dict[str, Any]:
        response = await self._http.send(request, stream=True, follow_redirects=False)
        try:
            if response.status_code not in statuses:
                raise IssuerUnusableError(f"HTTP {response.status_code}")
            body = b""
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_ANSWER:
                    raise IssuerUnusableError("the answer is too long")
        finally:
            await response.aclose()
        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise IssuerUnusableError("the answer is not JSON") from None
        if not isinstance(answer, dict):
            raise IssuerUnusableError("the answer is no object")
        return answer


async def _under_way(known: _Known) -> None:
    """Until nobody is fetching: what is missing may be in the answer."""
    async with known.lock:
        pass


def _discovery_url(issuer: Issuer) -> str:
    return f"{issuer.issuer.rstrip('/')}/.well-known/openid-configuration"


def _provider(issuer: Issuer, said: dict[str, Any]) -> Provider:
    if said.get("issuer") != issuer.issuer:
        raise IssuerUnusableError("the metadata is of another issuer")
    urls = [said.get(n) for n in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
    for url in urls:
        if not isinstance(url, str) or not _safe_url(url, issuer.issuer):
            raise IssuerUnusableError("an endpoint is missing or not https")
    methods = said.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    return Provider(
        authorization_endpoint=str(urls[0]),
        token_endpoint=str(urls[1]),
        jwks_uri=str(urls[2]),
        says_issuer=said.get("authorization_response_iss_parameter_supported") is True,
        basic_auth=isinstance(methods, list) and "client_secret_basic" in methods,
    )


def _safe_url(text: str, issuer: str) -> bool:
    """https; or plain http on this machine, where the issuer itself is so.

    No issuer sends us to this machine or to an address in numbers, which may be one of the network
    around us, unless it has that very address itself.
    """
    if not text.isascii() or not text.isprintable() or any(each in text for each in " \\#"):
        return False  # parsers read these differently
    try:
        url, base = httpx2.URL(text), httpx2.URL(issuer)
    except httpx2.InvalidURL:
        return False
    if url.userinfo or not url.host or not 0 < (443 if url.port is None else url.port) < 65_536:
        return False
    if url.scheme == "https":
        return url.host == base.host or not _near(url.host)
    return url.scheme == base.scheme == "http" and url.host in _LOOPBACK and base.host in _LOOPBACK


def _near(host: str) -> bool:
    name = host.rstrip(".")
    local = name == "localhost" or name.endswith(".localhost")
    return local or ":" in host or _NUMBER.fullmatch(host) is not None


def _keys(said: dict[str, Any]) -> dict[str, Key]:
    """The public signing keys by id; what cannot verify a signature for us is left out."""
    rows = said.get("keys")
    if not isinstance(rows, list) or len(rows) > MAX_KEYS:
        raise IssuerUnusableError(f"the key set is no list of at most {MAX_KEYS}")
    keys: dict[str, Key] = {}
    for row in rows:
        if not isinstance(row, dict) or row.get("use", "sig") != "sig":
            continue
        kid = row.get("kid")
        if not isinstance(kid, str) or not kid or row.get("kty") not in ("RSA", "EC", "OKP"):
            continue
        if kid in keys:
            raise IssuerUnusableError("two keys have the same id")
        try:
            key = JWKRegistry.import_key({n: v for n, v in row.items() if n not in _PRIVATE})
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        if _usable(key):
            keys[kid] = key
    if not keys:
        raise IssuerUnusableError("no usable key is published")
    return keys


_PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


def _usable(key: Key) -> bool:
    if isinstance(key, RSAKey):
        return bool(key.public_key.key_size >= _MIN_RSA_BITS)
    if isinstance(key, ECKey):
        return key.curve_name == "P-256"
    return isinstance(key, OKPKey) and key.get("crv") == "Ed25519"

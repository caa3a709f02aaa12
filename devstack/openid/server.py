"""Authlib's authorization server with what only an issuer can say: clients, people, keys, state."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from authlib.common.security import generate_token
from authlib.oauth2.rfc6749 import AuthorizationServer, OAuth2Payload, OAuth2Request
from authlib.oauth2.rfc6749.errors import InvalidRequestError
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, RefreshTokenGrant
from authlib.oauth2.rfc6750 import BearerTokenValidator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from authlib.oauth2.rfc9207 import IssuerParameter
from authlib.oidc.core import OpenIDCode, OpenIDToken, UserInfo
from authlib.oidc.rpinitiated import EndSessionEndpoint, EndSessionRequest
from joserfc.jwk import KeySet

from devstack.openid.clients import SCOPES, Client
from devstack.openid.keys import ALGORITHM, SigningKeys
from devstack.openid.people import Person, find_subject
from devstack.openid.store import ACCESS_LIFE, Grant, Session, Store, Token

AUTH_METHODS = ["client_secret_basic", "client_secret_post", "none"]


@dataclass(frozen=True, slots=True)
class Account:
    """A person who is signed in."""

    person: Person
    session: Session

    def get_user_id(self) -> str:
        """The subject."""
        return self.person.subject


@dataclass(slots=True)
class Reply:
    """A response as Authlib makes it; `location` can be changed until it is sent."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def location(self) -> str | None:
        """Where the browser is sent."""
        return self.headers.get("Location")

    @location.setter
    def location(self, value: str) -> None:
        self.headers["Location"] = value


class _Payload(OAuth2Payload):  # type: ignore[misc]  # no stubs
    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._data = dict(pairs)
        self._lists: defaultdict[str, list[str]] = defaultdict(list)
        for name, value in pairs:
            self._lists[name].append(value)

    @property
    def data(self) -> dict[str, str]:
        return self._data

    @property
    def datalist(self) -> defaultdict[str, list[str]]:
        return self._lists


class Request(OAuth2Request):  # type: ignore[misc]  # no stubs
    """An HTTP request as Authlib reads it."""

    def __init__(
        self,
        method: str,
        uri: str,
        headers: Mapping[str, str],
        query: Sequence[tuple[str, str]] = (),
        form: Sequence[tuple[str, str]] = (),
        session: Session | None = None,
    ) -> None:
        super().__init__(method, uri, headers=headers)
        self.payload = _Payload([*query, *form])
        self.session = session
        self._args = dict(query)
        self._form = dict(form)

    @property
    def args(self) -> dict[str, str]:
        """The query's parameters."""
        return self._args

    @property
    def form(self) -> dict[str, str]:
        """The body's parameters."""
        return self._form


class IssuerServer(AuthorizationServer):  # type: ignore[misc]  # no stubs
    """One issuer's authorization server."""

    def __init__(
        self,
        issuer: str,
        company: str,
        audience: str,
        clients: Mapping[str, Client],
        store: Store,
        keys: SigningKeys,
    ) -> None:
        super().__init__(scopes_supported=list(SCOPES))
        self.issuer = issuer
        self.company = company
        self.audience = audience
        self.store = store
        self.keys = keys
        self._clients = clients
        self.register_token_generator("default", _AccessTokens(self))
        self.register_grant(_CodeGrant, [_RequiredS256(), _IdToken(self)])
        self.register_grant(_RefreshGrant, [_RefreshedIdToken(self)])
        self.register_endpoint(_Revocation)
        self.register_endpoint(_EndSession)
        self.issuer_parameter = _IssuerParameter(issuer)
        self.register_extension(self.issuer_parameter)

    def query_client(self, client_id: str) -> Client | None:
        """The client of that id."""
        return self._clients.get(client_id)

    def save_token(self, token: dict[str, Any], request: Request) -> None:
        """Remember what was given out under the grant it came of."""
        grant = request.authorization_code or request.refresh_token.grant
        self.store.insert_token(
            grant, token["access_token"], token.get("refresh_token"), token["scope"]
        )

    def create_oauth2_request(self, request: Request) -> Request:
        """It is one already."""
        return request

    def handle_response(self, status: int, body: Any, headers: Sequence[tuple[str, str]]) -> Reply:
        """Hand it to whoever speaks HTTP."""
        return Reply(status, body, dict(headers))

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens."""

    def account_of(self, session: Session | None) -> Account | None:
        """Who a session belongs to."""
        person = find_subject(self.company, session.subject) if session else None
        return Account(person, session) if person and session else None

    def account_of_grant(self, grant: Grant) -> Account | None:
        """Who gave a grant, unless it was taken back."""
        session = Session(grant.sid, grant.subject, grant.auth_time)
        return None if grant.revoked else self.account_of(session)


def user_info(person: Person, scope: str) -> Any:
    """What a client with that scope may know of a person."""
    everything = UserInfo(
        sub=person.subject, name=person.name, email=person.email, email_verified=True
    )
    return everything.filter(scope)


class TokenValidator(BearerTokenValidator):  # type: ignore[misc]  # no stubs
    """Looks an access token up, so that a revoked one is refused at once."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store

    def authenticate_token(self, token_string: str) -> Token | None:
        """What is known of it."""
        return self._store.find_access_token(token_string)


class _IssuerParameter(IssuerParameter):  # type: ignore[misc]  # no stubs
    def __init__(self, issuer: str) -> None:
        self._issuer = issuer

    def get_issuer(self) -> str:
        return self._issuer


class _AccessTokens(JWTBearerTokenGenerator):  # type: ignore[misc]  # no stubs
    """RFC 9068, with the claims Guildhall provisions a person from."""

    def __init__(self, server: IssuerServer) -> None:
        super().__init__(server.issuer, ALGORITHM, lambda **_: generate_token(48), ACCESS_LIFE)
        self._server = server

    def get_jwks(self) -> KeySet:
        return self._server.keys.signing()

    def get_audiences(self, client: Client, user: Account, scope: str) -> str:
        return self._server.audience

    def get_extra_claims(
        self, client: Client, grant_type: str, user: Account, scope: str
    ) -> dict[str, Any]:
        person = user.person
        return {"email": person.email, "email_verified": True, "name": person.name}


class _RequiredS256(CodeChallenge):  # type: ignore[misc]  # no stubs
    """PKCE for every public client, and with S256 whoever uses it."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: Any, redirect_uri: str | None) -> None:
        data = grant.request.payload.data
        if grant.request.client.secret is None and not data.get("code_challenge"):
            raise InvalidRequestError("Missing 'code_challenge'")
        if data.get("code_challenge") and data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("The 'code_challenge_method' must be S256")
        super().validate_code_challenge(grant, redirect_uri)


class _IdTokenClaims:
    """What an id token says, however it was come by."""

    def __init__(self, server: IssuerServer) -> None:
        super().__init__()
        self._server = server

    def get_client_algorithm(self, client: Client) -> str:
        return ALGORITHM

    def resolve_client_private_key(self, client: Client) -> KeySet:
        return self._server.keys.signing()

    def get_client_claims(self, client: Client) -> dict[str, Any]:
        return {"iss": self._server.issuer, "aud": client.client_id}

    def get_compatible_claims(self, request: Request) -> dict[str, Any]:
        claims: dict[str, Any] = super().get_compatible_claims(request)  # type: ignore[misc]
        session = request.user.session
        return {**claims, "auth_time": session.auth_time, "sid": session.sid}

    def generate_user_info(self, user: Account, scope: str) -> Any:
        return user_info(user.person, scope)


class _IdToken(_IdTokenClaims, OpenIDCode):  # type: ignore[misc]  # no stubs
    def exists_nonce(self, nonce: str, request: Request) -> bool:
        return False  # a nonce protects the client, which checks it


class _RefreshedIdToken(_IdTokenClaims, OpenIDToken):  # type: ignore[misc]  # no stubs
    pass


class _CodeGrant(AuthorizationCodeGrant):  # type: ignore[misc]  # no stubs
    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS
    server: IssuerServer

    def save_authorization_code(self, code: str, request: Request) -> None:
        self.server.store.insert_grant(
            code,
            request.client.client_id,
            request.user.session,
            request.payload.data,
            request.scope,
        )

    def query_authorization_code(self, code: str, client: Client) -> Grant | None:
        return self.server.store.find_code(code, client.client_id)

    def delete_authorization_code(self, authorization_code: Grant) -> None:
        self.server.store.use_code(authorization_code)

    def authenticate_user(self, authorization_code: Grant) -> Account | None:
        return self.server.account_of_grant(authorization_code)


class _RefreshGrant(RefreshTokenGrant):  # type: ignore[misc]  # no stubs
    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS
    INCLUDE_NEW_REFRESH_TOKEN = True
    server: IssuerServer

    def authenticate_refresh_token(self, refresh_token: str) -> Token | None:
        token = self.server.store.find_refresh_token(refresh_token)
        return token if token and not token.is_expired() and not token.is_revoked() else None

    def authenticate_user(self, refresh_token: Token) -> Account | None:
        return self.server.account_of_grant(refresh_token.grant)

    def revoke_old_credential(self, refresh_token: Token) -> None:
        self.server.store.use_refresh_token(self.request.form["refresh_token"])


class _Revocation(RevocationEndpoint):  # type: ignore[misc]  # no stubs
    CLIENT_AUTH_METHODS = AUTH_METHODS
    server: IssuerServer

    def query_token(self, token_string: str, token_type_hint: str | None) -> Token | None:
        store = self.server.store
        return store.find_access_token(token_string) or store.find_refresh_token(token_string)

    def revoke_token(self, token: Token, request: Request) -> None:
        self.server.store.revoke(token.grant.id)


class _EndSession(EndSessionEndpoint):  # type: ignore[misc]  # no stubs
    server: IssuerServer

    def get_server_jwks(self) -> KeySet:
        return self.server.keys.every()

    def get_algorithms(self) -> list[str]:
        return [ALGORITHM]

    def end_session(self, end_session_request: EndSessionRequest) -> None:
        hint = end_session_request.id_token_claims or {}
        session = end_session_request.request.session
        for sid in {hint.get("sid"), session.sid if session else None}:
            if sid:
                self.server.store.end_session(sid)

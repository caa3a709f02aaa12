"""The OpenID providers over HTTP, as a client and a browser meet them."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx2
import pytest
from authlib.oauth2 import rfc9207
from authlib.oidc import discovery, rpinitiated
from joserfc import jwt

from devstack.openid.clients import gateway_secret
from devstack.openid.people import PASSWORD, find_person
from devstack.tests.openid_browser import (
    ENGINEER,
    GATEWAY,
    VERIFIER,
    Browser,
    Providers,
    returned,
    unsigned,
)
from devstack.token import LoginForm


@pytest.mark.parametrize("company", ["kestrel", "lumen", "aurora", "borealis", "guildhall"])
def test_discovery_is_complete_and_true(providers: Providers, company: str) -> None:
    issuer = f"{providers.url}/{company}"
    address = f"{issuer}/.well-known/openid-configuration"
    document = httpx2.get(address, trust_env=False).json()
    assert document["issuer"] == issuer
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["authorization_response_iss_parameter_supported"] is True
    addresses = {name for name in document if name.endswith(("_endpoint", "_uri"))}
    assert all(document[name].startswith(f"{issuer}/") for name in addresses)
    # The library's own check insists on TLS for the issuer, which a laptop has not.
    tls = json.loads(json.dumps(document).replace("http://", "https://"))
    extensions = [rfc9207.AuthorizationServerMetadata, rpinitiated.OpenIDProviderMetadata]
    discovery.OpenIDProviderMetadata(tls).validate(metadata_classes=extensions)


def test_code_flow_gives_tokens_with_the_right_claims(
    providers: Providers, browser: Browser
) -> None:
    answer = returned(browser.sign_in(browser.ask()))
    assert answer["state"] == "the state"
    assert answer["iss"] == browser.issuer
    got = browser.token(code=answer["code"])
    assert got.headers["Cache-Control"] == "no-store"
    person = find_person(ENGINEER)
    assert person is not None

    access = jwt.decode(got.json()["access_token"], providers.keys(), algorithms=["RS256"])
    assert access.header["typ"] == "at+jwt"
    assert access.header["kid"].startswith("kestrel-")
    claims = access.claims
    assert (claims["iss"], claims["aud"]) == (browser.issuer, GATEWAY)
    assert (claims["sub"], claims["client_id"]) == (person.subject, "guildhall-cli")
    assert (claims["email"], claims["email_verified"]) == (ENGINEER, True)
    assert claims["name"] == "Edda Engineer"
    assert claims["exp"] - claims["iat"] == 3600

    identity = jwt.decode(got.json()["id_token"], providers.keys(), algorithms=["RS256"]).claims
    assert (identity["iss"], identity["aud"]) == (browser.issuer, "guildhall-cli")
    assert (identity["nonce"], identity["sub"]) == ("the nonce", person.subject)
    assert browser.who(got.json()["access_token"]).json() == {
        "sub": person.subject,
        "name": "Edda Engineer",
        "email": ENGINEER,
        "email_verified": True,
    }


def test_the_gateway_shows_its_secret(providers: Providers, browser: Browser) -> None:
    callback = f"{GATEWAY}/signin/kestrel/callback"
    sent = browser.sign_in(browser.ask(client_id="guildhall-gateway", redirect_uri=callback))
    code = parse_qs(urlsplit(sent.headers["Location"]).query)["code"][0]
    exchange = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": callback,
        "code_verifier": VERIFIER,
    }
    address = f"{browser.issuer}/token"
    bare = browser.http.post(address, data={**exchange, "client_id": "guildhall-gateway"})
    assert (bare.status_code, bare.json()["error"]) == (401, "invalid_client")
    wrong = browser.http.post(address, data=exchange, auth=("guildhall-gateway", "guess"))
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    secret = gateway_secret(providers.data, "kestrel")
    right = browser.http.post(address, data=exchange, auth=("guildhall-gateway", secret))
    assert right.status_code == 200


def test_a_signed_in_browser_is_not_asked_again_unless_the_client_wants(browser: Browser) -> None:
    none = returned(browser.ask(prompt="none"))
    assert (none["error"], none["state"], none["iss"]) == (
        "login_required",
        "the state",
        browser.issuer,
    )
    browser.code()
    assert "code" in returned(browser.ask())
    assert "code" in returned(browser.ask(prompt="none"))
    assert "<form" in browser.ask(prompt="login").text


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"redirect_uri": "http://127.0.0.1:53211/other"}, "is not supported by client"),
        ({"redirect_uri": "http://127.0.0.1.evil.example/callback"}, "is not supported by client"),
        ({"redirect_uri": "http://a@127.0.0.1:1/callback"}, "is not supported by client"),
        ({"redirect_uri": None}, "Missing"),
        ({"client_id": "guildhall-gateway"}, "is not supported by client"),
        ({"client_id": "stranger"}, "The client does not exist"),
    ],
)
def test_an_uncertain_client_gets_no_redirect(
    browser: Browser, changes: dict[str, str | None], complaint: str
) -> None:
    page = browser.ask(**changes)
    assert page.status_code == 400
    assert complaint in page.text


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "openid everything"}, "invalid_scope"),
    ],
)
def test_a_bad_request_goes_back_to_the_client(
    browser: Browser, changes: dict[str, str | None], error: str
) -> None:
    answer = returned(browser.ask(**changes))
    assert (answer["error"], answer["iss"]) == (error, browser.issuer)


@pytest.mark.parametrize(
    ("email", "password"),
    [(ENGINEER, "wrong"), ("seller@lumen.example", PASSWORD), ("nobody@x.example", PASSWORD)],
)
def test_wrong_credentials_get_the_same_clear_answer(
    browser: Browser, email: str, password: str
) -> None:
    page = browser.sign_in(browser.ask(), email, password)
    assert page.status_code == 401
    assert "do not belong together" in page.text
    assert "<form" in browser.ask().text


def test_a_form_of_another_site_signs_nobody_in(browser: Browser) -> None:
    page = browser.sign_in(browser.ask(), csrf="forged")
    assert page.status_code == 401
    assert "Try again" in page.text


def test_a_wrong_verifier_is_refused(browser: Browser) -> None:
    answer = browser.token(code=browser.code(), code_verifier="w" * 50)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_another_redirect_uri_at_the_exchange_is_refused(browser: Browser) -> None:
    answer = browser.token(code=browser.code(), redirect_uri="http://127.0.0.1:1/callback")
    assert answer.json()["error"] == "invalid_grant"


def test_a_code_used_twice_takes_its_tokens_down(browser: Browser) -> None:
    code = browser.code()
    first = browser.token(code=code).json()
    assert browser.who(first["access_token"]).status_code == 200
    assert browser.token(code=code).json()["error"] == "invalid_grant"
    assert browser.who(first["access_token"]).status_code == 401
    assert browser.refresh(first["refresh_token"]).json()["error"] == "invalid_grant"


def test_refresh_tokens_rotate_and_a_stolen_one_takes_all_down(browser: Browser) -> None:
    first = browser.token(code=browser.code()).json()
    second = browser.refresh(first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert "id_token" in second
    assert browser.who(second["access_token"]).status_code == 200
    assert browser.refresh(first["refresh_token"]).json()["error"] == "invalid_grant"
    assert browser.refresh(second["refresh_token"]).json()["error"] == "invalid_grant"
    assert browser.who(second["access_token"]).status_code == 401


def test_a_revoked_token_is_refused(browser: Browser) -> None:
    got = browser.token(code=browser.code()).json()
    form = {"client_id": "guildhall-cli", "token": got["refresh_token"]}
    assert browser.http.post(f"{browser.issuer}/revoke", data=form).status_code == 200
    assert browser.who(got["access_token"]).status_code == 401


def test_logout_ends_the_session_and_its_tokens(browser: Browser) -> None:
    callback = f"{GATEWAY}/signin/kestrel/callback"
    got = browser.token(code=browser.code()).json()
    hint = {"id_token_hint": got["id_token"], "state": "bye"}
    stranger = {**hint, "post_logout_redirect_uri": callback}
    page = browser.http.get(f"{browser.issuer}/logout", params=stranger)
    assert page.status_code == 200
    assert "You are signed out" in page.text
    assert browser.who(got["access_token"]).status_code == 401
    assert "<form" in browser.ask().text


def test_logout_returns_to_a_registered_address(providers: Providers, browser: Browser) -> None:
    callback = f"{GATEWAY}/signin/kestrel/callback"
    sent = browser.sign_in(browser.ask(client_id="guildhall-gateway", redirect_uri=callback))
    exchange = {
        "grant_type": "authorization_code",
        "code": parse_qs(urlsplit(sent.headers["Location"]).query)["code"][0],
        "redirect_uri": callback,
        "code_verifier": VERIFIER,
    }
    secret = gateway_secret(providers.data, "kestrel")
    address = f"{browser.issuer}/token"
    got = browser.http.post(address, data=exchange, auth=("guildhall-gateway", secret)).json()
    query = {
        "id_token_hint": got["id_token"],
        "post_logout_redirect_uri": f"{GATEWAY}/",
        "state": "bye",
    }
    answer = browser.http.get(f"{browser.issuer}/logout", params=query)
    assert answer.headers["Location"] == f"{GATEWAY}/?state=bye"


def test_logout_without_a_hint_asks_the_person(browser: Browser) -> None:
    browser.code()
    page = browser.http.get(f"{browser.issuer}/logout")
    assert "Sign out of Kestrel?" in page.text
    assert "code" in returned(browser.ask())
    form = LoginForm(page.text)
    done = browser.http.post(urljoin(str(page.url), form.action), data=form.hidden)
    assert "You are signed out" in done.text
    assert "<form" in browser.ask().text


def test_a_forged_logout_hint_is_refused(browser: Browser) -> None:
    browser.code()
    hint = {"id_token_hint": unsigned({"sid": "x", "aud": "guildhall-cli"})}
    assert browser.http.get(f"{browser.issuer}/logout", params=hint).status_code == 400
    assert "code" in returned(browser.ask())


def test_another_host_name_is_refused(providers: Providers) -> None:
    query = urlencode({"client_id": "guildhall-cli"})
    answer = httpx2.get(
        f"{providers.url}/kestrel/authorize?{query}",
        headers={"Host": "evil.example"},
        trust_env=False,
    )
    assert answer.status_code == 400

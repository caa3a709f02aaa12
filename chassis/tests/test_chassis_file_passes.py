"""File passes: good for one file, one action and one time, from one part."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey

from chassis.errors import UnauthenticatedError
from chassis.file_passes import FilePass, FilePassSigner, FilePassVerifier
from chassis.tokens import TokenSigner

KEY = OKPKey.generate_key("Ed25519")
SIGNER = FilePassSigner("forum", KEY)
VERIFIER = FilePassVerifier("forum", KEY)
PUT = FilePass("put", "abc", 5, sha256="00")
GET = FilePass("get", "abc", 5, name="ü.png", type="image/png", inline=True)


def soon(seconds: int = 60) -> int:
    return int(time.time()) + seconds


def test_a_pass_says_what_it_allows() -> None:
    assert VERIFIER.verify(SIGNER.sign(PUT, soon()), "put") == PUT
    assert VERIFIER.verify(SIGNER.sign(GET, soon()), "get") == GET


def test_keys_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(KEY.as_pem(private=True))
    (tmp_path / "trusted.json").write_text(json.dumps({"forum": KEY.as_dict(private=False)}))
    token = FilePassSigner.from_file("forum", tmp_path / "key.pem").sign(PUT, soon())
    verifier = FilePassVerifier.from_file("forum", tmp_path / "trusted.json")
    assert verifier.verify(token, "put") == PUT


def forged(signer: Any = KEY, header: Any = None, **claims: Any) -> str:
    all_claims = {
        "iss": "forum",
        "aud": "files",
        "exp": soon(),
        "action": "get",
        "key": "abc",
        "size": 5,
        "sha256": "",
        "name": "",
        "type": "",
        "inline": False,
        **claims,
    }
    all_claims = {name: value for name, value in all_claims.items() if value is not None}
    head = {"alg": "Ed25519", "typ": "file+jwt", "kid": KEY.thumbprint(), **(header or {})}
    return jwt.encode(head, all_claims, signer, algorithms=[head["alg"]])


_NO_TOKENS = ("", "a", "a.b.c", "ü", "a" * 5000, "..", "null.null.null")


@pytest.mark.parametrize(
    "make",
    [
        *(lambda text=text: text for text in _NO_TOKENS),
        lambda: SIGNER.sign(PUT, soon()),  # for another action
        lambda: SIGNER.sign(GET, soon(-1)),
        lambda: SIGNER.sign(GET, soon(4000)),  # longer than any may live
        lambda: FilePassSigner("search", KEY).sign(GET, soon()),
        lambda: FilePassSigner("forum", OKPKey.generate_key("Ed25519")).sign(GET, soon()),
        lambda: TokenSigner("forum", KEY).token("files"),  # what the same key signs for calls
        lambda: forged(aud="gateway"),
        lambda: forged(exp=None),
        lambda: forged(exp=float(soon())),
        lambda: forged(exp=True),
        lambda: forged(size="5"),
        lambda: forged(size=True),
        lambda: forged(inline=1),
        lambda: forged(key=None),
        lambda: forged(key=["abc"]),
        lambda: forged(more="than that"),
        lambda: forged(header={"typ": "actor+jwt"}),
        lambda: forged(header={"kid": "other"}),
        lambda: forged(OctKey.import_key(b"x" * 32), {"alg": "HS256"}),
    ],
)
def test_nothing_else_is_a_pass(make: Callable[[], str]) -> None:
    token = make()  # now: they are made long after they are collected
    with pytest.raises(UnauthenticatedError):
        VERIFIER.verify(token, "get")


def test_the_helper_forges_well() -> None:
    assert VERIFIER.verify(forged(), "get") == FilePass("get", "abc", 5)


def test_a_changed_pass_is_none() -> None:
    token = SIGNER.sign(GET, soon())
    for place in range(0, len(token), 7):
        other = "A" if token[place] != "A" else "B"
        with pytest.raises(UnauthenticatedError):
            VERIFIER.verify(token[:place] + other + token[place + 1 :], "get")

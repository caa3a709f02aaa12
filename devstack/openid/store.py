"""An issuer's sessions, authorizations and tokens in one SQLite file; secrets only as hashes."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SESSION_LIFE = 12 * 3600
CODE_LIFE = 60
ACCESS_LIFE = 3600
REFRESH_LIFE = 30 * 24 * 3600

SCHEMA = """
CREATE TABLE IF NOT EXISTS sessions (
  secret TEXT PRIMARY KEY, sid TEXT NOT NULL, subject TEXT NOT NULL, auth_time INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS grants (
  id INTEGER PRIMARY KEY, client_id TEXT NOT NULL, subject TEXT NOT NULL, sid TEXT NOT NULL,
  scope TEXT NOT NULL, auth_time INTEGER NOT NULL, redirect_uri TEXT NOT NULL, nonce TEXT,
  challenge TEXT, code TEXT NOT NULL UNIQUE, code_expires INTEGER NOT NULL,
  code_used INTEGER NOT NULL DEFAULT 0, revoked INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS tokens (
  access TEXT PRIMARY KEY, refresh TEXT UNIQUE, grant_id INTEGER NOT NULL REFERENCES grants(id),
  scope TEXT NOT NULL, issued INTEGER NOT NULL, refresh_used INTEGER NOT NULL DEFAULT 0);
"""

_FIND = (
    "SELECT grants.*, tokens.scope AS token_scope, issued"
    " FROM tokens JOIN grants ON grants.id = grant_id WHERE "
)
FIND_TOKEN = {"access": _FIND + "access = ?", "refresh": _FIND + "refresh = ?"}


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that signed in; the sid may be told, the secret is its cookie."""

    sid: str
    subject: str
    auth_time: int


@dataclass(frozen=True, slots=True)
class Grant:
    """What a person let a client do: the code and all tokens that came of it."""

    id: int
    client_id: str
    subject: str
    sid: str
    scope: str
    auth_time: int
    redirect_uri: str
    nonce: str | None
    code_challenge: str | None
    revoked: bool
    code_challenge_method: str = "S256"

    def get_redirect_uri(self) -> str:
        """As it was in the authorization request."""
        return self.redirect_uri

    def get_scope(self) -> str:
        """What was granted."""
        return self.scope

    def get_nonce(self) -> str | None:
        """As it was in the authorization request."""
        return self.nonce

    def get_auth_time(self) -> int:
        """When the person gave the password."""
        return self.auth_time

    def get_acr(self) -> None:
        """No classes of authentication here."""

    def get_amr(self) -> list[str]:
        """By password (RFC 8176)."""
        return ["pwd"]


@dataclass(frozen=True, slots=True)
class Token:
    """An access token with the refresh token given beside it."""

    grant: Grant
    scope: str
    expires: int
    expired: bool

    def check_client(self, client: object) -> bool:
        """Whether it was given to that client."""
        return getattr(client, "client_id", None) == self.grant.client_id

    def get_scope(self) -> str:
        """What it is good for."""
        return self.scope

    def is_expired(self) -> bool:
        """By this store's clock."""
        return self.expired

    def is_revoked(self) -> bool:
        """With everything else that came of its grant."""
        return self.grant.revoked


class Store:
    """One connection, used by one thread only: each method is one step for everyone else."""

    def __init__(self, file: Path, clock: Callable[[], float] = time.time) -> None:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.touch(mode=0o600)
        self._clock = clock
        self._rows = sqlite3.connect(file, isolation_level=None)
        self._rows.row_factory = sqlite3.Row
        self._rows.execute("PRAGMA journal_mode = WAL")
        self._rows.executescript(SCHEMA)
        self._forget_what_is_over()

    def close(self) -> None:
        """Let go of the file."""
        self._rows.close()

    def begin_session(self, subject: str) -> tuple[str, Session]:
        """A session for a person who gave the password, and the cookie for it."""
        secret, sid, now = secrets.token_urlsafe(32), secrets.token_urlsafe(12), self.now()
        self._rows.execute(
            "INSERT INTO sessions VALUES (?, ?, ?, ?)", (_hash(secret), sid, subject, now)
        )
        return secret, Session(sid, subject, now)

    def find_session(self, secret: str | None) -> Session | None:
        """The session of that cookie, while it lasts."""
        row = self._rows.execute(
            "SELECT sid, subject, auth_time FROM sessions WHERE secret = ? AND auth_time > ?",
            (_hash(secret or ""), self.now() - SESSION_LIFE),
        ).fetchone()
        return Session(*row) if row else None

    def end_session(self, sid: str) -> None:
        """Sign out: the session and every token given in it."""
        self._rows.execute("DELETE FROM sessions WHERE sid = ?", (sid,))
        self._rows.execute("UPDATE grants SET revoked = 1 WHERE sid = ?", (sid,))

    def insert_grant(
        self,
        code: str,
        client_id: str,
        session: Session,
        request: dict[str, str],
        scope: str,
    ) -> None:
        """Remember a code and what it stands for."""
        self._rows.execute(
            "INSERT INTO grants (client_id, subject, sid, scope, auth_time, redirect_uri, nonce,"
            " challenge, code, code_expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                client_id,
                session.subject,
                session.sid,
                scope,
                session.auth_time,
                request["redirect_uri"],
                request.get("nonce"),
                request.get("code_challenge"),
                _hash(code),
                self.now() + CODE_LIFE,
            ),
        )

    def find_code(self, code: str, client_id: str) -> Grant | None:
        """What a code stands for; one that was used already takes everything down with it."""
        row = self._rows.execute(
            "SELECT * FROM grants WHERE code = ? AND client_id = ?", (_hash(code), client_id)
        ).fetchone()
        if row and row["code_used"]:
            self.revoke(row["id"])
            return None
        return _grant(row) if row and row["code_expires"] > self.now() else None

    def use_code(self, grant: Grant) -> None:
        """A code is good once."""
        self._rows.execute("UPDATE grants SET code_used = 1 WHERE id = ?", (grant.id,))

    def insert_token(self, grant: Grant, access: str, refresh: str | None, scope: str) -> None:
        """Remember what was given out."""
        self._rows.execute(
            "INSERT INTO tokens (access, refresh, grant_id, scope, issued) VALUES (?, ?, ?, ?, ?)",
            (_hash(access), refresh and _hash(refresh), grant.id, scope, self.now()),
        )

    def find_access_token(self, access: str) -> Token | None:
        """What is known of an access token."""
        return self._find_token("access", access, ACCESS_LIFE)

    def find_refresh_token(self, refresh: str) -> Token | None:
        """What is known of a refresh token; a rotated one that comes back takes all down."""
        row = self._rows.execute(
            "SELECT grant_id, refresh_used FROM tokens WHERE refresh = ?", (_hash(refresh),)
        ).fetchone()
        if row and row["refresh_used"]:
            self.revoke(row["grant_id"])
        return self._find_token("refresh", refresh, REFRESH_LIFE) if row else None

    def use_refresh_token(self, refresh: str) -> None:
        """A refresh token is good once."""
        self._rows.execute(
            "UPDATE tokens SET refresh_used = 1 WHERE refresh = ?", (_hash(refresh),)
        )

    def revoke(self, grant_id: int) -> None:
        """Take back everything that came of a grant."""
        self._rows.execute("UPDATE grants SET revoked = 1 WHERE id = ?", (grant_id,))

    def now(self) -> int:
        """Seconds since 1970, by this store's clock."""
        return int(self._clock())

    def _find_token(self, column: str, secret: str, life: int) -> Token | None:
        row = self._rows.execute(FIND_TOKEN[column], (_hash(secret),)).fetchone()
        if row is None:
            return None
        expires = row["issued"] + life
        return Token(_grant(row), row["token_scope"], expires, expires <= self.now())

    def _forget_what_is_over(self) -> None:
        now = self.now()
        self._rows.execute("DELETE FROM sessions WHERE auth_time <= ?", (now - SESSION_LIFE,))
        self._rows.execute("DELETE FROM tokens WHERE issued <= ?", (now - REFRESH_LIFE,))
        self._rows.execute(
            "DELETE FROM grants WHERE code_expires <= ?"
            " AND id NOT IN (SELECT grant_id FROM tokens)",
            (now,),
        )


def _grant(row: sqlite3.Row) -> Grant:
    return Grant(
        id=row["id"],
        client_id=row["client_id"],
        subject=row["subject"],
        sid=row["sid"],
        scope=row["scope"],
        auth_time=row["auth_time"],
        redirect_uri=row["redirect_uri"],
        nonce=row["nonce"],
        code_challenge=row["challenge"],
        revoked=bool(row["revoked"]),
    )


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()

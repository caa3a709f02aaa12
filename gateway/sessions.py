"""Browser sessions in MongoDB: server-side, revocable, ids stored hashed; and logins that ended."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pymongo
from pymongo import UpdateOne
from pymongo.errors import DuplicateKeyError, PyMongoError

from chassis.decisions import PLATFORM
from chassis.errors import UnavailableError
from chassis.mongo import Database, Index, Migration, ensure_indexes
from gateway.auth import Identity
from gateway.together import Together

IDLE = timedelta(hours=8)
ABSOLUTE = timedelta(hours=24)
CACHED = 2.0  # seconds a look-up is believed, so a revocation holds within five
_TOUCH = timedelta(minutes=1)  # how often being used is noted
_PATIENCE = 2.0  # seconds; the driver's own would outlast any request
_MOST = 10_000
_AT_ONCE = 100  # are looked for by one query
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody signed in with a browser."""

    id: str  # hashed
    person_id: str
    issuer: str
    subject: str

    @property
    def identity(self) -> Identity:
        """Who it is, as the issuer said."""
        return Identity(self.issuer, self.subject)


def new_secret() -> str:
    """256 random bits for a cookie."""
    return secrets.token_urlsafe(32)


def hashed(secret: str) -> str:
    """What is stored of a secret."""
    return sha256(secret.encode("utf-8", "replace")).hexdigest()


class Sessions:
    """Collections `sessions` and `logins`, those that are over; documents end by themselves."""

    indexes: Sequence[Index] = (
        Index("sessions", [("end_time", 1)], "end", expire_after=0),
        Index("sessions", [("community_id", 1), ("person_id", 1)], "person"),
        Index("logins", [("end_time", 1)], "end", expire_after=0),
    )
    migrations: Sequence[Migration] = ()

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sessions = database.sessions
        self._logins = database.logins
        self._cache: dict[str, tuple[float, Session | None]] = {}
        self._together = Together(self._load, most=_AT_ONCE)

    async def prepare(self, more: Sequence[Index] = (), *, patience: float = 60.0) -> None:
        """Make the indexes, and more of the same database; waits for a MongoDB that starts."""
        until = time.monotonic() + patience
        while True:
            try:
                return await ensure_indexes(self._database, (*self.indexes, *more))
            except PyMongoError as error:
                if time.monotonic() > until:
                    raise
                _log.warning("waiting for MongoDB: %s", type(error).__name__)
                await asyncio.sleep(1)

    async def ping(self) -> None:
        """Raises where MongoDB does not answer."""
        await self._database.command("ping")

    async def create(self, person_id: str, identity: Identity) -> str:
        """A new session; the secret for the cookie."""
        secret = new_secret()
        now = datetime.now(UTC)
        row = {
            "_id": hashed(secret),
            "community_id": PLATFORM,
            "person_id": person_id,
            "issuer": identity.issuer,
            "subject": identity.subject,
            "create_time": now,
            "seen_time": now,
            "end_time": now + IDLE,
        }
        with patient("sessions"):
            await self._sessions.insert_one(row)
        return secret

    async def find(self, secret: str) -> Session | None:
        """The session behind a cookie; None where it ended."""
        key = hashed(secret)
        cached = self._cache.get(key)
        if cached is not None and cached[0] > time.monotonic():
            return cached[1]
        session = await self._together.find(key)
        self._remember(key, session)
        return session

    async def ask_ahead(self, given: Iterable[str]) -> None:
        """Look for all of these at once, so that they are `remembered`."""
        keys = sorted({hashed(secret) for secret in given})
        some = [keys[start : start + _AT_ONCE] for start in range(0, len(keys), _AT_ONCE)]
        for found in await asyncio.gather(*map(self._load, some)):
            for key, session in found.items():
                self._remember(key, session)

    def remembered(self, secret: str) -> Session | None:
        """The session, if it is known without asking."""
        until, session = self._cache.get(hashed(secret), (0.0, None))
        return session if until > time.monotonic() else None

    def _remember(self, key: str, session: Session | None) -> None:
        if len(self._cache) >= _MOST:
            self._cache.clear()
        self._cache[key] = (time.monotonic() + CACHED, session)

    async def _load(self, ids: Sequence[str]) -> dict[str, Session]:
        with patient("sessions"):
            wanted = {"_id": {"$in": list(ids)}, "community_id": PLATFORM}
            rows = await self._sessions.find(wanted).to_list()
            now = datetime.now(UTC)
            found = [
                row for row in rows if row["end_time"] > now and row["create_time"] + ABSOLUTE > now
            ]
            touched = [_touch(row, now) for row in found if now - row["seen_time"] >= _TOUCH]
            if touched:
                await self._sessions.bulk_write(touched, ordered=False)
        return {row["_id"]: _session(row) for row in found}

    async def revoke(self, secret: str) -> None:
        """End one session, if there is one."""
        key = hashed(secret)
        with patient("sessions"):
            await self._sessions.delete_one({"_id": key, "community_id": PLATFORM})
        self._cache.pop(key, None)

    async def revoke_all(self, person_id: str) -> int:
        """End all sessions of a person; how many there were."""
        with patient("sessions"):
            result = await self._sessions.delete_many(
                {"community_id": PLATFORM, "person_id": person_id}
            )
        self._cache.clear()
        return result.deleted_count

    async def end_login(self, id: str, end_time: datetime) -> bool:
        """Note that an issuer has said who it is; False where it was said before.

        Only who can sign in gets here, so nobody else fills the collection.
        """
        row = {"_id": id, "community_id": PLATFORM, "end_time": end_time}
        with patient("sessions"):
            try:
                await self._logins.insert_one(row)
            except DuplicateKeyError:
                return False
        return True


@contextmanager
def patient(what: str) -> Iterator[None]:
    """Within two seconds: a MongoDB that does not answer is a refusal, not a failure of ours."""
    try:
        with pymongo.timeout(_PATIENCE):
            yield
    except PyMongoError:
        raise UnavailableError(f"{what} cannot be read right now", retry_after=1) from None


def _touch(row: Mapping[str, Any], now: datetime) -> UpdateOne:
    end = min(now + IDLE, row["create_time"] + ABSOLUTE)
    key = {"_id": row["_id"], "community_id": PLATFORM}
    return UpdateOne(key, {"$set": {"seen_time": now, "end_time": end}})


def _session(row: Mapping[str, Any]) -> Session:
    return Session(row["_id"], row["person_id"], row["issuer"], row["subject"])

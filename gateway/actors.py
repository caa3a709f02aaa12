"""From a verified identity to the actor: asked of the directory, remembered while that is safe.

What is remembered is dropped on every domain event of the directory, and believed only while this
process hears its own heartbeat over NATS: a server that is away, hung or cut off empties the cache.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

from chassis import telemetry
from chassis.actors import Actor, Membership
from chassis.errors import DomainError, UnauthenticatedError, UnavailableError
from chassis.pagination import MAX_PAGE_SIZE
from chassis.rpc_status import reason_of
from gateway.auth import Identity
from gateway.context import Caller
from gateway.together import Together
from guildhall.directory.v1 import directory_pb2

if TYPE_CHECKING:
    from guildhall.directory.v1.directory_pb2_grpc import DirectoryServiceAsyncStub

# Seconds an actor is remembered at most, from when the directory was asked: what bounds a
# revocation of which nothing is heard, though the bus is there (docs/adr/0008).
LIFETIME = 1.0
HEARTBEAT = 0.25  # seconds between heartbeats
SILENCE = 1.0  # seconds without one until nothing is believed
QUARANTINE = 2.0  # seconds after a silence until anything is believed: producers reconnect too
_MOST = 10_000
_HIT = telemetry.ACTORS.labels("hit")
Key = tuple[str, str]  # issuer, subject
_Pending = tuple[int, bool, str, str]  # epoch, provision, issuer, subject


class Announcements(Protocol):
    """What the actor cache needs of the bus."""

    async def until_connected(self) -> None:
        """Wait for the first connection."""

    async def nudge(self, subject: str) -> None:
        """Send a core message."""

    async def on_nudge(self, subject: str, wake: Callable[[], None]) -> None:
        """Call `wake` at every core message."""


@dataclass(frozen=True, slots=True)
class _Entry:
    caller: Caller
    until: float  # monotonic


@dataclass(frozen=True, slots=True)
class _Asked:
    """When the directory was."""

    wall: float = field(default_factory=time.time)
    monotonic: float = field(default_factory=time.monotonic)


class Actors:
    """The actors of this process's callers."""

    def __init__(self, directory: DirectoryServiceAsyncStub, bus: Announcements) -> None:
        self._directory = directory
        self._bus = bus
        self._entries: dict[Key, _Entry] = {}
        self._pending: dict[_Pending, asyncio.Task[Caller]] = {}
        self._together = Together(self._resolve_many, most=MAX_PAGE_SIZE)
        self.epoch = 0  # grows whenever the cache is dropped
        self._heard = float("-inf")  # the last heartbeat
        self._believe_from = float("inf")
        self._heartbeat = f"gateway.heartbeat.{uuid4().hex}"

    async def run(self) -> None:
        """Listen and beat until cancelled."""
        await self._bus.until_connected()
        await self._bus.on_nudge("evt.directory.>", self.drop)
        await self._bus.on_nudge(self._heartbeat, self._beat)
        while True:
            await self._bus.nudge(self._heartbeat)
            await asyncio.sleep(HEARTBEAT)

    def drop(self) -> None:
        """Somebody's rights may have changed: forget everyone."""
        self._entries.clear()
        self.epoch += 1

    def _beat(self) -> None:
        now = time.monotonic()
        if now - self._heard > SILENCE:
            self.drop()
            self._believe_from = now + QUARANTINE
        self._heard = now

    @property
    def trusted(self) -> bool:
        """Whether what is remembered may be believed right now."""
        now = time.monotonic()
        return now - self._heard <= SILENCE and now >= self._believe_from

    async def caller(self, identity: Identity, *, provision: bool = True) -> Caller:
        """Who it is, as of now; by a token of the issuer the person may be provisioned.

        Refuses with UNAUTHENTICATED, PERSON_DEACTIVATED, UNAVAILABLE.
        """
        key = identity.key
        entry = self._entries.get(key)
        if entry is not None and self.trusted and time.monotonic() < entry.until:
            _HIT.inc()
            return entry.caller
        telemetry.ACTORS.labels("miss").inc()
        return await self._shared(key, identity, provision)

    async def ask_all(self, identities: Iterable[Identity], found: dict[Key, Caller]) -> None:
        """Ask for all of these, whatever is remembered; who is known is in `found` at once.

        In few questions: a task for each of thousands costs more than their answers. Refuses with
        UNAVAILABLE.
        """
        keys = sorted({one.key for one in identities})
        size = MAX_PAGE_SIZE
        some = [keys[start : start + size] for start in range(0, len(keys), size)]
        await asyncio.gather(*(self._ask_some(few, found) for few in some))

    async def _ask_some(self, keys: Sequence[Key], found: dict[Key, Caller]) -> None:
        asked, epoch = _Asked(), self.epoch
        for key, said in (await self._resolve_many(keys)).items():
            found[key] = self._remember(key, said, asked, epoch)

    async def _shared(self, key: Key, identity: Identity, provision: bool) -> Caller:
        """One question to the directory, however many wait for the answer.

        Those about several people that come in one moment are one as well.
        """
        pending_key = (self.epoch, provision, *key)
        task = self._pending.get(pending_key)
        if task is None:
            task = asyncio.create_task(self._ask(key, identity, self.epoch, provision))
            self._pending[pending_key] = task
            task.add_done_callback(lambda done: self._asked(pending_key, done))
        return await asyncio.shield(task)

    def _asked(self, pending_key: _Pending, done: asyncio.Task[Caller]) -> None:
        self._pending.pop(pending_key, None)
        if not done.cancelled():
            done.exception()  # everyone who waited may have gone away

    async def _ask(self, key: Key, identity: Identity, epoch: int, provision: bool) -> Caller:
        asked = _Asked()
        try:
            said = await self._together.find(key) or await self._resolve(key)
        except DomainError as error:
            if reason_of(error) != "PERSON_NOT_FOUND":
                raise
            if not provision:
                raise UnauthenticatedError("sign in again") from None
            said = await self.sign_in(identity)
        return self._remember(key, said, asked, epoch)

    def _remember(self, key: Key, said: directory_pb2.Actor, asked: _Asked, epoch: int) -> Caller:
        """The directory's answer, for as long as it counts."""
        caller = Caller(to_actor(said), said.display_name)
        lifetime = LIFETIME
        if said.HasField("expire_time"):
            lifetime = min(lifetime, said.expire_time.ToNanoseconds() / 1e9 - asked.wall)
        if epoch == self.epoch and lifetime > 0:
            if len(self._entries) >= _MOST:
                self._entries.clear()
            self._entries[key] = _Entry(caller, asked.monotonic + lifetime)
        return caller

    async def _resolve(self, key: Key) -> directory_pb2.Actor:
        issuer, subject = key
        response = await self._directory.ResolveActor(
            directory_pb2.ResolveActorRequest(issuer=issuer, subject=subject)
        )
        return response.actor

    async def _resolve_many(self, keys: Sequence[Key]) -> dict[Key, directory_pb2.Actor]:
        """Who is left out is asked for alone, which says why."""
        if len(keys) == 1:
            return {}
        links = [directory_pb2.IdentityLink(issuer=one, subject=two) for one, two in keys]
        try:
            response = await self._directory.BatchResolveActors(
                directory_pb2.BatchResolveActorsRequest(identity_links=links)
            )
        except UnavailableError:
            raise
        except DomainError:  # one of them is to fail alone
            return {}
        return {
            (row.identity_link.issuer, row.identity_link.subject): row.actor
            for row in response.identities
        }

    async def sign_in(self, identity: Identity) -> directory_pb2.Actor:
        """Provision the person. An issuer that no company owns gives nobody in."""
        try:
            response = await self._directory.SignIn(
                directory_pb2.SignInRequest(
                    request_id=uuid4().hex,
                    issuer=identity.issuer,
                    subject=identity.subject,
                    email=identity.email,
                    display_name=identity.name or identity.email.partition("@")[0] or "Unnamed",
                )
            )
        except DomainError as error:
            if reason_of(error) == "ISSUER_UNKNOWN":
                raise UnauthenticatedError("nobody is known by this identity") from None
            raise
        return response.actor


def to_actor(said: directory_pb2.Actor) -> Actor:
    """The directory's actor as the chassis sends it on."""
    return Actor(
        person_id=said.person_id,
        operator=said.operator,
        memberships={
            row.community_id: Membership(
                company_id=row.company_id,
                roles=frozenset(_ROLES[role] for role in row.roles if role in _ROLES),
                trust_level=row.trust_level,
                keyring=tuple(row.keyring),
            )
            for row in said.memberships
        },
    )


_ROLES = {
    number: name.removeprefix("ROLE_")
    for name, number in directory_pb2.Role.items()
    if number != directory_pb2.ROLE_UNSPECIFIED
}

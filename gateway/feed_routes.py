"""/feeds/<secret>.atom, .rss and .ics: a channel by a secret, as its owner may read it now.

Whatever stands in the way, an unknown secret, a revoked one, an owner who may not read the channel
any more, is the same 404. Neither spans nor logs name the address.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from chassis import telemetry
from chassis.actors import current_actor
from chassis.errors import DomainError, NotFoundError
from chassis.rpc_status import reason_of
from gateway.actors import to_actor
from gateway.endpoint import Parts
from gateway.feed_formats import atom, calendar, rss
from gateway.feed_secrets import addresses_of, hash_of, is_secret
from guildhall.directory.v1 import directory_pb2
from guildhall.forum.v1 import announcements_pb2 as pb

MOST = 50  # announcements, the newest
_KINDS = {
    "atom": "application/atom+xml",
    "rss": "application/rss+xml",
    "ics": "text/calendar",
}
_HEADERS = {
    # To be asked for again each time: a revocation holds at once.
    "cache-control": "private, no-cache",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex",
}
_NOBODY = {"PERSON_DEACTIVATED"}
_BUSY = {"RESOURCE_EXHAUSTED": 429, "UNAVAILABLE": 503}


@dataclass(frozen=True, slots=True)
class _Read:
    channel: pb.Channel
    announcements: list[pb.Announcement]


class FeedRoutes:
    """Reads channels for feed readers."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.routes = [Route("/feeds/{name}", self._feed, methods=["GET"])]

    async def _feed(self, request: Request) -> Response:
        secret, _, kind = request.path_params["name"].rpartition(".")
        if kind not in _KINDS or not is_secret(secret):
            return _missing()
        with telemetry.span("GET /feeds"):
            before = current_actor.set(None)  # the gateway's own question, until it knows for whom
            try:
                with self._parts.admission.place():
                    found = await self._read(secret)
            except DomainError as error:
                return _refused(error)
            finally:
                current_actor.reset(before)
        if found is None:
            return _missing()
        own = addresses_of(self._parts.site.public_url, secret)
        shown, url = (found.channel, found.announcements), self._parts.announcement_url
        render: dict[str, Callable[[], bytes]] = {
            "atom": lambda: atom(*shown, own.atom_url, url),
            "rss": lambda: rss(*shown, own.rss_url, url),
            "ics": lambda: calendar(*shown, url),
        }
        return _answer(request, render[kind](), _KINDS[kind])

    async def _read(self, secret: str) -> _Read | None:
        """What the address' owner may read now; None: nothing. Refuses with UNAVAILABLE."""
        services = self._parts.services
        found = await services.announcements.FindFeedAddress(
            pb.FindFeedAddressRequest(secret_hash=hash_of(secret))
        )
        address = found.feed_address
        said = await services.directory.ResolvePerson(
            directory_pb2.ResolvePersonRequest(person_id=address.person_id)
        )
        actor = to_actor(said.actor)
        if address.community_id not in actor.memberships:
            return None
        current_actor.set(actor)
        with self._parts.admission.place(actor.person_id):
            place: dict[str, Any] = {
                "community_id": address.community_id,
                "channel_id": address.channel_id,
            }
            channel = await services.announcements.GetChannel(pb.GetChannelRequest(**place))
            listed = await services.announcements.ListAnnouncements(
                pb.ListAnnouncementsRequest(**place, page_size=MOST)
            )
        return _Read(channel.channel, list(listed.announcements))


def _answer(request: Request, body: bytes, media_type: str) -> Response:
    tag = f'"{sha256(body).hexdigest()[:32]}"'
    headers = {**_HEADERS, "etag": tag}
    given = request.headers.get("if-none-match", "")
    if given.strip() == "*" or tag in (one.strip().removeprefix("W/") for one in given.split(",")):
        return Response(status_code=304, headers=headers)
    return Response(body, 200, headers, f"{media_type}; charset=utf-8")


def _missing() -> Response:
    return PlainTextResponse("not found", 404, _HEADERS)


def _refused(error: DomainError) -> Response:
    if error.status == NotFoundError.status or reason_of(error) in _NOBODY:
        return _missing()
    headers = {**_HEADERS, "retry-after": str(max(1, round(error.retry_after)))}
    return PlainTextResponse("come back later", _BUSY.get(error.status, 503), headers)

"""Who is asking, and any object by its global id."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from chassis.actors import Actor
from chassis.decisions import PLATFORM
from chassis.errors import DomainError
from gateway import announcement_lists, batches, feed_lists
from gateway.context import Context, Info, is_not_found
from gateway.cursors import GlobalId, decode_id, decode_reply_id
from gateway.errors import BadUserInputError
from gateway.limits import SIZED_BY
from gateway.loaders import (
    FAILURES,
    Batch,
    Choice,
    Embedded,
    Key,
    Listing,
    Reference,
    fetch_ahead,
    fetched_by,
    fill,
    fill_each,
    filled,
    read,
)
from gateway.schema.directory import Community, Company, Person
from gateway.schema.feed import CommunityIds
from gateway.schema.feed.items import Bookmark, Follow, ViewerMention
from gateway.schema.fields import COMMUNITY, COMPANY, fetched
from gateway.schema.relay import After, Before, CommunityNode, Connection, First, Last
from gateway.schema.scalars import Role, TrustLevel
from gateway.schema.trust import TrustProgress
from guildhall.directory.v1 import directory_pb2
from guildhall.forum.v1 import announcements_pb2

if TYPE_CHECKING:
    from gateway.schema.announcements import Announcement, Channel, UnreadAnnouncements
    from gateway.schema.announcements.enums import AnnouncementSeverity

_ANNOUNCEMENTS = strawberry.lazy("gateway.schema.announcements")
_LazyAnnouncement = Annotated["Announcement", _ANNOUNCEMENTS]
_LazyChannel = Annotated["Channel", _ANNOUNCEMENTS]
_LazySeverity = Annotated["AnnouncementSeverity", _ANNOUNCEMENTS]
_LazyUnread = Annotated["UnreadAnnouncements", _ANNOUNCEMENTS]


@dataclass(frozen=True, slots=True)
class MembershipRow:
    """The source of Membership."""

    community_id: str
    company_id: str
    roles: list[int]
    trust_level: int
    person_id: str


def _memberships(actor: Actor) -> list[MembershipRow]:
    return [
        MembershipRow(
            community_id,
            membership.company_id,
            sorted(Role[role].value for role in membership.roles),
            membership.trust_level,
            actor.person_id,
        )
        for community_id, membership in actor.memberships.items()
    ]


@strawberry.type(description="What one may do in one community, and on whose behalf.")
class Membership:
    """A membership of the viewer."""

    roles: list[Role] = strawberry.field(description="What one may do there.")
    trust_level: TrustLevel = strawberry.field(description="Earned by taking part.")

    community: Community | None = fetched(
        COMMUNITY,
        "The community.",
    )

    company: Company | None = fetched(
        COMPANY,
        "The company one acts for there.",
    )

    trust_progress: TrustProgress | None = fetched(
        Reference(batches.trust_progress, lambda row: (row.community_id, row.person_id)),
        "How far one is from the next trust level there.",
    )


async def _person(context: Context, actor: Any, _arguments: Mapping[str, Any]) -> Any:
    request = directory_pb2.GetPersonRequest(person_id=actor.person_id)
    response = await context.call(context.services.directory.GetPerson, request)
    return response.person


def _person_id(actor: Any) -> str:
    person_id: str = actor.person_id
    return person_id


async def _unread_announcements(
    context: Context, _actor: Any, _arguments: Mapping[str, Any]
) -> Any:
    request = announcements_pb2.CountUnreadAnnouncementsRequest()
    return await context.call(context.services.announcements.CountUnreadAnnouncements, request)


@strawberry.type(description="The person who asks.")
class Viewer:
    """Its source is the actor."""

    person: Person | None = fetched(Listing(_person, lambda actor: actor.person_id), "The person.")

    memberships: list[Membership] = fetched(
        Embedded(_memberships), "The communities one is in, with company and roles; all of them."
    )

    @strawberry.field(
        metadata=fetched_by(Listing(feed_lists.follows, _person_id), guildhall_cost=5),
        description="What one follows, last set first; what one cannot see any more is left out. "
        "Codes: BAD_USER_INPUT.",
    )
    def follows(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Follow] | None:
        return read(info, self)

    @strawberry.field(
        metadata=fetched_by(Listing(feed_lists.bookmarks, _person_id), guildhall_cost=5),
        description="What one keeps, newest first; what one cannot see any more is left out. "
        "Codes: BAD_USER_INPUT.",
    )
    def bookmarks(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        due: Annotated[
            bool, strawberry.argument(description="Only those whose reminder is due.")
        ] = False,
    ) -> Connection[Bookmark] | None:
        return read(info, self)

    @strawberry.field(
        metadata=fetched_by(Listing(feed_lists.mentions, _person_id), guildhall_cost=5),
        description="Where one is mentioned, newest first; what one cannot see any more is left "
        "out. Codes: BAD_USER_INPUT.",
    )
    def mentions(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        community_ids: CommunityIds = None,
    ) -> Connection[ViewerMention] | None:
        return read(info, self)

    @strawberry.field(
        metadata=fetched_by(
            Listing(announcement_lists.viewer_announcements, _person_id), guildhall_cost=5
        ),
        description="What is out for one in all one's communities, newest first; what has expired "
        "or was withdrawn is left out. Codes: BAD_USER_INPUT.",
    )
    def announcements(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        community_ids: CommunityIds = None,
        severity: Annotated[
            _LazySeverity | None, strawberry.argument(description="Of this severity only.")
        ] = None,
        followed: Annotated[
            bool, strawberry.argument(description="In channels one follows only.")
        ] = False,
        unread: Annotated[
            bool,
            strawberry.argument(description="Of the last 90 days and not seen only."),
        ] = False,
    ) -> Connection[_LazyAnnouncement] | None:
        return read(info, self)

    @strawberry.field(
        metadata=fetched_by(
            Listing(announcement_lists.followed_channels, _person_id), guildhall_cost=5
        ),
        description="The channels one follows, by name; what one cannot see any more is left out. "
        "Codes: BAD_USER_INPUT.",
    )
    def followed_channels(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        community_ids: CommunityIds = None,
    ) -> Connection[_LazyChannel] | None:
        return read(info, self)

    unread_announcements: _LazyUnread | None = fetched(
        Listing(_unread_announcements, lambda actor: actor.person_id),
        "What one has not read of announcements, in all one's communities.",
        cost=5,
    )

    @strawberry.field(description="Whether one runs the platform.")
    def is_operator(self) -> bool:
        return self.operator  # type: ignore[attr-defined,no-any-return]


@strawberry.type(description="What became of the sessions.")
class SignOutEverywherePayload:
    """Of signOutEverywhere."""

    revoked: int = strawberry.field(description="How many browser sessions ended.")


def found_within(batch: Batch) -> Reference:
    """How objects of a community are found again by their global ids."""
    return Reference(batch, attrgetter("community_id", "id"))


def _anywhere(found: GlobalId) -> Key:
    return PLATFORM, found.id


def _reply(found: GlobalId) -> Key:
    return found.community_id, found.id.partition(".")[2]


NODES: dict[str, Reference] = {
    "Attachment": found_within(batches.attachments),
    "Community": Reference(batches.communities, _anywhere),
    "Company": Reference(batches.own_companies, _anywhere),
    "Member": found_within(batches.members),
    "Person": Reference(batches.persons, _anywhere),
    "Reply": Reference(batches.replies, _reply),
    "Space": found_within(batches.spaces),
    "Topic": found_within(batches.topics),
}
"""How an object is found again, by its kind; further schema modules add theirs."""
_OBJECT = Choice(NODES, attrgetter("kind"))


def node_id(text: object, field: str, *kinds: str) -> GlobalId | BadUserInputError:
    """The object behind an id of one of these kinds, or of any; the refusal where it is no id."""
    given = text if isinstance(text, str) else ""
    try:
        found = decode_id(given, field, *(kinds or NODES))
        if found.kind == "Reply":
            decode_reply_id(given, field)
    except BadUserInputError as error:
        return error
    return found


async def find_nodes(context: Context, asked: Sequence[GlobalId | DomainError]) -> list[Any]:
    """The rows of these ids in their places: one call for those of one kind and community.

    None stands for what there is not, or what one cannot see; a refusal or failure for itself.
    Refuses with UNAUTHENTICATED.
    """
    _ = context.actor  # nobody is told that once, not for each
    ids = [one for one in asked if isinstance(one, GlobalId)]
    await fetch_ahead(context, [(NODES[one.kind], one) for one in ids])
    return [_row(context, one) if isinstance(one, GlobalId) else one for one in asked]


def _row(context: Context, found: GlobalId) -> Any:
    try:
        return _OBJECT.find(context.tables, found)
    except FAILURES as error:
        return None if isinstance(error, DomainError) and is_not_found(error) else error


@strawberry.type
class ViewerQuery:
    """Root fields about the one who asks."""

    @strawberry.field(description="The person who asks; null where nobody is signed in.")
    async def viewer(self, info: Info) -> Viewer | None:
        caller = info.context.caller
        if caller is None:
            return None
        return await filled(info, caller.actor)

    @strawberry.field(
        description="Any object by its global id; null where there is none that one can see. "
        "Codes: BAD_USER_INPUT."
    )
    async def community_node(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Its global id.")],
    ) -> CommunityNode | None:
        found = node_id(id, "id")
        (row,) = await find_nodes(info.context, [found])
        if isinstance(row, Exception):
            raise row
        if isinstance(found, GlobalId):
            await fill(info, [row], found.kind)
        return row  # type: ignore[no-any-return]

    @strawberry.field(
        metadata={SIZED_BY: "ids"},
        description="Objects by their global ids, in the order of these; null where there is none "
        "that one can see, with an error where it is no id. At most 100. Codes: BAD_USER_INPUT.",
    )
    async def community_nodes(
        self,
        info: Info,
        ids: Annotated[list[strawberry.ID], strawberry.argument(description="Their global ids.")],
    ) -> list[CommunityNode | None] | None:
        asked = [node_id(text, f"ids.{place}") for place, text in enumerate(ids)]
        rows = await find_nodes(info.context, asked)
        found: dict[str, list[Any]] = defaultdict(list)
        for one, row in zip(asked, rows, strict=True):
            if isinstance(one, GlobalId) and not isinstance(row, Exception):
                found[one.kind].append(row)
        await fill_each(info, found)
        return rows


@strawberry.type
class ViewerMutation:
    """What one can do about oneself."""

    @strawberry.mutation(
        description="End all of one's browser sessions, this one too. Access tokens of a company's "
        "own issuer end as that issuer says. May run twice. Codes: UNAUTHENTICATED."
    )
    async def sign_out_everywhere(self, info: Info) -> SignOutEverywherePayload:
        context = info.context
        if context.sessions is None:
            return SignOutEverywherePayload(revoked=0)
        revoked = await context.sessions.revoke_all(context.actor.person_id)
        return SignOutEverywherePayload(revoked=revoked)

"""Who is asking, and any object by its global id."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import strawberry

from chassis.actors import Actor
from chassis.errors import DomainError
from gateway import batches
from gateway.context import Context, Info, is_not_found
from gateway.cursors import GlobalId, decode_id, decode_reply_id
from gateway.loaders import Embedded, Listing, fill, filled
from gateway.schema.directory import Community, Company, Person
from gateway.schema.fields import COMMUNITY, COMPANY, fetched
from gateway.schema.relay import CommunityNode
from gateway.schema.scalars import Role, TrustLevel
from guildhall.directory.v1 import directory_pb2

_MAX_COMMUNITIES = 20  # that an object of no community is looked for in


@dataclass(frozen=True, slots=True)
class MembershipRow:
    """The source of Membership."""

    community_id: str
    company_id: str
    roles: list[int]
    trust_level: int


def _memberships(actor: Actor) -> list[MembershipRow]:
    return [
        MembershipRow(
            community_id,
            membership.company_id,
            sorted(Role[role].value for role in membership.roles),
            membership.trust_level,
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


async def _person(context: Context, actor: Any, _arguments: Mapping[str, Any]) -> Any:
    request = directory_pb2.GetPersonRequest(person_id=actor.person_id)
    response = await context.call(context.services.directory.GetPerson, request)
    return response.person


@strawberry.type(description="The person who asks.")
class Viewer:
    """Its source is the actor."""

    person: Person | None = fetched(Listing(_person, lambda actor: actor.person_id), "The person.")

    memberships: list[Membership] = fetched(
        Embedded(_memberships), "The communities one is in, with company and roles; all of them."
    )

    @strawberry.field(description="Whether one runs the platform.")
    def is_operator(self) -> bool:
        return self.operator  # type: ignore[attr-defined,no-any-return]


@strawberry.type(description="What became of the sessions.")
class SignOutEverywherePayload:
    """Of signOutEverywhere."""

    revoked: int = strawberry.field(description="How many browser sessions ended.")


async def _member(context: Context, found: GlobalId) -> Any:
    return (await batches.members(context, found.community_id, [found.id])).get(found.id)


async def _community(context: Context, found: GlobalId) -> Any:
    return (await batches.communities(context, found.community_id, [found.id])).get(found.id)


async def _space(context: Context, found: GlobalId) -> Any:
    return (await batches.spaces(context, found.community_id, [found.id])).get(found.id)


async def _topic(context: Context, found: GlobalId) -> Any:
    return (await batches.topics(context, found.community_id, [found.id])).get(found.id)


async def _company(context: Context, found: GlobalId) -> Any:
    """Companies are seen within a community, so one's own are asked in turn."""
    for community_id in list(context.actor.memberships)[:_MAX_COMMUNITIES]:
        rows = await batches.companies(context, community_id, [found.id])
        if found.id in rows:
            return rows[found.id]
    return None


async def _person_node(context: Context, found: GlobalId) -> Any:
    request = directory_pb2.GetPersonRequest(person_id=found.id)
    response = await context.find(context.services.directory.GetPerson, request)
    return response.person if response is not None else None


async def _node(context: Context, found: GlobalId, id: str) -> Any:
    if found.kind != "Reply":
        return await NODES[found.kind](context, found)
    reply = decode_reply_id(id, "id")
    return (await batches.replies(context, reply.community_id, [reply.id])).get(reply.id)


NODES: dict[str, Callable[[Context, GlobalId], Awaitable[Any]]] = {
    "Community": _community,
    "Company": _company,
    "Member": _member,
    "Person": _person_node,
    "Space": _space,
    "Topic": _topic,
}
"""How an object is found again, by its kind; further schema modules add theirs."""


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
        found = decode_id(id, "id", *NODES, "Reply")
        try:
            row = await _node(info.context, found, id)
        except DomainError as error:
            if not is_not_found(error):
                raise
            return None
        if row is not None:
            await fill(info, [row], found.kind)
        return row  # type: ignore[no-any-return]


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

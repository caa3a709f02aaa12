"""Whom a space or channel is for, in GraphQL: its fields, and the names that an input gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from chassis.decisions import PLATFORM
from gateway import batches
from gateway.cursors import decode_id, encode_id
from gateway.loaders import Embedded, Reference
from gateway.schema.fields import fetched
from gateway.schema.scalars import Audience
from guildhall.forum.v1 import forum_pb2

if TYPE_CHECKING:
    from gateway.schema.groups import Group

NAMES = "Names of tiers, or ids of companies or groups, as the audience says."
_OWN = "Of groups those that one is in; managers are told all."


@dataclass(frozen=True, slots=True)
class AudienceGroupRow:
    """The source of AudienceGroup."""

    community_id: str
    group_id: str


def _groups(row: Any) -> list[AudienceGroupRow]:
    if row.audience != forum_pb2.AUDIENCE_GROUPS:
        return []
    return [AudienceGroupRow(row.community_id, name) for name in row.audience_names]


def _names(row: Any) -> list[str]:
    """As clients see them: companies and groups by global id."""
    if row.audience == forum_pb2.AUDIENCE_COMPANIES:
        return [encode_id("Company", PLATFORM, name) for name in row.audience_names]
    if row.audience == forum_pb2.AUDIENCE_GROUPS:
        return [encode_id("Group", row.community_id, name) for name in row.audience_names]
    return list(row.audience_names)


@strawberry.type(description="One of the groups that something is for.")
class AudienceGroup:
    """Of forum.Space and forum.Channel."""

    group: Annotated[Group, strawberry.lazy("gateway.schema.groups")] | None = fetched(
        Reference(batches.groups, lambda row: (row.community_id, row.group_id)),
        "Which; null where one may not know of it.",
    )


@strawberry.type
class AudienceFields:
    """Of Space and Channel."""

    audience: Audience = strawberry.field(description="Who may read it.")

    @strawberry.field(description=f"{NAMES} {_OWN}")
    def audience_names(self) -> list[str]:
        return _names(self)

    audience_groups: list[AudienceGroup] = fetched(
        Embedded(_groups), f"The groups it is for. {_OWN} Empty where the audience is not GROUPS."
    )


def names_given(input: Any) -> list[str] | None:
    """An input's audienceNames as the forum takes them. Of what community they are it compares."""
    kinds = {Audience.COMPANIES: "Company", Audience.GROUPS: "Group"}
    kind = kinds.get(input.audience)
    if kind is None:
        return input.audience_names  # type: ignore[no-any-return]
    return [decode_id(name, "audienceNames", kind).id for name in input.audience_names or ()]

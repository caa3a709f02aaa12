"""Seedings in GraphQL: plans for spaces that nobody writes in yet, and what came of them."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from gateway import batches, quality_lists
from gateway.context import Info
from gateway.cursors import encode_id
from gateway.loaders import Embedded, Listing, Reference, filled
from gateway.schema.directory import Member
from gateway.schema.fields import fetched, paged
from gateway.schema.forum import Space, Topic
from gateway.schema.quality.scalars import SeedingItemState, SeedingState
from gateway.schema.quality.spaces import SpaceDay
from gateway.schema.relay import After, Before, CommunityNode, Connection, First, Last
from gateway.schema.scalars import DateTime, TopicKind
from gateway.schema.staff import community_of
from gateway.schema.viewer import NODES, found_within
from guildhall.forum.v1 import seeding_pb2


class OwnerRow:
    """An owner in a community: the source of Owner."""

    __slots__ = ("community_id", "person_id")

    def __init__(self, community_id: str, person_id: str) -> None:
        self.community_id = community_id
        self.person_id = person_id


def _owners(seeding: Any) -> list[OwnerRow]:
    return [OwnerRow(seeding.community_id, one) for one in seeding.owner_ids]


@strawberry.type(description="Somebody who sees to a seeding.")
class SeedingOwner:
    """Of Seeding.owner_ids."""

    member: Member | None = fetched(
        Reference(batches.members, lambda row: (row.community_id, row.person_id)),
        "The member, who may have left since.",
    )


@strawberry.type(description="A post that somebody is to write.")
class SeedingItem:
    """forum.SeedingItem."""

    title: str = strawberry.field(description="The idea; the topic has its own title.")
    kind: TopicKind = strawberry.field(description="What it is for.")
    due_time: DateTime | None = strawberry.field(description="Until when; null: whenever.")
    state: SeedingItemState = strawberry.field(description="What came of it.")

    @strawberry.field(description="The global id, opaque; createTopic takes it.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(encode_id("Item", self.community_id, self.id))  # type: ignore[attr-defined]

    owner: Member | None = fetched(
        Reference(batches.members, lambda row: (row.community_id, row.owner_id)),
        "Who is to write it.",
    )

    topic: Topic | None = fetched(
        Reference(batches.topics, lambda row: batches.key_of(row, row.topic_id)),
        "What came of it, as far as one can read it.",
    )


@strawberry.type(description="A question that waits for its first reply for too long.")
class DueFirstReply:
    """forum.DueFirstReply."""

    due_time: DateTime = strawberry.field(description="When the first reply was due.")
    topic: Topic | None = fetched(
        Reference(batches.topics, lambda row: (row.community_id, row.topic_id)), "The question."
    )


@strawberry.type(description="Posts of one week of a seeding.")
class SeedingWeek:
    """forum.SeedingWeek."""

    week_time: DateTime = strawberry.field(description="Its beginning.")
    seeded_count: int = strawberry.field(description="Posts through the seeding.")
    organic_count: int = strawberry.field(description="All others.")


@strawberry.type(description="What a seeding did.")
class SeedingReport:
    """forum.SeedingReport."""

    weeks: list[SeedingWeek] = strawberry.field(description="Until now or its end, at most 104.")
    answer_count: int = strawberry.field(description="Organic replies to its topics.")
    start_day: SpaceDay | None = strawberry.field(
        description="The space's last day before it began; null where none was counted."
    )
    end_day: SpaceDay | None = strawberry.field(
        description="The space's last day until now or its end."
    )


def _items(seeding: Any) -> list[Any]:
    return list(seeding.items)


@strawberry.type(
    description="A plan for the first posts of a space: for the vendor's people and its owners."
)
class Seeding(CommunityNode):
    """forum.Seeding."""

    message = seeding_pb2.Seeding

    name: str = strawberry.field(description="Its name.")
    state: SeedingState = strawberry.field(description="Where it is.")
    first_reply_hours: int = strawberry.field(
        description="How long a question of its space may wait for a reply; 0: no target."
    )
    create_time: DateTime = strawberry.field(description="When it began.")
    end_time: DateTime | None = strawberry.field(description="When it ended.")
    version: int = strawberry.field(description="For expectedVersion; its items count too.")

    @strawberry.field(description="The global id, opaque.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(encode_id("Seeding", self.community_id, self.id))  # type: ignore[attr-defined]

    space: Space | None = fetched(
        Reference(batches.spaces, lambda row: (row.community_id, row.space_id)), "The space."
    )

    owners: list[SeedingOwner] = fetched(Embedded(_owners), "Who sees to it; at most 20.")

    items: list[SeedingItem] = fetched(Embedded(_items), "Its posts; at most 200.")

    due_first_replies: Connection[DueFirstReply] | None = paged(
        quality_lists.due_first_replies,
        "Open questions of its space without a reply for longer than its target, the oldest first. "
        "Codes: BAD_USER_INPUT, SEEDING_NOT_FOUND.",
    )

    report: SeedingReport | None = fetched(
        Listing(quality_lists.seeding_report),
        "What it did. One call a seeding. Codes: SEEDING_NOT_FOUND.",
        cost=5,
    )


NODES["Seeding"] = found_within(batches.seedings)


@strawberry.type
class SeedingQuery:
    """Root fields of seedings."""

    @strawberry.field(
        metadata={"guildhall_cost": 5},
        description="Seedings of a community that one may see, the newest first; of one space, if "
        "asked. Codes: BAD_USER_INPUT, COMMUNITY_NOT_FOUND.",
    )
    async def seedings(
        self,
        info: Info,
        community_id: Annotated[strawberry.ID, strawberry.argument(description="Where.")],
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        space_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Of this space only.")
        ] = None,
    ) -> Connection[Seeding] | None:
        community = community_of(community_id)
        arguments = {"first": first, "after": after, "last": last, "before": before}
        arguments["spaceId"] = space_id
        page = await quality_lists.seedings(info.context, community, arguments)
        return await filled(info, page)

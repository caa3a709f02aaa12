"""What managers and owners do with seedings, in GraphQL."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway.context import Info
from gateway.cursors import decode_id
from gateway.schema.forum.inputs.base import Write, optional
from gateway.schema.forum.mutations.base import What
from gateway.schema.quality.seedings import Seeding
from gateway.schema.scalars import DateTime, TopicKind
from gateway.schema.writes import codes, expected_version, number, version, write
from guildhall.forum.v1 import seeding_pb2

_MANAGER = ("COMMUNITY_NOT_FOUND", "ROLE_REQUIRED")
_FIELDS = ("TEXT_INVALID", "FIELD_INVALID", "SEEDING_OWNER_INVALID")


@strawberry.type
class _SeedingPayload:
    seeding: Seeding = strawberry.field(description="The seeding as it is now.")


@strawberry.input(description="A new seeding; one at a time in a space.")
class CreateSeedingInput(Write):
    """Of createSeeding."""

    space_id: strawberry.ID = strawberry.field(description="The space.")
    name: str = strawberry.field(description="Its name.")
    owner_ids: list[strawberry.ID] = strawberry.field(
        description="Members or persons who see to it, 1 to 20, who can read the space."
    )
    first_reply_hours: int = strawberry.field(
        default=0, description="How long a question may wait for a reply: 1 to 720; 0: no target."
    )


@strawberry.type(description="The new seeding.")
class CreateSeedingPayload(_SeedingPayload):
    """Of createSeeding."""


@strawberry.input(description="What changes; what is left out stays.")
class UpdateSeedingInput(Write):
    """Of updateSeeding."""

    seeding_id: strawberry.ID = strawberry.field(description="The seeding.")
    name: str | None = optional("Its new name.")
    owner_ids: list[strawberry.ID] | None = optional("Its new owners, in place of all.")
    first_reply_hours: int | None = optional("Its new target.")
    expected_version: int | None = expected_version()


@strawberry.type(description="The changed seeding.")
class UpdateSeedingPayload(_SeedingPayload):
    """Of updateSeeding."""


@strawberry.input(description="Which seeding to end.")
class EndSeedingInput(Write):
    """Of endSeeding."""

    seeding_id: strawberry.ID = strawberry.field(description="The seeding.")
    expected_version: int | None = expected_version()


@strawberry.type(description="The ended seeding.")
class EndSeedingPayload(_SeedingPayload):
    """Of endSeeding."""


@strawberry.input(description="A post that somebody is to write.")
class AddSeedingItemInput(Write):
    """Of addSeedingItem."""

    seeding_id: strawberry.ID = strawberry.field(description="The seeding.")
    title: str = strawberry.field(description="The idea.")
    kind: TopicKind = strawberry.field(description="What it is for.")
    owner_id: strawberry.ID = strawberry.field(description="The member or person to write it.")
    due_time: DateTime | None = optional("Until when.")
    expected_version: int | None = expected_version()


@strawberry.type(description="The seeding with its new item.")
class AddSeedingItemPayload(_SeedingPayload):
    """Of addSeedingItem."""


@strawberry.input(description="What changes; what is left out stays.")
class UpdateSeedingItemInput(Write):
    """Of updateSeedingItem."""

    seeding_item_id: strawberry.ID = strawberry.field(description="The item.")
    title: str | None = optional("The new idea.")
    owner_id: strawberry.ID | None = optional("Who is to write it now.")
    due_time: DateTime | None = optional("Until when now.")
    skipped: bool | None = optional("True: nobody writes it; false: it is planned again.")
    expected_version: int | None = expected_version()


@strawberry.type(description="The seeding with its changed item.")
class UpdateSeedingItemPayload(_SeedingPayload):
    """Of updateSeedingItem."""


def _person(id: strawberry.ID, field: str) -> str:
    return decode_id(id, field, "Member", "Person").id


def _persons(ids: list[strawberry.ID]) -> list[str]:
    return [_person(one, "ownerIds") for one in ids]


@strawberry.type
class SeedingMutation:
    """Seedings."""

    @strawberry.mutation(
        description=codes(
            "Plan the seeding of a space. It ends by itself when the space is SELF_SUSTAINING. For "
            "managers.", "SPACE_NOT_FOUND", "SEEDING_ALREADY_ACTIVE", *_FIELDS, *_MANAGER,
        )
    )  # fmt: skip
    async def create_seeding(
        self, info: Info, input: Annotated[CreateSeedingInput, What]
    ) -> CreateSeedingPayload:
        space = decode_id(input.space_id, "spaceId", "Space")
        request = seeding_pb2.CreateSeedingRequest(
            request_id=input.request_id,
            community_id=space.community_id,
            space_id=space.id,
            name=input.name,
            owner_ids=_persons(input.owner_ids),
            first_reply_hours=input.first_reply_hours,
        )
        return await write(info, info.context.services.seeding.CreateSeeding, request)

    @strawberry.mutation(
        description=codes(
            "Change a seeding. For managers.", "SEEDING_NOT_FOUND", "SEEDING_ENDED", *_FIELDS,
            "VERSION_STALE", *_MANAGER,
        )
    )  # fmt: skip
    async def update_seeding(
        self, info: Info, input: Annotated[UpdateSeedingInput, What]
    ) -> UpdateSeedingPayload:
        seeding = decode_id(input.seeding_id, "seedingId", "Seeding")
        request = seeding_pb2.UpdateSeedingRequest(
            request_id=input.request_id,
            community_id=seeding.community_id,
            seeding_id=seeding.id,
            name=input.name,
            owner_ids=_persons(input.owner_ids or []),
            update_owner_ids=input.owner_ids is not None,
            first_reply_hours=input.first_reply_hours,
            expected_version=version(input),
        )
        return await write(info, info.context.services.seeding.UpdateSeeding, request)

    @strawberry.mutation(
        description=codes(
            "End a seeding before its time; what was posted stays seeded. For managers.",
            "SEEDING_NOT_FOUND", "SEEDING_ENDED", "VERSION_STALE", *_MANAGER,
        )
    )  # fmt: skip
    async def end_seeding(
        self, info: Info, input: Annotated[EndSeedingInput, What]
    ) -> EndSeedingPayload:
        seeding = decode_id(input.seeding_id, "seedingId", "Seeding")
        request = seeding_pb2.EndSeedingRequest(
            request_id=input.request_id,
            community_id=seeding.community_id,
            seeding_id=seeding.id,
            expected_version=version(input),
        )
        return await write(info, info.context.services.seeding.EndSeeding, request)

    @strawberry.mutation(
        description=codes(
            "Plan one post more. For managers.", "SEEDING_NOT_FOUND", "SEEDING_ENDED",
            "TOO_MANY_SEEDING_ITEMS", *_FIELDS, "VERSION_STALE", *_MANAGER,
        )
    )  # fmt: skip
    async def add_seeding_item(
        self, info: Info, input: Annotated[AddSeedingItemInput, What]
    ) -> AddSeedingItemPayload:
        seeding = decode_id(input.seeding_id, "seedingId", "Seeding")
        request = seeding_pb2.AddSeedingItemRequest(
            request_id=input.request_id,
            community_id=seeding.community_id,
            seeding_id=seeding.id,
            title=input.title,
            kind=number(input.kind),
            owner_id=_person(input.owner_id, "ownerId"),
            due_time=input.due_time,
            expected_version=version(input),
        )
        return await write(info, info.context.services.seeding.AddSeedingItem, request)

    @strawberry.mutation(
        description=codes(
            "Change a planned post, skip it, or plan it again; the version is the seeding's. For "
            "managers and owners.", "SEEDING_ITEM_NOT_FOUND", "SEEDING_ENDED",
            "SEEDING_ITEM_POSTED", *_FIELDS, "VERSION_STALE", *_MANAGER,
        )
    )  # fmt: skip
    async def update_seeding_item(
        self, info: Info, input: Annotated[UpdateSeedingItemInput, What]
    ) -> UpdateSeedingItemPayload:
        item = decode_id(input.seeding_item_id, "seedingItemId", "Item")
        request = seeding_pb2.UpdateSeedingItemRequest(
            request_id=input.request_id,
            community_id=item.community_id,
            seeding_item_id=item.id,
            title=input.title,
            owner_id="" if input.owner_id is None else _person(input.owner_id, "ownerId"),
            due_time=input.due_time,
            skipped=input.skipped,
            expected_version=version(input),
        )
        return await write(info, info.context.services.seeding.UpdateSeedingItem, request)

"""What managers do about spaces that nobody writes in, in GraphQL."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway.context import Info
from gateway.cursors import decode_id
from gateway.schema.forum.inputs.base import SpacePayload, Write
from gateway.schema.forum.mutations.base import What
from gateway.schema.writes import codes, expected_version, version, write
from guildhall.forum.v1 import vitality_pb2


@strawberry.input(description="Which space is never to be folded, or may be.")
class KeepSpaceOpenInput(Write):
    """Of keepSpaceOpen."""

    space_id: strawberry.ID = strawberry.field(description="The space.")
    keep_open: bool = strawberry.field(description="True: it is never folded.")
    expected_version: int | None = expected_version()


@strawberry.type(description="The changed space.")
class KeepSpaceOpenPayload(SpacePayload):
    """Of keepSpaceOpen."""


@strawberry.type
class VitalityMutation:
    """Vitality."""

    @strawberry.mutation(
        description=codes(
            "Never fold a space, or fold it again when it is dormant. For managers.",
            "SPACE_NOT_FOUND", "ROLE_REQUIRED", "VERSION_STALE",
        )
    )  # fmt: skip
    async def keep_space_open(
        self, info: Info, input: Annotated[KeepSpaceOpenInput, What]
    ) -> KeepSpaceOpenPayload:
        space = decode_id(input.space_id, "spaceId", "Space")
        request = vitality_pb2.KeepSpaceOpenRequest(
            request_id=input.request_id,
            community_id=space.community_id,
            space_id=space.id,
            keep_open=input.keep_open,
            expected_version=version(input),
        )
        return await write(info, info.context.services.vitality.KeepSpaceOpen, request)

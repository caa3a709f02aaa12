"""What managers can do with spaces, in GraphQL."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway.context import Info
from gateway.cursors import decode_id
from gateway.schema.audiences import names_given
from gateway.schema.forum.inputs import spaces as f
from gateway.schema.forum.mutations.base import MODERATOR, What
from gateway.schema.forum.space_settings import settings_change
from gateway.schema.writes import codes, number, version, write
from guildhall.forum.v1 import forum_pb2


@strawberry.type
class SpaceMutation:
    """Spaces."""

    @strawberry.mutation(
        description=codes(
            "Add a space. For managers.", "SPACE_SLUG_TAKEN", MODERATOR, "TEXT_INVALID",
            "FIELD_INVALID", "TAGS_INVALID", "COMMUNITY_NOT_FOUND",
        )
    )  # fmt: skip
    async def create_space(
        self, info: Info, input: Annotated[f.CreateSpaceInput, What]
    ) -> f.CreateSpacePayload:
        request = forum_pb2.CreateSpaceRequest(
            request_id=input.request_id,
            community_id=decode_id(input.community_id, "communityId", "Community").id,
            slug=input.slug,
            name=input.name,
            description=input.description,
            mode=number(input.mode),
            audience=number(input.audience),
            audience_names=names_given(input),
            settings=settings_change(input.settings),
        )
        return await write(info, info.context.services.forum.CreateSpace, request)

    @strawberry.mutation(
        description=codes(
            "Change a space. For managers. A narrower audience holds at once; settings "
            "hold for what is written from then on.", "SPACE_NOT_FOUND",
            MODERATOR, "TEXT_INVALID", "FIELD_INVALID", "TAGS_INVALID", "VERSION_STALE",
        )
    )  # fmt: skip
    async def update_space(
        self, info: Info, input: Annotated[f.UpdateSpaceInput, What]
    ) -> f.UpdateSpacePayload:
        space = decode_id(input.space_id, "spaceId", "Space")
        request = forum_pb2.UpdateSpaceRequest(
            request_id=input.request_id,
            community_id=space.community_id,
            space_id=space.id,
            name=input.name,
            description=input.description,
            mode=number(input.mode),
            audience=number(input.audience),
            audience_names=names_given(input),
            settings=settings_change(input.settings),
            expected_version=version(input),
        )
        return await write(info, info.context.services.forum.UpdateSpace, request)

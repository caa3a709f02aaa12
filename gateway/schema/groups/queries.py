"""Root fields of groups in GraphQL."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway.context import Info
from gateway.cursors import decode_id
from gateway.loaders import filled
from gateway.schema.groups import Group
from guildhall.directory.v1 import groups_pb2


@strawberry.type
class GroupQuery:
    """Root fields of groups."""

    @strawberry.field(
        description="One group; null where there is none that one can see. Codes: BAD_USER_INPUT."
    )
    async def group(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Its global id.")],
    ) -> Group | None:
        found = decode_id(id, "id", "Group")
        context = info.context
        request = groups_pb2.GetGroupRequest(community_id=found.community_id, group_id=found.id)
        response = await context.find(context.services.groups.GetGroup, request)
        return await filled(info, response.group) if response is not None else None

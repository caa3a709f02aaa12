"""Root fields of trust."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway.context import Info
from gateway.cursors import decode_id
from gateway.loaders import filled
from gateway.schema.trust import TrustSettings
from guildhall.forum.v1 import trust_pb2


@strawberry.type
class TrustQuery:
    """Trust."""

    @strawberry.field(
        description="What trust levels need and allow in a community, and what else holds in "
        "all of its forum. For managers. "
        "Codes: BAD_USER_INPUT, COMMUNITY_NOT_FOUND, ROLE_REQUIRED."
    )
    async def trust_settings(
        self,
        info: Info,
        community_id: Annotated[strawberry.ID, strawberry.argument(description="Where.")],
    ) -> TrustSettings | None:
        community = decode_id(community_id, "communityId", "Community").id
        request = trust_pb2.GetTrustSettingsRequest(community_id=community)
        method = info.context.services.trust.GetTrustSettings
        response = await info.context.call(method, request)
        return await filled(info, response.trust_settings)

"""Root fields of what keeps knowledge right."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway import lists, quality_lists
from gateway.context import Info
from gateway.cursors import decode_id
from gateway.loaders import filled
from gateway.schema.curation import OwnerlessArticle, Recheck
from gateway.schema.relay import After, Before, Connection, First, Last
from guildhall.forum.v1 import curation_pb2


@strawberry.type
class CurationQuery:
    """For owners of articles, and moderators."""

    @strawberry.field(
        metadata={"guildhall_cost": 5},
        description="What one is to look at again, longest due first: articles past their review "
        "date, articles and answers past their verification. Moderators: all they can read; "
        "others, and with mine: articles they own and answers they wrote. Codes: BAD_USER_INPUT, "
        "COMMUNITY_NOT_FOUND.",
    )
    async def rechecks(
        self,
        info: Info,
        community_id: Annotated[strawberry.ID, strawberry.argument(description="Where.")],
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        mine: Annotated[
            bool, strawberry.argument(description="Only one's own, of moderators too.")
        ] = False,
    ) -> Connection[Recheck] | None:
        request = curation_pb2.ListRechecksRequest(
            community_id=decode_id(community_id, "communityId", "Community").id, mine=mine
        )
        page = await lists.rechecks(
            info.context, request, {"first": first, "after": after, "last": last, "before": before}
        )
        return await filled(info, page)

    @strawberry.field(
        metadata={"guildhall_cost": 5},
        description="Articles that one can read whose owner is a member no more, those of one "
        "owner together, and before them those that are nobody's since they were imported; of one "
        "space, if asked. setArticleOwner takes them from the list. For managers. Codes: "
        "BAD_USER_INPUT, COMMUNITY_NOT_FOUND, ROLE_REQUIRED, SPACE_NOT_FOUND.",
    )
    async def ownerless_articles(
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
    ) -> Connection[OwnerlessArticle] | None:
        community = decode_id(community_id, "communityId", "Community")
        arguments = {"first": first, "after": after, "last": last, "before": before}
        arguments["spaceId"] = space_id
        page = await quality_lists.ownerless_articles(info.context, community, arguments)
        return await filled(info, page)

"""Root fields of drafts in GraphQL."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway import lists
from gateway.context import Info
from gateway.cursors import decode_id
from gateway.loaders import filled
from gateway.schema.drafts import Draft, DraftKind
from gateway.schema.drafts.inputs import place_of
from gateway.schema.relay import After, Before, Connection, First, Last
from guildhall.forum.v1 import drafts_pb2


@strawberry.type
class DraftQuery:
    """One's own."""

    @strawberry.field(
        description="One's draft of one place; null where there is none. Codes: BAD_USER_INPUT."
    )
    async def draft(
        self,
        info: Info,
        draft_kind: Annotated[
            DraftKind, strawberry.argument(description="What it is going to be.")
        ],
        space_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Where a new topic goes.")
        ] = None,
        topic_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="The topic that it replies to or changes."),
        ] = None,
        reply_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(
                description="The reply that it replies to or changes, in place of topicId."
            ),
        ] = None,
    ) -> Draft | None:
        request = drafts_pb2.GetDraftRequest(**place_of(draft_kind, space_id, topic_id, reply_id))
        context = info.context
        response = await context.find(context.services.drafts.GetDraft, request)
        if response is None:
            return None
        return await filled(info, response.draft)

    @strawberry.field(
        metadata={"guildhall_cost": 5},
        description="One's drafts in a community, last saved first. "
        "Codes: BAD_USER_INPUT, COMMUNITY_NOT_FOUND.",
    )
    async def drafts(
        self,
        info: Info,
        community_id: Annotated[strawberry.ID, strawberry.argument(description="Where.")],
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Draft] | None:
        request = drafts_pb2.ListDraftsRequest(
            community_id=decode_id(community_id, "communityId", "Community").id
        )
        page = await lists.drafts(
            info.context, request, {"first": first, "after": after, "last": last, "before": before}
        )
        return await filled(info, page)

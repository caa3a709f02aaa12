"""What is done with drafts, in GraphQL."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway.context import Info
from gateway.schema.drafts import inputs as f
from gateway.schema.forum.context_refs import context_ref
from gateway.schema.forum.mutations.base import (
    ATTACHING,
    REFERRING,
    What,
    attachment_ids,
    references,
)
from gateway.schema.writes import codes, number, version, write
from guildhall.forum.v1 import drafts_pb2


@strawberry.type
class DraftMutation:
    """One's own."""

    @strawberry.mutation(
        description=codes(
            "Keep what one has written so far, as often as one likes: nobody else sees it. Again "
            "it is saved again.", "SPACE_NOT_FOUND", "TOPIC_NOT_FOUND", "REPLY_NOT_FOUND",
            "TOPIC_STATE_INVALID", "REPLY_STATE_INVALID", "ROLE_REQUIRED", "TEXT_INVALID",
            "TAGS_INVALID", "FIELD_INVALID", "TOO_MANY_DRAFTS", "VERSION_STALE",
            "AS_COMPANY_NOT_ALLOWED", *ATTACHING, *REFERRING,
        )
    )  # fmt: skip
    async def save_draft(
        self, info: Info, input: Annotated[f.SaveDraftInput, What]
    ) -> f.SaveDraftPayload:
        place = f.place_of(input.draft_kind, input.space_id, input.topic_id, input.reply_id)
        request = drafts_pb2.SaveDraftRequest(
            request_id=input.request_id,
            **place,
            topic_kind=number(input.topic_kind),
            title=input.title or "",
            body=input.body or "",
            tags=input.tags,
            attachment_ids=attachment_ids(input.attachment_ids),
            **references(input, place["community_id"]),
            as_company=input.as_company,
            poll=f.poll_of(input.poll),
            context_refs=map(context_ref, input.context_refs or ()),
            expected_version=version(input),
        )
        return await write(info, info.context.services.drafts.SaveDraft, request)

    @strawberry.mutation(
        description=codes(
            "Forget a draft. Again there is none.", "SPACE_NOT_FOUND", "TOPIC_NOT_FOUND",
            "REPLY_NOT_FOUND", "TOPIC_STATE_INVALID", "REPLY_STATE_INVALID", "ROLE_REQUIRED",
            "FIELD_INVALID",
        )
    )  # fmt: skip
    async def delete_draft(
        self, info: Info, input: Annotated[f.DeleteDraftInput, What]
    ) -> f.DeleteDraftPayload:
        request = drafts_pb2.DeleteDraftRequest(
            request_id=input.request_id,
            **f.place_of(input.draft_kind, input.space_id, input.topic_id, input.reply_id),
        )
        return await write(info, info.context.services.drafts.DeleteDraft, request)

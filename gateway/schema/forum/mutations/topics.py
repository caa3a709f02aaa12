"""What people can do with topics, in GraphQL."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway.context import Info
from gateway.cursors import GlobalId, decode_id
from gateway.errors import BadUserInputError
from gateway.schema.forum.context_refs import context_ref
from gateway.schema.forum.inputs import topics as f
from gateway.schema.forum.mutations.base import (
    ATTACHING,
    MODERATOR,
    REFERRING,
    SCREENED,
    TOPIC,
    What,
    attachment_ids,
    id_of,
    of_topic,
    references,
    why,
)
from gateway.schema.writes import codes, number, write
from guildhall.forum.v1 import forum_pb2


@strawberry.type
class TopicMutation:
    """Topics."""

    @strawberry.mutation(
        description=codes(
            "Ask, start a discussion, write an article or say an idea. The text is screened: it "
            "may come back in PENDING_REVIEW, or with words replaced.", "SPACE_NOT_FOUND",
            "TAGS_INVALID", "KIND_NOT_ALLOWED", "POSTING_NOT_ALLOWED", "AS_COMPANY_NOT_ALLOWED",
            "SEEDING_ITEM_NOT_FOUND", "SEEDING_ENDED", "SEEDING_ITEM_POSTED", "TOO_MANY_DRAFTS",
            "FIELD_INVALID",
            *SCREENED, *ATTACHING,
            *REFERRING,
        )
    )  # fmt: skip
    async def create_topic(
        self, info: Info, input: Annotated[f.CreateTopicInput, What]
    ) -> f.CreateTopicPayload:
        space = decode_id(input.space_id, "spaceId", "Space")
        request = forum_pb2.CreateTopicRequest(
            request_id=input.request_id,
            community_id=space.community_id,
            space_id=space.id,
            kind=number(input.kind),
            title=input.title,
            body=input.body,
            tags=input.tags,
            draft=input.draft,
            attachment_ids=attachment_ids(input.attachment_ids),
            as_company=input.as_company,
            context_refs=map(context_ref, input.context_refs or ()),
            seeding_item_id=_item_within(space, input.seeding_item_id),
            **references(input, space.community_id),
        )
        return await write(info, info.context.services.forum.CreateTopic, request)

    @strawberry.mutation(
        description=codes(
            "Submit one's draft, as createTopic.", *TOPIC, MODERATOR, "TAGS_INVALID",
            "KIND_NOT_ALLOWED", "POLL_CLOSED", "MENTION_LIMIT_REACHED",
            "POSTING_NOT_ALLOWED", *SCREENED,
        )
    )  # fmt: skip
    async def publish_topic(
        self, info: Info, input: Annotated[f.PublishTopicInput, What]
    ) -> f.PublishTopicPayload:
        request = forum_pb2.PublishTopicRequest(**of_topic(input))
        return await write(info, info.context.services.forum.PublishTopic, request)

    @strawberry.mutation(
        description=codes(
            "Let one's draft go out by itself, or change when: screened then, and delayed by the "
            "posting limits. What cannot go out then becomes a draft again, with the reason.",
            *TOPIC, MODERATOR, "FIELD_INVALID", "TAGS_INVALID", "KIND_NOT_ALLOWED",
            "POSTING_NOT_ALLOWED", "POLL_CLOSED",
        )
    )  # fmt: skip
    async def schedule_topic(
        self, info: Info, input: Annotated[f.ScheduleTopicInput, What]
    ) -> f.ScheduleTopicPayload:
        request = forum_pb2.ScheduleTopicRequest(**of_topic(input), publish_time=input.publish_time)
        return await write(info, info.context.services.forum.ScheduleTopic, request)

    @strawberry.mutation(
        description=codes(
            "Make a scheduled topic a draft again. For its author and moderators.", *TOPIC,
            MODERATOR,
        )
    )  # fmt: skip
    async def unschedule_topic(
        self, info: Info, input: Annotated[f.UnscheduleTopicInput, What]
    ) -> f.UnscheduleTopicPayload:
        request = forum_pb2.UnscheduleTopicRequest(**of_topic(input))
        return await write(info, info.context.services.forum.UnscheduleTopic, request)

    @strawberry.mutation(
        description=codes(
            "Edit title, text, tags or context refs; the former text becomes a revision. Where a "
            "new topic would wait for moderators the edit does, as heldEdit. For the author, an "
            "article's owner and moderators.", *TOPIC, *SCREENED, *REFERRING, "TAGS_INVALID",
            MODERATOR, *ATTACHING, "EDIT_WINDOW_OVER", "FIELD_INVALID",
        )
    )  # fmt: skip
    async def update_topic(
        self, info: Info, input: Annotated[f.UpdateTopicInput, What]
    ) -> f.UpdateTopicPayload:
        given = of_topic(input)
        request = forum_pb2.UpdateTopicRequest(
            **given,
            **references(input, given["community_id"], edit=True),
            title=input.title,
            body=input.body,
            tags=input.tags,
            update_tags=input.tags is not None,
            attachment_ids=attachment_ids(input.attachment_ids),
            update_attachments=input.attachment_ids is not None,
            context_refs=map(context_ref, input.context_refs or ()),
            update_context_refs=input.context_refs is not None,
        )
        return await write(info, info.context.services.forum.UpdateTopic, request)

    @strawberry.mutation(
        description=codes(
            "Take no more replies. For the author of a question and moderators.", *TOPIC,
            MODERATOR, "TEXT_INVALID", "FIELD_INVALID",
        )
    )  # fmt: skip
    async def close_topic(
        self, info: Info, input: Annotated[f.CloseTopicInput, What]
    ) -> f.CloseTopicPayload:
        request = forum_pb2.CloseTopicRequest(
            **of_topic(input),
            close_reason=number(input.close_reason),
            own_close_reason=input.own_close_reason,
            reason=input.reason,
            duplicate_of_id=id_of(input.duplicate_of_id, "duplicateOfId", "Topic"),
        )
        return await write(info, info.context.services.forum.CloseTopic, request)

    @strawberry.mutation(
        description=codes(
            "Open a closed topic again. For moderators.", *TOPIC, MODERATOR, "TEXT_INVALID"
        )
    )
    async def reopen_topic(
        self, info: Info, input: Annotated[f.ReopenTopicInput, What]
    ) -> f.ReopenTopicPayload:
        request = forum_pb2.ReopenTopicRequest(**of_topic(input), **why(input))
        return await write(info, info.context.services.forum.ReopenTopic, request)

    @strawberry.mutation(
        description=codes(
            "Put a topic out of sight of all but its author and moderators. For moderators.",
            *TOPIC, MODERATOR, "REASON_REQUIRED", "TEXT_INVALID",
        )
    )  # fmt: skip
    async def hide_topic(
        self, info: Info, input: Annotated[f.HideTopicInput, What]
    ) -> f.HideTopicPayload:
        request = forum_pb2.HideTopicRequest(**of_topic(input), **why(input))
        return await write(info, info.context.services.forum.HideTopic, request)

    @strawberry.mutation(
        description=codes(
            "Bring a hidden topic back, or a removed one as it was. For moderators.", *TOPIC,
            MODERATOR, "TEXT_INVALID",
        )
    )  # fmt: skip
    async def restore_topic(
        self, info: Info, input: Annotated[f.RestoreTopicInput, What]
    ) -> f.RestoreTopicPayload:
        request = forum_pb2.RestoreTopicRequest(**of_topic(input), **why(input))
        return await write(info, info.context.services.forum.RestoreTopic, request)

    @strawberry.mutation(
        description=codes(
            "Remove a topic; moderators may restore it. For them, or its author within an hour "
            "while there are no replies.", *TOPIC, MODERATOR, "REASON_REQUIRED", "TEXT_INVALID",
        )
    )  # fmt: skip
    async def remove_topic(
        self, info: Info, input: Annotated[f.RemoveTopicInput, What]
    ) -> f.RemoveTopicPayload:
        request = forum_pb2.RemoveTopicRequest(**of_topic(input), **why(input))
        return await write(info, info.context.services.forum.RemoveTopic, request)

    @strawberry.mutation(
        description=codes(
            "Make a topic read-only. For moderators.", *TOPIC, MODERATOR, "TEXT_INVALID"
        )
    )
    async def archive_topic(
        self, info: Info, input: Annotated[f.ArchiveTopicInput, What]
    ) -> f.ArchiveTopicPayload:
        request = forum_pb2.ArchiveTopicRequest(**of_topic(input), **why(input))
        return await write(info, info.context.services.forum.ArchiveTopic, request)


def _item_within(space: GlobalId, id: strawberry.ID | None) -> str:
    if id is None:
        return ""
    item = decode_id(id, "seedingItemId", "Item")
    if item.community_id != space.community_id:
        raise BadUserInputError("seedingItemId is of another community", field="seedingItemId")
    return item.id

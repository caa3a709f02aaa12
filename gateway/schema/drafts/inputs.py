"""Inputs and payloads of what is done with drafts, and how a place is given."""

from __future__ import annotations

from typing import Any

import strawberry

from gateway.cursors import decode_id, decode_reply_id
from gateway.errors import BadUserInputError
from gateway.schema.drafts import Draft, DraftKind
from gateway.schema.forum.context_refs import ContextRefInput
from gateway.schema.forum.inputs.base import QuoteInput, optional
from gateway.schema.participation.polls import ResultsShown
from gateway.schema.scalars import DateTime, Markdown, TopicKind
from gateway.schema.writes import expected_version, number, request_id
from guildhall.forum.v1 import drafts_pb2


@strawberry.input
class DraftWrite:
    """A write to the draft of one place."""

    request_id: str = request_id()
    draft_kind: DraftKind = strawberry.field(description="What it is going to be.")
    space_id: strawberry.ID | None = optional("Where a new topic goes.")
    topic_id: strawberry.ID | None = optional("The topic that it replies to or changes.")
    reply_id: strawberry.ID | None = optional(
        "The reply that it replies to or changes, in place of topicId."
    )


@strawberry.input(description="A poll, as far as it was written; checked when it is asked.")
class DraftPollInput:
    """Of saveDraft."""

    question: str = strawberry.field(default="", description="The question so far, on one line.")
    options: list[str] | None = optional("At most 20; they may be empty, and the same.")
    multiple: bool = strawberry.field(default=False, description="Several may be chosen.")
    anonymous: bool = strawberry.field(default=False, description="Nobody sees who chose what.")
    results_shown: ResultsShown | None = optional("From when somebody sees the results.")
    close_time: DateTime | None = optional("When it closes; it may be over by now.")


def poll_of(poll: DraftPollInput | None) -> drafts_pb2.DraftPoll | None:
    """As the forum takes it."""
    if poll is None:
        return None
    return drafts_pb2.DraftPoll(
        question=poll.question,
        options=poll.options or (),
        multiple=poll.multiple,
        anonymous=poll.anonymous,
        results_shown=number(poll.results_shown),
        close_time=poll.close_time,
    )


@strawberry.input(description="What one has written so far. The last one to save wins.")
class SaveDraftInput(DraftWrite):
    """Of saveDraft."""

    topic_kind: TopicKind | None = optional("The kind of a new topic, if it was chosen.")
    title: str | None = optional("Its title so far.")
    body: Markdown | None = optional("Its text so far.")
    tags: list[str] | None = optional("Its tags so far.")
    attachment_ids: list[strawberry.ID] | None = optional(
        "The files that it is to have: one's own, and in an edit those of the post. They are kept "
        "as long as the draft."
    )
    mentioned_ids: list[strawberry.ID] | None = optional(
        "The people it is to speak to, as of a post."
    )
    quotes: list[QuoteInput] | None = optional(
        "What it is to quote, as of a post; what was saved before may stay."
    )
    as_company: bool = strawberry.field(
        default=False, description="Of a new topic or reply: to speak as one's company."
    )
    poll: DraftPollInput | None = optional("The poll that a new topic is to have; null: none.")
    context_refs: list[ContextRefInput] | None = optional(
        "The objects of other systems that a new or edited topic is to be about, 5 at most."
    )
    expected_version: int | None = expected_version()


@strawberry.type(description="The draft.")
class SaveDraftPayload:
    """Of saveDraft."""

    draft: Draft = strawberry.field(description="The draft as it is now.")


@strawberry.input(description="Which draft to forget.")
class DeleteDraftInput(DraftWrite):
    """Of deleteDraft."""


@strawberry.type(description="Whether there was one.")
class DeleteDraftPayload:
    """Of deleteDraft."""

    deleted: bool = strawberry.field(description="False where there was no such draft.")


def place_of(
    draft_kind: Any, space_id: str | None, topic_id: str | None, reply_id: str | None
) -> dict[str, Any]:
    """The fields that say whose place it is: one id, of the kind that the draft's needs."""
    given: dict[str, Any] = {}
    if space_id is not None:
        space = decode_id(space_id, "spaceId", "Space")
        given["spaceId"] = {"community_id": space.community_id, "space_id": space.id}
    if topic_id is not None:
        topic = decode_id(topic_id, "topicId", "Topic")
        given["topicId"] = {"community_id": topic.community_id, "topic_id": topic.id}
    if reply_id is not None:
        reply = decode_reply_id(reply_id, "replyId")
        given["replyId"] = {
            "community_id": reply.community_id,
            "topic_id": reply.topic_id,
            "reply_id": reply.id,
        }
    taken = _TAKEN[draft_kind.value]
    for field in given:
        if field not in taken:
            raise BadUserInputError(f"a draft of this kind takes no {field}", field=field)
    if len(given) != 1:
        raise BadUserInputError(f"give {' or '.join(taken)}", field=taken[0])
    return {"draft_kind": draft_kind.value, **next(iter(given.values()))}


_TAKEN = {
    DraftKind.TOPIC.value: ("spaceId",),
    DraftKind.REPLY.value: ("topicId", "replyId"),
    DraftKind.TOPIC_EDIT.value: ("topicId",),
    DraftKind.REPLY_EDIT.value: ("replyId",),
}

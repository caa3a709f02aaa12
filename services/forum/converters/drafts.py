"""Drafts and their places as messages, and back."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeAlias

from chassis.timestamps import time_of, timestamp_of
from guildhall.forum.v1 import drafts_pb2, forum_pb2, participation_pb2
from services.forum.converters import enums
from services.forum.converters.context_refs import context_refs_to_proto
from services.forum.converters.messages import attachment_to_proto
from services.forum.converters.polls import RESULTS_SHOWN
from services.forum.converters.references import quote_to_proto
from services.forum.domain.drafts import DraftKind, DraftPlace, DraftPoll, ShownDraft, draft_place

Placed: TypeAlias = (
    drafts_pb2.SaveDraftRequest | drafts_pb2.DeleteDraftRequest | drafts_pb2.GetDraftRequest
)
_KINDS = {kind: drafts_pb2.DraftKind.Value(f"DRAFT_KIND_{kind}") for kind in DraftKind}


def place_of(request: Placed, person_id: str) -> DraftPlace:
    """Which draft a request is about. Refuses with FIELD_INVALID."""
    kind = enums.one_of(_KINDS, request.draft_kind, "draft_kind")
    return draft_place(
        request.community_id,
        person_id,
        kind,
        request.space_id,
        request.topic_id,
        request.reply_id,
    )


def poll_of(poll: drafts_pb2.DraftPoll) -> DraftPoll:
    """As far as it was written. Refuses with FIELD_INVALID."""
    shown, close_time = poll.results_shown, None
    if poll.HasField("close_time"):
        close_time = time_of(poll.close_time, "poll.close_time")
    return DraftPoll(
        poll.question,
        tuple(poll.options),
        poll.multiple,
        poll.anonymous,
        enums.one_of(RESULTS_SHOWN, shown, "poll.results_shown") if shown else None,
        close_time,
    )


def _poll_to_proto(poll: DraftPoll) -> drafts_pb2.DraftPoll:
    return drafts_pb2.DraftPoll(
        question=poll.question,
        options=poll.options,
        multiple=poll.multiple,
        anonymous=poll.anonymous,
        results_shown=(
            RESULTS_SHOWN[poll.results_shown]
            if poll.results_shown
            else participation_pb2.RESULTS_SHOWN_UNSPECIFIED
        ),
        close_time=timestamp_of(poll.close_time) if poll.close_time else None,
    )


def draft_to_proto(shown: ShownDraft, keyring: Collection[str]) -> drafts_pb2.Draft:
    """As its writer left it, with what they see of the rest by this keyring."""
    draft, place = shown.draft, shown.draft.place
    return drafts_pb2.Draft(
        community_id=place.community_id,
        draft_kind=_KINDS[place.kind],
        space_id=place.space_id,
        topic_id=place.topic_id,
        reply_id=place.reply_id,
        topic_kind=(
            enums.TOPIC_KINDS[draft.topic_kind]
            if draft.topic_kind
            else forum_pb2.TOPIC_KIND_UNSPECIFIED
        ),
        title=draft.title,
        body=draft.body,
        tags=draft.tags,
        save_time=timestamp_of(draft.save_time),
        version=draft.version,
        id=place.id,
        attachments=[attachment_to_proto(one) for one in shown.attachments],
        mentioned_ids=draft.references.mentioned_ids,
        quotes=[quote_to_proto(one, place.community_id, keyring) for one in shown.quotes],
        as_company=draft.as_company,
        poll=_poll_to_proto(draft.poll) if draft.poll else None,
        context_refs=context_refs_to_proto(draft.context_refs),
    )

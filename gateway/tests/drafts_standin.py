"""A stand-in for drafts: what was saved last is there, as the forum would show it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message
from grpc import aio

from gateway.tests.standins import time
from guildhall.forum.v1 import attachments_pb2, drafts_pb2, forum_pb2, participation_pb2
from guildhall.forum.v1.drafts_pb2_grpc import (
    DraftServiceServicer,
    add_DraftServiceServicer_to_server,
)


class DraftStandIn(DraftServiceServicer):
    """Keeps one draft."""

    def __init__(self) -> None:
        self.requests: list[Message] = []
        self.draft = drafts_pb2.Draft()

    async def SaveDraft(self, request: Any, _context: Any) -> Any:
        self.requests.append(request)
        self.draft = drafts_pb2.Draft(
            community_id=request.community_id,
            draft_kind=request.draft_kind,
            space_id=request.space_id,
            body=request.body,
            save_time=time(0),
            version=1,
            id="d1",
            attachments=[
                attachments_pb2.Attachment(
                    id=one,
                    community_id=request.community_id,
                    name=f"{one}.png",
                    state=attachments_pb2.ATTACHMENT_STATE_READY,
                )
                for one in request.attachment_ids
            ],
            mentioned_ids=request.mentioned_ids,
            quotes=[
                participation_pb2.ShownQuote(
                    source=participation_pb2.PostRef(topic_id=one.topic_id, reply_id=one.reply_id),
                    text=one.text,
                    author=forum_pb2.Author(
                        person_id="p1", company_id="co1", community_id=request.community_id
                    ),
                )
                for one in request.quotes
            ],
        )
        return drafts_pb2.SaveDraftResponse(draft=self.draft)

    async def GetDraft(self, request: Any, _context: Any) -> Any:
        self.requests.append(request)
        return drafts_pb2.GetDraftResponse(draft=self.draft)


def add_drafts(servicer: DraftServiceServicer) -> Callable[[aio.Server], None]:
    """For serving."""
    return lambda server: add_DraftServiceServicer_to_server(servicer, server)

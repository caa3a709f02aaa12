"""A stand-in for the forum's drafts: what was saved last is there, or a canned one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from grpc import aio

from gateway.tests.standins import _StandIn, time
from guildhall.forum.v1 import attachments_pb2, forum_pb2, participation_pb2
from guildhall.forum.v1 import drafts_pb2 as pb
from guildhall.forum.v1.drafts_pb2_grpc import (
    DraftServiceServicer,
    add_DraftServiceServicer_to_server,
)


def draft(number: int, **more: Any) -> pb.Draft:
    fields: dict[str, Any] = {
        "title": f"Draft {number}", "body": "So far", "save_time": time(number), **more,
    }  # fmt: skip
    return pb.Draft(
        id=f"d{number}",
        community_id="c1",
        draft_kind=pb.DRAFT_KIND_TOPIC,
        space_id="sp1",
        version=number,
        **fields,
    )


class DraftStandIn(_StandIn, DraftServiceServicer):
    """There is one of every place, and the last one saved is the one it gives."""

    def __init__(self) -> None:
        super().__init__()
        self.draft = draft(1)

    async def SaveDraft(self, request: Any, _context: Any) -> Any:
        self.called("SaveDraft", request)
        self.draft = draft(
            2,
            title=request.title,
            body=request.body,
            attachments=[
                attachments_pb2.Attachment(
                    id=one,
                    community_id=request.community_id,
                    name=f"{one}.png",
                    state=attachments_pb2.ATTACHMENT_STATE_READY,
                )
                for one in request.attachment_ids
            ],
            as_company=request.as_company,
            poll=request.poll if request.HasField("poll") else None,
            context_refs=request.context_refs,
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
        return pb.SaveDraftResponse(draft=self.draft)

    async def GetDraft(self, request: Any, _context: Any) -> Any:
        self.called("GetDraft", request)
        return pb.GetDraftResponse(draft=self.draft)


def add_drafts(servicer: DraftServiceServicer) -> Callable[[aio.Server], None]:
    """For serving."""
    return lambda server: add_DraftServiceServicer_to_server(servicer, server)

"""A stand-in for the forum's attachments: canned files, every request kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message
from grpc import aio

from gateway.tests.standins import time
from guildhall.forum.v1 import attachments_pb2 as pb
from guildhall.forum.v1.attachments_pb2_grpc import (
    AttachmentServiceServicer,
    add_AttachmentServiceServicer_to_server,
)


def attachment(id: str = "a1", **more: Any) -> pb.Attachment:
    fields = {
        "name": "photo.png", "type": "image/png", "size": 9, "width": 8, "height": 4,
        "state": pb.ATTACHMENT_STATE_ATTACHED, **more,
    }  # fmt: skip
    return pb.Attachment(id=id, community_id="c1", **fields)


class AttachmentStandIn(AttachmentServiceServicer):
    """Those of `shown` have addresses; who may read them is not asked here."""

    def __init__(self) -> None:
        self.requests: list[Message] = []
        self.failure: Exception | None = None
        self.shown = {"a1", "a2"}

    def _called(self, request: Message) -> None:
        self.requests.append(request)
        if self.failure is not None:
            raise self.failure

    async def CreateUpload(self, request: Any, _context: Any) -> Any:
        self._called(request)
        return pb.CreateUploadResponse(
            attachment=attachment("a9", state=pb.ATTACHMENT_STATE_UPLOADING, width=0, height=0),
            url="https://store.test/put",
            headers=[pb.UploadHeader(name="content-length", value="9")],
            expire_time=time(600),
        )

    async def CompleteUpload(self, request: Any, _context: Any) -> Any:
        self._called(request)
        return pb.CompleteUploadResponse(
            attachment=attachment(request.attachment_id, state=pb.ATTACHMENT_STATE_READY)
        )

    async def BatchGetAttachments(self, request: Any, _context: Any) -> Any:
        self._called(request)
        return pb.BatchGetAttachmentsResponse(
            attachments=[
                attachment(one, url=f"https://store.test/{one}", url_expire_time=time(60))
                for one in request.attachment_ids
                if one in self.shown
            ]
        )


def add_attachments(servicer: AttachmentServiceServicer) -> Callable[[aio.Server], None]:
    return lambda server: add_AttachmentServiceServicer_to_server(servicer, server)

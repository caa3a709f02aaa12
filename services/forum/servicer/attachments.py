"""AttachmentService over gRPC: who calls, which use case, what comes back."""

from __future__ import annotations

from chassis.actors import require_person
from chassis.pagination import check_batch
from chassis.rpc_server import Context
from guildhall.forum.v1 import attachments_pb2 as pb
from guildhall.forum.v1 import attachments_pb2_grpc
from services.forum.use_cases.attachments import AttachmentUseCases


class AttachmentServicer(attachments_pb2_grpc.AttachmentServiceServicer):
    """What each RPC means is said in the proto."""

    def __init__(self, use_cases: AttachmentUseCases) -> None:
        self._use_cases = use_cases

    async def CreateUpload(
        self, request: pb.CreateUploadRequest, context: Context
    ) -> pb.CreateUploadResponse:
        return await self._use_cases.create_upload(require_person(), request)

    async def CompleteUpload(
        self, request: pb.CompleteUploadRequest, context: Context
    ) -> pb.CompleteUploadResponse:
        return await self._use_cases.complete_upload(require_person(), request)

    async def BatchGetAttachments(
        self, request: pb.BatchGetAttachmentsRequest, context: Context
    ) -> pb.BatchGetAttachmentsResponse:
        ids = check_batch(list(request.attachment_ids), "attachment_ids")
        found = await self._use_cases.find_attachments(require_person(), request.community_id, ids)
        return pb.BatchGetAttachmentsResponse(attachments=found)

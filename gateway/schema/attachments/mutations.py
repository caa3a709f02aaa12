"""What people can do with files, in GraphQL."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway.context import Info
from gateway.cursors import decode_id
from gateway.schema.attachments import inputs as f
from gateway.schema.writes import codes, write
from guildhall.forum.v1 import attachments_pb2

_WHAT = strawberry.argument(description="What to do.")


@strawberry.type
class AttachmentMutation:
    """Files on their way to a post."""

    @strawberry.mutation(
        description=codes(
            "Ask for an address to put a file at. The browser puts it there itself, then "
            "completeUpload is called, then a post takes it by attachmentIds.",
            "COMMUNITY_NOT_FOUND", "UPLOADS_DISABLED", "TYPE_NOT_ALLOWED", "TYPE_MISMATCH",
            "FILE_TOO_LARGE", "CHECKSUM_INVALID", "TEXT_INVALID", "UPLOAD_LIMIT_REACHED",
        )
    )  # fmt: skip
    async def create_upload(
        self, info: Info, input: Annotated[f.CreateUploadInput, _WHAT]
    ) -> f.CreateUploadPayload:
        request = attachments_pb2.CreateUploadRequest(
            request_id=input.request_id,
            community_id=decode_id(input.community_id, "communityId", "Community").id,
            name=input.name,
            size=input.size,
            type=input.type,
            sha256=input.sha256,
        )
        return await write(info, info.context.services.attachments.CreateUpload, request)

    @strawberry.mutation(
        description=codes(
            "Say that the file was put. It is looked into: what is refused is deleted and may be "
            "put once more. INFECTED and SCANNING are told by the attachment's state.",
            "ATTACHMENT_NOT_FOUND", "UPLOADS_DISABLED", "UPLOAD_MISSING", "SIZE_MISMATCH",
            "CHECKSUM_MISMATCH", "TYPE_MISMATCH", "FILE_UNSAFE",
        )
    )  # fmt: skip
    async def complete_upload(
        self, info: Info, input: Annotated[f.CompleteUploadInput, _WHAT]
    ) -> f.CompleteUploadPayload:
        attachment = decode_id(input.attachment_id, "attachmentId", "Attachment")
        request = attachments_pb2.CompleteUploadRequest(
            request_id=input.request_id,
            community_id=attachment.community_id,
            attachment_id=attachment.id,
        )
        return await write(info, info.context.services.attachments.CompleteUpload, request)

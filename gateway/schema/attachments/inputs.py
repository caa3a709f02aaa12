"""Inputs and payloads of what is done with files."""

from __future__ import annotations

import strawberry

from gateway.schema.attachments import Attachment
from gateway.schema.scalars import URL, DateTime
from gateway.schema.writes import request_id


@strawberry.input(description="Which file is to be put.")
class CreateUploadInput:
    """Of createUpload."""

    request_id: str = request_id()
    community_id: strawberry.ID = strawberry.field(description="The community it is for.")
    name: str = strawberry.field(description="Its name, with an ending that says what it is.")
    size: int = strawberry.field(description="Its bytes, 10 MB (10,485,760) at most.")
    type: str = strawberry.field(default="", description="What the browser says it is.")
    sha256: str = strawberry.field(
        default="", description="Its SHA-256 in hexadecimal digits; what else is put is refused."
    )


@strawberry.type(description="A header that must be sent.")
class UploadHeader:
    """forum.UploadHeader."""

    name: str = strawberry.field(description="Its name.")
    value: str = strawberry.field(description="Its value.")


@strawberry.type(description="Where the file is to be put.")
class CreateUploadPayload:
    """Of createUpload."""

    attachment: Attachment = strawberry.field(description="What it will be.")
    url: URL = strawberry.field(description="PUT the file here, its bytes as the body.")
    headers: list[UploadHeader] = strawberry.field(description="With these headers.")
    expire_time: DateTime = strawberry.field(description="Before this.")


@strawberry.input(description="Which file was put.")
class CompleteUploadInput:
    """Of completeUpload."""

    request_id: str = request_id()
    attachment_id: strawberry.ID = strawberry.field(description="The attachment of createUpload.")


@strawberry.type(description="What became of it.")
class CompleteUploadPayload:
    """Of completeUpload."""

    attachment: Attachment = strawberry.field(description="The attachment as it is now.")

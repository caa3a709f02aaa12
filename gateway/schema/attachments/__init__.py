"""Files attached to posts, in GraphQL."""

from __future__ import annotations

from enum import Enum
from typing import Any

import strawberry

from gateway import batches
from gateway.cursors import encode_id
from gateway.loaders import Key, Reference
from gateway.schema.fields import fetched
from gateway.schema.relay import CommunityNode
from gateway.schema.scalars import URL, DateTime, unset_is_null
from guildhall.forum.v1 import attachments_pb2


@strawberry.enum(description="Where an attachment is on its way.")
class AttachmentState(Enum):
    """forum.AttachmentState."""

    UPLOADING = strawberry.enum_value(
        attachments_pb2.ATTACHMENT_STATE_UPLOADING, description="Not put, or not completed yet."
    )
    SCANNING = strawberry.enum_value(
        attachments_pb2.ATTACHMENT_STATE_SCANNING,
        description="It waits for the virus scanner: ask again in a while.",
    )
    READY = strawberry.enum_value(
        attachments_pb2.ATTACHMENT_STATE_READY, description="A post may take it, within a day."
    )
    ATTACHED = strawberry.enum_value(
        attachments_pb2.ATTACHMENT_STATE_ATTACHED, description="A post has taken it."
    )
    INFECTED = strawberry.enum_value(
        attachments_pb2.ATTACHMENT_STATE_INFECTED,
        description="The scanner found something; the file was deleted.",
    )
    REMOVED = strawberry.enum_value(
        attachments_pb2.ATTACHMENT_STATE_REMOVED, description="The file was deleted."
    )


def _key(row: Any) -> Key:
    return row.community_id, row.id


@strawberry.type(description="A file, for whoever can read a post that has it.")
class Attachment(CommunityNode):
    """forum.Attachment."""

    message = attachments_pb2.Attachment

    name: str = strawberry.field(description="Its file's name.")
    type: str = strawberry.field(description="What it is, found by looking into it: image/png.")
    size: int = strawberry.field(description="Bytes.")
    state: AttachmentState = strawberry.field(description="Where it is on its way.")

    @strawberry.field(description="The global id, opaque.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(encode_id("Attachment", self.community_id, self.id))  # type: ignore[attr-defined]

    @strawberry.field(description="Of images: pixels.")
    def width(self) -> int | None:
        return unset_is_null(self, "width")

    @strawberry.field(description="Of images: pixels.")
    def height(self) -> int | None:
        return unset_is_null(self, "height")

    url: URL | None = fetched(
        Reference(batches.attachments, _key, lambda found: found.url or None),
        "Where it is read, for a minute: ask for it when it is to be shown. Images are shown in "
        "place, all else is downloaded. Null while there is nothing to read.",
    )
    url_expire_time: DateTime | None = fetched(
        Reference(
            batches.attachments,
            _key,
            lambda found: found.url_expire_time if found.url else None,
        ),
        "Until when that address is good.",
    )

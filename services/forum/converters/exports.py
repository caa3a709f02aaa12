"""Records of an export as protobuf messages: without the HTML, which anybody can make again."""

from __future__ import annotations

from collections.abc import Collection

from guildhall.forum.v1.exports_pb2 import ExportRecord
from services.forum.converters.messages import (
    reply_to_proto,
    revision_to_proto,
    space_to_proto,
    topic_to_proto,
)
from services.forum.domain.records import Revision
from services.forum.domain.replies import Reply
from services.forum.domain.spaces import Space
from services.forum.domain.topics import Topic


def record_to_proto(
    record: Space | Topic | Reply | Revision, keyring: Collection[str]
) -> ExportRecord:
    """As its reader sees it."""
    match record:
        case Space():
            return ExportRecord(space=space_to_proto(record, record.version, keyring=keyring))
        case Topic():
            topic = topic_to_proto(record, record.version, keyring=keyring)
            topic.ClearField("body_html")
            return ExportRecord(topic=topic)
        case Reply():
            reply = reply_to_proto(record, record.version, keyring=keyring)
            reply.ClearField("body_html")
            return ExportRecord(reply=reply)
        case Revision():
            return ExportRecord(revision=revision_to_proto(record))

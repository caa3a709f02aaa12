"""Taking a community's or a person's content away, in GraphQL."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any

import orjson
import strawberry
from google.protobuf.json_format import MessageToDict

from gateway.context import Info
from gateway.cursors import decode_id, decode_within, encode_id, encode_reply_id
from gateway.loaders import filled
from gateway.pages import page_of
from gateway.schema.relay import After, Before, Connection, First, Last
from guildhall.forum.v1 import exports_pb2

_NOT_TAKEN = ("version", "readKeys")
# What the schema has an id for, under its name there.
_NODES = {
    "space": "Space",
    "topic": "Topic",
    "attachment": "Attachment",
    "channel": "Channel",
    "announcement": "Announcement",
}


@strawberry.enum(description="What a record of an export is.")
class ExportRecordKind(Enum):
    """forum.ExportRecord's kinds."""

    SPACE = "space"
    TOPIC = "topic"
    REPLY = "reply"
    REVISION = strawberry.enum_value("revision", description="A former text of a topic or reply.")
    POLL = "poll"
    BALLOT = strawberry.enum_value("ballot", description="What one person said in a poll.")
    REACTION_COUNTS = strawberry.enum_value(
        "reaction_counts", description="How many reacted to a post."
    )
    ATTACHMENT = strawberry.enum_value("attachment", description="A file, without its content.")
    CHANNEL = "channel"
    ANNOUNCEMENT = "announcement"
    TRANSLATION = strawberry.enum_value(
        "translation", description="An announcement's text in one more language."
    )
    CORRECTION = strawberry.enum_value(
        "correction", description="A change of an announcement since it was published."
    )
    RECEIPT = strawberry.enum_value(
        "receipt", description="That one person was told an announcement, saw and acknowledged it."
    )
    MODERATION_ENTRY = strawberry.enum_value(
        "moderation_entry", description="What a moderator or a rule did to a post."
    )
    VOTE = strawberry.enum_value("vote", description="One's own, as all that follow to DRAFT.")
    REACTION = "reaction"
    FOLLOW = "follow"
    CHANNEL_FOLLOW = "channel_follow"
    BOOKMARK = "bookmark"
    DRAFT = "draft"
    HELD_EDIT = strawberry.enum_value(
        "held_edit", description="The last edit of a post that waited for moderators."
    )


@strawberry.type(description="One thing that was written, done or set up, as it is now.")
class ExportRecord:
    """forum.ExportRecord."""

    @strawberry.field(description="What it is.")
    def kind(self) -> ExportRecordKind:
        return ExportRecordKind(_kind(self))

    @strawberry.field(
        description="The record as JSON in one line, to be written into a file as it is: what the "
        "keys mean is in docs/exporting.md."
    )
    def line(self) -> str:
        return line_of(self)


def line_of(row: Any) -> str:
    """One line of JSON without its end. Ids are those of the records; globalId is the schema's."""
    kind = _kind(row)
    record = getattr(row, kind)
    fields = MessageToDict(record)
    if kind == "held_edit":  # one record, as all others
        fields |= fields.pop("heldEdit")
    for name in _NOT_TAKEN:
        fields.pop(name, None)
    line = {"record": kind, **fields}
    if row.quotes:
        line["quotes"] = [MessageToDict(quote) for quote in row.quotes]
    if kind == "reply":
        line["globalId"] = encode_reply_id(record.community_id, record.topic_id, record.id)
    elif kind in _NODES:
        line["globalId"] = encode_id(_NODES[kind], record.community_id, record.id)
    return orjson.dumps(line).decode()


def _kind(row: Any) -> str:
    return row.WhichOneof("record")  # type: ignore[no-any-return]


def _token(row: Any) -> str:
    return row.page_token  # type: ignore[no-any-return]


@strawberry.type
class ExportQuery:
    """Root fields of exports."""

    @strawberry.field(
        metadata={"guildhall_cost": 5},
        description="All that was written and announced in a community, for managers; or all that "
        "one person wrote there, for that person and managers, and of oneself what is for one's "
        "own eyes only as well. What one cannot read is not in it. Page on with after until there "
        "is no next page: writing does not change the "
        "order. Codes: BAD_USER_INPUT, COMMUNITY_NOT_FOUND, ROLE_REQUIRED.",
    )
    async def export_records(
        self,
        info: Info,
        community_id: Annotated[strawberry.ID, strawberry.argument(description="Where.")],
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        person_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="Of this member or person only."),
        ] = None,
    ) -> Connection[ExportRecord] | None:
        community = decode_id(community_id, "communityId", "Community").id
        person = decode_within(community, person_id, "personId", "Member", "Person")
        page = await page_of(
            info.context,
            {"first": first, "after": after, "last": last, "before": before},
            info.context.services.exports.ListExportRecords,
            exports_pb2.ListExportRecordsRequest(community_id=community, person_id=person),
            "records",
            _token,
        )
        return await filled(info, page)

"""A stand-in for the forum's exports: real gRPC, canned records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message
from grpc import aio

from chassis.pagination import encode_page_token
from gateway.tests.standins import paged, time
from guildhall.forum.v1 import (
    announcements_pb2,
    drafts_pb2,
    exports_pb2,
    forum_pb2,
    participation_pb2,
)
from guildhall.forum.v1.exports_pb2_grpc import (
    ExportServiceServicer,
    add_ExportServiceServicer_to_server,
)

PERSONA = forum_pb2.Persona(source="se", external_id="7", display_name="Jo")
RECORDS = [
    exports_pb2.ExportRecord(
        space=forum_pb2.Space(
            id="sp1", community_id="c1", slug="general", name="General", version=3,
            read_keys=["community:c1"], create_time=time(1),
        )
    ),
    exports_pb2.ExportRecord(
        topic=forum_pb2.Topic(
            id="t1", community_id="c1", space_id="sp1", title="Zoë's \u2028 radio",
            body="One\n\"two\"", tags=["a"], state=forum_pb2.TOPIC_STATE_HIDDEN, version=9,
            author=forum_pb2.Author(person_id="p1", company_id="co1"), create_time=time(2),
        ),
        quotes=[
            participation_pb2.ShownQuote(
                source=participation_pb2.PostRef(topic_id="t0", reply_id="r0"), text="Well?",
                author=forum_pb2.Author(person_id="p2"),
            )
        ],
    ),
    exports_pb2.ExportRecord(
        reply=forum_pb2.Reply(
            id="r1", community_id="c1", topic_id="t1", body="Yes.",
            author=forum_pb2.Author(persona=PERSONA),
        )
    ),
    exports_pb2.ExportRecord(
        revision=forum_pb2.Revision(id="v1", post_id="t1", author_id="p1", title="Radio")
    ),
    exports_pb2.ExportRecord(
        poll=participation_pb2.Poll(
            topic_id="t1", community_id="c1", question="FM?", anonymous=True,
            options=[
                participation_pb2.PollOption(text="Yes", count=0),
                participation_pb2.PollOption(text="No"),
            ],
        )
    ),
    exports_pb2.ExportRecord(
        attachment=exports_pb2.ExportedAttachment(
            id="a1", community_id="c1", uploader_id="p1", name="aerial.png", size=70,
            posts=[participation_pb2.PostRef(topic_id="t1", reply_id="r1")],
        )
    ),
    exports_pb2.ExportRecord(
        announcement=announcements_pb2.Announcement(
            id="n1", community_id="c1", channel_id="ch1", title="Margins", version=2,
            audience_rule=announcements_pb2.AudienceRule(tiers=["gold"]),
        )
    ),
    exports_pb2.ExportRecord(
        vote=exports_pb2.ExportedVote(
            community_id="c1", post=participation_pb2.PostRef(topic_id="t1"),
            value=participation_pb2.VOTE_VALUE_UP,
        )
    ),
    exports_pb2.ExportRecord(
        draft=drafts_pb2.Draft(id="d1", community_id="c1", body="Dear all", version=4)
    ),
    exports_pb2.ExportRecord(
        held_edit=exports_pb2.ExportedHeldEdit(
            held_edit=forum_pb2.HeldEdit(
                topic_id="t1", community_id="c1", body="Three", tags=["a"],
                state=forum_pb2.HELD_EDIT_STATE_PENDING_REVIEW,
            ),
            editor_id="p1",
        )
    ),
]  # fmt: skip
for number, record in enumerate(RECORDS):
    record.page_token = encode_page_token(number, "p1", str(number))


class ExportStandIn(ExportServiceServicer):
    """The same records of c1, whoever asks; every request is kept."""

    def __init__(self) -> None:
        self.requests: list[Message] = []
        self.failure: Exception | None = None

    async def ListExportRecords(self, request: Any, _context: Any) -> Any:
        self.requests.append(request)
        if self.failure is not None:
            raise self.failure
        page, token = paged(request, RECORDS, lambda row: row.page_token)
        return exports_pb2.ListExportRecordsResponse(records=page, next_page_token=token)


def add_exports(servicer: ExportServiceServicer) -> Callable[[aio.Server], None]:
    return lambda server: add_ExportServiceServicer_to_server(servicer, server)

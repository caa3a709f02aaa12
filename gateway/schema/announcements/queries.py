"""Root fields of announcements in GraphQL."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway import announcement_lists as lists
from gateway.context import Info
from gateway.cursors import decode_id, decode_within
from gateway.loaders import filled
from gateway.schema.announcements import Announcement, AudiencePreview, FeedAddress
from gateway.schema.announcements.enums import AnnouncementSeverity, AnnouncementState
from gateway.schema.announcements.inputs import AudienceRuleInput, rule_of
from gateway.schema.relay import After, Before, Connection, First, Last
from gateway.schema.scalars import Locale
from gateway.schema.writes import number
from guildhall.forum.v1 import announcements_pb2 as pb

Locales = Annotated[
    list[Locale] | None,
    strawberry.argument(
        description="Languages, the best first; by default one's own, else the source's."
    ),
]


@strawberry.type
class AnnouncementQuery:
    """Root fields of announcements."""

    @strawberry.field(
        description="One announcement; null where there is none that one can see. "
        "Codes: BAD_USER_INPUT, FIELD_INVALID."
    )
    async def announcement(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Its global id.")],
        locales: Locales = None,
    ) -> Announcement | None:
        found = decode_id(id, "id", "Announcement")
        context = info.context
        request = pb.GetAnnouncementRequest(
            community_id=found.community_id, announcement_id=found.id, locales=locales
        )
        response = await context.find(context.services.announcements.GetAnnouncement, request)
        if response is None:
            return None
        return await filled(info, response.announcement)

    @strawberry.field(
        metadata={"guildhall_cost": 5},
        description="Announcements of one channel, or of all one can read, newest first. Codes: "
        "BAD_USER_INPUT, COMMUNITY_NOT_FOUND, CHANNEL_NOT_FOUND, FIELD_INVALID.",
    )
    async def announcements(
        self,
        info: Info,
        community_id: Annotated[strawberry.ID, strawberry.argument(description="Where.")],
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        channel_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="In this channel only.")
        ] = None,
        states: Annotated[
            list[AnnouncementState] | None,
            strawberry.argument(description="In these states; by default PUBLISHED."),
        ] = None,
        severity: Annotated[
            AnnouncementSeverity | None, strawberry.argument(description="Of this severity only.")
        ] = None,
        followed: Annotated[
            bool, strawberry.argument(description="In channels one follows only.")
        ] = False,
        open_must_reads: Annotated[
            bool,
            strawberry.argument(
                description="Must-reads that one has not seen or, where asked for, acknowledged."
            ),
        ] = False,
        locales: Locales = None,
    ) -> Connection[Announcement] | None:
        community = decode_id(community_id, "communityId", "Community").id
        request = pb.ListAnnouncementsRequest(
            community_id=community,
            channel_id=decode_within(community, channel_id, "channelId", "Channel"),
            states=[state.value for state in states or ()],
            severity=number(severity),
            followed=followed,
            open_must_reads=open_must_reads,
            locales=locales,
        )
        page = await lists.announcements(
            info.context, request, {"first": first, "after": after, "last": last, "before": before}
        )
        return await filled(info, page)

    @strawberry.field(
        metadata={"guildhall_cost": 20},
        description="Who would be told if it were published now. For managers. Codes: "
        "BAD_USER_INPUT, CHANNEL_NOT_FOUND, COMMUNITY_NOT_FOUND, FIELD_INVALID, ROLE_REQUIRED.",
    )
    async def audience_preview(
        self,
        info: Info,
        channel_id: Annotated[strawberry.ID, strawberry.argument(description="In which channel.")],
        audience_rule: Annotated[
            AudienceRuleInput | None, strawberry.argument(description="For whom of its readers.")
        ] = None,
    ) -> AudiencePreview | None:
        channel = decode_id(channel_id, "channelId", "Channel")
        request = pb.PreviewAudienceRequest(
            community_id=channel.community_id,
            channel_id=channel.id,
            audience_rule=rule_of(audience_rule),
        )
        context = info.context
        answer = await context.call(context.services.announcements.PreviewAudience, request)
        return await filled(info, answer)

    @strawberry.field(
        metadata={"guildhall_cost": 5},
        description="One's own feed addresses in a community that still work, newest first. "
        "Codes: BAD_USER_INPUT, COMMUNITY_NOT_FOUND.",
    )
    async def feed_addresses(
        self,
        info: Info,
        community_id: Annotated[strawberry.ID, strawberry.argument(description="Where.")],
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[FeedAddress] | None:
        community = decode_id(community_id, "communityId", "Community").id
        page = await lists.feed_addresses(
            info.context,
            community,
            {"first": first, "after": after, "last": last, "before": before},
        )
        return await filled(info, page)

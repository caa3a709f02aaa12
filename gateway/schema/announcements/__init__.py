"""Channels, announcements and receipts in GraphQL."""

from __future__ import annotations

from operator import attrgetter
from typing import Annotated, Any

import strawberry

from gateway import announcement_lists as lists
from gateway import batches
from gateway.context import Context, Info
from gateway.cursors import encode_id
from gateway.loaders import Listing, Reference, fetched_by, read
from gateway.schema.announcements.enums import (
    AnnouncementSeverity,
    AnnouncementState,
    AudienceState,
    ChannelTheme,
    CommentPolicy,
    ReceiptState,
)
from gateway.schema.announcements.mailing import MAILING, Mailing
from gateway.schema.audiences import AudienceFields
from gateway.schema.directory import Community, Company, Member
from gateway.schema.fields import COMMUNITY, COMPANY, PERSON, fetched, paged
from gateway.schema.forum import Topic
from gateway.schema.relay import After, Before, CommunityNode, Connection, First, Last
from gateway.schema.scalars import (
    DateTime,
    Html,
    Locale,
    Markdown,
    Role,
    unset_is_null,
)
from gateway.schema.viewer import NODES, found_within
from guildhall.forum.v1 import announcements_pb2

CHANNEL = Reference(batches.channels, lambda row: (row.community_id, row.channel_id))


@strawberry.type(description="Where a community's announcements of one theme are.")
class Channel(CommunityNode, AudienceFields):
    """forum.Channel."""

    message = announcements_pb2.Channel

    slug: str = strawberry.field(description="Its name in addresses, unique in the community.")
    name: str = strawberry.field(description="Its name.")
    description: str = strawberry.field(description="About it, in plain text.")
    theme: ChannelTheme = strawberry.field(description="What it is about.")
    create_time: DateTime = strawberry.field(description="When it was made.")
    version: int = strawberry.field(description="For expectedVersion.")
    followed: bool = strawberry.field(description="Whether one follows it.")

    @strawberry.field(description="The global id, opaque.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(encode_id("Channel", self.community_id, self.id))  # type: ignore[attr-defined]

    community: Community | None = fetched(COMMUNITY, "The community it belongs to.")

    announcements: (
        Connection[Annotated[Announcement, strawberry.lazy("gateway.schema.announcements")]] | None
    ) = paged(
        lists.channel_announcements,
        "What is published in it, newest first. One call a channel. Codes: BAD_USER_INPUT.",
    )


@strawberry.type(
    description="Whom of a channel's readers an announcement is for: of every list that is not "
    "empty, one must fit."
)
class AudienceRule:
    """forum.AudienceRule."""

    tiers: list[str] = strawberry.field(description="Of whose company one has.")
    roles: list[Role] = strawberry.field(description="Of which one is held.")
    locales: list[Locale] = strawberry.field(description="Languages: de is for de-AT as well.")
    territories: list[str] = strawberry.field(
        description="Of which the company's enrolment has one."
    )

    @strawberry.field(description="Companies by global id.")
    def company_ids(self) -> list[strawberry.ID]:
        ids = self.company_ids
        return [strawberry.ID(encode_id("Company", "platform", id_)) for id_ in ids]


@strawberry.type(description="What one person has done about an announcement.")
class Receipt:
    """forum.Receipt."""

    state: ReceiptState = strawberry.field(description="As of now.")
    deliver_time: DateTime = strawberry.field(description="Since when the person may see it.")
    see_time: DateTime | None = strawberry.field(description="When the person first saw it.")
    acknowledge_time: DateTime | None = strawberry.field(description="When it was taken on.")
    in_audience: bool = strawberry.field(
        description="Whether the person is on the list of when it was published."
    )

    @strawberry.field(
        description="Whose it is, by global id; there where `person` is null as well."
    )
    def member_id(self) -> strawberry.ID:
        return strawberry.ID(encode_id("Member", self.community_id, self.person_id))  # type: ignore[attr-defined]

    person: Member | None = fetched(PERSON, "Whose it is.")
    company: Company | None = fetched(COMPANY, "For whom the person acted then.")


@strawberry.type(description="How many people did what about an announcement.")
class ReceiptSummary:
    """forum.GetReceiptSummaryResponse."""

    audience_state: AudienceState = strawberry.field(description="How far the list is.")
    people: int = strawberry.field(description="On the list of who was told, so far.")
    companies: int = strawberry.field(description="Of theirs, once the list is whole.")
    seen: int = strawberry.field(description="Have seen it; those who acknowledged included.")
    acknowledged: int = strawberry.field(description="Have taken it on.")
    overdue: int = strawberry.field(description="Have not, though the deadline has passed.")


@strawberry.type(description="What the people of one company did: your firm was told then.")
class CompanyReceipts:
    """forum.CompanyReceipts."""

    deliver_time: DateTime = strawberry.field(description="When the first of them was told.")
    people: int = strawberry.field(description="On the list of who was told.")
    seen: int = strawberry.field(description="Have seen it; those who acknowledged included.")
    acknowledged: int = strawberry.field(description="Have taken it on.")
    overdue: int = strawberry.field(description="Have not, though the deadline has passed.")

    company: Company | None = fetched(COMPANY, "The company.")


@strawberry.type(description="A change of an announcement after it was published.")
class Correction:
    """forum.Correction."""

    time: DateTime = strawberry.field(description="When.")
    fields: list[str] = strawberry.field(
        description="What was changed: title, body, deadline, expire_time, discussion_topic_id, "
        "translation."
    )
    locale: Locale = strawberry.field(description="The language of title and text.")
    note: str = strawberry.field(description="What was said of it; may be empty.")

    @strawberry.field(description="The former title, where that was changed.")
    def former_title(self) -> str | None:
        return unset_is_null(self, "former_title")

    @strawberry.field(description="The former text, where that was changed.")
    def former_body(self) -> Markdown | None:
        return unset_is_null(self, "former_body")

    editor: Member | None = fetched(
        Reference(batches.members, lambda row: (row.community_id, row.editor_id)), "By whom."
    )


async def _summary(context: Context, announcement: Any, _arguments: Any) -> Any:
    request = announcements_pb2.GetReceiptSummaryRequest(
        community_id=announcement.community_id, announcement_id=announcement.id
    )
    return await context.call(context.services.announcements.GetReceiptSummary, request)


@strawberry.type(description="Something that a community's managers tell its members.")
class Announcement(CommunityNode):
    """forum.Announcement."""

    message = announcements_pb2.Announcement

    state: AnnouncementState = strawberry.field(description="Where it is in its life.")
    severity: AnnouncementSeverity = strawberry.field(description="How much it matters.")
    title: str = strawberry.field(description="Its title, plain text, in the locale.")
    body: Markdown = strawberry.field(
        description="Its text as written; empty where it was withdrawn."
    )
    body_html: Html = strawberry.field(description="Its text to be shown; likewise.")
    locale: Locale = strawberry.field(description="The language of title and text.")
    source_locale: Locale = strawberry.field(description="The language it was written in.")
    locales: list[Locale] = strawberry.field(
        description="Languages that there is a text in, the source's first."
    )
    audience_rule: AudienceRule | None = strawberry.field(
        description="Whom it is for; for managers, else null."
    )
    requires_acknowledgement: bool = strawberry.field(
        description="Whether its readers are asked to take it on."
    )
    deadline: DateTime | None = strawberry.field(description="Until when they are asked to.")
    create_time: DateTime = strawberry.field(description="When it was written.")
    publish_time: DateTime | None = strawberry.field(
        description="When it is or was due; with wallClock, for the first reader on earth."
    )
    expire_time: DateTime | None = strawberry.field(description="When it is over; null: never.")
    correct_time: DateTime | None = strawberry.field(description="When it was last corrected.")
    correction_count: int = strawberry.field(description="How many corrections it has.")
    version: int = strawberry.field(description="For expectedVersion.")
    receipt: Receipt | None = strawberry.field(
        description="One's own; null where there is none yet."
    )

    @strawberry.field(description="The global id, opaque.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(encode_id("Announcement", self.community_id, self.id))  # type: ignore[attr-defined]

    @strawberry.field(description="Why it was withdrawn; null where it was not.")
    def state_reason(self) -> str | None:
        return unset_is_null(self, "state_reason")

    @strawberry.field(
        description="What clocks show where each reader is when it is due, as 2026-03-29T09:00; "
        "null where it is due everywhere at once."
    )
    def wall_clock(self) -> str | None:
        return unset_is_null(self, "wall_clock")

    @strawberry.field(description="How far the list of who is told is; for managers, else null.")
    def audience_state(self) -> AudienceState | None:
        return unset_is_null(self, "audience_state")

    channel: Channel | None = fetched(CHANNEL, "Where it is.")
    community: Community | None = fetched(COMMUNITY, "The community it belongs to.")
    author: Member | None = fetched(
        Reference(batches.members, lambda row: (row.community_id, row.author_id)), "Who wrote it."
    )

    discussion: Topic | None = fetched(
        Reference(
            batches.topics,
            lambda row: batches.key_of(row, row.discussion_topic_id),
        ),
        "The topic where it is discussed; null where it is not, or not where one can read.",
    )

    comment_policy: CommentPolicy | None = fetched(
        Reference(
            batches.comment_policies,
            lambda row: batches.key_of(row, row.discussion_topic_id),
            attrgetter("comment_policy"),
        ),
        "Whether one may comment in the discussion: set by closing that topic, or by the mode and "
        "the settings of its space; null where `discussion` is.",
    )

    corrections: Connection[Correction] | None = paged(
        lists.corrections,
        "What was changed since it was published, newest first. One call an announcement. "
        "Codes: BAD_USER_INPUT.",
    )

    receipt_summary: ReceiptSummary | None = fetched(
        Listing(_summary),
        "How many were told, have seen and acknowledged it. For managers; one call an "
        "announcement. Codes: ROLE_REQUIRED.",
        cost=5,
    )

    mailing: Mailing | None = fetched(
        MAILING,
        "How its mails go, where it must be read. For managers; one call an announcement. "
        "Codes: ROLE_REQUIRED.",
        cost=5,
    )

    company_receipts: Connection[CompanyReceipts] | None = paged(
        lists.company_receipts,
        "The same by company, of those that were told when it was published. For managers; one "
        "call an announcement. Codes: BAD_USER_INPUT, ROLE_REQUIRED.",
    )

    @strawberry.field(
        metadata=fetched_by(Listing(lists.receipts), guildhall_cost=5),
        description="Who was told, by company. For managers; one call an announcement. "
        "Codes: BAD_USER_INPUT, ROLE_REQUIRED.",
    )
    def receipts(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        company_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Of this company only.")
        ] = None,
        states: Annotated[
            list[ReceiptState] | None,
            strawberry.argument(description="In these states only; by default in all."),
        ] = None,
    ) -> Connection[Receipt] | None:
        return read(info, self)


@strawberry.type(description="A company's share of an audience.")
class CompanyShare:
    """forum.CompanyShare."""

    people: int = strawberry.field(description="How many of its people.")

    company: Company | None = fetched(COMPANY, "The company.")


@strawberry.type(description="Who would be told now.")
class AudiencePreview:
    """forum.PreviewAudienceResponse."""

    count: int = strawberry.field(description="How many people; 0: it cannot be published.")
    company_count: int = strawberry.field(description="Of how many companies.")
    company_shares: list[CompanyShare] = strawberry.field(
        description="At most 100, those with the most people first."
    )

    @strawberry.field(description="Members by global id, at most 20 of them.")
    def member_ids(self) -> list[strawberry.ID]:
        community, people = self.community_id, self.person_ids  # type: ignore[attr-defined]
        return [strawberry.ID(encode_id("Member", community, id_)) for id_ in people]


@strawberry.type(
    description="A secret address where a channel is read as a feed, with what its owner may read."
)
class FeedAddress:
    """forum.FeedAddress; its secret was shown once."""

    create_time: DateTime = strawberry.field(description="When it was made.")

    @strawberry.field(description="The global id, opaque, for revokeFeedAddress.")
    def address_id(self) -> strawberry.ID:
        return strawberry.ID(encode_id("Address", self.community_id, self.id))  # type: ignore[attr-defined]

    channel: Channel | None = fetched(CHANNEL, "What is read there.")


@strawberry.type(description="What one has not read, over communities; both counted to 100.")
class UnreadAnnouncements:
    """forum.CountUnreadAnnouncementsResponse."""

    unread_count: int = strawberry.field(
        description="Current announcements of the last 90 days that one has not seen."
    )
    open_must_read_count: int = strawberry.field(
        description="Must-reads not seen or, where asked for, not acknowledged."
    )


NODES["Channel"] = found_within(batches.channels)
NODES["Announcement"] = found_within(batches.announcements)

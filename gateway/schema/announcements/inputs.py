"""Inputs and payloads of what is done with channels and announcements."""

from __future__ import annotations

import strawberry

from gateway.cursors import decode_id
from gateway.schema.announcements import Announcement, Channel, FeedAddress, Receipt
from gateway.schema.announcements.enums import (
    AnnouncementSeverity,
    ChannelTheme,
)
from gateway.schema.audiences import NAMES
from gateway.schema.forum.inputs.base import Write, optional
from gateway.schema.scalars import URL, Audience, DateTime, Locale, Markdown, Role
from gateway.schema.writes import expected_version
from guildhall.forum.v1 import announcements_pb2 as pb


@strawberry.input(
    description="Whom of a channel's readers it is for: of every list that is not empty, one must "
    "fit."
)
class AudienceRuleInput:
    """forum.AudienceRule."""

    tiers: list[str] | None = optional("Of whose company one has.")
    company_ids: list[strawberry.ID] | None = optional("Companies.")
    roles: list[Role] | None = optional("Of which one is held.")
    locales: list[Locale] | None = optional("Languages: de is for de-AT as well.")
    territories: list[str] | None = optional("Of which the company's enrolment has one.")


def rule_of(rule: AudienceRuleInput | None) -> pb.AudienceRule | None:
    """As the forum takes it. Refuses with BAD_USER_INPUT."""
    if rule is None:
        return None
    return pb.AudienceRule(
        tiers=rule.tiers or (),
        company_ids=[
            decode_id(id_, f"audienceRule.companyIds.{place}", "Company").id
            for place, id_ in enumerate(rule.company_ids or ())
        ],
        roles=[role.value for role in rule.roles or ()],
        locales=rule.locales or (),
        territories=rule.territories or (),
    )


@strawberry.type
class ChannelPayload:
    """The channel."""

    channel: Channel = strawberry.field(description="The channel as it is now.")


@strawberry.type
class AnnouncementPayload:
    """The announcement."""

    announcement: Announcement = strawberry.field(description="The announcement as it is now.")


@strawberry.input
class AnnouncementWrite(Write):
    """A write to an announcement."""

    announcement_id: strawberry.ID = strawberry.field(description="The announcement.")
    expected_version: int | None = expected_version()


@strawberry.input(description="A new channel.")
class CreateChannelInput(Write):
    """Of createChannel."""

    community_id: strawberry.ID = strawberry.field(description="Where.")
    slug: str = strawberry.field(description="Its name in addresses: a-z, 0-9 and -.")
    name: str = strawberry.field(description="Its name.")
    theme: ChannelTheme = strawberry.field(description="What it is about.")
    description: str = strawberry.field(default="", description="About it, in plain text.")
    audience: Audience | None = optional("Who may read it; by default COMMUNITY.")
    audience_names: list[str] | None = optional(NAMES)


@strawberry.type(description="The new channel.")
class CreateChannelPayload(ChannelPayload):
    """Of createChannel."""


@strawberry.input(description="What changes; what is left out stays.")
class UpdateChannelInput(Write):
    """Of updateChannel."""

    channel_id: strawberry.ID = strawberry.field(description="The channel.")
    name: str | None = optional("Its new name.")
    description: str | None = optional("Its new description.")
    theme: ChannelTheme | None = optional("What it is about.")
    audience: Audience | None = optional("Who may read it from now on.")
    audience_names: list[str] | None = optional("Goes with audience, and replaces all names.")
    expected_version: int | None = expected_version()


@strawberry.type(description="The changed channel.")
class UpdateChannelPayload(ChannelPayload):
    """Of updateChannel."""


@strawberry.input(description="What to follow.")
class FollowChannelInput(Write):
    """Of followChannel."""

    channel_id: strawberry.ID = strawberry.field(description="The channel.")


@strawberry.type(description="The followed channel.")
class FollowChannelPayload(ChannelPayload):
    """Of followChannel."""


@strawberry.input(description="What to follow no more.")
class UnfollowChannelInput(Write):
    """Of unfollowChannel."""

    channel_id: strawberry.ID = strawberry.field(description="The channel.")


@strawberry.type(description="The channel that is followed no more.")
class UnfollowChannelPayload(ChannelPayload):
    """Of unfollowChannel."""


@strawberry.input(description="A draft.")
class CreateAnnouncementInput(Write):
    """Of createAnnouncement."""

    channel_id: strawberry.ID = strawberry.field(description="Where.")
    title: str = strawberry.field(description="Its title, plain text.")
    body: Markdown = strawberry.field(description="Its text.")
    source_locale: Locale = strawberry.field(
        default=Locale(""), description="The language of both; by default en."
    )
    severity: AnnouncementSeverity | None = optional("How much it matters; by default INFO.")
    audience_rule: AudienceRuleInput | None = optional(
        "Whom of the channel's readers it is for; by default all."
    )
    requires_acknowledgement: bool = strawberry.field(
        default=False,
        description="Whether readers are asked to take it on; of MUST_READ, with a deadline.",
    )
    deadline: DateTime | None = optional("Until when they are asked to.")
    discussion_topic_id: strawberry.ID | None = optional(
        "A topic of the community where it is discussed, under the rules of that topic's space."
    )
    expire_time: DateTime | None = optional("When it is over; by default never.")


@strawberry.type(description="The draft.")
class CreateAnnouncementPayload(AnnouncementPayload):
    """Of createAnnouncement."""


@strawberry.input(description="What changes; what is left out stays.")
class UpdateAnnouncementInput(AnnouncementWrite):
    """Of updateAnnouncement."""

    channel_id: strawberry.ID | None = optional(
        "Another channel of the community, of what is a DRAFT."
    )
    title: str | None = optional("Its new title.")
    body: Markdown | None = optional("Its new text.")
    severity: AnnouncementSeverity | None = optional("How much it matters.")
    audience_rule: AudienceRuleInput | None = optional("Whom it is for; replaces all lists.")
    requires_acknowledgement: bool | None = optional(
        "Whether readers are asked to take it on; where not, its deadline goes."
    )
    deadline: DateTime | None = optional("Until when they are asked to.")
    discussion_topic_id: strawberry.ID | None = optional("Where it is discussed.")
    end_discussion: bool = strawberry.field(
        default=False, description="It is discussed nowhere any more; the topic stays."
    )
    expire_time: DateTime | None = optional("When it is over.")
    never_expires: bool = strawberry.field(
        default=False, description="It is over at no time of itself any more."
    )
    note: str = strawberry.field(default="", description="What readers are told of a correction.")


@strawberry.type(description="The changed announcement.")
class UpdateAnnouncementPayload(AnnouncementPayload):
    """Of updateAnnouncement."""


@strawberry.input(description="Which draft goes.")
class DeleteAnnouncementInput(AnnouncementWrite):
    """Of deleteAnnouncement."""


@strawberry.type(description="The draft that is gone.")
class DeleteAnnouncementPayload:
    """Of deleteAnnouncement."""

    announcement_id: strawberry.ID = strawberry.field(description="Its global id.")


@strawberry.input(description="When to publish: exactly one of both.")
class ScheduleAnnouncementInput(AnnouncementWrite):
    """Of scheduleAnnouncement."""

    publish_time: DateTime | None = optional("Everywhere at this moment.")
    wall_clock: str | None = optional(
        "When clocks show this where each reader is, as 2026-03-29T09:00. A time that clocks skip "
        "or show twice counts by the clock before the change."
    )


@strawberry.type(description="The scheduled announcement.")
class ScheduleAnnouncementPayload(AnnouncementPayload):
    """Of scheduleAnnouncement."""


@strawberry.input(description="What to publish.")
class PublishAnnouncementInput(AnnouncementWrite):
    """Of publishAnnouncement."""


@strawberry.type(description="The published announcement.")
class PublishAnnouncementPayload(AnnouncementPayload):
    """Of publishAnnouncement."""


@strawberry.input(description="What to take back, and why.")
class WithdrawAnnouncementInput(AnnouncementWrite):
    """Of withdrawAnnouncement."""

    reason: str = strawberry.field(description="Why; those who had received it see it.")


@strawberry.type(description="The withdrawn announcement.")
class WithdrawAnnouncementPayload(AnnouncementPayload):
    """Of withdrawAnnouncement."""


@strawberry.input(description="What to archive.")
class ArchiveAnnouncementInput(AnnouncementWrite):
    """Of archiveAnnouncement."""


@strawberry.type(description="The archived announcement.")
class ArchiveAnnouncementPayload(AnnouncementPayload):
    """Of archiveAnnouncement."""


@strawberry.input(description="A text in a further language.")
class PutTranslationInput(AnnouncementWrite):
    """Of putTranslation."""

    locale: Locale = strawberry.field(description="The language.")
    title: str = strawberry.field(description="The title in it.")
    body: Markdown = strawberry.field(description="The text in it.")
    note: str = strawberry.field(default="", description="What readers are told of a correction.")


@strawberry.type(description="The announcement in this language.")
class PutTranslationPayload(AnnouncementPayload):
    """Of putTranslation."""


@strawberry.input(description="Which language goes.")
class DeleteTranslationInput(AnnouncementWrite):
    """Of deleteTranslation."""

    locale: Locale = strawberry.field(description="The language.")


@strawberry.type(description="The announcement without it.")
class DeleteTranslationPayload(AnnouncementPayload):
    """Of deleteTranslation."""


@strawberry.input(description="What one has had before one's eyes.")
class MarkAnnouncementsSeenInput:
    """Of markAnnouncementsSeen."""

    announcement_ids: list[strawberry.ID] = strawberry.field(
        description="At most 100, of one community; what one cannot see is left out."
    )


@strawberry.type(description="One's receipts of what one can see.")
class MarkAnnouncementsSeenPayload:
    """Of markAnnouncementsSeen."""

    receipts: list[Receipt] = strawberry.field(description="In the order of the ids.")


@strawberry.input(description="What one takes on.")
class AcknowledgeAnnouncementInput(Write):
    """Of acknowledgeAnnouncement."""

    announcement_id: strawberry.ID = strawberry.field(description="The announcement.")


@strawberry.type(description="One's receipt.")
class AcknowledgeAnnouncementPayload:
    """Of acknowledgeAnnouncement."""

    receipt: Receipt = strawberry.field(description="As it is now.")


@strawberry.input(description="A new secret address.")
class CreateFeedAddressInput(Write):
    """Of createFeedAddress."""

    channel_id: strawberry.ID = strawberry.field(description="What is to be read there.")


@strawberry.type(description="The address, shown this once.")
class CreateFeedAddressPayload:
    """Of createFeedAddress."""

    feed_address: FeedAddress = strawberry.field(description="What revokes it.")
    atom_url: URL = strawberry.field(description="Where feed readers find the channel.")
    rss_url: URL = strawberry.field(description="Where those do that know no Atom, as RSS 2.0.")
    calendar_url: URL = strawberry.field(description="Where calendars do, with its deadlines.")


@strawberry.input(description="Which address works no more.")
class RevokeFeedAddressInput(Write):
    """Of revokeFeedAddress."""

    address_id: strawberry.ID = strawberry.field(description="The address.")


@strawberry.type(description="The revoked address.")
class RevokeFeedAddressPayload:
    """Of revokeFeedAddress."""

    feed_address: FeedAddress = strawberry.field(description="It does not work any more.")

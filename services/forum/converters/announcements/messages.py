"""Channels, announcements, receipts and feed addresses as protobuf messages."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from chassis.timestamps import timestamp_of
from guildhall.directory.v1 import directory_pb2
from guildhall.forum.v1 import announcements_pb2 as pb
from services.forum.converters import enums
from services.forum.converters.announcements import requests
from services.forum.converters.markdown import safe_html
from services.forum.domain.announcements.announcement import (
    Announcement,
    Correction,
    Translation,
)
from services.forum.domain.announcements.audiences import AudienceRule, Preview
from services.forum.domain.announcements.channels import Channel
from services.forum.domain.announcements.copies import Copy, everywhere_time
from services.forum.domain.announcements.feed_addresses import FeedAddress
from services.forum.domain.announcements.receipts import CompanyReceipts, Receipt
from services.forum.domain.spaces import shown_names


def channel_to_proto(
    channel: Channel,
    version: int,
    *,
    followed: bool,
    keyring: Collection[str] = (),
    for_service: bool = False,
) -> pb.Channel:
    """At this version; followed by who asks."""
    return pb.Channel(
        id=channel.id,
        community_id=channel.community_id,
        slug=channel.slug,
        name=channel.name,
        description=channel.description,
        theme=requests.THEMES[channel.theme],
        audience=enums.AUDIENCES[channel.audience],
        audience_names=shown_names(channel, keyring),
        create_time=timestamp_of(channel.create_time),
        version=version,
        followed=followed,
        read_keys=channel.read_keys if for_service else (),
    )


def announcement_to_proto(copy: Copy, now: datetime) -> pb.Announcement:
    """As its reader gets it; whom it is for is the managers' business."""
    one, manager = copy.announcement, copy.for_manager
    terms, body, schedule = one.terms, copy.body, one.schedule
    return pb.Announcement(
        id=one.id,
        community_id=one.community_id,
        channel_id=one.channel_id,
        state=requests.STATES[one.state],
        state_reason=one.state_reason,
        severity=requests.SEVERITIES[terms.severity],
        title=copy.title,
        body=body.source if body else "",
        body_html=safe_html(body) if body else "",
        locale=copy.locale,
        source_locale=one.source_locale,
        locales=one.locales,
        audience_rule=_rule(terms.rule) if manager else None,
        audience_state=requests.AUDIENCE_STATES[one.audience_state]
        if manager
        else pb.AUDIENCE_STATE_UNSPECIFIED,
        audience_count=one.audience_count if manager else 0,
        requires_acknowledgement=terms.requires_acknowledgement,
        deadline=_timestamp(terms.deadline),
        discussion_topic_id=terms.discussion_topic_id,
        author_id=one.author.person_id,
        company_id=one.author.company_id,
        create_time=timestamp_of(one.create_time),
        publish_time=_timestamp(schedule.time) if schedule else None,
        wall_clock=schedule.local_time if schedule else "",
        expire_time=_timestamp(terms.expire_time),
        correct_time=_timestamp(one.correct_time),
        correction_count=one.correction_count,
        version=one.version,
        receipt=receipt_to_proto(copy.receipt, now) if copy.receipt else None,
    )


def findable_to_proto(
    one: Announcement, translations: Sequence[Translation]
) -> pb.FindableAnnouncement:
    """In all languages, with the keys of its rule; managers hold none to it but as readers."""
    texts = [(one.source_locale, one.title, one.body)]
    texts += [(text.locale, text.title, text.body) for text in translations]
    tiers, companies, roles, locales, territories = one.terms.rule.keys(one.community_id)
    return pb.FindableAnnouncement(
        id=one.id,
        community_id=one.community_id,
        channel_id=one.channel_id,
        state=requests.STATES[one.state],
        texts=[
            pb.AnnouncementText(locale=locale, title=title, body_html=safe_html(body))
            for locale, title, body in texts
        ],
        author_id=one.author.person_id,
        publish_time=timestamp_of(one.list_time),
        visible_time=timestamp_of(everywhere_time(one)),
        version=one.version,
        tier_keys=tiers,
        company_keys=companies,
        role_keys=roles,
        locale_keys=locales,
        territory_keys=territories,
    )


def copies_to_proto(
    announcement: Announcement, copies: Mapping[str, Copy], now: datetime
) -> pb.BatchGetAnnouncementCopiesResponse:
    """By person id; what they have in common once a language."""
    texts = {copy.locale: replace(copy, receipt=None) for copy in copies.values()}
    return pb.BatchGetAnnouncementCopiesResponse(
        state=requests.STATES[announcement.state],
        announcement_copies=[
            pb.AnnouncementCopy(
                person_id=person_id,
                locale=copy.locale,
                receipt_state=requests.RECEIPT_STATES[copy.receipt.state(now)]
                if copy.receipt
                else pb.RECEIPT_STATE_UNSPECIFIED,
            )
            for person_id, copy in copies.items()
        ],
        announcements=[announcement_to_proto(copy, now) for copy in texts.values()],
    )


def _rule(rule: AudienceRule) -> pb.AudienceRule:
    return pb.AudienceRule(
        tiers=rule.tiers,
        company_ids=rule.company_ids,
        roles=[directory_pb2.Role.Value(f"ROLE_{role}") for role in rule.roles],
        locales=rule.locales,
        territories=rule.territories,
    )


def receipt_to_proto(receipt: Receipt, now: datetime) -> pb.Receipt:
    """As of now."""
    return pb.Receipt(
        person_id=receipt.person_id,
        company_id=receipt.company_id,
        state=requests.RECEIPT_STATES[receipt.state(now)],
        deliver_time=timestamp_of(receipt.deliver_time),
        see_time=_timestamp(receipt.see_time),
        acknowledge_time=_timestamp(receipt.acknowledge_time),
        in_audience=receipt.in_audience,
        announcement_id=receipt.announcement_id,
        community_id=receipt.community_id,
    )


def company_receipts_to_proto(one: CompanyReceipts, community_id: str) -> pb.CompanyReceipts:
    """Counts only."""
    return pb.CompanyReceipts(
        company_id=one.company_id,
        deliver_time=timestamp_of(one.deliver_time),
        people=one.counts.people,
        seen=one.counts.seen,
        acknowledged=one.counts.acknowledged,
        overdue=one.counts.overdue,
        community_id=community_id,
    )


def correction_to_proto(correction: Correction) -> pb.Correction:
    """What was, where it was changed."""
    return pb.Correction(
        id=correction.id,
        editor_id=correction.editor_id,
        time=timestamp_of(correction.time),
        fields=correction.fields,
        locale=correction.locale,
        note=correction.note,
        former_title=correction.former_title,
        former_body=correction.former_body,
        community_id=correction.community_id,
        announcement_id=correction.announcement_id,
    )


def preview_to_proto(preview: Preview, community_id: str) -> pb.PreviewAudienceResponse:
    """The count, and the first few."""
    return pb.PreviewAudienceResponse(
        count=preview.count,
        company_count=len(preview.by_company),
        company_shares=[
            pb.CompanyShare(company_id=company_id, people=people, community_id=community_id)
            for company_id, people in preview.shares
        ],
        person_ids=preview.sample,
        community_id=community_id,
    )


def feed_address_to_proto(address: FeedAddress) -> pb.FeedAddress:
    """Without its secret's hash."""
    return pb.FeedAddress(
        id=address.id,
        community_id=address.community_id,
        channel_id=address.channel_id,
        person_id=address.person_id,
        create_time=timestamp_of(address.create_time),
    )


def _timestamp(time: datetime | None) -> Timestamp | None:
    return None if time is None else timestamp_of(time)

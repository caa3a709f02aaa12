"""Channels, announcements, receipts and feed addresses: one module a kind of thing."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.mongo import Index, Migration
from services.forum.repository.announcements import (
    announcements,
    audiences,
    channels,
    documents,
    feed_addresses,
    receipts,
    unread,
)
from services.forum.repository.announcements.announcements import AnnouncementFilter
from services.forum.repository.announcements.audiences import AudienceCollection
from services.forum.repository.announcements.feed_addresses import FeedAddressCollection

__all__ = ["INDEXES", "MIGRATIONS", "AnnouncementCollections", "AnnouncementFilter"]

INDEXES: Sequence[Index] = (
    *channels.INDEXES,
    *announcements.INDEXES,
    *unread.INDEXES,
    *receipts.INDEXES,
    *audiences.INDEXES,
    *feed_addresses.INDEXES,
)
MIGRATIONS: Sequence[Migration] = documents.MIGRATIONS


class AnnouncementCollections(AudienceCollection, FeedAddressCollection):
    """All reads of the area, and where its commands find what they change."""

    channel_follows = channels.CHANNEL_FOLLOWS
    channels = channels.CHANNELS
    announcements = announcements.ANNOUNCEMENTS
    acknowledgements = receipts.ACKNOWLEDGEMENTS
    feed_addresses = feed_addresses.FEED_ADDRESSES

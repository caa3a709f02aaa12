"""What managers and readers do with announcements. Each method is one atomic command."""

from __future__ import annotations

from services.forum.use_cases.announcements.channels import ChannelUseCases
from services.forum.use_cases.announcements.copying import CopyingUseCases
from services.forum.use_cases.announcements.discussing import DiscussingUseCases
from services.forum.use_cases.announcements.feed_addresses import FeedAddressUseCases
from services.forum.use_cases.announcements.freezing import FreezingUseCases
from services.forum.use_cases.announcements.publishing import PublishingUseCases
from services.forum.use_cases.announcements.receipts import ReceiptUseCases
from services.forum.use_cases.announcements.writing import WritingUseCases

__all__ = ["AnnouncementUseCases"]


class AnnouncementUseCases(
    ChannelUseCases,
    WritingUseCases,
    PublishingUseCases,
    FreezingUseCases,
    ReceiptUseCases,
    DiscussingUseCases,
    CopyingUseCases,
    FeedAddressUseCases,
):
    """All of them."""

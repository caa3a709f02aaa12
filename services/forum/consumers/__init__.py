"""What the forum hears of moderation, and of itself; one module a producer's concern."""

from __future__ import annotations

from chassis.domain_events import Subscription
from guildhall.moderation.v1.domain_events_pb2 import (
    CaseDecided,
    CaseMooted,
    CaseOpened,
    PostFlagged,
)
from services.forum.consumers.moderation import ForumConsumers
from services.forum.consumers.trust import TrustConsumers
from services.forum.repository import ForumRepository

__all__ = ["ForumConsumers", "TrustConsumers", "subscriptions"]


def subscriptions(repository: ForumRepository) -> tuple[Subscription, ...]:
    """All of them."""
    consumers = ForumConsumers(repository)
    return (
        TrustConsumers(repository).of_forum(),
        Subscription(
            "moderation",
            {
                CaseOpened: consumers.on_case_opened,
                PostFlagged: consumers.on_post_flagged,
                CaseDecided: consumers.on_case_decided,
                CaseMooted: consumers.on_case_mooted,
            },
            aggregate_types=["case"],
        ),
    )

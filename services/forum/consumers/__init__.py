"""What the forum hears of moderation, and of itself; one module a producer's concern."""

from __future__ import annotations

from services.forum.consumers.moderation import ForumConsumers
from services.forum.consumers.trust import TrustConsumers

__all__ = ["ForumConsumers", "TrustConsumers"]

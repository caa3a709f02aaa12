"""What moderation hears of the forum."""

from __future__ import annotations

from services.moderation.consumers.forum import ModerationConsumers

__all__ = ["ModerationConsumers"]

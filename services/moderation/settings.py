"""What moderation is told from outside."""

from __future__ import annotations

from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings


class ModerationSettings(ServiceSettings):
    """MODERATION_LISTEN, MODERATION_FORUM_ADDRESS and the others every service has."""

    model_config = SettingsConfigDict(env_prefix="MODERATION_", extra="ignore")

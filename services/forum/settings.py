"""What the forum is told from outside, prefix FORUM_."""

from __future__ import annotations

from typing import Literal

from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings


class ForumSettings(ServiceSettings):
    """`posting_limits` off: for demonstrations and load tests only."""

    model_config = SettingsConfigDict(env_prefix="FORUM_", extra="ignore")

    posting_limits: Literal["on", "off"] = "on"

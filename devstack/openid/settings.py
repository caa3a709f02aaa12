"""What the providers are told, by environment variables with the prefix OPENID_."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class OpenIDSettings(BaseSettings):
    """Defaults are those of `make run` on its default port."""

    model_config = SettingsConfigDict(env_prefix="OPENID_")

    listen: str = "127.0.0.1:8081"
    data: Path = Field(
        default_factory=lambda: Path(os.environ.get("GUILDHALL_DATA", ".data")) / "openid"
    )
    gateway_url: str = "http://127.0.0.1:8080"
    audience: str = "http://127.0.0.1:8080"

    @property
    def port(self) -> int:
        """The port of `listen`."""
        return int(self.listen.rpartition(":")[2])

    @property
    def base_url(self) -> str:
        """What every issuer's address begins with."""
        return f"http://{self.listen}"

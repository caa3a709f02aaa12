"""What the directory is told from outside, prefix DIRECTORY_."""

from __future__ import annotations

from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings


class DirectorySettings(ServiceSettings):
    """`bootstrap_operator` is "<issuer> <subject>" of who runs a fresh platform; empty: nobody."""

    model_config = SettingsConfigDict(env_prefix="DIRECTORY_", extra="ignore")

    bootstrap_operator: str = ""

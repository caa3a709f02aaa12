"""What the forum is told from outside, prefix FORUM_."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings


class ForumSettings(ServiceSettings):
    """`posting_limits` off: for demonstrations and load tests only.

    `files`: where attachments are kept. `disk` is a folder that forum and gateway share, on one
    machine; `s3` takes its credentials as every client of AWS does (AWS_ACCESS_KEY_ID, ...).

    `link_cards_inside`: for laptops and tests only: link cards are also made of pages that this
    machine and its network have, by http and at any port.
    """

    model_config = SettingsConfigDict(env_prefix="FORUM_", extra="ignore")

    posting_limits: Literal["on", "off"] = "on"

    files: Literal["none", "disk", "s3"] = "none"
    files_folder: Path = Path("files")
    files_url: str = "http://127.0.0.1:8080"  # how browsers reach the gateway
    s3_endpoint: str = ""  # empty: AWS
    s3_region: str = "us-east-1"
    s3_bucket: str = "guildhall"
    clamd: str = ""  # host:port, or the path of a socket; empty: nothing is scanned
    scan: Literal["required", "optional"] = "required"  # optional: while clamd is away, not

    link_cards_inside: bool = False

"""What notifications is told from outside."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings

_MIN_KEY_BYTES = 32


class NotificationsSettings(ServiceSettings):
    """NOTIFICATIONS_SMTP_URL and so on."""

    model_config = SettingsConfigDict(env_prefix="NOTIFICATIONS_", extra="ignore")

    smtp_url: str = ""  # smtps://host:465, or smtp://host:587 with STARTTLS; empty: no mails
    smtp_user: str = ""
    smtp_password_file: Path | None = None
    from_address: str = ""  # Example programme <no-reply@example.com>
    # Where the portal shows an announcement; {id} is its GraphQL id.
    announcement_url: str = ""
    address_key_file: Path | None = None  # keys the digests of addresses that bounced
    webhook_key_file: Path | None = None  # secrets follow from it; none: no webhooks
    # Whether webhooks may lead to this machine and its network, by http too: on laptops alone.
    webhooks_inside: bool = False
    connections: int = Field(default=2, ge=1, le=32)  # at once
    mails_per_connection: int = Field(default=50, ge=1, le=100)
    mails_per_second: float = Field(default=10, gt=0)  # over one connection

    def password(self) -> str:
        """Of the mail server's user; read once."""
        file = self.smtp_password_file
        return file.read_text().strip() if file is not None else ""

    def address_key(self) -> bytes:
        """Raises ValueError where it is missing or could be guessed."""
        return _key(self.address_key_file, "NOTIFICATIONS_ADDRESS_KEY_FILE")

    def webhook_key(self) -> bytes | None:
        """None where no file is named. Raises ValueError where it could be guessed."""
        if self.webhook_key_file is None:
            return None
        return _key(self.webhook_key_file, "NOTIFICATIONS_WEBHOOK_KEY_FILE")


def _key(file: Path | None, name: str) -> bytes:
    key = file.read_bytes().strip() if file is not None else b""
    if len(key) < _MIN_KEY_BYTES:
        raise ValueError(f"{name} must name a file of {_MIN_KEY_BYTES} bytes or more")
    return key

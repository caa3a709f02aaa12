"""What the gateway is told from outside: addresses, keys, issuers."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

Introspection = Literal["nobody", "signed-in", "everybody"]


class GatewaySettings(BaseSettings):
    """Read from the environment with the prefix GATEWAY_."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_", extra="ignore")

    listen: str = "127.0.0.1:8080"
    metrics_listen: str = ""  # empty: no metrics are served; never the public port
    public_url: str = "http://127.0.0.1:8080"  # how browsers reach it; https makes cookies Secure
    mongo_uri: str = "mongodb://127.0.0.1:27017/?replicaSet=rs0"
    database_name: str = "gateway"
    nats_url: str = "nats://127.0.0.1:4222"
    signing_key_file: Path  # the gateway's private Ed25519 key, PEM
    trusted_keys_file: Path | None = None  # every part is told; here for addresses of files
    cursor_key_file: Path  # 32 random bytes or more, the same in every replica; seals logins too
    issuers_file: Path  # JSON list: key, name, issuer, client_id, client_secret, audience
    otlp_endpoint: str = ""
    trace_ratio: float = 1.0
    member_points: int = 30_000  # a minute, of one person; 0: as many as they like
    anonymous_points: int = 3_000  # likewise, for unseen documents of all who are not signed in
    directory_seconds: float = 3.0  # members and companies are remembered; 0: each page asks
    execution: Literal["compiled", "stock"] = "compiled"  # stock: the library's, unchanged

    # The folder of attached files that the forum shares on one machine; none where a store serves
    # them. Needs trusted_keys_file.
    files_folder: Path | None = None

    # Where the portal shows an announcement, for feeds; {id} is its GraphQL id. Empty: no links.
    announcement_url: str = Field(default="", pattern=r"^$|^https?://[^/]+/.*\{id\}")

    introspection: Introspection = "signed-in"  # who is answered questions about the schema
    suggestions: bool = False  # for development: "Did you mean ...?" in errors, to everybody

    directory_address: str = ""
    forum_address: str = ""
    moderation_address: str = ""
    search_address: str = ""
    notifications_address: str = ""

    def address(self, part: str) -> str:
        """Where a service listens."""
        address: str = getattr(self, f"{part}_address", "")
        if not address:
            raise ValueError(f"no address of {part} was given")
        return address

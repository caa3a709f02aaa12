"""What every service is told from outside: addresses, keys, limits."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceSettings(BaseSettings):
    """Read from the environment; a service adds its prefix, as FORUM_, and its own fields."""

    model_config = SettingsConfigDict(extra="ignore")

    listen: str = "127.0.0.1:50051"
    metrics_listen: str = ""
    mongo_uri: str = "mongodb://127.0.0.1:27017/?replicaSet=rs0"
    nats_url: str = "nats://127.0.0.1:4222"
    nats_monitor_url: str = ""  # where given, a lazy sync_interval is warned of
    stream_replicas: int = 1  # 3 in production
    stream_max_bytes: int = 1 << 30
    stream_max_age: float = 14 * 86_400  # seconds
    signing_key_file: Path  # this part's private Ed25519 key, PEM
    trusted_keys_file: Path  # JSON: part's name -> public JWK
    otlp_endpoint: str = ""
    trace_ratio: float = 1.0

    directory_address: str = ""
    forum_address: str = ""
    moderation_address: str = ""
    search_address: str = ""

    concurrent_rpcs: int = 128
    event_pace: float = Field(default=0.2, ge=0, le=2)  # seconds between batches of domain events
    lease_observation: float = 3.0  # seconds without a heartbeat until a lease is taken over

    def address(self, part: str) -> str:
        """Where another part listens."""
        address: str = getattr(self, f"{part}_address", "")
        if not address:
            raise ValueError(f"no address of {part} was given")
        return address

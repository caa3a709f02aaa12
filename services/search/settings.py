"""What the search service is told from outside."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings


class SearchSettings(ServiceSettings):
    """SEARCH_OPENSEARCH_URL and so on."""

    model_config = SettingsConfigDict(env_prefix="SEARCH_", extra="ignore")

    opensearch_url: str = "http://127.0.0.1:9200"
    shards: int = Field(default=1, ge=1)  # of a new generation; documents go by community
    replicas: str = "0-1"  # auto_expand_replicas
    refresh_interval: str = "1s"
    # What is found is never newer than a refresh, so there is little to hurry for.
    event_pace: float = Field(default=0.5, ge=0, le=2)

"""What the trial tells its parts."""

from __future__ import annotations

from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings


class ChaosSettings(ServiceSettings):
    """CHAOS_LISTEN and the others every service has."""

    model_config = SettingsConfigDict(env_prefix="CHAOS_", extra="ignore")

    producer_address: str = ""
    mutant: str = ""  # the name of one of tests.chaos.mutants
    reconciling: bool = True
    asking: float = 0.005  # seconds a handler takes, as if it asked another part
    ack_wait: float = 6.0  # seconds; 30 in production, and the trial would wait as long

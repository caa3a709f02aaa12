"""The audit trail: who did what to whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing done, in one community or on the platform; never changed."""

    id: str
    community_id: str
    time: datetime
    actor: str  # person id or service:<name>
    action: str  # the RPC's name
    target_type: str
    target_id: str
    reason: str = ""

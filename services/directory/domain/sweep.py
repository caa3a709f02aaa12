"""Rules to be asked anew of many people, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SweepKind(StrEnum):
    """Whose change it was: a group's, for all who may be in it; an enrolment's, for its people."""

    GROUP = "GROUP"
    ENROLMENT = "ENROLMENT"


@dataclass(frozen=True, slots=True)
class Sweep:
    """One a group or enrolment: asked for again, it begins anew."""

    community_id: str
    kind: SweepKind
    target_id: str
    event_id: str  # of the change that asks for it

    @property
    def id(self) -> str:
        """One a target."""
        return f"{self.kind}:{self.target_id}"

"""An enrolment: a company in a community, with dates."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chassis.errors import FieldInvalidError
from chassis.tags import tag_of
from services.directory.domain.fields import is_open
from services.directory.domain.refusals import AlreadyEnrolledError, CapabilitiesInvalidError

MOST_CAPABILITIES = 20
_ENROLMENTS = uuid.UUID("0b7a1c52-7a0e-4a7c-8f0f-4a8e3b6f2f10")


def enrolment_id(community_id: str, company_id: str) -> str:
    """One a community and company: enrolling again reopens it."""
    return uuid.uuid5(_ENROLMENTS, f"{community_id}:{company_id}").hex


def check_capabilities(texts: Sequence[str], *, least: int = 0) -> tuple[str, ...]:
    """Each once, spelled as the tags of topics are. Refuses with CAPABILITIES_INVALID."""
    capabilities: dict[str, None] = {}
    for i, text in enumerate(texts[: MOST_CAPABILITIES + 1]):
        capability = tag_of(text)
        if capability is None:
            raise CapabilitiesInvalidError(field=f"capabilities.{i}")
        capabilities[capability] = None
    if not least <= len(texts) <= MOST_CAPABILITIES:
        raise CapabilitiesInvalidError(
            f"{least} to {MOST_CAPABILITIES} capabilities, not {len(texts)}", field="capabilities"
        )
    return tuple(capabilities)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What walls and keys of a partner company's people rest on."""

    id: str
    community_id: str
    company_id: str
    start_time: datetime
    end_time: datetime | None = None
    partner_type: str = ""
    tier: str = ""
    verticals: tuple[str, ...] = ()
    territories: tuple[str, ...] = ()
    auto_join: bool = False
    capabilities: tuple[str, ...] = ()  # what the company can do, spelled as tags are

    def open(self, at: datetime) -> bool:
        """Whether the company is in the community now."""
        return is_open(self.start_time, self.end_time, at)

    def checked(self) -> Enrolment:
        """An end lies not before the start. Refuses with FIELD_INVALID."""
        if self.end_time is not None and self.end_time < self.start_time:
            raise FieldInvalidError("end_time must not be before start_time", field="end_time")
        return self

    def changed(
        self,
        *,
        partner_type: str | None = None,
        tier: str | None = None,
        verticals: tuple[str, ...] | None = None,
        territories: tuple[str, ...] | None = None,
        auto_join: bool | None = None,
        capabilities: tuple[str, ...] | None = None,
        end_time: datetime | None = None,
    ) -> Enrolment:
        """With what is given; None leaves it as it is. Refuses with FIELD_INVALID."""
        return replace(
            self,
            partner_type=self.partner_type if partner_type is None else partner_type,
            tier=self.tier if tier is None else tier,
            verticals=self.verticals if verticals is None else verticals,
            territories=self.territories if territories is None else territories,
            auto_join=self.auto_join if auto_join is None else auto_join,
            capabilities=self.capabilities if capabilities is None else capabilities,
            end_time=self.end_time if end_time is None else end_time,
        ).checked()


@dataclass(frozen=True, slots=True)
class Capable:
    """Somebody of a company that has some of the capabilities that were asked for."""

    person_id: str
    company_id: str
    shared_capabilities: int


def shared(capabilities: Collection[str], asked: Collection[str]) -> int:
    """How many of those asked for a company has."""
    return len(set(capabilities) & set(asked))


def enrol(old: Enrolment | None, new: Enrolment, at: datetime) -> Enrolment:
    """A company joins, or joins again once it has left. Refuses with ALREADY_ENROLLED."""
    if old is not None and (old.end_time is None or at < old.end_time):
        raise AlreadyEnrolledError(field="company_id")
    return new.checked()

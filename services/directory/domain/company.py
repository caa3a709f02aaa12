"""A company: a partner firm or a vendor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum


class CompanyKind(StrEnum):
    """What a company is on the platform."""

    PARTNER = "PARTNER"
    VENDOR = "VENDOR"


@dataclass(frozen=True, slots=True)
class Company:
    """Its people sign in through `issuer`; empty: through none of its own."""

    id: str
    kind: CompanyKind
    name: str
    create_time: datetime
    description: str = ""
    website: str = ""
    issuer: str = ""

    def changed(
        self, *, name: str | None, description: str | None, website: str | None, issuer: str | None
    ) -> Company:
        """With what is given; None leaves it as it is."""
        return replace(
            self,
            name=self.name if name is None else name,
            description=self.description if description is None else description,
            website=self.website if website is None else website,
            issuer=self.issuer if issuer is None else issuer,
        )

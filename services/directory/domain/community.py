"""A community: one vendor's programme; the tenant."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from services.directory.domain.company import Company, CompanyKind
from services.directory.domain.refusals import CompanyNotFoundError, NotAVendorError


@dataclass(frozen=True, slots=True)
class Community:
    """Its vendor never changes."""

    id: str
    slug: str
    name: str
    vendor_company_id: str
    create_time: datetime
    description: str = ""

    def changed(self, *, name: str | None, description: str | None) -> Community:
        """With what is given; None leaves it as it is."""
        return replace(
            self,
            name=self.name if name is None else name,
            description=self.description if description is None else description,
        )


def check_vendor(company: Company | None) -> Company:
    """Who can have a community. Refuses with COMPANY_NOT_FOUND, NOT_A_VENDOR."""
    if company is None:
        raise CompanyNotFoundError(field="vendor_company_id")
    if company.kind is not CompanyKind.VENDOR:
        raise NotAVendorError(field="vendor_company_id")
    return company

"""The demo's companies and people as their own providers know them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

PASSWORD = "guildhall"  # noqa: S105  everybody's on a laptop, printed by `make run`
_NAMESPACE = uuid.UUID("6f2b1c52-4f0e-4d0b-9c5e-8f7c0f4b7a11")


@dataclass(frozen=True, slots=True)
class Company:
    """Who runs an issuer; the key is the last part of the issuer's address."""

    key: str
    name: str
    what: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can sign in."""

    email: str
    name: str
    company: str

    @property
    def subject(self) -> str:
        """What the provider calls the person: stable, opaque, never the e-mail address."""
        return str(uuid.uuid5(_NAMESPACE, f"{self.company}/{self.email}"))


COMPANIES = (
    Company("kestrel", "Kestrel", "partner company"),
    Company("lumen", "Lumen", "partner company"),
    Company("aurora", "Aurora", "vendor"),
    Company("borealis", "Borealis", "vendor"),
    Company("guildhall", "Guildhall", "platform operator"),
)

PEOPLE = (
    Person("engineer@kestrel.example", "Edda Engineer", "kestrel"),
    Person("both@kestrel.example", "Bo Both", "kestrel"),
    # Known to the provider only: provisioned in Guildhall at the first sign-in.
    Person("newcomer@kestrel.example", "Nia Newcomer", "kestrel"),
    Person("seller@lumen.example", "Sela Seller", "lumen"),
    Person("manager@aurora.example", "Mana Manager", "aurora"),
    Person("manager@borealis.example", "Milo Manager", "borealis"),
    Person("operator@guildhall.example", "Opal Operator", "guildhall"),
)


def find_person(email: str) -> Person | None:
    """The person with that address, whatever its case."""
    wanted = email.strip().lower()
    return next((person for person in PEOPLE if person.email == wanted), None)


def find_subject(company: str, subject: str) -> Person | None:
    """The person a company's provider calls that."""
    return next((person for person in people_of(company) if person.subject == subject), None)


def people_of(company: str) -> tuple[Person, ...]:
    """Who can sign in at a company's issuer."""
    return tuple(person for person in PEOPLE if person.company == company)

"""Fields whose objects are fetched before they are read: the class says where they are found.

A field with arguments of its own is a method with the same metadata that returns `read`.
"""

from __future__ import annotations

from typing import Any

import strawberry

from gateway import batches
from gateway.context import Info
from gateway.loaders import Fetch, Key, Listing, LoadPage, Reference, fetched_by, read
from gateway.schema.relay import After, Before, First, Last

COMMUNITY = Reference(batches.communities, lambda row: batches.community_key(row.community_id))
COMPANY = Reference(batches.companies, lambda row: (row.community_id, row.company_id))
PERSON = Reference(batches.members, lambda row: (row.community_id, row.person_id))


def person_key(row: Any, id: str) -> Key | None:
    """Of who did something: nobody, or a service, is no member."""
    return (row.community_id, id) if id and not id.startswith("service:") else None


def fetched(fetch: Fetch, description: str, *, cost: int = 0) -> Any:
    """A field that shows what `fill` fetched."""
    metadata = {"guildhall_cost": cost} if cost else {}
    return strawberry.field(
        resolver=_fetched, metadata=fetched_by(fetch, **metadata), description=description
    )


def paged(load: LoadPage, description: str) -> Any:
    """A field with a page of its own for each row."""
    return strawberry.field(
        resolver=_paged,
        metadata=fetched_by(Listing(load), guildhall_cost=5),
        description=description,
    )


# Without a type of their own: theirs is the field's.
def _fetched(self: Any, info: Info):  # type: ignore[no-untyped-def]
    return read(info, self)


def _paged(  # type: ignore[no-untyped-def]
    self: Any,
    info: Info,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
):
    return read(info, self)

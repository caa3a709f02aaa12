"""Secret addresses of channels' feeds: who has one reads what its owner may read then."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from chassis.errors import FieldInvalidError, NotFoundError, ResourceExhaustedError
from services.forum.domain.places import free_places

MOST_ADDRESSES = 20  # that work, of one person in a community
_HASH = re.compile(r"[0-9a-f]{64}")


class AddressNotFoundError(NotFoundError):
    """There is no such address, it is somebody else's, or it was revoked."""


class FeedAddressesFullError(ResourceExhaustedError):
    """The person has as many addresses as one may have: revoke one."""


@dataclass(frozen=True, slots=True)
class FeedAddress:
    """The secret itself is known to its owner only."""

    id: str
    community_id: str
    channel_id: str
    person_id: str
    secret_hash: str
    create_time: datetime
    number: int | None = None  # its place among those of its owner; None: made before they had one
    revoked: bool = False


def free_numbers(taken: Collection[int | None]) -> list[int]:
    """The places left beside those of addresses that work. Refuses with FEED_ADDRESSES_FULL."""
    free = free_places(taken, MOST_ADDRESSES)
    if not free:
        raise FeedAddressesFullError(
            f"a person has at most {MOST_ADDRESSES} addresses in a community"
        )
    return free


def check_secret_hash(secret_hash: str) -> str:
    """Refuses with FIELD_INVALID."""
    if not _HASH.fullmatch(secret_hash):
        raise FieldInvalidError("secret_hash must be a SHA-256 in lower hex", field="secret_hash")
    return secret_hash

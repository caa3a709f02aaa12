"""Secret addresses of channels' feeds: who has one reads what its owner may read then."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from chassis.errors import FieldInvalidError, NotFoundError, ResourceExhaustedError

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
    revoked: bool = False


def check_secret_hash(secret_hash: str) -> str:
    """Refuses with FIELD_INVALID."""
    if not _HASH.fullmatch(secret_hash):
        raise FieldInvalidError("secret_hash must be a SHA-256 in lower hex", field="secret_hash")
    return secret_hash

"""Times as protobuf spells them."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import FieldInvalidError
from chassis.moment import cut

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def timestamp_of(time: datetime) -> Timestamp:
    """A page has many: a fifth of what Timestamp.FromDatetime takes."""
    since = time - _EPOCH
    return Timestamp(seconds=since.days * 86400 + since.seconds, nanos=since.microseconds * 1000)


def time_of(stamp: Timestamp, field: str) -> datetime:
    """UTC, cut to milliseconds. Refuses with FIELD_INVALID what no calendar has."""
    try:
        return cut(stamp.ToDatetime(UTC))
    except (ValueError, OverflowError):
        raise FieldInvalidError(f"{field} must be a time", field=field) from None

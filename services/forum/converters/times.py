"""Moments that a request names."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import FieldInvalidError


def time_of(time: Timestamp, field: str) -> datetime:
    """To the millisecond, as it is stored. Refuses with FIELD_INVALID what is no moment."""
    try:
        if not 0 <= time.nanos < 1_000_000_000:
            raise ValueError
        moment = time.ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise FieldInvalidError(f"{field} is no moment", field=field) from None
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

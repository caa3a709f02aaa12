"""How mutations write: one RPC, whose response is the payload's source."""

from __future__ import annotations

from enum import Enum
from functools import partial
from typing import Any, TypeVar, cast

import strawberry
from google.protobuf.message import Message

from gateway.context import Info
from gateway.loaders import fill

P = TypeVar("P")
WRITE_TIMEOUT = 6.0  # seconds: a command has five of its own
EVERY_WRITE = "REQUEST_ID_INVALID, REQUEST_ID_REUSED, BAD_USER_INPUT, UNAVAILABLE"


def codes(text: str, *more: str) -> str:
    """A mutation's description with the codes it may refuse with."""
    return f"{text} Codes: {', '.join([*more, EVERY_WRITE])}."


def request_id() -> Any:
    """Every mutation has one."""
    return strawberry.field(
        description="Chosen by the client, 8 to 128 visible ASCII characters: sent again with the "
        "same input it gives the first answer and changes nothing."
    )


def expected_version() -> Any:
    """Of writes to something that exists."""
    return strawberry.field(
        default=None,
        description="The version one has seen; VERSION_STALE where it has changed since. "
        "Without it the write goes ahead whatever the version is.",
    )


def number(member: Enum | None) -> Any:
    """A protobuf enum's number; None leaves the field unset."""
    return None if member is None else member.value


async def write(info: Info, method: Any, request: Message) -> P:
    """One RPC as the person; the response has the payload's attributes."""
    response = await info.context.call(partial(method, timeout=WRITE_TIMEOUT), request)
    await fill(info, [response])
    return cast("P", response)

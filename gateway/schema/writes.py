"""How mutations write: one RPC, whose response is the payload's source."""

from __future__ import annotations

import re
from enum import Enum
from functools import partial
from typing import Any, TypeVar, cast

import strawberry
from google.protobuf.message import Message
from graphql import GraphQLInputObjectType, GraphQLResolveInfo, get_named_type

from chassis.errors import DomainError
from chassis.rpc_status import RemoteRefusalError
from gateway.context import Info, is_not_found
from gateway.errors import BadUserInputError, camel
from gateway.loaders import fill
from guildhall.directory.v1 import directory_pb2

_DIRECTORY = directory_pb2.DESCRIPTOR.package
P = TypeVar("P")
_QUOTED = re.compile(r"(quotes\.\d+)\.(?:topic|reply)_id")  # posts have one id in the schema
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


def expected_version(what: str = "The version one has seen") -> Any:
    """Of writes to something that exists."""
    return strawberry.field(
        default=None,
        description=f"{what}; VERSION_STALE where it has changed since. "
        "Without it the write goes ahead whatever the version is.",
    )


def version(input: Any) -> int:
    """The expected version as services take it, where 0 expects nothing: a version is never 0."""
    expected: int | None = getattr(input, "expected_version", None)
    if expected is not None and expected < 1:
        raise BadUserInputError("expectedVersion must be 1 or more", field="expectedVersion")
    return expected or 0


def number(member: Enum | None) -> Any:
    """A protobuf enum's number; None leaves the field unset."""
    return None if member is None else member.value


async def write(info: Info, method: Any, request: Message) -> P:
    """One RPC as the person; the response has the payload's attributes."""
    try:
        response = await info.context.call(partial(method, timeout=WRITE_TIMEOUT), request)
    except DomainError as error:
        raise _as_named(info, error) from None
    if request.DESCRIPTOR.file.package == _DIRECTORY:
        info.context.directory_cache.drop()
    await fill(info, [response])
    return cast("P", response)


def _as_named(info: Info, error: DomainError) -> DomainError:
    """A refusal in the input's words.

    A global id names its community too, and a reply's its topic. Where one of these is not there,
    the thing is not there: whose id it is, nobody learns.
    """
    if quoted := _QUOTED.fullmatch(error.field):
        error.field = f"{quoted[1]}.post_id"
    if not is_not_found(error):
        return error
    raw: GraphQLResolveInfo[Any] = info._raw_info  # noqa: SLF001
    argument = raw.parent_type.fields[raw.field_name].args["input"]
    fields = cast("GraphQLInputObjectType", get_named_type(argument.type)).fields
    named = ("community_id", "topic_id", "reply_id")
    if error.field not in named or camel(error.field) in fields:
        return error
    ids = [name for name, field in fields.items() if get_named_type(field.type).name == "ID"]
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", ids[0].removesuffix("Id"))
    thing = words.upper().replace(" ", "_")
    return RemoteRefusalError(
        f"{thing}_NOT_FOUND", error.status, f"{words.capitalize()} not found", field=ids[0]
    )

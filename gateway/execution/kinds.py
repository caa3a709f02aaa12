"""Which values the compiled functions meet, found out once for each type."""

from __future__ import annotations

from collections.abc import Sequence
from types import GeneratorType
from typing import Any

from google.protobuf.message import Message
from graphql import GraphQLObjectType, Undefined

PLAIN, OURS = 1, 2

KINDS: dict[type, int] = {}
"""0 of None and of what is waited for or raised, which are left to the library; OURS of what is no
message: its attributes are what they seem."""

LISTS: dict[type, bool] = {}
"""Whether values of a type are gone through as lists are."""


def kind_of(value: Any) -> int:
    """As KINDS has it from now on."""
    kind = type(value)
    if (
        value is None
        or value is Undefined
        or issubclass(kind, BaseException | GeneratorType)
        or hasattr(kind, "__await__")
    ):
        KINDS[kind] = 0
    else:
        KINDS[kind] = PLAIN if issubclass(kind, Message) else OURS
    return KINDS[kind]


def is_list(value: Any) -> bool:
    """As LISTS has it from now on."""
    kind = type(value)
    LISTS[kind] = issubclass(kind, Sequence) and not issubclass(kind, str | bytes | bytearray)
    return LISTS[kind]


def has_presence(message: Any, name: str) -> bool:
    """Whether the message has a message of this name, which may not be there."""
    field = message.DESCRIPTOR.fields_by_name.get(name)
    return field is not None and field.message_type is not None and not field.is_repeated


def message_of(kind: GraphQLObjectType) -> type | None:
    """The message that all rows of a type are, where they are."""
    definition = kind.extensions.get("strawberry-definition")
    message = getattr(getattr(definition, "origin", None), "message", None)
    return message if isinstance(message, type) else None  # a field may have that name too

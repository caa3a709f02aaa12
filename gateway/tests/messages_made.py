"""Messages made up from a Random: some fields set, others not, and enums that nobody knows."""

from __future__ import annotations

from random import Random
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message


def filled(message: Message, random: Random, *, gaps: float = 0.2, depth: int = 2) -> Message:
    """With most of its fields set; `gaps`: how often one is not, is empty, or no enum knows it."""
    for field in message.DESCRIPTOR.fields:
        if random.random() < gaps or field.type == FieldDescriptor.TYPE_BYTES:
            continue
        if field.message_type is not None:
            _fill_message(message, field, random, gaps, depth)
            continue
        empty = random.random() < gaps
        value: Any
        if field.type == FieldDescriptor.TYPE_ENUM:
            known = [one.number for one in field.enum_type.values]  # type: ignore[union-attr]
            value = random.choice((0, 99) if empty else known[1:])
        elif field.type == FieldDescriptor.TYPE_STRING:
            value = "" if empty else random.choice(("x", "ä\u2028"))
        elif field.type == FieldDescriptor.TYPE_BOOL:
            value = random.random() < 0.5
        else:
            value = random.choice((0, 1, 2**31 - 1))
        if field.is_repeated:
            getattr(message, field.name).extend([value] * random.randrange(3))
        else:
            setattr(message, field.name, value)
    return message


def _fill_message(message: Message, field: Any, random: Random, gaps: float, depth: int) -> None:
    """A message within it, or some; so deep only, as there may be no end."""
    value = getattr(message, field.name)
    if field.message_type.name == "Timestamp":
        value.FromSeconds(random.randrange(2_000_000_000))
    elif depth and field.is_repeated:
        for _ in range(random.randrange(3)):
            filled(value.add(), random, gaps=gaps, depth=depth - 1)
    elif depth:
        value.SetInParent()
        filled(value, random, gaps=gaps, depth=depth - 1)

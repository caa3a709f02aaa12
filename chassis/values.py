"""Values: objects that are what their fields say, made by the thousand and never changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(cls: type[T]) -> type[T]:
    """A dataclass that the type checker holds to be frozen.

    At runtime it is not: a frozen one pays a call for each field, which of a topic are fifty.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)

"""What a topic is about in the programme: objects of other systems, as these name them."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.errors import FieldInvalidError
from chassis.texts import check_slug
from chassis.values import value

MAX_CONTEXT_REFS = 5
MAX_EXTERNAL_ID = 128


@value
class ContextRef:
    """A deal, a course, a claim: nothing is known of it but this name."""

    system: str
    type: str
    external_id: str


def check_context_ref(ref: ContextRef, field: str) -> ContextRef:
    """Refuses with FIELD_INVALID."""
    check_slug(ref.system, f"{field}.system")
    check_slug(ref.type, f"{field}.type")
    id_, named = ref.external_id, f"{field}.external_id"
    if not 1 <= len(id_) <= MAX_EXTERNAL_ID or not id_.isprintable() or id_ != id_.strip():
        raise FieldInvalidError(
            f"{named} must be 1 to {MAX_EXTERNAL_ID} printable characters, no blank at the ends",
            field=named,
        )
    return ref


def check_context_refs(refs: Sequence[ContextRef]) -> tuple[ContextRef, ...]:
    """Refuses with FIELD_INVALID."""
    if len(refs) > MAX_CONTEXT_REFS:
        raise FieldInvalidError(
            f"at most {MAX_CONTEXT_REFS} context_refs, not {len(refs)}", field="context_refs"
        )
    for index, ref in enumerate(refs):
        field = f"context_refs.{index}"
        if check_context_ref(ref, field) in refs[:index]:
            raise FieldInvalidError(f"{field} is there already", field=field)
    return tuple(refs)

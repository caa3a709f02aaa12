"""What an error tells beside its message."""

from __future__ import annotations

import strawberry

from gateway.schema.refusals import RefusalCode


@strawberry.type(
    description="The extensions of an error. Every error has a code; the rest goes with some."
)
class Refusal:
    """No field answers it: errors stand beside the data. Generated clients have it from here."""

    code: RefusalCode = strawberry.field(
        description="Why. There will be more codes: an unknown one is as INTERNAL."
    )
    field: str | None = strawberry.field(
        description="The argument or field of the input at fault, as posts.12.body."
    )
    retry_after: float | None = strawberry.field(
        description="In how many seconds it may be tried again."
    )
    limit: str | None = strawberry.field(
        description="Of LIMIT_EXCEEDED and RPC_BUDGET_EXCEEDED: which limit."
    )
    maximum: int | None = strawberry.field(
        description="Of LIMIT_EXCEEDED, RPC_BUDGET_EXCEEDED and REQUEST_TOO_LARGE: the most that "
        "is allowed."
    )
    actual: int | None = strawberry.field(
        description="Of LIMIT_EXCEEDED and REQUEST_TOO_LARGE: how much it was, where all was "
        "counted. Of RPC_BUDGET_EXCEEDED: which call it would have been."
    )
    trace_id: str | None = strawberry.field(
        description="Of INTERNAL: what finds the failure in the logs."
    )

"""How spaces do, in GraphQL: what the type Space shows of it, and the mutation that keeps one open.

Written apart from the mutation, as the type Space is made of it.
"""

from __future__ import annotations

import strawberry

from gateway import batches, quality_lists
from gateway.loaders import Reference
from gateway.schema.fields import fetched, paged
from gateway.schema.quality.scalars import SpaceVitality
from gateway.schema.relay import Connection
from gateway.schema.scalars import DateTime, unset_is_null
from guildhall.forum.v1 import vitality_pb2


def _share(row: object, field: str) -> float | None:
    known: vitality_pb2.SpaceHealth = row  # type: ignore[assignment]
    return getattr(known, field) if known.HasField(field) else None  # type: ignore[arg-type]


@strawberry.type(description="How a space did in the 28 days until the end of a day.")
class SpaceDay:
    """forum.SpaceDay."""

    day_time: DateTime = strawberry.field(description="When the day began, in UTC.")
    post_count: int = strawberry.field(description="Posts, without imported and seeded ones.")
    active_count: int = strawberry.field(description="People who wrote them.")
    company_count: int = strawberry.field(
        description="Companies with members who could read it, the vendor aside."
    )
    threshold_days: int = strawberry.field(
        description="How many days in a row until then had an index of 1 or more."
    )
    dormant_days: int = strawberry.field(
        description="How many days in a row until then it was DORMANT."
    )

    @strawberry.field(
        description="The share of questions, a day old or answered, with a reply by another within "
        "24 hours; null where there were none."
    )
    def answered_share(self) -> float | None:
        return _share(self, "answered_share")

    @strawberry.field(description="The share of posts not by the vendor; null where none were.")
    def non_vendor_share(self) -> float | None:
        return _share(self, "non_vendor_share")

    @strawberry.field(
        description="The smallest of posts / (300 s), people / (100 s), answered share / 0.8 and "
        "non-vendor share / 0.5, with s = companies / 100, 0.05 to 1; null where only the vendor "
        "reads."
    )
    def index(self) -> float | None:
        return _share(self, "index")

    @strawberry.field(description="What the index says; null where there is none.")
    def vitality(self) -> SpaceVitality | None:
        return unset_is_null(self, "vitality")


@strawberry.type(
    description="How a space does: of the last 28 days, without imported and seeded posts."
)
class SpaceHealth:
    """forum.SpaceHealth."""

    post_count: int = strawberry.field(description="Posts.")
    active_count: int = strawberry.field(description="People who wrote them.")
    question_count: int = strawberry.field(description="Questions among them.")
    seeded_count: int = strawberry.field(description="Posts of seedings, beside the others.")
    unanswered_count: int = strawberry.field(
        description="Open questions without an accepted reply, of whatever age; 10,000: or more."
    )
    compute_time: DateTime = strawberry.field(
        description="When it was counted, ten minutes ago at most."
    )
    latest_day: SpaceDay | None = strawberry.field(
        description="The last day that has ended; null where none has."
    )

    @strawberry.field(
        description="The share of questions, a day old or answered, with a reply by another within "
        "24 hours; null where there are none."
    )
    def answered_share(self) -> float | None:
        return _share(self, "answered_share")

    @strawberry.field(description="The share of posts not by the vendor; null where none are.")
    def non_vendor_share(self) -> float | None:
        return _share(self, "non_vendor_share")

    @strawberry.field(
        description="Half of the replied questions had a reply by another within so many seconds."
    )
    def first_reply_seconds(self) -> int | None:
        known: vitality_pb2.SpaceHealth = self  # type: ignore[assignment]
        return known.first_reply_seconds if known.HasField("first_reply_seconds") else None


@strawberry.type
class SpaceVitalityFields:
    """Of Space."""

    folded: bool = strawberry.field(
        description="Whether it is to be shown collapsed, as it is dormant for 28 days."
    )
    kept_open: bool = strawberry.field(description="Whether a manager said: never folded.")
    vitality_time: DateTime | None = strawberry.field(
        description="Since when its vitality is what it is."
    )

    @strawberry.field(
        description="Whether it lives by itself; null while no day of it was counted."
    )
    def vitality(self) -> SpaceVitality | None:
        return unset_is_null(self, "vitality")

    health: SpaceHealth | None = fetched(
        Reference(batches.space_health, lambda row: (row.community_id, row.id)),
        "How it does now. For moderators. Codes: ROLE_REQUIRED.",
        cost=5,
    )

    days: Connection[SpaceDay] | None = paged(
        quality_lists.space_days,
        "Its days, the newest first. One call a space. For moderators. "
        "Codes: BAD_USER_INPUT, ROLE_REQUIRED.",
    )

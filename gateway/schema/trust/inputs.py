"""Inputs and payloads of trust."""

from __future__ import annotations

import strawberry

from gateway.schema.scalars import TrustLevel
from gateway.schema.trust import TrustFact, TrustSettings
from gateway.schema.writes import expected_version, request_id


@strawberry.input(description="How much of something a level needs.")
class TrustNeedInput:
    """forum.TrustNeed."""

    fact: TrustFact = strawberry.field(description="Of what.")
    count: int = strawberry.field(description="How much; of POSTS_REMOVED at most so many.")


@strawberry.input(description="What a level needs from now on, in place of what it needed.")
class TrustRequirementInput:
    """forum.TrustRequirement."""

    trust_level: TrustLevel = strawberry.field(description="BASIC, MEMBER or REGULAR.")
    needs: list[TrustNeedInput] = strawberry.field(description="All of these; none: nothing.")


@strawberry.input(description="Which levels need something else; others stay.")
class UpdateTrustSettingsInput:
    """Of updateTrustSettings."""

    request_id: str = request_id()
    community_id: strawberry.ID = strawberry.field(description="Where.")
    requirements: list[TrustRequirementInput] = strawberry.field(description="Each level once.")
    expected_version: int | None = expected_version()


@strawberry.type(description="What levels need now.")
class UpdateTrustSettingsPayload:
    """Of updateTrustSettings."""

    trust_settings: TrustSettings = strawberry.field(description="Of all levels.")

"""Inputs and payloads of what is done with spaces."""

from __future__ import annotations

import strawberry

from gateway.schema.audiences import NAMES
from gateway.schema.forum.inputs.base import SpacePayload, Write, optional
from gateway.schema.forum.space_settings import SpaceSettingsInput
from gateway.schema.scalars import Audience, SpaceMode
from gateway.schema.writes import expected_version


@strawberry.input(description="A new space.")
class CreateSpaceInput(Write):
    """Of createSpace."""

    community_id: strawberry.ID = strawberry.field(description="Where.")
    slug: str = strawberry.field(description="Its name in addresses: a-z, 0-9 and -.")
    name: str = strawberry.field(description="Its name.")
    description: str = strawberry.field(default="", description="About it, in plain text.")
    mode: SpaceMode | None = optional("Whether posts wait for review; by default AUTO.")
    audience: Audience | None = optional("Who may read it; by default COMMUNITY.")
    audience_names: list[str] | None = optional(NAMES)
    settings: SpaceSettingsInput | None = optional("How it is run.")


@strawberry.type(description="The new space.")
class CreateSpacePayload(SpacePayload):
    """Of createSpace."""


@strawberry.input(description="What changes; what is left out stays.")
class UpdateSpaceInput(Write):
    """Of updateSpace."""

    space_id: strawberry.ID = strawberry.field(description="The space.")
    name: str | None = optional("Its new name.")
    description: str | None = optional("Its new description.")
    mode: SpaceMode | None = optional("Whether posts wait for review.")
    audience: Audience | None = optional("Who may read it from now on.")
    audience_names: list[str] | None = optional("Goes with audience, and replaces all names.")
    settings: SpaceSettingsInput | None = optional("How it is run from now on.")
    expected_version: int | None = expected_version()


@strawberry.type(description="The changed space.")
class UpdateSpacePayload(SpacePayload):
    """Of updateSpace."""

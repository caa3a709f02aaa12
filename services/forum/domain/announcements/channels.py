"""Channels: what announcements are about, and who can read them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from chassis.errors import AlreadyExistsError, NotFoundError
from services.forum.domain.members import opens
from services.forum.domain.spaces import (
    Audience,
    check_description,
    check_space_name,
    read_keys_of,
)


class ChannelNotFoundError(NotFoundError):
    """There is no such channel, or the caller cannot read it."""


class ChannelSlugTakenError(AlreadyExistsError):
    """Another channel of the community has this slug."""

    def __init__(self, message: str = "", *, field: str = "slug", retry_after: float = 0.0) -> None:
        super().__init__(message, field=field, retry_after=retry_after)


class ChannelTheme(StrEnum):
    """What a channel's announcements are about."""

    PROGRAMME_CHANGE = "PROGRAMME_CHANGE"
    PRODUCT_UPDATE = "PRODUCT_UPDATE"
    OPPORTUNITY = "OPPORTUNITY"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class Channel:
    """Where announcements of one theme appear; its audience is the wall around them."""

    id: str
    community_id: str
    slug: str
    name: str
    description: str
    theme: ChannelTheme
    audience: Audience
    audience_names: tuple[str, ...]
    create_time: datetime
    version: int = 0

    @property
    def read_keys(self) -> tuple[str, ...]:
        """The keys that open it, and with it what is published in it."""
        return read_keys_of(self.community_id, self.audience, self.audience_names)

    @property
    def name_order(self) -> str:
        """What channels are listed by: capitals do not count."""
        return self.name.casefold()

    def readable(self, keyring: Collection[str]) -> bool:
        """Whether one of these keys opens it."""
        return opens(self.read_keys, keyring)

    def change(
        self,
        *,
        name: str | None = None,
        description: str | None = None,
        theme: ChannelTheme | None = None,
        audience: tuple[Audience, tuple[str, ...]] | None = None,
    ) -> Channel:
        """What is given takes the place of what was; checked as at creation."""
        changed = self
        if name is not None:
            changed = replace(changed, name=check_space_name(name))
        if description is not None:
            changed = replace(changed, description=check_description(description))
        if theme is not None:
            changed = replace(changed, theme=theme)
        if audience is not None:
            changed = replace(changed, audience=audience[0], audience_names=audience[1])
        return changed


@dataclass(frozen=True, slots=True)
class ChannelFollow:
    """That a person follows a channel, or does no more."""

    channel_id: str
    person_id: str
    following: bool


def channel_key(channel_id: str) -> str:
    """The key that whoever can read a channel holds to what was published in it."""
    return f"channel:{channel_id}"


def follow_id(channel_id: str, person_id: str) -> str:
    """One a channel and person."""
    return f"{channel_id}-{person_id}"

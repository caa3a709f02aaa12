"""Spaces: where topics live, and who can read them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from chassis.actors import MANAGER
from chassis.errors import AlreadyExistsError, FieldInvalidError, NotFoundError
from chassis.texts import check_body, check_name, check_slug
from chassis.values import value
from services.forum.domain.members import opens
from services.forum.domain.space_settings import DEFAULT_SETTINGS, SpaceSettings

_MAX_NAME = 80
_MAX_DESCRIPTION = 1000
_MAX_AUDIENCE_NAMES = 100
_GROUP = "group:"
_AUDIENCE_NAME = re.compile(r"\w[\w .+-]{0,63}")


class SpaceNotFoundError(NotFoundError):
    """There is no such space, or the caller cannot read it."""


class SpaceSlugTakenError(AlreadyExistsError):
    """Another space of the community has this slug."""

    def __init__(self, message: str = "", *, field: str = "slug", retry_after: float = 0.0) -> None:
        super().__init__(message, field=field, retry_after=retry_after)


class Vitality(StrEnum):
    """Whether a space lives by itself."""

    DORMANT = "DORMANT"
    WARMING = "WARMING"
    SELF_SUSTAINING = "SELF_SUSTAINING"


class SpaceMode(StrEnum):
    """Whether posts appear at once."""

    AUTO = "AUTO"
    REQUIRED = "REQUIRED"


class Audience(StrEnum):
    """Who may read a space."""

    COMMUNITY = "COMMUNITY"
    TIER = "TIER"
    VENDOR = "VENDOR"
    COMPANIES = "COMPANIES"
    GROUPS = "GROUPS"


class Walled(Protocol):
    """What has an audience: a space, or a channel of announcements."""

    @property
    def community_id(self) -> str: ...
    @property
    def audience(self) -> Audience: ...
    @property
    def audience_names(self) -> tuple[str, ...]: ...


@value
class Space:
    """A place for topics; its audience is the wall around them."""

    id: str
    community_id: str
    slug: str
    name: str
    description: str
    mode: SpaceMode
    audience: Audience
    audience_names: tuple[str, ...]
    create_time: datetime
    version: int = 0
    settings: SpaceSettings = DEFAULT_SETTINGS
    vitality: Vitality | None = None  # None: no day was counted yet, or only the vendor reads it
    vitality_time: datetime | None = None
    dormant: bool = False  # for so long that it is folded
    kept_open: bool = False

    @property
    def read_keys(self) -> tuple[str, ...]:
        """The keys that open it, and with it all that was published in it."""
        return read_keys_of(self.community_id, self.audience, self.audience_names)

    @property
    def name_order(self) -> str:
        """What spaces are listed by: capitals do not count."""
        return self.name.casefold()

    @property
    def folded(self) -> bool:
        """Shown collapsed; no wall."""
        return self.dormant and not self.kept_open

    @property
    def requires_review(self) -> bool:
        """Posts of all below REGULAR wait for review."""
        return self.mode is SpaceMode.REQUIRED

    def readable(self, keyring: Collection[str]) -> bool:
        """Whether one of these keys opens it."""
        return opens(self.read_keys, keyring)

    def keep_open(self, kept: bool) -> Space:
        """Never folded, or folded again when it is dormant."""
        return replace(self, kept_open=kept)

    def open_to_all_of(self, other: Space) -> bool:
        """Whether everybody who can read the other space can read this one; both of a community.

        Whoever holds any other key of a community holds that of its members as well.
        """
        mine, theirs = set(self.read_keys), set(other.read_keys)
        for_members = f"community:{self.community_id}" in mine
        return theirs <= mine or (for_members and "public" not in theirs)

    def change(
        self,
        *,
        name: str | None = None,
        description: str | None = None,
        mode: SpaceMode | None = None,
        audience: tuple[Audience, tuple[str, ...]] | None = None,
        settings: SpaceSettings | None = None,
    ) -> Space:
        """What is given takes the place of what was; checked as at creation."""
        changed = self
        if name is not None:
            changed = replace(changed, name=check_space_name(name))
        if description is not None:
            changed = replace(changed, description=check_description(description))
        if mode is not None:
            changed = replace(changed, mode=mode)
        if audience is not None:
            changed = replace(changed, audience=audience[0], audience_names=audience[1])
        if settings is not None:
            changed = replace(changed, settings=settings)
        return changed


def read_keys_of(
    community_id: str, audience: Audience, audience_names: Sequence[str]
) -> tuple[str, ...]:
    """The keys that a label chooses."""
    vendor = f"vendor:{community_id}"
    match audience:
        case Audience.COMMUNITY:
            return (f"community:{community_id}",)
        case Audience.VENDOR:
            return (vendor,)
        case Audience.TIER:
            return (*(f"tier:{name}@{community_id}" for name in audience_names), vendor)
        case Audience.COMPANIES:
            return (*(f"company:{name}@{community_id}" for name in audience_names), vendor)
        case Audience.GROUPS:
            return (*map(group_key, audience_names), f"moderators:{community_id}")


def group_key(group_id: str) -> str:
    """The key that the members of a group hold."""
    return f"{_GROUP}{group_id}"


def group_keys(keys: Iterable[str]) -> list[str]:
    """Those of them that are a group's."""
    return [key for key in keys if key.startswith(_GROUP)]


def shown_names(walled: Walled, keyring: Collection[str]) -> tuple[str, ...]:
    """Of groups the reader's own, as others may be hidden from them; managers see them all."""
    names = walled.audience_names
    if walled.audience is not Audience.GROUPS or f"role:{MANAGER}@{walled.community_id}" in keyring:
        return names
    return tuple(name for name in names if group_key(name) in keyring)


def space_key(space_id: str) -> str:
    """The key that whoever can read a space holds to what was published in it."""
    return f"space:{space_id}"


def check_space_slug(slug: str) -> str:
    """Refuses with FIELD_INVALID."""
    return check_slug(slug)


def check_space_name(name: str) -> str:
    """Refuses with TEXT_INVALID."""
    return check_name(name, "name", most=_MAX_NAME)


def check_description(description: str) -> str:
    """May be empty. Refuses with TEXT_INVALID."""
    return check_body(description, "description", least=0, most=_MAX_DESCRIPTION)


def check_audience(audience: Audience, names: Sequence[str]) -> tuple[str, ...]:
    """Tiers, companies or groups where it asks for them. Refuses with FIELD_INVALID."""
    field = "audience_names"
    named = audience in (Audience.TIER, Audience.COMPANIES, Audience.GROUPS)
    if named != bool(names):
        need = "needs" if named else "takes no"
        raise FieldInvalidError(f"the audience {audience} {need} audience_names", field=field)
    if len(names) > _MAX_AUDIENCE_NAMES:
        raise FieldInvalidError(f"at most {_MAX_AUDIENCE_NAMES} {field}", field=field)
    for name in names:
        if not is_audience_name(name):
            raise FieldInvalidError(f"{field} must be tiers or ids", field=field)
    return tuple(dict.fromkeys(names))


def is_audience_name(name: str) -> bool:
    """Whether it may be the name of a tier, or the id of a company or group."""
    return _AUDIENCE_NAME.fullmatch(name) is not None and name == name.strip()

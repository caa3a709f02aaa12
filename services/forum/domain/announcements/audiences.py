"""Whom of a channel's readers an announcement is for, as keys that people hold."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from chassis.actors import MANAGER, Actor
from chassis.errors import FailedPreconditionError, FieldInvalidError, TextInvalidError
from chassis.keys import territory_key
from chassis.locales import check_locale
from chassis.texts import check_line
from services.forum.domain.announcements.channels import Channel
from services.forum.domain.spaces import is_audience_name

_MOST_NAMES = 100  # of tiers, companies, territories
_MOST_NAME = 64
_MOST_LOCALES = 20
MOST_SHARES = 100
MOST_SAMPLE = 20


class AudienceEmptyError(FailedPreconditionError):
    """The audience rule matches nobody who can read the channel."""

    def __init__(
        self, message: str = "", *, field: str = "announcement_id", retry_after: float = 0.0
    ) -> None:
        super().__init__(message, field=field, retry_after=retry_after)


def managers_key(community_id: str) -> str:
    """What managers hold to all announcements of their community, in every state."""
    return f"managers:{community_id}"


@dataclass(frozen=True, slots=True)
class AudienceRule:
    """Of every list that is not empty, one must fit."""

    tiers: tuple[str, ...] = ()
    company_ids: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    locales: tuple[str, ...] = ()
    territories: tuple[str, ...] = ()

    def keys(self, community_id: str) -> tuple[tuple[str, ...], ...]:
        """By tier, company, role, locale, territory: the keys of which a reader holds one."""
        lists = (
            [f"tier:{name}@{community_id}" for name in self.tiers],
            [f"company:{id_}@{community_id}" for id_ in self.company_ids],
            [_role_key(role, community_id) for role in self.roles],
            [f"locale:{tag}@{community_id}" for tag in self.locales],
            [territory_key(name, community_id) for name in self.territories],
        )
        everyone = (f"community:{community_id}",)
        return tuple(tuple(keys) or everyone for keys in lists)

    def clauses(self, channel: Channel) -> list[tuple[str, ...]]:
        """What somebody is asked for who is told: the channel's audience, and the rule."""
        everyone = (f"community:{channel.community_id}",)
        asked = (channel.read_keys, *self.keys(channel.community_id))
        return [clause for clause in asked if clause != everyone] or [everyone]


EVERYONE = AudienceRule()


def _role_key(role: str, community_id: str) -> str:
    return f"community:{community_id}" if role == "MEMBER" else f"role:{role}@{community_id}"


def check_rule(
    tiers: Sequence[str],
    company_ids: Sequence[str],
    roles: Sequence[str],
    locales: Sequence[str],
    territories: Sequence[str],
) -> AudienceRule:
    """Each once. Refuses with FIELD_INVALID and the list's name."""
    at = "audience_rule"
    for names, field in ((tiers, f"{at}.tiers"), (company_ids, f"{at}.company_ids")):
        _check_count(names, _MOST_NAMES, field)
        if not all(map(is_audience_name, names)):
            raise FieldInvalidError(f"{field} must be names of tiers or company ids", field=field)
    field = f"{at}.locales"
    _check_count(locales, _MOST_LOCALES, field)
    tags = [check_locale(tag, field) for tag in locales]
    field = f"{at}.territories"
    _check_count(territories, _MOST_NAMES, field)
    places = [_territory(name, field) for name in territories]
    lists = (tiers, company_ids, roles, tags, places)
    return AudienceRule(*(tuple(dict.fromkeys(one)) for one in lists))


def _check_count(names: Sequence[str], most: int, field: str) -> None:
    if len(names) > most:
        raise FieldInvalidError(f"{field} must be at most {most}", field=field)


def _territory(name: str, field: str) -> str:
    """Spelled as the directory has it: of an enrolment it may be any line."""
    try:
        return check_line(name, field, most=_MOST_NAME)
    except TextInvalidError:
        raise FieldInvalidError(f"{field} must be names of territories", field=field) from None


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads announcements of one community."""

    community_id: str
    person_id: str
    keyring: tuple[str, ...]
    manager: bool = False

    @classmethod
    def of(cls, actor: Actor, community_id: str) -> Reader:
        """The actor as a reader. Refuses with COMMUNITY_NOT_FOUND."""
        membership = actor.member_of(community_id)
        return cls(
            community_id,
            actor.person_id,
            membership.keyring,
            actor.has_role(community_id, MANAGER),
        )

    @property
    def keys(self) -> tuple[str, ...]:
        """What opens announcements: the keyring, and the managers' key."""
        more = (managers_key(self.community_id),) if self.manager else ()
        return (*self.keyring, *more)

    @property
    def locales(self) -> list[str]:
        """The reader's own languages, the best first."""
        end = f"@{self.community_id}"
        return [
            key.removeprefix("locale:").removesuffix(end)
            for key in self.keyring
            if key.startswith("locale:") and key.endswith(end)
        ]


@dataclass(frozen=True, slots=True)
class AudienceMember:
    """Somebody an announcement is for."""

    person_id: str
    company_id: str
    time_zone: str


@dataclass(slots=True)
class Preview:
    """Who would be told; counted page by page."""

    count: int
    by_company: dict[str, int]
    sample: list[str]

    @classmethod
    def empty(cls) -> Preview:
        """Nobody yet."""
        return cls(0, {}, [])

    def add(self, people: Collection[AudienceMember]) -> None:
        """A page more."""
        self.count += len(people)
        for person in people:
            self.by_company[person.company_id] = self.by_company.get(person.company_id, 0) + 1
            if len(self.sample) < MOST_SAMPLE:
                self.sample.append(person.person_id)

    @property
    def shares(self) -> list[tuple[str, int]]:
        """The companies with the most people."""
        ranked = sorted(self.by_company.items(), key=lambda one: (-one[1], one[0]))
        return ranked[:MOST_SHARES]

"""A group of a community: who knows of it, how one gets in, and whom its rule takes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from chassis.actors import MANAGER
from chassis.errors import FieldInvalidError
from chassis.texts import check_line
from services.directory.domain.enrolment import Enrolment
from services.directory.domain.fields import MOST_LABELS, check_labels, fold
from services.directory.domain.refusals import GroupArchivedError, GroupRuleInvalidError

_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
_MOST_DOMAIN = 253


class GroupVisibility(StrEnum):
    """Who knows that there is the group."""

    COMMUNITY = "COMMUNITY"
    MEMBERS = "MEMBERS"


class GroupMemberVisibility(StrEnum):
    """Who sees who is in it, of those who see the group."""

    COMMUNITY = "COMMUNITY"
    MEMBERS = "MEMBERS"
    MODERATORS = "MODERATORS"


class GroupJoinPolicy(StrEnum):
    """How one gets in."""

    OPEN = "OPEN"
    REQUEST = "REQUEST"
    INVITE_ONLY = "INVITE_ONLY"
    RULE = "RULE"


class GroupState(StrEnum):
    """An archived group gives no key."""

    ACTIVE = "ACTIVE"
    ARCHIVED = "ARCHIVED"


@dataclass(frozen=True, slots=True)
class GroupRule:
    """Of each list that is not empty one entry must match."""

    partner_types: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    verticals: tuple[str, ...] = ()
    territories: tuple[str, ...] = ()
    email_domains: tuple[str, ...] = ()

    def matches(self, facts: Facts) -> bool:
        """Without regard to upper and lower case."""
        pairs = (
            (self.partner_types, (facts.partner_type,)),
            (self.tiers, (facts.tier,)),
            (self.verticals, facts.verticals),
            (self.territories, facts.territories),
            (self.email_domains, (facts.email.rpartition("@")[2],)),
        )
        return all(not wanted or _meet(wanted, given) for wanted, given in pairs)


NO_RULE = GroupRule()


@dataclass(frozen=True, slots=True)
class Facts:
    """What rules ask of a member: the company's enrolment, which the vendor's people lack."""

    partner_type: str = ""
    tier: str = ""
    verticals: tuple[str, ...] = ()
    territories: tuple[str, ...] = ()
    email: str = ""

    @classmethod
    def of(cls, email: str, enrolment: Enrolment | None) -> Facts:
        """Those of a member on behalf of the enrolment's company."""
        if enrolment is None:
            return cls(email=email)
        return cls(
            enrolment.partner_type,
            enrolment.tier,
            enrolment.verticals,
            enrolment.territories,
            email,
        )


@dataclass(frozen=True, slots=True)
class Group:
    """Its key is `group:<id>`."""

    id: str
    community_id: str
    name: str
    create_time: datetime
    description: str = ""
    visibility: GroupVisibility = GroupVisibility.COMMUNITY
    member_visibility: GroupMemberVisibility = GroupMemberVisibility.COMMUNITY
    join_policy: GroupJoinPolicy = GroupJoinPolicy.INVITE_ONLY
    rule: GroupRule = NO_RULE
    state: GroupState = GroupState.ACTIVE

    @property
    def archived(self) -> bool:
        """Whether it has ended."""
        return self.state is GroupState.ARCHIVED

    @property
    def by_rule(self) -> bool:
        """Whether it takes people in by itself."""
        return self.join_policy is GroupJoinPolicy.RULE and not self.archived

    @property
    def read_keys(self) -> list[str]:
        """Who sees it, but for those who are invited."""
        if self.visibility is GroupVisibility.COMMUNITY:
            return [f"community:{self.community_id}"]
        return [group_key(self.id), f"role:{MANAGER}@{self.community_id}"]

    def checked(self) -> Group:
        """A rule is there where it decides who gets in. Refuses with GROUP_RULE_INVALID."""
        if (self.join_policy is GroupJoinPolicy.RULE) != (self.rule != NO_RULE):
            raise GroupRuleInvalidError(field="rule")
        return self

    def changed(
        self,
        *,
        name: str | None = None,
        description: str | None = None,
        visibility: GroupVisibility | None = None,
        member_visibility: GroupMemberVisibility | None = None,
        join_policy: GroupJoinPolicy | None = None,
        rule: GroupRule | None = None,
    ) -> Group:
        """With what is given; a policy that needs no rule takes it away.

        Refuses with GROUP_ARCHIVED, GROUP_RULE_INVALID.
        """
        policy = join_policy or self.join_policy
        kept = self.rule if policy is GroupJoinPolicy.RULE else NO_RULE
        return replace(
            self.open(),
            name=self.name if name is None else name,
            description=self.description if description is None else description,
            visibility=visibility or self.visibility,
            member_visibility=member_visibility or self.member_visibility,
            join_policy=policy,
            rule=kept if rule is None else rule,
        ).checked()

    def takes(self, facts: Facts) -> bool:
        """Whether a member of whom this holds is in by rule."""
        return self.by_rule and self.rule.matches(facts)

    def open(self) -> Group:
        """This one, where it has not ended. Refuses with GROUP_ARCHIVED."""
        if self.archived:
            raise GroupArchivedError(field="group_id")
        return self

    def archive(self) -> Group:
        """Ended for good. Refuses with GROUP_ARCHIVED."""
        return replace(self.open(), state=GroupState.ARCHIVED)


def _meet(wanted: Iterable[str], given: Iterable[str]) -> bool:
    return not {fold(one) for one in wanted}.isdisjoint(fold(one) for one in given)


def group_key(group_id: str) -> str:
    """What members of it hold."""
    return f"group:{group_id}"


def groups_of(keys: Iterable[str]) -> list[str]:
    """The groups whose keys are among these."""
    return [key.removeprefix("group:") for key in keys if key.startswith("group:")]


def check_rule(
    partner_types: Sequence[str],
    tiers: Sequence[str],
    verticals: Sequence[str],
    territories: Sequence[str],
    email_domains: Sequence[str],
) -> GroupRule:
    """At most 20 entries of each. Refuses with FIELD_INVALID, TEXT_INVALID."""
    return GroupRule(
        check_labels(partner_types, "rule.partner_types"),
        check_labels(tiers, "rule.tiers"),
        check_labels(verticals, "rule.verticals"),
        check_labels(territories, "rule.territories"),
        _check_domains(email_domains, "rule.email_domains"),
    )


def _check_domains(texts: Sequence[str], field: str) -> tuple[str, ...]:
    if len(texts) > MOST_LABELS:
        raise FieldInvalidError(f"{field} must have at most {MOST_LABELS}", field=field)
    domains = []
    for i, text in enumerate(texts):
        domain = check_line(text, f"{field}.{i}", most=_MOST_DOMAIN).casefold()
        if not _DOMAIN.fullmatch(domain):
            raise FieldInvalidError(f"{field}.{i} must be a domain", field=f"{field}.{i}")
        domains.append(domain)
    return tuple(dict.fromkeys(domains))

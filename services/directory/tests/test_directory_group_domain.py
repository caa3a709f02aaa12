"""Rules of groups by plain calls: what becomes of whom, by whose choice, and what it gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis.actors import Actor
from chassis.actors import Membership as Token
from chassis.errors import DomainError
from services.directory.domain.group import (
    Facts,
    Group,
    GroupJoinPolicy,
    GroupMemberVisibility,
    GroupRule,
    GroupVisibility,
    check_rule,
    groups_of,
)
from services.directory.domain.group_candidate import Candidate, found
from services.directory.domain.group_member import GroupMember, GroupRole
from services.directory.domain.group_member import GroupMemberSource as Source
from services.directory.domain.group_member import GroupMemberState as S
from services.directory.domain.group_rights import group_reader
from services.directory.domain.member import MOST_GROUP_KEYS, resolve
from services.directory.domain.person import Affiliation, Membership, Person

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=10)
GROUP = Group("g1", "c1", "Storage", START)
HERE = Membership("c1", "co1", False, START)
GOLD = Facts("SI", "gold", ("ports",), ("DACH",), "ann@kestrel.example")


def row(state: S, source: Source = Source.SELF, **more: Any) -> GroupMember:
    """Somebody's, as it was stored a while ago."""
    made = GroupMember("g1", "c1", "p1", "co1", START, state, source, START, START)
    return replace(made, **more)


def beside(
    before: GroupMember | None,
    policy: GroupJoinPolicy = GroupJoinPolicy.OPEN,
    *,
    facts: Facts | None = None,
    membership: Membership | None = HERE,
) -> Candidate:
    rule = GroupRule(tiers=("gold",)) if policy is GroupJoinPolicy.RULE else GroupRule()
    group = replace(GROUP, join_policy=policy, rule=rule)
    settled = before.as_of(membership, NOW) if before else None
    return Candidate(group, "p1", membership, settled, NOW, facts)


def outcome(act: Callable[[], GroupMember | None]) -> str:
    """The state and source it leads to, or why not."""
    try:
        after = act()
    except DomainError as refusal:
        return refusal.reason()
    return f"{after.state} {after.source}" if after else "NONE"


def stood(state: S | None) -> GroupMember | None:
    if state is None:
        return None
    later = NOW + timedelta(days=1)
    return row(state, expire_time=later if state is S.INVITED else None)


# What each act makes of each state, from None and INVITED to EXCLUDED.
STATES = (None, *S)


def expected(by_state: dict[S, str], anew: str) -> list[str]:
    return [by_state.get(state, anew) if state else anew for state in STATES]


@pytest.mark.parametrize(
    ("policy", "anew"),
    [
        (GroupJoinPolicy.OPEN, "ACTIVE SELF"),
        (GroupJoinPolicy.REQUEST, "REQUESTED REQUEST"),
        (GroupJoinPolicy.INVITE_ONLY, "GROUP_NOT_OPEN"),
        (GroupJoinPolicy.RULE, "GROUP_NOT_OPEN"),
    ],
)
def test_joining(policy: GroupJoinPolicy, anew: str) -> None:
    assert [outcome(beside(stood(state), policy).join) for state in STATES] == expected(
        {
            S.INVITED: "ACTIVE INVITATION",
            S.REQUESTED: "REQUESTED SELF",
            S.ACTIVE: "ACTIVE SELF",
            S.SUSPENDED: "GROUP_MEMBER_SUSPENDED",
            S.EXCLUDED: "GROUP_MEMBER_EXCLUDED",
        },
        anew,
    )


def test_inviting() -> None:
    acts = [beside(stood(state)) for state in STATES]
    assert [outcome(lambda one=one: one.invite(NOW + timedelta(days=2))) for one in acts] == (  # type: ignore[misc]
        expected(
            {
                S.INVITED: "INVITED INVITATION",
                S.REQUESTED: "ACTIVE REQUEST",
                S.ACTIVE: "ALREADY_GROUP_MEMBER",
                S.SUSPENDED: "GROUP_MEMBER_SUSPENDED",
                S.EXCLUDED: "GROUP_MEMBER_EXCLUDED",
            },
            "INVITED INVITATION",
        )
    )


@pytest.mark.parametrize("yes", [True, False])
def test_answers_and_decisions_need_what_they_are_about(yes: bool) -> None:
    for state in STATES:
        one = beside(stood(state))
        answered = outcome(lambda one=one: one.answer(accept=yes))  # type: ignore[misc]
        decided = outcome(lambda one=one: one.decide(approve=yes))  # type: ignore[misc]
        assert answered == (
            ("ACTIVE INVITATION" if yes else "DECLINED SELF")
            if state is S.INVITED
            else "GROUP_INVITATION_NOT_FOUND"
        )
        assert decided == (
            ("ACTIVE REQUEST" if yes else "REJECTED SELF")
            if state is S.REQUESTED
            else "GROUP_REQUEST_NOT_FOUND"
        )


def test_leaving_removing_and_suspending() -> None:
    for state in S:
        one = stood(state)
        assert one is not None
        left = {
            S.ACTIVE: "LEFT SELF",
            S.REQUESTED: "LEFT SELF",
            S.SUSPENDED: "GROUP_MEMBER_SUSPENDED",
        }
        assert outcome(lambda one=one: one.leave(NOW)) == left.get(  # type: ignore[misc]
            state, "GROUP_MEMBER_NOT_FOUND"
        )
        removed = {S.ACTIVE, S.INVITED, S.SUSPENDED}
        assert outcome(lambda one=one: one.remove(NOW)) == (  # type: ignore[misc]
            "REMOVED SELF" if state in removed else "GROUP_MEMBER_STATE_INVALID"
        )
        suspended = {S.ACTIVE, S.SUSPENDED}
        assert outcome(lambda one=one: one.suspend(NOW)) == (  # type: ignore[misc]
            "SUSPENDED SELF" if state in suspended else "GROUP_MEMBER_STATE_INVALID"
        )
        assert outcome(beside(one).exclude) == "EXCLUDED SELF"
        lifted = {S.ACTIVE: "ACTIVE SELF", S.SUSPENDED: "ACTIVE SELF", S.EXCLUDED: "LEFT SELF"}
        assert outcome(beside(one).lift) == lifted.get(state, "GROUP_MEMBER_STATE_INVALID")
    assert outcome(beside(None).exclude) == "EXCLUDED MANAGER"
    assert outcome(beside(None).lift) == "GROUP_MEMBER_NOT_FOUND"
    for act in (row(S.ACTIVE, Source.RULE).leave, row(S.ACTIVE, Source.RULE).remove):
        assert outcome(lambda act=act: act(NOW)) == "GROUP_MEMBER_BY_RULE"  # type: ignore[misc]


def test_a_rule_that_matches_takes_in_all_but_who_is_in_or_kept_out() -> None:
    acts = [beside(stood(state), GroupJoinPolicy.RULE, facts=GOLD).by_rule for state in STATES]
    assert [outcome(act) for act in acts] == expected(
        {
            S.INVITED: "ACTIVE RULE",
            S.REQUESTED: "ACTIVE RULE",
            S.ACTIVE: "ACTIVE SELF",
            S.SUSPENDED: "SUSPENDED SELF",
            S.EXCLUDED: "EXCLUDED SELF",
        },
        "ACTIVE RULE",
    )


def test_a_rule_that_does_not_match_lets_go_only_whom_it_took_in() -> None:
    silver = replace(GOLD, tier="silver")
    for state in STATES:
        act = beside(stood(state), GroupJoinPolicy.RULE, facts=silver).by_rule
        assert outcome(act) == (f"{state} SELF" if state else "NONE")
    taken = row(S.ACTIVE, Source.RULE)
    for policy, facts in (
        (GroupJoinPolicy.RULE, silver),
        (GroupJoinPolicy.RULE, None),
        (GroupJoinPolicy.OPEN, GOLD),
    ):
        assert outcome(beside(taken, policy, facts=facts).by_rule) == "LEFT RULE"
    for facts, then in ((GOLD, "GROUP_MEMBER_BY_RULE"), (silver, "{} SELF")):
        came = beside(row(S.ACTIVE), GroupJoinPolicy.RULE, facts=facts)
        assert outcome(came.leave) == then.format(S.LEFT)
        assert outcome(came.remove) == then.format(S.REMOVED)
    suspended = row(S.SUSPENDED, Source.RULE)
    for facts, then in ((GOLD, "ACTIVE RULE"), (silver, "LEFT RULE")):
        assert outcome(beside(suspended, GroupJoinPolicy.RULE, facts=facts).lift) == then
    excluded = row(S.EXCLUDED)
    for facts, then in ((GOLD, "ACTIVE RULE"), (silver, "LEFT SELF")):
        assert outcome(beside(excluded, GroupJoinPolicy.RULE, facts=facts).lift) == then


@pytest.mark.parametrize(
    "membership",
    [
        None,
        replace(HERE, end_time=NOW),
        replace(HERE, company_id="co2"),
        replace(HERE, join_time=NOW),
    ],
)
def test_a_seat_holds_for_one_membership(membership: Membership | None) -> None:
    then = {S.ACTIVE: S.LEFT, S.REQUESTED: S.LEFT, S.INVITED: S.EXPIRED}
    for state in S:
        one = stood(state)
        assert one is not None
        assert one.as_of(HERE, NOW) == one
        assert not one.of(membership)
        assert one.as_of(membership, NOW).state is then.get(state, state)
    lifted = beside(row(S.SUSPENDED), membership=membership).lift
    assert outcome(lifted) == "LEFT SELF"
    here = membership is not None and membership.end_time is None
    ruled = beside(row(S.SUSPENDED), GroupJoinPolicy.RULE, facts=GOLD, membership=membership)
    assert outcome(ruled.lift) == ("ACTIVE RULE" if here else "LEFT SELF")
    assert outcome(beside(row(S.LEFT), membership=membership).join) == (
        "ACTIVE SELF" if here else "MEMBER_NOT_FOUND"
    )


def test_an_invitation_ends_at_its_time() -> None:
    invited = row(S.INVITED, expire_time=NOW)
    assert invited.as_of(HERE, NOW - timedelta(seconds=1)).state is S.INVITED
    assert invited.as_of(HERE, NOW).state is S.EXPIRED


def test_a_role_goes_with_who_goes() -> None:
    moderator = row(S.ACTIVE, role=GroupRole.MODERATOR)
    assert moderator.moderator
    assert moderator.suspend(NOW).moderator
    assert moderator.suspend(NOW).role is GroupRole.MODERATOR
    for gone in (moderator.leave(NOW), moderator.remove(NOW), beside(moderator).exclude()):
        assert gone.role is GroupRole.MEMBER
    assert outcome(lambda: row(S.LEFT).with_role(GroupRole.OWNER)) == "GROUP_MEMBER_STATE_INVALID"


def test_who_makes_a_group_owns_it() -> None:
    maker = Person("p1", "Ann", "", START, memberships=(HERE,))
    first = found(GROUP, maker, NOW)
    assert first is not None
    assert first.owner
    assert first.of(HERE)
    assert found(GROUP, replace(maker, memberships=(replace(HERE, end_time=NOW),)), NOW) is None
    assert found(GROUP, replace(maker, memberships=()), NOW) is None


# Groups and rules


@pytest.mark.parametrize(
    ("rule", "matches"),
    [
        (GroupRule(tiers=("Silver", "GOLD")), True),
        (GroupRule(tiers=("silver",)), False),
        (GroupRule(verticals=("ports",), territories=("dach",)), True),
        (GroupRule(verticals=("ports",), territories=("nordics",)), False),
        (GroupRule(email_domains=("kestrel.example",)), True),
        (GroupRule(email_domains=("example",)), False),
        (GroupRule(partner_types=("si",), tiers=("gold",)), True),
    ],
)
def test_of_each_list_one_must_match(rule: GroupRule, matches: bool) -> None:
    assert rule.matches(GOLD) is matches


def test_nobody_without_address_or_enrolment_matches() -> None:
    for name in ("partner_types", "tiers", "verticals", "territories"):
        assert not GroupRule(**{name: ("x",)}).matches(Facts.of("ann@kestrel.example", None))
    assert not GroupRule(email_domains=("kestrel.example",)).matches(Facts.of("", None))
    assert not GroupRule(email_domains=("kestrel.example",)).matches(
        Facts.of("ann@kestrel.example@evil.example", None)
    )


def test_domains_are_kept_in_small_letters_and_once() -> None:
    assert check_rule((), (), (), (), ["A.example", "a.EXAMPLE"]).email_domains == ("a.example",)


def test_a_rule_goes_with_the_policy_that_needs_it() -> None:
    rule = GroupRule(tiers=("gold",))
    by_rule = GROUP.changed(join_policy=GroupJoinPolicy.RULE, rule=rule)
    assert by_rule.takes(GOLD)
    assert by_rule.changed(name="Stores").rule == rule
    assert by_rule.changed(join_policy=GroupJoinPolicy.OPEN).rule == GroupRule()
    for change in (
        {"join_policy": GroupJoinPolicy.RULE},
        {"rule": rule},
        {"join_policy": GroupJoinPolicy.OPEN, "rule": rule},
    ):
        with pytest.raises(DomainError, match="Group rule invalid"):
            GROUP.changed(**change)
    archived = by_rule.archive()
    assert not archived.takes(GOLD)
    for act in (archived.archive, archived.changed):
        with pytest.raises(DomainError, match="Group archived"):
            act()


# Who sees and may what


def caller(*roles: str) -> Actor:
    keys = ("community:c1", "person:p1", "group:g1", *(f"role:{role}@c1" for role in roles))
    return Actor("p1", memberships={"c1": Token("co1", frozenset({"MEMBER", *roles}), 2, keys)})


def test_a_hidden_group_is_seen_by_what_its_reader_is_in_now() -> None:
    hidden = replace(GROUP, visibility=GroupVisibility.MEMBERS)
    for state in S:
        sees = group_reader(caller(), "c1", [row(state)]).sees(hidden)
        assert sees is (state in (S.ACTIVE, S.INVITED))
    assert not group_reader(caller(), "c1", []).sees(hidden)  # though the token has its key
    assert group_reader(caller(), "c1", []).sees(GROUP)
    for sees_all in (caller("MANAGER"), Actor(service="forum"), Actor("p2", operator=True)):
        assert group_reader(sees_all, "c1", []).sees(hidden)
    for role in ("MODERATOR", "GROUP_MODERATOR"):
        assert not group_reader(caller(role), "c1", []).sees(hidden)


def test_a_role_in_a_group_counts_while_one_is_in_it() -> None:
    for role, moderates, owns in (
        (GroupRole.MEMBER, False, False),
        (GroupRole.MODERATOR, True, False),
        (GroupRole.OWNER, True, True),
    ):
        for state in S:
            reader = group_reader(caller(), "c1", [row(state, role=role)])
            active = state is S.ACTIVE
            assert reader.moderates(GROUP) is (active and moderates)
            assert reader.owns(GROUP) is (active and owns)
    assert group_reader(caller("MANAGER"), "c1", []).owns(GROUP)
    assert not group_reader(caller("MODERATOR"), "c1", []).moderates(GROUP)
    assert not group_reader(Actor(service="forum"), "c1", []).moderates(GROUP)


def test_who_is_in_it_is_seen_as_it_says() -> None:
    V = GroupMemberVisibility  # noqa: N806
    inside = group_reader(caller(), "c1", [row(S.ACTIVE)])
    outside = group_reader(caller(), "c1", [row(S.REQUESTED)])
    for visibility, by_members, by_others in (
        (V.COMMUNITY, True, True),
        (V.MEMBERS, True, False),
        (V.MODERATORS, False, False),
    ):
        group = replace(GROUP, member_visibility=visibility)
        assert inside.sees_state(group, S.ACTIVE) is by_members
        assert outside.sees_state(group, S.ACTIVE) is by_others
        assert not inside.sees_state(group, S.REQUESTED)
        assert group_reader(caller("MANAGER"), "c1", []).sees_state(group, S.REQUESTED)
        assert group_reader(Actor(service="forum"), "c1", []).sees_state(group, S.LEFT)


# Keys


def test_an_actor_holds_the_keys_of_seats_that_hold() -> None:
    person = Person(
        "p1",
        "Ann",
        "",
        START,
        affiliations=(Affiliation("co1", START),),
        memberships=(replace(HERE, vendor=True),),
    )
    seats = [
        row(S.ACTIVE),
        row(S.ACTIVE, group_id="g2", company_id="co2"),
        row(S.ACTIVE, group_id="g3", member_since=NOW),
    ]
    (membership,) = resolve(person, {}, NOW, seats).memberships
    assert groups_of(membership.keyring) == ["g1"]
    many = [
        row(S.ACTIVE, group_id=f"g{n:03}", update_time=START + timedelta(seconds=500 - n))
        for n in range(MOST_GROUP_KEYS + 1)
    ]
    (membership,) = resolve(person, {}, NOW, many).memberships
    held = groups_of(membership.keyring)
    assert len(held) == MOST_GROUP_KEYS
    assert "g000" not in held  # the latest

"""Rules of persons, companies, communities and enrolments, by plain calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors import CommunityNotFoundError, DomainError, RoleRequiredError
from chassis.keys import territory_key
from chassis.testing import person_actor, service_actor
from services.directory.domain import fields
from services.directory.domain.community import check_vendor
from services.directory.domain.company import Company, CompanyKind
from services.directory.domain.enrolment import Enrolment, enrol, enrolment_id
from services.directory.domain.member import (
    MemberState,
    check_joins,
    member_of,
    needed_enrolments,
    resolve,
)
from services.directory.domain.person import (
    MOST_IDENTITIES,
    Affiliation,
    IdentityLink,
    Membership,
    Person,
    check_link,
    check_subject,
    joined,
    left,
    provision,
    provisioned_id,
)
from services.directory.domain.rights import (
    keyring_anywhere,
    keyring_for,
    require_manager,
)

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
T1, T2, T3 = (T0 + timedelta(days=days) for days in (1, 2, 3))
LINK = IdentityLink("https://login.kestrel.example", "s-1")


def refusal(call: Callable[[], object]) -> tuple[str, str]:
    """Reason and field of what is refused."""
    with pytest.raises(DomainError) as refused:
        call()
    return refused.value.reason(), refused.value.field


def ann(**changes: object) -> Person:
    person = provision(LINK, "Ann", "ann@kestrel.example", "kestrel", ["aurora"], T0)
    return replace(person, **changes)  # type: ignore[arg-type]


def enrolled(**changes: object) -> Enrolment:
    one = Enrolment(enrolment_id("aurora", "kestrel"), "aurora", "kestrel", T0, tier="gold")
    return replace(one, **changes)  # type: ignore[arg-type]


# Fields


@pytest.mark.parametrize(
    ("claim", "name"),
    [
        ("Ann", "Ann"),
        ("  Ann \t Lee\n", "Ann Lee"),
        ("Ann\u202egnol", "Ann gnol"),
        ("\x00\x01", "New member"),
        ("", "New member"),
        ("x" * 100, "x" * 80),
        ("x" * 79 + " y", "x" * 79),
        ("Zoe\u0308", "Zo\u00eb"),
        ("\u05e9\u05dc\u200f\u05d5\u05dd\u200f", "\u05e9\u05dc\u05d5\u05dd"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627", "\u0645\u06cc\u200c\u062e\u0648\u0627"),
        ("\U0001f469\u200d\U0001f4bb Dev", "\U0001f469\U0001f4bb Dev"),
        ("\u0410nna", "New member"),
        ("Z" + "\u0301" * 500, "New member"),
        ("\uff21nna", "Anna"),
        ("\ue000", "New member"),
        ("王小明", "王小明"),
    ],
)
def test_claimed_name_is_made_one_of_ours(claim: str, name: str) -> None:
    assert fields.claimed_name(claim) == name


@given(st.text())
def test_claims_are_never_refused(claim: str) -> None:
    name = fields.claimed_name(claim)
    assert fields.check_name(name, "display_name") == name
    assert fields.check_email(fields.claimed_email(claim), "email") == fields.claimed_email(claim)


@pytest.mark.parametrize(
    "email", ["", "a@b", "ann@kestrel.example", "ann+x@ke.st.rel", "ü@exämple.org"]
)
def test_email_is_taken(email: str) -> None:
    assert fields.check_email(email, "email") == email
    assert fields.claimed_email(email) == email


@pytest.mark.parametrize(
    "email", ["a", "a@", "@b", "a@b@c", "a b@c", "a@b..c", "a@b c", "x" * 65 + "@b", " "]
)
def test_email_is_refused(email: str) -> None:
    assert refusal(lambda: fields.check_email(email, "email"))[1] == "email"
    assert fields.claimed_email(email) == ""


def test_email_that_is_too_long_is_refused() -> None:
    long = "a@" + "b" * 253
    assert refusal(lambda: fields.check_email(long, "email")) == ("TEXT_INVALID", "email")
    assert fields.claimed_email(long) == ""
    assert fields.check_email(long[:254], "email") == long[:254]


@pytest.mark.parametrize(
    "issuer",
    [
        "https://login.kestrel.example",
        "https://login.kestrel.example/",
        "https://kestrel.example:8443/realms/a",
        "http://127.0.0.1:9000/kestrel",
        "http://localhost:9000",
        "http://[::1]:9000",
    ],
)
def test_issuer_is_kept_to_the_letter(issuer: str) -> None:
    assert fields.check_issuer(issuer, "issuer") == issuer


@pytest.mark.parametrize(
    "issuer",
    [
        "",
        "kestrel",
        "http://login.kestrel.example",
        "http://127.0.0.1.evil.example",
        "https://",
        "https://a b.example",
        " https://kestrel.example",
        "https://user@kestrel.example",
        "https://kestrel.example?x=1",
        "https://kestrel.example#x",
        "https://kestrel.example?",
        "https://kestrel.example:99999",
        "https://kestrel.example\\x",
        "ftp://kestrel.example",
        "javascript:alert(1)",
        "https://[::1",
        "https://kestrel.example/\n",
        "https://kestrel.example/" + "x" * 256,
    ],
)
def test_issuer_is_refused(issuer: str) -> None:
    assert refusal(lambda: fields.check_issuer(issuer, "issuer"))[1] == "issuer"


@pytest.mark.parametrize("website", ["", "https://kestrel.example/about?x=1#y"])
def test_website_is_taken(website: str) -> None:
    assert fields.check_website(website, "website") == website


@pytest.mark.parametrize("website", ["http://kestrel.example", "http://localhost", "//x", "x"])
def test_website_is_refused(website: str) -> None:
    assert refusal(lambda: fields.check_website(website, "website")) == ("FIELD_INVALID", "website")


def test_labels_are_at_most_twenty_each_once_and_short() -> None:
    assert fields.check_labels(["b", "a ", "b"], "verticals") == ("b", "a")
    assert refusal(lambda: fields.check_labels(["x"] * 21, "verticals")) == (
        "FIELD_INVALID",
        "verticals",
    )
    assert refusal(lambda: fields.check_labels(["x", ""], "verticals")) == (
        "TEXT_INVALID",
        "verticals.1",
    )
    assert refusal(lambda: fields.check_label("x" * 41, "tier")) == ("TEXT_INVALID", "tier")
    assert fields.check_label("", "tier") == ""


@pytest.mark.parametrize("subject", ["", "x" * 256, " a", "a ", "a\n", "a\x00b"])
def test_subject_is_refused(subject: str) -> None:
    assert refusal(lambda: check_subject(subject, "subject")) == ("TEXT_INVALID", "subject")


def test_link_names_the_field_at_fault() -> None:
    assert check_link(LINK.issuer, LINK.subject, "identity_link") == LINK
    assert refusal(lambda: check_link("x", "s", "identity_link")) == (
        "FIELD_INVALID",
        "identity_link.issuer",
    )
    assert refusal(lambda: check_link(LINK.issuer, "", "identity_link")) == (
        "TEXT_INVALID",
        "identity_link.subject",
    )


def test_names_compare_without_case_and_accents() -> None:
    assert fields.fold("Étoile") == fields.fold("ETOILE") == "etoile"
    assert fields.fold("\u0301") == "\u0301"


# Persons


def test_provisioned_person_is_of_the_company_and_in_its_communities() -> None:
    assert ann() == Person(
        provisioned_id(LINK),
        "Ann",
        "ann@kestrel.example",
        T0,
        identity_links=(LINK,),
        affiliations=(Affiliation("kestrel", T0),),
        memberships=(Membership("aurora", "kestrel", vendor=False, join_time=T0),),
    )


def test_identities_are_linked_once_and_boundedly() -> None:
    other = IdentityLink(LINK.issuer, "s-2")
    assert ann().link(other).identity_links == (LINK, other)
    assert refusal(lambda: ann().link(LINK)) == ("IDENTITY_TAKEN", "identity_link")
    full = ann(identity_links=tuple(IdentityLink("i", str(n)) for n in range(MOST_IDENTITIES)))
    assert refusal(lambda: full.link(LINK)) == ("FIELD_INVALID", "identity_link")
    assert ann().unlink(LINK).identity_links == ()
    assert refusal(lambda: ann().unlink(other)) == ("IDENTITY_NOT_FOUND", "identity_link")


def test_move_ends_the_old_and_begins_the_new() -> None:
    before = ann().join("borealis", "kestrel", T0)
    after = before.move("lumen", ["borealis", "cumulus"], T1)
    assert after.affiliations == (Affiliation("kestrel", T0, T1), Affiliation("lumen", T1))
    assert [(m.community_id, m.company_id, m.end_time) for m in after.memberships] == [
        ("aurora", "kestrel", T1),
        ("borealis", "lumen", None),
        ("cumulus", "lumen", None),
    ]
    assert [m.community_id for m in left(before, after)] == ["aurora", "borealis"]
    assert [m.community_id for m in joined(before, after)] == ["borealis", "cumulus"]
    assert (after.company_at(T0), after.company_at(T1)) == ("kestrel", "lumen")
    assert (after.works_for("kestrel", T0), after.works_for("kestrel", T1)) == (True, False)


def test_move_is_refused_to_the_same_company_and_when_deactivated() -> None:
    assert refusal(lambda: ann().move("kestrel", [], T1)) == ("ALREADY_AFFILIATED", "company_id")
    gone = ann().deactivate()
    assert refusal(lambda: gone.move("lumen", [], T1)) == ("PERSON_DEACTIVATED", "person_id")


def test_deactivation_keeps_everything_for_the_return() -> None:
    assert ann().deactivate().reactivate() == ann()
    assert refusal(ann().deactivate().deactivate) == ("PERSON_DEACTIVATED", "person_id")
    assert refusal(ann().reactivate) == ("PERSON_ACTIVE", "person_id")


def test_only_people_of_the_vendor_can_be_managers() -> None:
    boss = ann().join("borealis", "kestrel", T0, vendor=True, roles=["MANAGER"])
    assert boss.get_membership("borealis").roles == {"MEMBER", "MANAGER"}
    for call in (
        lambda: ann().join("borealis", "kestrel", T0, roles=["MANAGER"]),
        lambda: ann().change_member("aurora", ["MANAGER"], None),
    ):
        assert refusal(call) == ("ROLE_NOT_GRANTABLE", "roles")


def test_membership_ends_once_and_can_begin_again() -> None:
    gone = ann().leave("aurora", T1)
    assert gone.get_membership("aurora").end_time == T1
    assert refusal(lambda: gone.leave("aurora", T2)) == ("MEMBER_FORMER", "person_id")
    assert refusal(lambda: gone.change_member("aurora", [], 3)) == ("MEMBER_FORMER", "person_id")
    assert refusal(lambda: gone.leave("borealis", T2)) == ("MEMBER_NOT_FOUND", "person_id")
    assert refusal(lambda: ann().join("aurora", "kestrel", T1)) == ("ALREADY_MEMBER", "person_id")
    again = gone.join("aurora", "kestrel", T2)
    assert again.memberships == (Membership("aurora", "kestrel", vendor=False, join_time=T2),)
    assert joined(gone, again) == list(again.memberships)


def test_member_keeps_what_is_not_changed() -> None:
    changed = ann().change_member("aurora", ["MODERATOR"], None).change_member("aurora", None, 4)
    membership = changed.get_membership("aurora")
    assert (membership.roles, membership.trust_level) == (
        frozenset({"MEMBER", "MODERATOR"}),
        4,
    )
    assert changed.change_member("aurora", None, None) == changed


def test_version_is_put_on_what_shows_anew() -> None:
    before = ann().join("borealis", "kestrel", T0).stamped(None, 3)
    assert [m.version for m in before.memberships] == [3, 3]
    assert [m.version for m in before.leave("aurora", T1).stamped(before, 4).memberships] == [4, 3]
    renamed = replace(before, display_name="Anna")
    assert [m.version for m in renamed.stamped(before, 4).memberships] == [4, 4]
    linked = before.link(IdentityLink("i", "s"))
    assert [m.version for m in linked.stamped(before, 4).memberships] == [3, 3]


def test_member_is_former_with_the_person() -> None:
    membership = ann().get_membership("aurora")
    assert member_of(ann(), membership).state is MemberState.ACTIVE
    assert member_of(ann().deactivate(), membership).state is MemberState.FORMER
    gone = ann().leave("aurora", T1)
    assert member_of(gone, gone.get_membership("aurora")).state is MemberState.FORMER


@pytest.mark.parametrize(
    ("person", "enrolment", "told_operator"),
    [
        (None, None, ("PERSON_NOT_FOUND", "person_id")),
        (ann(), None, ("COMPANY_NOT_ENROLLED", "person_id")),
        (ann(), enrolled(end_time=T1), ("COMPANY_NOT_ENROLLED", "person_id")),
        (ann(), enrolled(start_time=T3), ("COMPANY_NOT_ENROLLED", "person_id")),
        (ann(affiliations=()), enrolled(), ("COMPANY_NOT_ENROLLED", "person_id")),
        (ann().deactivate(), enrolled(), ("PERSON_DEACTIVATED", "person_id")),
    ],
)
def test_manager_learns_nothing_of_people_from_elsewhere(
    person: Person | None, enrolment: Enrolment | None, told_operator: tuple[str, str]
) -> None:
    def check(operator: bool) -> Person:
        return check_joins(
            person, vendor_company_id="vendor", enrolment=enrolment, at=T2, operator=operator
        )

    assert refusal(lambda: check(False)) == ("PERSON_NOT_FOUND", "person_id")
    assert refusal(lambda: check(True)) == told_operator


def test_people_of_the_vendor_and_of_enrolled_companies_may_join() -> None:
    for vendor, enrolment in (("kestrel", None), ("vendor", enrolled())):
        assert ann() == check_joins(
            ann(), vendor_company_id=vendor, enrolment=enrolment, at=T2, operator=False
        )


# Communities and enrolments


def test_only_a_vendor_has_communities() -> None:
    vendor = Company("v", CompanyKind.VENDOR, "V", T0)
    assert check_vendor(vendor) == vendor
    partner = replace(vendor, kind=CompanyKind.PARTNER)
    assert refusal(lambda: check_vendor(partner)) == ("NOT_A_VENDOR", "vendor_company_id")
    assert refusal(lambda: check_vendor(None)) == ("COMPANY_NOT_FOUND", "vendor_company_id")


def test_enrolment_reopens_only_after_its_end() -> None:
    new = enrolled(start_time=T2)
    assert enrol(None, new, T2) == new
    assert enrol(enrolled(end_time=T2), new, T2) == new
    for old in (enrolled(), enrolled(end_time=T3), enrolled(start_time=T3)):
        assert refusal(lambda old=old: enrol(old, new, T2)) == (  # type: ignore[misc]
            "ALREADY_ENROLLED",
            "company_id",
        )


def test_enrolment_does_not_end_before_it_starts() -> None:
    assert enrolled().changed(end_time=T0).end_time == T0
    early = T0 - timedelta(milliseconds=1)
    assert refusal(lambda: enrolled().changed(end_time=early)) == ("FIELD_INVALID", "end_time")
    assert refusal(lambda: enrol(None, enrolled(end_time=early), T2))[1] == "end_time"


def test_enrolment_holds_from_its_start_and_not_at_its_end() -> None:
    one = enrolled(end_time=T1)
    assert [one.open(at) for at in (T0 - timedelta(seconds=1), T0, T1)] == [False, True, False]


def test_enrolment_keeps_what_is_not_given() -> None:
    assert enrolled().changed() == enrolled()
    assert enrolled().changed(tier="", verticals=("a",), auto_join=True) == enrolled(
        tier="", verticals=("a",), auto_join=True
    )


# Rights


def test_manager_and_operator_administer() -> None:
    require_manager(person_actor(roles=["MANAGER"]), "c1")
    require_manager(person_actor("op", "other", operator=True), "c1")
    with pytest.raises(RoleRequiredError):
        require_manager(person_actor(roles=["MODERATOR"]), "c1")
    for outsider in (person_actor(roles=["MANAGER"]), service_actor("gateway")):
        with pytest.raises(CommunityNotFoundError):
            require_manager(outsider, "c2")


def test_keys_open_what_members_see() -> None:
    member = person_actor()
    assert keyring_for(member, "c1") == member.keys("c1")
    assert keyring_anywhere(member) == list(member.keys("c1"))
    with pytest.raises(CommunityNotFoundError):
        keyring_for(member, "c2")
    for reader in (service_actor("search"), person_actor(operator=True)):
        assert keyring_for(reader, "c2") is None
        assert keyring_anywhere(reader) is None


# Keyrings


def test_keyring_holds_every_key_of_a_partner_and_of_a_manager() -> None:
    person = ann()
    enrolments = {enrolled().id: enrolled(territories=("UK & Ireland", "DACH"))}
    assert needed_enrolments(person) == {enrolled().id: "aurora"}
    (membership,) = resolve(person, enrolments, T1).memberships
    assert membership.keyring == (
        "community:aurora",
        "company:kestrel@aurora",
        "tier:gold@aurora",
        territory_key("UK & Ireland", "aurora"),
        territory_key("DACH", "aurora"),
        f"person:{person.id}",
    )
    enrolments = {enrolled().id: enrolled(tier="", territories=("DACH",))}
    (membership,) = resolve(person, enrolments, T1).memberships
    assert membership.keyring == (
        "community:aurora",
        "company:kestrel@aurora",
        territory_key("DACH", "aurora"),
        f"person:{person.id}",
    )
    boss = ann(memberships=()).join("aurora", "kestrel", T0, vendor=True, roles=["MANAGER"])
    assert needed_enrolments(boss) == {}
    (membership,) = resolve(boss, enrolments, T1).memberships  # it is no vendor's
    assert membership.keyring == (
        "community:aurora",
        "company:kestrel@aurora",
        "vendor:aurora",
        f"person:{person.id}",
        "moderators:aurora",
        "role:MANAGER@aurora",
    )


def test_language_is_a_key_as_written_and_shortened() -> None:
    (membership,) = resolve(ann(locale="zh-Hant-TW"), {enrolled().id: enrolled()}, T1).memberships
    assert membership.keyring[-3:] == (
        "locale:zh-Hant-TW@aurora",
        "locale:zh-Hant@aurora",
        "locale:zh@aurora",
    )


@pytest.mark.parametrize("name", ["Europe/Berlin", "UTC", ""])
def test_time_zone_is_one_of_the_database(name: str) -> None:
    assert fields.check_time_zone(name, "time_zone") == name


@pytest.mark.parametrize("name", ["Europe", "europe/berlin", "../etc/passwd", "CEST+1", "\0", "/"])
def test_what_is_no_time_zone_is_refused(name: str) -> None:
    assert refusal(lambda: fields.check_time_zone(name, "time_zone")) == (
        "FIELD_INVALID",
        "time_zone",
    )


def test_operator_holds_no_keys_by_that() -> None:
    resolved = resolve(ann(operator=True, memberships=()), {}, T1)
    assert (resolved.operator, resolved.memberships) == (True, ())


def test_deactivated_person_is_nobody() -> None:
    assert refusal(lambda: resolve(ann().deactivate(), {}, T1))[0] == "PERSON_DEACTIVATED"


_TIMES = st.integers(0, 6).map(lambda days: T0 + timedelta(days=days))
_COMPANIES = ("vendor", "kestrel", "lumen")
_COMMUNITIES = ("aurora", "borealis")
_STEPS = st.one_of(
    st.tuples(st.just("move"), st.sampled_from(_COMPANIES), st.sets(st.sampled_from(_COMMUNITIES))),
    st.tuples(st.just("join"), st.sampled_from(_COMMUNITIES), st.booleans()),
    st.tuples(st.just("leave"), st.sampled_from(_COMMUNITIES), st.none()),
    st.tuples(st.just("roles"), st.sampled_from(_COMMUNITIES), st.booleans()),
    st.tuples(st.just("toggle"), st.none(), st.none()),
)
_WINDOWS = st.tuples(
    _TIMES,
    st.none() | _TIMES,
    st.sampled_from(["", "gold", "silver"]),
    st.sets(st.sampled_from(["DACH", "Nordics"])).map(tuple),
)
Window = tuple[datetime, datetime | None, str, tuple[str, ...]]


def keys_by_hand(
    held: dict[str, tuple[str, set[str]]],
    windows: dict[tuple[str, str], Window],
    at: datetime,
) -> dict[str, set[str]]:
    expected: dict[str, set[str]] = {}
    for community, (company, roles_held) in held.items():
        start, end, tier, places = windows.get((community, company), (at, at, "", ()))
        open_now = start <= at and (end is None or end > at)
        if not company or (company != "vendor" and not open_now):
            continue
        keys = {f"community:{community}", f"company:{company}@{community}", "person:p"}
        if company == "vendor":
            keys.add(f"vendor:{community}")
        else:
            keys |= {f"tier:{tier}@{community}"} if tier else set()
            keys |= {territory_key(place, community) for place in places}
        if roles_held & {"MODERATOR", "MANAGER"}:
            keys.add(f"moderators:{community}")
        keys |= {f"role:{role}@{community}" for role in roles_held - {"MEMBER"}}
        expected[community] = keys
    return expected


@settings(max_examples=400, deadline=None)
@given(
    steps=st.lists(st.tuples(st.integers(0, 5), _STEPS), max_size=12),
    windows=st.dictionaries(
        st.tuples(st.sampled_from(_COMMUNITIES), st.sampled_from(_COMPANIES[1:])), _WINDOWS
    ),
    at=_TIMES,
)
def test_keyring_is_what_a_naive_reading_of_history_gives(
    steps: list[tuple[int, tuple[str, str, object]]],
    windows: dict[tuple[str, str], Window],
    at: datetime,
) -> None:
    """The history is done on a person, and beside it on a plain record that knows no dates."""
    person = Person("p", "P", "", T0)
    active, employer = True, ""
    held: dict[str, tuple[str, set[str]]] = {}  # community -> company, roles
    times = sorted(day for day, _ in steps)
    for day, (verb, place, detail) in zip(times, (step for _, step in steps), strict=True):
        now = T0 + timedelta(days=day)
        try:
            if verb == "move":
                assert isinstance(detail, set)
                joins = [] if place == "vendor" else sorted(detail)
                person = person.move(place, joins, now)
                employer = place
                held = {community: (place, {"MEMBER"}) for community in joins}
            elif verb == "join":
                vendor = employer == "vendor"
                roles = ["MANAGER"] if detail and vendor else []
                person = person.join(place, employer, now, vendor=vendor, roles=roles)
                held[place] = (employer, {"MEMBER", *roles})
            elif verb == "leave":
                person = person.leave(place, now)
                del held[place]
            elif verb == "roles":
                roles = ["MODERATOR"] if detail else []
                person = person.change_member(place, roles, None)
                held[place] = (held[place][0], {"MEMBER", *roles})
            else:
                person = person.deactivate() if active else person.reactivate()
                active = not active
        except DomainError:
            continue
    at = max(at, T0 + timedelta(days=times[-1])) if times else at
    enrolments = {
        enrolment_id(community, company): Enrolment(
            enrolment_id(community, company),
            community,
            company,
            start,
            end,
            tier=tier,
            territories=places,
        )
        for (community, company), (start, end, tier, places) in windows.items()
    }
    expected = keys_by_hand(held, windows, at)
    if not active:
        assert refusal(lambda: resolve(person, enrolments, at))[0] == "PERSON_DEACTIVATED"
        return
    resolved = resolve(person, enrolments, at)
    assert {m.community_id: set(m.keyring) for m in resolved.memberships} == expected
    until = resolved.expire_time or T0 + timedelta(days=30)
    just_before = until - timedelta(milliseconds=1)
    assert resolve(person, enrolments, just_before).memberships == resolved.memberships

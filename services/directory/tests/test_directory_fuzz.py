"""Fuzzing names and addresses, and every RPC with requests of any shape and damaged bytes."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from chassis.errors import FieldInvalidError, TextInvalidError
from chassis.pagination import decode_page_token, encode_page_token
from chassis.testing import person_actor, service_actor
from chassis.testing_fuzz import Damage, fuzzed
from guildhall.directory.v1 import directory_pb2 as pb
from guildhall.directory.v1 import groups_pb2
from services.directory.domain.fields import (
    MOST_NAME,
    check_email,
    check_issuer,
    check_name,
    check_website,
    claimed_email,
    claimed_name,
    fold,
)
from services.directory.tests.conftest import GATEWAY, OPERATOR, World, issuer_of

LETTERS = st.characters() | st.sampled_from(
    "\ufdfa\u0390\u0130\u0301\u202e\u200b\x00\ud800 \n\u00df"
)


@given(st.text(LETTERS, max_size=100))
@example("\ufdfa" * 80)
@example("\u0301" * 80)
@example("a" + "\u0301" * 79)
@fuzzed(300)
def test_any_claim_makes_a_name_that_a_page_may_end_at(claim: str) -> None:
    name = claimed_name(claim)
    assert check_name(name, "name") == name
    assert len(name) <= MOST_NAME
    place = [fold(name), f"{'0' * 32}:{'0' * 32}"]
    assert place[0]
    assert decode_page_token(encode_page_token(*place), str, str) == place
    email = claimed_email(claim)
    assert check_email(email, "email") == email


URLS = st.text(st.sampled_from("htps:/.@#?[]%\\ a1-_\u3002\uff0f\u2100\t\n"), max_size=24)


@given(URLS | URLS.map(lambda rest: f"https://{rest}") | st.text(max_size=20))
@example("https://p?1@")
@fuzzed(300)
def test_an_address_is_refused_or_goes_where_it_says(text: str) -> None:
    for check in (check_website, check_issuer):
        try:
            url = check(text, "website")
        except (FieldInvalidError, TextInvalidError):
            continue
        if url:
            assert url == text
            assert url.lower().startswith(("https://", "http://"))
            host = re.split("[/?#]", url.partition("://")[2])[0]
            assert not {"@", "\\", " ", "\t", "\n"} & set(host)


SERVICE = pb.DESCRIPTOR.services_by_name["DirectoryService"]
GROUPS = groups_pb2.DESCRIPTOR.services_by_name["GroupService"]


async def test_no_request_is_an_internal_error(world: World) -> None:
    """One after the other at one directory, which changes as they do."""
    known = await _known(world)
    manager = person_actor(known["person_id"][0], known["community_id"][0], roles=["MANAGER"])
    actors = [OPERATOR, OPERATOR, manager, GATEWAY, service_actor("search"), person_actor()]
    damage = Damage(world.loopback, "directory", world.database)
    await damage.bombard(SERVICE, lambda: _known(world), actors, 250)
    assert len(damage.answers) > 10
    assert damage.answers[""] > 5


async def test_no_request_about_groups_is_an_internal_error(world: World) -> None:
    """One after the other at one directory, which changes as they do."""
    known = await _known(world)
    member = await world.actor("Kestrel", "Ann")
    (community,) = known["community_id"]
    manager = person_actor(member.person_id, community, roles=["MANAGER"])
    await world.groups(manager).CreateGroup(
        groups_pb2.CreateGroupRequest(
            request_id=world.request_id(),
            community_id=community,
            name="Storage",
            join_policy=groups_pb2.GROUP_JOIN_POLICY_OPEN,
        )
    )
    actors = [OPERATOR, OPERATOR, manager, manager, member, service_actor("forum"), person_actor()]
    damage = Damage(world.loopback, "directory", world.database)
    await damage.bombard(GROUPS, lambda: _known(world), actors, 250)
    assert len(damage.answers) > 8
    assert damage.answers[""] > 5


async def _known(world: World) -> dict[str, list[Any]]:
    """Ids of what is there, and good texts."""
    if not await world.database.communities.find_one({}, {"_id": 1}):
        await world.community("aurora")
        company = await world.company("Kestrel")
        await world.person(company, "Ann")
        (community,) = await _ids(world, "communities")
        await world.enrol(community, company.id)
    persons, companies = await _ids(world, "persons"), await _ids(world, "companies")
    communities, enrolments = await _ids(world, "communities"), await _ids(world, "enrolments")
    groups = await _ids(world, "groups") or ["nothing"]
    return {
        "group_id": groups,
        "group_ids": groups,
        "join_policy": [1, 2, 3],
        "person_id": persons,
        "person_ids": persons,
        "company_id": companies,
        "company_ids": companies,
        "vendor_company_id": companies,
        "community_id": communities,
        "community_ids": communities,
        "enrolment_id": enrolments,
        "request_id": [world.request_id()],
        "issuer": [issuer_of("Kestrel"), issuer_of("Other")],
        "subject": ["Ann", "Ben"],
        "slug": ["aurora", "other"],
        "name": ["Grace", "\ufdfa" * 80],
        "display_name": ["Grace", "\ufdfa" * 80],
        "reason": ["because"],
        "expected_version": [0, 1],
        "page_size": [0, 1, 2],
        "roles": [1, 2, 3],
        "kind": [1, 2],
    }


async def _ids(world: World, collection: str) -> list[str]:
    return [row["_id"] async for row in world.database[collection].find({}, {"_id": 1})]

"""The subgraph: what routers compose, and entities and nodes by their ids, many at once."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import (
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    ObjectTypeDefinitionNode,
    build_schema,
    get_named_type,
    is_introspection_type,
    parse,
)

from chassis import telemetry
from chassis.errors import UnavailableError
from gateway.cursors import encode_id, encode_reply_id
from gateway.schema import schema
from gateway.schema.viewer import NODES
from gateway.tests.conftest import House

COMMUNITY = encode_id("Community", "c1", "c1")
ENTITIES = """query Entities($of: [_Any!]!) { _entities(representations: $of) {
  __typename
  ... on Topic { id title author { member { displayName } company { name } } }
  ... on Reply { id body topic { title } }
  ... on Member { id displayName company { name } }
  ... on Company { id name }
  ... on Person { id email }
  ... on Space { id slug }
  ... on Community { id slug vendor { name } }
} }"""
NODES_ASKED = """query Nodes($ids: [ID!]!) { communityNodes(ids: $ids) {
  __typename id ... on Topic { title author { member { displayName } } } } }"""


def topic(number: int, community: str = "c1") -> dict[str, Any]:
    return {"__typename": "Topic", "id": encode_id("Topic", community, f"t{number}")}


def entity(kind: str, id: str) -> dict[str, str]:
    return {"__typename": kind, "id": id}


ALL = [
    entity("Reply", encode_reply_id("c1", "t3", "r3")),
    entity("Member", encode_id("Member", "c1", "p2")),
    entity("Company", encode_id("Company", "platform", "co1")),
    entity("Person", encode_id("Person", "platform", "p1")),
    entity("Space", encode_id("Space", "c1", "sp1")),
    entity("Community", COMMUNITY),
    topic(3),
]


def _core() -> GraphQLSchema:
    return schema._schema


def test_what_is_executed_describes_what_routers_ask_too() -> None:
    core = _core()
    mine = {name: kind for name, kind in core.type_map.items() if name in ("_Any", "_Entity")}
    assert all(kind.description for kind in mine.values())
    assert len(mine) == 2
    for name in ("_service", "_entities"):
        assert core.query_type is not None
        field = core.query_type.fields[name]
        assert field.description
        assert all(argument.description for argument in field.args.values())
        kind = get_named_type(field.type)
        assert kind.description


def test_whatever_has_a_global_id_is_an_entity_by_it() -> None:
    core = _core()
    union = core.type_map["_Entity"]
    node: Any = core.type_map["CommunityNode"]
    assert isinstance(union, GraphQLUnionType)
    kinds = {kind.name for kind in core.get_possible_types(node)}
    assert kinds == {kind.name for kind in union.types} == set(NODES)
    document = parse(schema.sdl)
    for definition in document.definitions:
        if isinstance(definition, ObjectTypeDefinitionNode):
            said = [one.name.value for one in definition.directives or ()]
            name = definition.name.value
            assert said == (["key"] if name in kinds else ["shareable"] * (name == "PageInfo"))
    assert 'type Topic implements CommunityNode @key(fields: "id", resolvable: true)' in schema.sdl
    assert '@link(url: "https://specs.apollo.dev/federation/v2.3"' in schema.sdl


def test_portals_see_nothing_of_what_is_for_routers() -> None:
    built = build_schema(schema.as_str())  # it knows no directive but the language's
    names = [name for name, kind in built.type_map.items() if not is_introspection_type(kind)]
    for kind in built.type_map.values():
        if isinstance(kind, GraphQLObjectType) and not is_introspection_type(kind):
            names += kind.fields
    assert [name for name in names if name.startswith("_")] == []
    assert "@" not in "".join(line for line in schema.as_str().split("\n") if "type " in line)


async def test_routers_are_told_the_sdl_as_introspection_is_answered(house: House) -> None:
    answer = await house.ask("{ _service { sdl } }")
    assert answer["data"] == {"_service": {"sdl": schema.sdl}}
    assert answer["extensions"]["cost"]["requested"] == 101
    refused = await house.ask("{ _service { sdl } }", token=None)
    assert refused["errors"][0]["extensions"]["code"] == "INTROSPECTION_REFUSED"
    assert "data" not in refused


async def test_entities_of_all_kinds_are_found_in_their_places(house: House) -> None:
    given = [*ALL, {**topic(999)}, topic(5)]
    before = telemetry.DEOPTIMISED._value.get()
    answer = await house.ask(ENTITIES, {"of": given})
    assert "errors" not in answer
    found = answer["data"]["_entities"]
    assert found[-2] is None
    told = [{"__typename": one["__typename"], "id": one["id"]} for one in found if one]
    assert told == [*ALL, topic(5)]
    assert found[0] == {**ALL[0], "body": "answer", "topic": {"title": "Topic 3"}}
    assert found[-1]["author"] == {
        "member": {"displayName": "Person p6"},
        "company": {"name": "Company co2"},
    }
    assert telemetry.DEOPTIMISED._value.get() == before


async def test_entities_cost_a_call_a_kind_community_and_level(house: House) -> None:
    given = [topic(number) for number in range(1, 41)]
    answer = await house.ask(ENTITIES, {"of": [*given, *given[:5]]})
    assert [one["id"] for one in answer["data"]["_entities"]] == [
        one["id"] for one in [*given, *given[:5]]
    ]
    assert house.rpcs() == {"BatchGetTopics": 1, "BatchGetMembers": 1, "BatchGetCompanies": 1}
    house.forum.calls.clear()
    house.directory.calls.clear()
    await house.ask(ENTITIES, {"of": ALL})
    assert house.rpcs() == {
        "BatchGetTopics": 1,  # the reply's is the one that was asked for
        "BatchGetReplies": 1,
        "BatchGetSpaces": 1,
        "BatchGetPersons": 1,
        "BatchGetCommunities": 1,
        "BatchGetMembers": 2,  # what was asked for, then the topic's author
        "BatchGetCompanies": 2,
    }


@pytest.mark.parametrize(
    ("broken", "field"),
    [
        ({"__typename": "Nobody", "id": "x"}, ""),
        ({"id": topic(3)["id"]}, ""),
        ({"__typename": ["Topic"], "id": topic(3)["id"]}, ""),
        ({"__typename": "Query"}, ""),
        (12, ""),
        ("Topic", ""),
        ({"__typename": "Topic"}, ".id"),
        ({"__typename": "Topic", "id": None}, ".id"),
        ({"__typename": "Topic", "id": 3}, ".id"),
        ({"__typename": "Topic", "id": {"id": topic(3)["id"]}}, ".id"),
        ({"__typename": "Topic", "id": COMMUNITY}, ".id"),
        ({"__typename": "Reply", "id": encode_id("Reply", "c1", "r3")}, ".id"),
    ],
)
async def test_a_broken_representation_nulls_itself_alone(
    house: House, broken: Any, field: str
) -> None:
    answer = await house.ask(ENTITIES, {"of": [topic(3), broken, topic(4)]})
    titles = [one and one["title"] for one in answer["data"]["_entities"]]
    assert titles == ["Topic 3", None, "Topic 4"]
    (error,) = answer["errors"]
    assert error["path"] == ["_entities", 1]
    assert error["extensions"] == {
        "code": "BAD_USER_INPUT",
        "field": f"representations.1{field}",
    }
    assert house.rpcs()["BatchGetTopics"] == 1


async def test_a_service_that_is_away_nulls_its_own_entities(house: House) -> None:
    house.forum.failures["BatchGetTopics"] = UnavailableError("down")
    answer = await house.ask(ENTITIES, {"of": [topic(3), ALL[1], topic(4)]})
    assert [one and one["__typename"] for one in answer["data"]["_entities"]] == [
        None,
        "Member",
        None,
    ]
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["UNAVAILABLE"] * 2


async def test_nobody_is_refused_once_and_no_service_asked(house: House) -> None:
    for query, variables, field, data in (
        (ENTITIES, {"of": [topic(3), topic(4)]}, "_entities", None),
        (
            NODES_ASKED,
            {"ids": [topic(3)["id"], topic(4)["id"]]},
            "communityNodes",
            {"communityNodes": None},
        ),
    ):
        answer = await house.ask(query, variables, token=None)
        assert answer["data"] == data
        (error,) = answer["errors"]
        assert (error["path"], error["extensions"]) == ([field], {"code": "UNAUTHENTICATED"})
    assert house.rpcs() == {}


async def test_entities_and_nodes_are_priced_each(house: House) -> None:
    query = "query q($of: [_Any!]!) { _entities(representations: $of) { ... on Topic { title } } }"
    for many in (1, 7, 100):
        answer = await house.ask(query, {"of": [topic(1)] * many})
        assert answer["extensions"]["cost"]["requested"] == many
    # an author, a member and a company each; a page below is another price
    answer = await house.ask(
        "query q($of: [_Any!]!) { _entities(representations: $of) { ... on Topic {"
        " author { member { displayName } } } } }",
        {"of": [topic(1)] * 10},
    )
    assert answer["extensions"]["cost"]["requested"] == 30
    literal = "{ communityNodes(ids: [" + f'"{COMMUNITY}" ' * 9 + "]) { id } }"
    assert (await house.ask(literal))["extensions"]["cost"]["requested"] == 9
    house.forum.calls.clear()
    dear = """query q($of: [_Any!]!) { _entities(representations: $of) { ... on Topic {
      replies(first: 9) { edges { node { body } } } } } }"""
    answer = await house.ask(dear, {"of": [topic(1)] * 100})
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "LIMIT_EXCEEDED"
    assert error["extensions"]["limit"] == "cost"
    assert house.forum.calls == {}


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        (ENTITIES, {"of": [topic(1)] * 101}),
        (NODES_ASKED, {"ids": [COMMUNITY] * 101}),
        ("{ communityNodes(ids: [" + f'"{COMMUNITY}" ' * 101 + "]) { id } }", {}),
    ],
)
async def test_more_than_a_hundred_are_refused(
    house: House, query: str, variables: dict[str, Any]
) -> None:
    answer = await house.ask(query, variables)
    assert answer["errors"][0]["extensions"] == {
        "code": "LIMIT_EXCEEDED",
        "limit": "list length",
        "maximum": 100,
        "actual": 101,
    }
    assert house.rpcs() == {}


async def test_nodes_are_found_in_their_places_by_one_call_a_kind(house: House) -> None:
    ids = [topic(4)["id"], COMMUNITY, topic(999)["id"], topic(3)["id"], topic(4)["id"]]
    answer = await house.ask(NODES_ASKED, {"ids": ids})
    assert "errors" not in answer
    found = answer["data"]["communityNodes"]
    assert [one and one["id"] for one in found] == [*ids[:2], None, *ids[3:]]
    assert found[0]["author"] == {"member": {"displayName": "Person p5"}}
    assert house.rpcs() == {"BatchGetTopics": 1, "BatchGetMembers": 1, "BatchGetCommunities": 1}


async def test_what_is_no_id_nulls_its_own_node(house: House) -> None:
    answer = await house.ask(NODES_ASKED, {"ids": ["x", topic(3)["id"], ""]})
    assert [one and one["title"] for one in answer["data"]["communityNodes"]] == [
        None,
        "Topic 3",
        None,
    ]
    assert [(error["path"], error["extensions"]) for error in answer["errors"]] == [
        (["communityNodes", place], {"code": "BAD_USER_INPUT", "field": f"ids.{place}"})
        for place in (0, 2)
    ]
    answer = await house.ask(NODES_ASKED, {"ids": []})
    assert answer["data"] == {"communityNodes": []}

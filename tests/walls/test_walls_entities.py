"""Entities behind the walls: to those outside they are as what never was, byte for byte."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.cursors import decode_id, encode_id
from gateway.schema.viewer import NODES
from tests.integration.inputs import UNKNOWN
from tests.system import BOREALIS_MANAGER, BOTH, MANAGER, System
from tests.world import World

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

ENTITIES = """query ($of: [_Any!]!, $ids: [ID!]!) {
  _entities(representations: $of) { __typename ... on CommunityNode { id } }
  communityNodes(ids: $ids) { __typename id }
}"""


def never(kind: str, community: str) -> str:
    """The id of something that nobody has made."""
    if kind == "Community":
        return encode_id(kind, UNKNOWN, UNKNOWN)
    return encode_id(kind, community, f"{UNKNOWN}.{UNKNOWN}" if kind == "Reply" else UNKNOWN)


@pytest.mark.parametrize("kind", sorted(NODES))
async def test_a_hidden_entity_is_as_one_that_never_was(
    kind: str, system: System, world: World
) -> None:
    hidden = world.aurora["Company.VENDOR" if kind == "Company" else kind]
    outside = await world.asker(system, BOREALIS_MANAGER)
    inside = await world.asker(system, BOTH if kind == "Person" else MANAGER)

    def body(id_: str) -> dict[str, Any]:
        variables = {"of": [{"__typename": kind, "id": id_}], "ids": [id_]}
        return {"query": ENTITIES, "variables": variables}

    places = [decode_id(hidden, "id").community_id]
    if places != ["platform"] and kind != "Case":  # whose role is asked for first
        places.append(UNKNOWN)
    told = [
        (await outside.http.post("/graphql", json=body(id_))).content
        for id_ in (hidden, *(never(kind, place) for place in places))
    ]
    assert set(told) == {told[0]}
    answer = (await inside.http.post("/graphql", json=body(hidden))).json()
    found = {"__typename": kind, "id": hidden}
    assert answer["data"] == {"_entities": [found], "communityNodes": [found]}
    assert hidden.encode() not in told[0]

"""Who edited and who moderated, in GraphQL, beside stand-ins."""

from __future__ import annotations

from gateway.cursors import encode_id
from gateway.tests.conftest import House
from gateway.tests.directory_standin import DirectoryStandIn

RECORDS = """query Records($id: ID!) { topic(id: $id) {
  revisions(first: 9) { edges { node { edition byModerator editor { displayName } } } }
  moderationEntries(first: 9) { edges { node { action actor member { displayName } } } } } }"""


async def test_records_say_who_it_was(house: House, directory: DirectoryStandIn) -> None:
    """All of both lists by one RPC; who may not be known, or is no person, is null."""
    answer = await house.ask(RECORDS, {"id": encode_id("Topic", "c1", "t3")})
    assert "errors" not in answer
    found = answer["data"]["topic"]
    editor = {"displayName": "Person p3"}
    assert [edge["node"] for edge in found["revisions"]["edges"]] == [
        {"edition": 2, "byModerator": True, "editor": editor},
        {"edition": 1, "byModerator": False, "editor": None},
    ]
    assert [edge["node"] for edge in found["moderationEntries"]["edges"]] == [
        {"action": "CloseTopic", "actor": "p3", "member": editor},
        {"action": "BumpByAutomation", "actor": "service:automation", "member": None},
    ]
    assert directory.calls["BatchGetMembers"] == 1

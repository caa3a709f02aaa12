"""What was sent is shown in no error: types, fields and places are."""

from __future__ import annotations

from typing import Any

from gateway.tests.conftest import House

MARKER = "m4rk3r"
CREATE = """mutation c($input: CreateTopicInput!) {
  createTopic(input: $input) { topic { id } } }"""
GOOD = {
    "requestId": "test-privacy",
    "spaceId": "U3BhY2U6YzE6c3Ax",
    "kind": "QUESTION",
    "title": MARKER,
    "body": MARKER,
}
TOPICS = "query q($n: Int, $c: ID!) { topics(communityId: $c, first: $n) { totalCount } }"
DRAFT = "mutation d($input: SaveDraftInput!) { saveDraft(input: $input) { draft { title } } }"
UPLOAD = "mutation u($input: CreateUploadInput!) { createUpload(input: $input) { url } }"
ANNOUNCE = """mutation a($input: CreateAnnouncementInput!) {
  createAnnouncement(input: $input) { announcement { id } } }"""
INVITE = """mutation i($input: InviteToGroupInput!) {
  inviteToGroup(input: $input) { groupMember { role } } }"""

# what is sent, and what the message says all the same
SENT: dict[str, tuple[str, Any, str]] = {
    "an object that lacks fields": (CREATE, {"input": {"title": MARKER}}, "'requestId'"),
    "an object with another field": (CREATE, {"input": {**GOOD, "nobody": 1}}, "'nobody'"),
    "a text for an object": (CREATE, {"input": MARKER}, "to be an object"),
    "a list for a text": (CREATE, {"input": {**GOOD, "title": [MARKER]}}, "String cannot"),
    "an object for a text": (CREATE, {"input": {**GOOD, "body": {"a": MARKER}}}, "'Markdown"),
    "no value of an enum": (CREATE, {"input": {**GOOD, "kind": MARKER}}, "'TopicKind' enum"),
    "a list for an enum": (CREATE, {"input": {**GOOD, "kind": [MARKER]}}, "'TopicKind'"),
    "a text for a number": (TOPICS, {"n": MARKER, "c": "x"}, "Int cannot represent non-integer"),
    "a list for an id": (TOPICS, {"n": 1, "c": [MARKER]}, "ID cannot represent"),
    "a text for a time": (
        "query q($t: DateTime) { search(first: 1, fromTime: $t) { totalCount } }",
        {"t": MARKER},
        "must be a date and time",
    ),
    "a text that says found": (TOPICS, {"n": f"1, found: {MARKER}", "c": "x"}, "Int cannot"),
    "a literal number": (f'{{ communities(first: "{MARKER}") {{ totalCount }} }}', None, "Int"),
    "a literal time": (
        f'{{ search(first: 1, fromTime: "{MARKER}") {{ totalCount }} }}',
        None,
        "must be a date and time",
    ),
    "a literal enum": (f"{{ search(first: 1, sort: {MARKER}) {{ totalCount }} }}", None, "enum"),
    "a literal object": (
        f'mutation {{ createTopic(input: {{ title: "{MARKER}" }}) {{ topic {{ id }} }} }}',
        None,
        "'requestId'",
    ),
    "a text where a colon belongs": (f'{{ topic(id "{MARKER}") {{ a }} }}', None, "found String"),
    "a text where a name belongs": (f'{{ "{MARKER}" }}', None, "found String"),
    "a block where a name belongs": (f'{{ """{MARKER}\n\'""" }}', None, "BlockString"),
    "a text that does not end": (f'{{ topic(id: "{MARKER}', None, "Unterminated"),
    "a comment": (f"# {MARKER}\n{{ viewre }}", None, "'viewre'"),
    "no kind of a draft": (DRAFT, {"input": {"draftKind": MARKER, "title": MARKER}}, "enum"),
    "an object for a draft's tag": (DRAFT, {"input": {"tags": [{"a": MARKER}]}}, "String cannot"),
    "a text for a file's size": (UPLOAD, {"input": {"name": MARKER, "size": MARKER}}, "Int cannot"),
    "no deadline": (ANNOUNCE, {"input": {"title": MARKER, "deadline": MARKER}}, "date and time"),
    "no rule of an audience": (ANNOUNCE, {"input": {"audienceRule": MARKER}}, "to be an object"),
    "no role of an audience": (
        ANNOUNCE,
        {"input": {"audienceRule": {"roles": [MARKER]}}},
        "'Role' enum",
    ),
    "no end of an invitation": (INVITE, {"input": {"expireTime": MARKER}}, "date and time"),
    "no cursor of an export": (
        "query q($a: String) { exportRecords(communityId: $c, first: 1, after: $a) {"
        " edges { cursor } } }".replace("$c", '"Q29tbXVuaXR5OmMxOmMx"'),
        {"a": MARKER},
        "after is not a cursor",
    ),
    "no id": ("query q($c: ID!) { topic(id: $c) { title } }", {"c": MARKER}, "id is not an id"),
}


async def test_an_error_names_what_is_wrong_and_shows_no_value(house: House) -> None:
    for name, (query, variables, told) in SENT.items():
        answer = await house.ask(query, variables)
        messages = " ".join(error["message"] for error in answer["errors"])
        assert told in messages, name
        assert MARKER not in str(answer), name
    assert house.rpcs() == {}

"""Attachments in GraphQL, beside a stand-in."""

from __future__ import annotations

from typing import Any

import pytest

from chassis.errors import FailedPreconditionError, NotFoundError, UnavailableError
from gateway.cursors import encode_id
from gateway.tests.attachments_standin import AttachmentStandIn, attachment
from gateway.tests.conftest import House
from gateway.tests.standins import ForumStandIn
from guildhall.forum.v1 import attachments_pb2 as pb

A1, A2 = encode_id("Attachment", "c1", "a1"), encode_id("Attachment", "c1", "a2")
CREATE = """mutation($input: CreateUploadInput!) { createUpload(input: $input) {
  attachment { id name state width url } url headers { name value } expireTime } }"""
COMPLETE = """mutation($input: CompleteUploadInput!) { completeUpload(input: $input) {
  attachment { id state type size width height } } }"""
C1 = encode_id("Community", "platform", "c1")
TOPICS = """query($c: ID!) { topics(communityId: $c, first: 3) { edges { node {
  attachments { id name type size width height state url urlExpireTime } } } } }"""
INPUT: dict[str, Any] = {
    "requestId": "request-1",
    "communityId": C1,
    "name": "photo.png",
    "size": 9,
}


class UploadMissingError(FailedPreconditionError):
    """As the forum's."""


class AttachmentNotFoundError(NotFoundError):
    """As the forum's."""


async def test_create_upload(house: House, attachments: AttachmentStandIn) -> None:
    answer = await house.ask(CREATE, {"input": {**INPUT, "type": "image/png", "sha256": "ab"}})
    assert answer["data"]["createUpload"] == {
        "attachment": {
            "id": encode_id("Attachment", "c1", "a9"),
            "name": "photo.png",
            "state": "UPLOADING",
            "width": None,
            "url": None,
        },
        "url": "https://store.test/put",
        "headers": [{"name": "content-length", "value": "9"}],
        "expireTime": answer["data"]["createUpload"]["expireTime"],
    }
    assert attachments.requests[0] == pb.CreateUploadRequest(
        request_id="request-1",
        community_id="c1",
        name="photo.png",
        size=9,
        type="image/png",
        sha256="ab",
    )


async def test_complete_upload(house: House, attachments: AttachmentStandIn) -> None:
    answer = await house.ask(COMPLETE, {"input": {"requestId": "request-1", "attachmentId": A1}})
    assert answer["data"]["completeUpload"]["attachment"] == {
        "id": A1,
        "state": "READY",
        "type": "image/png",
        "size": 9,
        "width": 8,
        "height": 4,
    }
    assert attachments.requests == [
        pb.CompleteUploadRequest(request_id="request-1", community_id="c1", attachment_id="a1")
    ]


@pytest.mark.parametrize(
    ("failure", "code", "field"),
    [
        (UploadMissingError(field="attachment_id"), "UPLOAD_MISSING", "attachmentId"),
        (AttachmentNotFoundError(field="attachment_id"), "ATTACHMENT_NOT_FOUND", "attachmentId"),
    ],
)
async def test_refusals_name_the_input(
    house: House, attachments: AttachmentStandIn, failure: Exception, code: str, field: str
) -> None:
    attachments.failure = failure
    answer = await house.ask(COMPLETE, {"input": {"requestId": "request-1", "attachmentId": A1}})
    extensions = answer["errors"][0]["extensions"]
    assert (extensions["code"], extensions["field"]) == (code, field)


async def test_a_page_of_topics_asks_once_for_all_addresses(
    house: House, forum: ForumStandIn, attachments: AttachmentStandIn
) -> None:
    forum.topics[0].attachments.extend([attachment("a1"), attachment("a2", name="b.log", width=0)])
    forum.topics[2].attachments.append(attachment("a3"))
    answer = await house.ask(TOPICS, {"c": C1})
    edges = [edge["node"]["attachments"] for edge in answer["data"]["topics"]["edges"]]
    first, second = edges[0]
    assert first == {
        "id": A1,
        "name": "photo.png",
        "type": "image/png",
        "size": 9,
        "width": 8,
        "height": 4,
        "state": "ATTACHED",
        "url": "https://store.test/a1",
        "urlExpireTime": first["urlExpireTime"],
    }
    assert first["urlExpireTime"]
    assert (second["name"], second["width"], second["url"]) == (
        *("b.log", None, "https://store.test/a2"),
    )
    assert edges[1] == []
    assert (edges[2][0]["url"], edges[2][0]["urlExpireTime"]) == (None, None)  # just hidden
    assert attachments.requests == [
        pb.BatchGetAttachmentsRequest(community_id="c1", attachment_ids=["a1", "a2", "a3"])
    ]


async def test_who_asks_for_no_address_costs_no_call(
    house: House, forum: ForumStandIn, attachments: AttachmentStandIn
) -> None:
    forum.topics[0].attachments.append(attachment("a1"))
    answer = await house.ask(
        "query($c: ID!) { topics(communityId: $c, first: 1) {"
        " edges { node { attachments { name } } } } }",
        {"c": C1},
    )
    node = answer["data"]["topics"]["edges"][0]["node"]
    assert node == {"attachments": [{"name": "photo.png"}]}
    assert attachments.requests == []


async def test_where_addresses_are_away_the_page_is_not(
    house: House, forum: ForumStandIn, attachments: AttachmentStandIn
) -> None:
    forum.topics[0].attachments.append(attachment("a1"))
    attachments.failure = UnavailableError("down")
    answer = await house.ask(TOPICS, {"c": C1})
    assert answer["data"]["topics"]["edges"][0]["node"]["attachments"][0]["name"] == "photo.png"
    assert answer["data"]["topics"]["edges"][0]["node"]["attachments"][0]["url"] is None
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"UNAVAILABLE"}


async def test_an_attachment_is_found_by_its_id(
    house: House, attachments: AttachmentStandIn
) -> None:
    query = "query($id: ID!) { communityNode(id: $id) { ... on Attachment { id url } } }"
    answer = await house.ask(query, {"id": A1})
    assert answer["data"]["communityNode"] == {"id": A1, "url": "https://store.test/a1"}
    assert len(attachments.requests) == 1
    missing = await house.ask(query, {"id": encode_id("Attachment", "c1", "none")})
    assert missing["data"] == {"communityNode": None}


@pytest.mark.parametrize("ids", [[A1, A2], [], None])
async def test_a_topic_takes_attachments(
    house: House, forum: ForumStandIn, ids: list[str] | None
) -> None:
    given = {
        "requestId": "request-1",
        "spaceId": encode_id("Space", "c1", "sp1"),
        "kind": "QUESTION",
        "title": "A title",
        "body": "A body",
        "attachmentIds": ids,
    }
    text = "mutation($i: CreateTopicInput!) { createTopic(input: $i) { topic { id } } }"
    answer = await house.ask(text, {"i": given})
    assert "errors" not in answer
    sent: Any = forum.requests[-1]
    assert list(sent.attachment_ids) == ["a1", "a2"][: len(ids or ())]


async def test_what_is_no_attachments_id_is_named(house: House) -> None:
    given = {
        "requestId": "request-1",
        "topicId": encode_id("Topic", "c1", "t3"),
        "attachmentIds": [A1, encode_id("Topic", "c1", "t3")],
    }
    text = "mutation($i: UpdateTopicInput!) { updateTopic(input: $i) { topic { id } } }"
    answer = await house.ask(text, {"i": given})
    extensions = answer["errors"][0]["extensions"]
    assert (extensions["code"], extensions["field"]) == ("BAD_USER_INPUT", "attachmentIds.1")

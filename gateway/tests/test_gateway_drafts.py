"""Drafts in GraphQL, beside a stand-in: what a post is to have goes there and comes back."""

from __future__ import annotations

from gateway.cursors import encode_id
from gateway.tests.conftest import House
from gateway.tests.drafts_standin import DraftStandIn
from guildhall.forum.v1 import drafts_pb2, forum_pb2

SPACE = encode_id("Space", "c1", "s1")
FIELDS = """body attachments { id name state } mentions { member { displayName } }
  quotes { text topic { id } author { member { displayName } } }"""
SAVE = (
    f"mutation($input: SaveDraftInput!) {{ saveDraft(input: $input) {{ draft {{ {FIELDS} }} }} }}"
)
GET = f"query($id: ID!) {{ draft(draftKind: TOPIC, spaceId: $id) {{ {FIELDS} }} }}"


async def test_a_draft_has_files_mentions_and_quotes(house: House, drafts: DraftStandIn) -> None:
    file, topic = encode_id("Attachment", "c1", "a1"), encode_id("Topic", "c1", "t3")
    given = {
        "requestId": "request-1",
        "draftKind": "TOPIC",
        "spaceId": SPACE,
        "body": "So far",
        "attachmentIds": [file],
        "mentionedIds": [encode_id("Member", "c1", "p2")],
        "quotes": [{"postId": topic, "text": "Wise words"}],
    }
    answer = await house.ask(SAVE, {"input": given})
    draft = {
        "body": "So far",
        "attachments": [{"id": file, "name": "a1.png", "state": "READY"}],
        "mentions": [{"member": {"displayName": "Person p2"}}],
        "quotes": [
            {
                "text": "Wise words",
                "topic": {"id": topic},
                "author": {"member": {"displayName": "Person p1"}},
            }
        ],
    }
    assert answer["data"]["saveDraft"] == {"draft": draft}
    assert drafts.requests == [
        drafts_pb2.SaveDraftRequest(
            request_id="request-1",
            community_id="c1",
            draft_kind=drafts_pb2.DRAFT_KIND_TOPIC,
            space_id="s1",
            body="So far",
            attachment_ids=["a1"],
            mentioned_ids=["p2"],
            quotes=[forum_pb2.Quote(topic_id="t3", text="Wise words")],
        )
    ]
    assert (await house.ask(GET, {"id": SPACE}))["data"]["draft"] == draft


async def test_a_draft_may_have_none_of_them(house: House, drafts: DraftStandIn) -> None:
    given = {"requestId": "request-1", "draftKind": "TOPIC", "spaceId": SPACE}
    answer = await house.ask(SAVE, {"input": given})
    empty = {"body": "", "attachments": [], "mentions": [], "quotes": []}
    assert answer["data"]["saveDraft"] == {"draft": empty}


async def test_a_draft_has_what_it_is_to_be_about(house: House, drafts: DraftStandIn) -> None:
    fields = "contextRefs { system type externalId }"
    save, get = SAVE.replace(FIELDS, fields), GET.replace(FIELDS, fields)
    given = {"requestId": "request-1", "draftKind": "TOPIC", "spaceId": SPACE}
    deal = {"system": "crm", "type": "deal", "externalId": "D-7"}
    answer = await house.ask(save, {"input": {**given, "contextRefs": [deal]}})
    assert answer["data"]["saveDraft"]["draft"] == {"contextRefs": [deal]}
    (request,) = drafts.requests
    assert isinstance(request, drafts_pb2.SaveDraftRequest)
    assert [(one.system, one.type, one.external_id) for one in request.context_refs] == [
        ("crm", "deal", "D-7")
    ]
    assert (await house.ask(get, {"id": SPACE}))["data"]["draft"] == {"contextRefs": [deal]}
    given["requestId"] = "request-2"
    answer = await house.ask(save, {"input": {**given, "contextRefs": None}})
    assert answer["data"]["saveDraft"]["draft"] == {"contextRefs": []}


async def test_a_draft_has_its_company_and_poll(house: House, drafts: DraftStandIn) -> None:
    fields = """asCompany poll {
      question options multiple anonymous resultsShown closeTime }"""
    save, get = SAVE.replace(FIELDS, fields), GET.replace(FIELDS, fields)
    given = {"requestId": "request-1", "draftKind": "TOPIC", "spaceId": SPACE}
    poll = {
        "question": "Which one?",
        "options": ["This", ""],
        "multiple": True,
        "anonymous": False,
        "resultsShown": "AFTER_VOTE",
        "closeTime": "2027-01-01T00:00:00.000Z",
    }
    answer = await house.ask(save, {"input": {**given, "asCompany": True, "poll": poll}})
    assert "errors" not in answer
    saved = answer["data"]["saveDraft"]["draft"]
    close_time = saved["poll"].pop("closeTime")
    assert close_time.startswith("2027-01-01T00:00:00")
    assert saved == {"asCompany": True, "poll": {k: v for k, v in poll.items() if k != "closeTime"}}
    (request,) = drafts.requests
    assert isinstance(request, drafts_pb2.SaveDraftRequest)
    assert request.as_company
    assert (request.poll.question, list(request.poll.options)) == ("Which one?", ["This", ""])
    assert (await house.ask(get, {"id": SPACE}))["data"]["draft"]["poll"]["question"]
    empty = {"question": "", "options": [], "multiple": False, "anonymous": False}
    given["requestId"] = "request-2"
    answer = await house.ask(save, {"input": {**given, "poll": {}}})
    assert answer["data"]["saveDraft"]["draft"] == {
        "asCompany": False,
        "poll": {**empty, "resultsShown": None, "closeTime": None},
    }
    given["requestId"] = "request-3"
    answer = await house.ask(save, {"input": given})
    assert answer["data"]["saveDraft"]["draft"] == {"asCompany": False, "poll": None}

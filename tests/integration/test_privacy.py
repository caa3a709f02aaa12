"""Planted words of every kind of personal data: no log, span, metric or error has any of them."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from devstack.parts import GATEWAY_METRICS, SERVICES
from gateway.tests.socket_client import ClosedError, Socket
from tests.integration.test_attachments import complete, get, send
from tests.system import ENGINEER, MANAGER, OPERATOR, Asker, System, until
from tests.world import quiet

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

PARTS = ("directory", "forum", "moderation", "search", "notifications", "gateway")
CREATE = "mutation C($input: CreateTopicInput!) { createTopic(input: $input) { topic { id } } }"


class Planted:
    """Words that occur nowhere else, by what they are."""

    def __init__(self) -> None:
        self.words: dict[str, str] = {}

    def word(self, kind: str) -> str:
        """A new one."""
        word = f"zq{uuid.uuid4().hex[:20]}"
        self.words[f"{kind} {len(self.words)}"] = word
        return word

    def in_text(self, text: str) -> list[str]:
        """What a text has of them, as kinds; whole values of secrets are words too."""
        return [kind for kind, word in self.words.items() if word in text]


class Noted:
    """Asks as others do; keeps every answer's errors and trace."""

    def __init__(self, asker: Asker) -> None:
        self.asker = asker
        self.errors: list[Any] = []
        self.traces: list[str] = []

    async def __call__(self, text: str, **variables: Any) -> Any:
        """The data, whatever the errors."""
        answer = await self.asker.raw(text, **variables)
        self.traces.append(self.asker.trace_id)
        self.errors.extend(answer.get("errors") or ())
        return answer.get("data")

    async def mutate(self, field: str, selection: str, **input_: Any) -> Any:
        """The payload; None where it was refused."""
        name = field[0].upper() + field[1:]
        text = f"mutation M($input: {name}Input!) {{ {field}(input: $input) {selection} }}"
        given = {"requestId": f"test-{uuid.uuid4()}", **input_}
        return (await self(text, input=given) or {}).get(field)

    async def send(self, body: Any, **headers: str) -> None:
        """Anything, by POST."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = {"Content-Type": "application/json", **headers}
        response = await self.asker.http.post("/graphql", content=content, headers=kind)
        self.traces.append(response.headers["x-trace-id"])
        self.errors.extend(response.json().get("errors") or ())


async def write(noted: Noted, planted: Planted, space: str, community: str) -> str:
    """A topic, replies and flags that are taken, found and refused; the topic's id."""
    body = f"It is {planted.word('body')} and {planted.word('mail in a body')}@example.test"
    input_ = {
        "requestId": f"test-{uuid.uuid4()}",
        "spaceId": space,
        "kind": "QUESTION",
        "title": f"A {planted.word('title')} of mine",
        "body": body,
    }
    while (made := await noted(CREATE, input=input_)) is None:
        refusal = noted.errors[-1]["extensions"]  # another test wrote as this person just now
        assert refusal["code"] == "POSTING_TOO_FAST", refusal
        await asyncio.sleep(refusal["retryAfter"])
    topic = made["createTopic"]["topic"]["id"]
    reply = """mutation R($input: CreateReplyInput!) { createReply(input: $input) {
      reply { id } } }"""
    body = planted.word("reply")
    for topic_id in (topic, "bm90", "VG9waWM6bm86bm8"):
        asked = {"requestId": f"test-{uuid.uuid4()}", "topicId": topic_id, "body": body}
        await noted(reply, input=asked)
    look = "query T($id: ID!) { topic(id: $id) { title author { member { displayName } } } }"
    await noted(look, id=topic)
    found = "query S($q: String!) { search(query: $q, first: 5) { totalCount } }"
    await noted(found, q=planted.word("searched"))
    await noted("query S($c: ID!, $t: String) { topics(communityId: $c, first: 1, tag: $t) "
                "{ totalCount } }", c=community, t=planted.word("tag"))  # fmt: skip
    return str(topic)


async def draft(noted: Noted, planted: Planted, space: str, topic: str) -> None:
    """Saved, read, stale, for what is not there, and deleted."""
    place = {"draftKind": "TOPIC", "spaceId": space}
    text = {
        "title": planted.word("draft's title"),
        "body": planted.word("draft's body"),
        "tags": [planted.word("draft's tag")],
    }
    saved = "{ draft { title body version } }"
    assert await noted.mutate("saveDraft", saved, **place, **text)
    assert not await noted.mutate("saveDraft", saved, **place, **text, expectedVersion=99)
    assert not await noted.mutate("saveDraft", saved, draftKind="REPLY", spaceId=space, **text)
    long = planted.word("draft's long title") + "x" * 500
    assert not await noted.mutate("saveDraft", saved, **place, title=long)
    reply = {"draftKind": "REPLY", "topicId": topic, "body": planted.word("reply's draft")}
    assert await noted.mutate("saveDraft", saved, **reply)
    await noted("query D($s: ID!) { draft(draftKind: TOPIC, spaceId: $s) { title body } }", s=space)
    await noted("query D($s: ID!) { draft(draftKind: TOPIC, spaceId: $s) { title } }",
                s=planted.word("draft's place"))  # fmt: skip
    for one in (place, {"draftKind": "REPLY", "topicId": topic}):
        assert await noted.mutate("deleteDraft", "{ __typename }", **one)


async def take_part(noted: Noted, planted: Planted, topic: str) -> None:
    """A poll, a note at a bookmark, a reason: taken and refused."""
    options = [planted.word("poll's option"), planted.word("poll's option")]
    poll = {"topicId": topic, "question": planted.word("poll's question"), "options": options}
    assert await noted.mutate("createPoll", "{ poll { closed } }", **poll)
    assert not await noted.mutate("createPoll", "{ poll { closed } }", **poll)
    note = {"postId": topic, "note": planted.word("bookmark's note")}
    assert await noted.mutate("addBookmark", "{ bookmark { note } }", **note)
    note["note"] *= 100
    assert not await noted.mutate("addBookmark", "{ bookmark { note } }", **note)


async def announce(noted: Noted, planted: Planted, community: str) -> str:
    """A channel, what is announced there and withdrawn; the channel's id."""
    made = await noted.mutate(
        "createChannel",
        "{ channel { id } }",
        communityId=community,
        slug=planted.word("channel's slug"),
        name=planted.word("channel's name"),
        theme="OTHER",
        description=planted.word("channel's description"),
    )
    channel = made["channel"]["id"]
    text = {"title": planted.word("announcement's title"), "body": planted.word("announcement")}
    create = "{ announcement { id } }"
    made = await noted.mutate("createAnnouncement", create, channelId=channel, **text)
    announcement = {"announcementId": made["announcement"]["id"]}
    wrong = {**text, "sourceLocale": planted.word("locale")}
    assert not await noted.mutate("createAnnouncement", create, channelId=channel, **wrong)
    rule = {"territories": [planted.word("territory")], "tiers": [planted.word("tier")]}
    await noted.mutate("createAnnouncement", create, channelId=channel, **text, audienceRule=rule)
    translation = {
        "locale": "de",
        "title": planted.word("translated title"),
        "body": planted.word("translated body"),
        "note": planted.word("translation's note"),
    }
    assert await noted.mutate("putTranslation", create, **announcement, **translation)
    assert await noted.mutate("publishAnnouncement", create, **announcement)
    assert not await noted.mutate("publishAnnouncement", create, **announcement)
    reason = planted.word("reason of a withdrawal")
    assert await noted.mutate("withdrawAnnouncement", create, **announcement, reason=reason)
    assert not await noted.mutate("withdrawAnnouncement", create, **announcement, reason=reason)
    return str(channel)


async def gather(noted: Noted, planted: Planted, community: str, person: str) -> None:
    """A group that somebody is invited to and thrown out of."""
    about = {"name": planted.word("group's name"), "description": planted.word("group's text")}
    create = "{ group { id } }"
    made = await noted.mutate("createGroup", create, communityId=community, **about)
    group = {"groupId": made["group"]["id"]}
    rule = {"emailDomains": [f"{planted.word('mail domain')}.example"]}
    await noted.mutate(
        "createGroup", create, communityId=community, **about, joinPolicy="RULE", rule=rule
    )
    wrong = {"tiers": [planted.word("rule that is none") * 20]}
    assert not await noted.mutate("updateGroup", create, **group, rule=wrong)
    member = "{ groupMember { state } }"
    assert await noted.mutate("inviteToGroup", member, **group, personId=person)
    for known in (person, planted.word("person")):
        reason = planted.word("reason of a removal")
        await noted.mutate("removeGroupMember", member, **group, personId=known, reason=reason)


async def attach(noted: Noted, planted: Planted, community: str) -> None:
    """A file with a name and content; its addresses are secrets."""
    data = planted.word("file's content").encode()
    made = await send(noted.asker, data, f"{planted.word('file name')}.txt")
    planted.words["upload address"] = urlsplit(made["url"]).path.rpartition("/")[2]
    done = await complete(noted.asker, made)
    node = "query A($id: ID!) { communityNode(id: $id) { ... on Attachment { url } } }"
    url = (await noted(node, id=done["id"]))["communityNode"]["url"]
    planted.words["file's address"] = urlsplit(url).path.rpartition("/")[2]
    assert (await get(url)).content == data
    upload = {"communityId": community, "size": 5}
    for name in (f"a/{planted.word('bad name')}", planted.word("long name") * 20):
        assert not await noted.mutate("createUpload", "{ url }", **upload, name=name)
    forged = planted.word("forged pass")
    http = noted.asker.http
    assert (await http.get(f"/files/{forged}")).status_code == 403
    put = await http.put(f"/uploads/{forged}", content=planted.word("never stored"))
    assert put.status_code == 403


async def read_feeds(noted: Noted, planted: Planted, channel: str) -> None:
    """By an address that is a secret, before and after it was revoked, and by none."""
    made = await noted.mutate(
        "createFeedAddress",
        "{ feedAddress { addressId } atomUrl calendarUrl }",
        channelId=channel,
    )
    name = urlsplit(made["atomUrl"]).path.rpartition("/")[2]
    planted.words["feed's secret"] = secret = name.removesuffix(".atom")
    http = noted.asker.http
    for kind in ("atom", "ics"):
        assert (await http.get(f"/feeds/{secret}.{kind}")).status_code == 200
    assert (await http.get(f"/feeds/{secret}.{planted.word('kind')}")).status_code == 404
    address = made["feedAddress"]["addressId"]
    assert await noted.mutate("revokeFeedAddress", "{ __typename }", addressId=address)
    for one in (secret, planted.word("forged feed").ljust(43, "x"), planted.word("no secret")):
        asked = await http.get(f"/feeds/{one}.atom", params={"x": planted.word("feed's query")})
        assert asked.status_code == 404
    wrong = planted.word("feed address")
    assert not await noted.mutate("revokeFeedAddress", "{ __typename }", addressId=wrong)


async def export(noted: Noted, planted: Planted, community: str) -> None:
    """All that was written, as lines; of nobody, and behind no cursor."""
    lines = """query E($c: ID!, $p: ID, $after: String) {
      exportRecords(communityId: $c, personId: $p, first: 100, after: $after) {
        edges { node { line } } } }"""
    answer = await noted(lines, c=community)
    assert planted.in_text(json.dumps(answer)) != []
    await noted(lines, c=community, p=planted.word("exported person"))
    await noted(lines, c=community, after=planted.word("cursor"))


async def subscribe(system: System, planted: Planted, noted: Noted, topic: str) -> None:
    """Told of what is written; refused as somebody, by what is asked, and by what is no message."""
    told = "subscription S($id: ID!) { topicChanged(id: $id) { topic { title } reply { body } } }"
    port = urlsplit(system.url).port
    assert port is not None
    bearer = noted.asker.http.headers["Authorization"]
    async with await Socket.open(port, path=f"/graphql?x={planted.word('query')}") as socket:
        await socket.send("connection_init", payload={"authorization": bearer})
        assert (await socket.next())["type"] == "connection_ack"
        await socket.subscribe(told, of=topic)
        await socket.told()
        reply = {"topicId": topic, "body": planted.word("reply that is told")}
        while not await noted.mutate("createReply", "{ reply { id } }", **reply):
            refusal = noted.errors[-1]["extensions"]
            assert refusal["code"] == "POSTING_TOO_FAST", refusal
            await asyncio.sleep(refusal["retryAfter"])
        assert (await socket.told())[0]["topicChanged"]["reply"]["body"] == reply["body"]
        await socket.subscribe(told, "2", of=planted.word("subscribed"))
        noted.errors += await socket.refused()
        await socket.subscribe(told, "3", planted.word("event's id"), of=topic)
        noted.errors += await socket.refused()
        await socket.subscribe(f'subscription {{ "{planted.word("in a subscription")}" }}', "4")
        noted.errors += await socket.refused()
        await socket.send_text(f'{{"type": "{planted.word("no message")}"}}')
        assert planted.in_text((await socket.closed())[1]) == []
    for payload in (
        {"authorization": f"Bearer {planted.word('token of a socket')}"},
        {"authorization": {"a": planted.word("no token")}},
    ):
        async with await Socket.open(port) as socket:
            await socket.send("connection_init", payload=payload)
            assert planted.in_text((await socket.closed())[1]) == []
    with pytest.raises(ClosedError):
        await Socket.open(port, path=f"/{planted.word('no path of sockets')}")
    stream = {"Accept": "text/event-stream", "Last-Event-ID": planted.word("last event")}
    asked = {"query": told, "variables": {"id": topic}}
    response = await noted.asker.http.post("/graphql", json=asked, headers=stream)
    assert "RESUME_NOT_POSSIBLE" in response.text
    assert planted.in_text(response.text) == []


async def be_refused(noted: Noted, planted: Planted) -> None:
    """Wrong types, bad documents and broken bodies, all with words in them."""
    wrong = {"title": planted.word("title of a wrong type"), "body": {"a": planted.word("inner")}}
    await noted(CREATE, input=wrong)
    await noted(CREATE, input={**wrong, "nobody": planted.word("unknown field's value")})
    await noted(CREATE, input={**wrong, "kind": planted.word("no value of an enum")})
    await noted(CREATE, input=planted.word("text for an object"))
    await noted("query T($id: ID!) { topic(id: $id) { title } }", id=planted.word("id"))
    await noted("query T($n: Int!) { communities(first: $n) { totalCount } }",
                n=planted.word("text for a number"))  # fmt: skip
    await noted("query S($t: DateTime) { search(first: 1, fromTime: $t) { totalCount } }",
                t=planted.word("text for a time"))  # fmt: skip
    await noted(f'{{ topic(id: "{planted.word("literal")}") {{ title }} }}')
    await noted(f'{{ communities(first: "{planted.word("literal number")}") {{ totalCount }} }}')
    await noted(f'{{ search(first: 1, fromTime: "{planted.word("literal time")}") '
                "{ totalCount } }")  # fmt: skip
    await noted(f'{{ topic(id: "{planted.word("unclosed")}')
    await noted(f"# {planted.word('comment')}\n{{ viewre }}")
    await noted.send(f'{{"query": "{planted.word("broken body")}'.encode())
    await noted(f'{{ topic(id "{planted.word("misplaced")}") {{ title }} }}')
    await noted.send({"query": "{ __typename }", "operationName": {"a": planted.word("name")}})
    await noted.send({"query": "{ __typename }", "extensions": planted.word("extensions")})
    await noted.send({"documentId": planted.word("document id")})
    await noted.send({"query": "{ __typename }"}, **{"Content-Type": planted.word("content type")})
    await noted.send({"query": "{ __typename }"}, **{"User-Agent": planted.word("user agent")})


async def change_people(noted: Noted, planted: Planted, community: str) -> None:
    """Names and addresses, taken and refused."""
    create = """mutation P($input: CreatePersonInput!) { createPerson(input: $input) {
      person { id displayName email } } }"""
    for issuer in ("https://id.kestrel.test", planted.word("issuer")):
        address = f"{planted.word(f'mail {issuer[:8]}')}@example.test"
        asked = {
            "requestId": f"test-{uuid.uuid4()}",
            "displayName": f"Zora {planted.word(f'name {issuer[:8]}')}",
            "email": address,
            "identityLinks": [{"issuer": issuer, "subject": planted.word(f"subject {issuer[:8]}")}],
        }
        await noted(create, input=asked)
    portal = """mutation P($input: CreatePortalInput!) { createPortal(input: $input) {
      portal { id } } }"""
    await noted(
        portal,
        input={
            "requestId": f"test-{uuid.uuid4()}",
            "communityId": community,
            "name": "A" * 100 + planted.word("portal's name"),
        },
    )


async def test_nothing_personal_leaves_by_logs_spans_metrics_or_errors(system: System) -> None:
    planted = Planted()
    engineer = Noted(await system.browser(ENGINEER))
    manager, operator = Noted(await system.asker(MANAGER)), Noted(await system.asker(OPERATOR))
    nobody = Noted(await system.asker(None))
    session = engineer.asker.http.cookies["session"]
    assert session
    planted.words["cookie"] = session
    for name, asker in (("manager", manager), ("operator", operator)):
        bearer = asker.asker.http.headers["Authorization"].removeprefix("Bearer ")
        planted.words[f"{name}'s token"] = bearer
        planted.words[f"{name}'s signature"] = bearer.rpartition(".")[2]
    data = await engineer('{ community(slug: "aurora") { id space(slug: "general") { id } } }')
    community, space = data["community"]["id"], data["community"]["space"]["id"]
    for asker in (engineer, manager):
        topic = await write(asker, planted, space, community)
        await draft(asker, planted, space, topic)
        await attach(asker, planted, community)
        await be_refused(asker, planted)
    person = (await engineer("{ viewer { person { id } } }"))["viewer"]["person"]["id"]
    await take_part(manager, planted, topic)
    await gather(manager, planted, community, person)
    await read_feeds(manager, planted, await announce(manager, planted, community))
    await subscribe(system, planted, manager, topic)
    await export(manager, planted, community)
    await change_people(operator, planted, community)
    await be_refused(nobody, planted)
    await nobody.send({"query": "{ __typename }"}, Authorization=f"Bearer {planted.word('token')}")
    await nobody.send({"query": "{ __typename }"}, Cookie=f"session={planted.word('forged')}")
    await nobody.asker.http.get("/graphql", params={"query": "{", "x": planted.word("address")})
    await nobody.asker.http.get(f"/signin/{planted.word('company')}")
    await nobody.asker.http.get("/signin/kestrel/callback", params={"code": planted.word("code")})

    everyone = (engineer, manager, operator, nobody)
    errors = json.dumps([error for asker in everyone for error in asker.errors])
    assert len(errors) > 5_000
    assert planted.in_text(errors) == []

    await quiet(system.place)
    traces = {trace for asker in everyone for trace in asker.traces}
    assert len(traces) > 50

    async def exported() -> set[str]:
        text = await asyncio.to_thread(system.spans_file.read_text)
        return {trace for trace in traces if trace not in text}

    await until(exported, lambda missing: not missing, seconds=30)
    assert planted.in_text(system.spans_file.read_text()) == []
    for part in PARTS:
        text = system.place.log(part).read_text()
        assert text, f"{part} logs nothing"
        assert planted.in_text(text) == [], part
    async with httpx2.AsyncClient() as client:
        for port in (*(service.metrics_port for service in SERVICES), GATEWAY_METRICS):
            text = (await client.get(f"{system.place.url(port)}/metrics")).text
            assert "guildhall_" in text
            assert planted.in_text(text) == [], port

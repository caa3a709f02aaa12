"""The demo world with one thing of every kind and state in both communities, and its stores."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pymongo

from devstack.openid.people import find_person
from devstack.parts import MONGOD, NATS_MONITOR, SERVICES, Place
from gateway.cursors import decode_id, encode_id
from tests.system import (
    BOREALIS_MANAGER,
    BOTH,
    ENGINEER,
    MANAGER,
    OPERATOR,
    SELLER,
    Asker,
    System,
    until,
)

TOKEN_AGE = 60  # seconds; they live longer
_VIEWER = "{ viewer { person { id } } }"
_COMMUNITY = """query C($slug: String!) { community(slug: $slug) {
    id vendor { id } space(slug: "general") { id }
} }"""
_STAFF = """query S($id: ID!) {
    moderationRules(communityId: $id, first: 10) { edges { node { id } } }
    moderationCases(communityId: $id, first: 50) { edges { node { id post {
      ... on Topic { author { member { id } } } ... on Reply { author { member { id } } }
    } } } }
    enrolments(communityId: $id, first: 10) { edges { node { id company { id } } } }
}"""

_DELIVERIES = """query D($id: ID!) { webhook(id: $id) { deliveries(first: 1) { edges { node {
    deliveryId state lastError } } } } }"""


@dataclass
class World:
    """Global ids by community and kind, as `Topic`, or `Topic.DRAFT` for one in that state."""

    place: Place
    used: str = field(default_factory=lambda: f"used-{uuid.uuid4()}")  # a request id, in aurora
    aurora: dict[str, str] = field(default_factory=dict)
    borealis: dict[str, str] = field(default_factory=dict)
    _askers: dict[str, tuple[float, str]] = field(default_factory=dict)

    async def asker(self, system: System, email: str | None) -> Asker:
        """As System's, with one token for many tests."""
        if email is None:
            return await system.asker(None)
        kept = self._askers.get(email)
        if kept is None or time.monotonic() - kept[0] > TOKEN_AGE:
            made = await system.asker(email)
            kept = self._askers[email] = (time.monotonic(), made.http.headers["Authorization"])
            return made
        asker = await system.asker(None)
        asker.http.headers["Authorization"] = kept[1]
        return asker

    def snapshot(self) -> Mapping[str, Any]:
        """What every service has stored, by hash, and how much was ever said on the bus."""
        return snapshot(self.place)


def identity(place: Place, email: str) -> tuple[str, str]:
    """Issuer and subject of one of the demo's people."""
    person = find_person(email)
    assert person is not None
    issuers = {one["key"]: one["issuer"] for one in json.loads(place.issuers_file.read_text())}
    return issuers[person.company], person.subject


def snapshot(place: Place) -> dict[str, Any]:
    """Leases beat by themselves, and every ten minutes search takes a tick to make people anew; all
    else stands still while nothing happens.
    """
    taken: dict[str, Any] = {}
    address = f"mongodb://{place.address(MONGOD)}/?directConnection=true"
    with pymongo.MongoClient[dict[str, Any]](address) as client:
        for service in SERVICES:
            hashes = client[service.name].command("dbHash")["collections"]
            for name, digest in hashes.items():
                if name not in ("leases", "relay_leases", "clocks"):
                    taken[f"{service.name}.{name}"] = digest
        hashes = client["gateway"].command("dbHash")["collections"]
        for name in ("commands", "documents", "outbox", "portals"):  # sessions come and go
            taken[f"gateway.{name}"] = hashes.get(name)
    for stream in _streams(place):
        taken[f"bus.{stream['name']}"] = stream["state"]["last_seq"]
    return taken


def _streams(place: Place) -> list[dict[str, Any]]:
    url = f"{place.url(NATS_MONITOR)}/jsz?consumers=true"
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - the stack's own
        accounts = json.load(answer)["account_details"]
    return [stream for account in accounts for stream in account.get("stream_detail", ())]


def _all_done(place: Place) -> bool:
    """Everything said was heard, no list of who is told is being written, nobody being told."""
    address = f"mongodb://{place.address(MONGOD)}/?directConnection=true"
    with pymongo.MongoClient[dict[str, Any]](address) as client:
        if client["forum"].announcements.find_one({"audience_state": "FREEZING"}) is not None:
            return False
        mailed = client["notifications"]
        if mailed.mailings.find_one({"step": {"$exists": True}}) is not None:
            return False
        for ledger in (mailed.mails, mailed.deliveries):
            if ledger.find_one({"due_time": {"$exists": True}}) is not None:
                return False
    return not any(
        consumer["num_pending"] or consumer["num_ack_pending"]
        for stream in _streams(place)
        for consumer in stream.get("consumer_detail", ())
    )


async def quiet(place: Place) -> None:
    """Until what was done before is stored, said and heard everywhere."""
    last: dict[str, Any] = {}
    still = 0
    for _ in range(500):  # what was not acknowledged while the bus hung comes again in 30 s
        now = await asyncio.to_thread(snapshot, place)
        still = still + 1 if now == last and _all_done(place) else 0
        if still == 3:
            return
        last = now
        await asyncio.sleep(0.2)
    raise AssertionError("the stack does not come to rest")


async def settle(system: System) -> World:
    """Make the world: whatever a bad input could name is there."""
    world = World(system.place)
    manager, other = await system.asker(MANAGER), await system.asker(BOREALIS_MANAGER)
    engineer, seller = await system.asker(ENGINEER), await system.asker(SELLER)
    both, operator = await system.asker(BOTH), await system.asker(OPERATOR)
    await asyncio.gather(
        _fill(world.aurora, "aurora", manager, engineer, both),
        _fill(world.borealis, "borealis", other, both, seller),
    )
    for ids, boss, member in ((world.aurora, manager, both), (world.borealis, other, seller)):
        await _make_portal(ids, operator)
        await _make_groups(ids, operator, boss, member)
        await _make_webhook(ids, boss)
    for ids, theirs in ((world.aurora, world.borealis), (world.borealis, world.aurora)):
        ids["Company.OTHER"] = theirs["Company.PARTNER"]
    await _use_request_id(world, manager, operator)
    await quiet(system.place)
    return world


async def _fill(
    ids: dict[str, str], slug: str, manager: Asker, author: Asker, member: Asker
) -> None:
    community = (await manager(_COMMUNITY, slug=slug))["community"]
    ids["Community"] = community["id"]
    ids["Space"] = community["space"]["id"]
    ids["Person"] = (await member(_VIEWER))["viewer"]["person"]["id"]
    person, home = decode_id(ids["Person"], "id"), decode_id(community["id"], "id")
    ids["Member"] = encode_id("Member", home.id, person.id)
    await _write(ids, manager, author)
    await _announce(ids, manager)
    me = (await manager(_VIEWER))["viewer"]["person"]["id"]
    mine = encode_id("Member", home.id, decode_id(me, "id").id)
    cases = await until(lambda: _cases(manager, ids["Community"], mine), bool)
    staff = await manager(_STAFF, id=ids["Community"])
    ids["Rule"] = staff["moderationRules"]["edges"][0]["node"]["id"]
    ids["Case"] = cases[0]
    enrolments = [edge["node"] for edge in staff["enrolments"]["edges"]]  # the newest first
    ids["Enrolment"], ids["Company"] = enrolments[-1]["id"], enrolments[-1]["company"]["id"]
    ids["Company.PARTNER"] = enrolments[0]["company"]["id"]
    ids["Company.VENDOR"] = community["vendor"]["id"]


async def _make_portal(ids: dict[str, str], operator: Asker) -> None:
    made = await operator.mutate(
        "createPortal", "{ portal { id } }", communityId=ids["Community"], name="A portal"
    )
    ids["Portal"] = made["portal"]["id"]
    await operator.mutate(
        "registerDocuments",
        "{ portal { id } }",
        portalId=ids["Portal"],
        documents=["query Once { viewer { isOperator } }"],
    )


async def _make_webhook(ids: dict[str, str], manager: Asker) -> None:
    """Told of nothing that happens here; tried once, where nobody listens."""
    made = await manager.mutate(
        "createWebhook",
        "{ webhook { id } }",
        communityId=ids["Community"],
        name="A webhook",
        url="http://127.0.0.1:9/nobody",
        eventTypes=["ANNOUNCEMENT_EXPIRED"],
    )
    webhook = ids["Webhook"] = made["webhook"]["id"]
    await manager.mutate("testWebhook", "{ __typename }", webhookId=webhook)

    async def tried() -> dict[str, Any]:
        found = await manager(_DELIVERIES, id=webhook)
        delivery: dict[str, Any] = found["webhook"]["deliveries"]["edges"][0]["node"]
        return delivery

    delivery = await until(tried, lambda one: one["lastError"] and one["state"] == "QUEUED")
    home = decode_id(webhook, "id").community_id
    ids["Delivery"] = encode_id("Delivery", home, delivery["deliveryId"])
    for enabled in (False, True):  # what waits is dropped
        await manager.mutate("updateWebhook", "{ __typename }", webhookId=webhook, enabled=enabled)


async def _make_groups(ids: dict[str, str], operator: Asker, manager: Asker, member: Asker) -> None:
    """One that both are in, one that the member asks to be in, and one where the manager may be."""

    async def group(asker: Asker, name: str, policy: str) -> str:
        made = await asker.mutate(
            "createGroup", "{ group { id } }", communityId=ids["Community"], name=name,
            joinPolicy=policy,
        )  # fmt: skip
        return str(made["group"]["id"])

    ids["Group"] = await group(manager, "A group", "OPEN")
    ids["Group.REQUESTED"] = await group(manager, "A group that decides", "REQUEST")
    ids["Group.INVITED"] = await group(operator, "A group that invites", "INVITE_ONLY")
    for joined in (ids["Group"], ids["Group.REQUESTED"]):
        await member.mutate("joinGroup", "{ groupMember { state } }", groupId=joined)
    boss = (await manager(_VIEWER))["viewer"]["person"]["id"]
    await operator.mutate(
        "inviteToGroup",
        "{ groupMember { state } }",
        groupId=ids["Group.INVITED"],
        personId=boss,
    )


async def _cases(manager: Asker, community: str, mine: str) -> list[str]:
    """Ids of those about others' posts: who moderates decides nothing of their own."""
    edges = (await manager(_STAFF, id=community))["moderationCases"]["edges"]
    found = [edge["node"] for edge in edges if (edge["node"]["post"] or {}).get("author")]
    return [one["id"] for one in found if (one["post"]["author"]["member"] or {}).get("id") != mine]


async def _write(ids: dict[str, str], manager: Asker, author: Asker) -> None:
    async def topic(asker: Asker, title: str, **more: Any) -> str:
        more = {"kind": "QUESTION", "body": "What is to be known about it?", **more}
        made = await asker.post(
            "createTopic", "{ topic { id } }", spaceId=ids["Space"], title=title, **more
        )
        return str(made["topic"]["id"])

    async def reply(text: str) -> str:
        made = await manager.mutate(
            "createReply", "{ reply { id } }", topicId=ids["Topic"], body=text
        )
        return str(made["reply"]["id"])

    ids["Topic"] = await topic(manager, "A question with an answer")
    ids["Topic.DRAFT"] = await topic(manager, "A draft", draft=True)
    for state, step, more in (
        ("CLOSED", "closeTopic", {"closeReason": "RESOLVED"}),
        ("HIDDEN", "hideTopic", {"reason": "off topic"}),
    ):
        ids[f"Topic.{state}"] = await topic(manager, f"A {state} topic")
        await manager.mutate(step, "{ topic { id } }", topicId=ids[f"Topic.{state}"], **more)
    ids["Topic.SCHEDULED"] = await topic(manager, "A scheduled topic", draft=True)
    await manager.mutate(
        "scheduleTopic",
        "{ topic { id } }",
        topicId=ids["Topic.SCHEDULED"],
        publishTime=(datetime.now(UTC) + timedelta(days=30)).isoformat(),
    )
    ids["Reply"], ids["Reply.HIDDEN"] = await reply("The answer."), await reply("No answer.")
    await manager.mutate("acceptReply", "{ topic { id } }", replyId=ids["Reply"])
    await manager.mutate(
        "hideReply", "{ reply { id } }", replyId=ids["Reply.HIDDEN"], reason="off topic"
    )
    await manager.mutate(
        "createPoll", "{ poll { closed } }", topicId=ids["Topic"], question="Is it so?",
        options=["Yes", "No"],
    )  # fmt: skip
    made = await manager.mutate(
        "createAutomation", "{ automation { id } }", communityId=ids["Community"],
        name="Close old questions", trigger="STALE", threshold=1000, action="CLOSE",
        closeReason="OTHER",
    )  # fmt: skip
    ids["Automation"] = made["automation"]["id"]
    ids["Attachment"] = await attachment(manager, ids["Community"])
    await manager.mutate(
        "updateReply", "{ reply { id } }", replyId=ids["Reply"], body="The answer, better said."
    )
    await manager.mutate(
        "saveDraft", "{ draft { version } }", draftKind="TOPIC", spaceId=ids["Space"], body="So far"
    )
    made = await manager.mutate(
        "createSeeding", "{ seeding { id } }", spaceId=ids["Space"], name="The first month",
        ownerIds=[ids["Person"]],
    )  # fmt: skip
    ids["Seeding"] = made["seeding"]["id"]
    made = await manager.mutate(
        "addSeedingItem", "{ seeding { items { id } } }", seedingId=ids["Seeding"],
        title="How to begin", kind="QUESTION", ownerId=ids["Person"],
    )  # fmt: skip
    ids["Item"] = made["seeding"]["items"][0]["id"]
    await topic(author, f"Where is the pricelist {uuid.uuid4().hex[:8]}")  # waits for a moderator


async def _announce(ids: dict[str, str], manager: Asker) -> None:
    """For managers only: what outsiders read stays as it is, whatever they have seen."""

    async def draft(title: str) -> str:
        made = await manager.mutate(
            "createAnnouncement",
            "{ announcement { id } }",
            channelId=ids["Channel"],
            title=title,
            body="What managers are to know.",
            severity="MUST_READ",
            requiresAcknowledgement=True,
            deadline="2999-01-01T00:00:00Z",
            audienceRule={"roles": ["MANAGER"]},
        )
        return str(made["announcement"]["id"])

    made = await manager.mutate(
        "createChannel",
        "{ channel { id } }",
        communityId=ids["Community"],
        slug="programme",
        name="Programme",
        theme="PROGRAMME_CHANGE",
    )
    ids["Channel"] = made["channel"]["id"]
    ids["Announcement"] = await draft("An announcement")
    ids["Announcement.DRAFT"] = await draft("A draft of one")
    await manager.mutate(
        "publishAnnouncement", "{ announcement { id } }", announcementId=ids["Announcement"]
    )
    await manager.mutate(
        "putTranslation",
        "{ announcement { id } }",
        announcementId=ids["Announcement"],
        locale="de",
        title="Eine Ankündigung",
        body="Was zu wissen ist.",
    )
    await manager.mutate(
        "acknowledgeAnnouncement", "{ receipt { state } }", announcementId=ids["Announcement"]
    )
    address = await manager.mutate(
        "createFeedAddress", "{ feedAddress { addressId } atomUrl }", channelId=ids["Channel"]
    )
    ids["Address"] = address["feedAddress"]["addressId"]
    ids["FeedSecret"] = address["atomUrl"].rpartition("/")[2].removesuffix(".atom")


async def attachment(asker: Asker, community: str, name: str = "grace.txt") -> str:
    """A file that its uploader may attach, put as a browser does; its global id."""
    made = await asker.mutate(
        "createUpload", "{ attachment { id } url }", communityId=community, name=name, size=5
    )
    async with httpx2.AsyncClient() as http:
        (await http.put(made["url"], content=b"grace")).raise_for_status()
    attachment_id: str = made["attachment"]["id"]
    await asker.mutate("completeUpload", "{ __typename }", attachmentId=attachment_id)
    return attachment_id


async def _use_request_id(world: World, manager: Asker, operator: Asker) -> None:
    community, space = world.aurora["Community"], world.aurora["Space"]
    rule, company = world.aurora["Rule"], world.aurora["Company"]
    told: dict[str, Any] = {"description": "Used once."}  # no later request says just this
    for asker, mutation, input_ in (
        (manager, "updateCommunity", {"communityId": community, **told}),
        (manager, "updateSpace", {"spaceId": space, **told}),
        (manager, "updateSynonyms", {"communityId": community, "sets": []}),
        (manager, "updateRule", {"ruleId": rule, "enabled": True}),
        (operator, "updateCompany", {"companyId": company, **told}),
        (operator, "updatePortal", {"portalId": world.aurora["Portal"], "name": "Used once"}),
        (manager, "updatePortal", {"portalId": world.aurora["Portal"], "name": "A portal"}),
        (manager, "updateWebhook", {"webhookId": world.aurora["Webhook"], "name": "Used once"}),
    ):
        await asker.mutate(mutation, "{ __typename }", requestId=world.used, **input_)

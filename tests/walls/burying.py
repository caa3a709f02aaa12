"""Hides something of every kind and state, each by those who could in earnest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pymongo

from devstack.parts import MONGOD
from gateway.cursors import decode_id, encode_id
from tests.system import MANAGER, OPERATOR, Asker, System, until
from tests.walls.loot import WORDS, Hidden, Loot
from tests.walls.observers import (
    AUTHOR,
    AUTHOR_2,
    INSIDER,
    LEAVER,
    Troupe,
    enrol,
    join,
    leave,
    new_company,
)
from tests.world import World, attachment, quiet

_HELD = "pricelist"  # a rule of the demo holds it
_OLD = {
    "Topic.HIDDEN": "a hidden topic", "Topic.DRAFT": "a moderator's draft",
    "Reply.HIDDEN": "a hidden reply", "Rule": "a rule", "Automation": "an automation",
    "Seeding": "a seeding", "Item": "an item of a seeding", "Case": "a case",
    "Webhook": "a webhook", "Delivery": "a delivery of it",
}  # fmt: skip


async def bury(system: System, world: World, troupe: Troupe) -> Loot:
    """Hide something of every kind and state, then wait until all have heard of it."""
    loot = Loot()
    digger = _Digger(system, world, troupe, loot)
    await digger.ready()
    await digger.community()
    await digger.within()
    digger.dead_letter()
    await quiet(system.place)
    await digger.staff()
    digger.old()
    loot.texts |= {
        "query": [loot.canary, f"{WORDS} {loot.canary}"],
        "prefix": [loot.canary[:8]],
        "tag": [f"tag-{loot.canary}"],
        "tags": [f"tag-{loot.canary}"],
        "email": [f"{loot.canary}@example.org"],
        "source": [f"source-{loot.canary}"],
    }
    return loot


class _Digger:
    def __init__(self, system: System, world: World, troupe: Troupe, loot: Loot) -> None:
        self._system, self._world, self._troupe, self._loot = system, world, troupe, loot
        self._askers: dict[str, Asker] = {}

    async def ready(self) -> None:
        for name in (OPERATOR, MANAGER, AUTHOR, AUTHOR_2, INSIDER):
            self._askers[name] = await self._troupe.asker(self._system, name)
        await self._system.browser(MANAGER)  # a session

    def old(self) -> None:
        """What the world hid before."""
        for name, what in _OLD.items():
            self._loot.add(self._world.aurora[name], what)

    async def community(self) -> None:
        """A whole community that none of the outsiders is in."""
        loot, operator, manager = self._loot, self._askers[OPERATOR], self._askers[MANAGER]
        made = await operator.mutate(
            "createCommunity",
            "{ community { id } }",
            slug=f"vault-{loot.canary}",
            name=f"Aurora Vault {loot.canary}",
            vendorCompanyId=self._world.aurora["Company.VENDOR"],
        )
        vault: str = made["community"]["id"]
        loot.community = loot.add(vault, "a community").id
        viewer = (await manager("{ viewer { person { id } } }"))["viewer"]["person"]["id"]
        loot.add(
            await join(operator, vault, viewer, roles=["MANAGER", "MODERATOR"]),
            "a manager",
            known=True,
        )
        await until(lambda: self._belongs(manager, vault), bool)
        await self._people(vault)
        space = await self._space(vault, "general", "a space of it")
        rule = await manager.mutate(
            "createRule",
            "{ rule { id } }",
            requestId=loot.used,
            communityId=vault,
            kind="HOLD",
            patternKind="WORD",
            pattern=f"{_HELD}*",
        )
        loot.add(rule["rule"]["id"], "a rule of it")
        await manager.mutate(
            "updateSynonyms",
            "{ __typename }",
            communityId=vault,
            sets=[{"phrases": ["question", loot.canary]}],
        )
        await self._announce(vault, "of it")
        await self._group(vault, "of it")
        topic = await self._thread(space, "in it")
        await self._states(space, "in it")
        await self._withheld(space, topic, "in it")
        await self._import(space)

    async def _belongs(self, asker: Asker, community: str) -> bool:
        found = await asker("query C($id: ID!) { community(id: $id) { id } }", id=community)
        return found["community"] is not None

    async def _people(self, vault: str) -> None:
        loot, operator, manager = self._loot, self._askers[OPERATOR], self._askers[MANAGER]
        company = await new_company(
            operator,
            f"Company {loot.canary}",
            website=f"https://{loot.canary}.example.org",
            issuer=f"https://id.{loot.canary}.example.org",
        )
        loot.add(company, "a company")
        loot.add(await enrol(operator, vault, company, "GOLD"), "an enrolment")
        partner = (await self._askers[AUTHOR]("{ viewer { memberships { company { id } } } }"))[
            "viewer"
        ]["memberships"][0]["company"]["id"]
        await enrol(operator, vault, partner, "GOLD")
        issuer = f"https://id.{loot.canary}.example.org"
        person = await operator.mutate(
            "createPerson",
            "{ person { id } }",
            displayName=f"Grace {loot.canary}",
            email=f"{loot.canary}@example.org",
            companyId=company,
            identityLinks=[{"issuer": issuer, "subject": loot.canary}],
        )
        hidden: str = person["person"]["id"]
        loot.add(hidden, "a person")
        loot.add(await join(manager, vault, hidden), "a member")
        for name in (AUTHOR, AUTHOR_2, LEAVER):
            await join(manager, vault, self._troupe.ids[name])
        for name in (AUTHOR, AUTHOR_2):
            await until(lambda name=name: self._belongs(self._askers[name], vault), bool)  # type: ignore[misc]
        await leave(operator, vault, self._troupe.ids[LEAVER])
        loot.texts |= {
            "slug": [f"vault-{loot.canary}", f"general-{loot.canary}"],
            "name": [f"{of} {loot.canary}" for of in ("Company", "Aurora Vault", "Group")],
            "displayName": [f"Grace {loot.canary}"],
            "website": [f"https://{loot.canary}.example.org"],
            "issuer": [issuer],
            "subject": [loot.canary],
            "externalId": [f"post-{loot.canary}", f"deal-{loot.canary}"],
        }

    async def within(self) -> None:
        """In a community that some of the outsiders are in."""
        home, company = self._world.aurora["Community"], self._troupe.company
        group = await self._group(home, "at home")
        for slug, audience, names in (
            ("circle", "GROUPS", [group]),
            ("board", "VENDOR", []),
            ("firm", "COMPANIES", [company]),
            ("platinum", "TIER", ["PLATINUM"]),
        ):
            space = await self._space(home, slug, f"a space {slug}", audience, names)
            await self._thread(space, f"in {slug}")
        await self._announce(home, "at home", audience="VENDOR")
        board = space
        await self._states(self._world.aurora["Space"], "at home", fleeting=False)
        await self._withheld(self._world.aurora["Space"], self._world.aurora["Topic"], "at home")
        topic = await self._post(INSIDER, board, "by an insider", draft=True)
        self._loot.add(topic, "an insider's draft")

    async def _announce(self, community: str, what: str, audience: str = "COMMUNITY") -> None:
        """A channel, and something that must be read in it."""
        manager, canary = self._askers[MANAGER], self._loot.canary
        channel = await manager.mutate(
            "createChannel",
            "{ channel { id } }",
            communityId=community,
            slug=f"news-{canary}",
            name=f"News {canary}",
            theme="OTHER",
            audience=audience,
        )
        self._loot.add(channel["channel"]["id"], f"a channel {what}")
        made = await manager.mutate(
            "createAnnouncement",
            "{ announcement { id } }",
            channelId=channel["channel"]["id"],
            title=f"{WORDS} {canary}",
            body=WORDS,
            severity="MUST_READ",
        )
        announcement = made["announcement"]["id"]
        await manager.mutate(
            "publishAnnouncement", "{ announcement { id } }", announcementId=announcement
        )
        self._loot.add(announcement, f"an announcement {what}")

    async def _group(self, community: str, what: str) -> str:
        """That only those know of who are in it."""
        name = f"Group {self._loot.canary}"
        made = await self._askers[MANAGER].mutate(
            "createGroup", "{ group { id } }", communityId=community, name=name,
            description=WORDS, visibility="MEMBERS", joinPolicy="OPEN",
        )  # fmt: skip
        group: str = made["group"]["id"]
        self._loot.add(group, f"a group {what}")
        return group

    async def _space(
        self,
        community: str,
        slug: str,
        what: str,
        audience: str = "COMMUNITY",
        names: Sequence[str] = (),
    ) -> str:
        made = await self._askers[MANAGER].mutate(
            "createSpace",
            "{ space { id } }",
            communityId=community,
            slug=f"{slug}-{self._loot.canary}",
            name=f"General {self._loot.canary}",
            description=WORDS,
            audience=audience,
            audienceNames=list(names),
        )
        space: str = made["space"]["id"]
        self._loot.add(space, what)
        return space

    async def _post(self, who: str, space: str, text: str = "", **more: Any) -> str:
        made = await self._askers[who].mutate(
            "createTopic",
            "{ topic { id state } }",
            spaceId=space,
            kind="QUESTION",
            title=f"{WORDS} {self._loot.canary} {text}",
            body=f"{WORDS} {self._loot.canary}",
            contextRefs=[
                {"system": "crm", "type": "deal", "externalId": f"deal-{self._loot.canary}"}
            ],
            **{"tags": ["grace", f"tag-{self._loot.canary}"], **more},
        )
        topic: str = made["topic"]["id"]
        return topic

    async def _reply(self, who: str, topic: str, text: str = "") -> str:
        made = await self._askers[who].mutate(
            "createReply",
            "{ reply { id state } }",
            topicId=topic,
            body=f"{WORDS} {self._loot.canary} {text}",
        )
        reply: str = made["reply"]["id"]
        return reply

    async def _thread(self, space: str, where: str) -> str:
        """A question with its answer, edited."""
        manager = self._askers[MANAGER]
        topic = await self._post(MANAGER, space)
        reply = await self._reply(MANAGER, topic)
        await manager.mutate("acceptReply", "{ __typename }", replyId=reply)
        await manager.mutate("updateTopic", "{ __typename }", topicId=topic, body=f"{WORDS}.")
        self._loot.add(topic, f"a topic {where}")
        self._loot.add(reply, f"a reply {where}")
        home = decode_id(space, "id").community_id
        community = encode_id("Community", home, home)
        file = await attachment(manager, community, f"{self._loot.canary}.txt")
        await manager.mutate("updateTopic", "{ __typename }", topicId=topic, attachmentIds=[file])
        self._loot.add(file, f"an attachment {where}")
        return topic

    async def _states(self, space: str, where: str, *, fleeting: bool = True) -> None:
        """Topics on every way; those that everybody saw for a while only where nobody is."""
        steps: list[tuple[str, str, dict[str, Any]]] = [("a draft", "", {"draft": True})]
        if fleeting:
            steps += [
                ("a closed topic", "closeTopic", {"closeReason": "RESOLVED"}),
                ("an archived topic", "archiveTopic", {}),
                ("a hidden topic", "hideTopic", {"reason": WORDS}),
                ("a removed topic", "removeTopic", {"reason": WORDS}),
            ]
        for what, step, more in steps:
            topic = await self._post(MANAGER, space, draft=not step)
            if step:
                await self._askers[MANAGER].mutate(step, "{ __typename }", topicId=topic, **more)
            self._loot.add(topic, f"{what} {where}")
        if fleeting:
            topic = await self._post(MANAGER, space)
            for what, step in (("a hidden reply", "hideReply"), ("a removed reply", "removeReply")):
                reply = await self._reply(MANAGER, topic)
                await self._askers[MANAGER].mutate(
                    step, "{ __typename }", replyId=reply, reason=WORDS
                )
                self._loot.add(reply, f"{what} {where}")

    async def _withheld(self, space: str, topic: str, where: str) -> None:
        """What waits for a moderator, and what one rejected."""
        waiting = {
            await self._post(AUTHOR, space, _HELD): "a pending topic",
            await self._post(AUTHOR_2, space, _HELD): "a rejected topic",
            await self._reply(AUTHOR, topic, _HELD): "a pending reply",
            await self._reply(AUTHOR_2, topic, _HELD): "a rejected reply",
        }
        for post, what in waiting.items():
            self._loot.add(post, f"{what} {where}")
        community = decode_id(space, "id").community_id
        rejected = {post for post, what in waiting.items() if "rejected" in what}
        cases = await until(
            lambda: self._cases(community), lambda found: waiting.keys() <= found.keys()
        )
        for post, case in cases.items():
            if post in waiting:
                self._loot.add(case, f"the case of {waiting[post]} {where}")
            if post in rejected:
                await self._askers[MANAGER].mutate(
                    "decideCase", "{ __typename }", caseId=case, outcome="REJECT", reason=WORDS
                )

    async def _cases(self, community: str) -> dict[str, str]:
        answer = await self._askers[MANAGER](
            """query C($id: ID!) { moderationCases(communityId: $id, last: 20) { edges { node {
                id post { ... on Topic { id } ... on Reply { id } } } } } }""",
            id=encode_id("Community", community, community),
        )
        cases = [edge["node"] for edge in answer["moderationCases"]["edges"]]
        return {case["post"]["id"]: case["id"] for case in cases if case["post"]}

    async def _import(self, space: str) -> None:
        canary = self._loot.canary
        await self._askers[MANAGER].mutate(
            "importPosts",
            "{ created }",
            spaceId=space,
            source=f"source-{canary}",
            posts=[
                {
                    "externalId": f"post-{canary}",
                    "kind": "QUESTION",
                    "title": f"{WORDS} {canary}",
                    "body": WORDS,
                    "tags": ["grace"],
                    "score": 3,
                    "createTime": "2026-01-01T00:00:00Z",
                    "persona": {"externalId": canary, "displayName": f"Grace {canary}"},
                }
            ],
        )

    def dead_letter(self) -> None:
        """An event that the forum could not apply, about something hidden."""
        about = self._loot.of("Case")[0]
        letter = f"forum--moderation|{about.id}|99"
        document = {
            "_id": letter, "consumer": "forum--moderation", "state": "parked",
            "subject": f"evt.moderation.{about.community}.case.{about.id}.CaseOpened",
            "headers": {}, "data": b"", "first_at": datetime.now(UTC),
            "community_id": about.community, "agg": about.id, "seq": 0,
            "reason": self._loot.canary, "deliveries": 5,
        }  # fmt: skip
        address = f"mongodb://{self._system.place.address(MONGOD)}/?directConnection=true"
        with pymongo.MongoClient[dict[str, Any]](address) as client:
            client.forum.dead_letters.insert_one(document)
        self._loot.letters.append(letter)
        self._loot.things.append(Hidden("Letter", "a dead letter", about.community, letter))

    async def staff(self) -> None:
        """Nothing more is made here: what only staff see is found by them."""
        imported = await self._askers[MANAGER](
            """query T($id: ID!) { topics(communityId: $id, last: 5) { edges { cursor node {
                id author { persona { displayName } } } } } }""",
            id=encode_id("Community", self._loot.community, self._loot.community),
        )
        self._loot.cursors = [edge["cursor"] for edge in imported["topics"]["edges"]][:2]
        for edge in imported["topics"]["edges"]:
            if edge["node"]["author"]["persona"]:
                self._loot.add(edge["node"]["id"], "an imported topic")


def unbury(system: System, loot: Loot) -> None:
    """Take the dead letter away: others count them."""
    address = f"mongodb://{system.place.address(MONGOD)}/?directConnection=true"
    with pymongo.MongoClient[dict[str, Any]](address) as client:
        client.forum.dead_letters.delete_many({"_id": {"$in": loot.letters}})

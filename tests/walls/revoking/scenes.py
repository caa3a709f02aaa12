"""One loss: a community with something in it, who loses it, and what takes it away."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from chassis.mongo import connect
from chassis.mongo import database as open_database
from devstack.parts import MONGOD, OPENID
from gateway.cursors import encode_id
from tests.system import Asker, System
from tests.walls.revoking.people import ISSUER, Someone, bare
from tests.walls.revoking.queries import CASES, LOOK, STAFF

SESSIONS, HIDDEN = "the browser's sessions", "topics that are hidden"


@dataclass
class Scene:
    """One loss: who loses what, and the ways to look."""

    kind: str
    system: System
    word: str
    community: str = ""
    vendor: str = ""
    company: str = ""
    enrolment: str = ""
    group: str = ""
    space: str = ""
    space_slug: str = ""
    topics: list[str] = field(default_factory=list)
    reply: str = ""
    cursor: str | None = None
    loser: Someone | None = None
    managing: Asker | None = None
    query: str = LOOK
    lost: Callable[[], Awaitable[object]] | None = None
    acknowledged: float = 0.0
    last_open: dict[str, float] = field(default_factory=dict)  # way -> seconds after the loss

    @property
    def topic(self) -> str:
        """The last one."""
        return self.topics[-1] if self.topics else ""

    @property
    def person(self) -> Someone:
        """Who loses."""
        if self.loser is None:
            raise AssertionError("nobody yet")
        return self.loser

    @property
    def manager(self) -> Asker:
        """Who runs the community, at the gateway that hears."""
        if self.managing is None:
            raise AssertionError("nobody yet")
        return self.managing

    def variables(self) -> dict[str, Any]:
        """For any of the queries."""
        every = {
            "topic": self.topic,
            "reply": self.reply,
            "community": self.community,
            "space": self.space_slug,
            "after": self.cursor,
            "word": self.word,
        }
        return {name: value for name, value in every.items() if f"${name}:" in self.query}

    def open_in(self, answer: Mapping[str, Any]) -> set[str]:
        """The fields that still show something."""
        data = answer.get("data") or {}
        return {name for name, value in data.items() if self._shows(value)}

    def _shows(self, value: Any) -> bool:
        if isinstance(value, dict) and "totalCount" in value:
            facets = any(one["values"] for one in value.get("facets") or ())
            return bool(value["totalCount"]) or bool(value["edges"]) or facets
        told = json.dumps(value)
        marks = [self.word, self.topic, self.reply, self.enrolment, self.person.id]
        return any(mark and mark in told for mark in (*marks, '"id":', '"node":'))


class Director:
    """Makes scenes."""

    def __init__(self, system: System, operator: Asker) -> None:
        self.system, self.operator = system, operator

    async def scene(self, kind: str) -> Scene:
        """Everything that the loss needs, before it; ways are open."""
        word = f"w{uuid.uuid4().hex[:12]}"
        scene = Scene(kind, self.system, word)
        scene.vendor = await self.company("VENDOR", "Vendor")
        scene.company = await self.company("PARTNER", "Partner")
        made = await self.operator.mutate(
            "createCommunity",
            "{ community { id } }",
            slug=word,
            name=f"Community {word[:6]}",
            vendorCompanyId=scene.vendor,
        )
        scene.community = made["community"]["id"]
        made = await self.operator.mutate(
            "createEnrolment",
            "{ enrolment { id } }",
            communityId=scene.community,
            companyId=scene.company,
            tier="gold",
        )
        scene.enrolment = made["enrolment"]["id"]
        manager = await self.someone(scene.vendor)
        await self.join(scene, manager, roles=["MANAGER"])
        scene.managing = manager.asker(self.system.url)
        await self._fill(scene, scene.manager)
        return scene

    async def _fill(self, scene: Scene, manager: Asker) -> None:
        audience: dict[str, Any] = {"audience": "COMMUNITY"}
        if scene.kind == "another tier":
            audience = {"audience": "TIER", "audienceNames": ["gold"]}
        if scene.kind == "the group":
            made = await manager.mutate(
                "createGroup",
                "{ group { id } }",
                communityId=scene.community,
                name="Who is in",
                joinPolicy="OPEN",
            )
            scene.group = made["group"]["id"]
            audience = {"audience": "GROUPS", "audienceNames": [scene.group]}
        scene.space_slug = f"s-{scene.word}"
        made = await manager.mutate(
            "createSpace",
            "{ space { id } }",
            communityId=scene.community,
            slug=scene.space_slug,
            name="What is lost",
            description="For now.",
            mode="AUTO",
            **audience,
        )
        scene.space = made["space"]["id"]
        for title in (f"{scene.word} is lost", f"{scene.word} goes as well"):
            made = await manager.mutate(
                "createTopic",
                "{ topic { id } }",
                spaceId=scene.space,
                kind="DISCUSSION",
                title=title,
                body=f"All that is said of {scene.word}.",
                tags=["lost"],
            )
            scene.topics.append(made["topic"]["id"])
        made = await manager.mutate(
            "createReply",
            "{ reply { id } }",
            topicId=scene.topic,
            body=f"More of {scene.word} in a reply.",
        )
        scene.reply = made["reply"]["id"]
        if scene.kind == "the moderator's role":
            await manager.mutate("hideTopic", "{ __typename }", topicId=scene.topic, reason="off")
            await manager.mutate(
                "createRule",
                "{ rule { id } }",
                communityId=scene.community,
                kind="FLAG",
                patternKind="WORD",
                pattern=scene.word,
            )

    async def company(self, kind: str, name: str) -> str:
        """Of that kind; not named by the word, which is lost where these are not."""
        made = await self.operator.mutate(
            "createCompany", "{ company { id } }", kind=kind, name=f"{name} {uuid.uuid4().hex}"
        )
        return str(made["company"]["id"])

    async def someone(self, company: str) -> Someone:
        """A person of this company."""
        subject = f"revoked-{uuid.uuid4().hex}"
        issuer = f"{self.system.place.url(OPENID)}/{ISSUER}"
        made = await self.operator.mutate(
            "createPerson",
            "{ person { id } }",
            displayName="Somebody who loses",
            companyId=company,
            identityLinks=[{"issuer": issuer, "subject": subject}],
        )
        return Someone(self.system, made["person"]["id"], subject)

    async def join(self, scene: Scene, person: Someone, **more: Any) -> None:
        """A member."""
        await self.operator.mutate(
            "createMember",
            "{ member { id } }",
            communityId=scene.community,
            personId=person.id,
            **more,
        )

    def member(self, scene: Scene) -> str:
        """The loser as a member."""
        return encode_id("Member", bare(scene.community), bare(scene.person.id))

    async def cast(self, scene: Scene) -> None:
        """The loser, and what takes it away."""
        staff = {"the manager's role": ["MANAGER"], "the moderator's role": ["MODERATOR"]}
        manages = scene.kind == "the manager's role"
        scene.loser = await self.someone(scene.vendor if manages else scene.company)
        if scene.kind != "the operator's account":
            await self.join(scene, scene.person, roles=staff.get(scene.kind, []))
        if scene.kind == "the group":
            asker = scene.person.asker(self.system.url)
            await asker.mutate("joinGroup", "{ __typename }", groupId=scene.group)
            await asker.http.aclose()
        scene.query = {
            "the manager's role": STAFF,
            "the operator's account": STAFF,
            "the moderator's role": CASES,
        }.get(scene.kind, LOOK)
        if scene.kind == "the operator's account":
            await self._promote(scene.person)
        scene.lost = _LOSSES[scene.kind](self, scene)

    async def _promote(self, person: Someone) -> None:
        """No RPC makes operators but the first: as an administrator of the store would."""
        client = connect(
            f"mongodb://{person.place.address(MONGOD)}/?directConnection=true", app="t"
        )
        try:
            persons = open_database(client, "directory").persons
            done = await persons.update_one({"_id": bare(person.id)}, {"$set": {"operator": True}})
            assert done.modified_count == 1
        finally:
            await client.close()


Loss = Callable[[Director, Scene], Callable[[], Awaitable[object]]]


def _mutation(field_: str, **fixed: Any) -> Callable[..., Loss]:
    def with_ids(ids: Callable[[Director, Scene], dict[str, Any]]) -> Loss:
        def loss(director: Director, scene: Scene) -> Callable[[], Awaitable[object]]:
            return lambda: director.operator.mutate(
                field_, "{ __typename }", **fixed, **ids(director, scene)
            )

        return loss

    return with_ids


def _ended() -> str:
    return (datetime.now(UTC) - timedelta(milliseconds=1)).isoformat()


def _narrowing(_: Director, scene: Scene) -> Callable[[], Awaitable[object]]:
    return lambda: scene.manager.mutate(
        "updateSpace", "{ __typename }", spaceId=scene.space, audience="VENDOR"
    )


def _hiding(_: Director, scene: Scene) -> Callable[[], Awaitable[object]]:
    async def hide() -> None:
        for topic in scene.topics:
            await scene.manager.mutate(
                "hideTopic", "{ __typename }", topicId=topic, reason="off topic"
            )

    return hide


def _signing_out(_: Director, scene: Scene) -> Callable[[], Awaitable[object]]:
    async def sign_out() -> None:
        asker = scene.person.asker(scene.system.url)
        await asker("mutation { signOutEverywhere { __typename } }")
        await asker.http.aclose()

    return sign_out


def _ending(director: Director, scene: Scene) -> Callable[[], Awaitable[object]]:
    async def end() -> None:
        """Nobody does anything when a date comes: nothing is said then."""
        due = datetime.now(UTC) + timedelta(seconds=3)
        await director.operator.mutate(
            "updateEnrolment",
            "{ __typename }",
            enrolmentId=scene.enrolment,
            endTime=due.isoformat(),
        )
        await asyncio.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds()))

    return end


def _moving(director: Director, scene: Scene) -> Callable[[], Awaitable[object]]:
    async def move() -> None:
        other = await director.company("PARTNER", "Other")
        await director.operator.mutate(
            "movePerson", "{ __typename }", personId=scene.person.id, companyId=other
        )

    return move


_LOSSES: Mapping[str, Loss] = {
    "the membership": _mutation("removeMember", reason="left")(
        lambda d, s: {"memberId": d.member(s)}
    ),
    "the company's enrolment": _mutation("updateEnrolment")(
        lambda _, s: {"enrolmentId": s.enrolment, "endTime": _ended()}
    ),
    "another tier": _mutation("updateEnrolment", tier="bronze")(
        lambda _, s: {"enrolmentId": s.enrolment}
    ),
    "the group": _mutation("removeGroupMember", reason="left")(
        lambda _, s: {"groupId": s.group, "personId": s.person.id}
    ),
    "the account": _mutation("deactivatePerson", reason="left")(
        lambda _, s: {"personId": s.person.id}
    ),
    "the employer": _moving,
    "a space's audience": _narrowing,
    HIDDEN: _hiding,
    SESSIONS: _signing_out,
    "the enrolment's date": _ending,
    "the moderator's role": _mutation("updateMember", roles=[])(
        lambda d, s: {"memberId": d.member(s)}
    ),
    "the manager's role": _mutation("updateMember", roles=[])(
        lambda d, s: {"memberId": d.member(s)}
    ),
    "the operator's account": _mutation("deactivatePerson", reason="left")(
        lambda _, s: {"personId": s.person.id}
    ),
    "the identity": _mutation("unlinkIdentity")(
        lambda _, s: {
            "personId": s.person.id,
            "identityLink": {"issuer": s.person.issuer, "subject": s.person.subject},
        }
    ),
}
LOSSES: Sequence[str] = tuple(_LOSSES)

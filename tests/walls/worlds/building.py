"""A plan is carried out in the house and in the model at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from chassis.actors import Actor
from gateway.actors import to_actor
from guildhall.directory.v1 import directory_pb2 as dpb
from guildhall.directory.v1 import groups_pb2 as gpb
from guildhall.forum.v1 import forum_pb2 as fpb
from tests.walls.worlds.house import GATEWAY, ISSUER, OPERATOR, House
from tests.walls.worlds.model import (
    Community,
    Company,
    Enrolment,
    Group,
    Membership,
    Model,
    Person,
    Reply,
    Space,
    Topic,
)
from tests.walls.worlds.plans import (
    ABOUT,
    AUDIENCES,
    GROUPS,
    KINDS,
    NAMES,
    PARTNERS,
    TAGS,
    TIERS,
    VENDORS,
    Plan,
    SpacePlan,
)


def ago(seconds: float) -> Timestamp:
    """So long before now."""
    stamp = Timestamp()
    stamp.FromDatetime(datetime.now(UTC) - timedelta(seconds=seconds))
    return stamp


class Builder:
    """Makes worlds: what is written here is written twice, once as RPCs and once as the model."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.model = Model()
        self.managers: dict[str, Person] = {}  # by community id
        self._actors: dict[str, Actor] = {}

    # -- calls

    async def actor(self, subject: str) -> Actor:
        """As the gateway would resolve the person now. Refuses with PERSON_DEACTIVATED."""
        request = dpb.ResolveActorRequest(issuer=ISSUER, subject=subject)
        answer = await self.house.call(GATEWAY, "directory", "ResolveActor", request)
        return to_actor(answer.actor)

    async def as_(self, person: Person | None) -> Actor:
        """As actor, for those who write; asked anew when rights have moved. None: the operator."""
        subject = OPERATOR if person is None else person.subject
        if subject not in self._actors:
            self._actors[subject] = await self.actor(subject)
        return self._actors[subject]

    def rights_moved(self) -> None:
        """What was resolved before holds no more."""
        self._actors.clear()

    async def directory(self, rpc: str, **fields: Any) -> Any:
        """By the operator."""
        request = getattr(dpb, f"{rpc}Request")(request_id=self.house.new(), **fields)
        return await self.house.call(await self.as_(None), "directory", rpc, request)

    async def forum(self, person: Person, community: Community, rpc: str, **fields: Any) -> Any:
        """By a member."""
        request = getattr(fpb, f"{rpc}Request")(
            request_id=self.house.new(), community_id=community.id, **fields
        )
        return await self.house.call(await self.as_(person), "forum", rpc, request)

    async def groups(self, person: Person, community: Community, rpc: str, **fields: Any) -> Any:
        """By a member."""
        request = getattr(gpb, f"{rpc}Request")(
            request_id=self.house.new(), community_id=community.id, **fields
        )
        return await self.house.call(await self.as_(person), "groups", rpc, request)

    def tell(self, sentence: str) -> None:
        """One more line of the story."""
        self.model.story.append(sentence)

    # -- the opening

    async def open(self, plan: Plan) -> None:
        """Companies, people, communities, enrolments, members, spaces, topics, replies."""
        vendors = VENDORS[: 2 if plan.two else 1]
        partners = PARTNERS[: len(plan.tiers)]
        self.model.companies = await _all(self._company(name) for name in (*vendors, *partners))
        companies = self.model.companies
        by_person = [companies[len(vendors) + p.company % len(partners)] for p in plan.people]
        made = await _all(
            [
                *(self._person(f"Manager of {v}", companies[i]) for i, v in enumerate(vendors)),
                *(self._person(NAMES[i], company) for i, company in enumerate(by_person)),
                *(self._community(name, companies[i]) for i, name in enumerate(vendors)),
            ]
        )
        managers, made = made[: len(vendors)], made[len(vendors) :]
        self.model.people = [*managers, *made[: len(by_person)]]
        self.model.communities = made[len(by_person) :]
        communities = self.model.communities
        await _all(
            self.enrol(community, company, plan.tiers[i])
            for community in communities
            for i, company in enumerate(companies[len(vendors) :])
        )
        joining: list[Awaitable[None]] = []
        for manager, community in zip(managers, communities, strict=True):
            self.managers[community.id] = manager
        # One after another for one person: each is a change of the person.
        for place, community in enumerate(communities):
            joining = [self.join(community, managers[place], {"MANAGER"})]
            for planned, person in zip(plan.people, made, strict=False):
                if planned.communities & (place + 1):
                    roles = {"MODERATOR"} if planned.role == 5 else set()
                    joining.append(self.join(community, person, roles, trusted=planned.role != 6))
            await _all(joining)
        self.rights_moved()
        await _all(self.open_groups(one) for one in communities)
        for community in communities:
            for planned, person in zip(plan.people, made, strict=False):
                for number, group in enumerate(community.groups.values()):
                    if planned.groups >> number & 1 and community.membership(person) is not None:
                        await self.join_group(group, person)
        await _all(self.hide_groups(one) for one in communities)
        self.rights_moved()
        self.model.spaces = await _all(self.space(planned) for planned in plan.spaces)
        topics = await _all(
            self.topic(t.space, t.author, TAGS[t.tag], kind=KINDS[t.kind], draft=t.draft)
            for t in plan.topics
        )
        await self.house.hear()
        for i in range(3):  # each topic's replies in their order
            await _all(
                self.reply(topic, planned.replies[i])
                for topic, planned in zip(topics, plan.topics, strict=True)
                if topic is not None and i < len(planned.replies)
            )
        await self.house.hear()

    async def _company(self, name: str) -> Company:
        kind = dpb.COMPANY_KIND_VENDOR if name in VENDORS else dpb.COMPANY_KIND_PARTNER
        full = f"{name} {self.house.new('co')}"
        made = await self.directory("CreateCompany", kind=kind, name=full)
        return Company(made.company.id, full)

    async def _person(self, name: str, company: Company) -> Person:
        subject = self.house.new("subject")
        made = await self.directory(
            "CreatePerson",
            display_name=f"{name} {subject}",
            company_id=company.id,
            identity_links=[dpb.IdentityLink(issuer=ISSUER, subject=subject)],
        )
        return Person(made.person.id, f"{name} {subject}", subject, company)

    async def _community(self, name: str, vendor: Company) -> Community:
        slug = self.house.new(name.lower())
        made = await self.directory(
            "CreateCommunity", slug=slug, name=slug.title(), vendor_company_id=vendor.id
        )
        self.tell(f"{vendor.name} runs {slug}.")
        return Community(made.community.id, slug, slug.title(), vendor)

    async def enrol(self, community: Community, company: Company, plan: int) -> None:
        """A partner company joins, or joins again."""
        tier, auto = TIERS[plan % 3], plan >= 3
        made = await self.directory(
            "CreateEnrolment",
            community_id=community.id,
            company_id=company.id,
            tier=tier,
            auto_join=auto,
            start_time=ago(3600),  # so that it can be said to have ended
        )
        community.enrolments[company.id] = Enrolment(made.enrolment.id, tier, auto_join=auto)
        how = " and its people join by themselves" if auto else ""
        self.tell(f"{company.name} is enrolled in {community.slug} as {tier or 'no tier'}{how}.")

    async def join(
        self, community: Community, person: Person, roles: set[str], *, trusted: bool = True
    ) -> None:
        """A member from now on, for the company the person works for now."""
        await self.directory(
            "CreateMember",
            community_id=community.id,
            person_id=person.id,
            roles=[dpb.Role.Value(f"ROLE_{role}") for role in sorted(roles)],
            trust_level=dpb.TRUST_LEVEL_BASIC if trusted else dpb.TRUST_LEVEL_NEW,
        )
        community.memberships[person.id] = Membership(person.company, roles, trusted=trusted)
        what = "/".join(sorted(roles)) or ("member" if trusted else "newcomer")
        self.tell(f"{person.name} of {person.company.name} joins {community.slug} as {what}.")

    async def open_groups(self, community: Community) -> None:
        """By the manager, whose they are; all can be joined by whoever sees them."""
        manager = self.managers[community.id]
        for number, name in enumerate(GROUPS):
            full = f"{name} {self.house.new('g')}"
            made = await self.groups(
                manager, community, "CreateGroup", name=full, join_policy=gpb.GROUP_JOIN_POLICY_OPEN
            )
            group = Group(made.group.id, full, community, hidden=number == 1)
            community.groups[group.id] = group
            group.members[manager.id] = community.memberships[manager.id]
            self.tell(f"{community.slug} has the group {full}{' (hidden)' * group.hidden}.")

    async def hide_groups(self, community: Community) -> None:
        """Those that are hidden were not while people joined."""
        for group in community.groups.values():
            if group.hidden:
                await self.groups(
                    self.managers[community.id],
                    community,
                    "UpdateGroup",
                    group_id=group.id,
                    visibility=gpb.GROUP_VISIBILITY_MEMBERS,
                )

    async def join_group(self, group: Group, person: Person) -> None:
        """By oneself."""
        await self.groups(person, group.community, "JoinGroup", group_id=group.id)
        group.members[person.id] = group.community.memberships[person.id]
        self.tell(f"{person.name} joins the group {group.name}.")

    async def space(self, plan: SpacePlan) -> Space:
        """By the manager."""
        community = self.model.communities[plan.community % len(self.model.communities)]
        audience, names = self.audience(community, plan.audience, plan.names)
        slug = self.house.new("space")
        made = await self.forum(
            self.managers[community.id],
            community,
            "CreateSpace",
            slug=slug,
            name=slug.title(),
            mode=fpb.SPACE_MODE_REQUIRED if plan.review else fpb.SPACE_MODE_AUTO,
            audience=fpb.Audience.Value(f"AUDIENCE_{audience}"),
            audience_names=names,
            settings=fpb.SpaceSettingsChange(
                kinds=[fpb.TopicKind.Value(f"TOPIC_KIND_{kind}") for kind in KINDS],
                update_kinds=True,
            ),
        )
        review = " that reviews" if plan.review else ""
        self.tell(f"{slug} in {community.slug}{review} is for {audience} {' '.join(names)}.")
        return Space(made.space.id, slug, slug.title(), community, audience, names, plan.review)

    def audience(self, community: Community, kind: int, bits: int) -> tuple[str, tuple[str, ...]]:
        """What the numbers mean here: tiers, partners of this world, or groups that go on."""
        audience = AUDIENCES[kind % len(AUDIENCES)]
        if audience == "TIER":
            return audience, tuple(t for i, t in enumerate(TIERS[1:]) if (bits & 3 or 3) >> i & 1)
        if audience == "COMPANIES":
            partners = [c for c in self.model.companies if c.id in community.enrolments]
            chosen = [c.id for i, c in enumerate(partners) if bits >> i & 1]
            return audience, tuple(chosen or [partners[0].id])
        if audience == "GROUPS":
            groups = [group.id for group in community.groups.values() if not group.archived]
            if not groups:
                return "COMMUNITY", ()
            return audience, tuple(g for i, g in enumerate(groups) if bits >> i & 1) or (groups[0],)
        return audience, ()

    async def topic(
        self, space_at: int, author_at: int, tag: str, *, kind: str, draft: bool
    ) -> Topic | None:
        """By one of those who see the space; there is always the manager."""
        space = self.model.spaces[space_at % len(self.model.spaces)]
        writers = [person for person in self.model.people if space.visible(person)]
        author = writers[author_at % len(writers)]
        title = f"Topic {self.house.new('t')}"
        made = await self.forum(
            author,
            space.community,
            "CreateTopic",
            space_id=space.id,
            kind=fpb.TopicKind.Value(f"TOPIC_KIND_{kind}"),
            title=title,
            body=f"What is to be known about {title}?",
            tags=[tag],
            context_refs=[ABOUT[tag]],
            draft=draft,
        )
        state = "DRAFT" if draft else "PENDING_REVIEW" if self.holds(space, author) else "PUBLISHED"
        topic = Topic(made.topic.id, title, space, author, state, kind, tag)
        self.model.topics.append(topic)
        self.tell(f"{author.name} writes the {kind.lower()} {title} in {space.slug}: {state}.")
        return topic

    async def reply(self, topic: Topic, author_at: int) -> Reply | None:
        """By one of those who see the topic, where it takes replies."""
        if topic.state != "PUBLISHED":
            return None
        writers = [person for person in self.model.people if topic.visible(person)]
        author = writers[author_at % len(writers)]
        word = self.house.new("answer")
        made = await self.forum(
            author,
            topic.space.community,
            "CreateReply",
            topic_id=topic.id,
            body=f"The reply {word} is this.",
        )
        state = "PENDING_REVIEW" if self.holds(topic.space, author) else "PUBLISHED"
        reply = Reply(made.reply.id, topic, author, state)
        topic.replies.append(reply)
        self.tell(f"{author.name} replies to {topic.title}: {state}.")
        return reply

    def holds(self, space: Space, author: Person) -> bool:
        """rules.md A1: a space that requires review, or a newcomer; never a moderator's."""
        if space.community.moderates(author):
            return False
        return space.review or not space.community.memberships[author.id].trusted


async def _all(work: Iterable[Awaitable[Any]]) -> list[Any]:
    return list(await asyncio.gather(*work))

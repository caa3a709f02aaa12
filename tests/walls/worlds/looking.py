"""Every person looks at every object, list and count; all of it must be as the model says."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

from google.protobuf.message import Message

from chassis import rpc_status
from chassis.actors import Actor
from chassis.errors import DomainError
from guildhall.directory.v1 import directory_pb2 as dpb
from guildhall.directory.v1 import groups_pb2 as gpb
from guildhall.forum.v1 import forum_pb2 as fpb
from guildhall.moderation.v1 import moderation_pb2 as mpb
from tests.walls.worlds.building import Builder
from tests.walls.worlds.model import Community, Person, Space, Topic
from tests.walls.worlds.plans import ABOUT, TAGS
from tests.walls.worlds.telling import LeakError, named, shown_of, told_of

_PB = {"directory": dpb, "groups": gpb, "forum": fpb, "moderation": mpb}
_ALL_STATES = [state for state in fpb.TopicState.values() if state]
# What a member's lists are, and how an outsider is to be answered: as for a community that is not.
_LISTS = (
    ("forum", "ListTopics"),
    ("forum", "ListSpaces"),
    ("directory", "ListMembers"),
    ("directory", "ListCompanies"),
    ("directory", "ListEnrolments"),
    ("groups", "ListGroups"),
    ("directory", "ListAuditEntries"),
    ("moderation", "ListRules"),
    ("moderation", "ListCases"),
)
# In one world not everything is asked by everybody; in a thousand worlds it is, hundreds of times.
_WALKED = 0.15  # of the lists, page by page
_SOME = 0.35  # of what is alike for all members, or for all that is hidden
_FOR_MANAGERS = {"ListEnrolments", "ListAuditEntries"}
_FOR_MODERATORS = {"ListRules", "ListCases"}


class Look:
    """One person's view, after some moment of the story."""

    def __init__(self, builder: Builder, person: Person, random: Random) -> None:
        self._builder, self._person, self._random = builder, person, random
        self._model, self._house = builder.model, builder.house
        self._actor = Actor(person_id=person.id)

    async def everything(self) -> None:
        """All of it. Raises LeakError."""
        try:
            self._actor = await self._builder.actor(self._person.subject)
        except DomainError as refusal:
            reason = rpc_status.reason_of(refusal)
            self._same("who one is", reason, "" if self._person.active else "PERSON_DEACTIVATED")
            return
        self._same("who one is", "", "" if self._person.active else "PERSON_DEACTIVATED")
        held = {c.id for c in self._model.communities if c.membership(self._person)}
        self._same("communities one is in", set(self._actor.memberships), held)
        listed = await self._list("directory", "ListCommunities", "communities")
        self._same("communities listed", {one.id for one in listed}, held)
        every = [community.id for community in self._model.communities]
        batch = await self._ask("directory", "BatchGetCommunities", community_ids=every)
        self._same("communities by id", {one.id for one in batch.communities}, held)
        for community in self._model.communities:
            if community.membership(self._person) is None:
                await self._from_outside(community)
            else:
                await asyncio.gather(
                    self._people(community),
                    self._groups(community),
                    self._spaces(community),
                    self._topics(community),
                    self._replies(community),
                    self._staff(community),
                )

    # -- from outside

    async def _from_outside(self, community: Community) -> None:
        """Each answer is the one that a community that does not exist gets, byte by byte."""
        topics = [topic.id for topic in self._model.topics_of(community)]
        spaces = [space.id for space in self._model.spaces_of(community)]
        asked: list[tuple[str, str, dict[str, Any]]] = [
            *((part, rpc, {}) for part, rpc in _LISTS),
            ("directory", "GetCommunity", {}),
            ("directory", "GetMember", {"person_id": self._person.id}),
            ("directory", "BatchGetMembers", {"person_ids": [self._person.id]}),
            ("directory", "GetCompany", {"company_id": community.vendor.id}),
            ("groups", "BatchGetGroups", {"group_ids": list(community.groups)}),
            ("groups", "GetGroup", {"group_id": self._random.choice([*community.groups, "none"])}),
            ("forum", "BatchGetTopics", {"topic_ids": topics}),
            ("forum", "BatchGetPosts", {"topic_ids": topics, "reply_ids": topics}),
            ("forum", "BatchGetSpaces", {"space_ids": spaces}),
            ("forum", "GetTopic", {"topic_id": self._random.choice([*topics, "none"])}),
            ("forum", "ListReplies", {"topic_id": self._random.choice([*topics, "none"])}),
        ]
        for part, rpc, fields in asked:
            there = await self._answer(part, rpc, community_id=community.id, **fields)
            nowhere = await self._answer(part, rpc, community_id="nowhere", **fields)
            self._same(f"{rpc} from outside", there, nowhere)
            self._same(f"{rpc} from outside refused", there[1], "COMMUNITY_NOT_FOUND")
        by_slug = await self._answer("directory", "GetCommunity", slug=community.slug)
        self._same(
            "GetCommunity by slug from outside",
            by_slug,
            await self._answer("directory", "GetCommunity", slug="nowhere"),
        )

    # -- members and companies

    async def _people(self, community: Community) -> None:
        if not self._sometimes():
            return
        people, companies = self._model.people, self._model.companies
        now = [person for person in people if community.current(person)]
        ids = [person.id for person in people]
        found = await self._batch("directory", "BatchGetMembers", community, person_ids=ids)
        state = {one.person_id: dpb.MemberState.Name(one.state)[13:] for one in found.members}
        expected = {
            person.id: "ACTIVE" if community.current(person) else "FORMER"
            for person in people
            if person.id in community.memberships
        }
        self._same("members by id", state, expected)
        await self._listed(
            "directory", "ListMembers", "members", community, {p.id for p in now}, "person_id"
        )
        company = self._random.choice(companies)
        of_company = {p.id for p in now if community.memberships[p.id].company is company}
        await self._listed(
            "directory",
            "ListMembers",
            "members",
            community,
            of_company,
            "person_id",
            company_id=company.id,
        )
        enrolled = {c.id for c in companies if community.placed(c)}
        await self._listed("directory", "ListCompanies", "companies", community, enrolled)
        ever = {c.id for c in companies if community.placed(c) or c.id in community.enrolments}
        by_id = await self._batch(
            "directory", "BatchGetCompanies", community, company_ids=[c.id for c in companies]
        )
        self._same("companies by id", {one.id for one in by_id.companies}, ever)

    # -- groups

    async def _groups(self, community: Community) -> None:
        visible = {g.id: g for g in community.groups.values() if g.visible(self._person)}
        every = [one.id for one in self._model.groups]  # another community's too
        found = await self._batch("groups", "BatchGetGroups", community, group_ids=every)
        self._same("groups by id", {one.id for one in found.groups}, set(visible))
        going_on = {id_ for id_, one in visible.items() if not one.archived}
        await self._listed("groups", "ListGroups", "groups", community, going_on)
        hidden = [one for one in self._model.groups if one.id not in visible]
        if hidden:
            group = self._random.choice(hidden)
            await self._as_missing("GetGroup", community, "group_id", group.id)

    # -- spaces

    async def _spaces(self, community: Community) -> None:
        visible = {s.id for s in self._model.spaces_of(community) if s.visible(self._person)}
        every = [space.id for space in self._model.spaces]  # another community's too
        found = await self._batch("forum", "BatchGetSpaces", community, space_ids=every)
        self._same("spaces by id", {one.id for one in found.spaces}, visible)
        for one in found.spaces:
            (space,) = [s for s in self._model.spaces if s.id == one.id]
            names = space.names_for(self._person)
            self._same(f"whom {space.slug} is for", list(one.audience_names), names)
        await self._listed("forum", "ListSpaces", "spaces", community, visible)
        hidden = [s for s in self._model.spaces if s.id not in visible]
        if hidden:
            space = self._random.choice(hidden)
            await self._as_missing("GetSpace", community, "space_id", space.id)
            await self._as_missing("GetSpace", community, "slug", space.slug)
            await self._as_missing("ListTopics", community, "space_id", space.id)
            await self._as_missing(
                "CreateTopic",
                community,
                "space_id",
                space.id,
                kind=fpb.TOPIC_KIND_QUESTION,
                title="Is there a space?",
                body="It would be good to know whether there is one.",
                tags=["alpha"],
            )

    # -- topics and replies

    async def _topics(self, community: Community) -> None:
        topics = self._model.topics_of(community)
        visible = {topic.id: topic for topic in topics if topic.visible(self._person)}
        every = [topic.id for topic in self._model.topics]
        found = await self._batch("forum", "BatchGetTopics", community, topic_ids=every)
        self._same("topics by id", {one.id for one in found.topics}, set(visible))
        for one in found.topics:
            self._same(f"what is shown of {one.title}", shown_of(one), visible[one.id].told)
        usual = {
            topic.id
            for topic in visible.values()
            if topic.open or (topic.state == "PENDING_REVIEW" and topic.author is self._person)
        }
        await self._list_topics(community, usual)
        await self._list_topics(community, set(visible), states=_ALL_STATES)
        if self._sometimes():
            await self._narrowed(community, visible)
        hidden = [topic for topic in self._model.topics if topic.id not in visible]
        if hidden:
            topic = self._random.choice(hidden)
            for rpc in ("GetTopic", "ListReplies", "ListRevisions"):
                await self._as_missing(rpc, community, "topic_id", topic.id)
            body = "It would be good to know whether there is one."
            await self._as_missing("CreateReply", community, "topic_id", topic.id, body=body)
        if visible and self._sometimes():
            await self._revisions(community, self._random.choice(list(visible.values())))

    async def _narrowed(self, community: Community, visible: dict[str, Topic]) -> None:
        """One filter of the list, and all states of it."""
        space: Space | None = None
        readable = [s for s in self._model.spaces_of(community) if s.visible(self._person)]
        tag, author = self._random.choice(TAGS), self._random.choice(self._model.people)
        match self._random.randrange(4 if readable else 3):
            case 0:
                found = {t.id for t in visible.values() if t.tag == tag}
                field, value = self._random.choice([("tag", tag), ("context", ABOUT[tag])])
                fields: dict[str, Any] = {field: value, "states": _ALL_STATES}
            case 1:
                found = {t.id for t in visible.values() if t.author is author}
                fields = {"author_id": author.id, "states": _ALL_STATES}
            case 2:
                found = {t.id for t in visible.values() if t.unanswered}
                fields = {"unanswered": True}
            case _:
                space = self._random.choice(readable)
                found = {t.id for t in visible.values() if t.space is space}
                fields = {"space_id": space.id, "states": _ALL_STATES}
        await self._list_topics(community, found, **fields)

    async def _list_topics(self, community: Community, ids: set[str], **fields: Any) -> None:
        await self._listed("forum", "ListTopics", "topics", community, ids, **fields)

    async def _revisions(self, community: Community, topic: Topic) -> None:
        all_of_them = community.moderates(self._person) or topic.author is self._person
        expected = sum(all_of_them or public for public in topic.revisions)
        found = await self._list(
            "forum", "ListRevisions", "revisions", community_id=community.id, topic_id=topic.id
        )
        self._same(f"former texts of {topic.title}", len(found), expected)

    async def _replies(self, community: Community) -> None:
        replies = [r for r in self._model.replies if r.topic.space.community is community]
        visible = {reply.id for reply in replies if reply.visible(self._person)}
        every = [reply.id for reply in self._model.replies]
        if every:
            found = await self._batch("forum", "BatchGetReplies", community, reply_ids=every)
            self._same("replies by id", {one.id for one in found.replies}, visible)
            some = [topic.id for topic in self._model.topics if self._sometimes()]
            found = await self._batch(
                "forum", "BatchGetPosts", community, reply_ids=every, topic_ids=some
            )
            self._same("replies beside topics", {one.id for one in found.replies}, visible)
        topics = [
            topic
            for topic in self._model.topics_of(community)
            if topic.visible(self._person) and topic.replies
        ]
        for topic in topics:
            shown = {reply.id for reply in topic.replies if reply.visible(self._person)}
            await self._listed(
                "forum", "ListReplies", "replies", community, shown, topic_id=topic.id
            )

    # -- what needs a role

    async def _staff(self, community: Community) -> None:
        manages = community.manages(self._person)
        moderates = community.moderates(self._person)
        for part, rpc in _LISTS:
            if rpc in _FOR_MANAGERS | _FOR_MODERATORS:
                may = manages if rpc in _FOR_MANAGERS else moderates
                said = await self._answer(part, rpc, community_id=community.id)
                self._same(f"{rpc} as a member", said[1], "" if may else "ROLE_REQUIRED")
        if moderates:
            topics = self._model.topics_of(community)
            waiting = sorted(
                [t.id for t in topics if t.state == "PENDING_REVIEW"]
                + [
                    reply.topic.id
                    for topic in topics
                    for reply in topic.replies
                    if reply.state == "PENDING_REVIEW" and topic.state != "REMOVED"
                ]
            )
            cases = await self._list(
                "moderation",
                "ListCases",
                "cases",
                community_id=community.id,
                state=mpb.CASE_STATE_OPEN,
            )
            found = sorted(case.topic_id for case in cases)
            if waiting != found:
                self._same("cases that wait", found, waiting)

    # -- how it is asked

    def _sometimes(self, share: float = _SOME) -> bool:
        return self._random.random() < share

    async def _ask(self, part: str, rpc: str, **fields: Any) -> Any:
        request = getattr(_PB[part], f"{rpc}Request")(**fields)
        return await self._house.call(self._actor, part, rpc, request)

    async def _batch(self, part: str, rpc: str, community: Community, **fields: Any) -> Any:
        return await self._ask(part, rpc, community_id=community.id, **fields)

    async def _list(self, part: str, rpc: str, rows: str, **fields: Any) -> list[Any]:
        """All of it, as one page."""
        page = await self._ask(part, rpc, page_size=100, **fields)
        self._same(f"{rpc} has no second page", page.next_page_token, "")
        return list(getattr(page, rows))

    async def _listed(
        self,
        part: str,
        rpc: str,
        rows: str,
        community: Community,
        expected: set[str],
        key: str = "id",
        **fields: Any,
    ) -> None:
        """As one page; and page by page one way, each exactly once and in the same order."""
        fields["community_id"] = community.id
        whole = [getattr(one, key) for one in await self._list(part, rpc, rows, **fields)]
        self._same(f"{rpc} {sorted(fields)}", sorted(whole), sorted(expected))
        if len(whole) < 2:
            return
        if not self._sometimes(_WALKED):
            return
        size, backward = self._random.choice((1, 2, 3)), self._random.random() < 0.5
        walked: list[str] = []
        token = ""
        for _ in range(len(whole) + 1):
            page = await self._ask(
                part, rpc, page_size=size, page_token=token, backward=backward, **fields
            )
            ids = [getattr(one, key) for one in getattr(page, rows)]
            walked = [*ids, *walked] if backward else [*walked, *ids]
            token = page.next_page_token
            if not token:
                break
            self._same(f"{rpc} page", len(ids), size)
        self._same(f"{rpc} by {size}, backward: {backward}", walked, whole)

    async def _as_missing(
        self, rpc: str, community: Community, field: str, value: str, **more: Any
    ) -> None:
        """What is hidden answers byte by byte as what was never there."""
        if not self._sometimes():
            return
        asked = {"community_id": community.id, **more}
        if rpc.startswith("Create"):
            asked["request_id"] = self._house.new()
        part = "groups" if rpc == "GetGroup" else "forum"
        there = await self._answer(part, rpc, **asked, **{field: value})
        missing = await self._answer(part, rpc, **asked, **{field: f"never-{value}"[:32]})
        self._same(f"{rpc} of what is hidden", there, missing)
        self._same(f"{rpc} of what is hidden", there[1].endswith("_NOT_FOUND"), True)

    async def _answer(self, part: str, rpc: str, **fields: Any) -> tuple[bytes, str]:
        """All the bytes of an answer, and the reason where it is a refusal."""
        try:
            answer: Message = await self._ask(part, rpc, **fields)
        except DomainError as refusal:
            told = f"{rpc_status.code_of(refusal)} {refusal}".encode()
            return told + rpc_status.pack(refusal), rpc_status.reason_of(refusal)
        return answer.SerializeToString(deterministic=True), ""

    def _same(self, what: str, found: object, expected: object) -> None:
        if found != expected:
            names = named(self._builder)
            raise LeakError(
                self._builder,
                f"{self._person.name} gets, as {what},\n  {told_of(found, names)}\n"
                f"but the model says\n  {told_of(expected, names)}",
            )


async def look_around(builder: Builder, random: Random) -> None:
    """Everybody looks at everything."""
    await asyncio.gather(
        *(Look(builder, person, random).everything() for person in builder.model.people)
    )

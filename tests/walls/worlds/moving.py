"""What happens in a world after its opening: posts move, and rights are lost and won."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from guildhall.directory.v1 import directory_pb2 as dpb
from guildhall.forum.v1 import forum_pb2 as fpb
from guildhall.moderation.v1 import moderation_pb2 as mpb
from tests.walls.worlds.building import Builder, ago
from tests.walls.worlds.model import (
    REPLY_STEPS,
    STEPS,
    Community,
    Membership,
    Person,
    Reply,
    Topic,
)
from tests.walls.worlds.plans import KINDS, TAGS, Move

T = TypeVar("T")


def pick(things: Sequence[T], number: int) -> T | None:
    """One of them, or none where there is none."""
    return things[number % len(things)] if things else None


class Mover(Builder):
    """One method a move; what makes no sense in this world is left out."""

    async def move(self, move: Move) -> bool:
        """Whether something was done."""
        before = len(self.model.story)
        await getattr(self, f"_{move.kind}")(move.a, move.b)
        await self.house.hear()
        return len(self.model.story) > before

    # -- posts

    async def _topic(self, a: int, b: int) -> None:
        await self.topic(a, b, TAGS[b % 3], kind=KINDS[a % 4], draft=b == 7)

    async def _reply(self, a: int, b: int) -> None:
        topic = pick([t for t in self.model.topics if t.state == "PUBLISHED"], a)
        if topic is not None:
            await self.reply(topic, b)

    async def _moderate_topic(self, a: int, b: int) -> None:
        topic = pick([t for t in self.model.topics if t.state not in ("DRAFT", "REMOVED")], a)
        if topic is None:
            return
        steps = [step for step, state in STEPS if state == topic.state] + ["remove"]
        step = steps[b % len(steps)]
        await self._manage(topic, f"{step.title()}Topic", **_reasons(step))
        closed, topic.closed = topic.closed, topic.state == "CLOSED" and step == "hide"
        topic.state = "REMOVED" if step == "remove" else STEPS[step, topic.state]
        if step == "restore" and closed:
            topic.state = "CLOSED"
        self.tell(f"The manager does {step} to {topic.title}: {topic.state}.")

    async def _moderate_reply(self, a: int, b: int) -> None:
        reply = pick(
            [
                reply
                for reply in self.model.replies
                if reply.topic.state != "REMOVED"
                and reply.topic.visible(self._manager_of(reply.topic))
            ],
            a,
        )
        if reply is None:
            return
        steps = [step for step, state in REPLY_STEPS if state == reply.state] + ["remove"]
        step = "restore" if reply.state == "REMOVED" else steps[b % len(steps)]
        await self._manage(reply.topic, f"{step.title()}Reply", reply_id=reply.id, **_reasons(step))
        if step == "remove":
            reply.state, reply.removed_state = "REMOVED", reply.state
        else:
            reply.state = REPLY_STEPS.get((step, reply.state), reply.removed_state)
        self._out_of_sight(reply)
        self.tell(f"The manager does {step} to a reply to {reply.topic.title}: {reply.state}.")

    async def _decide(self, a: int, b: int) -> None:
        posts: list[Topic | Reply] = [*self.model.topics, *self.model.replies]
        waiting = [
            post
            for post in posts
            if post.state == "PENDING_REVIEW"
            and not (isinstance(post, Reply) and post.topic.state == "REMOVED")
        ]
        post = pick(waiting, a)
        if post is None:
            return
        topic = post.topic if isinstance(post, Reply) else post
        community = topic.space.community
        case = await self._case(community, topic.id, post.id if isinstance(post, Reply) else "")
        approve = b % 2 == 0
        manager = await self.as_(self.managers[community.id])
        request = mpb.DecideCaseRequest(
            request_id=self.house.new(),
            community_id=community.id,
            case_id=case.id,
            outcome=mpb.OUTCOME_APPROVE if approve else mpb.OUTCOME_REJECT,
            reason="" if approve else "off topic",
        )
        await self.house.call(manager, "moderation", "DecideCase", request)
        post.state = "PUBLISHED" if approve else "REJECTED"
        what = "a reply to " if isinstance(post, Reply) else ""
        self.tell(f"The manager decides on {what}{topic.title}: {post.state}.")

    async def _case(self, community: Community, topic_id: str, reply_id: str) -> mpb.Case:
        request = mpb.ListCasesRequest(
            community_id=community.id, state=mpb.CASE_STATE_OPEN, page_size=100
        )
        manager = await self.as_(self.managers[community.id])
        cases = (await self.house.call(manager, "moderation", "ListCases", request)).cases
        found: mpb.Case = next(
            case for case in cases if (case.topic_id, case.reply_id) == (topic_id, reply_id)
        )
        return found

    async def _accept(self, a: int, b: int) -> None:
        questions = [
            topic
            for topic in self.model.topics
            if topic.kind == "QUESTION"
            and topic.state in ("PUBLISHED", "CLOSED")
            and topic.published
        ]
        topic = pick(questions, a)
        if topic is None:
            return
        reply = topic.published[b % len(topic.published)]
        await self._manage(topic, "AcceptReply", reply_id=reply.id)
        topic.accepted = reply.id
        self.tell(f"A reply to {topic.title} is accepted.")

    async def _publish(self, a: int, b: int) -> None:
        drafts = [t for t in self.model.topics if t.state == "DRAFT" and t.visible(t.author)]
        topic = pick(drafts, a)
        if topic is None:
            return
        community = topic.space.community
        await self.forum(topic.author, community, "PublishTopic", topic_id=topic.id)
        topic.state = "PENDING_REVIEW" if self.holds(topic.space, topic.author) else "PUBLISHED"
        self.tell(f"{topic.author.name} publishes {topic.title}: {topic.state}.")

    async def _edit(self, a: int, b: int) -> None:
        editable = [
            t for t in self.model.topics if t.state in ("PENDING_REVIEW", "PUBLISHED", "CLOSED")
        ]
        topic = pick(editable, a)
        if topic is None:
            return
        manager = self._manager_of(topic)
        editor = topic.author if b % 2 and topic.visible(topic.author) else manager
        body = f"Another text {self.house.new('text')}."
        community = topic.space.community
        await self.forum(editor, community, "UpdateTopic", topic_id=topic.id, body=body)
        # Read by all: the author's own change of what all could read, until a moderator edits it.
        topic.revisions.append(topic.open)
        if editor is not topic.author:
            topic.revisions = [False] * len(topic.revisions)
        self.tell(f"{editor.name} edits {topic.title}.")

    # -- rights

    async def _remove_member(self, a: int, b: int) -> None:
        held = pick(self._memberships(), a)
        if held is None:
            return
        community, person, membership = held
        await self.directory(
            "RemoveMember", community_id=community.id, person_id=person.id, reason="left"
        )
        membership.ended = True
        self.rights_moved()
        self.tell(f"{person.name} is removed from {community.slug}.")

    async def _end_enrolment(self, a: int, b: int) -> None:
        enrolled = [
            (community, company)
            for community in self.model.communities
            for company in self.model.companies
            if company.id in community.enrolments
        ]
        community, company = enrolled[a % len(enrolled)]
        enrolment = community.enrolments[company.id]
        if not enrolment.open:
            await self.enrol(community, company, b)
        else:
            await self.directory(
                "UpdateEnrolment",
                community_id=community.id,
                enrolment_id=enrolment.id,
                end_time=ago(1),
            )
            enrolment.open = False
            self.tell(f"The enrolment of {company.name} in {community.slug} ends.")
        self.rights_moved()

    async def _change_tier(self, a: int, b: int) -> None:
        enrolments = [
            (community, enrolment)
            for community in self.model.communities
            for enrolment in community.enrolments.values()
        ]
        community, enrolment = enrolments[a % len(enrolments)]
        tier = ("", "gold", "silver")[b % 3]
        if tier == enrolment.tier:
            return
        await self.directory(
            "UpdateEnrolment", community_id=community.id, enrolment_id=enrolment.id, tier=tier
        )
        enrolment.tier = tier
        self.rights_moved()
        self.tell(f"An enrolment in {community.slug} has the tier {tier or '-'} from now on.")

    async def _deactivate(self, a: int, b: int) -> None:
        person = pick(self._others(), a)
        if person is None:
            return
        rpc = "DeactivatePerson" if person.active else "ReactivatePerson"
        more = {"reason": "left"} if person.active else {}
        await self.directory(rpc, person_id=person.id, **more)
        person.active = not person.active
        self.rights_moved()
        self.tell(f"{rpc} {person.name}.")

    async def _move_person(self, a: int, b: int) -> None:
        person = pick([person for person in self._others() if person.active], a)
        company = self.model.companies[b % len(self.model.companies)]
        if person is None or person.company is company:
            return
        await self.directory("MovePerson", person_id=person.id, company_id=company.id)
        person.company = company
        for community in self.model.communities:
            if (old := community.memberships.get(person.id)) is not None:
                old.ended = True
            enrolment = community.enrolments.get(company.id)
            if enrolment is not None and enrolment.open and enrolment.auto_join:
                community.memberships[person.id] = Membership(company)
        self.rights_moved()
        self.tell(f"{person.name} works for {company.name} from now on.")

    async def _change_audience(self, a: int, b: int) -> None:
        space = self.model.spaces[a % len(self.model.spaces)]
        audience, names = self.audience(space.community, b, b)
        await self.forum(
            self.managers[space.community.id],
            space.community,
            "UpdateSpace",
            space_id=space.id,
            audience=fpb.Audience.Value(f"AUDIENCE_{audience}"),
            audience_names=names,
        )
        space.audience, space.names = audience, names
        self.tell(f"{space.slug} is for {audience} {' '.join(names)} from now on.")

    async def _change_role(self, a: int, b: int) -> None:
        held = pick([one for one in self._memberships() if one[1].active], a)
        if held is None:
            return
        community, person, membership = held
        roles = set() if "MODERATOR" in membership.roles else {"MODERATOR"}
        await self.directory(
            "UpdateMember",
            community_id=community.id,
            person_id=person.id,
            roles=[dpb.Role.Value(f"ROLE_{role}") for role in roles],
            update_roles=True,
        )
        membership.roles = roles
        self.rights_moved()
        self.tell(f"{person.name} is {'/'.join(roles) or 'MEMBER'} of {community.slug} now.")

    async def _join(self, a: int, b: int) -> None:
        community = self.model.communities[a % len(self.model.communities)]
        people = [
            person
            for person in self._others()
            if person.active
            and community.placed(person.company)
            and (person.id not in community.memberships or community.memberships[person.id].ended)
        ]
        person = pick(people, b)
        if person is not None:
            await self.join(community, person, {"MODERATOR"} if b & 4 else set())
            self.rights_moved()

    async def _join_group(self, a: int, b: int) -> None:
        group = pick([one for one in self.model.groups if not (one.hidden or one.archived)], a)
        if group is None:
            return
        outside = [one for one in self._members_of(group.community) if not group.has(one)]
        person = pick(outside, b)
        if person is not None:
            await self.join_group(group, person)
            self.rights_moved()

    async def _leave_group(self, a: int, b: int) -> None:
        group = pick(self.model.groups, a)
        if group is None:
            return
        person = pick([one for one in self._members_of(group.community) if group.has(one)], b)
        if person is not None:
            await self.groups(person, group.community, "LeaveGroup", group_id=group.id)
            del group.members[person.id]
            self.rights_moved()
            self.tell(f"{person.name} leaves the group {group.name}.")

    async def _archive_group(self, a: int, b: int) -> None:
        group = pick([one for one in self.model.groups if not one.archived], a)
        if group is not None and b % 2:
            manager = self.managers[group.community.id]
            await self.groups(manager, group.community, "ArchiveGroup", group_id=group.id)
            group.archived = True
            self.rights_moved()
            self.tell(f"The group {group.name} is archived.")

    # -- who and what

    def _manager_of(self, topic: Topic) -> Person:
        return self.managers[topic.space.community.id]

    async def _manage(self, topic: Topic, rpc: str, **more: Any) -> None:
        manager = self._manager_of(topic)
        await self.forum(manager, topic.space.community, rpc, topic_id=topic.id, **more)

    def _out_of_sight(self, reply: Reply) -> None:
        """What cannot be read is no answer."""
        if reply.topic.accepted == reply.id and reply.state != "PUBLISHED":
            reply.topic.accepted = ""

    def _others(self) -> list[Person]:
        """All but the managers, who keep the world going."""
        managers = {person.id for person in self.managers.values()}
        return [person for person in self.model.people if person.id not in managers]

    def _members_of(self, community: Community) -> list[Person]:
        """Those who are in it now."""
        return [one for one in self._others() if community.membership(one) is not None]

    def _memberships(self) -> list[tuple[Community, Person, Membership]]:
        """Those that can be changed."""
        return [
            (community, person, held)
            for community in self.model.communities
            for person in self._others()
            if (held := community.memberships.get(person.id)) and not held.ended and person.active
        ]


def _reasons(step: str) -> dict[str, Any]:
    if step == "close":
        return {"close_reason": fpb.CLOSE_REASON_RESOLVED}
    return {"reason": "off topic"} if step in ("hide", "remove") else {}

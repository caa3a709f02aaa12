"""What managers do with automations, and what the automations do by themselves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from google.protobuf.message import Message

from chassis.actors import MANAGER, Actor
from chassis.decisions import Decision, Ref, Seen, Write
from chassis.errors import DomainError, UnavailableError, VersionStaleError, check_version
from chassis.pagination import Paging
from guildhall.forum.v1 import automation_pb2 as pb
from guildhall.forum.v1 import domain_events_pb2 as said
from services.forum.converters import automation as converters
from services.forum.converters import enums
from services.forum.domain.automation import (
    Action,
    Automation,
    Automations,
    Round,
    Run,
    run_id,
)
from services.forum.domain.members import Member
from services.forum.domain.spaces import Space, SpaceNotFoundError
from services.forum.domain.topics import Topic, TopicNotFoundError, TopicStateInvalidError
from services.forum.repository.automation import Walk, place_of
from services.forum.use_cases.base import FORUM, UseCases
from services.forum.use_cases.moderating import Outcome, entry

BY_AUTOMATION = Actor(service="automation")
_SAYS = {Action.MOVE: FORUM, Action.PIN: FORUM}
_PAGE = 100  # topics that are looked at together
_PAGES = 20  # and at most so often, for one automation in one round: the next goes on there
_ACTS = 200  # about so many of one automation in one round
_AT_ONCE = 20
_ANEW = timedelta(days=1)  # what came out of order, as a restored topic, is found by then

_LATER = datetime.fromtimestamp(0, UTC)  # the decision says when

_log = logging.getLogger(__name__)


class AutomationUseCases(UseCases):
    """The automations of a community are one aggregate: there are never more than there may be."""

    async def create_automation(
        self, actor: Actor, request: pb.CreateAutomationRequest
    ) -> pb.CreateAutomationResponse:
        """MANAGER. Refuses with SPACE_NOT_FOUND, TAGS_INVALID, TOO_MANY_AUTOMATIONS."""
        community_id = request.community_id
        actor.require_role(community_id, MANAGER)
        member = Member.of(actor, community_id)
        automation_id = self._commands.new_id(actor, request)
        made = Automation(
            id=automation_id,
            community_id=community_id,
            name=request.name,
            enabled=request.enabled,
            space_id=request.space_id,
            trigger=converters.trigger(request.trigger),
            threshold=request.threshold,
            without_replies=request.without_replies,
            action=converters.action(request.action),
            tag=request.tag,
            close_reason=enums.close_reason(request.close_reason) if request.close_reason else None,
            reason=request.reason,
            create_time=_LATER,
            target_space_id=request.target_space_id,
            pin_days=request.pin_days,
        ).checked()
        if (done := await self._done(actor, request, pb.CreateAutomationResponse)) is not None:
            return done
        if made.space_id:
            await self._repository.get_space(community_id, made.space_id, member.keyring)
        if made.target_space_id:
            await self._get_target(made, member)

        def decide(seen: Seen[Automations]) -> Decision[Automations, pb.CreateAutomationResponse]:
            automations = seen.state or Automations()
            there = next((one for one in automations.all if one.id == automation_id), None)
            automation = there or replace(made, create_time=seen.now.time)
            return Decision(
                automations if there else automations.add(automation),
                lambda _: pb.CreateAutomationResponse(
                    automation=converters.automation_to_proto(automation)
                ),
                [] if there else [_changed(automation)],
            )

        target = self._repository.automations_ref(community_id)
        return await self._commands.run(actor, request, target, decide)

    async def update_automation(
        self, actor: Actor, request: pb.UpdateAutomationRequest
    ) -> pb.UpdateAutomationResponse:
        """MANAGER. Refuses with AUTOMATION_NOT_FOUND, SPACE_NOT_FOUND, TAGS_INVALID."""
        community_id = request.community_id
        actor.require_role(community_id, MANAGER)
        member = Member.of(actor, community_id)
        why = enums.close_reason(request.close_reason) if request.close_reason else None
        if (done := await self._done(actor, request, pb.UpdateAutomationResponse)) is not None:
            return done
        given = {
            name: getattr(request, name)
            for name in (
                "name",
                "enabled",
                "threshold",
                "without_replies",
                "tag",
                "reason",
                "target_space_id",
                "pin_days",
            )
            if request.HasField(name)
        }

        def changed(automations: Automations) -> Automation:
            before = automations.automation(request.automation_id)
            check_version(before.version, request.expected_version)
            return replace(before, **given, close_reason=why or before.close_reason).checked()

        known = changed(await self._repository.get_automations(community_id))
        if known.action is Action.MOVE and (known.enabled or "target_space_id" in given):
            if known.space_id:
                await self._repository.get_space(community_id, known.space_id, member.keyring)
            await self._get_target(known, member)

        def decide(seen: Seen[Automations]) -> Decision[Automations, pb.UpdateAutomationResponse]:
            automations = seen.state or Automations()
            before = automations.automation(request.automation_id)
            automation = changed(automations)
            if _takes(automation) != _takes(known):
                raise VersionStaleError("the automation has just changed: read it again")
            if automation != before:
                automation = replace(automation, version=before.version + 1)
            return Decision(
                automations.put(automation),
                lambda _: pb.UpdateAutomationResponse(
                    automation=converters.automation_to_proto(automation)
                ),
                [] if automation == before else [_changed(automation)],
            )

        target = self._repository.automations_ref(community_id)
        return await self._commands.run(actor, request, target, decide)

    async def delete_automation(
        self, actor: Actor, request: pb.DeleteAutomationRequest
    ) -> pb.DeleteAutomationResponse:
        """MANAGER. Refuses with AUTOMATION_NOT_FOUND, VERSION_STALE."""
        actor.require_role(request.community_id, MANAGER)

        def decide(seen: Seen[Automations]) -> Decision[Automations, pb.DeleteAutomationResponse]:
            automations = seen.state or Automations()
            automation = automations.automation(request.automation_id)
            check_version(automation.version, request.expected_version)
            return Decision(
                automations.remove(automation),
                lambda _: pb.DeleteAutomationResponse(),
                [_changed(automation)],
            )

        target = self._repository.automations_ref(request.community_id)
        return await self._commands.run(actor, request, target, decide)

    async def _get_target(self, automation: Automation, member: Member) -> Space:
        """Refuses with SPACE_NOT_FOUND."""
        try:
            return await self._repository.get_space(
                automation.community_id, automation.target_space_id, member.keyring
            )
        except SpaceNotFoundError:
            raise SpaceNotFoundError(field="target_space_id") from None

    async def run_automation(self, now: datetime) -> Round:
        """One round of all enabled automations of all communities."""
        total = Round()
        async for automations in self._repository.automations():
            for automation in automations.all:
                if automation.enabled:
                    done = await self._walk(automation, now)
                    if done.skipped:
                        _log.info("automation %s: %s", automation.id, done)
                    total += done
        return total

    async def _walk(self, automation: Automation, now: datetime) -> Round:
        """It looks at what may match, in its order, from where it stopped the last time."""
        before = await self._repository.get_walk(automation)
        if before is None or before.version != automation.version:
            walk = Walk(automation.version, (), now)
        else:
            walk = before
        done = Round()
        for _ in range(_PAGES):
            if done.acted + done.skipped >= _ACTS:
                break
            paging = Paging(_PAGE, walk.place)
            found = await self._repository.find_matching(automation, now, None, paging)
            topics = found[:_PAGE]
            done += await self._act_on(automation, topics, now)
            if topics:
                walk = replace(walk, place=place_of(automation, topics[-1]))
            if len(found) <= _PAGE:
                if not automation.by_time:
                    walk = replace(walk, place=())
                elif now - walk.begin_time >= _ANEW:
                    walk = replace(walk, place=(), begin_time=now)
                break
        if walk != before:
            await self._repository.put_walk(automation, walk)
        return done

    async def _act_on(
        self, automation: Automation, topics: Sequence[Topic], now: datetime
    ) -> Round:
        """On those of the topics on which it has not acted for this reason."""
        wanted = {
            run_id(automation.id, topic.id, occurrence): (topic, occurrence)
            for topic in topics
            if (occurrence := automation.occurrence(topic, now))
        }
        done = await self._repository.find_runs(automation.community_id, list(wanted))
        left = [one for id_, one in wanted.items() if id_ not in done]
        skipped = await self._repository.find_skipped(automation, [topic for topic, _ in left])
        todo = [one for one in left if one[0].id not in skipped]
        acted = 0
        for start in range(0, len(todo), _AT_ONCE):
            acted += sum(
                await asyncio.gather(
                    *(
                        self._try(automation, topic.id, occurrence, now)
                        for topic, occurrence in todo[start : start + _AT_ONCE]
                    )
                )
            )
        return Round(acted, len(left) - acted)

    async def _try(
        self, automation: Automation, topic_id: str, occurrence: str, now: datetime
    ) -> bool:
        """What has changed meanwhile is left alone; an outage ends the round."""
        try:
            await self.act(automation, topic_id, occurrence, now)
        except UnavailableError:
            raise
        except DomainError as refusal:
            _log.info("automation %s leaves %s: %s", automation.id, topic_id, refusal)
            return False
        return True

    async def act(
        self, automation: Automation, topic_id: str, occurrence: str, now: datetime
    ) -> None:
        """It acts on a topic, once for an occurrence: that it did is stored with what it did.

        Refuses with TOPIC_NOT_FOUND, TOPIC_STATE_INVALID where it does not match any more, and
        where it is to be moved as Automation.moved does, by the walls as they are when it is.
        """
        community_id = automation.community_id
        id_ = run_id(automation.id, topic_id, occurrence)
        ref = self._repository.run_ref(community_id, id_)
        ways = await self._ways(automation, topic_id)
        request = pb.AutomationRun(
            request_id=f"automation-{id_}",
            community_id=community_id,
            automation_id=automation.id,
            topic_id=topic_id,
            occurrence=occurrence,
        )

        def decide(seen: Seen[Topic]) -> Decision[Topic, pb.AutomationRunResult]:
            topic = seen.state
            if topic is None:
                raise TopicNotFoundError
            if seen.part(ref) is not None:
                return Outcome(topic).decision(seen, _acted)
            if automation.occurrence(topic, now) != occurrence:
                raise TopicStateInvalidError("the automation's trigger is not true any more")
            changed, writes = automation.act(topic, seen.now.time), []
            if ways:
                changed = automation.moved(topic, *_spaces(seen, topic, ways))
                writes = [self._carry(changed)]
            reason = ": ".join(filter(None, (automation.name, automation.reason)))
            action = f"{automation.action.title()}ByAutomation"
            line = entry(seen.now, topic, action, reason, BY_AUTOMATION.name)
            outcome = Outcome(changed, [_event(automation, topic, id_)], writes=[line, *writes])
            decision = outcome.decision(seen, _acted)
            run = ref.put(Run(id_, automation.id, topic_id, occurrence, seen.now.time))
            return replace(decision, parts=[*decision.parts, run], stands_on=ways)

        target = self._repository.topics.ref(community_id, topic_id).having(ref).along(*ways)
        actor = _SAYS.get(automation.action, BY_AUTOMATION)
        await self._commands.run(actor, request, target, decide)

    async def _ways(self, automation: Automation, topic_id: str) -> Sequence[Ref[Space]]:
        """Of a move, whence and where to; of all else nothing. Refuses with TOPIC_NOT_FOUND."""
        if automation.action is not Action.MOVE:
            return ()
        topic = await self._repository.get_topic(automation.community_id, topic_id, None)
        return [
            self._repository.spaces.ref(automation.community_id, id_)
            for id_ in (topic.space_id, automation.target_space_id)
        ]

    def _carry(self, moved: Topic) -> Write:
        """Its former texts come along at once; its replies are the job's, as of every move."""
        return self._repository.carry_revisions(
            moved.community_id, [moved.id], moved.former_space_ids, moved.space_id
        )


def _spaces(seen: Seen[Topic], topic: Topic, ways: Sequence[Ref[Space]]) -> tuple[Space, Space]:
    former, target = (seen.other(ref) for ref in ways)
    if former is None or target is None:
        raise SpaceNotFoundError(field="target_space_id")
    if topic.space_id != former.id:
        raise VersionStaleError("the topic has just been moved")
    return former, target


def _takes(automation: Automation) -> tuple[str, bool]:
    """What of a move nobody changes who cannot read its spaces."""
    moves = automation.action is Action.MOVE
    return automation.target_space_id, moves and automation.enabled


def _changed(automation: Automation) -> Message:
    return said.AutomationsChanged(automation_id=automation.id)


def _acted(_: Outcome, __: int) -> pb.AutomationRunResult:
    return pb.AutomationRunResult()


def _event(automation: Automation, topic: Topic, run_id: str) -> Message:
    match automation.action:
        case Action.BUMP:
            return said.TopicBumped(topic_id=topic.id)
        case Action.TAG:
            return said.TopicTagged(topic_id=topic.id)
        case Action.CLOSE:
            return said.TopicClosed(topic_id=topic.id)
        case Action.ARCHIVE:
            return said.TopicArchived(topic_id=topic.id)
        case Action.ESCALATE:
            return said.TopicEscalated(
                topic_id=topic.id,
                automation_id=automation.id,
                run_id=run_id,
                automation_name=automation.name,
                reason=automation.reason,
                author_id=topic.author.person_id,
                submission_number=topic.submission.number,
            )
        case Action.MOVE:
            return said.TopicMoved(
                topic_id=topic.id,
                space_id=automation.target_space_id,
                from_space_id=topic.space_id,
            )
        case Action.PIN:
            return said.TopicPinned(topic_id=topic.id)

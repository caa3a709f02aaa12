"""What becomes of cases: opened, moved, renewed, moot, each once however often it is heard."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from google.protobuf.empty_pb2 import Empty

from chassis.batch import Conflict
from chassis.decisions import Decision, Seen
from chassis.domain_events import DomainEvent, Effect
from services.moderation.converters import (
    case_escalated,
    case_mooted,
    case_moved,
    case_opened,
    case_renewed,
)
from services.moderation.domain import Case, CaseState, Escalation, existing
from services.moderation.repository import ModerationRepository

_MODERATION = "service:moderation"
_MOST_HANDED_OUT = 2000  # topics; a batch has far fewer


@dataclass(frozen=True, slots=True)
class _HandedOut:
    """A case as one event left it."""

    aggregate_id: str
    seq: int
    case: Case

    def came_before(self, event: DomainEvent[Any]) -> bool:
        """Not of this event, nor of a later one, heard a time before whose effects were lost."""
        return self.aggregate_id != event.aggregate_id or self.seq < event.seq


class Cases:
    """Those of posts, as consumers find and change them."""

    def __init__(self, repository: ModerationRepository) -> None:
        self._repository = repository
        # All handlers of a batch run before any of their effects is stored, so what was handed out
        # lately is remembered: topic id -> case id -> case. What is stored counts more.
        self._handed_out: dict[str, dict[str, _HandedOut]] = {}

    async def of(self, event: DomainEvent[Any], topic_id: str, reply_id: str | None) -> list[Case]:
        """Of a post, those included whose opening is only being stored; oldest text first. None:
        of the topic and all its replies.
        """
        stored = await self._repository.find_cases_of(event.community_id, topic_id, reply_id)
        handed = (
            case for case in self._handed(event, [topic_id]) if reply_id in (None, case.reply_id)
        )
        return _joined(handed, stored)

    async def of_replies(
        self, event: DomainEvent[Any], topic_ids: Iterable[str], reply_ids: Collection[str]
    ) -> list[Case]:
        """As of, for some replies that are in one of these topics."""
        stored = await self._repository.find_cases_of_replies(event.community_id, reply_ids)
        handed = (case for case in self._handed(event, topic_ids) if case.reply_id in reply_ids)
        return _joined(handed, stored)

    def _handed(self, event: DomainEvent[Any], topic_ids: Iterable[str]) -> Iterable[Case]:
        for topic_id in topic_ids:
            for one in self._handed_out.get(topic_id, {}).values():
                if one.case.community_id == event.community_id and one.came_before(event):
                    yield one.case

    def moot_all(self, event: DomainEvent[Any], cases: Iterable[Case]) -> list[Effect]:
        """Nothing is left to decide where one is open."""
        return [self.moot(event, case) for case in cases if case.state is CaseState.OPEN]

    def _hand_out(self, event: DomainEvent[Any], case: Case) -> None:
        topic = self._handed_out.pop(case.topic_id, {})  # the last handed out is the last to go
        topic[case.id] = _HandedOut(event.aggregate_id, event.seq, case)
        self._handed_out[case.topic_id] = topic
        while len(self._handed_out) > _MOST_HANDED_OUT:
            del self._handed_out[next(iter(self._handed_out))]

    def open(self, event: DomainEvent[Any], case: Case) -> Effect:
        """It is there now, unless it was before."""
        self._hand_out(event, case)

        def decide(seen: Seen[Case]) -> Decision[Case, Empty]:
            if seen.state is not None:
                return Decision(seen.state, _nothing)
            record = self._repository.audit(
                seen.now, case.community_id, _MODERATION, "OpenCase", case.id, case.cause.name
            )
            return Decision(case, _nothing, [case_opened(case)], writes=[record])

        return Effect(self._repository.cases.ref(case.community_id, case.id), decide)

    def escalate(
        self, event: DomainEvent[Any], case: Case, escalation: Escalation, submission_number: int
    ) -> Effect:
        """An automation asks for this open case, too."""
        self._hand_out(event, case.escalate(escalation, submission_number))

        def decide(seen: Seen[Case]) -> Decision[Case, Empty]:
            before = existing(seen.state)
            if before.escalated_by(escalation.run_id):
                return Decision(before, _nothing)
            if before.state is not CaseState.OPEN:
                raise Conflict  # it was decided right now: look for another
            after = before.escalate(escalation, submission_number)
            record = self._repository.audit(
                seen.now,
                case.community_id,
                _MODERATION,
                "EscalateCase",
                case.id,
                escalation.automation_id,
            )
            said = case_escalated(after, escalation.automation_id)
            return Decision(after, _nothing, [said], writes=[record])

        return Effect(self._repository.cases.ref(case.community_id, case.id), decide)

    def move(self, event: DomainEvent[Any], case: Case, topic_id: str) -> Effect:
        """Its reply is in this topic now."""
        self._handed_out.get(case.topic_id, {}).pop(case.id, None)
        self._hand_out(event, case.move(topic_id))

        def decide(seen: Seen[Case]) -> Decision[Case, Empty]:
            before = existing(seen.state)
            if before.topic_id == topic_id:
                return Decision(before, _nothing)
            record = self._repository.audit(
                seen.now, case.community_id, _MODERATION, "MoveCase", case.id, topic_id
            )
            after = before.move(topic_id)
            return Decision(after, _nothing, [case_moved(after)], writes=[record])

        return Effect(self._repository.cases.ref(case.community_id, case.id), decide)

    def moot(self, event: DomainEvent[Any], case: Case, submission_number: int = 0) -> Effect:
        """It is moot; one that members or automations asked for is not by an edit, which has this
        number.
        """
        self._hand_out(event, case.moot(case.open_time))

        def decide(seen: Seen[Case]) -> Decision[Case, Empty]:
            before = existing(seen.state)
            renews = before.outlasts_edits and submission_number
            after = before.renew(submission_number) if renews else before.moot(seen.now.time)
            if after == before:
                return Decision(before, _nothing)
            record = self._repository.audit(
                seen.now,
                case.community_id,
                _MODERATION,
                "RenewCase" if renews else "MootCase",
                case.id,
            )
            said = case_renewed(after) if renews else case_mooted(after)
            settling = [] if renews else self._repository.settling(after)
            return Decision(after, _nothing, [said], writes=[record, *settling])

        return Effect(self._repository.cases.ref(case.community_id, case.id), decide)


def _joined(handed: Iterable[Case], stored: Iterable[Case]) -> list[Case]:
    cases = {case.id: case for case in (*handed, *stored)}
    return sorted(cases.values(), key=lambda case: case.submission_number)


def _nothing(_: int) -> Empty:
    return Empty()

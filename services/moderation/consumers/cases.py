"""What becomes of cases: opened, moved, renewed, moot, each once however often it is heard."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.empty_pb2 import Empty

from chassis.decisions import Decision, Seen
from chassis.domain_events import Effect
from services.moderation.converters import case_mooted, case_moved, case_opened, case_renewed
from services.moderation.domain import Case, CaseState, existing
from services.moderation.repository import ModerationRepository

_MODERATION = "service:moderation"
_MOST_HANDED_OUT = 2000  # topics; a batch has far fewer


class Cases:
    """Those of posts, as consumers find and change them."""

    def __init__(self, repository: ModerationRepository) -> None:
        self._repository = repository
        # All handlers of a batch run before any of their effects is stored, so what was handed out
        # lately is remembered: topic id -> case id -> case. What is stored counts more.
        self._handed_out: dict[str, dict[str, Case]] = {}

    async def of(self, community_id: str, topic_id: str, reply_id: str | None) -> list[Case]:
        """Of a post, those included whose opening is only being stored; oldest text first. None:
        of the topic and all its replies.
        """
        stored = await self._repository.find_cases_of(community_id, topic_id, reply_id)
        cases = {case.id: case for case in self._handed_out.get(topic_id, {}).values()}
        cases |= {case.id: case for case in stored}
        wanted = [
            case
            for case in cases.values()
            if case.community_id == community_id and reply_id in (None, case.reply_id)
        ]
        return sorted(wanted, key=lambda case: case.submission_number)

    def moot_all(self, cases: Iterable[Case]) -> list[Effect]:
        """Nothing is left to decide where one is open."""
        return [self.moot(case) for case in cases if case.state is CaseState.OPEN]

    def _hand_out(self, case: Case) -> None:
        self._handed_out.setdefault(case.topic_id, {})[case.id] = case
        while len(self._handed_out) > _MOST_HANDED_OUT:
            del self._handed_out[next(iter(self._handed_out))]

    def open(self, case: Case) -> Effect:
        """It is there now, unless it was before."""
        self._hand_out(case)

        def decide(seen: Seen[Case]) -> Decision[Case, Empty]:
            if seen.state is not None:
                return Decision(seen.state, _nothing)
            record = self._repository.audit(
                seen.now, case.community_id, _MODERATION, "OpenCase", case.id, case.cause.name
            )
            return Decision(case, _nothing, [case_opened(case)], writes=[record])

        return Effect(self._repository.cases.ref(case.community_id, case.id), decide)

    def move(self, case: Case, topic_id: str) -> Effect:
        """Its reply is in this topic now."""
        self._handed_out.get(case.topic_id, {}).pop(case.id, None)
        self._hand_out(case.move(topic_id))

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

    def moot(self, case: Case, submission_number: int = 0) -> Effect:
        """It is moot; one that members flagged is not by an edit, which has this number."""
        self._hand_out(case.moot(case.open_time))

        def decide(seen: Seen[Case]) -> Decision[Case, Empty]:
            before = existing(seen.state)
            renews = before.flag_count and submission_number
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


def _nothing(_: int) -> Empty:
    return Empty()

"""Automations automations: what makes one act on a topic, how often, and what it does then."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chassis.errors import FieldInvalidError, NotFoundError, ResourceExhaustedError
from chassis.texts import check_body, check_name
from services.forum.domain import moves
from services.forum.domain.spaces import Space
from services.forum.domain.tags import MAX_TAGS, check_tags
from services.forum.domain.topics import (
    CloseReason,
    Topic,
    TopicState,
    TopicStateInvalidError,
    TopicStep,
)
from services.forum.domain.topics.curation import pin, pinned

MOST_AUTOMATIONS = 30
LONGEST_PIN = 365  # days
_MAX_NAME = 80
_MAX_REASON = 1000
_NAMESPACE = uuid.UUID("2b7d9f0c-6f64-4f5e-9c0c-3f3e0b3d6a26")


class AutomationNotFoundError(NotFoundError):
    """The community has no such automation automation."""


class TooManyAutomationsError(ResourceExhaustedError):
    """A community has at most 30 automations."""


class Trigger(StrEnum):
    """When an automation acts."""

    UNANSWERED = "UNANSWERED"
    STALE = "STALE"
    REPORTED = "REPORTED"
    SCORE_REACHED = "SCORE_REACHED"


class Action(StrEnum):
    """What an automation does."""

    CLOSE = "CLOSE"
    BUMP = "BUMP"
    TAG = "TAG"
    ARCHIVE = "ARCHIVE"
    ESCALATE = "ESCALATE"
    MOVE = "MOVE"
    PIN = "PIN"


MOST: Mapping[Trigger, int] = {
    Trigger.UNANSWERED: 8760,  # hours
    Trigger.STALE: 3650,  # days
    Trigger.REPORTED: 100,
    Trigger.SCORE_REACHED: 1_000_000,
}
# In which states a topic can be acted on; a trigger may need less.
ACTED_ON: Mapping[Action, frozenset[TopicState]] = {
    Action.BUMP: frozenset({TopicState.PUBLISHED}),
    Action.TAG: frozenset({TopicState.PUBLISHED, TopicState.CLOSED}),
    Action.CLOSE: frozenset({TopicState.PUBLISHED}),
    Action.ARCHIVE: frozenset({TopicState.PUBLISHED}),
    Action.ESCALATE: frozenset({TopicState.PUBLISHED, TopicState.CLOSED, TopicState.HIDDEN}),
    Action.MOVE: frozenset({TopicState.PUBLISHED, TopicState.CLOSED}),
    Action.PIN: frozenset({TopicState.PUBLISHED, TopicState.CLOSED}),
}
_TRIGGERED: Mapping[Trigger, frozenset[TopicState]] = {
    Trigger.UNANSWERED: frozenset({TopicState.PUBLISHED}),
    Trigger.STALE: frozenset({TopicState.PUBLISHED}),
    Trigger.REPORTED: frozenset({TopicState.PUBLISHED, TopicState.CLOSED, TopicState.HIDDEN}),
    Trigger.SCORE_REACHED: frozenset({TopicState.PUBLISHED, TopicState.CLOSED}),
}
_WITH_REASON = (Action.CLOSE, Action.ESCALATE)
_ONCE = (Action.MOVE, Action.PIN)  # a topic: what people undo stays undone


@dataclass(frozen=True, slots=True)
class Automation:
    """One trigger and one action."""

    id: str
    community_id: str
    name: str
    enabled: bool
    space_id: str  # empty: all spaces
    trigger: Trigger
    threshold: int
    without_replies: bool
    action: Action
    tag: str
    close_reason: CloseReason | None
    reason: str
    create_time: datetime
    version: int = 1
    target_space_id: str = ""
    pin_days: int = 0

    def checked(self) -> Automation:
        """The automation with its texts made clean. Refuses with TEXT_INVALID, FIELD_INVALID,
        TAGS_INVALID.
        """
        most = MOST[self.trigger]
        if not 1 <= self.threshold <= most:
            raise FieldInvalidError(
                f"the threshold of {self.trigger} is 1 to {most}", field="threshold"
            )
        if self.without_replies and self.trigger is not Trigger.UNANSWERED:
            raise FieldInvalidError("without_replies goes with UNANSWERED", field="without_replies")
        if (self.close_reason is not None) != (self.action is Action.CLOSE):
            need = "needs" if self.action is Action.CLOSE else "takes no"
            raise FieldInvalidError(f"{self.action} {need} close_reason", field="close_reason")
        self._check_target()
        self._check_pin_days()
        return replace(
            self,
            name=check_name(self.name, "name", most=_MAX_NAME),
            tag=self._checked_tag(),
            reason=self._checked_reason(),
        )

    def _check_target(self) -> None:
        field, moves_it = "target_space_id", self.action is Action.MOVE
        if bool(self.target_space_id) != moves_it:
            need = "needs" if moves_it else "takes no"
            raise FieldInvalidError(f"{self.action} {need} {field}", field=field)
        if moves_it and self.target_space_id == self.space_id:
            raise FieldInvalidError(f"{field} must be another space", field=field)

    def _check_pin_days(self) -> None:
        if self.action is Action.PIN and not 1 <= self.pin_days <= LONGEST_PIN:
            raise FieldInvalidError(f"pin_days must be 1 to {LONGEST_PIN}", field="pin_days")
        if self.action is not Action.PIN and self.pin_days:
            raise FieldInvalidError("pin_days goes with PIN", field="pin_days")

    def _checked_tag(self) -> str:
        if self.action is Action.TAG:
            return check_tags([self.tag], "tag")[0]
        if self.tag:
            raise FieldInvalidError("tag goes with TAG", field="tag")
        return ""

    def _checked_reason(self) -> str:
        reason = check_body(self.reason, "reason", least=0, most=_MAX_REASON)
        if reason and self.action not in _WITH_REASON:
            raise FieldInvalidError("reason goes with CLOSE and ESCALATE", field="reason")
        return reason

    @property
    def states(self) -> frozenset[TopicState]:
        """In which states a topic is looked at."""
        return _TRIGGERED[self.trigger] & ACTED_ON[self.action]

    @property
    def by_time(self) -> bool:
        """What comes true for a topic comes true in the order of its time."""
        return self.trigger in (Trigger.UNANSWERED, Trigger.STALE)

    def before(self, now: datetime) -> datetime:
        """What is asked, or was last active, until then is old enough."""
        hours = self.trigger is Trigger.UNANSWERED
        return now - (timedelta(hours=self.threshold) if hours else timedelta(days=self.threshold))

    def occurrence(self, topic: Topic, now: datetime) -> str:
        """Which time it is that the trigger comes true for this topic; empty: it does not, or the
        action cannot be done.
        """
        if topic.state not in self.states or self.space_id not in ("", topic.space_id):
            return ""
        if self.action is Action.TAG and (self.tag in topic.tags or len(topic.tags) >= MAX_TAGS):
            return ""
        if self.action is Action.MOVE and topic.space_id == self.target_space_id:
            return ""
        if self.action is Action.PIN and pinned(topic, now):
            return ""
        occurrence = self._occurrence(topic, now)
        return "once" if occurrence and self.action in _ONCE else occurrence

    def _occurrence(self, topic: Topic, now: datetime) -> str:
        """As occurrence, whatever the action."""
        match self.trigger:
            case Trigger.UNANSWERED:
                unanswered = topic.unreplied if self.without_replies else topic.unanswered
                return "asked" if unanswered and topic.create_time <= self.before(now) else ""
            case Trigger.STALE:
                # A bump is no activity: who bumps what is silent does so once for each silence.
                quiet = topic.latest[-1].time if topic.latest else topic.create_time
                stale = topic.activity_time <= self.before(now)
                return f"silent since {quiet.isoformat()}" if stale else ""
            case Trigger.REPORTED:
                times = topic.case_count // self.threshold
                return f"reported {times * self.threshold}" if times else ""
            case Trigger.SCORE_REACHED:
                return "reached" if topic.score >= self.threshold else ""

    def moved(self, topic: Topic, former: Space, target: Space) -> Topic:
        """The topic in another space. No reader loses it; in all spaces nobody gains it either, as
        nobody said which walls are meant.

        Refuses with AUTHOR_CANNOT_READ, KIND_NOT_ALLOWED, TAGS_INVALID, TOPIC_STATE_INVALID.
        """
        moves.check_all_follow(topic, former, target)
        if not self.space_id and not former.open_to_all_of(target):
            raise TopicStateInvalidError("others read the space it would be moved to")
        return moves.move(topic, target)

    def act(self, topic: Topic, now: datetime) -> Topic:
        """The topic after the action; a move is `moved`'s. Refuses with TOPIC_STATE_INVALID."""
        match self.action:
            case Action.BUMP:
                return replace(topic, activity_time=now)
            case Action.TAG:
                return replace(topic, tags=(*topic.tags, self.tag))
            case Action.CLOSE:
                closed = topic.step(TopicStep.CLOSE, self.reason)
                return replace(closed, close_reason=self.close_reason)
            case Action.ARCHIVE:
                return topic.step(TopicStep.ARCHIVE)
            case Action.PIN:
                return pin(topic, now + timedelta(days=self.pin_days), now)
            case Action.ESCALATE | Action.MOVE:
                return topic


@dataclass(frozen=True, slots=True)
class Round:
    """On how many topics automations acted, and how many they skipped."""

    acted: int = 0
    skipped: int = 0

    def __add__(self, other: Round) -> Round:
        return Round(self.acted + other.acted, self.skipped + other.skipped)


@dataclass(frozen=True, slots=True)
class Run:
    """An automation has acted on a topic: there is one for each time its trigger came true."""

    id: str
    automation_id: str
    topic_id: str
    occurrence: str
    time: datetime


def run_id(automation_id: str, topic_id: str, occurrence: str) -> str:
    """The same for the same occurrence, whoever looks."""
    return uuid.uuid5(_NAMESPACE, f"{automation_id}:{topic_id}:{occurrence}").hex


@dataclass(frozen=True, slots=True)
class Automations:
    """All automations of one community, the oldest first."""

    all: tuple[Automation, ...] = ()

    def add(self, automation: Automation) -> Automations:
        """One automation more. Refuses with TOO_MANY_AUTOMATIONS."""
        if len(self.all) >= MOST_AUTOMATIONS:
            raise TooManyAutomationsError
        return Automations((*self.all, automation))

    def automation(self, automation_id: str) -> Automation:
        """Refuses with AUTOMATION_NOT_FOUND."""
        for automation in self.all:
            if automation.id == automation_id:
                return automation
        raise AutomationNotFoundError(field="automation_id")

    def put(self, changed: Automation) -> Automations:
        """This automation in place of the one with its id."""
        return Automations(tuple(changed if one.id == changed.id else one for one in self.all))

    def remove(self, automation: Automation) -> Automations:
        """Without this automation."""
        return Automations(tuple(one for one in self.all if one.id != automation.id))


def automations_id(community_id: str) -> str:
    """The one set of automations of a community."""
    return uuid.uuid5(_NAMESPACE, f"automation:{community_id}").hex


@dataclass(frozen=True, slots=True)
class TopicCase:
    """A rule's case, or a member's flag, about a topic or one of its replies."""

    case_id: str
    topic_id: str
    time: datetime

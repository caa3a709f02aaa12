"""Topics that are to go out by themselves."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from chassis.errors import FieldInvalidError
from services.forum.domain.members import Member
from services.forum.domain.topics.states import TopicStep
from services.forum.domain.topics.topic import Topic

LONGEST_SCHEDULE = timedelta(days=366)


def schedule(topic: Topic, member: Member, publish_time: datetime, now: datetime) -> Topic:
    """It goes out then. Refuses with ROLE_REQUIRED, TOPIC_STATE_INVALID, FIELD_INVALID."""
    member.require_author(topic.author)
    scheduled = topic.step(TopicStep.SCHEDULE)
    if not now < publish_time <= now + LONGEST_SCHEDULE:
        raise FieldInvalidError("publish_time must lie ahead, within a year", field="publish_time")
    return replace(scheduled, publish_time=publish_time)


def unschedule(topic: Topic, reason: str = "") -> Topic:
    """A draft again. Refuses with TOPIC_STATE_INVALID."""
    return replace(topic.step(TopicStep.UNSCHEDULE, reason), publish_time=None)

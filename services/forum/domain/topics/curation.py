"""What keeps topics right and in view: status of ideas, owner and review of articles, pins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from chassis.errors import (
    FieldInvalidError,
    InvalidArgumentError,
    ReasonRequiredError,
    RoleRequiredError,
)
from services.forum.domain.kinds import (
    IdeaStatus,
    KindAction,
    NotAnArticleError,
    NotAnIdeaError,
    NotAQuestionError,
    allows,
)
from services.forum.domain.members import Member
from services.forum.domain.replies import Reply, ReplyStateInvalidError
from services.forum.domain.space_settings import LONGEST_REVIEW
from services.forum.domain.topics.states import OPEN_TO_READERS, TopicStateInvalidError
from services.forum.domain.topics.topic import Topic


@dataclass(frozen=True, slots=True)
class OwnedArticle:
    """Who keeps which article right."""

    owner_id: str
    topic_id: str


class OwnerInvalidError(InvalidArgumentError):
    """An article's owner must be a member who can read the space; who is there is not told."""


def update_idea(
    topic: Topic, member: Member, status: IdeaStatus, note: str, now: datetime
) -> Topic:
    """What the vendor says of it; a moderator of a partner does not speak for the vendor.

    Refuses with NOT_AN_IDEA, ROLE_REQUIRED, TOPIC_STATE_INVALID, REASON_REQUIRED.
    """
    if not allows(topic.kind, KindAction.UPDATE_IDEA_STATUS):
        raise NotAnIdeaError
    member.require_vendors_moderator()
    _check_out(topic)
    if status is IdeaStatus.DECLINED and not note:
        raise ReasonRequiredError("say why it is declined", field="note")
    if (status, note) == (topic.idea_status, topic.idea_note):
        return topic
    return replace(topic, idea_status=status, idea_note=note, idea_status_time=now)


def review_article(topic: Topic, member: Member, due: datetime, now: datetime) -> Topic:
    """Its owner or a moderator looked: it is right until then.

    Refuses with NOT_AN_ARTICLE, ROLE_REQUIRED, TOPIC_STATE_INVALID, FIELD_INVALID.
    """
    check_keeps_right(topic, member)
    if not now < due <= now + LONGEST_REVIEW:
        raise FieldInvalidError(
            "review_due_time must lie ahead, within three years", field="review_due_time"
        )
    return replace(topic, review_time=now, review_due_time=due, review_expired=False)


def expire_review(topic: Topic, due: datetime) -> Topic:
    """Nobody looked in time; the same where somebody has meanwhile, or that was said already."""
    return replace(topic, review_expired=True) if topic.review_due_time == due else topic


def change_owner(topic: Topic, member: Member, owner_id: str) -> Topic:
    """Another keeps it right; whether they can read it has been asked.

    Refuses with NOT_AN_ARTICLE, ROLE_REQUIRED, TOPIC_STATE_INVALID.
    """
    check_keeps_right(topic, member)
    return replace(topic, owner_id=owner_id)


def check_keeps_right(topic: Topic, member: Member) -> None:
    """Of articles that are out: for their owner and moderators.

    Refuses with NOT_AN_ARTICLE, ROLE_REQUIRED, TOPIC_STATE_INVALID.
    """
    if not allows(topic.kind, KindAction.REVIEW):
        raise NotAnArticleError
    require_owner_or_moderator(topic, member)
    _check_out(topic)


def require_owner_or_moderator(topic: Topic, member: Member) -> None:
    """Refuses with ROLE_REQUIRED."""
    if not (member.moderator or topic.owned_by(member)):
        raise RoleRequiredError("only its owner and moderators may do this")


def check_answer_verifiable(topic: Topic, reply: Reply, member: Member) -> None:
    """Of replies to questions, that can be read: for moderators.

    Refuses with NOT_A_QUESTION, ROLE_REQUIRED, TOPIC_STATE_INVALID, REPLY_STATE_INVALID.
    """
    if not allows(topic.kind, KindAction.ACCEPT_REPLY):
        raise NotAQuestionError
    member.require_moderator()
    _check_out(topic)
    if not reply.published:
        raise ReplyStateInvalidError(f"a reply that is {reply.state} is not verified")


def pin(topic: Topic, expire_time: datetime | None, now: datetime) -> Topic:
    """Before all others of its space. Refuses with TOPIC_STATE_INVALID, FIELD_INVALID."""
    _check_out(topic)
    if expire_time is not None and expire_time <= now:
        raise FieldInvalidError("pin_expire_time must lie ahead", field="pin_expire_time")
    return replace(topic, pin_time=now, pin_expire_time=expire_time)


def pinned(topic: Topic, now: datetime) -> bool:
    """A pin past its time counts no more."""
    if topic.pin_time is None:
        return False
    return topic.pin_expire_time is None or topic.pin_expire_time > now


def unpin(topic: Topic) -> Topic:
    """One among the others again, if it was not."""
    return replace(topic, pin_time=None, pin_expire_time=None)


def _check_out(topic: Topic) -> None:
    if topic.state not in OPEN_TO_READERS:
        raise TopicStateInvalidError(f"this is for what can be read, not for what is {topic.state}")

"""Posts of another system: what they must be, and the ids that follow from where they come from."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chassis.errors import FieldInvalidError, NotFoundError
from chassis.moment import cut
from chassis.texts import check_line
from services.forum.domain.attachments import Attached
from services.forum.domain.members import Author, Persona
from services.forum.domain.replies import ParentInvalidError, Reply, ReplyState
from services.forum.domain.spaces import Space
from services.forum.domain.texts import Submission, Text
from services.forum.domain.topics import CloseReason, Topic, TopicKind, TopicState

MAX_POSTS = 100
_MAX_SOURCE = 100
_MAX_EXTERNAL_ID = 100
_MAX_DISPLAY_NAME = 100
_NAMESPACE = uuid.UUID("2f4d1c0b-8f2e-4b57-9d0e-6f6f7f6f0a11")
_AHEAD = timedelta(days=1)  # clocks differ; more is a wrong date


class QuestionNotFoundError(NotFoundError):
    """An imported answer's question is neither there nor before it in the call."""


@dataclass(frozen=True, slots=True)
class ImportedPost:
    """What questions and answers have in common, checked; `id` follows from its origin."""

    id: str
    body: str
    score: int
    author: Author
    create_time: datetime
    edit_time: datetime | None
    attachment_ids: tuple[str, ...] = field(default=(), kw_only=True)  # of whoever brings it in


@dataclass(frozen=True, slots=True)
class ImportedQuestion(ImportedPost):
    """Becomes a topic: a question, or one of another kind, which has no accepted answer.

    An article has no owner until a moderator names one.
    """

    title: str
    tags: tuple[str, ...]
    closed: bool
    accepted_reply_id: str  # of an answer that may still have to come; empty: none
    kind: TopicKind = TopicKind.QUESTION

    def topic(self, space: Space, body: Text, attached: tuple[Attached, ...] = ()) -> Topic:
        """As it is stored when it arrives."""
        return Topic(
            id=self.id,
            community_id=space.community_id,
            space_id=space.id,
            kind=self.kind,
            state=TopicState.CLOSED if self.closed else TopicState.PUBLISHED,
            title=self.title,
            body=body,
            tags=self.tags,
            author=self.author,
            create_time=self.create_time,
            activity_time=self.create_time,
            score=self.score,
            awaited_reply_id=self.accepted_reply_id,
            edit_time=self.edit_time,
            close_reason=CloseReason.OTHER if self.closed else None,
            submission=Submission(imported=True),
            attachments=attached,
        )


@dataclass(frozen=True, slots=True)
class ImportedAnswer(ImportedPost):
    """Becomes a reply."""

    question_id: str
    parent_reply_id: str = ""  # of the answer it replies to; empty: it replies to the question

    def check_parent(self, parent: ImportedAnswer | Reply | None, field: str) -> None:
        """One of the same topic, that replies to none itself. Refuses with PARENT_INVALID."""
        match parent:
            case (
                ImportedAnswer(question_id=topic_id, parent_reply_id=its)
                | Reply(topic_id=topic_id, parent_reply_id=its)
            ):
                pass
            case None:
                raise ParentInvalidError("the answer it replies to is not there", field=field)
        if topic_id != self.question_id:
            raise ParentInvalidError("it replies to an answer of another topic", field=field)
        if its:
            raise ParentInvalidError("it replies to what replies to an answer", field=field)

    def reply(self, topic: Topic, body: Text, attached: tuple[Attached, ...] = ()) -> Reply:
        """As it is stored when it arrives."""
        return Reply(
            id=self.id,
            community_id=topic.community_id,
            topic_id=topic.id,
            space_id=topic.space_id,
            state=ReplyState.PUBLISHED,
            body=body,
            author=self.author,
            create_time=self.create_time,
            score=self.score,
            edit_time=self.edit_time,
            submission=Submission(imported=True),
            parent_reply_id=self.parent_reply_id,
            attachments=attached,
        )


def imported_id(space_id: str, source: str, external_id: str) -> str:
    """The same for the same post, whenever and by whomever it is imported."""
    return uuid.uuid5(_NAMESPACE, f"{space_id}\n{source}\n{external_id}").hex


def check_source(source: str) -> str:
    """Refuses with TEXT_INVALID."""
    return check_line(source, "source", most=_MAX_SOURCE)


def check_external_id(external_id: str, field: str) -> str:
    """Refuses with TEXT_INVALID."""
    return check_line(external_id, field, most=_MAX_EXTERNAL_ID)


def check_persona(source: str, external_id: str, display_name: str, at: str) -> Author:
    """Both may be empty: some posts have lost their author. Refuses with TEXT_INVALID."""
    return Author(
        persona=Persona(
            source,
            check_line(external_id, f"{at}.persona_external_id", least=0, most=_MAX_EXTERNAL_ID),
            check_line(display_name, f"{at}.persona_display_name", least=0, most=_MAX_DISPLAY_NAME),
        )
    )


def check_past(time: datetime, now: datetime, field: str) -> datetime:
    """Refuses with FIELD_INVALID what has not happened yet."""
    if time > now + _AHEAD:
        raise FieldInvalidError(f"{field} lies in the future", field=field)
    return cut(time)

"""What a person is writing: one draft a place, last write wins."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from chassis.errors import FieldInvalidError, NotFoundError, ResourceExhaustedError
from chassis.texts import check_body, check_line
from services.forum.domain.attachments import Attachment, check_attachment_ids
from services.forum.domain.context_refs import ContextRef, check_context_refs
from services.forum.domain.kinds import TopicKind
from services.forum.domain.polls import MAX_OPTION, MAX_OPTIONS, MAX_QUESTION, ResultsShown
from services.forum.domain.references import NO_REFERENCES, References, ShownQuote
from services.forum.domain.tags import check_tags
from services.forum.domain.texts import MAX_BODY, MAX_TITLE

MOST_DRAFTS = 100  # of one person in a community; and of topics that wait to be sent as many
_NAMESPACE = uuid.UUID("6f0f7c0e-6d0e-4c59-9c1f-2d6a0f1f8a11")


class DraftNotFoundError(NotFoundError):
    """The caller has no draft there."""


class TooManyDraftsError(ResourceExhaustedError):
    """Post or delete one before beginning another."""


class DraftKind(StrEnum):
    """What is being written."""

    TOPIC = "TOPIC"
    REPLY = "REPLY"
    TOPIC_EDIT = "TOPIC_EDIT"
    REPLY_EDIT = "REPLY_EDIT"


_NEEDS = {
    DraftKind.TOPIC: ("space_id",),
    DraftKind.REPLY: ("topic_id",),
    DraftKind.TOPIC_EDIT: ("topic_id",),
    DraftKind.REPLY_EDIT: ("topic_id", "reply_id"),
}
_NEW = (DraftKind.TOPIC, DraftKind.REPLY)
_OF_TOPICS = (DraftKind.TOPIC, DraftKind.TOPIC_EDIT)
_MAY = {DraftKind.REPLY: ("reply_id",)}  # a reply to that one


def check_room_for_draft(free: Sequence[int]) -> None:
    """`free`: places that are left. Refuses with TOO_MANY_DRAFTS."""
    if not free:
        raise TooManyDraftsError(f"at most {MOST_DRAFTS} drafts in a community")


@dataclass(frozen=True, slots=True)
class DraftPlace:
    """Whose draft of what; ids that the kind does not need are empty."""

    community_id: str
    person_id: str
    kind: DraftKind
    space_id: str = ""
    topic_id: str = ""
    reply_id: str = ""

    @property
    def id(self) -> str:
        """The same for the same person and place."""
        parts = (
            self.community_id,
            self.person_id,
            self.kind,
            self.space_id,
            self.topic_id,
            self.reply_id,
        )
        return uuid.uuid5(_NAMESPACE, "\n".join(parts)).hex


@dataclass(frozen=True, slots=True)
class DraftPoll:
    """A poll as far as it was written: whether it can be asked is seen when it is."""

    question: str
    options: tuple[str, ...]
    multiple: bool = False
    anonymous: bool = False
    results_shown: ResultsShown | None = None  # None: not chosen
    close_time: datetime | None = None

    def checked(self) -> DraftPoll:
        """No longer than polls are. Refuses with TEXT_INVALID, FIELD_INVALID."""
        question = check_line(self.question, "poll.question", least=0, most=MAX_QUESTION)
        if len(self.options) > MAX_OPTIONS:
            raise FieldInvalidError(f"at most {MAX_OPTIONS} options", field="poll.options")
        options = (
            check_line(one, "poll.options", least=0, most=MAX_OPTION) for one in self.options
        )
        return replace(self, question=question, options=tuple(options))

    @property
    def characters(self) -> int:
        """How much text it is to send."""
        return len(self.question) + sum(map(len, self.options))


@dataclass(frozen=True, slots=True)
class Draft:
    """As it was last saved."""

    place: DraftPlace
    topic_kind: TopicKind | None
    title: str
    body: str
    tags: tuple[str, ...]
    save_time: datetime
    attachment_ids: tuple[str, ...] = ()
    references: References = NO_REFERENCES
    as_company: bool = False
    poll: DraftPoll | None = None
    context_refs: tuple[ContextRef, ...] = ()
    version: int = 0

    @property
    def characters(self) -> int:
        """How much text it is to send."""
        poll = self.poll.characters if self.poll else 0
        return len(self.body) + poll + sum(len(one.text) for one in self.references.quotes)

    def check_fits(self) -> Draft:
        """As posts of its kind may be. Refuses with FIELD_INVALID, TEXT_INVALID."""
        if self.as_company and self.place.kind not in _NEW:
            field = "as_company"
            raise FieldInvalidError(f"a draft of this kind takes no {field}", field=field)
        if self.context_refs and self.place.kind not in _OF_TOPICS:
            field = "context_refs"
            raise FieldInvalidError(f"a draft of this kind takes no {field}", field=field)
        check_context_refs(self.context_refs)
        if self.poll is None:
            return self
        if self.place.kind is not DraftKind.TOPIC:
            raise FieldInvalidError("a draft of this kind takes no poll", field="poll")
        return replace(self, poll=self.poll.checked())


@dataclass(frozen=True, slots=True)
class ShownDraft:
    """A draft with what its writer may see now of what it has."""

    draft: Draft
    attachments: tuple[Attachment, ...]
    quotes: tuple[ShownQuote, ...]


def draft_place(
    community_id: str, person_id: str, kind: DraftKind, space_id: str, topic_id: str, reply_id: str
) -> DraftPlace:
    """With the ids that the kind needs, and no others. Refuses with FIELD_INVALID."""
    needed, may = _NEEDS[kind], _MAY.get(kind, ())
    for name, id_ in (("space_id", space_id), ("topic_id", topic_id), ("reply_id", reply_id)):
        if name in needed and not id_:
            raise FieldInvalidError(f"a draft of this kind needs {name}", field=name)
        if id_ and name not in (*needed, *may):
            raise FieldInvalidError(f"a draft of this kind takes no {name}", field=name)
    return DraftPlace(community_id, person_id, kind, space_id, topic_id, reply_id)


def new_draft(
    place: DraftPlace,
    topic_kind: TopicKind | None,
    title: str,
    body: str,
    tags: Sequence[str],
    attachment_ids: Sequence[str],
    now: datetime,
) -> Draft:
    """Whatever is written so far, even nothing.

    Refuses with TEXT_INVALID, TAGS_INVALID, ATTACHMENTS_TOO_MANY.
    """
    return Draft(
        place,
        topic_kind,
        check_line(title, "title", least=0, most=MAX_TITLE),
        check_body(body, "body", least=0, most=MAX_BODY),
        check_tags(tags),
        now,
        check_attachment_ids(attachment_ids),
    )

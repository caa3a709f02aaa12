"""A topic: its text, its way, its replies' count, and its answer."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from chassis.errors import RoleRequiredError
from chassis.values import value
from services.forum.domain.attachments import Attached
from services.forum.domain.context_refs import ContextRef
from services.forum.domain.kinds import (
    IdeaStatus,
    KindAction,
    NotAQuestionError,
    NothingAcceptedError,
    TooManyAcceptedError,
    TopicKind,
    allows,
)
from services.forum.domain.members import Author, Member, keys_of_withheld, opens
from services.forum.domain.references import NO_REFERENCES, References
from services.forum.domain.replies import AUTHOR_MAY_REMOVE, Reply, ReplyStateInvalidError
from services.forum.domain.spaces import space_key
from services.forum.domain.texts import FIRST_SUBMISSION, Submission, Text
from services.forum.domain.topics.states import (
    OPEN_TO_READERS,
    TOPIC_TRANSITIONS,
    UNSENT,
    CloseReason,
    TopicState,
    TopicStateInvalidError,
    TopicStep,
)
from services.forum.domain.verification import Verification

_LATEST_KEPT = 5
_MOST_ACCEPTED = 10
_EDITABLE = frozenset(UNSENT | {TopicState.PENDING_REVIEW, TopicState.PUBLISHED, TopicState.CLOSED})
_KEEPING_WHY_CLOSED = frozenset({TopicStep.HIDE, TopicStep.REMOVE})
_ANSWERABLE = frozenset({TopicState.PUBLISHED, TopicState.CLOSED})


@value
class LatestReply:
    """What a topic remembers of a published reply."""

    id: str
    author: Author
    time: datetime


@value
class Topic:
    """Of any kind, with the count and the latest of its published replies."""

    id: str
    community_id: str
    space_id: str
    kind: TopicKind
    state: TopicState
    title: str
    body: Text
    tags: tuple[str, ...]
    author: Author
    create_time: datetime
    activity_time: datetime
    score: int = 0
    reply_count: int = 0
    own_reply_count: int = 0  # those of its own author
    latest: tuple[LatestReply, ...] = ()  # the last few, oldest first
    accepted_reply_id: str = ""  # of several, the first
    references: References = NO_REFERENCES
    further_accepted_ids: tuple[str, ...] = ()  # where the space lets several replies answer
    awaited_reply_id: str = ""  # the accepted answer of an import that has not arrived yet
    edit_time: datetime | None = None
    close_reason: CloseReason | None = None
    state_reason: str = ""
    submission: Submission = FIRST_SUBMISSION
    case_id: str = ""  # the moderation case that hid it
    edition: int = 1  # counts the texts it had since it was submitted
    own_close_reason: str = ""  # the space's own text
    idea_status: IdeaStatus = IdeaStatus.NEW
    idea_note: str = ""
    idea_status_time: datetime | None = None
    owner_id: str = ""  # of an article: the person who keeps it right
    review_time: datetime | None = None
    review_due_time: datetime | None = None
    review_expired: bool = False  # that is over, and it was said
    duplicate_of_id: str = ""  # the topic that it was closed for
    moved_to_id: str = ""  # the topic that has its replies now
    split_from_id: str = ""  # the topic that its first replies were written to
    carry_to_id: str = ""  # the topic that is still getting its replies
    former_space_ids: tuple[str, ...] = ()  # what replies may still be stored under
    seeding_id: str = ""  # it was posted through this seeding
    case_count: int = 0  # rules' cases and members' flags, of it and its replies
    newest_time: datetime | None = None  # of the latest reply that could ever be read
    edited_by_moderator: bool = False  # its text is not the author's last one
    publish_time: datetime | None = None  # of a scheduled one
    pin_time: datetime | None = None
    pin_expire_time: datetime | None = None  # None: it stays pinned
    removed_state: TopicState | None = None  # what it was when it was removed
    draft_number: int | None = None  # its place among its author's drafts, stored while it is one
    verification: Verification | None = None
    attachments: tuple[Attached, ...] = ()
    context_refs: tuple[ContextRef, ...] = ()
    version: int = 0  # of what all its readers see of it: its own changes and published replies

    def next(self) -> Topic:
        """The same one version later."""
        return replace(self, version=self.version + 1)

    @property
    def read_keys(self) -> tuple[str, ...]:
        """Who sees it, if they can read its space."""
        if self.state in OPEN_TO_READERS:
            return (space_key(self.space_id),)
        if TopicState.DRAFT in (self.state, self.removed_state):
            return (f"person:{self.author.person_id}",)  # nobody else's, removed or not
        if self.state is TopicState.REMOVED:
            return (f"moderators:{self.community_id}",)
        return keys_of_withheld(self.community_id, self.author)

    @property
    def has_been_out(self) -> bool:
        """Others have read it, or could."""
        return self.state in OPEN_TO_READERS or self.state in (
            TopicState.HIDDEN,
            TopicState.REMOVED,
        )

    @property
    def characters(self) -> int:
        """How much text it is to send."""
        return len(self.body.source) + len(self.body.html)

    @property
    def unanswered(self) -> bool:
        """An open question without an accepted reply."""
        return (
            self.kind is TopicKind.QUESTION
            and self.state is TopicState.PUBLISHED
            and not self.accepted_reply_id
        )

    @property
    def unreplied(self) -> bool:
        """An open question to which nobody has replied; what its author adds is no reply to it."""
        return self.unanswered and self.reply_count <= self.own_reply_count

    @property
    def last_reply_author(self) -> Author | None:
        """Who wrote the last published reply, as far as the topic remembers."""
        return self.latest[-1].author if self.latest else None

    @property
    def recheck_time(self) -> datetime | None:
        """When somebody is to look at it again; None: nobody has said so, or nobody reads it."""
        until = self.verification.until if self.verification else None
        times = [time for time in (until, self.review_due_time) if time is not None]
        return min(times) if times and self.state in OPEN_TO_READERS else None

    @property
    def links(self) -> tuple[str, ...]:
        """Other topics that it names."""
        named = (self.duplicate_of_id, self.moved_to_id, self.split_from_id)
        return tuple(id_ for id_ in named if id_)

    def showing(self, visible: Collection[str]) -> Topic:
        """Naming no topic but these, which the reader can see."""
        if all(id_ in visible for id_ in self.links):
            return self
        return replace(
            self,
            duplicate_of_id=self.duplicate_of_id if self.duplicate_of_id in visible else "",
            moved_to_id=self.moved_to_id if self.moved_to_id in visible else "",
            split_from_id=self.split_from_id if self.split_from_id in visible else "",
        )

    def visible(self, keyring: Collection[str]) -> bool:
        """The wall, for someone who can read the space."""
        return opens(self.read_keys, (*keyring, space_key(self.space_id)))

    def step(self, step: TopicStep, reason: str = "", case_id: str = "") -> Topic:
        """The topic after this step. Refuses with TOPIC_STATE_INVALID."""
        if self.state is TopicState.REMOVED and step is TopicStep.RESTORE:
            return self._restored()
        if self.state is TopicState.HIDDEN and step is TopicStep.RESTORE and self.close_reason:
            return replace(self, state=TopicState.CLOSED, state_reason=reason, case_id=case_id)
        state = TOPIC_TRANSITIONS.get((self.state, step))
        if state is None:
            raise TopicStateInvalidError(f"a topic that is {self.state} cannot {step}")
        if step is TopicStep.REOPEN and self.carry_to_id:
            raise TopicStateInvalidError("its replies are still being moved")
        kept, removed = step in _KEEPING_WHY_CLOSED, step is TopicStep.REMOVE
        return replace(
            self,
            state=state,
            state_reason=reason,
            case_id=case_id,
            close_reason=self.close_reason if kept else None,
            own_close_reason=self.own_close_reason if kept else "",
            duplicate_of_id=self.duplicate_of_id if kept else "",
            moved_to_id=self.moved_to_id if kept else "",
            removed_state=self.state if removed else None,
            publish_time=None if removed else self.publish_time,
        )

    def _restored(self) -> Topic:
        """As it was when it was removed; what was not remembered then stays out of sight."""
        state = self.removed_state or TopicState.HIDDEN
        if state is TopicState.SCHEDULED:
            state = TopicState.DRAFT  # its time may be over
        submission = self.submission.restored(waits=state is TopicState.PENDING_REVIEW)
        return replace(
            self,
            state=state,
            state_reason="",
            publish_time=None,
            removed_state=None,
            submission=submission,
        )

    def submit(
        self,
        submission: Submission,
        *,
        held: bool,
        now: datetime,
        review_due_time: datetime | None = None,
    ) -> Topic:
        """A draft goes out: to its readers, or to review. Refuses with TOPIC_STATE_INVALID."""
        sent = self.step(TopicStep.HOLD if held else TopicStep.PUBLISH)
        return replace(
            sent,
            submission=submission,
            create_time=now,
            activity_time=now,
            publish_time=None,
            review_due_time=review_due_time,
        )

    def close(
        self, member: Member, why: CloseReason, reason: str, own_close_reason: str = ""
    ) -> Topic:
        """By a moderator, or the author of a question.

        Refuses with ROLE_REQUIRED, TOPIC_STATE_INVALID.
        """
        if allows(self.kind, KindAction.CLOSE_AS_AUTHOR):
            member.require_author_or_moderator(self.author)
        else:
            member.require_moderator()
        closed = self.step(TopicStep.CLOSE, reason)
        return replace(closed, close_reason=why, own_close_reason=own_close_reason)

    def check_removable(self, member: Member, now: datetime) -> None:
        """Moderators always; its author a draft always, else for an hour while nobody replied.

        Refuses with ROLE_REQUIRED, TOPIC_STATE_INVALID.
        """
        member.require_author_or_moderator(self.author)
        if member.moderator or self.state in UNSENT:
            return
        if self.reply_count or now - self.create_time > AUTHOR_MAY_REMOVE:
            raise TopicStateInvalidError(
                "its author may remove a topic for an hour only, and while there are no replies"
            )

    def owned_by(self, member: Member) -> bool:
        """Whether it is an article that this member keeps right."""
        return bool(self.owner_id) and self.owner_id == member.person_id

    def kept_by(self, member: Member) -> bool:
        """Whether its text is theirs: the author's, or while it is out the article's owner's."""
        owns = self.owned_by(member) and self.state in OPEN_TO_READERS
        return owns or member.wrote(self.author)

    def check_editable(self, member: Member) -> None:
        """Refuses with ROLE_REQUIRED, TOPIC_STATE_INVALID."""
        if self.state in UNSENT:
            member.require_author(self.author)
        if not (self.kept_by(member) or member.moderator):
            raise RoleRequiredError("only its author, its owner and moderators may do this")
        if self.state not in _EDITABLE:
            raise TopicStateInvalidError(f"a topic that is {self.state} cannot be edited")

    def with_text(self, title: str, body: Text, tags: tuple[str, ...]) -> Topic:
        """With the text as the screen let it through."""
        return replace(self, title=title, body=body, tags=tags)

    def edit(
        self,
        text: tuple[str, Text, tuple[str, ...]],
        submission: Submission,
        now: datetime,
        *,
        by_moderator: bool = False,
    ) -> Topic:
        """With another title, body and tags; a draft is not "edited", it has never been out."""
        edited = replace(self.with_text(*text), submission=submission)
        if self.state in UNSENT:
            return edited
        return replace(
            edited,
            edit_time=now,
            edition=self.edition + 1,
            edited_by_moderator=by_moderator,
            verification=None,
        )

    def check_open_to_replies(self) -> None:
        """Refuses with TOPIC_STATE_INVALID."""
        if self.state is not TopicState.PUBLISHED:
            raise TopicStateInvalidError(f"a topic that is {self.state} takes no replies")

    def check_replies_change(self) -> None:
        """What is read-only or gone stays as it is. Refuses with TOPIC_STATE_INVALID."""
        if self.state in (TopicState.ARCHIVED, TopicState.REMOVED):
            raise TopicStateInvalidError(
                f"replies of a topic that is {self.state} stay as they are"
            )

    def check_not_removed(self) -> None:
        """Moderation of replies ends with the topic. Refuses with TOPIC_STATE_INVALID."""
        if self.state is TopicState.REMOVED:
            raise TopicStateInvalidError("the topic is REMOVED and all its replies with it")

    def gain(self, reply: Reply) -> Topic:
        """A reply can be read now."""
        latest = (*self.latest, LatestReply(reply.id, reply.author, reply.create_time))
        newest = max(self.newest_time or reply.create_time, reply.create_time)
        own = self.own_reply_count + self.author.same(reply.author)
        more = replace(self, reply_count=self.reply_count + 1, own_reply_count=own)
        return replace(more, newest_time=newest).remembering(latest)

    def time_of_next(self, now: datetime) -> datetime:
        """When a reply appears, in the store's milliseconds: behind all that appeared before,
        whatever a replica's clock says. So whoever has read to the end misses nothing from there.
        """
        if self.newest_time is None or now > self.newest_time:
            return now
        return self.newest_time + timedelta(milliseconds=1)

    def remembering(self, replies: Iterable[LatestReply]) -> Topic:
        """With the last few of these as its latest."""
        latest = tuple(sorted(replies, key=lambda one: (one.time, one.id)))[-_LATEST_KEPT:]
        activity_time = self.create_time
        if latest:
            activity_time = max(self.create_time, latest[-1].time)
        elif self.reply_count:
            activity_time = self.activity_time
        return replace(self, latest=latest, activity_time=activity_time)

    def lose(self, reply: Reply) -> Topic:
        """A reply that could be read cannot any more."""
        left = [one for one in self.latest if one.id != reply.id]
        own = self.own_reply_count - self.author.same(reply.author)
        less = replace(self, reply_count=self.reply_count - 1, own_reply_count=max(own, 0))
        return less.remembering(left)

    def check_answer_changes(self, member: Member) -> None:
        """Refuses with NOT_A_QUESTION, ROLE_REQUIRED, TOPIC_STATE_INVALID."""
        if not allows(self.kind, KindAction.ACCEPT_REPLY):
            raise NotAQuestionError
        member.require_author_or_moderator(self.author)
        if self.state not in _ANSWERABLE:
            raise TopicStateInvalidError(f"the answer of a topic that is {self.state} stays")

    @property
    def accepted_reply_ids(self) -> tuple[str, ...]:
        """All its answers, as they were accepted."""
        first = self.accepted_reply_id
        return (first, *self.further_accepted_ids) if first else ()

    def accept(self, reply: Reply) -> tuple[Topic, Reply]:
        """This reply is an answer, beside those there are.

        Refuses with REPLY_STATE_INVALID, TOO_MANY_ACCEPTED.
        """
        if not reply.published:
            raise ReplyStateInvalidError(f"a reply that is {reply.state} cannot be accepted")
        accepted = (*self.accepted_reply_ids, reply.id)
        if len(accepted) > _MOST_ACCEPTED:
            raise TooManyAcceptedError(f"at most {_MOST_ACCEPTED} replies answer a question")
        topic = replace(self._answered_by(accepted), awaited_reply_id="")
        return topic, replace(reply, accepted=True)

    def unaccept(self, reply: Reply) -> tuple[Topic, Reply]:
        """It is no answer any more. Refuses with NOTHING_ACCEPTED."""
        if reply.id not in self.accepted_reply_ids:
            raise NothingAcceptedError
        left = tuple(one for one in self.accepted_reply_ids if one != reply.id)
        return self._answered_by(left), replace(reply, accepted=False)

    def _answered_by(self, ids: tuple[str, ...]) -> Topic:
        first, *further = ids or ("",)
        return replace(self, accepted_reply_id=first, further_accepted_ids=tuple(further))

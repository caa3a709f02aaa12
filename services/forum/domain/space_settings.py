"""How a space is run: which topics it takes, of whom, how tagged, how fast, how long edited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from chassis.errors import FailedPreconditionError, FieldInvalidError, PermissionDeniedError
from chassis.tags import MAX_TAG, tag_of
from chassis.texts import check_body, check_line
from services.forum.domain.kinds import KindAction, TopicKind, allows
from services.forum.domain.members import Author, Member
from services.forum.domain.posting import PostingTooFastError
from services.forum.domain.tags import MAX_TAGS, TagsInvalidError

MAX_TEMPLATE = 8000
MAX_ALLOWED_TAGS = 100
MAX_OWN_CLOSE_REASONS = 20
MAX_CLOSE_REASON = 80
LONGEST_SLOW_MODE = timedelta(days=1)
LONGEST_REVIEW = timedelta(days=3 * 366)
_LONGEST_EDIT_WINDOW = 525_600  # minutes: a year


class KindNotAllowedError(FailedPreconditionError):
    """The space takes no topics of this kind."""


class PostingNotAllowedError(PermissionDeniedError):
    """Others may post here: the space's settings say who."""


class EditWindowOverError(FailedPreconditionError):
    """The author may not change this text any more; moderators may."""


class PostingRight(StrEnum):
    """Whom a space takes posts of. Moderators always may."""

    ALL = "ALL"
    REGULAR = "REGULAR"
    VENDOR = "VENDOR"
    MODERATORS = "MODERATORS"

    def has(self, member: Member) -> bool:
        """Whether this member has the right."""
        match self:
            case PostingRight.ALL:
                return True
            case PostingRight.REGULAR:
                return member.regular
            case PostingRight.VENDOR:
                return member.moderator or member.of_vendor
            case PostingRight.MODERATORS:
                return member.moderator


class AcceptedAnswers(StrEnum):
    """How many replies may answer a question."""

    SINGLE = "SINGLE"
    SEVERAL = "SEVERAL"


@dataclass(frozen=True, slots=True)
class TagRules:
    """Which tags topics may have; narrower than what holds everywhere, never wider."""

    allowed_tags: tuple[str, ...] = ()  # empty: any
    most: int = MAX_TAGS
    max_length: int = MAX_TAG
    required: bool = False

    def check(self, tags: Sequence[str]) -> None:
        """Refuses with TAGS_INVALID."""
        if self.required and not tags:
            raise TagsInvalidError("topics of this space need a tag", field="tags")
        if len(tags) > self.most:
            raise TagsInvalidError(f"at most {self.most} tags in this space", field="tags")
        for tag in tags:
            if len(tag) > self.max_length:
                raise TagsInvalidError(
                    f"tags of this space have at most {self.max_length} characters", field="tags"
                )
            if self.allowed_tags and tag not in self.allowed_tags:
                raise TagsInvalidError("this space has a list of tags to choose from", field="tags")


@dataclass(frozen=True, slots=True)
class SpaceSettings:
    """What holds in one space. The defaults are what holds where nobody said otherwise."""

    kinds: tuple[TopicKind, ...] = (TopicKind.QUESTION, TopicKind.DISCUSSION)
    templates: tuple[tuple[TopicKind, str], ...] = ()  # what the composer begins with
    tag_rules: TagRules = TagRules()
    may_post: PostingRight = PostingRight.ALL
    may_reply: PostingRight = PostingRight.ALL
    slow_mode: timedelta = timedelta(0)  # between one person's replies in one topic; 0: none
    accepted_answers: AcceptedAnswers = AcceptedAnswers.SINGLE
    edit_window: timedelta = timedelta(0)  # 0: authors may always edit
    newcomer_edit_window: timedelta = timedelta(minutes=60)  # 0: as edit_window
    own_close_reasons: tuple[str, ...] = ()  # beside the ones that every space has
    down_votes: bool = False  # whether posts may be voted against
    article_review: timedelta = timedelta(
        days=365
    )  # until an article is looked at; 0: not by itself

    def check_new_topic(self, member: Member, kind: TopicKind) -> None:
        """Refuses with POSTING_NOT_ALLOWED, KIND_NOT_ALLOWED."""
        if not self.may_post.has(member):
            raise PostingNotAllowedError("others may begin topics in this space")
        self.check_kind(kind)

    def check_kind(self, kind: TopicKind, field: str = "kind") -> None:
        """Whoever wrote it. Refuses with KIND_NOT_ALLOWED."""
        if kind not in self.kinds:
            raise KindNotAllowedError(f"this space takes no {kind}", field=field)

    def check_new_reply(self, member: Member) -> None:
        """Refuses with POSTING_NOT_ALLOWED."""
        if not self.may_reply.has(member):
            raise PostingNotAllowedError("others may reply in this space")

    def slows(self, member: Member) -> bool:
        """Whether the slow mode holds for this member."""
        return bool(self.slow_mode) and not member.moderator

    def check_pace(self, last: datetime | None, now: datetime) -> None:
        """`last`: when the member last replied in the topic. Refuses with POSTING_TOO_FAST."""
        if last is not None and (wait := (self.slow_mode - (now - last)).total_seconds()) > 0:
            raise PostingTooFastError(
                f"slow mode: {self.slow_mode.total_seconds():g} s between replies in a topic",
                retry_after=wait,
            )

    def check_edit(
        self, member: Member, author: Author, create_time: datetime, now: datetime, kind: TopicKind
    ) -> None:
        """Of a published text; `kind` is the topic's, of replies DISCUSSION.

        Refuses with EDIT_WINDOW_OVER.
        """
        if member.moderator or not member.wrote(author):
            return
        if allows(kind, KindAction.EDIT_AT_ANY_TIME):
            return
        window = (member.newcomer and self.newcomer_edit_window) or self.edit_window
        if window and now - create_time > window:
            minutes = window.total_seconds() / 60
            raise EditWindowOverError(f"authors may edit for {minutes:g} minutes in this space")

    def review_due(self, kind: TopicKind, now: datetime) -> datetime | None:
        """When somebody is to look at what goes out now, if it is of a kind that is reviewed."""
        reviewed = self.article_review and allows(kind, KindAction.REVIEW)
        return now + self.article_review if reviewed else None

    def check_own_close_reason(self, text: str) -> str:
        """One of the space's own. Refuses with FIELD_INVALID."""
        if text not in self.own_close_reasons:
            raise FieldInvalidError(
                "own_close_reason must be one of the space's own", field="own_close_reason"
            )
        return text


DEFAULT_SETTINGS = SpaceSettings()


def check_kinds(kinds: Sequence[TopicKind], field: str) -> tuple[TopicKind, ...]:
    """One at least, each once. Refuses with FIELD_INVALID."""
    if not kinds:
        raise FieldInvalidError(f"{field} must name one kind at least", field=field)
    return tuple(dict.fromkeys(kinds))


def check_templates(
    templates: Sequence[tuple[TopicKind, str]], field: str
) -> tuple[tuple[TopicKind, str], ...]:
    """One a kind. Refuses with FIELD_INVALID, TEXT_INVALID."""
    found: dict[TopicKind, str] = {}
    for index, (kind, body) in enumerate(templates):
        at = f"{field}.{index}"
        if kind in found:
            raise FieldInvalidError(f"{at}.kind has a template already", field=f"{at}.kind")
        found[kind] = check_body(body, f"{at}.body", most=MAX_TEMPLATE)
    return tuple(found.items())


def check_tag_rules(
    allowed: Sequence[str], most: int, max_length: int, *, required: bool, field: str
) -> TagRules:
    """0 is the most that may be. Refuses with FIELD_INVALID, TAGS_INVALID."""
    most = most or MAX_TAGS
    max_length = max_length or MAX_TAG
    _check_between(most, 1, MAX_TAGS, f"{field}.most")
    _check_between(max_length, 1, MAX_TAG, f"{field}.max_length")
    at = f"{field}.allowed_tags"
    if len(allowed) > MAX_ALLOWED_TAGS:
        raise FieldInvalidError(f"{at} must have at most {MAX_ALLOWED_TAGS} tags", field=at)
    tags: dict[str, None] = {}
    for written in allowed:
        tag = tag_of(written)
        if tag is None or len(tag) > max_length:
            raise TagsInvalidError(field=at)
        tags[tag] = None
    return TagRules(tuple(tags), most, max_length, required)


def check_slow_mode(seconds: int, field: str) -> timedelta:
    """Refuses with FIELD_INVALID."""
    _check_between(seconds, 0, int(LONGEST_SLOW_MODE.total_seconds()), field)
    return timedelta(seconds=seconds)


def check_edit_window(minutes: int, field: str) -> timedelta:
    """Refuses with FIELD_INVALID."""
    _check_between(minutes, 0, _LONGEST_EDIT_WINDOW, field)
    return timedelta(minutes=minutes)


def check_article_review(days: int, field: str) -> timedelta:
    """Refuses with FIELD_INVALID."""
    _check_between(days, 0, LONGEST_REVIEW.days, field)
    return timedelta(days=days)


def check_own_close_reasons(texts: Sequence[str], field: str) -> tuple[str, ...]:
    """Lines, each once. Refuses with FIELD_INVALID, TEXT_INVALID."""
    if len(texts) > MAX_OWN_CLOSE_REASONS:
        raise FieldInvalidError(
            f"{field} must have at most {MAX_OWN_CLOSE_REASONS} texts", field=field
        )
    return tuple(dict.fromkeys(check_line(text, field, most=MAX_CLOSE_REASON) for text in texts))


def _check_between(number: int, least: int, most: int, field: str) -> None:
    if not least <= number <= most:
        raise FieldInvalidError(f"{field} must be {least} to {most}", field=field)

"""What people write: titles, bodies and tags, and where a body's safe HTML is kept."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from chassis.errors import InvalidArgumentError
from chassis.texts import check_body, check_line

MAX_TITLE = 150
MAX_IMPORTED_TITLE = 255
MAX_BODY = 32767
MIN_TOPIC_BODY = 8
MIN_REPLY_BODY = 2
MAX_TAGS = 5
_TAG = re.compile(r"[a-z0-9+#.-]{1,35}")
_SLUG_WORDS = re.compile(r"[a-z0-9]+")
_MAX_SLUG = 80


class TagsInvalidError(InvalidArgumentError):
    """At most 5 tags, each 1 to 35 of a-z, 0-9, +, #, . and -."""


@dataclass(frozen=True, slots=True)
class Text:
    """Markdown as it was written, and the HTML one version of the renderer made of it."""

    source: str
    html: str
    renderer: int


@dataclass(frozen=True, slots=True)
class Submission:
    """How a text came through the screen."""

    number: int = 1  # counts the texts of one post
    screened: bool = False
    policy_version: str = ""
    rule_ids: tuple[str, ...] = ()
    imported: bool = False


FIRST_SUBMISSION = Submission()


def check_title(title: str, field: str = "title", *, most: int = MAX_TITLE) -> str:
    """Refuses with TEXT_INVALID."""
    return check_line(title, field, most=most)


def check_topic_body(body: str, field: str = "body") -> str:
    """Refuses with TEXT_INVALID."""
    return check_body(body, field, least=MIN_TOPIC_BODY, most=MAX_BODY)


def check_reply_body(body: str, field: str = "body") -> str:
    """Refuses with TEXT_INVALID."""
    return check_body(body, field, least=MIN_REPLY_BODY, most=MAX_BODY)


def check_imported_body(body: str, field: str) -> str:
    """Other systems have other limits: one character is enough. Refuses with TEXT_INVALID."""
    return check_body(body, field, most=MAX_BODY)


def check_tags(tags: Sequence[str], field: str = "tags") -> tuple[str, ...]:
    """In small letters, each once. Refuses with TAGS_INVALID."""
    wanted = dict.fromkeys(tag.strip().lower() for tag in tags)
    if len(wanted) > MAX_TAGS:
        raise TagsInvalidError(f"at most {MAX_TAGS} tags, not {len(wanted)}", field=field)
    for tag in wanted:
        if not is_tag(tag):
            raise TagsInvalidError(field=field)
    return tuple(wanted)


def is_tag(tag: str) -> bool:
    """Whether it may stand as a tag."""
    return _TAG.fullmatch(tag) is not None


def slug_of(title: str) -> str:
    """The title for links: its Latin letters and digits, joined by hyphens."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    slug = "-".join(_SLUG_WORDS.findall(plain))
    return slug[:_MAX_SLUG].rstrip("-") or "topic"


@dataclass(frozen=True, slots=True)
class TopicText:
    """What is screened of a topic: title, body and tags, in this order."""

    title: str
    body: str
    tags: tuple[str, ...]

    @property
    def parts(self) -> tuple[str, ...]:
        """One after the other."""
        return (self.title, self.body, *self.tags)

    def screened(self, parts: Sequence[str]) -> TopicText:
        """With what the screen made of the parts; a tag that is none any more falls away.

        What it left alone stays as it is: imported texts have other limits. Refuses with
        TEXT_INVALID where a replacement makes a text too long.
        """
        if tuple(parts) == self.parts:
            return self
        title, body, *tags = parts
        kept = dict.fromkeys(tag for tag in (tag.strip().lower() for tag in tags) if is_tag(tag))
        return TopicText(
            title if title == self.title else check_title(title),
            body if body == self.body else check_topic_body(body),
            tuple(kept),
        )

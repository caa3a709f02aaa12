"""What people write: titles, bodies and tags, and where a body's safe HTML is kept."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from chassis.tags import tag_of
from chassis.texts import check_body, check_line
from chassis.values import value

MAX_TITLE = 150
MAX_IMPORTED_TITLE = 255
MAX_BODY = 32767
MIN_TOPIC_BODY = 8
MIN_REPLY_BODY = 2
_SLUG_WORDS = re.compile(r"[a-z0-9]+")
_MAX_SLUG = 80


@value
class Text:
    """Markdown as it was written, and the HTML one version of the renderer made of it."""

    source: str
    html: str
    renderer: int


NO_TEXT = Text("", "", 0)  # of a post whose text was not read


@value
class Submission:
    """How a text came through the screen."""

    number: int = 1  # counts the texts of one post
    screened: bool = False
    policy_version: str = ""
    rule_ids: tuple[str, ...] = ()
    imported: bool = False

    def restored(self, *, waits: bool) -> Submission:
        """Of a removed post that is back. What waits is before a moderator anew, as the next: the
        case of the former number is over.
        """
        return replace(self, number=self.number + 1) if waits else self


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
        kept = dict.fromkeys(tag for tag in map(tag_of, tags) if tag is not None)
        return TopicText(
            title if title == self.title else check_title(title),
            body if body == self.body else check_topic_body(body),
            tuple(kept),
        )

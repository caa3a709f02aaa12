"""Posts as they will be sent, checked against the limits of the forum, whatever they came from."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from devstack.importer.characters import clean_line
from devstack.importer.markdown import MAX_MARKDOWN_LENGTH
from devstack.importer.tags import MAX_TAG_LENGTH, tag_of

QUESTION, DISCUSSION, ANSWER = "QUESTION", "DISCUSSION", "ANSWER"
ARTICLE, IDEA = "ARTICLE", "IDEA"
MAX_TITLE_LENGTH = 255
MAX_TAGS = 5
MAX_NAME_LENGTH = 100
MAX_FILES = 10
MAX_POST_BYTES = 59_000  # a request of 60,000 bytes less what stands around its posts

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})?"
)


class RowRefusedError(ValueError):
    """This row cannot be imported; says why in one line."""


@dataclass(frozen=True, slots=True)
class Problem:
    line: int
    post_id: str | None
    reason: str

    def __str__(self) -> str:
        post = f", post {self.post_id}" if self.post_id else ""
        return f"line {self.line}{post}: {self.reason}"


@dataclass(frozen=True, slots=True)
class PostFile:
    """What belongs to a post beside its text, which names it."""

    kind: str  # images or files, to be counted
    name: str
    place: str  # its path within the dump's folder


@dataclass(frozen=True, slots=True)
class Post:
    """What begins a topic, which has a title, or the answer of one, perhaps to another answer."""

    line: int
    id: str
    kind: str
    question_id: str | None
    title: str | None
    body: str
    tags: tuple[str, ...]
    score: int
    create_time: str
    edit_time: str | None
    close_time: str | None
    accepted_answer_id: str | None
    persona_id: str
    persona_name: str
    parent_id: str | None = None
    files: tuple[PostFile, ...] = ()  # as many as the text names

    def encoded(self) -> bytes:
        """`ImportedPostInput` as JSON; the same post always gives the same bytes."""
        post: dict[str, object] = {
            "externalId": self.id,
            "kind": self.kind,
            "body": self.body,
            "score": self.score,
            "createTime": self.create_time,
            "persona": {"externalId": self.persona_id, "displayName": self.persona_name},
        }
        if self.kind != ANSWER:
            post |= {"title": self.title, "tags": self.tags}
        optional = {
            "questionExternalId": self.question_id,
            "parentAnswerExternalId": self.parent_id,
            "acceptedAnswerExternalId": self.accepted_answer_id,
            "editTime": self.edit_time,
            "closeTime": self.close_time,
        }
        post |= {name: value for name, value in optional.items() if value is not None}
        return json.dumps(post, ensure_ascii=False, separators=(",", ":")).encode()


def shown(value: str) -> str:
    """What stands in the file, safe and short enough for a message on a terminal."""
    return ascii(value if len(value) <= 40 else value[:40] + "...")


def check_title(text: str) -> str:
    """One clean line. Refuses with `RowRefusedError`, as the others here."""
    title = clean_line(text)
    if not 1 <= len(title) <= MAX_TITLE_LENGTH:
        raise RowRefusedError(
            f"the title has {len(title):,} characters: 1 to {MAX_TITLE_LENGTH} are allowed"
        )
    return title


def check_body(text: str) -> str:
    """Clean Markdown, as long as a body may be."""
    if not text:
        raise RowRefusedError("the body is empty")
    if len(text) > MAX_MARKDOWN_LENGTH:
        raise RowRefusedError(
            f"the body has {len(text):,} characters of Markdown; at most {MAX_MARKDOWN_LENGTH:,}"
        )
    return text


def check_name(text: str, column: str) -> str:
    """An author's name; may be empty."""
    name = clean_line(text)
    if len(name) > MAX_NAME_LENGTH:
        raise RowRefusedError(f"{column} has {len(name)} characters; at most {MAX_NAME_LENGTH}")
    return name


def check_tags(tags: tuple[str, ...]) -> tuple[str, ...]:
    """As the forum takes them, each once."""
    if len(tags) > MAX_TAGS:
        raise RowRefusedError(f"it has {len(tags)} tags; at most {MAX_TAGS}")
    taken: dict[str, None] = {}
    for written in tags:
        if len(written) > MAX_TAG_LENGTH:
            raise RowRefusedError(
                f"the tag {shown(written)} has {len(written)} characters; at most {MAX_TAG_LENGTH}"
            )
        tag = tag_of(written)
        if tag is None:
            raise RowRefusedError(
                f"the tag {shown(written)} has characters other than letters, digits and +#.-, "
                "or looks like another"
            )
        taken[tag] = None
    return tuple(taken)


def check_score(value: str, column: str) -> int:
    """An integer of 32 bits."""
    if not _INTEGER.fullmatch(value) or not -(2**31) <= int(value) < 2**31:
        raise RowRefusedError(f"{column} {shown(value)} is not an integer of 32 bits")
    return int(value)


def check_time(value: str, column: str) -> str:
    """RFC 3339 in UTC with milliseconds; a time without a zone means UTC."""
    try:
        if not _TIME.fullmatch(value):
            raise ValueError
        time = datetime.fromisoformat(value)
        utc = time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise RowRefusedError(f"{column} {shown(value)} is not a date and time") from None
    return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")

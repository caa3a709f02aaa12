"""Posts as they will be sent, checked row by row against the limits of the forum."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from devstack.importer.characters import clean_line
from devstack.importer.dump import Row
from devstack.importer.markdown import (
    MAX_MARKDOWN_LENGTH,
    PostConverter,
    UnconvertibleBodyError,
)

QUESTION, ANSWER = "QUESTION", "ANSWER"
MAX_TITLE_LENGTH = 255
MAX_TAGS = 5
MAX_TAG_LENGTH = 35
MAX_NAME_LENGTH = 100
MAX_POST_BYTES = 59_000  # a request of 60,000 bytes less what stands around its posts

_KINDS = {"1": QUESTION, "2": ANSWER}
# Tag wikis, nominations, collectives and whatever else Stack Exchange keeps as a post.
_OTHER_KINDS = {str(number) for number in range(3, 18)}
_ID = re.compile(r"[0-9]{1,18}", re.ASCII)
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_TAG = re.compile(r"[a-z0-9+#.-]+")
_TAG_LISTS = (re.compile(r"(?:<[^<>]*>)*"), re.compile(r"\|(?:[^|]*\|)*"))


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
class Post:
    line: int
    id: int
    kind: str
    question_id: int | None
    title: str | None
    body: str
    tags: tuple[str, ...]
    score: int
    create_time: str
    edit_time: str | None
    close_time: str | None
    accepted_answer_id: int | None
    persona_id: str
    persona_name: str

    def encoded(self) -> bytes:
        """`ImportedPostInput` as JSON; the same post always gives the same bytes."""
        post: dict[str, object] = {
            "externalId": str(self.id),
            "kind": self.kind,
            "body": self.body,
            "score": self.score,
            "createTime": self.create_time,
            "persona": {"externalId": self.persona_id, "displayName": self.persona_name},
        }
        if self.kind == QUESTION:
            post |= {"title": self.title, "tags": self.tags}
        optional = {
            "questionExternalId": self.question_id,
            "acceptedAnswerExternalId": self.accepted_answer_id,
        }
        post |= {name: str(value) for name, value in optional.items() if value is not None}
        times = {"editTime": self.edit_time, "closeTime": self.close_time}
        post |= {name: time for name, time in times.items() if time is not None}
        return json.dumps(post, ensure_ascii=False, separators=(",", ":")).encode()


class PostReader:
    """Turns rows into posts and keeps what only the whole file can tell.

    Of a post its id is kept, of an answer its question's too: a dump is not held in memory.
    """

    def __init__(self) -> None:
        self.skipped = 0
        self._converter = PostConverter()
        self._questions: set[int] = set()
        self._answers: dict[int, int] = {}
        self._others: set[int] = set()
        self._accepted: dict[int, tuple[int, int]] = {}
        self._orphans: list[tuple[int, int]] = []

    def read(self, row: Row) -> Post | None:
        """None for a kind of post that is not imported. Refuses with `RowRefusedError`."""
        attributes = row.attributes
        post_id = _post_id(attributes, "Id")
        if post_id in self._questions or post_id in self._answers or post_id in self._others:
            raise RowRefusedError("its Id was already used by a row above")
        kind = _kind(attributes)
        if kind is None:
            self._others.add(post_id)
            self.skipped += 1
            return None
        # Before the rest is checked, so that one bad question is not reported again per answer.
        if kind == QUESTION:
            self._questions.add(post_id)
            return self._question(row, post_id)
        question_id = _post_id(attributes, "ParentId")
        self._answers[post_id] = question_id
        if question_id not in self._questions:
            self._orphans.append((row.line, post_id))
        body = _body(row.attributes, self._converter)
        return _post(row, post_id, ANSWER, body, question_id=question_id)

    def finish(self) -> Iterator[Problem]:
        """What is wrong between rows: to be asked after the last one."""
        if not self._questions:
            yield Problem(1, None, "the file has no question")
            return
        for line, answer_id in self._orphans:
            question_id = self._answers[answer_id]
            if question_id not in self._questions:
                reason = f"its question, post {question_id}, is not in the file"
                yield Problem(line, str(answer_id), reason)
        for question_id, (line, answer_id) in self._accepted.items():
            # An accepted answer that was deleted is simply not there.
            known = answer_id in self._questions or answer_id in self._answers
            if known and self._answers.get(answer_id) != question_id:
                reason = f"its accepted answer, post {answer_id}, is not an answer to it"
                yield Problem(line, str(question_id), reason)

    def _question(self, row: Row, post_id: int) -> Post:
        title = clean_line(_required(row.attributes, "Title"))
        if not 1 <= len(title) <= MAX_TITLE_LENGTH:
            raise RowRefusedError(
                f"the title has {len(title):,} characters: 1 to {MAX_TITLE_LENGTH} are allowed"
            )
        tags = _tags(row.attributes.get("Tags", ""))
        accepted_id = None
        if "AcceptedAnswerId" in row.attributes:
            accepted_id = _post_id(row.attributes, "AcceptedAnswerId")
            self._accepted[post_id] = (row.line, accepted_id)
        body = _body(row.attributes, self._converter)
        return _post(row, post_id, QUESTION, body, title=title, tags=tags, accepted_id=accepted_id)


def _post(
    row: Row,
    post_id: int,
    kind: str,
    body: str,
    *,
    question_id: int | None = None,
    title: str | None = None,
    tags: tuple[str, ...] = (),
    accepted_id: int | None = None,
) -> Post:
    attributes = row.attributes
    persona_id, persona_name = _persona(attributes)
    create_time = _time(attributes, "CreationDate")
    if create_time is None:
        raise RowRefusedError("it has no CreationDate")
    return Post(
        line=row.line,
        id=post_id,
        kind=kind,
        question_id=question_id,
        title=title,
        body=body,
        tags=tags,
        score=_score(attributes),
        create_time=create_time,
        edit_time=_time(attributes, "LastEditDate"),
        close_time=_time(attributes, "ClosedDate") if kind == QUESTION else None,
        accepted_answer_id=accepted_id,
        persona_id=persona_id,
        persona_name=persona_name,
    )


def _shown(value: str) -> str:
    """What stands in the file, safe and short enough for a message on a terminal."""
    return ascii(value if len(value) <= 40 else value[:40] + "...")


def _required(attributes: dict[str, str], name: str) -> str:
    if name not in attributes:
        raise RowRefusedError(f"it has no {name}")
    return attributes[name]


def _post_id(attributes: dict[str, str], name: str) -> int:
    value = _required(attributes, name)
    if not _ID.fullmatch(value):
        raise RowRefusedError(f"{name} {_shown(value)} is not a post's number")
    return int(value)


def _kind(attributes: dict[str, str]) -> str | None:
    value = _required(attributes, "PostTypeId")
    if value not in _KINDS and value not in _OTHER_KINDS:
        raise RowRefusedError(f"PostTypeId {_shown(value)} is unknown")
    return _KINDS.get(value)


def _body(attributes: dict[str, str], converter: PostConverter) -> str:
    try:
        body = converter.to_markdown(_required(attributes, "Body"))
    except UnconvertibleBodyError as error:
        raise RowRefusedError(str(error)) from None
    if not body:
        raise RowRefusedError("the body is empty")
    if len(body) > MAX_MARKDOWN_LENGTH:
        raise RowRefusedError(
            f"the body has {len(body):,} characters of Markdown; at most {MAX_MARKDOWN_LENGTH:,}"
        )
    return body


def _score(attributes: dict[str, str]) -> int:
    value = _required(attributes, "Score")
    if not _INTEGER.fullmatch(value) or not -(2**31) <= int(value) < 2**31:
        raise RowRefusedError(f"Score {_shown(value)} is not an integer of 32 bits")
    return int(value)


def _time(attributes: dict[str, str], name: str) -> str | None:
    """RFC 3339 in UTC with milliseconds; a dump's times have no zone and mean UTC."""
    value = attributes.get(name)
    if value is None:
        return None
    try:
        if not _TIME.fullmatch(value):
            raise ValueError
        time = datetime.fromisoformat(value)
        utc = time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise RowRefusedError(f"{name} {_shown(value)} is not a date and time") from None
    return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _tags(value: str) -> tuple[str, ...]:
    if not any(form.fullmatch(value) for form in _TAG_LISTS):
        raise RowRefusedError(f"Tags {_shown(value)} has neither the form <a><b> nor |a|b|")
    names = (name.strip().lower() for name in re.split(r"[<>|]+", value))
    tags = tuple(dict.fromkeys(name for name in names if name))
    if len(tags) > MAX_TAGS:
        raise RowRefusedError(f"it has {len(tags)} tags; at most {MAX_TAGS}")
    for tag in tags:
        if len(tag) > MAX_TAG_LENGTH:
            raise RowRefusedError(
                f"the tag {_shown(tag)} has {len(tag)} characters; at most {MAX_TAG_LENGTH}"
            )
        if not _TAG.fullmatch(tag):
            raise RowRefusedError(f"the tag {_shown(tag)} has characters other than a-z0-9+#.-")
    return tags


def _persona(attributes: dict[str, str]) -> tuple[str, str]:
    name = clean_line(attributes.get("OwnerDisplayName", ""))
    if len(name) > MAX_NAME_LENGTH:
        raise RowRefusedError(
            f"OwnerDisplayName has {len(name)} characters; at most {MAX_NAME_LENGTH}"
        )
    user_id = attributes.get("OwnerUserId", "")
    if not user_id:
        name = name or "Anonymous"
        return f"name:{name}", name
    if not _INTEGER.fullmatch(user_id):
        raise RowRefusedError(f"OwnerUserId {_shown(user_id)} is not a user's number")
    return user_id, name or f"Stack Exchange user {user_id}"

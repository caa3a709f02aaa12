"""A Stack Exchange data dump: questions and answers of Posts.xml, and their Comments.xml."""

import re
from collections import Counter
from collections.abc import Collection, Iterator
from typing import BinaryIO

from devstack.importer.characters import clean
from devstack.importer.dump import COMMENTS
from devstack.importer.formats.posts_xml import Row, rows
from devstack.importer.markdown import PostConverter, UnconvertibleBodyError
from devstack.importer.posts import (
    ANSWER,
    QUESTION,
    Post,
    Problem,
    RowRefusedError,
    check_body,
    check_name,
    check_score,
    check_tags,
    check_time,
    check_title,
    shown,
)

_KINDS = {"1": QUESTION, "2": ANSWER}
# Tag wikis, nominations, collectives and whatever else Stack Exchange keeps as a post.
_OTHER_KINDS = {str(number) for number in range(3, 18)}
_ID = re.compile(r"[0-9]{1,18}", re.ASCII)
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_TAG_LISTS = (re.compile(r"(?:<[^<>]*>)*"), re.compile(r"\|(?:[^|]*\|)*"))


class StackExchange:
    """Posts.xml, and Comments.xml where it stands beside it, as a format of the importer."""

    site = "stackexchange"
    categories: Collection[str] | None = None

    def __init__(self) -> None:
        self.skipped: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()

    def read(
        self, stream: BinaryIO, beside: BinaryIO | None = None
    ) -> Iterator[Post | Problem | None]:
        """As `Format.read`."""
        reader = PostReader()
        for row in rows(stream):
            try:
                post = reader.read(row)
            except RowRefusedError as refusal:
                post_id = row.attributes.get("Id", "")
                yield Problem(row.line, ascii(post_id[:20])[1:-1] or None, str(refusal))
                continue
            if post is None:
                self.skipped["posts of other kinds"] += 1
            yield post
        yield from self._comments(reader, beside) if beside else ()
        yield from reader.finish()

    def _comments(self, reader: "PostReader", stream: BinaryIO) -> Iterator[Post | Problem | None]:
        """After all posts: of a comment only they tell what it is about."""
        for row in rows(stream, "comments"):
            try:
                comment = reader.read_comment(row)
            except RowRefusedError as refusal:
                comment_id = ascii(row.attributes.get("Id", "")[:20])[1:-1]
                yield Problem(row.line, f"c{comment_id}", f"{COMMENTS}: {refusal}")
                continue
            if comment is None:
                self.skipped["comments on posts of other kinds, or of none"] += 1
            yield comment


class PostReader:
    """Turns rows into posts and keeps what only the whole file can tell.

    Of a post its id is kept, of an answer its question's too: a dump is not held in memory.
    """

    def __init__(self) -> None:
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

    def read_comment(self, row: Row) -> Post | None:
        """A reply to its question, or to the answer it is on. Refuses with `RowRefusedError`."""
        comment_id, post_id = _post_id(row.attributes, "Id"), _post_id(row.attributes, "PostId")
        question_id = self._answers.get(post_id, post_id if post_id in self._questions else None)
        if question_id is None:
            return None
        persona_id, persona_name = _persona(row.attributes, "User")
        return Post(
            line=row.line,
            id=f"c{comment_id}",
            kind=ANSWER,
            question_id=str(question_id),
            title=None,
            body=check_body(clean(_required(row.attributes, "Text")).strip()),
            tags=(),
            score=check_score(_required(row.attributes, "Score"), "Score"),
            create_time=check_time(_required(row.attributes, "CreationDate"), "CreationDate"),
            edit_time=None,
            close_time=None,
            accepted_answer_id=None,
            persona_id=persona_id,
            persona_name=persona_name,
            parent_id=str(post_id) if post_id in self._answers else None,
        )

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
        title = check_title(_required(row.attributes, "Title"))
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
    persona_id, persona_name = _persona(attributes, "Owner")
    return Post(
        line=row.line,
        id=str(post_id),
        kind=kind,
        question_id=None if question_id is None else str(question_id),
        title=title,
        body=body,
        tags=tags,
        score=check_score(_required(attributes, "Score"), "Score"),
        create_time=check_time(_required(attributes, "CreationDate"), "CreationDate"),
        edit_time=_time(attributes, "LastEditDate"),
        close_time=_time(attributes, "ClosedDate") if kind == QUESTION else None,
        accepted_answer_id=None if accepted_id is None else str(accepted_id),
        persona_id=persona_id,
        persona_name=persona_name,
    )


def _time(attributes: dict[str, str], name: str) -> str | None:
    return check_time(attributes[name], name) if name in attributes else None


def _required(attributes: dict[str, str], name: str) -> str:
    if name not in attributes:
        raise RowRefusedError(f"it has no {name}")
    return attributes[name]


def _post_id(attributes: dict[str, str], name: str) -> int:
    value = _required(attributes, name)
    if not _ID.fullmatch(value):
        raise RowRefusedError(f"{name} {shown(value)} is not a post's number")
    return int(value)


def _kind(attributes: dict[str, str]) -> str | None:
    value = _required(attributes, "PostTypeId")
    if value not in _KINDS and value not in _OTHER_KINDS:
        raise RowRefusedError(f"PostTypeId {shown(value)} is unknown")
    return _KINDS.get(value)


def _body(attributes: dict[str, str], converter: PostConverter) -> str:
    try:
        body = converter.to_markdown(_required(attributes, "Body"))
    except UnconvertibleBodyError as error:
        raise RowRefusedError(str(error)) from None
    return check_body(body)


def _tags(value: str) -> tuple[str, ...]:
    if not any(form.fullmatch(value) for form in _TAG_LISTS):
        raise RowRefusedError(f"Tags {shown(value)} has neither the form <a><b> nor |a|b|")
    names = (name.strip().lower() for name in re.split(r"[<>|]+", value))
    tags = tuple(dict.fromkeys(name for name in names if name))
    return check_tags(tags)


def _persona(attributes: dict[str, str], whose: str) -> tuple[str, str]:
    """Of an "Owner" of a post, or the "User" of a comment."""
    id_column = "OwnerUserId" if whose == "Owner" else "UserId"
    name = check_name(attributes.get(f"{whose}DisplayName", ""), f"{whose}DisplayName")
    user_id = attributes.get(id_column, "")
    if not user_id:
        name = name or "Anonymous"
        return f"name:{name}", name
    if not _INTEGER.fullmatch(user_id):
        raise RowRefusedError(f"{id_column} {shown(user_id)} is not a user's number")
    return user_id, name or f"Stack Exchange user {user_id}"

"""Checked posts, kept on disk until all are, and cut into requests of bounded size."""

import hashlib
import itertools
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

MAX_POSTS = 100
MAX_BATCH_BYTES = 59_000  # of a body of 60,000: the mutation's text and its variables stand around

_NAMESPACE = uuid.UUID("6f2d3c0e-6c0b-5d5b-9a53-6c1f0a7a8e11")


@dataclass(frozen=True, slots=True)
class EncodedPost:
    line: int
    external_id: str
    json: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    posts: tuple[EncodedPost, ...]

    @property
    def json(self) -> bytes:
        return b"[" + b",".join(post.json for post in self.posts) + b"]"

    def request_id(self, space_id: str, source: str) -> str:
        """The same content has the same id always: what was done before a crash stays done once."""
        content = hashlib.sha256(self.json).hexdigest()
        return str(uuid.uuid5(_NAMESPACE, f"{space_id}\n{source}\n{content}"))


def batches(
    posts: Iterable[EncodedPost], max_posts: int = MAX_POSTS, max_bytes: int = MAX_BATCH_BYTES
) -> Iterator[Batch]:
    """In order; as many posts to a batch as fit. No post may be larger than a batch."""
    waiting: list[EncodedPost] = []
    size = 2
    for post in posts:
        # One byte more for its comma, or for nothing.
        needed = len(post.json) + 1
        if waiting and (len(waiting) == max_posts or size + needed > max_bytes):
            yield Batch(tuple(waiting))
            waiting, size = [], 2
        waiting.append(post)
        size += needed
    if waiting:
        yield Batch(tuple(waiting))


class Spool:
    """Posts on disk in the order they came: the file may be larger than memory."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="guildhall-import-")  # noqa: SIM115 - closed by __exit__
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, post: EncodedPost) -> None:
        # JSON has no raw newline, so a line is a post.
        self._file.write(b"%d %s %s\n" % (post.line, post.external_id.encode(), post.json))
        self.count += 1

    def __iter__(self) -> Iterator[EncodedPost]:
        self._file.seek(0)
        for stored in self._file:
            line, external_id, json = stored[:-1].split(b" ", 2)
            yield EncodedPost(int(line), external_id.decode(), json)


class Spools:
    """What begins topics, what replies to these, and what replies to a reply: in this order."""

    def __init__(self) -> None:
        self.questions, self.answers, self.nested = Spool(), Spool(), Spool()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for spool in (self.questions, self.answers, self.nested):
            spool.__exit__(kind, error, trace)

    @property
    def count(self) -> int:
        return self.questions.count + self.answers.count + self.nested.count

    def __iter__(self) -> Iterator[EncodedPost]:
        return itertools.chain(self.questions, self.answers, self.nested)

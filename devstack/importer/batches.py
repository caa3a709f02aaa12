"""Checked posts, kept on disk until all are, and cut into requests of bounded size."""

import hashlib
import itertools
import json
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from types import TracebackType
from typing import Self

from devstack.importer.posts import PostFile

MAX_POSTS = 100
MAX_BATCH_BYTES = 59_000  # of a body of 60,000: the mutation's text and its variables stand around

_ATTACHED_BYTES = 128  # that a file's id takes in its post, at most

_NAMESPACE = uuid.UUID("6f2d3c0e-6c0b-5d5b-9a53-6c1f0a7a8e11")


@dataclass(frozen=True, slots=True)
class EncodedPost:
    line: int
    external_id: str
    json: bytes
    files: tuple[PostFile, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of a request, with all its files."""
        return len(self.json) + _ATTACHED_BYTES * len(self.files)

    def attached(self, ids: Sequence[str]) -> "EncodedPost":
        """With these attachments, in place of the files that are still to be put."""
        if not ids:
            return replace(self, files=())
        more = json.dumps({"attachmentIds": list(ids)}, separators=(",", ":")).encode()
        return replace(self, json=self.json[:-1] + b"," + more[1:], files=())


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
        needed = post.size + 1
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
        # JSON has no raw newlines or tabs, so a line is a post.
        files = json.dumps([astuple(file) for file in post.files]).encode()
        cells = (b"%d" % post.line, post.external_id.encode(), files, post.json)
        self._file.write(b"\t".join(cells) + b"\n")
        self.count += 1

    def __iter__(self) -> Iterator[EncodedPost]:
        self._file.seek(0)
        for stored in self._file:
            line, external_id, files, encoded = stored[:-1].split(b"\t", 3)
            found = tuple(PostFile(*file) for file in json.loads(files))
            yield EncodedPost(int(line), external_id.decode(), encoded, found)


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

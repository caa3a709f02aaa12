"""The first pass: the whole file is read, checked and converted before anything is sent."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from devstack.importer.batches import EncodedPost, Spool
from devstack.importer.dump import Row, UnreadableDumpError, open_dump, rows
from devstack.importer.posts import (
    MAX_POST_BYTES,
    QUESTION,
    PostReader,
    Problem,
    RowRefusedError,
)

SHOWN_PROBLEMS = 20


@dataclass
class Problems:
    """The first few are kept, all are counted."""

    shown: list[Problem] = field(default_factory=list)
    count: int = 0
    unreadable: str | None = None

    def add(self, problem: Problem) -> None:
        self.count += 1
        if len(self.shown) < SHOWN_PROBLEMS:
            self.shown.append(problem)

    def __bool__(self) -> bool:
        return self.count > 0 or self.unreadable is not None

    def lines(self) -> list[str]:
        lines = [str(problem) for problem in self.shown]
        if self.count > len(lines):
            lines.append(f"... and {self.count - len(lines):,} more")
        if self.unreadable is not None:
            lines.append(self.unreadable)
        return lines


@dataclass(frozen=True, slots=True)
class Reading:
    problems: Problems
    skipped: int


def read(
    path: Path, questions: Spool, answers: Spool, on_progress: Callable[[int, int], None]
) -> Reading:
    """Fills both spools. They are only worth sending if there are no problems."""
    problems = Problems()
    reader = PostReader()
    try:
        with open_dump(path) as stream:
            for number, row in enumerate(rows(stream), 1):
                _read_row(row, reader, questions, answers, problems)
                if number % 50 == 0:
                    on_progress(stream.tell(), number)
        for problem in reader.finish():
            problems.add(problem)
    except UnreadableDumpError as error:
        problems.unreadable = str(error)
    except OSError as error:
        problems.unreadable = f"{path} cannot be read to its end: {error.strerror or error}"
    return Reading(problems, reader.skipped)


def _read_row(
    row: Row, reader: PostReader, questions: Spool, answers: Spool, problems: Problems
) -> None:
    try:
        post = reader.read(row)
        if post is None:
            return
        encoded = post.encoded()
        if len(encoded) > MAX_POST_BYTES:
            raise RowRefusedError(
                f"the post takes {len(encoded):,} bytes of a request; at most {MAX_POST_BYTES:,}"
            )
    except RowRefusedError as refusal:
        post_id = row.attributes.get("Id", "")
        problems.add(Problem(row.line, ascii(post_id[:20])[1:-1] or None, str(refusal)))
        return
    spool = questions if post.kind == QUESTION else answers
    spool.add(EncodedPost(post.line, str(post.id), encoded))

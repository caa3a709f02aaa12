"""The first pass: the whole file is read, checked and converted before anything is sent."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from devstack.importer.batches import EncodedPost, Spool
from devstack.importer.dump import UnreadableDumpError, open_dump
from devstack.importer.formats import FORMATS, recognised
from devstack.importer.posts import ANSWER, MAX_POST_BYTES, Post, Problem

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
    site: str = ""
    skipped: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)


def read(
    path: Path,
    questions: Spool,
    answers: Spool,
    on_progress: Callable[[int, int], None],
    format_name: str = "",
) -> Reading:
    """Fills both spools. They are only worth sending if there are no problems.

    Without a format's name it is recognised. `questions` takes whatever begins a topic.
    """
    problems = Problems()
    reading = Reading(problems)
    try:
        with open_dump(path) as stream:
            form = FORMATS[format_name or recognised(stream)]()
            reading = Reading(problems, form.site, form.skipped, form.notes)
            for number, found in enumerate(form.read(stream), 1):
                if isinstance(found, Post):
                    found = _spooled(found, questions, answers)
                if found is not None:
                    problems.add(found)
                if number % 50 == 0:
                    on_progress(stream.tell(), number)
    except UnreadableDumpError as error:
        problems.unreadable = str(error)
    except OSError as error:
        problems.unreadable = f"{path} cannot be read to its end: {error.strerror or error}"
    return reading


def _spooled(post: Post, questions: Spool, answers: Spool) -> Problem | None:
    """Keeps it, or says why it is too large."""
    encoded = post.encoded()
    if len(encoded) > MAX_POST_BYTES:
        reason = f"the post takes {len(encoded):,} bytes of a request; at most {MAX_POST_BYTES:,}"
        return Problem(post.line, post.id, reason)
    spool = answers if post.kind == ANSWER else questions
    spool.add(EncodedPost(post.line, post.id, encoded))
    return None

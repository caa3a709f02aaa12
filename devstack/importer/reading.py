"""The first pass: the whole file is read, checked and converted before anything is sent."""

from collections import Counter
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from devstack.importer.batches import EncodedPost, Spools
from devstack.importer.dump import UnreadableDumpError, dump_files, open_dump
from devstack.importer.files import beside
from devstack.importer.formats import FORMATS, recognised
from devstack.importer.posts import ANSWER, MAX_FILES, MAX_POST_BYTES, Post, PostFile, Problem

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
    spools: Spools,
    on_progress: Callable[[int, int], None],
    format_name: str = "",
    categories: Collection[str] = (),
) -> Reading:
    """Fills the spools. They are only worth sending if there are no problems.

    Without a format's name it is recognised. `categories`: only of these, where it has any.
    """
    problems = Problems()
    reading = Reading(problems)
    try:
        file, comments = dump_files(path)
        with ExitStack() as streams:
            stream = streams.enter_context(open_dump(file))
            second = streams.enter_context(open_dump(comments)) if comments else None
            form = FORMATS[format_name or recognised(stream)]()
            if categories and form.categories is None:
                raise UnreadableDumpError(f"{path} has no categories: no backup of Discourse")
            if categories:
                form.categories = categories
            reading = Reading(problems, form.site, form.skipped, form.notes)
            for number, found in enumerate(form.read(stream, second), 1):
                if isinstance(found, Post):
                    files = _files(found, file.parent, form.notes)
                    found = _spooled(found, files, spools)
                if found is not None:
                    problems.add(found)
                if number % 50 == 0:
                    on_progress(stream.tell() + (second.tell() if second else 0), number)
    except UnreadableDumpError as error:
        problems.unreadable = str(error)
    except OSError as error:
        problems.unreadable = f"{path} cannot be read to its end: {error.strerror or error}"
    return reading


def _files(post: Post, folder: Path, notes: Counter[str]) -> tuple[PostFile, ...]:
    """Those that lie beside the dump, each once; the others are counted."""
    there: dict[str, PostFile] = {}  # by place
    for one in post.files:
        if one.place in there:
            continue
        if len(there) < MAX_FILES and one.place and beside(folder, one.place):
            there[one.place] = one
        else:
            notes[f"{one.kind} left there"] += 1
    return tuple(there.values())


def _spooled(post: Post, files: tuple[PostFile, ...], spools: Spools) -> Problem | None:
    """Keeps it, or says why it is too large."""
    encoded = EncodedPost(post.line, post.id, post.encoded(), files)
    if encoded.size > MAX_POST_BYTES:
        reason = f"the post takes {encoded.size:,} bytes of a request; at most {MAX_POST_BYTES:,}"
        return Problem(post.line, post.id, reason)
    spool = spools.nested if post.parent_id else spools.answers
    if post.kind != ANSWER:
        spool = spools.questions
    spool.add(encoded)
    return None

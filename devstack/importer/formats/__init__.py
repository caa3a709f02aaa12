"""What can be imported: one module a format, all read through the same port."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import BinaryIO, Protocol

from devstack.importer.formats.discourse import Discourse
from devstack.importer.formats.stack_exchange import StackExchange
from devstack.importer.formats.table import Table
from devstack.importer.posts import Post, Problem

__all__ = ["FORMATS", "Format", "recognised"]

_HEAD_BYTES = 64 * 1024


class Format(Protocol):
    """Reads one file."""

    site: str  # what `--source` is where nothing is said
    categories: Collection[str] | None  # only of these; empty: of all; None: it has none
    skipped: Counter[str]  # what is not imported on purpose, by why
    notes: Counter[str]  # what was changed on the way

    def read(
        self, stream: BinaryIO, beside: BinaryIO | None = None
    ) -> Iterator[Post | Problem | None]:
        """Every post in the file's order, or what is wrong with it; None: nothing came of a row.

        `beside` is what a dump of several files has of comments. Memory is bounded whatever the
        file. Raises UnreadableDumpError where it is no such file.
        """
        ...


FORMATS: Mapping[str, Callable[[], Format]] = {
    "stackexchange": StackExchange,
    "discourse": Discourse,
    "csv": Table,
}


def recognised(stream: BinaryIO) -> str:
    """Which of FORMATS it looks like; what looks like none is told why it is no Posts.xml."""
    head = stream.read(_HEAD_BYTES)
    stream.seek(0)
    if Discourse.recognises(head):
        return "discourse"
    return "csv" if Table.recognises(head) else "stackexchange"

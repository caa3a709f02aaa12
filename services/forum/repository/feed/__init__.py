"""What people follow, keep and have read; and the feed's reads over all their communities."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.mongo import Index, Migration
from services.forum.repository.feed import bookmarks, glimpses, marks, readers
from services.forum.repository.feed.anywhere import AnywhereCollection, shown_page
from services.forum.repository.feed.bookmarks import BOOKMARKS, BookmarkCollection
from services.forum.repository.feed.glimpses import FEW_LISTED, GlimpseCollection, Stretch
from services.forum.repository.feed.marks import READ_MARKS, MarkCollection, Marks
from services.forum.repository.feed.readers import READERS, Own, ReaderCollection, reader_id

__all__ = [
    "BOOKMARKS",
    "FEW_LISTED",
    "INDEXES",
    "MIGRATIONS",
    "READERS",
    "READ_MARKS",
    "FeedCollection",
    "Marks",
    "Own",
    "Stretch",
    "reader_id",
    "shown_page",
]

INDEXES: Sequence[Index] = (*readers.INDEXES, *bookmarks.INDEXES, *marks.INDEXES, *glimpses.INDEXES)
MIGRATIONS: Sequence[Migration] = glimpses.MIGRATIONS


class FeedCollection(
    ReaderCollection, BookmarkCollection, MarkCollection, GlimpseCollection, AnywhereCollection
):
    """All reads of one's own."""

    readers = READERS
    bookmarks = BOOKMARKS
    read_marks = READ_MARKS

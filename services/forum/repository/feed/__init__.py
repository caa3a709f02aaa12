"""What people follow, keep and have read; and the feed's reads over all their communities."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.mongo import Index, Migration
from services.forum.repository.feed import bookmarks, marks, readers
from services.forum.repository.feed.anywhere import AnywhereCollection, shown_page
from services.forum.repository.feed.bookmarks import BOOKMARKS, BookmarkCollection
from services.forum.repository.feed.marks import READ_MARKS, MarkCollection
from services.forum.repository.feed.readers import READERS, ReaderCollection, reader_id

__all__ = [
    "BOOKMARKS",
    "INDEXES",
    "MIGRATIONS",
    "READERS",
    "READ_MARKS",
    "FeedCollection",
    "reader_id",
    "shown_page",
]

INDEXES: Sequence[Index] = (*readers.INDEXES, *bookmarks.INDEXES, *marks.INDEXES)
MIGRATIONS: Sequence[Migration] = ()


class FeedCollection(ReaderCollection, BookmarkCollection, MarkCollection, AnywhereCollection):
    """All reads of one's own."""

    readers = READERS
    bookmarks = BOOKMARKS
    read_marks = READ_MARKS

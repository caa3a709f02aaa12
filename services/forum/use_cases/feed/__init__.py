"""What people do for themselves: follow, keep, read; and what they get to see of it."""

from __future__ import annotations

from services.forum.use_cases.feed.bookmarks import BookmarkUseCases
from services.forum.use_cases.feed.feeding import FeedingUseCases
from services.forum.use_cases.feed.follows import FollowUseCases
from services.forum.use_cases.feed.mentions import MentionUseCases
from services.forum.use_cases.feed.reads import ReadUseCases

__all__ = ["FeedUseCases"]


class FeedUseCases(
    FollowUseCases, BookmarkUseCases, MentionUseCases, ReadUseCases, FeedingUseCases
):
    """All of them."""

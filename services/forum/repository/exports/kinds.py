"""The kinds of records in an export: where each is stored, and in what order it is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from chassis.mongo import Index
from services.forum.domain.exports import Taker


class Whose(StrEnum):
    """In whose exports a kind is."""

    COMMUNITY = "COMMUNITY"  # of the whole community only
    WRITTEN = "WRITTEN"  # of the community and of each who wrote it
    PERSON = "PERSON"  # of each who wrote it only
    OWN = "OWN"  # of oneself only: nobody else is told


@dataclass(frozen=True, slots=True)
class Kind:
    """Records of one kind, by owner and id."""

    name: str
    collection: str
    owner: str  # the stored field of whose they are; empty: the community's
    whose: Whose
    only: Mapping[str, Any] = field(default_factory=dict)  # of these documents

    @property
    def index(self) -> str:
        """Its order."""
        return f"{self.name}_export"

    def is_for(self, taker: Taker) -> bool:
        """Whether this export has it."""
        match self.whose:
            case Whose.COMMUNITY:
                return not taker.person_id
            case Whose.WRITTEN:
                return True
            case Whose.PERSON:
                return bool(taker.person_id)
            case Whose.OWN:
                return taker.own


# What a person follows is one document of theirs, and is put in order without an index.
FOLLOWS = Kind("follow", "readers", "person_id", Whose.OWN)
# In the order of an export; a page token begins with the kind's place here, so new ones go last.
KINDS: Sequence[Kind] = (
    Kind("space", "spaces", "", Whose.COMMUNITY),
    Kind("topic", "topics", "author.person_id", Whose.WRITTEN),
    Kind("reply", "replies", "author.person_id", Whose.WRITTEN),
    Kind("revision", "revisions", "author_id", Whose.WRITTEN),
    Kind("poll", "polls", "author_id", Whose.WRITTEN),
    # By poll, so that those of one that tells nobody are passed over at once.
    Kind("poll_ballot", "ballots", "topic_id", Whose.COMMUNITY),
    Kind("ballot", "ballots", "person_id", Whose.PERSON),
    Kind("reaction_counts", "reaction_counts", "", Whose.COMMUNITY),
    Kind("attachment", "attachments", "uploader_id", Whose.WRITTEN),
    Kind("channel", "channels", "", Whose.COMMUNITY),
    Kind("announcement", "announcements", "author.person_id", Whose.WRITTEN),
    Kind("translation", "announcement_translations", "", Whose.COMMUNITY),
    Kind("correction", "announcement_corrections", "editor_id", Whose.WRITTEN),
    Kind("receipt", "receipts", "person_id", Whose.WRITTEN),
    Kind("moderation_entry", "moderation_entries", "actor", Whose.WRITTEN),
    Kind("vote", "votes", "person_id", Whose.OWN),
    Kind("reaction", "reactions", "person_id", Whose.OWN),
    FOLLOWS,
    Kind("channel_follow", "channel_follows", "person_id", Whose.OWN, {"following": True}),
    Kind("bookmark", "bookmarks", "person_id", Whose.OWN, {"kept": True}),
    Kind("draft", "drafts", "person_id", Whose.OWN),
    Kind("held_edit", "held_edits", "editor_id", Whose.WRITTEN),
)
INDEXES: Sequence[Index] = [
    Index(
        kind.collection,
        [("community_id", 1), *([(kind.owner, 1)] if kind.owner else []), ("_id", 1)],
        kind.index,
        partial=kind.only or None,
    )
    for kind in KINDS
    if kind is not FOLLOWS
]

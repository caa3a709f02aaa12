"""Announcements by their ids, behind the walls: what many readers ask for at once is one query."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from chassis.decisions import Document
from chassis.lanes import Lane
from services.forum.domain.announcements.announcement import Announcement
from services.forum.domain.announcements.audiences import Reader
from services.forum.domain.announcements.channels import channel_key
from services.forum.repository.announcements.channels import ChannelCollection
from services.forum.repository.announcements.documents import RULE_FIELDS, load_announcement
from services.forum.repository.walls import find_each, union

Asked: TypeAlias = tuple[Reader, frozenset[str]]  # for which announcements, by id


class FindingCollection(ChannelCollection):
    """Reads that stand behind a channel's wall and an announcement's own."""

    finding: Lane[Asked, list[Announcement]]

    async def find_announcements(self, reader: Reader, ids: Iterable[str]) -> list[Announcement]:
        """Those of the ids that there are and that the wall lets through, in no order.

        Never fewer because a channel was opened a moment ago: what is not found is looked for
        once more, whether it is hidden or not there. Readers that wait at once share the queries.
        """
        wanted = frozenset(ids)
        return await self.finding.ask((reader, wanted), len(wanted))

    async def find_for(self, asked: Sequence[Asked]) -> list[list[Announcement]]:
        """The same for each of several readers."""
        return await find_each(
            asked,
            lambda one: one[0].community_id,
            self._find_in,
            lambda one, found: len(found) >= len(one[1]),
        )

    async def _find_in(
        self, community_id: str, asked: Sequence[Asked], *, fresh: bool
    ) -> list[list[Announcement]]:
        """One query for what any of these readers may see; of that, each gets what they may."""
        opened = await self.channel_walls.opened_by(
            community_id, [reader.keyring for reader, _ in asked], fresh=fresh
        )
        held = [frozenset(reader.keys) for reader, _ in asked]
        opening = [
            keys.union(map(channel_key, ids)) for keys, ids in zip(held, opened, strict=True)
        ]
        query = {
            "community_id": community_id,
            "_id": {"$in": union(ids for _, ids in asked)},
            "read_keys": {"$in": union(opening)},
            **rule(union(held)),
        }
        rows = await self._database.announcements.find(query).hint("_id_").to_list()
        loaded = [(row, load_announcement(row)) for row in rows]
        return [
            [one for row, one in loaded if one.id in ids and _shows(row, opens, keys)]
            for (_, ids), opens, keys in zip(asked, opening, held, strict=True)
        ]


def _shows(row: Document, opening: frozenset[str], keys: frozenset[str]) -> bool:
    """For one reader what the query tests for all of them together."""
    return not opening.isdisjoint(row["read_keys"]) and not any(
        keys.isdisjoint(row[field]) for field in RULE_FIELDS
    )


def rule(keys: Sequence[str]) -> Document:
    """The rule fits whoever holds a key of each clause."""
    return {field: {"$in": list(keys)} for field in RULE_FIELDS}

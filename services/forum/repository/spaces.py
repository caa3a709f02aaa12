"""The collection of spaces: which exist, and which of them a keyring opens."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from chassis.decisions import Aggregates, Document
from chassis.mongo import Database, Index
from chassis.pagination import Paging
from services.forum.domain.spaces import (
    Audience,
    Space,
    SpaceMode,
    SpaceNotFoundError,
    SpaceSlugTakenError,
    Vitality,
)
from services.forum.repository.documents import read_page
from services.forum.repository.space_settings import settings, settings_document
from services.forum.repository.walls import Walls

_BY_NAME = [("name_order", 1), ("_id", 1)]

INDEXES: Sequence[Index] = (
    Index("spaces", [("community_id", 1), ("slug", 1)], "space_slug", unique=True),
    Index(
        "spaces",
        [("community_id", 1), ("read_keys", 1), *_BY_NAME],
        "space_page",
    ),
)


class SpaceCollection:
    """Reads of spaces. A keyring of None: a service reads, no wall."""

    spaces: Aggregates[Space]
    walls: Walls
    _database: Database

    async def get_space(
        self, community_id: str, space_id: str, keyring: Collection[str] | None
    ) -> Space:
        """Refuses with SPACE_NOT_FOUND."""
        return await self._get(community_id, "_id", space_id, keyring, "space_id")

    async def get_space_by_slug(
        self, community_id: str, slug: str, keyring: Collection[str] | None
    ) -> Space:
        """Refuses with SPACE_NOT_FOUND."""
        return await self._get(community_id, "slug", slug, keyring, "slug")

    async def _get(
        self,
        community_id: str,
        by: str,
        value: str,
        keyring: Collection[str] | None,
        field: str,
    ) -> Space:
        query = {"community_id": community_id, by: value}
        document = await self._database.spaces.find_one(query)
        space = load_space(document) if document else None
        if space is None or (keyring is not None and not space.readable(keyring)):
            raise SpaceNotFoundError(field=field)
        return space

    async def find_spaces(
        self, community_id: str, ids: Iterable[str], keyring: Collection[str] | None
    ) -> list[Space]:
        """Those of the ids that there are and that the keyring opens."""
        query = {"community_id": community_id, "_id": {"$in": list(ids)}}
        spaces = [load_space(document) async for document in self._database.spaces.find(query)]
        return [space for space in spaces if keyring is None or space.readable(keyring)]

    async def find_spaces_shown(
        self, community_id: str, ids: Collection[str], keyring: Collection[str] | None
    ) -> list[Space]:
        """As find_spaces, for who only reads: as of a second ago where another replica changes
        them. One that was opened since is found all the same.
        """
        if keyring is None:
            return await self.find_spaces(community_id, ids, None)
        # What is hidden is not looked for either: it takes as long as what is not there.
        opened = set(ids).intersection(await self.walls.opened(community_id, keyring))
        known = await self.find_spaces_anywhere({community_id: keyring}, opened)
        missing = set(ids).difference(known)
        more = await self.find_spaces(community_id, missing, keyring) if missing else []
        return [*known.values(), *more]

    async def find_spaces_anywhere(
        self, keyrings: Mapping[str, Collection[str]], ids: Collection[str]
    ) -> dict[str, Space]:
        """Those of the spaces that the keyrings open, each its own community's, as of a second
        ago where another replica changes them.
        """
        if not ids:
            return {}
        found = [load_space(one) for one in await self.walls.documents(keyrings, ids)]
        return {one.id: one for one in found if one.readable(keyrings[one.community_id])}

    async def _check_open(self, community_id: str, space_id: str, keyring: Sequence[str]) -> None:
        """Refuses with SPACE_NOT_FOUND, never because it was opened a moment ago."""
        if not await self.walls.opens(community_id, space_id, keyring):
            raise SpaceNotFoundError(field="space_id")

    async def list_spaces(
        self,
        community_id: str,
        keyring: Sequence[str],
        paging: Paging,
    ) -> list[Space]:
        """What the page needs, by name; a place is (name_order, id)."""
        query: Document = {"community_id": community_id}
        rows = await read_page(
            self._database.spaces,
            query,
            ("read_keys", keyring),
            _BY_NAME,
            paging,
            "space_page",
        )
        return [load_space(row) for row in rows]


def load_space(document: Document) -> Space:
    """Back from dump_space."""
    return Space(
        document["_id"],
        document["community_id"],
        document["slug"],
        document["name"],
        document["description"],
        SpaceMode(document["mode"]),
        Audience(document["audience"]),
        tuple(document["audience_names"]),
        document["create_time"],
        document["seq"],
        settings(document.get("settings", {})),
        Vitality(document["vitality"]) if document.get("vitality") else None,
        document.get("vitality_time"),
        document.get("dormant", False),
        document.get("kept_open", False),
    )


def dump_space(space: Space) -> Document:
    """As it is stored."""
    return {
        "slug": space.slug,
        "name": space.name,
        "name_order": space.name_order,
        "description": space.description,
        "mode": space.mode.value,
        "audience": space.audience.value,
        "audience_names": list(space.audience_names),
        "read_keys": list(space.read_keys),
        "create_time": space.create_time,
        "settings": settings_document(space.settings),
        "vitality": space.vitality.value if space.vitality else "",
        "vitality_time": space.vitality_time,
        "dormant": space.dormant,
        "kept_open": space.kept_open,
    }


SPACES: Aggregates[Space] = Aggregates(
    "space", "spaces", load_space, dump_space, {"space_slug": SpaceSlugTakenError}
)

"""The collections of channels and of who follows them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from chassis.decisions import Aggregates, Document
from chassis.mongo import Database, Index
from chassis.pagination import Paging
from services.forum.domain.announcements.channels import (
    Channel,
    ChannelFollow,
    ChannelNotFoundError,
    ChannelSlugTakenError,
    ChannelTheme,
    follow_id,
)
from services.forum.domain.spaces import Audience
from services.forum.repository.documents import read_page
from services.forum.repository.walls import Walls

_BY_NAME = [("name_order", 1), ("_id", 1)]

INDEXES: Sequence[Index] = (
    Index("channels", [("community_id", 1), ("slug", 1)], "channel_slug", unique=True),
    Index("channels", [("community_id", 1), ("read_keys", 1), *_BY_NAME], "channel_page"),
    Index(
        "channel_follows",
        [("community_id", 1), ("person_id", 1), ("channel_id", 1)],
        "channel_follows_of_person",
        partial={"following": True},
    ),
)


class ChannelCollection:
    """Reads of channels, behind their walls."""

    channel_walls: Walls
    _database: Database

    async def get_channel(
        self, community_id: str, channel_id: str, keyring: Collection[str]
    ) -> Channel:
        """Refuses with CHANNEL_NOT_FOUND."""
        return await self._get_channel(community_id, "_id", channel_id, keyring, "channel_id")

    async def get_channel_by_slug(
        self, community_id: str, slug: str, keyring: Collection[str]
    ) -> Channel:
        """Refuses with CHANNEL_NOT_FOUND."""
        return await self._get_channel(community_id, "slug", slug, keyring, "slug")

    async def _get_channel(
        self, community_id: str, by: str, value: str, keyring: Collection[str], field: str
    ) -> Channel:
        query = {"community_id": community_id, by: value, "read_keys": {"$in": list(keyring)}}
        document = await self._database.channels.find_one(query)
        if document is None:
            raise ChannelNotFoundError(field=field)
        return load_channel(document)

    async def find_channel(self, community_id: str, channel_id: str) -> Channel | None:
        """For jobs, which stand behind no wall."""
        query = {"community_id": community_id, "_id": channel_id}
        document = await self._database.channels.find_one(query)
        return load_channel(document) if document else None

    async def find_channels(
        self, community_id: str, ids: Iterable[str], keyring: Collection[str] | None
    ) -> list[Channel]:
        """Those of the ids that there are and that the keyring opens; None: all there are."""
        query: Document = {"community_id": community_id, "_id": {"$in": list(ids)}}
        if keyring is not None:
            query["read_keys"] = {"$in": list(keyring)}
        return [load_channel(row) async for row in self._database.channels.find(query)]

    async def list_channels(
        self,
        community_id: str,
        keyring: Sequence[str],
        paging: Paging,
        *,
        followed_by: str = "",
    ) -> list[Channel]:
        """What the page needs, by name; a place is (name_order, id)."""
        query: Document = {"community_id": community_id}
        if followed_by:
            ids = await self.find_followed_ids([community_id], followed_by)
            query["_id"] = {"$in": sorted(ids)}
        rows = await read_page(
            self._database.channels,
            query,
            ("read_keys", keyring),
            _BY_NAME,
            paging,
            "channel_page",
        )
        return [load_channel(row) for row in rows]

    async def list_followed_channels(
        self, keyrings: Mapping[str, Sequence[str]], person_id: str, paging: Paging
    ) -> list[Channel]:
        """What the page needs of those that a person follows in all these communities, by name."""
        ids = await self.find_followed_ids(list(keyrings), person_id)
        query: Document = {
            "community_id": {"$in": list(keyrings)},
            "_id": {"$in": sorted(ids)},
            "read_keys": {"$in": sorted({key for held in keyrings.values() for key in held})},
            **paging.beyond(_BY_NAME),
        }
        # By their ids: of what one person follows there are few to sort.
        rows = self._database.channels.find(query).hint("_id_").sort(paging.sort(_BY_NAME))
        return [load_channel(row) async for row in rows.limit(paging.limit)]

    async def find_followed_ids(self, community_ids: Sequence[str], person_id: str) -> set[str]:
        """The channels that a person follows there."""
        query = {
            "community_id": {"$in": list(community_ids)},
            "person_id": person_id,
            "following": True,
        }
        rows = self._database.channel_follows.find(query, {"channel_id": 1, "_id": 0})
        return {row["channel_id"] async for row in rows}

    async def find_follows(
        self, community_id: str, person_id: str, channel_ids: Sequence[str]
    ) -> set[str]:
        """Which of these channels the person follows."""
        ids = [follow_id(channel_id, person_id) for channel_id in channel_ids]
        query = {"community_id": community_id, "_id": {"$in": ids}, "following": True}
        rows = self._database.channel_follows.find(query, {"channel_id": 1})
        return {row["channel_id"] async for row in rows}


def load_channel(document: Document) -> Channel:
    """Back from dump_channel."""
    return Channel(
        document["_id"],
        document["community_id"],
        document["slug"],
        document["name"],
        document["description"],
        ChannelTheme(document["theme"]),
        Audience(document["audience"]),
        tuple(document["audience_names"]),
        document["create_time"],
        document["seq"],
    )


def dump_channel(channel: Channel) -> Document:
    """As it is stored."""
    return {
        "slug": channel.slug,
        "name": channel.name,
        "name_order": channel.name_order,
        "description": channel.description,
        "theme": channel.theme.value,
        "audience": channel.audience.value,
        "audience_names": list(channel.audience_names),
        "read_keys": list(channel.read_keys),
        "create_time": channel.create_time,
    }


def load_channel_follow(document: Document) -> ChannelFollow:
    """Back from _dump_follow."""
    return ChannelFollow(document["channel_id"], document["person_id"], document["following"])


def _dump_follow(follow: ChannelFollow) -> Document:
    return {
        "channel_id": follow.channel_id,
        "person_id": follow.person_id,
        "following": follow.following,
    }


CHANNELS: Aggregates[Channel] = Aggregates(
    "channel", "channels", load_channel, dump_channel, {"channel_slug": ChannelSlugTakenError}
)
CHANNEL_FOLLOWS: Aggregates[ChannelFollow] = Aggregates(
    "channel_follow", "channel_follows", load_channel_follow, _dump_follow
)

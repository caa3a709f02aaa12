"""Articles by who keeps them right."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from chassis.decisions import Document
from chassis.mongo import Index
from chassis.pagination import Order, Paging
from services.forum.domain.topics import OPEN_TO_READERS
from services.forum.domain.topics.curation import OwnedArticle
from services.forum.repository.topics import TopicCollection

_BY_OWNER: Order = [("owner_id", 1), ("_id", 1)]
INDEXES: Sequence[Index] = (
    Index(
        "topics",
        [("community_id", 1), *_BY_OWNER],
        "topic_owner_page",
        partial={"owner_id": {"$exists": True}},
    ),
)


class OwnerCollection(TopicCollection):
    """A place in these lists is (owner_id, id)."""

    async def list_article_owners(self, community_id: str, paging: Paging) -> list[str]:
        """All who own any article, from that of the place on, in the way to read.

        Whether anybody can read those articles is not asked; one key of the index is read of each.
        """
        bound: Document = {"$gte": ""}
        if paging.place:
            bound = {"$lte" if paging.backward else "$gte": paging.place[0]}
        query = {"community_id": community_id, "owner_id": bound}
        owners: list[str] = await self._database.topics.distinct("owner_id", query)
        return sorted(owners, reverse=paging.backward)

    async def list_articles_of(
        self,
        community_id: str,
        owner_ids: Collection[str],
        keyring: Collection[str],
        space_id: str,
        paging: Paging,
    ) -> list[OwnedArticle]:
        """What of these people's a page needs: out, and behind the walls that the keys open."""
        wall = await self._wall(community_id, keyring)
        query: Document = {
            "community_id": community_id,
            "owner_id": {"$in": list(owner_ids)},
            "state": {"$in": [state.value for state in OPEN_TO_READERS]},
            "$and": [wall, paging.beyond(_BY_OWNER), {"space_id": space_id} if space_id else {}],
        }
        rows = self._database.topics.find(query, {"owner_id": 1}).sort(paging.sort(_BY_OWNER))
        rows = rows.limit(paging.limit).hint("topic_owner_page")
        return [OwnedArticle(row["owner_id"], row["_id"]) async for row in rows]

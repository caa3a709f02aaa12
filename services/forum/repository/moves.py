"""What moves ask of the store: topics that name others, replies on their way, and their records."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from pymongo import UpdateMany

from chassis.decisions import Document, Write
from chassis.mongo import Index
from chassis.pagination import Paging
from services.forum.domain.replies import Reply, ReplyState
from services.forum.domain.spaces import space_key
from services.forum.domain.topics import Link, Topic
from services.forum.repository.documents import read_page
from services.forum.repository.records import RecordCollection
from services.forum.repository.replies import load_reply, space_keys
from services.forum.repository.topics.documents import link_key, load_topic

_NEWEST = [("activity_time", -1), ("_id", -1)]
_LATEST = 5
INDEXES: Sequence[Index] = (
    Index(
        "topics",
        [("community_id", 1), ("links", 1), *_NEWEST],
        "topic_link_page",
        partial={"links": {"$exists": True}},
    ),
    # The work of the job that finishes what was cut off, whatever the community.
    Index(
        "topics",
        [("carrying", 1), ("community_id", 1), ("_id", 1)],
        "topic_carrying",
        partial={"carrying": True},
    ),
)


class MoveCollection(RecordCollection):
    """Reads and writes of moves."""

    async def find_visible_topic_ids(
        self, community_id: str, ids: Iterable[str], keyring: Collection[str]
    ) -> frozenset[str]:
        """Those of the ids that the keyring shows; no query where none is asked for."""
        found = await self.find_topics(
            community_id, set(ids), keyring, without_texts=True, listed=True
        )
        return frozenset(topic.id for topic in found)

    async def list_linked_topics(
        self, topic: Topic, links: Collection[Link], keyring: Sequence[str], paging: Paging
    ) -> list[Topic]:
        """Topics that name this one and that the keyring shows, newest activity first.

        A place is (activity_time, id).
        """
        query = {
            "community_id": topic.community_id,
            **await self._wall(topic.community_id, keyring),
        }
        keys = ("links", [link_key(link, topic.id) for link in sorted(links)])
        rows = await read_page(
            self._database.topics, query, keys, _NEWEST, paging, "topic_link_page"
        )
        return [load_topic(row) for row in rows]

    async def find_carrying_topics(self, most: int) -> list[tuple[str, str]]:
        """Community and id of topics whose replies are not where they should be yet."""
        rows = self._database.topics.find({"carrying": True}, {"community_id": 1})
        rows = rows.hint("topic_carrying").limit(most)
        return [(row["community_id"], row["_id"]) async for row in rows]

    async def find_reply_ids(self, topic: Topic, most: int) -> list[str]:
        """Ids of a topic's replies: those published first, each oldest first."""
        published = {"read_keys": {"$in": list(space_keys(topic))}}
        return await self._reply_ids(topic, (published, _withheld(topic)), most)

    async def find_stray_reply_ids(self, topic: Topic, most: int) -> list[str]:
        """Of these only those that are still stored under a former space."""
        former = [id_ for id_ in topic.former_space_ids if id_ != topic.space_id]
        published = {"read_keys": {"$in": [space_key(space_id) for space_id in former]}}
        withheld = {**_withheld(topic), "space_id": {"$in": former}}
        return await self._reply_ids(topic, (published, withheld), most)

    async def _reply_ids(self, topic: Topic, selected: Iterable[Document], most: int) -> list[str]:
        query: Document = {"community_id": topic.community_id, "topic_id": topic.id}
        found: dict[str, None] = {}
        for some in selected:
            rows = self._database.replies.find({**query, **some}, {"_id": 1}).hint("reply_page")
            rows = rows.sort([("create_time", 1), ("_id", 1)]).limit(most - len(found))
            found.update({row["_id"]: None async for row in rows})
            if len(found) >= most:
                break
        return list(found)

    async def find_replies_of(
        self, topic: Topic, ids: Collection[str], keyring: Collection[str]
    ) -> list[Reply]:
        """Those of the ids that are replies of the topic and that the keyring shows."""
        query: Document = {
            "community_id": topic.community_id,
            "_id": {"$in": list(ids)},
            "topic_id": topic.id,
            "read_keys": {"$in": [*space_keys(topic), *keyring]},
        }
        rows = self._database.replies.find(query, hint="_id_")
        return sorted(
            [load_reply(row) async for row in rows], key=lambda one: (one.create_time, one.id)
        )

    async def find_latest_replies(self, topic: Topic, but: Collection[str]) -> list[Reply]:
        """The last few published replies of a topic, without these."""
        query: Document = {
            "community_id": topic.community_id,
            "topic_id": topic.id,
            "read_keys": {"$in": list(space_keys(topic))},
            "_id": {"$nin": list(but)},
            "state": ReplyState.PUBLISHED.value,
        }
        rows = self._database.replies.find(query).hint("reply_page")
        rows = rows.sort([("create_time", -1), ("_id", -1)]).limit(_LATEST)
        return [load_reply(row) async for row in rows]

    async def find_reply_author_ids(self, topic: Topic, most: int) -> list[str] | None:
        """Who wrote replies that are not removed; None where there are more than so many."""
        query: Document = {
            "community_id": topic.community_id,
            "topic_id": topic.id,
            "state": {"$ne": ReplyState.REMOVED.value},
        }
        counted: list[Document] = [
            {"$match": query},
            {"$limit": most + 1},
            {"$group": {"_id": "$author.person_id", "count": {"$sum": 1}}},
        ]
        found = await self._database.replies.aggregate(counted, hint="reply_page")
        rows = await found.to_list()
        if sum(row["count"] for row in rows) > most:
            return None
        return [row["_id"] for row in rows if row["_id"]]

    async def find_children(self, topic: Topic, parents: Collection[str]) -> list[str]:
        """Ids of replies to these replies, whatever their state."""
        query: Document = {
            "community_id": topic.community_id,
            "topic_id": topic.id,
            "parent_reply_id": {"$in": list(parents)},
        }
        rows = self._database.replies.find(query, {"_id": 1}).hint("reply_thread_page")
        return [row["_id"] async for row in rows]

    async def find_topic_id(self, community_id: str, reply_id: str) -> str:
        """The topic that a reply is in now; empty where there is no such reply."""
        query = {"community_id": community_id, "_id": reply_id}
        row = await self._database.replies.find_one(query, {"topic_id": 1})
        return row["topic_id"] if row else ""

    @staticmethod
    def carry_revisions(
        community_id: str, post_ids: Sequence[str], former: Iterable[str], space_id: str
    ) -> Write:
        """Former texts that all readers of the former spaces could read, for those of this one."""
        shown = {
            "community_id": community_id,
            "post_id": {"$in": list(post_ids)},
            "read_keys": {"$in": [space_key(id_) for id_ in former]},
        }
        return Write("revisions", UpdateMany(shown, {"$set": {"read_keys": [space_key(space_id)]}}))

    @staticmethod
    def carry_moderation_entries(source: Topic, target: Topic, reply_ids: Sequence[str]) -> Write:
        """What was done to these replies stands beside them."""
        done = {
            "community_id": source.community_id,
            "topic_id": source.id,
            "reply_id": {"$in": list(reply_ids)},
        }
        return Write("moderation_entries", UpdateMany(done, {"$set": {"topic_id": target.id}}))


def _withheld(topic: Topic) -> Document:
    """All that is not published is the moderators' too."""
    return {"read_keys": f"moderators:{topic.community_id}"}

"""Mentions, and what of quotes a reader can see: both are asked of the posts as they are now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from pymongo import DeleteOne, ReplaceOne

from chassis.decisions import Document, Write
from chassis.mongo import Index
from chassis.pagination import Paging
from services.forum.domain.references import (
    Mention,
    PostRef,
    Quote,
    QuotesOfPost,
    ShownQuote,
)
from services.forum.repository.documents import references
from services.forum.repository.participation import ParticipationCollection

_NEWEST = [("time", -1), ("_id", -1)]
INDEXES: Sequence[Index] = (
    Index("mentions", [("community_id", 1), ("person_id", 1), *_NEWEST], "mention_page"),
)


class ReferenceCollection(ParticipationCollection):
    """Reads and writes of what posts refer to."""

    @staticmethod
    def new_mention(mention: Mention) -> Write:
        """To be stored with the post; the same again where there is one."""
        document: Document = {
            "community_id": mention.community_id,
            "person_id": mention.person_id,
            "topic_id": mention.post.topic_id,
            "reply_id": mention.post.reply_id,
            "author_id": mention.author_id,
            "time": mention.time,
        }
        return Write("mentions", ReplaceOne(_key(mention), document, upsert=True))

    @staticmethod
    def gone_mention(mention: Mention) -> Write:
        """An edit took it back."""
        return Write("mentions", DeleteOne(_key(mention)))

    async def list_mentions(
        self, keyrings: Mapping[str, Collection[str]], person_id: str, paging: Paging
    ) -> tuple[list[Mention], str]:
        """A page of a person's mentions in these communities, newest first, and its token.

        Those in posts that the person cannot see are left out: a page may be shorter than asked
        for. A place is (time, id).
        """
        query: Document = {"community_id": {"$in": list(keyrings)}, "person_id": person_id}
        cursor = self._database.mentions.find({**query, **paging.beyond(_NEWEST)})
        cursor = cursor.sort(paging.sort(_NEWEST)).limit(paging.limit).hint("mention_page")
        rows, token = paging.page(await cursor.to_list(), lambda row: (row["time"], row["_id"]))
        posts: dict[str, list[PostRef]] = defaultdict(list)
        for row in rows:
            posts[row["community_id"]].append(_post(row))
        shown: dict[str, PostRef] = {}  # where they are now: replies may have moved on
        for community_id, some in posts.items():
            keyring = keyrings[community_id]
            topics = [post for post in some if not post.reply_id]
            replies = [post.reply_id for post in some if post.reply_id]
            for post in await self.find_visible_posts(community_id, topics, keyring):
                shown[post.id] = post
            for reply in await self.find_replies(community_id, replies, keyring):
                shown[reply.id] = PostRef(reply.topic_id, reply.id)
        mentions = [
            _mention(row, shown[post_id])
            for row in rows
            if (post_id := row["reply_id"] or row["topic_id"]) in shown
        ]
        return mentions, token

    async def find_quotes(
        self, community_id: str, posts: Iterable[PostRef], keyring: Collection[str]
    ) -> list[QuotesOfPost]:
        """Of those posts that the keyring shows: quotes whose words it shows in their sources."""
        shown = await self.find_visible_posts(community_id, posts, keyring)
        quotes = await self._quotes(community_id, shown)
        sources = {one.source for some in quotes.values() for one in some}
        topics = {source.topic_id for source in sources if not source.reply_id}
        replies = {source.reply_id for source in sources if source.reply_id}
        found = {
            one.id: one
            for one in (
                *(await self.find_topics(community_id, topics, keyring) if topics else ()),
                *(await self.find_replies(community_id, replies, keyring) if replies else ()),
            )
        }
        return [
            QuotesOfPost(
                post,
                tuple(
                    ShownQuote(one, source.author)
                    for one in quotes.get(post.id, ())
                    if (source := found.get(one.source.id)) is not None
                    and one.stands_in(source.body.source)
                ),
            )
            for post in shown
        ]

    async def _quotes(
        self, community_id: str, posts: Sequence[PostRef]
    ) -> dict[str, tuple[Quote, ...]]:
        """All that posts quote, by the posts' ids."""
        found: dict[str, tuple[Quote, ...]] = {}
        for collection, ids in (
            (self._database.topics, [post.id for post in posts if not post.reply_id]),
            (self._database.replies, [post.id for post in posts if post.reply_id]),
        ):
            if ids:
                query = {"community_id": community_id, "_id": {"$in": ids}}
                async for row in collection.find(query, {"quotes": 1}):
                    found[row["_id"]] = references(row).quotes
        return found


def _key(mention: Mention) -> Document:
    return {
        "_id": f"{mention.post.id}:{mention.person_id}",
        "community_id": mention.community_id,
    }


def _post(row: Document) -> PostRef:
    return PostRef(row["topic_id"], row["reply_id"])


def _mention(row: Document, post: PostRef) -> Mention:
    return Mention(row["community_id"], post, row["person_id"], row["author_id"], row["time"])

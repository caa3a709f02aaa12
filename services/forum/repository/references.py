"""Mentions, and what of quotes a reader can see: both are asked of the posts as they are now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from pymongo import DeleteOne, ReplaceOne

from chassis.decisions import Document, Write
from chassis.mongo import Index
from chassis.pagination import Paging
from services.forum.domain.members import Author
from services.forum.domain.references import (
    Mention,
    PostRef,
    Quote,
    QuotesOfPost,
    ShownMention,
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
        self, communities: Collection[str], person_id: str, paging: Paging
    ) -> list[Mention]:
        """What the page needs, newest first; a place: (time, id). Posts may be hidden."""
        query: Document = {
            "community_id": {"$in": list(communities)},
            "person_id": person_id,
            **paging.beyond(_NEWEST),
        }
        found = self._database.mentions.find(query).hint("mention_page")
        found = found.sort(paging.sort(_NEWEST)).limit(paging.limit)
        return [_mention(row) async for row in found]

    async def find_shown_mentions(
        self, keyrings: Mapping[str, Collection[str]], mentions: Sequence[Mention]
    ) -> list[ShownMention]:
        """Those whose posts the keyrings show, in their order."""
        posts: dict[str, list[PostRef]] = defaultdict(list)
        for mention in mentions:
            posts[mention.community_id].append(mention.post)
        shown: dict[str, tuple[PostRef, Author]] = {}
        for community_id, some in posts.items():
            shown |= await self.find_shown_posts(community_id, some, keyrings[community_id])
        return [ShownMention(one, *shown[one.post.id]) for one in mentions if one.post.id in shown]

    async def find_shown_posts(
        self, community_id: str, posts: Iterable[PostRef], keyring: Collection[str]
    ) -> dict[str, tuple[PostRef, Author]]:
        """Those that the keyring shows, by id: where they are now, as replies move, and whose."""
        some = list(posts)
        topics = [post.id for post in some if not post.reply_id]
        replies = [post.id for post in some if post.reply_id]
        found = await self.find_posts(community_id, topics, replies, keyring, without_texts=True)
        shown = {topic.id: (PostRef(topic.id), topic.author) for topic in found[0]}
        for reply in found[1]:
            shown[reply.id] = PostRef(reply.topic_id, reply.id), reply.author
        return shown

    async def find_quotes(
        self, community_id: str, posts: Iterable[PostRef], keyring: Collection[str]
    ) -> list[QuotesOfPost]:
        """Of those posts that the keyring shows: quotes whose words it shows in their sources."""
        shown = await self.find_visible_posts(community_id, posts, keyring)
        quotes = await self._quotes(community_id, shown)
        quoted = await self.find_shown_quotes(
            community_id, {one for some in quotes.values() for one in some}, keyring
        )
        return [
            QuotesOfPost(
                post, tuple(quoted[one] for one in quotes.get(post.id, ()) if one in quoted)
            )
            for post in shown
        ]

    async def find_shown_quotes(
        self, community_id: str, quotes: Collection[Quote], keyring: Collection[str]
    ) -> dict[Quote, ShownQuote]:
        """Those whose words the keyring shows in their sources."""
        sources = {one.source for one in quotes}
        topics = {source.topic_id for source in sources if not source.reply_id}
        replies = {source.reply_id for source in sources if source.reply_id}
        some = await self.find_posts(community_id, topics, replies, keyring)
        found = {one.id: one for part in some for one in part}
        return {
            one: ShownQuote(one, source.author)
            for one in quotes
            if (source := found.get(one.source.id)) is not None
            and one.stands_in(source.body.source)
        }

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
    return {"_id": mention.id, "community_id": mention.community_id}


def _mention(row: Document) -> Mention:
    post = PostRef(row["topic_id"], row["reply_id"])
    return Mention(row["community_id"], post, row["person_id"], row["author_id"], row["time"])

"""Posts and announcements by their ids, with the walls around them, for what all may know of."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from datetime import datetime

from services.forum.domain.openness import (
    Openness,
    openness_of_announcement,
    openness_of_reply,
    openness_of_topic,
)
from services.forum.repository.announcements import AnnouncementCollections
from services.forum.repository.announcements.channels import load_channel
from services.forum.repository.announcements.documents import load_announcement
from services.forum.repository.replies import ReplyCollection

Found = Mapping[str, Openness]  # by id


class OpennessCollection(ReplyCollection, AnnouncementCollections):
    """Reads behind no wall: what is found is judged, and told only where it is everybody's."""

    async def find_openness_of_posts(
        self, community_id: str, topic_ids: Collection[str], reply_ids: Collection[str]
    ) -> tuple[Found, Found]:
        """Of topics and of replies; what is not for everybody is left out. By the walls of now."""
        replies = await self.find_replies(community_id, reply_ids, None, without_texts=True)
        wanted = {*topic_ids, *(one.topic_id for one in replies)}
        topics = await self.find_topics(community_id, wanted, None, without_texts=True)
        spaces = await self.find_spaces(community_id, {one.space_id for one in topics}, None)
        by_id = {one.id: one for one in spaces}
        of_topics = {
            one.id: openness_of_topic(one, by_id[one.space_id])
            for one in topics
            if one.space_id in by_id
        }
        of_replies = {
            one.id: openness_of_reply(one, of_topics.get(one.topic_id)) for one in replies
        }
        asked = {id_: found for id_, found in of_topics.items() if id_ in topic_ids}
        return _known(asked), _known(of_replies)

    async def find_openness_of_announcements(
        self, community_id: str, ids: Collection[str], now: datetime
    ) -> Found:
        """Likewise."""
        if not ids:
            return {}
        query = {
            "community_id": community_id,
            "_id": {"$in": list(ids)},
            "deleted": {"$ne": True},
        }
        rows = await self._database.announcements.find(query).hint("_id_").to_list()
        announcements = [load_announcement(row) for row in rows]
        here = {
            "community_id": community_id,
            "_id": {"$in": list({one.channel_id for one in announcements})},
        }
        channels = {
            row["_id"]: load_channel(row) async for row in self._database.channels.find(here)
        }
        return _known(
            {
                one.id: openness_of_announcement(one, channels[one.channel_id], now)
                for one in announcements
                if one.channel_id in channels
            }
        )

    async def find_openness(
        self,
        community_id: str,
        topic_ids: Collection[str],
        reply_ids: Collection[str],
        announcement_ids: Collection[str],
        now: datetime,
    ) -> tuple[Found, Found, Found]:
        """Of topics, replies and announcements."""
        (topics, replies), announcements = await asyncio.gather(
            self.find_openness_of_posts(community_id, topic_ids, reply_ids),
            self.find_openness_of_announcements(community_id, announcement_ids, now),
        )
        return topics, replies, announcements


def _known(found: Mapping[str, Openness | None]) -> Found:
    return {id_: one for id_, one in found.items() if one is not None}

"""Whether announcements may be commented on: a read of the topics where they are discussed."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from services.forum.domain.announcements.discussions import CommentPolicy, comment_policy
from services.forum.domain.members import Member
from services.forum.use_cases.announcements.base import AnnouncementsBase


class DiscussingUseCases(AnnouncementsBase):
    """It changes nothing."""

    async def comment_policies(
        self, member: Member, community_id: str, topic_ids: Collection[str]
    ) -> Mapping[str, CommentPolicy]:
        """Of those topics that the member can see."""
        topics = await self._repository.find_topics(
            community_id, topic_ids, member.keyring, without_texts=True, listed=True
        )
        spaces = {
            one.id: one
            for one in await self._repository.find_spaces_shown(
                community_id, {topic.space_id for topic in topics}, member.keyring
            )
        }
        return {
            topic.id: comment_policy(topic, spaces[topic.space_id], member)
            for topic in topics
            if topic.space_id in spaces
        }

"""What reads share: as whom, and how much fits into one message."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from chassis.actors import Actor
from services.forum.converters.fitting import fitting
from services.forum.domain.members import Member
from services.forum.domain.topics import Topic
from services.forum.repository import ForumRepository

__all__ = ["fitting", "keyring_of", "shown"]


def keyring_of(actor: Actor, community_id: str) -> tuple[str, ...] | None:
    """A person's keys there; None: a service reads, which tests walls for its own readers."""
    return None if actor.service else Member.of(actor, community_id).keyring


async def shown(
    repository: ForumRepository,
    community_id: str,
    topics: Sequence[Topic],
    keyring: Collection[str] | None,
) -> list[Topic]:
    """As this reader may see them: naming other topics only where these can be seen too."""
    if keyring is None:
        return list(topics)
    named = {id_ for topic in topics for id_ in topic.links}
    visible = await repository.find_visible_topic_ids(community_id, named, keyring)
    return [topic.showing(visible) for topic in topics]

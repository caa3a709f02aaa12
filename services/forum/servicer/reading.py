"""What reads share: as whom, and how much fits into one message."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from chassis.actors import Actor
from services.forum.domain.members import Member
from services.forum.domain.records import Revision
from services.forum.domain.replies import Reply
from services.forum.domain.spaces import Space
from services.forum.domain.topics import Topic
from services.forum.repository import ForumRepository

_MOST_CHARACTERS = 800_000  # of texts in a page: below what a gRPC message may hold, in any script


def keyring_of(actor: Actor, community_id: str) -> tuple[str, ...] | None:
    """A person's keys there; None: a service reads, which tests walls for its own readers."""
    return None if actor.service else Member.of(actor, community_id).keyring


def fitting(found: Sequence[Space | Topic | Reply | Revision], size: int) -> int:
    """How many of them fit into one message, at least one."""
    characters = 0
    for count, post in enumerate(found[:size]):
        characters += 0 if isinstance(post, Space) else post.characters
        if count and characters > _MOST_CHARACTERS:
            return count
    return size


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

"""What is kept beside topics and replies: former texts, and what moderators did."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from chassis.errors import NotFoundError
from services.forum.domain.members import keys_of_withheld
from services.forum.domain.replies import Reply
from services.forum.domain.topics import Topic


class RevisionNotFoundError(NotFoundError):
    """The post had no such edition, or the caller cannot see it."""


@dataclass(frozen=True, slots=True)
class Revision:
    """A text that was replaced; `post_id` is the topic's or the reply's id.

    Its keys are those of the post when it was replaced; only moderators and the author see what
    there was before a moderator's edit.
    """

    id: str
    community_id: str
    post_id: str
    title: str
    body: str
    tags: tuple[str, ...]
    editor_id: str
    replace_time: datetime
    read_keys: tuple[str, ...]
    author_id: str = ""  # the person who wrote the post; empty: imported, or kept before this was
    edition: int = 0  # the number of this text; 0: it was not counted yet
    by_moderator: bool = False  # a moderator replaced it, in another's post

    @classmethod
    def of(
        cls, post: Topic | Reply, id_: str, editor_id: str, time: datetime, *, by_moderator: bool
    ) -> Revision:
        """The text that the post has until it is edited."""
        withheld = keys_of_withheld(post.community_id, post.author)
        topic = post if isinstance(post, Topic) else None
        return cls(
            id_,
            post.community_id,
            post.id,
            topic.title if topic else "",
            post.body.source,
            topic.tags if topic else (),
            editor_id,
            time,
            withheld if by_moderator else post.read_keys,
            post.author.person_id,
            post.edition,
            by_moderator,
        )

    @property
    def characters(self) -> int:
        """How much text it is to send."""
        return len(self.body)


class ReasonCode(StrEnum):
    """Why something was done to a post; whatever a topic may be closed for is among them."""

    SPAM = "SPAM"
    OFF_TOPIC = "OFF_TOPIC"
    DUPLICATE = "DUPLICATE"
    OUTDATED = "OUTDATED"
    ABUSE = "ABUSE"
    RULE_BREAKING = "RULE_BREAKING"
    NOT_CLEAR = "NOT_CLEAR"
    RESOLVED = "RESOLVED"
    OTHER = "OTHER"


# What takes a post out of sight, and of that what is said to moderators only.
REMOVING = frozenset(
    {"HideTopic", "HideReply", "HideByRule", "Reject", "RemoveTopic", "RemoveReply"}
)
_AMONG_MODERATORS = ("RemoveTopic", "RemoveReply")


@dataclass(frozen=True, slots=True)
class ModerationEntry:
    """One thing a moderator or a rule did to a topic or one of its replies."""

    id: str
    community_id: str
    topic_id: str
    reply_id: str  # empty: the topic
    action: str
    reason: str
    actor: str
    time: datetime
    reason_code: ReasonCode | None = None

    def told(self, *, moderator: bool) -> ModerationEntry:
        """As the author of the post may know it, or a moderator: of a removal not its words."""
        if moderator:
            return self
        secret = self.action in _AMONG_MODERATORS
        return replace(self, actor="", reason="" if secret else self.reason)

"""Follows, bookmarks, mentions and viewers' states as protobuf messages, and back."""

from __future__ import annotations

from chassis.errors import FieldInvalidError
from chassis.timestamps import timestamp_of
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1 import feed_pb2, forum_pb2
from services.forum.converters.messages import author_to_proto
from services.forum.domain.feed.bookmarks import Bookmark
from services.forum.domain.feed.follows import (
    Follow,
    FollowKind,
    FollowLevel,
    FollowLevelInvalidError,
    Target,
)
from services.forum.domain.feed.ranking import FeedOrder, Reason
from services.forum.domain.feed.viewing import ViewerState
from services.forum.domain.references import ShownMention

LEVELS = {one: feed_pb2.FollowLevel.Value(f"FOLLOW_LEVEL_{one}") for one in FollowLevel}
_KINDS = {one: feed_pb2.FollowKind.Value(f"FOLLOW_KIND_{one}") for one in FollowKind}
_ORDERS = {one: feed_pb2.FeedOrder.Value(f"FEED_ORDER_{one}") for one in FeedOrder}
REASONS = {one: feed_pb2.FeedReason.Value(f"FEED_REASON_{one}") for one in Reason}
_ID_FIELDS = {
    FollowKind.SPACE: "space_id",
    FollowKind.TOPIC: "topic_id",
    FollowKind.TAG: "tag",
    FollowKind.PERSON: "person_id",
    FollowKind.COMPANY: "company_id",
}


def follow_level(number: int) -> FollowLevel | None:
    """Unspecified: None. Refuses with FOLLOW_LEVEL_INVALID."""
    if not number:
        return None
    for level, its_number in LEVELS.items():
        if its_number == number:
            return level
    raise FollowLevelInvalidError(f"level must be one of {', '.join(LEVELS)}", field="level")


def follow_kind(number: int) -> FollowKind:
    """Of what has an id. Refuses with FIELD_INVALID."""
    for kind, its_number in _KINDS.items():
        if its_number == number and kind is not FollowKind.TAG:
            return kind
    raise FieldInvalidError("kind must be SPACE, TOPIC, PERSON or COMPANY", field="kind")


def feed_order(number: int) -> FeedOrder:
    """Unspecified: RANKED. Refuses with FIELD_INVALID."""
    for order, its_number in _ORDERS.items():
        if number in (its_number, feed_pb2.FEED_ORDER_UNSPECIFIED):
            return order
    raise FieldInvalidError(f"order must be one of {', '.join(_ORDERS)}", field="order")


def follow_to_proto(
    community_id: str,
    follow: Follow,
    *,
    space: forum_pb2.Space | None = None,
    topic: forum_pb2.Topic | None = None,
    page_token: str = "",
) -> feed_pb2.Follow:
    """With what it is of, where the forum owns that."""
    message = _follow(community_id, follow.target)
    message.level = LEVELS[follow.level]
    message.set_time.CopyFrom(timestamp_of(follow.set_time))
    message.page_token = page_token
    if space is not None:
        message.space.CopyFrom(space)
    if topic is not None:
        message.topic.CopyFrom(topic)
    return message


def default_to_proto(community_id: str, target: Target) -> feed_pb2.Follow:
    """Of what is followed by default."""
    return _follow(community_id, target)


def _follow(community_id: str, target: Target) -> feed_pb2.Follow:
    message = feed_pb2.Follow(
        community_id=community_id, kind=_KINDS[target.kind], space_id=target.space_id
    )
    setattr(message, _ID_FIELDS[target.kind], target.id)
    return message


def follow_changed(person_id: str, target: Target, level: FollowLevel | None) -> said.FollowChanged:
    """Which tag it is nobody needs to know."""
    event = said.FollowChanged(
        person_id=person_id,
        space_id=target.space_id,
        level=LEVELS[level] if level else feed_pb2.FOLLOW_LEVEL_UNSPECIFIED,
    )
    match target.kind:
        case FollowKind.SPACE:
            event.space_id = target.id
        case FollowKind.TOPIC:
            event.topic_id = target.id
        case FollowKind.PERSON:
            event.followed_person_id = target.id
        case FollowKind.COMPANY:
            event.company_id = target.id
        case FollowKind.TAG:
            pass
    return event


def bookmark_to_proto(
    bookmark: Bookmark,
    topic: forum_pb2.Topic | None,
    reply: forum_pb2.Reply | None,
    page_token: str = "",
) -> feed_pb2.Bookmark:
    """With the post that is kept."""
    return feed_pb2.Bookmark(
        community_id=bookmark.community_id,
        topic_id=bookmark.topic_id,
        reply_id=bookmark.reply_id,
        note=bookmark.note,
        remind_time=timestamp_of(bookmark.remind_time) if bookmark.remind_time else None,
        create_time=timestamp_of(bookmark.create_time),
        topic=topic,
        reply=reply,
        page_token=page_token,
    )


def mention_to_proto(shown: ShownMention, page_token: str) -> feed_pb2.Mention:
    """Who wrote as a company is left out, whoever asks."""
    author = shown.author
    return feed_pb2.Mention(
        community_id=shown.mention.community_id,
        topic_id=shown.post.topic_id,
        reply_id=shown.post.reply_id,
        author=author_to_proto(author, shown.mention.community_id, known=not author.as_company),
        create_time=timestamp_of(shown.mention.time),
        page_token=page_token,
    )


def viewer_state_to_proto(state: ViewerState) -> feed_pb2.ViewerState:
    """How a topic stands to somebody."""
    return feed_pb2.ViewerState(
        community_id=state.community_id,
        topic_id=state.topic_id,
        level=LEVELS[state.level],
        bookmarked=state.bookmarked,
        unread_count=state.unread_count,
        unopened=state.unopened,
        last_read_reply_id=state.last_read_reply_id,
        read_time=timestamp_of(state.read_time) if state.read_time else None,
    )

"""Records of an export as protobuf messages: without the HTML, which anybody can make again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from chassis.pagination import encode_page_token
from chassis.timestamps import timestamp_of
from guildhall.forum.v1 import exports_pb2 as pb
from guildhall.forum.v1 import participation_pb2
from services.forum.converters.announcements.messages import (
    announcement_to_proto,
    channel_to_proto,
    correction_to_proto,
    receipt_to_proto,
)
from services.forum.converters.drafts import draft_to_proto
from services.forum.converters.enums import ATTACHMENT_STATES
from services.forum.converters.feed import bookmark_to_proto, follow_to_proto
from services.forum.converters.held_edits import held_edit_to_proto
from services.forum.converters.messages import (
    moderation_entry_to_proto,
    reply_to_proto,
    revision_to_proto,
    space_to_proto,
    topic_to_proto,
)
from services.forum.converters.participation import (
    REACTION_KINDS,
    VOTE_VALUES,
    post_ref_to_proto,
    reaction_counts_to_proto,
)
from services.forum.converters.polls import poll_to_proto
from services.forum.converters.references import quote_to_proto
from services.forum.domain.announcements.announcement import Correction, Translation
from services.forum.domain.announcements.channels import Channel, ChannelFollow
from services.forum.domain.announcements.copies import Copy
from services.forum.domain.announcements.receipts import Receipt
from services.forum.domain.attachments import ListedAttachment
from services.forum.domain.drafts import ShownDraft
from services.forum.domain.exports import Exported, Taker
from services.forum.domain.feed.bookmarks import Bookmark
from services.forum.domain.feed.follows import Follow
from services.forum.domain.held_edits import PlacedEdit
from services.forum.domain.participation import Reaction, Reactions, Vote
from services.forum.domain.polls import Ballot, SeenPoll
from services.forum.domain.records import ModerationEntry, Revision
from services.forum.domain.replies import Reply
from services.forum.domain.spaces import Space
from services.forum.domain.topics import Topic


def record_to_proto(exported: Exported, taker: Taker, now: datetime) -> pb.ExportRecord:
    """As its taker sees it."""
    message = _MESSAGES[type(exported.record)](exported.record, taker, now)
    message.page_token = encode_page_token(*exported.place)
    message.quotes.extend(
        quote_to_proto(one, taker.community_id, taker.keyring) for one in exported.quotes
    )
    return message


def _space(one: Space, taker: Taker, _: datetime) -> pb.ExportRecord:
    return pb.ExportRecord(space=space_to_proto(one, one.version, keyring=taker.keyring))


def _topic(one: Topic, taker: Taker, _: datetime) -> pb.ExportRecord:
    topic = topic_to_proto(one, one.version, keyring=taker.keyring)
    topic.ClearField("body_html")
    return pb.ExportRecord(topic=topic)


def _reply(one: Reply, taker: Taker, _: datetime) -> pb.ExportRecord:
    reply = reply_to_proto(one, one.version, keyring=taker.keyring)
    reply.ClearField("body_html")
    return pb.ExportRecord(reply=reply)


def _revision(one: Revision, _: Taker, __: datetime) -> pb.ExportRecord:
    return pb.ExportRecord(revision=revision_to_proto(one))


def _poll(one: SeenPoll, taker: Taker, _: datetime) -> pb.ExportRecord:
    poll = poll_to_proto(one, taker.community_id)
    poll.ClearField("viewer_options")  # one's ballot is a record of its own
    return pb.ExportRecord(poll=poll)


def _ballot(one: Ballot, taker: Taker, _: datetime) -> pb.ExportRecord:
    ballot = pb.ExportedBallot(
        community_id=taker.community_id,
        topic_id=one.topic_id,
        person_id=one.person_id,
        choices=one.options,
        time=timestamp_of(one.time),
    )
    return pb.ExportRecord(ballot=ballot)


def _reaction_counts(one: Reactions, taker: Taker, _: datetime) -> pb.ExportRecord:
    counts = pb.ExportedReactionCounts(
        community_id=taker.community_id,
        post=post_ref_to_proto(one.post),
        reactions=reaction_counts_to_proto(one.counts),
    )
    return pb.ExportRecord(reaction_counts=counts)


def _attachment(one: ListedAttachment, _: Taker, __: datetime) -> pb.ExportRecord:
    file = one.attachment
    attachment = pb.ExportedAttachment(
        id=file.id,
        community_id=file.community_id,
        uploader_id=file.uploader_id,
        name=file.name,
        type=file.type,
        size=file.size,
        width=file.width,
        height=file.height,
        state=ATTACHMENT_STATES[file.state],
        sha256=file.sha256,
        create_time=timestamp_of(file.create_time),
        posts=[post_ref_to_proto(post) for post in one.posts],
    )
    return pb.ExportRecord(attachment=attachment)


def _channel(one: Channel, taker: Taker, _: datetime) -> pb.ExportRecord:
    channel = channel_to_proto(one, one.version, followed=False, keyring=taker.keyring)
    return pb.ExportRecord(channel=channel)


def _announcement(one: Copy, _: Taker, now: datetime) -> pb.ExportRecord:
    announcement = announcement_to_proto(one, now)
    announcement.ClearField("body_html")
    return pb.ExportRecord(announcement=announcement)


def _translation(one: Translation, taker: Taker, _: datetime) -> pb.ExportRecord:
    translation = pb.ExportedTranslation(
        community_id=taker.community_id,
        announcement_id=one.announcement_id,
        locale=one.locale,
        title=one.title,
        body=one.body.source,
    )
    return pb.ExportRecord(translation=translation)


def _correction(one: Correction, _: Taker, __: datetime) -> pb.ExportRecord:
    return pb.ExportRecord(correction=correction_to_proto(one))


def _receipt(one: Receipt, _: Taker, now: datetime) -> pb.ExportRecord:
    return pb.ExportRecord(receipt=receipt_to_proto(one, now))


def _moderation_entry(one: ModerationEntry, _: Taker, __: datetime) -> pb.ExportRecord:
    return pb.ExportRecord(moderation_entry=moderation_entry_to_proto(one))


def _vote(one: Vote, taker: Taker, _: datetime) -> pb.ExportRecord:
    vote = pb.ExportedVote(
        community_id=taker.community_id,
        post=post_ref_to_proto(one.post),
        value=VOTE_VALUES[one.value] if one.value else participation_pb2.VOTE_VALUE_UNSPECIFIED,
        time=timestamp_of(one.time),
    )
    return pb.ExportRecord(vote=vote)


def _reaction(one: Reaction, taker: Taker, _: datetime) -> pb.ExportRecord:
    reaction = pb.ExportedReaction(
        community_id=taker.community_id,
        post=post_ref_to_proto(one.post),
        kinds=[REACTION_KINDS[kind] for kind in one.kinds],
    )
    return pb.ExportRecord(reaction=reaction)


def _follow(one: Follow, taker: Taker, _: datetime) -> pb.ExportRecord:
    return pb.ExportRecord(follow=follow_to_proto(taker.community_id, one))


def _channel_follow(one: ChannelFollow, taker: Taker, _: datetime) -> pb.ExportRecord:
    follow = pb.ExportedChannelFollow(community_id=taker.community_id, channel_id=one.channel_id)
    return pb.ExportRecord(channel_follow=follow)


def _bookmark(one: Bookmark, _: Taker, __: datetime) -> pb.ExportRecord:
    return pb.ExportRecord(bookmark=bookmark_to_proto(one, None, None))


def _draft(one: ShownDraft, taker: Taker, __: datetime) -> pb.ExportRecord:
    return pb.ExportRecord(draft=draft_to_proto(one, taker.keyring))


def _held_edit(one: PlacedEdit, _: Taker, __: datetime) -> pb.ExportRecord:
    edit = held_edit_to_proto(one.edit, one.post)
    edit.ClearField("body_html")
    held_edit = pb.ExportedHeldEdit(held_edit=edit, editor_id=one.edit.editor_id)
    return pb.ExportRecord(held_edit=held_edit)


_MESSAGES: Mapping[type[Any], Callable[[Any, Taker, datetime], pb.ExportRecord]] = {
    Space: _space,
    Topic: _topic,
    Reply: _reply,
    Revision: _revision,
    SeenPoll: _poll,
    Ballot: _ballot,
    Reactions: _reaction_counts,
    ListedAttachment: _attachment,
    Channel: _channel,
    Copy: _announcement,
    Translation: _translation,
    Correction: _correction,
    Receipt: _receipt,
    ModerationEntry: _moderation_entry,
    Vote: _vote,
    Reaction: _reaction,
    Follow: _follow,
    ChannelFollow: _channel_follow,
    Bookmark: _bookmark,
    ShownDraft: _draft,
    PlacedEdit: _held_edit,
}

"""What search makes anew when others say that something changed.

No handler keeps anything: each names what is to be fetched and written again, which is harmless
however often and in whatever order it happens.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf.message import Message

from chassis.domain_events import DomainEvent, Handler, Projection
from guildhall.directory.v1 import domain_events_pb2 as directory
from guildhall.forum.v1 import domain_events_pb2 as forum
from services.search.use_cases.projecting import Change, membership


async def on_space_changed(event: DomainEvent[Any]) -> Iterable[Projection]:
    """The space and who can read it."""
    return [Projection(Change.SPACE, event.community_id, event.message.space_id)]


async def on_topic_changed(event: DomainEvent[Any]) -> Iterable[Projection]:
    """The topic alone: its replies stay as visible as they were."""
    return [Projection(Change.TOPIC, event.community_id, event.message.topic_id)]


async def on_thread_changed(event: DomainEvent[Any]) -> Iterable[Projection]:
    """The topic and its replies, which are as visible as it is and carry its tags and state."""
    return [Projection(Change.THREAD, event.community_id, event.message.topic_id)]


async def on_topic_published(event: DomainEvent[forum.TopicPublished]) -> Iterable[Projection]:
    """A topic that was held meanwhile may have replies; one just imported has events for each."""
    if event.message.submission.imported:
        return await on_topic_changed(event)
    return await on_thread_changed(event)


async def on_reply_changed(event: DomainEvent[Any]) -> Iterable[Projection]:
    """The reply alone: its topic reads as before."""
    return [Projection(Change.REPLY, event.community_id, event.message.reply_id)]


async def on_reply_shown(event: DomainEvent[Any]) -> Iterable[Projection]:
    """The reply, and its topic with it: it may have been the answer."""
    return [*await on_reply_changed(event), *await on_topic_changed(event)]


async def on_replies_moved(event: DomainEvent[forum.RepliesMoved]) -> Iterable[Projection]:
    """Replies that came: each is as visible as its topic now, and found in it."""
    message = event.message
    return [
        Projection(Change.TOPIC, event.community_id, message.topic_id),
        *(Projection(Change.REPLY, event.community_id, id_) for id_ in message.reply_ids),
    ]


async def on_reply_accepted(event: DomainEvent[forum.ReplyAccepted]) -> Iterable[Projection]:
    """The topic is answered; the replies read as before."""
    return [Projection(Change.TOPIC, event.community_id, event.message.topic_id)]


async def on_post_verified(event: DomainEvent[Any]) -> Iterable[Projection]:
    """The topic or the reply: whether it is outdated."""
    if event.message.reply_id:
        return await on_reply_changed(event)
    return await on_topic_changed(event)


async def on_channel_changed(event: DomainEvent[Any]) -> Iterable[Projection]:
    """Who can read the channel: its announcements are as visible as it is."""
    return [Projection(Change.CHANNEL, event.community_id, event.message.channel_id)]


async def on_announcement_changed(event: DomainEvent[Any]) -> Iterable[Projection]:
    """The announcement in all its languages."""
    return [Projection(Change.ANNOUNCEMENT, event.community_id, event.message.announcement_id)]


async def on_member_joined(event: DomainEvent[directory.MemberJoined]) -> Iterable[Projection]:
    """The member; remembered with the company, whose enrolment may end."""
    message = event.message
    id_ = membership(message.person_id, message.company_id)
    return [Projection(Change.MEMBERSHIP, message.community_id, id_)]


async def on_member_changed(event: DomainEvent[Any]) -> Iterable[Projection]:
    """The member of this community."""
    return [Projection(Change.MEMBER, event.message.community_id, event.message.person_id)]


async def on_person_changed(event: DomainEvent[Any]) -> Iterable[Projection]:
    """The member of each of the person's communities."""
    return [
        Projection(Change.MEMBER, community_id, event.message.person_id)
        for community_id in event.message.community_ids
    ]


async def on_company_updated(event: DomainEvent[directory.CompanyUpdated]) -> Iterable[Projection]:
    """The company in each of its communities."""
    return [
        Projection(Change.COMPANY, community_id, event.message.company_id)
        for community_id in event.message.community_ids
    ]


async def on_community_created(
    event: DomainEvent[directory.CommunityCreated],
) -> Iterable[Projection]:
    """Its vendor can be found in it."""
    message = event.message
    return [Projection(Change.COMPANY, message.community_id, message.vendor_company_id)]


async def on_enrolment_changed(event: DomainEvent[Any]) -> Iterable[Projection]:
    """The company in this community, and its people, who are members through it."""
    message = event.message
    return [Projection(Change.WORKFORCE, message.community_id, message.company_id)]


FORUM: Mapping[type[Message], Handler] = {
    forum.SpaceCreated: on_space_changed,
    forum.SpaceUpdated: on_space_changed,
    forum.TopicHeld: on_thread_changed,
    forum.TopicPublished: on_topic_published,
    forum.TopicRejected: on_thread_changed,
    forum.TopicEdited: on_thread_changed,
    forum.TopicTagged: on_thread_changed,
    forum.TopicBumped: on_topic_changed,
    forum.TopicClosed: on_thread_changed,
    forum.TopicReopened: on_thread_changed,
    forum.TopicHidden: on_thread_changed,
    forum.TopicRestored: on_thread_changed,
    forum.TopicRemoved: on_thread_changed,
    forum.TopicArchived: on_thread_changed,
    forum.ReplyPublished: on_reply_changed,
    forum.ReplyEdited: on_reply_changed,
    forum.ReplyHidden: on_reply_shown,
    forum.ReplyRestored: on_reply_shown,
    forum.ReplyRemoved: on_reply_shown,
    forum.ReplyAccepted: on_reply_accepted,
    forum.ReplyUnaccepted: on_reply_accepted,
    forum.PostVerified: on_post_verified,
    forum.PostVerificationExpired: on_post_verified,
    forum.ArticleReviewed: on_topic_changed,
    forum.ArticleReviewExpired: on_topic_changed,
    forum.TopicMoved: on_topic_changed,
    forum.TopicMerged: on_topic_changed,
    forum.TopicSplit: on_topic_changed,
    forum.RepliesMoved: on_replies_moved,
    forum.RepliesLeft: on_topic_changed,
    forum.ChannelCreated: on_channel_changed,
    forum.ChannelUpdated: on_channel_changed,
    # Not what is said of drafts, which nobody finds; from when it is on all clocks it carries.
    forum.AnnouncementPublished: on_announcement_changed,
    forum.AnnouncementCorrected: on_announcement_changed,
    forum.AnnouncementWithdrawn: on_announcement_changed,
    forum.AnnouncementExpired: on_announcement_changed,
    forum.AnnouncementArchived: on_announcement_changed,
}

# PersonMoved says nothing that MemberLeft and MemberJoined beside it do not say.
DIRECTORY: Mapping[type[Message], Handler] = {
    directory.MemberJoined: on_member_joined,
    directory.MemberUpdated: on_member_changed,
    directory.MemberLeft: on_member_changed,
    directory.PersonUpdated: on_person_changed,
    directory.PersonDeactivated: on_person_changed,
    directory.PersonReactivated: on_person_changed,
    directory.CompanyUpdated: on_company_updated,
    directory.CommunityCreated: on_community_created,
    directory.CompanyEnrolled: on_enrolment_changed,
    directory.EnrolmentUpdated: on_enrolment_changed,
}

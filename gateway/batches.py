"""One batch function per entity: the rows of these ids within one community, by id."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chassis.decisions import PLATFORM
from guildhall.directory.v1 import directory_pb2, groups_pb2
from guildhall.forum.v1 import (
    announcements_pb2,
    attachments_pb2,
    feed_pb2,
    forum_pb2,
    participation_pb2,
    seeding_pb2,
    trust_pb2,
    vitality_pb2,
)
from guildhall.gateway.v1 import gateway_pb2
from guildhall.moderation.v1 import moderation_pb2
from guildhall.notifications.v1 import webhooks_pb2

if TYPE_CHECKING:
    from gateway.context import Context

_MOST_PROGRESS = 20


@dataclass(frozen=True, slots=True)
class QuotedRow:
    """What a post quotes, in its community."""

    community_id: str
    found: participation_pb2.QuotesOfPost


_MAX_COMMUNITIES = 20  # that a company is looked for in


async def members(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, directory_pb2.Member]:
    """Members by person id, former members included."""
    return await context.directory_cache.find(_members, context, community_id, ids)


async def _members(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, directory_pb2.Member]:
    request = directory_pb2.BatchGetMembersRequest(community_id=community_id, person_ids=ids)
    response = await context.call(context.services.directory.BatchGetMembers, request)
    return {member.person_id: member for member in response.members}


async def persons(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, directory_pb2.Person]:
    """People see only themselves, operators all; they belong to no community."""
    del community_id
    request = directory_pb2.BatchGetPersonsRequest(person_ids=ids)
    response = await context.call(context.services.directory.BatchGetPersons, request)
    return {person.id: person for person in response.persons}


async def companies(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, directory_pb2.Company]:
    """Companies of a community."""
    return await context.directory_cache.find(_companies, context, community_id, ids)


async def _companies(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, directory_pb2.Company]:
    request = directory_pb2.BatchGetCompaniesRequest(community_id=community_id, company_ids=ids)
    response = await context.call(context.services.directory.BatchGetCompanies, request)
    return {company.id: company for company in response.companies}


async def own_companies(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, directory_pb2.Company]:
    """Companies are seen within a community, so one's own are asked in turn."""
    del community_id
    found: dict[str, directory_pb2.Company] = {}
    for own in list(context.actor.memberships)[:_MAX_COMMUNITIES]:
        if missing := [company_id for company_id in ids if company_id not in found]:
            found |= await companies(context, own, missing)
    return found


async def communities(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, directory_pb2.Community]:
    """Communities; their own community is the platform."""
    del community_id
    request = directory_pb2.BatchGetCommunitiesRequest(community_ids=ids)
    response = await context.call(context.services.directory.BatchGetCommunities, request)
    return {community.id: community for community in response.communities}


async def groups(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, groups_pb2.Group]:
    """Groups the person can see."""
    request = groups_pb2.BatchGetGroupsRequest(community_id=community_id, group_ids=ids)
    response = await context.call(context.services.groups.BatchGetGroups, request)
    return {group.id: group for group in response.groups}


async def own_group_members(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, groups_pb2.GroupMember]:
    """How the person stands to groups, by the groups' ids."""
    request = groups_pb2.BatchGetGroupMembersRequest(community_id=community_id, group_ids=ids)
    response = await context.call(context.services.groups.BatchGetGroupMembers, request)
    return {row.group_id: row for row in response.group_members}


async def spaces(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, forum_pb2.Space]:
    """Spaces the person can read."""
    request = forum_pb2.BatchGetSpacesRequest(community_id=community_id, space_ids=ids)
    response = await context.call(context.services.forum.BatchGetSpaces, request)
    return {space.id: space for space in response.spaces}


async def space_health(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, vitality_pb2.SpaceHealth]:
    """How spaces do that the person moderates."""
    request = vitality_pb2.BatchGetSpaceHealthRequest(community_id=community_id, space_ids=ids)
    response = await context.call(context.services.vitality.BatchGetSpaceHealth, request)
    return {health.space_id: health for health in response.spaces}


async def seedings(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, seeding_pb2.Seeding]:
    """Seedings that the person may see."""
    request = seeding_pb2.BatchGetSeedingsRequest(community_id=community_id, seeding_ids=ids)
    response = await context.call(context.services.seeding.BatchGetSeedings, request)
    return {seeding.id: seeding for seeding in response.seedings}


async def topics(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, forum_pb2.Topic]:
    """Topics the person can read."""
    request = forum_pb2.BatchGetTopicsRequest(
        community_id=community_id, topic_ids=ids, without_texts=context.without_texts
    )
    response = await context.call(context.services.forum.BatchGetTopics, request)
    return {topic.id: topic for topic in response.topics}


async def replies(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, forum_pb2.Reply]:
    """Replies the person can read."""
    request = forum_pb2.BatchGetRepliesRequest(
        community_id=community_id, reply_ids=ids, without_texts=context.without_texts
    )
    response = await context.call(context.services.forum.BatchGetReplies, request)
    return {reply.id: reply for reply in response.replies}


async def posts(
    context: Context, community_id: str, topic_ids: list[str], reply_ids: list[str]
) -> tuple[Mapping[str, forum_pb2.Topic], Mapping[str, forum_pb2.Reply]]:
    """`topics` and `replies` in one RPC."""
    request = forum_pb2.BatchGetPostsRequest(
        community_id=community_id,
        topic_ids=topic_ids,
        reply_ids=reply_ids,
        without_texts=context.without_texts,
    )
    response = await context.call(context.services.forum.BatchGetPosts, request)
    return (
        {topic.id: topic for topic in response.topics},
        {reply.id: reply for reply in response.replies},
    )


async def channels(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, announcements_pb2.Channel]:
    """Channels the person can read."""
    request = announcements_pb2.BatchGetChannelsRequest(community_id=community_id, channel_ids=ids)
    response = await context.call(context.services.announcements.BatchGetChannels, request)
    return {channel.id: channel for channel in response.channels}


async def comment_policies(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, announcements_pb2.TopicCommentPolicy]:
    """Whether the person may comment, by topics that they can see."""
    request = announcements_pb2.BatchGetCommentPoliciesRequest(
        community_id=community_id, topic_ids=ids
    )
    response = await context.call(context.services.announcements.BatchGetCommentPolicies, request)
    return {one.topic_id: one for one in response.comment_policies}


async def announcements(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, announcements_pb2.Announcement]:
    """Announcements the person can see, in their own language."""
    request = announcements_pb2.BatchGetAnnouncementsRequest(
        community_id=community_id, announcement_ids=ids
    )
    response = await context.call(context.services.announcements.BatchGetAnnouncements, request)
    return {announcement.id: announcement for announcement in response.announcements}


async def readable_announcements(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, announcements_pb2.Announcement]:
    """Those that are for the person as a reader, managers included, and were not taken back: of
    these nothing is told but why.
    """
    request = announcements_pb2.BatchGetAnnouncementsRequest(
        community_id=community_id, announcement_ids=ids, as_reader=True
    )
    response = await context.call(context.services.announcements.BatchGetAnnouncements, request)
    withdrawn = announcements_pb2.ANNOUNCEMENT_STATE_WITHDRAWN
    return {one.id: one for one in response.announcements if one.state != withdrawn}


async def participations(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, participation_pb2.Participation]:
    """What is said of posts without words; the id of a reply is "topic.reply"."""
    request = participation_pb2.BatchGetParticipationsRequest(
        community_id=community_id, posts=map(_post, ids)
    )
    response = await context.call(context.services.participation.BatchGetParticipations, request)
    return {post_key(one.post.topic_id, one.post.reply_id): one for one in response.participations}


async def flagged(context: Context, community_id: str, ids: list[str]) -> Mapping[str, bool]:
    """Whether the person has flagged these posts, and nobody has decided yet."""
    request = moderation_pb2.BatchGetOpenFlagsRequest(community_id=community_id, post_ids=ids)
    response = await context.call(context.services.moderation.BatchGetOpenFlags, request)
    open_ = {flag.post_id for flag in response.flags}
    return {id_: id_ in open_ for id_ in ids}


async def quotes(context: Context, community_id: str, ids: list[str]) -> Mapping[str, QuotedRow]:
    """What posts quote, as far as the person can read it; ids as of `participations`."""
    request = participation_pb2.BatchGetQuotesRequest(
        community_id=community_id, posts=map(_post, ids)
    )
    response = await context.call(context.services.participation.BatchGetQuotes, request)
    return {
        post_key(one.post.topic_id, one.post.reply_id): QuotedRow(community_id, one)
        for one in response.posts
    }


async def link_cards(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, participation_pb2.LinkCardsOfPost]:
    """Those there are of posts; ids as of `participations`."""
    request = participation_pb2.BatchGetLinkCardsRequest(
        community_id=community_id, posts=map(_post, ids)
    )
    response = await context.call(context.services.participation.BatchGetLinkCards, request)
    none = dict.fromkeys(ids, participation_pb2.LinkCardsOfPost())
    return none | {post_key(one.post.topic_id, one.post.reply_id): one for one in response.posts}


async def held_edits(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, forum_pb2.HeldEdit]:
    """The last edits of posts that had to wait, where the person may see them; ids as of
    `participations`.
    """
    posts = [_post(one) for one in ids]
    request = forum_pb2.BatchGetHeldEditsRequest(
        community_id=community_id,
        topic_ids=[post.topic_id for post in posts if not post.reply_id],
        reply_ids=[post.reply_id for post in posts if post.reply_id],
    )
    response = await context.call(context.services.forum.BatchGetHeldEdits, request)
    return {post_key(one.topic_id, one.reply_id): one for one in response.held_edits}


async def removals(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, forum_pb2.Removal]:
    """Why posts are out of sight, where the person may know; ids as of `participations`."""
    posts = [_post(one) for one in ids]
    request = forum_pb2.BatchGetRemovalsRequest(
        community_id=community_id,
        topic_ids=[post.topic_id for post in posts if not post.reply_id],
        reply_ids=[post.reply_id for post in posts if post.reply_id],
    )
    response = await context.call(context.services.forum.BatchGetRemovals, request)
    return {post_key(one.topic_id, one.reply_id): one for one in response.removals}


async def held_edit_diffs(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, forum_pb2.RevisionDiff]:
    """What held edits would change, one call each; ids as of `participations`."""

    async def diff_of(key: str) -> forum_pb2.RevisionDiff:
        post = _post(key)
        request = forum_pb2.GetRevisionDiffRequest(
            community_id=community_id,
            topic_id=post.topic_id,
            reply_id=post.reply_id,
            of_held_edit=True,
        )
        return (await context.call(context.services.forum.GetRevisionDiff, request)).revision_diff

    return dict(zip(ids, await asyncio.gather(*map(diff_of, ids)), strict=True))


async def polls(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, participation_pb2.Poll]:
    """The polls of topics, by the topics' ids, with what of them the person may see."""
    request = participation_pb2.BatchGetPollsRequest(community_id=community_id, topic_ids=ids)
    response = await context.call(context.services.participation.BatchGetPolls, request)
    return {poll.topic_id: poll for poll in response.polls}


def post_key(topic_id: str, reply_id: str = "") -> str:
    """A post among those of its community."""
    return f"{topic_id}.{reply_id}" if reply_id else topic_id


def _post(key: str) -> participation_pb2.PostRef:
    topic_id, _, reply_id = key.partition(".")
    return participation_pb2.PostRef(topic_id=topic_id, reply_id=reply_id)


async def viewer_states(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, feed_pb2.ViewerState]:
    """How topics stand to the person."""
    request = feed_pb2.BatchGetViewerStatesRequest(community_id=community_id, topic_ids=ids)
    response = await context.call(context.services.feed.BatchGetViewerStates, request)
    return {state.topic_id: state for state in response.viewer_states}


async def trust_progress(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, trust_pb2.TrustProgress]:
    """How far members are: oneself, for moderators all, twenty a call."""
    found: dict[str, trust_pb2.TrustProgress] = {}
    for start in range(0, len(ids), _MOST_PROGRESS):
        request = trust_pb2.BatchGetTrustProgressRequest(
            community_id=community_id, person_ids=ids[start : start + _MOST_PROGRESS]
        )
        response = await context.call(context.services.trust.BatchGetTrustProgress, request)
        found |= {one.person_id: one for one in response.trust_progress}
    return found


async def attachments(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, attachments_pb2.Attachment]:
    """Attachments of posts that the person can read now, and their own, with addresses."""
    request = attachments_pb2.BatchGetAttachmentsRequest(
        community_id=community_id, attachment_ids=ids
    )
    response = await context.call(context.services.attachments.BatchGetAttachments, request)
    return {attachment.id: attachment for attachment in response.attachments}


async def cases(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, moderation_pb2.Case]:
    """Cases of a community whose moderator the person is."""
    request = moderation_pb2.BatchGetCasesRequest(community_id=community_id, case_ids=ids)
    response = await context.call(context.services.moderation.BatchGetCases, request)
    return {case.id: case for case in response.cases}


async def portals(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, gateway_pb2.Portal]:
    """Portals of a community that the person manages: the gateway's own, so there is no call."""
    found = await context.portals.get_portals(context.actor, community_id, ids)
    return {portal.id: portal for portal in found}


async def webhooks(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, webhooks_pb2.Webhook]:
    """Webhooks of a community that the person manages."""
    request = webhooks_pb2.BatchGetWebhooksRequest(community_id=community_id, webhook_ids=ids)
    response = await context.call(context.services.webhooks.BatchGetWebhooks, request)
    return {webhook.id: webhook for webhook in response.webhooks}


def key_of(row: Any, id: str) -> tuple[str, str] | None:
    """Where something of the row's community is found; None where there is no id."""
    return (row.community_id, id) if id else None


def community_key(community_id: str) -> tuple[str, str] | None:
    """Where a community is found by `communities`."""
    return (PLATFORM, community_id) if community_id else None

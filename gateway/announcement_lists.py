"""One function per list of announcements: the page that arguments ask for; as lists.py."""

from __future__ import annotations

from typing import Any

from chassis.pagination import encode_page_token
from gateway.context import Context
from gateway.cursors import decode_communities, decode_id
from gateway.lists import moment
from gateway.pages import Arguments, Page, page_of
from guildhall.forum.v1 import announcements_pb2 as pb


async def channels(context: Context, community: Any, arguments: Arguments) -> Page:
    """A community's channels by name; only those one follows, where asked."""
    return await page_of(
        context,
        arguments,
        context.services.announcements.ListChannels,
        pb.ListChannelsRequest(community_id=community.id, followed=bool(arguments.get("followed"))),
        "channels",
        lambda row: encode_page_token(row.name.casefold(), row.id),
    )


async def followed_channels(context: Context, actor: Any, arguments: Arguments) -> Page:
    """The channels one follows, by name."""
    del actor
    return await page_of(
        context,
        arguments,
        context.services.announcements.ListFollowedChannels,
        pb.ListFollowedChannelsRequest(
            community_ids=decode_communities(arguments.get("communityIds"))
        ),
        "channels",
        lambda row: encode_page_token(row.name.casefold(), row.id),
    )


async def channel(context: Context, community: Any, arguments: Arguments) -> Any:
    """One channel by slug, or None."""
    request = pb.GetChannelRequest(community_id=community.id, slug=arguments["slug"])
    response = await context.find(context.services.announcements.GetChannel, request)
    return response.channel if response is not None else None


async def announcements(
    context: Context, request: pb.ListAnnouncementsRequest, arguments: Arguments
) -> Page:
    """Announcements as the request's filters say, newest first."""
    return await page_of(
        context,
        arguments,
        context.services.announcements.ListAnnouncements,
        request,
        "announcements",
        _list_token,
    )


async def viewer_announcements(context: Context, actor: Any, arguments: Arguments) -> Page:
    """What is out for one in all one's communities, newest first."""
    del actor
    request = pb.ListViewerAnnouncementsRequest(
        community_ids=decode_communities(arguments.get("communityIds")),
        followed=bool(arguments.get("followed")),
        unread=bool(arguments.get("unread")),
    )
    if (severity := arguments.get("severity")) is not None:
        request.severity = severity.value
    return await page_of(
        context,
        arguments,
        context.services.announcements.ListViewerAnnouncements,
        request,
        "announcements",
        _list_token,
    )


def _list_token(row: pb.Announcement) -> str:
    time = row.publish_time if row.HasField("publish_time") else row.create_time
    return encode_page_token(moment(time), row.id)


async def channel_announcements(context: Context, channel: Any, arguments: Arguments) -> Page:
    """What is published in one channel."""
    request = pb.ListAnnouncementsRequest(community_id=channel.community_id, channel_id=channel.id)
    return await announcements(context, request, arguments)


async def corrections(context: Context, announcement: Any, arguments: Arguments) -> Page:
    """What was changed since it was published, newest first."""
    return await page_of(
        context,
        arguments,
        context.services.announcements.ListCorrections,
        pb.ListCorrectionsRequest(
            community_id=announcement.community_id, announcement_id=announcement.id
        ),
        "corrections",
        lambda row: encode_page_token(moment(row.time), row.id),
    )


async def company_receipts(context: Context, announcement: Any, arguments: Arguments) -> Page:
    """Companies that were told, by id."""
    return await page_of(
        context,
        arguments,
        context.services.announcements.ListCompanyReceipts,
        pb.ListCompanyReceiptsRequest(
            community_id=announcement.community_id, announcement_id=announcement.id
        ),
        "company_receipts",
        lambda row: encode_page_token(row.company_id),
    )


async def receipts(context: Context, announcement: Any, arguments: Arguments) -> Page:
    """Who was told, by company."""
    company = arguments.get("companyId")
    return await page_of(
        context,
        arguments,
        context.services.announcements.ListReceipts,
        pb.ListReceiptsRequest(
            community_id=announcement.community_id,
            announcement_id=announcement.id,
            company_id=decode_id(company, "companyId", "Company").id if company is not None else "",
            states=[state.value for state in arguments.get("states") or ()],
        ),
        "receipts",
        lambda row: encode_page_token(row.company_id, row.person_id),
    )


async def feed_addresses(context: Context, community_id: str, arguments: Arguments) -> Page:
    """One's own addresses that still work, newest first."""
    return await page_of(
        context,
        arguments,
        context.services.announcements.ListFeedAddresses,
        pb.ListFeedAddressesRequest(community_id=community_id),
        "feed_addresses",
        lambda row: encode_page_token(moment(row.create_time), row.id),
    )

"""What can be done with channels and announcements, in GraphQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import strawberry

from chassis.errors import DomainError
from chassis.rpc_status import RemoteRefusalError
from gateway.context import Info, is_not_found
from gateway.cursors import decode_id, decode_within
from gateway.errors import BadUserInputError
from gateway.feed_secrets import addresses_of, hash_of, new_secret
from gateway.schema.announcements import inputs as a
from gateway.schema.audiences import names_given
from gateway.schema.forum.mutations.base import MODERATOR, What
from gateway.schema.writes import codes, number, version, write
from guildhall.forum.v1 import announcements_pb2 as pb

ANNOUNCEMENT = ("ANNOUNCEMENT_NOT_FOUND", "ANNOUNCEMENT_STATE_INVALID", "VERSION_STALE")
TEXTS = ("TEXT_INVALID", "FIELD_INVALID", "CONTENT_BLOCKED")


def _of_channel(input: Any) -> dict[str, Any]:
    channel = decode_id(input.channel_id, "channelId", "Channel")
    return {
        "request_id": input.request_id,
        "community_id": channel.community_id,
        "channel_id": channel.id,
    }


def _of_announcement(input: Any) -> dict[str, Any]:
    announcement = decode_id(input.announcement_id, "announcementId", "Announcement")
    return {
        "request_id": input.request_id,
        "community_id": announcement.community_id,
        "announcement_id": announcement.id,
    }


def _discussion(input: Any, community_id: str) -> str | None:
    """The topic's id, of the same community; None leaves it as it is."""
    if input.discussion_topic_id is None:
        return None
    return decode_within(community_id, input.discussion_topic_id, "discussionTopicId", "Topic")


def _new_channel(input: Any, community_id: str) -> str | None:
    """The channel's id, of the same community; None leaves it as it is."""
    if input.channel_id is None:
        return None
    return decode_within(community_id, input.channel_id, "channelId", "Channel")


@dataclass(frozen=True, slots=True)
class _Made:
    """The source of CreateFeedAddressPayload: the secret is in the addresses, and nowhere else."""

    feed_address: pb.FeedAddress
    atom_url: str
    rss_url: str
    calendar_url: str


@strawberry.type
class ChannelMutation:
    """Channels, who follows them, and their feeds."""

    @strawberry.mutation(
        description=codes(
            "Add a channel. For managers.", "CHANNEL_SLUG_TAKEN", MODERATOR, "TEXT_INVALID",
            "FIELD_INVALID", "COMMUNITY_NOT_FOUND",
        )
    )  # fmt: skip
    async def create_channel(
        self, info: Info, input: Annotated[a.CreateChannelInput, What]
    ) -> a.CreateChannelPayload:
        request = pb.CreateChannelRequest(
            request_id=input.request_id,
            community_id=decode_id(input.community_id, "communityId", "Community").id,
            slug=input.slug,
            name=input.name,
            description=input.description,
            theme=number(input.theme),
            audience=number(input.audience),
            audience_names=names_given(input),
        )
        return await write(info, info.context.services.announcements.CreateChannel, request)

    @strawberry.mutation(
        description=codes(
            "Change a channel. For managers. A narrower audience holds at once.",
            "CHANNEL_NOT_FOUND", MODERATOR, "TEXT_INVALID", "FIELD_INVALID", "VERSION_STALE",
        )
    )  # fmt: skip
    async def update_channel(
        self, info: Info, input: Annotated[a.UpdateChannelInput, What]
    ) -> a.UpdateChannelPayload:
        request = pb.UpdateChannelRequest(
            **_of_channel(input),
            name=input.name,
            description=input.description,
            theme=number(input.theme),
            audience=number(input.audience),
            audience_names=names_given(input),
            expected_version=version(input),
        )
        return await write(info, info.context.services.announcements.UpdateChannel, request)

    @strawberry.mutation(
        description=codes("Follow a channel; again changes nothing.", "CHANNEL_NOT_FOUND")
    )
    async def follow_channel(
        self, info: Info, input: Annotated[a.FollowChannelInput, What]
    ) -> a.FollowChannelPayload:
        request = pb.FollowChannelRequest(**_of_channel(input))
        return await write(info, info.context.services.announcements.FollowChannel, request)

    @strawberry.mutation(
        description=codes("Follow a channel no more; again changes nothing.", "CHANNEL_NOT_FOUND")
    )
    async def unfollow_channel(
        self, info: Info, input: Annotated[a.UnfollowChannelInput, What]
    ) -> a.UnfollowChannelPayload:
        request = pb.UnfollowChannelRequest(**_of_channel(input))
        return await write(info, info.context.services.announcements.UnfollowChannel, request)

    @strawberry.mutation(
        description=codes(
            "Make a secret address where the channel is read as Atom, RSS and iCalendar, with what "
            "one may read then: whoever has it reads as oneself. It is shown this once.",
            "CHANNEL_NOT_FOUND", "FEED_ADDRESSES_FULL", "FIELD_INVALID",
        )
    )  # fmt: skip
    async def create_feed_address(
        self, info: Info, input: Annotated[a.CreateFeedAddressInput, What]
    ) -> a.CreateFeedAddressPayload:
        context = info.context
        channel = _of_channel(input)
        secret = new_secret(
            context.cursor_key, channel["community_id"], context.actor.person_id, input.request_id
        )
        request = pb.CreateFeedAddressRequest(**channel, secret_hash=hash_of(secret))

        async def method(request: Any, timeout: float) -> _Made:
            response = await context.services.announcements.CreateFeedAddress(
                request, timeout=timeout
            )
            own = addresses_of(context.public_url, secret)
            return _Made(response.feed_address, own.atom_url, own.rss_url, own.calendar_url)

        return await write(info, method, request)

    @strawberry.mutation(
        description=codes(
            "Nothing is there any more; again changes nothing. By its owner.",
            "ADDRESS_NOT_FOUND", "COMMUNITY_NOT_FOUND",
        )
    )  # fmt: skip
    async def revoke_feed_address(
        self, info: Info, input: Annotated[a.RevokeFeedAddressInput, What]
    ) -> a.RevokeFeedAddressPayload:
        address = decode_id(input.address_id, "addressId", "Address")
        request = pb.RevokeFeedAddressRequest(
            request_id=input.request_id, community_id=address.community_id, address_id=address.id
        )
        return await write(info, info.context.services.announcements.RevokeFeedAddress, request)


@strawberry.type
class AnnouncementMutation:
    """Announcements, and what readers do about them."""

    @strawberry.mutation(
        description=codes(
            "Write a draft. For managers. Its texts are screened.", "CHANNEL_NOT_FOUND",
            "TOPIC_NOT_FOUND", MODERATOR, *TEXTS,
        )
    )  # fmt: skip
    async def create_announcement(
        self, info: Info, input: Annotated[a.CreateAnnouncementInput, What]
    ) -> a.CreateAnnouncementPayload:
        of = _of_channel(input)
        request = pb.CreateAnnouncementRequest(
            **of,
            severity=number(input.severity),
            title=input.title,
            body=input.body,
            source_locale=input.source_locale,
            audience_rule=a.rule_of(input.audience_rule),
            requires_acknowledgement=input.requires_acknowledgement,
            deadline=input.deadline,
            discussion_topic_id=_discussion(input, of["community_id"]) or "",
            expire_time=input.expire_time,
        )
        return await write(info, info.context.services.announcements.CreateAnnouncement, request)

    @strawberry.mutation(
        description=codes(
            "Change an announcement. For managers. Of what is published only texts, deadline, "
            "expiry and discussion, as a correction that its readers see; the channel of a draft "
            "only.", *ANNOUNCEMENT, "CHANNEL_NOT_FOUND", "TOPIC_NOT_FOUND", MODERATOR, *TEXTS,
        )
    )  # fmt: skip
    async def update_announcement(
        self, info: Info, input: Annotated[a.UpdateAnnouncementInput, What]
    ) -> a.UpdateAnnouncementPayload:
        of = _of_announcement(input)
        request = pb.UpdateAnnouncementRequest(
            **of,
            channel_id=_new_channel(input, of["community_id"]),
            severity=number(input.severity),
            title=input.title,
            body=input.body,
            audience_rule=a.rule_of(input.audience_rule),
            requires_acknowledgement=input.requires_acknowledgement,
            deadline=input.deadline,
            discussion_topic_id=""
            if input.end_discussion
            else _discussion(input, of["community_id"]),
            expire_time=input.expire_time,
            never_expires=input.never_expires,
            note=input.note,
            expected_version=version(input),
        )
        return await write(info, info.context.services.announcements.UpdateAnnouncement, request)

    @strawberry.mutation(
        description=codes(
            "Discard a draft, in all languages; anything else is withdrawn. For managers.",
            *ANNOUNCEMENT, MODERATOR,
        )
    )  # fmt: skip
    async def delete_announcement(
        self, info: Info, input: Annotated[a.DeleteAnnouncementInput, What]
    ) -> a.DeleteAnnouncementPayload:
        request = pb.DeleteAnnouncementRequest(
            **_of_announcement(input), expected_version=version(input)
        )
        await write(info, info.context.services.announcements.DeleteAnnouncement, request)
        return a.DeleteAnnouncementPayload(announcement_id=input.announcement_id)

    @strawberry.mutation(
        description=codes(
            "Publish later: at a moment, or when clocks show it where each reader is. For "
            "managers.", *ANNOUNCEMENT, "AUDIENCE_EMPTY", "FIELD_INVALID", MODERATOR,
        )
    )  # fmt: skip
    async def schedule_announcement(
        self, info: Info, input: Annotated[a.ScheduleAnnouncementInput, What]
    ) -> a.ScheduleAnnouncementPayload:
        request = pb.ScheduleAnnouncementRequest(
            **_of_announcement(input),
            publish_time=input.publish_time,
            wall_clock=input.wall_clock or "",
            expected_version=version(input),
        )
        return await write(info, info.context.services.announcements.ScheduleAnnouncement, request)

    @strawberry.mutation(
        description=codes(
            "Publish now; the list of who is told is then written down. For managers.",
            *ANNOUNCEMENT, "AUDIENCE_EMPTY", "FIELD_INVALID", MODERATOR,
        )
    )  # fmt: skip
    async def publish_announcement(
        self, info: Info, input: Annotated[a.PublishAnnouncementInput, What]
    ) -> a.PublishAnnouncementPayload:
        request = pb.PublishAnnouncementRequest(
            **_of_announcement(input), expected_version=version(input)
        )
        return await write(info, info.context.services.announcements.PublishAnnouncement, request)

    @strawberry.mutation(
        description=codes(
            "Take back what is scheduled or published. For managers.", *ANNOUNCEMENT,
            "REASON_REQUIRED", "TEXT_INVALID", MODERATOR,
        )
    )  # fmt: skip
    async def withdraw_announcement(
        self, info: Info, input: Annotated[a.WithdrawAnnouncementInput, What]
    ) -> a.WithdrawAnnouncementPayload:
        request = pb.WithdrawAnnouncementRequest(
            **_of_announcement(input), reason=input.reason, expected_version=version(input)
        )
        return await write(info, info.context.services.announcements.WithdrawAnnouncement, request)

    @strawberry.mutation(
        description=codes(
            "Take what has expired out of the lists. For managers.", *ANNOUNCEMENT, MODERATOR
        )
    )
    async def archive_announcement(
        self, info: Info, input: Annotated[a.ArchiveAnnouncementInput, What]
    ) -> a.ArchiveAnnouncementPayload:
        request = pb.ArchiveAnnouncementRequest(
            **_of_announcement(input), expected_version=version(input)
        )
        return await write(info, info.context.services.announcements.ArchiveAnnouncement, request)

    @strawberry.mutation(
        description=codes(
            "Give the text in a further language, or another one in it. For managers. Of what is "
            "published it is a correction.", *ANNOUNCEMENT, MODERATOR, *TEXTS,
        )
    )  # fmt: skip
    async def put_translation(
        self, info: Info, input: Annotated[a.PutTranslationInput, What]
    ) -> a.PutTranslationPayload:
        request = pb.PutTranslationRequest(
            **_of_announcement(input),
            locale=input.locale,
            title=input.title,
            body=input.body,
            note=input.note,
            expected_version=version(input),
        )
        return await write(info, info.context.services.announcements.PutTranslation, request)

    @strawberry.mutation(
        description=codes(
            "Take the text in one language away. For managers.", *ANNOUNCEMENT,
            "TRANSLATION_NOT_FOUND", "FIELD_INVALID", MODERATOR,
        )
    )  # fmt: skip
    async def delete_translation(
        self, info: Info, input: Annotated[a.DeleteTranslationInput, What]
    ) -> a.DeleteTranslationPayload:
        request = pb.DeleteTranslationRequest(
            **_of_announcement(input), locale=input.locale, expected_version=version(input)
        )
        return await write(info, info.context.services.announcements.DeleteTranslation, request)

    @strawberry.mutation(
        description="Say that these have been seen. May run twice: the first time "
        "counts. Codes: BAD_USER_INPUT, ANNOUNCEMENT_NOT_FOUND, FIELD_INVALID, UNAVAILABLE."
    )
    async def mark_announcements_seen(
        self, info: Info, input: Annotated[a.MarkAnnouncementsSeenInput, What]
    ) -> a.MarkAnnouncementsSeenPayload:
        found = [
            decode_id(id_, f"announcementIds.{place}", "Announcement")
            for place, id_ in enumerate(input.announcement_ids)
        ]
        communities = {one.community_id for one in found}
        if len(communities) != 1:
            raise BadUserInputError(
                "announcementIds must be of one community", field="announcementIds"
            )
        request = pb.MarkAnnouncementsSeenRequest(
            community_id=communities.pop(), announcement_ids=[one.id for one in found]
        )
        try:
            return await write(
                info, info.context.services.announcements.MarkAnnouncementsSeen, request
            )
        except DomainError as error:
            if not is_not_found(error):
                raise
            raise RemoteRefusalError(
                "ANNOUNCEMENT_NOT_FOUND",
                error.status,
                "Announcement not found",
                field="announcementIds",
            ) from None

    @strawberry.mutation(
        description=codes(
            "Say that one has read it and takes it on, for one's company; again changes nothing.",
            "ANNOUNCEMENT_NOT_FOUND", "ANNOUNCEMENT_STATE_INVALID", "ACKNOWLEDGEMENT_NOT_REQUIRED",
        )
    )  # fmt: skip
    async def acknowledge_announcement(
        self, info: Info, input: Annotated[a.AcknowledgeAnnouncementInput, What]
    ) -> a.AcknowledgeAnnouncementPayload:
        request = pb.AcknowledgeAnnouncementRequest(**_of_announcement(input))
        return await write(
            info, info.context.services.announcements.AcknowledgeAnnouncement, request
        )

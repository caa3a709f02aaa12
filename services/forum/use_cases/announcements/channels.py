"""What managers do with channels, and who follows them."""

from __future__ import annotations

from chassis.actors import MANAGER, Actor
from chassis.decisions import Decision, Seen
from chassis.errors import check_version
from guildhall.forum.v1 import announcements_pb2 as pb
from guildhall.forum.v1 import domain_events_pb2 as said
from services.forum.converters.announcements import requests
from services.forum.converters.announcements.messages import channel_to_proto
from services.forum.domain.announcements.channels import (
    Channel,
    ChannelFollow,
    ChannelNotFoundError,
    follow_id,
)
from services.forum.domain.members import Member
from services.forum.domain.spaces import (
    check_description,
    check_space_name,
    check_space_slug,
)
from services.forum.use_cases.announcements.base import AnnouncementsBase


class ChannelUseCases(AnnouncementsBase):
    """Channels are their own aggregates, and so is that a person follows one."""

    async def create_channel(
        self, actor: Actor, request: pb.CreateChannelRequest
    ) -> pb.CreateChannelResponse:
        """MANAGER. Refuses with CHANNEL_SLUG_TAKEN."""
        actor.require_role(request.community_id, MANAGER)
        member = Member.of(actor, request.community_id)
        slug = check_space_slug(request.slug)
        name = check_space_name(request.name)
        description = check_description(request.description)
        theme = requests.theme(request.theme)
        if (done := await self._done(actor, request, pb.CreateChannelResponse)) is not None:
            return done
        audience, names = await self._audience_of(
            request.community_id, request.audience, request.audience_names
        )
        channel_id = self._commands.new_id(actor, request)

        def decide(seen: Seen[Channel]) -> Decision[Channel, pb.CreateChannelResponse]:
            made = seen.state or Channel(
                channel_id,
                request.community_id,
                slug,
                name,
                description,
                theme,
                audience,
                names,
                seen.now.time,
            )
            return Decision(
                made,
                lambda version: pb.CreateChannelResponse(
                    channel=channel_to_proto(made, version, followed=False, keyring=member.keyring)
                ),
                [] if seen.state else [said.ChannelCreated(channel_id=channel_id)],
            )

        ref = self._repository.channels.ref(request.community_id, channel_id)
        with self._repository.channel_walls.changing(request.community_id):
            return await self._commands.run(actor, request, ref, decide)

    async def update_channel(
        self, actor: Actor, request: pb.UpdateChannelRequest
    ) -> pb.UpdateChannelResponse:
        """MANAGER. Refuses with CHANNEL_NOT_FOUND, VERSION_STALE."""
        actor.require_role(request.community_id, MANAGER)
        member = Member.of(actor, request.community_id)
        theme = requests.theme(request.theme) if request.theme else None
        if (done := await self._done(actor, request, pb.UpdateChannelResponse)) is not None:
            return done
        audience = await self._new_audience(
            request.community_id,
            request.audience,
            request.audience_names,
            lambda: self._repository.find_channels(
                request.community_id, [request.channel_id], member.keyring
            ),
        )
        followed = await self._follows(member, request.community_id, request.channel_id)

        def decide(seen: Seen[Channel]) -> Decision[Channel, pb.UpdateChannelResponse]:
            if seen.state is None or not seen.state.readable(member.keyring):
                raise ChannelNotFoundError(field="channel_id")
            check_version(seen.seq, request.expected_version)
            channel = seen.state.change(
                name=request.name if request.HasField("name") else None,
                description=request.description if request.HasField("description") else None,
                theme=theme,
                audience=audience,
            )
            return Decision(
                channel,
                lambda version: pb.UpdateChannelResponse(
                    channel=channel_to_proto(
                        channel, version, followed=followed, keyring=member.keyring
                    )
                ),
                [said.ChannelUpdated(channel_id=channel.id)] if channel != seen.state else [],
            )

        ref = self._repository.channels.ref(request.community_id, request.channel_id)
        with self._repository.channel_walls.changing(request.community_id):
            return await self._commands.run(actor, request, ref, decide)

    async def _follows(self, member: Member, community_id: str, channel_id: str) -> bool:
        return bool(
            await self._repository.find_follows(community_id, member.person_id, [channel_id])
        )

    async def follow_channel(
        self, actor: Actor, request: pb.FollowChannelRequest
    ) -> pb.FollowChannelResponse:
        """Refuses with CHANNEL_NOT_FOUND."""
        return pb.FollowChannelResponse(
            channel=await self._set_following(actor, request, following=True)
        )

    async def unfollow_channel(
        self, actor: Actor, request: pb.UnfollowChannelRequest
    ) -> pb.UnfollowChannelResponse:
        """Refuses with CHANNEL_NOT_FOUND."""
        return pb.UnfollowChannelResponse(
            channel=await self._set_following(actor, request, following=False)
        )

    async def _set_following(
        self,
        actor: Actor,
        request: pb.FollowChannelRequest | pb.UnfollowChannelRequest,
        *,
        following: bool,
    ) -> pb.Channel:
        member = Member.of(actor, request.community_id)
        channel = await self._repository.get_channel(
            request.community_id, request.channel_id, member.keyring
        )
        ids = {"channel_id": channel.id, "person_id": member.person_id}
        event = said.ChannelFollowed(**ids) if following else said.ChannelUnfollowed(**ids)
        after = ChannelFollow(channel.id, member.person_id, following)

        def decide(
            seen: Seen[ChannelFollow],
        ) -> Decision[ChannelFollow, pb.FollowChannelResponse]:
            if (seen.state is not None and seen.state.following) == following:
                # Who never followed has no document, and needs none to follow no more.
                return Decision(seen.state, lambda _: pb.FollowChannelResponse())  # type: ignore[arg-type]
            return Decision(after, lambda _: pb.FollowChannelResponse(), [event])

        ref = self._repository.channel_follows.ref(
            request.community_id, follow_id(channel.id, member.person_id)
        )
        await self._commands.run(actor, request, ref, decide)
        return channel_to_proto(
            channel, channel.version, followed=following, keyring=member.keyring
        )

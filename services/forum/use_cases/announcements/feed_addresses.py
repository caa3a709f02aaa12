"""Secret addresses of channels: made and revoked by whom they are for."""

from __future__ import annotations

import random
from dataclasses import replace

from chassis.actors import Actor
from chassis.decisions import Decision, Seen
from chassis.placing import placed
from guildhall.forum.v1 import announcements_pb2 as pb
from guildhall.forum.v1 import domain_events_pb2 as said
from services.forum.converters.announcements.messages import feed_address_to_proto
from services.forum.domain.announcements.channels import Channel
from services.forum.domain.announcements.feed_addresses import (
    AddressNotFoundError,
    FeedAddress,
    FeedAddressesFullError,
    check_secret_hash,
    free_numbers,
)
from services.forum.domain.members import Member
from services.forum.use_cases.announcements.base import AnnouncementsBase


class FeedAddressUseCases(AnnouncementsBase):
    """The secret is never here: its hash is all that is needed to find it again."""

    async def create_feed_address(
        self, actor: Actor, request: pb.CreateFeedAddressRequest
    ) -> pb.CreateFeedAddressResponse:
        """Refuses with CHANNEL_NOT_FOUND, FEED_ADDRESSES_FULL."""
        member = Member.of(actor, request.community_id)
        secret_hash = check_secret_hash(request.secret_hash)
        if (done := await self._done(actor, request, pb.CreateFeedAddressResponse)) is not None:
            return done
        channel = await self._repository.get_channel(
            request.community_id, request.channel_id, member.keyring
        )

        async def find() -> int:
            taken = await self._repository.find_feed_address_numbers(
                request.community_id, member.person_id
            )
            return random.choice(free_numbers(taken))  # noqa: S311 - so that few want the same

        async def create(number: int) -> pb.CreateFeedAddressResponse:
            return await self._create(actor, request, channel, secret_hash, number)

        return await placed(find, create, FeedAddressesFullError)

    async def _create(
        self,
        actor: Actor,
        request: pb.CreateFeedAddressRequest,
        channel: Channel,
        secret_hash: str,
        number: int,
    ) -> pb.CreateFeedAddressResponse:
        address_id = self._commands.new_id(actor, request)

        def decide(seen: Seen[FeedAddress]) -> Decision[FeedAddress, pb.CreateFeedAddressResponse]:
            made = seen.state or FeedAddress(
                address_id,
                request.community_id,
                channel.id,
                actor.person_id,
                secret_hash,
                seen.now.time,
                number,
            )
            event = said.FeedAddressCreated(
                address_id=made.id, channel_id=made.channel_id, person_id=made.person_id
            )
            return Decision(
                made,
                lambda _: pb.CreateFeedAddressResponse(feed_address=feed_address_to_proto(made)),
                [] if seen.state else [event],
            )

        ref = self._repository.feed_addresses.ref(request.community_id, address_id)
        return await self._commands.run(actor, request, ref, decide)

    async def revoke_feed_address(
        self, actor: Actor, request: pb.RevokeFeedAddressRequest
    ) -> pb.RevokeFeedAddressResponse:
        """By its owner. Refuses with ADDRESS_NOT_FOUND."""
        member = Member.of(actor, request.community_id)

        def decide(seen: Seen[FeedAddress]) -> Decision[FeedAddress, pb.RevokeFeedAddressResponse]:
            address = seen.state
            if address is None or address.person_id != member.person_id:
                raise AddressNotFoundError(field="address_id")
            event = said.FeedAddressRevoked(
                address_id=address.id, channel_id=address.channel_id, person_id=address.person_id
            )
            return Decision(
                replace(address, revoked=True),
                lambda _: pb.RevokeFeedAddressResponse(feed_address=feed_address_to_proto(address)),
                [] if address.revoked else [event],
            )

        ref = self._repository.feed_addresses.ref(request.community_id, request.address_id)
        return await self._commands.run(actor, request, ref, decide)

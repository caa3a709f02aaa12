"""What managers and owners do with seedings, and how those end by themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, TypeVar

from google.protobuf.message import Message

from chassis.actors import MANAGER, Actor
from chassis.commands import Commands
from chassis.decisions import Decision, Seen
from chassis.errors import check_version
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1 import seeding_pb2 as pb
from services.forum.converters import enums
from services.forum.converters.seeding import Report, due_time, seeding_to_proto
from services.forum.domain.members import Member
from services.forum.domain.seeding import (
    Seeding,
    SeedingItemNotFoundError,
    SeedingNotFoundError,
    SeedingOwnerInvalidError,
    SeedingState,
    check_hours,
    check_item_title,
    check_owner_count,
    check_seeding_name,
    seeding_of,
    weeks_of,
)
from services.forum.domain.spaces import Space, Vitality
from services.forum.repository import ForumRepository
from services.forum.use_cases.memberships import readers_of

if TYPE_CHECKING:
    from guildhall.directory.v1.directory_pb2_grpc import DirectoryServiceAsyncStub

A = TypeVar("A", bound=Message)
SEEDING = Actor(service="seeding")


class _Request(Protocol):
    @property
    def community_id(self) -> str: ...
    @property
    def expected_version(self) -> int: ...


class SeedingUseCases:
    """A seeding with its items is one aggregate."""

    def __init__(
        self,
        commands: Commands,
        repository: ForumRepository,
        directory: DirectoryServiceAsyncStub,
    ) -> None:
        self._commands = commands
        self._repository = repository
        self._directory = directory

    async def create_seeding(
        self, actor: Actor, request: pb.CreateSeedingRequest
    ) -> pb.CreateSeedingResponse:
        """MANAGER. Refuses with SPACE_NOT_FOUND, SEEDING_ALREADY_ACTIVE, SEEDING_OWNER_INVALID."""
        community_id = request.community_id
        actor.require_role(community_id, MANAGER)
        name = check_seeding_name(request.name)
        owners = check_owner_count(request.owner_ids)
        hours = check_hours(request.first_reply_hours)
        done = await self._commands.replay(actor, request)
        if isinstance(done, pb.CreateSeedingResponse):
            return done
        keyring = Member.of(actor, community_id).keyring
        space = await self._repository.get_space(community_id, request.space_id, keyring)
        await self._check_owners(space, owners, "owner_ids")
        seeding_id = self._commands.new_id(actor, request)

        def decide(seen: Seen[Seeding]) -> Decision[Seeding, pb.CreateSeedingResponse]:
            new = seen.state is None
            seeding = seen.state or Seeding(
                seeding_id, community_id, space.id, name, owners, hours, seen.now.time
            )
            return Decision(
                seeding,
                lambda seq: pb.CreateSeedingResponse(seeding=seeding_to_proto(seeding, seq)),
                [said.SeedingCreated(seeding_id=seeding_id)] if new else [],
            )

        ref = self._repository.seeding_ref(community_id, seeding_id)
        return await self._commands.run(actor, request, ref, decide)

    async def update_seeding(
        self, actor: Actor, request: pb.UpdateSeedingRequest
    ) -> pb.UpdateSeedingResponse:
        """MANAGER. Refuses with SEEDING_NOT_FOUND, SEEDING_ENDED, SEEDING_OWNER_INVALID."""
        actor.require_role(request.community_id, MANAGER)
        owners = check_owner_count(request.owner_ids) if request.update_owner_ids else None
        done = await self._commands.replay(actor, request)
        if isinstance(done, pb.UpdateSeedingResponse):
            return done
        found, space = await self._found(actor, request, request.seeding_id)
        if owners is not None:
            await self._check_owners(space, owners, "owner_ids")
        hours = request.first_reply_hours if request.HasField("first_reply_hours") else None

        def change(seeding: Seeding) -> Seeding:
            return seeding.change(
                name=request.name if request.HasField("name") else None,
                owner_ids=owners,
                first_reply_hours=hours,
            )

        return await self._change(actor, request, found, change, pb.UpdateSeedingResponse)

    async def end_seeding(
        self, actor: Actor, request: pb.EndSeedingRequest
    ) -> pb.EndSeedingResponse:
        """MANAGER. Refuses with SEEDING_NOT_FOUND, SEEDING_ENDED."""
        actor.require_role(request.community_id, MANAGER)
        done = await self._commands.replay(actor, request)
        if isinstance(done, pb.EndSeedingResponse):
            return done
        found, _ = await self._found(actor, request, request.seeding_id)

        def decide(seen: Seen[Seeding]) -> Decision[Seeding, pb.EndSeedingResponse]:
            before = _there(seen.state)
            check_version(seen.seq, request.expected_version)
            ended = before.end(SeedingState.ENDED, seen.now.time)
            return Decision(
                ended,
                lambda seq: pb.EndSeedingResponse(seeding=seeding_to_proto(ended, seq)),
                [said.SeedingEnded(seeding_id=ended.id)],
            )

        ref = self._repository.seeding_ref(found.community_id, found.id)
        return await self._commands.run(actor, request, ref, decide)

    async def add_seeding_item(
        self, actor: Actor, request: pb.AddSeedingItemRequest
    ) -> pb.AddSeedingItemResponse:
        """MANAGER. Refuses with SEEDING_NOT_FOUND, SEEDING_ENDED, TOO_MANY_SEEDING_ITEMS."""
        actor.require_role(request.community_id, MANAGER)
        title = check_item_title(request.title)
        kind = enums.topic_kind(request.kind)
        due = due_time(request.due_time) if request.HasField("due_time") else None
        done = await self._commands.replay(actor, request)
        if isinstance(done, pb.AddSeedingItemResponse):
            return done
        found, space = await self._found(actor, request, request.seeding_id)
        await self._check_owners(space, [request.owner_id], "owner_id")

        def change(seeding: Seeding) -> Seeding:
            return seeding.add(title, kind, request.owner_id, due)

        return await self._change(actor, request, found, change, pb.AddSeedingItemResponse)

    async def update_seeding_item(
        self, actor: Actor, request: pb.UpdateSeedingItemRequest
    ) -> pb.UpdateSeedingItemResponse:
        """MANAGER or an owner of it. Refuses with SEEDING_ITEM_NOT_FOUND, SEEDING_ITEM_POSTED."""
        member = Member.of(actor, request.community_id)
        due = due_time(request.due_time) if request.HasField("due_time") else None
        done = await self._commands.replay(actor, request)
        if isinstance(done, pb.UpdateSeedingItemResponse):
            return done
        try:
            found, space = await self._found(actor, request, seeding_of(request.seeding_item_id))
            found.check_poster(member)
        except SeedingNotFoundError:
            raise SeedingItemNotFoundError(field="seeding_item_id") from None
        if request.owner_id:
            await self._check_owners(space, [request.owner_id], "owner_id")

        def change(seeding: Seeding) -> Seeding:
            return seeding.revise(
                request.seeding_item_id,
                title=request.title if request.HasField("title") else None,
                owner_id=request.owner_id,
                due_time=due,
                skipped=request.skipped if request.HasField("skipped") else None,
            )

        return await self._change(actor, request, found, change, pb.UpdateSeedingItemResponse)

    async def report(self, seeding: Seeding, member: Member, now: datetime) -> Report:
        """What a seeding did until now, or its end. Refuses with SEEDING_NOT_FOUND who does not
        read its space.
        """
        space = await self._space_of(seeding, member)
        until = seeding.until(now)
        counts = await self._repository.count_weeks(seeding, until)
        return Report(
            weeks_of(seeding, until, counts),
            await self._repository.count_answers(seeding),
            await self._repository.day_before(space, seeding.create_time),
            await self._repository.day_before(space, until),
        )

    async def end_fulfilled(self) -> None:
        """End what is not needed any more: its space lives by itself."""
        async for seeding in self._repository.active_seedings():
            spaces = await self._repository.find_spaces(
                seeding.community_id, [seeding.space_id], None
            )
            if spaces and spaces[0].vitality is Vitality.SELF_SUSTAINING:
                await self._fulfil(seeding)

    async def _fulfil(self, seeding: Seeding) -> None:
        def decide(seen: Seen[Seeding]) -> Decision[Seeding, pb.SeedingFulfilmentResult]:
            before = _there(seen.state)
            if not before.active:
                return Decision(before, lambda _: pb.SeedingFulfilmentResult())
            return Decision(
                before.end(SeedingState.FULFILLED, seen.now.time),
                lambda _: pb.SeedingFulfilmentResult(),
                [said.SeedingEnded(seeding_id=before.id)],
            )

        request = pb.SeedingFulfilment(
            request_id=f"fulfil-{seeding.id}",
            community_id=seeding.community_id,
            seeding_id=seeding.id,
        )
        ref = self._repository.seeding_ref(seeding.community_id, seeding.id)
        await self._commands.run(SEEDING, request, ref, decide)

    async def _found(
        self, actor: Actor, request: _Request, seeding_id: str
    ) -> tuple[Seeding, Space]:
        """A seeding the caller may see, with its space. Refuses with SEEDING_NOT_FOUND."""
        member = Member.of(actor, request.community_id)
        seeding = await self._repository.get_seeding(request.community_id, seeding_id, member)
        return seeding, await self._space_of(seeding, member)

    async def _space_of(self, seeding: Seeding, member: Member) -> Space:
        spaces = await self._repository.find_spaces(
            seeding.community_id, [seeding.space_id], member.keyring
        )
        if not spaces:
            raise SeedingNotFoundError(field="seeding_id")
        return spaces[0]

    async def _change(
        self,
        actor: Actor,
        request: Message,
        found: Seeding,
        change: Callable[[Seeding], Seeding],
        kind: Callable[..., A],
    ) -> A:
        """One step; `kind` is the response's class."""
        expected: int = request.expected_version  # type: ignore[attr-defined]

        def decide(seen: Seen[Seeding]) -> Decision[Seeding, A]:
            before = _there(seen.state)
            check_version(seen.seq, expected)
            changed = change(before)
            return Decision(
                changed,
                lambda seq: kind(seeding=seeding_to_proto(changed, seq)),
                [said.SeedingUpdated(seeding_id=found.id)] if changed != before else [],
            )

        ref = self._repository.seeding_ref(found.community_id, found.id)
        return await self._commands.run(actor, request, ref, decide)

    async def _check_owners(self, space: Space, owner_ids: Sequence[str], field: str) -> None:
        """Members who can read the space. Refuses with SEEDING_OWNER_INVALID, UNAVAILABLE."""
        able = await readers_of(self._directory, space, owner_ids)
        if not able.issuperset(owner_ids):
            raise SeedingOwnerInvalidError(field=field)


def _there(seeding: Seeding | None) -> Seeding:
    if seeding is None:
        raise SeedingNotFoundError(field="seeding_id")
    return seeding

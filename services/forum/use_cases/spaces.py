"""What managers do with spaces."""

from __future__ import annotations

from chassis.actors import MANAGER, Actor
from chassis.decisions import Decision, Seen
from chassis.errors import check_version
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1.forum_pb2 import (
    CreateSpaceRequest,
    CreateSpaceResponse,
    UpdateSpaceRequest,
    UpdateSpaceResponse,
)
from services.forum.converters import enums
from services.forum.converters.messages import space_to_proto
from services.forum.converters.space_settings import changed_settings
from services.forum.domain.members import Member
from services.forum.domain.space_settings import DEFAULT_SETTINGS
from services.forum.domain.spaces import (
    Space,
    SpaceMode,
    SpaceNotFoundError,
    check_description,
    check_space_name,
    check_space_slug,
)
from services.forum.use_cases.base import UseCases


class SpaceUseCases(UseCases):
    """Spaces are their own aggregates."""

    async def create_space(self, actor: Actor, request: CreateSpaceRequest) -> CreateSpaceResponse:
        """MANAGER. Refuses with SPACE_SLUG_TAKEN."""
        actor.require_role(request.community_id, MANAGER)
        member = Member.of(actor, request.community_id)
        slug = check_space_slug(request.slug)
        name = check_space_name(request.name)
        description = check_description(request.description)
        mode = enums.space_mode(request.mode, unspecified=SpaceMode.AUTO)
        settings = changed_settings(DEFAULT_SETTINGS, request.settings)
        if (done := await self._done(actor, request, CreateSpaceResponse)) is not None:
            return done
        audience, names = await self._audience_of(
            request.community_id, request.audience, request.audience_names
        )
        space_id = self._commands.new_id(actor, request)

        def decide(seen: Seen[Space]) -> Decision[Space, CreateSpaceResponse]:
            space = seen.state
            new = space is None
            if space is None:
                space = Space(
                    space_id,
                    request.community_id,
                    slug,
                    name,
                    description,
                    mode,
                    audience,
                    names,
                    seen.now.time,
                    settings=settings,
                )
            made = space
            return Decision(
                made,
                lambda version: CreateSpaceResponse(
                    space=space_to_proto(made, version, keyring=member.keyring)
                ),
                [said.SpaceCreated(space_id=space_id)] if new else [],
            )

        ref = self._repository.spaces.ref(request.community_id, space_id)
        with self._repository.walls.changing(request.community_id):
            return await self._commands.run(actor, request, ref, decide)

    async def update_space(self, actor: Actor, request: UpdateSpaceRequest) -> UpdateSpaceResponse:
        """MANAGER. Refuses with SPACE_NOT_FOUND, VERSION_STALE."""
        actor.require_role(request.community_id, MANAGER)
        member = Member.of(actor, request.community_id)
        mode = enums.space_mode(request.mode, unspecified=SpaceMode.AUTO) if request.mode else None
        if (done := await self._done(actor, request, UpdateSpaceResponse)) is not None:
            return done
        audience = await self._new_audience(
            request.community_id,
            request.audience,
            request.audience_names,
            lambda: self._repository.find_spaces(
                request.community_id, [request.space_id], member.keyring
            ),
        )

        def decide(seen: Seen[Space]) -> Decision[Space, UpdateSpaceResponse]:
            if seen.state is None or not seen.state.readable(member.keyring):
                raise SpaceNotFoundError(field="space_id")
            check_version(seen.seq, request.expected_version)
            space = seen.state.change(
                name=request.name if request.HasField("name") else None,
                description=request.description if request.HasField("description") else None,
                mode=mode,
                audience=audience,
                settings=changed_settings(seen.state.settings, request.settings),
            )
            return Decision(
                space,
                lambda version: UpdateSpaceResponse(
                    space=space_to_proto(space, version, keyring=member.keyring)
                ),
                [said.SpaceUpdated(space_id=space.id)] if space != seen.state else [],
            )

        ref = self._repository.spaces.ref(request.community_id, request.space_id)
        with self._repository.walls.changing(request.community_id):
            return await self._commands.run(actor, request, ref, decide)

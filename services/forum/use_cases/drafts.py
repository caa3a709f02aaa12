"""What a person is writing: kept as often as they type, past the commands (docs/adr/0020)."""

from __future__ import annotations

from chassis import moment
from chassis.actors import Actor
from guildhall.forum.v1.drafts_pb2 import (
    DeleteDraftRequest,
    DeleteDraftResponse,
    SaveDraftRequest,
    SaveDraftResponse,
)
from services.forum.converters import enums
from services.forum.converters.drafts import draft_to_proto, place_of
from services.forum.domain.drafts import (
    MOST_DRAFTS,
    DraftKind,
    DraftPlace,
    TooManyDraftsError,
    new_draft,
)
from services.forum.domain.members import Member
from services.forum.use_cases.base import UseCases


class DraftUseCases(UseCases):
    """A place is one that the person can see now, and an edit one that is theirs to make."""

    async def save_draft(self, actor: Actor, request: SaveDraftRequest) -> SaveDraftResponse:
        """Refuses with SPACE_NOT_FOUND, TOPIC_NOT_FOUND, REPLY_NOT_FOUND, TOO_MANY_DRAFTS."""
        member = Member.of(actor, request.community_id)
        self._commands.new_id(actor, request)  # a good request_id, though none is stored for it
        place = place_of(request, member.person_id)
        kind = None
        if request.topic_kind:
            kind = enums.topic_kind(request.topic_kind, "topic_kind")
        now = moment.now()
        draft = new_draft(place, kind, request.title, request.body, request.tags, now)
        await self._check_place(place, member)
        if await self._repository.find_draft(place) is None:
            count = await self._repository.count_drafts(
                place.community_id, place.person_id, MOST_DRAFTS
            )
            if count >= MOST_DRAFTS:
                raise TooManyDraftsError(f"at most {MOST_DRAFTS} drafts in a community")
        saved = await self._repository.save_draft(draft, request.expected_version)
        return SaveDraftResponse(draft=draft_to_proto(saved))

    async def delete_draft(self, actor: Actor, request: DeleteDraftRequest) -> DeleteDraftResponse:
        """One's own, even where one cannot read any more; where there is none, as save_draft."""
        member = Member.of(actor, request.community_id)
        self._commands.new_id(actor, request)  # as in save_draft
        place = place_of(request, member.person_id)
        deleted = await self._repository.delete_draft(place)
        if not deleted:
            await self._check_place(place, member)
        return DeleteDraftResponse(deleted=deleted)

    async def _check_place(self, place: DraftPlace, member: Member) -> None:
        if place.kind is DraftKind.TOPIC:
            await self._repository.get_space(place.community_id, place.space_id, member.keyring)
            return
        topic = await self._repository.get_topic(place.community_id, place.topic_id, member.keyring)
        if place.kind is DraftKind.TOPIC_EDIT:
            topic.check_editable(member)
        if place.reply_id:
            reply = await self._repository.get_reply(topic, place.reply_id, member.keyring)
            if place.kind is DraftKind.REPLY_EDIT:
                reply.check_editable(member)

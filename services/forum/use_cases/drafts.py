"""What a person is writing: kept as often as they type, past the commands (docs/adr/0020)."""

from __future__ import annotations

import random
from dataclasses import replace

from chassis import moment
from chassis.actors import Actor
from chassis.placing import TRIES
from guildhall.forum.v1.drafts_pb2 import (
    DeleteDraftRequest,
    DeleteDraftResponse,
    SaveDraftRequest,
    SaveDraftResponse,
)
from services.forum.converters import enums
from services.forum.converters.context_refs import context_refs_of
from services.forum.converters.drafts import draft_to_proto, place_of, poll_of
from services.forum.converters.references import quotes_of
from services.forum.domain.attachments import AttachmentNotFoundError
from services.forum.domain.drafts import (
    Draft,
    DraftKind,
    DraftPlace,
    TooManyDraftsError,
    check_room_for_draft,
    new_draft,
)
from services.forum.domain.members import Member
from services.forum.domain.references import NO_REFERENCES, References
from services.forum.domain.replies import Reply
from services.forum.domain.spaces import Space
from services.forum.domain.topics import Topic
from services.forum.use_cases.references import ReferenceUseCases


class DraftUseCases(ReferenceUseCases):
    """A place is one that the person can see now, and an edit one that is theirs to make."""

    async def save_draft(self, actor: Actor, request: SaveDraftRequest) -> SaveDraftResponse:
        """Refuses with SPACE_NOT_FOUND, TOPIC_NOT_FOUND, REPLY_NOT_FOUND, TOO_MANY_DRAFTS.

        And as create_topic for what it is to have.
        """
        member = Member.of(actor, request.community_id)
        self._commands.new_id(actor, request)  # a good request_id, though none is stored for it
        place = place_of(request, member.person_id)
        kind = None
        if request.topic_kind:
            kind = enums.topic_kind(request.topic_kind, "topic_kind")
        now = moment.now()
        draft = new_draft(
            place, kind, request.title, request.body, request.tags, request.attachment_ids, now
        )
        poll = poll_of(request.poll) if request.HasField("poll") else None
        draft = replace(
            draft,
            as_company=request.as_company,
            poll=poll,
            context_refs=tuple(context_refs_of(request.context_refs)),
        ).check_fits()
        space, post = await self._place(place, member)
        before = await self._repository.find_draft(place)
        if draft.as_company and not (before and before.as_company):
            member.writes_as(as_company=True)  # refuse before it is written
        number = None if before else await self._room_for(place)
        await self._check_attachments(draft, before, post, member)
        draft = replace(
            draft, references=await self._references(member, space, request, before, post)
        )
        saved = await self._saved(draft, request.expected_version, number)
        (shown,) = await self._repository.shown_drafts(
            [saved], place.community_id, member.person_id, member.keyring
        )
        return SaveDraftResponse(draft=draft_to_proto(shown, member.keyring))

    async def _room_for(self, place: DraftPlace) -> int:
        """One of the places that are left. Refuses with TOO_MANY_DRAFTS."""
        free = await self._repository.find_free_draft_numbers(place.community_id, place.person_id)
        check_room_for_draft(free)
        return random.choice(free)  # noqa: S311 - so that few want the same

    async def _saved(self, draft: Draft, expected_version: int, number: int | None) -> Draft:
        """Of two who take the same place one looks again, and who finds it taken or gone."""
        for _ in range(TRIES):
            saved = await self._repository.save_draft(draft, expected_version, number)
            if saved is not None:
                return saved
            there = await self._repository.find_draft(draft.place)
            number = None if there else await self._room_for(draft.place)
        raise TooManyDraftsError("too many are begun at once: try again")

    async def delete_draft(self, actor: Actor, request: DeleteDraftRequest) -> DeleteDraftResponse:
        """One's own, even where one cannot read any more; where there is none, as save_draft."""
        member = Member.of(actor, request.community_id)
        self._commands.new_id(actor, request)  # as in save_draft
        place = place_of(request, member.person_id)
        deleted = await self._repository.delete_draft(place)
        if not deleted:
            await self._place(place, member)
        return DeleteDraftResponse(deleted=deleted)

    async def _place(self, place: DraftPlace, member: Member) -> tuple[Space, Topic | Reply | None]:
        """The space it is in, and the post that it edits, if it does."""
        community_id, keyring = place.community_id, member.keyring
        if place.kind is DraftKind.TOPIC:
            return await self._repository.get_space(community_id, place.space_id, keyring), None
        topic, space = await self._repository.get_topic_space(community_id, place.topic_id, keyring)
        if place.kind is DraftKind.TOPIC_EDIT:
            topic.check_editable(member)
            return space, topic
        if place.reply_id:
            reply = await self._repository.get_reply(topic, place.reply_id, keyring)
            if place.kind is DraftKind.REPLY_EDIT:
                reply.check_editable(member)
                return space, reply
        return space, None

    async def _check_attachments(
        self, draft: Draft, before: Draft | None, post: Topic | Reply | None, member: Member
    ) -> None:
        """New ones only. Refuses with ATTACHMENT_NOT_FOUND, ATTACHMENT_STATE_INVALID."""
        known = {one.id for one in post.attachments} if post else set()
        known.update(before.attachment_ids if before else ())
        new = [one for one in draft.attachment_ids if one not in known]
        if not new:
            return
        found = {
            one.id: one
            for one in await self._repository.find_attachments(
                draft.place.community_id, new, member.person_id, member.keyring
            )
        }
        for id_ in new:
            if id_ not in found:
                raise AttachmentNotFoundError(field="attachment_ids")
            found[id_].check_draftable(member)

    async def _references(
        self,
        member: Member,
        space: Space,
        request: SaveDraftRequest,
        draft: Draft | None,
        post: Topic | Reply | None,
    ) -> References:
        """As of an edit; people who were found before are not asked about at every save."""
        known = [one.references for one in (draft, post) if one is not None]
        mentioned = tuple(request.mentioned_ids)
        if mentioned not in [one.mentioned_ids for one in known]:
            mentioned = await self._mentioned(member, space, mentioned)
        quotes = await self._quoted(
            member,
            space,
            quotes_of(request.quotes),
            [quote for one in known for quote in one.quotes],
        )
        return References(mentioned, quotes) if mentioned or quotes else NO_REFERENCES

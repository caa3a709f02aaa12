"""What managers write: drafts, corrections of what is out, and texts in further languages."""

from __future__ import annotations

from dataclasses import dataclass, replace

from chassis.actors import Actor
from chassis.decisions import Decision, Seen
from chassis.errors import FieldInvalidError
from chassis.locales import check_locale
from chassis.moment import Moment
from chassis.timestamps import time_of
from guildhall.forum.v1 import announcements_pb2 as pb
from guildhall.forum.v1 import domain_events_pb2 as said
from services.forum.converters.announcements import requests
from services.forum.converters.announcements.messages import announcement_to_proto
from services.forum.converters.markdown import rendered
from services.forum.domain.announcements.announcement import (
    DEFAULT_LOCALE,
    Announcement,
    AnnouncementNotFoundError,
    Correction,
    Terms,
    Translation,
    TranslationNotFoundError,
)
from services.forum.domain.announcements.copies import Copy
from services.forum.domain.announcements.texts import AnnouncementText, check_note
from services.forum.domain.members import Member
from services.forum.domain.topics import TopicNotFoundError
from services.forum.repository import ForumRepository
from services.forum.use_cases.announcements.base import AnnouncementsBase, Change, decided, shown

_TEXTS = ("title", "body")


class WritingUseCases(AnnouncementsBase):
    """Texts are screened before the command; managers' are never held."""

    async def create_announcement(
        self, actor: Actor, request: pb.CreateAnnouncementRequest
    ) -> pb.CreateAnnouncementResponse:
        """MANAGER. Refuses with CHANNEL_NOT_FOUND, CONTENT_BLOCKED."""
        self._manager(actor, request.community_id)
        text = AnnouncementText.checked(request.title, request.body)
        locale = check_locale(request.source_locale or DEFAULT_LOCALE, "source_locale")
        terms = _new_terms(request)
        if (done := await self._done(actor, request, pb.CreateAnnouncementResponse)) is not None:
            return done
        member = Member.of(actor, request.community_id)
        channel = await self._repository.get_channel(
            request.community_id, request.channel_id, member.keyring
        )
        await self._check_named(member, request.community_id, terms)
        text = await self._screened(request.community_id, text)
        body = rendered(text.body)
        announcement_id = self._commands.new_id(actor, request)

        def decide(
            seen: Seen[Announcement],
        ) -> Decision[Announcement, pb.CreateAnnouncementResponse]:
            if seen.state is not None and seen.state.deleted:  # asked again after 48 hours
                raise AnnouncementNotFoundError
            made = seen.state or Announcement(
                announcement_id,
                request.community_id,
                channel.id,
                text.title,
                body,
                locale,
                member.author,
                seen.now.time,
                terms.checked(seen.now.time),
            )
            drafted = said.AnnouncementDrafted(announcement_id=made.id, channel_id=made.channel_id)
            change = Change(made, [] if seen.state else [drafted])
            return decided(
                change,
                lambda after: pb.CreateAnnouncementResponse(
                    announcement=announcement_to_proto(
                        Copy(after.announcement, for_manager=True), seen.now.time
                    )
                ),
            )

        ref = self._repository.announcements.ref(request.community_id, announcement_id)
        return await self._commands.run(actor, request, ref, decide)

    async def update_announcement(
        self, actor: Actor, request: pb.UpdateAnnouncementRequest
    ) -> pb.UpdateAnnouncementResponse:
        """MANAGER. What is out changes as a correction, a draft its channel, too."""
        reader = self._manager(actor, request.community_id)
        note = check_note(request.note)
        if (done := await self._done(actor, request, pb.UpdateAnnouncementResponse)) is not None:
            return done
        before = await self._repository.get_announcement(reader, request.announcement_id)
        text = AnnouncementText.checked(
            request.title if request.HasField("title") else before.title,
            request.body if request.HasField("body") else before.body.source,
        )
        if text.parts != (before.title, before.body.source):
            text = await self._screened(request.community_id, text)
        body = before.body if text.body == before.body.source else rendered(text.body)
        named = _changed_terms(request, before.terms)  # what is wrong in itself is told first
        if named != before.terms:
            member = Member.of(actor, request.community_id)
            await self._check_named(member, request.community_id, named)
        channel_id = await self._new_channel_id(actor, request, before)

        def change(seen: Seen[Announcement], announcement: Announcement) -> Change:
            announcement.check_changeable()
            now = seen.now.time
            terms = _changed_terms(request, announcement.terms)
            after = replace(announcement, terms=terms)
            if channel_id is not None:
                after = replace(after, channel_id=channel_id)
                after.check_same_channel(announcement)
            if request.HasField("title"):
                after = replace(after, title=text.title)
            if request.HasField("body"):
                after = replace(after, body=body)
            if after == announcement:
                return Change(announcement)
            if terms != announcement.terms:
                due = announcement.schedule.everywhere_time if announcement.schedule else now
                terms.checked(max(due, now), announcement.terms)
            if terms.deadline != announcement.terms.deadline:
                after = replace(after, reminded=False)
            if not announcement.published:
                drafted = said.AnnouncementDrafted(
                    announcement_id=after.id, channel_id=after.channel_id
                )
                return Change(after.next(), [drafted])
            after.check_same_audience(announcement)
            correcting = _Correcting(announcement, actor.person_id, note, after.source_locale)
            return correcting.change(
                after,
                _changed_fields(announcement, after),
                announcement.title,
                announcement.body.source,
                seen.now,
            )

        return await self._change_announcement(
            actor,
            request,
            reader,
            before,
            change,
            lambda made: pb.UpdateAnnouncementResponse(announcement=shown(made)),
        )

    async def _new_channel_id(
        self, actor: Actor, request: pb.UpdateAnnouncementRequest, before: Announcement
    ) -> str | None:
        """Where it is to be; None: where it is. Refuses with CHANNEL_NOT_FOUND."""
        if not request.HasField("channel_id"):
            return None
        if request.channel_id == before.channel_id:
            return before.channel_id
        replace(before, channel_id=request.channel_id).check_same_channel(before)
        member = Member.of(actor, request.community_id)
        channel = await self._repository.get_channel(
            request.community_id, request.channel_id, member.keyring
        )
        return channel.id

    async def delete_announcement(
        self, actor: Actor, request: pb.DeleteAnnouncementRequest
    ) -> pb.DeleteAnnouncementResponse:
        """MANAGER. Refuses with ANNOUNCEMENT_STATE_INVALID."""
        reader = self._manager(actor, request.community_id)
        if (done := await self._done(actor, request, pb.DeleteAnnouncementResponse)) is not None:
            return done
        before = await self._repository.get_announcement(reader, request.announcement_id)

        def change(_: Seen[Announcement], announcement: Announcement) -> Change:
            gone = announcement.delete()
            event = said.AnnouncementDeleted(announcement_id=gone.id, channel_id=gone.channel_id)
            texts = [
                ForumRepository.without_translation(announcement, locale)
                for locale in announcement.translated
            ]
            return Change(gone, [event], texts)

        return await self._change_announcement(
            actor, request, reader, before, change, lambda _: pb.DeleteAnnouncementResponse()
        )

    async def put_translation(
        self, actor: Actor, request: pb.PutTranslationRequest
    ) -> pb.PutTranslationResponse:
        """MANAGER. A new language, or another text in one."""
        reader = self._manager(actor, request.community_id)
        locale = check_locale(request.locale, "locale")
        note = check_note(request.note)
        text = AnnouncementText.checked(request.title, request.body)
        if (done := await self._done(actor, request, pb.PutTranslationResponse)) is not None:
            return done
        before = await self._repository.get_announcement(reader, request.announcement_id)
        text = await self._screened(request.community_id, text)
        translation = Translation(before.id, locale, text.title, rendered(text.body))
        ref = self._repository.translation_ref(before, locale)

        def change(seen: Seen[Announcement], announcement: Announcement) -> Change:
            announcement.check_changeable()
            former = seen.part(ref)
            after = announcement.translate(locale)
            if former == translation:
                return Change(announcement)
            if not announcement.published:
                drafted = said.AnnouncementDrafted(
                    announcement_id=after.id, channel_id=after.channel_id
                )
                return Change(after.next(), [drafted], translation=translation)
            correcting = _Correcting(announcement, actor.person_id, note, locale)
            fields = (
                ("translation",)
                if former is None
                else tuple(
                    name for name in _TEXTS if getattr(former, name) != getattr(translation, name)
                )
            )
            title, body = (former.title, former.body.source) if former else ("", "")
            corrected = correcting.change(after, fields, title, body, seen.now)
            return replace(corrected, translation=translation)

        def answer(made: Change) -> pb.PutTranslationResponse:
            copy = Copy(made.announcement, translation=translation, for_manager=True)
            return pb.PutTranslationResponse(
                announcement=announcement_to_proto(copy, made.announcement.create_time)
            )

        return await self._change_announcement(actor, request, reader, before, change, answer, ref)

    async def delete_translation(
        self, actor: Actor, request: pb.DeleteTranslationRequest
    ) -> pb.DeleteTranslationResponse:
        """MANAGER. Refuses with TRANSLATION_NOT_FOUND."""
        reader = self._manager(actor, request.community_id)
        locale = check_locale(request.locale, "locale")
        if (done := await self._done(actor, request, pb.DeleteTranslationResponse)) is not None:
            return done
        before = await self._repository.get_announcement(reader, request.announcement_id)
        ref = self._repository.translation_ref(before, locale)

        def change(seen: Seen[Announcement], announcement: Announcement) -> Change:
            announcement.check_changeable()
            former = seen.part(ref)
            if former is None or locale not in announcement.translated:
                raise TranslationNotFoundError(field="locale")
            left = tuple(one for one in announcement.translated if one != locale)
            after = replace(announcement, translated=left)
            gone = ForumRepository.without_translation(announcement, locale)
            if not announcement.published:
                drafted = said.AnnouncementDrafted(
                    announcement_id=after.id, channel_id=after.channel_id
                )
                return Change(after.next(), [drafted], [gone])
            correcting = _Correcting(announcement, actor.person_id, "", locale)
            corrected = correcting.change(
                after, ("translation",), former.title, former.body.source, seen.now
            )
            return replace(corrected, writes=[*corrected.writes, gone])

        return await self._change_announcement(
            actor,
            request,
            reader,
            before,
            change,
            lambda made: pb.DeleteTranslationResponse(announcement=shown(made)),
            ref,
        )

    async def _check_named(self, member: Member, community_id: str, terms: Terms) -> None:
        """The topic is one that can be seen, the companies are known here.

        Refuses with TOPIC_NOT_FOUND, FIELD_INVALID.
        """
        if topic_id := terms.discussion_topic_id:
            seen = await self._repository.find_topics(community_id, [topic_id], member.keyring)
            if not seen:
                raise TopicNotFoundError(field="discussion_topic_id")
        await self._check_companies(community_id, terms.rule)

    async def _screened(self, community_id: str, text: AnnouncementText) -> AnnouncementText:
        """As moderation lets it through. Refuses with CONTENT_BLOCKED."""
        screening = await self._screen(community_id, text.parts)
        return text.screened(screening.texts)


@dataclass(frozen=True, slots=True)
class _Correcting:
    """A change of what is out: who makes it, and what is said of it."""

    announcement: Announcement
    editor_id: str
    note: str
    locale: str

    def change(
        self, after: Announcement, fields: tuple[str, ...], title: str, body: str, now: Moment
    ) -> Change:
        """`title` and `body` are the former ones, kept where they were changed."""
        correction = Correction(
            now.new_id(),
            after.community_id,
            after.id,
            self.editor_id,
            now.time,
            fields,
            self.locale,
            self.note,
            title if {"title", "translation"} & set(fields) else "",
            body if {"body", "translation"} & set(fields) else "",
        )
        corrected = said.AnnouncementCorrected(
            announcement_id=after.id, channel_id=after.channel_id, correction_id=correction.id
        )
        write = ForumRepository.new_correction(correction)
        return Change(after.corrected(now.time).next(), [corrected], [write])


def _changed_fields(before: Announcement, after: Announcement) -> tuple[str, ...]:
    changed = [
        *(name for name in _TEXTS if getattr(before, name) != getattr(after, name)),
        *(
            name
            for name in ("deadline", "expire_time", "discussion_topic_id")
            if getattr(before.terms, name) != getattr(after.terms, name)
        ),
    ]
    return tuple(changed)


def _new_terms(request: pb.CreateAnnouncementRequest) -> Terms:
    terms = Terms()
    if request.severity:
        terms = replace(terms, severity=requests.severity(request.severity))
    if request.HasField("deadline"):
        terms = replace(terms, deadline=time_of(request.deadline, "deadline"))
    if request.HasField("expire_time"):
        terms = replace(terms, expire_time=time_of(request.expire_time, "expire_time"))
    return replace(
        terms,
        rule=requests.audience_rule(request.audience_rule),
        requires_acknowledgement=request.requires_acknowledgement,
        discussion_topic_id=request.discussion_topic_id,
    )


def _changed_terms(request: pb.UpdateAnnouncementRequest, terms: Terms) -> Terms:
    """With what is given; one that asks for no acknowledgement any more has no deadline."""
    if request.severity:
        terms = replace(terms, severity=requests.severity(request.severity))
    if request.HasField("audience_rule"):
        terms = replace(terms, rule=requests.audience_rule(request.audience_rule))
    if request.HasField("requires_acknowledgement"):
        required = request.requires_acknowledgement
        terms = replace(terms, requires_acknowledgement=required)
        if not required:
            terms = replace(terms, deadline=None)
    if request.HasField("deadline"):
        terms = replace(terms, deadline=time_of(request.deadline, "deadline"))
    if request.HasField("discussion_topic_id"):
        terms = replace(terms, discussion_topic_id=request.discussion_topic_id)
    if request.HasField("expire_time"):
        if request.never_expires:
            raise FieldInvalidError("what never expires has no expire_time", field="expire_time")
        terms = replace(terms, expire_time=time_of(request.expire_time, "expire_time"))
    elif request.never_expires:
        terms = replace(terms, expire_time=None)
    return terms

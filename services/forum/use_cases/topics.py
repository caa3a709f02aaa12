"""What people do with topics they write: draft, publish, edit."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from chassis.actors import Actor
from chassis.decisions import Decision, Seen, Write
from chassis.errors import VersionStaleError, check_version
from chassis.placing import placed
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1.forum_pb2 import (
    CreateTopicRequest,
    CreateTopicResponse,
    PublishTopicRequest,
    PublishTopicResponse,
    UpdateTopicRequest,
    UpdateTopicResponse,
)
from services.forum.converters import enums
from services.forum.converters.context_refs import context_refs_of
from services.forum.converters.domain_events import topic_edited, topic_submitted
from services.forum.converters.held_edits import pending_edit_to_proto
from services.forum.converters.markdown import rendered
from services.forum.converters.messages import topic_to_proto
from services.forum.domain.context_refs import ContextRef, check_context_refs
from services.forum.domain.drafts import (
    DraftKind,
    DraftPlace,
    TooManyDraftsError,
    check_room_for_draft,
)
from services.forum.domain.held_edits import HeldEdit, next_number
from services.forum.domain.members import Member
from services.forum.domain.posting import Poster
from services.forum.domain.screening import Screening
from services.forum.domain.tags import check_tags
from services.forum.domain.texts import Submission, TopicText, check_title
from services.forum.domain.texts import check_topic_body as check_body
from services.forum.domain.topics import (
    OPEN_TO_READERS,
    UNSENT,
    Topic,
    TopicKind,
    TopicState,
    TopicStep,
)
from services.forum.use_cases import moderating
from services.forum.use_cases.attaching import Claim, Taken
from services.forum.use_cases.moderating import Outcome, records_of_edit
from services.forum.use_cases.references import ReferenceUseCases
from services.forum.use_cases.sowing import Sowing


class TopicUseCases(ReferenceUseCases):
    """Texts are screened before the command; what the screen says is part of the decision."""

    async def create_topic(self, actor: Actor, request: CreateTopicRequest) -> CreateTopicResponse:
        """Refuses with SPACE_NOT_FOUND, KIND_NOT_ALLOWED, CONTENT_BLOCKED, POSTING_TOO_FAST."""
        member = Member.of(actor, request.community_id)
        kind = enums.topic_kind(request.kind)
        writes_as = member.writes_as(as_company=request.as_company)
        text = TopicText(
            check_title(request.title), check_body(request.body), check_tags(request.tags)
        )
        context_refs = _context_refs(request)
        claim = Claim.of(member, request.community_id, request.attachment_ids)
        sowing = Sowing.of_item(member, request.community_id, request.seeding_item_id)
        if (done := await self._done(actor, request, CreateTopicResponse)) is not None:
            return done
        space = await self._repository.get_space(
            request.community_id, request.space_id, member.keyring
        )
        space.settings.check_new_topic(member, kind)
        references = await self._new_references(member, space, request)
        screening = None
        if not request.draft:
            space.settings.tag_rules.check(text.tags)
            screening = await self._screen(request.community_id, text.parts)
            text = text.screened(screening.texts)
        pace = await self._pace(member, request.community_id) if screening else None
        reviewed = screening is not None and await self._reviewed(member, space)
        body = rendered(text.body)
        topic_id = self._commands.new_id(actor, request)
        written = DraftPlace(
            space.community_id, member.person_id, DraftKind.TOPIC, space_id=space.id
        )

        def decide(
            seen: Seen[Topic], number: int | None = None
        ) -> Decision[Topic, CreateTopicResponse]:
            if seen.state is not None:  # asked again after the record of the first time expired
                return Outcome(seen.state).decision(seen, _created)
            now = seen.now.time
            taken = claim.taken(seen, topic_id)
            sown = sowing.sown(seen, space.id, topic_id)
            topic = Topic(
                id=topic_id,
                community_id=request.community_id,
                space_id=space.id,
                kind=kind,
                state=TopicState.DRAFT,
                title=text.title,
                body=body,
                tags=text.tags,
                author=writes_as,
                create_time=now,
                activity_time=now,
                owner_id=member.person_id if kind is TopicKind.ARTICLE else "",
                draft_number=number,
                attachments=taken.attached,
                context_refs=context_refs,
                references=references,
                seeding_id=sown.seeding_id,
            )
            posted = [self._repository.no_draft(written)]
            if screening is None:
                drafted = said.TopicDrafted(topic_id=topic_id)
                outcome = taken.added(Outcome(topic, [drafted], writes=posted))
                return sown.added(outcome).decision(seen, _created)
            topic = topic.submit(
                screening.submission(1),
                held=screening.holds(space, reviewed=reviewed),
                now=now,
                review_due_time=space.settings.review_due(kind, now),
            )
            writes = self._posting(
                pace,
                Poster.post_topic,
                request.community_id,
                member.person_id,
                topic_id,
                references,
                seen.now,
            )
            writes += posted
            outcome = Outcome(topic, [topic_submitted(topic)], writes=writes)
            return sown.added(taken.added(outcome)).decision(seen, _created)

        ref = self._repository.topics.ref(request.community_id, topic_id)
        ref = ref.along(*claim.refs, *sowing.refs)
        if not request.draft:
            return await self._commands.run(actor, request, ref, decide)

        async def find() -> int:
            return await self._room_for_topic(member, request.community_id)

        async def create(number: int) -> CreateTopicResponse:
            return await self._commands.run(actor, request, ref, partial(decide, number=number))

        return await placed(find, create, TooManyDraftsError)

    async def _room_for_topic(self, member: Member, community_id: str) -> int:
        """One of the places that are left. Refuses with TOO_MANY_DRAFTS."""
        free = await self._repository.find_free_topic_numbers(community_id, member.person_id)
        check_room_for_draft(free)
        return random.choice(free)  # noqa: S311 - so that few want the same

    async def publish_topic(
        self, actor: Actor, request: PublishTopicRequest
    ) -> PublishTopicResponse:
        """Refuses with TOPIC_NOT_FOUND, TOPIC_STATE_INVALID, POLL_CLOSED and as create_topic."""
        member = Member.of(actor, request.community_id)
        if (done := await self._done(actor, request, PublishTopicResponse)) is not None:
            return done
        draft, space = await self._repository.get_topic_space(
            request.community_id, request.topic_id, member.keyring
        )
        member.require_author(draft.author)
        draft.step(TopicStep.PUBLISH)  # refuse before asking others
        space.settings.check_new_topic(member, draft.kind)
        space.settings.tag_rules.check(draft.tags)
        await self._check_poll(draft, datetime.now(UTC))
        text = TopicText(draft.title, draft.body.source, draft.tags)
        screening = await self._screen(request.community_id, text.parts)
        text = text.screened(screening.texts)
        pace = await self._pace(member, request.community_id)
        reviewed = await self._reviewed(member, space)
        body = rendered(text.body)

        def change(seen: Seen[Topic], topic: Topic) -> Outcome:
            check_version(topic.version, request.expected_version)
            check_same_text(topic, draft)
            number = topic.submission.number
            topic = topic.submit(
                screening.submission(number),
                held=screening.holds(space, reviewed=reviewed),
                now=seen.now.time,
                review_due_time=space.settings.review_due(topic.kind, seen.now.time),
            ).with_text(text.title, body, text.tags)
            writes = self._posting(
                pace,
                Poster.post_topic,
                request.community_id,
                member.person_id,
                topic.id,
                topic.references,
                seen.now,
            )
            return Outcome(topic, [topic_submitted(topic)], writes=writes)

        def answer(outcome: Outcome, version: int) -> PublishTopicResponse:
            return PublishTopicResponse(topic=topic_to_proto(outcome.topic, version))

        return await self._change(actor, request, member, draft, change, answer)

    async def update_topic(self, actor: Actor, request: UpdateTopicRequest) -> UpdateTopicResponse:
        """Author, owner or MODERATOR. Refuses with TOPIC_NOT_FOUND, TOPIC_STATE_INVALID."""
        member = Member.of(actor, request.community_id)
        title = check_title(request.title) if request.HasField("title") else None
        source = check_body(request.body) if request.HasField("body") else None
        tags = check_tags(request.tags) if request.update_tags else None
        given_refs = _context_refs(request) if request.update_context_refs else None
        if (done := await self._done(actor, request, UpdateTopicResponse)) is not None:
            return done
        before, space = await self._repository.get_topic_space(
            request.community_id, request.topic_id, member.keyring
        )
        before.check_editable(member)
        claim = Claim.of(member, request.community_id, request.attachment_ids, before.attachments)
        text = TopicText(
            before.title if title is None else title,
            before.body.source if source is None else source,
            before.tags if tags is None else tags,
        )
        references = await self._edited_references(member, space, request, before.references)
        pace = None
        if request.update_mentions and before.state not in UNSENT:
            pace = await self._pace(member, request.community_id)
        screening, reviewed = None, False
        if text.tags != before.tags and before.state not in UNSENT:
            space.settings.tag_rules.check(text.tags)
        if before.state not in UNSENT:
            screening = await self._screen(request.community_id, text.parts)
            text = text.screened(screening.texts)
            reviewed = await self._reviewed(member, space)
        body = rendered(text.body)
        ref = self._repository.held_edit_ref(request.community_id, before.id)

        def change(seen: Seen[Topic], topic: Topic) -> Outcome:
            check_version(topic.version, request.expected_version)
            check_same_text(topic, before)
            topic.check_editable(member)
            if topic.state in OPEN_TO_READERS:
                space.settings.check_edit(
                    member, topic.author, topic.create_time, seen.now.time, topic.kind
                )
            by_moderator = not topic.kept_by(member)
            taken = Taken(topic.attachments)
            if request.update_attachments:
                taken = claim.taken(seen, topic.id)
            context_refs = topic.context_refs if given_refs is None else given_refs
            same = (text.title, text.body, text.tags, references, context_refs) == (
                topic.title,
                topic.body.source,
                topic.tags,
                topic.references,
                topic.context_refs,
            )
            waiting = seen.part(ref)
            changed = (text.title, body, text.tags)
            if same and taken.attached == topic.attachments:
                return moderating.drop_edit(topic, topic, waiting, seen.now.time)
            told = self._mentioning(pace, topic, waiting, references, member, seen.now)
            submission = _submission(screening, next_number(topic.submission, waiting))
            holds = screening is not None and screening.holds(space, reviewed=reviewed)
            if topic.state in OPEN_TO_READERS and holds:
                edit = HeldEdit.of(
                    topic,
                    changed,
                    references,
                    taken.attached,
                    submission,
                    member.person_id,
                    seen.now.time,
                    by_moderator=by_moderator,
                    context_refs=context_refs,
                )
                held = moderating.hold_edit(topic, topic, edit)
                return taken.added(replace(held, writes=[self._no_draft(topic, member), *told]))
            edited = replace(
                topic,
                references=references,
                attachments=taken.attached,
                context_refs=context_refs,
            ).edit(changed, submission, seen.now.time, by_moderator=by_moderator)
            writes = [self._no_draft(topic, member), *told]
            if topic.state not in UNSENT:
                writes += records_of_edit(
                    seen.now, topic, topic, member.person_id, by_moderator=by_moderator
                )
            return taken.added(Outcome(edited, topic_edited(edited), writes=writes))

        def answer(outcome: Outcome, version: int) -> UpdateTopicResponse:
            return UpdateTopicResponse(
                topic=topic_to_proto(outcome.topic, version),
                held_edit=pending_edit_to_proto(outcome.held_edit, before),
            )

        return await self._change(
            actor, request, member, before, change, answer, ref, along=claim.refs
        )

    def _no_draft(self, topic: Topic, member: Member) -> Write:
        """What was edited is no draft any more."""
        written = DraftPlace(
            topic.community_id, member.person_id, DraftKind.TOPIC_EDIT, topic_id=topic.id
        )
        return self._repository.no_draft(written)


def check_same_text(topic: Topic, before: Topic) -> None:
    """What was screened must be what is changed. Refuses with VERSION_STALE."""
    same = topic.submission.number == before.submission.number and topic.tags == before.tags
    if not same or topic.state is not before.state:
        raise VersionStaleError("the topic has just changed: read it again")


def _context_refs(request: CreateTopicRequest | UpdateTopicRequest) -> tuple[ContextRef, ...]:
    return check_context_refs(context_refs_of(request.context_refs))


def _submission(screening: Screening | None, number: int) -> Submission:
    return Submission(number) if screening is None else screening.submission(number)


def _created(outcome: Outcome, version: int) -> CreateTopicResponse:
    return CreateTopicResponse(topic=topic_to_proto(outcome.topic, version))

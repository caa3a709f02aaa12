"""What people do with replies they write: create, edit."""

from __future__ import annotations

from dataclasses import replace

from chassis.actors import Actor
from chassis.decisions import Decision, Seen, Write
from chassis.errors import VersionStaleError, check_version
from guildhall.forum.v1.forum_pb2 import (
    CreateReplyRequest,
    CreateReplyResponse,
    UpdateReplyRequest,
    UpdateReplyResponse,
)
from services.forum.converters.domain_events import reply_edited, reply_submitted
from services.forum.converters.held_edits import pending_edit_to_proto
from services.forum.converters.markdown import rendered
from services.forum.converters.messages import reply_to_proto
from services.forum.domain.drafts import DraftKind, DraftPlace
from services.forum.domain.held_edits import HeldEdit, next_number
from services.forum.domain.members import Member
from services.forum.domain.posting import Poster
from services.forum.domain.replies import Reply, ReplyState, check_parent
from services.forum.domain.texts import check_reply_body
from services.forum.domain.topics import Topic, TopicKind
from services.forum.repository.paces import ReplyPace, pace_ref
from services.forum.use_cases import moderating
from services.forum.use_cases.attaching import Claim, Taken
from services.forum.use_cases.base import visible, visible_reply
from services.forum.use_cases.moderating import Outcome, records_of_edit
from services.forum.use_cases.references import ReferenceUseCases
from services.forum.use_cases.sowing import Sowing


class ReplyUseCases(ReferenceUseCases):
    """Replies are parts of their topic: every change of one is a command on the topic."""

    async def create_reply(self, actor: Actor, request: CreateReplyRequest) -> CreateReplyResponse:
        """Refuses with TOPIC_NOT_FOUND, TOPIC_STATE_INVALID, CONTENT_BLOCKED, POSTING_TOO_FAST.

        And with PARENT_INVALID, MENTIONS_TOO_MANY, QUOTE_INVALID, QUOTE_TOO_NARROW.
        """
        member = Member.of(actor, request.community_id)
        source = check_reply_body(request.body)
        writes_as = member.writes_as(as_company=request.as_company)
        claim = Claim.of(member, request.community_id, request.attachment_ids)
        sowing = Sowing.of_reply(member, request.community_id, request.seeding_id)
        if (done := await self._done(actor, request, CreateReplyResponse)) is not None:
            return done
        found, space = await self._repository.get_topic_space(
            request.community_id, request.topic_id, member.keyring
        )
        found.check_open_to_replies()
        space.settings.check_new_reply(member)
        references = await self._new_references(member, space, request)
        screening = await self._screen(request.community_id, [source])
        source = _screened(source, screening.texts[0])
        body = rendered(source)
        pace = await self._pace(member, request.community_id)
        reply_id = self._commands.new_id(actor, request)
        ref = self._repository.reply_ref(request.community_id, reply_id)
        parent = self._repository.reply_ref(request.community_id, request.parent_reply_id)
        parents = (parent,) if request.parent_reply_id else ()
        last = pace_ref(request.community_id, found.id, member.person_id)
        slow = space.settings.slows(member)
        held = screening.holds(space, reviewed=await self._reviewed(member, space))

        def decide(seen: Seen[Topic]) -> Decision[Topic, CreateReplyResponse]:
            topic = visible(seen.state, member, found)
            if (there := seen.part(ref)) is not None:  # asked again after 48 hours
                return Outcome(topic, reply=there).decision(seen, _created)
            topic.check_open_to_replies()
            for one in parents:
                check_parent(seen.part(one), topic.id)
            taken = claim.taken(seen, topic.id, reply_id)
            reply = Reply(
                id=reply_id,
                community_id=request.community_id,
                topic_id=topic.id,
                space_id=topic.space_id,
                state=ReplyState.PENDING_REVIEW if held else ReplyState.PUBLISHED,
                body=body,
                author=writes_as,
                create_time=topic.time_of_next(seen.now.time),
                submission=screening.submission(1),
                attachments=taken.attached,
                parent_reply_id=request.parent_reply_id,
                references=references,
                seeding_id=sowing.replied(seen, topic.space_id),
            )
            if slow:
                before = seen.part(last)
                space.settings.check_pace(before.time if before else None, seen.now.time)
            writes = self._posting(
                pace,
                Poster.post_reply,
                request.community_id,
                member.person_id,
                reply_id,
                references,
                seen.now,
            )
            tracks = self._repository.new_participation(
                request.community_id, member.person_id, topic.id, reply.create_time
            )
            writes.append(tracks)
            if reply.published:
                topic = topic.gain(reply)
            others = [last.put(ReplyPace(seen.now.time))] if slow else []
            outcome = Outcome(topic, [reply_submitted(reply)], reply, writes, others=others)
            return taken.added(outcome).decision(seen, _created)

        target = self._repository.topics.ref(request.community_id, request.topic_id)
        paces = (last,) if slow else ()
        target = target.having(ref, *parents, *paces).along(*claim.refs, *sowing.refs)
        return await self._commands.run(actor, request, target, decide)

    async def update_reply(self, actor: Actor, request: UpdateReplyRequest) -> UpdateReplyResponse:
        """Author or MODERATOR. Refuses with REPLY_NOT_FOUND, REPLY_STATE_INVALID."""
        member = Member.of(actor, request.community_id)
        source = check_reply_body(request.body)
        if (done := await self._done(actor, request, UpdateReplyResponse)) is not None:
            return done
        found, space = await self._repository.get_topic_space(
            request.community_id, request.topic_id, member.keyring
        )
        before = await self._repository.get_reply(found, request.reply_id, member.keyring)
        before.check_editable(member)
        claim = Claim.of(member, request.community_id, request.attachment_ids, before.attachments)
        references = await self._edited_references(member, space, request, before.references)
        screening = await self._screen(request.community_id, [source])
        source = _screened(source, screening.texts[0])
        pace = await self._pace(member, request.community_id) if request.update_mentions else None
        body = rendered(source)
        reviewed = await self._reviewed(member, space)
        ref = self._repository.reply_ref(request.community_id, request.reply_id)
        edit_ref = self._repository.held_edit_ref(request.community_id, request.reply_id)

        def change(seen: Seen[Topic], topic: Topic) -> Outcome:
            reply = visible_reply(seen.part(ref), topic, member)
            check_version(reply.version, request.expected_version)
            topic.check_replies_change()
            reply.check_editable(member)
            if reply.published:
                space.settings.check_edit(
                    member, reply.author, reply.create_time, seen.now.time, TopicKind.DISCUSSION
                )
            if reply.state is not before.state:
                raise VersionStaleError("the reply has just changed: read it again")
            by_moderator = not member.wrote(reply.author)
            taken = Taken(reply.attachments)
            if request.update_attachments:
                taken = claim.taken(seen, topic.id, reply.id)
            stands = (reply.body.source, reply.references, reply.attachments)
            waiting = seen.part(edit_ref)
            if (source, references, taken.attached) == stands:
                return moderating.drop_edit(topic, reply, waiting, seen.now.time)
            told = self._mentioning(pace, reply, waiting, references, member, seen.now)
            submission = screening.submission(next_number(reply.submission, waiting))
            if reply.published and screening.holds(space, reviewed=reviewed):
                edit = HeldEdit.of(
                    reply,
                    ("", body, ()),
                    references,
                    taken.attached,
                    submission,
                    member.person_id,
                    seen.now.time,
                    by_moderator=by_moderator,
                )
                held = moderating.hold_edit(topic, reply, edit)
                return taken.added(replace(held, writes=[self._no_draft_of(reply, member), *told]))
            edited = reply.edit(
                body,
                references,
                submission,
                seen.now.time,
                by_moderator=by_moderator,
            )
            edited = replace(edited, attachments=taken.attached)
            writes = [
                self._no_draft_of(reply, member),
                *told,
                *records_of_edit(
                    seen.now, topic, reply, member.person_id, by_moderator=by_moderator
                ),
            ]
            return taken.added(Outcome(topic, reply_edited(edited), edited, writes))

        def answer(outcome: Outcome, _: int) -> UpdateReplyResponse:
            reply = outcome.changed_reply
            return UpdateReplyResponse(
                reply=reply_to_proto(reply, reply.version),
                held_edit=pending_edit_to_proto(outcome.held_edit, reply),
            )

        return await self._change(
            actor, request, member, found, change, answer, ref, edit_ref, along=claim.refs
        )

    def _no_draft_of(self, reply: Reply, member: Member) -> Write:
        """What was edited is no draft any more."""
        written = DraftPlace(
            reply.community_id,
            member.person_id,
            DraftKind.REPLY_EDIT,
            topic_id=reply.topic_id,
            reply_id=reply.id,
        )
        return self._repository.no_draft(written)


def _screened(source: str, stored: str) -> str:
    """As the screen let it through. Refuses with TEXT_INVALID where that is too long."""
    return source if stored == source else check_reply_body(stored)


def _created(outcome: Outcome, _: int) -> CreateReplyResponse:
    reply = outcome.changed_reply
    return CreateReplyResponse(reply=reply_to_proto(reply, reply.version))

"""Which reply answers a question: accept, unaccept."""

from __future__ import annotations

from google.protobuf.message import Message

from chassis.actors import Actor
from chassis.decisions import Seen
from chassis.errors import FieldInvalidError, VersionStaleError, check_version
from guildhall.forum.v1.forum_pb2 import (
    AcceptReplyRequest,
    AcceptReplyResponse,
    UnacceptReplyRequest,
    UnacceptReplyResponse,
)
from services.forum.converters.domain_events import reply_accepted, reply_unaccepted
from services.forum.converters.messages import reply_to_proto, topic_to_proto
from services.forum.domain.members import Member
from services.forum.domain.replies import Reply
from services.forum.domain.space_settings import AcceptedAnswers
from services.forum.domain.topics import NothingAcceptedError, Topic
from services.forum.use_cases.base import UseCases, visible_reply
from services.forum.use_cases.moderating import Outcome, entry


class AnswerUseCases(UseCases):
    """One reply of a question is accepted, or several where its space says so."""

    async def accept_reply(self, actor: Actor, request: AcceptReplyRequest) -> AcceptReplyResponse:
        """Author of the question or MODERATOR. Refuses with NOT_A_QUESTION, REPLY_NOT_FOUND.

        And with TOO_MANY_ACCEPTED.
        """
        member = Member.of(actor, request.community_id)
        if (done := await self._done(actor, request, AcceptReplyResponse)) is not None:
            return done
        found, space = await self._repository.get_topic_space(
            request.community_id, request.topic_id, member.keyring
        )
        ref = self._repository.reply_ref(request.community_id, request.reply_id)
        several = space.settings.accepted_answers is AcceptedAnswers.SEVERAL
        replaced = () if several else found.accepted_reply_ids
        former_refs = {
            one: self._repository.reply_ref(request.community_id, one)
            for one in replaced
            if one != request.reply_id
        }

        def change(seen: Seen[Topic], topic: Topic) -> Outcome:
            topic.check_answer_changes(member)
            reply = visible_reply(seen.part(ref), topic, member)
            check_version(reply.version, request.expected_version)
            if reply.id in topic.accepted_reply_ids:
                return Outcome(topic, reply=reply)
            if not several and topic.accepted_reply_ids != replaced:
                raise VersionStaleError("another reply has just been accepted: read again")
            formers = []
            for former_ref in former_refs.values():
                topic, former = topic.unaccept(_there(seen.part(former_ref)))
                formers.append(former)
            topic, reply = topic.accept(reply)
            writes = []
            if not member.wrote(topic.author):
                writes = [entry(seen.now, topic, "AcceptReply", "", member.person_id, reply.id)]
            # An answer takes the place of one; others, from when there could be several, just end.
            events: list[Message] = [reply_unaccepted(former) for former in formers[1:]]
            events.append(reply_accepted(reply, formers[0].id if formers else ""))
            return Outcome(topic, events, reply, writes, formers)

        def answer(outcome: Outcome, version: int) -> AcceptReplyResponse:
            reply = outcome.changed_reply
            return AcceptReplyResponse(
                topic=topic_to_proto(outcome.topic, version),
                reply=reply_to_proto(reply, reply.version),
            )

        refs = (ref, *former_refs.values())
        return await self._change(actor, request, member, found, change, answer, *refs)

    async def unaccept_reply(
        self, actor: Actor, request: UnacceptReplyRequest
    ) -> UnacceptReplyResponse:
        """Refuses with NOT_A_QUESTION, NOTHING_ACCEPTED, TOPIC_STATE_INVALID, FIELD_INVALID."""
        member = Member.of(actor, request.community_id)
        if (done := await self._done(actor, request, UnacceptReplyResponse)) is not None:
            return done
        found, _ = await self._repository.get_topic_space(
            request.community_id, request.topic_id, member.keyring
        )
        refs = {
            one: self._repository.reply_ref(request.community_id, one)
            for one in found.accepted_reply_ids
        }

        def change(seen: Seen[Topic], topic: Topic) -> Outcome:
            check_version(topic.version, request.expected_version)
            topic.check_answer_changes(member)
            reply_id = _which(topic, request.reply_id)
            if reply_id not in refs:
                raise VersionStaleError("another reply has just been accepted: read again")
            topic, reply = topic.unaccept(_there(seen.part(refs[reply_id])))
            writes = []
            if not member.wrote(topic.author):
                writes = [entry(seen.now, topic, "UnacceptReply", "", member.person_id, reply.id)]
            return Outcome(topic, [reply_unaccepted(reply)], reply, writes)

        def answer(outcome: Outcome, version: int) -> UnacceptReplyResponse:
            return UnacceptReplyResponse(topic=topic_to_proto(outcome.topic, version))

        return await self._change(actor, request, member, found, change, answer, *refs.values())


def _which(topic: Topic, reply_id: str) -> str:
    """The answer that is meant; there is no need to name the only one.

    Refuses with NOTHING_ACCEPTED, FIELD_INVALID.
    """
    accepted = topic.accepted_reply_ids
    if reply_id and reply_id not in accepted:
        raise NothingAcceptedError(field="reply_id")
    if not accepted:
        raise NothingAcceptedError
    if not reply_id and len(accepted) > 1:
        raise FieldInvalidError("several replies are accepted: say which", field="reply_id")
    return reply_id or accepted[0]


def _there(reply: Reply | None) -> Reply:
    if reply is None:
        raise NothingAcceptedError
    return reply

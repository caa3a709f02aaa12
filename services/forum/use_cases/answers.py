"""Which reply answers a question: accept, unaccept."""

from __future__ import annotations

from google.protobuf.message import Message

from chassis.actors import Actor
from chassis.decisions import Seen
from chassis.errors import VersionStaleError, check_version
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
from services.forum.domain.topics import NothingAcceptedError, Topic
from services.forum.use_cases.base import UseCases, visible_reply
from services.forum.use_cases.moderating import Outcome, entry


class AnswerUseCases(UseCases):
    """At most one reply of a question is accepted."""

    async def accept_reply(self, actor: Actor, request: AcceptReplyRequest) -> AcceptReplyResponse:
        """Author of the question or MODERATOR. Refuses with NOT_A_QUESTION, REPLY_NOT_FOUND."""
        member = Member.of(actor, request.community_id)
        if (done := await self._done(actor, request, AcceptReplyResponse)) is not None:
            return done
        found, _ = await self._repository.get_topic_space(
            request.community_id, request.topic_id, member.keyring
        )
        ref = self._repository.reply_ref(request.community_id, request.reply_id)
        former_id = found.accepted_reply_id
        former_ref = self._repository.reply_ref(request.community_id, former_id)
        refs = (ref, former_ref) if former_id and former_id != request.reply_id else (ref,)

        def change(seen: Seen[Topic], topic: Topic) -> Outcome:
            topic.check_answer_changes(member)
            reply = visible_reply(seen.part(ref), topic, member)
            check_version(reply.version, request.expected_version)
            if topic.accepted_reply_id == reply.id:
                return Outcome(topic, reply=reply)
            if topic.accepted_reply_id not in ("", former_id):
                raise VersionStaleError("another reply has just been accepted: read again")
            replaced = topic.accepted_reply_id
            former = seen.part(former_ref) if replaced else None
            if former is not None:
                topic, former = topic.unaccept(former)
            topic, reply = topic.accept(reply)
            writes = []
            if not member.wrote(topic.author):
                writes = [entry(seen.now, topic, "AcceptReply", "", member.person_id, reply.id)]
            events: list[Message] = [reply_accepted(reply, replaced)]
            return Outcome(topic, events, reply, writes, former)

        def answer(outcome: Outcome, version: int) -> AcceptReplyResponse:
            reply = outcome.changed_reply
            return AcceptReplyResponse(
                topic=topic_to_proto(outcome.topic, version),
                reply=reply_to_proto(reply, reply.version),
            )

        return await self._change(actor, request, member, found, change, answer, *refs)

    async def unaccept_reply(
        self, actor: Actor, request: UnacceptReplyRequest
    ) -> UnacceptReplyResponse:
        """Refuses with NOT_A_QUESTION, NOTHING_ACCEPTED, TOPIC_STATE_INVALID."""
        member = Member.of(actor, request.community_id)
        if (done := await self._done(actor, request, UnacceptReplyResponse)) is not None:
            return done
        found, _ = await self._repository.get_topic_space(
            request.community_id, request.topic_id, member.keyring
        )
        accepted_id = found.accepted_reply_id
        ref = self._repository.reply_ref(request.community_id, accepted_id)

        def change(seen: Seen[Topic], topic: Topic) -> Outcome:
            check_version(topic.version, request.expected_version)
            topic.check_answer_changes(member)
            if not topic.accepted_reply_id:
                raise NothingAcceptedError
            if topic.accepted_reply_id != accepted_id:
                raise VersionStaleError("another reply has just been accepted: read again")
            topic, reply = topic.unaccept(_there(seen.part(ref)))
            writes = []
            if not member.wrote(topic.author):
                writes = [entry(seen.now, topic, "UnacceptReply", "", member.person_id, reply.id)]
            return Outcome(topic, [reply_unaccepted(reply)], reply, writes)

        def answer(outcome: Outcome, version: int) -> UnacceptReplyResponse:
            return UnacceptReplyResponse(topic=topic_to_proto(outcome.topic, version))

        return await self._change(actor, request, member, found, change, answer, ref)


def _there(reply: Reply | None) -> Reply:
    if reply is None:
        raise NothingAcceptedError
    return reply

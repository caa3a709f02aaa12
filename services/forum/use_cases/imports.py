"""Bringing in what was written elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from google.protobuf.message import Message

from chassis.actors import MANAGER, Actor
from chassis.decisions import Decision, Seen
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1.forum_pb2 import ImportPostsRequest, ImportPostsResponse
from services.forum.converters.domain_events import (
    reply_accepted,
    reply_submitted,
    topic_submitted,
)
from services.forum.converters.imports import imported_posts
from services.forum.converters.markdown import rendered
from services.forum.domain.attachments import AttachmentNotFoundError, AttachmentStateInvalidError
from services.forum.domain.imports import (
    ImportedAnswer,
    ImportedPost,
    ImportedQuestion,
    QuestionNotFoundError,
)
from services.forum.domain.members import Member
from services.forum.domain.replies import Reply, ReplyState
from services.forum.domain.spaces import Space
from services.forum.domain.topics import Topic, TopicState
from services.forum.use_cases.attaching import Claim
from services.forum.use_cases.base import UseCases
from services.forum.use_cases.moderating import Outcome


class ImportUseCases(UseCases):
    """One post is one command, with a request_id made of its id: what is there stays as it is."""

    async def import_posts(self, actor: Actor, request: ImportPostsRequest) -> ImportPostsResponse:
        """MANAGER. Refuses with SPACE_NOT_FOUND, KIND_NOT_ALLOWED, and the first bad field.

        What is new takes its attachments, as a post of whoever brings it in would.
        """
        actor.require_role(request.community_id, MANAGER)
        member = Member.of(actor, request.community_id)
        self._commands.new_id(actor, request)  # a good request_id, though none is stored for it
        posts = imported_posts(request, datetime.now(UTC))
        space = await self._repository.get_space(
            request.community_id, request.space_id, member.keyring
        )
        questions = [post for post in posts if isinstance(post, ImportedQuestion)]
        answers = [post for post in posts if isinstance(post, ImportedAnswer)]
        topics, replies = await asyncio.gather(
            self._repository.find_stored_topic_ids(
                space.community_id,
                [*(one.id for one in questions), *(one.question_id for one in answers)],
            ),
            self._repository.find_stored_reply_ids(space.community_id, [a.id for a in answers]),
        )
        known = topics | {question.id for question in questions}
        parents = await self._parents(space, [one for one in answers if one.id not in replies])
        new = {n: one for n, one in enumerate(posts) if one.id not in topics | replies}
        await self._check_imported_attachments(member, space.community_id, new)
        for index, post in enumerate(posts):
            if isinstance(post, ImportedQuestion):
                if post.id not in topics:
                    space.settings.check_kind(post.kind, f"posts.{index}.kind")
            elif post.question_id not in known:
                raise QuestionNotFoundError(field=f"posts.{index}.question_external_id")
            elif post.id in parents:
                field = f"posts.{index}.parent_answer_external_id"
                post.check_parent(parents[post.id], field)
        created = await _count(
            self._import_question(actor, member, request, space, question)
            for question in questions
            if question.id not in topics
        )
        for nested in (False, True):  # those that reply to an answer after all answers
            created += await _count(
                self._import_answer(actor, member, request, space, answer)
                for answer in answers
                if answer.id not in replies and bool(answer.parent_reply_id) is nested
            )
        return ImportPostsResponse(created=created, already_there=len(posts) - created)

    async def _parents(
        self, space: Space, answers: Sequence[ImportedAnswer]
    ) -> dict[str, ImportedAnswer | Reply | None]:
        """What those reply to that reply to an answer, by their ids; None: it is not there.

        Not of those whose question was removed here: they do not come back, nor did that answer.
        """
        nested = [one for one in answers if one.parent_reply_id]
        stored = await self._repository.find_replies(
            space.community_id,
            {one.parent_reply_id for one in nested},
            None,
            without_texts=True,
        )
        known: dict[str, ImportedAnswer | Reply] = {one.id: one for one in answers}
        known |= {reply.id: reply for reply in stored}
        lost = {one.question_id for one in nested if one.parent_reply_id not in known}
        topics = await self._repository.find_topics(
            space.community_id, lost, None, without_texts=True
        )
        removed = {one.id for one in topics if one.state is TopicState.REMOVED}
        return {
            one.id: known.get(one.parent_reply_id)
            for one in nested
            if one.question_id not in removed
        }

    async def _check_imported_attachments(
        self, member: Member, community_id: str, posts: Mapping[int, ImportedPost]
    ) -> None:
        """Of these posts of the call, by their places in it.

        Refuses with ATTACHMENT_NOT_FOUND, ATTACHMENT_STATE_INVALID.
        """
        wanted = [(id_, index) for index, post in posts.items() for id_ in post.attachment_ids]
        if not wanted:
            return
        ids = [id_ for id_, _ in wanted]
        attachments = await self._repository.find_attachments(
            community_id, ids, member.person_id, member.keyring
        )
        found = {one.id: one for one in attachments}
        for id_, index in wanted:
            field = f"posts.{index}.attachment_ids"
            if id_ not in found:
                raise AttachmentNotFoundError(field=field)
            try:
                found[id_].attach(member)
            except (AttachmentNotFoundError, AttachmentStateInvalidError) as refusal:
                refusal.field = field
                raise

    async def _import_question(
        self,
        actor: Actor,
        member: Member,
        request: ImportPostsRequest,
        space: Space,
        question: ImportedQuestion,
    ) -> bool:
        body = rendered(question.body)
        claim = Claim.of(member, space.community_id, question.attachment_ids)
        created = False

        def decide(seen: Seen[Topic]) -> Decision[Topic, ImportPostsResponse]:
            nonlocal created
            created = seen.state is None
            if seen.state is not None:
                return Outcome(seen.state).decision(seen, _imported)
            taken = claim.taken(seen, question.id)
            topic = question.topic(space, body, taken.attached)
            events = [topic_submitted(topic)]
            if topic.state is TopicState.CLOSED:
                events.append(said.TopicClosed(topic_id=topic.id))
            return taken.added(Outcome(topic, events)).decision(seen, _imported)

        ref = self._repository.topics.ref(space.community_id, question.id).along(*claim.refs)
        await self._commands.run(actor, _inner(request, question.id), ref, decide)
        return created

    async def _import_answer(
        self,
        actor: Actor,
        member: Member,
        request: ImportPostsRequest,
        space: Space,
        answer: ImportedAnswer,
    ) -> bool:
        body = rendered(answer.body)
        claim = Claim.of(member, space.community_id, answer.attachment_ids)
        ref = self._repository.reply_ref(space.community_id, answer.id)
        parent_id = answer.parent_reply_id
        parents = (self._repository.reply_ref(space.community_id, parent_id),) if parent_id else ()
        created = False

        def decide(seen: Seen[Topic]) -> Decision[Topic, ImportPostsResponse]:
            nonlocal created
            topic = seen.state
            if topic is None:
                raise QuestionNotFoundError
            # Nothing comes back to a question, or to an answer, that was removed here.
            created = seen.part(ref) is None and topic.state is not TopicState.REMOVED
            for one in parents if created else ():
                parent = seen.part(one)
                answer.check_parent(parent, "parent_answer_external_id")
                created = parent is None or parent.state is not ReplyState.REMOVED
            if not created:
                return Outcome(topic).decision(seen, _imported)
            taken = claim.taken(seen, topic.id, answer.id)
            reply = answer.reply(topic, body, taken.attached)
            events: list[Message] = [reply_submitted(reply)]
            topic = topic.gain(reply)
            if topic.awaited_reply_id == reply.id and not topic.accepted_reply_id:
                topic, reply = topic.accept(reply)
                events.append(reply_accepted(reply))
            return taken.added(Outcome(topic, events, reply)).decision(seen, _imported)

        target = self._repository.topics.ref(space.community_id, answer.question_id)
        target = target.having(ref, *parents).along(*claim.refs)
        await self._commands.run(actor, _inner(request, answer.id), target, decide)
        return created


async def _count(imports: Iterable[Awaitable[bool]]) -> int:
    """How many made something; all are awaited, so that a failure leaves none running."""
    results = await asyncio.gather(*imports, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results.count(True)


def _inner(request: ImportPostsRequest, post_id: str) -> ImportPostsRequest:
    """The request of one post: the same however often and with whatever text it comes."""
    return ImportPostsRequest(
        request_id=f"import-{post_id}",
        community_id=request.community_id,
        space_id=request.space_id,
        source=request.source,
    )


def _imported(_: Outcome, __: int) -> ImportPostsResponse:
    return ImportPostsResponse()

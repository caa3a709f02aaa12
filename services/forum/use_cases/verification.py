"""For what, or until when, a text is right; and when that, or an article's review date, is over."""

from __future__ import annotations

from dataclasses import replace

from google.protobuf.empty_pb2 import Empty

from chassis.actors import Actor
from chassis.decisions import Decision, Seen
from chassis.errors import check_version
from chassis.timestamps import time_of
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1.curation_pb2 import (
    ReviewArticleRequest,
    VerifyPostRequest,
    VerifyPostResponse,
)
from services.forum.converters.messages import reply_to_proto, topic_to_proto
from services.forum.domain.members import Member
from services.forum.domain.topics import Topic, TopicNotFoundError
from services.forum.domain.topics.curation import (
    check_answer_verifiable,
    check_keeps_right,
    expire_review,
)
from services.forum.domain.verification import (
    Recheck,
    Verification,
    check_verified_for,
    verification,
)
from services.forum.use_cases.base import FORUM, UseCases, visible_reply
from services.forum.use_cases.moderating import Outcome, entry


class VerificationUseCases(UseCases):
    """Of articles and answers."""

    async def verify_post(self, actor: Actor, request: VerifyPostRequest) -> VerifyPostResponse:
        """MODERATOR, or the article's owner. Refuses with NOT_AN_ARTICLE, NOT_A_QUESTION."""
        member = Member.of(actor, request.community_id)
        verified_for = check_verified_for(request.verified_for)
        until = None
        if request.HasField("verified_until_time"):
            until = time_of(request.verified_until_time, "verified_until_time")
        if (done := await self._done(actor, request, VerifyPostResponse)) is not None:
            return done
        found, _ = await self._repository.get_topic_space(
            request.community_id, request.topic_id, member.keyring
        )
        ref = self._repository.reply_ref(request.community_id, request.reply_id)
        refs = (ref,) if request.reply_id else ()

        def change(seen: Seen[Topic], topic: Topic) -> Outcome:
            reply = visible_reply(seen.part(ref), topic, member) if refs else None
            check_version((reply or topic).version, request.expected_version)
            if reply is None:
                check_keeps_right(topic, member)
            else:
                check_answer_verifiable(topic, reply, member)
            verified = verification(verified_for, until, member.person_id, seen.now.time)
            line = entry(
                seen.now, topic, "VerifyPost", verified_for, member.person_id, request.reply_id
            )
            event = said.PostVerified(topic_id=topic.id, reply_id=request.reply_id)
            if reply is None:
                return Outcome(replace(topic, verification=verified), [event], writes=[line])
            return Outcome(topic, [event], replace(reply, verification=verified), [line])

        def answer(outcome: Outcome, version: int) -> VerifyPostResponse:
            reply = outcome.reply
            return VerifyPostResponse(
                topic=topic_to_proto(outcome.topic, version),
                reply=reply_to_proto(reply, reply.version) if reply else None,
            )

        return await self._change(actor, request, member, found, change, answer, *refs)

    async def expire_verification(self, recheck: Recheck) -> None:
        """Its time is over: say so, once. For a job."""
        ref = self._repository.reply_ref(recheck.community_id, recheck.reply_id)
        refs = (ref,) if recheck.reply_id else ()

        def decide(seen: Seen[Topic]) -> Decision[Topic, Empty]:
            topic = seen.state
            if topic is None:
                raise TopicNotFoundError
            reply = seen.part(ref) if refs else None
            event = said.PostVerificationExpired(topic_id=topic.id, reply_id=recheck.reply_id)
            if refs:
                over = _over(reply.verification if reply else None, recheck)
                # One that was carried to another topic meanwhile is changed by that one only.
                if reply is None or over is None or reply.topic_id != topic.id:
                    return Outcome(topic).decision(seen, _nothing)
                changed = replace(reply, verification=over)
                return Outcome(topic, [event], changed).decision(seen, _nothing)
            over = _over(topic.verification, recheck)
            if over is None:
                return Outcome(topic).decision(seen, _nothing)
            outcome = Outcome(replace(topic, verification=over), [event])
            return outcome.decision(seen, _nothing)

        target = self._repository.topics.ref(recheck.community_id, recheck.topic_id).having(*refs)
        due = int(recheck.due_time.timestamp() * 1000)
        request = VerifyPostRequest(
            request_id=f"expired-{recheck.topic_id}-{recheck.post_id}-{due}",
            community_id=recheck.community_id,
            topic_id=recheck.topic_id,
            reply_id=recheck.reply_id,
        )
        await self._commands.run(FORUM, request, target, decide)

    async def expire_review(self, recheck: Recheck) -> None:
        """An article's review date is over: say so, once. For a job."""

        def decide(seen: Seen[Topic]) -> Decision[Topic, Empty]:
            topic = seen.state
            if topic is None:
                raise TopicNotFoundError
            changed = expire_review(topic, recheck.due_time)
            if changed == topic:
                return Outcome(topic).decision(seen, _nothing)
            event = said.ArticleReviewExpired(topic_id=topic.id)
            return Outcome(changed, [event]).decision(seen, _nothing)

        due = int(recheck.due_time.timestamp() * 1000)
        request = ReviewArticleRequest(
            request_id=f"review-expired-{recheck.topic_id}-{due}",
            community_id=recheck.community_id,
            topic_id=recheck.topic_id,
        )
        target = self._repository.topics.ref(recheck.community_id, recheck.topic_id)
        await self._commands.run(FORUM, request, target, decide)


def _over(one: Verification | None, recheck: Recheck) -> Verification | None:
    """None: it was edited or verified anew meanwhile, or that was said already."""
    if one is None or one.expired or one.until != recheck.due_time:
        return None
    return replace(one, expired=True)


def _nothing(_: Outcome, __: int) -> Empty:
    return Empty()

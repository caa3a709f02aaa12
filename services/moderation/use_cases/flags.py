"""What members do: flag what others wrote, where they can read it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from chassis.actors import Actor
from chassis.commands import Commands
from chassis.decisions import Decision, Seen
from chassis.texts import check_body
from guildhall.forum.v1 import forum_pb2
from guildhall.moderation.v1.moderation_pb2 import FlagPostRequest, FlagPostResponse
from services.moderation.converters import (
    case_opened,
    flag_to_proto,
    post_flagged,
    reasons_from_request,
)
from services.moderation.domain import (
    Case,
    CaseState,
    Flag,
    FlaggedAtOnceError,
    FlaggedPost,
    FlagReason,
    OwnPostError,
    ReplyNotFoundError,
    TopicNotFoundError,
    case_for_flags,
    check_reasons,
    flag_id,
    flagged_case_id,
)
from services.moderation.repository import ModerationRepository

if TYPE_CHECKING:
    from guildhall.forum.v1.forum_pb2_grpc import ForumServiceAsyncStub

_ATTEMPTS = 4  # for someone who flags in several places at once, or as it is decided
_MAX_TEXT = 1000
_SHOWN = (
    forum_pb2.TOPIC_STATE_PUBLISHED,
    forum_pb2.TOPIC_STATE_CLOSED,
    forum_pb2.TOPIC_STATE_ARCHIVED,
)


class FlagUseCases:
    """Commands of members."""

    def __init__(
        self,
        commands: Commands,
        repository: ModerationRepository,
        forum: ForumServiceAsyncStub,
    ) -> None:
        self._commands = commands
        self._repository = repository
        self._forum = forum

    async def flag_post(self, actor: Actor, request: FlagPostRequest) -> FlagPostResponse:
        """The flag, in the post's open case or a new one. Refuses with TOPIC_NOT_FOUND,
        REPLY_NOT_FOUND, OWN_POST, POST_FLAGGED, POST_FLAGGED_LATELY, FLAG_LIMIT_REACHED,
        FLAGGED_AT_ONCE; UNAVAILABLE where the forum does not say who may read the post.
        """
        actor.member_of(request.community_id)
        reasons = check_reasons(reasons_from_request(request.reasons))
        text = check_body(request.text, "text", least=0, most=_MAX_TEXT)
        done = await self._commands.replay(actor, request)
        if isinstance(done, FlagPostResponse):
            return done
        post = await self._read(actor, request)
        if post.author_id == actor.person_id:
            raise OwnPostError
        for attempt in range(_ATTEMPTS):
            try:
                return await self._flag(actor, request, post, reasons, text)
            except FlaggedAtOnceError:
                if attempt == _ATTEMPTS - 1:
                    raise
        raise AssertionError("the last attempt answers or raises")

    async def _flag(
        self,
        actor: Actor,
        request: FlagPostRequest,
        post: FlaggedPost,
        reasons: tuple[FlagReason, ...],
        text: str,
    ) -> FlagPostResponse:
        community_id, person_id = post.community_id, actor.person_id
        flagger, cases = await asyncio.gather(
            self._repository.get_flagger(community_id, person_id, post.id),
            self._repository.find_cases_of(community_id, post.topic_id, post.reply_id),
        )
        trust_level = actor.member_of(community_id).trust_level
        case_id = flagged_case_id(post, cases)
        ref = self._repository.flag_ref(community_id, case_id, person_id)

        def decide(seen: Seen[Case]) -> Decision[Case, FlagPostResponse]:
            before, now = seen.state, seen.now.time
            flagger.check(trust_level, now)
            if seen.part(ref) is not None or (before and before.state is not CaseState.OPEN):
                raise FlaggedAtOnceError
            flag = Flag(
                id=flag_id(case_id, person_id),
                community_id=community_id,
                case_id=case_id,
                post_id=post.id,
                person_id=person_id,
                reasons=reasons,
                text=text,
                create_time=now,
                number=flagger.number + 1,
            )
            case = (before or case_for_flags(case_id, post, now)).flag(post, reasons)
            detail = " ".join(reason.name for reason in reasons)
            record = self._repository.audit(
                seen.now, community_id, actor.name, "FlagPost", case_id, detail
            )
            return Decision(
                case,
                lambda _: FlagPostResponse(flag=flag_to_proto(flag)),
                [
                    *([] if before else [case_opened(case)]),
                    post_flagged(flag, case, post.submission_number),
                ],
                [ref.put(flag)],
                [record],
            )

        target = self._repository.cases.ref(community_id, case_id).having(ref)
        return await self._commands.run(actor, request, target, decide)

    async def _read(self, actor: Actor, request: FlagPostRequest) -> FlaggedPost:
        """The post as the forum has it, where the person's keys open it.

        A reply on its way to another topic needs the keys to both spaces.
        """
        community_id = request.community_id
        wanted = forum_pb2.BatchGetPostsRequest(
            community_id=community_id,
            topic_ids=[request.topic_id],
            reply_ids=[request.reply_id] if request.reply_id else [],
            without_texts=True,
        )
        found = await self._forum.BatchGetPosts(wanted)
        topic = next((one for one in found.topics if one.state in _SHOWN), None)
        reply = next((one for one in found.replies if _in(one, topic)), None)
        space_ids = {post.space_id for post in (topic, reply) if post is not None}
        # Asked where there is none, too: time tells nobody what there is.
        spaces = forum_pb2.BatchGetSpacesRequest(community_id=community_id, space_ids=space_ids)
        opened = {
            space.id
            for space in (await self._forum.BatchGetSpaces(spaces)).spaces
            if not set(space.read_keys).isdisjoint(actor.keys(community_id))
        }
        if topic is None or topic.space_id not in opened:
            raise TopicNotFoundError(field="topic_id")
        if request.reply_id and (reply is None or reply.space_id not in opened):
            raise ReplyNotFoundError(field="reply_id")
        post = reply or topic
        return FlaggedPost(
            community_id,
            topic.id,
            request.reply_id,
            post.author.person_id,
            post.submission_number,
        )


def _in(reply: forum_pb2.Reply, topic: forum_pb2.Topic | None) -> bool:
    published = reply.state == forum_pb2.REPLY_STATE_PUBLISHED
    return topic is not None and published and reply.topic_id == topic.id

"""What people say of others' posts without words: vote, react, take it back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TypeAlias, TypeVar, cast

from google.protobuf.message import Message

from chassis.actors import Actor
from chassis.decisions import Decision, Seen, Write
from chassis.moment import Moment
from chassis.placing import placed
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1.participation_pb2 import (
    AddReactionRequest,
    AddReactionResponse,
    CastVoteRequest,
    CastVoteResponse,
    RemoveReactionRequest,
    RemoveReactionResponse,
    RetractVoteRequest,
    RetractVoteResponse,
)
from services.forum.converters.messages import reply_to_proto, topic_to_proto
from services.forum.converters.participation import (
    REACTION_KINDS,
    VOTE_VALUES,
    reaction_kind,
    vote_value,
)
from services.forum.domain.members import Member
from services.forum.domain.participation import (
    ReactedAtOnceError,
    Reaction,
    Reactions,
    Vote,
    VotedAtOnceError,
    Voter,
    check_not_carried,
    check_not_own,
    check_takes_part,
    check_takes_vote,
)
from services.forum.domain.references import PostRef
from services.forum.domain.replies import Reply
from services.forum.domain.topics import Topic
from services.forum.use_cases.base import UseCases, visible, visible_reply

VoteRequest: TypeAlias = CastVoteRequest | RetractVoteRequest
ReactionRequest: TypeAlias = AddReactionRequest | RemoveReactionRequest
A = TypeVar("A", bound=Message)
V = TypeVar("V", CastVoteResponse, RetractVoteResponse)
R = TypeVar("R", AddReactionResponse, RemoveReactionResponse)
Counted: TypeAlias = Callable[[Moment], list[Write]]  # what is stored with a reaction
Voted: TypeAlias = tuple[Vote, Message]  # the vote as it is now, and what is said of it

_TRIES = 4  # for someone who votes or reacts in several places at once


class ParticipationUseCases(UseCases):
    """Votes change the score of topic and reply, with the topic; reactions are counted beside it.

    Neither is a change of the text: versions stay, so that nobody who edits is told VERSION_STALE.
    """

    async def cast_vote(self, actor: Actor, request: CastVoteRequest) -> CastVoteResponse:
        """Refuses with OWN_POST, VOTE_NOT_ALLOWED, VOTE_LIMIT_REACHED and as all on posts."""
        member = Member.of(actor, request.community_id)
        value = vote_value(request.value)
        if (done := await self._done(actor, request, CastVoteResponse)) is not None:
            return done
        topic, space = await self._repository.get_topic_space(
            request.community_id, request.topic_id, member.keyring
        )
        post = PostRef(topic.id, request.reply_id)

        def cast_by(voter: Voter, factors: Mapping[int, float]) -> Callable[..., Voted | None]:
            def change(
                topic: Topic, reply: Reply | None, before: Vote | None, now: datetime
            ) -> Voted | None:
                written = reply or topic
                check_not_own(member, written)
                check_not_carried(topic, reply)
                check_takes_vote(topic, reply, value, down=space.settings.down_votes)
                if before is not None and before.value is value:
                    return None
                vote = voter.cast(member, factors, post, written.author.person_id, value, now)
                event = said.VoteCast(
                    topic_id=topic.id,
                    reply_id=post.reply_id,
                    author_id=vote.author_id,
                    value=VOTE_VALUES[value],
                )
                if before is not None and before.value is not None:
                    event.replaced_value = VOTE_VALUES[before.value]
                return vote, event

            return change

        async def find() -> Callable[..., Voted | None]:
            voter, settings = await asyncio.gather(
                self._repository.get_voter(
                    request.community_id, member.person_id, datetime.now(UTC)
                ),
                self._repository.recall_trust_settings(request.community_id),
            )
            return cast_by(voter, settings.vote_factors)

        async def vote(change: Callable[..., Voted | None]) -> CastVoteResponse:
            return await self._vote(actor, request, member, topic, CastVoteResponse, change)

        return await placed(find, vote, VotedAtOnceError, tries=_TRIES)

    async def retract_vote(self, actor: Actor, request: RetractVoteRequest) -> RetractVoteResponse:
        """Refuses as all on posts."""
        member = Member.of(actor, request.community_id)
        if (done := await self._done(actor, request, RetractVoteResponse)) is not None:
            return done
        topic, _ = await self._repository.get_topic_space(
            request.community_id, request.topic_id, member.keyring
        )
        post = PostRef(topic.id, request.reply_id)

        def change(
            topic: Topic, _: Reply | None, before: Vote | None, __: datetime
        ) -> Voted | None:
            if before is None or before.value is None:
                return None
            event = said.VoteRetracted(
                topic_id=topic.id,
                reply_id=post.reply_id,
                author_id=before.author_id,
                value=VOTE_VALUES[before.value],
            )
            return replace(before, value=None), event

        return await self._vote(actor, request, member, topic, RetractVoteResponse, change)

    async def _vote(
        self,
        actor: Actor,
        request: VoteRequest,
        member: Member,
        found: Topic,
        response: type[V],
        change: Callable[[Topic, Reply | None, Vote | None, datetime], Voted | None],
    ) -> V:
        """The vote and the score it makes, in one decision on the topic; `found`: as it was."""
        post = PostRef(found.id, request.reply_id)
        vote_ref = self._repository.vote_ref(request.community_id, post, member.person_id)
        reply_ref = self._repository.reply_ref(request.community_id, post.reply_id)

        def decide(seen: Seen[Topic]) -> Decision[Topic, V]:
            topic, reply = visible(seen.state, member, found), None
            if post.reply_id:
                reply = visible_reply(seen.part(reply_ref), topic, member)
            check_takes_part(topic, reply)
            before = seen.part(vote_ref)
            changed = change(topic, reply, before, seen.now.time)
            if changed is None:
                return Decision(topic, lambda _: _answer(response, topic, reply))
            vote, event = changed
            step = _points(vote) - _points(before)
            parts = [vote_ref.put(vote)]
            if reply is None:
                topic = replace(topic, score=topic.score + step)
            else:
                reply = replace(reply, score=reply.score + step)
                parts.append(reply_ref.put(reply))
            return Decision(topic, lambda _: _answer(response, topic, reply), [event], parts)

        ref = self._repository.topics.ref(request.community_id, post.topic_id)
        parts = (vote_ref, reply_ref) if post.reply_id else (vote_ref,)
        return await self._commands.run(actor, request, ref.having(*parts), decide)

    async def add_reaction(self, actor: Actor, request: AddReactionRequest) -> AddReactionResponse:
        """Refuses with OWN_POST, REACTION_LIMIT_REACHED, REACTED_AT_ONCE and as all on posts."""
        kind = reaction_kind(request.kind)

        def change(post: PostRef, author_id: str, own: Reaction) -> tuple[Reaction, Message]:
            event = said.ReactionAdded(
                topic_id=post.topic_id,
                reply_id=post.reply_id,
                author_id=author_id,
                kind=REACTION_KINDS[kind],
            )
            return own.having(kind), event

        return await self._react(actor, request, AddReactionResponse, change)

    async def remove_reaction(
        self, actor: Actor, request: RemoveReactionRequest
    ) -> RemoveReactionResponse:
        """Refuses as all on posts."""
        kind = reaction_kind(request.kind)

        def change(post: PostRef, author_id: str, own: Reaction) -> tuple[Reaction, Message]:
            event = said.ReactionRemoved(
                topic_id=post.topic_id,
                reply_id=post.reply_id,
                author_id=author_id,
                kind=REACTION_KINDS[kind],
            )
            return own.lacking(kind), event

        return await self._react(actor, request, RemoveReactionResponse, change)

    async def _react(
        self,
        actor: Actor,
        request: ReactionRequest,
        response: type[R],
        change: Callable[[PostRef, str, Reaction], tuple[Reaction, Message]],
    ) -> R:
        """The person's reactions and the counts, in one decision on the post's reactions.

        The post is looked at before: a click that meets its hiding may be counted.
        """
        member = Member.of(actor, request.community_id)
        kind = reaction_kind(request.kind)
        if (done := await self._done(actor, request, response)) is not None:
            return done
        topic, reply = (
            await self._repository.get_topic(
                request.community_id, request.topic_id, member.keyring
            ),
            None,
        )
        if request.reply_id:
            reply = await self._repository.get_reply(topic, request.reply_id, member.keyring)
        check_takes_part(topic, reply)
        written = reply or topic
        if response is AddReactionResponse:
            check_not_own(member, written)
        post = PostRef(topic.id, request.reply_id)
        own_ref = self._repository.reaction_ref(request.community_id, post, member.person_id)
        answer = _answer(response, topic, reply)

        def decide(seen: Seen[Reactions], counted: Counted) -> Decision[Reactions, R]:
            counts = seen.state or Reactions(post, {})
            before = seen.part(own_ref) or Reaction(post, member.person_id, ())
            after, event = change(post, written.author.person_id, before)
            step = len(after.kinds) - len(before.kinds)
            if not step:
                return Decision(cast("Reactions", seen.state), lambda _: answer)
            return Decision(
                counts.changed(kind, step),
                lambda _: answer,
                [event],
                [own_ref.put(after)],
                counted(seen.now),
            )

        ref = self._repository.reactions_ref(request.community_id, post).having(own_ref)

        async def find() -> Counted:
            if isinstance(request, AddReactionRequest):
                return await self._counted(member, request.community_id)
            return _uncounted

        async def react(counted: Counted) -> R:
            return await self._commands.run(actor, request, ref, partial(decide, counted=counted))

        return await placed(find, react, ReactedAtOnceError, tries=_TRIES)

    async def _counted(self, member: Member, community_id: str) -> Counted:
        """To be stored with one reaction more. Refuses with REACTION_LIMIT_REACHED."""
        settings = await self._repository.recall_trust_settings(community_id)
        most = settings.reaction_limits[member.known_level]
        reactor = await self._repository.get_reactor(community_id, member.person_id, most)

        def counted(now: Moment) -> list[Write]:
            number = reactor.react(most, now.time)
            return [self._repository.new_reacting(community_id, member.person_id, number, now)]

        return counted


def _uncounted(_: Moment) -> list[Write]:
    return []  # what is taken back


def _points(vote: Vote | None) -> int:
    return 0 if vote is None or vote.value is None else vote.value.points


def _answer(response: type[A], topic: Topic, reply: Reply | None) -> A:
    return response(
        topic=topic_to_proto(topic.showing(()), topic.version),
        reply=reply_to_proto(reply, reply.version) if reply is not None else None,
    )

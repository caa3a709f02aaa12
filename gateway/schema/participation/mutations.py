"""What people can do with others' posts, in GraphQL."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from gateway.context import Info
from gateway.cursors import decode_id
from gateway.errors import POST_NOT_FOUND
from gateway.schema.forum.mutations.base import MODERATOR, What, of_post, why
from gateway.schema.participation import inputs as p
from gateway.schema.writes import codes, number, write
from guildhall.forum.v1 import participation_pb2

_POST = (POST_NOT_FOUND, "TOPIC_STATE_INVALID", "REPLY_STATE_INVALID")


def _post(input: p.PostWrite) -> dict[str, Any]:
    """The fields that every write to a post has."""
    topic_id, reply_id = of_post(input.post_id, "postId")
    return {
        "request_id": input.request_id,
        "community_id": decode_id(input.post_id, "postId").community_id,
        "topic_id": topic_id,
        "reply_id": reply_id,
    }


@strawberry.type
class ParticipationMutation:
    """Votes and reactions."""

    @strawberry.mutation(
        description=codes(
            "Vote for or against a question, an idea or a reply, in place of what one said before. "
            "So many a day, by trust level.", *_POST, "OWN_POST", "VOTE_NOT_ALLOWED",
            "VOTE_LIMIT_REACHED", "VOTED_AT_ONCE",
        )
    )  # fmt: skip
    async def cast_vote(
        self, info: Info, input: Annotated[p.CastVoteInput, What]
    ) -> p.CastVotePayload:
        request = participation_pb2.CastVoteRequest(**_post(input), value=number(input.value))
        return await write(info, info.context.services.participation.CastVote, request)

    @strawberry.mutation(
        description=codes(
            "Take a vote back, as if it had never been cast; nothing happens where there is "
            "none.", *_POST,
        )
    )  # fmt: skip
    async def retract_vote(
        self, info: Info, input: Annotated[p.RetractVoteInput, What]
    ) -> p.RetractVotePayload:
        request = participation_pb2.RetractVoteRequest(**_post(input))
        return await write(info, info.context.services.participation.RetractVote, request)

    @strawberry.mutation(
        description=codes(
            "React to a post; one of each kind a person. So many a day, by trust level.", *_POST,
            "OWN_POST", "REACTION_LIMIT_REACHED", "REACTED_AT_ONCE",
        )
    )  # fmt: skip
    async def add_reaction(
        self, info: Info, input: Annotated[p.AddReactionInput, What]
    ) -> p.AddReactionPayload:
        request = participation_pb2.AddReactionRequest(**_post(input), kind=number(input.kind))
        return await write(info, info.context.services.participation.AddReaction, request)

    @strawberry.mutation(
        description=codes("Take a reaction back; nothing happens where there is none.", *_POST)
    )
    async def remove_reaction(
        self, info: Info, input: Annotated[p.RemoveReactionInput, What]
    ) -> p.RemoveReactionPayload:
        request = participation_pb2.RemoveReactionRequest(**_post(input), kind=number(input.kind))
        return await write(info, info.context.services.participation.RemoveReaction, request)

    @strawberry.mutation(
        description=codes(
            "Ask something in a topic; it has one poll at most, which stays as it is. For the "
            "author of the topic and moderators, not for whose posts there wait for a review. In "
            "a draft, for its author only, it replaces one, and goes out with the topic.",
            "TOPIC_NOT_FOUND", "TOPIC_STATE_INVALID", "POLL_NOT_ALLOWED", "POLL_EXISTS",
            "CONTENT_BLOCKED", "ROLE_REQUIRED", "TEXT_INVALID", "FIELD_INVALID",
        )
    )  # fmt: skip
    async def create_poll(
        self, info: Info, input: Annotated[p.CreatePollInput, What]
    ) -> p.CreatePollPayload:
        request = participation_pb2.CreatePollRequest(
            **_topic(input),
            question=input.question,
            options=input.options,
            multiple=input.multiple,
            anonymous=input.anonymous,
            results_shown=number(input.results_shown),
            close_time=input.close_time,
        )
        return await write(info, info.context.services.participation.CreatePoll, request)

    @strawberry.mutation(
        description=codes(
            "Say something in a poll, in place of what one said before, until it is closed.",
            "TOPIC_NOT_FOUND", "POLL_NOT_FOUND", "POLL_CLOSED", "TOPIC_STATE_INVALID",
            "FIELD_INVALID",
        )
    )  # fmt: skip
    async def cast_ballot(
        self, info: Info, input: Annotated[p.CastBallotInput, What]
    ) -> p.CastBallotPayload:
        request = participation_pb2.CastBallotRequest(**_topic(input), choices=input.choices)
        return await write(info, info.context.services.participation.CastBallot, request)

    @strawberry.mutation(
        description=codes(
            "End a poll: nobody says more. For the author of the topic and moderators.",
            "TOPIC_NOT_FOUND", "POLL_NOT_FOUND", "POLL_CLOSED", "TOPIC_STATE_INVALID",
            "ROLE_REQUIRED",
        )
    )  # fmt: skip
    async def close_poll(
        self, info: Info, input: Annotated[p.ClosePollInput, What]
    ) -> p.ClosePollPayload:
        request = participation_pb2.ClosePollRequest(**_topic(input))
        return await write(info, info.context.services.participation.ClosePoll, request)

    @strawberry.mutation(
        description=codes(
            "Take a poll out of sight of all but who asked it and moderators. Its topic gets no "
            "other one. For moderators.", "TOPIC_NOT_FOUND", "POLL_NOT_FOUND", MODERATOR,
            "REASON_REQUIRED", "TEXT_INVALID",
        )
    )  # fmt: skip
    async def remove_poll(
        self, info: Info, input: Annotated[p.RemovePollInput, What]
    ) -> p.RemovePollPayload:
        request = participation_pb2.RemovePollRequest(**_topic(input), **why(input))
        return await write(info, info.context.services.participation.RemovePoll, request)


def _topic(input: Any) -> dict[str, Any]:
    """The fields that every write to a poll has."""
    topic = decode_id(input.topic_id, "topicId", "Topic")
    return {
        "request_id": input.request_id,
        "community_id": topic.community_id,
        "topic_id": topic.id,
    }

"""Inputs and payloads of what people do with others' posts."""

from __future__ import annotations

import strawberry

from gateway.schema.forum import Reply, Topic
from gateway.schema.forum.inputs.base import reason_code
from gateway.schema.participation import ReactionKind, VoteValue
from gateway.schema.participation.polls import Poll, ResultsShown
from gateway.schema.scalars import DateTime, ReasonCode
from gateway.schema.writes import request_id


@strawberry.input
class PostWrite:
    """A write to a post."""

    request_id: str = request_id()
    post_id: strawberry.ID = strawberry.field(description="The topic or reply.")


@strawberry.type
class PostPayload:
    """The post."""

    topic: Topic = strawberry.field(description="The topic as it is now.")
    reply: Reply | None = strawberry.field(
        description="The reply as it is now; null where the topic itself was meant."
    )


@strawberry.input(description="A vote.")
class CastVoteInput(PostWrite):
    """Of castVote."""

    value: VoteValue = strawberry.field(description="For or against it.")


@strawberry.type(description="What was voted for, with its new score.")
class CastVotePayload(PostPayload):
    """Of castVote."""


@strawberry.input(description="Which vote is taken back.")
class RetractVoteInput(PostWrite):
    """Of retractVote."""


@strawberry.type(description="The post as if one had not voted.")
class RetractVotePayload(PostPayload):
    """Of retractVote."""


@strawberry.input(description="A reaction.")
class AddReactionInput(PostWrite):
    """Of addReaction."""

    kind: ReactionKind = strawberry.field(description="What one says.")


@strawberry.type(description="What one reacted to.")
class AddReactionPayload(PostPayload):
    """Of addReaction."""


@strawberry.input(description="Which reaction is taken back.")
class RemoveReactionInput(PostWrite):
    """Of removeReaction."""

    kind: ReactionKind = strawberry.field(description="What one does not say any more.")


@strawberry.type(description="The post without the reaction.")
class RemoveReactionPayload(PostPayload):
    """Of removeReaction."""


@strawberry.input(description="What is asked, of whom it is shown, and until when.")
class CreatePollInput:
    """Of createPoll."""

    request_id: str = request_id()
    topic_id: strawberry.ID = strawberry.field(description="The topic it is asked in.")
    question: str = strawberry.field(description="The question, on one line.")
    options: list[str] = strawberry.field(description="2 to 20, each once.")
    multiple: bool = strawberry.field(default=False, description="Several may be chosen.")
    anonymous: bool = strawberry.field(default=False, description="Nobody sees who chose what.")
    results_shown: ResultsShown | None = strawberry.field(
        default=None, description="From when somebody sees the results; by default ALWAYS."
    )
    close_time: DateTime | None = strawberry.field(
        default=None, description="When it closes, within a year; else when somebody closes it."
    )


@strawberry.input(description="What one says in a poll.")
class CastBallotInput:
    """Of castBallot."""

    request_id: str = request_id()
    topic_id: strawberry.ID = strawberry.field(description="The topic whose poll it is.")
    choices: list[int] = strawberry.field(
        description="The places of the options one chooses, from 0; none: one's ballot is taken "
        "back."
    )


@strawberry.input(description="Which poll is closed.")
class ClosePollInput:
    """Of closePoll."""

    request_id: str = request_id()
    topic_id: strawberry.ID = strawberry.field(description="The topic whose poll it is.")


@strawberry.input(description="Which poll is removed, and why.")
class RemovePollInput:
    """Of removePoll."""

    request_id: str = request_id()
    topic_id: strawberry.ID = strawberry.field(description="The topic whose poll it is.")
    reason: str = strawberry.field(description="Why; who asked it sees it.")
    reason_code: ReasonCode | None = reason_code()


@strawberry.type
class PollPayload:
    """The poll."""

    poll: Poll = strawberry.field(description="The poll as it is now.")


@strawberry.type(description="The new poll.")
class CreatePollPayload(PollPayload):
    """Of createPoll."""


@strawberry.type(description="The poll, with one's ballot counted.")
class CastBallotPayload(PollPayload):
    """Of castBallot."""


@strawberry.type(description="The poll, with its results.")
class ClosePollPayload(PollPayload):
    """Of closePoll."""


@strawberry.type(description="The removed poll.")
class RemovePollPayload(PollPayload):
    """Of removePoll."""

"""Polls in GraphQL."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import strawberry

from gateway import batches, lists
from gateway.context import Info
from gateway.loaders import Listing, Reference, fetched_by, read
from gateway.schema.directory import Member
from gateway.schema.fields import fetched
from gateway.schema.relay import After, Before, Connection, First, Last
from gateway.schema.scalars import DateTime, unset_is_null
from guildhall.forum.v1 import participation_pb2


@strawberry.enum(description="From when somebody sees the results of a poll.")
class ResultsShown(Enum):
    """forum.ResultsShown."""

    ALWAYS = strawberry.enum_value(
        participation_pb2.RESULTS_SHOWN_ALWAYS, description="From the beginning."
    )
    AFTER_VOTE = strawberry.enum_value(
        participation_pb2.RESULTS_SHOWN_AFTER_VOTE,
        description="Once one has voted, or it is closed.",
    )
    AFTER_CLOSE = strawberry.enum_value(
        participation_pb2.RESULTS_SHOWN_AFTER_CLOSE, description="Once it is closed."
    )


@strawberry.type(description="What can be chosen in a poll.")
class PollOption:
    """forum.PollOption."""

    text: str = strawberry.field(description="What it says.")

    @strawberry.field(description="How many chose it; null while one may not see that.")
    def count(self) -> int | None:
        return self.count if self.HasField("count") else None  # type: ignore[attr-defined]


@strawberry.type(description="Somebody's choice in a poll.")
class Ballot:
    """forum.Ballot."""

    time: DateTime = strawberry.field(description="When it was last changed.")

    member: Member | None = fetched(
        Reference(batches.members, lambda row: (row.community_id, row.person_id)),
        "Who chose it, who may have left since.",
    )


@strawberry.type(description="A question with options, as one sees it.")
class Poll:
    """forum.Poll."""

    question: str = strawberry.field(description="The question.")
    options: list[PollOption] = strawberry.field(description="What can be chosen, by place from 0.")
    multiple: bool = strawberry.field(description="Whether several can be chosen.")
    anonymous: bool = strawberry.field(description="Whether nobody sees who chose what.")
    results_shown: ResultsShown = strawberry.field(description="From when one sees the results.")
    create_time: DateTime = strawberry.field(description="When it was made.")
    close_time: DateTime | None = strawberry.field(
        description="When it closes or was closed; null: when somebody closes it."
    )
    closed: bool = strawberry.field(description="Whether nobody can say more.")
    viewer_options: list[int] = strawberry.field(description="The places of what one chose.")
    removed: bool = strawberry.field(
        description="Whether a moderator removed it: who asked it and moderators still see it."
    )

    @strawberry.field(description="Why it was removed; null where it was not.")
    def remove_reason(self) -> str | None:
        return unset_is_null(self, "remove_reason")

    @strawberry.field(description="How many have voted; null while one may not see the results.")
    def voter_count(self) -> int | None:
        return self.voter_count if self.HasField("voter_count") else None  # type: ignore[attr-defined]

    @strawberry.field(
        metadata=fetched_by(Listing(lists.ballots, lambda poll: poll.topic_id), guildhall_cost=5),
        description="Who chose an option, as they did. One call a poll. Codes: BAD_USER_INPUT, "
        "POLL_NOT_FOUND, POLL_RESULTS_HIDDEN.",
    )
    def ballots(
        self,
        info: Info,
        option: Annotated[int, strawberry.argument(description="Its place, from 0.")],
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Ballot] | None:
        return read(info, self)

"""Polls as protobuf messages: as one person sees them."""

from __future__ import annotations

from chassis.timestamps import timestamp_of
from guildhall.forum.v1 import participation_pb2 as pb
from services.forum.converters.enums import one_of
from services.forum.domain.polls import Ballot, ResultsShown, SeenPoll

RESULTS_SHOWN = {one: pb.ResultsShown.Value(f"RESULTS_SHOWN_{one}") for one in ResultsShown}


def results_shown(number: int) -> ResultsShown:
    """Unspecified is ALWAYS. Refuses with FIELD_INVALID."""
    return one_of(RESULTS_SHOWN, number, "results_shown") if number else ResultsShown.ALWAYS


def poll_to_proto(seen: SeenPoll, community_id: str) -> pb.Poll:
    """Without results, for whom it does not show them yet."""
    poll, shown = seen.poll, seen.poll.shows_results(seen.ballot, seen.now)
    return pb.Poll(
        topic_id=poll.topic_id,
        community_id=community_id,
        question=poll.question,
        options=[
            pb.PollOption(text=text, count=count if shown else None)
            for text, count in zip(poll.options, poll.counts, strict=True)
        ],
        multiple=poll.multiple,
        anonymous=poll.anonymous,
        results_shown=RESULTS_SHOWN[poll.results_shown],
        create_time=timestamp_of(poll.create_time),
        close_time=timestamp_of(poll.close_time) if poll.close_time else None,
        closed=poll.closed(seen.now),
        voter_count=poll.voter_count if shown else None,
        viewer_options=seen.ballot.options if seen.ballot is not None else (),
        removed=poll.removed,
        remove_reason=poll.remove_reason,
    )


def ballot_to_proto(ballot: Ballot) -> pb.Ballot:
    """Who said it, and when."""
    return pb.Ballot(person_id=ballot.person_id, time=timestamp_of(ballot.time))

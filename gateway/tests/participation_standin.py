"""Stands for the forum's ParticipationService: real gRPC, canned rows, every call counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from grpc import aio

from gateway.tests.standins import _StandIn, reply, time, topic
from guildhall.forum.v1 import participation_pb2 as pb
from guildhall.forum.v1.participation_pb2_grpc import (
    ParticipationServiceServicer,
    add_ParticipationServiceServicer_to_server,
)


class ParticipationStandIn(_StandIn, ParticipationServiceServicer):
    """Everybody says thanks, once for each; posts of topic t4 are not there.

    Of a poll counts are shown where the test says how many there are.
    """

    def __init__(self) -> None:
        super().__init__()
        self.voters: dict[str, int] = {}  # by topic

    async def BatchGetParticipations(self, request: Any, _context: Any) -> Any:
        self.called("BatchGetParticipations", request)
        return pb.BatchGetParticipationsResponse(
            participations=[
                pb.Participation(
                    post=post,
                    reactions=[pb.ReactionCount(kind=pb.REACTION_KIND_THANKS, count=7)],
                    viewer_reactions=[pb.REACTION_KIND_THANKS],
                    viewer_vote=pb.VOTE_VALUE_UNSPECIFIED if post.reply_id else pb.VOTE_VALUE_UP,
                )
                for post in request.posts
                if post.topic_id != "t4"
            ]
        )

    async def BatchGetQuotes(self, request: Any, _context: Any) -> Any:
        self.called("BatchGetQuotes", request)
        quote = pb.ShownQuote(
            source=pb.PostRef(topic_id="t9", reply_id="r9"),
            text="so it is",
            author=reply("r9", "t9").author,
        )
        return pb.BatchGetQuotesResponse(
            posts=[pb.QuotesOfPost(post=post, quotes=[quote]) for post in request.posts]
        )

    async def BatchGetLinkCards(self, request: Any, _context: Any) -> Any:
        self.called("BatchGetLinkCards", request)
        cards = [
            pb.LinkCard(url="https://docs.example.com/a", title="A", site_name="Docs"),
            pb.LinkCard(url="https://docs.example.com/b", title="B", description="Of B"),
        ]
        return pb.BatchGetLinkCardsResponse(
            posts=[
                pb.LinkCardsOfPost(post=post, link_cards=cards)
                for post in request.posts
                if post.topic_id in ("t45", "t3")
            ]
        )

    async def BatchGetPolls(self, request: Any, _context: Any) -> Any:
        self.called("BatchGetPolls", request)
        polls = [poll(one, self.voters.get(one)) for one in request.topic_ids[:2]]
        return pb.BatchGetPollsResponse(polls=polls)

    async def CastBallot(self, request: Any, _context: Any) -> Any:
        self.called("CastBallot", request)
        return pb.CastBallotResponse(poll=poll(request.topic_id, 3))

    async def RemovePoll(self, request: Any, _context: Any) -> Any:
        self.called("RemovePoll", request)
        removed = poll(request.topic_id)
        removed.MergeFrom(pb.Poll(closed=True, removed=True, remove_reason=request.reason))
        return pb.RemovePollResponse(poll=removed)

    async def CastVote(self, request: Any, _context: Any) -> Any:
        self.called("CastVote", request)
        return pb.CastVoteResponse(**_post(request))

    async def AddReaction(self, request: Any, _context: Any) -> Any:
        self.called("AddReaction", request)
        return pb.AddReactionResponse(**_post(request))


def _post(request: Any) -> dict[str, Any]:
    on = topic(int(request.topic_id.removeprefix("t")))
    if not request.reply_id:
        return {"topic": on}
    return {"topic": on, "reply": reply(request.reply_id, request.topic_id)}


def add_participation(servicer: ParticipationStandIn) -> Callable[[aio.Server], None]:
    return lambda server: add_ParticipationServiceServicer_to_server(servicer, server)


def poll(topic_id: str, count: int | None = None) -> pb.Poll:
    return pb.Poll(
        topic_id=topic_id,
        community_id="c1",
        question="Shall we?",
        options=[pb.PollOption(text=text, count=count) for text in ("Yes", "No")],
        results_shown=pb.RESULTS_SHOWN_AFTER_VOTE,
        create_time=time(0),
        voter_count=count,
        viewer_options=[1],
    )

"""ParticipationService over gRPC: who calls, which use case or query, what comes back."""

from __future__ import annotations

from datetime import UTC, datetime

from chassis.actors import require_person
from chassis.pagination import Paging, check_batch
from chassis.rpc_server import Context
from guildhall.forum.v1 import participation_pb2 as pb
from guildhall.forum.v1 import participation_pb2_grpc
from services.forum.converters.participation import participation_to_proto, post_refs
from services.forum.converters.polls import ballot_to_proto, poll_to_proto
from services.forum.converters.references import quotes_to_proto
from services.forum.domain.members import Member
from services.forum.domain.polls import PollResultsHiddenError
from services.forum.repository import ForumRepository
from services.forum.use_cases import ForumUseCases
from services.forum.use_cases.link_cards import LinkCardUseCases


class ParticipationServicer(participation_pb2_grpc.ParticipationServiceServicer):
    """What each RPC means is said in the proto."""

    def __init__(
        self, use_cases: ForumUseCases, link_cards: LinkCardUseCases, repository: ForumRepository
    ) -> None:
        self._use_cases = use_cases
        self._link_cards = link_cards
        self._repository = repository

    async def CastVote(self, request: pb.CastVoteRequest, context: Context) -> pb.CastVoteResponse:
        return await self._use_cases.cast_vote(require_person(), request)

    async def RetractVote(
        self, request: pb.RetractVoteRequest, context: Context
    ) -> pb.RetractVoteResponse:
        return await self._use_cases.retract_vote(require_person(), request)

    async def AddReaction(
        self, request: pb.AddReactionRequest, context: Context
    ) -> pb.AddReactionResponse:
        return await self._use_cases.add_reaction(require_person(), request)

    async def RemoveReaction(
        self, request: pb.RemoveReactionRequest, context: Context
    ) -> pb.RemoveReactionResponse:
        return await self._use_cases.remove_reaction(require_person(), request)

    async def BatchGetParticipations(
        self, request: pb.BatchGetParticipationsRequest, context: Context
    ) -> pb.BatchGetParticipationsResponse:
        member = Member.of(require_person(), request.community_id)
        found = await self._repository.find_participations(
            request.community_id, post_refs(request.posts), member.person_id, member.keyring
        )
        return pb.BatchGetParticipationsResponse(
            participations=[participation_to_proto(one) for one in found]
        )

    async def BatchGetQuotes(
        self, request: pb.BatchGetQuotesRequest, context: Context
    ) -> pb.BatchGetQuotesResponse:
        member = Member.of(require_person(), request.community_id)
        found = await self._repository.find_quotes(
            request.community_id, post_refs(request.posts), member.keyring
        )
        return pb.BatchGetQuotesResponse(
            posts=[quotes_to_proto(one, request.community_id, member.keyring) for one in found]
        )

    async def BatchGetLinkCards(
        self, request: pb.BatchGetLinkCardsRequest, context: Context
    ) -> pb.BatchGetLinkCardsResponse:
        return await self._link_cards.batch_get_link_cards(require_person(), request)

    async def CreatePoll(
        self, request: pb.CreatePollRequest, context: Context
    ) -> pb.CreatePollResponse:
        return await self._use_cases.create_poll(require_person(), request)

    async def CastBallot(
        self, request: pb.CastBallotRequest, context: Context
    ) -> pb.CastBallotResponse:
        return await self._use_cases.cast_ballot(require_person(), request)

    async def ClosePoll(
        self, request: pb.ClosePollRequest, context: Context
    ) -> pb.ClosePollResponse:
        return await self._use_cases.close_poll(require_person(), request)

    async def RemovePoll(
        self, request: pb.RemovePollRequest, context: Context
    ) -> pb.RemovePollResponse:
        return await self._use_cases.remove_poll(require_person(), request)

    async def BatchGetPolls(
        self, request: pb.BatchGetPollsRequest, context: Context
    ) -> pb.BatchGetPollsResponse:
        member = Member.of(require_person(), request.community_id)
        ids = check_batch(list(request.topic_ids), "topic_ids")
        found = await self._repository.find_polls(
            request.community_id, ids, member.person_id, member.keyring, datetime.now(UTC)
        )
        return pb.BatchGetPollsResponse(
            polls=[poll_to_proto(one, request.community_id) for one in found]
        )

    async def ListBallots(
        self, request: pb.ListBallotsRequest, context: Context
    ) -> pb.ListBallotsResponse:
        member = Member.of(require_person(), request.community_id)
        paging = Paging.of(request, datetime, str)
        seen = await self._repository.get_poll(
            request.community_id,
            request.topic_id,
            member.person_id,
            member.keyring,
            datetime.now(UTC),
        )
        if not seen.shows_ballots:
            raise PollResultsHiddenError
        found = await self._repository.list_ballots(
            request.community_id, request.topic_id, request.option, paging
        )
        ballots, token = paging.page(
            found, lambda last: (last.time, f"{last.topic_id}:{last.person_id}")
        )
        return pb.ListBallotsResponse(
            ballots=[ballot_to_proto(one) for one in ballots], next_page_token=token
        )

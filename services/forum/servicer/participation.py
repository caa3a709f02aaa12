"""ParticipationService over gRPC: who calls, which use case or query, what comes back."""

from __future__ import annotations

from chassis.actors import require_person
from chassis.rpc_server import Context
from guildhall.forum.v1 import participation_pb2 as pb
from guildhall.forum.v1 import participation_pb2_grpc
from services.forum.converters.participation import participation_to_proto, post_refs
from services.forum.converters.references import quotes_to_proto
from services.forum.domain.members import Member
from services.forum.repository import ForumRepository
from services.forum.use_cases import ForumUseCases


class ParticipationServicer(participation_pb2_grpc.ParticipationServiceServicer):
    """What each RPC means is said in the proto."""

    def __init__(self, use_cases: ForumUseCases, repository: ForumRepository) -> None:
        self._use_cases = use_cases
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

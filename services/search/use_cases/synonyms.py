"""A community's synonyms, kept by its managers."""

from __future__ import annotations

from chassis.actors import MANAGER, Actor
from chassis.commands import Commands
from chassis.decisions import Decision, Seen
from chassis.errors import check_version
from guildhall.search.v1 import domain_events_pb2, search_pb2
from services.search import converters
from services.search.domain.synonyms import Synonyms, check_sets
from services.search.repository import SearchRepository


class SynonymUseCases:
    """Read and replace."""

    def __init__(self, commands: Commands, repository: SearchRepository) -> None:
        self._commands = commands
        self._repository = repository

    async def get_synonyms(
        self, actor: Actor, request: search_pb2.GetSynonymsRequest
    ) -> search_pb2.GetSynonymsResponse:
        """As of now."""
        community_id = request.community_id
        actor.require_role(community_id, MANAGER)
        synonyms, version = await self._repository.get_synonyms(community_id)
        return search_pb2.GetSynonymsResponse(
            synonyms=converters.synonyms_to_proto(community_id, synonyms, version)
        )

    async def update_synonyms(
        self, actor: Actor, request: search_pb2.UpdateSynonymsRequest
    ) -> search_pb2.UpdateSynonymsResponse:
        """Replace all; the same sets again change nothing and say nothing."""
        community_id = request.community_id
        actor.require_role(community_id, MANAGER)
        wanted = Synonyms(check_sets([phrases.phrases for phrases in request.sets]))

        def decide(
            seen: Seen[Synonyms],
        ) -> Decision[Synonyms, search_pb2.UpdateSynonymsResponse]:
            check_version(seen.seq, request.expected_version)
            changed = wanted != seen.state
            return Decision(
                wanted,
                lambda version: search_pb2.UpdateSynonymsResponse(
                    synonyms=converters.synonyms_to_proto(community_id, wanted, version)
                ),
                [domain_events_pb2.SynonymsUpdated(community_id=community_id)] if changed else [],
            )

        ref = self._repository.synonyms.ref(community_id, community_id)
        with self._repository.thesauri.changing(community_id):
            return await self._commands.run(actor, request, ref, decide)

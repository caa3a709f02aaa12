"""Find and suggest, as the person who asks: walls first, words then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chassis.actors import Actor
from chassis.texts import check_line
from guildhall.search.v1 import search_pb2
from services.search import converters
from services.search.domain.entries import Kind, channel_key, space_key
from services.search.domain.questions import MAX_QUERY_LENGTH, Alternatives, Question, distinct
from services.search.repository import SearchRepository
from services.search.repository.index import SearchIndex
from services.search.use_cases.opening import Opening


class Searching:
    """One search over all of a person's communities, each behind its own keys."""

    def __init__(
        self,
        repository: SearchRepository,
        index: SearchIndex,
        spaces: Opening,
        channels: Opening,
    ) -> None:
        self._repository = repository
        self._index = index
        self._spaces = spaces
        self._channels = channels

    async def search(
        self, actor: Actor, request: search_pb2.SearchRequest
    ) -> search_pb2.SearchResponse:
        """A page of what this person can read and what was asked for.

        A community that is not theirs holds nothing, as one that does not exist.
        """
        question = converters.question(request)
        # All are mostly at hand: to ask at once would cost every search a task for each.
        announced = not question.filters.kinds or Kind.ANNOUNCEMENT in question.filters.kinds
        walls = await self._walls(actor, request.community_ids, announced=announced)
        if not walls:
            return search_pb2.SearchResponse()
        alternatives = await self._alternatives(actor, request.community_ids, question)
        page = await self._index.search(question, walls, alternatives, actor.name)
        if not page.hits and question.may_forgive:
            question = replace(question, forgiving=True)
            page = await self._index.search(question, walls, alternatives, actor.name)
        return converters.page_to_proto(page, backward=question.paging.backward)

    async def suggest(
        self, actor: Actor, request: search_pb2.SuggestRequest
    ) -> search_pb2.SuggestResponse:
        """Titles and names of what this person can read; nothing for nothing typed."""
        prefix = check_line(request.prefix, "prefix", least=0, most=MAX_QUERY_LENGTH)
        walls = await self._walls(actor, request.community_ids)
        if not walls or not prefix:
            return search_pb2.SuggestResponse()
        found = distinct(await self._index.suggest(prefix, walls, actor.name))
        return search_pb2.SuggestResponse(
            suggestions=[converters.suggestion_to_proto(suggested) for suggested in found]
        )

    async def find_similar(
        self, actor: Actor, request: search_pb2.FindSimilarRequest
    ) -> search_pb2.FindSimilarResponse:
        """Topics like what is being written, of what this person can read."""
        likeness = converters.likeness(request)
        walls = await self._walls(actor, [request.community_id], announced=False)
        if not walls or not likeness.title:
            return search_pb2.FindSimilarResponse()
        found = await self._index.find_similar(likeness, walls, actor.name)
        return search_pb2.FindSimilarResponse(topic_ids=found)

    async def _walls(
        self, actor: Actor, asked: Sequence[str], *, announced: bool = True
    ) -> dict[str, list[str]]:
        """Without the keys of channels where announcements are not looked for."""
        keyrings = {
            community: list(keys)
            for community in _communities(actor, asked)
            if (keys := actor.keys(community))
        }
        if not keyrings:
            return {}
        spaces = await self._spaces.find(keyrings)
        channels = await self._channels.find(keyrings) if announced else {}
        return {
            community: [
                *keys,
                *map(space_key, spaces[community]),
                *map(channel_key, channels.get(community, ())),
            ]
            for community, keys in keyrings.items()
        }

    async def _alternatives(
        self, actor: Actor, asked: Sequence[str], question: Question
    ) -> Alternatives:
        communities = _communities(actor, asked)
        if not (communities and question.terms):
            return {}
        thesauri = await self._repository.thesauri.find(communities)
        return {
            community: found
            for community, thesaurus in thesauri.items()
            if (found := thesaurus.alternatives(question.terms))
        }


def _communities(actor: Actor, asked: Sequence[str]) -> list[str]:
    """The person's communities, or those of them that were asked for."""
    named = converters.communities(asked)
    return [c for c in (named or actor.memberships) if c in actor.memberships]

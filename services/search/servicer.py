"""SearchService over gRPC: who asks, what is asked, what comes back."""

from __future__ import annotations

from chassis.actors import require_person
from chassis.rpc_server import Context
from guildhall.search.v1 import search_pb2, search_pb2_grpc
from services.search.use_cases.searching import Searching
from services.search.use_cases.synonyms import SynonymUseCases


class SearchServicer(search_pb2_grpc.SearchServiceServicer):
    """Searches as the person who calls: services have no keys and nothing to search."""

    def __init__(self, searching: Searching, synonyms: SynonymUseCases) -> None:
        self._searching = searching
        self._synonyms = synonyms

    async def Search(
        self, request: search_pb2.SearchRequest, context: Context
    ) -> search_pb2.SearchResponse:
        return await self._searching.search(require_person(), request)

    async def Suggest(
        self, request: search_pb2.SuggestRequest, context: Context
    ) -> search_pb2.SuggestResponse:
        return await self._searching.suggest(require_person(), request)

    async def FindSimilar(
        self, request: search_pb2.FindSimilarRequest, context: Context
    ) -> search_pb2.FindSimilarResponse:
        return await self._searching.find_similar(require_person(), request)

    async def GetSynonyms(
        self, request: search_pb2.GetSynonymsRequest, context: Context
    ) -> search_pb2.GetSynonymsResponse:
        return await self._synonyms.get_synonyms(require_person(), request)

    async def UpdateSynonyms(
        self, request: search_pb2.UpdateSynonymsRequest, context: Context
    ) -> search_pb2.UpdateSynonymsResponse:
        return await self._synonyms.update_synonyms(require_person(), request)

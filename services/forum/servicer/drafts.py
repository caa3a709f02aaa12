"""DraftService over gRPC."""

from __future__ import annotations

from datetime import datetime

from chassis.actors import require_person
from chassis.pagination import Paging
from chassis.rpc_server import Context
from guildhall.forum.v1 import drafts_pb2 as pb
from guildhall.forum.v1 import drafts_pb2_grpc
from services.forum.converters.drafts import draft_to_proto, place_of
from services.forum.domain.drafts import DraftNotFoundError
from services.forum.domain.members import Member
from services.forum.repository import ForumRepository
from services.forum.servicer.reading import fitting
from services.forum.use_cases import ForumUseCases


class DraftServicer(drafts_pb2_grpc.DraftServiceServicer):
    """What each RPC means is said in the proto."""

    def __init__(self, use_cases: ForumUseCases, repository: ForumRepository) -> None:
        self._use_cases = use_cases
        self._repository = repository

    async def SaveDraft(
        self, request: pb.SaveDraftRequest, context: Context
    ) -> pb.SaveDraftResponse:
        return await self._use_cases.save_draft(require_person(), request)

    async def DeleteDraft(
        self, request: pb.DeleteDraftRequest, context: Context
    ) -> pb.DeleteDraftResponse:
        return await self._use_cases.delete_draft(require_person(), request)

    async def GetDraft(self, request: pb.GetDraftRequest, context: Context) -> pb.GetDraftResponse:
        member = Member.of(require_person(), request.community_id)
        found = await self._repository.find_draft(place_of(request, member.person_id))
        if found is None:
            raise DraftNotFoundError(field="draft_kind")
        (shown,) = await self._repository.shown_drafts(
            [found], request.community_id, member.person_id, member.keyring
        )
        return pb.GetDraftResponse(draft=draft_to_proto(shown, member.keyring))

    async def ListDrafts(
        self, request: pb.ListDraftsRequest, context: Context
    ) -> pb.ListDraftsResponse:
        member = Member.of(require_person(), request.community_id)
        paging = Paging.of(request, datetime, str)
        found = await self._repository.list_drafts(request.community_id, member.person_id, paging)
        drafts, token = paging.page(
            found,
            lambda last: (last.save_time, last.place.id),
            most=fitting(found, paging.size),
        )
        shown = await self._repository.shown_drafts(
            drafts, request.community_id, member.person_id, member.keyring
        )
        return pb.ListDraftsResponse(
            drafts=[draft_to_proto(one, member.keyring) for one in shown], next_page_token=token
        )

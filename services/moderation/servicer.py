"""ModerationService over gRPC: who calls, what is done, what comes back."""

from __future__ import annotations

from datetime import datetime

from chassis.actors import MODERATOR, require_actor, require_person
from chassis.pagination import Paging, check_batch, encode_page_token
from chassis.rpc_server import Context
from guildhall.moderation.v1 import moderation_pb2, moderation_pb2_grpc
from services.moderation.converters import (
    case_to_proto,
    flag_to_proto,
    rule_to_proto,
    screening_to_proto,
    state_from_request,
)
from services.moderation.repository import ModerationRepository
from services.moderation.use_cases import ModerationUseCases
from services.moderation.use_cases.flags import FlagUseCases
from services.moderation.use_cases.screening import Screener


class ModerationServicer(moderation_pb2_grpc.ModerationServiceServicer):
    """One method per RPC."""

    def __init__(
        self,
        use_cases: ModerationUseCases,
        flags: FlagUseCases,
        screener: Screener,
        repository: ModerationRepository,
    ) -> None:
        self._use_cases = use_cases
        self._flags = flags
        self._screener = screener
        self._repository = repository

    async def Screen(
        self, request: moderation_pb2.ScreenRequest, context: Context
    ) -> moderation_pb2.ScreenResponse:
        require_actor().require_service()
        return screening_to_proto(await self._screener.screen(request.community_id, request.texts))

    async def CreateRule(
        self, request: moderation_pb2.CreateRuleRequest, context: Context
    ) -> moderation_pb2.CreateRuleResponse:
        return await self._use_cases.create_rule(require_person(), request)

    async def UpdateRule(
        self, request: moderation_pb2.UpdateRuleRequest, context: Context
    ) -> moderation_pb2.UpdateRuleResponse:
        return await self._use_cases.update_rule(require_person(), request)

    async def DeleteRule(
        self, request: moderation_pb2.DeleteRuleRequest, context: Context
    ) -> moderation_pb2.DeleteRuleResponse:
        return await self._use_cases.delete_rule(require_person(), request)

    async def ListRules(
        self, request: moderation_pb2.ListRulesRequest, context: Context
    ) -> moderation_pb2.ListRulesResponse:
        require_person().require_role(request.community_id, MODERATOR)
        rules, version, token = await self._repository.list_rules(
            request.community_id, Paging.of(request, int, int)
        )
        protos = [rule_to_proto(request.community_id, rule, version) for rule in rules]
        for proto, rule in zip(protos, rules, strict=True):
            proto.page_token = encode_page_token(*rule.place)
        return moderation_pb2.ListRulesResponse(rules=protos, next_page_token=token)

    async def ListCases(
        self, request: moderation_pb2.ListCasesRequest, context: Context
    ) -> moderation_pb2.ListCasesResponse:
        require_person().require_role(request.community_id, MODERATOR)
        cases, token = await self._repository.list_cases(
            request.community_id,
            state_from_request(request.state),
            Paging.of(request, datetime, str),
        )
        protos = [case_to_proto(case, version) for case, version in cases]
        return moderation_pb2.ListCasesResponse(cases=protos, next_page_token=token)

    async def GetCase(
        self, request: moderation_pb2.GetCaseRequest, context: Context
    ) -> moderation_pb2.GetCaseResponse:
        require_person().require_role(request.community_id, MODERATOR)
        case, version = await self._repository.get_case(request.community_id, request.case_id)
        return moderation_pb2.GetCaseResponse(case=case_to_proto(case, version))

    async def BatchGetCases(
        self, request: moderation_pb2.BatchGetCasesRequest, context: Context
    ) -> moderation_pb2.BatchGetCasesResponse:
        require_person().require_role(request.community_id, MODERATOR)
        ids = check_batch(list(request.case_ids), "case_ids")
        cases = await self._repository.list_cases_by_id(request.community_id, ids)
        protos = [case_to_proto(case, version) for case, version in cases]
        return moderation_pb2.BatchGetCasesResponse(cases=protos)

    async def DecideCase(
        self, request: moderation_pb2.DecideCaseRequest, context: Context
    ) -> moderation_pb2.DecideCaseResponse:
        return await self._use_cases.decide_case(require_person(), request)

    async def FlagPost(
        self, request: moderation_pb2.FlagPostRequest, context: Context
    ) -> moderation_pb2.FlagPostResponse:
        return await self._flags.flag_post(require_person(), request)

    async def ListFlags(
        self, request: moderation_pb2.ListFlagsRequest, context: Context
    ) -> moderation_pb2.ListFlagsResponse:
        actor, community_id = require_person(), request.community_id
        actor.require_role(community_id, MODERATOR)
        case, _ = await self._repository.get_case(community_id, request.case_id)
        case.check_not_own(actor.person_id)
        paging = Paging.of(request, datetime, str)
        flags, token = await self._repository.list_flags(community_id, case.id, paging)
        protos = [flag_to_proto(flag, for_moderator=True) for flag in flags]
        return moderation_pb2.ListFlagsResponse(flags=protos, next_page_token=token)

    async def BatchGetOpenFlags(
        self, request: moderation_pb2.BatchGetOpenFlagsRequest, context: Context
    ) -> moderation_pb2.BatchGetOpenFlagsResponse:
        actor = require_person()
        actor.member_of(request.community_id)
        ids = check_batch(list(request.post_ids), "post_ids")
        found = await self._repository.find_open_flags(request.community_id, actor.person_id, ids)
        return moderation_pb2.BatchGetOpenFlagsResponse(flags=map(flag_to_proto, found))

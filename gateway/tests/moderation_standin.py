"""A stand-in for moderation: cases, rules and flags."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from grpc import aio

from chassis.errors import FailedPreconditionError, NotFoundError
from chassis.pagination import encode_page_token
from gateway.lists import moment
from gateway.tests.standins import _StandIn, paged, time
from guildhall.moderation.v1 import moderation_pb2
from guildhall.moderation.v1.moderation_pb2_grpc import (
    ModerationServiceServicer,
    add_ModerationServiceServicer_to_server,
)


class CaseNotFoundError(NotFoundError):
    """As moderation's."""


class CaseDecidedError(FailedPreconditionError):
    """As moderation's."""


def rule(number: int) -> moderation_pb2.Rule:
    return moderation_pb2.Rule(
        id=f"r{number}",
        community_id="c1",
        kind=moderation_pb2.RULE_KIND_HOLD,
        pattern_kind=moderation_pb2.PATTERN_KIND_WORD,
        pattern=f"word{number}",
        enabled=True,
        version=9,
        page_token=f"token-r{number}",
    )


def case(id: str, **fields: Any) -> moderation_pb2.Case:
    given: dict[str, Any] = {
        "state": moderation_pb2.CASE_STATE_OPEN,
        "cause": moderation_pb2.CASE_CAUSE_RULE,
        "topic_id": "t1",
        "author_id": "p2",
        "rule_ids": ["r1", "deleted", "r3"],
        "open_time": time(int(id[1:])),
        "version": 1,
        **fields,
    }
    return moderation_pb2.Case(id=id, community_id="c1", **given)


def flag(number: int, post_id: str = "t1", **fields: Any) -> moderation_pb2.Flag:
    given: dict[str, Any] = {
        "person_id": f"p{number}",
        "reasons": [moderation_pb2.FLAG_REASON_SPAM, moderation_pb2.FLAG_REASON_MISLEADING],
        "state": moderation_pb2.FLAG_STATE_OPEN,
        "create_time": time(number),
        **fields,
    }
    return moderation_pb2.Flag(id=f"f{number}", community_id="c1", post_id=post_id, **given)


class ModerationStandIn(_StandIn, ModerationServiceServicer):
    """c1 has cases about a topic and a reply, and five rules, listed at most three at once."""

    most = 3

    def __init__(self) -> None:
        super().__init__()
        self.cases = [case("k1"), case("k2", reply_id="r4", author_id="")]
        self.rules = [rule(number) for number in range(1, 6)]
        self.flags = [flag(number) for number in range(1, 4)]

    async def ListCases(self, request: Any, _context: Any) -> Any:
        self.called("ListCases", request)
        return moderation_pb2.ListCasesResponse(cases=self.cases)

    async def GetCase(self, request: Any, _context: Any) -> Any:
        self.called("GetCase", request)
        for found in self.cases:
            if (found.community_id, found.id) == (request.community_id, request.case_id):
                return moderation_pb2.GetCaseResponse(case=found)
        raise CaseNotFoundError(field="case_id")

    async def BatchGetCases(self, request: Any, _context: Any) -> Any:
        self.called("BatchGetCases", request)
        return moderation_pb2.BatchGetCasesResponse(
            cases=[
                found
                for found in self.cases
                if found.community_id == request.community_id and found.id in request.case_ids
            ]
        )

    async def DecideCase(self, request: Any, _context: Any) -> Any:
        self.called("DecideCase", request)
        decided = case(
            request.case_id,
            state=moderation_pb2.CASE_STATE_REJECTED,
            decider_id="p1",
            reason=request.reason,
            reason_code=request.reason_code,
        )
        return moderation_pb2.DecideCaseResponse(case=decided)

    async def FlagPost(self, request: Any, _context: Any) -> Any:
        self.called("FlagPost", request)
        made = flag(1, request.reply_id or request.topic_id, text=request.text)
        return moderation_pb2.FlagPostResponse(flag=made)

    async def ListFlags(self, request: Any, _context: Any) -> Any:
        self.called("ListFlags", request)
        page, token = paged(
            request, self.flags, lambda row: encode_page_token(moment(row.create_time), row.id)
        )
        return moderation_pb2.ListFlagsResponse(flags=page, next_page_token=token)

    async def BatchGetOpenFlags(self, request: Any, _context: Any) -> Any:
        self.called("BatchGetOpenFlags", request)
        return moderation_pb2.BatchGetOpenFlagsResponse(
            flags=[one for one in self.flags if one.post_id in request.post_ids]
        )

    async def ListRules(self, request: Any, _context: Any) -> Any:
        self.called("ListRules", request)
        request.page_size = min(request.page_size, self.most)
        page, token = paged(request, self.rules, lambda row: row.page_token)
        return moderation_pb2.ListRulesResponse(rules=page, next_page_token=token)

    async def CreateRule(self, request: Any, _context: Any) -> Any:
        self.called("CreateRule", request)
        made = rule(9)
        made.message = request.message
        return moderation_pb2.CreateRuleResponse(rule=made)

    async def UpdateRule(self, request: Any, _context: Any) -> Any:
        self.called("UpdateRule", request)
        return moderation_pb2.UpdateRuleResponse(rule=rule(int(request.rule_id[1:])))

    async def DeleteRule(self, request: Any, _context: Any) -> Any:
        self.called("DeleteRule", request)
        return moderation_pb2.DeleteRuleResponse()


def add_moderation(servicer: ModerationStandIn) -> Callable[[aio.Server], None]:
    return lambda server: add_ModerationServiceServicer_to_server(servicer, server)

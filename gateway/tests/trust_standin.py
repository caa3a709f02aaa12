"""A stand-in for what the forum knows of trust."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message
from grpc import aio

from chassis.actors import require_person
from gateway.tests.standins import time
from guildhall.directory.v1 import directory_pb2
from guildhall.forum.v1 import trust_pb2
from guildhall.forum.v1.trust_pb2_grpc import (
    TrustServiceServicer,
    add_TrustServiceServicer_to_server,
)


def settings(*requirements: trust_pb2.TrustRequirement) -> trust_pb2.TrustSettings:
    return trust_pb2.TrustSettings(community_id="c1", requirements=requirements, version=1)


class TrustStandIn(TrustServiceServicer):
    """Everybody asks for themselves; a level needs five topics."""

    def __init__(self) -> None:
        self.requests: list[Message] = []

    async def GetTrustSettings(self, request: Any, _context: Any) -> Any:
        self.requests.append(request)
        needs = [trust_pb2.TrustNeed(fact=trust_pb2.TRUST_FACT_TOPICS_ENTERED, count=5)]
        basic = trust_pb2.TrustRequirement(trust_level=directory_pb2.TRUST_LEVEL_BASIC, needs=needs)
        return trust_pb2.GetTrustSettingsResponse(trust_settings=settings(basic))

    async def UpdateTrustSettings(self, request: Any, _context: Any) -> Any:
        self.requests.append(request)
        after = settings(*request.requirements)
        for name in ("window_days", "grace_days", "keep_factor"):
            setattr(after, name, getattr(request, name))
        after.posting_limits.extend(request.posting_limits)
        after.vote_factors.extend(request.vote_factors)
        after.mention_limits.extend(request.mention_limits)
        after.reaction_limits.extend(request.reaction_limits)
        after.review_below = request.review_below
        if request.update_link_card_hosts:
            after.link_card_hosts.extend(request.link_card_hosts)
        return trust_pb2.UpdateTrustSettingsResponse(trust_settings=after)

    async def BatchGetTrustProgress(self, request: Any, _context: Any) -> Any:
        self.requests.append(request)
        return trust_pb2.BatchGetTrustProgressResponse(
            trust_progress=[
                trust_pb2.TrustProgress(
                    community_id="c1",
                    person_id=person_id,
                    level=directory_pb2.TRUST_LEVEL_REGULAR,
                    standings=[
                        trust_pb2.TrustStanding(fact=trust_pb2.TRUST_FACT_LIKERS, count=2, needed=5)
                    ],
                    level_time=time(0),
                )
                for person_id in request.person_ids
                if person_id == require_person().person_id
            ]
        )


def add_trust(servicer: TrustServiceServicer) -> Callable[[aio.Server], None]:
    return lambda server: add_TrustServiceServicer_to_server(servicer, server)

"""What moderators and managers look after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from guildhall.gateway.v1 import gateway_pb2
from guildhall.moderation.v1 import moderation_pb2
from guildhall.notifications.v1 import webhooks_pb2

if TYPE_CHECKING:
    from gateway.context import Context


async def cases(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, moderation_pb2.Case]:
    """Cases of a community whose moderator the person is."""
    request = moderation_pb2.BatchGetCasesRequest(community_id=community_id, case_ids=ids)
    response = await context.call(context.services.moderation.BatchGetCases, request)
    return {case.id: case for case in response.cases}


async def portals(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, gateway_pb2.Portal]:
    """Portals of a community that the person manages: the gateway's own, so there is no call."""
    found = await context.portals.get_portals(context.actor, community_id, ids)
    return {portal.id: portal for portal in found}


async def webhooks(
    context: Context, community_id: str, ids: list[str]
) -> Mapping[str, webhooks_pb2.Webhook]:
    """Webhooks of a community that the person manages."""
    request = webhooks_pb2.BatchGetWebhooksRequest(community_id=community_id, webhook_ids=ids)
    response = await context.call(context.services.webhooks.BatchGetWebhooks, request)
    return {webhook.id: webhook for webhook in response.webhooks}

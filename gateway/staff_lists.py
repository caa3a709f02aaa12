"""As lists.py, for those who run communities and the platform: queues, rules, enrolments, audit."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from chassis.pagination import MAX_PAGE_SIZE, encode_page_token
from gateway.context import Context
from gateway.lists import folded, moment
from gateway.pages import Arguments, Page, page_of
from gateway.portals.repository import row_id
from guildhall.chassis.v1 import operations_pb2
from guildhall.directory.v1 import directory_pb2
from guildhall.gateway.v1 import gateway_pb2
from guildhall.moderation.v1 import moderation_pb2
from guildhall.notifications.v1 import webhooks_pb2
from guildhall.search.v1 import search_pb2


async def moderation_cases(context: Context, community: Any, arguments: Arguments) -> Page:
    """What waits for a decision, oldest first; or what was decided, newest first."""
    state = arguments.get("state")
    wanted = state.value if state is not None else moderation_pb2.CASE_STATE_OPEN
    waiting = wanted == moderation_pb2.CASE_STATE_OPEN
    return await page_of(
        context,
        arguments,
        context.services.moderation.ListCases,
        moderation_pb2.ListCasesRequest(community_id=community.id, state=wanted),
        "cases",
        lambda row: encode_page_token(
            moment(row.open_time if waiting else row.decide_time), row.id
        ),
    )


async def flags(context: Context, case: Any, arguments: Arguments) -> Page:
    """Who flagged a case's post, oldest first."""
    return await page_of(
        context,
        arguments,
        context.services.moderation.ListFlags,
        moderation_pb2.ListFlagsRequest(community_id=case.community_id, case_id=case.id),
        "flags",
        lambda row: encode_page_token(moment(row.create_time), row.id),
    )


async def moderation_rules(context: Context, community: Any, arguments: Arguments) -> Page:
    """A community's rules in the order they apply; each tells its token itself."""
    return await page_of(
        context,
        arguments,
        context.services.moderation.ListRules,
        moderation_pb2.ListRulesRequest(community_id=community.id),
        "rules",
        lambda row: row.page_token,
    )


async def rules_by_id(
    context: Context, case: Any, _: Arguments
) -> Mapping[str, moderation_pb2.Rule]:
    """All rules of a case's community: there is no batch, and there are few."""
    request = moderation_pb2.ListRulesRequest(
        community_id=case.community_id, page_size=MAX_PAGE_SIZE
    )
    found: dict[str, moderation_pb2.Rule] = {}
    while True:
        response = await context.call(context.services.moderation.ListRules, request)
        found.update({rule.id: rule for rule in response.rules})
        if not response.next_page_token:
            return found
        request.page_token = response.next_page_token


async def companies(context: Context, _: None, arguments: Arguments) -> Page:
    """Every company of the platform, by name."""
    return await page_of(
        context,
        arguments,
        context.services.directory.ListAllCompanies,
        directory_pb2.ListAllCompaniesRequest(),
        "companies",
        lambda row: encode_page_token(folded(row.name)),
    )


async def enrolments(context: Context, community: Any, arguments: Arguments) -> Page:
    """A community's enrolments, newest first."""
    return await page_of(
        context,
        arguments,
        context.services.directory.ListEnrolments,
        directory_pb2.ListEnrolmentsRequest(community_id=community.id),
        "enrolments",
        lambda row: encode_page_token(moment(row.start_time), row.id),
    )


async def audit_entries(context: Context, community: Any, arguments: Arguments) -> Page:
    """What was done to a community's people and companies; no id: the platform's."""
    return await page_of(
        context,
        arguments,
        context.services.directory.ListAuditEntries,
        directory_pb2.ListAuditEntriesRequest(community_id=community.id),
        "audit_entries",
        lambda row: encode_page_token(moment(row.time), row.id),
    )


async def synonyms(context: Context, community: Any, _: Arguments) -> search_pb2.Synonyms:
    """A community's synonyms, all of them."""
    request = search_pb2.GetSynonymsRequest(community_id=community.id)
    return (await context.call(context.services.search.GetSynonyms, request)).synonyms


async def portals(context: Context, community: Any, arguments: Arguments) -> Page:
    """A community's portals by name."""
    return await page_of(
        context,
        arguments,
        partial(context.portals.list_portals, context.actor),
        gateway_pb2.ListPortalsRequest(community_id=community.id),
        "portals",
        lambda row: encode_page_token(row.name.casefold(), row.id),
    )


async def documents(context: Context, portal: Any, arguments: Arguments) -> Page:
    """A portal's documents by id."""
    return await page_of(
        context,
        arguments,
        partial(context.portals.list_documents, context.actor),
        gateway_pb2.ListDocumentsRequest(community_id=portal.community_id, portal_id=portal.id),
        "documents",
        lambda row: encode_page_token(row_id(row.portal_id, row.id)),
    )


async def webhooks(context: Context, community: Any, arguments: Arguments) -> Page:
    """A community's webhooks by name."""
    return await page_of(
        context,
        arguments,
        context.services.webhooks.ListWebhooks,
        webhooks_pb2.ListWebhooksRequest(community_id=community.id),
        "webhooks",
        lambda row: encode_page_token(row.name.casefold(), row.id),
    )


async def webhook_deliveries(context: Context, webhook: Any, arguments: Arguments) -> Page:
    """A webhook's deliveries, the latest first."""
    states = arguments.get("states") or ()
    return await page_of(
        context,
        arguments,
        context.services.webhooks.ListWebhookDeliveries,
        webhooks_pb2.ListWebhookDeliveriesRequest(
            community_id=webhook.community_id,
            webhook_id=webhook.id,
            states=[one.value for one in states],
        ),
        "deliveries",
        lambda row: encode_page_token(moment(row.queue_time), row.id),
    )


async def broken_documents(context: Context, portal: Any, _: Arguments) -> Any:
    """Those of a portal's that are not valid any more, all of them."""
    return await context.portals.broken_documents(context.actor, portal.community_id, portal.id)


async def dead_letters(context: Context, part: str, arguments: Arguments) -> Page:
    """A service's dead letters, oldest first; a cursor is of this service only."""
    return await page_of(
        context,
        arguments,
        context.services.operations[part].ListDeadLetters,
        operations_pb2.ListDeadLettersRequest(),
        "dead_letters",
        lambda row: encode_page_token(moment(row.first_time), row.id),
        name=f"ListDeadLettersRequest:{part}",
    )

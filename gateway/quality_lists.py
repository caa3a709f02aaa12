"""As lists.py, for what keeps a community's topics in order."""

from __future__ import annotations

from typing import Any

from chassis.pagination import encode_page_token
from gateway.context import Context
from gateway.cursors import decode_id
from gateway.errors import BadUserInputError
from gateway.lists import moment
from gateway.pages import Arguments, Page, page_of
from guildhall.forum.v1 import automation_pb2, curation_pb2, seeding_pb2, vitality_pb2


async def automations(context: Context, community: Any, arguments: Arguments) -> Page:
    """A community's automations, the oldest first."""
    return await page_of(
        context,
        arguments,
        context.services.automation.ListAutomations,
        automation_pb2.ListAutomationsRequest(community_id=community.id),
        "automations",
        lambda row: encode_page_token(moment(row.create_time), row.id),
    )


async def automation_matches(context: Context, automation: Any, arguments: Arguments) -> Page:
    """What an automation would act on now; each row tells its token itself."""
    return await page_of(
        context,
        arguments,
        context.services.automation.PreviewAutomation,
        automation_pb2.PreviewAutomationRequest(
            community_id=automation.community_id, automation_id=automation.id
        ),
        "matches",
        lambda row: row.page_token,
    )


async def ownerless_articles(context: Context, community: Any, arguments: Arguments) -> Page:
    """Articles whose owner has left; each row tells its token itself."""
    return await page_of(
        context,
        arguments,
        context.services.curation.ListOwnerlessArticles,
        curation_pb2.ListOwnerlessArticlesRequest(
            community_id=community.id, space_id=_space_within(community, arguments)
        ),
        "articles",
        lambda row: row.page_token,
    )


async def seedings(context: Context, community: Any, arguments: Arguments) -> Page:
    """Seedings of a community that one may see, the newest first; of one space, if asked."""
    space_id = _space_within(community, arguments)
    return await page_of(
        context,
        arguments,
        context.services.seeding.ListSeedings,
        seeding_pb2.ListSeedingsRequest(community_id=community.id, space_id=space_id),
        "seedings",
        lambda row: encode_page_token(moment(row.create_time), row.id),
    )


async def due_first_replies(context: Context, seeding: Any, arguments: Arguments) -> Page:
    """Questions that wait for too long; each row tells its token itself."""
    return await page_of(
        context,
        arguments,
        context.services.seeding.ListDueFirstReplies,
        seeding_pb2.ListDueFirstRepliesRequest(
            community_id=seeding.community_id, seeding_id=seeding.id
        ),
        "due_first_replies",
        lambda row: row.page_token,
    )


async def seeding_report(context: Context, seeding: Any, _: Arguments) -> Any:
    """What a seeding did."""
    request = seeding_pb2.GetSeedingReportRequest(
        community_id=seeding.community_id, seeding_id=seeding.id
    )
    return (await context.call(context.services.seeding.GetSeedingReport, request)).report


async def space_days(context: Context, space: Any, arguments: Arguments) -> Page:
    """A space's days, the newest first."""
    return await page_of(
        context,
        arguments,
        context.services.vitality.ListSpaceDays,
        vitality_pb2.ListSpaceDaysRequest(community_id=space.community_id, space_id=space.id),
        "days",
        _day_token,
    )


def _day_token(row: vitality_pb2.SpaceDay) -> str:
    day = moment(row.day_time)
    return encode_page_token(day, f"{row.space_id}:{day:%Y-%m-%d}")


def _space_within(community: Any, arguments: Arguments) -> str:
    if arguments["spaceId"] is None:
        return ""
    space = decode_id(arguments["spaceId"], "spaceId", "Space")
    if space.community_id != community.id:
        raise BadUserInputError("spaceId is of another community", field="spaceId")
    return space.id

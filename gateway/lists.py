"""One function per list: the page that arguments ask for. Rows are what the service said.

`token` gives each row's page token, as the service's own next_page_token would be after that row;
each page compares the two for the row where it ended and says in the log where they differ.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from chassis.pagination import encode_page_token
from gateway.context import Context
from gateway.cursors import decode_id
from gateway.pages import Arguments, Page, name_of, page_of
from guildhall.directory.v1 import directory_pb2
from guildhall.forum.v1 import curation_pb2, drafts_pb2, forum_pb2, moves_pb2, participation_pb2


def moment(value: Timestamp) -> Any:
    """As page tokens take it."""
    return value.ToDatetime(UTC)


def folded(name: str) -> str:
    """As the directory sorts names."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter)) or name


async def communities(context: Context, _: None, arguments: Arguments) -> Page:
    """Those the person is in, by name."""
    return await page_of(
        context,
        arguments,
        context.services.directory.ListCommunities,
        directory_pb2.ListCommunitiesRequest(),
        "communities",
        lambda row: encode_page_token(folded(row.name), row.id),
    )


async def members(context: Context, community: Any, arguments: Arguments) -> Page:
    """A community's members by name, of one company or role where asked."""
    company, role = arguments.get("companyId"), arguments.get("role")
    return await page_of(
        context,
        arguments,
        context.services.directory.ListMembers,
        directory_pb2.ListMembersRequest(
            community_id=community.id,
            company_id=decode_id(company, "companyId", "Company").id if company is not None else "",
            role=role.value if role is not None else directory_pb2.ROLE_UNSPECIFIED,
        ),
        "members",
        lambda row: encode_page_token(
            folded(row.display_name), f"{row.person_id}:{row.community_id}"
        ),
    )


async def companies(context: Context, community: Any, arguments: Arguments) -> Page:
    """A community's enrolled companies by name."""
    return await page_of(
        context,
        arguments,
        context.services.directory.ListCompanies,
        directory_pb2.ListCompaniesRequest(community_id=community.id),
        "companies",
        lambda row: encode_page_token(folded(row.name)),
    )


async def spaces(context: Context, community: Any, arguments: Arguments) -> Page:
    """A community's spaces by name."""
    return await page_of(
        context,
        arguments,
        context.services.forum.ListSpaces,
        forum_pb2.ListSpacesRequest(community_id=community.id),
        "spaces",
        lambda row: encode_page_token(row.name.casefold(), row.id),
    )


async def space(context: Context, community: Any, arguments: Arguments) -> Any:
    """One space by slug, or None."""
    request = forum_pb2.GetSpaceRequest(community_id=community.id, slug=arguments["slug"])
    response = await context.find(context.services.forum.GetSpace, request)
    return response.space if response is not None else None


async def topics(
    context: Context, request: forum_pb2.ListTopicsRequest, arguments: Arguments
) -> Page:
    """Topics as the request's filters say, in its order."""
    name = name_of(request)  # whatever is shown of them: a cursor goes on with other fields, too
    request.without_texts = context.without_texts
    return await page_of(
        context,
        arguments,
        context.services.forum.ListTopics,
        request,
        "topics",
        _TOPIC_TOKENS[request.order],
        name=name,
    )


_TOPIC_TOKENS: Mapping[int, Callable[[Any], str]] = {
    forum_pb2.TOPIC_ORDER_UNSPECIFIED: lambda row: encode_page_token(
        moment(row.activity_time), row.id
    ),
    forum_pb2.TOPIC_ORDER_NEWEST: lambda row: encode_page_token(moment(row.create_time), row.id),
    forum_pb2.TOPIC_ORDER_SCORE: lambda row: encode_page_token(row.score, row.id),
}


def topic_filters(arguments: Arguments) -> dict[str, Any]:
    """What a request for topics says of kinds, idea statuses and the order; of the first nothing,
    so that one list has one name.
    """
    order = arguments["order"].value
    return {
        "kinds": [kind.value for kind in arguments.get("kinds") or ()],
        "idea_statuses": [status.value for status in arguments.get("ideaStatuses") or ()],
        "order": order if order in _TOPIC_TOKENS else forum_pb2.TOPIC_ORDER_UNSPECIFIED,
    }


async def community_topics(context: Context, community: Any, arguments: Arguments) -> Page:
    """Topics of all of a community's readable spaces."""
    request = forum_pb2.ListTopicsRequest(community_id=community.id)
    return await topics(context, request, arguments)


async def space_topics(context: Context, space: Any, arguments: Arguments) -> Page:
    """Topics of one space."""
    request = forum_pb2.ListTopicsRequest(
        community_id=space.community_id,
        space_id=space.id,
        context=_context_ref(arguments.get("context")),
        **topic_filters(arguments),
    )
    return await topics(context, request, arguments)


def _context_ref(given: Mapping[str, str] | None) -> forum_pb2.ContextRef | None:
    if given is None:
        return None
    return forum_pb2.ContextRef(
        system=given["system"], type=given["type"], external_id=given["externalId"]
    )


async def drafts(
    context: Context, request: drafts_pb2.ListDraftsRequest, arguments: Arguments
) -> Page:
    """One's own in a community, last saved first."""
    return await page_of(
        context,
        arguments,
        context.services.drafts.ListDrafts,
        request,
        "drafts",
        lambda row: encode_page_token(moment(row.save_time), row.id),
    )


async def rechecks(
    context: Context, request: curation_pb2.ListRechecksRequest, arguments: Arguments
) -> Page:
    """What one is to look at again, longest due first."""
    return await page_of(
        context,
        arguments,
        context.services.curation.ListRechecks,
        request,
        "rechecks",
        lambda row: encode_page_token(moment(row.due_time), row.reply_id or row.topic_id),
    )


async def pinned_topics(context: Context, space: Any, arguments: Arguments) -> Page:
    """Of one space, last pinned first."""
    return await page_of(
        context,
        arguments,
        context.services.curation.ListPinnedTopics,
        curation_pb2.ListPinnedTopicsRequest(community_id=space.community_id, space_id=space.id),
        "topics",
        lambda row: encode_page_token(moment(row.pin_time), row.id),
    )


async def replies(context: Context, topic: Any, arguments: Arguments) -> Page:
    """A topic's replies, oldest first."""
    request = forum_pb2.ListRepliesRequest(community_id=topic.community_id, topic_id=topic.id)
    return await _replies(context, request, arguments)


async def threads(context: Context, topic: Any, arguments: Arguments) -> Page:
    """A topic's replies without a parent, oldest first."""
    request = forum_pb2.ListRepliesRequest(
        community_id=topic.community_id, topic_id=topic.id, threads=True
    )
    return await _replies(context, request, arguments)


async def children(context: Context, reply: Any, arguments: Arguments) -> Page:
    """The replies to a reply, oldest first."""
    request = forum_pb2.ListRepliesRequest(
        community_id=reply.community_id, topic_id=reply.topic_id, parent_reply_id=reply.id
    )
    return await _replies(context, request, arguments)


async def _replies(
    context: Context, request: forum_pb2.ListRepliesRequest, arguments: Arguments
) -> Page:
    return await page_of(
        context,
        arguments,
        context.services.forum.ListReplies,
        request,
        "replies",
        lambda row: encode_page_token(moment(row.create_time), row.id),
    )


async def topic_revisions(context: Context, topic: Any, arguments: Arguments) -> Page:
    """A topic's former texts, newest first."""
    return await _revisions(context, topic.community_id, topic.id, "", arguments)


async def reply_revisions(context: Context, reply: Any, arguments: Arguments) -> Page:
    """A reply's former texts, newest first."""
    return await _revisions(context, reply.community_id, reply.topic_id, reply.id, arguments)


async def _revisions(
    context: Context,
    community_id: str,
    topic_id: str,
    reply_id: str,
    arguments: Arguments,
) -> Page:
    return await page_of(
        context,
        arguments,
        context.services.forum.ListRevisions,
        forum_pb2.ListRevisionsRequest(
            community_id=community_id, topic_id=topic_id, reply_id=reply_id
        ),
        "revisions",
        lambda row: encode_page_token(moment(row.replace_time), row.id),
    )


async def moderation_entries(context: Context, topic: Any, arguments: Arguments) -> Page:
    """What moderators did to a topic and its replies, newest first."""
    return await page_of(
        context,
        arguments,
        context.services.forum.ListModerationEntries,
        forum_pb2.ListModerationEntriesRequest(community_id=topic.community_id, topic_id=topic.id),
        "moderation_entries",
        lambda row: encode_page_token(moment(row.time), row.id),
    )


async def linked_topics(context: Context, topic: Any, arguments: Arguments) -> Page:
    """Topics that name this one, newest activity first."""
    request = moves_pb2.ListLinkedTopicsRequest(
        community_id=topic.community_id,
        topic_id=topic.id,
        links=[link.value for link in arguments.get("links") or ()],
    )
    return await page_of(
        context,
        arguments,
        context.services.moves.ListLinkedTopics,
        request,
        "topics",
        lambda row: encode_page_token(moment(row.activity_time), row.id),
    )


async def ballots(context: Context, poll: Any, arguments: Arguments) -> Page:
    """Who chose an option of a poll, as they did."""
    return await page_of(
        context,
        arguments,
        context.services.participation.ListBallots,
        participation_pb2.ListBallotsRequest(
            community_id=poll.community_id, topic_id=poll.topic_id, option=arguments["option"]
        ),
        "ballots",
        lambda row: encode_page_token(moment(row.time), f"{poll.topic_id}:{row.person_id}"),
    )

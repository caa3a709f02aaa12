"""One function per list of groups: the page that arguments ask for; as lists.py."""

from __future__ import annotations

from typing import Any

from chassis.pagination import encode_page_token
from gateway.context import Context
from gateway.lists import folded, moment
from gateway.pages import Arguments, Page, page_of
from guildhall.directory.v1 import groups_pb2


async def groups(context: Context, community: Any, arguments: Arguments) -> Page:
    """A community's groups by name; those one stands to so, where asked."""
    return await page_of(
        context,
        arguments,
        context.services.groups.ListGroups,
        groups_pb2.ListGroupsRequest(
            community_id=community.id,
            viewer_states=[state.value for state in arguments.get("viewerStates") or ()],
            with_archived=bool(arguments.get("withArchived")),
        ),
        "groups",
        lambda row: encode_page_token(folded(row.name), row.id),
    )


async def members(context: Context, group: Any, arguments: Arguments) -> Page:
    """Who is in a group, or stands to it so, the longest first."""
    state, role = arguments.get("state"), arguments.get("role")
    return await page_of(
        context,
        arguments,
        context.services.groups.ListGroupMembers,
        groups_pb2.ListGroupMembersRequest(
            community_id=group.community_id,
            group_id=group.id,
            state=state.value if state is not None else groups_pb2.GROUP_MEMBER_STATE_UNSPECIFIED,
            role=role.value if role is not None else groups_pb2.GROUP_ROLE_UNSPECIFIED,
        ),
        "group_members",
        lambda row: encode_page_token(moment(row.update_time), row.person_id),
    )

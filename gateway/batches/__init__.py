"""One batch function per entity: the rows of these ids within one community, by id."""

from __future__ import annotations

from typing import Any

from chassis.decisions import PLATFORM
from gateway.batches.announcing import (
    announcements,
    channels,
    comment_policies,
    readable_announcements,
)
from gateway.batches.directory import (
    communities,
    companies,
    groups,
    members,
    own_companies,
    own_group_members,
    persons,
)
from gateway.batches.forum import (
    attachments,
    posts,
    replies,
    seedings,
    space_health,
    spaces,
    topics,
    trust_progress,
    viewer_states,
)
from gateway.batches.participation import (
    QuotedRow,
    flagged,
    held_edit_diffs,
    held_edits,
    link_cards,
    participations,
    polls,
    post_key,
    quotes,
    removals,
)
from gateway.batches.staff import cases, portals, webhooks

__all__ = [
    "QuotedRow",
    "announcements",
    "attachments",
    "cases",
    "channels",
    "comment_policies",
    "communities",
    "community_key",
    "companies",
    "flagged",
    "groups",
    "held_edit_diffs",
    "held_edits",
    "key_of",
    "link_cards",
    "members",
    "own_companies",
    "own_group_members",
    "participations",
    "persons",
    "polls",
    "portals",
    "post_key",
    "posts",
    "quotes",
    "readable_announcements",
    "removals",
    "replies",
    "seedings",
    "space_health",
    "spaces",
    "topics",
    "trust_progress",
    "viewer_states",
    "webhooks",
]


def key_of(row: Any, id: str) -> tuple[str, str] | None:
    """Where something of the row's community is found; None where there is no id."""
    return (row.community_id, id) if id else None


def community_key(community_id: str) -> tuple[str, str] | None:
    """Where a community is found by `communities`."""
    return (PLATFORM, community_id) if community_id else None

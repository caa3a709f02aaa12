"""Inputs and payloads of what is done with members of groups, and by who is to be one."""

from __future__ import annotations

import strawberry

from gateway.schema.forum.inputs.base import optional
from gateway.schema.group_scalars import GroupMemberState, GroupRole
from gateway.schema.groups.inputs import MEMBERSHIP, GroupMemberPayload, OfGroup
from gateway.schema.scalars import DateTime
from gateway.schema.writes import expected_version


@strawberry.input
class _OfMember(OfGroup):
    person_id: strawberry.ID = strawberry.field(
        description="Who, by the global id of the member or of the person."
    )


@strawberry.input(description="Who is asked into what.")
class InviteToGroupInput(_OfMember):
    """Of inviteToGroup."""

    expire_time: DateTime | None = optional(
        "Until when it can be accepted; by default 30 days from now, at most 90."
    )


@strawberry.type(description="Who is invited; or in, where they had asked.")
class InviteToGroupPayload(GroupMemberPayload):
    """Of inviteToGroup."""


@strawberry.input(description="What one answers.")
class AnswerGroupInvitationInput(OfGroup):
    """Of answerGroupInvitation."""

    accept: bool = strawberry.field(description="True: one is in; false: one does not want to be.")
    expected_version: int | None = expected_version(MEMBERSHIP)


@strawberry.type(description="One is in, or has declined.")
class AnswerGroupInvitationPayload(GroupMemberPayload):
    """Of answerGroupInvitation."""


@strawberry.input(description="Whether who has asked comes in.")
class DecideGroupRequestInput(_OfMember):
    """Of decideGroupRequest."""

    approve: bool = strawberry.field(description="True: they are in; false: they are not let in.")
    reason: str = strawberry.field(default="", description="Why, for the audit trail.")
    expected_version: int | None = expected_version(MEMBERSHIP)


@strawberry.type(description="Who was let in, or was not.")
class DecideGroupRequestPayload(GroupMemberPayload):
    """Of decideGroupRequest."""


@strawberry.input(description="What changes; what is left out stays.")
class ChangeGroupMemberInput(_OfMember):
    """Of changeGroupMember."""

    role: GroupRole | None = optional("What the person may do from now on.")
    state: GroupMemberState | None = optional(
        "SUSPENDED, EXCLUDED, or ACTIVE, which takes either back: who was excluded is in again "
        "where the rule matches, else may come again."
    )
    reason: str = strawberry.field(
        default="", description="Why, for the audit trail; who suspends or excludes must say."
    )
    expected_version: int | None = expected_version(MEMBERSHIP)


@strawberry.type(description="The changed membership.")
class ChangeGroupMemberPayload(GroupMemberPayload):
    """Of changeGroupMember."""


@strawberry.input(description="Who goes, and why.")
class RemoveGroupMemberInput(_OfMember):
    """Of removeGroupMember."""

    reason: str = strawberry.field(description="Why, for the audit trail.")
    expected_version: int | None = expected_version(MEMBERSHIP)


@strawberry.type(description="Who is not in it any more.")
class RemoveGroupMemberPayload(GroupMemberPayload):
    """Of removeGroupMember."""

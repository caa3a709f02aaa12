"""Rules for content and the queue of what waits for a decision, in GraphQL."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Annotated, Any

import strawberry

from gateway import batches, staff_lists
from gateway.context import Context, Info
from gateway.cursors import GlobalId, decode_id, encode_id
from gateway.loaders import Choice, Listing, Reference, filled
from gateway.schema.directory import Community, Member
from gateway.schema.fields import COMMUNITY, fetched, paged, person_key
from gateway.schema.flags import Flag, FlagReasonCount
from gateway.schema.forum import Reply, Topic
from gateway.schema.relay import After, Before, CommunityNode, Connection, First, Last
from gateway.schema.scalars import DateTime, ReasonCode, unset_is_null
from gateway.schema.staff import CaseStateArgument, community_of
from gateway.schema.staff_scalars import CaseCause, CaseState, PatternKind, RuleKind
from gateway.schema.viewer import NODES, found_within
from guildhall.moderation.v1 import moderation_pb2

Post = Annotated[
    Topic | Reply, strawberry.union("Post", description="What somebody wrote: topic or reply.")
]
_CommunityId = Annotated[strawberry.ID, strawberry.argument(description="Where.")]


@strawberry.type(description="What happens to texts with certain words in one community.")
class Rule:
    """moderation.Rule."""

    kind: RuleKind = strawberry.field(description="What it does.")
    pattern_kind: PatternKind = strawberry.field(description="How its pattern is read.")
    pattern: str = strawberry.field(description="What it matches.")
    enabled: bool = strawberry.field(description="Whether it applies.")
    version: int = strawberry.field(description="For expectedVersion; of all rules together.")

    @strawberry.field(description="The global id, opaque.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(encode_id("Rule", self.community_id, self.id))  # type: ignore[attr-defined]

    @strawberry.field(description="Of REPLACE: what stands in place of what matches.")
    def replacement(self) -> str | None:
        return unset_is_null(self, "replacement")

    @strawberry.field(description="What the author of a blocked post is told.")
    def message(self) -> str | None:
        return unset_is_null(self, "message")


def _post(row: Any) -> str:
    return "Reply" if row.reply_id else "Topic"


def _matched(case: Any, known: Mapping[str, Any]) -> list[Any]:
    return [known[one] for one in case.rule_ids if one in known]


@strawberry.type(description="An automation asked moderators to look at a topic.")
class Escalation:
    """moderation.Escalation."""

    automation_name: str = strawberry.field(description="The automation's name, as it was then.")
    time: DateTime = strawberry.field(description="When.")

    @strawberry.field(description="What the automation has for moderators to read.")
    def reason(self) -> str | None:
        return unset_is_null(self, "reason")


@strawberry.type(description="A post that a moderator is asked to decide about.")
class Case(CommunityNode):
    """moderation.Case."""

    message = moderation_pb2.Case

    state: CaseState = strawberry.field(description="Where it is.")
    cause: CaseCause = strawberry.field(description="Why it was opened.")
    open_time: DateTime = strawberry.field(description="When it was opened.")
    decide_time: DateTime | None = strawberry.field(description="When it was decided.")
    version: int = strawberry.field(description="Grows with every change.")
    flag_count: int = strawberry.field(description="How many members flagged the post.")
    flag_reasons: list[FlagReasonCount] = strawberry.field(
        description="Why they did; reasons that nobody gave are left out."
    )
    escalations: list[Escalation] = strawberry.field(
        description="The automations that asked to look at it, oldest first, the last thirty."
    )

    @strawberry.field(description="The global id, opaque.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(encode_id("Case", self.community_id, self.id))  # type: ignore[attr-defined]

    @strawberry.field(description="Why it was decided so; the author sees it.")
    def reason(self) -> str | None:
        return unset_is_null(self, "reason")

    @strawberry.field(
        description="Why it was decided so, of a list; null where none was given. The author of "
        "what goes out of sight is told it."
    )
    def reason_code(self) -> ReasonCode | None:
        return unset_is_null(self, "reason_code")

    post: Post | None = fetched(
        Choice(
            {
                "Topic": Reference(batches.topics, attrgetter("community_id", "topic_id")),
                "Reply": Reference(batches.replies, attrgetter("community_id", "reply_id")),
            },
            _post,
        ),
        "The post as it is now; null where one cannot read it any more.",
    )

    author: Member | None = fetched(
        Reference(batches.members, lambda row: person_key(row, row.author_id)),
        "Who wrote the post; null where it was imported.",
    )

    decider: Member | None = fetched(
        Reference(batches.members, lambda row: person_key(row, row.decider_id)),
        "Who decided; null while nobody has.",
    )

    rules: list[Rule] | None = fetched(
        Listing(staff_lists.rules_by_id, lambda row: row.community_id, _matched),
        "The rules that matched, those deleted since left out. One list of the "
        "community's rules for all cases.",
        cost=5,
    )

    flags: Connection[Flag] | None = paged(
        staff_lists.flags,
        "Who flagged the post and why, oldest first; not for who wrote it. "
        "Codes: BAD_USER_INPUT, OWN_POST.",
    )

    community: Community | None = fetched(
        COMMUNITY,
        "The community it belongs to.",
    )


async def _case(context: Context, found: GlobalId) -> moderation_pb2.Case | None:
    request = moderation_pb2.GetCaseRequest(community_id=found.community_id, case_id=found.id)
    response = await context.find(context.services.moderation.GetCase, request)
    return response.case if response is not None else None


NODES["Case"] = found_within(batches.cases)


@strawberry.type
class ModerationQuery:
    """Root fields of moderation."""

    @strawberry.field(
        metadata={"guildhall_cost": 5},
        description="Posts that wait for a decision, oldest first; or that were decided, newest "
        "first. For moderators. Codes: BAD_USER_INPUT, COMMUNITY_NOT_FOUND, ROLE_REQUIRED.",
    )
    async def moderation_cases(
        self,
        info: Info,
        community_id: _CommunityId,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        state: CaseStateArgument = None,
    ) -> Connection[Case] | None:
        community = community_of(community_id)
        arguments = {"first": first, "after": after, "last": last, "before": before, "state": state}
        return await filled(
            info, await staff_lists.moderation_cases(info.context, community, arguments)
        )

    @strawberry.field(
        description="One case; null where there is none, or one is not in its community. For "
        "moderators. Codes: BAD_USER_INPUT, ROLE_REQUIRED."
    )
    async def moderation_case(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Its global id.")],
    ) -> Case | None:
        found = await _case(info.context, decode_id(id, "id", "Case"))
        return await filled(info, found) if found is not None else None

    @strawberry.field(
        metadata={"guildhall_cost": 5},
        description="Rules for content, in the order they apply. For moderators. "
        "Codes: BAD_USER_INPUT, COMMUNITY_NOT_FOUND, ROLE_REQUIRED.",
    )
    async def moderation_rules(
        self,
        info: Info,
        community_id: _CommunityId,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Rule] | None:
        community = community_of(community_id)
        arguments = {"first": first, "after": after, "last": last, "before": before}
        return await filled(
            info, await staff_lists.moderation_rules(info.context, community, arguments)
        )

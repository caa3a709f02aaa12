"""Questions that one is asked, as one could know the answer, in GraphQL."""

from __future__ import annotations

from datetime import UTC
from typing import Annotated, Any

import strawberry

from chassis.pagination import encode_page_token
from gateway import batches
from gateway.context import Info
from gateway.cursors import decode_communities, decode_id, encode_id
from gateway.loaders import Embedded, Key, Reference, filled
from gateway.pages import page_of
from gateway.schema.directory import Community, Member
from gateway.schema.feed import CommunityIds
from gateway.schema.fields import COMMUNITY, fetched
from gateway.schema.forum import Topic
from gateway.schema.relay import After, Before, Connection, First, Last
from gateway.schema.scalars import DateTime
from gateway.schema.writes import codes, request_id, write
from guildhall.forum.v1 import routing_pb2

_What = strawberry.argument(description="What to do.")


def _inviter(row: Any) -> Key | None:
    return (row.community_id, row.inviter_id) if row.inviter_id else None


@strawberry.type(
    description="A question that one is asked: nobody has replied and one could know, or somebody "
    "invited one."
)
class Ask:
    """routing.Ask."""

    ask_time: DateTime = strawberry.field(description="When one was asked.")

    topic: Topic | None = fetched(Embedded(lambda row: row.topic), "The question.")

    inviter: Member | None = fetched(
        Reference(batches.members, _inviter), "Who invited one; null where one could know."
    )

    community: Community | None = fetched(COMMUNITY, "Where.")


@strawberry.type(description="Whether one may be asked in a community.")
class RoutingPreference:
    """routing.RoutingPreference."""

    opted_out: bool = strawberry.field(description="Not to be asked.")

    community: Community | None = fetched(COMMUNITY, "Where.")


@strawberry.input(description="Somebody who could answer a question.")
class InviteToAnswerInput:
    """Of inviteToAnswer."""

    request_id: str = request_id()
    topic_id: strawberry.ID = strawberry.field(description="The question.")
    person_id: strawberry.ID = strawberry.field(
        description="The person, by the global id of the person or of a membership."
    )


@strawberry.type(description="Who is asked, and what.")
class InviteToAnswerPayload:
    """Of inviteToAnswer."""

    @strawberry.field(description="The question.")
    def topic_id(self) -> strawberry.ID:
        return strawberry.ID(encode_id("Topic", self.community_id, self.topic_id))  # type: ignore[attr-defined]

    member: Member | None = fetched(
        Reference(batches.members, lambda row: (row.community_id, row.person_id)),
        "Who is asked about it.",
    )


@strawberry.input(description="A question one cannot help with.")
class DeclineAskInput:
    """Of declineAsk."""

    request_id: str = request_id()
    topic_id: strawberry.ID = strawberry.field(description="Which.")


@strawberry.type(description="The question that one is asked no more.")
class DeclineAskPayload:
    """Of declineAsk."""

    @strawberry.field(description="Which.")
    def topic_id(self) -> strawberry.ID:
        return strawberry.ID(encode_id("Topic", self.community_id, self.topic_id))  # type: ignore[attr-defined]


@strawberry.input(description="What one wants in a community.")
class SetRoutingPreferenceInput:
    """Of setRoutingPreference."""

    request_id: str = request_id()
    community_id: strawberry.ID = strawberry.field(description="Where.")
    opted_out: bool = strawberry.field(description="Not to be asked.")


@strawberry.type(description="What holds from now on.")
class SetRoutingPreferencePayload:
    """Of setRoutingPreference."""

    routing_preference: RoutingPreference = strawberry.field(description="As it is now.")


@strawberry.type
class RoutingQuery:
    """Root fields of routing."""

    @strawberry.field(
        metadata={"guildhall_cost": 5},
        description="Open questions that one is asked, as replies of one's own to such questions "
        "were accepted, one's company can do what they are about, or somebody invited one; last "
        "first, in all one's communities or these. A question is gone when one replies or "
        "declines, or when it has its answer. Codes: BAD_USER_INPUT.",
    )
    async def asks(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        community_ids: CommunityIds = None,
    ) -> Connection[Ask] | None:
        page = await page_of(
            info.context,
            {"first": first, "after": after, "last": last, "before": before},
            info.context.services.routing.ListAsks,
            routing_pb2.ListAsksRequest(community_ids=decode_communities(community_ids)),
            "asks",
            _token,
        )
        return await filled(info, page)

    @strawberry.field(
        description="Whether one may be asked in this community. "
        "Codes: BAD_USER_INPUT, COMMUNITY_NOT_FOUND."
    )
    async def routing_preference(
        self,
        info: Info,
        community_id: Annotated[strawberry.ID, strawberry.argument(description="Where.")],
    ) -> RoutingPreference | None:
        community = decode_id(community_id, "communityId", "Community").id
        request = routing_pb2.GetRoutingPreferenceRequest(community_id=community)
        context = info.context
        answer = await context.call(context.services.routing.GetRoutingPreference, request)
        return await filled(info, answer.routing_preference)


def _token(row: Any) -> str:
    return encode_page_token(row.ask_time.ToDatetime(UTC), row.topic_id)


@strawberry.type
class RoutingMutation:
    """What one says to it."""

    @strawberry.mutation(
        description=codes(
            "Ask a member who can read it about an open question: members from the trust level "
            "MEMBER on and moderators may, 10 times in 24 hours. A second time changes nothing.",
            "TOPIC_NOT_FOUND", "MEMBER_NOT_FOUND", "INVITING_NOT_ALLOWED", "NOT_A_QUESTION",
            "TOPIC_STATE_INVALID", "ASK_NOT_POSSIBLE", "INVITE_LIMIT_REACHED",
        )
    )  # fmt: skip
    async def invite_to_answer(
        self, info: Info, input: Annotated[InviteToAnswerInput, _What]
    ) -> InviteToAnswerPayload:
        topic = decode_id(input.topic_id, "topicId", "Topic")
        request = routing_pb2.InviteToAnswerRequest(
            request_id=input.request_id,
            community_id=topic.community_id,
            topic_id=topic.id,
            person_id=decode_id(input.person_id, "personId", "Member", "Person").id,
        )
        return await write(info, info.context.services.routing.InviteToAnswer, request)

    @strawberry.mutation(
        description=codes(
            "One cannot help with this question: another one is asked. A second time changes "
            "nothing.", "ASK_NOT_FOUND",
            "TOPIC_NOT_FOUND",
        )
    )  # fmt: skip
    async def decline_ask(
        self, info: Info, input: Annotated[DeclineAskInput, _What]
    ) -> DeclineAskPayload:
        topic = decode_id(input.topic_id, "topicId", "Topic")
        request = routing_pb2.DeclineAskRequest(
            request_id=input.request_id, community_id=topic.community_id, topic_id=topic.id
        )
        return await write(info, info.context.services.routing.DeclineAsk, request)

    @strawberry.mutation(
        description=codes(
            "Want to be asked in a community, or not. A second time changes nothing.",
            "COMMUNITY_NOT_FOUND",
        )
    )
    async def set_routing_preference(
        self, info: Info, input: Annotated[SetRoutingPreferenceInput, _What]
    ) -> SetRoutingPreferencePayload:
        request = routing_pb2.SetRoutingPreferenceRequest(
            request_id=input.request_id,
            community_id=decode_id(input.community_id, "communityId", "Community").id,
            opted_out=input.opted_out,
        )
        return await write(info, info.context.services.routing.SetRoutingPreference, request)

"""Root fields of the forum in GraphQL."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway import lists
from gateway.context import Info
from gateway.cursors import decode_id, decode_reply_id, decode_within
from gateway.loaders import filled
from gateway.schema.forum import Removal, Topic
from gateway.schema.forum.context_refs import context_ref
from gateway.schema.forum.diffs import RevisionDiff
from gateway.schema.forum.narrowing import Context, IdeaStatuses, Kinds, Order
from gateway.schema.relay import After, Before, Connection, First, Last
from gateway.schema.scalars import TopicOrder, TopicState
from guildhall.forum.v1 import forum_pb2


@strawberry.type
class ForumQuery:
    """Root fields of the forum."""

    @strawberry.field(
        description="One topic; null where there is none that one can read. Codes: BAD_USER_INPUT."
    )
    async def topic(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Its global id.")],
    ) -> Topic | None:
        found = decode_id(id, "id", "Topic")
        context = info.context
        request = forum_pb2.GetTopicRequest(community_id=found.community_id, topic_id=found.id)
        response = await context.find(context.services.forum.GetTopic, request)
        if response is None:
            return None
        return await filled(info, response.topic)

    @strawberry.field(
        metadata={"guildhall_cost": 5},
        description="What the edit that ended an edition changed; null where there is no such "
        "edition that one can read. Codes: BAD_USER_INPUT.",
    )
    async def revision_diff(
        self,
        info: Info,
        post_id: Annotated[strawberry.ID, strawberry.argument(description="The topic or reply.")],
        edition: Annotated[int, strawberry.argument(description="The number of the former text.")],
    ) -> RevisionDiff | None:
        found = decode_id(post_id, "postId", "Topic", "Reply")
        context = info.context
        request = forum_pb2.GetRevisionDiffRequest(
            community_id=found.community_id, topic_id=found.id, edition=edition
        )
        if found.kind == "Reply":
            reply = decode_reply_id(post_id, "postId")
            request.topic_id, request.reply_id = reply.topic_id, reply.id
        response = await context.find(context.services.forum.GetRevisionDiff, request)
        if response is None:
            return None
        return await filled(info, response.revision_diff)

    @strawberry.field(
        description="Why others hid, rejected or removed one's own post, which one may not be able "
        "to read any more; null while it is in sight, and where it is another's. For its author "
        "and moderators. Codes: BAD_USER_INPUT."
    )
    async def removal(
        self,
        info: Info,
        post_id: Annotated[strawberry.ID, strawberry.argument(description="The topic or reply.")],
    ) -> Removal | None:
        found = decode_id(post_id, "postId", "Topic", "Reply")
        context = info.context
        request = forum_pb2.BatchGetRemovalsRequest(community_id=found.community_id)
        if found.kind == "Reply":
            request.reply_ids.append(decode_reply_id(post_id, "postId").id)
        else:
            request.topic_ids.append(found.id)
        response = await context.find(context.services.forum.BatchGetRemovals, request)
        if response is None or not response.removals:
            return None
        return await filled(info, response.removals[0])

    @strawberry.field(
        metadata={"guildhall_cost": 5},
        description="Topics of one space, of one author, or of all spaces one can read, newest "
        "activity first, unless said otherwise: ideas by score are a board, ideas by status a "
        "roadmap, articles a knowledge base. Codes: BAD_USER_INPUT, COMMUNITY_NOT_FOUND, "
        "FIELD_INVALID, SPACE_NOT_FOUND.",
    )
    async def topics(
        self,
        info: Info,
        community_id: Annotated[strawberry.ID, strawberry.argument(description="Where.")],
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        space_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="In this space only.")
        ] = None,
        author_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="By this member or person only."),
        ] = None,
        unanswered: Annotated[
            bool, strawberry.argument(description="Open questions without an accepted reply.")
        ] = False,
        tag: Annotated[str | None, strawberry.argument(description="With this tag only.")] = None,
        states: Annotated[
            list[TopicState] | None,
            strawberry.argument(
                description="In these states; by default what is public, and one's own that waits."
            ),
        ] = None,
        kinds: Kinds = None,
        idea_statuses: IdeaStatuses = None,
        order: Order = TopicOrder.ACTIVITY,
        context: Context = None,
    ) -> Connection[Topic] | None:
        community = decode_id(community_id, "communityId", "Community").id
        request = forum_pb2.ListTopicsRequest(
            community_id=community,
            space_id=decode_within(community, space_id, "spaceId", "Space"),
            author_id=decode_within(community, author_id, "authorId", "Member", "Person"),
            unanswered=unanswered,
            tag=tag or "",
            states=[state.value for state in states or ()],
            context=context_ref(context) if context else None,
            **lists.topic_filters({"kinds": kinds, "ideaStatuses": idea_statuses, "order": order}),
        )
        page = await lists.topics(
            info.context, request, {"first": first, "after": after, "last": last, "before": before}
        )
        return await filled(info, page)

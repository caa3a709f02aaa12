"""Topics that are like what is being written, or like another topic, in GraphQL."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from gateway import batches
from gateway.context import Info
from gateway.cursors import decode_id
from gateway.finding import searching
from gateway.loaders import fill
from gateway.schema.forum import Topic
from gateway.schema.scalars import Markdown
from guildhall.forum.v1 import forum_pb2
from guildhall.search.v1 import search_pb2

_CODES = "Codes: BAD_USER_INPUT, TEXT_INVALID, FIELD_INVALID, SEARCH_UNAVAILABLE."


async def _similar(info: Info, request: search_pb2.FindSimilarRequest) -> list[Topic]:
    """What was found, as far as the forum shows it now, best first."""
    context = info.context
    with searching():
        answer = await context.call(context.services.search.FindSimilar, request)
    if not answer.topic_ids:
        return []
    found = await batches.topics(context, request.community_id, list(answer.topic_ids))
    topics: list[Any] = [found[id_] for id_ in answer.topic_ids if id_ in found]
    await fill(info, topics)
    return topics


@strawberry.type
class SimilarQuery:
    """Root fields of likeness."""

    @strawberry.field(
        metadata={"guildhall_cost": 5},
        description="Topics one can read that are like what one is about to ask, the most alike "
        f"first, at most 5: to be shown while somebody types. {_CODES}",
    )
    async def similar_topics(
        self,
        info: Info,
        community_id: Annotated[strawberry.ID, strawberry.argument(description="Where.")],
        title: Annotated[str, strawberry.argument(description="The title so far.")],
        body: Annotated[
            Markdown | None, strawberry.argument(description="The text so far.")
        ] = None,
        tags: Annotated[
            list[str] | None, strawberry.argument(description="Topics with one of them are better.")
        ] = None,
    ) -> list[Topic] | None:
        request = search_pb2.FindSimilarRequest(
            community_id=decode_id(community_id, "communityId", "Community").id,
            title=title,
            body=body or "",
            tags=tags,
        )
        return await _similar(info, request)

    @strawberry.field(
        metadata={"guildhall_cost": 10},
        description="Topics one can read that are like this one, the most alike first, at most 5; "
        f"null where there is no such topic that one can read. {_CODES}",
    )
    async def related_topics(
        self,
        info: Info,
        topic_id: Annotated[strawberry.ID, strawberry.argument(description="Like what.")],
    ) -> list[Topic] | None:
        found = decode_id(topic_id, "topicId", "Topic")
        context = info.context
        asked = forum_pb2.GetTopicRequest(community_id=found.community_id, topic_id=found.id)
        answer = await context.find(context.services.forum.GetTopic, asked)
        if answer is None:
            return None
        topic = answer.topic
        request = search_pb2.FindSimilarRequest(
            community_id=topic.community_id,
            title=topic.title,
            body=topic.body[:2000],
            tags=topic.tags,
            except_topic_id=topic.id,
        )
        return await _similar(info, request)

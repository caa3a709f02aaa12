"""One feed of all that somebody follows, over all their communities."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime

from chassis import moment
from chassis.actors import Actor
from chassis.pagination import Paging, check_batch, encode_page_token
from guildhall.forum.v1 import feed_pb2 as pb
from services.forum.converters.feed import REASONS, feed_order, viewer_state_to_proto
from services.forum.converters.fitting import fitting
from services.forum.converters.messages import (
    latest_reply_to_proto,
    reply_to_proto,
    space_to_proto,
    topic_to_proto,
)
from services.forum.domain.feed.ranking import MOST_REPLIED, Wanted
from services.forum.domain.feed.viewing import ViewerState
from services.forum.domain.replies import Reply
from services.forum.domain.spaces import group_keys
from services.forum.domain.topics import OPEN_TO_READERS, Topic
from services.forum.repository.feed import Own
from services.forum.use_cases.feed.base import OwnUseCases, keyrings_of
from services.forum.use_cases.feed.merging import Merging

_MOST_MUST_READS = 20
_MOST_BANNERS = 5


class FeedingUseCases(OwnUseCases):
    """Made as it is read: what is written goes to nobody's feed (docs/adr/0023)."""

    async def list_feed(self, actor: Actor, request: pb.ListFeedRequest) -> pb.ListFeedResponse:
        """Refuses with FIELD_INVALID, PAGE_TOKEN_INVALID."""
        keyrings, order = keyrings_of(actor, request.community_ids), feed_order(request.order)
        paging = Paging.of(request, int, str, datetime)
        as_of = paging.place[2] if paging.place else moment.now()
        repository, person_id = self._repository, actor.person_id
        spaces, of_groups, own, wanted = await self._wanted(keyrings, person_id)
        merging = Merging(repository, list(keyrings), person_id, wanted, order, paging, as_of)
        merged = await merging.page()
        # The wall once more: it may have moved since they were looked at.
        topics = await repository.find_topics_anywhere(
            keyrings,
            spaces,
            [one.topic.id for one in merged[: paging.size]],
            without_texts=request.without_texts,
        )
        most = fitting([topics.get(one.topic.id) for one in merged], paging.size)
        found, token = paging.page(merged, lambda last: (*last.place, as_of), most=most)
        response = pb.ListFeedResponse(next_page_token=token)
        for one in found:
            if (topic := topics.get(one.topic.id)) is not None:
                response.items.append(
                    pb.FeedItem(
                        reason=REASONS[one.reason],
                        community_id=topic.community_id,
                        topic=topic_to_proto(topic, topic.version),
                        page_token=encode_page_token(*one.place, as_of),
                    )
                )
        states: dict[str, ViewerState] = {}
        if request.with_viewer_states:
            states = await self.viewer_states(
                person_id,
                [topics[item.topic.id] for item in response.items],
                of_groups=of_groups,
                readers=own.readers,
                marks=merging.marks,
                replied=own.replied if len(own.replied) < MOST_REPLIED else None,
            )
        await self._embed(request, response, keyrings, topics, states)
        return response

    async def batch_get_feed_items(
        self, actor: Actor, request: pb.BatchGetFeedItemsRequest
    ) -> pb.BatchGetFeedItemsResponse:
        """Refuses with FIELD_INVALID."""
        keyrings = keyrings_of(actor, request.community_ids)
        ids = check_batch(list(request.topic_ids), "topic_ids")
        spaces, _, _, wanted = await self._wanted(keyrings, actor.person_id)
        topics = await self._repository.find_topics_anywhere(keyrings, spaces, ids)
        newest: dict[str, Reply] = {}
        if request.with_newest_replies:
            newest = await self._newest_replies(keyrings, topics)
        response = pb.BatchGetFeedItemsResponse()
        for topic in (topics[id_] for id_ in ids if id_ in topics):
            reason = wanted.reason(topic) if topic.state in OPEN_TO_READERS else None
            if reason is not None:
                item = response.items.add(
                    reason=REASONS[reason],
                    community_id=topic.community_id,
                    topic=topic_to_proto(topic, topic.version),
                )
                if (reply := newest.get(topic.id)) is not None:
                    item.newest_reply.CopyFrom(reply_to_proto(reply, reply.version))
        return response

    async def get_feed_keys(
        self, actor: Actor, request: pb.GetFeedKeysRequest
    ) -> pb.GetFeedKeysResponse:
        """Refuses with FIELD_INVALID."""
        keyrings = keyrings_of(actor, request.community_ids)
        _, _, _, wanted = await self._wanted(keyrings, actor.person_id)
        groups = [key for keyring in keyrings.values() for key in group_keys(keyring)]
        return pb.GetFeedKeysResponse(keys=[*wanted.keys(), *groups])

    async def _wanted(
        self, keyrings: Mapping[str, Sequence[str]], person_id: str
    ) -> tuple[Mapping[str, Sequence[str]], Mapping[str, Sequence[str]], Own, Wanted]:
        """What a feed is made of: readable spaces, those of groups, what is the person's own, and
        all together.
        """
        repository = self._repository
        (spaces, of_groups), own = await asyncio.gather(
            self.spaces_opened(keyrings),
            repository.find_own(keyrings, person_id),
        )
        mentioned = await repository.find_mentioned(spaces, own.mentions)
        wanted = Wanted(person_id, spaces, own.readers, own.replied, mentioned, of_groups)
        return spaces, of_groups, own, wanted

    async def list_must_reads(
        self, actor: Actor, request: pb.ListMustReadsRequest
    ) -> pb.ListMustReadsResponse:
        """Refuses with FIELD_INVALID."""
        keyrings = keyrings_of(actor, request.community_ids)
        found = await self._repository.list_open_must_reads(
            keyrings, actor.person_id, moment.now(), _MOST_MUST_READS
        )
        return pb.ListMustReadsResponse(
            must_reads=[
                pb.MustRead(community_id=one.community_id, announcement_id=one.id) for one in found
            ]
        )

    async def list_banners(
        self, actor: Actor, request: pb.ListBannersRequest
    ) -> pb.ListBannersResponse:
        """Refuses with FIELD_INVALID."""
        keyrings = keyrings_of(actor, request.community_ids)
        found = await self._repository.list_banners(
            keyrings, actor.person_id, moment.now(), _MOST_BANNERS
        )
        return pb.ListBannersResponse(
            banners=[
                pb.Banner(community_id=one.community_id, announcement_id=one.id) for one in found
            ]
        )

    async def _embed(
        self,
        request: pb.ListFeedRequest,
        response: pb.ListFeedResponse,
        keyrings: Mapping[str, Sequence[str]],
        topics: Mapping[str, Topic],
        states: Mapping[str, ViewerState],
    ) -> None:
        """What else was asked for: one query each for the whole page."""
        repository = self._repository
        if request.newest_replies_briefly:
            for item in response.items:
                latest = latest_reply_to_proto(topics[item.topic.id])
                if latest is not None:
                    item.newest_reply.CopyFrom(latest)
        elif request.with_newest_replies:
            newest = await self._newest_replies(keyrings, topics)
            for item in response.items:
                reply = newest.get(item.topic.id)
                if reply is not None:
                    item.newest_reply.CopyFrom(reply_to_proto(reply, reply.version))
        for item in response.items:
            if item.topic.id in states:
                item.viewer_state.CopyFrom(viewer_state_to_proto(states[item.topic.id]))
        if request.with_spaces:
            named = {one.space_id for one in topics.values()}
            found = await repository.find_spaces_anywhere(keyrings, named)
            response.spaces.extend(
                space_to_proto(one, one.version, keyring=keyrings[one.community_id])
                for one in found.values()
            )

    async def _newest_replies(
        self, keyrings: Mapping[str, Sequence[str]], topics: Mapping[str, Topic]
    ) -> dict[str, Reply]:
        """The last published one of each topic that has one."""
        newest = {one.id: one.latest[-1].id for one in topics.values() if one.latest}
        found = await self._repository.find_replies_anywhere(keyrings, topics, newest.values())
        return {topic_id: found[id_] for topic_id, id_ in newest.items() if id_ in found}

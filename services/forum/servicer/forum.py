"""ForumService over gRPC: who calls, which use case or query, what comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import Any, TypeVar

from chassis.actors import require_actor, require_person
from chassis.errors import FieldInvalidError
from chassis.pagination import Paging, check_batch
from chassis.rpc_server import Context
from chassis.tags import tag_of
from guildhall.forum.v1 import forum_pb2 as pb
from guildhall.forum.v1 import forum_pb2_grpc
from services.forum.converters import enums
from services.forum.converters.context_refs import context_of
from services.forum.converters.diffs import edit_diff, revision_diff
from services.forum.converters.held_edits import held_edit_to_proto
from services.forum.converters.messages import (
    moderation_entry_to_proto,
    removal_to_proto,
    reply_to_proto,
    revision_to_proto,
    space_to_proto,
    topic_to_proto,
)
from services.forum.domain.members import Member
from services.forum.domain.replies import Reply
from services.forum.domain.topics import Topic
from services.forum.repository import ForumRepository, TopicFilter
from services.forum.servicer.reading import fitting, keyring_of, shown
from services.forum.use_cases import ForumUseCases

M = TypeVar("M")


class ForumServicer(forum_pb2_grpc.ForumServiceServicer):
    """What each RPC means is said in the proto."""

    def __init__(self, use_cases: ForumUseCases, repository: ForumRepository) -> None:
        self._use_cases = use_cases
        self._repository = repository

    # -- writes

    async def CreateSpace(
        self, request: pb.CreateSpaceRequest, context: Context
    ) -> pb.CreateSpaceResponse:
        return await self._use_cases.create_space(require_person(), request)

    async def UpdateSpace(
        self, request: pb.UpdateSpaceRequest, context: Context
    ) -> pb.UpdateSpaceResponse:
        return await self._use_cases.update_space(require_person(), request)

    async def CreateTopic(
        self, request: pb.CreateTopicRequest, context: Context
    ) -> pb.CreateTopicResponse:
        return await self._use_cases.create_topic(require_person(), request)

    async def PublishTopic(
        self, request: pb.PublishTopicRequest, context: Context
    ) -> pb.PublishTopicResponse:
        return await self._use_cases.publish_topic(require_person(), request)

    async def ScheduleTopic(
        self, request: pb.ScheduleTopicRequest, context: Context
    ) -> pb.ScheduleTopicResponse:
        return await self._use_cases.schedule_topic(require_person(), request)

    async def UnscheduleTopic(
        self, request: pb.UnscheduleTopicRequest, context: Context
    ) -> pb.UnscheduleTopicResponse:
        return await self._use_cases.unschedule_topic(require_person(), request)

    async def UpdateTopic(
        self, request: pb.UpdateTopicRequest, context: Context
    ) -> pb.UpdateTopicResponse:
        return await self._use_cases.update_topic(require_person(), request)

    async def CloseTopic(
        self, request: pb.CloseTopicRequest, context: Context
    ) -> pb.CloseTopicResponse:
        return await self._use_cases.close_topic(require_person(), request)

    async def ReopenTopic(
        self, request: pb.ReopenTopicRequest, context: Context
    ) -> pb.ReopenTopicResponse:
        return await self._use_cases.reopen_topic(require_person(), request)

    async def HideTopic(
        self, request: pb.HideTopicRequest, context: Context
    ) -> pb.HideTopicResponse:
        return await self._use_cases.hide_topic(require_person(), request)

    async def RestoreTopic(
        self, request: pb.RestoreTopicRequest, context: Context
    ) -> pb.RestoreTopicResponse:
        return await self._use_cases.restore_topic(require_person(), request)

    async def RemoveTopic(
        self, request: pb.RemoveTopicRequest, context: Context
    ) -> pb.RemoveTopicResponse:
        return await self._use_cases.remove_topic(require_person(), request)

    async def ArchiveTopic(
        self, request: pb.ArchiveTopicRequest, context: Context
    ) -> pb.ArchiveTopicResponse:
        return await self._use_cases.archive_topic(require_person(), request)

    async def CreateReply(
        self, request: pb.CreateReplyRequest, context: Context
    ) -> pb.CreateReplyResponse:
        return await self._use_cases.create_reply(require_person(), request)

    async def UpdateReply(
        self, request: pb.UpdateReplyRequest, context: Context
    ) -> pb.UpdateReplyResponse:
        return await self._use_cases.update_reply(require_person(), request)

    async def HideReply(
        self, request: pb.HideReplyRequest, context: Context
    ) -> pb.HideReplyResponse:
        return await self._use_cases.hide_reply(require_person(), request)

    async def RestoreReply(
        self, request: pb.RestoreReplyRequest, context: Context
    ) -> pb.RestoreReplyResponse:
        return await self._use_cases.restore_reply(require_person(), request)

    async def RemoveReply(
        self, request: pb.RemoveReplyRequest, context: Context
    ) -> pb.RemoveReplyResponse:
        return await self._use_cases.remove_reply(require_person(), request)

    async def AcceptReply(
        self, request: pb.AcceptReplyRequest, context: Context
    ) -> pb.AcceptReplyResponse:
        return await self._use_cases.accept_reply(require_person(), request)

    async def UnacceptReply(
        self, request: pb.UnacceptReplyRequest, context: Context
    ) -> pb.UnacceptReplyResponse:
        return await self._use_cases.unaccept_reply(require_person(), request)

    async def ImportPosts(
        self, request: pb.ImportPostsRequest, context: Context
    ) -> pb.ImportPostsResponse:
        return await self._use_cases.import_posts(require_person(), request)

    # -- reads

    async def GetSpace(self, request: pb.GetSpaceRequest, context: Context) -> pb.GetSpaceResponse:
        member = Member.of(require_person(), request.community_id)
        community_id, repository = request.community_id, self._repository
        if request.space_id:
            space = await repository.get_space(community_id, request.space_id, member.keyring)
        else:
            space = await repository.get_space_by_slug(community_id, request.slug, member.keyring)
        return pb.GetSpaceResponse(
            space=space_to_proto(space, space.version, keyring=member.keyring)
        )

    async def BatchGetSpaces(
        self, request: pb.BatchGetSpacesRequest, context: Context
    ) -> pb.BatchGetSpacesResponse:
        keyring = keyring_of(require_actor(), request.community_id)
        ids = check_batch(list(request.space_ids), "space_ids")
        found = await self._repository.find_spaces_shown(request.community_id, ids, keyring)
        return pb.BatchGetSpacesResponse(spaces=_told(space_to_proto, ids, found, keyring))

    async def ListSpaces(
        self, request: pb.ListSpacesRequest, context: Context
    ) -> pb.ListSpacesResponse:
        member = Member.of(require_person(), request.community_id)
        paging = Paging.of(request, str, str)
        found = await self._repository.list_spaces(request.community_id, member.keyring, paging)
        spaces, token = paging.page(found, lambda last: (last.name_order, last.id))
        return pb.ListSpacesResponse(
            spaces=[
                space_to_proto(space, space.version, keyring=member.keyring) for space in spaces
            ],
            next_page_token=token,
        )

    async def GetTopic(self, request: pb.GetTopicRequest, context: Context) -> pb.GetTopicResponse:
        member = Member.of(require_person(), request.community_id)
        topic = await self._repository.get_topic(
            request.community_id, request.topic_id, member.keyring
        )
        (topic,) = await shown(self._repository, request.community_id, [topic], member.keyring)
        return pb.GetTopicResponse(
            topic=topic_to_proto(topic, topic.version, keyring=member.keyring)
        )

    async def BatchGetTopics(
        self, request: pb.BatchGetTopicsRequest, context: Context
    ) -> pb.BatchGetTopicsResponse:
        keyring = keyring_of(require_actor(), request.community_id)
        ids = check_batch(list(request.topic_ids), "topic_ids")
        found = await self._repository.find_topics(
            request.community_id, ids, keyring, without_texts=request.without_texts, listed=True
        )
        found = await shown(self._repository, request.community_id, found, keyring)
        return pb.BatchGetTopicsResponse(topics=_told(topic_to_proto, ids, found, keyring))

    async def ListTopics(
        self, request: pb.ListTopicsRequest, context: Context
    ) -> pb.ListTopicsResponse:
        member = Member.of(require_person(), request.community_id)
        wanted = TopicFilter(
            request.space_id,
            request.author_id,
            tag_of(request.tag) or request.tag,
            request.unanswered,
            enums.topic_states(request.states),
            enums.topic_kinds(request.kinds),
            enums.idea_statuses(request.idea_statuses),
            enums.topic_order(request.order),
            context_of(request),
        )
        paging = Paging.of(request, *wanted.order.types)
        found = await self._repository.list_topics(
            request.community_id,
            member.keyring,
            wanted,
            paging,
            without_texts=request.without_texts,
        )
        topics, token = paging.page(found, wanted.order.place, most=fitting(found, paging.size))
        topics = await shown(self._repository, request.community_id, topics, member.keyring)
        return pb.ListTopicsResponse(
            topics=[
                topic_to_proto(topic, topic.version, keyring=member.keyring) for topic in topics
            ],
            next_page_token=token,
        )

    async def BatchGetReplies(
        self, request: pb.BatchGetRepliesRequest, context: Context
    ) -> pb.BatchGetRepliesResponse:
        keyring = keyring_of(require_actor(), request.community_id)
        ids = check_batch(list(request.reply_ids), "reply_ids")
        found = await self._repository.find_replies(
            request.community_id, ids, keyring, without_texts=request.without_texts
        )
        return pb.BatchGetRepliesResponse(replies=_told(reply_to_proto, ids, found, keyring))

    async def BatchGetPosts(
        self, request: pb.BatchGetPostsRequest, context: Context
    ) -> pb.BatchGetPostsResponse:
        keyring = keyring_of(require_actor(), request.community_id)
        topic_ids = check_batch(list(request.topic_ids), "topic_ids")
        reply_ids = check_batch(list(request.reply_ids), "reply_ids")
        topics, replies = await self._repository.find_posts(
            request.community_id,
            topic_ids,
            reply_ids,
            keyring,
            without_texts=request.without_texts,
        )
        topics = await shown(self._repository, request.community_id, topics, keyring)
        return pb.BatchGetPostsResponse(
            topics=_told(topic_to_proto, topic_ids, topics, keyring),
            replies=_told(reply_to_proto, reply_ids, replies, keyring),
        )

    async def ListReplies(
        self, request: pb.ListRepliesRequest, context: Context
    ) -> pb.ListRepliesResponse:
        actor = require_actor()
        keyring = keyring_of(actor, request.community_id)
        paging = Paging.of(request, datetime, str)
        topic = await self._repository.get_topic(
            request.community_id, request.topic_id, keyring, without_texts=True
        )
        found = await self._repository.list_replies(topic, keyring, paging, _thread(request))
        replies, token = paging.page(
            found, lambda last: (last.create_time, last.id), most=fitting(found, paging.size)
        )
        service = bool(actor.service)
        return pb.ListRepliesResponse(
            replies=[
                reply_to_proto(one, one.version, for_service=service, keyring=keyring or ())
                for one in replies
            ],
            next_page_token=token,
        )

    async def ListRevisions(
        self, request: pb.ListRevisionsRequest, context: Context
    ) -> pb.ListRevisionsResponse:
        member = Member.of(require_person(), request.community_id)
        paging = Paging.of(request, datetime, str)
        post: Topic | Reply
        post = topic = await self._repository.get_topic(
            request.community_id, request.topic_id, member.keyring
        )
        if request.reply_id:
            post = await self._repository.get_reply(topic, request.reply_id, member.keyring)
        known = post.author.known_to(request.community_id, member.keyring)
        hidden_id = "" if known else post.author.person_id
        found = await self._repository.list_revisions(topic, post, member.keyring, paging)
        revisions, token = paging.page(
            found, lambda last: (last.replace_time, last.id), most=fitting(found, paging.size)
        )
        return pb.ListRevisionsResponse(
            revisions=[revision_to_proto(one, hidden_id) for one in revisions],
            next_page_token=token,
        )

    async def GetRevisionDiff(
        self, request: pb.GetRevisionDiffRequest, context: Context
    ) -> pb.GetRevisionDiffResponse:
        member = Member.of(require_person(), request.community_id)
        post: Topic | Reply
        post = topic = await self._repository.get_topic(
            request.community_id, request.topic_id, member.keyring
        )
        if request.reply_id:
            post = await self._repository.get_reply(topic, request.reply_id, member.keyring)
        if request.of_held_edit:
            edit = await self._repository.get_held_edit(post, member.keyring)
            made = await asyncio.to_thread(edit_diff, post, edit)
            return pb.GetRevisionDiffResponse(revision_diff=made)
        former, later = await self._repository.find_editions(
            topic, post, request.edition, member.keyring
        )
        # Up to a tenth of a second for texts made for it: others are answered meanwhile.
        made = await asyncio.to_thread(revision_diff, former, later, post)
        return pb.GetRevisionDiffResponse(revision_diff=made)

    async def BatchGetHeldEdits(
        self, request: pb.BatchGetHeldEditsRequest, context: Context
    ) -> pb.BatchGetHeldEditsResponse:
        member = Member.of(require_person(), request.community_id)
        found = await self._repository.find_held_edits(
            request.community_id,
            check_batch(list(request.topic_ids), "topic_ids"),
            check_batch(list(request.reply_ids), "reply_ids"),
            member.keyring,
        )
        return pb.BatchGetHeldEditsResponse(
            held_edits=[held_edit_to_proto(edit, post) for edit, post in found]
        )

    async def BatchGetRemovals(
        self, request: pb.BatchGetRemovalsRequest, context: Context
    ) -> pb.BatchGetRemovalsResponse:
        member = Member.of(require_person(), request.community_id)
        topic_ids = check_batch(list(request.topic_ids), "topic_ids")
        reply_ids = check_batch(list(request.reply_ids), "reply_ids")
        found = await self._repository.find_removals(
            request.community_id, topic_ids, reply_ids, member
        )
        told = [removal_to_proto(one.told(moderator=member.moderator)) for one in found]
        return pb.BatchGetRemovalsResponse(removals=told)

    async def ListModerationEntries(
        self, request: pb.ListModerationEntriesRequest, context: Context
    ) -> pb.ListModerationEntriesResponse:
        member = Member.of(require_person(), request.community_id)
        member.require_moderator()
        paging = Paging.of(request, datetime, str)
        topic = await self._repository.get_topic(
            request.community_id, request.topic_id, member.keyring
        )
        found = await self._repository.list_moderation_entries(topic, paging)
        entries, token = paging.page(found, lambda last: (last.time, last.id))
        return pb.ListModerationEntriesResponse(
            moderation_entries=[moderation_entry_to_proto(one) for one in entries],
            next_page_token=token,
        )


def _thread(request: pb.ListRepliesRequest) -> str | None:
    """Which thread is asked for. Refuses with FIELD_INVALID."""
    if request.threads and request.parent_reply_id:
        raise FieldInvalidError("threads have no parent", field="parent_reply_id")
    return request.parent_reply_id or ("" if request.threads else None)


def _told(
    to_proto: Callable[..., M],
    ids: Iterable[str],
    found: Iterable[Any],
    keyring: Collection[str] | None,
) -> list[M]:
    """As the reader may see them, in the order asked for."""
    told = {
        one.id: to_proto(one, one.version, for_service=keyring is None, keyring=keyring or ())
        for one in found
    }
    return [told[id_] for id_ in ids if id_ in told]

"""Stand-ins for the other services: real gRPC, canned rows, every call counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import aio

from chassis.actors import Actor, current_actor
from chassis.errors import NotFoundError
from chassis.pagination import PageRequest, clamp_page_size, encode_page_token
from guildhall.forum.v1 import forum_pb2
from guildhall.forum.v1.forum_pb2_grpc import (
    ForumServiceServicer,
    add_ForumServiceServicer_to_server,
)

START = datetime(2026, 1, 1, tzinfo=UTC)


class TopicNotFoundError(NotFoundError):
    """As the forum's."""


def time(minutes: int) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(START + timedelta(minutes=minutes))
    return stamp


def paged(
    request: PageRequest, rows: Sequence[Any], token: Callable[[Any], str]
) -> tuple[Sequence[Any], str]:
    """A page of rows, and the token of the row where it ends if there are more."""
    size, tokens = clamp_page_size(request.page_size), [token(row) for row in rows]
    if request.backward:
        end = tokens.index(request.page_token) if request.page_token else len(rows)
        begin = max(0, end - size)
        return rows[begin:end], tokens[begin] if begin else ""
    begin = tokens.index(request.page_token) + 1 if request.page_token else 0
    end = begin + size
    return rows[begin:end], tokens[end - 1] if end < len(rows) else ""


class _StandIn:
    """Counts its calls, and fails as it is told to."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.requests: list[Message] = []
        self.actors: list[Actor | None] = []
        self.failures: dict[str, Exception] = {}

    def called(self, name: str, request: Message) -> None:
        self.calls[name] += 1
        self.requests.append(request)
        self.actors.append(current_actor.get())
        if name in self.failures:
            raise self.failures[name]


class ForumStandIn(_StandIn, ForumServiceServicer):
    """45 topics of c1, newest activity first; every third has an accepted reply."""

    def __init__(self) -> None:
        super().__init__()
        self.topics = [topic(number) for number in range(45, 0, -1)]
        self.listed_replies: dict[str, list[forum_pb2.Reply]] = {}  # by parent; else three each

    async def GetTopic(self, request: Any, _context: Any) -> Any:
        self.called("GetTopic", request)
        for row in self.topics:
            if row.id == request.topic_id and row.community_id == request.community_id:
                return forum_pb2.GetTopicResponse(topic=row)
        raise TopicNotFoundError

    async def BatchGetTopics(self, request: Any, _context: Any) -> Any:
        self.called("BatchGetTopics", request)
        return forum_pb2.BatchGetTopicsResponse(topics=self._topics(request))

    async def BatchGetPosts(self, request: Any, _context: Any) -> Any:
        self.called("BatchGetPosts", request)
        return forum_pb2.BatchGetPostsResponse(
            topics=self._topics(request), replies=self._replies(request)
        )

    def _topics(self, request: Any) -> Sequence[forum_pb2.Topic]:
        return shown(request, [row for row in self.topics if row.id in request.topic_ids])

    def _replies(self, request: Any) -> Sequence[forum_pb2.Reply]:
        return shown(request, [reply(key, f"t{key[1:]}") for key in request.reply_ids])

    async def ListTopics(self, request: Any, _context: Any) -> Any:
        self.called("ListTopics", request)
        page, token = paged(
            request,
            self.topics,
            lambda row: encode_page_token(row.activity_time.ToDatetime(UTC), row.id),
        )
        return forum_pb2.ListTopicsResponse(topics=shown(request, page), next_page_token=token)

    async def BatchGetSpaces(self, request: Any, _context: Any) -> Any:
        self.called("BatchGetSpaces", request)
        return forum_pb2.BatchGetSpacesResponse(spaces=[space(key) for key in request.space_ids])

    async def GetSpace(self, request: Any, _context: Any) -> Any:
        self.called("GetSpace", request)
        return forum_pb2.GetSpaceResponse(space=space("sp1"))

    async def BatchGetReplies(self, request: Any, _context: Any) -> Any:
        self.called("BatchGetReplies", request)
        return forum_pb2.BatchGetRepliesResponse(replies=self._replies(request))

    async def ListReplies(self, request: Any, _context: Any) -> Any:
        self.called("ListReplies", request)
        three = [reply(f"r{number}", request.topic_id) for number in range(1, 4)]
        replies = self.listed_replies.get(request.parent_reply_id, three)
        return forum_pb2.ListRepliesResponse(replies=replies)

    async def CreateTopic(self, request: Any, _context: Any) -> Any:
        self.called("CreateTopic", request)
        created = topic(99)
        created.title = request.title
        return forum_pb2.CreateTopicResponse(topic=created)

    async def UpdateTopic(self, request: Any, _context: Any) -> Any:
        self.called("UpdateTopic", request)
        kept = topic(int(request.topic_id[1:]))
        return forum_pb2.UpdateTopicResponse(
            topic=kept, held_edit=held_edit(request.topic_id) if request.body else None
        )

    async def CreateSpace(self, request: Any, _context: Any) -> Any:
        self.called("CreateSpace", request)
        return forum_pb2.CreateSpaceResponse(space=_with_settings("sp9", request.settings))

    async def UpdateSpace(self, request: Any, _context: Any) -> Any:
        self.called("UpdateSpace", request)
        changed = _with_settings(request.space_id, request.settings)
        return forum_pb2.UpdateSpaceResponse(space=changed)

    async def CloseTopic(self, request: Any, _context: Any) -> Any:
        self.called("CloseTopic", request)
        closed = topic(int(request.topic_id[1:]))
        closed.state = forum_pb2.TOPIC_STATE_CLOSED
        closed.close_reason, closed.state_reason = request.close_reason, request.reason
        closed.own_close_reason = request.own_close_reason
        return forum_pb2.CloseTopicResponse(topic=closed)

    async def BatchGetHeldEdits(self, request: Any, _context: Any) -> Any:
        self.called("BatchGetHeldEdits", request)
        edits = [held_edit(one) for one in request.topic_ids if one != "t4"]
        edits += [held_edit(f"t{one[1:]}", one) for one in request.reply_ids]
        return forum_pb2.BatchGetHeldEditsResponse(held_edits=edits)

    async def BatchGetRemovals(self, request: Any, _context: Any) -> Any:
        """Of t4 and r4, which a moderator removed."""
        self.called("BatchGetRemovals", request)
        places = [(one, "") for one in request.topic_ids if one == "t4"]
        places += [("t4", one) for one in request.reply_ids if one == "r4"]
        return forum_pb2.BatchGetRemovalsResponse(
            removals=[
                forum_pb2.Removal(
                    community_id="c1", topic_id=topic_id, reply_id=reply_id, time=time(1),
                    reason_code=forum_pb2.REASON_CODE_SPAM,
                )
                for topic_id, reply_id in places
            ]
        )  # fmt: skip

    async def GetRevisionDiff(self, request: Any, _context: Any) -> Any:
        self.called("GetRevisionDiff", request)
        diff = forum_pb2.RevisionDiff(edition=1, later_edition=2, added_tags=["new"])
        return forum_pb2.GetRevisionDiffResponse(revision_diff=diff)

    async def ListRevisions(self, request: Any, _context: Any) -> Any:
        """One by a moderator, one by whom one may not know."""
        self.called("ListRevisions", request)
        made: dict[str, Any] = {"community_id": "c1", "replace_time": time(1)}
        return forum_pb2.ListRevisionsResponse(
            revisions=[
                forum_pb2.Revision(id="v2", edition=2, editor_id="p3", by_moderator=True, **made),
                forum_pb2.Revision(id="v1", edition=1, **made),
            ]
        )

    async def ListModerationEntries(self, request: Any, _context: Any) -> Any:
        """One by a moderator, one by a service."""
        self.called("ListModerationEntries", request)
        made: dict[str, Any] = {"community_id": "c1", "time": time(1)}
        return forum_pb2.ListModerationEntriesResponse(
            moderation_entries=[
                forum_pb2.ModerationEntry(id="m2", action="CloseTopic", actor="p3", **made),
                forum_pb2.ModerationEntry(
                    id="m1", action="BumpByAutomation", actor="service:automation", **made
                ),
            ]
        )

    async def CreateReply(self, request: Any, _context: Any) -> Any:
        self.called("CreateReply", request)
        return forum_pb2.CreateReplyResponse(reply=reply("r99", request.topic_id))

    async def HideReply(self, request: Any, _context: Any) -> Any:
        self.called("HideReply", request)
        return forum_pb2.HideReplyResponse(reply=reply(request.reply_id, request.topic_id))

    async def ImportPosts(self, request: Any, _context: Any) -> Any:
        self.called("ImportPosts", request)
        return forum_pb2.ImportPostsResponse(created=len(request.posts), already_there=0)


def held_edit(topic_id: str, reply_id: str = "") -> forum_pb2.HeldEdit:
    return forum_pb2.HeldEdit(
        community_id="c1",
        topic_id=topic_id,
        reply_id=reply_id,
        state=forum_pb2.HELD_EDIT_STATE_PENDING_REVIEW,
        title="" if reply_id else "Another title",
        body="Another *text*",
        body_html="<p>Another <em>text</em></p>",
        create_time=time(0),
        editor_id="p3",
        context_refs=[forum_pb2.ContextRef(system="crm", type="deal", external_id="D-1")],
    )


def space(id: str) -> forum_pb2.Space:
    return forum_pb2.Space(
        id=id,
        community_id="c1",
        slug="general",
        name="General",
        mode=forum_pb2.SPACE_MODE_AUTO,
        audience=forum_pb2.AUDIENCE_COMMUNITY,
        create_time=time(0),
        version=1,
    )


def _with_settings(id: str, change: forum_pb2.SpaceSettingsChange) -> forum_pb2.Space:
    """With what was given of templates, kinds and reasons to close, and nothing else."""
    made = space(id)
    made.settings.templates.extend(change.templates)
    made.settings.kinds.extend(change.kinds)
    made.settings.own_close_reasons.extend(change.own_close_reasons)
    made.settings.article_review_days = change.article_review_days
    return made


def shown(request: Any, posts: Sequence[Any]) -> Sequence[Any]:
    """With their texts, or without."""
    if not request.without_texts:
        return posts
    copies = [type(post).FromString(post.SerializeToString()) for post in posts]
    for copy in copies:
        copy.ClearField("body")
        copy.ClearField("body_html")
    return copies


def topic(number: int) -> forum_pb2.Topic:
    made = forum_pb2.Topic(
        id=f"t{number}",
        community_id="c1",
        space_id=f"sp{number % 2 + 1}",
        kind=forum_pb2.TOPIC_KIND_QUESTION,
        state=forum_pb2.TOPIC_STATE_PUBLISHED,
        title=f"Topic {number}",
        slug=f"topic-{number}",
        body="text",
        body_html="<p>text</p>",
        tags=["a", "b"],
        author=forum_pb2.Author(
            person_id=f"p{number % 7 + 1}", company_id=f"co{number % 2 + 1}", community_id="c1"
        ),
        reply_count=number,
        create_time=time(number),
        activity_time=time(number),
        version=number,
    )
    if number % 3 == 0:
        made.accepted_reply_id = f"r{number}"
    return made


def reply(id: str, topic_id: str) -> forum_pb2.Reply:
    return forum_pb2.Reply(
        id=id,
        community_id="c1",
        topic_id=topic_id,
        space_id="sp1",
        state=forum_pb2.REPLY_STATE_PUBLISHED,
        body="answer",
        body_html="<p>answer</p>",
        author=forum_pb2.Author(
            persona=forum_pb2.Persona(source="se", external_id="7", display_name="Ann Other"),
            community_id="c1",
        ),
        accepted=True,
        create_time=time(0),
        version=1,
    )


Add = Callable[[aio.Server], None]


def add_forum(servicer: ForumServiceServicer, *more: Add) -> Add:
    """With what else the forum offers."""
    return served(lambda server: add_ForumServiceServicer_to_server(servicer, server), *more)


def served(*adds: Add) -> Add:
    """All of them on one server."""

    def add(server: aio.Server) -> None:
        for one in adds:
            one(server)

    return add

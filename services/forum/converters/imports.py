"""A call of posts from another system, checked whole before any of it is stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import FieldInvalidError
from guildhall.forum.v1 import forum_pb2
from services.forum.domain.attachments import AttachmentsTooManyError, check_attachment_ids
from services.forum.domain.imports import (
    MAX_POSTS,
    ImportedAnswer,
    ImportedQuestion,
    check_external_id,
    check_past,
    check_persona,
    check_source,
    imported_id,
)
from services.forum.domain.tags import check_tags
from services.forum.domain.texts import (
    MAX_IMPORTED_TITLE,
    check_imported_body,
    check_title,
)
from services.forum.domain.topics import TopicKind

_TOPIC_KINDS = {
    forum_pb2.IMPORTED_POST_KIND_QUESTION: TopicKind.QUESTION,
    forum_pb2.IMPORTED_POST_KIND_DISCUSSION: TopicKind.DISCUSSION,
    forum_pb2.IMPORTED_POST_KIND_ARTICLE: TopicKind.ARTICLE,
    forum_pb2.IMPORTED_POST_KIND_IDEA: TopicKind.IDEA,
}


def imported_posts(
    request: forum_pb2.ImportPostsRequest, now: datetime
) -> Sequence[ImportedQuestion | ImportedAnswer]:
    """In the call's order. Refuses with the index of the first bad post in the field's name."""
    source = check_source(request.source)
    if not 1 <= len(request.posts) <= MAX_POSTS:
        raise FieldInvalidError(f"posts must be 1 to {MAX_POSTS}", field="posts")
    posts: list[ImportedQuestion | ImportedAnswer] = []
    seen: set[str] = set()
    attached: set[str] = set()
    for index, post in enumerate(request.posts):
        imported = _Reading(request.space_id, source, now, f"posts.{index}").post(post)
        if imported.id in seen:
            field = f"posts.{index}.external_id"
            raise FieldInvalidError(f"{field} stands twice in the call", field=field)
        seen.add(imported.id)
        if not attached.isdisjoint(imported.attachment_ids):
            field = f"posts.{index}.attachment_ids"
            raise FieldInvalidError(f"one of {field} stands twice in the call", field=field)
        attached.update(imported.attachment_ids)
        posts.append(imported)
    return posts


class _Reading:
    """One post being read."""

    def __init__(self, space_id: str, source: str, now: datetime, at: str) -> None:
        self._space_id = space_id
        self._source = source
        self._now = now
        self._at = at

    def post(self, post: forum_pb2.ImportedPost) -> ImportedQuestion | ImportedAnswer:
        at = self._at
        id_ = self._id(post.external_id, "external_id")
        author = check_persona(
            self._source, post.persona_external_id, post.persona_display_name, at
        )
        body = check_imported_body(post.body, f"{at}.body")
        if not post.HasField("create_time"):
            raise FieldInvalidError(f"{at}.create_time must be given", field=f"{at}.create_time")
        create_time = self._time(post.create_time, "create_time")
        edit_time = self._time(post.edit_time, "edit_time") if post.HasField("edit_time") else None
        attachment_ids = self._attachment_ids(post)
        if post.kind == forum_pb2.IMPORTED_POST_KIND_ANSWER:
            question_id = self._id(post.question_external_id, "question_external_id")
            parent = post.parent_answer_external_id
            parent_id = self._id(parent, "parent_answer_external_id") if parent else ""
            return ImportedAnswer(
                id_,
                body,
                post.score,
                author,
                create_time,
                edit_time,
                question_id,
                parent_id,
                attachment_ids=attachment_ids,
            )
        kind = _TOPIC_KINDS.get(post.kind)
        if kind is None:
            raise FieldInvalidError(
                f"{at}.kind must be ANSWER or one of {', '.join(_TOPIC_KINDS.values())}",
                field=f"{at}.kind",
            )
        if post.parent_answer_external_id:
            field = f"{at}.parent_answer_external_id"
            raise FieldInvalidError("only answers reply to an answer", field=field)
        accepted = post.accepted_answer_external_id
        if accepted and kind is not TopicKind.QUESTION:
            field = f"{at}.accepted_answer_external_id"
            raise FieldInvalidError("only questions have an accepted answer", field=field)
        if post.HasField("close_time"):
            self._time(post.close_time, "close_time")
        return ImportedQuestion(
            id_,
            body,
            post.score,
            author,
            create_time,
            edit_time,
            check_title(post.title, f"{at}.title", most=MAX_IMPORTED_TITLE),
            check_tags(post.tags, f"{at}.tags"),
            post.HasField("close_time"),
            self._id(accepted, "accepted_answer_external_id") if accepted else "",
            kind,
            attachment_ids=attachment_ids,
        )

    def _attachment_ids(self, post: forum_pb2.ImportedPost) -> tuple[str, ...]:
        try:
            return check_attachment_ids(post.attachment_ids)
        except AttachmentsTooManyError as refusal:
            refusal.field = f"{self._at}.attachment_ids"
            raise

    def _id(self, external_id: str, name: str) -> str:
        checked = check_external_id(external_id, f"{self._at}.{name}")
        return imported_id(self._space_id, self._source, checked)

    def _time(self, time: Timestamp, name: str) -> datetime:
        field = f"{self._at}.{name}"
        try:
            moment = time.ToDatetime(UTC)
        except (ValueError, OverflowError):
            raise FieldInvalidError(f"{field} is no date", field=field) from None
        return check_past(moment, self._now, field)

"""Edits that wait for moderators as protobuf messages."""

from __future__ import annotations

from chassis.timestamps import timestamp_of
from guildhall.forum.v1 import forum_pb2
from services.forum.converters import enums
from services.forum.converters.context_refs import context_refs_to_proto
from services.forum.converters.domain_events import post_ref
from services.forum.converters.markdown import safe_html
from services.forum.converters.messages import attached_to_proto
from services.forum.domain.held_edits import HeldEdit
from services.forum.domain.replies import Reply
from services.forum.domain.topics import Topic


def held_edit_to_proto(edit: HeldEdit, post: Topic | Reply) -> forum_pb2.HeldEdit:
    """With the place where its post is now."""
    where = post_ref(post)
    return forum_pb2.HeldEdit(
        topic_id=where.topic_id,
        reply_id=where.reply_id,
        state=enums.HELD_EDIT_STATES[edit.state],
        title=edit.title,
        body=edit.body.source,
        body_html=safe_html(edit.body),
        tags=edit.tags,
        attachments=attached_to_proto(edit.community_id, edit.attachments),
        create_time=timestamp_of(edit.create_time),
        decide_time=timestamp_of(edit.decide_time) if edit.decide_time else None,
        reason=edit.reason,
        community_id=edit.community_id,
        editor_id=edit.editor_id,
        context_refs=context_refs_to_proto(edit.context_refs),
    )


def pending_edit_to_proto(edit: HeldEdit | None, post: Topic | Reply) -> forum_pb2.HeldEdit | None:
    """What a change left to wait; None: nothing does."""
    return held_edit_to_proto(edit, post) if edit is not None and edit.pending else None

"""Edits that wait for moderators: parts of their topics, as replies are."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from chassis.decisions import Document, PartRef, Parts
from chassis.mongo import Index
from services.forum.domain.held_edits import HeldEdit, HeldEditState
from services.forum.domain.records import RevisionNotFoundError
from services.forum.domain.replies import Reply
from services.forum.domain.topics import Topic
from services.forum.repository.documents import (
    attached,
    attached_documents,
    author,
    author_document,
    context_ref_documents,
    context_refs,
    references,
    references_document,
    submission,
    submission_document,
    text,
    text_document,
)
from services.forum.repository.replies import ReplyCollection

INDEXES: Sequence[Index] = (
    Index(
        "held_edits",
        [("community_id", 1), ("attachments.id", 1)],
        "attachment_edit",
        partial={"attachments.id": {"$exists": True}},
    ),
)


class HeldEditCollection(ReplyCollection):
    """Reads, and where decisions find them."""

    @staticmethod
    def held_edit_ref(community_id: str, post_id: str) -> PartRef[HeldEdit]:
        """The one of a topic or reply, for a decision on the topic."""
        return _HELD_EDITS.ref(community_id, post_id)

    async def get_held_edit(self, post: Topic | Reply, keyring: Collection[str]) -> HeldEdit:
        """Of a post that the keyring shows. Refuses with REVISION_NOT_FOUND."""
        query = {
            "community_id": post.community_id,
            "_id": post.id,
            "read_keys": {"$in": list(keyring)},
        }
        row = await self._database.held_edits.find_one(query, hint="_id_")
        if row is None:
            raise RevisionNotFoundError(field="of_held_edit")
        return _load(row)

    async def find_held_edits(
        self,
        community_id: str,
        topic_ids: Collection[str],
        reply_ids: Collection[str],
        keyring: Collection[str],
    ) -> list[tuple[HeldEdit, Topic | Reply]]:
        """Those that the keyring shows, of posts that it shows, with these."""
        query = {
            "community_id": community_id,
            "_id": {"$in": [*topic_ids, *reply_ids]},
            "read_keys": {"$in": list(keyring)},
        }
        rows = await self._database.held_edits.find(query).hint("_id_").to_list()
        if not rows:  # as nearly always
            return []
        edits = {one.post_id: one for one in map(_load, rows)}
        topics, replies = await self.find_posts(
            community_id,
            [one for one in topic_ids if one in edits],
            [one for one in reply_ids if one in edits],
            keyring,
        )
        posts: list[Topic | Reply] = [*topics, *replies]
        return [(edits[post.id], post) for post in posts]

    async def find_pending_attachment_ids(
        self, community_id: str, attachment_ids: Collection[str], keyring: Collection[str] | None
    ) -> set[str]:
        """Those that edits list which wait, and which the keyring shows; None: any."""
        query: Document = {
            "community_id": community_id,
            "attachments.id": {"$in": list(attachment_ids)},
            "state": HeldEditState.PENDING_REVIEW.value,
        }
        if keyring is not None:
            query["read_keys"] = {"$in": list(keyring)}
        found = self._database.held_edits.find(query, {"attachments.id": 1}).hint("attachment_edit")
        rows = {row["_id"]: row["attachments"] for row in await found.to_list()}
        if rows and keyring is not None:
            posts = await self.find_posts(community_id, rows, rows, keyring, without_texts=True)
            shown = {post.id for part in posts for post in part}
            rows = {post_id: some for post_id, some in rows.items() if post_id in shown}
        return {one["id"] for some in rows.values() for one in some}


def _load(document: Document) -> HeldEdit:
    return HeldEdit(
        community_id=document["community_id"],
        post_id=document["_id"],
        title=document["title"],
        body=text(document["body"]),
        tags=tuple(document["tags"]),
        references=references(document),
        attachments=attached(document.get("attachments", ())),
        submission=submission(document["submission"]),
        author=author(document["author"]),
        editor_id=document["editor_id"],
        create_time=document["create_time"],
        context_refs=context_refs(document.get("context_refs", ())),
        by_moderator=document.get("by_moderator", False),  # formerly nobody remembered
        state=HeldEditState(document["state"]),
        decide_time=document["decide_time"],
        reason=document["reason"],
    )


def _dump(edit: HeldEdit) -> Document:
    document: Document = {
        "state": edit.state.value,
        "title": edit.title,
        "body": text_document(edit.body),
        "tags": list(edit.tags),
        **references_document(edit.references),
        "submission": submission_document(edit.submission),
        "author": author_document(edit.author),
        "editor_id": edit.editor_id,
        "create_time": edit.create_time,
        "by_moderator": edit.by_moderator,
        "decide_time": edit.decide_time,
        "reason": edit.reason,
        "read_keys": list(edit.read_keys),
    }
    if edit.attachments:
        document["attachments"] = attached_documents(edit.attachments)
    if edit.context_refs:
        document["context_refs"] = context_ref_documents(edit.context_refs)
    return document


_HELD_EDITS: Parts[HeldEdit] = Parts("held_edits", _load, _dump)

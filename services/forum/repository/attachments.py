"""The collection of attachments, which posts list them, and when a job looks after them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from pymongo import ReplaceOne

from chassis.decisions import Aggregates, Document, Ref, Write
from chassis.mongo import Index
from services.forum.domain.attachments import (
    Attachment,
    AttachmentNotFoundError,
    AttachmentState,
    ListedAttachment,
    Review,
    Uploader,
    UploadLimitReachedError,
)
from services.forum.domain.references import PostRef
from services.forum.repository.held_edits import HeldEditCollection
from services.forum.repository.records import RecordCollection

_DAY = timedelta(days=1)
_IN_NO_POST = ("UPLOADING", "SCANNING", "READY", "INFECTED")

INDEXES: Sequence[Index] = (
    # Two uploads of one person that are decided at once want the same number.
    Index(
        "attachments",
        [("community_id", 1), ("uploader_id", 1), ("number", -1)],
        "upload_number",
        unique=True,
    ),
    Index("attachment_reviews", [("time", 1)], "review_time"),
    *(
        Index(
            collection,
            [("community_id", 1), ("attachments.id", 1)],
            "attachment_post",
            partial={"attachments.id": {"$exists": True}},
        )
        for collection in ("topics", "replies")
    ),
)


class AttachmentCollection(HeldEditCollection, RecordCollection):
    """Reads of attachments; posts that list them are their wall."""

    async def get_own_attachment(
        self, community_id: str, attachment_id: str, person_id: str
    ) -> Attachment:
        """One that this person put. Refuses with ATTACHMENT_NOT_FOUND."""
        query = {"community_id": community_id, "_id": attachment_id, "uploader_id": person_id}
        document = await self._database.attachments.find_one(query, hint="_id_")
        if document is None or document["state"] == AttachmentState.REMOVED:
            raise AttachmentNotFoundError(field="attachment_id")
        return _load(document)

    async def find_attachments(
        self, community_id: str, ids: Sequence[str], person_id: str, keyring: Collection[str]
    ) -> list[Attachment]:
        """Those in posts and held edits that the keyring shows now, and the person's own that are
        in none yet.
        """
        found = await self.find_listed_attachments(community_id, ids, person_id, keyring)
        return [one.attachment for one in found]

    async def find_listed_attachments(
        self, community_id: str, ids: Sequence[str], person_id: str, keyring: Collection[str]
    ) -> list[ListedAttachment]:
        """The same, each with the posts that list it."""
        wall = await self._wall(community_id, keyring)
        query: Document = {
            "community_id": community_id,
            "attachments.id": {"$in": list(ids)},
            **wall,
        }
        posts = [
            *await self._database.topics.find(query, {"attachments.id": 1})
            .hint("attachment_post")
            .to_list(),
            *await self._find_replies(query, wall, "attachment_post"),
        ]
        listing: dict[str, list[PostRef]] = defaultdict(list)
        for post in posts:
            reply_id = post["_id"] if "topic_id" in post else ""
            place = PostRef(post.get("topic_id", post["_id"]), reply_id)
            for one in post["attachments"]:
                listing[one["id"]].append(place)
        shown = set(listing)
        if not shown.issuperset(ids):
            shown |= await self.find_pending_attachment_ids(community_id, ids, keyring)
        own = {"uploader_id": person_id, "state": {"$in": _IN_NO_POST}}
        found = self._database.attachments.find(
            {
                "community_id": community_id,
                "_id": {"$in": list(ids)},
                "$or": [{"_id": {"$in": list(shown & set(ids))}}, own],
            }
        ).hint("_id_")
        attachments = [_load(document) async for document in found]
        return [ListedAttachment(one, tuple(listing.get(one.id, ()))) for one in attachments]

    async def find_attachment(self, community_id: str, attachment_id: str) -> Attachment | None:
        """Whoever put it, in whatever state: for the job."""
        query = {"community_id": community_id, "_id": attachment_id}
        document = await self._database.attachments.find_one(query, hint="_id_")
        return None if document is None else _load(document)

    async def find_listing_states(self, community_id: str, attachment_id: str) -> list[str]:
        """The states of the posts and held edits that list it; a reply of a removed topic is
        removed as well.
        """
        query = {"community_id": community_id, "attachments.id": attachment_id}
        topics = self._database.topics.find(query, {"state": 1}).hint("attachment_post")
        states = [row["state"] async for row in topics]
        fields = {"state": 1, "topic_id": 1}
        async for row in self._database.replies.find(query, fields).hint("attachment_post"):
            topic = await self._database.topics.find_one(
                {"community_id": community_id, "_id": row["topic_id"]}, {"state": 1}
            )
            gone = topic is None or topic["state"] == "REMOVED"
            states.append("REMOVED" if gone else row["state"])
        if await self.find_pending_attachment_ids(community_id, [attachment_id], None):
            states.append("PENDING_REVIEW")
        return states

    async def get_uploader(self, community_id: str, person_id: str, now: datetime) -> Uploader:
        """What a person asked to put in the last day."""
        query = {"community_id": community_id, "uploader_id": person_id}
        fields = {"number": 1, "create_time": 1, "size": 1}
        rows = self._database.attachments.find(query, fields).sort("number", -1)
        number, uploads = 0, []
        async for row in rows.hint("upload_number"):
            number = max(number, row["number"])
            if now - row["create_time"] >= _DAY:
                break
            uploads.append((row["create_time"], row["size"]))
        return Uploader(number, tuple(uploads))

    @staticmethod
    def attachment_ref(community_id: str, attachment_id: str) -> Ref[Attachment]:
        """Where an attachment is, for a decision on it or along with a post."""
        return ATTACHMENTS.ref(community_id, attachment_id)

    @staticmethod
    def review_of(attachment: Attachment, now: datetime) -> Write:
        """To be stored with what became of it: when the job looks after it."""
        key = {"_id": attachment.id, "community_id": attachment.community_id}
        review = {**key, "time": attachment.next_review(now)}
        return Write("attachment_reviews", ReplaceOne(key, review, upsert=True))

    async def find_due_reviews(self, now: datetime, most: int) -> list[Review]:
        """What the job is to look after, of all communities, longest due first."""
        rows = self._database.attachment_reviews.find({"time": {"$lte": now}})
        rows = rows.sort("time", 1).limit(most)
        return [Review(row["_id"], row["community_id"], row.get("lost_time")) async for row in rows]

    async def put_off(self, review: Review, time: datetime) -> None:
        """Look after it again then: the job's own note, of which nobody is told."""
        key = {"_id": review.attachment_id, "community_id": review.community_id}
        note: Document = {"time": time}
        if review.lost_time is not None:
            note["lost_time"] = review.lost_time
        await self._database.attachment_reviews.replace_one(key, {**key, **note})

    async def end_reviews(self, review: Review) -> None:
        """Nothing is left to look after."""
        key = {"_id": review.attachment_id, "community_id": review.community_id}
        await self._database.attachment_reviews.delete_one(key)


def _load(document: Document) -> Attachment:
    return Attachment(
        id=document["_id"],
        community_id=document["community_id"],
        uploader_id=document["uploader_id"],
        number=document["number"],
        name=document["name"],
        type=document["type"],
        size=document["size"],
        sha256=document["sha256"],
        state=AttachmentState(document["state"]),
        create_time=document["create_time"],
        width=document["width"],
        height=document["height"],
        # Before each attempt had a key of its own, a file was kept under its attachment's id.
        blob=document["blob"] if "blob" in document else document["_id"],
        version=document["version"],
    )


def _dump(attachment: Attachment) -> Document:
    return {
        "uploader_id": attachment.uploader_id,
        "number": attachment.number,
        "name": attachment.name,
        "type": attachment.type,
        "size": attachment.size,
        "sha256": attachment.sha256,
        "state": attachment.state.value,
        "create_time": attachment.create_time,
        "width": attachment.width,
        "height": attachment.height,
        "blob": attachment.blob,
        "version": attachment.version,
    }


ATTACHMENTS: Aggregates[Attachment] = Aggregates(
    "attachment", "attachments", _load, _dump, {"upload_number": UploadLimitReachedError}
)

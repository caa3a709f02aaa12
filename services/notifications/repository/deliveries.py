"""The ledger of deliveries to webhooks: written straight, safe to repeat."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from datetime import datetime, timedelta

from pymongo import UpdateMany, UpdateOne

from chassis.decisions import Document, Write
from chassis.mongo import Database, Index
from chassis.pagination import Paging
from services.notifications.domain.deliveries import (
    KEPT,
    SETTLED,
    Delivery,
    DeliveryError,
    DeliveryReason,
    DeliveryState,
    Outcome,
    Subject,
)
from services.notifications.domain.webhooks import EventType, Webhook

_DELIVERIES = "deliveries"
_LATEST = (("queue_time", -1), ("_id", -1))

INDEXES: Sequence[Index] = (
    # By webhook first: how much one of them has waiting is nothing to the others.
    Index(
        _DELIVERIES,
        [("webhook_id", 1), ("due_time", 1), ("_id", 1)],
        "due",
        partial={"due_time": {"$exists": True}},
    ),
    Index(_DELIVERIES, [("claim", 1)], "claim", sparse=True),
    Index(
        _DELIVERIES,
        [("community_id", 1), ("webhook_id", 1), ("state", 1), *_LATEST],
        "page",
    ),
    Index(
        _DELIVERIES, [("queue_time", 1)], "expire", expire_after=int(KEPT.total_seconds())
    ),
)  # fmt: skip


class DeliveryCollection:
    """A delivery has `due_time` as long as something is to become of it: while it is SENDING,
    when its lease ends. So whatever is due is to be sent, whoever claimed it before.
    """

    _database: Database

    def queue_delivery(self, delivery: Delivery) -> Write:
        """It is to be sent; one that is there stays as it is."""
        key = {"_id": delivery.id, "community_id": delivery.community_id}
        change = {"$setOnInsert": _delivery_row(delivery)}
        return Write(_DELIVERIES, UpdateOne(key, change, upsert=True))

    def requeue_deliveries(self, webhook: Webhook, ids: Collection[str], now: datetime) -> Write:
        """Those of them that have ended begin anew."""
        where = {
            "_id": {"$in": list(ids)},
            "community_id": webhook.community_id,
            "webhook_id": webhook.id,
            "state": {"$in": list(SETTLED)},
        }
        fields = {
            "state": DeliveryState.QUEUED.value,
            "reason": "",
            "attempts": 0,
            "due_time": now,
        }
        return Write(_DELIVERIES, UpdateMany(where, {"$set": fields}))

    async def due_webhooks(self, now: datetime, after: str) -> AsyncIterator[tuple[str, str]]:
        """Community and id of each webhook that something is due for, those behind `after` first:
        a step of the index each, however much that is.
        """
        beyond = after
        for end in ({}, {"$lte": after}):
            while True:
                row = await self._database[_DELIVERIES].find_one(
                    {"webhook_id": {"$gt": beyond, **end}, "due_time": {"$lte": now}},
                    {"community_id": 1, "webhook_id": 1},
                    sort=[("webhook_id", 1), ("due_time", 1)],
                    hint="due",
                )
                if row is None:
                    break
                beyond = row["webhook_id"]
                yield row["community_id"], beyond
            beyond = ""

    async def claim_deliveries(
        self, webhook: Webhook, now: datetime, lease: timedelta, limit: int
    ) -> list[Delivery]:
        """Some that are due, marked as being sent: nobody else gets them until the lease ends."""
        due = {"webhook_id": webhook.id, "due_time": {"$lte": now}}
        found = self._database[_DELIVERIES].find(due, {"_id": 1}).hint("due")
        order = [("due_time", 1), ("_id", 1)]
        ids = [row["_id"] async for row in found.sort(order).limit(limit)]
        if not ids:
            return []
        claim = uuid.uuid4().hex
        mark = {"state": DeliveryState.SENDING.value, "due_time": now + lease, "claim": claim}
        await self._database[_DELIVERIES].update_many({"_id": {"$in": ids}, **due}, {"$set": mark})
        rows = self._database[_DELIVERIES].find({"claim": claim}).hint("claim")
        return [_delivery(row) async for row in rows]

    async def settle_deliveries(self, outcomes: Iterable[Outcome], now: datetime) -> None:
        """What became of them; of one that somebody else has claimed meanwhile, they say."""
        operations = [_settling(outcome, now) for outcome in outcomes]
        if operations:
            await self._database[_DELIVERIES].bulk_write(operations, ordered=False)

    async def drop_deliveries(
        self, community_id: str, webhook_id: str, reason: DeliveryReason, now: datetime
    ) -> int:
        """What waits for a webhook is not sent, nor what somebody marked who died; how many."""
        waiting = {
            "webhook_id": webhook_id,
            "community_id": community_id,
            "due_time": {"$exists": True},
            "$or": [{"state": DeliveryState.QUEUED.value}, {"due_time": {"$lte": now}}],
        }
        fields = {
            "state": DeliveryState.DROPPED.value,
            "reason": reason.value,
            "change_time": now,
        }
        change = {"$set": fields, "$unset": _OPEN}
        done = await self._database[_DELIVERIES].update_many(waiting, change, hint="due")
        return done.modified_count

    async def list_deliveries(
        self, webhook: Webhook, states: Collection[DeliveryState], paging: Paging
    ) -> tuple[list[Delivery], str]:
        """Of a webhook, the latest first; of these states."""
        query: Document = {
            "community_id": webhook.community_id,
            "webhook_id": webhook.id,
            "state": {"$in": [one.value for one in states]},
            **paging.beyond(_LATEST),
        }
        rows = self._database[_DELIVERIES].find(query).sort(paging.sort(_LATEST)).hint("page")
        read = await rows.limit(paging.limit).to_list()
        page, token = paging.page(read, lambda row: (row["queue_time"], row["_id"]))
        return [_delivery(row) for row in page], token

    async def find_deliveries(self, webhook: Webhook, ids: Collection[str]) -> list[Delivery]:
        """Those of the ids that are its."""
        query = {
            "_id": {"$in": list(ids)},
            "community_id": webhook.community_id,
            "webhook_id": webhook.id,
        }
        rows = self._database[_DELIVERIES].find(query).hint("_id_")
        return [_delivery(row) async for row in rows]

    async def find_failed(self, webhook: Webhook, limit: int) -> list[str]:
        """The latest of its deliveries that have FAILED."""
        query = {
            "community_id": webhook.community_id,
            "webhook_id": webhook.id,
            "state": DeliveryState.FAILED.value,
        }
        rows = self._database[_DELIVERIES].find(query, {"_id": 1}).sort(list(_LATEST)).hint("page")
        return [row["_id"] async for row in rows.limit(limit)]

    async def measure_deliveries(self) -> tuple[int, datetime | None]:
        """How many are to be sent, now or later, and since when the oldest of them."""
        waiting = {"due_time": {"$exists": True}}
        pipeline: list[Document] = [
            {"$match": waiting},
            {"$group": {"_id": None, "count": {"$sum": 1}, "since": {"$min": "$queue_time"}}},
        ]
        cursor = await self._database[_DELIVERIES].aggregate(pipeline, hint="due")
        row = await anext(aiter(cursor), None)
        return (row["count"], row["since"]) if row else (0, None)


_OPEN = {"due_time": "", "claim": ""}  # fields of a delivery that has not ended


def _delivery_row(delivery: Delivery) -> Document:
    return {
        "webhook_id": delivery.webhook_id,
        "type": delivery.type.value,
        "topic_id": delivery.subject.topic_id,
        "into_topic_id": delivery.subject.into_topic_id,
        "reply_id": delivery.subject.reply_id,
        "announcement_id": delivery.subject.announcement_id,
        "event_time": delivery.event_time,
        "queue_time": delivery.queue_time,
        "due_time": delivery.queue_time,
        "state": delivery.state.value,
        "reason": "",
        "attempts": 0,
        "last_status": 0,
        "last_error": "",
    }


def _delivery(row: Document) -> Delivery:
    reason, error = row["reason"], row["last_error"]
    return Delivery(
        id=row["_id"],
        community_id=row["community_id"],
        webhook_id=row["webhook_id"],
        type=EventType(row["type"]),
        subject=Subject(
            row["topic_id"], row["into_topic_id"], row["reply_id"], row["announcement_id"]
        ),
        event_time=row["event_time"],
        queue_time=row["queue_time"],
        state=DeliveryState(row["state"]),
        reason=DeliveryReason(reason) if reason else None,
        attempts=row["attempts"],
        last_status=row["last_status"],
        last_error=DeliveryError(error) if error else None,
        due_time=row.get("due_time"),
        claim=row.get("claim", ""),
    )


def _settling(outcome: Outcome, now: datetime) -> UpdateOne:
    delivery, attempt = outcome.delivery, outcome.attempt
    fields: Document = {
        "state": outcome.state.value,
        "reason": outcome.reason.value if outcome.reason else "",
        "change_time": now,
    }
    if attempt is not None:
        fields["last_status"] = attempt.status
        fields["last_error"] = attempt.error.value if attempt.error else ""
    change: Document = {"$set": fields, "$inc": {"attempts": int(attempt is not None)}}
    if outcome.due_time is not None:
        fields["due_time"] = outcome.due_time
        change["$unset"] = {"claim": ""}
    else:
        change["$unset"] = _OPEN
    key = {"_id": delivery.id, "community_id": delivery.community_id, "claim": delivery.claim}
    return UpdateOne(key, change)

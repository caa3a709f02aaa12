"""The ledger of mails: written straight, safe to repeat. Only this room knows stored fields."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from pymongo import UpdateMany, UpdateOne

from chassis.decisions import PLATFORM, Document, Write
from chassis.mongo import Index, Migration
from services.notifications.domain import (
    Mail,
    Mailing,
    MailKind,
    MailState,
    Outcome,
    Reason,
    Step,
)
from services.notifications.repository import deliveries, webhooks
from services.notifications.repository.deliveries import DeliveryCollection
from services.notifications.repository.webhooks import WebhookCollection

_MAILINGS = "mailings"


class NotificationsRepository(WebhookCollection, DeliveryCollection):
    """Mailings, their mails, and addresses that bounced; webhooks and their deliveries.

    A mail has `due_time` as long as something is to become of it: while it is SENDING, when its
    lease ends. So whatever is due is to be sent, whoever claimed it before.
    """

    indexes: Sequence[Index] = (
        # Partial and not sparse: with `_id` in it a sparse one has all that was ever done as well.
        Index(
            _MAILINGS,
            [("step", 1), ("_id", 1)],
            "unfinished",
            partial={"step": {"$exists": True}},
        ),
        Index(_MAILINGS, [("community_id", 1), ("announcement_id", 1)], "announcement"),
        Index(
            "mails",
            [("due_time", 1), ("_id", 1)],
            "waiting",
            partial={"due_time": {"$exists": True}},
        ),
        Index(
            "mails",
            [("community_id", 1), ("announcement_id", 1), ("kind", 1), ("state", 1)],
            "count",
        ),
        Index("mails", [("claim", 1)], "claim", sparse=True),
        Index("suppressed_addresses", [("community_id", 1), ("_id", 1)], "address"),
        *webhooks.INDEXES,
        *deliveries.INDEXES,
    )
    migrations: Sequence[Migration] = ()

    # -- mailings

    def begin(self, mailing: Mailing, now: datetime) -> Write:
        """It is to be listed; one that is there stays as it is."""
        fields = {
            "announcement_id": mailing.announcement_id,
            "kind": mailing.kind.value,
            "deadline": mailing.deadline,
            "step": mailing.step.value,
            "page_token": mailing.page_token,
            "begin_time": now,
        }
        change = {"$setOnInsert": fields}
        return Write(_MAILINGS, UpdateOne(_place(mailing), change, upsert=True))

    def stop(self, community_id: str, announcement_id: str) -> Write:
        """What is not sent of all its mailings is to be dropped; those not there stay away."""
        where = {"community_id": community_id, "announcement_id": announcement_id}
        return Write(_MAILINGS, UpdateMany(where, {"$set": {"step": Step.DROP.value}}))

    async def find_unfinished(self, limit: int) -> list[Mailing]:
        """Mailings with a step to do."""
        cursor = self._database.mailings.find({"step": {"$exists": True}}).hint("unfinished")
        return [_mailing(row) async for row in cursor.limit(limit)]

    async def queue(
        self, mailing: Mailing, people: Mapping[str, datetime], next_token: str
    ) -> bool:
        """A page of people, with when each may be told; again changes nothing.

        Says whether the list goes on: not behind its end, nor where it was stopped meanwhile.
        """
        operations = [_queueing(mailing, person_id, due) for person_id, due in people.items()]
        if operations:
            await self._database.mails.bulk_write(operations, ordered=False)
        listing = {**_place(mailing), "step": Step.LIST.value}
        if not next_token:
            await self.finish(mailing)
            return False
        done = await self._database.mailings.update_one(
            listing, {"$set": {"page_token": next_token}}
        )
        return done.matched_count > 0

    async def finish(self, mailing: Mailing) -> None:
        """The step it was found with is done."""
        await self._database.mailings.update_one(
            {**_place(mailing), "step": mailing.step.value}, {"$unset": {"step": ""}}
        )

    async def drop(self, mailing: Mailing, reason: Reason, now: datetime) -> None:
        """What waits of its kind is not sent; what is being sent is asked about again before."""
        waiting = {
            "community_id": mailing.community_id,
            "announcement_id": mailing.announcement_id,
            "kind": mailing.kind.value,
            "state": MailState.QUEUED.value,
        }
        change = {"state": MailState.DROPPED.value, "reason": reason.value, "change_time": now}
        await self._database.mails.update_many(waiting, {"$set": change, "$unset": _OPEN})

    # -- mails

    async def claim(self, now: datetime, lease: timedelta, limit: int) -> list[Mail]:
        """Mails that are due, marked as being sent: nobody else gets them until the lease ends."""
        due = {"due_time": {"$lte": now}}
        found = self._database.mails.find(due, {"_id": 1}).hint("waiting")
        found = found.sort([("due_time", 1), ("_id", 1)])
        ids = [row["_id"] async for row in found.limit(limit)]
        if not ids:
            return []
        claim = uuid.uuid4().hex
        mark = {"state": MailState.SENDING.value, "due_time": now + lease, "claim": claim}
        await self._database.mails.update_many({"_id": {"$in": ids}, **due}, {"$set": mark})
        return [_mail(row) async for row in self._database.mails.find({"claim": claim})]

    async def settle(self, outcomes: Iterable[Outcome], now: datetime) -> None:
        """What became of mails; of one that somebody else has claimed meanwhile, they say."""
        operations = [_settling(outcome, now) for outcome in outcomes]
        if operations:
            await self._database.mails.bulk_write(operations, ordered=False)

    async def count(
        self, community_id: str, announcement_id: str
    ) -> dict[MailKind, dict[MailState, int]]:
        """An announcement's mails, those of all its reminders together; from the index alone."""
        wanted = {"community_id": community_id, "announcement_id": announcement_id}
        grouped = {"_id": {"kind": "$kind", "state": "$state"}, "mails": {"$sum": 1}}
        cursor = await self._database.mails.aggregate(
            [{"$match": wanted}, {"$group": grouped}], hint="count"
        )
        counts: dict[MailKind, dict[MailState, int]] = defaultdict(dict)
        async for row in cursor:
            kind, state = MailKind(row["_id"]["kind"]), MailState(row["_id"]["state"])
            counts[kind][state] = row["mails"]
        return counts

    async def measure(self) -> tuple[int, datetime | None]:
        """How many mails are to be sent, and since when the one that is due first."""
        waiting = {"due_time": {"$exists": True}}
        count = await self._database.mails.count_documents(waiting, hint="waiting")
        first = await self._database.mails.find_one(waiting, sort=[("due_time", 1)], hint="waiting")
        return count, first["queue_time"] if first else None

    # -- addresses that bounced

    async def suppress(self, digest: str, now: datetime) -> None:
        """Nothing is sent there any more."""
        key = {"_id": digest, "community_id": PLATFORM}
        await self._database.suppressed_addresses.update_one(
            key, {"$setOnInsert": {"time": now}}, upsert=True
        )

    async def find_suppressed(self, digests: Iterable[str]) -> set[str]:
        """Those of them where nothing is sent."""
        query = {"community_id": PLATFORM, "_id": {"$in": list(digests)}}
        rows = self._database.suppressed_addresses.find(query, {"_id": 1})
        return {row["_id"] async for row in rows}


_OPEN = {"due_time": "", "claim": ""}  # fields of a mail that is not settled


def _place(mailing: Mailing) -> Document:
    return {"_id": mailing.id, "community_id": mailing.community_id}


def _mailing(row: Document) -> Mailing:
    return Mailing(
        row["community_id"],
        row["announcement_id"],
        MailKind(row["kind"]),
        row.get("deadline"),
        Step(row["step"]),
        row["page_token"],
    )


def _queueing(mailing: Mailing, person_id: str, due_time: datetime) -> UpdateOne:
    fields = {
        "announcement_id": mailing.announcement_id,
        "kind": mailing.kind.value,
        "deadline": mailing.deadline,
        "person_id": person_id,
        "state": MailState.QUEUED.value,
        "reason": "",
        "attempts": 0,
        "queue_time": due_time,
        "due_time": due_time,
    }
    key = {"_id": mailing.mail_id(person_id), "community_id": mailing.community_id}
    return UpdateOne(key, {"$setOnInsert": fields}, upsert=True)


def _mail(row: Document) -> Mail:
    return Mail(
        row["_id"],
        row["community_id"],
        row["announcement_id"],
        MailKind(row["kind"]),
        row["person_id"],
        row["queue_time"],
        row.get("deadline"),
        row["attempts"],
        row["claim"],
    )


def _settling(outcome: Outcome, now: datetime) -> UpdateOne:
    mail = outcome.mail
    fields: Document = {
        "state": outcome.state.value,
        "reason": outcome.reason.value if outcome.reason else "",
        "change_time": now,
    }
    change: Document = {"$set": fields, "$inc": {"attempts": int(outcome.attempted)}}
    if outcome.due_time is not None:
        fields["due_time"] = outcome.due_time
        change["$unset"] = {"claim": ""}
    else:
        change["$unset"] = _OPEN
    key = {"_id": mail.id, "community_id": mail.community_id, "claim": mail.claim}
    return UpdateOne(key, change)

"""Collection `webhooks`, and since when a webhook fails. Only this room knows stored fields."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pymongo import DeleteOne

from chassis.decisions import Aggregates, Document, Ref, Write
from chassis.mongo import Database, Index
from chassis.pagination import Paging
from services.notifications.domain.webhooks import (
    DisableReason,
    EventType,
    TooManyWebhooksError,
    Webhook,
    WebhookNotFoundError,
)

_WEBHOOKS, _FAILURES = "webhooks", "webhook_failures"
_BY_NAME = (("name_order", 1), ("_id", 1))
_PLACE = "place"

INDEXES: Sequence[Index] = (
    # Partial, as is what asks: what was deleted has neither a place nor a name.
    Index(_WEBHOOKS, [("community_id", 1), *_BY_NAME], "name", partial={"deleted": False}),
    Index(
        _WEBHOOKS,
        [("community_id", 1), ("place", 1)],
        _PLACE,
        unique=True,
        partial={"deleted": False},
    ),
    Index(_FAILURES, [("community_id", 1), ("_id", 1)], "webhook"),
)


class WebhookCollection:
    """Reads of webhooks; writes are decisions on them. Since when one fails is written straight."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._webhooks: Aggregates[Webhook] = Aggregates(
            "webhook",
            _WEBHOOKS,
            _webhook,
            _webhook_row,
            unique={_PLACE: TooManyWebhooksError},
        )

    def webhook(self, community_id: str, webhook_id: str) -> Ref[Webhook]:
        """Where it is, or would be."""
        return self._webhooks.ref(community_id, webhook_id)

    async def find_webhook(self, community_id: str, webhook_id: str) -> Webhook | None:
        """Also one that was deleted."""
        query = {"community_id": community_id, "_id": webhook_id}
        row = await self._database[_WEBHOOKS].find_one(query, hint="_id_")
        return _webhook(row) if row else None

    async def get_webhook(self, community_id: str, webhook_id: str) -> Webhook:
        """Refuses with WEBHOOK_NOT_FOUND."""
        found = await self.find_webhook(community_id, webhook_id)
        if found is None or found.deleted:
            raise WebhookNotFoundError(field="webhook_id")
        return found

    async def all_webhooks(self, community_id: str) -> list[Webhook]:
        """Of one community: there are few."""
        query = {"community_id": community_id, "deleted": False}
        rows = self._database[_WEBHOOKS].find(query).hint(_PLACE)
        return [_webhook(row) async for row in rows]

    async def list_webhooks(self, community_id: str, paging: Paging) -> tuple[list[Webhook], str]:
        """A community's by name, and the next page's token."""
        query = {"community_id": community_id, "deleted": False, **paging.beyond(_BY_NAME)}
        rows = self._database[_WEBHOOKS].find(query).sort(paging.sort(_BY_NAME)).hint("name")
        read = await rows.limit(paging.limit).to_list()
        page, token = paging.page(read, lambda row: (row["name_order"], row["_id"]))
        return [_webhook(row) for row in page], token

    # -- since when one fails

    async def find_failing_since(self, webhook: Webhook) -> datetime | None:
        """From when no attempt has succeeded; None: the last one did."""
        query = {"community_id": webhook.community_id, "_id": webhook.id}
        row = await self._database[_FAILURES].find_one(query)
        return row["since"] if row else None

    async def note_failure(self, webhook: Webhook, now: datetime) -> None:
        """The first one since it succeeded counts."""
        key = {"community_id": webhook.community_id, "_id": webhook.id}
        await self._database[_FAILURES].update_one(
            key, {"$setOnInsert": {"since": now}}, upsert=True
        )

    async def note_success(self, webhook: Webhook) -> None:
        """It does not fail any more."""
        key = {"community_id": webhook.community_id, "_id": webhook.id}
        await self._database[_FAILURES].delete_one(key)

    def forget_failures(self, webhook: Webhook) -> Write:
        """It begins anew."""
        key = {"community_id": webhook.community_id, "_id": webhook.id}
        return Write(_FAILURES, DeleteOne(key))


def _webhook(row: Document) -> Webhook:
    reason = row["disable_reason"]
    return Webhook(
        id=row["_id"],
        community_id=row["community_id"],
        name=row["name"],
        url=row["url"],
        event_types=tuple(map(EventType, row["event_types"])),
        create_time=row["create_time"],
        update_time=row["update_time"],
        enable_time=row["enable_time"],
        place=row["place"],
        disable_reason=DisableReason(reason) if reason else None,
        generation=row["generation"],
        rotate_time=row["rotate_time"],
        deleted=row["deleted"],
        version=row["seq"],
    )


def _webhook_row(webhook: Webhook) -> Document:
    return {
        "name": webhook.name,
        "name_order": webhook.name_order,
        "url": webhook.url,
        "event_types": [one.value for one in webhook.event_types],
        "create_time": webhook.create_time,
        "update_time": webhook.update_time,
        "enable_time": webhook.enable_time,
        "place": webhook.place,
        "disable_reason": webhook.disable_reason.value if webhook.disable_reason else "",
        "generation": webhook.generation,
        "rotate_time": webhook.rotate_time,
        "deleted": webhook.deleted,
    }

"""EventLogService over the outbox: what consumers heal, rebuild and reconcile from."""

from __future__ import annotations

from collections.abc import AsyncIterable, Sequence
from typing import Any

from grpc import aio

from chassis.actors import require_actor
from chassis.decisions import Document
from chassis.errors import FieldInvalidError
from chassis.mongo import Database
from chassis.outbox import COLLECTION, PARTITIONS, stored_event
from chassis.pagination import clamp_page_size, decode_page_token, encode_page_token
from guildhall.chassis.v1 import event_log_pb2, event_log_pb2_grpc
from guildhall.chassis.v1.event_log_pb2 import StoredEvent

_MOST = 500
_PAGE_BYTES = 1 << 20

Context = aio.ServicerContext[Any, Any]


class EventLogServicer(event_log_pb2_grpc.EventLogServiceServicer):
    """Every service serves its own; only services may read it."""

    def __init__(self, database: Database) -> None:
        self._rows = database[COLLECTION]

    async def ReadAggregate(
        self, request: event_log_pb2.ReadAggregateRequest, context: Context
    ) -> event_log_pb2.ReadAggregateResponse:
        require_actor().require_service()
        if request.from_seq < 1:
            raise FieldInvalidError("from_seq must be at least 1", field="from_seq")
        seqs = {"$gte": request.from_seq, "$lte": request.to_seq}
        rows = self._rows.find({"agg": request.aggregate_id, "seq": seqs})
        events, _ = await _page(rows.sort("seq", 1).limit(_MOST))
        return event_log_pb2.ReadAggregateResponse(events=events)

    async def ReadEvents(
        self, request: event_log_pb2.ReadEventsRequest, context: Context
    ) -> event_log_pb2.ReadEventsResponse:
        # Rows are never deleted and ids never change, so one walk in order of id meets every row
        # that was there when it began, wherever later rows sort in. No clock is asked.
        require_actor().require_service()
        query = _partition(request.partition, request.aggregate_types)
        if request.page_token:
            (last,) = decode_page_token(request.page_token, str)
            query["_id"] = {"$gt": last}
        size = clamp_page_size(request.page_size, most=_MOST)
        rows = self._rows.find(query).sort([("p", 1), ("_id", 1)]).limit(size)
        events, cut = await _page(rows)
        more = cut or len(events) == size
        return event_log_pb2.ReadEventsResponse(
            events=events, next_page_token=encode_page_token(events[-1].id) if more else ""
        )

    async def ReadHeads(
        self, request: event_log_pb2.ReadHeadsRequest, context: Context
    ) -> event_log_pb2.ReadHeadsResponse:
        require_actor().require_service()
        cursor = await self._rows.aggregate(
            [
                {"$match": _partition(request.partition, request.aggregate_types)},
                {"$group": {"_id": "$agg", "seq": {"$max": "$seq"}}},
                {"$group": {"_id": None, "count": {"$sum": 1}, "sum": {"$sum": "$seq"}}},
            ]
        )
        for row in await cursor.to_list():
            return event_log_pb2.ReadHeadsResponse(aggregates=row["count"], sum_of_seqs=row["sum"])
        return event_log_pb2.ReadHeadsResponse()

    async def ListHeads(
        self, request: event_log_pb2.ListHeadsRequest, context: Context
    ) -> event_log_pb2.ListHeadsResponse:
        require_actor().require_service()
        query = _partition(request.partition, request.aggregate_types)
        if request.page_token:
            (last,) = decode_page_token(request.page_token, str)
            query["agg"] = {"$gt": last}
        size = clamp_page_size(request.page_size, most=_MOST)
        cursor = await self._rows.aggregate(
            [
                {"$match": query},
                {"$group": {"_id": "$agg", "seq": {"$max": "$seq"}}},
                {"$sort": {"_id": 1}},
                {"$limit": size},
            ]
        )
        heads = [
            event_log_pb2.AggregateHead(aggregate_id=row["_id"], seq=row["seq"])
            async for row in cursor
        ]
        more = len(heads) == size
        return event_log_pb2.ListHeadsResponse(
            heads=heads, next_page_token=encode_page_token(heads[-1].aggregate_id) if more else ""
        )


def _partition(partition: int, aggregate_types: Sequence[str]) -> Document:
    if not 0 <= partition < PARTITIONS:
        raise FieldInvalidError(f"partition must be 0 to {PARTITIONS - 1}", field="partition")
    query: Document = {"p": partition}
    if aggregate_types:
        query["agg_type"] = {"$in": list(aggregate_types)}
    return query


async def _page(rows: AsyncIterable[Document]) -> tuple[list[StoredEvent], bool]:
    """The rows as far as they fit into one answer, and whether that cut them."""
    events: list[StoredEvent] = []
    size = 0
    async for row in rows:
        if size > _PAGE_BYTES:
            return events, True
        events.append(stored_event(row))
        size += len(row["data"]) + 300
    return events, False

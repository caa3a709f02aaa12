"""Automations, what they have done, how far they have looked, and the flags they count."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import gt, lt
from typing import Any

from pymongo.errors import DuplicateKeyError

from chassis.decisions import Aggregates, Document, PartRef, Parts, Ref
from chassis.errors import DomainError
from chassis.mongo import Database, Index
from chassis.pagination import Order, Paging
from services.forum.domain.automation import (
    Action,
    Automation,
    Automations,
    Run,
    TopicCase,
    Trigger,
    automations_id,
)
from services.forum.domain.spaces import SpaceNotFoundError, space_key
from services.forum.domain.tags import MAX_TAGS
from services.forum.domain.topics import CloseReason, Topic, TopicState
from services.forum.repository.documents import read_page
from services.forum.repository.spaces import load_space
from services.forum.repository.topics.documents import load_topic

INDEXES: Sequence[Index] = (
    # Each is walked by one kind of trigger; the last fields answer filters from the index itself.
    Index(
        "topics",
        [("community_id", 1), ("read_keys", 1), ("create_time", 1), ("_id", 1), ("unreplied", 1)],
        "topic_unanswered_unreplied",
        partial={"unanswered": True},
    ),
    Index(
        "topics",
        [("community_id", 1), ("read_keys", 1), ("score", 1), ("_id", 1), ("state", 1)],
        "topic_score",
        partial={"score": {"$gt": 0}},
    ),
    Index(
        "topics",
        [("community_id", 1), ("read_keys", 1), ("case_count", 1), ("_id", 1), ("state", 1)],
        "topic_cases",
        partial={"case_count": {"$gt": 0}},
    ),
)

_OLDEST = [("create_time", 1), ("_id", 1)]
_QUIETEST = [("activity_time", 1), ("_id", 1)]
_BY_SCORE = [("score", 1), ("_id", 1)]
_BY_CASES = [("case_count", 1), ("_id", 1)]
_ORDERS: Mapping[Trigger, tuple[Order, str]] = {
    Trigger.UNANSWERED: (_OLDEST, "topic_unanswered_unreplied"),
    Trigger.STALE: (_QUIETEST, "topic_page"),
    Trigger.REPORTED: (_BY_CASES, "topic_cases"),
    Trigger.SCORE_REACHED: (_BY_SCORE, "topic_score"),
}


@dataclass(frozen=True, slots=True)
class Walk:
    """How far an automation has looked; of one version of the automation."""

    version: int
    place: tuple[Any, ...]  # of the last topic it looked at; empty: none yet
    begin_time: datetime  # when it began at the beginning


def place_of(automation: Automation, topic: Topic) -> tuple[Any, ...]:
    """Where a topic stands in the order in which an automation looks."""
    match automation.trigger:
        case Trigger.UNANSWERED:
            return topic.create_time, topic.id
        case Trigger.STALE:
            return topic.activity_time, topic.id
        case Trigger.REPORTED:
            return topic.case_count, topic.id
        case Trigger.SCORE_REACHED:
            return topic.score, topic.id


def place_types(automation: Automation) -> tuple[type, type]:
    """Of what a place is made."""
    return (datetime if automation.by_time else int), str


class AutomationCollection:
    """Reads and writes of automation."""

    _database: Database

    @staticmethod
    def automations_ref(community_id: str) -> Ref[Automations]:
        """The automations of a community."""
        return AUTOMATIONS.ref(community_id, automations_id(community_id))

    @staticmethod
    def run_ref(community_id: str, run_id: str) -> PartRef[Run]:
        """Where it stands that an automation has acted on a topic."""
        return RUNS.ref(community_id, run_id)

    @staticmethod
    def case_ref(community_id: str, case_id: str) -> PartRef[TopicCase]:
        """Where it stands that a case, or a member's flag, was counted."""
        return CASES.ref(community_id, case_id)

    async def get_automations(self, community_id: str) -> Automations:
        """None were ever made: there are none."""
        query = {"community_id": community_id, "_id": automations_id(community_id)}
        document = await self._database.automations.find_one(query)
        return _load(document) if document else Automations()

    async def list_automations(self, community_id: str, paging: Paging) -> list[Automation]:
        """What the page needs, the oldest first; a place is (create_time, id)."""
        found = await self.get_automations(community_id)
        rows = sorted(found.all, key=_age, reverse=paging.backward)
        if paging.place:
            beyond = lt if paging.backward else gt
            rows = [row for row in rows if beyond(_age(row), paging.place)]
        return rows[: paging.limit]

    async def automations(self) -> AsyncIterator[Automations]:
        """Those of every community, for the job: few, and read one after the other."""
        async for document in self._database.automations.find().sort("_id", 1):
            yield _load(document)

    async def find_matching(
        self,
        automation: Automation,
        now: datetime,
        keyring: Collection[str] | None,
        paging: Paging,
    ) -> list[Topic]:
        """What the page needs of the topics for which its trigger is true now; `place_of` is where
        one stands. A keyring of None: the job looks, there is no wall.
        """
        community_id = automation.community_id
        query: Document = {"community_id": community_id}
        if keyring is not None:
            query["read_keys"] = {"$in": list(keyring)}
        if automation.space_id:
            query["_id"] = automation.space_id
        elif automation.target_space_id:
            query["_id"] = {"$ne": automation.target_space_id}
        cursor = self._database.spaces.find(query, {"_id": 1})
        spaces = [space["_id"] async for space in cursor]
        keys = [space_key(space_id) for space_id in spaces]
        moderators = f"moderators:{community_id}"
        if TopicState.HIDDEN in automation.states and (keyring is None or moderators in keyring):
            keys.append(moderators)
        if not spaces:
            return []
        order, index = _ORDERS[automation.trigger]
        wanted = {**_wanted(automation, now), "community_id": community_id}
        if moderators in keys:
            wanted["space_id"] = {"$in": spaces}
        found = self._database.topics
        rows = await read_page(found, wanted, ("read_keys", keys), order, paging, index)
        return [load_topic(row) for row in rows]

    async def find_skipped(self, automation: Automation, topics: Sequence[Topic]) -> set[str]:
        """Those of these topics that a MOVE cannot take to its space, whatever else they are."""
        if automation.action is not Action.MOVE or not topics:
            return set()
        ids = {automation.target_space_id, *(topic.space_id for topic in topics)}
        query = {"community_id": automation.community_id, "_id": {"$in": sorted(ids)}}
        spaces = {row["_id"]: load_space(row) async for row in self._database.spaces.find(query)}
        target = spaces.get(automation.target_space_id)
        skipped = set()
        for topic in topics:
            former = spaces.get(topic.space_id)
            try:
                if former is None or target is None:
                    raise SpaceNotFoundError
                automation.moved(topic, former, target)
            except DomainError:
                skipped.add(topic.id)
        return skipped

    async def find_runs(self, community_id: str, ids: Sequence[str]) -> dict[str, datetime]:
        """When those of these runs that there are were."""
        query = {"community_id": community_id, "_id": {"$in": list(ids)}}
        cursor = self._database.automation_runs.find(query)
        return {row["_id"]: row["time"] async for row in cursor}

    async def get_walk(self, automation: Automation) -> Walk | None:
        """None: the automation has never looked."""
        query = {"community_id": automation.community_id, "_id": automation.id}
        row = await self._database.automation_walks.find_one(query)
        return Walk(row["version"], tuple(row["place"]), row["begin_time"]) if row else None

    async def put_walk(self, automation: Automation, walk: Walk) -> None:
        """Only saves reading: lost, the automation begins anew, and does nothing twice."""
        with contextlib.suppress(DuplicateKeyError):  # two rounds at once: the other's will do
            await self._database.automation_walks.replace_one(
                {"_id": automation.id, "community_id": automation.community_id},
                {
                    "version": walk.version,
                    "place": list(walk.place),
                    "begin_time": walk.begin_time,
                    "community_id": automation.community_id,
                },
                upsert=True,
            )


def _age(automation: Automation) -> tuple[datetime, str]:
    return automation.create_time, automation.id


def _wanted(automation: Automation, now: datetime) -> Document:
    """What a topic must be. What it is sorted by stands in $and: read_page says where it must stand
    by the same field.
    """
    query: Document = {"state": {"$in": sorted(automation.states)}}
    match automation.trigger:
        case Trigger.UNANSWERED:
            query["unanswered"] = True
            query["$and"] = [{"create_time": {"$lte": automation.before(now)}}]
            if automation.without_replies:
                query["unreplied"] = True
        case Trigger.STALE:
            query["$and"] = [{"activity_time": {"$lte": automation.before(now)}}]
        case Trigger.REPORTED:
            query["$and"] = [{"case_count": {"$gte": automation.threshold}}]
        case Trigger.SCORE_REACHED:
            query["$and"] = [{"score": {"$gte": automation.threshold}}]
    if automation.action is Action.TAG:
        query |= {"tags": {"$ne": automation.tag}, f"tags.{MAX_TAGS - 1}": {"$exists": False}}
    if automation.action is Action.PIN:
        query["pin_end"] = {"$not": {"$gt": now}}
    return query


def _load(document: Document) -> Automations:
    return Automations(
        tuple(_load_one(document["community_id"], one) for one in document["automations"])
    )


def _load_one(community_id: str, document: Document) -> Automation:
    why = document["close_reason"]
    return Automation(
        id=document["id"],
        community_id=community_id,
        name=document["name"],
        enabled=document["enabled"],
        space_id=document["space_id"],
        trigger=Trigger(document["trigger"]),
        threshold=document["threshold"],
        without_replies=document["without_replies"],
        action=Action(document["action"]),
        tag=document["tag"],
        close_reason=CloseReason(why) if why else None,
        reason=document["reason"],
        create_time=document["create_time"],
        version=document["version"],
        target_space_id=document.get("target_space_id", ""),
        pin_days=document.get("pin_days", 0),
    )


def _dump(automations: Automations) -> Document:
    return {"automations": list(map(_dump_one, automations.all))}


def _dump_one(automation: Automation) -> Document:
    return {
        "id": automation.id,
        "name": automation.name,
        "enabled": automation.enabled,
        "space_id": automation.space_id,
        "trigger": automation.trigger.value,
        "threshold": automation.threshold,
        "without_replies": automation.without_replies,
        "action": automation.action.value,
        "tag": automation.tag,
        "close_reason": automation.close_reason.value if automation.close_reason else "",
        "reason": automation.reason,
        "create_time": automation.create_time,
        "version": automation.version,
        "target_space_id": automation.target_space_id,
        "pin_days": automation.pin_days,
    }


def _load_run(row: Document) -> Run:
    return Run(row["_id"], row["automation_id"], row["topic_id"], row["occurrence"], row["time"])


def _dump_run(run: Run) -> Document:
    return {
        "automation_id": run.automation_id,
        "topic_id": run.topic_id,
        "occurrence": run.occurrence,
        "time": run.time,
    }


AUTOMATIONS: Aggregates[Automations] = Aggregates("automation", "automations", _load, _dump)
RUNS: Parts[Run] = Parts("automation_runs", _load_run, _dump_run)
CASES: Parts[TopicCase] = Parts(
    "topic_cases",
    lambda row: TopicCase(row["_id"], row["topic_id"], row["time"]),
    lambda case: {"topic_id": case.topic_id, "time": case.time},
)

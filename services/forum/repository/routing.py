"""The collection of experts, questions that wait for somebody, and answers that were accepted."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from pymongo import UpdateOne

from chassis.decisions import Aggregates, Document, Ref, Write
from chassis.mongo import Database, Index
from services.forum.domain.routing import MOST_A_WEEK, Ask, Expert, GivenAnswer, Round
from services.forum.domain.spaces import space_key
from services.forum.domain.topics import Topic
from services.forum.repository.topics import load_topic

_NAMESPACE = uuid.UUID("b8b6f3f2-4a57-4f0a-8d8d-6c1c9a1f7e30")
_OLDEST = [("create_time", 1), ("_id", 1)]
_MOST_TOPICS = 300  # answered ones with the space in common that are looked at
_MOST_OF_A_TAG = 100  # answered ones with a tag in common: so a common one leaves room for others

INDEXES: Sequence[Index] = (
    Index("experts", [("person_id", 1), ("community_id", 1)], "expert_person"),
    Index("experts", [("community_id", 1), ("asks.topic_id", 1)], "expert_topic"),
    # Over all communities: for the job.
    Index("topics", _OLDEST, "topic_unreplied_age", partial={"unreplied": True}),
    Index(
        "topics",
        [("community_id", 1), ("tags", 1), ("activity_time", -1)],
        "topic_answered_tag",
        partial={"accepted_reply_id": {"$gt": ""}},
    ),
    Index("routing_rounds", [("time", 1)], "round_time"),
    Index(
        "replies",
        [("community_id", 1), ("space_id", 1), ("create_time", -1)],
        "reply_accepted_space",
        partial={"accepted": True},
    ),
)


@dataclass(frozen=True, slots=True)
class RoutingWalk:
    """How far the job has looked for questions, and when it began at the oldest."""

    place: tuple[datetime, str]  # (create_time, id) of the last
    begin_time: datetime


class RoutingCollection:
    """Reads for routing. The job reads as the service: whom it asks can see the question."""

    experts: Aggregates[Expert]
    _database: Database

    def expert_ref(self, community_id: str, person_id: str) -> Ref[Expert]:
        """Where a person's asks in a community are; it need not exist yet."""
        return self.experts.ref(community_id, expert_id(community_id, person_id))

    async def find_experts_of(self, communities: Collection[str], person_id: str) -> list[Expert]:
        """One person's, of those communities; who was never asked has none."""
        query = {"person_id": person_id, "community_id": {"$in": list(communities)}}
        found = self._database.experts.find(query).hint("expert_person")
        return [load_expert(document) async for document in found]

    async def find_asked(self, community_id: str, topic_id: str) -> dict[str, Ask]:
        """Who was asked about a question, by person id."""
        query = {"community_id": community_id, "asks.topic_id": topic_id}
        shown = {"person_id": 1, "asks": {"$elemMatch": {"topic_id": topic_id}}}
        found = self._database.experts.find(query, shown).hint("expert_topic")
        return {row["person_id"]: _ask(row["asks"][0]) async for row in found}

    async def find_experts(
        self, community_id: str, person_ids: Collection[str]
    ) -> dict[str, Expert]:
        """By person id, with as many of their last asks as limit them in a week."""
        ids = [expert_id(community_id, person_id) for person_id in person_ids]
        query = {"_id": {"$in": ids}, "community_id": community_id}
        lately = {"asks": {"$slice": -MOST_A_WEEK}}
        found = self._database.experts.find(query, lately).hint("_id_")
        return {row["person_id"]: load_expert(row) async for row in found}

    async def find_unrouted(
        self, beyond: tuple[datetime, str], until: datetime, limit: int
    ) -> list[Topic]:
        """Open questions to which nobody replied, oldest first, behind (create_time, id)."""
        time, id_ = beyond
        query: Document = {
            "unreplied": True,
            "create_time": {"$gte": time, "$lte": until},
            "$or": [{"create_time": {"$gt": time}}, {"_id": {"$gt": id_}}],
        }
        found = self._database.topics.find(query).sort(_OLDEST).limit(limit)
        return [load_topic(document) async for document in found.hint("topic_unreplied_age")]

    async def get_routing_walk(self) -> RoutingWalk | None:
        """None: it is to begin, as also where nobody noted when it did."""
        row = await self._database.routing_places.find_one({"_id": "routing"})
        if row is None or "begin_time" not in row:
            return None
        return RoutingWalk((row["time"], row["topic_id"]), row["begin_time"])

    async def keep_routing_walk(self, walk: RoutingWalk) -> None:
        """To go on there."""
        time, topic_id = walk.place
        row = {"$set": {"time": time, "topic_id": topic_id, "begin_time": walk.begin_time}}
        await self._database.routing_places.update_one({"_id": "routing"}, row, upsert=True)

    async def find_in_rounds(self, topics: Sequence[Topic]) -> set[str]:
        """Those of these questions that are noted to be brought before others."""
        query = {
            "_id": {"$in": [topic.id for topic in topics]},
            "community_id": {"$in": sorted({topic.community_id for topic in topics})},
        }
        rows = self._database.routing_rounds.find(query, {"_id": 1}).hint("_id_")
        return {row["_id"] async for row in rows}

    async def find_due_rounds(self, now: datetime, limit: int) -> list[Round]:
        """Questions that are to be brought before others, of all communities, longest due first."""
        rows = self._database.routing_rounds.find({"time": {"$lte": now}}).sort("time", 1)
        return [
            Round(row["community_id"], row["_id"], row["time"]) async for row in rows.limit(limit)
        ]

    async def keep_round(self, topic: Topic, time: datetime, before: Round | None) -> None:
        """When the next one is; somebody who declined since `before` has said so already."""
        key: Document = {"_id": topic.id, "community_id": topic.community_id}
        if before is None:
            new = {"$setOnInsert": {"time": time}}
            await self._database.routing_rounds.update_one(key, new, upsert=True)
        else:
            query = {**key, "time": before.time}
            await self._database.routing_rounds.update_one(query, {"$set": {"time": time}})

    async def end_rounds(self, community_id: str, topic_id: str) -> None:
        """Nobody more is asked."""
        key = {"_id": topic_id, "community_id": community_id}
        await self._database.routing_rounds.delete_one(key)

    @staticmethod
    def round_due(community_id: str, topic_id: str, now: datetime) -> Write:
        """To be stored with what frees a place: others are asked in the next run."""
        key = {"_id": topic_id, "community_id": community_id}
        return Write("routing_rounds", UpdateOne(key, {"$set": {"time": now}}, upsert=True))

    async def find_answers_in(self, community_id: str, space_id: str) -> list[GivenAnswer]:
        """The latest accepted replies of persons to questions in a space."""
        key = space_key(space_id)
        accepted = {
            "community_id": community_id,
            "space_id": space_id,
            "accepted": True,
            "read_keys": key,
        }
        fields = {"topic_id": 1, "create_time": 1, "author.person_id": 1}
        found = self._database.replies.find(accepted, fields).sort("create_time", -1)
        rows = await found.limit(_MOST_TOPICS).hint("reply_accepted_space").to_list()
        ids = list({row["topic_id"] for row in rows})
        query = {"_id": {"$in": ids}, "community_id": community_id, "read_keys": key}
        topics = self._database.topics.find(query, {"_id": 1}).hint("_id_")
        shown = {row["_id"] async for row in topics}
        return [
            GivenAnswer(row["author"]["person_id"], row["create_time"], 1)
            for row in rows
            if row["topic_id"] in shown and row.get("author", {}).get("person_id")
        ]

    async def find_given_answers(
        self, community_id: str, space_ids: Collection[str], tags: Sequence[str]
    ) -> list[GivenAnswer]:
        """Accepted replies of persons to questions in those spaces that share a tag: of each tag
        to those with the latest activity.
        """
        wall = {"$in": [space_key(id_) for id_ in space_ids]}
        answered = {"community_id": community_id, "read_keys": wall}
        answered["accepted_reply_id"] = {"$gt": ""}
        fields = {"tags": 1, "accepted_reply_id": 1, "further_accepted_ids": 1}
        shared: dict[str, int] = {}
        ids: set[str] = set()
        for tag in tags:
            topics = self._database.topics.find({**answered, "tags": tag}, fields)
            topics = topics.sort("activity_time", -1).limit(_MOST_OF_A_TAG)
            async for row in topics.hint("topic_answered_tag"):
                shared[row["_id"]] = len(set(row["tags"]) & set(tags))
                ids |= {row["accepted_reply_id"], *row.get("further_accepted_ids", ())}
        accepted = {
            "community_id": community_id,
            "_id": {"$in": list(ids)},
            "read_keys": wall,
            "accepted": True,
        }
        fields = {"topic_id": 1, "create_time": 1, "author.person_id": 1}
        found = self._database.replies.find(accepted, fields).hint("_id_")
        return [
            GivenAnswer(row["author"]["person_id"], row["create_time"], shared[row["topic_id"]])
            async for row in found
            if row["topic_id"] in shared and row.get("author", {}).get("person_id")
        ]


def expert_id(community_id: str, person_id: str) -> str:
    """One a person and community."""
    return uuid.uuid5(_NAMESPACE, f"{community_id}:{person_id}").hex


def load_expert(document: Document) -> Expert:
    """Back from dump_expert."""
    return Expert(
        document["_id"],
        document["community_id"],
        document["person_id"],
        document["opted_out"],
        tuple(_ask(one) for one in document["asks"]),
        tuple(document.get("invitations", ())),  # formerly nobody invited anybody
    )


def _ask(document: Document) -> Ask:
    return Ask(
        document["topic_id"],
        document["time"],
        document["declined"],
        document.get("inviter_id", ""),
    )


def dump_expert(expert: Expert) -> Document:
    """As it is stored."""
    return {
        "person_id": expert.person_id,
        "opted_out": expert.opted_out,
        "asks": [
            {
                "topic_id": ask.topic_id,
                "time": ask.time,
                "declined": ask.declined,
                "inviter_id": ask.inviter_id,
            }
            for ask in expert.asks
        ],
        "invitations": list(expert.invitations),
    }


EXPERTS: Aggregates[Expert] = Aggregates("expert", "experts", load_expert, dump_expert)

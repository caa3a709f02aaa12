"""What members did day by day, the levels they earned by it, and what levels need."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from pymongo import UpdateMany, UpdateOne

from chassis.decisions import Aggregates, Document, Ref, Write
from chassis.mongo import Database, Index
from chassis.recent import Recent
from services.forum.domain.posting import Limit, Limits, MentionLimits
from services.forum.domain.trust import Day, Fact, Standing, TrustSettings

_NAMESPACE = uuid.UUID("0d2c4f9e-52e6-4f0b-8b0e-3f6f1f0a6c55")
_LAST_COUNTED = [("update_time", 1), ("_id", 1)]
INDEXES: Sequence[Index] = (
    Index(
        "standing_days", [("community_id", 1), ("person_id", 1), ("day", 1)], "standing_day_person"
    ),
    # The work of the jobs, whatever the community.
    Index("standing_days", _LAST_COUNTED, "standing_day_update_page"),
    Index("standings", [("level", 1), ("_id", 1)], "standing_level"),
)


class TrustCollection:
    """Reads and writes of trust."""

    standings: Aggregates[Standing]
    trust_settings: Aggregates[TrustSettings]
    recent_trust_settings: Recent[TrustSettings]
    _database: Database

    def standing_ref(self, community_id: str, person_id: str) -> Ref[Standing]:
        """Where a member's standing is; it need not exist yet."""
        return self.standings.ref(community_id, standing_id(community_id, person_id))

    def trust_settings_ref(self, community_id: str) -> Ref[TrustSettings]:
        """Where a community's settings are; they need not exist yet."""
        return self.trust_settings.ref(community_id, f"trust-{community_id}")

    async def get_trust_settings(self, community_id: str) -> TrustSettings:
        """As they were set, else by default."""
        return (await self.read_trust_settings([community_id]))[community_id]

    async def read_trust_settings(self, community_ids: Collection[str]) -> dict[str, TrustSettings]:
        """As get_trust_settings, of each of these."""
        ids = [f"trust-{one}" for one in community_ids]
        query = {"community_id": {"$in": list(community_ids)}, "_id": {"$in": ids}}
        found = [
            load_trust_settings(row) async for row in self._database.trust_settings.find(query)
        ]
        unset = {one: TrustSettings(one) for one in community_ids}
        return unset | {settings.community_id: settings for settings in found}

    async def recall_trust_settings(self, community_id: str) -> TrustSettings:
        """As get_trust_settings, or of a second ago where another replica changed them: what every
        post and vote asks for.
        """
        return (await self.recent_trust_settings.find([community_id]))[community_id]

    async def find_standings(
        self, community_id: str, person_ids: Collection[str]
    ) -> dict[str, Standing]:
        """What these people have earned, by person; also of who has earned nothing yet."""
        ids = {standing_id(community_id, person_id): person_id for person_id in person_ids}
        rows = self._database.standings.find(
            {"community_id": community_id, "_id": {"$in": list(ids)}}
        )
        found = {row["_id"]: load_standing(row) async for row in rows}
        return {
            person_id: found.get(id_, Standing(id_, community_id, person_id))
            for id_, person_id in ids.items()
        }

    async def list_standing_days(
        self, community_id: str, person_id: str, since: date | None = None
    ) -> list[Day]:
        """Days on which there was anything, oldest first: the last MOST_DAYS of those from a day
        on.
        """
        query: Document = {"community_id": community_id, "person_id": person_id}
        if since is not None:
            query["day"] = {"$gte": since.isoformat()}
        rows = self._database.standing_days.find(query).hint("standing_day_person")
        newest = [_day(row) async for row in rows.sort("day", -1).limit(MOST_DAYS)]
        return newest[::-1]

    async def active_people(
        self, since: datetime, until: datetime, page_size: int = 500
    ) -> AsyncIterator[list[tuple[str, str]]]:
        """Community and person of all about whom something was counted in that time, by pages.

        Somebody may come twice; about whom more is counted meanwhile, the next walk finds.
        """
        place: Document = {}
        while True:
            query = {"update_time": {"$gte": since, "$lt": until}, **place}
            found = self._database.standing_days.find(
                query, {"community_id": 1, "person_id": 1, "update_time": 1}
            ).hint("standing_day_update_page")
            rows = await found.sort(_LAST_COUNTED).limit(page_size).to_list()
            if not rows:
                return
            yield [(row["community_id"], row["person_id"]) for row in rows]
            since = rows[-1]["update_time"]
            place = {"$or": [{"update_time": {"$gt": since}}, {"_id": {"$gt": rows[-1]["_id"]}}]}

    async def people_at(
        self, level: int, page_size: int = 500
    ) -> AsyncIterator[list[tuple[str, str]]]:
        """Community and person of all who stand at a level, by pages."""
        last = ""
        while True:
            found = self._database.standings.find(
                {"level": level, "_id": {"$gt": last}}, {"community_id": 1, "person_id": 1}
            ).hint("standing_level")
            rows = await found.sort("_id", 1).limit(page_size).to_list()
            if not rows:
                return
            yield [(row["community_id"], row["person_id"]) for row in rows]
            last = rows[-1]["_id"]

    async def count_posts_read(
        self, community_id: str, person_id: str, topic_id: str, seq: int
    ) -> int:
        """How many posts lie between where somebody stopped reading a topic the last two times; 0
        where the mark is no longer the one of this seq, as the later one is heard, too.
        """
        query: Document = {"community_id": community_id, "person_id": person_id}
        query |= {"topic_id": topic_id, "seq": seq}
        mark = await self._database.read_marks.find_one(query)
        if mark is None:
            return 0
        behind: Document = {"$lte": mark["time"]}
        if "former_time" in mark:
            behind["$gt"] = mark["former_time"]
        read: int = await self._database.replies.count_documents(
            {"community_id": community_id, "topic_id": topic_id, "create_time": behind},
            limit=MOST_READ,
        )
        return read if "former_time" in mark else read + 1  # the topic's own text

    @staticmethod
    def count_day(
        community_id: str,
        person_id: str,
        time: datetime,
        counts: Mapping[Fact, int],
        *,
        visited: bool = False,
        once: Mapping[str, str] | None = None,
        liker_id: str = "",
        read: bool = False,
    ) -> Write:
        """More of these on the day of that time; `once`: what counts once, by its field's name.

        `liker_id`: whose likes those are that were received. `read`: something was read in that
        very minute.
        """
        at = time.astimezone(UTC)
        day = at.date().isoformat()
        change: Document = {
            "$setOnInsert": {"person_id": person_id, "day": day},
            "$set": {"update_time": time, **({"visited": True} if visited else {})},
        }
        if counts:
            change["$inc"] = {f"counts.{fact}": count for fact, count in counts.items()}
        if liker_id:
            change["$inc"][f"likes_of.{liker_id}"] = counts[Fact.LIKES_RECEIVED]
        members: Document = {**(once or {})}
        if read:
            members["read_minutes"] = at.hour * 60 + at.minute
        if members:
            change["$addToSet"] = members
        row = {"_id": f"{community_id}:{person_id}:{day}", "community_id": community_id}
        return Write("standing_days", UpdateOne(row, change, upsert=True))

    @staticmethod
    def removed_no_more(community_id: str, person_id: str, post_id: str, time: datetime) -> Write:
        """The post does not count as removed, on whatever days it was."""
        query = {"community_id": community_id, "person_id": person_id, "removed_posts": post_id}
        change = {"$pull": {"removed_posts": post_id}, "$set": {"update_time": time}}
        return Write("standing_days", UpdateMany(query, change, hint="standing_day_person"))


MOST_READ = 200  # posts, at once
MOST_DAYS = 1000  # that count towards the levels that look back on all


def standing_id(community_id: str, person_id: str) -> str:
    """One a member."""
    return uuid.uuid5(_NAMESPACE, f"{community_id}:{person_id}").hex


def _day(row: Document) -> Day:
    counts = row.get("counts", {})
    likers: Counter[str] = Counter(row.get("likers", ()))  # formerly nobody's were taken back
    likers.update(row.get("likes_of", {}))
    return Day(
        date.fromisoformat(row["day"]),
        row.get("visited", False),
        {Fact(name): count for name, count in counts.items()},
        frozenset(row.get("replied_topics", ())),
        likers,
        frozenset(row.get("removed_posts", ())),
        frozenset(row.get("read_minutes", ())),
    )


def load_standing(row: Document) -> Standing:
    """Back from dump_standing."""
    return Standing(
        row["_id"], row["community_id"], row["person_id"], row["level"], row["level_time"]
    )


def dump_standing(standing: Standing) -> Document:
    """As it is stored."""
    return {
        "person_id": standing.person_id,
        "level": standing.level,
        "level_time": standing.level_time,
    }


def load_trust_settings(row: Document) -> TrustSettings:
    """Back from dump_trust_settings."""
    needs = {
        int(level): {Fact(fact): count for fact, count in needs.items()}
        for level, needs in row["needs"].items()
    }
    default = TrustSettings(row["community_id"])
    stored = replace(
        default,
        needs={**default.needs, **needs},
        mention_limits={
            **default.mention_limits,  # formerly they could not be set
            **{
                int(level): MentionLimits(*limits)
                for level, limits in row.get("mention_limits", {}).items()
            },
        },
        reaction_limits={
            **default.reaction_limits,  # likewise
            **{int(level): a_day for level, a_day in row.get("reaction_limits", {}).items()},
        },
        review_below=row.get("review_below", default.review_below),
        link_card_hosts=tuple(row.get("link_card_hosts", ())),
        version=row["seq"],
    )
    if "window_days" not in row:  # stored before it could be set, with all that follows
        return stored
    return replace(
        stored,
        window=timedelta(days=row["window_days"]),
        grace=timedelta(days=row["grace_days"]),
        keep_factor=row["keep_factor"],
        posting_limits={
            int(level): Limits(Limit(*limits["topics"]), Limit(*limits["replies"]))
            for level, limits in row["posting_limits"].items()
        },
        vote_factors={int(level): factor for level, factor in row["vote_factors"].items()},
    )


def dump_trust_settings(settings: TrustSettings) -> Document:
    """As they are stored."""
    return {
        "needs": {
            str(level): {fact.value: count for fact, count in needs.items()}
            for level, needs in settings.needs.items()
        },
        "window_days": settings.window.days,
        "grace_days": settings.grace.days,
        "keep_factor": settings.keep_factor,
        "posting_limits": {
            str(level): {
                "topics": [limits.topics.seconds, limits.topics.a_day],
                "replies": [limits.replies.seconds, limits.replies.a_day],
            }
            for level, limits in settings.posting_limits.items()
        },
        "mention_limits": {
            str(level): [limits.a_post, limits.a_day]
            for level, limits in settings.mention_limits.items()
        },
        "vote_factors": {str(level): factor for level, factor in settings.vote_factors.items()},
        "reaction_limits": {str(level): a_day for level, a_day in settings.reaction_limits.items()},
        "review_below": settings.review_below,
        "link_card_hosts": list(settings.link_card_hosts),
    }


STANDINGS: Aggregates[Standing] = Aggregates("standing", "standings", load_standing, dump_standing)
TRUST_SETTINGS: Aggregates[TrustSettings] = Aggregates(
    "trust_settings", "trust_settings", load_trust_settings, dump_trust_settings
)

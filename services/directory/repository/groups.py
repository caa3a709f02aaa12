"""Groups, who is in them, and whose keys that makes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeAlias

from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection

from chassis.decisions import Aggregates, Document, Write
from chassis.pagination import Paging
from services.directory.domain.group import Group, GroupJoinPolicy, GroupState
from services.directory.domain.group_member import (
    PENDING,
    GroupMember,
    GroupMemberSource,
    GroupMemberState,
    GroupRole,
    group_member_id,
)
from services.directory.domain.refusals import GroupNameTakenError
from services.directory.repository.documents import load_membership, stands
from services.directory.repository.group_documents import (
    dump_group,
    dump_group_member,
    load_group,
    load_group_member,
)
from services.directory.repository.indexes import BY_NAME, BY_PERSON, LONGEST
from services.directory.repository.queries import (
    Keyring,
    open_at,
    page_of,
    place_of,
    walled,
    with_enrolment,
)

Found: TypeAlias = tuple[Group, int, int]  # with version, and how many are in it
FoundMember: TypeAlias = tuple[GroupMember, int]


class GroupQueries:
    """Reads of groups and of how people stand to them, as of what they are in the community."""

    _groups: AsyncCollection[Document]
    _group_members: AsyncCollection[Document]
    _group_counts: AsyncCollection[Document]

    groups = Aggregates(
        "group", "groups", load_group, dump_group, {"group_name": GroupNameTakenError}
    )
    group_members = Aggregates(
        "group_member", "group_members", load_group_member, dump_group_member
    )

    @staticmethod
    def group_count(group: Group, step: int) -> Write:
        """So many more are in it. Apart from the group, whose version tells of the group only."""
        key = {"_id": group.id, "community_id": group.community_id}
        return Write("group_counts", UpdateOne(key, {"$inc": {"members": step}}, upsert=True))

    async def list_groups_by_id(
        self, community_id: str, group_ids: Sequence[str], keyring: Keyring
    ) -> list[Found]:
        """Those that are visible."""
        query = {"community_id": community_id, "_id": {"$in": list(group_ids)}, **walled(keyring)}
        return await self._counted(await self._groups.find(query).to_list())

    async def list_groups(
        self,
        community_id: str,
        paging: Paging,
        keyring: Keyring,
        *,
        only: Sequence[str] | None = None,
        archived: bool = False,
    ) -> tuple[list[Found], str]:
        """Those that are visible, by name; of these only, if asked."""
        query: Document = {
            "community_id": community_id,
            **({} if archived else {"state": GroupState.ACTIVE.value}),
            **({} if only is None else {"$and": [{"_id": {"$in": list(only)}}]}),
            **walled(keyring),
        }
        page, token = await page_of(self._groups, query, BY_NAME, paging)
        return await self._counted(page), token

    async def _counted(self, rows: Sequence[Document]) -> list[Found]:
        if not rows:
            return []
        query = {
            "community_id": {"$in": list({row["community_id"] for row in rows})},
            "_id": {"$in": [row["_id"] for row in rows]},
        }
        counts = {row["_id"]: row["members"] async for row in self._group_counts.find(query)}
        return [(load_group(row), row["seq"], counts.get(row["_id"], 0)) for row in rows]

    async def count_members(self, community_id: str, group_id: str) -> int:
        """How many are in it."""
        found = await self._group_counts.find_one({"_id": group_id, "community_id": community_id})
        return int(found["members"]) if found else 0

    async def count_groups(self, community_id: str, most: int) -> int:
        """Those that have not ended, up to so many."""
        query = {"community_id": community_id, "state": GroupState.ACTIVE.value}
        return await self._groups.count_documents(query, limit=most)

    async def count_groups_of_each(
        self, community_id: str, person_ids: Iterable[str]
    ) -> dict[str, int]:
        """Those that people are in, or may come to be in, by person id."""
        counting = [
            {
                "$match": {
                    "community_id": community_id,
                    "person_id": {"$in": list(person_ids)},
                    "state": {"$in": [state.value for state in PENDING]},
                }
            },
            {"$group": {"_id": "$person_id", "groups": {"$sum": 1}}},
        ]
        cursor = await self._group_members.aggregate(counting)
        return {row["_id"]: row["groups"] async for row in cursor}

    async def has_other_owner(self, community_id: str, group_id: str, person_id: str) -> bool:
        """Whether somebody else owns the group."""
        query = {
            "community_id": community_id,
            "group_id": group_id,
            "state": GroupMemberState.ACTIVE.value,
            "role": GroupRole.OWNER.value,
            "person_id": {"$ne": person_id},
        }
        return await self._group_members.find_one(query, {"_id": 1}) is not None

    async def list_rule_groups(self, community_id: str) -> list[Group]:
        """Those that take people in by rule, the oldest first."""
        query = {
            "community_id": community_id,
            "state": GroupState.ACTIVE.value,
            "join_policy": GroupJoinPolicy.RULE.value,
        }
        rows = await self._groups.find(query).to_list()
        return sorted(map(load_group, rows), key=lambda group: (group.create_time, group.id))

    async def find_group(self, community_id: str, group_id: str) -> Group | None:
        """By id, whoever may see it."""
        found = await self._groups.find_one({"_id": group_id, "community_id": community_id})
        return load_group(found) if found else None

    async def list_stored_group_members(
        self, community_id: str, person_ids: Sequence[str], group_ids: Sequence[str] | None = None
    ) -> list[GroupMember]:
        """How people stand to these groups, or to all, as it was stored: see `as_of`."""
        query: Document = {"community_id": community_id, "person_id": {"$in": list(person_ids)}}
        if group_ids is not None:
            query["group_id"] = {"$in": list(group_ids)}
        return [load_group_member(row) async for row in self._group_members.find(query)]

    async def list_taken_in(self, group: Group, after: str, most: int) -> list[str]:
        """A page of those whom its rule has taken in, by person id."""
        query = {
            "community_id": group.community_id,
            "group_id": group.id,
            "state": GroupMemberState.ACTIVE.value,
            "person_id": {"$gt": after},
            "source": GroupMemberSource.RULE.value,
        }
        rows = self._group_members.find(query, {"person_id": 1}).sort(BY_PERSON).limit(most)
        return [row["person_id"] async for row in rows]

    async def list_group_members_of(
        self,
        community_id: str,
        person_id: str,
        at: datetime,
        group_ids: Sequence[str] | None = None,
    ) -> list[FoundMember]:
        """How one person stands to these groups, or to all."""
        query: Document = {"community_id": community_id, "person_id": person_id}
        if group_ids is not None:
            query = {
                "community_id": community_id,
                "_id": {"$in": [group_member_id(group_id, person_id) for group_id in group_ids]},
            }
        cursor = await self._group_members.aggregate(
            [{"$match": query}, _with_member(community_id), with_enrolment(community_id)]
        )
        return [(_settled(row, at), row["seq"]) async for row in cursor]

    async def list_group_members(
        self,
        community_id: str,
        group_id: str,
        paging: Paging,
        at: datetime,
        *,
        state: GroupMemberState,
        role: GroupRole | None = None,
        person_id: str = "",
    ) -> tuple[list[FoundMember], str]:
        """Those who stand so to a group now, the longest first."""
        query: Document = {
            "community_id": community_id,
            "group_id": group_id,
            **_standing(state, at),
            **({"role": role.value} if role else {}),
            **({"person_id": person_id} if person_id else {}),
        }
        current = [
            _with_member(community_id),
            with_enrolment(community_id),
            {
                "$match": {
                    "member.state": "ACTIVE",
                    "$expr": {
                        "$and": [
                            {"$eq": ["$company_id", {"$first": "$member.company_id"}]},
                            {"$eq": ["$member_since", {"$first": "$member.join_time"}]},
                        ]
                    },
                    "$or": [{"member.vendor": True}, {"enrolment": {"$elemMatch": open_at(at)}}],
                }
            },
        ]
        cursor = await self._group_members.aggregate(
            [
                {"$match": query},
                *([_SINCE_EXPIRED] if state is GroupMemberState.EXPIRED else ()),
                {"$match": paging.beyond(LONGEST)},
                {"$sort": dict(paging.sort(LONGEST))},
                *(current if state in PENDING else ()),
                {"$limit": paging.limit},
            ]
        )
        page, token = paging.page(await cursor.to_list(), place_of(LONGEST))
        return [(load_group_member(row), row["seq"]) for row in page], token

    async def list_seats(
        self, communities: Iterable[str], person_ids: Sequence[str]
    ) -> list[GroupMember]:
        """What of people's seats there is the key of a group that has not ended: one query.

        Whether a seat counts is told by `of`.
        """
        wanted = sorted(set(communities))
        if not wanted:
            return []
        of_people = {
            "community_id": {"$in": wanted},
            "person_id": {"$in": list(person_ids)},
            "state": GroupMemberState.ACTIVE.value,
        }
        active = {"community_id": {"$in": wanted}, "state": GroupState.ACTIVE.value}
        cursor = await self._group_members.aggregate(
            [
                {"$match": of_people},
                {
                    "$lookup": {
                        "from": "groups",
                        "localField": "group_id",
                        "foreignField": "_id",
                        "pipeline": [{"$match": active}, {"$project": {"_id": 1}}],
                        "as": "group",
                    }
                },
                {"$match": {"group": {"$ne": []}}},
            ]
        )
        return [load_group_member(row) async for row in cursor]

    async def list_seats_in(
        self, community_id: str, group_ids: Sequence[str], first: str, last: str
    ) -> dict[str, list[GroupMember]]:
        """By person id, from the first to the last: their seats in those of these that go on."""
        query: Document = {"community_id": community_id, "_id": {"$in": list(group_ids)}}
        active = self._groups.find({**query, "state": GroupState.ACTIVE.value}, {"_id": 1})
        rows = self._group_members.find(
            {
                "community_id": community_id,
                "group_id": {"$in": [row["_id"] async for row in active]},
                "state": GroupMemberState.ACTIVE.value,
                "person_id": {"$gte": first, "$lte": last},
            }
        )
        seats: dict[str, list[GroupMember]] = {}
        async for row in rows:
            seats.setdefault(row["person_id"], []).append(load_group_member(row))
        return seats


def _with_member(community_id: str) -> Document:
    """Somebody in a group with what they are in the community."""
    return {
        "$lookup": {
            "from": "members",
            "localField": "member_id",
            "foreignField": "_id",
            "pipeline": [{"$match": {"community_id": community_id}}],
            "as": "member",
        }
    }


def _standing(state: GroupMemberState, at: datetime) -> Document:
    """Invitations expire by themselves."""
    invited = GroupMemberState.INVITED.value
    if state is GroupMemberState.INVITED:
        return {"state": invited, "expire_time": {"$gt": at}}
    if state is GroupMemberState.EXPIRED:
        over = {"state": invited, "expire_time": {"$lte": at}}
        return {"$and": [{"$or": [{"state": state.value}, over]}]}
    return {"state": state.value}


# Nobody writes it down when an invitation is over: it is so since then, and listed so.
_SINCE_EXPIRED: Document = {
    "$set": {
        "state": GroupMemberState.EXPIRED.value,
        "update_time": {"$ifNull": ["$expire_time", "$update_time"]},
        "expire_time": None,
    }
}


def _settled(row: Document, at: datetime) -> GroupMember:
    membership = None
    for member in row["member"]:
        if stands({**member, "enrolment": row["enrolment"]}, at):
            membership = load_membership(member)
    return load_group_member(row).as_of(membership, at)

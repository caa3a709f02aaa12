"""From what changed to what can be found: fetch the owners' state as of now, write it anew."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from chassis.domain_events import Projection
from guildhall.directory.v1 import directory_pb2
from guildhall.forum.v1 import announcements_pb2, forum_pb2
from services.search import converters
from services.search.domain.entries import Entry, Kind, Place, Tombstone, Wall
from services.search.domain.questions import IndexLostError, IndexMissingError
from services.search.repository import LIVE, PREPARED, SearchRepository
from services.search.repository.index import SearchIndex
from services.search.use_cases.opening import channels_of, spaces_of

if TYPE_CHECKING:
    from guildhall.directory.v1.directory_pb2_grpc import DirectoryServiceAsyncStub
    from guildhall.forum.v1.announcements_pb2_grpc import AnnouncementServiceAsyncStub
    from guildhall.forum.v1.forum_pb2_grpc import ForumServiceAsyncStub

T = TypeVar("T")
_BATCH = 25  # long posts with their HTML must fit into one answer
_PEOPLE_BATCH = 100
_ANNOUNCEMENTS_BATCH = 5  # each in all its languages
_PAGE = 25
_AT_ONCE = 4


class Change(StrEnum):
    """What a projection makes anew; its id is the object's."""

    SPACE = "space"
    TOPIC = "topic"
    THREAD = "thread"  # a topic and, where it has any, all its replies
    REPLY = "reply"
    MEMBER = "member"
    MEMBERSHIP = "membership"  # <person>@<company>: a member, and for which company
    COMPANY = "company"
    WORKFORCE = "workforce"  # a company and all its members
    CHANNEL = "channel"
    ANNOUNCEMENT = "announcement"


def membership(person_id: str, company_id: str) -> str:
    """The id of a MEMBERSHIP projection."""
    return f"{person_id}@{company_id}"


@dataclass(slots=True)
class _Wanted:
    """What one community needs made anew."""

    spaces: set[str] = field(default_factory=set)
    topics: set[str] = field(default_factory=set)
    threads: set[str] = field(default_factory=set)
    replies: set[str] = field(default_factory=set)
    members: set[str] = field(default_factory=set)
    companies: set[str] = field(default_factory=set)
    channels: set[str] = field(default_factory=set)
    announcements: set[str] = field(default_factory=set)


class Projector:
    """Applies projections to a generation of the index. May run twice, and in any order.

    Every document is written whole, with a tick that was taken before its sources were fetched:
    see SearchRepository.next_tick for why the last one wins.
    """

    def __init__(
        self,
        repository: SearchRepository,
        index: SearchIndex,
        forum: ForumServiceAsyncStub,
        announcements: AnnouncementServiceAsyncStub,
        directory: DirectoryServiceAsyncStub,
    ) -> None:
        self._repository = repository
        self._index = index
        self._forum = forum
        self._announcements = announcements
        self._directory = directory
        self._fetch_spaces, self._fetch_channels = spaces_of(forum), channels_of(announcements)

    async def prepare(self, generation: int) -> None:
        """Make an index for a new generation. Refuses with INDEX_LOST what was half filled."""
        filled = await self._repository.find_mark(generation) == PREPARED
        if filled and not await self._index.exists(generation):
            raise IndexLostError
        await self._index.prepare(generation)
        if not filled:
            await self._repository.mark(generation, PREPARED)

    async def switch(self, generation: int) -> None:
        """Search this generation from now on."""
        await self._index.switch(generation)
        await self._repository.mark(generation, LIVE)

    async def drop(self, generation: int) -> None:
        """Delete a generation."""
        await self._index.drop(generation)
        await self._repository.forget(generation)

    async def project(self, generation: int, projections: Sequence[Projection]) -> None:
        """Make these anew from what their owners say now. Refuses with UNAVAILABLE while anything
        is away, a live index that was lost included: that one is rebuilt (see jobs). One that was
        lost while it was filled is given up: INDEX_LOST.
        """
        rows = {
            (projection.community_id, company_id, person_id)
            for projection in projections
            if projection.kind == Change.MEMBERSHIP
            for person_id, _, company_id in [projection.id.partition("@")]
        }
        # Before anything is fetched: a WORKFORCE heard later then knows of these people.
        await self._repository.put_memberships(rows)
        tick = await self._repository.next_tick()
        wanted = await self._wanted(projections)
        made = await asyncio.gather(
            *(
                part
                for community_id, of in wanted.items()
                for part in (
                    self._spaces(community_id, of, tick),
                    self._posts(community_id, of),
                    self._members(community_id, of),
                    self._companies(community_id, of),
                    self._channels(community_id, of, tick),
                    self._announced(community_id, of),
                )
            )
        )
        entries = {entry.place: entry for some in made for entry in some}
        try:
            await self._index.put(generation, tick, list(entries.values()))
        except IndexMissingError:
            if await self._repository.find_mark(generation) == PREPARED:
                raise IndexLostError from None
            raise

    async def refresh_workforces(self) -> None:
        """Make companies and members anew everywhere: an enrolment that ends by its date says no
        domain event.
        """
        generation = await self._index.live_generation()
        if generation is None:
            return
        for community_id, companies in (await self._repository.find_workforces()).items():
            changes = [Projection(Change.WORKFORCE, community_id, id_) for id_ in companies]
            await self.project(generation, changes)

    async def _wanted(self, projections: Iterable[Projection]) -> dict[str, _Wanted]:
        wanted: dict[str, _Wanted] = defaultdict(_Wanted)
        for projection in projections:
            community_id, id_ = projection.community_id, projection.id
            of = wanted[community_id]
            match Change(projection.kind):
                case Change.SPACE:
                    of.spaces.add(id_)
                case Change.TOPIC:
                    of.topics.add(id_)
                case Change.THREAD:
                    of.threads.add(id_)
                case Change.REPLY:
                    of.replies.add(id_)
                case Change.MEMBER:
                    of.members.add(id_)
                case Change.MEMBERSHIP:
                    of.members.add(id_.partition("@")[0])
                case Change.COMPANY:
                    of.companies.add(id_)
                case Change.CHANNEL:
                    of.channels.add(id_)
                case Change.ANNOUNCEMENT:
                    of.announcements.add(id_)
                case Change.WORKFORCE:
                    of.companies.add(id_)
                    of.members.update(await self._repository.find_people(community_id, id_))
        return wanted

    async def _spaces(self, community_id: str, of: _Wanted, tick: int) -> list[Entry | Tombstone]:
        found = await _in_batches(of.spaces, _BATCH, partial(self._fetch_spaces, community_id))
        spaces = {space.id: space for space in found}
        gone = of.spaces - spaces.keys()
        walls = [converters.wall(space) for space in found]
        walls += [Wall(id_, community_id, ()) for id_ in gone]
        await self._repository.spaces.put(tick, walls)
        return [converters.space_entry(space) for space in spaces.values()] + _tombstones(
            Kind.SPACE, community_id, gone
        )

    async def _posts(self, community_id: str, of: _Wanted) -> list[Entry | Tombstone]:
        replies = {reply.id: reply for reply in await self._replies(community_id, of.replies)}
        wanted = of.topics | of.threads
        of_replies = {reply.topic_id for reply in replies.values()} - wanted
        found = await asyncio.gather(
            self._topics(community_id, wanted),
            self._topics(community_id, of_replies, without_texts=True),
        )
        topics = {topic.id: topic for some in found for topic in some}
        for id_ in of.threads:
            if id_ in topics and topics[id_].reply_count:
                async for reply in self._thread(community_id, id_):
                    replies[reply.id] = reply
        return [
            *(converters.topic_entry(topics[id_]) for id_ in wanted if id_ in topics),
            *_tombstones(Kind.TOPIC, community_id, wanted - topics.keys()),
            *(converters.reply_entry(r, topics.get(r.topic_id)) for r in replies.values()),
            *_tombstones(Kind.REPLY, community_id, of.replies - replies.keys()),
        ]

    async def _topics(
        self, community_id: str, ids: Collection[str], *, without_texts: bool = False
    ) -> list[forum_pb2.Topic]:
        async def fetch(some: list[str]) -> Sequence[forum_pb2.Topic]:
            request = forum_pb2.BatchGetTopicsRequest(
                community_id=community_id, topic_ids=some, without_texts=without_texts
            )
            return (await self._forum.BatchGetTopics(request)).topics

        return await _in_batches(ids, _BATCH, fetch)

    async def _replies(self, community_id: str, ids: Collection[str]) -> list[forum_pb2.Reply]:
        async def fetch(some: list[str]) -> Sequence[forum_pb2.Reply]:
            request = forum_pb2.BatchGetRepliesRequest(community_id=community_id, reply_ids=some)
            return (await self._forum.BatchGetReplies(request)).replies

        return await _in_batches(ids, _BATCH, fetch)

    async def _thread(self, community_id: str, topic_id: str) -> AsyncIterator[forum_pb2.Reply]:
        request = forum_pb2.ListRepliesRequest(
            community_id=community_id, topic_id=topic_id, page_size=_PAGE
        )
        while True:
            response = await self._forum.ListReplies(request)
            for reply in response.replies:
                yield reply
            if not response.next_page_token:
                return
            request.page_token = response.next_page_token

    async def _members(self, community_id: str, of: _Wanted) -> list[Entry | Tombstone]:
        async def fetch(ids: list[str]) -> Sequence[directory_pb2.Member]:
            request = directory_pb2.BatchGetMembersRequest(
                community_id=community_id, person_ids=ids
            )
            return (await self._directory.BatchGetMembers(request)).members

        members = await _in_batches(of.members, _PEOPLE_BATCH, fetch)
        gone = of.members - {member.person_id for member in members}
        return [
            *(converters.member_entry(member) for member in members),
            *_tombstones(Kind.MEMBER, community_id, gone),
        ]

    async def _companies(self, community_id: str, of: _Wanted) -> list[Entry | Tombstone]:
        """Only the list tells who is enrolled now; companies change rarely and are few."""
        if not of.companies:
            return []
        request = directory_pb2.ListCompaniesRequest(
            community_id=community_id, page_size=_PEOPLE_BATCH
        )
        found: dict[str, Entry | Tombstone] = {}
        while True:
            response = await self._directory.ListCompanies(request)
            for company in response.companies:
                if company.id in of.companies:
                    found[company.id] = converters.company_entry(company, community_id)
            if not response.next_page_token:
                break
            request.page_token = response.next_page_token
        gone = of.companies - found.keys()
        return [*found.values(), *_tombstones(Kind.COMPANY, community_id, gone)]

    async def _channels(self, community_id: str, of: _Wanted, tick: int) -> list[Entry | Tombstone]:
        """Nobody finds channels: only their walls are kept."""
        found = await _in_batches(of.channels, _BATCH, partial(self._fetch_channels, community_id))
        walls = [converters.wall(channel) for channel in found]
        gone = of.channels - {channel.id for channel in found}
        walls += [Wall(id_, community_id, ()) for id_ in gone]
        await self._repository.channels.put(tick, walls)
        return []

    async def _announced(self, community_id: str, of: _Wanted) -> list[Entry | Tombstone]:
        async def fetch(ids: list[str]) -> Sequence[announcements_pb2.FindableAnnouncement]:
            request = announcements_pb2.BatchGetFindableAnnouncementsRequest(
                community_id=community_id, announcement_ids=ids
            )
            answer = await self._announcements.BatchGetFindableAnnouncements(request)
            return answer.announcements

        found = await _in_batches(of.announcements, _ANNOUNCEMENTS_BATCH, fetch)
        gone = of.announcements - {one.id for one in found}
        return [
            *map(converters.announcement_entry, found),
            *_tombstones(Kind.ANNOUNCEMENT, community_id, gone),
        ]


async def _in_batches(
    ids: Collection[str], size: int, fetch: Callable[[list[str]], Awaitable[Sequence[T]]]
) -> list[T]:
    """One call a batch, a few at a time, so that nobody is flooded."""
    ordered = sorted(ids)
    batches = [ordered[start : start + size] for start in range(0, len(ordered), size)]
    found: list[T] = []
    for start in range(0, len(batches), _AT_ONCE):
        for some in await asyncio.gather(*map(fetch, batches[start : start + _AT_ONCE])):
            found.extend(some)
    return found


def _tombstones(kind: Kind, community_id: str, ids: Iterable[str]) -> list[Entry | Tombstone]:
    return [Tombstone(Place(kind, community_id, id_)) for id_ in ids]

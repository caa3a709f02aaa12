"""What a measured system holds: so many imported posts, and a front page that people wrote."""

from __future__ import annotations

import asyncio
import json
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from bench.running import CROWD, Running
from chassis.actors import MODERATOR, Actor, current_actor
from chassis.errors import TooBusyError, UnavailableError
from devstack.openid.people import find_person
from gateway.actors import to_actor
from guildhall.directory.v1 import directory_pb2
from guildhall.directory.v1.directory_pb2_grpc import DirectoryServiceStub
from guildhall.forum.v1 import feed_pb2, forum_pb2
from guildhall.forum.v1.feed_pb2_grpc import FeedServiceStub
from guildhall.forum.v1.forum_pb2_grpc import ForumServiceStub

if TYPE_CHECKING:
    from guildhall.directory.v1.directory_pb2_grpc import DirectoryServiceAsyncStub
    from guildhall.forum.v1.feed_pb2_grpc import FeedServiceAsyncStub
    from guildhall.forum.v1.forum_pb2_grpc import ForumServiceAsyncStub

T = TypeVar("T")
MANAGER = "manager@aurora.example"
READER = "engineer@kestrel.example"
PEOPLE = 40
FEW = 11_000  # imported posts of the smaller system: a thousand topics
TOPICS = REPLIES = 20  # of the front page; replies are to each of its topics
THREAD = 11  # imported posts a topic, itself included: ten replies each
_CALL = 9 * THREAD  # posts an import call: whole threads, as calls overtake each other
_AT_ONCE = 8
_TELL = 50 * _CALL  # posts between two lines of progress
_WORDS = 4000
_BORN = 1_600_000_000  # imported posts are from then on, so that the front page stays on top


@dataclass(frozen=True, slots=True)
class Contents:
    """Where the front page is."""

    community_id: str
    space_id: str
    topic_ids: list[str]


def words(random_: random.Random, count: int) -> str:
    """Text in which few words are frequent and most are rare, as in any language."""
    ranks = (int(_WORDS ** random_.random()) for _ in range(count))
    return " ".join(f"{'bcdfghklmnprstvz'[rank % 16]}o{rank:x}ra" for rank in ranks)


def query(random_: random.Random) -> str:
    """Two words of a topic, one frequent and one rather rare."""
    return f"{word(random_.randint(8, 40))} {word(random_.randint(400, 2000))}"


def word(rank: int) -> str:
    """The word of that rank."""
    return f"{'bcdfghklmnprstvz'[rank % 16]}o{rank:x}ra"


class Filling:
    """Fills one system; what is there already is left alone, so it can be run again."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._channels = running.channels()
        self._directory: DirectoryServiceAsyncStub = self._channels.client(
            DirectoryServiceStub, "directory"
        )
        self._forum: ForumServiceAsyncStub = self._channels.client(ForumServiceStub, "forum")
        self._feed: FeedServiceAsyncStub = self._channels.client(FeedServiceStub, "forum")
        self._issuers = {
            one["key"]: one["issuer"] for one in json.loads(running.place.issuers_file.read_text())
        }

    async def fill(self, posts: int) -> Contents:
        """So many posts in all; returns when they are indexed."""
        manager, contents = await self.manager(), await self.contents()
        people = await self.people(PEOPLE)
        current_actor.set(manager)
        written = TOPICS * (REPLIES + 1)
        await self.imported(contents, (posts - written) // THREAD * THREAD, manager)
        await self._write_front_page(contents, people)
        current_actor.set(manager)
        await self._follow(contents)
        await self.close()
        await self._running.at_rest()
        return contents

    async def close(self) -> None:
        """Hang up."""
        await self._channels.close()

    async def manager(self) -> Actor:
        """Who calls from now on: the manager of what is filled."""
        current_actor.set(None)  # the gateway itself asks who somebody is
        manager = await self._actor_of(MANAGER)
        current_actor.set(manager)
        return manager

    async def contents(self) -> Contents:
        """Where posts go, as the manager sees it; no topics yet."""
        communities = await surely(
            self._directory.ListCommunities, directory_pb2.ListCommunitiesRequest(page_size=10)
        )
        community_id = next(one.id for one in communities.communities if one.slug == "aurora")
        space = await surely(
            self._forum.GetSpace,
            forum_pb2.GetSpaceRequest(community_id=community_id, slug="general"),
        )
        return Contents(community_id, space.space.id, [])

    async def people(self, count: int) -> list[Actor]:
        """So many members, made where they are not there; the gateway itself calls from now on."""
        current_actor.set(None)
        gate = asyncio.Semaphore(_AT_ONCE)

        async def person(number: int) -> Actor:
            async with gate:
                return await self._person(number)

        return await asyncio.gather(*map(person, range(count)))

    async def _actor_of(self, email: str) -> Actor:
        person = find_person(email)
        assert person is not None
        found = await surely(
            self._directory.ResolveActor,
            directory_pb2.ResolveActorRequest(
                issuer=self._issuers[person.company], subject=person.subject
            ),
        )
        return to_actor(found.actor)

    async def imported(self, contents: Contents, posts: int, manager: Actor) -> None:
        """So many posts in all are there."""
        kept = self._running.place.data / "imported"  # so many from the first on are there
        first = int(kept.read_text()) if kept.exists() else 0
        began, todo = time.monotonic(), iter(range(first, posts, _CALL))
        under_way: set[int] = set()

        async def send() -> None:
            current_actor.set(manager)
            for start in todo:
                under_way.add(start)
                count = min(_CALL, posts - start)
                request = forum_pb2.ImportPostsRequest(
                    request_id=f"bench-import-{start}-{count}",
                    community_id=contents.community_id,
                    space_id=contents.space_id,
                    source="bench",
                    posts=_posts(start, count),
                )
                await surely(self._forum.ImportPosts, request)
                under_way.remove(start)
                there = min(under_way, default=start + count)
                if there > first and (start - first) % _TELL == 0:
                    kept.write_text(str(there))
                    rate = (there - first) / (time.monotonic() - began)
                    print(f"  {there:,} posts, {rate:.0f} a second", flush=True)

        await asyncio.gather(*(send() for _ in range(_AT_ONCE)))
        kept.write_text(str(max(first, posts)))
        if posts > first:
            seconds = time.monotonic() - began
            print(f"  {posts - first:,} posts imported in {seconds:.0f} s", flush=True)

    async def _write_front_page(self, contents: Contents, people: list[Actor]) -> None:
        """By its people: each topic and reply by another, as moderators, who may post as fast."""
        actors = [_unhindered(actor, contents.community_id) for actor in people]
        topics = (self._topic(contents, number, actors) for number in range(TOPICS))
        contents.topic_ids.extend(await asyncio.gather(*topics))

    async def _follow(self, contents: Contents) -> None:
        """What the reader of the measured feed follows: the space, tags, and topics one by one.

        They have read all that there is.
        """
        common: dict[str, Any] = {
            "community_id": contents.community_id,
            "level": feed_pb2.FOLLOW_LEVEL_TRACKING,
        }
        follows = [(feed_pb2.FOLLOW_KIND_SPACE, contents.space_id)]
        follows += [(feed_pb2.FOLLOW_KIND_TOPIC, id_) for id_ in contents.topic_ids[:5]]
        for kind, id_ in follows:
            follow = feed_pb2.SetFollowRequest(
                request_id=f"bench-follow-{id_}", kind=kind, target_id=id_, **common
            )
            await surely(self._feed.SetFollow, follow)
        for number in range(5):
            tag = feed_pb2.SetTagFollowRequest(
                request_id=f"bench-follow-tag-{number}", tag=word(number), **common
            )
            await surely(self._feed.SetTagFollow, tag)
        read = feed_pb2.MarkAllReadRequest(
            request_id=f"bench-read-{uuid.uuid4()}", community_id=contents.community_id
        )
        await surely(self._feed.MarkAllRead, read)

    async def _topic(self, contents: Contents, number: int, actors: list[Actor]) -> str:
        random_ = random.Random(number)
        current_actor.set(actors[number % PEOPLE])
        created = await surely(
            self._forum.CreateTopic,
            forum_pb2.CreateTopicRequest(
                request_id=f"bench-topic-{number}",
                community_id=contents.community_id,
                space_id=contents.space_id,
                kind=forum_pb2.TOPIC_KIND_QUESTION,
                title=f"Question {number}: {words(random_, 6)}",
                body=words(random_, 60),
                tags=["bench", word(number)],
            ),
        )
        for reply in range(REPLIES):
            current_actor.set(actors[(number + reply + 1) % PEOPLE])
            await surely(
                self._forum.CreateReply,
                forum_pb2.CreateReplyRequest(
                    request_id=f"bench-reply-{number}-{reply}",
                    community_id=contents.community_id,
                    topic_id=created.topic.id,
                    body=words(random_, 60),
                ),
            )
        topic_id: str = created.topic.id
        return topic_id

    async def _person(self, number: int) -> Actor:
        made = await surely(
            self._directory.SignIn,
            directory_pb2.SignInRequest(
                request_id=f"bench-person-{number}",
                issuer=self._issuers[CROWD],
                subject=f"bench-{number}",
                email=f"bench{number}@kestrel.example",
                display_name=f"Bench Person {number}",
            ),
        )
        return to_actor(made.actor)


async def surely(method: Callable[[T], Awaitable[Any]], request: T) -> Any:
    """Again where nobody answered in time: what is there already stays as it is."""
    for attempt in range(10):
        try:
            return await method(request)
        except (UnavailableError, TooBusyError):
            await asyncio.sleep(attempt)
    return await method(request)


def _unhindered(actor: Actor, community_id: str) -> Actor:
    membership = actor.memberships[community_id]
    roles = membership.roles | {MODERATOR}
    return replace(actor, memberships={community_id: replace(membership, roles=roles)})


def _posts(start: int, count: int) -> Iterator[forum_pb2.ImportedPost]:
    """Threads of a question and its answers; the same numbers give the same posts."""
    for number in range(start, start + count):
        random_ = random.Random(number)
        question = number - number % THREAD
        common: dict[str, Any] = {
            "external_id": str(number),
            "body": words(random_, 60),
            "score": random_.randint(-2, 20),
            "persona_external_id": str(random_.randint(1, 500)),
            "persona_display_name": f"Persona {number % 500}",
        }
        post = forum_pb2.ImportedPost(**common)
        post.create_time.FromSeconds(_BORN + number * 60)
        if number == question:
            post.kind = forum_pb2.IMPORTED_POST_KIND_QUESTION
            post.title = f"Imported {number}: {words(random_, 6)}"
            post.tags.extend([word(random_.randint(1, 50)), "imported"])
        else:
            post.kind = forum_pb2.IMPORTED_POST_KIND_ANSWER
            post.question_external_id = str(question)
        yield post

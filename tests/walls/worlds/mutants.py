"""Leaks as people make them, put into the house by the test: the same worlds must find each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from chassis.errors import NotFoundError
from chassis.pagination import Paging
from guildhall.directory.v1 import directory_pb2
from guildhall.forum.v1 import forum_pb2
from services.directory.domain.refusals import PersonDeactivatedError
from services.directory.servicer import DirectoryServicer
from services.forum.domain.replies import Reply
from services.forum.domain.topics import Topic, TopicNotFoundError
from services.forum.repository import ForumRepository
from services.forum.servicer.forum import ForumServicer
from tests.walls.worlds.house import House


class _Keyless(ForumRepository):
    """Asks for the space's key and forgets the topic's own."""

    async def find_topics(
        self,
        community_id: str,
        ids: Collection[str],
        keyring: Collection[str] | None,
        *,
        without_texts: bool = False,
        listed: bool = False,
    ) -> list[Topic]:
        topics = await super().find_topics(
            community_id, ids, None, without_texts=without_texts, listed=listed
        )
        if keyring is None:
            return topics
        spaces = await self.find_spaces(community_id, {one.space_id for one in topics}, keyring)
        return [topic for topic in topics if topic.space_id in {space.id for space in spaces}]


class _CountsAll(ForumRepository):
    """Counts the replies that are stored, whoever may read them."""

    async def find_topics(
        self,
        community_id: str,
        ids: Collection[str],
        keyring: Collection[str] | None,
        *,
        without_texts: bool = False,
        listed: bool = False,
    ) -> list[Topic]:
        topics = await super().find_topics(
            community_id, ids, keyring, without_texts=without_texts, listed=listed
        )
        replies = self._database.replies
        return [
            replace(one, reply_count=await replies.count_documents({"topic_id": one.id}))
            for one in topics
        ]


class _PagesAll(ForumRepository):
    """A page of replies without their own wall."""

    async def list_replies(
        self, topic: Topic, keyring: Sequence[str] | None, paging: Paging, thread: str | None = None
    ) -> list[Reply]:
        return await super().list_replies(topic, None, paging, thread)


class TopicHiddenError(NotFoundError):
    """An error that tells what is there."""


class _TellsWhy(ForumRepository):
    """Refuses what is hidden in other words than what is missing."""

    async def get_topic(
        self,
        community_id: str,
        topic_id: str,
        keyring: Collection[str] | None,
        *,
        without_texts: bool = False,
    ) -> Topic:
        try:
            return await super().get_topic(
                community_id, topic_id, keyring, without_texts=without_texts
            )
        except TopicNotFoundError:
            if await super().find_topics(community_id, [topic_id], None):
                raise TopicHiddenError(field="topic_id") from None
            raise


def _forum_with(repository: type[ForumRepository]) -> Callable[[House], None]:
    def plant(house: House) -> None:
        original = house.servicers["forum"]
        mutant = repository(house.databases["forum"])
        mutant.walls = original._repository.walls  # of one replica: it hears of what is changed
        house.servicers["forum"] = ForumServicer(original._use_cases, mutant)

    return plant


class _NamesAll(ForumServicer):
    """Tells every reader of a space whom it is for."""

    async def BatchGetSpaces(
        self, request: forum_pb2.BatchGetSpacesRequest, context: object
    ) -> forum_pb2.BatchGetSpacesResponse:
        answer = await super().BatchGetSpaces(request, context)  # type: ignore[arg-type]
        ids = [one.id for one in answer.spaces]
        whole = await self._repository.find_spaces(request.community_id, ids, None)
        names = {one.id: one.audience_names for one in whole}
        for space in answer.spaces:
            del space.audience_names[:]
            space.audience_names.extend(names[space.id])
        return answer


def _naming(house: House) -> None:
    original = house.servicers["forum"]
    house.servicers["forum"] = _NamesAll(original._use_cases, original._repository)


class _Remembers(DirectoryServicer):
    """What somebody has held once they hold for ever."""

    async def ResolveActor(
        self, request: directory_pb2.ResolveActorRequest, context: object
    ) -> directory_pb2.ResolveActorResponse:
        kept: dict[str, directory_pb2.ResolveActorResponse] = self.__dict__.setdefault("kept", {})
        former = kept.get(request.subject)
        try:
            answer = await super().ResolveActor(request, context)  # type: ignore[arg-type]
        except PersonDeactivatedError:
            if former is None:
                raise
            return former
        now = {one.community_id: one for one in answer.actor.memberships}
        for held in former.actor.memberships if former else ():
            membership = now.get(held.community_id)
            if membership is None:
                answer.actor.memberships.add().CopyFrom(held)
            else:
                keys = [key for key in held.keyring if key not in membership.keyring]
                membership.keyring.extend(keys)
        kept[request.subject] = answer
        return answer


def _remembering(house: House) -> None:
    original = house.servicers["directory"]
    house.servicers["directory"] = _Remembers(original._use_cases, original._repository)


MUTANTS: dict[str, Callable[[House], None]] = {
    "a key is forgotten": _forum_with(_Keyless),
    "a count has no wall": _forum_with(_CountsAll),
    "a page has no wall": _forum_with(_PagesAll),
    "an error tells": _forum_with(_TellsWhy),
    "a revocation is not heard": _remembering,
    "a hidden group is named": _naming,
}

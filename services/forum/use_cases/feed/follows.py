"""Follow something at a level, and see what one follows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar, cast

from google.protobuf.message import Message

from chassis.actors import Actor
from chassis.decisions import Decide, Decision, Seen
from chassis.errors import NotFoundError
from chassis.pagination import Paging, encode_page_token
from guildhall.directory.v1 import directory_pb2
from guildhall.forum.v1 import feed_pb2 as pb
from services.forum.converters.feed import (
    default_to_proto,
    follow_changed,
    follow_kind,
    follow_level,
    follow_to_proto,
)
from services.forum.converters.fitting import fitting
from services.forum.converters.messages import space_to_proto, topic_to_proto
from services.forum.domain.feed.follows import Follow, FollowKind, FollowLevel, Reader, Target
from services.forum.domain.members import Member, MemberNotFoundError
from services.forum.domain.spaces import SpaceNotFoundError
from services.forum.domain.tags import check_tags
from services.forum.domain.topics import Topic, TopicNotFoundError
from services.forum.repository.feed import shown_page
from services.forum.use_cases.feed.base import OwnUseCases, keyrings_of, new_reader

A = TypeVar("A", bound=Message)


class CompanyNotFoundError(NotFoundError):
    """The community has no such company."""


@dataclass(frozen=True, slots=True)
class _Row:
    """One follow of a list."""

    community_id: str
    follow: Follow

    @property
    def place(self) -> tuple[datetime, str]:
        target = self.follow.target
        name = f"{self.community_id}:{target.kind}:{target.id}:{target.space_id}"
        return self.follow.set_time, name


class FollowUseCases(OwnUseCases):
    """Follows of a person in a community are one aggregate."""

    async def set_follow(self, actor: Actor, request: pb.SetFollowRequest) -> pb.SetFollowResponse:
        """Refuses with what the target is not, FOLLOW_LEVEL_INVALID, TOO_MANY_FOLLOWS."""
        member = Member.of(actor, request.community_id)
        level = follow_level(request.level)
        target = Target(follow_kind(request.kind), request.target_id)
        target.check_level(level)
        shown = await self._shown(member, request.community_id, target)

        def answer(reader: Reader) -> pb.SetFollowResponse:
            return pb.SetFollowResponse(follow=_follow(reader, target))

        decide = self._setting(member, request.community_id, target, level, answer)
        ref = self._repository.reader_ref(request.community_id, member.person_id)
        response = await self._commands.run(actor, request, ref, decide)
        response.follow.MergeFrom(shown)
        return response

    async def set_tag_follow(
        self, actor: Actor, request: pb.SetTagFollowRequest
    ) -> pb.SetTagFollowResponse:
        """Refuses with SPACE_NOT_FOUND, TAGS_INVALID, FOLLOW_LEVEL_INVALID, TOO_MANY_FOLLOWS."""
        member = Member.of(actor, request.community_id)
        level = follow_level(request.level)
        (tag,) = check_tags([request.tag], "tag")
        target = Target(FollowKind.TAG, tag, request.space_id)
        shown = pb.Follow()
        if request.space_id:
            space = await self._repository.get_space(
                request.community_id, request.space_id, member.keyring
            )
            shown.space.CopyFrom(space_to_proto(space, space.version, keyring=member.keyring))

        def answer(reader: Reader) -> pb.SetTagFollowResponse:
            return pb.SetTagFollowResponse(follow=_follow(reader, target))

        decide = self._setting(member, request.community_id, target, level, answer)
        ref = self._repository.reader_ref(request.community_id, member.person_id)
        response = await self._commands.run(actor, request, ref, decide)
        response.follow.MergeFrom(shown)
        return response

    @staticmethod
    def _setting(
        member: Member,
        community_id: str,
        target: Target,
        level: FollowLevel | None,
        answer: Callable[[Reader], A],
    ) -> Decide[Reader, A]:
        def decide(seen: Seen[Reader]) -> Decision[Reader, A]:
            reader = seen.state or new_reader(community_id, member.person_id)
            changed = reader.set(target, level, seen.now.time)
            if changed == reader:  # nothing is stored, not even somebody who chose nothing yet
                return Decision(cast("Reader", seen.state), lambda _: answer(reader))
            event = follow_changed(member.person_id, target, level)
            return Decision(changed, lambda _: answer(changed), [event])

        return decide

    async def _shown(self, member: Member, community_id: str, target: Target) -> pb.Follow:
        """What the target is, which must be one that the member can see."""
        shown, repository, keyring = pb.Follow(), self._repository, member.keyring
        match target.kind:
            case FollowKind.SPACE:
                for space in await repository.find_spaces(community_id, [target.id], keyring):
                    opened = space_to_proto(space, space.version, keyring=keyring)
                    return pb.Follow(space=opened)
                raise SpaceNotFoundError(field="target_id")
            case FollowKind.TOPIC:
                for topic in await repository.find_topics(community_id, [target.id], keyring):
                    topic = await self.shown_topic(topic, member)
                    return pb.Follow(topic=topic_to_proto(topic, topic.version))
                raise TopicNotFoundError(field="target_id")
            case FollowKind.PERSON:
                members = directory_pb2.BatchGetMembersRequest(
                    community_id=community_id, person_ids=[target.id]
                )
                if not (await self._directory.BatchGetMembers(members)).members:
                    raise MemberNotFoundError(field="target_id")
            case _:
                companies = directory_pb2.BatchGetCompaniesRequest(
                    community_id=community_id, company_ids=[target.id]
                )
                if not (await self._directory.BatchGetCompanies(companies)).companies:
                    raise CompanyNotFoundError(field="target_id")
        return shown

    async def list_follows(
        self, actor: Actor, request: pb.ListFollowsRequest
    ) -> pb.ListFollowsResponse:
        """What one can see of it, last set first."""
        keyrings = keyrings_of(actor, request.community_ids)
        paging = Paging.of(request, datetime, str)
        readers = await self._repository.find_readers(keyrings, actor.person_id)
        spaces = await self._repository.walls.opened_anywhere(keyrings)
        rows = [
            _Row(one.community_id, follow) for one in readers.values() for follow in one.follows
        ]
        rows.sort(key=lambda row: row.place, reverse=not paging.backward)

        async def read(page: Paging) -> list[_Row]:
            return [row for row in rows if _beyond(row, page)][: page.limit]

        async def show(some: Sequence[_Row]) -> Iterable[tuple[_Row, Topic | None, pb.Follow]]:
            return await self._messages(keyrings, spaces, some)

        found = await shown_page(paging, read, show, lambda row: row.place)
        most = fitting([topic for _, topic, _ in found], paging.size)
        shown, token = paging.page(found, lambda last: last[0].place, most=most)
        return pb.ListFollowsResponse(
            follows=[message for _, _, message in shown], next_page_token=token
        )

    async def _messages(
        self,
        keyrings: Mapping[str, tuple[str, ...]],
        spaces: Mapping[str, Sequence[str]],
        rows: Sequence[_Row],
    ) -> list[tuple[_Row, Topic | None, pb.Follow]]:
        """Those whose targets can be seen, with these."""
        targets = [row.follow.target for row in rows]
        topics = await self._repository.find_topics_anywhere(
            keyrings, spaces, [one.id for one in targets if one.kind is FollowKind.TOPIC]
        )
        named = await self._repository.find_spaces_anywhere(
            keyrings, {one.named_space_id for one in targets} - {""}
        )
        found: list[tuple[_Row, Topic | None, pb.Follow]] = []
        for row, target in zip(rows, targets, strict=True):
            topic, space = topics.get(target.id), named.get(target.named_space_id)
            if (target.kind is FollowKind.TOPIC and topic is None) or (
                target.named_space_id and space is None
            ):
                continue
            message = follow_to_proto(
                row.community_id,
                row.follow,
                space=space_to_proto(space, space.version, keyring=keyrings[row.community_id])
                if space
                else None,
                topic=topic_to_proto(topic, topic.version) if topic else None,
                page_token=encode_page_token(*row.place),
            )
            found.append((row, topic, message))
        return found


def _follow(reader: Reader, target: Target) -> pb.Follow:
    for follow in reader.follows:
        if follow.target == target:
            return follow_to_proto(reader.community_id, follow)
    return default_to_proto(reader.community_id, target)


def _beyond(row: _Row, page: Paging) -> bool:
    if not page.place:
        return True
    return row.place > page.place if page.backward else row.place < page.place

"""What all use cases of the forum share: who acts, what was done before, the screen, the topic."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from google.protobuf.message import Message

from chassis.actors import Actor
from chassis.commands import Commands
from chassis.decisions import Decision, PartRef, Ref, Seen, Write
from chassis.errors import DomainError, FieldInvalidError, UnavailableError, VersionStaleError
from chassis.moment import Moment
from guildhall.directory.v1 import groups_pb2
from guildhall.moderation.v1 import moderation_pb2
from services.forum.converters import enums
from services.forum.converters.screening import screening
from services.forum.domain.announcements.channels import Channel
from services.forum.domain.held_edits import HeldEdit
from services.forum.domain.members import Member, opens
from services.forum.domain.polls import PollClosedError
from services.forum.domain.posting import Limits, Pace, Poster, limits_of, mention_limits_of
from services.forum.domain.references import References, added_mentions
from services.forum.domain.replies import Reply, ReplyNotFoundError
from services.forum.domain.screening import Screening, needs_review
from services.forum.domain.spaces import Audience, Space, check_audience
from services.forum.domain.topics import Topic, TopicNotFoundError
from services.forum.repository import ForumRepository
from services.forum.use_cases.memberships import memberships_of, readers_of
from services.forum.use_cases.moderating import Outcome

if TYPE_CHECKING:
    from guildhall.directory.v1.directory_pb2_grpc import DirectoryServiceAsyncStub
    from guildhall.directory.v1.groups_pb2_grpc import GroupServiceAsyncStub
    from guildhall.moderation.v1.moderation_pb2_grpc import ModerationServiceAsyncStub

FORUM = Actor(service="forum")  # who does what nobody asked for

A = TypeVar("A", bound=Message)

Find: TypeAlias = Callable[[], Awaitable[Sequence[Space | Channel]]]
SCREEN_TIMEOUT = 0.3  # seconds; later is never: the post is held or published without


class UseCases:
    """The parts that the use cases of all aggregates are made of."""

    def __init__(
        self,
        commands: Commands,
        repository: ForumRepository,
        moderation: ModerationServiceAsyncStub,
        *,
        directory: DirectoryServiceAsyncStub | None = None,  # without it nobody is named
        groups: GroupServiceAsyncStub | None = None,  # without it nothing is for groups
        posting_limits: bool = True,
    ) -> None:
        self._commands = commands
        self._repository = repository
        self._moderation = moderation
        self._people = directory
        self._groups = groups
        self._posting_limits = posting_limits

    async def _done(self, actor: Actor, request: Message, kind: type[A]) -> A | None:
        """The answer this very request got before, whatever has changed since."""
        answer = await self._commands.replay(actor, request)
        return answer if isinstance(answer, kind) else None

    async def _screen(self, community_id: str, texts: Sequence[str]) -> Screening:
        """What moderation says, within its time. Refuses with CONTENT_BLOCKED."""
        request = moderation_pb2.ScreenRequest(community_id=community_id, texts=texts)
        try:
            answer = await self._moderation.Screen(request, timeout=SCREEN_TIMEOUT)
        except DomainError:  # down, late, or too busy: all the same to the author
            return Screening.missing(texts)
        result = screening(answer, texts)
        result.check_not_blocked()
        return result

    async def _reviewed(self, member: Member, space: Space) -> bool:
        """Whether whatever the member writes there waits for moderators."""
        settings = await self._repository.recall_trust_settings(space.community_id)
        return needs_review(member, space, settings.review_below)

    async def _readers(self, space: Space, person_ids: Sequence[str]) -> frozenset[str]:
        """Those of them who can read the space. Refuses with UNAVAILABLE."""
        return await readers_of(self._directory_or_refuse(), space, person_ids)

    async def _members(self, community_id: str, person_ids: Sequence[str]) -> frozenset[str]:
        """Those of them who are members now. Refuses with UNAVAILABLE."""
        found = await memberships_of(self._directory_or_refuse(), community_id, person_ids)
        return frozenset(one.person_id for one in found)

    def _directory_or_refuse(self) -> DirectoryServiceAsyncStub:
        if self._people is None:
            raise UnavailableError("nobody says who is a member")
        return self._people

    async def _audience_of(
        self, community_id: str, label: int, names: Sequence[str], find: Find | None = None
    ) -> tuple[Audience, tuple[str, ...]]:
        """Whom a request names, checked. Refuses with FIELD_INVALID, UNAVAILABLE."""
        audience = enums.audience(label)
        checked = check_audience(audience, names)
        if audience is Audience.GROUPS:
            former = await find() if find is not None else ()
            named = {name for one in former for name in one.audience_names}
            if new := [name for name in checked if name not in named]:
                await self._check_groups(community_id, new)
        return audience, checked

    async def _new_audience(
        self, community_id: str, label: int, names: Sequence[str], find: Find
    ) -> tuple[Audience, tuple[str, ...]] | None:
        """As _audience_of; None: it stays as it is. A group that what is found names may stay,
        though it is archived by now.
        """
        if label:
            return await self._audience_of(community_id, label, names, find)
        if names:
            raise FieldInvalidError("audience_names go with audience", field="audience_names")
        return None

    async def _check_groups(self, community_id: str, group_ids: Sequence[str]) -> None:
        if self._groups is None:
            raise UnavailableError("nobody says which groups there are")
        request = groups_pb2.BatchGetGroupsRequest(community_id=community_id, group_ids=group_ids)
        found = (await self._groups.BatchGetGroups(request)).groups
        active = {one.id for one in found if one.state == groups_pb2.GROUP_STATE_ACTIVE}
        if not active.issuperset(group_ids):
            field = "audience_names"
            raise FieldInvalidError(f"{field} must be active groups of the community", field=field)

    async def _pace(self, member: Member, community_id: str) -> Pace | None:
        """What the member posted lately and how much they may; None: they may at will."""
        if member.moderator or not self._posting_limits:
            return None
        poster, settings = await asyncio.gather(
            self._repository.get_poster(community_id, member.person_id),
            self._repository.recall_trust_settings(community_id),
        )
        return Pace(
            poster,
            limits_of(member, settings.posting_limits),
            mention_limits_of(member, settings.mention_limits).a_day,
        )

    def _posting(
        self,
        pace: Pace | None,
        post: Callable[[Poster, Limits, datetime], Poster],
        community_id: str,
        person_id: str,
        post_id: str,
        references: References,
        now: Moment,
    ) -> list[Write]:
        """To be stored with the post, so that the next one knows.

        Refuses with POSTING_TOO_FAST, MENTION_LIMIT_REACHED.
        """
        if pace is None:
            return []
        after = pace.post(post, len(references.mentioned_ids), now.time)
        return [self._repository.new_posting(community_id, person_id, post_id, after, now.time)]

    def _mentioning(
        self,
        pace: Pace | None,
        post: Topic | Reply,
        waiting: HeldEdit | None,
        references: References,
        member: Member,
        now: Moment,
    ) -> list[Write]:
        """As _posting, for an edit that mentions more people than the post, or one that waits."""
        before = [post.references]
        if waiting is not None and waiting.pending:
            before.append(waiting.references)
        people = added_mentions(references, *before)
        if pace is None or not people:
            return []
        after = pace.edit(people, now.time)
        return [
            self._repository.new_posting(
                post.community_id, member.person_id, now.new_id(), after, now.time
            )
        ]

    async def _check_poll(self, topic: Topic, publish_time: datetime) -> None:
        """What goes out with a poll asks something. Refuses with POLL_CLOSED."""
        poll = await self._repository.find_poll(topic.community_id, topic.id)
        if poll is not None and not poll.removed and poll.closed(publish_time):
            raise PollClosedError("the topic's poll would be closed by then: ask it anew")

    async def _change(
        self,
        actor: Actor,
        request: Message,
        member: Member,
        topic: Topic,
        change: Callable[[Seen[Topic], Topic], Outcome],
        answer: Callable[[Outcome, int], A],
        *parts: PartRef[Any],
        along: Sequence[Ref[Any]] = (),
    ) -> A:
        """Decide on the topic as it is then; `topic`, one the member can see, says which."""

        linked = await self._repository.find_visible_topic_ids(
            topic.community_id, topic.links, member.keyring
        )

        def decide(seen: Seen[Topic]) -> Decision[Topic, A]:
            outcome = change(seen, visible(seen.state, member, topic))
            return replace(outcome, linked=outcome.linked | linked).decision(seen, answer)

        ref = self._repository.topics.ref(topic.community_id, topic.id).having(*parts)
        ref = ref.along(*along)
        return await self._commands.run(actor, request, ref, decide)


def visible(topic: Topic | None, member: Member, found: Topic) -> Topic:
    """The topic as it is now; `found`, in a space the member can read, is how it was before.

    Refuses with TOPIC_NOT_FOUND, and with VERSION_STALE where it was moved to another space
    meanwhile: whether the member can read that one, nobody has asked.
    """
    if topic is None or not topic.visible(member.keyring):
        raise TopicNotFoundError(field="topic_id")
    if topic.space_id != found.space_id:
        raise VersionStaleError("the topic has just changed: read it again")
    return topic


def visible_reply(reply: Reply | None, topic: Topic, member: Member) -> Reply:
    """The reply of a topic the member can see. Refuses with REPLY_NOT_FOUND."""
    if reply is None or reply.topic_id != topic.id:
        raise ReplyNotFoundError(field="reply_id")
    if not reply.published and not opens(reply.read_keys, member.keyring):
        raise ReplyNotFoundError(field="reply_id")
    return reply

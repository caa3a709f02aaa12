"""What use cases of announcements share: the directory's audiences, and a change of one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from google.protobuf.message import Message

from chassis.actors import MANAGER, Actor
from chassis.commands import Commands
from chassis.decisions import Decision, PartRef, Seen, Write
from chassis.errors import FieldInvalidError, check_version
from guildhall.directory.v1 import directory_pb2
from guildhall.forum.v1 import announcements_pb2 as pb
from services.forum.converters.announcements.messages import announcement_to_proto
from services.forum.domain.announcements.announcement import (
    Announcement,
    AnnouncementNotFoundError,
    Translation,
)
from services.forum.domain.announcements.audiences import AudienceMember, AudienceRule, Reader
from services.forum.domain.announcements.channels import Channel
from services.forum.domain.announcements.copies import Copy
from services.forum.domain.members import opens
from services.forum.repository import ForumRepository
from services.forum.use_cases.base import UseCases

if TYPE_CHECKING:
    from guildhall.directory.v1.directory_pb2_grpc import DirectoryServiceAsyncStub
    from guildhall.directory.v1.groups_pb2_grpc import GroupServiceAsyncStub
    from guildhall.moderation.v1.moderation_pb2_grpc import ModerationServiceAsyncStub

A = TypeVar("A", bound=Message)

PAGE = 5000  # members that the directory looks at in one call
_PAGE_TIMEOUT = 5.0  # seconds: a page is 400 KB


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of an announcement; without events it is as it was."""

    announcement: Announcement
    events: Sequence[Message] = ()
    writes: Sequence[Write] = ()
    translation: Translation | None = None  # one that is new


def shown(made: Change) -> pb.Announcement:
    """As its manager is answered."""
    copy = Copy(made.announcement, for_manager=True)
    return announcement_to_proto(copy, made.announcement.create_time)


class AnnouncementsBase(UseCases):
    """The parts that use cases of announcements are made of."""

    def __init__(
        self,
        commands: Commands,
        repository: ForumRepository,
        moderation: ModerationServiceAsyncStub,
        directory: DirectoryServiceAsyncStub,
        groups: GroupServiceAsyncStub | None = None,
    ) -> None:
        super().__init__(commands, repository, moderation, groups=groups)
        self._directory = directory

    def _manager(self, actor: Actor, community_id: str) -> Reader:
        """Refuses with COMMUNITY_NOT_FOUND, ROLE_REQUIRED."""
        actor.require_role(community_id, MANAGER)
        return Reader.of(actor, community_id)

    async def _check_companies(self, community_id: str, rule: AudienceRule) -> None:
        """Those the rule names are or were in the community. Refuses with FIELD_INVALID."""
        if not rule.company_ids:
            return
        request = directory_pb2.BatchGetCompaniesRequest(
            community_id=community_id, company_ids=rule.company_ids
        )
        answer = await self._directory.BatchGetCompanies(request)
        if {one.id for one in answer.companies} != set(rule.company_ids):
            field = "audience_rule.company_ids"
            raise FieldInvalidError(f"{field} must be companies of the community", field=field)

    async def _audience(
        self, channel: Channel, rule: AudienceRule, page_token: str = ""
    ) -> AsyncIterator[tuple[list[AudienceMember], str]]:
        """Who may read the channel and fits the rule now: pages, with the next one's token."""
        clauses = [directory_pb2.AudienceClause(keys=keys) for keys in rule.clauses(channel)]
        while True:
            request = directory_pb2.ListAudienceRequest(
                community_id=channel.community_id,
                clauses=clauses,
                page_size=PAGE,
                page_token=page_token,
            )
            answer = await self._directory.ListAudience(request, timeout=_PAGE_TIMEOUT)
            page_token = answer.next_page_token
            people = [
                AudienceMember(one.person_id, one.company_id, one.time_zone)
                for one in answer.audience_members
            ]
            yield people, page_token
            if not page_token:
                return

    async def _change_announcement(
        self,
        actor: Actor,
        request: Message,
        reader: Reader,
        announcement: Announcement,
        change: Callable[[Seen[Announcement], Announcement], Change],
        answer: Callable[[Change], A],
        *parts: PartRef[Translation],
    ) -> A:
        """By a manager, on the announcement as it is then; `announcement` says which."""
        expected = getattr(request, "expected_version", 0)

        def decide(seen: Seen[Announcement]) -> Decision[Announcement, A]:
            state = seen.state
            if state is None or not opens(state.read_keys, reader.keys):
                raise AnnouncementNotFoundError
            check_version(state.version, expected)
            return decided(change(seen, state), answer)

        ref = self._repository.announcements.ref(announcement.community_id, announcement.id)
        return await self._commands.run(actor, request, ref.having(*parts), decide)


def decided(change: Change, answer: Callable[[Change], A]) -> Decision[Announcement, A]:
    """As the chassis stores it."""
    after, parts = change.announcement, []
    if (text := change.translation) is not None:
        parts = [ForumRepository.translation_ref(after, text.locale).put(text)]
    return Decision(after, lambda _: answer(change), change.events, parts, change.writes)

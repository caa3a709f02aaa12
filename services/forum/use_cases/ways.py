"""How posts go from one space to another: who would lose them, and who would gain them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chassis.decisions import Ref, Seen
from chassis.errors import NotFoundError
from guildhall.forum.v1.moves_pb2 import MergeTopicsRequest, MoveTopicRequest, SplitTopicRequest
from services.forum.domain import moves
from services.forum.domain.members import Member
from services.forum.domain.spaces import Space
from services.forum.domain.topics import Topic, TopicNotFoundError
from services.forum.repository import ForumRepository
from services.forum.use_cases.memberships import memberships_of

if TYPE_CHECKING:
    from guildhall.directory.v1.directory_pb2_grpc import DirectoryServiceAsyncStub

_ASKED_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Way:
    """Where something goes; from another space, walls may move until it is stored."""

    space: Space
    spaces: Sequence[Ref[Space]] = ()  # whence, and where to; none where it stays in its space
    author_keys: Sequence[Sequence[str]] | None = None  # None: nobody was to lose it when asked for
    even_if_author_cannot_read: bool = False
    even_if_others_could_read: bool = False

    def check(self, seen: Seen[Topic], member: Member, unseen: NotFoundError) -> Space:
        """The space as it is now. Refuses with TOPIC_NOT_FOUND, `unseen`, AUTHOR_CANNOT_READ,
        OTHERS_COULD_READ.
        """
        if not self.spaces:
            return self.space
        former, space = (seen.other(ref) for ref in self.spaces)
        if former is None or not former.readable(member.keyring):
            raise TopicNotFoundError(field="topic_id")
        if space is None or not space.readable(member.keyring):
            raise unseen
        if not self.even_if_author_cannot_read:
            moves.check_authors(former, space, self.author_keys)
        if not self.even_if_others_could_read:
            moves.check_no_others(former, space)
        return space


class Ways:
    """Asks what is to be known before anything goes."""

    def __init__(self, repository: ForumRepository, directory: DirectoryServiceAsyncStub) -> None:
        self._repository = repository
        self._directory = directory

    async def find(
        self,
        request: MoveTopicRequest | MergeTopicsRequest | SplitTopicRequest,
        topic: Topic,
        former: Space,
        space: Space,
        author_ids: Iterable[str] | None = None,
    ) -> Way:
        """From the topic's space, the former, to this one, for these authors; None: the topic's
        own and those of its replies. Refuses with UNAVAILABLE, AUTHOR_CANNOT_READ.
        """
        if topic.space_id == space.id:
            return Way(space)
        spaces = [self._repository.spaces.ref(one.community_id, one.id) for one in (former, space)]
        even, keys = request.even_if_author_cannot_read, None
        if not even and not space.open_to_all_of(former):
            keys = await self._author_keys(topic, author_ids)
        return Way(space, spaces, keys, even, request.even_if_others_could_read)

    async def _author_keys(
        self, topic: Topic, author_ids: Iterable[str] | None
    ) -> list[Sequence[str]]:
        """What they hold now."""
        if author_ids is None:
            found = await self._repository.find_reply_author_ids(topic, moves.MOST_LOOKED_AT)
            author_ids = moves.check_all_looked_at(found) | {topic.author.person_id}
        people = sorted(set(author_ids) - {""})
        keys: list[Sequence[str]] = []
        for start in range(0, len(people), _ASKED_AT_ONCE):
            some = people[start : start + _ASKED_AT_ONCE]
            members = await memberships_of(self._directory, topic.community_id, some)
            keys.extend(one.membership.keyring for one in members)
        return keys

"""What the directory hears of the forum: trust that members have earned.

Harmless twice: what was earned is there already.
"""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.empty_pb2 import Empty

from chassis.decisions import PLATFORM, Decision, Seen
from chassis.domain_events import Consequence, DomainEvent, Effect, Subscription
from guildhall.directory.v1 import domain_events_pb2 as events
from guildhall.forum.v1.domain_events_pb2 import TrustLevelReached
from services.directory.domain.person import Person
from services.directory.domain.refusals import PersonNotFoundError
from services.directory.repository import DirectoryRepository
from services.directory.use_cases.changes import DIRECTORY, Trail, change_person


class DirectoryConsumers:
    """Domain events of the forum."""

    def __init__(self, repository: DirectoryRepository) -> None:
        self._repository = repository

    def of_forum(self) -> Subscription:
        """What is heard of the forum."""
        return Subscription(
            "forum",
            {TrustLevelReached: self.on_trust_level_reached},
            aggregate_types=("standing",),
        )

    async def on_trust_level_reached(
        self, event: DomainEvent[TrustLevelReached]
    ) -> Iterable[Consequence]:
        """The membership has the level, unless somebody has fixed another by hand."""
        reached, community_id = event.message, event.community_id

        def decide(seen: Seen[Person]) -> Decision[Person, Empty]:
            if seen.state is None:
                raise PersonNotFoundError
            return change_person(
                seen,
                seen.state.earn(community_id, reached.level, reached.former_level),
                [events.MemberUpdated(person_id=reached.person_id, community_id=community_id)],
                lambda _, __: Empty(),
                Trail(DIRECTORY, "EarnTrustLevel"),
                platform=False,
            )

        return [Effect(self._repository.persons.ref(PLATFORM, reached.person_id), decide)]

"""What the directory hears, of the forum and of itself; one module a concern."""

from __future__ import annotations

from chassis.domain_events import Subscription
from services.directory.consumers.groups import GroupConsumers
from services.directory.consumers.trust import DirectoryConsumers
from services.directory.repository import DirectoryRepository

__all__ = ["DirectoryConsumers", "GroupConsumers", "subscriptions"]


def subscriptions(repository: DirectoryRepository) -> tuple[Subscription, ...]:
    """All of them."""
    return (
        DirectoryConsumers(repository).of_forum(),
        GroupConsumers(repository).of_directory(),
    )

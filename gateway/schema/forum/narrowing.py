"""What lists of topics are narrowed to and ordered by, in GraphQL."""

from __future__ import annotations

from typing import Annotated

import strawberry

from gateway.schema.forum.context_refs import ContextRefInput
from gateway.schema.forum.ideas import IdeaStatus
from gateway.schema.scalars import TopicKind, TopicOrder

Kinds = Annotated[
    list[TopicKind] | None, strawberry.argument(description="Of these kinds; by default of all.")
]
IdeaStatuses = Annotated[
    list[IdeaStatus] | None,
    strawberry.argument(description="Only ideas, and of those the ones with these statuses."),
]
Order = Annotated[
    TopicOrder,
    strawberry.argument(
        description="What comes first. By author, tag, unanswered or context only ACTIVITY goes."
    ),
]
Context = Annotated[
    ContextRefInput | None,
    strawberry.argument(description="About this object of another system only."),
]

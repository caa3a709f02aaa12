"""What topics are about in the programme, in GraphQL: objects of other systems."""

from __future__ import annotations

import strawberry

from guildhall.forum.v1 import forum_pb2


@strawberry.type(
    description="An object of another system that a topic is about: a deal, a course, a claim. It "
    "is a name, which whoever reads the topic sees; it opens nothing."
)
class ContextRef:
    """forum.ContextRef."""

    system: str = strawberry.field(description="The system it is in.")
    type: str = strawberry.field(description="What it is there.")
    external_id: str = strawberry.field(description="Its id there.")


@strawberry.input(description="An object of another system, as the portal names it.")
class ContextRefInput:
    """forum.ContextRef."""

    system: str = strawberry.field(
        description="The system it is in: 2 to 40 of a-z, 0-9 and inner hyphens."
    )
    type: str = strawberry.field(description="What it is there, likewise: deal, course, claim.")
    external_id: str = strawberry.field(
        description="Its id there, 1 to 128 printable characters, compared as they are."
    )


def context_ref(given: ContextRefInput) -> forum_pb2.ContextRef:
    """As the forum takes it."""
    return forum_pb2.ContextRef(system=given.system, type=given.type, external_id=given.external_id)

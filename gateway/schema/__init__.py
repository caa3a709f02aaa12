"""The schema's table of contents. A new domain adds its Query and Mutation bases here."""

from __future__ import annotations

import strawberry
from strawberry.schema.config import StrawberryConfig

from gateway.schema.directory import DirectoryQuery
from gateway.schema.forum import ForumQuery
from gateway.schema.forum_mutations import ReplyMutation, SpaceMutation, TopicMutation
from gateway.schema.imports import ImportMutation
from gateway.schema.scalars import SCALARS, attribute
from gateway.schema.viewer import ViewerMutation, ViewerQuery


@strawberry.type(description="What one can ask. Nothing but viewer is answered to nobody.")
class Query(ViewerQuery, DirectoryQuery, ForumQuery):
    """Reads."""


@strawberry.type(description="What one can do, one thing a request.")
class Mutation(ViewerMutation, SpaceMutation, TopicMutation, ReplyMutation, ImportMutation):
    """Writes."""


schema = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    config=StrawberryConfig(
        default_resolver=attribute,
        disable_field_suggestions=True,
        scalar_map=SCALARS,
    ),
)

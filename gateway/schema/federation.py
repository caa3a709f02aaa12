"""The schema as a Federation subgraph: what routers ask that join it with others' (ADR 11)."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Final, TypeAlias, Union

import strawberry
from graphql import (
    REMOVE,
    DirectiveNode,
    FieldDefinitionNode,
    GraphQLNamedType,
    Node,
    SchemaDefinitionNode,
    TypeDefinitionNode,
    Visitor,
    build_ast_schema,
    is_introspection_type,
    is_specified_scalar_type,
    parse,
    print_ast,
    print_type,
    visit,
)
from strawberry.federation.schema import FederationAny
from strawberry.federation.schema_directives import Key
from strawberry.federation.types import FieldSet
from strawberry.printer import print_schema

from gateway.context import Context, Info
from gateway.errors import BadUserInputError
from gateway.limits import COST, INTROSPECTION, SIZED_BY
from gateway.loaders import fill_each
from gateway.schema.relay import CommunityNode
from gateway.schema.viewer import find_nodes, node_id

VERSION: Final = "2.3"  # more than we need, and what every composition takes
_DIRECTIVES = {"key", "shareable"}  # what we say of our types to routers


@dataclass(frozen=True, slots=True)
class Representation:
    """An entity that a router knows by a key, and asks for."""

    at: str  # where it stands in the argument
    keys: Mapping[str, Any]


Find: TypeAlias = "Callable[[Context, str, Sequence[Representation]], Awaitable[Sequence[Any]]]"
"""The rows of one kind in their places: None where there is none, or the error of this one."""


async def find_by_id(context: Context, kind: str, asked: Sequence[Representation]) -> Sequence[Any]:
    """Entities whose key is their global id. Refuses with UNAUTHENTICATED."""
    return await find_nodes(
        context, [node_id(one.keys.get("id"), f"{one.at}.id", kind) for one in asked]
    )


def nodes() -> dict[type, Find]:
    """Whatever has a global id is an entity with that key."""
    return dict.fromkeys(CommunityNode.__subclasses__(), find_by_id)


class Subgraph(strawberry.federation.Schema):
    """A schema with entities; those that say nothing of a key have their id for one."""

    def __init__(
        self,
        query: type,
        entities: Mapping[type, Find],
        types: Sequence[type] = (),
        **others: Any,
    ) -> None:
        for kind in entities:
            definition = kind.__strawberry_definition__  # type: ignore[attr-defined]
            if not any(isinstance(one, Key) for one in definition.directives or ()):
                definition.directives = [*(definition.directives or ()), Key(fields=FieldSet("id"))]
        super().__init__(
            query=_with_entities(query, entities),
            types=[*types, *entities],
            scalar_overrides={FederationAny: _REPRESENTATION},
            federation_version=VERSION,
            **others,
        )

    @cached_property
    def sdl(self) -> str:
        """What routers compose."""
        return print_ast(visit(parse(print_schema(self)), _WithoutRouters()))

    def as_str(self) -> str:
        """What portals see: any tool for GraphQL reads it."""
        built = build_ast_schema(visit(parse(self.sdl), _WithoutDirectives()))
        names = sorted(name for name, kind in built.type_map.items() if _is_ours(kind))
        return "\n\n".join(print_type(built.type_map[name]) for name in names)


def _is_ours(kind: GraphQLNamedType) -> bool:
    return not (is_introspection_type(kind) or is_specified_scalar_type(kind))


_REPRESENTATION = strawberry.scalar(
    name="_Any",
    description="An object with __typename and the fields of one of its type's keys.",
    serialize=lambda value: value,
    parse_value=lambda value: value,
)


@strawberry.type(name="_Service", description="This schema, for routers.")
class _Service:
    """Federation's."""

    sdl: str = strawberry.field(description="With Federation's directives.")


def _with_entities(query: type, entities: Mapping[type, Find]) -> type:
    """The query type with what routers ask."""
    finds = {kind.__name__: find for kind, find in entities.items()}
    entity: Any = Annotated[
        Union[tuple(entities)],  # noqa: UP007 - of types that are known at run time
        strawberry.union("_Entity", description="What a router can ask for by a key."),
    ]
    description = query.__strawberry_definition__.description  # type: ignore[attr-defined]

    @strawberry.type(name="Query", description=description)
    class FederationQuery(query):  # type: ignore[misc]
        """What others ask, and what routers do."""

        @strawberry.field(
            name="_service",
            metadata={COST: INTROSPECTION},
            description="For routers: the schema to compose.",
        )
        def federation_service(self, info: Info) -> _Service:
            return _Service(sdl=info.schema.sdl)  # type: ignore[attr-defined]

        @strawberry.field(
            name="_entities",
            graphql_type=list[entity | None],
            metadata={SIZED_BY: "representations"},
            description="For routers: entities in the order asked for; null where there is none "
            "that one can see, with an error where it is no entity of ours. At most 100. "
            "Codes: BAD_USER_INPUT.",
        )
        async def federation_entities(
            self,
            info: Info,
            representations: Annotated[
                list[FederationAny],
                strawberry.argument(description="Of each its type, and one of its keys."),
            ],
        ) -> Any:
            return await _entities(info, finds, representations)

    return FederationQuery


async def _entities(info: Info, finds: Mapping[str, Find], asked: Sequence[Any]) -> list[Any]:
    entities: list[Any] = [None] * len(asked)
    places: dict[str, list[int]] = defaultdict(list)
    for place, keys in enumerate(asked):
        kind = keys.get("__typename") if isinstance(keys, dict) else None
        if isinstance(kind, str) and kind in finds:
            places[kind].append(place)
        else:
            field = f"representations.{place}"
            refusal = BadUserInputError(f"{field} has no __typename of an entity", field=field)
            entities[place] = refusal
    found = await asyncio.gather(
        *(
            finds[kind](
                info.context,
                kind,
                [Representation(f"representations.{place}", asked[place]) for place in some],
            )
            for kind, some in places.items()
        )
    )
    for some, rows in zip(places.values(), found, strict=True):
        for place, row in zip(some, rows, strict=True):
            entities[place] = row
    await fill_each(
        info,
        {
            kind: [row for row in rows if not isinstance(row, Exception)]
            for kind, rows in zip(places, found, strict=True)
        },
    )
    return entities


class _WithoutRouters(Visitor):
    """Leaves out what the executable schema has for routers only."""

    def enter(self, node: Node, *_: Any) -> Any:
        """Their names begin with an underscore."""
        if isinstance(node, TypeDefinitionNode | FieldDefinitionNode):
            return REMOVE if node.name.value.startswith("_") else None
        return None


class _WithoutDirectives(Visitor):
    """Leaves out what is said to routers."""

    def enter(self, node: Node, *_: Any) -> Any:
        """The schema's definition only links Federation."""
        if isinstance(node, SchemaDefinitionNode):
            return REMOVE
        if isinstance(node, DirectiveNode) and node.name.value in _DIRECTIVES:
            return REMOVE
        return None

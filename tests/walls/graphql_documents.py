"""Documents made from the SDL: everything about what one can see, and one for each root field."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, cast

from graphql import (
    FieldNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLUnionType,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    is_required_argument,
    parse,
    print_ast,
    visit,
)

from tests.integration.inputs import SCHEMA, Inputs
from tests.walls.oracle import Call
from tests.world import World

MUTATIONS = {**SCHEMA.mutation_type.fields} if SCHEMA.mutation_type else {}
QUERIES = {**SCHEMA.query_type.fields} if SCHEMA.query_type else {}
SUBSCRIPTIONS = {**SCHEMA.subscription_type.fields} if SCHEMA.subscription_type else {}
NODES = SCHEMA.get_possible_types(cast(GraphQLInterfaceType, SCHEMA.type_map["CommunityNode"]))
# What is told over sockets, not answered: tests/subscriptions has outsiders ask for all of it. And
# what no field answers.
_TOLD = {
    "Refusal",
    "Subscription",
    *(get_named_type(field.type).name for field in SUBSCRIPTIONS.values()),
}
_WRAPPERS = ("Connection", "Edge", "PageInfo")
_WORDS = ("", "question", '"A question"', "A question with an answer about grace")


def readable(world: World) -> dict[str, str]:
    """A global id of each kind of node that the members of that community know."""
    return {kind: id_ for kind, id_ in world.aurora.items() if "." not in kind}


class Fields:
    """Sees which fields of which types were asked for."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, str]] = set()

    def note(self, text: str) -> bool:
        """All of one document; whether there was a new one."""
        info = TypeInfo(SCHEMA)
        before, seen = len(self.seen), self.seen

        class See(Visitor):
            def enter_field(self, node: FieldNode, *_: Any) -> None:
                parent = info.get_parent_type()
                if parent is not None:
                    seen.add((parent.name, node.name.value))

        visit(parse(text), TypeInfoVisitor(info, See()))
        return len(seen) > before

    @staticmethod
    def all() -> set[tuple[str, str]]:
        """Those that there are; of what is asked by POST, and not of introspection."""
        return {
            (type_.name, name)
            for type_ in SCHEMA.type_map.values()
            if isinstance(type_, (GraphQLObjectType, GraphQLInterfaceType))
            and not type_.name.startswith("__")
            and type_.name not in _TOLD
            for name in type_.fields
        }


# -- selections


def leaves(type_: Any) -> str:
    """What needs no selection of its own."""
    names = [
        name
        for name, field in type_.fields.items()
        if not hasattr(get_named_type(field.type), "fields")
        and not isinstance(get_named_type(field.type), GraphQLUnionType)
        and not any(map(is_required_argument, field.args.values()))
    ]
    return " ".join(["__typename", *names])


def _arguments(name: str, field: GraphQLField, size: int) -> str:
    given = []
    if "first" in field.args:
        given.append(f"first: {size}")
    if "slug" in field.args:
        given.append('slug: "general"')
    if "option" in field.args:  # of a poll, by its place
        given.append("option: 0")
    known = ("slug", "option")
    required = [n for n, a in field.args.items() if is_required_argument(a) and n not in known]
    if required:
        raise AssertionError(f"{name} needs {required}: say here what is given")
    return f"({', '.join(given)})" if given else ""


def _composites(type_: Any) -> Iterator[tuple[str, GraphQLField]]:
    for name, field in type_.fields.items():
        named = get_named_type(field.type)
        if hasattr(named, "fields") or isinstance(named, GraphQLUnionType):
            yield name, field


def selections(type_: Any, hops: int, size: int = 10) -> Iterator[str]:
    """Selection sets that together ask for everything within so many hops."""
    if isinstance(type_, (GraphQLUnionType, GraphQLInterfaceType)):
        inside = leaves(type_) if isinstance(type_, GraphQLInterfaceType) else "__typename"
        for one in SCHEMA.get_possible_types(type_):
            for text in selections(one, hops, size):
                yield f"{inside} ... on {one.name} {{ {text} }}"
        return
    yield leaves(type_)
    wrapper = type_.name.endswith(_WRAPPERS)
    if not hops and not wrapper:
        return
    if wrapper:  # with all that is beside it
        beside = " ".join(
            f"{name} {{ {leaves(get_named_type(field.type))} }}"
            for name, field in _composites(type_)
            if name == "pageInfo"
        )
    else:
        beside = ""
    for name, field in _composites(type_):
        if name == "pageInfo":
            continue
        below = get_named_type(field.type)
        smaller = size if wrapper else max(2, size // 3)
        for text in selections(below, hops if wrapper else hops - 1, smaller):
            given = _arguments(name, field, size)
            yield f"{leaves(type_)} {beside} {name}{given} {{ {text} }}"


def variables(field: GraphQLField) -> tuple[str, str]:
    """How a field's arguments are declared, and how they are passed."""
    declared = ", ".join(_variable(name, argument) for name, argument in field.args.items())
    passed = ", ".join(f"{name}: ${name}" for name in field.args)
    return (f"({declared})", f"({passed})") if declared else ("", "")


def _variable(name: str, argument: GraphQLArgument) -> str:
    default = argument.default and argument.default.literal
    return f"${name}: {argument.type}" + (f" = {print_ast(default)}" if default else "")


def document(kind: str, name: str, field: GraphQLField, selection: str) -> str:
    """One operation with one root field."""
    declared, passed = variables(field)
    return f"{kind} {declared} {{ {name}{passed} {{ {selection} }} }}".replace(
        f"{kind}  {{", f"{kind} {{"
    )


# -- readings

# Roots whose second hop nothing else has, and fields of nodes whose third.
_DEEP = ("viewer", "trustSettings", "automations", "audiencePreview")
_DEEPER = (("Topic", "quoted"), ("Topic", "poll"))


@cache
def documents(*, whole: bool) -> tuple[tuple[str, str], ...]:
    """Root field, or the type of the node, and text: everything within two hops of each.

    Unless the whole is asked for only those with a field that none before them has, and the first
    of each root. What is behind a node does not depend on the way to it.
    """
    every = [
        (
            type_.name,
            f"query ($id: ID!) {{ communityNode(id: $id) "
            f"{{ __typename id ... on {type_.name} {{ {selection} }} }} }}",
        )
        for type_ in NODES
        for selection in selections(type_, 2)
    ]
    every += [
        (kind, f"query ($id: ID!) {{ communityNode(id: $id) {{ {inside} }} }}")
        for kind, name in _DEEPER
        for selection in selections(get_named_type(_field_of(kind, name).type), 2, 3)
        for inside in [f"__typename id ... on {kind} {{ {name} {{ {selection} }} }}"]
    ]
    every += [
        (name, document("query", name, field, selection))
        for name, field in QUERIES.items()
        if name != "communityNode"
        for selection in selections(get_named_type(field.type), 2 if name in _DEEP else 1)
    ]
    if whole:
        return tuple(every)
    fields, roots, kept = Fields(), set(), []
    for root, text in sorted(every, key=lambda one: len(one[1])):
        if fields.note(text) or root not in roots:
            roots.add(root)
            kept.append((root, text))
    return tuple(kept)


def _field_of(kind: str, name: str) -> GraphQLField:
    return cast("GraphQLField", cast("GraphQLObjectType", SCHEMA.type_map[kind]).fields[name])


def readings(world: World, *, whole: bool) -> Iterator[Call]:
    """Everything about what members of one community can see."""
    ids = readable(world)
    for root, text in documents(whole=whole):
        if root in ids:
            yield Call(f"communityNode {root}", {"query": text, "variables": {"id": ids[root]}})
        elif root in QUERIES:
            field = QUERIES[root]
            legal = Inputs(world, root, field).legal()
            for arguments in _asked(world, root, field, legal):
                yield Call(root, {"query": text, "variables": arguments})


def _asked(
    world: World, name: str, field: GraphQLField, legal: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    if "query" in field.args:
        for words in _WORDS:
            for sort in ("RELEVANCE", "NEWEST"):
                yield {"first": 20, "query": words, "sort": sort}
        return
    if "prefix" in field.args:
        yield from ({"prefix": words} for words in ("q", "a question", "Walls"))
        return
    if name == "community":
        yield {"id": world.aurora["Community"]}
        return
    yield legal
    if "last" in field.args:
        yield {**{key: value for key, value in legal.items() if key != "first"}, "last": 2}


def beside(type_: Any) -> str:
    """One selection with something of everything next to it."""
    if isinstance(type_, (GraphQLUnionType, GraphQLInterfaceType)):
        ids = [
            f"... on {one.name} {{ id }}"
            for one in SCHEMA.get_possible_types(type_)
            if "id" in one.fields
        ]
        return " ".join(["__typename", *ids])
    parts = [leaves(type_)]
    for name, field in _composites(type_):
        below = get_named_type(field.type)
        if isinstance(below, GraphQLUnionType) or name == "node":
            continue
        wrapped = type_.name.endswith(_WRAPPERS) and below not in NODES
        if wrapped or type_.name.endswith("Payload"):
            parts.append(f"{name}{_arguments(name, field, 3)} {{ {leaves(below)} }}")
    return " ".join(parts)

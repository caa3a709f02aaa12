"""Questions to every field of the SDL: pairs about hidden and missing, and readings."""

from __future__ import annotations

from collections.abc import Iterator
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

from gateway.cursors import decode_id, encode_id
from tests.integration.inputs import SCHEMA, At, Inputs, kind_of
from tests.walls.loot import NEVER, Hidden, Loot, spelled
from tests.walls.oracle import Call, Pair
from tests.world import World

MUTATIONS = {**SCHEMA.mutation_type.fields} if SCHEMA.mutation_type else {}
QUERIES = {**SCHEMA.query_type.fields} if SCHEMA.query_type else {}
NODES = [
    cast(GraphQLObjectType, type_)
    for type_ in SCHEMA.get_possible_types(cast(GraphQLInterfaceType, SCHEMA.type_map["CommunityNode"]))
]
_WRAPPERS = ("Connection", "Edge", "PageInfo")
_WORDS = ("", "question", '"A question"', "A question with an answer about grace")
# What else a field of a node is asked for; a cursor of somebody else's is no cursor of one's own.
_CURSORS = ("after", "before")


def readable(world: World) -> dict[str, str]:
    """A global id of each kind of node that the members of that community know."""
    return {kind: id_ for kind, id_ in world.aurora.items() if "." not in kind}


class Fields:
    """Sees which fields of which types were asked for."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, str]] = set()

    def note(self, text: str) -> None:
        """All of one document."""
        info = TypeInfo(SCHEMA)
        seen = self.seen

        class See(Visitor):
            def enter_field(self, node: FieldNode, *_: Any) -> None:
                parent = info.get_parent_type()
                if parent is not None:
                    seen.add((parent.name, node.name.value))

        visit(parse(text), TypeInfoVisitor(info, See()))

    @staticmethod
    def all() -> set[tuple[str, str]]:
        """Those that there are; of what operations are made of, not of introspection."""
        return {
            (type_.name, name)
            for type_ in SCHEMA.type_map.values()
            if isinstance(type_, (GraphQLObjectType, GraphQLInterfaceType))
            and not type_.name.startswith("__")
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
    required = [n for n, a in field.args.items() if is_required_argument(a) and n != "slug"]
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


def _variables(field: GraphQLField) -> tuple[str, str]:
    declared = ", ".join(_variable(name, argument) for name, argument in field.args.items())
    passed = ", ".join(f"{name}: ${name}" for name in field.args)
    return (f"({declared})", f"({passed})") if declared else ("", "")


def _variable(name: str, argument: GraphQLArgument) -> str:
    default = argument.default and argument.default.literal
    return f"${name}: {argument.type}" + (f" = {print_ast(default)}" if default else "")


def document(kind: str, name: str, field: GraphQLField, selection: str) -> str:
    """One operation with one root field."""
    declared, passed = _variables(field)
    return f"{kind} {declared} {{ {name}{passed} {{ {selection} }} }}".replace(
        f"{kind}  {{", f"{kind} {{"
    )


# -- readings


def readings(world: World, hops: int) -> Iterator[Call]:
    """Everything about what members of one community can see, so many hops from each node."""
    ids = readable(world)
    for type_ in NODES:
        if type_.name not in ids:
            continue
        for selection in selections(type_, hops):
            text = (
                f"query ($id: ID!) {{ communityNode(id: $id) "
                f"{{ __typename id ... on {type_.name} {{ {selection} }} }} }}"
            )
            body = {"query": text, "variables": {"id": ids[type_.name]}}
            yield Call(f"communityNode {type_.name}", body)
    for name, field in QUERIES.items():
        if name == "communityNode":
            continue
        legal = Inputs(world, name, field).legal()
        named = get_named_type(field.type)
        below = 0 if name == "search" else 1
        for arguments in _asked(world, name, field, legal):
            for selection in selections(named, below):
                text = document("query", name, field, selection)
                yield Call(name, {"query": text, "variables": arguments})


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


# -- pairs


def pairs(worlds: list[World], loot: Loot) -> Iterator[Pair]:
    """Everything hidden, in every argument of every field that could name it."""
    for operation, fields in (("query", QUERIES), ("mutation", MUTATIONS)):
        for name, field in fields.items():
            for home, world in enumerate(worlds):
                yield from _of_root(operation, name, field, world, loot, home)
    for type_ in NODES:
        for name, field in type_.fields.items():
            if field.args:
                for home, world in enumerate(worlds):
                    yield from _of_node(type_, name, field, world, loot, home)


def _of_root(
    operation: str, name: str, field: GraphQLField, world: World, loot: Loot, home: int
) -> Iterator[Pair]:
    inputs = Inputs(world, name, field)
    text = document(operation, name, field, _first(get_named_type(field.type)))

    def pair(
        why: str, at: At, hidden: Any, missing: Any, *, by_all: bool, nowhere: bool = False
    ) -> Pair:
        calls = []
        for value in (hidden, missing):
            arguments = inputs.with_value(at, why, value).arguments if at else inputs.legal()
            if "requestId" in arguments.get("input", ()) and at[-1:] != ("requestId",):
                arguments["input"]["requestId"] = "walls-hidden-or-not"
            if nowhere:  # at nothing that there is, so that nothing can come of it
                for (first, *rest), last in inputs.ids():
                    kind = kind_of(last, name)
                    target = arguments[first] if rest else arguments
                    target[last] = spelled(kind, decode_id(world.aurora["Community"], "").id, NEVER, NEVER)
            told = (value[0] if isinstance(value, list) else value) or ""
            body = {"query": text, "variables": arguments}
            calls.append(Call(name, body, sent=(told, *_within(told))))
        return Pair(f"{name}: {'.'.join(map(str, at))} {why}", *calls, home, by_all, str(at[-1]) if at else "")

    for at, last in inputs.ids():
        kinds = ["Topic"] if last == "id" and name == "communityNode" else [kind_of(last, name)]
        if name == "communityNode":
            kinds = [type_.name for type_ in NODES]
        for kind in kinds:
            others = {"Member": ("Person",), "Person": ("Member",)}.get(kind, ())
            for number, thing in enumerate(t for k in (kind, *others) for t in loot.of(k)):
                many = last.endswith("s") and last != "id"
                for hidden, missing in _ids(thing, world):
                    values = ([hidden], [missing]) if many else (hidden, missing)
                    yield pair(f"is {thing.what}", at, *values, by_all=number == 0)
    writes = operation == "mutation"
    for at, last in _texts(field):
        texts = [loot.used] if last == "requestId" else loot.texts.get(last, ())
        for told in texts:
            twin = f"used-{'0' * 36}" if last == "requestId" else loot.twin(told)
            values = ([told], [twin]) if last == "tags" else (told, twin)
            yield pair("is a hidden thing's", at, *values, by_all=False, nowhere=writes)
    if writes and not field.args:
        yield pair("has no arguments", (), None, None, by_all=True)
    elif writes and not list(inputs.ids()):
        yield pair("is asked for", (), None, None, by_all=True)
    if operation == "query" and "after" in field.args and loot.cursors:
        for cursor in loot.cursors:
            yield pair("is an insider's", ("after",), cursor, _scrambled(cursor), by_all=True)


def _first(type_: Any) -> str:
    """One selection with something of everything next to it."""
    if isinstance(type_, (GraphQLUnionType, GraphQLInterfaceType)):
        return " ".join(
            ["__typename", *(f"... on {one.name} {{ id }}" for one in SCHEMA.get_possible_types(type_)
                             if "id" in one.fields)]
        )  # fmt: skip
    parts = [leaves(type_)]
    for name, field in _composites(type_):
        below = get_named_type(field.type)
        if isinstance(below, GraphQLUnionType) or name == "node":
            continue
        if type_.name.endswith(("Payload", *_WRAPPERS)) and below not in SCHEMA.get_possible_types(
            cast(GraphQLInterfaceType, SCHEMA.type_map["CommunityNode"])
        ) or type_.name.endswith("Payload"):
            parts.append(f"{name}{_arguments(name, field, 3)} {{ {leaves(below)} }}")
    return " ".join(parts)


def _texts(field: GraphQLField) -> Iterator[tuple[At, str]]:
    for name, argument in field.args.items():
        named = get_named_type(argument.type)
        if named.name == "String":
            yield (name,), name
        for inner, its in getattr(named, "fields", {}).items():
            if get_named_type(its.type).name in ("String", "Markdown"):
                yield (name, inner), inner
            for third in getattr(get_named_type(its.type), "fields", {}):
                if not str(its.type).startswith("["):
                    yield (name, inner, third), third


def _ids(thing: Hidden, world: World) -> Iterator[tuple[str, str]]:
    """As it is, and said to be at home."""
    yield thing.global_id, thing.missing_id
    if thing.kind == "Community":
        yield thing.global_id, encode_id("Community", NEVER, NEVER)
    elif thing.kind not in ("Person", "Company") and not thing.known:
        at_home = decode_id(world.aurora["Community"], "id").id
        topic = thing.topic
        if at_home != thing.community:
            yield (
                spelled(thing.kind, at_home, thing.id, topic),
                spelled(thing.kind, at_home, NEVER, topic),
            )


def _within(global_id: str) -> tuple[str, ...]:
    """The ids that one can read out of an id."""
    try:
        found = decode_id(global_id, "id")
    except Exception:
        return ()
    return (found.id,)


def _of_node(
    type_: GraphQLObjectType,
    name: str,
    field: GraphQLField,
    world: World,
    loot: Loot,
    home: int,
) -> Iterator[Pair]:
    """Arguments of fields of what one can see."""
    ids = readable(world)
    if type_.name not in ids:
        return
    values: list[tuple[str, str, str, str]] = []  # argument, why, hidden, missing
    for argument in field.args:
        kind = kind_of(argument)
        if get_named_type(field.args[argument].type).name == "ID":
            values += [
                (argument, thing.what, thing.global_id, thing.missing_id) for thing in loot.of(kind)
            ]
        for told in loot.texts.get(argument, ()):
            values.append((argument, "a hidden thing's", told, loot.twin(told)))
        if argument == "after":
            values += [
                (argument, "an insider's", cursor, _scrambled(cursor)) for cursor in loot.cursors
            ]
    declared, passed = _variables(field)
    text = (
        f"query {declared.replace('(', '($node: ID!, ', 1)} {{ communityNode(id: $node) {{ "
        f"... on {type_.name} {{ {name}{passed} {{ {_first(get_named_type(field.type))} }} }} }} }}"
    )
    for argument, why, hidden, missing in values:
        calls = []
        for value in (hidden, missing):
            given: dict[str, Any] = {"node": ids[type_.name], argument: value}
            if "first" in field.args:
                given["first"] = 10
            body = {"query": text, "variables": given}
            calls.append(Call(f"{type_.name}.{name}", body, sent=(value, *_within(value))))
        yield Pair(f"{type_.name}.{name}: {argument} is {why}", *calls, home, field=argument)


def _scrambled(cursor: str) -> str:
    """The shape of a cursor, signed by nobody."""
    return ("A" if cursor[0] != "A" else "B") + cursor[1:]

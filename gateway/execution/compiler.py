"""Turns what is selected below a field into one Python function that builds its part of the answer.

Only what needs no waiting is compiled: attributes, methods of the row alone, and what `fill` has
fetched. The function raises, whatever it meets that it was not made for; the library's own
executor then does the same part again and says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import GeneratorType
from typing import Any, TypeAlias, cast

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from graphql import (
    FieldNode,
    GraphQLAbstractType,
    GraphQLEnumType,
    GraphQLField,
    GraphQLLeafType,
    GraphQLList,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    Undefined,
    get_nullable_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_object_type,
)
from strawberry.types.field import StrawberryField

from gateway.execution.selections import Selected, Selections
from gateway.loaders import Embedded, Fetch, Listing, Reference, fetch_of
from gateway.schema.scalars import attribute, write_timestamp

Complete: TypeAlias = Callable[[Any, "GraphQLResolveInfo[Any]"], Any]

# What a leaf gives back unchanged, as the library would.
_UNCHANGED = {
    "String": "type({v}) is str",
    "ID": "type({v}) is str",
    "Markdown": "type({v}) is str",
    "Html": "type({v}) is str",
    "Boolean": "type({v}) is bool",
    "Int": "type({v}) is int and -2147483648 <= {v} <= 2147483647",
    "Float": "type({v}) is float and {v} - {v} == 0",
}
# Which of protobuf's types can be nothing else.
_TEXT, _SMALL = FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_INT32
_VOUCHED = {
    **dict.fromkeys(("String", "ID", "Markdown", "Html"), (_TEXT,)),
    "Boolean": (FieldDescriptor.TYPE_BOOL,),
    "Int": (_SMALL,),
}
_MOST_LINES = 2_000


class NotCompiledError(Exception):
    """Something else than what the function was made for."""


class _CannotCompileError(Exception):
    """Somewhere below is a field that may wait."""


def compiled(
    selections: Selections, kind: GraphQLOutputType, nodes: Sequence[FieldNode]
) -> Complete | None:
    """The function for values of this type, as these nodes ask for them; None: it may wait."""
    compiler = _Compiler(selections)
    try:
        name = compiler.value(kind, nodes)
    except _CannotCompileError:
        return None
    return cast("Complete", compiler.load()[name])


class _Compiler:
    """Writes functions `name(v, i)` of a value and the field's info, the innermost first."""

    def __init__(self, selections: Selections) -> None:
        self._selections = selections
        self._names: dict[str, Any] = {
            "Wrong": NotCompiledError,
            "PLAIN": _PLAIN,
            "plain": _plain,
            "LISTS": _LISTS,
            "a_list": _a_list,
            "OURS": _OURS,
            "ours": _ours,
            "Timestamp": Timestamp,
            "time": write_timestamp,
        }
        self._source: list[str] = []
        self._made: dict[tuple[str, tuple[int, ...]], str] = {}
        self._choices: list[tuple[dict[str, Any], dict[str, str]]] = []

    def load(self) -> dict[str, Any]:
        """The functions by name."""
        code = compile("\n".join(self._source), "<operation>", "exec")
        exec(code, self._names)  # noqa: S102 - our own words, and names that GraphQL allows
        for functions, made in self._choices:
            functions.update({kind: self._names[name] for kind, name in made.items()})
        return self._names

    def value(self, kind: GraphQLOutputType, nodes: Sequence[FieldNode]) -> str:
        """The function for values of this type."""
        key = (str(kind), tuple(map(id, nodes)))
        if key not in self._made:
            self._made[key] = self._value(kind, nodes)
        return self._made[key]

    def _value(self, kind: GraphQLOutputType, nodes: Sequence[FieldNode]) -> str:
        inner = get_nullable_type(kind)
        nulled = "return None" if inner is kind else "raise Wrong"
        if is_list_type(inner):
            body = self._list(inner, nodes)
        elif is_leaf_type(inner):
            body = self._leaf(inner)
        elif is_object_type(inner):
            body = self._object(inner, nodes)
        elif is_abstract_type(inner):
            body = self._abstract(inner, nodes)
        else:
            raise _CannotCompileError
        if len(self._source) > _MOST_LINES:
            raise _CannotCompileError
        name = self._name("f", None)
        lines = [f"if v is None: {nulled}", *body]
        self._source += [f"def {name}(v, i):", *(f"    {line}" for line in lines)]
        return name

    def _name(self, letter: str, value: Any) -> str:
        name = f"{letter}{len(self._names)}"
        self._names[name] = value
        return name

    def _leaf(self, kind: GraphQLLeafType) -> list[str]:
        coerce = self._name("c", kind.coerce_output_value)
        lines = [_CHECK, f"w = {coerce}(v)", "if not (PLAIN.get(type(w)) or plain(w)): raise Wrong"]
        lines.append("if w is None: raise Wrong")
        if isinstance(kind, GraphQLEnumType):
            lines.append(f"if type(v) is int: {self._known(kind)}[v] = w")
        return [*lines, "return w"]

    def _known(self, kind: GraphQLEnumType) -> str:
        """The dict of an enum's numbers and names, as they were found; its own and no other's."""
        name = f"k_{kind.name}"
        self._names.setdefault(name, {})
        return name

    def _list(self, kind: GraphQLList[Any], nodes: Sequence[FieldNode]) -> list[str]:
        item = self._shown("x", "x", kind.of_type, nodes)
        return [
            "if not (LISTS.get(type(v)) or a_list(v)): raise Wrong",
            f"return [{item} for x in v]",
        ]

    def _shown(
        self, value: str, again: str, kind: GraphQLOutputType, nodes: Sequence[FieldNode]
    ) -> str:
        """An expression of what is shown for a value: leaves that need no change cost no call.

        `again` is the value where they do.
        """
        call = f"{self.value(kind, nodes)}({again}, i)"
        inner = get_nullable_type(kind)
        if isinstance(inner, GraphQLEnumType):
            known = self._known(inner)
            return f"({known}[{value}] if type({value}) is int and {value} in {known} else {call})"
        if is_leaf_type(inner) and inner.name == "DateTime":
            return f"(time({value}) if type({value}) is Timestamp else {call})"
        test = _UNCHANGED.get(inner.name) if is_leaf_type(inner) else None
        return call if test is None else f"({value} if {test.format(v=value)} else {call})"

    def _object(self, kind: GraphQLObjectType, nodes: Sequence[FieldNode]) -> list[str]:
        message = message_of(kind)
        if message is not None:
            lines = [f"if type(v) is not {self._name('t', message)}: raise Wrong"]
        elif kind.is_type_of is not None:
            is_of = f"{self._name('t', kind.is_type_of)}(v, i)"
            lines = [_CHECK, f"if {is_of} is not True: raise Wrong"]
        else:
            lines = [_CHECK]
        entries = []
        for place, selected in enumerate(self._selections.below(kind, nodes)):
            if selected.definition is None:
                if selected.nodes[0].name.value != "__typename":
                    raise _CannotCompileError
                entries.append(f"{selected.name!r}: {kind.name!r}")
                continue
            value = f"v{place}"
            if (sure := self._sure(selected.definition, message)) is not None:
                entries.append(f"{selected.name!r}: {sure}")
                continue
            found, again = self._found(selected, selected.definition, value, message)
            lines.append(found)
            shown = self._shown(value, again or value, selected.definition.type, selected.nodes)
            entries.append(f"{selected.name!r}: {shown}")
        for table in ("rows", "made"):
            if any(f"{table}[" in line for line in lines):
                lines.insert(1, f"{table} = i.context.tables.{table}")
        return [*lines, f"return {{{', '.join(entries)}}}"]

    def _sure(self, definition: GraphQLField, message: type | None) -> str | None:
        """An expression of a leaf that protobuf vouches for: it needs no look at its type."""
        ours: StrawberryField | None = definition.extensions.get("strawberry-definition")
        if message is None or ours is None or ours.base_resolver is not None:
            return None
        if ours.extensions or ours.permission_classes or ours.default_resolver is not attribute:
            return None
        kind = get_nullable_type(definition.type)
        of = get_nullable_type(kind.of_type) if is_list_type(kind) else kind
        field = message.DESCRIPTOR.fields_by_name.get(ours.python_name)  # type: ignore[attr-defined]
        if field is None or field.is_repeated is not is_list_type(kind) or not is_leaf_type(of):
            return None
        if field.type not in _VOUCHED.get(of.name, ()):
            return None
        return f"list(v.{ours.python_name})" if field.is_repeated else f"v.{ours.python_name}"

    def _abstract(self, kind: GraphQLAbstractType, nodes: Sequence[FieldNode]) -> list[str]:
        if kind.resolve_type is None:
            raise _CannotCompileError
        functions: dict[str, Any] = {}
        types = self._selections.schema.get_possible_types(kind)
        self._choices.append((functions, {one.name: self.value(one, nodes) for one in types}))
        resolve, of = self._name("r", kind.resolve_type), self._name("a", kind)
        return [_CHECK, f"return {self._name('n', functions)}[{resolve}(v, i, {of})](v, i)"]

    def _found(
        self, selected: Selected, definition: GraphQLField, to: str, message: type | None
    ) -> tuple[str, str]:
        """Lines that assign what the field's resolver would give for the row v.

        They may be short of it where the value is a leaf that needs change; then there is an
        expression, too, which is not.
        """
        ours: StrawberryField | None = definition.extensions.get("strawberry-definition")
        if ours is None or ours.extensions or ours.permission_classes:
            raise _CannotCompileError
        if (fetch := fetch_of(definition)) is not None:
            return f"{to} = {self._fetched(fetch, selected)}", ""
        if definition.args:
            raise _CannotCompileError
        if ours.base_resolver is None:
            return self._attribute(ours, definition, to, message)
        if ours.is_async or ours.base_resolver.info_parameter is not None:
            raise _CannotCompileError
        return f"{to} = {self._name('m', ours.base_resolver.wrapped_func)}(v)", ""

    def _fetched(self, fetch: Fetch, selected: Selected) -> str:
        """What `read` gives, in fewer calls where a page has many of them."""
        if isinstance(fetch, Embedded):
            make = self._name("e", fetch.make)
            return f"m[1] if (m := made[{make}].get(id(v))) is not None else {make}(v)"
        if isinstance(fetch, Reference) and fetch.show is None:
            key, batch = self._name("e", fetch.key), self._name("b", fetch.batch)
            return f"None if (k := {key}(v)) is None else rows[{batch}][k]"
        node = f", {id(selected.nodes[0])}" if isinstance(fetch, Listing) else ""
        return f"{self._name('e', fetch.find)}(i.context.tables, v{node})"

    def _attribute(
        self, ours: StrawberryField, definition: GraphQLField, to: str, message: type | None
    ) -> tuple[str, str]:
        full = f"{self._name('g', ours.default_resolver)}(v, {ours.python_name!r})"
        inner = get_nullable_type(definition.type)
        plain = f"v.{ours.python_name}"
        if ours.default_resolver is not attribute:
            return f"{to} = {full}", ""
        if is_list_type(inner):  # no list is a message
            return f"{to} = {plain}", ""
        if message is not None and _has_presence(message, ours.python_name):
            return f"{to} = {plain} if v.HasField({ours.python_name!r}) else None", ""
        if isinstance(inner, GraphQLEnumType) or (is_leaf_type(inner) and inner.name in _UNCHANGED):
            return f"{to} = {plain}", full
        return f"{to} = {plain} if OURS.get(type(v)) or ours(v) else {full}", ""


_CHECK = "if not (PLAIN.get(type(v)) or plain(v)): raise Wrong"

_PLAIN: dict[type, bool] = {}
"""Whether values of a type are neither waited for nor raised."""

_LISTS: dict[type, bool] = {}
"""Whether values of a type are gone through as lists are."""


_OURS: dict[type, bool] = {}
"""Whether rows of a type are no messages, so that their attributes are what they seem."""


def message_of(kind: GraphQLObjectType) -> type | None:
    """The message that all rows of a type are, where they are."""
    definition = kind.extensions.get("strawberry-definition")
    message = getattr(getattr(definition, "origin", None), "message", None)
    return message if isinstance(message, type) else None  # a field may have that name too


def _has_presence(message: Any, name: str) -> bool:
    """Whether the message has a message of this name, which may not be there."""
    field = message.DESCRIPTOR.fields_by_name.get(name)
    return field is not None and field.message_type is not None and not field.is_repeated


def _plain(value: Any) -> bool:
    kind = type(value)
    _PLAIN[kind] = not (
        value is Undefined
        or issubclass(kind, BaseException | GeneratorType)
        or hasattr(kind, "__await__")
    )
    return _PLAIN[kind]


def _ours(row: Any) -> bool:
    kind = type(row)
    _OURS[kind] = not issubclass(kind, Message)
    return _OURS[kind]


def _a_list(value: Any) -> bool:
    kind = type(value)
    _LISTS[kind] = issubclass(kind, Sequence) and not issubclass(kind, str | bytes | bytearray)
    return _LISTS[kind]

"""Turns what is selected below a field into one Python function that builds its part of the answer.

Only what needs no waiting is compiled: attributes, methods of the row alone, and what `fill` has
fetched. The function raises, whatever it meets that it was not made for; the library's own
executor then does the same part again and says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, cast

from google.protobuf.descriptor import FieldDescriptor
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
    get_nullable_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_object_type,
)
from strawberry.types.field import StrawberryField

from gateway.execution.kinds import KINDS, LISTS, OURS, has_presence, is_list, kind_of, message_of
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
_CHECK = "if not (KINDS.get(type({v})) or kind_of({v})): raise Wrong"
_MOST_LINES = 2_000
# Of one function; what is below has functions of its own. Python nests no more than 20 loops.
_MOST_INLINE, _MOST_LOOPS = 200, 12


class NotCompiledError(Exception):
    """Something else than what the function was made for."""


class _CannotCompileError(Exception):
    """Somewhere below is a field that may wait."""


def _wrong() -> None:
    raise NotCompiledError


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


class _Body:
    """The lines of one function, and what is looked up once before them."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.depth = 1
        self.loops = 0
        self._before: dict[str, str] = {}

    def put(self, *lines: str) -> None:
        """As deep as it is now."""
        self.lines += ["    " * self.depth + line for line in lines]

    def once(self, name: str, value: str) -> str:
        """The name of what is the same for all rows."""
        self._before.setdefault(name, f"    {name} = {value}")
        return name

    def source(self, name: str, result: str) -> list[str]:
        """The whole function."""
        before = self._before.values()
        return [f"def {name}(v, i):", *before, *self.lines, f"    return {result}"]


class _Compiler:
    """Writes functions `name(v, i)` of a value and the field's info, the innermost first.

    What is below a value stands in the same function, mostly: a call costs as much as a field.
    """

    def __init__(self, selections: Selections) -> None:
        self._selections = selections
        self._names: dict[str, Any] = {
            "Wrong": NotCompiledError,
            "wrong": _wrong,
            "attribute": attribute,
            "KINDS": KINDS,
            "kind_of": kind_of,
            "LISTS": LISTS,
            "a_list": is_list,
            "Timestamp": Timestamp,
            "time": write_timestamp,
        }
        self._source: list[str] = []
        self._made: dict[tuple[str, tuple[int, ...]], str] = {}
        self._choices: list[tuple[dict[Any, Any], dict[Any, str]]] = []
        self._functions: dict[Callable[..., Any], str] = {}

    def load(self) -> dict[str, Any]:
        """The functions by name."""
        source = self._selections.compiled("\n".join(self._source))
        code = compile(source, "<operation>", "exec")
        exec(code, self._names)  # noqa: S102 - our own words, and names that GraphQL allows
        for functions, made in self._choices:
            functions.update({kind: self._names[name] for kind, name in made.items()})
        return self._names

    def value(self, kind: GraphQLOutputType, nodes: Sequence[FieldNode]) -> str:
        """The function for values of this type."""
        key = (str(kind), tuple(map(id, nodes)))
        if key not in self._made:
            body = _Body()
            if is_leaf_type(inner := get_nullable_type(kind)):
                body.put(f"if v is None: {'return None' if inner is kind else 'raise Wrong'}")
                result = self._coerced(body, inner)
            else:
                result = self._completed(body, kind, nodes, "v")
            name = self._name("f", None)
            self._source += body.source(name, result)
            if len(self._source) > _MOST_LINES:
                raise _CannotCompileError
            self._made[key] = name
        return self._made[key]

    def _name(self, letter: str, value: Any) -> str:
        name = f"{letter}{len(self._names)}"
        self._names[name] = value
        return name

    def _completed(
        self, body: _Body, kind: GraphQLOutputType, nodes: Sequence[FieldNode], value: str
    ) -> str:
        """Lines that look at the value of this name, and an expression of what is shown for it."""
        if value != "v" and (len(body.lines) > _MOST_INLINE or body.loops >= _MOST_LOOPS):
            return f"{self.value(kind, nodes)}({value}, i)"
        inner = get_nullable_type(kind)
        if inner is not kind:
            if not is_object_type(inner):  # whose rows are no None
                body.put(f"if {value} is None: raise Wrong")
            return self._present(body, inner, nodes, value)
        shown = self._name("s", None)
        body.put(f"if {value} is None: {shown} = None", "else:")
        body.depth += 1
        body.put(f"{shown} = {self._present(body, inner, nodes, value)}")
        body.depth -= 1
        return shown

    def _present(self, body: _Body, kind: Any, nodes: Sequence[FieldNode], value: str) -> str:
        if is_list_type(kind):
            return self._list(body, kind, nodes, value)
        if is_object_type(kind):
            return self._object(body, kind, nodes, value)
        if is_abstract_type(kind):
            return self._abstract(body, kind, nodes, value)
        raise _CannotCompileError

    def _coerced(self, body: _Body, kind: GraphQLLeafType) -> str:
        coerce = self._name("c", kind.coerce_output_value)
        body.put(_CHECK.format(v="v"), f"w = {coerce}(v)", _CHECK.format(v="w"))
        if isinstance(kind, GraphQLEnumType):
            body.put(f"if type(v) is int: {self._known(kind)}[v] = w")
        return "w"

    def _known(self, kind: GraphQLEnumType) -> str:
        """The dict of an enum's numbers and names, as they were found; its own and no other's."""
        name = f"k_{kind.name}"
        self._names.setdefault(name, {})
        return name

    def _list(
        self, body: _Body, kind: GraphQLList[Any], nodes: Sequence[FieldNode], value: str
    ) -> str:
        body.put(f"if not (LISTS.get(type({value})) or a_list({value})): raise Wrong")
        if is_leaf_type(get_nullable_type(kind.of_type)):
            return f"[{self._leaf('x', 'x', kind.of_type, nodes)} for x in {value}]"
        shown, row = self._name("l", None), self._name("x", None)
        body.put(f"{shown} = []", f"for {row} in {value}:")
        body.depth += 1
        body.loops += 1
        body.put(f"{shown}.append({self._completed(body, kind.of_type, nodes, row)})")
        body.loops -= 1
        body.depth -= 1
        return shown

    def _leaf(
        self, value: str, again: str, kind: GraphQLOutputType, nodes: Sequence[FieldNode]
    ) -> str:
        """An expression of what is shown for a value: what needs no change costs no call.

        `again` is the value where it does.
        """
        call = f"{self.value(kind, nodes)}({again}, i)"
        inner: Any = get_nullable_type(kind)
        if isinstance(inner, GraphQLEnumType):
            known = self._known(inner)
            return f"({known}[{value}] if type({value}) is int and {value} in {known} else {call})"
        if inner.name == "DateTime":
            return f"(time({value}) if type({value}) is Timestamp else {call})"
        test = _UNCHANGED.get(inner.name)
        if test is None:
            return call
        none = f"{value} is None or " if inner is kind else ""
        return f"({value} if {none}{test.format(v=value)} else {call})"

    def _object(
        self, body: _Body, kind: GraphQLObjectType, nodes: Sequence[FieldNode], value: str
    ) -> str:
        message = message_of(kind)
        if message is not None:
            body.put(f"if type({value}) is not {self._name('t', message)}: raise Wrong")
        else:
            self._look(body, value)
        if message is None and kind.is_type_of is not None:
            is_of = f"{self._name('t', kind.is_type_of)}({value}, i)"
            body.put(f"if {is_of} is not True: raise Wrong")
        entries = []
        for selected in self._selections.below(kind, nodes):
            definition = selected.definition
            if definition is not None:
                shown = self._sure(selected, definition, message, value) or self._field(
                    body, selected, definition, message, value
                )
            elif selected.nodes[0].name.value == "__typename":
                shown = repr(kind.name)
            else:
                raise _CannotCompileError
            entries.append(f"{selected.name!r}: {shown}")
        return f"{{{', '.join(entries)}}}"

    def _look(self, body: _Body, row: str) -> None:
        """Lines that look at a row's type; rows of a list are mostly as the one before."""
        look = (_CHECK.format(v=row), f"o_{row} = KINDS[type({row})] == {OURS}")
        if not body.loops:
            body.put(*look)
            return
        kind = body.once(f"t_{row}", "None")
        body.put(f"if type({row}) is not {kind}:")
        body.depth += 1
        body.put(*look, f"{kind} = type({row})")
        body.depth -= 1

    def _field(
        self,
        body: _Body,
        selected: Selected,
        definition: GraphQLField,
        message: type | None,
        row: str,
    ) -> str:
        found, again = self._found(body, selected, definition, message, row)
        value = self._name("v", None)
        body.put(f"{value} = {found}")
        if is_leaf_type(get_nullable_type(definition.type)):
            return self._leaf(value, again or value, definition.type, selected.nodes)
        return self._completed(body, definition.type, selected.nodes, value)

    def _sure(
        self, selected: Selected, definition: GraphQLField, message: type | None, row: str
    ) -> str | None:
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
        plain = f"{row}.{ours.python_name}"
        if field.type in _VOUCHED.get(of.name, ()):
            return f"list({plain})" if field.is_repeated else plain
        if field.is_repeated:
            return None
        if isinstance(kind, GraphQLEnumType) and field.type == FieldDescriptor.TYPE_ENUM:
            again = f"attribute({row}, {field.name!r})"
            call = f"{self.value(definition.type, selected.nodes)}({again}, i)"
            return f"(w if (w := {self._known(kind)}.get({plain})) is not None else {call})"
        if of.name == "DateTime" and field.message_type is Timestamp.DESCRIPTOR:
            nothing = "None" if kind is definition.type else "wrong()"
            return f"(time({plain}) if {row}.HasField({field.name!r}) else {nothing})"
        return None

    def _abstract(
        self, body: _Body, kind: GraphQLAbstractType, nodes: Sequence[FieldNode], value: str
    ) -> str:
        if kind.resolve_type is None:
            raise _CannotCompileError
        functions: dict[Any, Any] = {}
        types = self._selections.schema.get_possible_types(kind)
        by_class = {message_of(one): one for one in types}
        told = None not in by_class and len(by_class) == len(types)
        by: dict[Any, GraphQLObjectType] = by_class if told else {one.name: one for one in types}
        self._choices.append((functions, {key: self.value(of, nodes) for key, of in by.items()}))
        shown = self._name("n", functions)
        if told:  # by its rows alone which of them it is
            return f"{shown}[type({value})]({value}, i)"
        resolve, of = self._name("r", kind.resolve_type), self._name("a", kind)
        body.put(_CHECK.format(v=value))
        return f"{shown}[{resolve}({value}, i, {of})]({value}, i)"

    def _found(
        self,
        body: _Body,
        selected: Selected,
        definition: GraphQLField,
        message: type | None,
        row: str,
    ) -> tuple[str, str]:
        """An expression of what the field's resolver would give for the row.

        It may be short of it where the value is a leaf that needs change; then there is another
        one, too, which is not.
        """
        ours: StrawberryField | None = definition.extensions.get("strawberry-definition")
        if ours is None or ours.extensions or ours.permission_classes:
            raise _CannotCompileError
        if (fetch := fetch_of(definition)) is not None:
            return self._fetched(body, fetch, selected, row), ""
        if definition.args:
            raise _CannotCompileError
        if ours.base_resolver is None:
            return self._attribute(ours, definition, message, row)
        if ours.is_async or ours.base_resolver.info_parameter is not None:
            raise _CannotCompileError
        return f"{self._name('m', ours.base_resolver.wrapped_func)}({row})", ""

    def _fetched(self, body: _Body, fetch: Fetch, selected: Selected, row: str) -> str:
        """What `read` gives, in fewer calls where a page has many of them."""
        tables = "i.context.tables"
        if isinstance(fetch, Embedded):
            make = self._name_of(fetch.make)
            made = body.once(f"made_{make}", f"{tables}.made[{make}].get")
            return f"m[1] if (m := {made}(id({row}))) is not None else {make}({row})"
        if isinstance(fetch, Reference) and fetch.show is None:
            key, batch = self._name_of(fetch.key), self._name_of(fetch.batch)
            rows = body.once(f"rows_{batch}", f"{tables}.rows[{batch}]")
            return f"None if (k := {key}({row})) is None else {rows}[k]"
        node = f", {id(selected.nodes[0])}" if isinstance(fetch, Listing) else ""
        return f"{self._name('e', fetch.find)}({tables}, {row}{node})"

    def _name_of(self, function: Callable[..., Any]) -> str:
        """The same wherever it is called."""
        if function not in self._functions:
            self._functions[function] = self._name("e", function)
        return self._functions[function]

    def _attribute(
        self, ours: StrawberryField, definition: GraphQLField, message: type | None, row: str
    ) -> tuple[str, str]:
        full = f"{self._name('g', ours.default_resolver)}({row}, {ours.python_name!r})"
        inner = get_nullable_type(definition.type)
        plain = f"{row}.{ours.python_name}"
        if ours.default_resolver is not attribute:
            return full, ""
        if is_list_type(inner):  # no list is a message
            return plain, ""
        if message is not None and has_presence(message, ours.python_name):
            return f"{plain} if {row}.HasField({ours.python_name!r}) else None", ""
        if isinstance(inner, GraphQLEnumType) or (is_leaf_type(inner) and inner.name in _UNCHANGED):
            return plain, full
        return (f"{plain} if o_{row} else {full}" if message is None else full), ""

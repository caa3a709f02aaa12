"""Limits checked before any work is done: one memoised walk, linear in the size of the document."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FloatValueNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    Node,
    ObjectValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_composite_type,
    is_interface_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)

LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
COST = "guildhall_cost"  # in a schema field's metadata: what it costs beside its objects
ONCE = "guildhall_once"  # in the same: it belongs to a page as a whole, not to each row
SIZED_BY = "guildhall_sized_by"  # in the same: the argument whose list has an item an object
MAX_JSON_DEPTH = 32
_MOST = 10**9  # sums are cut here, as fragments can double them many times
_MAX_ERRORS = 10  # of what is written; more tell nobody more
_UNPAGED = 10  # objects that a list without first or last is taken to have
INTROSPECTION = 100  # what the whole schema costs
_MUTATION = 10
_INLINE = "... on"  # how inline fragments are counted
_LEXED = re.compile(  # nothing is tried twice, so it takes no longer whatever is written
    r'''(\#[^\n\r]*+)
    | [_A-Za-z][_A-Za-z0-9]*+ | -?[0-9]++(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)? | \.\.\.
    | [!$&()\[\]{}:=@|] | """(?:[^"\\]++|\\"""|\\|"(?!""))*+(?:""")? | "(?:[^"\\\n\r]++|\\.)*+"?''',
    re.VERBOSE,
)
_COUNTED = 1 << 13  # characters whose tokens are counted to price a document
_WRAPPERS = ("Connection", "Edge", "PageInfo", "Payload")


@dataclass(frozen=True, slots=True)
class Limits:
    """The most of each; fragments count as often as they are spread."""

    tokens: int = 1_000
    depth: int = 12
    aliases: int = 30
    query_fields: int = 10
    mutation_fields: int = 1
    directives: int = 10
    same_name: int = 5  # of one response name in one selection set: their comparison is quadratic
    inline_fragments: int = 12  # of one selection set: one for each kind of node
    list_length: int = 100
    digits: int = 40  # of a number; Python refuses thousands in words of its own
    lines: int = 5_000  # they are counted for every place that an error names
    comparisons: int = 4_000  # of fields that one answer may hold side by side: quadratic as well
    page_size: int = 100
    cost: int = 1_000
    nodes: int = 2_500
    rpcs: int = 30


@dataclass(frozen=True, slots=True)
class Shape:
    """What a selection set comes to, its fragments expanded."""

    depth: int = 0
    aliases: int = 0
    fields: int = 0

    def beside(self, other: Shape) -> Shape:
        """Both in one selection set."""
        return Shape(
            max(self.depth, other.depth),
            min(self.aliases + other.aliases, _MOST),
            min(self.fields + other.fields, _MOST),
        )


@dataclass(frozen=True, slots=True)
class Price:
    """What an operation may cost, and how many objects its answer may have."""

    cost: int = 0
    nodes: int = 0
    once: int = 0  # of both, what the size of the page around it does not multiply


def exceeded(limit: str, actual: int | str, most: int, node: Node | None = None) -> GraphQLError:
    """The error that tells limit and actual; where nobody has counted on, a text says so."""
    extensions: dict[str, Any] = {"code": LIMIT_EXCEEDED, "limit": limit, "maximum": most}
    if isinstance(actual, int):
        extensions["actual"] = actual
    return GraphQLError(
        f"{limit} {actual} exceeds the limit of {most}", node, extensions=extensions
    )


def count_of(limit: str, text: str) -> int:
    """How many tokens or comments a text has, to its end, where the library has stopped."""
    found = _LEXED.findall(text)  # a comment's text, or nothing for a token
    tokens = found.count("")
    return tokens if limit == "tokens" else len(found) - tokens


def weight_of(text: str, most: int) -> int:
    """Its tokens, before it is parsed; where it is long, 32 characters of the rest are one."""
    tokens = min(len(_LEXED.findall(text, 0, _COUNTED)), most)
    return tokens + max(len(text) - _COUNTED, 0) // 32


class Measure:
    """Measures one document with one operation."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, limits: Limits) -> None:
        self._schema = schema
        self._limits = limits
        self._fragments: dict[str, FragmentDefinitionNode] = {}
        self._shapes: dict[str, Shape] = {}
        self._document = document
        self.operations: list[OperationDefinitionNode] = []
        self.paging_variables: set[str] = set()
        for definition in document.definitions:
            if isinstance(definition, OperationDefinitionNode):
                self.operations.append(definition)
            elif isinstance(definition, FragmentDefinitionNode):
                self._fragments.setdefault(definition.name.value, definition)

    def errors(self) -> list[GraphQLError]:
        """Every limit that the document exceeds whatever its variables are."""
        if len(self.operations) != 1:
            return [exceeded("operations", len(self.operations), 1)]
        errors = list(islice(self._flat_errors(), _MAX_ERRORS))
        operation = self.operations[0]
        shape = self._shape(operation.selection_set)
        limits = self._limits
        mutation = operation.operation == OperationType.MUTATION
        most_fields = limits.mutation_fields if mutation else limits.query_fields
        for name, actual, most in (
            ("depth", shape.depth, limits.depth),
            ("aliases", shape.aliases, limits.aliases),
            ("root fields", shape.fields, most_fields),
        ):
            if actual > most:
                errors.append(exceeded(name, actual, most, operation))
        return errors

    def _flat_errors(self) -> Iterator[GraphQLError]:
        """Directives, lists and repeated names, counted as written."""
        directives = 0
        stack: list[Node] = list(self._document.definitions)
        while stack:
            node = stack.pop()
            directives += len(getattr(node, "directives", None) or ())
            if isinstance(node, ListValueNode) and len(node.values) > self._limits.list_length:
                yield exceeded("list length", len(node.values), self._limits.list_length, node)
            if isinstance(node, IntValueNode | FloatValueNode):
                yield from self._too_long(node)
            if isinstance(node, SelectionSetNode):
                yield from self._repeated(node)
            stack.extend(_children(node))
        if directives > self._limits.directives:
            yield exceeded("directives", directives, self._limits.directives)

    def _too_long(self, node: IntValueNode | FloatValueNode) -> Iterator[GraphQLError]:
        if len(node.value) > self._limits.digits:
            yield exceeded("digits", len(node.value), self._limits.digits, node)

    def _repeated(self, selection_set: SelectionSetNode) -> Iterator[GraphQLError]:
        counts: dict[str, int] = {}
        for selection in selection_set.selections:
            if isinstance(selection, FieldNode):
                name = (selection.alias or selection.name).value
            elif isinstance(selection, FragmentSpreadNode):
                name = f"...{selection.name.value}"
            else:
                name = _INLINE
            counts[name] = counts.get(name, 0) + 1
        for name, count in counts.items():
            most = self._limits.inline_fragments if name is _INLINE else self._limits.same_name
            if count > most:
                yield exceeded(f"repetition of {name[:40]}", count, most, selection_set)

    def _shape(self, selection_set: SelectionSetNode | None) -> Shape:
        total = Shape()
        for selection in selection_set.selections if selection_set else ():
            if isinstance(selection, FieldNode):
                if selection.name.value in ("__schema", "__type"):
                    below = Shape()  # the library limits the depth of introspection
                else:
                    below = self._shape(selection.selection_set)
                aliases = below.aliases + (1 if selection.alias else 0)
                counted = 0 if selection.name.value == "__typename" else 1
                total = total.beside(Shape(below.depth + 1, aliases, counted))
            elif isinstance(selection, InlineFragmentNode):
                total = total.beside(self._shape(selection.selection_set))
            elif isinstance(selection, FragmentSpreadNode):
                total = total.beside(self._fragment_shape(selection.name.value))
        return total

    def _fragment_shape(self, name: str) -> Shape:
        if name not in self._shapes:
            self._shapes[name] = Shape()  # a cycle counts once; validation refuses it
            fragment = self._fragments.get(name)
            if fragment is not None:
                self._shapes[name] = self._shape(fragment.selection_set)
        return self._shapes[name]

    def price(self, variables: Mapping[str, Any]) -> Price:
        """What the one operation costs with these raw variables."""
        operation = self.operations[0]
        root = self._schema.get_root_type(operation.operation)
        defaults = {
            definition.variable.name.value: definition.default_value
            for definition in operation.variable_definitions or ()
        }
        walk = _PriceWalk(self._schema, self._fragments, defaults, variables, self._limits)
        price = walk.price(operation.selection_set, root)
        self.paging_variables |= walk.variables_used
        if operation.operation == OperationType.MUTATION:
            return Price(price.cost + _MUTATION, price.nodes)
        return price

    def price_errors(self, price: Price) -> list[GraphQLError]:
        """Where the price is too high."""
        errors = []
        if price.cost > self._limits.cost:
            errors.append(exceeded("cost", price.cost, self._limits.cost))
        if price.nodes > self._limits.nodes:
            errors.append(exceeded("nodes", price.nodes, self._limits.nodes))
        return errors


class _PriceWalk:
    """One pricing: fragments are priced once each."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        defaults: Mapping[str, Node | None],
        variables: Mapping[str, Any],
        limits: Limits,
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._defaults = defaults
        self._variables = variables
        self._limits = limits
        self._memo: dict[str, Price] = {}
        self.variables_used: set[str] = set()

    def price(self, selection_set: SelectionSetNode | None, parent: Any) -> Price:
        cost = nodes = once = 0
        for selection in selection_set.selections if selection_set else ():
            if isinstance(selection, FieldNode):
                price = self._field(selection, parent)
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                on = self._schema.get_type(condition.name.value) if condition else parent
                price = self.price(selection.selection_set, on)
            elif isinstance(selection, FragmentSpreadNode):
                price = self._fragment(selection.name.value)
            cost, nodes = min(cost + price.cost, _MOST), min(nodes + price.nodes, _MOST)
            once = min(once + price.once, _MOST)
        return Price(cost, nodes, once)

    def _fragment(self, name: str) -> Price:
        if name not in self._memo:
            self._memo[name] = Price()
            fragment = self._fragments.get(name)
            if fragment is not None:
                on = self._schema.get_type(fragment.type_condition.name.value)
                self._memo[name] = self.price(fragment.selection_set, on)
        return self._memo[name]

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None) -> Price:
        name = node.name.value
        if name in ("__schema", "__type"):
            return Price(INTROSPECTION, 0)
        if not (is_object_type(parent) or is_interface_type(parent)):
            return Price()
        definition = parent.fields.get(name)
        if definition is None:
            return Price()
        metadata = _metadata(definition)
        extra: int = metadata.get(COST, 0)
        kind = get_named_type(definition.type)
        if not is_composite_type(kind):
            return Price(once=extra) if metadata.get(ONCE) else Price(extra, 0)
        below = self.price(node.selection_set, kind)
        wrapper = kind.name.endswith(_WRAPPERS)
        times, counted = self._times(node, definition), 0 if wrapper else 1
        cost = extra + times * below.cost + (counted if wrapper else times * counted) + below.once
        # A connection is one object itself; its size multiplies what is below it.
        here = 1 if wrapper and kind.name.endswith("Connection") else times
        price = Price(min(cost, _MOST), min(here + times * below.nodes + below.once, _MOST))
        return Price(once=max(price.cost, price.nodes)) if metadata.get(ONCE) else price

    def _times(self, node: FieldNode, definition: GraphQLField) -> int:
        sized_by = _metadata(definition).get(SIZED_BY)
        sizes = [
            self._length(argument.value)
            for argument in node.arguments or ()
            if argument.name.value == sized_by
        ] or [
            self._size(argument.value)
            for argument in node.arguments or ()
            if argument.name.value in ("first", "last")
        ]
        if sizes or "first" in definition.args:
            # Neither or both: the resolver refuses.
            return max(sizes, default=0) or self._limits.page_size
        inner = definition.type.of_type if is_non_null_type(definition.type) else definition.type
        if is_list_type(inner) and not get_named_type(inner).name.endswith("Edge"):
            return _UNPAGED
        return 1

    def _length(self, value: Node | None) -> int:
        """How many a list has; what is no list is taken for a list of one."""
        if isinstance(value, VariableNode):
            name = value.name.value
            self.variables_used.add(name)
            if name in self._variables:
                given = self._variables[name]
                return max(len(given), 1) if type(given) is list else 1
            value = self._defaults.get(name)
        return max(len(value.values), 1) if isinstance(value, ListValueNode) else 1

    def _size(self, value: Node | None) -> int:
        """What first or last says; 0 where it says nothing."""
        size: Any = None
        if isinstance(value, VariableNode):
            name = value.name.value
            self.variables_used.add(name)
            if name in self._variables:
                size = self._variables[name]
            else:
                value = self._defaults.get(name)
        if isinstance(value, IntValueNode):
            size = int(value.value) if len(value.value) < 10 else _MOST
        if size is None:
            return 0
        if type(size) is not int:
            return self._limits.page_size  # wrong: coercion or the resolver refuses
        return min(max(size, 1), _MOST)


def _metadata(definition: GraphQLField) -> Mapping[str, Any]:
    ours = (definition.extensions or {}).get("strawberry-definition")
    return getattr(ours, "metadata", None) or {}


def _children(node: Node) -> Iterator[Node]:
    """The nodes of a document below one; names and types hold nothing to count."""
    for name in ("selection_set", "value", "default_value"):
        child = getattr(node, name, None)
        if isinstance(child, Node):
            yield child
    for name in ("selections", "arguments", "variable_definitions", "directives", "values"):
        yield from getattr(node, name, None) or ()
    if isinstance(node, ObjectValueNode):
        yield from node.fields


def check_json(value: Any, limits: Limits) -> GraphQLError | None:
    """Lists that are too long and nesting that is too deep, anywhere in the variables."""
    stack: list[tuple[Any, int]] = [(value, 1)]
    while stack:
        value, depth = stack.pop()
        if depth > MAX_JSON_DEPTH:
            return exceeded("JSON depth", depth, MAX_JSON_DEPTH)
        if type(value) is list:
            if len(value) > limits.list_length:
                return exceeded("list length", len(value), limits.list_length)
            items: Any = value
        else:
            items = value.values()
        depth += 1
        stack.extend([(item, depth) for item in items if type(item) is dict or type(item) is list])
    return None

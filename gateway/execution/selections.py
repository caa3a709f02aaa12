"""What an operation selects of a type, found once: fragments merged, @skip and @include decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    Node,
    SelectionNode,
    VariableNode,
    Visitor,
    is_abstract_type,
    visit,
)

_DECIDING = ("skip", "include")
# What is kept is counted in characters of a document, which take some 80 bytes each: a variant
# alone, a field that is selected in it, and so many characters of its functions' source.
_VARIANT, _SELECTED, _COMPILED = 128, 3, 16


@dataclass(frozen=True, slots=True, eq=False)
class Selected:
    """One response name: its field, and every node that asks for it."""

    name: str
    definition: GraphQLField | None  # None: __typename
    nodes: tuple[FieldNode, ...]


class Selections:
    """Of one operation, with these values of the variables that decide what is left out."""

    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode, deciding: Mapping[str, Any]
    ) -> None:
        self.schema = schema
        self._document = document
        self._deciding = deciding
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self.steps: dict[Any, Any] = {}  # what loaders made of it
        self.source = 0  # characters of the functions that were compiled of it
        self.size = _VARIANT  # in characters of a document
        self._found: dict[tuple[str, tuple[int, ...]], list[Selected]] = {}

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of all fields that are asked for, of whatever type, left out or not."""
        found: set[str] = set()

        class Naming(Visitor):
            def enter_field(self, node: FieldNode, *_: Any) -> None:
                found.add(node.name.value)

        visit(cast("Node", self._document), Naming())
        return frozenset(found)

    def below(self, kind: GraphQLObjectType, nodes: Sequence[FieldNode]) -> list[Selected]:
        """The fields of an object of this type, selected below these nodes of the document."""
        key = (kind.name, tuple(map(id, nodes)))  # the document keeps them
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._collect(kind, nodes)
            self.size += _SELECTED * len(found)
        return found

    def compiled(self, source: str) -> str:
        """The source of functions that are kept from now on."""
        self.source += len(source)
        self.size += len(source) // _COMPILED
        return source

    def _collect(self, kind: GraphQLObjectType, nodes: Sequence[FieldNode]) -> list[Selected]:
        fields: dict[str, list[FieldNode]] = {}
        for node in self._fields(kind, nodes):
            fields.setdefault((node.alias or node.name).value, []).append(node)
        return [
            Selected(name, kind.fields.get(of[0].name.value), tuple(of))
            for name, of in fields.items()
        ]

    def _fields(self, kind: GraphQLObjectType, nodes: Sequence[FieldNode]) -> Iterator[FieldNode]:
        """In the order in which they are asked for, each fragment once."""
        spread: set[str] = set()
        stack: list[SelectionNode] = [
            selection
            for node in reversed(nodes)
            if node.selection_set
            for selection in reversed(node.selection_set.selections)
        ]
        while stack:
            selection = stack.pop()
            if not self._included(selection):
                continue
            if isinstance(selection, FieldNode):
                yield selection
                continue
            fragment: InlineFragmentNode | FragmentDefinitionNode
            if isinstance(selection, FragmentSpreadNode):
                if selection.name.value in spread:
                    continue
                spread.add(selection.name.value)
                fragment = self._fragments[selection.name.value]
            else:
                fragment = cast("InlineFragmentNode", selection)
            if self._applies(fragment, kind):
                stack.extend(reversed(fragment.selection_set.selections))

    def _applies(
        self, fragment: InlineFragmentNode | FragmentDefinitionNode, kind: GraphQLObjectType
    ) -> bool:
        condition = fragment.type_condition
        if condition is None or condition.name.value == kind.name:
            return True
        on = self.schema.get_type(condition.name.value)
        return is_abstract_type(on) and self.schema.is_sub_type(on, kind)

    def _included(self, selection: SelectionNode) -> bool:
        for directive in selection.directives or ():
            name = directive.name.value
            if name not in _DECIDING:
                continue
            (argument,) = directive.arguments or ()
            value: Any = argument.value
            if isinstance(value, VariableNode):
                says = self._deciding[value.name.value]
            else:
                says = value.value
            if says is (name == "skip"):
                return False
        return True


def deciding_variables(document: DocumentNode) -> tuple[str, ...]:
    """The variables that @skip and @include ask; the document is valid."""
    found: dict[str, None] = {}

    class Deciding(Visitor):
        def enter_directive(self, node: Any, *_: Any) -> None:
            if node.name.value in _DECIDING:
                for argument in node.arguments:
                    if isinstance(argument.value, VariableNode):
                        found[argument.value.name.value] = None

    visit(cast("Node", document), Deciding())
    return tuple(found)

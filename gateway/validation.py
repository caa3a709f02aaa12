"""GraphQL's own rules for documents, with a bound on what the one costs that compares fields."""

from __future__ import annotations

from functools import cache

from graphql import (
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OverlappingFieldsCanBeMergedRule,
    ValidationContext,
    specified_rules,
    validate,
)
from graphql.validation.validate import ValidationAbortedError

from gateway.limits import Limits, exceeded

MAX_ERRORS = 10
_OUT_OF_BUDGET = "Validation aborted."  # the library's; with too many errors it says so before


def invalid(
    schema: GraphQLSchema, document: DocumentNode, limits: Limits, *, suggestions: bool = False
) -> list[GraphQLError]:
    """What is wrong with the document; a comparison that is too long has LIMIT_EXCEEDED."""
    errors = validate(
        schema,
        document,
        _rules(limits.comparisons),
        max_errors=MAX_ERRORS,
        hide_suggestions=not suggestions,
    )
    last = errors[-1] if errors else None
    if isinstance(last, ValidationAbortedError) and last.message == _OUT_OF_BUDGET:
        most = limits.comparisons
        return [exceeded("comparisons of fields", f"(more than {most})", most)]
    return errors


@cache
def _rules(comparisons: int) -> tuple[type[ASTValidationRule], ...]:
    class Overlapping(OverlappingFieldsCanBeMergedRule):
        """The only rule that takes time with the square of the document: it counts what it does."""

        def __init__(self, context: ValidationContext) -> None:
            super().__init__(context)
            self.rule_context.remaining_complexity_budget = comparisons

    return tuple(
        Overlapping if rule is OverlappingFieldsCanBeMergedRule else rule
        for rule in specified_rules
    )

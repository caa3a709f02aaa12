"""A community's policy: its rules, in the order they apply."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from enum import Enum

from chassis.errors import (
    FieldInvalidError,
    InvalidArgumentError,
    NotFoundError,
    ResourceExhaustedError,
)
from chassis.texts import check_body, check_line

MAX_RULES = 200
MAX_PATTERN = 512
MAX_REPLACEMENT = 100
MAX_MESSAGE = 500
_NAMESPACE = uuid.UUID("5a0a7c0e-8d5d-4f0a-9d63-0b1c5a4f7e21")


class PatternInvalidError(InvalidArgumentError):
    """The pattern is not one that can be matched, or it matches what is not there."""


class RuleNotFoundError(NotFoundError):
    """The community has no such rule."""


class TooManyRulesError(ResourceExhaustedError):
    """A community has at most 200 rules."""


class RuleKind(Enum):
    """What a match does; in the order they apply."""

    BLOCK = 1
    HOLD = 2
    REPLACE = 3
    FLAG = 4


class PatternKind(Enum):
    """How a pattern reads."""

    WORD = 1
    REGEX = 2


@dataclass(frozen=True, slots=True)
class Rule:
    """One pattern and what to do where it matches."""

    id: str
    number: int  # counts the policy's rules as they came; never used twice
    kind: RuleKind
    pattern_kind: PatternKind
    pattern: str
    replacement: str = ""
    message: str = ""
    enabled: bool = True

    @property
    def place(self) -> tuple[int, int]:
        """Its place in the order of application."""
        return self.kind.value, self.number

    def checked(self) -> Rule:
        """The rule with its texts made clean. Refuses with TEXT_INVALID, FIELD_INVALID.

        Whether the pattern can be matched is not said here: that takes the engine that matches.
        """
        check = check_line if self.pattern_kind is PatternKind.WORD else check_body
        pattern = check(self.pattern, "pattern", most=MAX_PATTERN)
        message = check_line(self.message, "message", least=0, most=MAX_MESSAGE)
        if self.kind is RuleKind.REPLACE:
            # Never nothing: a title must not become empty.
            replacement = check_line(self.replacement, "replacement", most=MAX_REPLACEMENT)
        elif self.replacement:
            raise FieldInvalidError("only REPLACE has a replacement", field="replacement")
        else:
            replacement = ""
        return replace(self, pattern=pattern, message=message, replacement=replacement)


@dataclass(frozen=True, slots=True)
class Policy:
    """All rules of one community; its version is the aggregate's seq."""

    rules: tuple[Rule, ...] = ()
    rules_ever: int = 0

    def add(self, rule: Rule) -> tuple[Policy, Rule]:
        """The policy with one rule more; the rule is given its number."""
        if len(self.rules) >= MAX_RULES:
            raise TooManyRulesError(f"a community has at most {MAX_RULES} rules")
        rule = replace(rule, number=self.rules_ever + 1)
        return Policy((*self.rules, rule), rule.number), rule

    def rule(self, rule_id: str) -> Rule:
        """One rule. Refuses with RULE_NOT_FOUND."""
        for rule in self.rules:
            if rule.id == rule_id:
                return rule
        raise RuleNotFoundError(field="rule_id")

    def put(self, changed: Rule) -> Policy:
        """The policy with this rule in place of the one with its id."""
        rules = tuple(changed if rule.id == changed.id else rule for rule in self.rules)
        return replace(self, rules=rules)

    def remove(self, rule_id: str) -> Policy:
        """The policy without a rule. Refuses with RULE_NOT_FOUND."""
        gone = self.rule(rule_id)
        return replace(self, rules=tuple(rule for rule in self.rules if rule is not gone))

    def in_order(self) -> list[Rule]:
        """BLOCK, HOLD, REPLACE, FLAG; the older first within a kind."""
        return sorted(self.rules, key=lambda rule: rule.place)


def policy_id(community_id: str) -> str:
    """The one policy of a community."""
    return uuid.uuid5(_NAMESPACE, f"policy:{community_id}").hex

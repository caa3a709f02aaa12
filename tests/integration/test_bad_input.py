"""Bad input to any mutation or query: a typed refusal that names the field, and nothing happens.

What is asked is made from the committed SDL: a new mutation or query is here by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    get_named_type,
    print_ast,
)

from tests.integration.inputs import SCHEMA, Bad, Inputs, codes
from tests.system import (
    BOREALIS_MANAGER,
    ENGINEER,
    MANAGER,
    OPERATOR,
    SELLER,
    Asker,
    System,
)
from tests.world import World

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

B = TypeVar("B")
T = TypeVar("T")
MUTATIONS = {**SCHEMA.mutation_type.fields} if SCHEMA.mutation_type else {}
QUERIES = {**SCHEMA.query_type.fields} if SCHEMA.query_type else {}
WITH_INPUT = [name for name, field in MUTATIONS.items() if field.args]
# What may be answered to anything, whatever it is.
GENERAL = {"BAD_USER_INPUT", "UNAUTHENTICATED", "LIMIT_EXCEEDED"}
AT_ONCE = 8
# The ids of what is imported make it repeatable: its request ids are not remembered. A rebuild
# remembers the one that began it, and there is nothing else to give beside it. Drafts are kept past
# the commands.
NOT_REMEMBERED = {"importPosts", "rebuildProjections", "saveDraft", "deleteDraft"}


class Asking:
    """One mutation or query, by whoever; remembers what was wrong with the answers."""

    def __init__(
        self, system: System, world: World, name: str, field: GraphQLField, kind: str
    ) -> None:
        self._system, self._world = system, world
        self._askers: dict[str | None, Asker] = {}
        self._name = name
        self._codes = codes(field.description) | GENERAL
        variables = ", ".join(_variable(key, argument) for key, argument in field.args.items())
        arguments = ", ".join(f"{key}: ${key}" for key in field.args)
        self._text = f"{kind} q({variables}) {{ {name}({arguments}) {_selection(field)} }}"
        self.wrong: list[str] = []

    async def answer(self, email: str | None, bad: Bad) -> dict[str, Any]:
        """What the gateway says; never a failure."""
        if email not in self._askers:
            self._askers[email] = await self._world.asker(self._system, email)
        response = await self._askers[email].http.post(
            "/graphql", json={"query": self._text, "variables": bad.arguments}
        )
        answer: dict[str, Any] = response.json()
        if response.status_code not in (200, 400, 401, 403):
            self._note(bad, email, f"HTTP {response.status_code}", answer)
        for error in answer.get("errors", ()):
            if error.get("extensions", {}).get("code") not in self._codes:
                self._note(bad, email, "a code its description does not name", answer)
        return answer

    async def refused(self, email: str | None, bad: Bad) -> dict[str, Any]:
        """The answer, which must be a refusal that names the field."""
        answer = await self.answer(email, bad)
        errors = answer.get("errors")
        if not errors:
            self._note(bad, email, "not refused", answer)
        elif not _names(errors[0]["extensions"], bad.field):
            self._note(bad, email, f"does not name {bad.field}", answer)
        return answer

    def _note(self, bad: Bad, email: str | None, what: str, answer: dict[str, Any]) -> None:
        self.wrong.append(f"{self._name} by {email}: {bad.why}: {what}: {str(answer)[:400]}")


def _names(extensions: dict[str, Any], field: str) -> bool:
    """The field or one in it; of two that are looked for together, what holds both."""
    named: str = extensions.get("field", "")
    if not field or extensions["code"] == "LIMIT_EXCEEDED":  # a limit of all requests
        return True
    if extensions["code"].endswith("_NOT_FOUND") and field.startswith(f"{named}."):
        return True
    return f"{named}.".startswith(f"{field}.")


def _variable(name: str, argument: GraphQLArgument) -> str:
    default = argument.default and argument.default.literal
    return f"${name}: {argument.type}" + (f" = {print_ast(default)}" if default else "")


def _selection(field: GraphQLField) -> str:
    type_ = get_named_type(field.type)
    if isinstance(type_, GraphQLObjectType) and "edges" in type_.fields:
        return "{ edges { cursor } pageInfo { hasNextPage } totalCount }"
    return "{ __typename }"


async def by_several(
    bad: Sequence[B], ask: Callable[[B], Awaitable[T]], at_once: int = AT_ONCE
) -> list[T]:
    """Some at once, in order."""
    answers: list[T] = []
    for start in range(0, len(bad), at_once):
        answers += await asyncio.gather(*(ask(one) for one in bad[start : start + at_once]))
    return answers


def champion(description: str) -> str:
    """Somebody who may."""
    return OPERATOR if "For operators" in description else MANAGER


@pytest.mark.parametrize("name", WITH_INPUT)
async def test_bad_input_to_a_mutation_is_refused_and_changes_nothing(
    name: str, system: System, world: World
) -> None:
    field = MUTATIONS[name]
    description = field.description or ""
    inputs, asking = Inputs(world, name, field), Asking(system, world, name, field, "mutation")
    before = world.snapshot()
    who = champion(description)
    await by_several(list(inputs.bad()), lambda bad: asking.refused(who, bad))
    if who is not OPERATOR:
        for place, hidden, nobodys in inputs.hidden():
            answers = [await asking.refused(who, bad) for bad in (hidden, nobodys)]
            assert answers[0] == answers[1], f"{place} tells who has it"
    legal = inputs.legal()
    if "requestId" in legal["input"] and name not in NOT_REMEMBERED:
        legal["input"] |= {"requestId": world.used, **_reason(field)}
        reused = await asking.refused(who, Bad("reused", legal, "requestId"))
        assert reused["errors"][0]["extensions"]["code"] == "REQUEST_ID_REUSED"
    for other in strangers(name, description):
        await asking.refused(other, Bad("a stranger", inputs.legal()))
    assert asking.wrong == []
    assert world.snapshot() == before


def _reason(field: GraphQLField) -> dict[str, str]:
    """Some must say why, others may."""
    input_ = get_named_type(field.args["input"].type)
    assert isinstance(input_, GraphQLInputObjectType)
    return {"reason": "for a reason"} if "reason" in input_.fields else {}


def strangers(name: str, description: str) -> list[str | None]:
    """Who may not do it: nobody, people of the other vendor, and members where it takes a role."""
    never: list[str | None] = [None, SELLER, BOREALIS_MANAGER]
    for_some = "For " in description or "one's" in description
    if for_some:
        never.append(ENGINEER)
    if champion(description) is OPERATOR:
        never.append(MANAGER)
    return never


@pytest.mark.parametrize("name", [name for name, field in QUERIES.items() if field.args])
async def test_bad_input_to_a_query_is_refused_or_finds_nothing(
    name: str, system: System, world: World
) -> None:
    field = QUERIES[name]
    who = champion(field.description or "")
    inputs, asking = Inputs(world, name, field), Asking(system, world, name, field, "query")
    before = world.snapshot()

    async def ask(bad: Bad) -> None:
        answer = await asking.answer(who, bad)
        if errors := answer.get("errors"):
            if not _names(errors[0]["extensions"], bad.field):
                asking.wrong.append(f"{name}: {bad.why}: {errors}")
        elif not _is_nothing(answer["data"][name]):
            asking.wrong.append(f"{name}: {bad.why}: {answer['data']}")

    await by_several(list(inputs.bad()), ask)
    if who is not OPERATOR:
        for place, hidden, nobodys in inputs.hidden():
            answers = [await asking.answer(who, bad) for bad in (hidden, nobodys)]
            assert answers[0] == answers[1], f"{place} tells who has it"
            if not answers[0].get("errors"):
                assert _is_nothing(answers[0]["data"][name])
    await asking.answer(None, Bad("nobody", inputs.legal()))
    assert asking.wrong == []
    assert world.snapshot() == before


def _is_nothing(found: Any) -> bool:
    """Null, an empty list or one of nulls, or a page of nothing."""
    if isinstance(found, dict) and "edges" in found:
        return found["edges"] == [] and not found["totalCount"]
    return not (any(found) if isinstance(found, list) else found)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "BAD_REQUEST"),
        (b"[]", 400, "BAD_REQUEST"),
        (
            b'{"query": "{ viewer { isOperator } }", "variables": {"a": "\\ud800"}}',
            400,
            "BAD_REQUEST",
        ),
        (b'{"query": "{ viewer { isOperator } }", "variables": {"a": "\xff"}}', 400, "BAD_REQUEST"),
        (b'{"query": "{ viewer { isOperator } }", "variables": []}', 400, "BAD_REQUEST"),
        (b'{"query": "' + b"x" * 65_536 + b'"}', 413, "REQUEST_TOO_LARGE"),
    ],
)
async def test_a_body_that_is_no_request_is_refused(
    system: System, world: World, body: bytes, status: int, code: str
) -> None:
    before = world.snapshot()
    manager = await system.asker(MANAGER)
    headers = {"Content-Type": "application/json"}
    response = await manager.http.post("/graphql", content=body, headers=headers)
    assert response.status_code == status
    assert response.json()["errors"][0]["extensions"]["code"] == code
    assert world.snapshot() == before

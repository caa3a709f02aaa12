"""Fuzzing what clients hand in: ids, cursors, bearer tokens, bodies, documents, variables."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    is_required_argument,
    is_required_input_field,
    parse,
    print_ast,
)
from hypothesis import assume, example, given
from hypothesis import strategies as st
from joserfc import jws

from chassis.errors import UnauthenticatedError
from chassis.pagination import decode_page_token, encode_page_token
from chassis.testing_fuzz import damaged, fuzzed
from gateway.auth import TokenVerifier
from gateway.cursors import (
    CursorKey,
    ReplyId,
    decode_id,
    decode_reply_id,
    encode_id,
    encode_reply_id,
)
from gateway.endpoint.requests import HttpError, parsed
from gateway.errors import BadUserInputError, refusal
from gateway.execution.operations import Operation, Operations, Refused
from gateway.issuers import Issuers
from gateway.limits import MAX_JSON_DEPTH, Limits, check_json
from gateway.lists import folded
from gateway.schema import schema
from gateway.tests.conftest import ISSUER, IssuerStandIn, access_claims
from guildhall.directory.v1 import directory_pb2

KEY = CursorKey(b"k" * 32)
SCOPE = "p1 ListTopicsRequest:0a02"
UTF8 = st.characters(exclude_categories=["Cs"])

# -- ids and cursors


def refused(error: BadUserInputError, field: str) -> bool:
    """As the schema documents it."""
    return refusal(error) == {"code": "BAD_USER_INPUT", "field": field}


SPELLINGS = st.text(st.sampled_from("AQZaqz019-_=+/.\n é"), max_size=40)


@given(st.binary(max_size=40).map(lambda raw: raw.hex()) | SPELLINGS | st.text(max_size=30))
@example(encode_id("Reply", "c1", "a.b"))
@fuzzed(300)
def test_an_id_is_refused_or_the_one_spelling_of_what_it_names(text: str) -> None:
    try:
        found = decode_id(text, "topicId")
    except BadUserInputError as error:
        assert refused(error, "topicId")  # noqa: PT017
    else:
        assert encode_id(found.kind, found.community_id, found.id) == text
    try:
        reply = decode_reply_id(text, "replyId")
    except BadUserInputError as error:
        assert refused(error, "replyId")  # noqa: PT017
    else:
        assert encode_reply_id(reply.community_id, reply.topic_id, reply.id) == text


PART = st.from_regex(r"[A-Za-z0-9_-]{1,39}", fullmatch=True)


@given(PART, PART, PART)
@fuzzed(100)
def test_reply_ids_come_back(community_id: str, topic_id: str, id: str) -> None:
    made = encode_reply_id(community_id, topic_id, id)
    assert decode_reply_id(made, "replyId") == ReplyId(community_id, topic_id, id)


@given(st.text(UTF8, max_size=30), st.text(UTF8, min_size=1, max_size=60), st.data())
@fuzzed(200)
def test_a_changed_cursor_is_refused(scope: str, token: str, data: st.DataObject) -> None:
    cursor = KEY.sign(scope, token)
    assert KEY.open(scope, cursor) == token
    changed = data.draw(damaged(cursor.encode())).decode("utf-8", "surrogateescape")
    other = data.draw(st.text(UTF8, max_size=30))
    for where, what in ((scope, changed), (other, cursor)):
        if (where, what) != (scope, cursor):
            with pytest.raises(BadUserInputError) as error:
                KEY.open(where, what, "before")
            assert refused(error.value, "before")


# The most that a name may have, of letters that grow when they are folded to be sorted.
@given(st.text(UTF8, min_size=1, max_size=80))
@example("\ufdfa" * 80)
@example("\u0390" * 80)
@fuzzed(100)
def test_a_page_may_end_at_any_name(name: str) -> None:
    place = [folded(name), f"{'0' * 32}:{'0' * 32}"]
    token = encode_page_token(*place)
    assert KEY.open(SCOPE, KEY.sign(SCOPE, token)) == token
    assert decode_page_token(token, str, str) == place


# -- bearer tokens

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
NAMES = [*access_claims(), "nbf", "events", "azp", "preferred_username", "nonce"]
ODD = st.one_of(
    JSON,
    st.sampled_from(
        [10**400, -(10**400), 1e308, ["\ud800"], "\ud800", "a\x00b", [ISSUER.audience]]
    ),
)


async def believed(issuers: Issuers, token: str) -> bool:
    """Whether somebody is known by it; refused as documented otherwise."""
    try:
        identity = await TokenVerifier(issuers).access_token(token)
    except UnauthenticatedError as error:
        assert refusal(error) == {"code": "UNAUTHENTICATED"}  # noqa: PT017
        return False
    # What the directory is told of them.
    directory_pb2.SignInRequest(
        issuer=identity.issuer,
        subject=identity.subject,
        email=identity.email,
        display_name=identity.name,
    )
    return True


@given(st.dictionaries(st.sampled_from(NAMES), ODD, min_size=1, max_size=3))
@example({"exp": 10**400})
@example({"name": "\ud800"})
@example({"email": "a\udfff@b"})
@fuzzed(150)
async def test_signed_claims_of_any_shape_are_an_identity_or_refused(
    issuer: IssuerStandIn, issuers: Issuers, claims: dict[str, Any]
) -> None:
    key = issuer.keys[ISSUER.issuer][0]
    payload = json.dumps({**access_claims(), **claims}).encode()
    header = {"alg": "RS256", "typ": "at+jwt", "kid": key.kid}
    await believed(issuers, jws.serialize_compact(header, payload, key))


@given(st.data())
@fuzzed(150)
async def test_a_changed_bearer_token_is_refused(
    issuer: IssuerStandIn, issuers: Issuers, data: st.DataObject
) -> None:
    token = issuer.access_token()
    changed = data.draw(damaged(token.encode())).decode("utf-8", "surrogateescape")
    assume(changed.rpartition(".")[0] != token.rpartition(".")[0])
    assert not await believed(issuers, changed)


@given(st.text(max_size=60) | st.from_regex(r"[A-Za-z0-9_-]{0,40}(\.[A-Za-z0-9_-]{0,20}){2}"))
@fuzzed(150)
async def test_any_text_is_no_bearer_token(issuers: Issuers, token: str) -> None:
    assert not await believed(issuers, token)


# -- bodies and variables


@given(
    st.binary(max_size=40)
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.fixed_dictionaries(
        {"query": st.text(max_size=8) | JSON},
        optional={"variables": JSON, "operationName": JSON, "extensions": JSON},
    ).map(lambda value: json.dumps(value).encode())
)
@fuzzed(150)
def test_a_body_is_a_request_or_refused(body: bytes) -> None:
    try:
        asked = parsed(body)
    except HttpError as error:
        assert error.status == 400  # noqa: PT017
        assert error.error["extensions"]["code"] == "BAD_REQUEST"  # noqa: PT017
        return
    assert asked.query.strip()
    assert type(asked.variables) is dict
    assert type(asked.operation_name) is str


def deep(value: Any) -> int:
    """How many lists and objects are in one another."""
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return 1 + max((deep(each) for each in inner), default=0)
    return 0


def longest(value: Any) -> int:
    """Of all lists in it."""
    if isinstance(value, dict):
        return max((longest(each) for each in value.values()), default=0)
    if isinstance(value, list):
        return max(len(value), *(longest(each) for each in value), 0)
    return 0


@given(
    st.dictionaries(st.text(max_size=2), JSON, max_size=3),
    st.lists(st.sampled_from(["list", "object"]), max_size=MAX_JSON_DEPTH + 3),
    st.integers(0, 6),
)
@fuzzed(200)
def test_variables_are_refused_exactly_where_they_exceed_a_limit(
    value: dict[str, Any], around: list[str], length: int
) -> None:
    inner: Any = [value] * length
    for kind in around:
        inner = [inner] if kind == "list" else {"a": inner}
    variables = {"v": inner}
    found = check_json(variables, Limits(list_length=4))
    exceeds = deep(variables) > MAX_JSON_DEPTH or longest(variables) > 4
    assert (found is not None) == exceeds


# -- documents

CORE = schema._schema
TYPES = CORE.type_map
CODES = {"GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "LIMIT_EXCEEDED"}
SMALL = Limits(tokens=400, depth=6, aliases=4, query_fields=4, directives=3, cost=300, nodes=400)


@st.composite
def values(draw: st.DrawFn, type_: Any) -> str:
    """A literal that fits."""
    if isinstance(type_, GraphQLNonNull):
        return draw(values(type_.of_type))
    if isinstance(type_, GraphQLList):
        return "[" + " ".join(draw(st.lists(values(type_.of_type), max_size=2))) + "]"
    if isinstance(type_, GraphQLEnumType):
        return draw(st.sampled_from(sorted(type_.values)))  # type: ignore[no-any-return]
    if isinstance(type_, GraphQLInputObjectType):
        given_ = [
            f"{name}: {draw(values(field.type))}"
            for name, field in type_.fields.items()
            if is_required_input_field(field) or not draw(st.integers(0, 3))
        ]
        return "{" + " ".join(given_) + "}"
    if type_.name in ("Int", "Float"):
        return str(draw(st.sampled_from([1, 2, 5, 20, 100, 101, 0, -1, 1 << 31])))
    if type_.name == "Boolean":
        return draw(st.sampled_from(["true", "false"]))
    return draw(st.sampled_from(['"x"', '""', '"2026-03-01T12:00:00Z"', '"VG9waWM6YzE6dDE"']))


@st.composite
def fields(draw: st.DrawFn, type_: GraphQLObjectType, depth: int, fragments: dict[str, str]) -> str:
    """One field that a type has, with arguments and what is below it."""
    offered = sorted(
        name
        for name, field in type_.fields.items()
        if depth > 1 or not is_composite_type(get_named_type(field.type))
    )
    if not offered:
        return "__typename"
    name = draw(st.sampled_from(offered))
    field = type_.fields[name]
    given_ = [
        f"{key}: {draw(values(argument.type))}"
        for key, argument in field.args.items()
        if is_required_argument(argument) or key == "first" or not draw(st.integers(0, 4))
    ]
    arguments = f"({', '.join(given_)})" if given_ else ""
    alias = draw(st.sampled_from(["", "", "", "a: ", "b: ", "c: "]))
    directive = draw(st.sampled_from(["", "", "", "", " @include(if: true)", " @skip(if: false)"]))
    below = get_named_type(field.type)
    if not is_composite_type(below):
        return f"{alias}{name}{arguments}{directive}"
    return f"{alias}{name}{arguments}{directive} {draw(selections(below, depth - 1, fragments))}"


@st.composite
def selections(draw: st.DrawFn, type_: Any, depth: int, fragments: dict[str, str]) -> str:
    """What is selected of a type: fields, inline fragments, spreads of fragments."""
    made: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        concrete: Any = type_
        if is_abstract_type(type_):
            concrete = draw(st.sampled_from(sorted(CORE.get_possible_types(type_), key=str)))
            made.append(f"... on {concrete.name} {{ {draw(fields(concrete, depth, fragments))} }}")
            continue
        how = draw(st.integers(0, 7))
        if how == 0:
            made.append("__typename")
        elif how == 1:
            name = f"f{len(fragments)}"
            fragments[name] = ""  # taken
            inside = draw(fields(concrete, depth, fragments))
            fragments[name] = f"fragment {name} on {concrete.name} {{ {inside} }}"
            made += [f"...{name}"] * draw(st.integers(1, 2))
        elif how == 2:
            made.append(f"... {{ {draw(fields(concrete, depth, fragments))} }}")
        else:
            made.append(draw(fields(concrete, depth, fragments)))
    return "{ " + " ".join(made) + " }"


@st.composite
def documents(draw: st.DrawFn) -> str:
    """A document with one operation, of what the schema has."""
    fragments: dict[str, str] = {}
    kind = draw(st.sampled_from(["query", "query", "query", "mutation"]))
    root = CORE.mutation_type if kind == "mutation" else CORE.query_type
    body = draw(selections(root, draw(st.integers(1, 7)), fragments))
    return " ".join([kind, body, *fragments.values()])


def flat(document: DocumentNode) -> SelectionSetNode:
    """The operation's selections with every spread replaced by an inline fragment."""
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }

    def expanded(node: SelectionSetNode) -> SelectionSetNode:
        made: list[Any] = []
        for selection in node.selections:
            if isinstance(selection, FragmentSpreadNode):
                fragment = fragments[selection.name.value]
                made.append(
                    InlineFragmentNode(
                        type_condition=fragment.type_condition,
                        directives=selection.directives,
                        selection_set=expanded(fragment.selection_set),
                    )
                )
                continue
            kwargs = {key: getattr(selection, key) for key in selection.keys if key != "loc"}
            if kwargs["selection_set"] is not None:
                kwargs["selection_set"] = expanded(kwargs["selection_set"])
            made.append(type(selection)(**kwargs))
        return SelectionSetNode(selections=tuple(made))

    (operation,) = (n for n in document.definitions if isinstance(n, OperationDefinitionNode))
    return expanded(operation.selection_set)


def counted(selection_set: SelectionSetNode) -> tuple[int, int, int]:
    """Depth, aliases and fields beside each other, the simple way."""
    depth = aliases = here = 0
    for selection in selection_set.selections:
        if isinstance(selection, FieldNode):
            below = counted(selection.selection_set) if selection.selection_set else (0, 0, 0)
            if selection.name.value in ("__schema", "__type"):
                below = (0, 0, 0)
            depth = max(depth, below[0] + 1)
            aliases += below[1] + (selection.alias is not None)
            here += selection.name.value != "__typename"
        elif isinstance(selection, InlineFragmentNode):
            below = counted(selection.selection_set)
            depth, aliases, here = max(depth, below[0]), aliases + below[1], here + below[2]
    return depth, aliases, here


@given(documents(), st.booleans())
@fuzzed(70)
def test_a_document_is_taken_within_every_limit_or_refused(text: str, small: bool) -> None:
    limits = SMALL if small else Limits()
    operations = Operations(schema, limits)
    found = operations.look_up(text)
    assert operations.look_up(text) is found
    if isinstance(found, Refused):
        assert found.errors
        assert {error["extensions"]["code"] for error in found.errors} <= CODES
        return
    selected = flat(parse(text))
    depth, aliases, roots = counted(selected)
    most = limits.mutation_fields if found.kind == "mutation" else limits.query_fields
    assert depth <= limits.depth
    assert aliases <= limits.aliases
    assert roots <= most
    # Written out, it costs the same: no fragment makes anything cheaper.
    written = Operations(schema, Limits(tokens=10**6, inline_fragments=10**6)).look_up(
        f"{found.kind} {print_ast(selected)}"
    )
    if isinstance(written, Operation):
        assert written.price({}) == found.price({})
    assert found.price({}).cost <= limits.cost or found.measure.paging_variables


@given(documents().flatmap(lambda text: damaged(text.encode())))
@fuzzed(100)
def test_a_damaged_document_is_taken_or_refused_with_a_code(data: bytes) -> None:
    found = Operations(schema).look_up(data.decode("utf-8", "replace"))
    if isinstance(found, Refused):
        assert {error["extensions"]["code"] for error in found.errors} <= CODES
        json.dumps(found.errors).encode()


@given(documents(), st.sampled_from(["topic", "viewer { isOperator }", "communities(first: 1)"]))
@fuzzed(40)
def test_more_is_never_cheaper(text: str, more: str) -> None:
    assume(text.startswith("query"))
    fewer = Operations(schema, Limits(query_fields=99)).look_up(text)
    assume(isinstance(fewer, Operation))
    bigger = text.replace("query {", f"query {{ zz: {more} ", 1)
    found = Operations(schema, Limits(query_fields=99, aliases=99)).look_up(bigger)
    if isinstance(found, Operation) and isinstance(fewer, Operation):
        assert found.price({}).cost >= fewer.price({}).cost


@pytest.mark.parametrize("piece", ["{ a ", "...f ", "a: b ", '"', "#\n", "[", "$a: Int ", "\ufeff"])
def test_a_document_twice_as_long_takes_twice_as_long_at_most(piece: str) -> None:
    def took(count: int) -> float:
        least = 9.0
        for _ in range(5):
            begun = time.process_time()
            Operations(schema).look_up("query q { " + piece * count)
            least = min(least, time.process_time() - begun)
        return least

    count = 30_000 // len(piece)
    assert took(2 * count) <= 3 * took(count) + 0.005

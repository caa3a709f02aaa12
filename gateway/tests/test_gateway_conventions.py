"""The conventions of gateway/README.md, held by a walk over the schema: what is new is held too.

Each exception stands here with its reason.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    build_schema,
    get_named_type,
    get_nullable_type,
    is_introspection_type,
    is_list_type,
    is_non_null_type,
    is_specified_scalar_type,
)

from chassis import errors
from chassis.errors import DomainError
from gateway.loaders import Embedded, fetch_of
from gateway.schema import schema
from gateway.schema.changes import DEPRECATION
from gateway.schema.refusals import RefusalCode

CHECKOUT = Path(__file__).parents[2]
SDL = build_schema(schema.as_str())
LIVE = schema._schema  # as executed: its fields know how they are resolved
QUERIES = SDL.query_type.fields if SDL.query_type else {}
MUTATIONS = SDL.mutation_type.fields if SDL.mutation_type else {}
TYPES = {
    name: kind
    for name, kind in SDL.type_map.items()
    if not is_introspection_type(kind) and not is_specified_scalar_type(kind)
}
Composite = GraphQLObjectType | GraphQLInterfaceType
Given = GraphQLArgument | GraphQLInputField


def _fields() -> Iterator[tuple[str, GraphQLField]]:
    for kind in TYPES.values():
        if isinstance(kind, Composite):
            for name, field in kind.fields.items():
                yield f"{kind.name}.{name}", field


def _given() -> Iterator[tuple[str, Given]]:
    """Whatever a client gives: arguments and fields of inputs."""
    for where, field in _fields():
        for name, argument in field.args.items():
            yield f"{where}.{name}", argument
    for kind in TYPES.values():
        if isinstance(kind, GraphQLInputObjectType):
            for name, its in kind.fields.items():
                yield f"{kind.name}.{name}", its


def _title(name: str) -> str:
    return name[0].upper() + name[1:]


def _codes(field: GraphQLField) -> set[str]:
    """What a description says it may refuse with."""
    found = re.search(r"Codes: ([A-Z_, ]+)\.", field.description or "")
    return set(found[1].split(", ")) if found else set()


def _input(name: str) -> dict[str, GraphQLInputField]:
    """The fields of a mutation's input."""
    kind = SDL.type_map.get(f"{_title(name)}Input")
    return kind.fields if isinstance(kind, GraphQLInputObjectType) else {}


# ------------------------------------------------------------------ descriptions, names, scalars


def test_everything_is_described() -> None:
    missing = [name for name, kind in TYPES.items() if not kind.description]
    missing += [where for where, one in (*_fields(), *_given()) if not one.description]
    assert missing == []


# Ids that are no global ids: nothing is found by them in GraphQL.
NO_IDS = {
    "DeadLetter.aggregateId": "the service's own id, for its log",
    "DeadLetter.communityId": "likewise",
    "ReplayDeadLettersInput.aggregateId": "likewise",
    "AuditEntry.targetId": "the platform's own id, of whatever kind",
}
# name -> type, of fields, arguments and inputs alike. Ids that others give are texts: another
# system's, an issuer's of its client, and documentId, a hash, as GraphQL over HTTP has it.
SCALARS = (
    (re.compile(r"(.*E|e)xternalId|requestId|traceId|clientId|documentIds?"), "String"),
    (re.compile(r"id|.*Ids?"), "ID"),
    (re.compile(r".*Time"), "DateTime"),
    (re.compile(r"body"), "Markdown"),
    (re.compile(r".*Html"), "Html"),
    (re.compile(r"website|.*[uU]rls?"), "URL"),
    (re.compile(r".*[lL]ocales?|.*[lL]anguages?"), "Locale"),
    (re.compile(r"version|expectedVersion|.*Count|first|last"), "Int"),
)


def test_what_is_of_a_kind_has_its_scalar() -> None:
    wrong = []
    for where, one in (*_fields(), *_given()):
        name = where.rpartition(".")[2]
        kind = get_named_type(one.type).name
        due = next((scalar for pattern, scalar in SCALARS if pattern.fullmatch(name)), None)
        if due is not None and kind != due and where not in NO_IDS:
            wrong.append(f"{where}: {kind}, not {due}")
    assert wrong == []


def test_names_are_spelled_as_everywhere() -> None:
    wrong = [name for name in TYPES if not re.fullmatch(r"URL|([A-Z][a-z0-9]+)+", name)] + [
        where
        for where, _ in (*_fields(), *_given())
        if not re.fullmatch(r"[a-z][a-z0-9]*([A-Z][a-z0-9]+)*", where.rpartition(".")[2])
    ]
    for kind in TYPES.values():
        if isinstance(kind, GraphQLEnumType):
            values = [f"{kind.name}.{value}" for value in kind.values]
            wrong += [one for one in values if not re.fullmatch(r"\w+\.[A-Z]+(_[A-Z]+)*", one)]
    assert wrong == []


def test_a_deprecation_has_a_date_and_what_to_use_instead() -> None:
    values = [
        (f"{kind.name}.{name}", value)
        for kind in TYPES.values()
        if isinstance(kind, GraphQLEnumType)
        for name, value in kind.values.items()
    ]
    told = {
        where: one.deprecation_reason
        for where, one in (*_fields(), *_given(), *values)
        if one.deprecation_reason is not None
    }
    assert [one for one in told.items() if not DEPRECATION.fullmatch(one[1])] == []


# ------------------------------------------------------------------------------ pages and nodes

PAGING = {"first": "Int", "after": "String", "last": "Int", "before": "String"}
# Lists of objects with ids that are no connections, because something bounds them.
BOUNDED = {
    "Query.banners": "five at most; more are in announcements",
    "Query.mustReads": "the newest twenty; more are in announcements",
    "Query.similarTopics": "the five that are most alike",
    "Query.relatedTopics": "the five that are most alike",
    "Query.communityNodes": "as many as ids were given, of which there may be 100",
    "Topic.attachments": "ten at most",
    "Reply.attachments": "ten at most",
    "HeldEdit.attachments": "ten at most",
    "Draft.attachments": "ten at most",
    "Seeding.items": "those of one plan, which may have 200",
    "Case.rules": "those that matched one text, of the 200 that a community may have",
}


def test_a_list_of_objects_is_a_connection_that_costs_and_may_be_null() -> None:
    for where, field in _fields():
        kind = get_named_type(field.type)
        if kind.name.endswith("Connection"):
            assert {arg: str(field.args[arg].type) for arg in PAGING} == PAGING, where
            assert not is_non_null_type(field.type), f"{where} would null the page"
            assert "BAD_USER_INPUT" in _codes(field), where
            owner, _, name = where.rpartition(".")
            assert _metadata(owner, name).get("guildhall_cost", 0) >= 5, where
        elif is_list_type(get_nullable_type(field.type)) and "id" in getattr(kind, "fields", {}):
            assert where in BOUNDED, f"{where} has no pages"


def test_connections_are_relays() -> None:
    for name, kind in TYPES.items():
        if not name.endswith("Connection"):
            continue
        assert isinstance(kind, GraphQLObjectType)
        edge = get_named_type(kind.fields["edges"].type)
        assert str(kind.fields["edges"].type) == f"[{edge.name}!]!"
        assert edge.name == f"{name.removesuffix('Connection')}Edge"
        assert str(kind.fields["pageInfo"].type) == "PageInfo!"
        assert str(kind.fields["totalCount"].type) == "Int"
        assert isinstance(edge, GraphQLObjectType)
        assert str(edge.fields["cursor"].type) == "String!"
        assert "node" in edge.fields
        # What the shared Connection never counts costs nothing.
        counts = "null where the service does not count" not in str(
            kind.fields["totalCount"].description
        )
        assert bool(_metadata(name, "totalCount").get("guildhall_cost")) == counts, name


# With a global id, but not found again by it: no RPC gets one of them alone.
NO_NODES = {"Automation", "SeedingItem", "DeadLetter", "Enrolment", "Flag", "Rule"}


def test_what_has_a_global_id_is_a_node_and_found_again() -> None:
    node = TYPES["CommunityNode"]
    with_id = {
        name
        for name, kind in TYPES.items()
        if isinstance(kind, GraphQLObjectType) and "id" in kind.fields
    }
    nodes = {name for name in with_id if node in TYPES[name].interfaces}  # type: ignore[attr-defined]
    assert with_id - nodes <= NO_NODES
    for name in with_id:
        assert str(TYPES[name].fields["id"].type) == "ID!", name  # type: ignore[attr-defined]


def _metadata(owner: str, name: str) -> dict[str, Any]:
    """What our field says about itself."""
    kind = LIVE.type_map[owner]
    assert isinstance(kind, Composite)
    ours = (kind.fields[name].extensions or {}).get("strawberry-definition")
    return getattr(ours, "metadata", None) or {}


def test_what_another_service_answers_may_be_null() -> None:
    """A root field is its service's, and nulls itself; below it, what is fetched for a row."""
    wrong = [f"Query.{name}" for name, field in QUERIES.items() if is_non_null_type(field.type)]
    seen = 0
    for kind in LIVE.type_map.values():
        if isinstance(kind, GraphQLObjectType) and kind.name in TYPES:
            for name, field in kind.fields.items():
                fetch = None if name.startswith("_") else fetch_of(field)
                seen += fetch is not None
                if fetch is not None and not isinstance(fetch, Embedded):
                    wrong += [f"{kind.name}.{name}"] * is_non_null_type(field.type)
    assert wrong == []
    assert seen > 20


# ------------------------------------------------------------------------------------ mutations

# Without a requestId; the description says what a second time does, in these words.
REPEATABLE = {
    "signOutEverywhere": "May run twice",  # there is nothing to give
    "replayDeadLetters": "May run twice",  # applies what is left, and creates nothing
    "markAnnouncementsSeen": "May run twice",  # a measure: the first time counts
    "discardDeadLetter": "A second time it is not there any more",  # the refusal is the answer
}
# What makes something new has no version to expect; a membership of a group is something.
CREATES = re.compile(r"create|import|joinGroup|inviteToGroup")
# What one says of a post is no change of it: its version stays, whoever votes meanwhile.
SAID_OF_POSTS = {"castVote", "retractVote", "addReaction", "removeReaction", "declineAsk"} | {
    "inviteToAnswer",
    "castBallot", "closePoll", "removePoll",
}  # fmt: skip
# What one wants for oneself has no version: the last word holds.
OF_ONESELF = {
    "setRoutingPreference", "setFollow", "setTagFollow", "markTopicRead", "markAllRead",
    "deleteDraft",
    "followChannel", "unfollowChannel", "acknowledgeAnnouncement",
}  # fmt: skip


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_named_and_repeated_as_all_are(name: str) -> None:
    field = MUTATIONS[name]
    codes = _codes(field)
    assert str(field.type) == f"{_title(name)}Payload!"
    assert codes, "codes are told"
    assert all(
        "clientMutationId" not in kind.fields
        for kind in (
            SDL.type_map[f"{_title(name)}Payload"],
            SDL.type_map.get(f"{_title(name)}Input"),
        )
        if isinstance(kind, GraphQLObjectType | GraphQLInputObjectType)
    )
    if not field.args:
        assert name in REPEATABLE
    else:
        assert {key: str(one.type) for key, one in field.args.items()} == {
            "input": f"{_title(name)}Input!"
        }
    given = _input(name)
    if name in REPEATABLE:
        assert "requestId" not in given
        assert REPEATABLE[name] in str(field.description)
    else:
        assert str(given["requestId"].type) == "String!"
        assert {"REQUEST_ID_INVALID", "BAD_USER_INPUT", "UNAVAILABLE"} <= codes


@pytest.mark.parametrize("name", MUTATIONS)
def test_what_changes_something_versioned_can_expect_its_version(name: str) -> None:
    given = _input(name)
    named = [_title(one.removesuffix("Id")) for one in given if one.endswith("Id")][:2]
    payload = SDL.type_map[f"{_title(name)}Payload"]
    assert isinstance(payload, GraphQLObjectType)
    named += [get_named_type(field.type).name for field in payload.fields.values()]
    versioned = any(
        "version" in kind.fields
        for one in named
        if isinstance(kind := SDL.type_map.get(one), GraphQLObjectType)
    )
    due = versioned and not CREATES.match(name) and name not in SAID_OF_POSTS | OF_ONESELF
    assert ("expectedVersion" in given) == due
    assert ("VERSION_STALE" in _codes(MUTATIONS[name])) == due
    if due:
        assert str(given["expectedVersion"].type) == "Int"


def test_inputs_and_payloads_are_called_so_and_belong_to_their_mutation() -> None:
    for name, kind in TYPES.items():
        if isinstance(kind, GraphQLInputObjectType):
            assert name.endswith("Input"), name
        elif name.endswith("Payload"):
            assert name.removesuffix("Payload") in map(_title, MUTATIONS), name


# ------------------------------------------------------------------------------------- refusals

# Reasons that no portal is told, and why not.
NEVER_TOLD = {
    "DOMAIN": "a class of refusals",
    "REMOTE_REFUSAL": "has the reason that it was sent with",
    "PEER_FAILED": "told as INTERNAL",
    "ISSUER_UNKNOWN": "told as UNAUTHENTICATED",
    "PAGE_TOKEN_INVALID": "cursors are looked at before: BAD_USER_INPUT",
    "REQUEST_UNREADABLE": "the gateway writes what can be read",
    "SCREENING_TOO_SLOW": "the forum goes on without the screen",
    "INDEX_MISSING": "between search and its engine",
    "INDEX_LOST": "likewise",
    "MAIL_SERVER_AWAY": "between notifications and its mail server",
} | {
    kind.reason(): "a class of refusals"
    for kind in DomainError.__subclasses__()
    if kind.__module__ == errors.__name__
    and kind.reason() == kind.status
    and kind.status not in ("UNAVAILABLE", "UNAUTHENTICATED")
}


@cache
def _classes() -> dict[str, tuple[frozenset[str], Path]]:
    """Every class of ours: its bases' names and where it is; of one name the first is enough."""
    found: dict[str, tuple[frozenset[str], Path]] = {}
    for part in ("chassis", "gateway", "services"):
        for path in sorted((CHECKOUT / part).rglob("*.py")):
            if "tests" in path.parts or "testing" in str(path):
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                # One that overrides its reason has another's.
                if isinstance(node, ast.ClassDef) and not any(
                    isinstance(inner, ast.FunctionDef) and inner.name == "reason"
                    for inner in node.body
                    if node.name != "DomainError"
                ):
                    bases = frozenset(ast.unparse(base).rpartition(".")[2] for base in node.bases)
                    found[f"{path.relative_to(CHECKOUT)}:{node.name}"] = (bases, path)
    return found


@cache
def _reasons(part: str = "") -> frozenset[str]:
    """The reasons of all refusals, or of those of one part, from their classes."""
    classes = [(place.rpartition(":")[2], *rest) for place, rest in _classes().items()]
    refusals = {"DomainError"}
    while more := {name for name, bases, _ in classes if bases & refusals} - refusals:
        refusals |= more
    within = CHECKOUT / part
    return frozenset(
        cast("type[DomainError]", type(name, (DomainError,), {})).reason()
        for name, _, path in classes
        if name in refusals and path.is_relative_to(within)
    )


@cache
def _gateways_own() -> frozenset[str]:
    """Codes that are no classes: constants, and what HttpError is given."""
    found = set()
    for path in sorted((CHECKOUT / "gateway").rglob("*.py")):
        if "tests" in path.parts or path.name == "refusals.py":
            continue
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            texts: list[ast.expr] = []
            match node:
                case ast.Call(func=ast.Name(id="HttpError"), args=[_, ast.expr() as code, *_]):
                    texts = [code]
                case ast.Dict():
                    pairs = zip(node.keys, node.values, strict=True)
                    texts = [
                        value
                        for key, value in pairs
                        if isinstance(key, ast.Constant) and key.value == "code"
                    ]
                case ast.Assign(value=value) if path.name in ("errors.py", "limits.py"):
                    at_the_top = node in tree.body
                    texts = value.elts if isinstance(value, ast.Tuple) else [value] * at_the_top
            found |= {
                str(one.value)
                for one in texts
                if isinstance(one, ast.Constant) and re.fullmatch(r"[A-Z_]{3,}", str(one.value))
            }
    return frozenset(found)


TOLD = {code.value for code in RefusalCode}


def test_the_enum_has_every_code_that_there_is_and_no_other() -> None:
    assert len(_reasons()) > 70
    there = (_reasons() | _gateways_own()) - NEVER_TOLD.keys()
    assert {"told, and nobody says it": TOLD - there, "said, and not told": there - TOLD} == {
        "told, and nobody says it": set(),
        "said, and not told": set(),
    }
    assert NEVER_TOLD.keys() <= _reasons()
    assert [name for name, code in RefusalCode.__members__.items() if name != str(code.value)] == []


def _proto(service: str) -> str:
    """All that a service offers, whatever file it is in."""
    if service == "operations":
        return (CHECKOUT / "protos/guildhall/chassis/v1/operations.proto").read_text()
    files = sorted((CHECKOUT / f"protos/guildhall/{service}/v1").glob("*.proto"))
    return "\n".join(path.read_text() for path in files)


RPCS = {
    rpc: (service, comment)
    for service in ("directory", "forum", "moderation", "notifications", "search", "operations")
    for comment, rpc in re.findall(r"((?:^ *//.*\n)*)^ *rpc (\w+)\(", _proto(service), re.M)
}


def _promised(rpc: str) -> set[str]:
    """The reasons that an RPC's comment names, and those of the RPCs that it is as."""
    comment = " ".join(RPCS[rpc][1].replace("//", " ").split())
    others = re.findall(r"(?:^|\. )As ([A-Z]\w+)\b", comment)
    named = set(re.findall(r"[A-Z]+(?:_[A-Z]+)+", comment)) & _reasons()
    return named.union(*map(_promised, others))


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutations_codes_are_its_owners_and_all_it_promises(name: str) -> None:
    codes = _codes(MUTATIONS[name])
    assert codes <= TOLD
    rpc = {"RebuildProjections": "Rebuild"}.get(_title(name), _title(name))
    if rpc not in RPCS:
        assert codes <= _reasons("gateway") | _reasons("chassis") | _gateways_own()
        return
    service = RPCS[rpc][0]
    owner = "chassis" if service == "operations" else f"services/{service}"
    foreign = codes - _reasons(owner) - _reasons("chassis") - _reasons("gateway")
    foreign -= _gateways_own()
    assert foreign == set(), f"{service} has no such refusals"
    # A reply's topic is part of its id: where that is not there, the reply is not. A post is one
    # or the other.
    given = _input(name)
    thing = "POST_" if "postId" in given else "REPLY_" if "replyId" in given else "TOPIC_"
    promised = {
        re.sub("^(TOPIC|REPLY)_", thing, one) if thing != "TOPIC_" else one
        for one in _promised(rpc)
        if one.endswith("NOT_FOUND")
    }
    promised |= {one for one in _promised(rpc) if not one.endswith("NOT_FOUND")}
    assert promised - codes == set(), f"{rpc} promises more"


def test_a_querys_codes_are_told() -> None:
    for where, field in _fields():
        assert _codes(field) <= TOLD, where
        assert ("Codes:" in (field.description or "")) == bool(_codes(field)), where

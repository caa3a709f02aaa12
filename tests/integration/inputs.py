"""Inputs made from the SDL: for each field of each mutation and query what it may not be."""

from __future__ import annotations

import copy
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSchema,
    Undefined,
    build_schema,
    get_named_type,
    is_required_argument,
    is_required_input_field,
    value_from_ast_untyped,
)

from devstack.parts import CHECKOUT
from gateway.cursors import decode_id, encode_id
from tests.world import World

At = tuple[str | int, ...]
SCHEMA: GraphQLSchema = build_schema((CHECKOUT / "gateway/schema.graphql").read_text())
# What may stand in a text nowhere: controls, NUL, bidi override, zero width, private use.
FORBIDDEN = ("a\x07b is no text", "a\x00b is no text", "a\u202eb", "a\u200bb", "a\ue000b")
LONG = 40_000  # characters: over every limit, under the body's
UNKNOWN = uuid.UUID(int=0x51).hex

_SOON = (datetime.now(UTC) + timedelta(days=30)).isoformat()
# What is legal, by name; texts that are not here are "Grace"; ids follow from the name.
LEGAL: dict[str, Any] = {
    "options": ["Grace", "Patience"],
    "slug": "bad-input", "body": "What is to be known about grace?", "email": "grace@example.org",
    "url": "https://example.org/hook",
    "website": "https://example.org", "issuer": "https://id.example.org", "tags": ["grace"],
    "origins": ["https://portal.example.org"], "documents": ["{ __typename }"],
    "documentIds": [f"sha256:{'0' * 64}"],
    "phrases": ["grace", "patience"], "audienceNames": ["GOLD"], "outcome": "REJECT",
    "timeZone": "Europe/Berlin", "locale": "de", "locales": ["de"], "sourceLocale": "en",
    "wallClock": "2999-01-01T09:00", "secretHash": "0" * 64, "tiers": ["gold"], "deadline": _SOON,
    "expireTime": _SOON, "keys": ["grace"],
    "first": 5, "last": 5, "allowedTags": ["grace"],
    "reviewDueTime": _SOON, "publishTime": _SOON, "pinExpireTime": _SOON,
    "verifiedUntilTime": _SOON,
    "expectedVersion": 1, "service": "SEARCH", "consumer": "search--forum", "sort": "NEWEST",
    "system": "crm", "type": "deal",
    "trustLevel": "BASIC", "emailDomains": ["kestrel.example"],
    "linkCardHosts": ["docs.example.com"],
}  # fmt: skip
# What a field needs beside it, and what is given though the SDL does not ask for it.
BESIDE: dict[str, dict[str, Any]] = {
    "audienceNames": {"audience": "TIER"},
    "replacement": {"kind": "REPLACE"},
    "questionExternalId": {"kind": "ANSWER"},
    "parentAnswerExternalId": {"kind": "ANSWER", "questionExternalId": "q1"},
    "targetSpaceId": {"action": "MOVE", "closeReason": None},
}
ALSO = {
    "ImportedPostInput": ("title",), "RemoveMemberInput": ("reason",),
    "SaveDraftInput": ("spaceId",), "DeleteDraftInput": ("spaceId",), "draft": ("spaceId",),
    "CreateAutomationInput": ("closeReason",), "ScheduleAnnouncementInput": ("wallClock",),
    "CreateGroupInput": ("rule",), "UpdateGroupInput": ("rule",), "GroupRuleInput": ("tiers",),
    "UpdateTrustSettingsInput": ("requirements",),
}  # fmt: skip
# What one mutation takes by a name that others give other things.
OWN: dict[str, dict[str, Any]] = {
    "createUpload": {"name": "grace.txt"},
    "createGroup": {"joinPolicy": "RULE"},
    "updateGroup": {"joinPolicy": "RULE"},
}
BACKWARDS = {("last",), ("before",)}  # a page from the list's end instead
# Where something in its usual state would be refused for its state.
# What may be left empty in one mutation, though not in those that post it.
MAY_BE_EMPTY = {
    "saveDraft": ("title", "body", "options"), "verifyPost": ("verifiedFor", "reply_id"),
    "updatePerson": ("timeZone", "time_zone", "locale"),
}  # fmt: skip
STATES = {
    "publishTopic": "DRAFT", "scheduleTopic": "DRAFT", "unscheduleTopic": "SCHEDULED",
    "reopenTopic": "CLOSED", "restoreTopic": "HIDDEN",
    "restoreReply": "HIDDEN", "createCommunity": "VENDOR", "createEnrolment": "OTHER",
    "movePerson": "OTHER", "scheduleAnnouncement": "DRAFT", "publishAnnouncement": "DRAFT",
    "answerGroupInvitation": "INVITED", "inviteToGroup": "INVITED",
    "decideGroupRequest": "REQUESTED",
}  # fmt: skip
# What must be another one than the input's first.
OTHERS = {"targetTopicId": "CLOSED"}
# Of imported posts: some have lost their author, some have no accepted answer, most no parent.
LOST = {"persona", "acceptedAnswerExternalId", "parentAnswerExternalId"}
OTHER_KINDS = ("Community", "Topic", "Person")


@dataclass(frozen=True)
class Bad:
    """Arguments of one call that must be refused, and which field the refusal must name."""

    why: str
    arguments: dict[str, Any]
    field: str = ""  # empty: it need not name one


def codes(description: str | None) -> set[str]:
    """What a description says it may refuse with."""
    found = re.search(r"Codes: ([A-Z_, ]+)\.", description or "")
    return set(found[1].split(", ")) if found else set()


OF_ANY_KIND = ("communityNode", "communityNodes")
NODES = [type_.name for type_ in SCHEMA.get_possible_types(SCHEMA.type_map["CommunityNode"])]  # type: ignore[arg-type]


def kind_of(name: str, owner: str = "") -> str:
    """The kind of thing an id field names; "" where it is none that has global ids."""
    last = owner if name in ("id", "ids") else re.sub(r"Ids?$", "", name)
    last = re.sub(r"^.*(?=[A-Z])", "", last)
    kind = last[:1].upper() + last[1:]
    return {
        "Author": "Person",
        "Post": "Topic",
        "Letter": "",
        "Delivery": "",
        "Of": "Topic",
        "Target": "Space",
        "Mentioned": "Person",
        "Owner": "Person",
    }.get(kind, kind)


class Inputs:
    """Arguments of one field of Query or Mutation; `ids` are those of the caller's community."""

    def __init__(self, world: World, name: str, field: GraphQLField) -> None:
        self._world = world
        self.name = name
        self.field = field
        self._state = STATES.get(name, "")
        self._owner = "topic" if name in OF_ANY_KIND else name

    def legal(self) -> dict[str, Any]:
        """All that must be given, and it is good."""
        given: dict[str, Any] = {
            name: self._legal(name, argument.type)
            for name, argument in self.field.args.items()
            if is_required_argument(argument) or name == "first" or name in ALSO.get(self.name, ())
        }
        given.get("input", {}).update(OWN.get(self.name, {}))
        return given

    def _legal(self, name: str, type_: Any) -> Any:
        if isinstance(type_, GraphQLNonNull):
            return self._legal(name, type_.of_type)
        if name == "requestId":
            return f"bad-{uuid.uuid4()}"
        if name in LEGAL:
            return LEGAL[name]
        if isinstance(type_, GraphQLList):
            return [self._legal(name, type_.of_type)]
        if isinstance(type_, GraphQLInputObjectType):
            return {
                inner: self._legal(inner, field.type)
                for inner, field in type_.fields.items()
                if is_required_input_field(field) or inner in ALSO.get(type_.name, ())
            }
        if isinstance(type_, GraphQLEnumType):
            return next(iter(type_.values))
        if type_.name == "ID":
            return self._id(name)
        return {
            "Boolean": True,
            "Int": 1,
            "Float": 1.0,
            "DateTime": "2026-01-01T00:00:00Z",
        }.get(type_.name, "Grace")

    def _id(self, name: str) -> str:
        kind = kind_of(name, self._owner)
        ids = self._world.aurora
        state = OTHERS.get(name, self._state)
        return ids.get(f"{kind}.{state}") or ids.get(kind) or UNKNOWN

    def bad(self) -> Iterator[Bad]:
        """Every field of the arguments made bad in every way that its type and name suggest."""
        for name, argument in self.field.args.items():
            yield from self._bad((name,), name, argument)

    def _bad(self, at: At, name: str, field: GraphQLArgument | GraphQLInputField) -> Iterator[Bad]:
        type_ = field.type
        if isinstance(type_, GraphQLNonNull):
            type_ = type_.of_type
            yield self.with_value(at, "null", None)
            if field.default is None:
                yield self.with_value(at, "missing", Undefined)
        if isinstance(type_, GraphQLList):
            yield from self._bad_list(at, name, type_)
        elif isinstance(type_, GraphQLInputObjectType):
            yield self.with_value(at, "wrong type", 12)
            yield self.with_value(at, "unknown field", {**self._legal(name, type_), "nobody": 1})
            for inner, its in type_.fields.items():
                yield from self._bad((*at, inner), inner, its)
        else:
            for why, value in self._bad_leaf(name, type_, field):
                if why != "empty" or LOST.isdisjoint(map(str, at)):
                    yield self.with_value(at, why, value)

    def _bad_list(self, at: At, name: str, type_: GraphQLList[Any]) -> Iterator[Bad]:
        inner = type_.of_type.of_type
        yield self.with_value(at, "null in it", [None])
        if isinstance(inner, GraphQLInputObjectType):
            yield self.with_value(at, "wrong type", [12])
            for name_, its in inner.fields.items():
                yield from self._bad((*at, 0, name_), name_, its)
            return
        required = GraphQLInputField(GraphQLNonNull(inner))  # as is every item of a list
        for why, value in self._bad_leaf(name, inner, required):
            yield self.with_value(at, why, [value])
        if inner.name in ("String", "Markdown"):
            yield self.with_value(at, "too many", [f"grace{n}" for n in range(101)])

    def _bad_leaf(
        self, name: str, type_: Any, field: GraphQLArgument | GraphQLInputField
    ) -> Iterator[tuple[str, Any]]:
        yield "wrong type", {"a": [1]}
        if isinstance(type_, GraphQLEnumType):
            yield "no such value", "NOBODY"
            yield "wrong case", next(iter(type_.values)).lower()
            return
        assert isinstance(type_, GraphQLScalarType)
        match type_.name:
            case "ID":
                yield from self._bad_id(name)
            case "Int":
                for value in ("1", 1.5, 1 << 31):
                    yield f"no number {value!r}", value
                yield from (("stale", n) for n in (99, 0, -1) if name == "expectedVersion")
                yield from (("out of range", n) for n in (0, -1, 101) if name in ("first", "last"))
            case "Float":
                yield "no number", "1.5"
            case "Boolean":
                yield "no boolean", "true"
            case "DateTime":
                for text in ("", "tomorrow", "2026-01-31", "2026-02-30T12:00:00Z", "x" * LONG):
                    yield f"no time {text[:20]}", text
            case _:
                yield "wrong type", 12
                yield from self._bad_text(name, field)

    def _bad_text(
        self, name: str, field: GraphQLArgument | GraphQLInputField
    ) -> Iterator[tuple[str, str]]:
        if name == "requestId":
            for text in ("", "short", "x" * 129, "with a blank", "grüße-von-hier", "x\x07y" * 8):
                yield f"no request id {text[:12]!r}", text
            return
        for text in FORBIDDEN:
            yield "forbidden", text
        yield "too long", "x" * LONG
        if not may_be_empty(name, field) and name not in MAY_BE_EMPTY.get(self.name, ()):
            yield from (("empty", text) for text in ("", " \t "))

    def _bad_id(self, name: str) -> Iterator[tuple[str, str]]:
        for text in ("", " ", "nobody", "x\x00y", "Ω", "=" * 300, "x" * LONG, UNKNOWN):
            yield f"no id {text[:8]!r}", text
        kind = kind_of(name, self._owner)
        if not kind or self.name in OF_ANY_KIND:
            return
        good = decode_id(self._id(name), name)
        related = {"Person": ("Member",), "Member": ("Person",)}.get(kind, ())
        if name == "targetId":  # of whatever can be followed
            related = ("Topic",)
        for other in OTHER_KINDS:
            if other not in (kind, *related):
                yield f"of another kind {other}", self._world.aurora[other]
        yield "of a kind nobody has", encode_id("Nobody", good.community_id, good.id)
        if name != "mentionedIds":  # whoever is not there is not mentioned
            yield "unknown id", _renamed(kind, good.community_id)

    def hidden(self) -> Iterator[tuple[str, Bad, Bad]]:
        """An id of a community one is not in, and one that nobody has: nobody may tell them apart.

        Companies and persons belong to no community.
        """
        for at, name in self.ids():
            kinds = [kind_of(name, self._owner)]
            if self.name in OF_ANY_KIND:
                kinds = NODES
            for kind in kinds:
                for pair in self._hidden(kind):
                    bad, nobodys = (self.with_value(at, why, id_) for why, id_ in pair)
                    yield f"{name} of a {kind}", bad, nobodys

    def _hidden(self, kind: str) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
        foreign, own = self._world.borealis.get(kind, ""), self._world.aurora.get(kind, "")
        if not foreign or (there := decode_id(foreign, "")).community_id == "platform":
            return
        yield ("foreign", foreign), ("nobody's", _renamed(kind, UNKNOWN))
        if kind != "Community":
            home = decode_id(own, "").community_id
            yield (
                ("foreign, said to be at home", encode_id(kind, home, there.id)),
                ("unknown", _renamed(kind, home)),
            )

    def ids(self) -> Iterator[tuple[At, str]]:
        """Where an id is given, and as what."""
        for name, argument in self.field.args.items():
            type_ = get_named_type(argument.type)
            if isinstance(type_, GraphQLInputObjectType):
                for inner, field in type_.fields.items():
                    if get_named_type(field.type).name == "ID":
                        yield (name, inner), inner
            elif type_.name == "ID":
                yield (name,), name

    def with_value(self, at: At, why: str, value: Any) -> Bad:
        """Good arguments but for one."""
        arguments = copy.deepcopy(self.legal())
        target: Any = arguments
        type_: Any = None
        for step in at[:-1]:
            if isinstance(step, str) and step not in target:  # not required: made for this
                type_ = (type_.fields if type_ else self.field.args)[step].type
                target[step] = self._legal(step, type_)
            elif isinstance(step, str):
                type_ = (type_.fields if type_ else self.field.args)[step].type
            type_ = get_named_type(type_)
            target = target[step]
        if at in BACKWARDS:
            arguments = {**arguments, "last": LEGAL["last"]}
            del arguments["first"]
            target = arguments
        last = at[-1]
        beside = BESIDE.get(str(last), {})
        if type_ is not None and beside.keys() <= type_.fields.keys():
            target.update(beside)
        if value is Undefined:
            target.pop(last, None)
        else:
            target[last] = value
        named = at[1:] if at[0] == "input" else at
        return Bad(f"{'.'.join(map(str, at))} {why}", arguments, ".".join(map(str, named)))


def is_emptiable(name: str) -> bool:
    """Whether the SDL lets a text of this name be empty when something is made."""
    return name in _EMPTIABLE


def may_be_empty(name: str, field: GraphQLArgument | GraphQLInputField) -> bool:
    """A text that is left out is empty; one that is so at creation may become so."""
    if isinstance(field.type, GraphQLNonNull):
        return bool(default_of(field) == "")
    return name in _EMPTIABLE or isinstance(field, GraphQLArgument)


def default_of(field: GraphQLArgument | GraphQLInputField) -> Any:
    """What the SDL says it is where it is left out; Undefined where it says nothing."""
    if field.default is None or field.default.literal is None:
        return Undefined
    return value_from_ast_untyped(field.default.literal)


def _renamed(kind: str, community: str) -> str:
    """The id of something that nobody has ever made."""
    if kind == "Community":
        return encode_id(kind, UNKNOWN, UNKNOWN)
    return encode_id(kind, community, f"{UNKNOWN}.{UNKNOWN}" if kind == "Reply" else UNKNOWN)


_EMPTIABLE = {
    name
    for type_ in SCHEMA.type_map.values()
    if isinstance(type_, GraphQLInputObjectType)
    for name, field in type_.fields.items()
    if default_of(field) == ""
}

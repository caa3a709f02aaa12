"""Requests made from the protos: for each field of each RPC what it may not be."""

from __future__ import annotations

import importlib
import pkgutil
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp

from gateway.cursors import decode_id, decode_reply_id
from gateway.feed_secrets import hash_of
from guildhall.chassis.v1 import event_log_pb2, operations_pb2
from guildhall.directory.v1 import groups_pb2
from guildhall.forum.v1 import automation_pb2, forum_pb2
from guildhall.moderation.v1 import moderation_pb2
from tests.integration.inputs import (
    FORBIDDEN,
    LEGAL,
    MAY_BE_EMPTY,
    OTHERS,
    STATES,
    UNKNOWN,
    is_emptiable,
)
from tests.system import ENGINEER
from tests.world import World, identity

LONG = 70_000  # characters: over every limit, under the message's


def _modules(service: str) -> list[ModuleType]:
    """What is generated of all protos of a service."""
    package = importlib.import_module(f"guildhall.{service}.v1")
    names = [one.name for one in pkgutil.iter_modules(package.__path__)]
    return [
        importlib.import_module(f"{package.__name__}.{name}")
        for name in names
        if name.endswith("_pb2")
    ]


_SERVICES = ("directory", "forum", "moderation", "search", "notifications")
OFFERED = {service: _modules(service) for service in _SERVICES}
# Companies and persons belong to no community: writes may name them anywhere.
OF_NO_COMMUNITY = {"company_id", "person_id", "vendor_company_id", "owner_id", "owner_ids"}
OF_ALL = (event_log_pb2, operations_pb2)
TEXT, ENUM, MESSAGE = (
    FieldDescriptor.TYPE_STRING,
    FieldDescriptor.TYPE_ENUM,
    FieldDescriptor.TYPE_MESSAGE,
)
NUMBERS = (
    FieldDescriptor.TYPE_INT32,
    FieldDescriptor.TYPE_INT64,
    FieldDescriptor.TYPE_DOUBLE,
)
# Beside what LEGAL and the ids of the world say.
ALSO: dict[str, Any] = {
    "aggregate_id": UNKNOWN, "dead_letter_id": UNKNOWN, "expected_version": 0, "page_token": "",
    "audience": 0, "audience_names": [], "replacement": "", "outcome": 2,
    "settings.kinds": [1, 2], "max_length": 20, "settings.own_close_reasons": ["grace"],
    "own_close_reason": "", "close_reason": 1,
    "trust_level": 2, "parent_reply_id": "", "duplicate_of_id": "", "parent_answer_external_id": "",
    "SetTagFollow.tag": "grace",
    "tag": "", "mentioned_ids": [], "CreateTopic.seeding_item_id": "", "CreateReply.seeding_id": "",
    "attachment_ids": [], "CreateAutomation.target_space_id": "", "CreateAutomation.pin_days": 0,
    "reasons": [1], "system": "crm", "context.type": "deal", "context_refs.0.type": "deal",
    "join_policy": groups_pb2.GROUP_JOIN_POLICY_RULE,
    "event_types": [1], "delivery_ids": [],
    "ChangeGroupMember.state": groups_pb2.GROUP_MEMBER_STATE_SUSPENDED,
}  # fmt: skip
# What a post may have besides, or topics be about: nothing, unless it is asked about.
LEFT_OUT = {"quotes", "context"}
# What a field needs beside it to be looked at.
BESIDE: dict[str, dict[str, Any]] = {
    "audience_names": {"audience": forum_pb2.AUDIENCE_TIER},
    "replacement": {"kind": moderation_pb2.RULE_KIND_REPLACE},
    "question_external_id": {"kind": forum_pb2.IMPORTED_POST_KIND_ANSWER},
    "parent_answer_external_id": {"kind": forum_pb2.IMPORTED_POST_KIND_ANSWER},
    "target_space_id": {
        "action": automation_pb2.AUTOMATION_ACTION_MOVE,
        "close_reason": 0,
        "reason": "",
    },
}
# What a request does not take, where what is good for it is another of its fields.
NOT_BESIDE = dict.fromkeys(("SaveDraft", "DeleteDraft", "GetDraft"), ("topic_id", "reply_id"))
# Of imported posts: some have lost their author, some have no accepted answer, most no parent.
LOST = {
    "persona_external_id", "persona_display_name", "accepted_answer_external_id",
    "parent_answer_external_id",
}  # fmt: skip
# Ids that say more where they are given.
MAY_LACK = {"parent_reply_id", "duplicate_of_id", "discussion_topic_id"}
# RPCs about a topic, and one of its replies where that is given.
ON_POSTS = {
    "CastVote", "RetractVote", "AddReaction", "RemoveReaction", "UnacceptReply", "AddBookmark",
    "RemoveBookmark", "MarkTopicRead", "FlagPost",
}  # fmt: skip
# What is about everything where it names nothing.
WIDER_WITHOUT = {
    ("SplitTopic", "space_id"), ("CreateAutomation", "space_id"), ("SetTagFollow", "space_id"),
    ("MarkAllRead", "space_id"), ("UpdateAutomation", "target_space_id"),
    ("UpdateSeedingItem", "owner_id"), ("CreateTopic", "seeding_item_id"),
    ("CreateReply", "seeding_id"), ("BatchGetGroupMembers", "person_id"),
}  # fmt: skip


@dataclass(frozen=True)
class BadRequest:
    """One request that must be refused, and which field the refusal must name."""

    why: str
    request: Message
    field: str
    descriptor: FieldDescriptor


def methods(service: str) -> Iterator[MethodDescriptor]:
    """Every RPC that a service answers."""
    for module in (*OFFERED[service], *OF_ALL):
        offered: dict[str, ServiceDescriptor] = module.DESCRIPTOR.services_by_name
        for one in offered.values():
            yield from one.methods


def is_write(method: MethodDescriptor) -> bool:
    """Every write has a request id."""
    return "request_id" in method.input_type.fields_by_name


class Requests:
    """Requests of one RPC."""

    def __init__(self, world: World, method: MethodDescriptor) -> None:
        self._world = world
        self._method = method
        self._message = GetMessageClass(method.input_type)
        self._state = STATES.get(method.name[0].lower() + method.name[1:], "")

    def of(self, method: MethodDescriptor) -> Requests:
        """Those of another RPC, in the same world."""
        return Requests(self._world, method)

    def empty(self) -> Message:
        """Nothing given."""
        return self._message()

    def legal(self) -> Message:
        """Everything given that is not optional, and it is good."""
        request: Any = self._message()
        self._fill(request, "")
        for name in NOT_BESIDE.get(self._method.name, ()):
            request.ClearField(name)
        if self._method.name == "CreateUpload":
            request.name, request.type, request.sha256 = "grace.txt", "", ""
        if self._method.name in ("ResolveActor", "SignIn"):
            request.issuer, request.subject = identity(self._world.place, ENGINEER)
        if self._method.name == "BatchResolveActors":
            (link,) = request.identity_links
            link.issuer, link.subject = identity(self._world.place, ENGINEER)
        if self._method.name == "FindFeedAddress":
            request.secret_hash = hash_of(self._world.aurora["FeedSecret"])
        return request  # type: ignore[no-any-return]

    def _fill(self, message: Message, at: str) -> None:
        fields: Any = message.DESCRIPTOR.fields
        for field in fields:
            path = f"{at}{field.name}"
            value = self._value(field, path)
            if field.name in LEFT_OUT:
                continue
            if field.is_repeated and field.type == MESSAGE:
                self._fill(getattr(message, field.name).add(), f"{path}.0.")
            elif field.is_repeated:
                getattr(message, field.name).extend(value)
            elif is_time(field):
                if field.name in ("create_time", "start_time"):
                    getattr(message, field.name).FromJsonString("2026-01-01T00:00:00Z")
            elif field.type == MESSAGE:
                getattr(message, field.name).SetInParent()
                self._fill(getattr(message, field.name), f"{path}.")
            elif not field.has_presence:
                setattr(message, field.name, value)

    def _value(self, field: FieldDescriptor, path: str) -> Any:
        for key in (f"{self._method.name}.{path}", path, field.name):
            if key in ALSO:
                return ALSO[key]
        if field.name == "request_id":
            return f"bad-{uuid.uuid4()}"
        if field.type in NUMBERS:
            return [1] if field.is_repeated else 1
        if field.type == ENUM:
            return [] if field.is_repeated else 1
        if field.type == FieldDescriptor.TYPE_BOOL:
            return field.name.startswith("update_")
        if field.type != TEXT:
            return None
        if is_id(field):
            found = raw_id(self._world.aurora, field.name, self._state)
            return [found] if field.is_repeated else found
        legal = LEGAL.get(camel(field.name), "Grace")
        return legal if isinstance(legal, list) == field.is_repeated else "Grace"

    def bad(self) -> Iterator[BadRequest]:
        """Every field made bad in every way that its type and name suggest."""
        yield from self._bad(self._method.input_type.fields, "")

    @property
    def _may_be_empty(self) -> tuple[str, ...]:
        name = self._method.name
        return (*NOT_BESIDE.get(name, ()), *MAY_BE_EMPTY.get(name[0].lower() + name[1:], ()))

    def _bad(self, fields: Any, at: str) -> Iterator[BadRequest]:
        for field in fields:
            path = f"{at}{field.name}"
            for why, value in self._bad_values(field):
                if value not in ("", [""]) or field.name not in self._may_be_empty:
                    yield self.with_value(field, path, why, value)
            if field.type == MESSAGE and not is_time(field):
                below = f"{path}.0." if field.is_repeated else f"{path}."
                yield from self._bad(field.message_type.fields, below)

    def with_value(self, field: FieldDescriptor, path: str, why: str, value: Any) -> BadRequest:
        """A good request but for one field."""
        request = self.legal()
        parent = path.rpartition(".")[0]
        owner = field.containing_type
        for beside, its in BESIDE.get(field.name, {}).items() if is_write(self._method) else ():
            if owner is not None and beside in owner.fields_by_name:
                put(request, f"{parent}.{beside}".lstrip("."), its)
        self.fill_around(request, path)
        put(request, path, value)
        return BadRequest(f"{path} {why}", request, path, field)

    def fill_around(self, request: Message, path: str) -> None:
        """What is left out until this path within it is asked about."""
        name = path.partition(".")[0]
        if name not in LEFT_OUT:
            return
        part = getattr(request, name)
        if self._method.input_type.fields_by_name[name].is_repeated:
            self._fill(part.add(), f"{name}.0.")
        else:
            self._fill(part, f"{name}.")

    def just_too_long(self, bad: BadRequest, most: int) -> BadRequest:
        """One character more than a refusal said there may be."""
        text = "x" * (most + 1)
        value = [text] if bad.descriptor.is_repeated else text
        return self.with_value(bad.descriptor, bad.field, "just too long", value)

    def _bad_values(self, field: FieldDescriptor) -> Iterator[tuple[str, Any]]:
        wrap = (lambda value: [value]) if field.is_repeated else (lambda value: value)
        if field.type == ENUM:
            yield "no such number", wrap(99)
        elif field.type in NUMBERS and field.name == "expected_version":
            yield from (("stale", 99), ("stale", -1))
        elif is_time(field):
            yield "year 33658", Timestamp(seconds=10**12)
            yield "before time", Timestamp(seconds=-(10**12))
            yield "negative nanos", Timestamp(seconds=1, nanos=-5)
        elif field.type == TEXT:
            for why, value in self._bad_texts(field):
                yield why, wrap(value)
            if field.is_repeated:
                yield "too many", [f"grace{number}" for number in range(5000)]

    def _bad_texts(self, field: FieldDescriptor) -> Iterator[tuple[str, str]]:
        if field.name == "request_id":
            for text in ("", "short", "x" * 129, "with a blank", "grüße-von-hier", "x\x07y" * 8):
                yield f"no request id {text[:12]!r}", text
            return
        if field.name == "mentioned_ids":  # whoever is not there is not mentioned
            return
        if is_id(field):
            for text in ("", "nobody", "x\x00y", "$where", "x" * LONG, UNKNOWN):
                if not text and self._may_lack(field):
                    continue
                yield f"no id {text[:8]!r}", text
            return
        for text in FORBIDDEN:
            yield "forbidden", text
        yield "too long", "x" * LONG
        if not is_emptiable(camel(field.name)) and field.name not in LOST:
            yield "empty", ""

    def _may_lack(self, field: FieldDescriptor) -> bool:
        of_quote = field.containing_type is not None and field.containing_type.name == "Quote"
        on_post = field.name == "reply_id" and (of_quote or self._method.name in ON_POSTS)
        everywhere = (self._method.name, field.name) in WIDER_WITHOUT
        return on_post or everywhere or field.name in MAY_LACK

    def hidden(self) -> Iterator[tuple[str, Message, Message]]:
        """A request for what is another community's, and one for what nobody has."""
        for field in self._method.input_type.fields:
            foreign = raw_id(self._world.borealis, field.name, "PARTNER") if is_id(field) else ""
            if not foreign or (is_write(self._method) and field.name in OF_NO_COMMUNITY):
                continue
            pair = [self.legal(), self.legal()]
            for request, id_ in zip(pair, (foreign, UNKNOWN), strict=True):
                put(request, field.name, [id_] if field.is_repeated else id_)
                if is_write(self._method):
                    request.request_id = "hidden-or-not"  # type: ignore[attr-defined]
            yield field.name, pair[0], pair[1]


def is_time(field: FieldDescriptor) -> bool:
    """A moment."""
    return field.message_type is not None and field.message_type.name == "Timestamp"


def is_id(field: FieldDescriptor) -> bool:
    """An id of ours, not of another system."""
    named = field.name.endswith(("_id", "_ids")) and "external" not in field.name
    return named and field.type == TEXT  # update_owner_ids is none


def raw_id(ids: dict[str, str], name: str, state: str = "") -> str:
    """The id as services know it; "" where the world has none."""
    word = re.sub(r"_ids?$", "", name).split("_")[-1]
    same = {"author": "Person", "owner": "Person", "of": "Topic", "target": "Space"}
    kind = same.get(word, word.capitalize())
    state = OTHERS.get(camel(name), state)
    found = ids.get(f"{kind}.{state}") or ids.get(kind)
    if not found:
        return ""
    return decode_reply_id(found, name).id if kind == "Reply" else decode_id(found, name).id


def put(message: Any, path: str, value: Any) -> None:
    """Into a field, which may be of a message within."""
    *steps, last = path.split(".")
    for step in steps:
        if step.isdigit() and not len(message):  # what is left out until it is asked about
            message.add()
        message = message[int(step)] if step.isdigit() else getattr(message, step)
    if isinstance(value, list):
        message.ClearField(last)
        getattr(message, last).extend(value)
    elif isinstance(value, Timestamp):
        getattr(message, last).CopyFrom(value)
    else:
        setattr(message, last, value)


def camel(name: str) -> str:
    """As the gateway spells a field."""
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)

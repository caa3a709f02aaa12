"""Questions to every RPC, made from the protos: pairs about hidden and missing, and readings."""

from __future__ import annotations

import base64
import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import orjson
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor

from gateway.cursors import decode_id
from tests.integration.rpc_inputs import (
    MESSAGE,
    TEXT,
    Requests,
    camel,
    is_id,
    is_time,
    is_write,
    put,
)
from tests.walls.loot import NEVER, WORDS, Hidden, Loot
from tests.walls.oracle import Call, Pair
from tests.world import World

# A field that names any kind of thing, or none that the gateway has an id for.
ANY = ("aggregate_id", "target_id")
RAW = {"dead_letter_id": "Letter"}
# Whose id a field holds where its name says something else.
KINDS = {
    "author": "Person", "owner": "Person", "member": "Member", "mentioned": "Person",
    "of": "Topic", "post": "Topic",
}  # fmt: skip
NOTHING = "nothing-is-called-this"
_BEFORE = "2026-01-01T00:00:00Z"
PEOPLES_OWN = ("person_id",)  # where "one's own" may be meant


def raw_kinds(name: str) -> list[str]:
    """The kinds of things whose raw id a request field may hold."""
    if name in RAW:
        return [RAW[name]]
    if name in ANY:
        return ["Topic", "Case", "Person", "Community"]
    word = name.removesuffix("s").removesuffix("_id").split("_")[-1]
    kind = KINDS.get(word, word.capitalize())
    return ["Person", "Member"] if kind == "Person" else [kind]


class Probes:
    """Of one method."""

    def __init__(self, worlds: list[World], loot: Loot, method: MethodDescriptor) -> None:
        self._worlds, self._loot, self._method = worlds, loot, method
        self.hid: set[str] = set()  # fields that were asked about something hidden

    def pairs(self) -> Iterator[Pair]:
        """Everything hidden in every field that could name it."""
        for path, field in _texts(self._method.input_type, ""):
            if field.name == "request_id":
                yield from self._request_ids(path)
            elif is_id(field):
                yield from self._ids(path, field)
            elif field.name == "page_token":
                yield from self._page_tokens(path)
            else:
                yield from self._words(path, field)

    def _bases(self, community: str = "") -> Iterator[tuple[int, Any]]:
        """Good requests from each community that outsiders are in, or about that one."""
        for home, world in enumerate(self._worlds):
            request: Any = Requests(world, self._method).legal()
            if is_write(self._method):
                request.request_id = "walls-hidden-or-not"
            elif "page_size" in request.DESCRIPTOR.fields_by_name:
                _widen(request)  # what narrows the list besides would leave nothing in any case
            if community and "community_id" in request.DESCRIPTOR.fields_by_name:
                if home and home_id(self._worlds[0]) == community:
                    continue
                request.community_id = community
            yield home, request

    def _ids(self, path: str, field: FieldDescriptor) -> Iterator[Pair]:
        for kind in raw_kinds(field.name):
            for number, thing in enumerate(self._loot.of(kind)):
                if thing.known and "community_id" not in self._method.input_type.fields_by_name:
                    continue  # who it is may be seen, where it is a member may not
                self.hid.add(path)
                where = [] if kind == "Community" else [thing.community]
                for community in where if thing.known else (*where, ""):
                    for home, base in self._bases(community):
                        _beside(base, thing)
                        pair = self._pair(
                            f"{path} is {thing.what}", base, path, thing.id, NEVER, home
                        )
                        yield replace(pair, by_all=number == 0)
                        if number == 0 and home == (thing.community == self._loot.community):
                            yield from self._with_faults(base, path, thing, home)

    def _with_faults(self, base: Any, path: str, thing: Hidden, home: int) -> Iterator[Pair]:
        """Something else is wrong as well: what is told first may not depend on what there is."""
        seen = set()
        for bad in Requests(self._worlds[0], self._method).bad():
            if bad.field in seen or bad.field.partition(".")[0] == path.partition(".")[0]:
                continue
            if bad.field == "community_id":
                continue
            seen.add(bad.field)
            request = copy.deepcopy(base)
            try:
                put(request, bad.field, _value(bad.request, bad.field))
            except IndexError:
                continue
            why = f"{path} is {thing.what}, and {bad.why}"
            yield self._pair(why, request, path, thing.id, NEVER, home)

    def _words(self, path: str, field: FieldDescriptor) -> Iterator[Pair]:
        texts = self._loot.texts.get(field.name) or self._loot.texts.get(camel(field.name), [])
        for text in texts:
            self.hid.add(path)
            for home, base in self._bases():
                if is_write(self._method):
                    _nowhere(base)
                if field.name == "slug" and not is_write(self._method):
                    _clear(
                        base, ("space_id", "community_id") if self._slug_alone else ("space_id",)
                    )
                yield self._pair(
                    f"{path} is a hidden thing's", base, path, text, self._loot.twin(text), home
                )
        if field.name == "slug" and not self._slug_alone:
            for text in texts:  # in the community that has it
                for home, base in self._bases(self._loot.community):
                    _clear(base, ("space_id",))
                    yield self._pair(
                        f"{path} is a hidden thing's there",
                        base,
                        path,
                        text,
                        self._loot.twin(text),
                        home,
                    )

    @property
    def _slug_alone(self) -> bool:
        return "space_id" not in self._method.input_type.fields_by_name

    def _request_ids(self, path: str) -> Iterator[Pair]:
        self.hid.add(path)
        for home, base in self._bases():
            _nowhere(base)
            yield self._pair(
                "request_id was used by somebody",
                base,
                path,
                self._loot.used,
                "used-" + "0" * 36,
                home,
            )

    def _page_tokens(self, path: str) -> Iterator[Pair]:
        """Page tokens are not signed: one that names something hidden is a place like any other."""
        things = [
            self._loot.of(kind)[-1] for kind in ("Topic", "Reply", "Member") if self._loot.of(kind)
        ]
        for thing in things:
            self.hid.add(path)
            for home, base in self._bases():
                for first in ({"t": 1767225600001}, WORDS, 1):
                    tokens = [_token([first, id_]) for id_ in (thing.id, NEVER)]
                    why = f"{path} names {thing.what}"
                    yield self._pair(why, base, path, tokens[0], tokens[1], home)

    def _pair(self, why: str, base: Any, path: str, hidden: str, missing: str, home: int) -> Pair:
        calls = []
        for value in (hidden, missing):
            request = copy.deepcopy(base)
            Requests(self._worlds[0], self._method).fill_around(request, path)
            repeated = _field(request.DESCRIPTOR, path).is_repeated
            put(request, path, [value] if repeated else value)
            name = f"{self._method.containing_service.name}.{self._method.name}"
            calls.append(Call(name, request, self._method, (value,)))
        return Pair(f"{self._method.name}: {why}", calls[0], calls[1], home, field=path)

    def readings(self) -> Iterator[Call]:
        """Everything that the method answers about what an outsider can see."""
        if is_write(self._method):
            return
        fields = self._method.input_type.fields_by_name
        for world in self._worlds:
            base = Requests(world, self._method).legal()
            variants: list[dict[str, Any]] = [{}]
            if "page_size" in fields:
                plain = {"page_size": 100}
                variants = [plain, {"page_size": 2}, {"page_size": 2, "backward": True}]
                variants += [
                    {**plain, **dict.fromkeys(_optional(self._method), "")},
                    *({**plain, **dict.fromkeys(_optional(self._method), ""), name: None}
                      for name in _optional(self._method)),
                ]  # fmt: skip
            for words in ("", "question", "answer grace", '"A question"', "questoin", WORDS):
                if "query" in fields:
                    more = {"with_facets": True, "with_total": True, "with_highlights": True}
                    for sort in (1, 2):
                        variants.append({**_EVERYTHING, **more, "query": words, "sort": sort})
                elif "prefix" in fields:
                    variants.append({"prefix": words[:9], "community_ids": []})
            for variant in variants:
                request: Any = copy.deepcopy(base)
                for name, value in variant.items():
                    if value is not None and name in fields:
                        if fields[name].is_repeated:
                            request.ClearField(name)
                        else:
                            setattr(request, name, value)
                yield Call(self._method.name, request, self._method)


_EVERYTHING: dict[str, Any] = {
    "community_ids": [], "kinds": [], "tags": [], "author_id": "", "space_id": "",
    "unanswered": False, "topic_kinds": [], "topic_states": [], "page_size": 50,
}  # fmt: skip


def _optional(method: MethodDescriptor) -> list[str]:
    """What narrows a list, and may be left out."""
    return [
        field.name
        for field in method.input_type.fields
        if field.type == TEXT
        and not field.is_repeated
        and field.name not in ("community_id", "page_token", "topic_id", "query", "prefix")
    ]


def _texts(message: Any, at: str) -> Iterator[tuple[str, FieldDescriptor]]:
    for field in message.fields:
        path = f"{at}{field.name}"
        if field.type == TEXT:
            yield path, field
        elif field.type == MESSAGE and not is_time(field):
            below = f"{path}.0." if field.is_repeated else f"{path}."
            yield from _texts(field.message_type, below)


def _field(message: Any, path: str) -> FieldDescriptor:
    first, _, rest = path.partition(".")
    field: FieldDescriptor = message.fields_by_name[first]
    if not rest:
        return field
    rest = rest.removeprefix("0.")
    return _field(field.message_type, rest)


def _value(message: Any, path: str) -> Any:
    for step in path.split("."):
        message = message[int(step)] if step.isdigit() else getattr(message, step)
    return list(message) if hasattr(message, "extend") else message


def _beside(request: Any, thing: Hidden) -> None:
    """A reply is looked for in its topic."""
    if thing.topic and "topic_id" in request.DESCRIPTOR.fields_by_name:
        request.topic_id = thing.topic


def _nowhere(request: Any) -> None:
    """To nothing that there is, so that nothing can come of it."""
    for field in request.DESCRIPTOR.fields:
        if is_id(field) and field.type == TEXT and field.name != "request_id":
            if field.is_repeated:
                request.ClearField(field.name)
                getattr(request, field.name).append(NEVER)
            else:
                setattr(request, field.name, NEVER)


def _widen(request: Any) -> None:
    for field in request.DESCRIPTOR.fields:
        if field.name not in ("community_id", "topic_id"):
            request.ClearField(field.name)


def _clear(request: Any, names: tuple[str, ...]) -> None:
    for name in names:
        if name in request.DESCRIPTOR.fields_by_name:
            request.ClearField(name)


def _token(values: list[Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(values)).decode().rstrip("=")


def elsewhere(world: World) -> World:
    """The same world seen from the other community."""
    return World(world.place, world.used, aurora=world.borealis, borealis=world.aurora)


def home_id(world: World) -> str:
    """The raw id of the community that requests name."""
    return decode_id(world.aurora["Community"], "id").id

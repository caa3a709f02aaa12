"""Fuzzing what others hand in: page tokens, actor tokens, texts, and messages on the bus."""

from __future__ import annotations

import asyncio
import base64
import json
import math
import time
import unicodedata
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import bson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OKPKey
from nats.aio.msg import Msg

from chassis import outbox
from chassis.actors import Actor, Membership
from chassis.envelopes import EnvelopeInvalidError, from_message, to_message
from chassis.errors import (
    FieldInvalidError,
    PageTokenInvalidError,
    ReasonRequiredError,
    TextInvalidError,
    UnauthenticatedError,
)
from chassis.messaging import stream_name
from chassis.pagination import decode_page_token, encode_page_token
from chassis.testing_events import Stage, eventually
from chassis.testing_fuzz import damaged, fuzzed
from chassis.texts import check_body, check_line, check_reason, check_slug
from chassis.tokens import LIFETIME, TokenSigner, TokenVerifier
from guildhall.chassis.v1.event_log_pb2 import StoredEvent

# -- page tokens

MOMENTS = st.integers(-62_135_596_800_000, 253_402_300_799_999).map(
    lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
)
LONGS = st.integers(-(1 << 63), (1 << 63) - 1)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.one_of(st.text(st.characters(exclude_categories=["Cs"])), LONGS, NUMBERS, MOMENTS)
TYPES = st.lists(st.sampled_from([str, int, float, datetime]), min_size=1, max_size=3)


@given(st.lists(VALUES, min_size=1, max_size=3))
@fuzzed(300)
def test_page_tokens_give_back_what_they_were_made_of(values: list[Any]) -> None:
    token = encode_page_token(*values)
    assert decode_page_token(token, *map(type, values)) == values


JSON = st.recursive(
    st.none() | st.booleans() | LONGS | st.integers(0, 1 << 70) | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ta"), inner),
    max_leaves=6,
)
MADE = st.lists(JSON, max_size=3).map(lambda rows: _base64(json.dumps(rows).encode()))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@given(MADE | st.binary(max_size=60).map(_base64) | st.text(max_size=60), TYPES)
@example(_base64(b"[9223372036854775808]"), [int])  # more than the store's numbers hold
@example(_base64(b"[18446744073709551615]"), [int])
@example(_base64(b'[{"t":1e300}]'), [datetime])
@example(_base64(b"[1e999]"), [float])
@fuzzed(400)
def test_any_page_token_is_refused_or_can_be_asked_of_the_store(
    token: str, types: list[type]
) -> None:
    try:
        values = decode_page_token(token, *types)
    except PageTokenInvalidError:
        return
    assert [type(value) for value in values] == types
    assert all(math.isfinite(value) for value in values if type(value) is float)
    bson.encode({"values": values})
    assert decode_page_token(encode_page_token(*values), *types) == values


# -- actor tokens

GATEWAY, FORUM = (OKPKey.generate_key("Ed25519") for _ in range(2))
VERIFIER = TokenVerifier("forum", {"gateway": GATEWAY, "forum": FORUM})
PERSON = Actor(
    person_id="p1", memberships={"c1": Membership("co1", frozenset({"MEMBER"}), 2, ("k1",))}
)
NAMES = st.sampled_from(["iss", "aud", "iat", "exp", "sub", "op", "mem", "c1"])
CLAIMS = st.dictionaries(
    NAMES, st.recursive(JSON, lambda inner: st.dictionaries(NAMES, inner), max_leaves=5)
)
MEMBERSHIPS = st.dictionaries(st.text(max_size=3), st.lists(JSON, min_size=4, max_size=4) | JSON)


@given(st.data())
@fuzzed(200)
def test_a_changed_actor_token_is_nobodys(data: st.DataObject) -> None:
    token = TokenSigner("gateway", GATEWAY).token("forum", PERSON)
    changed = data.draw(damaged(token.encode())).decode("utf-8", "surrogateescape")
    try:
        assert VERIFIER.actor(changed) == PERSON
    except UnauthenticatedError as refusal:
        assert str(refusal) == "Unauthenticated"  # noqa: PT017 - never why
    else:  # the spelling may differ where base64 has spare bits, the signed part may not
        assert changed.rpartition(".")[0] == token.rpartition(".")[0]


def signed(payload: bytes, key: OKPKey = GATEWAY) -> str:
    header = {"alg": "Ed25519", "typ": "actor+jwt", "kid": key.thumbprint()}
    return jws.serialize_compact(header, payload, key, algorithms=["Ed25519"])


@given(CLAIMS, st.booleans(), MEMBERSHIPS)
@example({}, True, {"c1": ["co1", [], math.inf, []]})  # no number, though JSON as Python reads it
@example({}, True, {"c1": ["co1", [], 1, "keys"]})
@example({}, True, {"c1": [1, [[]], 1, [1]]})
@fuzzed(80)
def test_claims_of_any_shape_make_a_whole_actor_or_none(
    claims: dict[str, Any], proper: bool, memberships: Any
) -> None:
    now = int(time.time())
    if proper:
        claims |= {"iss": "gateway", "aud": "forum", "iat": now, "exp": now + LIFETIME}
        claims |= {"sub": "p1", "mem": memberships}
    try:
        actor = VERIFIER.actor(signed(json.dumps(claims).encode()))
    except UnauthenticatedError:
        return
    assert actor.person_id
    assert type(actor.operator) is bool
    for membership in actor.memberships.values():
        assert type(membership.company_id) is str
        assert type(membership.trust_level) is int
        assert all(type(word) is str for word in (*membership.roles, *membership.keyring))


@given(st.binary(max_size=80))
@fuzzed(100)
def test_bytes_that_are_signed_make_no_actor(payload: bytes) -> None:
    with pytest.raises(UnauthenticatedError):
        VERIFIER.actor(signed(payload))


# -- texts

LETTERS = st.one_of(
    st.characters(),
    st.sampled_from(
        "\u0301\u0327\u212b\ufb1d\ufdfa\u2028\u0085\u3000\u00a0\r\n\t \u200b\u202e\ufeff"
    ),
)
ANY_TEXT = st.text(LETTERS, max_size=60)


def visible(text: str, *, beside: str = "") -> bool:
    """As the rule says it, in other words."""
    return not any(
        unicodedata.category(letter) in ("Cc", "Cs", "Co")
        or letter in "\u200b\u2060\ufeff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
        or (unicodedata.category(letter) == "Cn" and ord(letter) & 0xFFFE == 0xFFFE)
        for letter in text
        if letter not in beside
    )


@given(ANY_TEXT)
@fuzzed(300)
def test_a_line_that_was_taken_is_taken_again_as_it_is(text: str) -> None:
    try:
        line = check_line(text, "title", most=40)
    except TextInvalidError:
        return
    assert check_line(line, "title", most=40) == line
    assert 1 <= len(line) <= 40
    assert visible(line)
    assert "\n" not in line
    assert unicodedata.is_normalized("NFC", line)
    line.encode()


@given(ANY_TEXT)
@fuzzed(300)
def test_a_body_that_was_taken_is_taken_again_as_it_is(text: str) -> None:
    try:
        body = check_body(text, "body", most=50)
    except TextInvalidError:
        with pytest.raises((TextInvalidError, ReasonRequiredError)):
            check_reason(text, most=50)
        return
    assert check_reason(text, most=50) == check_body(body, "body", most=50) == body
    assert visible(body, beside="\n\t")
    assert unicodedata.is_normalized("NFC", body)
    body.encode()


@given(ANY_TEXT | st.text("ab-0A\u0660", max_size=42))
@fuzzed(200)
def test_a_slug_can_stand_in_an_address(text: str) -> None:
    try:
        slug = check_slug(text)
    except FieldInvalidError:
        return
    assert slug == text
    assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


# -- the bus

EVENT = StoredEvent(
    id="0" * 32,
    type="guildhall.forum.v1.TopicEdited",
    schema_version=1,
    community_id="c1",
    aggregate_type="topic",
    aggregate_id="t1",
    seq=1,
    actor="p1",
)
EVENT.time.FromDatetime(datetime(2026, 3, 1, 12, tzinfo=UTC))
WORDS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["", "0", "1", "-1", "9" * 30, "9" * 5000, "\u0663", "1e3", "c1", "t1", "_"]),
    st.sampled_from(["2026-03-01T12:00:00Z", "10000-01-01T00:00:00Z", "2026-03-01", "x.v2.Y"]),
)


@st.composite
def messages(draw: st.DrawFn) -> tuple[str, dict[str, str], bytes]:
    """A message as a relay sends it, with some of it changed."""
    subject, headers, data = to_message("forum", EVENT)
    for name in draw(st.lists(st.sampled_from(sorted(headers)), max_size=3)):
        headers[name] = draw(WORDS)
    for name in draw(st.lists(st.sampled_from(sorted(headers)), max_size=2)):
        headers.pop(name, None)
    words = subject.split(".")
    for at in draw(st.lists(st.integers(0, 5), max_size=2)):
        words[at : at + 1] = draw(st.lists(WORDS, max_size=2))
    return ".".join(words), headers, data + draw(st.binary(max_size=6))


@given(messages())
@fuzzed(400)
def test_an_envelope_is_read_whole_or_refused(message: tuple[str, dict[str, str], bytes]) -> None:
    subject, headers, data = message
    try:
        event = from_message(subject, headers, data)
    except EnvelopeInvalidError:
        return
    assert event.seq >= 1
    assert event.data == data
    again = to_message("forum", event)
    assert from_message(*again) == event  # a letter must be readable when it is replayed
    bson.encode({"headers": again[1], "subject": again[0]})
    bson.encode({"headers": headers, "subject": subject})


HEADERS = st.dictionaries(
    st.sampled_from(["Status", "Description", "a\x00b", "$where", "a.b", "ce-id"])
    | st.text(st.characters(codec="ascii", exclude_characters="\r\n:"), min_size=1, max_size=8),
    st.sampled_from(["100", "404", "408", "409", "503", "sub", "\x00", ""]) | st.text(max_size=5),
    max_size=2,
)


@st.composite
def written(draw: st.DrawFn) -> tuple[str, bytes, bytes]:
    """What a message to one of three topics is on the wire: subject, headers, data."""
    _, headers, data = draw(messages())
    headers = {**headers, **draw(HEADERS)}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    block = f"NATS/1.0\r\n{head}\r\n".encode("utf-8", "replace")
    if draw(st.integers(0, 3)) == 0:
        block = b"NATS/1.0\r\n" + draw(damaged(block[10:])) + b"\r\n\r\n"
    kept = "TopicEdited" if draw(st.booleans()) else draw(WORDS) or "_"
    kept = "".join(letter for letter in kept if letter.isalnum())[:20] or "_"
    topic = draw(st.sampled_from(["t1", "t2", "t3"]))
    return f"c1.topic.{topic}.{kept}", block, data


async def put_on_the_wire(url: str, service: str, rows: list[tuple[str, bytes, bytes]]) -> None:
    """As a client could that is not ours: no library looks at what it sends."""
    host, _, port = url.removeprefix("nats://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b'CONNECT {"verbose":false,"headers":true}\r\n')
    for subject, head, data in rows:
        sizes = f"{len(head)} {len(head) + len(data)}"
        writer.write(f"HPUB evt.{service}.{subject} {sizes}\r\n".encode() + head + data + b"\r\n")
    writer.write(b"PING\r\n")
    while not (await reader.readline()).startswith(b"PONG"):
        pass
    writer.close()
    await writer.wait_closed()


def alien(*lines: str) -> tuple[str, bytes, bytes]:
    """A message with these headers only."""
    return "c1.topic.t1.TopicEdited", "\r\n".join(("NATS/1.0", *lines, "", "")).encode(), b""


POISON, NAMELESS = alien("Status: 404"), alien("a\0b: c")
UNHOMED = alien(
    "ce-id: 1", "ce-type: x", "ce-schemaversion: 1", "ce-seq: 1", "ce-time: 2026-03-01T12:00:00Z"
)


@given(st.lists(written(), min_size=20, max_size=40))
@example([POISON, NAMELESS, UNHOMED])
@fuzzed(3, shrink=False)
async def test_no_message_ends_a_consumer_or_is_dropped(
    stage: Stage, rows: list[tuple[str, bytes, bytes]]
) -> None:
    bus = await stage.bus()
    await bus.ensure_stream(stage.says)
    seen: list[Msg] = []

    async def see(message: Msg) -> None:
        seen.append(message)

    await bus._client.subscribe(f"evt.{stage.says}.>", cb=see)
    running = stage.beside(stage.consumer(bus, ack_wait=30).run())
    topic = f"good-{uuid.uuid4().hex}"
    await stage.say(topic)
    row = await stage.theirs[outbox.COLLECTION].find_one({"agg": topic})
    assert row is not None
    subject, headers, data = to_message(stage.says, outbox.stored_event(row))
    await put_on_the_wire(stage.nats_url, stage.says, rows)
    await bus.js.publish(subject, data, headers=headers)
    await eventually(lambda: stage.heard(topic), [1])
    await eventually(lambda: _all(len(seen)), len(rows) + 1)
    events, aliens = _read(seen)
    durable = f"{stage.hears}--{stage.says}"
    await eventually(lambda: stage.ours.dead_letters.count_documents({"agg": ""}), aliens)
    heard = {row["agg"]: row["seq"] async for row in stage.ours.inbox.find()}
    letters = {row["_id"] async for row in stage.ours.dead_letters.find({}, {"_id": 1})}
    neither = [
        event
        for event in events
        if event.seq > heard.get(event.aggregate_id, 0)
        and f"{durable}|{event.aggregate_id}|{event.seq}" not in letters
    ]
    info = await bus.js.consumer_info(stream_name(stage.says), durable)
    assert (info.num_pending or 0) + (info.num_ack_pending or 0) >= len(neither)
    assert not running.done()
    running.cancel()
    await asyncio.wait([running])
    await stage.wipe_stream(bus)
    for collection in ("dead_letters", "inbox", "standings", "ledger", "outbox"):
        await stage.ours[collection].delete_many({})


async def _all(count: int) -> int:
    return count


def _read(messages_: list[Msg]) -> tuple[list[StoredEvent], int]:
    """The domain events among them, and how many are none."""
    events, aliens = [], 0
    for message in messages_:
        try:
            events.append(from_message(message.subject, message.headers, message.data))
        except EnvelopeInvalidError:
            aliens += 1
    return events, aliens

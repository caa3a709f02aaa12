"""Subscriptions of the running system: as clients by others hear them, and when they end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from chassis.testing import free_port
from devstack.environment import EngineUrls, gateway_environment
from devstack.parts import CHECKOUT, MONGOD, NATS, SEARCH_ENGINE
from devstack.processes import wait_until
from gateway.cursors import decode_id, encode_id
from gateway.tests.socket_client import ClosedError, Socket
from tests.system import BOTH, ENGINEER, MANAGER, OPERATOR, SELLER, Asker, System
from tests.walls.graphql_documents import SUBSCRIPTIONS
from tests.walls.revoking.scenes import HIDDEN, SESSIONS, Director, Scene
from tests.walls.test_walls_revocation import frozen_bus

CLIENTS = CHECKOUT / "tests/subscriptions"
BOUND = 5.0  # seconds until a revoked person's subscription has ended
TOPIC_CHANGED = """subscription Changed($id: ID!) {
  topicChanged(id: $id) { topic { id title } reply { id body author { member { displayName } } } }
}"""
QUEUE_CHANGED = """subscription Queue($id: ID!) {
  moderationQueueChanged(communityId: $id) { case { state post { ... on Topic { title } } } }
}"""
FEED_CHANGED = """subscription Feed($id: ID!) {
  feedChanged(communityIds: [$id]) { item { reason topic { id } newestReply { body } } }
}"""
ANNOUNCEMENTS_CHANGED = """subscription Announcements($id: ID!) {
  announcementsChanged(communityIds: [$id]) { time announcement { id title } }
}"""
pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
by_others = pytest.mark.skipif(
    not (CLIENTS / "node_modules/graphql-ws").exists() or not shutil.which("node"),
    reason="needs node and `npm ci` in tests/subscriptions",
)


@dataclass
class Replica:
    """A second gateway of the running system, which can be killed."""

    system: System
    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        place = self.system.place
        engines = EngineUrls(
            f"mongodb://{place.address(MONGOD)}/?replicaSet=rs0",
            f"nats://{place.address(NATS)}",
            place.url(SEARCH_ENGINE),
        )
        environment = {
            **os.environ,
            **gateway_environment(place, engines),
            "GATEWAY_LISTEN": f"127.0.0.1:{self.port}",
            "GATEWAY_METRICS_LISTEN": "",
        }
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway"],
                cwd=CHECKOUT,
                env=environment,
                stdout=log,
                stderr=log,
            )
        assert wait_until(self._ready, 60)

    def _ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "log").read_text()[-1000:]
        try:
            return httpx2.get(f"{self.url}/readyz", timeout=2).status_code == 200
        except httpx2.TransportError:
            return False

    def end(self, number: int) -> int:
        """Sends a signal; the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(30)


@pytest.fixture
def second(running_system: System, tmp_path: Path) -> Iterator[Replica]:
    replica = Replica(running_system, tmp_path)
    replica.start()
    yield replica
    if replica.process is not None and replica.process.poll() is None:
        replica.end(signal.SIGTERM)


class Listener:
    """A client by others."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def heard(self, kind: str) -> Any:
        """The next thing of this kind; others are passed over unless they end it."""
        assert self._process.stdout is not None
        async with asyncio.timeout(60):
            while line := await self._process.stdout.readline():
                said = json.loads(line)
                if kind in said:
                    return said[kind]
                assert "error" not in said, said
        raise AssertionError("the client has ended")

    async def item(self) -> dict[str, Any]:
        """The item of the feed of the next answer."""
        answer = await self.heard("next")
        assert "errors" not in answer, answer
        item: dict[str, Any] = answer["data"]["feedChanged"]["item"]
        return item

    async def reply(self) -> str:
        """The reply of the next answer."""
        answer = await self.heard("next")
        assert "errors" not in answer, answer
        reply = answer["data"]["topicChanged"]["reply"]
        assert reply["author"]["member"]["displayName"]
        body: str = reply["body"]
        return body


@contextlib.asynccontextmanager
async def listening(
    kind: str, *urls: str, headers: dict[str, str], id: str, query: str = TOPIC_CHANGED
) -> AsyncIterator[Listener]:
    """It has heard how things are."""
    asked = {
        "kind": kind,
        "urls": [f"{url}/graphql" for url in urls],
        "headers": headers,
        "query": query,
        "variables": {"id": id},
    }
    process = await asyncio.create_subprocess_exec(
        "node",
        "client.mjs",
        json.dumps(asked),
        cwd=CLIENTS,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    try:
        listener = Listener(process)
        first = await listener.heard("next")
        if query == TOPIC_CHANGED:
            assert first["data"]["topicChanged"]["topic"]["id"] == id
        else:
            assert first["data"] == NO_ITEM
        yield listener
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


async def topic_of(asker: Asker) -> str:
    """A new topic of aurora."""
    data = await asker('{ community(slug: "aurora") { space(slug: "general") { id } } }')
    made = await asker.mutate(
        "createTopic",
        "{ topic { id } }",
        spaceId=data["community"]["space"]["id"],
        kind="DISCUSSION",
        title="Who hears what",
        body="Of this topic.",
    )
    id_: str = made["topic"]["id"]
    return id_


async def say(asker: Asker, topic: str, *bodies: str) -> None:
    for body in bodies:
        await asker.post("createReply", "{ reply { id } }", topicId=topic, body=body)


def headers_of(asker: Asker) -> dict[str, str]:
    return {"Authorization": asker.http.headers["Authorization"]}


@by_others
async def test_clients_by_others_lose_and_double_nothing_when_a_gateway_dies(
    system: System, second: Replica
) -> None:
    """One is killed: graphql-ws goes to the other, an EventSource waits until it is back."""
    manager, engineer = await system.asker(MANAGER), await system.asker(ENGINEER)
    topic, headers = await topic_of(manager), headers_of(engineer)
    async with (
        listening("graphql-ws", second.url, system.url, headers=headers, id=topic) as ws,
        listening("eventsource", second.url, headers=headers, id=topic) as sse,
    ):
        await say(manager, topic, "one")
        assert [await ws.reply(), await sse.reply()] == ["one", "one"]
        await asyncio.to_thread(second.end, signal.SIGKILL)
        await say(manager, topic, "two", "three")
        assert [await ws.reply(), await ws.reply()] == ["two", "three"]
        await asyncio.to_thread(second.start)
        assert [await sse.reply(), await sse.reply()] == ["two", "three"]
        await say(manager, topic, "four")
        assert [await ws.reply(), await sse.reply()] == ["four", "four"]


@by_others
async def test_clients_by_others_hear_of_their_feed_over_a_gateway_that_dies(
    system: System, second: Replica
) -> None:
    manager, engineer = await system.asker(MANAGER), await system.asker(ENGINEER)
    followed, muted, headers = (
        await topic_of(manager),
        await topic_of(manager),
        headers_of(engineer),
    )
    community = decode_id(followed, "id").community_id
    id_ = encode_id("Community", community, community)
    for topic, level in ((followed, "TRACKING"), (muted, "MUTED")):
        await engineer.mutate(
            "setFollow", "{ follow { level } }", communityId=id_, targetId=topic, level=level
        )
    asked: dict[str, Any] = {"headers": headers, "id": id_, "query": FEED_CHANGED}

    def item(body: str, topic: str = followed, reason: str = "FOLLOWED_TOPIC") -> dict[str, Any]:
        return {"reason": reason, "topic": {"id": topic}, "newestReply": {"body": body}}

    async with (
        listening("graphql-ws", second.url, system.url, **asked) as ws,
        listening("eventsource", second.url, **asked) as sse,
    ):
        await say(engineer, followed, "one's own")
        await say(manager, muted, "into the void")
        await say(manager, followed, "one")
        assert [await ws.item(), await sse.item()] == [item("one")] * 2
        await asyncio.to_thread(second.end, signal.SIGKILL)
        await say(manager, followed, "two")
        assert await ws.item() == item("two")
        await asyncio.to_thread(second.start)
        assert await sse.item() == item("two")
        replied = await topic_of(manager)
        await say(engineer, replied, "from now on it is in the feed")
        await say(manager, replied, "three")
        found = item("three", replied, "REPLIED_TOPIC")
        assert [await ws.item(), await sse.item()] == [found] * 2


@by_others
async def test_a_gateway_that_ends_sends_its_clients_elsewhere(
    system: System, second: Replica
) -> None:
    manager = await system.asker(MANAGER)
    browser = await system.browser(ENGINEER)
    topic = await topic_of(manager)
    cookie = "; ".join(f"{name}={value}" for name, value in browser.http.cookies.items())
    page = {"Cookie": cookie, "Origin": system.url}
    async with (
        listening("graphql-ws", second.url, system.url, headers=page, id=topic) as ws,
        listening("eventsource", second.url, headers=page, id=topic),
    ):
        began = time.monotonic()
        assert await asyncio.to_thread(second.end, signal.SIGTERM) == 0
        assert time.monotonic() - began < 20  # it does not wait for those who never end
        assert await ws.heard("closed") == 1001
        await say(manager, topic, "elsewhere")
        assert await ws.reply() == "elsewhere"


async def opened(
    url: str,
    id: str,
    query: str = TOPIC_CHANGED,
    *,
    token: str = "",
    after: str = "",
    **headers: str,
) -> Socket:
    """A socket that has subscribed, by a token or as its headers say; behind an event's id."""
    socket = await Socket.open(urlsplit(url).port or 80, headers)
    await socket.send("connection_init", payload={"authorization": token} if token else {})
    assert await socket.next() == {"type": "connection_ack"}
    await socket.subscribe(query, of=id, after=after)
    return socket


NO_ITEM = {"feedChanged": {"item": None}}
OUTSIDE = {
    "topicChanged": TOPIC_CHANGED,
    "moderationQueueChanged": QUEUE_CHANGED,
    "feedChanged": FEED_CHANGED,
    "announcementsChanged": ANNOUNCEMENTS_CHANGED,
}


def test_every_subscription_is_asked_for_by_an_outsider() -> None:
    assert OUTSIDE.keys() == SUBSCRIPTIONS.keys()


@pytest.mark.parametrize("name", OUTSIDE)
async def test_an_outsider_is_told_the_same_of_hidden_and_of_missing(
    system: System, name: str
) -> None:
    manager, seller = await system.asker(MANAGER), await system.asker(SELLER)
    topic = await topic_of(manager)
    community = decode_id(topic, "id").community_id
    communities = (
        encode_id("Community", community, community),
        encode_id("Community", "nothing", "nothing"),
    )
    hidden, missing = {
        "topicChanged": (topic, encode_id("Topic", community, "nothing")),
        "moderationQueueChanged": communities,
        "feedChanged": communities,
        "announcementsChanged": communities,
    }[name]
    token, said = seller.http.headers["Authorization"], []
    for id_ in (hidden, missing):
        async with await opened(system.url, id_, OUTSIDE[name], token=token) as socket:
            said.append(await socket.next())
            await say(manager, topic, f"said while {len(said)} listens")
            await socket.send("ping")
            assert await socket.next() == {"type": "pong"}
    assert said[0] == said[1]
    assert said[0]["type"] == "error"
    code = said[0]["payload"][0]["extensions"]["code"]
    assert code in ("TOPIC_NOT_FOUND", "COMMUNITY_NOT_FOUND", "ROLE_REQUIRED")


async def test_moderators_hear_of_cases(system: System) -> None:
    manager = await system.asker(MANAGER)
    data = await manager('{ community(slug: "aurora") { id space(slug: "general") { id } } }')
    community, word = data["community"], f"w{time.monotonic_ns()}"
    rule = {"kind": "HOLD", "patternKind": "WORD", "pattern": word}
    await manager.mutate("createRule", "{ rule { id } }", communityId=community["id"], **rule)
    token = manager.http.headers["Authorization"]
    async with await opened(system.url, community["id"], QUEUE_CHANGED, token=token) as socket:
        data, _ = await socket.told()
        assert data == {"moderationQueueChanged": {"case": None}}
        await manager.mutate(  # moderators may post as fast as they like: other tests write too
            "createTopic",
            "{ topic { id } }",
            spaceId=community["space"]["id"],
            kind="DISCUSSION",
            title=f"About {word}",
            body="It waits.",
        )
        data, _ = await socket.told()
        case = {"state": "OPEN", "post": {"title": f"About {word}"}}
        assert data == {"moderationQueueChanged": {"case": case}}


WITHOUT_WORDS = """subscription Changed($id: ID!) { topicChanged(id: $id) {
  topic { reactions { count } poll { voterCount } } reply { score reactions { count } }
} }"""


async def test_votes_reactions_and_ballots_are_told_and_gone_on_with(system: System) -> None:
    manager, member = await system.asker(MANAGER), await system.asker(BOTH)
    topic = await topic_of(manager)
    made = await manager.post("createReply", "{ reply { id } }", topicId=topic, body="Like me.")
    post = {"postId": made["reply"]["id"]}
    question = {"topicId": topic, "question": "Shall we?", "options": ["Yes", "No"]}
    await manager.mutate("createPoll", "{ poll { multiple } }", **question)
    token = (await system.asker(ENGINEER)).http.headers["Authorization"]

    async def until_told(socket: Socket, *path: str, value: object) -> str:
        """What was said before may come late; the id of the answer that tells it."""
        while True:
            data, event_id = await socket.told()
            found: Any = data["topicChanged"]
            for name in path:
                found = found and found[name]
            if found == value:
                return event_id

    async with await opened(system.url, topic, WITHOUT_WORDS, token=token) as socket:
        await until_told(socket, "topic", "poll", "voterCount", value=0)
        await member.mutate("castVote", "{ reply { id } }", **post, value="UP")
        event_id = await until_told(socket, "reply", "score", value=1)
        await member.mutate("addReaction", "{ reply { id } }", **post, kind="THANKS")
        await until_told(socket, "reply", "reactions", value=[{"count": 1}])
        await member.mutate("addReaction", "{ topic { id } }", postId=topic, kind="THANKS")
        await until_told(socket, "topic", "reactions", value=[{"count": 1}])
        await member.mutate("castBallot", "{ poll { question } }", topicId=topic, choices=[0])
        await until_told(socket, "topic", "poll", "voterCount", value=1)
    async with await opened(
        system.url, topic, WITHOUT_WORDS, token=token, after=event_id
    ) as socket:
        data, event_id = await socket.told()
        reacted = {"score": 1, "reactions": [{"count": 1}]}
        assert data["topicChanged"]["reply"] == reacted
        assert data["topicChanged"]["topic"]["poll"] == {"voterCount": 1}
        data, event_id = await socket.told()
        assert data["topicChanged"]["topic"]["reactions"] == [{"count": 1}]
        await say(manager, topic, "And now words.")
        data, event_id = await socket.told()
        assert data["topicChanged"]["reply"] == {"score": 0, "reactions": []}


LOSSES = (
    "the membership", "another tier", "the account", "a space's audience", HIDDEN, SESSIONS,
    "the enrolment's date", "the moderator's role",
)  # fmt: skip
# What is taken away at the directory: its owner is asked, whatever the bus says.
BY_DIRECTORY = ("the membership", "the account", SESSIONS, "the enrolment's date")


async def sockets_of(scene: Scene, system: System) -> dict[str, Socket]:
    """Of who loses it, each seen to hear."""
    queue = scene.kind == "the moderator's role"
    id_, query = (scene.community, QUEUE_CHANGED) if queue else (scene.topic, TOPIC_CHANGED)
    browser = await scene.person.browser(system.url, system.url)
    page = {"cookie": browser.http.headers["Cookie"], "origin": system.url}
    sockets = {"session": await opened(system.url, id_, query, **page)}
    if scene.kind != SESSIONS:
        token = f"Bearer {scene.person.token()}"
        sockets["token"] = await opened(system.url, id_, query, token=token)
    for socket in sockets.values():
        await socket.told()
    return sockets


async def ended(socket: Socket) -> float:
    """When it was; it says nothing else before."""
    try:
        last = (await socket.next())["type"]
    except ClosedError as closed:
        last = closed.code
    assert last in ("error", 4403), last
    return time.monotonic()


@pytest.mark.parametrize(
    ("kinds", "meanwhile"),
    [(LOSSES, contextlib.nullcontext), (BY_DIRECTORY, frozen_bus)],
    ids=["", "while the bus hangs"],
)
async def test_a_revoked_person_hears_nothing_more(
    system: System,
    kinds: tuple[str, ...],
    meanwhile: Callable[[System], contextlib.AbstractContextManager[None]],
) -> None:
    director, at_once = Director(system, await system.asker(OPERATOR)), asyncio.Semaphore(3)
    async with contextlib.AsyncExitStack() as stack:

        async def prepared(kind: str) -> tuple[Scene, dict[str, Socket]]:
            async with at_once:
                scene = await director.scene(kind)
                await director.cast(scene)
                sockets = await sockets_of(scene, system)
            for socket in sockets.values():
                stack.push_async_callback(socket.aclose)
            return scene, sockets

        async def lose(scene: Scene, sockets: dict[str, Socket]) -> float:
            assert scene.lost is not None
            async with at_once:
                await scene.lost()
            lost = time.monotonic()
            return max(await asyncio.gather(*map(ended, sockets.values()))) - lost

        made = await asyncio.gather(*map(prepared, kinds))
        with meanwhile(system):
            took = await asyncio.gather(*(lose(*one) for one in made))
        slowest = dict(zip(kinds, took, strict=True))
        print({kind: round(seconds, 2) for kind, seconds in slowest.items()})
        assert max(took) <= BOUND, slowest


ENDED_FEEDS = ("the membership", "the account")
LOST_FEEDS = ("the membership", "another tier", "the account", "a space's audience")


async def times_told(socket: Socket) -> list[float]:
    """When it was told something, until it answers a ping, ends or is closed."""
    times: list[float] = []
    try:
        while (await socket.next())["type"] not in ("pong", "error"):
            times.append(time.monotonic())
    except ClosedError as closed:
        if closed.code != 4403:
            raise
    return times


@pytest.mark.parametrize("kind", LOST_FEEDS)
async def test_the_feed_of_a_revoked_person_tells_nothing_more(system: System, kind: str) -> None:
    """It ends with the community, and else has less in it; another's goes on."""
    director = Director(system, await system.asker(OPERATOR))
    scene = await director.scene(kind)
    await director.cast(scene)
    stays = await director.someone(scene.vendor)
    await director.join(scene, stays)
    async with contextlib.AsyncExitStack() as stack:
        sockets = []
        for person in (scene.person, stays):
            asker = person.asker(system.url)
            stack.push_async_callback(asker.http.aclose)
            await asker.mutate(
                "setFollow",
                "{ follow { level } }",
                communityId=scene.community,
                targetId=scene.space,
                level="TRACKING",
            )
            token = f"Bearer {person.token()}"
            socket = await opened(system.url, scene.community, FEED_CHANGED, token=token)
            stack.push_async_callback(socket.aclose)
            assert (await socket.told())[0] == NO_ITEM
            sockets.append(socket)
        loser, other = sockets

        async def said(body: str) -> None:
            """And told; what the scene is made of may still come before it."""
            await say(scene.manager, scene.topic, body)
            item: dict[str, Any] = {}
            while (item.get("newestReply") or {}).get("body") != body:
                item = (await other.told())[0]["feedChanged"]["item"]
            assert item["topic"]["id"] == scene.topic

        await said("before")
        data, _ = await loser.told()
        assert data["feedChanged"]["item"]["reason"] == "FOLLOWED_SPACE"
        assert scene.lost is not None
        await scene.lost()
        lost = time.monotonic()
        telling = asyncio.create_task(times_told(loser))
        while time.monotonic() < lost + BOUND:
            await said("meanwhile")
        for body in ("after", "and after"):
            await said(body)
        assert kind not in ENDED_FEEDS or telling.done()
        if not telling.done():
            await loser.send("ping")
        times = [told - lost for told in await telling]
        assert max(times, default=0.0) <= BOUND, times

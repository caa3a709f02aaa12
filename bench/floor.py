"""The floor: a hand-written ASGI application that answers one list as the gateway does.

    python -m bench.floor        # told by the gateway's environment variables, and FLOOR_LISTEN

Same server and settings, same check of tokens, same RPCs through the same client, the same bytes:
what the gateway takes more than this is the price of GraphQL.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import orjson
import uvicorn
import uvloop

from chassis.actors import current_actor
from chassis.messaging import Bus
from chassis.pagination import encode_page_token
from chassis.rpc_client import Channels
from chassis.tokens import TokenSigner
from gateway.actors import Actors
from gateway.auth import TokenVerifier
from gateway.context import Services
from gateway.cursors import CursorKey, decode_id, encode_id
from gateway.endpoint import Receive, Scope, Send
from gateway.issuers import Issuers, read_issuers
from gateway.lists import moment
from gateway.pages import name_of
from gateway.schema.scalars import TopicKind, TopicState, write_time
from gateway.settings import GatewaySettings
from guildhall.directory.v1 import directory_pb2
from guildhall.forum.v1 import forum_pb2

_KINDS = {kind.value: kind.name for kind in TopicKind}
_STATES = {state.value: state.name for state in TopicState}
_HEADERS = [(b"content-type", b"application/json; charset=utf-8"), (b"cache-control", b"no-store")]


class Floor:
    """POST anything with the variables of bench.operations.LIST."""

    def __init__(
        self, services: Services, verifier: TokenVerifier, actors: Actors, key: CursorKey
    ) -> None:
        self._services = services
        self._verifier = verifier
        self._actors = actors
        self._key = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; whatever is wrong with it raises."""
        body = b""
        while True:
            message = await receive()
            body += message["body"]
            if not message.get("more_body", False):
                break
        token = next(value for name, value in scope["headers"] if name == b"authorization")
        identity = await self._verifier.access_token(token[7:].decode())
        caller = await self._actors.caller(identity)
        current_actor.set(caller.actor)
        answer = await self._list(orjson.loads(body)["variables"], caller.actor.person_id)
        length = (b"content-length", str(len(answer)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [*_HEADERS, length]})
        await send({"type": "http.response.body", "body": answer})

    async def _list(self, variables: dict[str, str], person_id: str) -> bytes:
        community_id = decode_id(variables["community"], "community").id
        request = forum_pb2.ListTopicsRequest(
            community_id=community_id, space_id=decode_id(variables["space"], "space").id
        )
        scope = f"{person_id} {name_of(request)}"
        request.page_size = 20
        page = await self._services.forum.ListTopics(request)
        ids = {row.author.person_id: None for row in page.topics if row.author.person_id}
        ids |= {
            row.last_reply_author.person_id: None
            for row in page.topics
            if row.last_reply_author.person_id
        }
        people = await self._services.directory.BatchGetMembers(
            directory_pb2.BatchGetMembersRequest(community_id=community_id, person_ids=list(ids))
        )
        names = {one.person_id: {"displayName": one.display_name} for one in people.members}
        token = page.next_page_token
        if page.topics and not token:
            token = encode_page_token(moment(page.topics[-1].activity_time), page.topics[-1].id)
        answer = {
            "data": {
                "topics": {
                    "edges": [{"node": _topic(row, names)} for row in page.topics],
                    "pageInfo": {
                        "hasNextPage": bool(page.next_page_token),
                        "endCursor": self._key.sign(scope, token) if token else None,
                    },
                }
            },
            "extensions": {"cost": {"requested": 105, "maximum": 1000}},
        }
        return orjson.dumps(answer)


def _topic(row: forum_pb2.Topic, names: dict[str, dict[str, str]]) -> dict[str, Any]:
    last = None
    if row.HasField("last_reply_author"):
        last = {"member": names.get(row.last_reply_author.person_id)}
    return {
        "id": encode_id("Topic", row.community_id, row.id),
        "title": row.title,
        "slug": row.slug,
        "kind": _KINDS[row.kind],
        "state": _STATES[row.state],
        "tags": list(row.tags),
        "score": row.score,
        "replyCount": row.reply_count,
        "createTime": write_time(row.create_time),
        "activityTime": write_time(row.activity_time),
        "author": {"member": names.get(row.author.person_id)},
        "lastReplyAuthor": last,
    }


async def main() -> None:
    """Serve until SIGTERM."""
    settings = GatewaySettings()
    host, _, port = os.environ["FLOOR_LISTEN"].rpartition(":")
    async with AsyncExitStack() as stack:
        signer = TokenSigner.from_file("gateway", settings.signing_key_file)
        channels = Channels(signer, settings.address, for_people=True, retries=True)
        stack.push_async_callback(channels.close)
        http = await stack.enter_async_context(httpx2.AsyncClient(timeout=3.0, trust_env=False))
        bus = Bus(settings.nats_url, name="floor")
        stack.push_async_callback(bus.close)
        services = Services(channels)
        actors = Actors(services.directory, bus)
        verifier = TokenVerifier(Issuers(read_issuers(settings.issuers_file), http))
        key = CursorKey.from_file(settings.cursor_key_file)
        bus.start()
        listening = asyncio.create_task(actors.run())
        stack.callback(listening.cancel)
        config = uvicorn.Config(
            Floor(services, verifier, actors, key),
            host=host,
            port=int(port),
            http="httptools",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
        )
        gc.collect()
        gc.freeze()
        await uvicorn.Server(config).serve()


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))

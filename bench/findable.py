"""From mutation to findable: how long after createTopic has returned does search give the topic.

    make run                                      # in another terminal
    PYTHONPATH=.:protos/gen .venv/bin/python -m bench.findable [SAMPLES]

One person posts, another searches every 10 ms. Prints milliseconds, min, p50, p95, max.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
import uuid
from typing import Any

import httpx2

from devstack.token import access_token

URL = f"http://127.0.0.1:{os.environ.get('GUILDHALL_PORT', '8080')}"
WRITER, READER = "manager@aurora.example", "both@kestrel.example"
SPACE = '{ community(slug: "aurora") { space(slug: "general") { id } } }'
CREATE = "mutation C($input: CreateTopicInput!) { createTopic(input: $input) { topic { id } } }"
FIND = (
    "query F($query: String!) { search(query: $query, first: 1) { edges { node { __typename } } } }"
)


async def ask(client: httpx2.AsyncClient, text: str, **variables: Any) -> dict[str, Any]:
    """The data of one operation; fails loudly."""
    answer = (await client.post("/graphql", json={"query": text, "variables": variables})).json()
    assert not answer.get("errors"), answer
    data: dict[str, Any] = answer["data"]
    return data


def client(email: str) -> httpx2.AsyncClient:
    """A person at the gateway."""
    headers = {"Authorization": f"Bearer {access_token(email)}"}
    return httpx2.AsyncClient(base_url=URL, headers=headers, timeout=20)


async def sample(writer: httpx2.AsyncClient, reader: httpx2.AsyncClient, space: str) -> float:
    """Seconds from answer to found."""
    word = f"w{uuid.uuid4().hex[:12]}"
    given = {
        "requestId": f"bench-{word}",
        "spaceId": space,
        "kind": "DISCUSSION",
        "title": f"Findable {word}",
        "body": "How long until somebody else can find this?",
        "tags": ["bench"],
    }
    await ask(writer, CREATE, input=given)
    began = time.perf_counter()
    while not (await ask(reader, FIND, query=word))["search"]["edges"]:
        assert time.perf_counter() - began < 10, "not findable after 10 s"
        await asyncio.sleep(0.01)
    return time.perf_counter() - began


async def main(samples: int) -> None:
    """Warm up, measure, print."""
    async with client(WRITER) as writer, client(READER) as reader:
        space = (await ask(writer, SPACE))["community"]["space"]["id"]
        for _ in range(5):
            await sample(writer, reader, space)
        times = sorted([await sample(writer, reader, space) for _ in range(samples)])
    at = {"min": times[0], "p50": times[samples // 2], "p95": times[int(samples * 0.95)]}
    figures = "  ".join(f"{name} {1000 * value:.0f}" for name, value in at.items())
    print(f"mutation to findable, ms, {samples} samples: {figures}  max {1000 * times[-1]:.0f}")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100))

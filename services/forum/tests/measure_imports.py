"""How fast an import is: MONGO_URI=... python -m services.forum.tests.measure_imports"""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from typing import Any, cast

import uvloop

from chassis import commands as commands_module
from chassis import outbox as outbox_module
from chassis.commands import Commands
from chassis.mongo import connect, database, ensure_indexes
from chassis.testing import person_actor
from guildhall.forum.v1 import forum_pb2 as pb
from services.forum.repository import ForumRepository
from services.forum.use_cases import ForumUseCases

_QUESTIONS, _ANSWERS, _CALL = 2000, 3, 100
_BODY = "Some *old* text with `code`, a [link](https://a.example) and\n\n- a\n- list\n\n" * 8
_MANAGER = person_actor("manager", roles=["MANAGER"])


def _posts() -> list[pb.ImportedPost]:
    posts: list[pb.ImportedPost] = []
    for n in range(_QUESTIONS):
        question = pb.ImportedPost(
            external_id=f"q{n}",
            kind=pb.IMPORTED_POST_KIND_QUESTION,
            title=f"Question {n}",
            body=_BODY,
            tags=["beer", "hops"],
            accepted_answer_external_id=f"a{n}-1",
        )
        question.create_time.seconds = 1_400_000_000 + n * 1000
        posts.append(question)
        for m in range(_ANSWERS):
            answer = pb.ImportedPost(
                external_id=f"a{n}-{m}",
                kind=pb.IMPORTED_POST_KIND_ANSWER,
                question_external_id=f"q{n}",
                body=_BODY,
            )
            answer.create_time.seconds = question.create_time.seconds + m
            posts.append(answer)
    return posts


async def _measure(calls_at_once: int) -> None:
    client = connect(os.environ["MONGO_URI"], app="measure")
    fresh = database(client, f"measure_{uuid.uuid4().hex}")
    await ensure_indexes(
        fresh, [*commands_module.INDEXES, *outbox_module.INDEXES, *ForumRepository.indexes]
    )
    commands = Commands(fresh)
    use_cases = ForumUseCases(commands, ForumRepository(fresh), cast(Any, None))
    made = await use_cases.create_space(
        _MANAGER,
        pb.CreateSpaceRequest(
            request_id="measure-space", community_id="c1", slug="space", name="Space"
        ),
    )
    posts = _posts()
    calls = [posts[start : start + _CALL] for start in range(0, len(posts), _CALL)]
    gate = asyncio.Semaphore(calls_at_once)

    async def call(number: int) -> int:
        async with gate:
            request = pb.ImportPostsRequest(
                request_id=f"measure-{number}",
                community_id="c1",
                space_id=made.space.id,
                source="measure",
                posts=calls[number],
            )
            return (await use_cases.import_posts(_MANAGER, request)).created

    began, cpu = time.perf_counter(), time.process_time()
    created = sum(await asyncio.gather(*(call(number) for number in range(len(calls)))))
    spent, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(  # noqa: T201 - a measurement
        f"{calls_at_once} calls at once: {created} posts in {spent:.1f} s = "
        f"{created / spent:.0f} posts/s, {1000 * cpu / created:.2f} ms of our CPU a post"
    )
    await commands.close()
    await client.drop_database(fresh.name)
    await client.close()


async def main() -> None:
    """One call after the other, and several at once."""
    for calls_at_once in (1, 4):
        await _measure(calls_at_once)


if __name__ == "__main__":
    uvloop.run(main())

"""Reads pages of topics, asks a question once though it is sent twice, and is refused one.

`GUILDHALL_URL` and `GUILDHALL_TOKEN` say where and who; prints a line of JSON for each step.
"""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from typing import Any

from asking import RefusedError, asked, client_of
from guildhall_client import Client, CreateTopicInput, TopicKind

PAGE, PAGES = 2, 3


def tell(step: str, **what: Any) -> None:
    """One line."""
    print(json.dumps({"step": step, **what}))


async def read(client: Client, community_id: str) -> None:
    """Page by page: the end of one page is where the next one begins."""
    after = None
    for number in range(1, PAGES + 1):
        cursor = after
        page = (await asked(lambda: client.topics(community_id, PAGE, cursor))).topics  # noqa: B023
        if page is None:
            return
        tell("page", number=number, titles=[edge.node.title for edge in page.edges])
        if not page.page_info.has_next_page:
            return
        after = page.page_info.end_cursor


async def ask(client: Client, space_id: str) -> None:
    """The request id is made before the first attempt and kept: two attempts are one topic."""
    question = CreateTopicInput(
        requestId=f"sdk-{uuid.uuid4()}",
        spaceId=space_id,
        kind=TopicKind.QUESTION,
        title="Which header does a portal send?",
        body="The documentation says *bearer*. Is there another?",
    )
    first = (await asked(lambda: client.create_topic(question))).create_topic.topic
    again = (await asked(lambda: client.create_topic(question))).create_topic.topic
    tell("asked", id=first.id, again=again.id)
    untitled = question.model_copy(update={"request_id": f"sdk-{uuid.uuid4()}", "title": " "})
    try:
        await asked(lambda: client.create_topic(untitled))
    except RefusedError as refused:
        tell("refused", code=refused.code.value, field=refused.field)


async def main() -> None:
    """All of it, as the person of the token."""
    url, token = os.environ["GUILDHALL_URL"], os.environ["GUILDHALL_TOKEN"]
    async with client_of(url, token) as client:
        viewer = (await asked(client.viewer)).viewer
        assert viewer is not None, "the token is nobody's"
        name = viewer.person.display_name if viewer.person else None
        community = next(one.community for one in viewer.memberships if one.community)
        tell("viewer", name=name, community=community.slug)
        await read(client, community.id)
        if community.spaces:
            await ask(client, community.spaces.edges[0].node.id)


if __name__ == "__main__":
    asyncio.run(main())

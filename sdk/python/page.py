"""A portal's page of the newest topics, as HTML on standard output: python page.py > page.html.

`GUILDHALL_URL` and `GUILDHALL_TOKEN` say where, and for whom the page is made.
"""

from __future__ import annotations

import asyncio
import os
from html import escape

from asking import asked, client_of
from guildhall_client import TopicRow

STYLE = "body{font:16px/1.5 sans-serif;max-width:42rem;margin:2rem auto}article{margin:2rem 0}"


def author(topic: TopicRow) -> str:
    """What can be told of who wrote it: any part may be null, if its owner does not answer."""
    by = topic.author
    name = by and (by.member or by.persona)
    parts = [name.display_name] if name else []
    parts += [by.company.name] if by and by.company else []
    return escape(", ".join(parts))


def article(topic: TopicRow) -> str:
    """Texts are escaped; bodyHtml was cleaned and is shown as it is."""
    replies = "1 reply" if topic.reply_count == 1 else f"{topic.reply_count} replies"
    return (
        f"<article><h2>{escape(topic.title)}</h2>{topic.body_html}"
        f"<footer>{author(topic)} · {replies} · {topic.activity_time:%d %B %Y}</footer></article>"
    )


async def main() -> None:
    """The page of the person of the token."""
    async with client_of(os.environ["GUILDHALL_URL"], os.environ["GUILDHALL_TOKEN"]) as client:
        viewer = (await asked(client.viewer)).viewer
        communities = (
            [one.community for one in viewer.memberships if one.community] if viewer else []
        )
        print(f'<!doctype html><meta charset="utf-8"><title>Topics</title><style>{STYLE}</style>')
        for community in communities:
            print(f"<h1>{escape(community.name)}</h1>")
            page = (await asked(lambda: client.topics(community.id, 10))).topics  # noqa: B023
            print("\n".join(article(edge.node) for edge in page.edges) if page else "Not now.")


if __name__ == "__main__":
    asyncio.run(main())

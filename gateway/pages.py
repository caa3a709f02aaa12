"""Pages of lists: at most 100 rows, and signed cursors over the services' page tokens."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chassis.pagination import MAX_PAGE_SIZE
from gateway.context import Context
from gateway.errors import BadUserInputError

_log = logging.getLogger(__name__)


class PageEdge:
    """One row of a page; its cursor is made when somebody asks for it."""

    __slots__ = ("_index", "_page", "node")

    def __init__(self, page: Page, index: int, node: Any) -> None:
        self._page = page
        self._index = index
        self.node = node

    @property
    def cursor(self) -> str:
        """Signed for this list."""
        return self._page.cursor(self._index)


@dataclass(slots=True)
class Page:
    """The source of a Connection and of its PageInfo."""

    context: Context
    scope: str
    rows: Sequence[Any]
    next_page_token: str
    token: Callable[[Any], str]
    after: bool
    total_count: int | None = None

    @property
    def edges(self) -> list[PageEdge]:
        """The rows as edges."""
        return [PageEdge(self, index, row) for index, row in enumerate(self.rows)]

    @property
    def page_info(self) -> Page:
        """The page tells of itself."""
        return self

    @property
    def has_next_page(self) -> bool:
        """The service says so by a token."""
        return bool(self.next_page_token)

    @property
    def has_previous_page(self) -> bool:
        """Lists go forward only."""
        return self.after

    @property
    def start_cursor(self) -> str | None:
        """The first row's."""
        return self.cursor(0) if self.rows else None

    @property
    def end_cursor(self) -> str | None:
        """The last row's."""
        return self.cursor(len(self.rows) - 1) if self.rows else None

    def cursor(self, index: int) -> str:
        """Of the last row the service's own token, of the others the one it would give."""
        if index == len(self.rows) - 1 and self.next_page_token:
            token = self.next_page_token
        else:
            token = self.token(self.rows[index])
        return self.context.cursor_key.sign(self.scope, token)


async def load_page(
    context: Context,
    name: str,
    first: int,
    after: str | None,
    fetch: Callable[[int, str], Awaitable[tuple[Sequence[Any], str]]],
    token: Callable[[Any], str],
) -> Page:
    """One page of the list of this name, filters included; `fetch` takes page size and token."""
    if not 1 <= first <= MAX_PAGE_SIZE:
        problem = f"first must be 1 to {MAX_PAGE_SIZE}, it is {first}"
        raise BadUserInputError(problem, field="first")
    scope = f"{context.actor.person_id} {name}"
    page_token = context.cursor_key.open(scope, after) if after is not None else ""
    rows, next_page_token = await fetch(first, page_token)
    if next_page_token and rows and token(rows[-1]) != next_page_token:
        _log.error("%s: the token made of a row is not the service's", name.partition(":")[0])
    return Page(context, scope, rows, next_page_token, token, after is not None)

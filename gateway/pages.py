"""Pages of lists, both ways: at most 100 rows; signed cursors over the services' page tokens."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, repeat
from typing import Any, NamedTuple

from chassis.pagination import MAX_PAGE_SIZE
from chassis.values import value
from gateway.context import Context
from gateway.errors import BadUserInputError

_log = logging.getLogger(__name__)

Arguments = Mapping[str, Any]  # as the schema spells them
# What says how many and from where, and what does not go with it.
_FORWARD, _BACKWARD = ("first", "after", "before"), ("last", "before", "after")


@value
class Window:
    """What first, after, last and before come to."""

    size: int
    cursor: str | None
    backward: bool

    @classmethod
    def of(cls, arguments: Arguments) -> Window:
        """Either the first, maybe after a cursor, or the last, maybe before one; else refused."""
        first, last = arguments.get("first"), arguments.get("last")
        if first is None and last is None:
            raise BadUserInputError("first or last must be given", field="first")
        if first is not None and last is not None:
            raise BadUserInputError("last must not be given beside first", field="last")
        backward = first is None
        ours, cursor, other = _BACKWARD if backward else _FORWARD
        if arguments.get(other) is not None:
            raise BadUserInputError(f"{other} must not be given beside {ours}", field=other)
        size: int = arguments[ours]
        if not 1 <= size <= MAX_PAGE_SIZE:
            raise BadUserInputError(
                f"{ours} must be 1 to {MAX_PAGE_SIZE}, it is {size}", field=ours
            )
        return cls(size, arguments.get(cursor), backward)

    @property
    def field(self) -> str:
        """The argument that the cursor came in."""
        return "before" if self.backward else "after"


class PageEdge(NamedTuple):
    """One row of a page; its cursor is made when somebody asks for it."""

    page: Page
    place: int
    node: Any

    @property
    def cursor(self) -> str:
        """Signed for this list."""
        return self.page.cursor(self.place)


@dataclass(slots=True)
class Page:
    """The source of a Connection and of its PageInfo."""

    context: Context
    scope: str
    window: Window
    response: Any
    rows: Sequence[Any]
    token: Callable[[Any], str]
    total_count: int | None = None
    _edges: list[PageEdge] | None = field(default=None, init=False, repr=False)

    @property
    def next_page_token(self) -> str:
        """Where the service goes on; empty at the list's end."""
        token: str = self.response.next_page_token
        return token

    @property
    def edges(self) -> list[PageEdge]:
        """The rows as edges; asked for to fetch what is below them, and to be shown."""
        if self._edges is None:
            parts = zip(repeat(self), count(), self.rows)
            self._edges = list(map(tuple.__new__, repeat(PageEdge), parts))  # without a call each
        return self._edges

    @property
    def page_info(self) -> Page:
        """The page tells of itself."""
        return self

    @property
    def has_next_page(self) -> bool:
        """The service says so by a token; backward, the row of the cursor is there."""
        return self.window.cursor is not None if self.window.backward else self._goes_on

    @property
    def has_previous_page(self) -> bool:
        """As has_next_page, the other way round."""
        return self._goes_on if self.window.backward else self.window.cursor is not None

    @property
    def _goes_on(self) -> bool:
        return bool(self.next_page_token)

    @property
    def start_cursor(self) -> str | None:
        """The first row's."""
        return self.cursor(0) if self.rows else None

    @property
    def end_cursor(self) -> str | None:
        """The last row's."""
        return self.cursor(len(self.rows) - 1) if self.rows else None

    def cursor(self, index: int) -> str:
        """The service's own token where reading ended, of other rows the one it would give."""
        end = 0 if self.window.backward else len(self.rows) - 1
        token = self.next_page_token if index == end else ""
        return self.sign(token or self.token(self.rows[index]))

    def sign(self, page_token: str) -> str:
        """A cursor of this list."""
        return self.context.cursor_key.sign(self.scope, page_token)


async def page_of(
    context: Context,
    arguments: Arguments,
    method: Callable[[Any], Any],
    request: Any,
    rows: str,
    token: Callable[[Any], str],
    *,
    name: str = "",
) -> Page:
    """A page of the list that `request` describes: its own fields are the filters.

    Cursors are of the list of this name; by default the request tells it, with all filters.
    """
    window = Window.of(arguments)
    scope = f"{context.actor.person_id} {name or name_of(request)}"
    request.page_size, request.backward = window.size, window.backward
    if window.cursor is not None:
        request.page_token = context.cursor_key.open(scope, window.cursor, window.field)
    response = await context.call(method, request)
    found = getattr(response, rows)
    if found and response.next_page_token not in ("", token(found[0 if window.backward else -1])):
        _log.error("%s: the token made of a row is not the service's", type(request).__name__)
    return Page(context, scope, window, response, found, token)


def name_of(request: Any) -> str:
    """A list's name: the request's type and filters."""
    return f"{type(request).__name__}:{request.SerializeToString(deterministic=True).hex()}"

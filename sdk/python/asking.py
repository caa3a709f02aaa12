"""The client of one person, and what to do about refusals: a few lines for a portal to copy."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import httpx
from guildhall_client import (
    Client,
    GraphQLClientGraphQLMultiError,
    GraphQLClientHttpError,
    RefusalCode,
)

T = TypeVar("T")
# Nothing was done, or nobody knows: the same request may be sent again.
PASSING = (
    RefusalCode.TOO_BUSY,
    RefusalCode.UNAVAILABLE,
    RefusalCode.SEARCH_UNAVAILABLE,
    RefusalCode.OUTCOME_UNKNOWN,
    RefusalCode.OPERATION_TIMEOUT,
    RefusalCode.POSTING_TOO_FAST,
)


class RefusedError(Exception):
    """The first of an answer's errors: why, and of which argument."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        extensions: dict[str, Any] = error.get("extensions") or {}
        self.code = _code(extensions.get("code", ""))
        self.field: str | None = extensions.get("field")
        self.retry_after: float = extensions.get("retryAfter") or 0.0
        self.trace_id: str | None = extensions.get("traceId")


class Asker(Client):
    """Takes what could be answered: what a service that is away should have said is null."""

    def get_data(self, response: Any) -> dict[str, Any]:
        """Refused is only what has no answer at all."""
        try:
            return super().get_data(response)
        except GraphQLClientGraphQLMultiError as failed:
            if failed.data and all(len(error.path or ()) > 1 for error in failed.errors):
                return cast("dict[str, Any]", failed.data)
            raise


def client_of(url: str, token: str) -> Asker:
    """For one person; use it as `async with`."""
    return Asker(url=f"{url}/graphql", headers={"Authorization": f"Bearer {token}"})


async def asked(ask: Callable[[], Awaitable[T]], *, attempts: int = 4, longest: float = 20) -> T:
    """What the operation answers; what passes is waited for. A mutation keeps its requestId."""
    for attempt in range(attempts):
        try:
            return await ask()
        except GraphQLClientGraphQLMultiError as errors:
            first = errors.errors[0]
            refused = RefusedError({"message": first.message, "extensions": first.extensions})
        except GraphQLClientHttpError as error:  # refused before anything was executed
            response = cast("httpx.Response", error.response)
            refused = RefusedError(response.json()["errors"][0])
        wait = max(refused.retry_after, 0.2 * 2**attempt)
        if refused.code not in PASSING or wait > longest or attempt == attempts - 1:
            raise refused
        await asyncio.sleep(wait)
    raise AssertionError


def _code(text: str) -> RefusalCode:
    """There will be more codes than this client was generated with."""
    try:
        return RefusalCode(text)
    except ValueError:
        return RefusalCode.INTERNAL

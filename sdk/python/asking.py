"""The client of one person, and what to do about refusals: a few lines for a portal to copy."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import httpx
from guildhall_client import (
    Client,
    GraphQLClientGraphQLMultiError,
    GraphQLClientHttpError,
    GraphQLClientInvalidResponseError,
    RefusalCode,
)

T = TypeVar("T")
TIMEOUT = 10.0  # seconds; within eight the gateway answers, if only that it took too long
# Nothing was done, or nobody knows: the same request may be sent again.
PASSING = (
    RefusalCode.RATE_LIMITED,
    RefusalCode.OVERLOADED,
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
    headers = {"Authorization": f"Bearer {token}"}
    return Asker(
        url=f"{url}/graphql", http_client=httpx.AsyncClient(headers=headers, timeout=TIMEOUT)
    )


async def asked(ask: Callable[[], Awaitable[T]], *, attempts: int = 4, longest: float = 20) -> T:
    """What the operation answers; what passes is waited for. A mutation keeps its requestId."""
    for attempt in range(1, attempts + 1):
        try:
            return await ask()
        except GraphQLClientGraphQLMultiError as errors:
            first = errors.errors[0]
            refused = RefusedError({"message": first.message, "extensions": first.extensions})
        except (GraphQLClientHttpError, GraphQLClientInvalidResponseError) as error:
            refused = _without_data(cast("httpx.Response", error.response))
        except (httpx.NetworkError, httpx.TimeoutException, httpx.RemoteProtocolError) as error:
            refused = _failed(RefusalCode.OUTCOME_UNKNOWN, f"the connection was lost: {error!r}")
        # Not before it may be, and not in step with all who were refused in the same moment.
        wait = refused.retry_after + random.uniform(0.1, 0.2) * 2**attempt  # noqa: S311
        if refused.code not in PASSING or wait > longest or attempt == attempts:
            raise refused
        await asyncio.sleep(wait)
    raise AssertionError


def _without_data(response: httpx.Response) -> RefusedError:
    """Refused before anything was executed; or a proxy on the way has answered instead."""
    try:
        return RefusedError(response.json()["errors"][0])
    except (ValueError, LookupError, TypeError):
        pass
    code = RefusalCode.INTERNAL
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        code = RefusalCode.TOO_BUSY
    elif response.is_server_error:
        code = RefusalCode.OUTCOME_UNKNOWN
    after: str = response.headers.get("retry-after", "")
    message = f"HTTP {response.status_code} from somebody else than the gateway"
    return _failed(code, message, float(after) if after.isdecimal() else 0.0)


def _failed(code: RefusalCode, message: str, retry_after: float = 0.0) -> RefusedError:
    """What the gateway itself does not say."""
    extensions = {"code": code.value, "retryAfter": retry_after}
    return RefusedError({"message": message, "extensions": extensions})


def _code(text: str) -> RefusalCode:
    """There will be more codes than this client was generated with."""
    try:
        return RefusalCode(text)
    except ValueError:
        return RefusalCode.INTERNAL

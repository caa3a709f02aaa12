"""The demo loader's GraphQL client: every call as one of the demo people."""

from __future__ import annotations

import asyncio
import uuid
from types import TracebackType
from typing import Any

import httpx2

from devstack.token import access_token

_NAMESPACE = uuid.UUID("5f0c9d38-94a5-4d0f-8d4b-0d6a5f3f9a02")
_ATTEMPTS = 5


class DemoError(Exception):
    """The demo data cannot be loaded; the message says why in one line."""


class DemoClient:
    """Posts operations to one gateway, each person with a token of their own provider."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx2.AsyncClient(base_url=url, timeout=15)
        self._tokens: dict[str, str] = {}

    async def __aenter__(self) -> DemoClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def query(self, email: str, text: str, **variables: Any) -> dict[str, Any]:
        """The data of an operation; the first error's code and message otherwise, as DemoError."""
        if email not in self._tokens:
            self._tokens[email] = await asyncio.to_thread(access_token, email)
        for attempt in range(_ATTEMPTS):
            answer = await self._post(email, text, variables)
            errors = answer.get("errors")
            if not errors:
                data: dict[str, Any] = answer["data"]
                return data
            code = errors[0].get("extensions", {}).get("code")
            if code not in ("UNAVAILABLE", "OUTCOME_UNKNOWN") or attempt == _ATTEMPTS - 1:
                raise DemoError(f"{code}: {errors[0]['message']}")
            await asyncio.sleep(0.2 * 2**attempt)
        raise AssertionError

    async def mutate(self, email: str, field: str, selection: str, **input_: Any) -> Any:
        """One mutation; its requestId follows from field and input: it happens once."""
        name = field[0].upper() + field[1:]
        seed = f"{field}|{email}|{sorted(input_.items())}"
        input_["requestId"] = f"demo-{uuid.uuid5(_NAMESPACE, seed)}"
        data = await self.query(
            email,
            f"mutation {name}($input: {name}Input!) {{ {field}(input: $input) {selection} }}",
            input=input_,
        )
        return data[field]

    async def _post(self, email: str, text: str, variables: dict[str, Any]) -> dict[str, Any]:
        try:
            response = await self._http.post(
                "/graphql",
                json={"query": text, "variables": variables},
                headers={"Authorization": f"Bearer {self._tokens[email]}"},
            )
        except httpx2.HTTPError as error:
            raise DemoError(f"the gateway at {self.url} does not answer") from error
        if not response.headers.get("content-type", "").startswith("application/"):
            raise DemoError(f"the gateway answered {response.status_code}")
        answer: dict[str, Any] = response.json()
        return answer

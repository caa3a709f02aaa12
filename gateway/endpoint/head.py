"""A request's head, looked into a dozen times a request: by name, not header by header."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection

from gateway.endpoint.requests import Scope


class _ByName(Headers):
    """The same headers; the first of a name counts, as in the library's."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope=scope)
        self._by_name: dict[bytes, bytes] = dict(reversed(self._list))

    def get(self, key: str, default: Any = None, /) -> Any:
        found = self._by_name.get(key.lower().encode("latin-1"))
        return default if found is None else found.decode("latin-1")

    def getlist(self, key: str) -> list[str]:
        return super().getlist(key) if key in self else []

    def __contains__(self, key: Any) -> bool:
        return key.lower().encode("latin-1") in self._by_name


class Head(HTTPConnection):
    """Of one request."""

    headers: Headers = Headers()  # not the library's property: it is asked for again and again

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope)
        self.headers = _ByName(scope)

"""Guildhall as the importer sees it: GraphQL operations, tried again where that is safe."""

import asyncio
import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from devstack.importer.batches import Batch

RETRIES = 3
BACK_OFF_SECONDS = 0.25
LONGEST_WAIT_SECONDS = 30.0
TIMEOUT = httpx2.Timeout(30.0, connect=5.0)

_FIND_SPACE = """query FindSpace($community: String!, $space: String!) {
  community(slug: $community) { id space(slug: $space) { id } }
}"""
_IMPORT_POSTS = """mutation ImportPosts($input: ImportPostsInput!) {
  importPosts(input: $input) { created alreadyThere }
}"""
_CREATE_UPLOAD = """mutation CreateUpload($input: CreateUploadInput!) {
  createUpload(input: $input) { attachment { id } url headers { name value } }
}"""
_COMPLETE_UPLOAD = """mutation CompleteUpload($input: CompleteUploadInput!) {
  completeUpload(input: $input) { attachment { id state } }
}"""
_RETRIED_STATUS = {429, 502, 503, 504}
# The request id is the same each time, so a request whose outcome is unknown may be sent again.
_RETRIED_CODES = {"UNAVAILABLE", "OUTCOME_UNKNOWN", "OPERATION_TIMEOUT", "TOO_BUSY"}
_FIELD = re.compile(r"(?:^|\.)posts\.([0-9]{1,4})(?:\.(.*))?$")


class ImportRefusedError(Exception):
    """The import cannot go on; says why in one line."""


class UploadRefusedError(Exception):
    """This file does not come along; its text is the code of why."""


class _TryAgainError(Exception):
    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


@dataclass(frozen=True, slots=True)
class GraphQLRefusal:
    code: str
    field: str
    message: str


class _AnsweredWithErrors(Exception):  # noqa: N818 - an answer, not a failure of ours
    def __init__(self, refusal: GraphQLRefusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class _SignedOutError(Exception):
    pass


@dataclass(frozen=True, slots=True)
class Imported:
    created: int
    already_there: int


class Guildhall:
    """`token` is asked again when a long import outlives the first one."""

    def __init__(
        self,
        url: str,
        person: str,
        token: Callable[[], str],
        *,
        in_flight: int = 4,
        back_off: float = BACK_OFF_SECONDS,
    ) -> None:
        self._url = url.rstrip("/")
        self._person = person
        self._new_token = token
        self._token = ""
        self._signing_in = asyncio.Lock()
        self._back_off = back_off
        # A proxy of the environment cannot reach this machine's own ports.
        is_local = urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}
        self._http = httpx2.AsyncClient(
            timeout=TIMEOUT,
            trust_env=not is_local,
            limits=httpx2.Limits(max_connections=in_flight, max_keepalive_connections=in_flight),
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def find_space(self, community: str, space: str) -> tuple[str, str]:
        """The ids of the community and the space."""
        variables = json.dumps({"community": community, "space": space}).encode()
        try:
            data = await self._run("FindSpace", _FIND_SPACE, variables)
        except _AnsweredWithErrors as answer:
            raise ImportRefusedError(self._refused(community, space, answer.refusal)) from None
        found = data.get("community")
        space_found = found.get("space") if isinstance(found, dict) else None
        if not isinstance(space_found, dict):
            raise ImportRefusedError(
                f"there is no space {community}/{space} that {self._person} can see"
            )
        return str(data["community"]["id"]), str(space_found["id"])

    async def import_posts(self, space_id: str, source: str, batch: Batch) -> Imported:
        head = {"requestId": batch.request_id(space_id, source), "spaceId": space_id}
        around = json.dumps(head | {"source": source}).encode()
        # The posts are JSON already: encoding them twice would cost as much as sending them.
        variables = b'{"input":' + around[:-1] + b',"posts":' + batch.json + b"}}"
        try:
            data = await self._run("ImportPosts", _IMPORT_POSTS, variables)
        except _AnsweredWithErrors as answer:
            raise ImportRefusedError(_refused_batch(batch, self._person, answer.refusal)) from None
        answer_data = data.get("importPosts")
        if not isinstance(answer_data, dict):
            raise ImportRefusedError(f"{self._url} gave no answer to importPosts")
        return Imported(int(answer_data["created"]), int(answer_data["alreadyThere"]))

    async def upload(self, community_id: str, request_id: str, name: str, path: Path) -> str:
        """The id of the attachment that a post may take, or took when this was done before."""
        stat = await asyncio.to_thread(path.stat)
        fields = {"communityId": community_id, "name": name, "size": stat.st_size}
        made = await self._mutate("createUpload", _CREATE_UPLOAD, request_id, **fields)
        attachment_id, complete = made["attachment"]["id"], f"{request_id}-complete"
        try:
            return await self._complete(complete, attachment_id)
        except UploadRefusedError as refusal:
            if str(refusal) != "UPLOAD_MISSING":
                raise
        headers = {one["name"]: one["value"] for one in made["headers"]}
        try:
            content = await asyncio.to_thread(path.read_bytes)
            response = await self._http.put(made["url"], content=content, headers=headers)
        except (OSError, httpx2.TransportError) as error:
            raise ImportRefusedError(f"{path} could not be put: {type(error).__name__}") from None
        if not response.is_success:
            raise UploadRefusedError(f"HTTP_{response.status_code}")
        return await self._complete(complete, attachment_id)

    async def _complete(self, request_id: str, attachment_id: str) -> str:
        given = {"attachmentId": attachment_id}
        done = await self._mutate("completeUpload", _COMPLETE_UPLOAD, request_id, **given)
        if done["attachment"]["state"] not in {"READY", "ATTACHED"}:
            raise UploadRefusedError(done["attachment"]["state"])
        return str(done["attachment"]["id"])

    async def _mutate(self, field: str, query: str, request_id: str, **input_: Any) -> Any:
        variables = json.dumps({"input": {"requestId": request_id, **input_}}).encode()
        try:
            data = await self._run(field[0].upper() + field[1:], query, variables)
        except _AnsweredWithErrors as answer:
            raise UploadRefusedError(answer.refusal.code) from None
        return data[field]

    def _refused(self, community: str, space: str, refusal: GraphQLRefusal) -> str:
        if refusal.code.endswith("NOT_FOUND"):
            return f"there is no space {community}/{space} that {self._person} can see"
        return f"{community}/{space}: {refusal.code}: {refusal.message}"

    async def _run(self, operation: str, query: str, variables: bytes) -> dict[str, Any]:
        prefix = json.dumps({"operationName": operation, "query": query}).encode()
        body = prefix[:-1] + b',"variables":' + variables + b"}"
        attempt = 0
        renewed = False
        while True:
            token = await self._current_token()
            try:
                return await self._once(body, token)
            except _SignedOutError:
                if renewed:
                    raise ImportRefusedError(
                        f"the token of {self._person} was refused by {self._url}"
                    ) from None
                renewed = True
                if self._token == token:
                    self._token = ""
            except _TryAgainError as reason:
                if attempt == RETRIES:
                    raise ImportRefusedError(
                        f"{self._url} {reason} ({attempt + 1} attempts)"
                    ) from None
                wait = self._back_off * 2**attempt * (0.5 + random.random())  # noqa: S311 - jitter
                await asyncio.sleep(min(max(wait, reason.wait or 0.0), LONGEST_WAIT_SECONDS))
                attempt += 1

    async def _current_token(self) -> str:
        async with self._signing_in:
            if not self._token:
                self._token = await asyncio.to_thread(self._new_token)
            return self._token

    async def _once(self, body: bytes, token: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        try:
            response = await self._http.post(f"{self._url}/graphql", content=body, headers=headers)
        except httpx2.ConnectError:
            raise _TryAgainError("does not answer: is it running (make run)?") from None
        except httpx2.TransportError as error:
            raise _TryAgainError(f"broke off: {type(error).__name__}") from None
        if response.status_code in _RETRIED_STATUS:
            raise _TryAgainError(f"answers HTTP {response.status_code}", _retry_after(response))
        if response.status_code == 401:
            raise _SignedOutError
        return _data(self._url, response)


def _data(url: str, response: httpx2.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or not ("data" in answer or "errors" in answer):
        raise ImportRefusedError(
            f"{url} does not answer as Guildhall does (HTTP {response.status_code})"
        )
    if not answer.get("errors"):
        data = answer["data"]
        return data if isinstance(data, dict) else {}
    error = answer["errors"][0]
    extensions = error.get("extensions") or {}
    refusal = GraphQLRefusal(
        code=str(extensions.get("code") or f"HTTP_{response.status_code}"),
        field=str(extensions.get("field") or ""),
        message=" ".join(str(error.get("message", "")).split())[:300],
    )
    if refusal.code == "UNAUTHENTICATED":
        raise _SignedOutError
    wait = extensions.get("retryAfter")
    if refusal.code in _RETRIED_CODES or wait:
        seconds = float(wait) if isinstance(wait, int | float) else _retry_after(response)
        raise _TryAgainError(f"answers {refusal.code}", seconds)
    raise _AnsweredWithErrors(refusal)


def _retry_after(response: httpx2.Response) -> float | None:
    """Only in seconds; a date would compare the server's clock with this one's."""
    value = response.headers.get("retry-after", "")
    return float(value) if re.fullmatch(r"[0-9]{1,5}", value) else None


def _refused_batch(batch: Batch, person: str, refusal: GraphQLRefusal) -> str:
    """The server counts within the request: said as the row of the file."""
    match = _FIELD.search(refusal.field)
    if match and int(match.group(1)) < len(batch.posts):
        post = batch.posts[int(match.group(1))]
        where = f"line {post.line}, post {post.external_id}"
        field = f" {match.group(2)}" if match.group(2) else ""
        return f"{where}: refused by the server:{field} {refusal.code}: {refusal.message}"
    if not refusal.field:
        return f"{person} is refused by the server: {refusal.code}: {refusal.message}"
    where = f"lines {batch.posts[0].line} to {batch.posts[-1].line}"
    return f"{where}: refused by the server: {refusal.field} {refusal.code}: {refusal.message}"

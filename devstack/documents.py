"""`python -m devstack.documents PORTAL FILE...` registers documents and prints their ids.

Each file is one document with one operation. What is registered already stays; of a batch all are
registered or none. A program sends the printed id as documentId in place of the text.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import uuid
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2

from devstack.token import TokenRefusedError, access_token

MOST, MOST_BYTES = 100, 48_000  # of one request
_REGISTER = """mutation RegisterDocuments($input: RegisterDocumentsInput!) {
  registerDocuments(input: $input) { documents { documentId name } }
}"""


class DocumentsRefusedError(Exception):
    """Why documents were not registered, as lines."""


def batches(texts: Sequence[str]) -> Iterator[list[str]]:
    """As many at once as a request takes."""
    batch: list[str] = []
    size = 0
    for text in texts:
        length = len(json.dumps(text))
        if batch and (len(batch) == MOST or size + length > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += length
    if batch:
        yield batch


def register(url: str, token: str, portal: str, files: Sequence[Path]) -> list[tuple[str, str]]:
    """The id and the name of each file's document, in their order."""
    texts = [path.read_text() for path in files]
    found: list[tuple[str, str]] = []
    with httpx2.Client(base_url=url, trust_env=False, timeout=30) as http:
        http.headers["Authorization"] = f"Bearer {token}"
        for batch in batches(texts):
            documents = _registered(http, portal, batch, files[len(found) :])
            names = {one["documentId"]: one["name"] or "" for one in documents}
            for text in batch:
                hashed = f"sha256:{sha256(text.encode()).hexdigest()}"
                found.append((hashed, names[hashed]))
    return found


def _registered(
    http: httpx2.Client, portal: str, batch: list[str], files: Sequence[Path]
) -> list[dict[str, Any]]:
    asked = {"requestId": f"documents-{uuid.uuid4()}", "portalId": portal, "documents": batch}
    body = {"query": _REGISTER, "variables": {"input": asked}}
    answer = http.post("/graphql", json=body).json()
    if not answer.get("errors"):
        documents: list[dict[str, Any]] = answer["data"]["registerDocuments"]["documents"]
        return documents
    error = answer["errors"][0]
    message = str(error["message"])
    for index, path in enumerate(files[: len(batch)]):
        message = message.replace(f"documents.{index}:", f"{path}:")
    raise DocumentsRefusedError(f"{error['extensions']['code']}: {message}")


def main(arguments: list[str] | None = None) -> int:
    """Print the ids, or why there are none."""
    parser = argparse.ArgumentParser(prog="python -m devstack.documents", description=__doc__)
    parser.add_argument("portal", help="the portal's global id")
    parser.add_argument("files", nargs="+", type=Path, help="documents, each with one operation")
    parser.add_argument(
        "--person",
        default=os.environ.get("PERSON") or "operator@guildhall.example",
        help="who registers (PERSON): a manager of the portal's community, or an operator",
    )
    parser.add_argument(
        "--token",
        default=os.environ.get("GUILDHALL_TOKEN"),
        help="an access token (GUILDHALL_TOKEN); by default got by signing the person in",
    )
    parser.add_argument("--url", default=os.environ.get("GUILDHALL_URL") or "http://127.0.0.1:8080")
    options = parser.parse_args(arguments)
    try:
        token = options.token or access_token(options.person)
        for hashed, name in register(options.url, token, options.portal, options.files):
            print(f"{hashed}  {name}")
    except (DocumentsRefusedError, TokenRefusedError, OSError, httpx2.TransportError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Registering documents from files: as many at once as a request takes, refusals by file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from devstack.documents import MOST, MOST_BYTES, DocumentsRefusedError, _registered, batches


def test_batches_have_every_text_once_and_fit_a_request() -> None:
    texts = [f"query q{n} {{ __typename }} # {'ü' * (n % 7 * 1_000)}" for n in range(250)]
    found = list(batches(texts))
    assert [text for batch in found for text in batch] == texts
    assert all(len(batch) <= MOST for batch in found)
    assert all(len(json.dumps(batch)) < MOST_BYTES + 2 * MOST + 8 for batch in found)
    assert list(batches(["x" * MOST_BYTES * 2, "y"])) == [["x" * MOST_BYTES * 2], ["y"]]
    assert list(batches([])) == []


def test_refusals_name_files() -> None:
    asked: list[dict[str, Any]] = []

    def gateway(request: httpx2.Request) -> httpx2.Response:
        asked.append(json.loads(request.content)["variables"]["input"])
        message = "documents.1: Cannot query field 'a'.\ndocuments.10: Syntax Error"
        error = {"message": message, "extensions": {"code": "DOCUMENT_REFUSED"}}
        return httpx2.Response(200, json={"data": None, "errors": [error]})

    files = [Path(f"{n}.graphql") for n in range(20)]
    with (
        httpx2.Client(transport=httpx2.MockTransport(gateway), base_url="http://g") as http,
        pytest.raises(DocumentsRefusedError) as refused,
    ):
        _registered(http, "p", ["{ a }"] * 11, files)
    assert str(refused.value) == (
        "DOCUMENT_REFUSED: 1.graphql: Cannot query field 'a'.\n10.graphql: Syntax Error"
    )
    assert asked[0]["portalId"] == "p"
    assert len(asked[0]["requestId"]) > 20

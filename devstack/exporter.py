"""`python -m devstack.exporter COMMUNITY FILE` writes all that was written there as JSON lines.

Broken off, it goes on where it was: the place is kept beside the file until that is whole.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import httpx2

from devstack.token import TokenRefusedError, access_token

PAGE = 100
RETRIES = 5
LONGEST_WAIT = 60.0  # seconds: points come back within the minute
_TRIED_AGAIN = {429, 502, 503, 504}
_FIND = """query FindCommunity($slug: String!) {
  viewer { person { id } } community(slug: $slug) { id }
}"""
_EXPORT = """query Export($community: ID!, $person: ID, $first: Int!, $after: String) {
  exportRecords(communityId: $community, personId: $person, first: $first, after: $after) {
    edges { node { line } } pageInfo { hasNextPage endCursor }
  }
}"""


class ExportRefusedError(Exception):
    """The export cannot go on; says why in one line."""


class Portal:
    """Guildhall by its GraphQL API; `token` is asked again when a long export outlives it."""

    def __init__(
        self, url: str, token: Callable[[], str], wait: Callable[[float], None] = time.sleep
    ) -> None:
        self._http = httpx2.Client(base_url=url, trust_env=False, timeout=30)
        self._new_token = token
        self._token = ""
        self._wait = wait

    def close(self) -> None:
        """Its connections."""
        self._http.close()

    def ask(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """The data; asks again where that may help."""
        renewed = False
        reason = ""
        for attempt in range(RETRIES + 1):
            self._token = self._token or self._new_token()
            headers = {"Authorization": f"Bearer {self._token}"}
            body = {"query": query, "variables": variables}
            try:
                answer = self._http.post("/graphql", json=body, headers=headers)
            except httpx2.TransportError as error:
                reason = f"{self._http.base_url} does not answer: {type(error).__name__}"
                self._wait(0.5 * 2**attempt)
                continue
            if answer.status_code == 401 and not renewed:
                renewed, self._token = True, ""
                continue
            if answer.status_code in _TRIED_AGAIN:
                reason = f"{self._http.base_url} answers HTTP {answer.status_code}"
                asked = answer.headers.get("retry-after", "")
                self._wait(min(float(asked) if asked.isdigit() else 2.0**attempt, LONGEST_WAIT))
                continue
            return _data(answer)
        raise ExportRefusedError(f"{reason or 'the token was refused'} ({RETRIES + 1} attempts)")


def _data(answer: httpx2.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise ExportRefusedError(f"HTTP {answer.status_code} is no answer of Guildhall")
    if errors := body.get("errors"):
        code = (errors[0].get("extensions") or {}).get("code", "")
        raise ExportRefusedError(f"{code}: {errors[0].get('message', '')}")
    data: dict[str, Any] = body["data"]
    return data


def pages(
    portal: Portal, community: str, person: str | None, after: str | None
) -> Iterator[tuple[list[str], str | None]]:
    """Lines of each page, and where to go on; None behind the last."""
    while True:
        variables = {"community": community, "person": person, "first": PAGE, "after": after}
        page = portal.ask(_EXPORT, variables)["exportRecords"]
        after = page["pageInfo"]["endCursor"] if page["pageInfo"]["hasNextPage"] else None
        yield [edge["node"]["line"] for edge in page["edges"]], after
        if after is None:
            return


class Unfinished:
    """FILE.part, and in FILE.place where the export stands: list, bytes written, cursor."""

    def __init__(self, file: Path, name: str) -> None:
        self._file = file
        self._name = name
        self._part = file.with_name(f"{file.name}.part")
        self._place = file.with_name(f"{file.name}.place")
        self.written, self.after = self._begun()

    def _begun(self) -> tuple[int, str | None]:
        try:
            place = json.loads(self._place.read_text())
            if place["name"] == self._name and self._part.stat().st_size >= place["written"]:
                return place["written"], place["after"]
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return 0, None

    def open(self) -> BinaryIO:
        """To go on writing; what was written beyond the known place is written again."""
        part = self._part.open("r+b" if self.written else "wb")
        part.truncate(self.written)
        part.seek(self.written)
        return part

    def keep(self, part: BinaryIO, after: str | None) -> None:
        """On disk first, then known."""
        part.flush()
        os.fsync(part.fileno())
        self.written = part.tell()
        new = self._place.with_name(f"{self._place.name}.new")
        new.write_text(json.dumps({"name": self._name, "written": self.written, "after": after}))
        new.replace(self._place)

    def finish(self) -> None:
        """The file has its name."""
        self._part.replace(self._file)
        self._place.unlink(missing_ok=True)


def export(portal: Portal, slug: str, person: str | None, file: Path) -> int:
    """How many lines were written now. `person`: "me", or a global id; None: the community."""
    found = portal.ask(_FIND, {"slug": slug})
    if found["community"] is None:
        raise ExportRefusedError(f"there is no community {slug} that one is in")
    community = found["community"]["id"]
    person = found["viewer"]["person"]["id"] if person == "me" else person
    unfinished = Unfinished(file, f"{community} {person or ''}")
    count = 0
    with unfinished.open() as part:
        for lines, after in pages(portal, community, person, unfinished.after):
            part.writelines(line.encode() + b"\n" for line in lines)
            count += len(lines)
            unfinished.keep(part, after)
    unfinished.finish()
    return count


def add_portal(parser: argparse.ArgumentParser, person: str | None, who: str) -> None:
    """The options that say which portal is asked, and as whom."""
    parser.add_argument("--person", default=os.environ.get("PERSON") or person, help=who)
    parser.add_argument("--token", default=os.environ.get("GUILDHALL_TOKEN") or None)
    parser.add_argument("--url", default=os.environ.get("GUILDHALL_URL") or "http://127.0.0.1:8080")


def write_from(portal: Portal, write: Callable[[], int], file: Path, what: str) -> int:
    """Write the file and say how much is in it, or say why not; the program's exit status."""
    try:
        count = write()
    except (ExportRefusedError, TokenRefusedError) as refusal:
        print(refusal, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{file} cannot be written: {error.strerror or error}", file=sys.stderr)
        return 1
    finally:
        portal.close()
    print(f"{count:,} {what} are in {file}")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Write the file, or say why not."""
    parser = argparse.ArgumentParser(
        prog="python -m devstack.exporter", description="Export a community as JSON lines."
    )
    parser.add_argument("community", help="its slug, for example aurora")
    parser.add_argument("file", type=Path, help="where to; broken off, run it again to go on")
    parser.add_argument("--of", help="only of this person: me, or a person's global id")
    who = "who exports (PERSON); by default manager@<community>.example"
    add_portal(parser, None, who)
    options = parser.parse_args(arguments)
    person = options.person or f"manager@{options.community}.example"
    portal = Portal(options.url, lambda: options.token or access_token(person))
    return write_from(
        portal,
        lambda: export(portal, options.community, options.of, options.file),
        options.file,
        "records",
    )


if __name__ == "__main__":
    sys.exit(main())

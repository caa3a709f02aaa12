"""A Discourse backup with uploads on the whole system: posts come with their files, once."""

from __future__ import annotations

import hashlib
import io
import uuid
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image

from devstack.tests.test_importer_discourse import FORUM, dump
from tests.system import ENGINEER, SELLER, Asker, System, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

SEARCH = """query S($q: String!) { search(query: $q, first: 5) { edges { node {
  ... on Topic { id } } } } }"""
TOPIC = """query T($id: ID!) { topic(id: $id) { body
  attachments { id name type width height url } } }"""
NODE = "query N($id: ID!) { communityNode(id: $id) { id } }"


def backup(folder: Path, word: str) -> None:
    """A topic that shows a picture, a program, and what is not in the backup."""
    picture = io.BytesIO()
    Image.new("RGB", (30, 20), "red").save(picture, "PNG")
    uploads: list[dict[str, str | None]] = []
    for number, (name, data) in enumerate(
        {"shot.png": picture.getvalue(), "tool.exe": b"MZ\x90\x00"}.items()
    ):
        sha1 = hashlib.sha1(data).hexdigest()  # noqa: S324 - as Discourse names files
        place = f"/uploads/default/original/1X/{sha1}.{name.partition('.')[2]}"
        path = folder / place.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        uploads.append({"id": str(number), "sha1": sha1, "original_filename": name, "url": place})
    shown = (
        f"About {word}: [shot|attachment]({uploads[0]['url']}), "
        f"[tool|attachment]({uploads[1]['url']}), ![lost](upload://abc.png)"
    )
    first = {**FORUM["posts"][1], "raw": shown}
    posts = [FORUM["posts"][0], first, *FORUM["posts"][2:]]
    (folder / "dump.sql").write_text(dump({**FORUM, "posts": posts, "uploads": uploads}))


async def test_files_of_a_backup_are_read_with_their_posts(system: System, tmp_path: Path) -> None:
    reader, outsider = await system.asker(ENGINEER), await system.asker(SELLER)
    word = f"w{uuid.uuid4().hex[:10]}"
    backup(tmp_path, word)
    done = system.run("devstack.importer", str(tmp_path), "aurora/general", "--source", word)
    assert done.returncode == 0, done.stdout + done.stderr
    for said in ("1 images left there", "1 files attached", "1 files not taken (TYPE_NOT_ALLOWED)"):
        assert said in done.stdout

    async def found(asker: Asker) -> list[str]:
        edges = (await asker(SEARCH, q=word))["search"]["edges"]
        return [edge["node"]["id"] for edge in edges]

    (topic,) = await until(lambda: found(reader), bool)

    async def shown() -> Any:
        return (await reader(TOPIC, id=topic))["topic"]

    seen = await shown()
    assert seen["body"] == f"About {word}: (shot), (tool), (lost)"
    (file,) = seen["attachments"]
    assert (file["name"], file["type"], file["width"], file["height"]) == (
        *("shot.png", "image/png", 30, 20),
    )
    async with httpx2.AsyncClient() as http:
        assert (await http.get(file["url"])).headers["content-type"] == "image/png"
    assert (await outsider(TOPIC, id=topic))["topic"] is None
    assert (await outsider(NODE, id=file["id"]))["communityNode"] is None

    again = system.run("devstack.importer", str(tmp_path), "aurora/general", "--source", word)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "imported 0 questions and 0 answers" in again.stdout
    assert [one["id"] for one in (await shown())["attachments"]] == [file["id"]]

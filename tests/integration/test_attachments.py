"""A file's whole way at the running system: put over HTTP, looked into, posted, read, closed."""

from __future__ import annotations

import io
import uuid
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from PIL import Image

from tests.system import BOTH, ENGINEER, MANAGER, SELLER, Asker, RefusedError, System

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

PLACE = 'query { community(slug: "aurora") { id space(slug: "general") { id } } }'
UPLOAD = "{ attachment { id state } url headers { name value } expireTime }"
DONE = "{ attachment { id state type size width height url } }"
TOPIC = """query($id: ID!) { topic(id: $id) {
  attachments { id name type size width url urlExpireTime } } }"""
NODE = "query($id: ID!) { communityNode(id: $id) { ... on Attachment { id url } } }"


def photo() -> bytes:
    exif = Image.Exif()
    exif[0x010E] = "Zebra Street 1"
    out = io.BytesIO()
    Image.new("RGB", (40, 20), "red").save(out, "JPEG", exif=exif.tobytes())
    return out.getvalue()


async def send(asker: Asker, data: bytes, name: str, **more: Any) -> dict[str, Any]:
    """Ask for an address, and PUT as a browser does: without a token."""
    community = (await asker(PLACE))["community"]["id"]
    fields = {"name": name, "size": len(data), **more}
    made = await asker.mutate("createUpload", UPLOAD, communityId=community, **fields)
    headers = {header["name"]: header["value"] for header in made["headers"]}
    async with httpx2.AsyncClient() as http:
        response = await http.put(made["url"], content=data, headers=headers)
    assert response.status_code == 204, response.text
    return made


async def get(url: str, **headers: str) -> httpx2.Response:
    async with httpx2.AsyncClient() as http:
        return await http.get(url, headers=headers)


async def complete(asker: Asker, made: dict[str, Any]) -> dict[str, Any]:
    done = await asker.mutate("completeUpload", DONE, attachmentId=made["attachment"]["id"])
    attachment: dict[str, Any] = done["attachment"]
    return attachment


async def test_a_photo_from_the_browser_to_its_readers(system: System) -> None:
    engineer, reader = await system.asker(ENGINEER), await system.asker(BOTH)
    manager, outsider = await system.asker(MANAGER), await system.asker(SELLER)
    made = await send(engineer, photo(), "photo.jpg", type="image/jpeg")
    done = await complete(engineer, made)
    assert (done["state"], done["type"], done["width"], done["height"]) == (
        *("READY", "image/jpeg", 40, 20),
    )
    space = (await engineer(PLACE))["community"]["space"]["id"]
    topic = await engineer.post(
        "createTopic",
        "{ topic { id state attachments { id } } }",
        spaceId=space,
        kind="DISCUSSION",
        title=f"What is on this photo {uuid.uuid4().hex[:6]}",
        body="I found it in the lab.",
        attachmentIds=[done["id"]],
    )
    assert topic["topic"]["attachments"] == [{"id": done["id"]}]
    topic_id = topic["topic"]["id"]

    (seen,) = (await reader(TOPIC, id=topic_id))["topic"]["attachments"]
    assert seen["name"] == "photo.jpg"
    assert urlsplit(seen["url"]).path.startswith("/files/")
    read = await get(seen["url"])
    assert (read.status_code, read.headers["content-type"]) == (200, "image/jpeg")
    assert read.headers["content-disposition"].startswith("inline")
    assert len(read.content) == seen["size"]
    assert b"Zebra" not in read.content
    assert b"Zebra" in photo()
    part = await get(seen["url"], range="bytes=0-1")
    assert (part.status_code, part.content) == (206, b"\xff\xd8")

    # Whoever cannot read the post gets no address, and learns no more than of what is not there.
    assert (await outsider(TOPIC, id=topic_id))["topic"] is None
    assert (await outsider(NODE, id=seen["id"]))["communityNode"] is None
    await manager.mutate("hideTopic", "{ topic { id } }", topicId=topic_id, reason="private")
    assert (await reader(NODE, id=seen["id"]))["communityNode"] is None
    assert (await engineer(NODE, id=seen["id"]))["communityNode"]["url"]
    await manager.mutate("restoreTopic", "{ topic { id } }", topicId=topic_id)
    assert (await reader(NODE, id=seen["id"]))["communityNode"]["url"]


async def test_what_an_address_does_not_allow(system: System) -> None:
    engineer = await system.asker(ENGINEER)
    community = (await engineer(PLACE))["community"]["id"]
    made = await engineer.mutate(
        "createUpload", UPLOAD, communityId=community, name="a.txt", size=5
    )
    async with httpx2.AsyncClient() as http:
        for content, status in ((b"1234", 400), (b"123456", 413), (b"1" * 100_000, 413)):
            assert (await http.put(made["url"], content=content)).status_code == status
        changed = made["url"][:-9] + ("A" if made["url"][-9] != "A" else "B") + made["url"][-8:]
        assert (await http.put(changed, content=b"12345")).status_code == 403
        elsewhere = made["url"].replace("/uploads/", "/files/")
        assert (await http.get(elsewhere)).status_code == 403
    with pytest.raises(RefusedError) as refusal:
        await complete(engineer, made)
    assert refusal.value.code == "UPLOAD_MISSING"


async def test_a_program_named_photo_is_refused(system: System) -> None:
    engineer = await system.asker(ENGINEER)
    made = await send(engineer, b"%PDF-1.4\n%%EOF\n", "photo.png")
    with pytest.raises(RefusedError) as refusal:
        await complete(engineer, made)
    assert refusal.value.code == "TYPE_MISMATCH"


async def test_edits_of_posts_change_their_files(system: System) -> None:
    engineer = await system.asker(MANAGER)  # who may post as fast as they like
    one = await complete(engineer, await send(engineer, b"one", "one.log"))
    two = await complete(engineer, await send(engineer, b"two", "two.log"))
    space = (await engineer(PLACE))["community"]["space"]["id"]
    topic = await engineer.post(
        "createTopic",
        "{ topic { id } }",
        spaceId=space,
        kind="DISCUSSION",
        title=f"Two logs {uuid.uuid4().hex[:6]}",
        body="They say different things.",
        attachmentIds=[one["id"]],
    )
    edit = "{ topic { attachments { id } } }"
    topic_id = topic["topic"]["id"]
    edited = await engineer.mutate(
        "updateTopic", edit, topicId=topic_id, attachmentIds=[two["id"], one["id"]]
    )
    assert edited["topic"]["attachments"] == [{"id": two["id"]}, {"id": one["id"]}]
    kept = await engineer.mutate("updateTopic", edit, topicId=topic_id, body="They do not agree.")
    assert kept["topic"]["attachments"] == edited["topic"]["attachments"]
    (url,) = [
        seen["url"]
        for seen in (await engineer(TOPIC, id=topic_id))["topic"]["attachments"]
        if seen["id"] == one["id"]
    ]
    assert (await get(url)).headers["content-disposition"] == 'attachment; filename="one.log"'
    assert (await get(url)).text == "one"
    gone = await engineer.mutate("updateTopic", edit, topicId=topic_id, attachmentIds=[])
    assert gone["topic"]["attachments"] == []

"""Files for tests, good and bad, and how a test puts one as a browser and the gateway would."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

from PIL import Image

from chassis.actors import Actor
from chassis.file_passes import INCOMING, KEPT, place
from guildhall.forum.v1 import attachments_pb2 as pb
from guildhall.forum.v1.attachments_pb2_grpc import AttachmentServiceStub
from services.forum.tests.conftest import ASKER, World

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
PLACE_OF_CAMERA = "Zebra Street 1"


def image(form: str = "PNG", size: tuple[int, int] = (8, 4), **options: Any) -> bytes:
    """A plain one."""
    out = io.BytesIO()
    Image.new("RGB", size, "red").save(out, form, **options)
    return out.getvalue()


def photo() -> bytes:
    """A JPEG on its side, with a comment, a place, and a program appended to it."""
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    exif[0x010E] = PLACE_OF_CAMERA
    exif.get_ifd(0x8825)[1] = "N"
    taken = image("JPEG", exif=exif.tobytes(), comment=PLACE_OF_CAMERA.encode())
    return taken + b"<?php system('id') ?>"


def animation(form: str = "GIF", frames: int = 3, size: tuple[int, int] = (8, 4)) -> bytes:
    """One that changes colours."""
    out = io.BytesIO()
    shown = [Image.new("RGB", size, (40 * number % 256, 0, 0)) for number in range(frames)]
    options = {"duration": 70, "comment": PLACE_OF_CAMERA} if form == "GIF" else {"duration": 70}
    shown[0].save(out, form, save_all=True, append_images=shown[1:], **options)
    return out.getvalue()


def huge_png(side: int = 60_000) -> bytes:
    """A few bytes that say they are billions of pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack("!L", len(data)) + body + struct.pack("!L", zlib.crc32(body))

    head = struct.pack("!LLBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(100_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def archive(**files: bytes) -> bytes:
    """A compressed zip; `__` in a name stands for a dot."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in files.items():
            made.writestr(name.replace("__", "."), data)
    return out.getvalue()


def zip_bomb() -> bytes:
    """50 MB of nothing in 50 KB."""
    return archive(a__txt=bytes(50 << 20))


def flat_zip_bomb() -> bytes:
    """Fifield's: many names for the same bytes, each within the ratio, none nested."""
    data = bytes(range(256)) * 300
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = packed.compress(data) + packed.flush()
    local = struct.pack(
        "<4sHHHHHLLLHH",
        b"PK\x03\x04",
        20,
        0,
        8,
        0,
        33,
        zlib.crc32(data),
        len(body),
        len(data),
        1,
        0,
    )
    central = b"".join(
        struct.pack(
            "<4sHHHHHHLLLHHHHHLL",
            *(b"PK\x01\x02", 20, 20, 0, 8, 0, 33, zlib.crc32(data), len(body), len(data)),
            *(4, 0, 0, 0, 0, 0, 0),
        )
        + f"{number:04}".encode()
        for number in range(1500)
    )
    start = local + b"a" + body
    end = struct.pack("<4sHHHHLLH", b"PK\x05\x06", 0, 0, 1500, 1500, len(central), len(start), 0)
    return start + central + end


def docx(**more: bytes) -> bytes:
    """As much of one as makes it one."""
    files = {"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<w:document/>", **more}
    return archive(**files)


def filing(world: World, actor: Actor = ASKER) -> Any:
    """The forum's attachments as this actor calls them."""
    return world.loopback.client(AttachmentServiceStub, "forum", actor)


async def upload(
    world: World, data: bytes, name: str = "picture.png", actor: Actor = ASKER, **more: Any
) -> pb.CreateUploadResponse:
    """Ask for an address, and put the file as the gateway does."""
    fields = {"size": len(data), **more}
    request = pb.CreateUploadRequest(**world.ids(), name=name, **fields)
    made: pb.CreateUploadResponse = await filing(world, actor).CreateUpload(request)
    put(world, made.attachment.id, data)
    return made


def put(world: World, attachment_id: str, data: bytes) -> None:
    """Where the gateway puts it."""
    path = place(world.folder, INCOMING, attachment_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def kept(world: World, attachment_id: str) -> list[Path]:
    """What is stored of it."""
    path = place(world.folder, KEPT, attachment_id)
    return sorted(path.parent.glob(f"{path.name}*"))


async def complete(
    world: World, made: pb.CreateUploadResponse, actor: Actor = ASKER
) -> pb.Attachment:
    """Say that it is there."""
    request = pb.CompleteUploadRequest(**world.ids(), attachment_id=made.attachment.id)
    done: pb.Attachment = (await filing(world, actor).CompleteUpload(request)).attachment
    return done


async def ready(
    world: World, data: bytes | None = None, name: str = "picture.png", actor: Actor = ASKER
) -> pb.Attachment:
    """One that a post may take."""
    made = await upload(world, image() if data is None else data, name, actor)
    return await complete(world, made, actor)


async def seen(world: World, actor: Actor, *ids: str) -> dict[str, pb.Attachment]:
    """What this actor gets of these."""
    request = pb.BatchGetAttachmentsRequest(community_id="c1", attachment_ids=ids)
    found = (await filing(world, actor).BatchGetAttachments(request)).attachments
    return {one.id: one for one in found}

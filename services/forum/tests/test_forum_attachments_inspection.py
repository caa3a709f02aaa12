"""What becomes of files when they are looked into: each hard case, in the process it runs in."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image, ImageSequence

from services.forum.converters import inspection
from services.forum.domain.attachments import Content, FileUnsafeError
from services.forum.domain.file_types import TypeMismatchError, check_type
from services.forum.tests.files_made import (
    EICAR,
    PDF,
    PLACE_OF_CAMERA,
    SVG,
    animation,
    archive,
    docx,
    flat_zip_bomb,
    huge_png,
    image,
    photo,
    zip_bomb,
)
from services.forum.use_cases import inspecting
from services.forum.use_cases.inspecting import Inspector


async def look(data: bytes, name: str, inspector: Inspector | None = None) -> Content:
    return await (inspector or Inspector()).inspect(data, check_type(name, ""))


def opened(content: Content) -> Image.Image:
    return Image.open(io.BytesIO(content.data))


@pytest.mark.parametrize(
    ("form", "name"), [("PNG", "a.png"), ("JPEG", "a.JPG"), ("GIF", "a.gif"), ("WEBP", "a.webp")]
)
async def test_images_are_made_anew(form: str, name: str) -> None:
    content = await look(image(form), name)
    made = opened(content)
    assert (made.format, made.size, content.width, content.height) == (form, (8, 4), 8, 4)


async def test_a_photo_is_turned_and_tells_nothing_of_its_camera() -> None:
    data = photo()
    assert PLACE_OF_CAMERA.encode() in data
    content = await look(data, "photo.jpg")
    made = opened(content)
    assert made.size == (content.width, content.height) == (4, 8)
    assert dict(made.getexif()) == {}
    assert set(made.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert PLACE_OF_CAMERA.encode() not in content.data
    assert b"<?php" not in content.data


async def test_texts_and_profiles_of_an_image_fall_away() -> None:
    from PIL import ImageCms, PngImagePlugin

    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", PLACE_OF_CAMERA, zip=True)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    made = opened(await look(image(pnginfo=texts, icc_profile=profile), "a.png"))
    assert made.info == {}
    pixel = made.convert("RGB").getpixel((0, 0))
    assert isinstance(pixel, tuple)
    assert all(abs(one - other) < 3 for one, other in zip(pixel, (255, 0, 0), strict=True))


@pytest.mark.parametrize("form", ["GIF", "WEBP"])
async def test_an_animation_stays_one(form: str) -> None:
    made = opened(await look(animation(form), f"a.{form.lower()}"))
    assert len(list(ImageSequence.Iterator(made))) == 3
    assert PLACE_OF_CAMERA not in str(made.info)


async def test_what_is_transparent_stays_so() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (4, 4), (0, 0, 255, 0)).save(out, "PNG")
    assert opened(await look(out.getvalue(), "a.png")).getpixel((0, 0)) == (0, 0, 255, 0)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.txt", b"plain"),
        ("a.log", b"\x1b[31mred\x1b[0m\r\n" * 1000),
        ("a.md", "# Grüße".encode()),
        ("a.csv", "a;b\nü;1".encode("latin-1")),
        ("a.txt", "Grüße".encode("utf-16")),
        ("a.json", b"{}"),
        ("a.pdf", PDF),
        ("a.zip", archive(a__txt=b"text" * 100, b__bin=bytes(60_000))),
        ("a.docx", docx()),
    ],
)
async def test_all_else_is_kept_as_it_is(name: str, data: bytes) -> None:
    assert await look(data, name) == Content(data)


def _locked() -> bytes:
    data = bytearray(archive(a__txt=b"secret" * 10))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def _nested() -> bytes:
    return archive(inner__zip=archive(a__txt=b"x"))


def _climbing() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("../../etc/passwd", b"root")
    return out.getvalue()


def _crowded() -> bytes:
    return archive(**{f"file{number}": b"" for number in range(2001)})


def _many_frames() -> bytes:
    return animation(frames=12, size=(2000, 2000))


MISMATCHES = {
    "a PDF named .png": (PDF, "a.png"),
    "a PNG named .jpg": (image(), "a.jpg"),
    "a GIF named .webp": (image("GIF"), "a.webp"),
    "an SVG with script named .png": (SVG, "a.png"),
    "a page named .png": (b"<html><script>alert(1)</script>", "a.png"),
    "a sound named .webp": (b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(30), "a.webp"),
    "an image named .pdf": (image(), "a.pdf"),
    "a program named .txt": (b"\x7fELF\x02\x01\x01" + bytes(60), "a.txt"),
    "an archive named .txt": (archive(a__txt=b"x"), "a.txt"),
    "an archive named .docx": (archive(a__txt=b"x"), "a.docx"),
    "a text document named .xlsx": (docx(), "a.xlsx"),
    "a document with macros": (docx(**{"word/vbaProject.bin": b"x"}), "a.docx"),
    "text named .zip": (b"PK is not enough", "a.zip"),
    "an image's first bytes": (image()[:30], "a.png"),
    "nothing named .png": (b"", "a.png"),
}
UNSAFE = {
    "an image of billions of pixels": (huge_png(), "a.png"),
    "an image of a few too many": (huge_png(6400), "a.png"),
    "half an image": (image(size=(300, 300))[:-60], "a.png"),
    "half a photo": (image("JPEG", (300, 300))[:200], "a.jpg"),
    "an animation of too many pixels": (_many_frames(), "a.gif"),
    "an animation of too many frames": (animation(frames=301), "a.gif"),
    "a zip bomb": (zip_bomb(), "a.zip"),
    "a zip bomb of files that overlap": (flat_zip_bomb(), "a.zip"),
    "a zip bomb named .docx": (docx(**{"word/media/a.bin": bytes(50 << 20)}), "a.docx"),
    "an archive in an archive": (_nested(), "a.zip"),
    "an archive of too many files": (_crowded(), "a.zip"),
    "a locked archive": (_locked(), "a.zip"),
    "an archive that climbs": (_climbing(), "a.zip"),
    "half an archive": (archive(a__txt=b"x" * 1000)[:-30], "a.zip"),
}


@pytest.mark.parametrize("case", MISMATCHES)
async def test_what_is_not_what_its_name_says_is_refused(case: str) -> None:
    with pytest.raises(TypeMismatchError) as refusal:
        await look(*MISMATCHES[case])
    assert refusal.value.field == "attachment_id"


@pytest.mark.parametrize("case", UNSAFE)
async def test_what_could_harm_is_refused(case: str) -> None:
    with pytest.raises(FileUnsafeError) as refusal:
        await look(*UNSAFE[case])
    assert refusal.value.field == "attachment_id"


async def test_the_bombs_are_bombs() -> None:
    """Each is small enough to be put and would be large enough to harm."""
    assert len(zip_bomb()) < 100_000
    assert len(huge_png()) < 1_000
    with zipfile.ZipFile(io.BytesIO(flat_zip_bomb())) as bomb:
        sizes = [entry.file_size for entry in bomb.infolist()]
    assert sum(sizes) > 100 << 20
    assert max(sizes) / len(flat_zip_bomb()) < 100


async def test_what_takes_too_long_is_refused_and_ended() -> None:
    with pytest.raises(FileUnsafeError, match="too long"):
        await look(image(), "a.png", Inspector(timeout=0.001))


async def test_a_process_that_ended_for_other_reasons_is_begun_once_more(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program, begun = tmp_path / "program.py", tmp_path / "begun"
    monkeypatch.setattr(inspecting, "_PROGRAM", program)
    dying = "import os, pathlib, sys\nbegun = pathlib.Path({!r})\nbegun.open('a').write('x')\n"
    program.write_text(
        dying.format(str(begun))
        + "if begun.stat().st_size == 1: os.kill(os.getpid(), 9)\n"
        + 'print(\'{"width": 0, "height": 0}\')\nsys.stdout.write(sys.stdin.read())'
    )
    assert await look(b"plain", "a.txt") == Content(b"plain")
    assert begun.read_text() == "xx"
    program.write_text(dying.format(str(begun)) + "os.kill(os.getpid(), 9)")
    with pytest.raises(FileUnsafeError, match="could not be opened"):
        await look(b"plain", "a.txt")
    assert begun.read_text() == "xxxx"


def test_a_look_may_not_write_and_has_a_gigabyte_and_four_seconds() -> None:
    """Asked in a process of its own, as limits cannot be taken back."""
    asked = (
        "import resource, runpy, sys; runpy.run_path(sys.argv[1])['limit']();"
        "print(*(resource.getrlimit(getattr(resource, 'RLIMIT_' + one))[0]"
        " for one in ('AS', 'CPU', 'FSIZE')))"
    )
    command = [sys.executable, "-I", "-c", asked, inspection.__file__]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert told.split() == [str(1 << 30), "4", "0"]


async def test_a_virus_is_no_matter_of_this_look() -> None:
    assert (await look(EICAR, "a.txt")).data == EICAR

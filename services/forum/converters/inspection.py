"""Looks into one file and makes images anew; run as a program, in a process with limits of its own.

It imports nothing of ours: whatever a file does to a decoder happens here, and nothing is at hand.
"""

from __future__ import annotations

import contextlib
import io
import json
import resource
import sys
import zipfile
from typing import IO, Any

from PIL import Image, ImageCms, ImageOps, ImageSequence, UnidentifiedImageError

MAX_PIXELS = 40_000_000  # of all frames together
MAX_FRAMES = 300
MAX_ENTRIES = 2_000
MAX_UNPACKED = 200 << 20
MAX_RATIO = 100  # what a file in an archive unfolds to, beyond the first 64 KiB
_SMALL = 1 << 16
_OFFICE = {"docx": "word/", "xlsx": "xl/", "pptx": "ppt/"}
_FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/gif": "GIF", "image/webp": "WEBP"}
_JPEG_MODES = {"RGB", "L"}
Image.MAX_IMAGE_PIXELS = None  # counted here, before anything is decoded
_SRGB = ImageCms.createProfile("sRGB")

MISMATCH, UNSAFE = "TYPE_MISMATCH", "FILE_UNSAFE"


class InspectionError(Exception):
    """The file is refused: `code` is one of MISMATCH and UNSAFE."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code


def inspect(data: bytes, kind: str) -> tuple[bytes, int, int]:
    """The bytes to keep, width and height. Raises InspectionError."""
    if kind in _FORMATS:
        return _image(data, _FORMATS[kind])
    if kind in ("text/plain", "text/csv"):
        _check_text(data)
    elif kind == "application/zip":
        _check_archive(data, "")
    elif kind.endswith(("document", "sheet", "presentation")):
        office = {"document": "docx", "sheet": "xlsx", "presentation": "pptx"}
        _check_archive(data, office[kind.rpartition(".")[2]])
    elif not data.startswith(b"%PDF-"):
        raise InspectionError(MISMATCH, "this is no PDF")
    return data, 0, 0


def _image(data: bytes, form: str) -> tuple[bytes, int, int]:
    try:
        with Image.open(io.BytesIO(data), formats=[form]) as image:
            frames = getattr(image, "n_frames", 1) if form in ("GIF", "WEBP") else 1
            if frames > MAX_FRAMES or image.width * image.height * frames > MAX_PIXELS:
                raise InspectionError(UNSAFE, "too many pixels")
            return _anew(image, form, frames)
    except UnidentifiedImageError:
        raise InspectionError(MISMATCH, f"this is no {form}") from None
    except Image.DecompressionBombError:
        raise InspectionError(UNSAFE, "too many pixels") from None
    except (OSError, ValueError, SyntaxError, EOFError, KeyError, IndexError, TypeError):
        raise InspectionError(UNSAFE, "the image is damaged") from None


def _anew(image: Image.Image, form: str, frames: int) -> tuple[bytes, int, int]:
    """The same picture, upright, in sRGB, and nothing beside it."""
    out = io.BytesIO()
    if frames > 1:
        shown = [frame.convert("RGBA") for frame in ImageSequence.Iterator(image)]
        options: dict[str, Any] = {"duration": _durations(image, frames), "loop": 0}
        for frame in shown:
            frame.info.clear()
        shown[0].save(out, form, save_all=True, append_images=shown[1:], **options)
        return out.getvalue(), image.width, image.height
    picture = _in_srgb(ImageOps.exif_transpose(image))
    if form == "JPEG" and picture.mode not in _JPEG_MODES:
        picture = picture.convert("RGB")
    transparency = picture.info.get("transparency")
    picture.info.clear()
    kept = {} if transparency is None or form == "JPEG" else {"transparency": transparency}
    quality = {"quality": 90} if form in ("JPEG", "WEBP") else {}
    picture.save(out, form, **kept, **quality)
    return out.getvalue(), picture.width, picture.height


def _durations(image: Image.Image, frames: int) -> list[int]:
    found = []
    for number in range(frames):
        image.seek(number)
        found.append(max(20, min(int(image.info.get("duration", 100)), 60_000)))
    return found


def _in_srgb(image: Image.Image) -> Image.Image:
    """A profile tells of the camera as well; without it, colours must be the usual ones."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "RGBA", "L", "CMYK"):
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = image.mode if image.mode in ("RGB", "RGBA") else "RGB"
        converted = ImageCms.profileToProfile(image, source, _SRGB, outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    return image if converted is None else converted


def _check_text(data: bytes) -> None:
    try:
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    strange = sum(1 for sign in text if sign < " " and sign not in "\t\n\r\f\x1b\x08")
    if strange or data.startswith((b"%PDF-", b"PK\x03\x04", b"\x7fELF", b"MZ\x90")):
        raise InspectionError(MISMATCH, "this is no text")


def _check_archive(data: bytes, office: str) -> None:
    """By what the archive says of itself: nothing is unpacked here, nor anywhere else."""
    if not data.startswith(b"PK\x03\x04"):
        raise InspectionError(MISMATCH, "this is no archive")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, EOFError):
        raise InspectionError(UNSAFE, "the archive is damaged") from None
    if len(entries) > MAX_ENTRIES:
        raise InspectionError(UNSAFE, "the archive has too many files")
    if sum(entry.file_size for entry in entries) > MAX_UNPACKED:
        raise InspectionError(UNSAFE, "the archive unfolds to too much")
    # Bombs of one kind let all files share the same bytes.
    if sum(entry.compress_size for entry in entries) > len(data):
        raise InspectionError(UNSAFE, "the archive's files overlap")
    for entry in entries:
        _check_entry(entry)
    names = {entry.filename for entry in entries}
    if office and not (
        "[Content_Types].xml" in names and any(name.startswith(_OFFICE[office]) for name in names)
    ):
        raise InspectionError(MISMATCH, f"this is no {office}")
    if office and any(name.endswith("vbaProject.bin") for name in names):
        raise InspectionError(MISMATCH, "documents with macros have another name")


def _check_entry(entry: zipfile.ZipInfo) -> None:
    if entry.file_size > _SMALL and entry.file_size > MAX_RATIO * max(1, entry.compress_size):
        raise InspectionError(UNSAFE, "a file in the archive unfolds to too much")
    if entry.flag_bits & 1:
        raise InspectionError(UNSAFE, "the archive is locked: nobody can look into it")
    if entry.filename.lower().endswith((".zip", ".gz", ".bz2", ".xz", ".7z", ".rar", ".zst")):
        raise InspectionError(UNSAFE, "the archive holds archives")
    steps = entry.filename.replace("\\", "/").split("/")
    if ".." in steps or entry.filename.startswith(("/", "\\")):
        raise InspectionError(UNSAFE, "the archive's files go elsewhere")


def main(kind: str, source: IO[bytes], out: IO[bytes]) -> None:
    """Answers a line of JSON and, where the file is good, its bytes."""
    try:
        kept, width, height = inspect(source.read(), kind)
    except InspectionError as refusal:
        out.write(json.dumps({"code": refusal.code, "why": str(refusal)}).encode() + b"\n")
        return
    out.write(json.dumps({"width": width, "height": height}).encode() + b"\n")
    out.write(kept)


def limit() -> None:
    """What one file may cost: a gigabyte, four seconds of CPU, and nothing written anywhere."""
    for what, most in (
        (resource.RLIMIT_AS, 1 << 30),
        (resource.RLIMIT_CPU, 4),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # some systems know fewer limits
            resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    limit()
    main(sys.argv[1], sys.stdin.buffer, sys.stdout.buffer)

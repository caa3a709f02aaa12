"""Which files may be attached, how each is called, and how it begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chassis.errors import InvalidArgumentError, TextInvalidError
from chassis.texts import check_name

MAX_NAME = 120
_NOT_IN_NAMES = '/\\:*?"<>|'


class TypeNotAllowedError(InvalidArgumentError):
    """Files of this kind cannot be attached."""


class TypeMismatchError(InvalidArgumentError):
    """Name, declared type and content are not of the same kind."""


@dataclass(frozen=True, slots=True)
class FileType:
    """One kind of file; `starts` are its first bytes, none: it is recognised by reading it."""

    name: str
    extensions: tuple[str, ...]
    starts: tuple[bytes, ...] = ()
    also: tuple[str, ...] = ()  # what browsers call it beside its name

    @property
    def image(self) -> bool:
        """Only these are shown in place; all else is downloaded."""
        return self.name.startswith("image/")

    @property
    def archive(self) -> bool:
        """It holds other files."""
        return self.starts == _ZIP

    def calls_itself(self, declared: str) -> bool:
        """Whether a browser may declare it so; nothing, or "some bytes", declares nothing."""
        return declared in ("", "application/octet-stream", self.name, *self.also)


_ZIP = (b"PK\x03\x04",)
_OFFICE = "application/vnd.openxmlformats-officedocument."
FILE_TYPES = (
    FileType("image/png", ("png",), (b"\x89PNG\r\n\x1a\n",)),
    FileType("image/jpeg", ("jpg", "jpeg"), (b"\xff\xd8\xff",), ("image/jpg",)),
    FileType("image/gif", ("gif",), (b"GIF87a", b"GIF89a")),
    FileType("image/webp", ("webp",), (b"RIFF",)),
    FileType("application/pdf", ("pdf",), (b"%PDF-",)),
    FileType(
        "application/zip", ("zip",), _ZIP, ("application/x-zip-compressed", "application/x-zip")
    ),
    FileType(f"{_OFFICE}wordprocessingml.document", ("docx",), _ZIP),
    FileType(f"{_OFFICE}spreadsheetml.sheet", ("xlsx",), _ZIP),
    FileType(f"{_OFFICE}presentationml.presentation", ("pptx",), _ZIP),
    FileType("text/csv", ("csv",), (), ("text/plain", "application/vnd.ms-excel")),
    FileType(
        "text/plain",
        ("txt", "log", "md", "json", "yaml", "yml", "xml", "ini", "conf", "toml", "diff", "patch"),
        (),
        (
            *("text/markdown", "text/x-log", "text/xml", "application/xml", "application/json"),
            *("application/yaml", "application/x-yaml", "text/yaml", "application/toml"),
            *("text/x-diff", "text/x-patch"),
        ),
    ),
)
_BY_EXTENSION: Mapping[str, FileType] = {
    extension: kind for kind in FILE_TYPES for extension in kind.extensions
}
_BY_NAME: Mapping[str, FileType] = {kind.name: kind for kind in FILE_TYPES}


def file_type(name: str) -> FileType:
    """The one that is stored by this name."""
    return _BY_NAME[name]


def check_file_name(name: str) -> str:
    """A name as people read it, without a way to anywhere. Refuses with TEXT_INVALID."""
    name = check_name(name, "name", most=MAX_NAME)
    if any(sign in _NOT_IN_NAMES for sign in name) or name.startswith("."):
        raise TextInvalidError("name is no file's name", field="name")
    return name


def check_type(name: str, declared: str) -> FileType:
    """What the name says it is. Refuses with TYPE_NOT_ALLOWED, TYPE_MISMATCH."""
    stem, _, extension = name.rpartition(".")
    kind = _BY_EXTENSION.get(extension.lower()) if stem else None
    if kind is None:
        raise TypeNotAllowedError(f"one of {', '.join(_BY_EXTENSION)}", field="name")
    declared = declared.partition(";")[0].strip().lower()
    if not kind.calls_itself(declared):
        known = any(other.calls_itself(declared) for other in FILE_TYPES)
        refusal = TypeMismatchError if known else TypeNotAllowedError
        raise refusal("the declared type is another than the name's", field="type")
    return kind

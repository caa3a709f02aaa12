"""Opening the file that is imported, and what makes it unreadable whatever its format."""

import stat
from pathlib import Path
from typing import BinaryIO

# Longer is no post: expat keeps a whole tag in memory and scans it again with every chunk.
MAX_ROW_BYTES = 1024 * 1024
POSTS, COMMENTS = "Posts.xml", "Comments.xml"
DUMP = "dump.sql"  # of a Discourse backup

_ARCHIVES = {
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"PK\x03\x04": "a zip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ\x00": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
}


class UnreadableDumpError(Exception):
    """The file as a whole is no dump of posts; says why in one line."""


def dump_files(path: Path) -> tuple[Path, Path | None]:
    """The file that is read, and one beside it: a directory is a Discourse backup that was
    unpacked, or a Stack Exchange data dump.
    """
    try:
        if (path / DUMP).is_file():
            return path / DUMP, None
        if path.is_dir():
            comments = path / COMMENTS
            return path / POSTS, comments if comments.exists() else None
    except OSError:  # told when it is opened
        pass
    return path, None


def open_dump(path: Path) -> BinaryIO:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise UnreadableDumpError(f"{path} is a directory")
        # A pipe would block and a device never ends.
        if not stat.S_ISREG(mode):
            raise UnreadableDumpError(f"{path} is not a regular file")
        stream = path.open("rb")
    except FileNotFoundError:
        raise UnreadableDumpError(f"{path} does not exist") from None
    except PermissionError:
        raise UnreadableDumpError(f"{path} may not be read: permission denied") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableDumpError(f"{path} cannot be read: {reason}") from None
    head = stream.read(8)
    stream.seek(0)
    for magic, name in _ARCHIVES.items():
        if head.startswith(magic):
            stream.close()
            raise UnreadableDumpError(f"{path} is {name}: unpack it first")
    if not head:
        stream.close()
        raise UnreadableDumpError(f"{path} is empty")
    return stream

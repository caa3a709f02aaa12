"""Attachments: their way from an address to a post, and how much one person may put."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chassis.actors import BASIC, LEADER, NEW, REGULAR, TRUSTED_MEMBER
from chassis.errors import (
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    ResourceExhaustedError,
)
from chassis.values import value
from services.forum.domain.file_types import FileType, file_type
from services.forum.domain.members import Member
from services.forum.domain.references import PostRef

MEGABYTE = 1 << 20
MAX_SIZE = 10 * MEGABYTE
MAX_A_POST = 10
UPLOAD_TIME = timedelta(minutes=10)  # an address to put a file at is good for so long
URL_TIME = timedelta(seconds=60)  # and one to read it at
UNATTACHED_TIME = timedelta(days=1)  # until what no post took is deleted
RESCAN_TIME = timedelta(seconds=30)
ATTACHED_REVIEW = timedelta(days=7)
_DAY = timedelta(days=1)
_SHA256 = re.compile(r"[0-9a-f]{64}")


class AttachmentNotFoundError(NotFoundError):
    """There is no such attachment, or it is not the caller's to use."""


class AttachmentStateInvalidError(FailedPreconditionError):
    """In its state this cannot be done with the attachment."""


class AttachmentsTooManyError(InvalidArgumentError):
    """A post has 10 attachments at most, each once."""


class FileTooLargeError(InvalidArgumentError):
    """A file has 1 byte to 10 MB."""


class ChecksumInvalidError(InvalidArgumentError):
    """A SHA-256 is 64 hexadecimal digits."""


class UploadLimitReachedError(ResourceExhaustedError):
    """As much as this person may put in 24 hours; `retry_after` says when there is room."""

    def __init__(self, message: str = "", *, field: str = "", retry_after: float = 1.0) -> None:
        # Raised bare where two uploads of one person meet in the store.
        super().__init__(message, field=field, retry_after=retry_after)


class UploadsDisabledError(FailedPreconditionError):
    """This platform keeps no files: no store was set up."""


class UploadMissingError(FailedPreconditionError):
    """Nothing was put at the upload's address, or it was deleted after it was refused."""


class SizeMismatchError(FailedPreconditionError):
    """What was put has another size than was said."""


class ChecksumMismatchError(FailedPreconditionError):
    """What was put has another SHA-256 than was said."""


class FileUnsafeError(FailedPreconditionError):
    """Opening it could harm: it unfolds without measure, is damaged, or cannot be looked into."""


class AttachmentState(StrEnum):
    """Where an attachment is on its way."""

    UPLOADING = "UPLOADING"
    SCANNING = "SCANNING"
    READY = "READY"
    ATTACHED = "ATTACHED"
    INFECTED = "INFECTED"
    REMOVED = "REMOVED"


class Scan(StrEnum):
    """What the scanner says."""

    CLEAN = "CLEAN"
    INFECTED = "INFECTED"
    UNKNOWN = "UNKNOWN"  # it is away


_AFTER_SCAN: Mapping[Scan, AttachmentState] = {
    Scan.CLEAN: AttachmentState.READY,
    Scan.INFECTED: AttachmentState.INFECTED,
    Scan.UNKNOWN: AttachmentState.SCANNING,
}


@value
class Attached:
    """An attachment as its post keeps it."""

    id: str
    name: str
    type: str
    size: int
    width: int = 0
    height: int = 0

    @property
    def shown(self) -> bool:
        """Images are shown in place; all else is downloaded."""
        return file_type(self.type).image


@dataclass(frozen=True, slots=True)
class Content:
    """What a file turned out to be, and its bytes as they are to be kept."""

    data: bytes
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class Attachment:
    """One file of one person."""

    id: str
    community_id: str
    uploader_id: str
    number: int  # counts the person's uploads: two at once get the same and one is decided anew
    name: str
    type: str
    size: int
    sha256: str  # as it was declared; empty: it was not
    state: AttachmentState
    create_time: datetime
    width: int = 0
    height: int = 0
    blob: str = ""  # under what key it is kept
    version: int = 0

    @property
    def kind(self) -> FileType:
        """What its name and content say it is."""
        return file_type(self.type)

    @property
    def attached(self) -> Attached:
        """As a post keeps it."""
        return Attached(self.id, self.name, self.type, self.size, self.width, self.height)

    @property
    def expire_time(self) -> datetime:
        """Until when it may be put."""
        return self.create_time + UPLOAD_TIME

    def complete(self, content: Content, scan: Scan, blob: str) -> Attachment:
        """It was put, looked into and kept under this key.

        Refuses with ATTACHMENT_STATE_INVALID.
        """
        self._check(AttachmentState.UPLOADING)
        return replace(
            self,
            size=len(content.data),
            width=content.width,
            height=content.height,
            blob=blob,
            state=_AFTER_SCAN[scan],
            version=self.version + 1,
        )

    def scanned(self, scan: Scan) -> Attachment:
        """What waited for the scanner was scanned; nothing changes while that is away."""
        if self.state is not AttachmentState.SCANNING or scan is Scan.UNKNOWN:
            return self
        return replace(self, state=_AFTER_SCAN[scan], version=self.version + 1)

    def attach(self, member: Member) -> Attachment:
        """A post of this member takes it, for good.

        Refuses with ATTACHMENT_NOT_FOUND, ATTACHMENT_STATE_INVALID.
        """
        if self.uploader_id != member.person_id or self.state is AttachmentState.REMOVED:
            raise AttachmentNotFoundError(field="attachment_ids")
        self._check(AttachmentState.READY)
        return replace(self, state=AttachmentState.ATTACHED, version=self.version + 1)

    def check_draftable(self, member: Member) -> None:
        """What this member writes may have it, though nothing was posted yet.

        Refuses with ATTACHMENT_NOT_FOUND, ATTACHMENT_STATE_INVALID.
        """
        if self.uploader_id != member.person_id or self.state is AttachmentState.REMOVED:
            raise AttachmentNotFoundError(field="attachment_ids")
        if not self.keepable:
            raise AttachmentStateInvalidError(f"the attachment is {self.state}")

    @property
    def keepable(self) -> bool:
        """A draft keeps it: it was put, and is in no post yet."""
        return self.state in (AttachmentState.SCANNING, AttachmentState.READY)

    def remove(self) -> Attachment:
        """Its file is deleted, and its name forgotten."""
        if self.state is AttachmentState.REMOVED:
            return self
        return replace(
            self, name="", sha256="", state=AttachmentState.REMOVED, version=self.version + 1
        )

    @property
    def readable(self) -> bool:
        """It was looked into and is still there."""
        return self.state in (AttachmentState.READY, AttachmentState.ATTACHED)

    def next_review(self, now: datetime) -> datetime:
        """When a job looks after it again."""
        if self.state is AttachmentState.REMOVED:
            return now  # to delete its file
        if self.state is AttachmentState.SCANNING:
            return now + RESCAN_TIME
        if self.state is AttachmentState.ATTACHED:
            return max(now, self.create_time) + ATTACHED_REVIEW
        return self.create_time + UNATTACHED_TIME

    def forgotten(self, now: datetime) -> bool:
        """No post took it in time; a draft may still keep it."""
        return (
            self.state not in (AttachmentState.ATTACHED, AttachmentState.REMOVED)
            and now >= self.create_time + UNATTACHED_TIME
        )

    def _check(self, state: AttachmentState) -> None:
        if self.state is not state:
            raise AttachmentStateInvalidError(f"the attachment is {self.state}, not {state}")


@dataclass(frozen=True, slots=True)
class ListedAttachment:
    """An attachment and the posts that list it, of those that a reader sees."""

    attachment: Attachment
    posts: tuple[PostRef, ...]


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """What one trust level may put in 24 hours."""

    bytes: int
    files: int


UPLOAD_LIMITS: Mapping[int, UploadLimits] = {
    NEW: UploadLimits(10 * MEGABYTE, 10),
    BASIC: UploadLimits(50 * MEGABYTE, 50),
    TRUSTED_MEMBER: UploadLimits(50 * MEGABYTE, 50),
    REGULAR: UploadLimits(200 * MEGABYTE, 200),
    LEADER: UploadLimits(200 * MEGABYTE, 200),
}


@dataclass(frozen=True, slots=True)
class Uploader:
    """What one person asked to put in one community, newest first: when and how much."""

    number: int = 0
    uploads: tuple[tuple[datetime, int], ...] = ()

    def put(self, attachment: Attachment, member: Member) -> Attachment:
        """This as their next one. Refuses with UPLOAD_LIMIT_REACHED; moderators never."""
        limits = UPLOAD_LIMITS[member.known_level]
        now, left, files = attachment.create_time, limits.bytes - attachment.size, limits.files - 1
        for time, size in self.uploads:
            left, files = left - size, files - 1
            if (left < 0 or files < 0) and not member.moderator and now - time < _DAY:
                raise UploadLimitReachedError(
                    f"{limits.files} files and {limits.bytes // MEGABYTE} MB in 24 hours",
                    field="size",
                    retry_after=(time + _DAY - now).total_seconds(),
                )
        return replace(attachment, number=self.number + 1)


@dataclass(frozen=True, slots=True)
class Review:
    """A job's note to look after an attachment; `lost_time`: since when no post has it."""

    attachment_id: str
    community_id: str
    lost_time: datetime | None = None


def check_size(size: int) -> int:
    """Refuses with FILE_TOO_LARGE."""
    if not 0 < size <= MAX_SIZE:
        raise FileTooLargeError(field="size")
    return size


def check_sha256(digest: str) -> str:
    """In small letters; empty where none was given. Refuses with CHECKSUM_INVALID."""
    digest = digest.lower()
    if digest and not _SHA256.fullmatch(digest):
        raise ChecksumInvalidError(field="sha256")
    return digest


def check_attachment_ids(ids: Sequence[str]) -> tuple[str, ...]:
    """Refuses with ATTACHMENTS_TOO_MANY."""
    if len(ids) > MAX_A_POST or len(set(ids)) < len(ids):
        raise AttachmentsTooManyError(field="attachment_ids")
    return tuple(ids)


def lost(listing_states: Collection[str]) -> bool:
    """Whether no post has it any more: none lists it, or those that do were removed."""
    return all(state == "REMOVED" for state in listing_states)

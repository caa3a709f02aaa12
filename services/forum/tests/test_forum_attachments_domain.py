"""Attachments' rules, by plain calls."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chassis.actors import BASIC, LEADER, NEW, REGULAR
from chassis.errors import DomainError, TextInvalidError
from services.forum.domain.attachments import (
    MEGABYTE,
    Attachment,
    AttachmentNotFoundError,
    AttachmentState,
    AttachmentStateInvalidError,
    AttachmentsTooManyError,
    ChecksumInvalidError,
    Content,
    FileTooLargeError,
    Scan,
    Uploader,
    UploadLimitReachedError,
    check_attachment_ids,
    check_sha256,
    check_size,
    lost,
)
from services.forum.domain.file_types import (
    FILE_TYPES,
    TypeMismatchError,
    TypeNotAllowedError,
    check_file_name,
    check_type,
)
from services.forum.domain.members import Member

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ONE = Attachment(
    "a1", "c1", "p1", 1, "a.png", "image/png", 3, "", AttachmentState.UPLOADING, NOW, version=1
)
STATES = list(AttachmentState)


def member(person_id: str = "p1", trust: int = BASIC, *, moderator: bool = False) -> Member:
    return Member(person_id, "co1", trust, moderator, ())


@pytest.mark.parametrize(
    ("name", "declared", "kind"),
    [
        ("a.png", "image/png", "image/png"),
        ("A.PNG", "", "image/png"),
        ("a.jpeg", "image/jpg", "image/jpeg"),
        ("a.b.log", "application/octet-stream", "text/plain"),
        ("a.json", "application/json; charset=utf-8", "text/plain"),
        ("a.csv", "text/plain", "text/csv"),
        ("a.zip", "application/x-zip-compressed", "application/zip"),
    ],
)
def test_name_and_declared_type_agree(name: str, declared: str, kind: str) -> None:
    assert check_type(name, declared).name == kind


@pytest.mark.parametrize(
    ("name", "declared", "refusal"),
    [
        ("a.svg", "image/svg+xml", TypeNotAllowedError),
        ("a.html", "text/html", TypeNotAllowedError),
        ("a.exe", "", TypeNotAllowedError),
        ("a.docm", "", TypeNotAllowedError),
        ("a.png.exe", "image/png", TypeNotAllowedError),
        ("png", "image/png", TypeNotAllowedError),
        ("a", "image/png", TypeNotAllowedError),
        ("a.png", "image/svg+xml", TypeNotAllowedError),
        ("a.png", "text/html", TypeNotAllowedError),
        ("a.png", "application/pdf", TypeMismatchError),
        ("a.txt", "image/png", TypeMismatchError),
    ],
)
def test_other_types_are_refused(name: str, declared: str, refusal: type[DomainError]) -> None:
    with pytest.raises(refusal):
        check_type(name, declared)


def test_nothing_that_a_browser_runs_is_shown_in_place() -> None:
    assert {kind.name for kind in FILE_TYPES if kind.image} == {
        *("image/png", "image/jpeg", "image/gif", "image/webp")
    }
    assert not {"image/svg+xml", "text/html", "text/xml"} & {kind.name for kind in FILE_TYPES}


@pytest.mark.parametrize(
    "name",
    [
        *("", ".png", "../a.png", "a/b.png", "a\\b.png", "c:a.png", 'a".png', "a\n.png", "a\0.png"),
        *("x" * 117 + ".png", "gnp.\u202etxt", "\u0430dmin.png"),  # the last: a Cyrillic a
    ],
)
def test_names_lead_nowhere_and_look_like_nothing_else(name: str) -> None:
    with pytest.raises(TextInvalidError) as refusal:
        check_file_name(name)
    assert refusal.value.field == "name"


def test_a_name_may_be_in_any_script() -> None:
    assert check_file_name(" レポート  2.pdf ") == "レポート 2.pdf"


@pytest.mark.parametrize("size", [0, -1, 10 * MEGABYTE + 1])
def test_files_have_a_size(size: int) -> None:
    with pytest.raises(FileTooLargeError):
        check_size(size)
    assert check_size(10 * MEGABYTE) == 10 * MEGABYTE


def test_a_checksum_is_one_or_none() -> None:
    assert check_sha256("") == ""
    assert check_sha256("AB" * 32) == "ab" * 32
    for digest in ("ab", "zz" * 32, "ab" * 33):
        with pytest.raises(ChecksumInvalidError):
            check_sha256(digest)


@pytest.mark.parametrize(
    ("scan", "state"),
    [
        (Scan.CLEAN, AttachmentState.READY),
        (Scan.UNKNOWN, AttachmentState.SCANNING),
        (Scan.INFECTED, AttachmentState.INFECTED),
    ],
)
def test_what_was_put_is_as_the_scanner_says(scan: Scan, state: AttachmentState) -> None:
    done = ONE.complete(Content(b"12345", 8, 4), scan, "a1x")
    assert (done.state, done.size, done.width, done.height, done.version) == (state, 5, 8, 4, 2)
    assert done.blob == "a1x"


@pytest.mark.parametrize("state", STATES)
def test_each_step_has_its_state(state: AttachmentState) -> None:
    one = replace(ONE, state=state)
    if state is not AttachmentState.UPLOADING:
        with pytest.raises(AttachmentStateInvalidError):
            one.complete(Content(b"1"), Scan.CLEAN, "a1x")
    if state is AttachmentState.REMOVED:
        with pytest.raises(AttachmentNotFoundError):
            one.attach(member())
        assert one.remove() == one
    elif state is AttachmentState.READY:
        assert one.attach(member()).state is AttachmentState.ATTACHED
    else:
        with pytest.raises(AttachmentStateInvalidError):
            one.attach(member())
    waits = state is AttachmentState.SCANNING
    assert (one.scanned(Scan.INFECTED).state is AttachmentState.INFECTED) is (
        waits or state is AttachmentState.INFECTED
    )
    assert one.scanned(Scan.UNKNOWN) == one
    assert one.readable is (state in (AttachmentState.READY, AttachmentState.ATTACHED))


def test_nobody_attaches_what_another_put() -> None:
    one = replace(ONE, state=AttachmentState.READY)
    for other in (member("p2"), member("p2", moderator=True)):
        with pytest.raises(AttachmentNotFoundError):
            one.attach(other)


def test_what_is_removed_forgets_its_name() -> None:
    gone = replace(ONE, sha256="ab" * 32).remove()
    assert (gone.name, gone.sha256, gone.state) == ("", "", AttachmentState.REMOVED)


@pytest.mark.parametrize("state", STATES)
def test_what_no_post_took_is_forgotten_after_a_day(state: AttachmentState) -> None:
    one = replace(ONE, state=state)
    stays = state in (AttachmentState.ATTACHED, AttachmentState.REMOVED)
    assert not one.forgotten(NOW + timedelta(hours=23, minutes=59))
    assert one.forgotten(NOW + timedelta(days=1)) is not stays
    assert one.next_review(NOW) >= NOW


@pytest.mark.parametrize(
    ("trust", "megabytes", "files"),
    [(NEW, 10, 10), (BASIC, 50, 50), (REGULAR, 200, 200), (LEADER, 200, 200), (0, 10, 10)],
)
def test_a_day_has_its_bytes_and_files(trust: int, megabytes: int, files: int) -> None:
    one = replace(ONE, size=MEGABYTE)
    before = NOW - timedelta(hours=1)
    room = Uploader(7, ((before, (megabytes - 1) * MEGABYTE),))
    assert room.put(one, member(trust=trust)).number == 8
    for full in (
        Uploader(7, ((before, (megabytes - 1) * MEGABYTE + 1),)),
        Uploader(7, ((before, 1),) * files),
    ):
        with pytest.raises(UploadLimitReachedError) as refusal:
            full.put(one, member(trust=trust))
        assert refusal.value.retry_after == 23 * 3600
        assert full.put(one, member(trust=trust, moderator=True)).number == 8


def test_room_comes_back_as_the_oldest_go() -> None:
    times = [NOW - timedelta(hours=hours) for hours in (1, 2, 3)]
    full = Uploader(3, tuple((time, 4 * MEGABYTE) for time in times))
    with pytest.raises(UploadLimitReachedError) as refusal:
        full.put(replace(ONE, size=4 * MEGABYTE), member(trust=NEW))
    assert refusal.value.retry_after == 22 * 3600
    with pytest.raises(UploadLimitReachedError) as refusal:
        full.put(replace(ONE, size=2 * MEGABYTE), member(trust=NEW))
    assert refusal.value.retry_after == 21 * 3600


def test_a_post_has_ten_at_most_each_once() -> None:
    ten = [str(number) for number in range(10)]
    assert check_attachment_ids(ten) == tuple(ten)
    for ids in ([*ten, "10"], ["1", "1"]):
        with pytest.raises(AttachmentsTooManyError):
            check_attachment_ids(ids)


@pytest.mark.parametrize(
    ("states", "is_lost"),
    [((), True), (("REMOVED",), True), (("REMOVED", "HIDDEN"), False), (("DRAFT",), False)],
)
def test_what_only_removed_posts_have_is_lost(states: tuple[str, ...], *, is_lost: bool) -> None:
    assert lost(states) is is_lost

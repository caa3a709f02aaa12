"""What an edit changed, as a message."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from guildhall.forum.v1 import forum_pb2
from services.forum.domain.diffs import DiffKind, Segment, diff
from services.forum.domain.held_edits import HeldEdit
from services.forum.domain.records import Revision
from services.forum.domain.replies import Reply
from services.forum.domain.topics import Topic

_KINDS = {kind: forum_pb2.DiffKind.Value(f"DIFF_KIND_{kind}") for kind in DiffKind}


def revision_diff(
    former: Revision, later: Revision | None, post: Topic | Reply
) -> forum_pb2.RevisionDiff:
    """From the former text to the later one; None: to the post's own."""
    return _diff(_of_revision(former), _of_revision(later) if later else _of_post(post))


def edit_diff(post: Topic | Reply, edit: HeldEdit) -> forum_pb2.RevisionDiff:
    """From the post's text to the one that waits, as its next edition."""
    later = _Edition(post.edition + 1, edit.title, edit.body.source, edit.tags)
    return _diff(_of_post(post), later)


@dataclass(frozen=True, slots=True)
class _Edition:
    """One text of a post; replies have neither title nor tags."""

    number: int
    title: str
    body: str
    tags: tuple[str, ...]


def _of_revision(revision: Revision) -> _Edition:
    return _Edition(revision.edition, revision.title, revision.body, revision.tags)


def _of_post(post: Topic | Reply) -> _Edition:
    if isinstance(post, Reply):
        return _Edition(post.edition, "", post.body.source, ())
    return _Edition(post.edition, post.title, post.body.source, post.tags)


def _diff(former: _Edition, later: _Edition) -> forum_pb2.RevisionDiff:
    return forum_pb2.RevisionDiff(
        edition=former.number,
        later_edition=later.number,
        title_segments=_segments(diff(former.title, later.title)),
        body_segments=_segments(diff(former.body, later.body)),
        removed_tags=[tag for tag in former.tags if tag not in later.tags],
        added_tags=[tag for tag in later.tags if tag not in former.tags],
    )


def _segments(segments: Iterable[Segment]) -> list[forum_pb2.DiffSegment]:
    return [forum_pb2.DiffSegment(kind=_KINDS[one.kind], text=one.text) for one in segments]

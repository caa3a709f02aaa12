"""What an edit changed, as a message."""

from __future__ import annotations

from collections.abc import Iterable

from guildhall.forum.v1 import forum_pb2
from services.forum.domain.diffs import DiffKind, Segment, diff
from services.forum.domain.records import Revision
from services.forum.domain.replies import Reply
from services.forum.domain.topics import Topic

_KINDS = {kind: forum_pb2.DiffKind.Value(f"DIFF_KIND_{kind}") for kind in DiffKind}


def revision_diff(
    former: Revision, later: Revision | None, post: Topic | Reply
) -> forum_pb2.RevisionDiff:
    """From the former text to the later one; None: to the post's own."""
    title = post.title if isinstance(post, Topic) else ""
    body, tags, edition = post.body.source, getattr(post, "tags", ()), post.edition
    if later is not None:
        title, body, tags, edition = later.title, later.body, later.tags, later.edition
    return forum_pb2.RevisionDiff(
        edition=former.edition,
        later_edition=edition,
        title_segments=_segments(diff(former.title, title)),
        body_segments=_segments(diff(former.body, body)),
        removed_tags=[tag for tag in former.tags if tag not in tags],
        added_tags=[tag for tag in tags if tag not in former.tags],
    )


def _segments(segments: Iterable[Segment]) -> list[forum_pb2.DiffSegment]:
    return [forum_pb2.DiffSegment(kind=_KINDS[one.kind], text=one.text) for one in segments]

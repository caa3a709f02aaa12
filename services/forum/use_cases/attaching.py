"""How a post takes attachments: decided with the post, so that no two posts take the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from chassis.decisions import Other, Ref, Seen, Write
from guildhall.forum.v1.domain_events_pb2 import AttachmentAttached
from services.forum.domain.attachments import (
    Attached,
    Attachment,
    AttachmentNotFoundError,
    check_attachment_ids,
)
from services.forum.domain.members import Member
from services.forum.repository import ForumRepository
from services.forum.use_cases.moderating import Outcome

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Taken:
    """What the post has then, and what becomes of the attachments."""

    attached: tuple[Attached, ...] = ()
    others: tuple[Other, ...] = ()
    writes: tuple[Write, ...] = ()

    def added(self, outcome: Outcome) -> Outcome:
        """The same outcome, and of the attachments with it."""
        return replace(
            outcome,
            along=(*outcome.along, *self.others),
            writes=(*outcome.writes, *self.writes),
        )


@dataclass(frozen=True, slots=True)
class Claim:
    """The attachments that a member wants a post to have; those it has already may stay."""

    member: Member
    ids: tuple[str, ...]
    kept: tuple[Attached, ...]
    refs: tuple[Ref[Attachment], ...]

    @classmethod
    def of(
        cls,
        member: Member,
        community_id: str,
        ids: Sequence[str],
        kept: tuple[Attached, ...] = (),
    ) -> Claim:
        """Refuses with ATTACHMENTS_TOO_MANY."""
        wanted = check_attachment_ids(ids)
        had = {one.id for one in kept}
        new = [one for one in wanted if one not in had]
        refs = tuple(ForumRepository.attachment_ref(community_id, one) for one in new)
        return cls(member, wanted, kept, refs)

    def taken(self, seen: Seen[S], topic_id: str, reply_id: str = "") -> Taken:
        """As they are at that moment.

        Refuses with ATTACHMENT_NOT_FOUND, ATTACHMENT_STATE_INVALID.
        """
        attached = {one.id: one for one in self.kept}
        others, writes = [], []
        for ref in self.refs:
            attachment = seen.other(ref)
            if attachment is None:
                raise AttachmentNotFoundError(field="attachment_ids")
            attachment = attachment.attach(self.member)
            attached[attachment.id] = attachment.attached
            said = AttachmentAttached(
                attachment_id=attachment.id, topic_id=topic_id, reply_id=reply_id
            )
            others.append(ref.put(attachment, [said]))
            writes.append(ForumRepository.review_of(attachment, seen.now.time))
        return Taken(tuple(attached[one] for one in self.ids), tuple(others), tuple(writes))

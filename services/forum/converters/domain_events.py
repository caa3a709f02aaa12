"""What the forum says on the bus, made of domain objects."""

from __future__ import annotations

from google.protobuf.message import Message

from guildhall.forum.v1 import domain_events_pb2 as said
from services.forum.domain.attachments import Attachment, AttachmentState
from services.forum.domain.held_edits import HeldEdit, HeldEditState
from services.forum.domain.references import NO_REFERENCES, PostRef, newly_mentioned
from services.forum.domain.replies import Reply, ReplyState
from services.forum.domain.texts import Submission
from services.forum.domain.topics import OPEN_TO_READERS, UNSENT, Topic, TopicState


def topic_submitted(topic: Topic) -> Message:
    """A new, approved or restored topic: held, or out."""
    if topic.state is TopicState.PENDING_REVIEW:
        return said.TopicHeld(
            topic_id=topic.id,
            space_id=topic.space_id,
            submission=_submission(topic.submission),
        )
    return said.TopicPublished(
        topic_id=topic.id,
        space_id=topic.space_id,
        author_id=topic.author.person_id,
        submission=_submission(topic.submission),
    )


def topic_restored(topic: Topic) -> Message:
    """It was hidden or removed, and is what it was before; to be reviewed, where it waited."""
    match topic.state:
        case TopicState.PENDING_REVIEW:
            return topic_submitted(topic)
        case TopicState.HIDDEN:
            return said.TopicHidden(topic_id=topic.id)
        case TopicState.REJECTED:
            return said.TopicRejected(topic_id=topic.id)
        case TopicState.DRAFT:
            return said.TopicDrafted(topic_id=topic.id)
    return said.TopicRestored(topic_id=topic.id)


def topic_edited(topic: Topic) -> list[Message]:
    """A draft stays unknown; a text under review changes and has to be reviewed anew."""
    if topic.state in UNSENT:
        return [said.TopicDrafted(topic_id=topic.id)]
    edited = said.TopicEdited(topic_id=topic.id, submission=_submission(topic.submission))
    if topic.state is TopicState.PENDING_REVIEW:
        return [edited, topic_submitted(topic)]
    return [edited]


def reply_submitted(reply: Reply) -> Message:
    """A new, approved or restored reply: held, or out."""
    if reply.state is ReplyState.PENDING_REVIEW:
        return said.ReplyHeld(
            reply_id=reply.id,
            topic_id=reply.topic_id,
            submission=_submission(reply.submission),
        )
    return said.ReplyPublished(
        reply_id=reply.id,
        topic_id=reply.topic_id,
        author_id=reply.author.person_id,
        submission=_submission(reply.submission),
        parent_reply_id=reply.parent_reply_id,
    )


def reply_restored(reply: Reply) -> Message:
    """As topic_restored."""
    match reply.state:
        case ReplyState.PENDING_REVIEW:
            return reply_submitted(reply)
        case ReplyState.HIDDEN:
            return said.ReplyHidden(reply_id=reply.id, topic_id=reply.topic_id)
        case ReplyState.REJECTED:
            return said.ReplyRejected(reply_id=reply.id, topic_id=reply.topic_id)
    return said.ReplyRestored(reply_id=reply.id, topic_id=reply.topic_id)


def reply_edited(reply: Reply) -> list[Message]:
    """A text under review has to be reviewed anew."""
    edited = said.ReplyEdited(
        reply_id=reply.id, topic_id=reply.topic_id, submission=_submission(reply.submission)
    )
    if reply.state is ReplyState.PENDING_REVIEW:
        return [edited, reply_submitted(reply)]
    return [edited]


def edit_held(edit: HeldEdit, post: PostRef) -> Message:
    """It waits, in place of one that did."""
    return said.EditHeld(
        topic_id=post.topic_id, reply_id=post.reply_id, submission=_submission(edit.submission)
    )


def edit_decided(edit: HeldEdit, post: PostRef) -> Message:
    """It was rejected, or waits no longer."""
    kind = said.EditRejected if edit.state is HeldEditState.REJECTED else said.EditDropped
    return kind(
        topic_id=post.topic_id, reply_id=post.reply_id, submission_number=edit.submission.number
    )


def post_ref(post: Topic | Reply) -> PostRef:
    """Which post it is."""
    return PostRef(post.topic_id, post.id) if isinstance(post, Reply) else PostRef(post.id)


def mentioned_anew(before: Topic | Reply | None, after: Topic | Reply) -> tuple[str, ...]:
    """Who is mentioned and had not been, among those who can read it."""
    is_out = after.published if isinstance(after, Reply) else after.state in OPEN_TO_READERS
    return newly_mentioned(
        NO_REFERENCES if before is None else before.references,
        after.references,
        was_out=before is not None and before.has_been_out,
        is_out=is_out,
    )


def mention_added(before: Topic | Reply | None, after: Topic | Reply) -> list[Message]:
    """One for all whom the post mentions anew."""
    mentioned = mentioned_anew(before, after)
    post = post_ref(after)
    if not mentioned:
        return []
    return [
        said.MentionAdded(
            topic_id=post.topic_id,
            reply_id=post.reply_id,
            author_id=after.author.person_id,
            mentioned_ids=mentioned,
        )
    ]


def reply_accepted(reply: Reply, replaced_reply_id: str = "") -> Message:
    """This is the answer now, in place of another."""
    return said.ReplyAccepted(
        reply_id=reply.id,
        topic_id=reply.topic_id,
        author_id=reply.author.person_id,
        replaced_reply_id=replaced_reply_id,
    )


def reply_unaccepted(reply: Reply) -> Message:
    """This is no answer any more."""
    return said.ReplyUnaccepted(
        reply_id=reply.id, topic_id=reply.topic_id, author_id=reply.author.person_id
    )


def upload_created(attachment: Attachment) -> Message:
    """An address was given."""
    return said.UploadCreated(attachment_id=attachment.id)


def upload_completed(attachment: Attachment) -> Message:
    """The file was put and looked into."""
    if attachment.state is AttachmentState.INFECTED:
        return said.AttachmentInfected(attachment_id=attachment.id)
    return said.UploadCompleted(attachment_id=attachment.id)


def attachment_scanned(attachment: Attachment) -> Message:
    """The scanner has come back to it."""
    if attachment.state is AttachmentState.INFECTED:
        return said.AttachmentInfected(attachment_id=attachment.id)
    return said.AttachmentScanned(attachment_id=attachment.id)


def attachment_removed(attachment: Attachment) -> Message:
    """Its file is deleted."""
    return said.AttachmentRemoved(attachment_id=attachment.id)


def _submission(submission: Submission) -> said.Submission:
    return said.Submission(
        screened=submission.screened,
        policy_version=submission.policy_version,
        rule_ids=submission.rule_ids,
        imported=submission.imported,
        number=submission.number,
    )

"""Spaces, topics, replies and records as protobuf messages."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from chassis.pagination import encode_page_token
from chassis.timestamps import timestamp_of
from guildhall.forum.v1 import attachments_pb2, curation_pb2, forum_pb2
from services.forum.converters import enums
from services.forum.converters.context_refs import context_refs_to_proto
from services.forum.converters.markdown import safe_html
from services.forum.converters.space_settings import settings_to_proto
from services.forum.domain.attachments import Attached, Attachment
from services.forum.domain.members import Author
from services.forum.domain.records import ModerationEntry, Revision
from services.forum.domain.replies import Reply, ReplyState
from services.forum.domain.spaces import Space, shown_names
from services.forum.domain.texts import slug_of
from services.forum.domain.topics import Topic, TopicKind, TopicState
from services.forum.domain.topics.curation import OwnedArticle
from services.forum.domain.verification import Recheck, Verification


def space_to_proto(
    space: Space, version: int, *, for_service: bool = False, keyring: Collection[str] = ()
) -> forum_pb2.Space:
    """At this version. Services get the keys that open it: search stands behind the same wall."""
    names = space.audience_names if for_service else shown_names(space, keyring)
    return forum_pb2.Space(
        id=space.id,
        community_id=space.community_id,
        slug=space.slug,
        name=space.name,
        description=space.description,
        mode=enums.SPACE_MODES[space.mode],
        audience=enums.AUDIENCES[space.audience],
        audience_names=names,
        create_time=timestamp_of(space.create_time),
        version=version,
        read_keys=space.read_keys if for_service else (),
        settings=settings_to_proto(space.settings),
        vitality=enums.vitality_number(space.vitality),
        vitality_time=timestamp_of(space.vitality_time) if space.vitality_time else None,
        folded=space.folded,
        kept_open=space.kept_open,
    )


def topic_to_proto(
    topic: Topic, version: int, *, for_service: bool = False, keyring: Collection[str] = ()
) -> forum_pb2.Topic:
    """At this version. Who wrote as a company only those are told whose keys allow it.

    Services get no text of what was removed: they only need to know that.
    """
    gone = for_service and topic.state is TopicState.REMOVED
    last = topic.last_reply_author

    def author(one: Author) -> forum_pb2.Author:
        known = for_service or one.known_to(topic.community_id, keyring)
        return author_to_proto(one, topic.community_id, known=known)

    # Who is told only some owners of what a company wrote can tell from the rest who wrote it.
    known = for_service or topic.author.known_to(topic.community_id, keyring)
    owner_id = topic.owner_id if known or f"person:{topic.owner_id}" in keyring else ""
    hidden = () if known else (topic.author.person_id, topic.owner_id)
    return forum_pb2.Topic(
        id=topic.id,
        community_id=topic.community_id,
        space_id=topic.space_id,
        kind=enums.TOPIC_KINDS[topic.kind],
        state=enums.TOPIC_STATES[topic.state],
        title="" if gone else topic.title,
        body="" if gone else topic.body.source,
        body_html="" if gone else safe_html(topic.body),
        tags=() if gone else topic.tags,
        author=author(topic.author),
        score=topic.score,
        reply_count=topic.reply_count,
        accepted_reply_id=topic.accepted_reply_id,
        accepted_reply_ids=topic.accepted_reply_ids,
        mentioned_ids=() if gone else topic.references.mentioned_ids,
        quotes_posts=bool(topic.references.quotes) and not gone,
        create_time=timestamp_of(topic.create_time),
        edit_time=timestamp_of(topic.edit_time) if topic.edit_time else None,
        activity_time=timestamp_of(topic.activity_time),
        last_reply_author=author(last) if last else None,
        close_reason=(
            enums.CLOSE_REASONS[topic.close_reason]
            if topic.close_reason
            else forum_pb2.CLOSE_REASON_UNSPECIFIED
        ),
        state_reason=topic.state_reason,
        version=version,
        slug="" if gone else slug_of(topic.title),
        edition=topic.edition,
        own_close_reason=topic.own_close_reason,
        idea_status=(
            enums.IDEA_STATUSES[topic.idea_status]
            if topic.kind is TopicKind.IDEA
            else forum_pb2.IDEA_STATUS_UNSPECIFIED
        ),
        idea_note=topic.idea_note,
        idea_status_time=_time(topic.idea_status_time),
        owner_id=owner_id,
        review_time=_time(topic.review_time),
        review_due_time=_time(topic.review_due_time),
        review_expired=topic.review_expired,
        duplicate_of_id=topic.duplicate_of_id,
        moved_to_id=topic.moved_to_id,
        split_from_id=topic.split_from_id,
        edited_by_moderator=topic.edited_by_moderator,
        publish_time=_time(topic.publish_time),
        pin_time=_time(topic.pin_time),
        pin_expire_time=_time(topic.pin_expire_time),
        verification=_verification(topic.verification, topic.community_id, hidden, keyring),
        attachments=() if gone else attached_to_proto(topic.community_id, topic.attachments),
        context_refs=() if gone else context_refs_to_proto(topic.context_refs),
        seeded=bool(topic.seeding_id),
        submission_number=topic.submission.number if for_service else 0,
    )


def reply_to_proto(
    reply: Reply, version: int, *, for_service: bool = False, keyring: Collection[str] = ()
) -> forum_pb2.Reply:
    """At this version, of the author as topic_to_proto.

    Services get no text of what was removed.
    """
    gone = for_service and reply.state is ReplyState.REMOVED
    known = for_service or reply.author.known_to(reply.community_id, keyring)
    hidden = () if known else (reply.author.person_id,)
    return forum_pb2.Reply(
        id=reply.id,
        community_id=reply.community_id,
        topic_id=reply.topic_id,
        state=enums.REPLY_STATES[reply.state],
        body="" if gone else reply.body.source,
        body_html="" if gone else safe_html(reply.body),
        author=author_to_proto(reply.author, reply.community_id, known=known)
        if not reply.withheld
        else None,
        withheld=reply.withheld,
        score=reply.score,
        accepted=reply.accepted,
        create_time=timestamp_of(reply.create_time),
        edit_time=timestamp_of(reply.edit_time) if reply.edit_time else None,
        state_reason=reply.state_reason,
        edited_by_moderator=reply.edited_by_moderator,
        edition=reply.edition,
        verification=_verification(reply.verification, reply.community_id, hidden, keyring),
        version=version,
        attachments=() if gone else attached_to_proto(reply.community_id, reply.attachments),
        seeded=bool(reply.seeding_id),
        space_id=reply.space_id,
        parent_reply_id=reply.parent_reply_id,
        child_count=reply.child_count,
        mentioned_ids=() if gone else reply.references.mentioned_ids,
        quotes_posts=bool(reply.references.quotes) and not gone,
        submission_number=reply.submission.number if for_service else 0,
    )


def latest_reply_to_proto(topic: Topic) -> forum_pb2.Reply | None:
    """What a topic remembers of its last published reply: where it is, who wrote it and when."""
    if not topic.latest:
        return None
    latest = topic.latest[-1]
    return forum_pb2.Reply(
        id=latest.id,
        community_id=topic.community_id,
        topic_id=topic.id,
        space_id=topic.space_id,
        state=enums.REPLY_STATES[ReplyState.PUBLISHED],
        author=author_to_proto(
            latest.author,
            topic.community_id,
            known=latest.author.known_to(topic.community_id, ()),
        ),
        create_time=timestamp_of(latest.time),
    )


def revision_to_proto(revision: Revision, hidden_id: str = "") -> forum_pb2.Revision:
    """A former text; the person of `hidden_id` wrote the post as their company."""
    editor_id, author_id = revision.editor_id, revision.author_id
    return forum_pb2.Revision(
        id=revision.id,
        title=revision.title,
        body=revision.body,
        tags=revision.tags,
        editor_id="" if editor_id == hidden_id else editor_id,
        replace_time=timestamp_of(revision.replace_time),
        post_id=revision.post_id,
        author_id="" if author_id == hidden_id else author_id,
        edition=revision.edition,
        community_id=revision.community_id,
        by_moderator=revision.by_moderator,
    )


def removal_to_proto(entry: ModerationEntry) -> forum_pb2.Removal:
    """Why a post is out of sight; who did it stays in the audit trail."""
    return forum_pb2.Removal(
        community_id=entry.community_id,
        topic_id=entry.topic_id,
        reply_id=entry.reply_id,
        reason_code=(
            enums.REASON_CODES[entry.reason_code]
            if entry.reason_code
            else forum_pb2.REASON_CODE_UNSPECIFIED
        ),
        reason=entry.reason,
        time=timestamp_of(entry.time),
    )


def moderation_entry_to_proto(entry: ModerationEntry) -> forum_pb2.ModerationEntry:
    """A line of the audit trail."""
    return forum_pb2.ModerationEntry(
        id=entry.id,
        topic_id=entry.topic_id,
        reply_id=entry.reply_id,
        action=entry.action,
        reason=entry.reason,
        actor=entry.actor,
        time=timestamp_of(entry.time),
        reason_code=(
            enums.REASON_CODES[entry.reason_code]
            if entry.reason_code
            else forum_pb2.REASON_CODE_UNSPECIFIED
        ),
        community_id=entry.community_id,
    )


def _time(time: datetime | None) -> Timestamp | None:
    return timestamp_of(time) if time else None


def attachment_to_proto(attachment: Attachment) -> attachments_pb2.Attachment:
    """Without its address, which is made for each reader."""
    return attachments_pb2.Attachment(
        id=attachment.id,
        community_id=attachment.community_id,
        name=attachment.name,
        type=attachment.type,
        size=attachment.size,
        width=attachment.width,
        height=attachment.height,
        state=enums.ATTACHMENT_STATES[attachment.state],
        create_time=timestamp_of(attachment.create_time),
        version=attachment.version,
    )


def attached_to_proto(
    community_id: str, those: Sequence[Attached]
) -> list[attachments_pb2.Attachment]:
    """As their post keeps them."""
    return [
        attachments_pb2.Attachment(
            id=one.id,
            community_id=community_id,
            name=one.name,
            type=one.type,
            size=one.size,
            width=one.width,
            height=one.height,
            state=attachments_pb2.ATTACHMENT_STATE_ATTACHED,
        )
        for one in those
    ]


def _verification(
    one: Verification | None, community_id: str, hidden: Sequence[str], keyring: Collection[str]
) -> forum_pb2.Verification | None:
    """Who said so is told, but where that would tell who wrote as a company."""
    if one is None:
        return None
    told = one.verifier_id not in hidden or f"person:{one.verifier_id}" in keyring
    return forum_pb2.Verification(
        community_id=community_id,
        verified_for=one.verified_for,
        verified_until_time=_time(one.until),
        verifier_id=one.verifier_id if told else "",
        verify_time=timestamp_of(one.time),
        expired=one.expired,
    )


def recheck_to_proto(one: Recheck) -> curation_pb2.Recheck:
    """What is to be looked at again."""
    return curation_pb2.Recheck(
        community_id=one.community_id,
        topic_id=one.topic_id,
        reply_id=one.reply_id,
        due_time=timestamp_of(one.due_time),
    )


def ownerless_article_to_proto(
    community_id: str, one: OwnedArticle
) -> curation_pb2.OwnerlessArticle:
    """An article and its place in the list."""
    return curation_pb2.OwnerlessArticle(
        community_id=community_id,
        topic_id=one.topic_id,
        page_token=encode_page_token(one.owner_id, one.topic_id),
    )


def author_to_proto(author: Author, community_id: str, *, known: bool) -> forum_pb2.Author:
    """A person for a company, or a persona; the person is left out of who speaks as a company."""
    persona = author.persona
    if persona is None:
        return forum_pb2.Author(
            person_id=author.person_id if known else "",
            company_id=author.company_id,
            community_id=community_id,
            as_company=author.as_company,
        )
    return forum_pb2.Author(
        community_id=community_id,
        persona=forum_pb2.Persona(
            source=persona.source,
            external_id=persona.external_id,
            display_name=persona.display_name,
        ),
    )

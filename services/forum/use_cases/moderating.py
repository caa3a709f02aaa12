"""What hiding, restoring, removing and deciding do to topics and replies, whoever asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from google.protobuf.message import Message

from chassis.decisions import Change, Decision, Other, Ref, Seen, Write
from chassis.moment import Moment
from guildhall.forum.v1 import domain_events_pb2 as said
from services.forum.converters.domain_events import (
    edit_decided,
    edit_held,
    mention_added,
    mentioned_anew,
    post_ref,
    reply_edited,
    reply_restored,
    reply_submitted,
    reply_unaccepted,
    topic_edited,
    topic_restored,
    topic_submitted,
)
from services.forum.domain.held_edits import HeldEdit, HeldEditState
from services.forum.domain.records import ModerationEntry, ReasonCode, Revision
from services.forum.domain.references import Mention
from services.forum.domain.replies import Reply, ReplyStep
from services.forum.domain.topics import Topic, TopicState, TopicStep
from services.forum.repository import ForumRepository

A = TypeVar("A", bound=Message)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a topic and one of its replies; without events nothing changed."""

    topic: Topic
    events: Sequence[Message] = ()
    reply: Reply | None = None
    writes: Sequence[Write] = ()
    formers: Sequence[Reply] = ()  # the answers that another took the place of
    others: Sequence[Change] = ()  # parts of the topic that are no replies
    linked: frozenset[str] = frozenset()  # the topics it names that whoever acts can see
    along: Sequence[Other] = ()  # further aggregates
    stands_on: Sequence[Ref[Any]] = ()  # further aggregates that stay as they are
    held_edit: HeldEdit | None = None  # of the topic or the reply, as it is then

    def decision(
        self, seen: Seen[Topic], answer: Callable[[Outcome, int], A]
    ) -> Decision[Topic, A]:
        """As the chassis stores it; what changed gets its next version.

        The topic's seq would tell its readers of replies that they cannot see.
        """
        outcome, parts = self, list(self.others)
        if self.topic != seen.state:
            outcome = replace(outcome, topic=self.topic.next())
        if self.events:
            if self.reply is not None and self.reply != self._former_reply(seen, self.reply):
                outcome = replace(outcome, reply=self.reply.next())
            formers = [former.next() for former in self.formers]
            parts += [
                ForumRepository.reply_ref(reply.community_id, reply.id).put(reply)
                for reply in (outcome.reply, *formers)
                if reply is not None
            ]
            if (edit := self.held_edit) is not None:
                ref = ForumRepository.held_edit_ref(edit.community_id, edit.post_id)
                parts.append(ref.put(edit))
        topic = outcome.topic
        told = replace(outcome, topic=topic.showing(self.linked))
        events, writes = list(self.events), [*self.writes, *self._counted(seen)]
        for before, after in self._posts(seen) if self.events else ():
            events.extend(mention_added(before, after))
            writes.extend(_mentions(before, after, seen.now))
        return Decision(
            topic,
            lambda _: answer(told, topic.version),
            events,
            parts,
            writes,
            self.along,
            self.stands_on,
        )

    def _posts(self, seen: Seen[Topic]) -> list[tuple[Topic | Reply | None, Topic | Reply]]:
        """What mentions people, before and after."""
        posts: list[tuple[Topic | Reply | None, Topic | Reply]] = [(seen.state, self.topic)]
        if self.reply is not None:
            posts.append((self._former_reply(seen, self.reply), self.reply))
        return [(before, after) for before, after in posts if _refers(before) or _refers(after)]

    def _counted(self, seen: Seen[Topic]) -> list[Write]:
        """What the reply's parent counts, where the reply came into sight or went out of it."""
        reply = self.reply
        if reply is None or not reply.parent_reply_id:
            return []
        before = self._former_reply(seen, reply)
        step = int(reply.published) - int(before is not None and before.published)
        return [ForumRepository.count_child(reply, step)] if step else []

    @staticmethod
    def _former_reply(seen: Seen[Topic], reply: Reply) -> Reply | None:
        """As it was; None: it is new."""
        ref = ForumRepository.reply_ref(reply.community_id, reply.id)
        before: Reply | None = seen.loaded.get(ref.place)
        return before

    @property
    def changed_reply(self) -> Reply:
        """The reply, where there must be one."""
        if self.reply is None:
            raise AssertionError("the outcome of a change of a reply has one")
        return self.reply


def _refers(post: Topic | Reply | None) -> bool:
    return post is not None and bool(post.references.mentioned_ids)


def _mentions(before: Topic | Reply | None, after: Topic | Reply, now: Moment) -> list[Write]:
    """The rows by which people find where they are mentioned."""
    post = post_ref(after)
    author = after.author.person_id
    gone: tuple[str, ...] = ()
    if before is not None and before.has_been_out:
        kept = after.references.mentioned_ids
        gone = tuple(one for one in before.references.mentioned_ids if one not in kept)
    return [
        *(
            ForumRepository.new_mention(Mention(after.community_id, post, one, author, now.time))
            for one in mentioned_anew(before, after)
        ),
        *(
            ForumRepository.gone_mention(Mention(after.community_id, post, one, author, now.time))
            for one in gone
        ),
    ]


def entry(
    now: Moment,
    topic: Topic,
    action: str,
    reason: str,
    actor: str,
    reply_id: str = "",
    code: ReasonCode | None = None,
) -> Write:
    """A line of the audit trail."""
    return ForumRepository.new_moderation_entry(
        ModerationEntry(
            now.new_id(),
            topic.community_id,
            topic.id,
            reply_id,
            action,
            reason,
            actor,
            now.time,
            code,
        )
    )


def records_of_edit(
    now: Moment, topic: Topic, post: Topic | Reply, editor_id: str, *, by_moderator: bool
) -> list[Write]:
    """The former text, for those who could read it; and what a moderator did: readers see nothing
    of what the post was before, for what they take away stood in earlier editions, too.
    """
    revision = Revision.of(post, now.new_id(), editor_id, now.time, by_moderator=by_moderator)
    writes = [ForumRepository.new_revision(revision)]
    if by_moderator:
        reply_id = post_ref(post).reply_id
        action = "UpdateReply" if reply_id else "UpdateTopic"
        writes.append(ForumRepository.withhold_revisions(post))
        writes.append(entry(now, topic, action, "", editor_id, reply_id))
    return writes


def hide_topic(topic: Topic, reason: str, case_id: str = "") -> Outcome:
    """Refuses with TOPIC_STATE_INVALID."""
    hidden = topic.step(TopicStep.HIDE, reason, case_id)
    return Outcome(hidden, [said.TopicHidden(topic_id=topic.id)])


def restore_topic(topic: Topic) -> Outcome:
    """Refuses with TOPIC_STATE_INVALID."""
    restored = topic.step(TopicStep.RESTORE)
    return Outcome(restored, [topic_restored(restored)])


def remove_topic(topic: Topic, reason: str) -> Outcome:
    """Refuses with TOPIC_STATE_INVALID."""
    removed = topic.step(TopicStep.REMOVE, reason)
    return Outcome(removed, [said.TopicRemoved(topic_id=topic.id)])


def approve_topic(topic: Topic, now: datetime) -> Outcome:
    """It appears now, in front of what was read meanwhile. Refuses with TOPIC_STATE_INVALID."""
    approved = replace(topic.step(TopicStep.APPROVE), create_time=now, activity_time=now)
    return Outcome(approved, [topic_submitted(approved)])


def reject_topic(topic: Topic, reason: str) -> Outcome:
    """Refuses with TOPIC_STATE_INVALID."""
    rejected = topic.step(TopicStep.REJECT, reason)
    return Outcome(rejected, [said.TopicRejected(topic_id=topic.id)])


def hide_reply(topic: Topic, reply: Reply, reason: str, case_id: str = "") -> Outcome:
    """Refuses with REPLY_STATE_INVALID."""
    hidden = reply.step(ReplyStep.HIDE, reason, case_id)
    event = said.ReplyHidden(reply_id=reply.id, topic_id=topic.id)
    return _out_of_sight(topic, reply, hidden, event)


def remove_reply(topic: Topic, reply: Reply, reason: str) -> Outcome:
    """Refuses with REPLY_STATE_INVALID."""
    removed = reply.step(ReplyStep.REMOVE, reason)
    event = said.ReplyRemoved(reply_id=reply.id, topic_id=topic.id)
    return _out_of_sight(topic, reply, removed, event)


def restore_reply(topic: Topic, reply: Reply) -> Outcome:
    """Refuses with REPLY_STATE_INVALID."""
    restored = reply.step(ReplyStep.RESTORE)
    if restored.published:
        topic = topic.gain(restored)
    return Outcome(topic, [reply_restored(restored)], restored)


def approve_reply(topic: Topic, reply: Reply, now: datetime) -> Outcome:
    """It appears now, behind what was read meanwhile. Refuses with REPLY_STATE_INVALID."""
    approved = replace(reply.step(ReplyStep.APPROVE), create_time=topic.time_of_next(now))
    return Outcome(topic.gain(approved), [reply_submitted(approved)], approved)


def reject_reply(topic: Topic, reply: Reply, reason: str) -> Outcome:
    """Refuses with REPLY_STATE_INVALID."""
    rejected = reply.step(ReplyStep.REJECT, reason)
    return Outcome(topic, [said.ReplyRejected(reply_id=reply.id, topic_id=topic.id)], rejected)


def hold_edit(topic: Topic, post: Topic | Reply, edit: HeldEdit) -> Outcome:
    """The post stays as it is, and this waits in place of what did."""
    return _with_edit(topic, post, edit, edit_held(edit, post_ref(post)))


def decide_edit(
    topic: Topic,
    post: Topic | Reply,
    edit: HeldEdit | None,
    *,
    approved: bool,
    reason: str,
    now: Moment,
) -> Outcome:
    """An approved one becomes the post's text, unless that has changed since or is not seen."""
    if edit is None or not edit.pending:
        return _unchanged(topic, post)
    if not approved:
        return _edit_over(topic, post, edit.decide(HeldEditState.REJECTED, now.time, reason))
    if not _takes_edits(topic, post) or post.submission.number > edit.submission.number:
        return drop_edit(topic, post, edit, now.time)
    by_moderator = edit.by_moderator
    writes = records_of_edit(now, topic, post, edit.editor_id, by_moderator=by_moderator)
    edit = edit.decide(HeldEditState.APPROVED, now.time)
    if isinstance(post, Reply):
        reply = post.edit(
            edit.body, edit.references, edit.submission, now.time, by_moderator=by_moderator
        )
        reply = replace(reply, attachments=edit.attachments)
        return Outcome(topic, reply_edited(reply), reply, writes, held_edit=edit)
    text = (edit.title, edit.body, edit.tags)
    edited = replace(
        post,
        references=edit.references,
        attachments=edit.attachments,
        context_refs=edit.context_refs,
    )
    edited = edited.edit(text, edit.submission, now.time, by_moderator=by_moderator)
    return Outcome(edited, topic_edited(edited), writes=writes, held_edit=edit)


def drop_edit(topic: Topic, post: Topic | Reply, edit: HeldEdit | None, now: datetime) -> Outcome:
    """It waits no longer, if it did."""
    if edit is None or not edit.pending:
        return _unchanged(topic, post)
    return _edit_over(topic, post, edit.decide(HeldEditState.DROPPED, now))


def _takes_edits(topic: Topic, post: Topic | Reply) -> bool:
    if isinstance(post, Reply):
        return post.published and topic.state not in (TopicState.ARCHIVED, TopicState.REMOVED)
    return post.state in (TopicState.PUBLISHED, TopicState.CLOSED)


def _edit_over(topic: Topic, post: Topic | Reply, edit: HeldEdit) -> Outcome:
    return _with_edit(topic, post, edit, edit_decided(edit, post_ref(post)))


def _with_edit(topic: Topic, post: Topic | Reply, edit: HeldEdit, event: Message) -> Outcome:
    return replace(_unchanged(topic, post), events=[event], held_edit=edit)


def _unchanged(topic: Topic, post: Topic | Reply) -> Outcome:
    return Outcome(topic, reply=post if isinstance(post, Reply) else None)


def _out_of_sight(topic: Topic, before: Reply, after: Reply, event: Message) -> Outcome:
    """What cannot be read is no answer, and does not count."""
    events: list[Message] = []
    if after.id in topic.accepted_reply_ids:
        topic, after = topic.unaccept(after)
        events.append(reply_unaccepted(after))
    if before.published:
        topic = topic.lose(before)
    return Outcome(topic, [*events, event], after)

"""Forum domain events moderation acts on. Each says how hearing it twice is harmless.

A case's id follows from post and submission number, so an opening heard again finds its case and
changes nothing; a mooting heard again finds nothing open.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chassis.domain_events import DomainEvent, Effect, Subscription
from guildhall.forum.v1 import domain_events_pb2 as forum_events
from guildhall.forum.v1 import forum_pb2
from services.moderation.consumers.cases import Cases
from services.moderation.domain import (
    Case,
    CaseCause,
    CaseState,
    Escalation,
    Screening,
    ScreeningTooSlowError,
    Verdict,
    case_for_escalation,
    case_id,
    joined_case,
)
from services.moderation.repository import ModerationRepository
from services.moderation.use_cases.screening import BUS_BUDGET, Screener

if TYPE_CHECKING:
    from guildhall.forum.v1.forum_pb2_grpc import ForumServiceAsyncStub

_FIRST = 1  # the number of a post's first text
_OF_POSTS = (CaseCause.FLAG, CaseCause.ESCALATED)  # whatever their text is


@dataclass(frozen=True, slots=True)
class _Post:
    """What an event speaks of."""

    topic_id: str
    reply_id: str = ""


@dataclass(frozen=True, slots=True)
class _Text:
    """A post as the forum has it now."""

    author_id: str
    texts: tuple[str, ...]


class ModerationConsumers:
    """Opens cases for what is held or found, and moots those of posts that went away."""

    def __init__(
        self,
        repository: ModerationRepository,
        screener: Screener,
        forum: ForumServiceAsyncStub,
    ) -> None:
        self._cases = Cases(repository)
        self._screener = screener
        self._forum = forum

    def of_forum(self) -> Subscription:
        """What is heard of the forum."""
        return Subscription(
            "forum",
            {
                forum_events.TopicHeld: self.on_topic_held,
                forum_events.ReplyHeld: self.on_reply_held,
                forum_events.TopicPublished: self.on_topic_published,
                forum_events.ReplyPublished: self.on_reply_published,
                forum_events.TopicEdited: self.on_topic_edited,
                forum_events.ReplyEdited: self.on_reply_edited,
                forum_events.EditHeld: self.on_edit_held,
                forum_events.EditDropped: self.on_edit_dropped,
                forum_events.TopicRejected: self.on_topic_rejected,
                forum_events.ReplyRejected: self.on_reply_rejected,
                forum_events.TopicRemoved: self.on_topic_removed,
                forum_events.ReplyRemoved: self.on_reply_removed,
                forum_events.RepliesMoved: self.on_replies_moved,
                forum_events.TopicEscalated: self.on_topic_escalated,
            },
            aggregate_types=("topic",),
        )

    async def on_topic_held(self, event: DomainEvent[forum_events.TopicHeld]) -> Iterable[Effect]:
        """A topic waits: a case. Again: the case is there."""
        said = event.message
        return await self._held(event, _Post(said.topic_id), said.submission)

    async def on_reply_held(self, event: DomainEvent[forum_events.ReplyHeld]) -> Iterable[Effect]:
        """A reply waits: a case. Again: the case is there."""
        said = event.message
        return await self._held(event, _Post(said.topic_id, said.reply_id), said.submission)

    async def on_topic_published(
        self, event: DomainEvent[forum_events.TopicPublished]
    ) -> Iterable[Effect]:
        """A case where a rule flags it, or does once it is screened. Again: the case is there."""
        said = event.message
        return await self._shown(event, _Post(said.topic_id), said.submission, said.author_id)

    async def on_reply_published(
        self, event: DomainEvent[forum_events.ReplyPublished]
    ) -> Iterable[Effect]:
        """As on_topic_published."""
        said = event.message
        post = _Post(said.topic_id, said.reply_id)
        return await self._shown(event, post, said.submission, said.author_id)

    async def on_topic_edited(
        self, event: DomainEvent[forum_events.TopicEdited]
    ) -> Iterable[Effect]:
        """As on_topic_published; cases of former texts are moot. Again: they are moot."""
        said = event.message
        return await self._shown(event, _Post(said.topic_id), said.submission)

    async def on_reply_edited(
        self, event: DomainEvent[forum_events.ReplyEdited]
    ) -> Iterable[Effect]:
        """As on_topic_edited."""
        said = event.message
        return await self._shown(event, _Post(said.topic_id, said.reply_id), said.submission)

    async def on_edit_held(self, event: DomainEvent[forum_events.EditHeld]) -> Iterable[Effect]:
        """A case for the edit in place of the one it replaces; those of the text that readers see
        go on. Again: the case is there.
        """
        said = event.message
        known = await self._cases.of(event, said.topic_id, said.reply_id)
        case = _case(
            event,
            _Post(said.topic_id, said.reply_id),
            said.submission,
            cause=CaseCause.EDIT,
            author_id=event.actor,
            rule_ids=tuple(said.submission.rule_ids),
        )
        replaced = [one for one in _former(known, said.submission) if one.cause is CaseCause.EDIT]
        return [*self._cases.moot_all(event, replaced), self._cases.open(event, case)]

    async def on_edit_dropped(
        self, event: DomainEvent[forum_events.EditDropped]
    ) -> Iterable[Effect]:
        """Its case is moot. Again: it is no longer open."""
        said = event.message
        known = await self._cases.of(event, said.topic_id, said.reply_id)
        dropped = [one for one in known if one.submission_number == said.submission_number]
        return self._cases.moot_all(event, dropped)

    async def on_topic_rejected(
        self, event: DomainEvent[forum_events.TopicRejected]
    ) -> Iterable[Effect]:
        """Nothing left to decide; the case that rejected it is no longer open. Again: none is."""
        return await self._mooted(event, event.message.topic_id, "")

    async def on_reply_rejected(
        self, event: DomainEvent[forum_events.ReplyRejected]
    ) -> Iterable[Effect]:
        """As on_topic_rejected."""
        return await self._mooted(event, event.message.topic_id, event.message.reply_id)

    async def on_topic_removed(
        self, event: DomainEvent[forum_events.TopicRemoved]
    ) -> Iterable[Effect]:
        """The topic's cases and its replies' are moot. Again: none is open."""
        return await self._mooted(event, event.message.topic_id, None)

    async def on_reply_removed(
        self, event: DomainEvent[forum_events.ReplyRemoved]
    ) -> Iterable[Effect]:
        """The reply's cases are moot. Again: none is open."""
        return await self._mooted(event, event.message.topic_id, event.message.reply_id)

    async def on_replies_moved(
        self, event: DomainEvent[forum_events.RepliesMoved]
    ) -> Iterable[Effect]:
        """The replies' cases follow them. Again: they are there."""
        moved = event.message
        if moved.topic_id == moved.from_topic_id:
            return []
        places = (moved.from_topic_id, moved.topic_id)
        return [
            self._cases.move(event, case, moved.topic_id)
            for case in await self._cases.of_replies(event, places, moved.reply_ids)
            if case.topic_id != moved.topic_id
        ]

    async def on_topic_escalated(
        self, event: DomainEvent[forum_events.TopicEscalated]
    ) -> Iterable[Effect]:
        """The topic's open case has this, too, or there is a new one. Again: one has it. An event
        of before cases were made of it has no run.
        """
        said = event.message
        known = await self._cases.of(event, said.topic_id, "")
        if not said.run_id or any(case.escalated_by(said.run_id) for case in known):
            return []
        escalation = Escalation(
            said.run_id, said.automation_id, said.automation_name, said.reason, event.time
        )
        number = said.submission_number
        joined = joined_case(known, number)
        if joined is not None:
            return [self._cases.escalate(event, joined, escalation, number)]
        case = case_for_escalation(
            event.community_id, said.topic_id, said.author_id, number, escalation
        )
        return [self._cases.open(event, case)]

    async def _held(
        self, event: DomainEvent[Any], post: _Post, submission: forum_events.Submission
    ) -> list[Effect]:
        """A case for this text in place of those for former ones.

        The first to submit is the author; a moderator may have edited what waits since. What
        members flagged, or automations escalated, waits for what becomes of this text.
        """
        known = await self._cases.of(event, post.topic_id, post.reply_id)
        case = _case(
            event,
            post,
            submission,
            cause=CaseCause.RULE if submission.rule_ids else CaseCause.REVIEW,
            author_id=known[0].author_id if known else event.actor,
            rule_ids=tuple(submission.rule_ids),
        )
        former = [one for one in _former(known, submission) if not one.outlasts_edits]
        return [*self._cases.moot_all(event, former), self._cases.open(event, case)]

    async def _shown(
        self,
        event: DomainEvent[Any],
        post: _Post,
        submission: forum_events.Submission,
        author_id: str = "",
    ) -> list[Effect]:
        """Moot the cases of former texts, but for those with flags or escalations, and open one
        for this text where there is cause.
        """
        clean = submission.screened and not submission.rule_ids
        if submission.imported or (clean and submission.number == _FIRST):
            return []  # nothing was found, and there is no former text with a case
        known = await self._cases.of(event, post.topic_id, post.reply_id)
        former = _former(known, submission)
        if any(case.keeps_from_view and not case.hide_post for case in former):
            return []  # an edit of what waits: it is held anew, and the next event says so
        effects = [self._cases.moot(event, case, submission.number) for case in former]
        others = (case for case in known if case.cause not in _OF_POSTS)
        if any(case.submission_number == submission.number for case in others):
            return effects  # approved, or heard before
        found = await self._found(event, post, submission, author_id)
        return [*effects, self._cases.open(event, found)] if found else effects

    async def _found(
        self,
        event: DomainEvent[Any],
        post: _Post,
        submission: forum_events.Submission,
        author_id: str,
    ) -> Case | None:
        """A case for what the rules say of a text that readers can see; None: nothing."""
        cause, rule_ids = CaseCause.FLAG_RULE, tuple(submission.rule_ids)
        if submission.screened and not rule_ids:
            return None
        if not submission.screened or not author_id:
            text = await self._text(event.community_id, post)
            if text is None:
                return None
            author_id = text.author_id
            if not submission.screened:
                try:
                    screening = await self._screener.screen(
                        event.community_id, text.texts, budget=BUS_BUDGET
                    )
                except ScreeningTooSlowError:
                    # Nobody knows: let people look, the post stays.
                    screening = Screening(Verdict.FLAG, text.texts)
                if screening.verdict is Verdict.ALLOW and not screening.replaced_ids:
                    return None
                # What REPLACE would have changed is now for a moderator to see.
                rule_ids = screening.rule_ids + screening.replaced_ids
                if screening.verdict in (Verdict.HOLD, Verdict.BLOCK):
                    cause = CaseCause.RULE
        return _case(
            event,
            post,
            submission,
            cause=cause,
            author_id=author_id,
            rule_ids=rule_ids,
            hide_post=cause is CaseCause.RULE,
        )

    async def _text(self, community_id: str, post: _Post) -> _Text | None:
        """The post as it is now; None where it is gone."""
        if post.reply_id:
            replies = await self._forum.BatchGetReplies(
                forum_pb2.BatchGetRepliesRequest(
                    community_id=community_id, reply_ids=[post.reply_id]
                )
            )
            for reply in replies.replies:
                return _Text(reply.author.person_id, (reply.body,))
            return None
        topics = await self._forum.BatchGetTopics(
            forum_pb2.BatchGetTopicsRequest(community_id=community_id, topic_ids=[post.topic_id])
        )
        for topic in topics.topics:
            return _Text(topic.author.person_id, (topic.title, topic.body, *topic.tags))
        return None

    async def _mooted(
        self, event: DomainEvent[Any], topic_id: str, reply_id: str | None
    ) -> list[Effect]:
        return self._cases.moot_all(event, await self._cases.of(event, topic_id, reply_id))


def _case(
    event: DomainEvent[Any],
    post: _Post,
    submission: forum_events.Submission,
    *,
    cause: CaseCause,
    author_id: str,
    rule_ids: tuple[str, ...],
    hide_post: bool = False,
) -> Case:
    return Case(
        id=case_id(post.topic_id, post.reply_id, submission.number),
        community_id=event.community_id,
        cause=cause,
        topic_id=post.topic_id,
        reply_id=post.reply_id,
        author_id=author_id,
        submission_number=submission.number,
        open_time=event.time,
        rule_ids=rule_ids,
        hide_post=hide_post,
    )


def _former(cases: Iterable[Case], submission: forum_events.Submission) -> list[Case]:
    """Open cases of former texts."""
    return [
        case
        for case in cases
        if case.state is CaseState.OPEN and case.submission_number < submission.number
    ]

"""Forum domain events moderation acts on. Each says how hearing it twice is harmless.

A case's id follows from post and submission number, so an opening heard again finds its case and
changes nothing; a mooting heard again finds nothing open.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from google.protobuf.empty_pb2 import Empty

from chassis.decisions import Decision, Seen
from chassis.domain_events import DomainEvent, Effect, Subscription
from guildhall.forum.v1 import domain_events_pb2 as forum_events
from guildhall.forum.v1 import forum_pb2
from services.moderation.converters import case_mooted, case_moved, case_opened, case_renewed
from services.moderation.domain import (
    Case,
    CaseCause,
    CaseState,
    Screening,
    ScreeningTooSlowError,
    Verdict,
    case_id,
    existing,
)
from services.moderation.repository import ModerationRepository
from services.moderation.use_cases.screening import BUS_BUDGET, Screener

if TYPE_CHECKING:
    from guildhall.forum.v1.forum_pb2_grpc import ForumServiceAsyncStub

_MODERATION = "service:moderation"
_FIRST = 1  # the number of a post's first text
_MOST_HANDED_OUT = 2000  # topics; a batch has far fewer


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
        self._repository = repository
        self._screener = screener
        self._forum = forum
        # All handlers of a batch run before any of their effects is stored, so what was handed out
        # lately is remembered: topic id -> case id -> case. What is stored counts more.
        self._handed_out: dict[str, dict[str, Case]] = {}

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
        known = await self._cases_of(event, said.topic_id, said.reply_id)
        case = _case(
            event,
            _Post(said.topic_id, said.reply_id),
            said.submission,
            cause=CaseCause.EDIT,
            author_id=event.actor,
            rule_ids=tuple(said.submission.rule_ids),
        )
        replaced = [one for one in _former(known, said.submission) if one.cause is CaseCause.EDIT]
        return [*self._mootings(replaced), self._opening(case)]

    async def on_edit_dropped(
        self, event: DomainEvent[forum_events.EditDropped]
    ) -> Iterable[Effect]:
        """Its case is moot. Again: it is no longer open."""
        said = event.message
        known = await self._cases_of(event, said.topic_id, said.reply_id)
        return self._mootings(
            one for one in known if one.submission_number == said.submission_number
        )

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
        cases = {
            case.id: case
            for reply_id in moved.reply_ids
            for topic_id in places
            for case in await self._cases_of(event, topic_id, reply_id)
        }
        return [
            self._moving(case, moved.topic_id)
            for case in cases.values()
            if case.topic_id != moved.topic_id
        ]

    async def _held(
        self, event: DomainEvent[Any], post: _Post, submission: forum_events.Submission
    ) -> list[Effect]:
        """A case for this text in place of those for former ones.

        The first to submit is the author; a moderator may have edited what waits since. What
        members flagged waits for what becomes of this text.
        """
        known = await self._cases_of(event, post.topic_id, post.reply_id)
        case = _case(
            event,
            post,
            submission,
            cause=CaseCause.RULE if submission.rule_ids else CaseCause.REVIEW,
            author_id=known[0].author_id if known else event.actor,
            rule_ids=tuple(submission.rule_ids),
        )
        former = [one for one in _former(known, submission) if not one.flag_count]
        return [*self._mootings(former), self._opening(case)]

    async def _shown(
        self,
        event: DomainEvent[Any],
        post: _Post,
        submission: forum_events.Submission,
        author_id: str = "",
    ) -> list[Effect]:
        """Moot the cases of former texts, but for those with flags, and open one for this text
        where there is cause.
        """
        clean = submission.screened and not submission.rule_ids
        if submission.imported or (clean and submission.number == _FIRST):
            return []  # nothing was found, and there is no former text with a case
        known = await self._cases_of(event, post.topic_id, post.reply_id)
        former = _former(known, submission)
        if any(case.keeps_from_view and not case.hide_post for case in former):
            return []  # an edit of what waits: it is held anew, and the next event says so
        effects = [self._mooting(case, submission.number) for case in former]
        others = (case for case in known if case.cause is not CaseCause.FLAG)
        if any(case.submission_number == submission.number for case in others):
            return effects  # approved, or heard before
        found = await self._found(event, post, submission, author_id)
        return [*effects, self._opening(found)] if found else effects

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

    async def _cases_of(
        self, event: DomainEvent[Any], topic_id: str, reply_id: str | None
    ) -> list[Case]:
        """Cases of a post, those included whose opening is only being stored; oldest text first."""
        stored = await self._repository.find_cases_of(event.community_id, topic_id, reply_id)
        cases = {case.id: case for case in self._handed_out.get(topic_id, {}).values()}
        cases |= {case.id: case for case in stored}
        wanted = [
            case
            for case in cases.values()
            if case.community_id == event.community_id and reply_id in (None, case.reply_id)
        ]
        return sorted(wanted, key=lambda case: case.submission_number)

    async def _mooted(
        self, event: DomainEvent[Any], topic_id: str, reply_id: str | None
    ) -> list[Effect]:
        return self._mootings(await self._cases_of(event, topic_id, reply_id))

    def _mootings(self, cases: Iterable[Case]) -> list[Effect]:
        return [self._mooting(case) for case in cases if case.state is CaseState.OPEN]

    def _hand_out(self, case: Case) -> None:
        self._handed_out.setdefault(case.topic_id, {})[case.id] = case
        while len(self._handed_out) > _MOST_HANDED_OUT:
            del self._handed_out[next(iter(self._handed_out))]

    def _opening(self, case: Case) -> Effect:
        self._hand_out(case)

        def decide(seen: Seen[Case]) -> Decision[Case, Empty]:
            if seen.state is not None:
                return Decision(seen.state, _nothing)
            record = self._repository.audit(
                seen.now, case.community_id, _MODERATION, "OpenCase", case.id, case.cause.name
            )
            return Decision(case, _nothing, [case_opened(case)], writes=[record])

        return Effect(self._repository.cases.ref(case.community_id, case.id), decide)

    def _moving(self, case: Case, topic_id: str) -> Effect:
        self._handed_out.get(case.topic_id, {}).pop(case.id, None)
        self._hand_out(case.move(topic_id))

        def decide(seen: Seen[Case]) -> Decision[Case, Empty]:
            before = existing(seen.state)
            if before.topic_id == topic_id:
                return Decision(before, _nothing)
            record = self._repository.audit(
                seen.now, case.community_id, _MODERATION, "MoveCase", case.id, topic_id
            )
            after = before.move(topic_id)
            return Decision(after, _nothing, [case_moved(after)], writes=[record])

        return Effect(self._repository.cases.ref(case.community_id, case.id), decide)

    def _mooting(self, case: Case, submission_number: int = 0) -> Effect:
        """It is moot; one that members flagged is not by an edit, which has this number."""
        self._hand_out(case.moot(case.open_time))

        def decide(seen: Seen[Case]) -> Decision[Case, Empty]:
            before = existing(seen.state)
            renews = before.flag_count and submission_number
            after = before.renew(submission_number) if renews else before.moot(seen.now.time)
            if after == before:
                return Decision(before, _nothing)
            record = self._repository.audit(
                seen.now,
                case.community_id,
                _MODERATION,
                "RenewCase" if renews else "MootCase",
                case.id,
            )
            said = case_renewed(after) if renews else case_mooted(after)
            settling = [] if renews else self._repository.settling(after)
            return Decision(after, _nothing, [said], writes=[record, *settling])

        return Effect(self._repository.cases.ref(case.community_id, case.id), decide)


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


def _nothing(_: int) -> Empty:
    return Empty()

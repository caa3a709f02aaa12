"""Topics and replies that go elsewhere: to another space, into another topic, or into a new one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from chassis.errors import FailedPreconditionError, FieldInvalidError
from services.forum.domain.kinds import TooManyAcceptedError
from services.forum.domain.members import opens
from services.forum.domain.replies import Reply
from services.forum.domain.space_settings import AcceptedAnswers
from services.forum.domain.spaces import Space
from services.forum.domain.topics import (
    CloseReason,
    LatestReply,
    Topic,
    TopicKind,
    TopicState,
    TopicStateInvalidError,
    TopicStep,
)

PAGE = 100  # replies that go in one command; as many can be split off at once
MOST_LOOKED_AT = 1000  # replies, to find who wrote in a topic
_MOVABLE = frozenset(
    {
        TopicState.PENDING_REVIEW,
        TopicState.PUBLISHED,
        TopicState.CLOSED,
        TopicState.HIDDEN,
        TopicState.ARCHIVED,
    }
)
_OPEN = frozenset({TopicState.PUBLISHED, TopicState.CLOSED})


class AuthorCannotReadError(FailedPreconditionError):
    """Who wrote it could not read it there any more; it can be done nevertheless."""


class OthersCouldReadError(FailedPreconditionError):
    """Some who cannot read it now could read it there; it can be done nevertheless."""


@dataclass(frozen=True, slots=True)
class Carried:
    """Replies on their way from one topic to another, and both topics afterwards."""

    source: Topic
    target: Topic
    replies: tuple[Reply, ...]
    unaccepted: tuple[Reply, ...] = ()


def check_movable(topic: Topic) -> None:
    """What only its author knows, and what is gone, stays. Refuses with TOPIC_STATE_INVALID."""
    if topic.state not in _MOVABLE:
        raise TopicStateInvalidError(f"a topic that is {topic.state} stays where it is")


def move(topic: Topic, space: Space) -> Topic:
    """The topic in another space; its replies are still stored under the former one.

    Refuses with TOPIC_STATE_INVALID.
    """
    check_movable(topic)
    if topic.space_id == space.id:
        return topic
    former = dict.fromkeys((*topic.former_space_ids, topic.space_id))
    return replace(topic, space_id=space.id, former_space_ids=tuple(former))


def loses_author(topic_keys: Sequence[str], space: Space, author_keys: Sequence[str]) -> bool:
    """Whether somebody with these keys could read it where it was, and cannot where it goes."""
    return opens(topic_keys, author_keys) and not space.readable(author_keys)


def check_all_looked_at(author_ids: Collection[str] | None) -> set[str]:
    """Those that were found; None: there were more replies than are looked at.

    Refuses with AUTHOR_CANNOT_READ.
    """
    if author_ids is None:
        raise AuthorCannotReadError(
            f"of more than {MOST_LOOKED_AT} replies not all authors are asked for: say so to do it "
            "nevertheless"
        )
    return set(author_ids)


def check_no_others(former: Space, space: Space) -> None:
    """Nobody gains sight of what was written for others. Refuses with OTHERS_COULD_READ."""
    if not former.open_to_all_of(space):
        raise OthersCouldReadError(
            "others read that space, who cannot read this one: say so to do it nevertheless"
        )


def check_authors(former: Space, space: Space, author_keys: Iterable[Sequence[str]] | None) -> None:
    """None of them loses sight of what they wrote; of None nobody must lose it.

    Refuses with AUTHOR_CANNOT_READ.
    """
    if author_keys is None:
        loses = not space.open_to_all_of(former)
    else:
        loses = any(loses_author(former.read_keys, space, keys) for keys in author_keys)
    if loses:
        raise AuthorCannotReadError(
            "an author cannot read that space: say so to do it nevertheless"
        )


def check_answers(topic: Topic, space: Space) -> None:
    """No more answers than the space takes: whoever moves it says before which one stays.

    Refuses with TOO_MANY_ACCEPTED.
    """
    if topic.further_accepted_ids and space.settings.accepted_answers is AcceptedAnswers.SINGLE:
        raise TooManyAcceptedError("that space takes one answer to a question: unaccept the others")


def check_all_follow(topic: Topic, former: Space, space: Space) -> None:
    """For who moves and asks nobody: no reader loses it, and the space would take it.

    Refuses with AUTHOR_CANNOT_READ, KIND_NOT_ALLOWED, TAGS_INVALID, TOO_MANY_ACCEPTED.
    """
    if not space.open_to_all_of(former):
        raise AuthorCannotReadError("not all who read it could read it in that space")
    space.settings.check_kind(topic.kind)
    space.settings.tag_rules.check(topic.tags)
    check_answers(topic, space)


def check_merge(source: Topic, target: Topic) -> None:
    """Both are out and neither has gone elsewhere.

    Refuses with FIELD_INVALID, TOPIC_STATE_INVALID.
    """
    if source.id == target.id:
        field = "target_topic_id"
        raise FieldInvalidError("a topic cannot be merged into itself", field=field)
    for topic in (source, target):
        if topic.state not in _OPEN or topic.close_reason is CloseReason.MERGED:
            raise TopicStateInvalidError("both topics must be out, and neither merged before")
        if topic.carry_to_id:
            raise TopicStateInvalidError("replies of the topic are still being moved")


def merge(source: Topic, target: Topic, reason: str) -> Topic:
    """The source closed, its replies about to go. Refuses as check_merge does."""
    check_merge(source, target)
    closed = source
    if source.state is TopicState.PUBLISHED:
        closed = source.step(TopicStep.CLOSE)
    return replace(
        closed,
        close_reason=CloseReason.MERGED,
        state_reason=reason,
        duplicate_of_id="",
        moved_to_id=target.id,
        carry_to_id=target.id,
    )


def redirect(source: Topic, target: Topic) -> Topic:
    """The source, whose replies go on to where the target's went."""
    return replace(source, moved_to_id=target.moved_to_id, carry_to_id=target.moved_to_id)


def carry(source: Topic, target: Topic, replies: Iterable[Reply]) -> Carried:
    """Replies of the source become the target's, with their dates and states.

    An accepted answer stays one where the target is a question without.
    """
    moved, unaccepted = [], []
    for reply in replies:
        if reply.published:
            source = source.lose(reply)
        carried = replace(reply, topic_id=target.id, space_id=target.space_id).next()
        if reply.id in source.accepted_reply_ids:
            source, _ = source.unaccept(reply)
            if target.kind is TopicKind.QUESTION and not target.accepted_reply_id:
                target, carried = target.accept(carried)
            else:
                carried = replace(carried, accepted=False)
                unaccepted.append(carried)
        if carried.published:
            target = target.gain(carried)
        moved.append(carried)
    return Carried(source, target, tuple(moved), tuple(unaccepted))


def follow(topic: Topic, replies: Iterable[Reply]) -> tuple[Reply, ...]:
    """Replies stored under the topic's space, wherever they were."""
    return tuple(replace(reply, space_id=topic.space_id) for reply in replies)


def check_splittable(topic: Topic) -> None:
    """Refuses with TOPIC_STATE_INVALID."""
    if topic.state not in _OPEN or topic.carry_to_id:
        raise TopicStateInvalidError(f"nothing is split off a topic that is {topic.state}")


def split(source: Topic, part: Topic, replies: Sequence[Reply]) -> Carried:
    """Replies of the source become those of a new topic, which nobody has answered.

    Who replies to one that stays replies to the new topic.
    """
    chosen = {reply.id for reply in replies}
    freed = [
        reply if reply.parent_reply_id in chosen else replace(reply, parent_reply_id="")
        for reply in replies
    ]
    carried = carry(source, replace(part, kind=TopicKind.DISCUSSION), freed)
    return replace(carried, target=replace(carried.target, kind=part.kind))


def with_latest(topic: Topic, replies: Iterable[Reply]) -> Topic:
    """The topic, reminded of its latest replies: it remembers a few only and may have lost them."""
    known = {one.id: one for one in topic.latest}
    for reply in replies:
        if reply.published and reply.topic_id == topic.id:
            known[reply.id] = LatestReply(reply.id, reply.author, reply.create_time)
    return topic.remembering(known.values())


def arrived(topic: Topic) -> Topic:
    """All its replies are where it says."""
    return replace(topic, carry_to_id="", former_space_ids=())


def check_original(topic: Topic, original_id: str) -> None:
    """A topic is no duplicate of itself. Refuses with FIELD_INVALID."""
    if topic.id == original_id:
        field = "duplicate_of_id"
        raise FieldInvalidError("a topic is no duplicate of itself", field=field)

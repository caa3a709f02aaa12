"""What moderators do with topics that are in the wrong place: move, merge, split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from google.protobuf.message import Message

from chassis.actors import Actor
from chassis.commands import Commands
from chassis.decisions import Decision, Seen, Write
from chassis.errors import FieldInvalidError, check_version
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1.moves_pb2 import (
    MergeTopicsRequest,
    MergeTopicsResponse,
    MoveTopicRequest,
    MoveTopicResponse,
    SplitTopicRequest,
    SplitTopicResponse,
)
from services.forum.converters import enums
from services.forum.converters.domain_events import reply_unaccepted, topic_submitted
from services.forum.converters.markdown import rendered
from services.forum.converters.messages import topic_to_proto
from services.forum.domain import moves
from services.forum.domain.members import Member
from services.forum.domain.replies import Reply, ReplyNotFoundError
from services.forum.domain.spaces import Space, SpaceNotFoundError
from services.forum.domain.tags import check_tags
from services.forum.domain.texts import TopicText, check_title, check_topic_body
from services.forum.domain.topics import Topic, TopicKind, TopicNotFoundError, TopicState
from services.forum.repository import ForumRepository
from services.forum.use_cases.base import UseCases, visible, visible_reply
from services.forum.use_cases.carrying import Carrying, follow_replies
from services.forum.use_cases.moderating import Outcome, entry
from services.forum.use_cases.moderation import check_optional_reason, moderator
from services.forum.use_cases.ways import Ways

if TYPE_CHECKING:
    from guildhall.directory.v1.directory_pb2_grpc import DirectoryServiceAsyncStub
    from guildhall.moderation.v1.moderation_pb2_grpc import ModerationServiceAsyncStub


class MoveUseCases(UseCases):
    """The topic changes at once, its replies follow in pages (see Carrying)."""

    def __init__(
        self,
        commands: Commands,
        repository: ForumRepository,
        moderation: ModerationServiceAsyncStub,
        directory: DirectoryServiceAsyncStub,
        carrying: Carrying,
    ) -> None:
        super().__init__(commands, repository, moderation)
        self._ways = Ways(repository, directory)
        self._carrying = carrying

    async def move_topic(self, actor: Actor, request: MoveTopicRequest) -> MoveTopicResponse:
        """MODERATOR. Refuses with TOPIC_NOT_FOUND, SPACE_NOT_FOUND, and as Ways and Way do."""
        member = moderator(actor, request.community_id)
        reason = check_optional_reason(request.reason)
        if (done := await self._done(actor, request, MoveTopicResponse)) is not None:
            return done
        found, former = await self._repository.get_topic_space(
            request.community_id, request.topic_id, member.keyring
        )
        space = await self._repository.get_space(
            request.community_id, request.space_id, member.keyring
        )
        moves.check_movable(found)  # refuse before asking others
        _check_fits(found.kind, found.tags, space, member)
        if found.space_id != space.id:  # one that is there already stays as it is
            moves.check_answers(found, space)
        way = await self._ways.find(request, found, former, space)

        def change(seen: Seen[Topic], topic: Topic) -> Outcome:
            check_version(topic.version, request.expected_version)
            moved = moves.move(topic, space)
            if moved.space_id == topic.space_id:
                return Outcome(topic)
            there = way.check(seen, member, SpaceNotFoundError(field="space_id"))
            _check_fits(topic.kind, topic.tags, there, member)
            moves.check_answers(topic, there)
            event = said.TopicMoved(
                topic_id=topic.id, space_id=space.id, from_space_id=topic.space_id
            )
            writes = [
                entry(seen.now, topic, "MoveTopic", reason, member.person_id),
                self._repository.carry_revisions(
                    topic.community_id, [topic.id], moved.former_space_ids, space.id
                ),
            ]
            return Outcome(moved, [event], writes=writes, stands_on=way.spaces)

        def answer(outcome: Outcome, version: int) -> MoveTopicResponse:
            return MoveTopicResponse(topic=topic_to_proto(outcome.topic, version))

        response = await self._change(
            actor, request, member, found, change, answer, along=way.spaces
        )
        await self._carrying.soon(found.community_id, found.id)
        return response

    async def merge_topics(self, actor: Actor, request: MergeTopicsRequest) -> MergeTopicsResponse:
        """MODERATOR. Refuses with TOPIC_NOT_FOUND, TOPIC_STATE_INVALID, and as Ways and Way do."""
        member = moderator(actor, request.community_id)
        reason = check_optional_reason(request.reason)
        if (done := await self._done(actor, request, MergeTopicsResponse)) is not None:
            return done
        community_id = request.community_id
        found, former = await self._repository.get_topic_space(
            community_id, request.topic_id, member.keyring
        )
        target, space = await self._target(community_id, request.target_topic_id, member)
        moves.check_merge(found, target)
        way = await self._ways.find(request, found, former, space)
        target_ref = self._repository.topics.ref(community_id, target.id)
        refs = [
            self._repository.reply_ref(community_id, id_)
            for id_ in await self._repository.find_reply_ids(found, moves.PAGE)
        ]

        def decide(seen: Seen[Topic]) -> Decision[Topic, MergeTopicsResponse]:
            source = visible(seen.state, member, found)
            check_version(source.version, request.expected_version)
            into = _named(seen.other(target_ref), member, target)
            way.check(seen, member, TopicNotFoundError(field="target_topic_id"))
            merged = moves.merge(source, into, reason)
            replies = [reply for ref in refs if (reply := seen.part(ref)) is not None]
            begun = self._carrying.carried(merged, into, replies)
            left = begun.state if begun.state.version > source.version else begun.state.next()
            got = begun.others[0].state if begun.others else into
            answer = MergeTopicsResponse(
                topic=topic_to_proto(left.showing({into.id}), left.version),
                target_topic=topic_to_proto(got.showing(()), got.version),
            )
            return Decision(
                left,
                lambda _: answer,
                [said.TopicMerged(topic_id=source.id, into_topic_id=into.id), *begun.events],
                begun.parts,
                [
                    entry(seen.now, source, "MergeTopics", reason, member.person_id),
                    *_follow_author(source, into),
                    *begun.writes,
                ],
                begun.others,
                way.spaces,
            )

        ref = self._repository.topics.ref(community_id, found.id)
        response = await self._commands.run(
            actor, request, ref.having(*refs).along(target_ref, *way.spaces), decide
        )
        await self._carrying.soon(community_id, found.id)
        return response

    async def _target(
        self, community_id: str, topic_id: str, member: Member
    ) -> tuple[Topic, Space]:
        try:
            return await self._repository.get_topic_space(community_id, topic_id, member.keyring)
        except TopicNotFoundError:
            raise TopicNotFoundError(field="target_topic_id") from None

    async def split_topic(self, actor: Actor, request: SplitTopicRequest) -> SplitTopicResponse:
        """MODERATOR. Refuses with TOPIC_NOT_FOUND, REPLY_NOT_FOUND, SPACE_NOT_FOUND."""
        member = moderator(actor, request.community_id)
        reason = check_optional_reason(request.reason)
        kind = enums.topic_kind(request.kind) if request.kind else TopicKind.DISCUSSION
        text = TopicText(
            check_title(request.title), check_topic_body(request.body), check_tags(request.tags)
        )
        chosen = _chosen(request.reply_ids)
        if (done := await self._done(actor, request, SplitTopicResponse)) is not None:
            return done
        community_id, keyring = request.community_id, member.keyring
        found, former = await self._repository.get_topic_space(
            community_id, request.topic_id, keyring
        )
        space = former
        if request.space_id:
            space = await self._repository.get_space(community_id, request.space_id, keyring)
        moves.check_splittable(found)
        _check_fits(kind, text.tags, space, member)
        wanted = _chosen([*chosen, *await self._repository.find_children(found, chosen)])
        replies = await self._repository.find_replies_of(found, wanted, keyring)
        _check_all_there(chosen, replies)
        authors = [one.author.person_id for one in replies]
        way = await self._ways.find(request, found, former, space, authors)
        screening = await self._screen(community_id, text.parts)
        screening.check_not_held(space)  # what waits for review would take the replies out of sight
        text = text.screened(screening.texts)
        body = rendered(text.body)
        latest = await self._repository.find_latest_replies(found, [r.id for r in replies])
        new_id = self._commands.new_id(actor, request)
        new_ref = self._repository.topics.ref(community_id, new_id)
        refs = [self._repository.reply_ref(community_id, reply.id) for reply in replies]
        left = [self._repository.reply_ref(community_id, reply.id) for reply in latest]

        def decide(seen: Seen[Topic]) -> Decision[Topic, SplitTopicResponse]:
            source = visible(seen.state, member, found)
            if (there := seen.other(new_ref)) is not None:  # asked again after 48 hours
                return Decision(source, lambda _: _split(source, there))
            check_version(source.version, request.expected_version)
            moves.check_splittable(source)
            where = way.check(seen, member, SpaceNotFoundError(field="space_id"))
            _check_fits(kind, text.tags, where, member)
            screening.check_not_held(where)
            new = Topic(
                id=new_id,
                community_id=community_id,
                space_id=space.id,
                kind=kind,
                state=TopicState.PUBLISHED,
                title=text.title,
                body=body,
                tags=text.tags,
                author=member.author,
                create_time=seen.now.time,
                activity_time=seen.now.time,
                submission=screening.submission(1),
                split_from_id=source.id,
            )
            going = [visible_reply(seen.part(ref), source, member) for ref in refs]
            decision = self._split_off(
                seen,
                (source, new),
                going,
                [seen.part(ref) for ref in left],
                entry(seen.now, source, "SplitTopic", reason, member.person_id),
            )
            return replace(decision, stands_on=way.spaces)

        ref = self._repository.topics.ref(community_id, found.id)
        return await self._commands.run(
            actor, request, ref.having(*refs, *left).along(new_ref, *way.spaces), decide
        )

    def _split_off(
        self,
        seen: Seen[Topic],
        topics: tuple[Topic, Topic],
        going: Sequence[Reply],
        left: Iterable[Reply | None],
        line: Write,
    ) -> Decision[Topic, SplitTopicResponse]:
        """Both topics, the replies and what is kept about them."""
        source, new = topics
        done = moves.split(source, new, going)
        ids = [reply.id for reply in going]
        remaining = moves.with_latest(done.source, [reply for reply in left if reply]).next()
        made = done.target.next()
        events: list[Message] = [reply_unaccepted(reply) for reply in done.unaccepted]
        events += [
            said.TopicSplit(topic_id=source.id, into_topic_id=new.id),
            said.RepliesLeft(
                topic_id=source.id, into_topic_id=new.id, reply_ids=ids, finished=True
            ),
        ]
        arrived = said.RepliesMoved(
            topic_id=new.id, from_topic_id=source.id, reply_ids=ids, finished=True
        )
        repository = self._repository
        orphans = [
            repository.count_child(reply, -1)
            for reply in going
            if reply.published and reply.parent_reply_id and reply.parent_reply_id not in ids
        ]
        former = {source.space_id, *source.former_space_ids} - {new.space_id}
        return Decision(
            remaining,
            lambda _: _split(remaining, made),
            events,
            [repository.reply_ref(one.community_id, one.id).put(one) for one in done.replies],
            [
                line,
                *orphans,
                repository.carry_revisions(new.community_id, ids, sorted(former), new.space_id),
                repository.carry_moderation_entries(source, new, ids),
                *follow_replies(new, going),
            ],
            [
                repository.topics.ref(new.community_id, new.id).put(
                    made, [topic_submitted(made), arrived]
                )
            ],
        )


def _check_fits(kind: TopicKind, tags: Sequence[str], space: Space, member: Member) -> None:
    """What the space would not take from anybody. Refuses with KIND_NOT_ALLOWED, TAGS_INVALID."""
    space.settings.check_new_topic(member, kind)
    space.settings.tag_rules.check(tags)


def _follow_author(source: Topic, target: Topic) -> list[Write]:
    """Who asked tracks the topic that is answered now."""
    asker = source.author.person_id
    if not asker:
        return []
    return [
        ForumRepository.new_participation(source.community_id, asker, target.id, source.create_time)
    ]


def _named(target: Topic | None, member: Member, found: Topic) -> Topic:
    try:
        return visible(target, member, found)
    except TopicNotFoundError:
        raise TopicNotFoundError(field="target_topic_id") from None


def _check_all_there(chosen: Iterable[str], replies: Iterable[Reply]) -> None:
    if not set(chosen) <= {reply.id for reply in replies}:
        raise ReplyNotFoundError(field="reply_ids")


def _chosen(reply_ids: Iterable[str]) -> list[str]:
    """Each once. Refuses with FIELD_INVALID."""
    chosen = list(dict.fromkeys(reply_ids))
    if not 1 <= len(chosen) <= moves.PAGE:
        field = "reply_ids"
        raise FieldInvalidError(f"{field} must be 1 to {moves.PAGE} with their own", field=field)
    return chosen


def _split(source: Topic, new: Topic) -> SplitTopicResponse:
    return SplitTopicResponse(
        topic=topic_to_proto(source.showing(()), source.version),
        new_topic=topic_to_proto(new.showing({source.id}), new.version),
    )

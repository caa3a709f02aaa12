"""Say how far one has read, and see how topics stand to one."""

from __future__ import annotations

from datetime import UTC, datetime

from chassis.actors import Actor
from chassis.decisions import Decision, Seen
from chassis.errors import FieldInvalidError
from chassis.pagination import check_batch
from chassis.timestamps import time_of, timestamp_of
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1 import feed_pb2 as pb
from services.forum.converters.feed import viewer_state_to_proto
from services.forum.converters.messages import topic_to_proto
from services.forum.domain.feed.follows import Reader
from services.forum.domain.feed.reads import Place, ReadMark, last_place, latest_until
from services.forum.domain.members import Member
from services.forum.use_cases.feed.base import OwnUseCases, new_reader


class ReadUseCases(OwnUseCases):
    """A read mark is an aggregate, one a person and topic; what is read whole is the reader's."""

    async def mark_topic_read(
        self, actor: Actor, request: pb.MarkTopicReadRequest
    ) -> pb.MarkTopicReadResponse:
        """Refuses with TOPIC_NOT_FOUND, REPLY_NOT_FOUND."""
        member = Member.of(actor, request.community_id)
        repository = self._repository
        topic = await repository.get_topic(request.community_id, request.topic_id, member.keyring)
        place = last_place(topic)
        if request.reply_id:
            reply = await repository.get_reply(topic, request.reply_id, member.keyring)
            place = Place(reply.create_time, reply.id)
        ref = repository.read_mark_ref(request.community_id, member.person_id, topic.id)

        def decide(seen: Seen[ReadMark]) -> Decision[ReadMark, pb.MarkTopicReadResponse]:
            mark = seen.state
            if mark is None:
                after = ReadMark(
                    ref.id, topic.community_id, member.person_id, topic.id, place, seen.now.time
                )
            else:
                after = mark.read_to(place, seen.now.time)
            event = said.TopicRead(
                person_id=member.person_id, topic_id=topic.id, reply_id=after.place.id
            )
            # What it comes to is read anew for each answer, the repeated one too.
            return Decision(
                after, lambda _: pb.MarkTopicReadResponse(), [event] if after != mark else []
            )

        response = await self._commands.run(actor, request, ref, decide)
        _, of_groups = await self.spaces_opened({request.community_id: member.keyring})
        states = await self.viewer_states(member.person_id, [topic], of_groups=of_groups)
        topic = await self.shown_topic(topic, member)
        response.topic.CopyFrom(topic_to_proto(topic, topic.version))
        response.viewer_state.CopyFrom(viewer_state_to_proto(states[topic.id]))
        return response

    async def mark_all_read(
        self, actor: Actor, request: pb.MarkAllReadRequest
    ) -> pb.MarkAllReadResponse:
        """Refuses with SPACE_NOT_FOUND, FIELD_INVALID."""
        member = Member.of(actor, request.community_id)
        given = (
            time_of(request.until_time, "until_time") if request.HasField("until_time") else None
        )
        if given is not None and given > datetime.now(UTC):
            raise FieldInvalidError("until_time must not be to come", field="until_time")
        if request.space_id:
            await self._repository.get_space(request.community_id, request.space_id, member.keyring)

        def decide(seen: Seen[Reader]) -> Decision[Reader, pb.MarkAllReadResponse]:
            until = given or seen.now.time
            before = seen.state or new_reader(request.community_id, member.person_id)
            after = before.read_all(request.space_id, until, seen.now.time)
            event = said.AllRead(person_id=member.person_id, space_id=request.space_id)
            read = latest_until(after.reads, request.space_id) or until
            return Decision(
                after,
                lambda _: pb.MarkAllReadResponse(read_time=timestamp_of(read)),
                [event] if after != before else [],
            )

        ref = self._repository.reader_ref(request.community_id, member.person_id)
        return await self._commands.run(actor, request, ref, decide)

    async def batch_get_viewer_states(
        self, actor: Actor, request: pb.BatchGetViewerStatesRequest
    ) -> pb.BatchGetViewerStatesResponse:
        """In the order asked for."""
        member = Member.of(actor, request.community_id)
        ids = check_batch(list(request.topic_ids), "topic_ids")
        found = await self._repository.find_topics(
            request.community_id, ids, member.keyring, without_texts=True
        )
        _, of_groups = await self.spaces_opened({request.community_id: member.keyring})
        states = await self.viewer_states(member.person_id, found, of_groups=of_groups)
        return pb.BatchGetViewerStatesResponse(
            viewer_states=[viewer_state_to_proto(states[id_]) for id_ in ids if id_ in states]
        )

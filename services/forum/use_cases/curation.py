"""How knowledge stays right: what the vendor says of ideas, and who looks at articles again."""

from __future__ import annotations

from chassis.actors import MANAGER, Actor
from chassis.decisions import Seen
from chassis.errors import check_version
from chassis.pagination import MAX_PAGE_SIZE, Paging
from chassis.texts import check_body
from chassis.timestamps import time_of
from guildhall.forum.v1 import domain_events_pb2 as said
from guildhall.forum.v1.curation_pb2 import (
    ListOwnerlessArticlesRequest,
    PinTopicRequest,
    PinTopicResponse,
    ReviewArticleRequest,
    ReviewArticleResponse,
    SetArticleOwnerRequest,
    SetArticleOwnerResponse,
    UnpinTopicRequest,
    UnpinTopicResponse,
    UpdateIdeaStatusRequest,
    UpdateIdeaStatusResponse,
)
from services.forum.converters import enums
from services.forum.converters.messages import topic_to_proto
from services.forum.domain.members import Member
from services.forum.domain.topics import Topic
from services.forum.domain.topics.curation import (
    OwnedArticle,
    OwnerInvalidError,
    change_owner,
    pin,
    require_owner_or_moderator,
    review_article,
    unpin,
    update_idea,
)
from services.forum.use_cases.base import UseCases
from services.forum.use_cases.moderating import Outcome, entry
from services.forum.use_cases.moderation import check_optional_reason

_MAX_NOTE = 1000


class CurationUseCases(UseCases):
    """Of topics that are out."""

    async def update_idea_status(
        self, actor: Actor, request: UpdateIdeaStatusRequest
    ) -> UpdateIdeaStatusResponse:
        """MODERATOR of the vendor. Refuses with NOT_AN_IDEA, REASON_REQUIRED."""
        member = Member.of(actor, request.community_id)
        status = enums.idea_status(request.idea_status)
        note = check_body(request.note, "note", least=0, most=_MAX_NOTE)
        if (done := await self._done(actor, request, UpdateIdeaStatusResponse)) is not None:
            return done
        found, _ = await self._repository.get_topic_space(
            request.community_id, request.topic_id, member.keyring
        )

        def change(seen: Seen[Topic], topic: Topic) -> Outcome:
            check_version(topic.version, request.expected_version)
            changed = update_idea(topic, member, status, note, seen.now.time)
            if changed == topic:
                return Outcome(topic)
            line = entry(seen.now, topic, "UpdateIdeaStatus", note, member.person_id)
            return Outcome(changed, [said.IdeaStatusChanged(topic_id=topic.id)], writes=[line])

        def answer(outcome: Outcome, version: int) -> UpdateIdeaStatusResponse:
            return UpdateIdeaStatusResponse(topic=topic_to_proto(outcome.topic, version))

        return await self._change(actor, request, member, found, change, answer)

    async def review_article(
        self, actor: Actor, request: ReviewArticleRequest
    ) -> ReviewArticleResponse:
        """Its owner or MODERATOR. Refuses with NOT_AN_ARTICLE."""
        member = Member.of(actor, request.community_id)
        due = time_of(request.review_due_time, "review_due_time")
        if (done := await self._done(actor, request, ReviewArticleResponse)) is not None:
            return done
        found, _ = await self._repository.get_topic_space(
            request.community_id, request.topic_id, member.keyring
        )

        def change(seen: Seen[Topic], topic: Topic) -> Outcome:
            check_version(topic.version, request.expected_version)
            reviewed = review_article(topic, member, due, seen.now.time)
            line = entry(seen.now, topic, "ReviewArticle", "", member.person_id)
            return Outcome(reviewed, [said.ArticleReviewed(topic_id=topic.id)], writes=[line])

        def answer(outcome: Outcome, version: int) -> ReviewArticleResponse:
            return ReviewArticleResponse(topic=topic_to_proto(outcome.topic, version))

        return await self._change(actor, request, member, found, change, answer)

    async def set_article_owner(
        self, actor: Actor, request: SetArticleOwnerRequest
    ) -> SetArticleOwnerResponse:
        """Its owner or MODERATOR. Refuses with NOT_AN_ARTICLE, OWNER_INVALID, UNAVAILABLE."""
        member = Member.of(actor, request.community_id)
        owner_id = request.owner_id
        if (done := await self._done(actor, request, SetArticleOwnerResponse)) is not None:
            return done
        found, space = await self._repository.get_topic_space(
            request.community_id, request.topic_id, member.keyring
        )
        require_owner_or_moderator(found, member)  # others are not told who can read this
        if owner_id not in await self._readers(space, [owner_id]):
            raise OwnerInvalidError(field="owner_id")

        def change(seen: Seen[Topic], topic: Topic) -> Outcome:
            check_version(topic.version, request.expected_version)
            changed = change_owner(topic, member, owner_id)
            if changed == topic:
                return Outcome(topic)
            event = said.ArticleOwnerChanged(topic_id=topic.id, owner_id=owner_id)
            if topic.owned_by(member):
                return Outcome(changed, [event])
            line = entry(seen.now, topic, "SetArticleOwner", "", member.person_id)
            return Outcome(changed, [event], writes=[line])

        def answer(outcome: Outcome, version: int) -> SetArticleOwnerResponse:
            return SetArticleOwnerResponse(topic=topic_to_proto(outcome.topic, version))

        return await self._change(actor, request, member, found, change, answer)

    async def list_ownerless_articles(
        self, actor: Actor, request: ListOwnerlessArticlesRequest, paging: Paging
    ) -> list[OwnedArticle]:
        """What the page needs. MANAGER. Refuses with SPACE_NOT_FOUND, UNAVAILABLE.

        Who is a member is asked, not heard: nobody says that an enrolment ends by its date.
        """
        community_id = request.community_id
        member = Member.of(actor, community_id)
        actor.require_role(community_id, MANAGER)
        if request.space_id:
            await self._repository.get_space(community_id, request.space_id, member.keyring)
        owners = await self._repository.list_article_owners(community_id, paging)
        found: list[OwnedArticle] = []
        for start in range(0, len(owners), MAX_PAGE_SIZE):
            some = owners[start : start + MAX_PAGE_SIZE]
            # What was imported is nobody's: the first of all.
            gone = set(some) - await self._members(community_id, [one for one in some if one])
            if gone:
                found += await self._repository.list_articles_of(
                    community_id, gone, member.keyring, request.space_id, paging
                )
            if len(found) >= paging.limit:
                break
        return found[: paging.limit]

    async def pin_topic(self, actor: Actor, request: PinTopicRequest) -> PinTopicResponse:
        """MODERATOR. Refuses with TOPIC_STATE_INVALID."""
        member = Member.of(actor, request.community_id)
        member.require_moderator()
        expire_time = None
        if request.HasField("pin_expire_time"):
            expire_time = time_of(request.pin_expire_time, "pin_expire_time")
        reason, code = check_optional_reason(request.reason), enums.reason_code(request.reason_code)
        if (done := await self._done(actor, request, PinTopicResponse)) is not None:
            return done
        found, _ = await self._repository.get_topic_space(
            request.community_id, request.topic_id, member.keyring
        )

        def change(seen: Seen[Topic], topic: Topic) -> Outcome:
            check_version(topic.version, request.expected_version)
            pinned = pin(topic, expire_time, seen.now.time)
            line = entry(seen.now, topic, "PinTopic", reason, member.person_id, code=code)
            return Outcome(pinned, [said.TopicPinned(topic_id=topic.id)], writes=[line])

        def answer(outcome: Outcome, version: int) -> PinTopicResponse:
            return PinTopicResponse(topic=topic_to_proto(outcome.topic, version))

        return await self._change(actor, request, member, found, change, answer)

    async def unpin_topic(self, actor: Actor, request: UnpinTopicRequest) -> UnpinTopicResponse:
        """MODERATOR."""
        member = Member.of(actor, request.community_id)
        member.require_moderator()
        reason, code = check_optional_reason(request.reason), enums.reason_code(request.reason_code)
        if (done := await self._done(actor, request, UnpinTopicResponse)) is not None:
            return done
        found, _ = await self._repository.get_topic_space(
            request.community_id, request.topic_id, member.keyring
        )

        def change(seen: Seen[Topic], topic: Topic) -> Outcome:
            check_version(topic.version, request.expected_version)
            if topic.pin_time is None:
                return Outcome(topic)
            line = entry(seen.now, topic, "UnpinTopic", reason, member.person_id, code=code)
            return Outcome(unpin(topic), [said.TopicUnpinned(topic_id=topic.id)], writes=[line])

        def answer(outcome: Outcome, version: int) -> UnpinTopicResponse:
            return UnpinTopicResponse(topic=topic_to_proto(outcome.topic, version))

        return await self._change(actor, request, member, found, change, answer)

"""See where one is mentioned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from chassis.actors import Actor
from chassis.pagination import Paging, encode_page_token
from guildhall.forum.v1 import feed_pb2 as pb
from services.forum.converters.feed import mention_to_proto
from services.forum.domain.references import Mention, ShownMention
from services.forum.repository.feed import shown_page
from services.forum.use_cases.feed.base import OwnUseCases, keyrings_of


class MentionUseCases(OwnUseCases):
    """A mention is stored with its post; whether one sees it is asked of the post."""

    async def list_mentions(
        self, actor: Actor, request: pb.ListMentionsRequest
    ) -> pb.ListMentionsResponse:
        """What one can see of it, newest first."""
        keyrings = keyrings_of(actor, request.community_ids)
        paging = Paging.of(request, datetime, str)
        repository = self._repository

        async def read(page: Paging) -> Sequence[Mention]:
            return await repository.list_mentions(keyrings, actor.person_id, page)

        async def show(rows: Sequence[Mention]) -> Iterable[ShownMention]:
            return await repository.find_shown_mentions(keyrings, rows)

        found = await shown_page(paging, read, show, _place)
        shown, token = paging.page(found, lambda last: _place(last.mention))
        return pb.ListMentionsResponse(
            mentions=[
                mention_to_proto(one, encode_page_token(*_place(one.mention))) for one in shown
            ],
            next_page_token=token,
        )


def _place(mention: Mention) -> tuple[datetime, str]:
    return mention.time, mention.id

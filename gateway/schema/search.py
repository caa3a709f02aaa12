"""One search over everything one can read, suggestions and synonyms, in GraphQL."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from gateway import batches, staff_lists
from gateway.context import Info
from gateway.cursors import GlobalId, decode_communities, decode_id, encode_id
from gateway.errors import BadUserInputError
from gateway.finding import OBJECT, find, searching, shown
from gateway.loaders import Reference, fill, filled, selects
from gateway.schema.announcements import Announcement
from gateway.schema.directory import Community, Company, Member
from gateway.schema.feed import CommunityIds
from gateway.schema.fields import COMMUNITY, fetched
from gateway.schema.forum import Reply, Space, Topic
from gateway.schema.relay import After, Before, First, Last, PageInfo
from gateway.schema.scalars import DateTime, Html, TopicKind, TopicState
from gateway.schema.staff import community_of
from gateway.schema.staff_scalars import SearchKind, SearchSort
from gateway.schema.writes import codes, expected_version, request_id, version, write
from guildhall.search.v1 import search_pb2

SearchNode = Annotated[
    Topic | Reply | Member | Company | Space | Announcement,
    strawberry.union("SearchNode", description="What can be found."),
]


@strawberry.type(description="Something that was found.")
class SearchEdge:
    """search.Hit."""

    cursor: str = strawberry.field(
        description="For after and before; works with these filters only."
    )
    score: float = strawberry.field(description="How well it matches; comparable in one search.")
    title_highlight: Html | None = strawberry.field(
        description="Its title or name with the matches in mark elements, safe to be shown; of "
        "announcements in the language they were written in."
    )
    body_highlight: Html | None = strawberry.field(
        description="The piece of its text that matches best, likewise; of announcements in any of "
        "their languages."
    )

    node: SearchNode | None = fetched(
        OBJECT,
        "What was found, as its owner shows it now: what one may not see any more is "
        "left out with its edge. Null, with an error, where the owner does not answer.",
    )


@strawberry.type(description="How many of what was found have this value.")
class SearchFacetValue:
    """search.FacetValue."""

    count: int = strawberry.field(description="How many; all pages together.")

    @strawberry.field(description="The value, as the filter takes it; of communities the id.")
    def value(self) -> str:
        community = self.community_id  # type: ignore[attr-defined]
        return encode_id("Community", community, community) if community else self.value

    label: str | None = fetched(
        Reference(
            batches.communities,
            lambda row: batches.community_key(row.community_id),
            lambda community: community.name,
        ),
        "Of communities the name; else null.",
    )


@strawberry.type(description="What was found, counted by one of its properties.")
class SearchFacet:
    """search.Facet."""

    name: str = strawberry.field(
        description="The property: kind, community, tag, topicKind or topicState; of replies the "
        "last three are their topic's."
    )
    values: list[SearchFacetValue] = strawberry.field(
        description="Its values, the most frequent first."
    )


@strawberry.type(description="One page of what was found.")
class SearchConnection:
    """search.SearchResponse. What is not asked for is not computed."""

    edges: list[SearchEdge] = strawberry.field(
        description="In the order asked for; fewer than asked for where something is gone since."
    )
    page_info: PageInfo = strawberry.field(description="Where the page is.")
    total_count: int | None = strawberry.field(
        metadata={"guildhall_cost": 5, "guildhall_once": True},
        description="How many there are in all, of what one can read; counted up to 10,000.",
    )
    facets: list[SearchFacet] | None = strawberry.field(
        metadata={"guildhall_once": True},
        description="All that was found, counted by kind, community, tag, topicKind and "
        "topicState.",
    )


@strawberry.type(description="A title or name that begins like what was typed.")
class Suggestion:
    """search.Suggestion."""

    text: str = strawberry.field(description="The title or name.")
    kind: SearchKind = strawberry.field(description="Of what.")

    node: SearchNode | None = fetched(
        OBJECT, "What it is the title or name of; null where one may not see it any more."
    )

    community: Community | None = fetched(
        COMMUNITY,
        "The community it is in.",
    )


@strawberry.type(description="Phrases that stand for each other.")
class SynonymSet:
    """search.SynonymSet."""

    phrases: list[str] = strawberry.field(description="Each stands for all.")


@strawberry.type(description="A community's synonyms.")
class Synonyms:
    """search.Synonyms."""

    sets: list[SynonymSet] = strawberry.field(description="All sets.")
    version: int = strawberry.field(description="For expectedVersion; 0: there never were any.")


@strawberry.input(description="Phrases that stand for each other.")
class SynonymSetInput:
    """Of updateSynonyms."""

    phrases: list[str] = strawberry.field(description="2 to 10 phrases.")


@strawberry.input(description="A community's synonyms from now on, in place of all.")
class UpdateSynonymsInput:
    """Of updateSynonyms."""

    request_id: str = request_id()
    community_id: strawberry.ID = strawberry.field(description="Where.")
    sets: list[SynonymSetInput] = strawberry.field(description="All sets, at most 100.")
    expected_version: int | None = expected_version()


@strawberry.type(description="The synonyms that hold now, in every search within a second.")
class UpdateSynonymsPayload:
    """Of updateSynonyms."""

    synonyms: Synonyms = strawberry.field(description="As they are now.")


@strawberry.type
class SearchQuery:
    """Root fields of search."""

    @strawberry.field(
        metadata={"guildhall_cost": 10},
        description="Find topics, replies, members, companies, spaces and announcements of all "
        "one's communities: of what one can read and of nothing else are hits, totals, facets and "
        'highlights made. Words and "phrases"; nothing is an operator. '
        "Codes: BAD_USER_INPUT, TEXT_INVALID, FIELD_INVALID, SEARCH_UNAVAILABLE.",
    )
    async def search(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        query: Annotated[
            str | None,
            strawberry.argument(description="What to look for; by default all that passes."),
        ] = None,
        community_ids: CommunityIds = None,
        kinds: Annotated[
            list[SearchKind] | None, strawberry.argument(description="Of these kinds only.")
        ] = None,
        tags: Annotated[
            list[str] | None, strawberry.argument(description="With all of these tags.")
        ] = None,
        author_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="By this person, or by this member in its community."),
        ] = None,
        space_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="In this space only.")
        ] = None,
        from_time: Annotated[
            DateTime | None, strawberry.argument(description="Written then or later.")
        ] = None,
        to_time: Annotated[DateTime | None, strawberry.argument(description="Written before.")] = (
            None
        ),
        unanswered: Annotated[
            bool, strawberry.argument(description="Open questions without an accepted reply.")
        ] = False,
        topic_kinds: Annotated[
            list[TopicKind] | None,
            strawberry.argument(description="Topics of these kinds only, and replies in such."),
        ] = None,
        topic_states: Annotated[
            list[TopicState] | None,
            strawberry.argument(
                description="Topics in these states only, and replies in such: PUBLISHED, CLOSED "
                "or ARCHIVED; nobody finds others, which are FIELD_INVALID."
            ),
        ] = None,
        sort: Annotated[
            SearchSort, strawberry.argument(description="The order.")
        ] = SearchSort.RELEVANCE,
    ) -> SearchConnection | None:
        communities = decode_communities(community_ids)
        author = _narrowing(communities, author_id, "authorId", "Member", "Person")
        space = _narrowing(communities, space_id, "spaceId", "Space")
        request = search_pb2.SearchRequest(
            query=query or "",
            community_ids=communities,
            kinds=[kind.value for kind in kinds or ()],
            tags=tags,
            author_id=author,
            space_id=space,
            from_time=from_time,
            to_time=to_time,
            unanswered=unanswered,
            topic_kinds=[kind.value for kind in topic_kinds or ()],
            topic_states=[state.value for state in topic_states or ()],
            sort=sort.value,
            with_facets=selects(info, "facets"),
            with_total=selects(info, "totalCount"),
            with_highlights=selects(info, "edges", "titleHighlight")
            or selects(info, "edges", "bodyHighlight"),
        )
        arguments = {"first": first, "after": after, "last": last, "before": before}
        page = await find(
            info.context,
            request,
            arguments,
            with_edges=selects(info, "edges"),
            with_topics=selects(info, "edges", "node", "Reply", "topic"),
        )
        return await filled(info, page)

    @strawberry.field(
        metadata={"guildhall_cost": 5},
        description="Titles and names that begin like the words typed, of what its owner shows "
        "now; the best first, at most 10. "
        "Codes: BAD_USER_INPUT, TEXT_INVALID, SEARCH_UNAVAILABLE.",
    )
    async def suggest(
        self,
        info: Info,
        prefix: Annotated[str, strawberry.argument(description="What is typed so far.")],
        community_ids: CommunityIds = None,
    ) -> list[Suggestion] | None:
        context = info.context
        request = search_pb2.SuggestRequest(
            prefix=prefix, community_ids=decode_communities(community_ids)
        )
        with searching():
            response = await context.call(context.services.search.Suggest, request)
        suggestions: list[Any] = await shown(context, response.suggestions)
        await fill(info, suggestions)
        return suggestions

    @strawberry.field(
        description="A community's synonyms. For managers. "
        "Codes: BAD_USER_INPUT, COMMUNITY_NOT_FOUND, ROLE_REQUIRED."
    )
    async def synonyms(
        self,
        info: Info,
        community_id: Annotated[strawberry.ID, strawberry.argument(description="Where.")],
    ) -> Synonyms | None:
        return await staff_lists.synonyms(info.context, community_of(community_id), {})  # type: ignore[return-value]


def _narrowing(communities: list[str], id: str | None, field: str, *kinds: str) -> str:
    """The id behind a filter; what belongs to a community narrows the search to it."""
    if id is None:
        return ""
    found: GlobalId = decode_id(id, field, *kinds)
    if found.kind == "Person":
        return found.id
    if communities and found.community_id not in communities:
        raise BadUserInputError(f"{field} is of another community", field=field)
    communities[:] = [found.community_id]
    return found.id


@strawberry.type
class SearchMutation:
    """Synonyms."""

    @strawberry.mutation(
        description=codes(
            "Replace a community's synonyms; searches know them within a second. For managers.",
            "COMMUNITY_NOT_FOUND", "ROLE_REQUIRED", "TOO_MANY_SYNONYMS", "TEXT_INVALID",
            "FIELD_INVALID", "VERSION_STALE",
        )
    )  # fmt: skip
    async def update_synonyms(
        self,
        info: Info,
        input: Annotated[UpdateSynonymsInput, strawberry.argument(description="What to do.")],
    ) -> UpdateSynonymsPayload:
        request = search_pb2.UpdateSynonymsRequest(
            request_id=input.request_id,
            community_id=decode_id(input.community_id, "communityId", "Community").id,
            sets=[search_pb2.SynonymSet(phrases=one.phrases) for one in input.sets],
            expected_version=version(input),
        )
        return await write(info, info.context.services.search.UpdateSynonyms, request)

"""Other services' objects as entries, requests as questions, what was found as messages; pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import FieldInvalidError, PageTokenInvalidError
from chassis.pagination import (
    Paging,
    check_batch,
    encode_page_token,
)
from chassis.texts import check_body, check_line
from guildhall.directory.v1 import directory_pb2
from guildhall.forum.v1 import announcements_pb2, forum_pb2
from guildhall.search.v1 import search_pb2
from services.search.domain.entries import (
    Entry,
    Kind,
    Place,
    Rule,
    Tombstone,
    TopicKind,
    TopicState,
    Wall,
    channel_key,
    space_key,
)
from services.search.domain.questions import (
    MAX_QUERY_LENGTH,
    MOST_TAGS,
    Filters,
    Found,
    Likeness,
    Page,
    Question,
    Suggested,
    parse_terms,
)
from services.search.domain.synonyms import Synonyms

K = TypeVar("K")
V = TypeVar("V")
_MAX_ID = 64
_MAX_TITLE, _MAX_BODY = 255, 32_767  # as the forum takes them
_BEGINNING = 2000  # characters of a text that likeness looks at
_SIMILAR, _MOST_SIMILAR = 5, 10
_TOPIC_KINDS: Mapping[int, TopicKind] = {
    forum_pb2.TopicKind.Value(f"TOPIC_KIND_{one}"): one for one in TopicKind
}
_TOPIC_STATES: Mapping[int, TopicState] = {
    forum_pb2.TopicState.Value(f"TOPIC_STATE_{one}"): one for one in TopicState
}
_KINDS: Mapping[int, Kind] = {
    search_pb2.KIND_TOPIC: Kind.TOPIC,
    search_pb2.KIND_REPLY: Kind.REPLY,
    search_pb2.KIND_MEMBER: Kind.MEMBER,
    search_pb2.KIND_COMPANY: Kind.COMPANY,
    search_pb2.KIND_SPACE: Kind.SPACE,
    search_pb2.KIND_ANNOUNCEMENT: Kind.ANNOUNCEMENT,
}
_KIND_VALUES = {kind: search_pb2.Kind.ValueType(value) for value, kind in _KINDS.items()}
_SORTS = {
    search_pb2.SORT_UNSPECIFIED: False,
    search_pb2.SORT_RELEVANCE: False,
    search_pb2.SORT_NEWEST: True,
}
# Highlights are marked with these two, so no text may hold them.
_PRIVATE = {0xE000: None, 0xE001: None}


class _Text(HTMLParser):
    """Collects what is said between the tags; a block ends a word."""

    _INLINE = frozenset(
        ["a", "b", "code", "del", "em", "i", "ins", "kbd", "mark", "s", "span", "strong", "sub"]
    )

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in self._INLINE:
            self.pieces.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag not in self._INLINE:
            self.pieces.append(" ")

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)


def plain_text(html: str) -> str:
    """The text of safe HTML, in one line."""
    if "<" not in html and "&" not in html:
        return _line(html)
    parser = _Text()
    parser.feed(html)
    parser.close()
    return _line("".join(parser.pieces))


def topic_entry(topic: forum_pb2.Topic) -> Entry | Tombstone:
    """A topic for the readers of its space; a tombstone for what only a few may see."""
    place = Place(Kind.TOPIC, topic.community_id, topic.id)
    if topic.state not in _TOPIC_STATES:
        return Tombstone(place, topic.version)
    question = topic.kind == forum_pb2.TOPIC_KIND_QUESTION
    return Entry(
        place,
        (space_key(topic.space_id),),
        _time(topic.create_time),
        topic.version,
        title=_line(topic.title),
        body=plain_text(topic.body_html or topic.body),
        tags=tuple(topic.tags),
        author_id="" if topic.author.as_company else topic.author.person_id,
        space_id=topic.space_id,
        topic_id=topic.id,
        topic_kind=_TOPIC_KINDS.get(topic.kind),
        topic_state=_TOPIC_STATES[topic.state],
        unanswered=question
        and not topic.accepted_reply_id
        and topic.state == forum_pb2.TOPIC_STATE_PUBLISHED,
        outdated=topic.verification.expired or topic.review_expired,
    )


def reply_entry(reply: forum_pb2.Reply, topic: forum_pb2.Topic | None) -> Entry | Tombstone:
    """A reply, as visible as its topic."""
    place = Place(Kind.REPLY, reply.community_id, reply.id)
    if (
        topic is None
        or topic.state not in _TOPIC_STATES
        or reply.state != forum_pb2.REPLY_STATE_PUBLISHED
    ):
        return Tombstone(place, reply.version)
    return Entry(
        place,
        (space_key(topic.space_id),),
        _time(reply.create_time),
        reply.version,
        body=plain_text(reply.body_html or reply.body),
        tags=tuple(topic.tags),
        author_id="" if reply.author.as_company else reply.author.person_id,
        space_id=topic.space_id,
        topic_id=reply.topic_id,
        topic_kind=_TOPIC_KINDS.get(topic.kind),
        topic_state=_TOPIC_STATES[topic.state],
        outdated=reply.verification.expired,
    )


def announcement_entry(one: announcements_pb2.FindableAnnouncement) -> Entry:
    """An announcement behind its channel's wall and its own rule, found by the words of all its
    languages.
    """
    source, *others = one.texts
    body = [plain_text(source.body_html)]
    for text in others:
        body += (_line(text.title), plain_text(text.body_html))
    return Entry(
        Place(Kind.ANNOUNCEMENT, one.community_id, one.id),
        (channel_key(one.channel_id),),
        _time(one.publish_time),
        one.version,
        title=_line(source.title),
        body=" ".join(body),
        author_id=one.author_id,
        outdated=one.state != announcements_pb2.ANNOUNCEMENT_STATE_PUBLISHED,
        rule=Rule(
            (
                tuple(one.tier_keys),
                tuple(one.company_keys),
                tuple(one.role_keys),
                tuple(one.locale_keys),
                tuple(one.territory_keys),
            ),
            _time(one.visible_time),
        ),
    )


def wall(place: forum_pb2.Space | announcements_pb2.Channel) -> Wall:
    """Who can read a space or a channel: as the forum says."""
    return Wall(place.id, place.community_id, tuple(place.read_keys))


def space_entry(space: forum_pb2.Space) -> Entry:
    """A space stands behind its own wall, so that moving it moves one document."""
    return Entry(
        Place(Kind.SPACE, space.community_id, space.id),
        (space_key(space.id),),
        _time(space.create_time),
        space.version,
        name=_line(space.name),
        body=_line(space.description),
        space_id=space.id,
    )


def member_entry(member: directory_pb2.Member) -> Entry | Tombstone:
    """An active member, for the whole community."""
    place = Place(Kind.MEMBER, member.community_id, member.person_id)
    if member.state != directory_pb2.MEMBER_STATE_ACTIVE:
        return Tombstone(place, member.version)
    return Entry(
        place,
        (f"community:{member.community_id}",),
        _time(member.join_time),
        member.version,
        name=_line(member.display_name),
    )


def company_entry(company: directory_pb2.Company, community_id: str) -> Entry:
    """A company, for the whole community."""
    return Entry(
        Place(Kind.COMPANY, community_id, company.id),
        (f"community:{community_id}",),
        _time(company.create_time),
        company.version,
        name=_line(company.name),
        body=_line(company.description),
    )


def question(request: search_pb2.SearchRequest) -> Question:
    """What is asked. Refuses with TEXT_INVALID, FIELD_INVALID, PAGE_TOKEN_INVALID."""
    text = check_line(request.query, "query", least=0, most=MAX_QUERY_LENGTH)
    terms = parse_terms(text)
    # Without words nothing is more relevant than another thing.
    newest = _known(_SORTS, request.sort, "sort") or not terms
    if len(request.tags) > MOST_TAGS:
        raise FieldInvalidError(f"at most {MOST_TAGS} tags", field="tags")
    filters = Filters(
        kinds=_all_known(_KINDS, request.kinds, "kinds"),
        tags=tuple(check_line(tag, "tags", most=_MAX_ID) for tag in request.tags),
        author_id=check_line(request.author_id, "author_id", least=0, most=_MAX_ID),
        space_id=check_line(request.space_id, "space_id", least=0, most=_MAX_ID),
        from_time=_bound(request, "from_time"),
        to_time=_bound(request, "to_time"),
        unanswered=request.unanswered,
        topic_kinds=_all_known(_TOPIC_KINDS, request.topic_kinds, "topic_kinds"),
        topic_states=_all_known(_TOPIC_STATES, request.topic_states, "topic_states"),
    )
    paging, forgiving = _paging(request, newest)
    return Question(
        text,
        terms,
        filters,
        newest,
        forgiving,
        paging,
        request.with_facets,
        request.with_highlights,
        request.with_total,
    )


def likeness(request: search_pb2.FindSimilarRequest) -> Likeness:
    """What is to be found again. Refuses with TEXT_INVALID, FIELD_INVALID."""
    if len(request.tags) > MOST_TAGS:
        raise FieldInvalidError(f"at most {MOST_TAGS} tags", field="tags")
    size = request.page_size or _SIMILAR
    if not 1 <= size <= _MOST_SIMILAR:
        raise FieldInvalidError(f"page_size must be 1 to {_MOST_SIMILAR}", field="page_size")
    return Likeness.of(
        check_line(request.title, "title", least=0, most=_MAX_TITLE),
        check_body(request.body, "body", least=0, most=_MAX_BODY)[:_BEGINNING],
        tuple(check_line(tag, "tags", most=_MAX_ID) for tag in request.tags),
        check_line(request.except_topic_id, "except_topic_id", least=0, most=_MAX_ID),
        size,
    )


def communities(asked: Sequence[str]) -> list[str]:
    """The communities asked for, each once. Refuses with FIELD_INVALID."""
    return check_batch(list(asked), "community_ids")


def page_to_proto(page: Page, *, backward: bool) -> search_pb2.SearchResponse:
    """A page of hits; backward it goes on before the first of them."""
    hits = [_hit_to_proto(found, page.forgiving) for found in page.hits]
    return search_pb2.SearchResponse(
        hits=hits,
        next_page_token=hits[0 if backward else -1].page_token if page.more and hits else "",
        total=page.total,
        facets=[
            search_pb2.Facet(
                name=name,
                values=[search_pb2.FacetValue(value=v, count=count) for v, count in values],
            )
            for name, values in (page.facets or {}).items()
        ],
    )


def suggestion_to_proto(suggested: Suggested) -> search_pb2.Suggestion:
    """One suggestion."""
    return search_pb2.Suggestion(
        text=suggested.text,
        kind=_KIND_VALUES[suggested.place.kind],
        community_id=suggested.place.community_id,
        id=suggested.place.id,
    )


def synonyms_to_proto(
    community_id: str, synonyms: Synonyms | None, version: int
) -> search_pb2.Synonyms:
    """A community's synonyms; version 0: it never had any."""
    return search_pb2.Synonyms(
        community_id=community_id,
        sets=[search_pb2.SynonymSet(phrases=s) for s in (synonyms.sets if synonyms else ())],
        version=version,
    )


def _hit_to_proto(found: Found, forgiving: bool) -> search_pb2.Hit:
    return search_pb2.Hit(
        kind=_KIND_VALUES[found.place.kind],
        community_id=found.place.community_id,
        id=found.place.id,
        topic_id=found.topic_id,
        score=found.score,
        title_highlight=found.title_highlight,
        body_highlight=found.body_highlight,
        page_token=encode_page_token(*found.order, int(forgiving)),
    )


def _paging(request: search_pb2.SearchRequest, newest: bool) -> tuple[Paging, bool]:
    """Which page, and whether the hit beside it was found forgivingly."""
    paging = Paging.of(request, int if newest else float, str, int)
    if not paging.place:
        return paging, False
    value, key, forgiving = paging.place
    if not (math.isfinite(value) and abs(value) < 1 << 53) or forgiving not in (0, 1):
        raise PageTokenInvalidError(field="page_token")
    return replace(paging, place=(value, key)), bool(forgiving)


def _known(values: Mapping[K, V], value: K, field: str) -> V:
    if value not in values:
        raise FieldInvalidError(f"{field} is none of the known ones", field=field)
    return values[value]


def _all_known(values: Mapping[int, V], given: Iterable[int], field: str) -> tuple[V, ...]:
    """Each once."""
    return tuple(dict.fromkeys(_known(values, value, field) for value in given))


def _bound(request: search_pb2.SearchRequest, field: str) -> datetime | None:
    if not request.HasField(field):  # type: ignore[arg-type]
        return None
    try:
        return _time(getattr(request, field))
    except (ValueError, OverflowError):
        raise FieldInvalidError(f"{field} is no time", field=field) from None


def _time(timestamp: Timestamp) -> datetime:
    return timestamp.ToDatetime(UTC)


def _line(text: str) -> str:
    return " ".join(text.translate(_PRIVATE).split())

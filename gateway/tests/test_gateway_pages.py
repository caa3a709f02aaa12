"""Pages of every connection over real gRPC, both ways: what they hold, say and refuse."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from graphql import build_schema, get_named_type, is_object_type
from grpc import aio

from chassis.errors import CommunityNotFoundError, NotFoundError
from chassis.pagination import encode_page_token
from chassis.testing import Loopback
from gateway.cursors import encode_id, encode_reply_id
from gateway.schema import schema
from gateway.tests.conftest import House
from gateway.tests.curation_standin import CurationStandIn
from gateway.tests.directory_standin import community, company, member
from gateway.tests.drafts_standin import DraftStandIn, draft
from gateway.tests.moderation_standin import ModerationStandIn, add_moderation, case, flag, rule
from gateway.tests.participation_standin import ParticipationStandIn
from gateway.tests.staff_standins import (
    OperationsStandIn,
    SearchStandIn,
    StaffDirectory,
    WalledForum,
    add_operations,
    add_search,
    enrolment,
)
from gateway.tests.standins import paged, reply, space, time, topic
from guildhall.chassis.v1 import operations_pb2
from guildhall.directory.v1 import directory_pb2
from guildhall.forum.v1 import curation_pb2, drafts_pb2, forum_pb2, participation_pb2
from guildhall.moderation.v1 import moderation_pb2
from guildhall.search.v1 import search_pb2

ROWS = range(1, 8)
C1 = encode_id("Community", "c1", "c1")
T1, R1 = encode_id("Topic", "c1", "t1"), encode_reply_id("c1", "t1", "r1")
K1 = encode_id("Case", "c1", "k1")


def altered(row: Any, **fields: Any) -> Any:
    row.MergeFrom(type(row)(**fields))
    return row


def by_time(field: str) -> Callable[[Any], str]:
    return lambda row: encode_page_token(getattr(row, field).ToDatetime(UTC), row.id)


def listing(
    name: str, response: Any, rows: list[Any], token: Callable[..., str]
) -> Callable[..., Any]:
    """A List RPC of these rows, two of them of each sort value."""

    async def rpc(self: Any, request: Any, _context: Any) -> Any:
        self.called(name, request)
        ordered = isinstance(request, forum_pb2.ListTopicsRequest)
        of_row = partial(token, order=request.order) if ordered else token
        page, next_page_token = paged(request, rows, of_row)
        field = next(f.name for f in response.DESCRIPTOR.fields if f.is_repeated)
        return response(**{field: page, "next_page_token": next_page_token})

    return rpc


def topic_token(row: Any, order: int) -> str:
    """As the forum's: of the order that was asked for."""
    if order == forum_pb2.TOPIC_ORDER_SCORE:
        return encode_page_token(row.score, row.id)
    newest = order == forum_pb2.TOPIC_ORDER_NEWEST
    return by_time("create_time" if newest else "activity_time")(row)


_LISTS: dict[type, list[Any]] = {
    StaffDirectory: [
        (
            directory_pb2.ListCommunitiesResponse,
            [altered(community(), id=f"c{n}", name=f"Place {n // 2}") for n in ROWS],
            lambda row: encode_page_token(row.name.casefold(), row.id),
        ),
        (
            directory_pb2.ListMembersResponse,
            [altered(member(f"p{n}"), display_name=f"Person {n // 2}") for n in ROWS],
            lambda row: encode_page_token(row.display_name.casefold(), f"{row.person_id}:c1"),
        ),
        (
            directory_pb2.ListCompaniesResponse,
            [company(f"co{n}") for n in ROWS],
            lambda row: encode_page_token(row.name.casefold()),
        ),
        (
            directory_pb2.ListAllCompaniesResponse,
            [company(f"co{n}") for n in ROWS],
            lambda row: encode_page_token(row.name.casefold()),
        ),
        (
            directory_pb2.ListEnrolmentsResponse,
            [altered(enrolment(f"e{n}", "co1"), start_time=time(n // 2)) for n in ROWS],
            by_time("start_time"),
        ),
        (
            directory_pb2.ListAuditEntriesResponse,
            [directory_pb2.AuditEntry(id=f"a{n}", time=time(n // 2), actor="p1") for n in ROWS],
            by_time("time"),
        ),
    ],
    WalledForum: [
        (
            forum_pb2.ListSpacesResponse,
            [altered(space(f"sp{n}"), name=f"Space {n // 2}") for n in ROWS],
            lambda row: encode_page_token(row.name.casefold(), row.id),
        ),
        (
            forum_pb2.ListTopicsResponse,
            [
                altered(topic(n), activity_time=time(n // 2), create_time=time(n // 3), score=n % 2)
                for n in ROWS
            ],
            topic_token,
        ),
        (
            forum_pb2.ListRepliesResponse,
            [altered(reply(f"r{n}", "t1"), create_time=time(n // 2)) for n in ROWS],
            by_time("create_time"),
        ),
        (
            forum_pb2.ListRevisionsResponse,
            [forum_pb2.Revision(id=f"v{n}", replace_time=time(n // 2)) for n in ROWS],
            by_time("replace_time"),
        ),
        (
            forum_pb2.ListModerationEntriesResponse,
            [forum_pb2.ModerationEntry(id=f"m{n}", time=time(n // 2)) for n in ROWS],
            by_time("time"),
        ),
    ],
    ModerationStandIn: [
        (
            moderation_pb2.ListCasesResponse,
            [altered(case(f"k{n}"), open_time=time(n // 2)) for n in ROWS],
            by_time("open_time"),
        ),
        (
            moderation_pb2.ListRulesResponse,
            [rule(n) for n in ROWS],
            lambda row: row.page_token,
        ),
        (
            moderation_pb2.ListFlagsResponse,
            [altered(flag(n), create_time=time(n // 2)) for n in ROWS],
            by_time("create_time"),
        ),
    ],
    CurationStandIn: [
        (
            curation_pb2.ListPinnedTopicsResponse,
            [altered(topic(n), pin_time=time(n // 2)) for n in ROWS],
            by_time("pin_time"),
        ),
        (
            curation_pb2.ListRechecksResponse,
            [
                curation_pb2.Recheck(
                    community_id="c1",
                    topic_id=f"t{n}",
                    reply_id=f"r{n}" if n % 2 else "",
                    due_time=time(n // 2),
                )
                for n in ROWS
            ],
            lambda row: encode_page_token(
                row.due_time.ToDatetime(UTC), row.reply_id or row.topic_id
            ),
        ),
        (
            curation_pb2.ListOwnerlessArticlesResponse,
            [
                curation_pb2.OwnerlessArticle(
                    community_id="c1", topic_id=f"t{n}", page_token=f"token-{n}"
                )
                for n in ROWS
            ],
            lambda row: row.page_token,
        ),
    ],
    DraftStandIn: [
        (
            drafts_pb2.ListDraftsResponse,
            [draft(n, save_time=time(n // 2)) for n in ROWS],
            by_time("save_time"),
        ),
    ],
    ParticipationStandIn: [
        (
            participation_pb2.ListBallotsResponse,
            [participation_pb2.Ballot(person_id=f"p{n}", time=time(n // 2)) for n in ROWS],
            lambda row: encode_page_token(row.time.ToDatetime(UTC), f"t1:{row.person_id}"),
        ),
    ],
    OperationsStandIn: [
        (
            operations_pb2.ListDeadLettersResponse,
            [operations_pb2.DeadLetter(id=f"l{n}", first_time=time(n // 2), seq=n) for n in ROWS],
            by_time("first_time"),
        ),
    ],
    SearchStandIn: [
        (
            search_pb2.SearchResponse,
            [
                search_pb2.Hit(
                    kind=search_pb2.KIND_TOPIC,
                    community_id="c1",
                    id=f"t{n}",
                    score=n // 2,
                    page_token=f"token-{n}",
                )
                for n in ROWS
            ],
            lambda row: row.page_token,
        ),
    ],
}


def with_lists(kind: type) -> Any:
    """A stand-in whose lists have seven rows each."""
    rpcs = {}
    for response, rows, token in _LISTS[kind]:
        name = response.DESCRIPTOR.name.removesuffix("Response")
        rpcs[name] = listing(name, response, rows, token)
    return type(f"Listing{kind.__name__}", (kind,), rpcs)()


@pytest.fixture
def directory() -> StaffDirectory:
    made: StaffDirectory = with_lists(StaffDirectory)
    return made


@pytest.fixture
def forum() -> WalledForum:
    made: WalledForum = with_lists(WalledForum)
    return made


@pytest.fixture
def curation() -> CurationStandIn:
    made: CurationStandIn = with_lists(CurationStandIn)
    return made


@pytest.fixture
def drafts() -> DraftStandIn:
    made: DraftStandIn = with_lists(DraftStandIn)
    return made


@pytest.fixture
def participation() -> ParticipationStandIn:
    made: ParticipationStandIn = with_lists(ParticipationStandIn)
    return made


@pytest_asyncio.fixture
async def everyone(loopback: Loopback) -> None:
    """Search, with what operators ask of it, and moderation."""
    search, operations = with_lists(SearchStandIn), with_lists(OperationsStandIn)

    def add(server: aio.Server) -> None:
        add_search(search)(server)
        add_operations(operations)(server)

    await loopback.serve("search", add)
    await loopback.serve("moderation", add_moderation(with_lists(ModerationStandIn)))


_HEAD = "query q($first: Int, $after: String, $last: Int, $before: String)"
_ARGS = "first: $first, after: $after, last: $last, before: $before"
_PAGE = """{ edges { cursor node { __typename } }
  pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }"""
_COMMUNITY = f'community(id: "{C1}")'
CONNECTIONS = {
    "communities": f"communities({_ARGS}) {_PAGE}",
    "companies": f"companies({_ARGS}) {_PAGE}",
    "enrolments": f'enrolments(communityId: "{C1}", {_ARGS}) {_PAGE}',
    "auditEntries": f'auditEntries(communityId: "{C1}", {_ARGS}) {_PAGE}',
    "topics": f'topics(communityId: "{C1}", {_ARGS}) {_PAGE}',
    "moderationCases": f'moderationCases(communityId: "{C1}", {_ARGS}) {_PAGE}',
    "moderationRules": f'moderationRules(communityId: "{C1}", {_ARGS}) {_PAGE}',
    "moderationCase.flags": f'moderationCase(id: "{K1}") {{ flags({_ARGS}) {_PAGE} }}',
    "drafts": f'drafts(communityId: "{C1}", {_ARGS}) {_PAGE}',
    "rechecks": f'rechecks(communityId: "{C1}", {_ARGS}) {_PAGE}',
    "ownerlessArticles": f'ownerlessArticles(communityId: "{C1}", {_ARGS}) {_PAGE}',
    "deadLetters": f"deadLetters(service: SEARCH, {_ARGS}) {_PAGE}",
    "search": f'search(query: "x", {_ARGS}) {_PAGE}',
    "community.members": f"{_COMMUNITY} {{ members({_ARGS}) {_PAGE} }}",
    "community.companies": f"{_COMMUNITY} {{ companies({_ARGS}) {_PAGE} }}",
    "community.spaces": f"{_COMMUNITY} {{ spaces({_ARGS}) {_PAGE} }}",
    "community.topics": f"{_COMMUNITY} {{ topics({_ARGS}) {_PAGE} }}",
    "community.moderationCases": f"{_COMMUNITY} {{ moderationCases({_ARGS}) {_PAGE} }}",
    "community.moderationRules": f"{_COMMUNITY} {{ moderationRules({_ARGS}) {_PAGE} }}",
    "community.enrolments": f"{_COMMUNITY} {{ enrolments({_ARGS}) {_PAGE} }}",
    "community.auditEntries": f"{_COMMUNITY} {{ auditEntries({_ARGS}) {_PAGE} }}",
    "community.space.topics": f'{_COMMUNITY} {{ space(slug: "s") {{ topics({_ARGS}) {_PAGE} }} }}',
    "community.space.pinnedTopics": f'{_COMMUNITY} {{ space(slug: "s") {{ pinnedTopics({_ARGS}) '
    f"{_PAGE} }} }}",
    "topic.poll.ballots": f'topic(id: "{T1}") {{ poll {{ ballots(option: 0, {_ARGS}) {_PAGE} }} }}',
    "topic.replies": f'topic(id: "{T1}") {{ replies({_ARGS}) {_PAGE} }}',
    "topic.revisions": f'topic(id: "{T1}") {{ revisions({_ARGS}) {_PAGE} }}',
    "topic.moderationEntries": f'topic(id: "{T1}") {{ moderationEntries({_ARGS}) {_PAGE} }}',
    "communityNode.revisions": f'communityNode(id: "{R1}") {{ ... on Reply {{ revisions({_ARGS}) '
    f"{_PAGE} }} }}",
}

# Of some of these, the same in another order or with other filters; cursors are of each alone.
OTHERWISE = {
    f"{name}{what}": CONNECTIONS[name]
    .replace("(first: $first", f"({more}, first: $first")
    .replace(f'"{C1}", first: $first', f'"{C1}", {more}, first: $first')
    for name in ("topics", "community.space.topics")
    for what, more in (
        ("?newest", "order: NEWEST"),
        ("?score", "order: SCORE"),
        ("?ideas", "kinds: [IDEA, ARTICLE]"),
        ("?planned", "ideaStatuses: [PLANNED], order: SCORE"),
        ("?context", 'context: {system: "crm", type: "deal", externalId: "D-1"}'),
    )
}
LISTS = {**CONNECTIONS, **OTHERWISE}

# Its own lists, which no service answers: test_gateway_portals and test_gateway_documents.
OF_THE_GATEWAY = {"Community.portals", "Portal.documents"}
# Of areas with stand-ins of their own, in the test file that is named like the area.
ELSEWHERE = {
    "announcements": (
        "Announcement.companyReceipts", "Announcement.corrections", "Announcement.receipts",
        "Channel.announcements", "Community.channels", "Query.announcements",
        "Query.feedAddresses", "Viewer.announcements", "Viewer.followedChannels",
    ),
    "exports": ("Query.exportRecords",),
    "feed": ("Query.feed", "Viewer.bookmarks", "Viewer.follows", "Viewer.mentions"),
    "groups": ("Community.groups", "Group.members"),
    "moves": ("Topic.linkedTopics",),
    "participation": ("Reply.children", "Topic.threads"),
    "quality": (
        "Automation.matches", "Query.automations", "Query.seedings", "Seeding.dueFirstReplies",
        "Space.days",
    ),
    "routing": ("Query.asks",),
    "webhooks": ("Community.webhooks", "Webhook.deliveries"),
}  # fmt: skip


def test_every_connection_of_the_schema_is_walked() -> None:
    connections = [
        f"{kind.name}.{name}"
        for kind in build_schema(schema.as_str()).type_map.values()
        if is_object_type(kind)
        for name, field in kind.fields.items()
        if get_named_type(field.type).name.endswith("Connection")
        and f"{kind.name}.{name}" not in OF_THE_GATEWAY
    ]
    elsewhere = [name for names in ELSEWHERE.values() for name in names]
    assert set(elsewhere) <= set(connections)
    assert len(connections) == len(CONNECTIONS) + len(elsewhere), connections


class Walker:
    """Asks for one connection."""

    def __init__(self, house: House, name: str) -> None:
        self._house, self._path = house, name.partition("?")[0].split(".")
        self._query = f"{_HEAD} {{ {LISTS[name]} }}"

    async def page(self, **arguments: Any) -> tuple[list[str], dict[str, Any]]:
        answer = await self._house.ask(self._query, arguments)
        assert "errors" not in answer
        found = answer["data"]
        for step in self._path:
            found = found[step]
        cursors = [edge["cursor"] for edge in found["edges"]]
        info = found["pageInfo"]
        assert (info["startCursor"], info["endCursor"]) == (
            (cursors[0], cursors[-1]) if cursors else (None, None)
        )
        return cursors, info

    async def refused(self, **arguments: Any) -> dict[str, Any]:
        answer = await self._house.ask(self._query, arguments)
        [error] = answer["errors"]
        extensions: dict[str, Any] = error["extensions"]
        return extensions


@pytest.mark.parametrize("name", LISTS)
async def test_every_connection_is_the_same_both_ways(
    everyone: None, house: House, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    walker = Walker(house, name)
    whole, info = await walker.page(first=100)
    assert len(set(whole)) == 7
    assert (info["hasPreviousPage"], info["hasNextPage"]) == (False, False)
    cursors, info = await walker.page(last=100)
    assert cursors == whole
    assert (info["hasPreviousPage"], info["hasNextPage"]) == (False, False)
    for index, cursor in enumerate(whole):
        before, info = await walker.page(last=2, before=cursor)
        assert before == whole[max(0, index - 2) : index]
        assert (info["hasPreviousPage"], info["hasNextPage"]) == (index > 2, True)
        after, info = await walker.page(first=2, after=cursor)
        assert after == whole[index + 1 : index + 3]
        assert (info["hasPreviousPage"], info["hasNextPage"]) == (True, index < 4)
    walked, info = await walker.page(last=3)
    while info["hasPreviousPage"]:
        page, info = await walker.page(last=3, before=info["startCursor"])
        walked = page + walked
    assert walked == whole
    assert "the token made of a row" not in caplog.text


@pytest.mark.parametrize("name", LISTS)
async def test_every_connection_wants_first_or_last(
    everyone: None, house: House, name: str
) -> None:
    walker = Walker(house, name)
    [cursor], _ = await walker.page(first=1)
    for arguments, field in (
        ({}, "first"),
        ({"after": cursor}, "first"),
        ({"first": 1, "last": 1}, "last"),
        ({"first": 0}, "first"),
        ({"first": 101}, "first"),
        ({"last": 0}, "last"),
        ({"last": -1}, "last"),
        ({"last": 101}, "last"),
        ({"last": 1, "after": cursor}, "after"),
        ({"first": 1, "before": cursor}, "before"),
        ({"first": 1, "after": cursor, "before": cursor}, "before"),
        ({"last": 1, "before": cursor[:-1]}, "before"),
        ({"last": 1, "before": ""}, "before"),
    ):
        assert await walker.refused(**arguments) == {"code": "BAD_USER_INPUT", "field": field}


@pytest.mark.parametrize("name", LISTS)
async def test_of_every_connection_others_learn_nothing_by_a_cursor(
    everyone: None, house: House, name: str
) -> None:
    """Neither whoever has found one, nor whoever has not signed in."""
    [cursor], _ = await Walker(house, name).page(first=1)
    query = f"{_HEAD} {{ {LISTS[name]} }}"
    other = house.issuer.access_token({"sub": "s2"})
    for arguments, field in (
        ({"first": 1, "after": cursor}, "after"),
        ({"last": 1, "before": cursor}, "before"),
    ):
        answer = await house.ask(query, arguments, token=other)
        [error] = answer["errors"]
        assert error["extensions"] == {"code": "BAD_USER_INPUT", "field": field}
        assert "edges" not in str(answer)
    answer = await house.ask(query, {"first": 1}, token=None)
    assert answer["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}
    assert "edges" not in str(answer)


async def test_a_cursor_is_of_one_order_and_filter(everyone: None, house: House) -> None:
    for path in ("topics", "community.space.topics"):
        names = [name for name in LISTS if name.partition("?")[0] == path]
        assert len(names) == 6
        cursors = {name: (await Walker(house, name).page(first=1))[0] for name in names}
        house.forum.requests.clear()
        for name in names:
            for [cursor] in [cursors[other] for other in names if other != name]:
                refusal = await Walker(house, name).refused(first=1, after=cursor)
                assert refusal == {"code": "BAD_USER_INPUT", "field": "after"}
        asked = [type(one).__name__ for one in house.forum.requests]
        assert "ListTopicsRequest" not in asked


async def test_the_order_of_old_is_the_default(everyone: None, house: House) -> None:
    """One list: a cursor goes on where the order is said and where it is not."""
    [cursor], _ = await Walker(house, "topics").page(first=1)
    query = f"{_HEAD} {{ {LISTS['topics?newest'].replace('NEWEST', 'ACTIVITY')} }}"
    answer = await house.ask(query, {"first": 2, "after": cursor})
    assert len(answer["data"]["topics"]["edges"]) == 2


class PollNotFoundError(NotFoundError):
    """As the forum's."""


class SpaceNotFoundError(NotFoundError):
    """As the forum's."""


@pytest.mark.parametrize(
    ("name", "refusal", "code"),
    [
        ("drafts", CommunityNotFoundError(), "COMMUNITY_NOT_FOUND"),
        ("rechecks", CommunityNotFoundError(), "COMMUNITY_NOT_FOUND"),
        ("ownerlessArticles", CommunityNotFoundError(), "COMMUNITY_NOT_FOUND"),
        ("community.space.pinnedTopics", SpaceNotFoundError(), "SPACE_NOT_FOUND"),
        ("topic.poll.ballots", PollNotFoundError(), "POLL_NOT_FOUND"),
    ],
)
async def test_an_outsider_gets_no_page(
    everyone: None,
    house: House,
    drafts: DraftStandIn,
    curation: CurationStandIn,
    participation: ParticipationStandIn,
    name: str,
    refusal: NotFoundError,
    code: str,
) -> None:
    """What the service says of the wall is all that is told."""
    rpc = f"List{name.rpartition('.')[2][0].upper()}{name.rpartition('.')[2][1:]}"
    for service in (drafts, curation, participation):
        service.failures[rpc] = refusal
    query = f"{_HEAD} {{ {CONNECTIONS[name]} }}"
    for arguments in ({"first": 100}, {"last": 100}):
        answer = await house.ask(query, arguments)
        [error] = answer["errors"]
        assert error["extensions"]["code"] == code
        assert "edges" not in str(answer)


async def test_the_reason_of_a_refusal_is_told(house: House) -> None:
    query = f'query q($n: Int) {{ topics(communityId: "{C1}", last: $n) {{ totalCount }} }}'
    for number, message in ((101, "last must be 1 to 100, it is 101"), (None, "first or last")):
        answer = await house.ask(query, {"n": number})
        assert message in answer["errors"][0]["message"]
    assert house.rpcs() == {}


async def test_a_search_goes_on_before_what_is_not_shown(
    everyone: None, house: House, forum: WalledForum
) -> None:
    forum.hidden = {"t3", "t5", "t7"}
    walker = Walker(house, "search")
    shown, _ = await walker.page(first=100)
    assert len(shown) == 4
    query = f"{_HEAD} {{ {CONNECTIONS['search']} }}"
    walked: list[str] = []
    before, pages = None, 0
    while pages == 0 or before:
        answer = await house.ask(query, {"last": 1, "before": before})
        page = answer["data"]["search"]
        walked = [edge["cursor"] for edge in page["edges"]] + walked
        info, pages = page["pageInfo"], pages + 1
        before = info["startCursor"] if info["hasPreviousPage"] else None
    assert (walked, pages) == (shown, 7)

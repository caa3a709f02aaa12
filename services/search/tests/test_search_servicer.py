"""SearchService over real gRPC: people ask, others are refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from chassis.actors import MANAGER, Actor, Membership
from chassis.commands import Commands
from chassis.errors import (
    CommunityNotFoundError,
    DomainError,
    FieldInvalidError,
    PageTokenInvalidError,
    RequestIdReusedError,
    RoleRequiredError,
    TextInvalidError,
    VersionStaleError,
)
from chassis.mongo import Database
from chassis.rpc_status import reason_of
from chassis.testing import Loopback, free_port, outbox, person_actor, service_actor, stored
from chassis.testing_events import eventually
from guildhall.forum.v1 import announcements_pb2_grpc, forum_pb2, forum_pb2_grpc
from guildhall.search.v1 import domain_events_pb2, search_pb2, search_pb2_grpc
from services.search.domain.entries import Entry, Kind, TopicKind, TopicState, Wall
from services.search.domain.questions import SearchUnavailableError
from services.search.repository import SearchRepository
from services.search.repository.index import SearchIndex
from services.search.servicer import SearchServicer
from services.search.tests import factories
from services.search.tests.conftest import Announcements, Forum, serve_forum
from services.search.tests.factories import entry
from services.search.use_cases.opening import Opening, channels_of, spaces_of
from services.search.use_cases.searching import Searching
from services.search.use_cases.synonyms import SynonymUseCases

if TYPE_CHECKING:
    from guildhall.search.v1.search_pb2_grpc import SearchServiceAsyncStub

UNAVAILABLE = ("SEARCH_UNAVAILABLE", "UNAVAILABLE")
MANAGER_OF_C1 = person_actor("boss", roles=[MANAGER])


@dataclass
class Service:
    """The service as its callers see it."""

    stub: Callable[[Actor], SearchServiceAsyncStub]
    index: SearchIndex
    repository: SearchRepository
    forum: Forum
    announcements: Announcements

    async def put(self, *entries: Entry, tick: int = 1) -> None:
        await self.index.put(1, tick, entries)
        await self.index.refresh()


@pytest_asyncio.fixture
async def service(
    loopback: Loopback, commands: Commands, repository: SearchRepository, index: SearchIndex
) -> Service:
    forum = Forum()  # type: ignore[abstract]
    for community, space in (("c1", "s1"), ("c2", "s2")):
        forum.spaces[space] = forum_pb2.Space(
            id=space, community_id=community, read_keys=[f"community:{community}"]
        )
    announcements = Announcements()  # type: ignore[abstract]
    announcements.channels["n1"] = factories.channel()
    await serve_forum(loopback, forum, announcements)
    me = service_actor("search")
    asked = spaces_of(loopback.client(forum_pb2_grpc.ForumServiceStub, "forum", me))
    told = channels_of(loopback.client(announcements_pb2_grpc.AnnouncementServiceStub, "forum", me))
    searching = Searching(
        repository,
        index,
        Opening(repository.spaces, asked, age=0),
        Opening(repository.channels, told, age=0),
    )
    servicer = SearchServicer(searching, SynonymUseCases(commands, repository))
    await loopback.serve(
        "search",
        lambda server: search_pb2_grpc.add_SearchServiceServicer_to_server(servicer, server),
    )
    walls = [Wall("s1", "c1", ("community:c1",)), Wall("s2", "c2", ("community:c2",))]
    await repository.spaces.put(1, walls)
    await repository.channels.put(1, [Wall("n1", "c1", ("community:c1",))])

    def stub(actor: Actor) -> SearchServiceAsyncStub:
        return loopback.client(search_pb2_grpc.SearchServiceStub, "search", actor)

    return Service(stub, index, repository, forum, announcements)


def both() -> Actor:
    memberships = {c: Membership("co1", keyring=(f"community:{c}",)) for c in ("c1", "c2")}
    return Actor(person_id="p1", memberships=memberships)


async def test_search_answers_hits_facets_and_total(service: Service) -> None:
    await service.put(
        entry(
            "t1",
            title="Reset <password>",
            tags=("sso",),
            topic_kind=TopicKind.IDEA,
            topic_state=TopicState.CLOSED,
        ),
        entry("t2", title="Reset", community_id="c2", keys=["space:s2"]),
        entry("r1", kind=Kind.REPLY, body="reset it", topic_id="t1"),
    )
    request = search_pb2.SearchRequest(
        query="password",
        with_facets=True,
        with_highlights=True,
        with_total=True,
    )
    answer = await service.stub(both()).Search(request)
    (hit,) = answer.hits
    assert hit.score > 0
    assert (hit.kind, hit.community_id, hit.id) == (search_pb2.KIND_TOPIC, "c1", "t1")
    assert hit.title_highlight == "Reset &lt;<mark>password</mark>&gt;"
    assert answer.total == 1
    assert answer.next_page_token == ""
    facets = {f.name: [(v.value, v.count) for v in f.values] for f in answer.facets}
    assert facets == {
        "kind": [("TOPIC", 1)],
        "community": [("c1", 1)],
        "tag": [("sso", 1)],
        "topic_kind": [("IDEA", 1)],
        "topic_state": [("CLOSED", 1)],
    }


async def test_search_spans_all_communities_or_those_named(service: Service) -> None:
    await service.put(
        entry("t1", title="reset"),
        entry("t2", title="reset", community_id="c2", keys=["space:s2"]),
    )
    stub = service.stub(both())

    async def ids(*communities: str) -> list[str]:
        request = search_pb2.SearchRequest(query="reset", community_ids=communities)
        return sorted(hit.id for hit in (await stub.Search(request)).hits)

    assert await ids() == ["t1", "t2"]
    assert await ids("c2") == ["t2"]
    assert await ids("c2", "c2", "c9") == ["t2"]
    assert await ids("c9") == []


async def test_search_goes_on_behind_a_page_and_behind_a_hit(service: Service) -> None:
    await service.put(*(entry(f"t{n}", title="same") for n in range(5)))
    stub = service.stub(both())
    for sort in (search_pb2.SORT_RELEVANCE, search_pb2.SORT_NEWEST):
        first = await stub.Search(search_pb2.SearchRequest(query="same", sort=sort, page_size=3))
        rest = await stub.Search(
            search_pb2.SearchRequest(query="same", sort=sort, page_token=first.next_page_token)
        )
        assert len({hit.id for hit in [*first.hits, *rest.hits]}) == 5
        assert rest.next_page_token == ""
        behind = await stub.Search(
            search_pb2.SearchRequest(query="same", sort=sort, page_token=first.hits[0].page_token)
        )
        assert [hit.id for hit in behind.hits] == [hit.id for hit in [*first.hits[1:], *rest.hits]]
        last = await stub.Search(
            search_pb2.SearchRequest(query="same", sort=sort, page_size=2, backward=True)
        )
        assert list(last.hits) == list(rest.hits)
        assert last.next_page_token == rest.hits[0].page_token
        before = await stub.Search(
            search_pb2.SearchRequest(
                query="same", sort=sort, page_token=last.next_page_token, backward=True
            )
        )
        assert (list(before.hits), before.next_page_token) == (list(first.hits), "")


async def test_slips_are_forgiven_where_nothing_is_found_without(service: Service) -> None:
    await service.put(*(entry(f"t{n}", title="password") for n in range(3)))
    stub = service.stub(both())
    request = search_pb2.SearchRequest(query="pasword", page_size=2, with_total=True)
    first = await stub.Search(request)
    assert first.total == 3
    request.page_token = first.next_page_token
    rest = await stub.Search(request)
    assert sorted(hit.id for hit in [*first.hits, *rest.hits]) == ["t0", "t1", "t2"]
    request.page_token, request.backward = rest.hits[0].page_token, True
    assert list((await stub.Search(request)).hits) == list(first.hits)
    request.backward = False
    await service.put(entry("exact", title="pasword"), tick=2)
    request.page_token = ""
    assert [hit.id for hit in (await stub.Search(request)).hits] == ["exact"]


async def test_outsider_is_answered_as_by_an_empty_index(service: Service) -> None:
    outsider = service.stub(person_actor("p9", "c9"))
    search = search_pb2.SearchRequest(
        query="reset", community_ids=["c1"], with_total=True, with_facets=True
    )
    everywhere = search_pb2.SearchRequest(query="reset", with_total=True, with_facets=True)
    suggest = search_pb2.SuggestRequest(prefix="re", community_ids=["c1"])
    similar = search_pb2.FindSimilarRequest(community_id="c1", title="reset")
    before = [
        await outsider.Search(search),
        await outsider.Search(everywhere),
        await outsider.Suggest(suggest),
        await outsider.FindSimilar(similar),
    ]
    await service.put(entry("t1", title="reset"))
    after = [
        await outsider.Search(search),
        await outsider.Search(everywhere),
        await outsider.Suggest(suggest),
        await outsider.FindSimilar(similar),
    ]
    assert before == after
    assert await service.stub(Actor(person_id="p8")).Search(search) == search_pb2.SearchResponse()


async def test_search_refuses_bad_requests(service: Service) -> None:
    stub = service.stub(both())
    with pytest.raises(TextInvalidError) as text:
        await stub.Search(search_pb2.SearchRequest(query="a\x00"))
    assert text.value.field == "query"
    with pytest.raises(PageTokenInvalidError):
        await stub.Search(search_pb2.SearchRequest(query="a", page_token="%%%"))
    with pytest.raises(FieldInvalidError) as many:
        await stub.Search(search_pb2.SearchRequest(community_ids=[f"c{n}" for n in range(101)]))
    assert many.value.field == "community_ids"
    with pytest.raises(TextInvalidError) as prefix:
        await stub.Suggest(search_pb2.SuggestRequest(prefix="x" * 257))
    assert prefix.value.field == "prefix"


async def test_services_have_nothing_to_search(service: Service) -> None:
    stub = service.stub(service_actor("forum"))
    with pytest.raises(RoleRequiredError):
        await stub.Search(search_pb2.SearchRequest())
    with pytest.raises(RoleRequiredError):
        await stub.Suggest(search_pb2.SuggestRequest(prefix="a"))
    with pytest.raises(RoleRequiredError):
        await stub.GetSynonyms(search_pb2.GetSynonymsRequest(community_id="c1"))


async def test_engine_away_is_unavailable(service: Service) -> None:
    await service.index.drop(1)
    with pytest.raises(DomainError) as refusal:
        await service.stub(both()).Search(search_pb2.SearchRequest(query="a"))
    assert (reason_of(refusal.value), refusal.value.status) == UNAVAILABLE
    with pytest.raises(DomainError) as refusal:
        await service.stub(both()).Suggest(search_pb2.SuggestRequest(prefix="a"))
    assert (reason_of(refusal.value), refusal.value.status) == UNAVAILABLE


async def test_suggest_answers_distinct_titles_and_names(service: Service) -> None:
    await service.put(
        *(entry(f"t{n}", title="Reset it") for n in range(3)),
        entry("p7", kind=Kind.MEMBER, name="Resa Lumen", keys=["community:c1"]),
        entry("t9", title="Reset hidden", keys=["space:s9"]),
    )
    answer = await service.stub(both()).Suggest(search_pb2.SuggestRequest(prefix="res"))
    assert {(s.text, s.kind) for s in answer.suggestions} == {
        ("Reset it", search_pb2.KIND_TOPIC),
        ("Resa Lumen", search_pb2.KIND_MEMBER),
    }
    nothing = await service.stub(both()).Suggest(search_pb2.SuggestRequest(prefix="  "))
    assert nothing == search_pb2.SuggestResponse()


def similar(title: str, body: str = "", **fields: Any) -> search_pb2.FindSimilarRequest:
    given = {"community_id": "c1", "title": title, "body": body, **fields}
    return search_pb2.FindSimilarRequest(**given)


async def test_similar_topics_are_those_with_the_most_words_in_common(service: Service) -> None:
    await service.put(
        entry("twin", title="Pairing the radio fails", body="It blinks twice"),
        entry("near", title="The radio is loud"),
        entry("text", title="Something else", body="My radio would not pair"),
        entry("tagged", title="The radio is quiet", tags=["pairing"]),
        entry("far", title="Invoices of March"),
        entry("r1", kind=Kind.REPLY, title="", body="Pairing the radio fails here too"),
        entry("other", title="Pairing the radio fails", community_id="c2", keys=["space:s2"]),
        entry("hidden", title="Pairing the radio fails", keys=["space:s9"]),
    )
    stub = service.stub(both())
    found = await stub.FindSimilar(similar("Why does pairing my radio fail?", tags=["pairing"]))
    assert found.topic_ids[:2] == ["twin", "tagged"]
    assert set(found.topic_ids) == {"twin", "tagged", "near", "text"}
    related = similar("Pairing the radio fails", except_topic_id="twin", page_size=1)
    assert len((await stub.FindSimilar(related)).topic_ids) == 1
    assert "twin" not in (await stub.FindSimilar(related)).topic_ids


async def test_nothing_is_similar_to_nothing(service: Service) -> None:
    await service.put(entry("t1", title="How do I?"))
    for title in ("", "How do I?", "Unheard words"):
        answer = await service.stub(both()).FindSimilar(similar(title))
        assert answer == search_pb2.FindSimilarResponse()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"title": "a\x00"}, "title"),
        ({"title": "x" * 256}, "title"),
        ({"body": "x" * 32_768}, "body"),
        ({"tags": [str(number) for number in range(11)]}, "tags"),
        ({"page_size": 11}, "page_size"),
        ({"page_size": -1}, "page_size"),
        ({"except_topic_id": "x" * 65}, "except_topic_id"),
    ],
)
async def test_similar_refuses_what_is_no_topic(
    service: Service, fields: dict[str, Any], field: str
) -> None:
    with pytest.raises(DomainError) as refusal:
        await service.stub(both()).FindSimilar(similar(**{"title": "reset", **fields}))
    assert refusal.value.field == field


def update(
    *sets: list[str], request_id: str = "request-1", version: int = 0
) -> search_pb2.UpdateSynonymsRequest:
    return search_pb2.UpdateSynonymsRequest(
        request_id=request_id,
        community_id="c1",
        sets=[search_pb2.SynonymSet(phrases=phrases) for phrases in sets],
        expected_version=version,
    )


async def test_synonyms_hold_from_the_next_search_on(service: Service, database: Database) -> None:
    await service.put(entry("t1", title="partner portal"))
    stub = service.stub(MANAGER_OF_C1)
    search = search_pb2.SearchRequest(query="prm")
    assert not (await stub.Search(search)).hits
    answer = await stub.UpdateSynonyms(update(["PRM", "partner portal"]))
    assert answer.synonyms.version == 1
    assert [hit.id for hit in (await stub.Search(search)).hits] == ["t1"]
    got = await stub.GetSynonyms(search_pb2.GetSynonymsRequest(community_id="c1"))
    assert got.synonyms == answer.synonyms
    assert await outbox(database) == [domain_events_pb2.SynonymsUpdated(community_id="c1")]
    await stub.UpdateSynonyms(update(request_id="request-2", version=1))
    assert not (await stub.Search(search)).hits


async def test_synonyms_are_updated_once_a_request(service: Service, database: Database) -> None:
    stub = service.stub(MANAGER_OF_C1)
    first = await stub.UpdateSynonyms(update(["a1", "b1"]))
    assert await stub.UpdateSynonyms(update(["a1", "b1"])) == first
    same = await stub.UpdateSynonyms(update(["a1", "b1"], request_id="request-2"))
    assert same == first
    assert len(await outbox(database)) == 1
    before = await stored(database)
    with pytest.raises(RequestIdReusedError):
        await stub.UpdateSynonyms(update(["a1", "c1"]))
    with pytest.raises(VersionStaleError):
        await stub.UpdateSynonyms(update(["a1", "c1"], request_id="request-3", version=7))
    assert await stored(database) == before


async def test_synonyms_of_a_community_without_any(service: Service, database: Database) -> None:
    stub = service.stub(MANAGER_OF_C1)
    got = await stub.GetSynonyms(search_pb2.GetSynonymsRequest(community_id="c1"))
    assert got.synonyms == search_pb2.Synonyms(community_id="c1")
    assert (await stub.UpdateSynonyms(update())).synonyms.version == 1
    assert await outbox(database) == [domain_events_pb2.SynonymsUpdated(community_id="c1")]


@pytest.mark.parametrize(
    ("actor", "request_", "reason"),
    [
        (person_actor(), update(["a", "b"]), "ROLE_REQUIRED"),
        (person_actor(roles=["MODERATOR"]), update(["a", "b"]), "ROLE_REQUIRED"),
        (person_actor("p9", "c9", roles=[MANAGER]), update(["a", "b"]), "COMMUNITY_NOT_FOUND"),
        (service_actor("forum"), update(["a", "b"]), "ROLE_REQUIRED"),
        (MANAGER_OF_C1, update(["a"]), "FIELD_INVALID"),
        (MANAGER_OF_C1, update(["a", "\x00"]), "TEXT_INVALID"),
        (MANAGER_OF_C1, update(*[["a", "b"]] * 501), "TOO_MANY_SYNONYMS"),
        (MANAGER_OF_C1, update(["a", "b"], request_id=""), "REQUEST_ID_INVALID"),
    ],
)
async def test_refused_update_changes_nothing(
    service: Service,
    database: Database,
    actor: Actor,
    request_: search_pb2.UpdateSynonymsRequest,
    reason: str,
) -> None:
    before = await stored(database)
    with pytest.raises(DomainError) as refusal:
        await service.stub(actor).UpdateSynonyms(request_)
    assert reason_of(refusal.value) == reason
    assert await stored(database) == before


async def test_get_synonyms_needs_the_role(service: Service) -> None:
    request = search_pb2.GetSynonymsRequest(community_id="c1")
    with pytest.raises(RoleRequiredError):
        await service.stub(person_actor()).GetSynonyms(request)
    missing = search_pb2.GetSynonymsRequest(community_id="nowhere")
    errors = []
    for asked in (request, missing):
        with pytest.raises(CommunityNotFoundError) as refusal:
            await service.stub(person_actor("p9", "c9")).GetSynonyms(asked)
        errors.append((str(refusal.value), refusal.value.field))
    assert errors[0] == errors[1]


async def test_a_narrowed_space_is_shut_before_anything_is_heard_of_it(service: Service) -> None:
    """The bus may be away for an hour: what the forum says now is what holds."""
    await service.put(entry("t1", title="Quartz"))
    member, request = both(), search_pb2.SearchRequest(query="quartz", with_total=True)
    asked = search_pb2.SuggestRequest(prefix="qua")
    assert (await service.stub(member).Search(request)).total == 1
    assert (await service.stub(member).Suggest(asked)).suggestions
    del service.forum.spaces["s1"].read_keys[:]
    service.forum.spaces["s1"].read_keys.append("vendor:c1")
    assert await service.stub(member).Search(request) == search_pb2.SearchResponse()
    assert await service.stub(member).Suggest(asked) == search_pb2.SuggestResponse()
    del service.forum.spaces["s1"]
    assert await service.stub(member).Search(request) == search_pb2.SearchResponse()


async def test_what_the_forum_says_is_taken_for_a_second() -> None:
    class Heard:
        async def find_readable(self, keyrings: Any) -> dict[str, list[str]]:
            return {community: ["s1"] for community in keyrings}

    forum = Forum()  # type: ignore[abstract]
    forum.spaces["s1"] = forum_pb2.Space(id="s1", community_id="c1", read_keys=["k"])

    async def fetch(community_id: str, ids: Sequence[str]) -> list[forum_pb2.Space]:
        forum.calls.append("BatchGetSpaces")
        return list(forum.spaces.values())

    spaces = Opening(Heard(), fetch, age=0.2)  # type: ignore[arg-type]
    assert await spaces.find({"c1": ["k"]}) == {"c1": ["s1"]}
    assert await spaces.find({"c1": ["other"]}) == {"c1": []}
    assert await spaces.find({"c1": ["k"]}) == {"c1": ["s1"]}
    assert len(forum.calls) == 1
    forum.spaces.clear()
    await eventually(lambda: spaces.find({"c1": ["k"]}), {"c1": []})
    assert len(forum.calls) == 2


async def test_without_the_forum_nothing_is_found(service: Service, loopback: Loopback) -> None:
    await service.put(entry("t1", title="Quartz"))
    loopback.addresses["forum"] = f"127.0.0.1:{free_port()}"
    me = service_actor("search")
    for opening in (
        Opening(
            service.repository.spaces,
            spaces_of(loopback.client(forum_pb2_grpc.ForumServiceStub, "forum", me)),
        ),
        Opening(
            service.repository.channels,
            channels_of(
                loopback.client(announcements_pb2_grpc.AnnouncementServiceStub, "forum", me)
            ),
        ),
    ):
        with pytest.raises(SearchUnavailableError):
            await opening.find({"c1": ["community:c1"]})

"""Every person searches, and asks the gateway: what is found, counted and suggested is right."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from chassis.errors import DomainError
from gateway.cursors import decode_id, decode_reply_id, encode_id
from guildhall.search.v1 import search_pb2 as spb
from tests.walls.worlds.building import Builder
from tests.walls.worlds.model import OPEN_TO_READERS, Person, Topic
from tests.walls.worlds.plans import KINDS
from tests.walls.worlds.telling import LeakError
from tests.walls.worlds.wiring import Gate

Object = tuple[str, str, str]  # kind, community, id
_SEARCH = """query S($first: Int!) {
    search(first: $first) {
        totalCount facets { name values { value count } }
        edges { node {
            __typename ... on Topic { id } ... on Reply { id } ... on Member { id }
            ... on Company { id } ... on Space { id }
        } }
    }
}"""
_COMMUNITY = """query C($id: ID!, $slug: String!) {
    community(id: $id) {
        members(first: 20) { edges { node { id } } } spaces(first: 20) { edges { node { id } } }
        companies(first: 20) { edges { node { id } } } topics(first: 20) { edges { node { id } } }
    }
    bySlug: community(slug: $slug) { id }
}"""
_TOPIC = "query T($id: ID!) { topic(id: $id) { id replyCount } communityNode(id: $id) { id } }"


class Search:
    """What one person finds."""

    def __init__(self, builder: Builder, person: Person, random: Random) -> None:
        self._builder, self._person, self._random = builder, person, random
        self._model, self._house = builder.model, builder.house
        self._expected = self._visible() if person.active else {}

    def _visible(self) -> dict[Object, Topic | None]:
        """All that can be found, posts with their topic."""
        person, model = self._person, self._model
        found: dict[Object, Topic | None] = {}
        for community in model.communities:
            if community.membership(person) is None:
                continue
            people = [one for one in model.people if community.current(one)]
            companies = [one for one in model.companies if community.placed(one)]
            spaces = [s for s in model.spaces_of(community) if s.visible(person)]
            found |= {("MEMBER", community.id, one.id): None for one in people}
            found |= {("COMPANY", community.id, one.id): None for one in companies}
            found |= {("SPACE", community.id, one.id): None for one in spaces}
            for topic in model.topics_of(community):
                if topic.open and topic.space in spaces:
                    found["TOPIC", community.id, topic.id] = topic
                    found |= {("REPLY", community.id, r.id): topic for r in topic.published}
        return found

    async def everything(self) -> None:
        """By RPC. Raises LeakError."""
        try:
            actor = await self._builder.actor(self._person.subject)
        except DomainError:
            return

        async def search(**fields: Any) -> spb.SearchResponse:
            request = spb.SearchRequest(with_total=True, with_facets=True, **fields)
            answer: spb.SearchResponse = await self._house.call(actor, "search", "Search", request)
            return answer

        whole = await search(page_size=100)
        hits = [_object(hit) for hit in whole.hits]
        self._same("hits", sorted(hits), sorted(self._expected))
        self._same("the total", whole.total, len(self._expected))
        facets = {one.name: {v.value: v.count for v in one.values} for one in whole.facets}
        self._same("facets", {n: v for n, v in facets.items() if v}, self._facets())
        kind, state = self._random.choice(KINDS), self._random.choice(OPEN_TO_READERS)
        some = await search(
            topic_kinds=[f"TOPIC_KIND_{kind}"], topic_states=[f"TOPIC_STATE_{state}"], page_size=100
        )
        expected = [
            o for o, t in self._expected.items() if t and (t.kind, t.state) == (kind, state)
        ]
        self._same(f"{kind} and {state}", sorted(map(_object, some.hits)), sorted(expected))
        walked: list[Object] = []
        size, token = self._random.choice((2, 3, 7)), ""
        backward = self._random.random() < 0.5
        while True:
            page = await search(page_size=size, page_token=token, backward=backward)
            rows = [_object(hit) for hit in page.hits]
            walked = [*rows, *walked] if backward else [*walked, *rows]
            self._same("a page's total", page.total, len(self._expected))
            token = page.next_page_token
            if not token:
                break
        self._same(f"pages of {size}, backward: {backward}", walked, hits)
        foreign = [c.id for c in self._model.communities if c.membership(self._person) is None]
        if foreign:
            self._same("hits elsewhere", await search(community_ids=foreign), spb.SearchResponse())
        if self._model.topics:
            topic = self._random.choice(self._model.topics)
            seen = ("TOPIC", topic.space.community.id, topic.id) in self._expected
            found = await search(query=f'"{topic.title}"', page_size=100)
            ids = {hit.id for hit in found.hits}
            self._same(f"{topic.title} by its title", topic.id in ids, seen)
            self._same("hits beyond", {_object(h) for h in found.hits} - set(self._expected), set())
            asked = spb.SuggestRequest(prefix=topic.title)
            told = await self._house.call(actor, "search", "Suggest", asked)
            ids = {one.id for one in told.suggestions}
            self._same(f"{topic.title} as a suggestion", topic.id in ids, seen)
            self._same("suggestions beyond", ids - {id_ for _, _, id_ in self._expected}, set())

    def _facets(self) -> dict[str, dict[str, int]]:
        topics = [topic for topic in self._expected.values() if topic is not None]
        counted = {
            "kind": Counter(kind for kind, _, _ in self._expected),
            "community": Counter(community for _, community, _ in self._expected),
            "tag": Counter(topic.tag for topic in topics),
            "topic_kind": Counter(topic.kind for topic in topics),
            "topic_state": Counter(topic.state for topic in topics),
        }
        return {name: dict(values) for name, values in counted.items() if values}

    async def at_the_gate(self, gate: Gate) -> None:
        """By GraphQL. Raises LeakError."""
        person, expected = self._person, self._expected
        answer = await gate.ask(person, _SEARCH, first=50)
        if not person.active:
            code = answer["errors"][0]["extensions"]["code"]
            self._same("the gate", (code, answer.get("data")), ("PERSON_DEACTIVATED", None))
            return
        found = answer["data"]["search"]
        self._same("the total at the gate", found["totalCount"], len(expected))
        hits = sorted(_node(edge["node"]) for edge in found["edges"])
        self._same("hits at the gate", hits, sorted((kind, id_) for kind, _, id_ in expected))
        for community in self._model.communities:
            id_ = encode_id("Community", community.id, community.id)
            answer = await gate.ask(person, _COMMUNITY, id=id_, slug=community.slug)
            inside = community.membership(person) is not None
            assert "data" in answer, answer
            shown = (answer["data"]["community"], answer["data"]["bySlug"])
            self._same("a community at the gate", [one is not None for one in shown], [inside] * 2)
            if inside:
                self._lists(community.id, shown[0])
        topic = self._random.choice(self._model.topics)
        seen = topic.visible(person)
        id_ = encode_id("Topic", topic.space.community.id, topic.id)
        answer = await gate.ask(person, _TOPIC, id=id_)
        count = {"id": id_, "replyCount": len(topic.published)} if seen else None
        self._same("a topic at the gate", answer["data"]["topic"], count)
        missing = encode_id("Topic", topic.space.community.id, f"never{topic.id}"[:32])
        if not seen:
            never = await gate.ask(person, _TOPIC, id=missing)
            self._same("a hidden topic at the gate", answer, never)

    def _lists(self, community_id: str, shown: dict[str, Any]) -> None:
        of = {"members": "MEMBER", "spaces": "SPACE", "companies": "COMPANY"}
        for name, kind in of.items():
            ids = {_node({"__typename": kind, **edge["node"]})[1] for edge in shown[name]["edges"]}
            expected = {id_ for k, c, id_ in self._expected if (k, c) == (kind, community_id)}
            self._same(f"{name} at the gate", ids, expected)
        topics = {decode_id(edge["node"]["id"], "id").id for edge in shown["topics"]["edges"]}
        expected = {
            topic.id
            for topic in self._model.topics
            if topic.space.community.id == community_id
            and topic.visible(self._person)
            and (topic.open or (topic.state, topic.author) == ("PENDING_REVIEW", self._person))
        }
        self._same("topics at the gate", topics, expected)

    def _same(self, what: str, found: object, expected: object) -> None:
        if found != expected:
            told = f"{self._person.name} finds, as {what},\n  {found}"
            raise LeakError(self._builder, f"{told}\nbut the model says\n  {expected}")


def _object(hit: spb.Hit) -> Object:
    return spb.Kind.Name(hit.kind).removeprefix("KIND_"), hit.community_id, hit.id


def _node(node: dict[str, Any]) -> tuple[str, str]:
    kind = node["__typename"].upper()
    id_ = (
        decode_reply_id(node["id"], "id").id if kind == "REPLY" else decode_id(node["id"], "id").id
    )
    return kind, id_

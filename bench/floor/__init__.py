"""The floor: a hand-written ASGI application that answers a few operations as the gateway does.

Same server and settings, same check of tokens, same RPCs through the same client, the same bytes:
what the gateway takes more than this is the price of GraphQL.
"""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from graphql import parse

from bench.floor import showing
from bench.floor.batches import Batches, Found, by_community, ids_of, together
from bench.operations import HOME, LIST, SEARCH, TOPIC
from chassis.actors import Actor, current_actor
from chassis.pagination import encode_page_token
from gateway.actors import Actors
from gateway.auth import TokenVerifier
from gateway.context import Caller, Services
from gateway.cursors import CursorKey, decode_id, encode_id
from gateway.endpoint import Receive, Scope, Send
from gateway.limits import Limits, Measure
from gateway.lists import moment
from gateway.pages import name_of
from gateway.schema import schema
from gateway.schema.scalars import Role
from guildhall.directory.v1 import directory_pb2
from guildhall.forum.v1 import forum_pb2
from guildhall.search.v1 import search_pb2

_HEADERS = [(b"content-type", b"application/json; charset=utf-8"), (b"cache-control", b"no-store")]


class Floor:
    """POST one of the four documents of bench.operations."""

    def __init__(
        self, services: Services, verifier: TokenVerifier, actors: Actors, key: CursorKey
    ) -> None:
        self._services = services
        self._batches = Batches(services)
        self._verifier = verifier
        self._actors = actors
        self._key = key
        answers = {
            LIST: self._list,
            TOPIC: self._topic_page,
            SEARCH: self._search,
            HOME: self._home,
        }
        self._operations = {text: (answer, _extensions(text)) for text, answer in answers.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; whatever is wrong with it raises."""
        body = b""
        while True:
            message = await receive()
            body += message["body"]
            if not message.get("more_body", False):
                break
        token = next(value for name, value in scope["headers"] if name == b"authorization")
        identity = await self._verifier.access_token(token[7:].decode())
        caller = await self._actors.caller(identity)
        current_actor.set(caller.actor)
        asked = orjson.loads(body)
        operation, extensions = self._operations[asked["query"]]
        data = await operation(asked["variables"], caller)
        answer = orjson.dumps({"data": data, "extensions": extensions})
        length = (b"content-length", str(len(answer)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [*_HEADERS, length]})
        await send({"type": "http.response.body", "body": answer})

    async def _list(self, variables: dict[str, str], caller: Caller) -> dict[str, Any]:
        community_id = decode_id(variables["community"], "community").id
        request = forum_pb2.ListTopicsRequest(
            community_id=community_id, space_id=decode_id(variables["space"], "space").id
        )
        scope = f"{caller.actor.person_id} {name_of(request)}"
        request.page_size, request.without_texts = 20, True
        page = await self._services.forum.ListTopics(request)
        ids = [row.author.person_id for row in page.topics]
        ids += [row.last_reply_author.person_id for row in page.topics]
        names: Found = {}
        await together(self._batches.members(community_id, ids, names))
        token = page.next_page_token
        if page.topics and not token:
            token = encode_page_token(moment(page.topics[-1].activity_time), page.topics[-1].id)
        return {
            "topics": {
                "edges": [{"node": showing.listed(row, names)} for row in page.topics],
                "pageInfo": self._page_info(scope, page.next_page_token, token),
            }
        }

    async def _topic_page(self, variables: dict[str, str], caller: Caller) -> dict[str, Any]:
        asked = decode_id(variables["id"], "id")
        community_id, forum = asked.community_id, self._services.forum
        got = await forum.GetTopic(
            forum_pb2.GetTopicRequest(community_id=community_id, topic_id=asked.id)
        )
        row = got.topic
        request = forum_pb2.ListRepliesRequest(community_id=community_id, topic_id=row.id)
        scope = f"{caller.actor.person_id} {name_of(request)}"
        request.page_size = 20
        members: Found = {}
        companies: Found = {}
        spaces: Found = {}
        accepted: Found = {}
        page: Any
        page, *_ = await asyncio.gather(
            forum.ListReplies(request),
            *self._batches.members(community_id, [row.author.person_id], members),
            *self._batches.companies(community_id, [row.author.company_id], companies),
            *self._batches.spaces(community_id, [row.space_id], spaces),
            *self._batches.replies(community_id, [row.accepted_reply_id], accepted),
        )
        authors = [one.author for one in page.replies]
        await together(
            [
                *self._batches.members(community_id, [one.person_id for one in authors], members),
                *self._batches.companies(
                    community_id, [one.company_id for one in authors], companies
                ),
            ]
        )
        token = page.next_page_token
        if page.replies and not token:
            token = encode_page_token(moment(page.replies[-1].create_time), page.replies[-1].id)
        replies = {
            "edges": [{"node": showing.reply(one, members, companies)} for one in page.replies],
            "pageInfo": self._page_info(scope, page.next_page_token, token),
        }
        space, reply = spaces.get(row.space_id), accepted.get(row.accepted_reply_id)
        shown = showing.topic_page(row, members, companies, space, reply, replies)
        return {"topic": shown}

    async def _search(self, variables: dict[str, str], caller: Caller) -> dict[str, Any]:
        request = search_pb2.SearchRequest(query=variables["query"], sort=search_pb2.SORT_RELEVANCE)
        scope = f"{caller.actor.person_id} {name_of(request)}"
        request.page_size, request.with_total, request.with_highlights = 10, True, True
        page = await self._services.search.Search(request)
        posts: Found = {}
        await together(
            load
            for community_id, hits in by_community(page.hits).items()
            for load in self._batches.posts(
                community_id,
                [hit.topic_id for hit in hits],
                ids_of(hits, search_pb2.KIND_REPLY),
                posts,
            )
        )
        shown = [
            (hit, node) for hit in page.hits if (node := showing.found(hit, posts)) is not None
        ]
        last = shown[-1][0].page_token if shown else ""
        return {
            "search": {
                "totalCount": page.total,
                "edges": [
                    {
                        "score": hit.score,
                        "titleHighlight": hit.title_highlight or None,
                        "bodyHighlight": hit.body_highlight or None,
                        "node": node,
                    }
                    for hit, node in shown
                ],
                "pageInfo": self._page_info(
                    scope, page.next_page_token, page.next_page_token or last
                ),
            }
        }

    async def _home(self, variables: dict[str, str], caller: Caller) -> dict[str, Any]:
        community_id = decode_id(variables["community"], "community").id
        viewer, communities, topics, search = await asyncio.gather(
            self._viewer(caller.actor),
            self._services.directory.ListCommunities(
                directory_pb2.ListCommunitiesRequest(page_size=10)
            ),
            self._latest(community_id),
            self._unanswered(),
        )
        edges = [{"node": showing.community(row)} for row in communities.communities]
        return {
            "viewer": viewer,
            "communities": {"edges": edges},
            "topics": topics,
            "search": search,
        }

    async def _viewer(self, actor: Actor) -> dict[str, Any]:
        communities: Found = {}
        companies: Found = {}
        got: Any
        got, *_ = await asyncio.gather(
            self._services.directory.GetPerson(
                directory_pb2.GetPersonRequest(person_id=actor.person_id)
            ),
            *self._batches.communities(actor.memberships, communities),
            *(
                load
                for community_id, one in actor.memberships.items()
                for load in self._batches.companies(community_id, [one.company_id], companies)
            ),
        )
        return {
            "person": {
                "id": encode_id("Person", "platform", got.person.id),
                "displayName": got.person.display_name,
            },
            "memberships": [
                {
                    "roles": sorted(one.roles, key=lambda name: Role[name].value),
                    "trustLevel": showing.TRUST_LEVELS[one.trust_level],
                    "community": communities.get(community_id),
                    "company": companies.get(one.company_id),
                }
                for community_id, one in actor.memberships.items()
            ],
        }

    async def _latest(self, community_id: str) -> dict[str, Any]:
        page = await self._services.forum.ListTopics(
            forum_pb2.ListTopicsRequest(community_id=community_id, page_size=10, without_texts=True)
        )
        names: Found = {}
        ids = [row.author.person_id for row in page.topics]
        await together(self._batches.members(community_id, ids, names))
        return {"edges": [{"node": showing.latest(row, names)} for row in page.topics]}

    async def _unanswered(self) -> dict[str, Any]:
        page = await self._services.search.Search(
            search_pb2.SearchRequest(
                kinds=[search_pb2.KIND_TOPIC],
                sort=search_pb2.SORT_NEWEST,
                unanswered=True,
                page_size=5,
                with_total=True,
            )
        )
        topics: Found = {}
        await together(
            load
            for community_id, hits in by_community(page.hits).items()
            for load in self._batches.topics(community_id, [hit.id for hit in hits], topics)
        )
        rows = [row for hit in page.hits if (row := topics[hit.id]) is not None]
        return {"totalCount": page.total, "edges": [{"node": showing.waiting(row)} for row in rows]}

    def _page_info(self, scope: str, next_page_token: str, end: str) -> dict[str, Any]:
        return {
            "hasNextPage": bool(next_page_token),
            "endCursor": self._key.sign(scope, end) if end else None,
        }


def _extensions(document: str) -> dict[str, Any]:
    """What the gateway says of a document's cost, found once."""
    limits = Limits()
    measure = Measure(schema._schema, parse(document), limits)  # noqa: SLF001
    return {"cost": {"requested": measure.price({}).cost, "maximum": limits.cost}}
